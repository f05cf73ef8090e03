"""THE TABLE: what Keras 1 said, and what it is called today.

A new row is one line. `row(old, new, conversion, note)` renames an argument; several old names separated by blanks become one
argument together. `gone(old, advice)` is an argument without a meaning today: values in `harmless` are dropped, others are an
error that gives the advice. `neutral` rows may stand in today's calls as well: they change nothing but themselves.

`Call(signature, *rows, defaults=...)` describes a class or function: the old signature binds arguments given by position, and
`defaults` are values that differ from today's; they apply only to a call that uses an old spelling.

>>> from hornpipe.compat.keras1 import CALLS
>>> [(each.old, each.new) for each in CALLS["Dropout"].rows]
[('p', 'rate')]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hornpipe.compat import convert


@dataclass(frozen=True)
class Row:
    """One old argument, or several that become one."""

    old: str
    new: str | None
    convert: Any = convert.same
    note: str = ""
    neutral: bool = False
    harmless: tuple = ()

    @property
    def names(self) -> list[str]:
        """The old names."""
        return self.old.split()


@dataclass(frozen=True)
class Call:
    """What a class or function of 2016 took."""

    signature: str = ""
    rows: tuple = ()
    defaults: dict = field(default_factory=dict)
    becomes: Any = None  # function (arguments by old name) -> name of another class, or None


def row(old, new, conversion=convert.same, note="", neutral=False) -> Row:
    """Return a row for an argument that has another name today."""
    return Row(old, new, conversion, note, neutral)


def gone(old, advice, harmless=(None,), neutral=False) -> Row:
    """Return a row for an argument that has no meaning today."""
    return Row(old, None, convert.same, advice, neutral, tuple(harmless))


def call(signature, *rows, defaults=None, becomes=None) -> Call:
    """Return the description of a class or function."""
    return Call(signature, rows, defaults or {}, becomes)


# ---- identifiers given as strings

IDENTIFIERS: dict[str, dict[str, str]] = {
    "constraint": {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"},
    "regularizer": {"activity_l1": "l1", "activity_l2": "l2", "activity_l1l2": "l1_l2"},
    "loss": {
        "kullback_leibler_divergence": "kl_divergence", "cosine_proximity": "compat.legacy:cosine_proximity",
        "cosine": "compat.legacy:cosine_proximity",
    },
    "metric": {
        "kullback_leibler_divergence": "kl_divergence", "cosine_proximity": "compat.legacy:cosine_proximity",
        "cosine": "compat.legacy:cosine_proximity",
    },
}  # fmt: skip


def named(kind: str):
    """Return a conversion of a string of 2016 into today's; other values stay."""

    def convert_name(value):
        return IDENTIFIERS[kind].get(value, value) if isinstance(value, str) else value

    return convert_name


# ---- arguments that many layers share

CONSTRAINT, REGULARIZER = named("constraint"), named("regularizer")

SET_WEIGHTS = "Today: build the layer, then layer.set_weights([...])."
INIT = row(
    "init", "kernel_initializer", convert.initializer, "`(shape, name)` functions are wrapped"
)
ACTIVATION = Row("activation", "activation", convert.activation, '"hard_sigmoid" is that of 2016')
KERNEL = (
    INIT,
    ACTIVATION,
    row("W_regularizer", "kernel_regularizer", REGULARIZER),
    row("W_constraint", "kernel_constraint", CONSTRAINT),
    gone("weights", SET_WEIGHTS, neutral=True),
)
BIAS = (
    row("b_regularizer", "bias_regularizer", REGULARIZER),
    row("b_constraint", "bias_constraint", CONSTRAINT),
    row("bias", "use_bias"),
)
FLAT_INPUT = (row("input_dim", "input_shape", lambda value: (value,), neutral=True),)
SEQUENCE_INPUT = (
    row(
        "input_dim input_length",
        "input_shape",
        convert.sequence_shape,
        "(input_length, input_dim)",
        neutral=True,
    ),
)
PLACE = row(
    "dim_ordering", "data_format", convert.ordering, '"tf" channels_last, "th" channels_first'
)
BORDER = row("border_mode", "padding", convert.padding, '"full" is an error')
GATES = (
    row("inner_init", "recurrent_initializer", convert.initializer),
    row(
        "inner_activation",
        "recurrent_activation",
        convert.activation,
        '"hard_sigmoid" is that of 2016',
    ),
    row("U_regularizer", "recurrent_regularizer", REGULARIZER),
    row("dropout_W", "dropout"),
    row("dropout_U", "recurrent_dropout"),
    gone("consume_less", "The engine decides; leave it out.", ("cpu", "mem", "gpu")),
)
NO_INNER = tuple(each for each in GATES if each.old != "inner_activation")
# Every layer may have these. `input_dtype` was the dtype of the input layer.
ANY_LAYER = (
    gone(
        "input_dtype",
        "Today: keras.Input(shape, dtype=...) as the first layer.",
        (None, "float32"),
        neutral=True,
    ),
    gone("create_input_layer", "Leave it out.", (True, False), neutral=True),
)
_W = "W_regularizer b_regularizer activity_regularizer W_constraint b_constraint bias"
_CONV2D = f"init activation weights border_mode subsample dim_ordering {_W}"
_RECURRENT = "W_regularizer U_regularizer b_regularizer dropout_W dropout_U"
_SIZES_2D = row(
    "nb_row nb_col",
    "kernel_size",
    convert.together(("nb_row", None), ("nb_col", None)),
    "(nb_row, nb_col)",
)
_SIZES_3D = row(
    "kernel_dim1 kernel_dim2 kernel_dim3",
    "kernel_size",
    convert.together(("kernel_dim1", None), ("kernel_dim2", None), ("kernel_dim3", None)),
    "a tuple of three",
)
_FILTERS, _STRIDES = row("nb_filter", "filters"), row("subsample", "strides")
_POOL_1D = (row("pool_length", "pool_size"), row("stride", "strides"), BORDER)
_POOL = (BORDER, PLACE)
_P = row("p", "rate", note="the fraction to drop, as today")
_2D = (_FILTERS, _SIZES_2D, _STRIDES, BORDER, PLACE, *KERNEL, *BIAS)


def _normalization(given):
    """Return the class for a mode of BatchNormalization: 1 normalizes each sample by itself."""
    return "LayerNormalization" if given.get("mode") == 1 else None


# ---- layers

CALLS: dict[str, Call] = {
    "Dense": call(f"output_dim init activation weights {_W} input_dim", row("output_dim", "units"), *KERNEL, *BIAS, *FLAT_INPUT),
    "Activation": call("activation", ACTIVATION),
    "Dropout": call("p", _P),
    "SpatialDropout1D": call("p", _P),
    "SpatialDropout2D": call("p dim_ordering", _P, PLACE),
    "SpatialDropout3D": call("p dim_ordering", _P, PLACE),
    "GaussianNoise": call("sigma", row("sigma", "stddev")),
    "GaussianDropout": call("p", _P),
    "Conv1D": call(
        f"nb_filter filter_length init activation weights border_mode subsample_length {_W} input_dim input_length",
        _FILTERS, row("filter_length", "kernel_size"), row("subsample_length", "strides"), row("atrous_rate", "dilation_rate"),
        BORDER, *KERNEL, *BIAS, *SEQUENCE_INPUT,
    ),
    "Conv2D": call(f"nb_filter nb_row nb_col {_CONV2D}", *_2D, row("atrous_rate", "dilation_rate")),
    "Conv3D": call(
        f"nb_filter kernel_dim1 kernel_dim2 kernel_dim3 {_CONV2D}",
        _FILTERS, _SIZES_3D, _STRIDES, BORDER, PLACE, *KERNEL, *BIAS,
    ),
    "Conv2DTranspose": call(
        f"nb_filter nb_row nb_col output_shape {_CONV2D}",
        *_2D, gone("output_shape", "It follows from the other arguments; leave it out, or see `output_padding`.", (None,)),
    ),
    "SeparableConv2D": call(
        "nb_filter nb_row nb_col init activation weights border_mode subsample depth_multiplier dim_ordering depthwise_regularizer "
        "pointwise_regularizer b_regularizer activity_regularizer depthwise_constraint pointwise_constraint b_constraint bias",
        _FILTERS, _SIZES_2D, _STRIDES, BORDER, PLACE, *BIAS, ACTIVATION,
        row("init", "depthwise_initializer pointwise_initializer", convert.initializer, "both"),
        gone("weights", SET_WEIGHTS, neutral=True),
    ),
    **{f"{kind}Pooling1D": call("pool_length stride border_mode", *_POOL_1D, defaults={"pool_size": 2}) for kind in ("Max", "Average")},
    "MaxPooling2D": call("pool_size strides border_mode dim_ordering", *_POOL),
    "MaxPooling3D": call("pool_size strides border_mode dim_ordering", *_POOL),
    "AveragePooling2D": call("pool_size strides border_mode dim_ordering", *_POOL, defaults={"pool_size": (2, 2)}),
    "AveragePooling3D": call("pool_size strides border_mode dim_ordering", *_POOL, defaults={"pool_size": (2, 2, 2)}),
    **{f"Global{kind}Pooling{rank}D": call("dim_ordering", PLACE) for kind in ("Max", "Average") for rank in (2, 3)},
    "UpSampling1D": call("length", row("length", "size")),
    "UpSampling2D": call("size dim_ordering", PLACE),
    "UpSampling3D": call("size dim_ordering", PLACE),
    "ZeroPadding1D": call("padding", Row("padding", "padding", convert.side_pads, "a dict becomes a pair")),
    "ZeroPadding2D": call("padding dim_ordering", PLACE, Row("padding", "padding", convert.pads, "four sizes become two pairs")),
    "ZeroPadding3D": call("padding dim_ordering", PLACE),
    "Cropping2D": call("cropping dim_ordering", PLACE),
    "Cropping3D": call("cropping dim_ordering", PLACE),
    "SimpleRNN": call(
        f"output_dim init inner_init activation {_RECURRENT}",
        row("output_dim", "units"), *KERNEL, *BIAS, *NO_INNER, *SEQUENCE_INPUT,
    ),
    "GRU": call(
        f"output_dim init inner_init activation inner_activation {_RECURRENT}",
        row("output_dim", "units"), *KERNEL, *BIAS, *GATES, *SEQUENCE_INPUT,
        defaults={"recurrent_activation": convert.hard_sigmoid, "reset_after": False},
    ),
    "LSTM": call(
        f"output_dim init inner_init forget_bias_init activation inner_activation {_RECURRENT}",
        row("output_dim", "units"), *KERNEL, *BIAS, *GATES, *SEQUENCE_INPUT,
        row("forget_bias_init", "unit_forget_bias", convert.forget_bias, '"one" is True'),
        defaults={"recurrent_activation": convert.hard_sigmoid},
    ),
    "Embedding": call(
        "input_dim output_dim init input_length W_regularizer activity_regularizer W_constraint mask_zero weights dropout",
        row("init", "embeddings_initializer", convert.initializer), row("W_regularizer", "embeddings_regularizer", REGULARIZER),
        row("W_constraint", "embeddings_constraint", CONSTRAINT),
        row("input_length", "input_shape", lambda value: (value,), "for the first layer", neutral=True),
        gone("dropout", "Today: keras.layers.SpatialDropout1D(rate) behind it.", (None, 0, 0.0)),
    ),
    "BatchNormalization": call(
        "epsilon mode axis momentum weights beta_init gamma_init gamma_regularizer beta_regularizer",
        row("beta_init", "beta_initializer", convert.initializer), row("gamma_init", "gamma_initializer", convert.initializer),
        Row("mode", None, convert.same, "Mode 1 is LayerNormalization; for mode 2 call the layer with training=True.", False, (0, 1)),
        gone("weights", SET_WEIGHTS, neutral=True), becomes=_normalization,
    ),
    "LayerNormalization": call(
        "", row("beta_init", "beta_initializer", convert.initializer), row("gamma_init", "gamma_initializer", convert.initializer),
        Row("mode", None, convert.same, "Leave it out.", False, (1,)),
        Row("momentum", None, convert.same, "There is no moving average.", False, (0.99, None)),
    ),
    "LeakyReLU": call("alpha", row("alpha", "negative_slope")),
    "PReLU": call("init weights shared_axes", row("init", "alpha_initializer", convert.initializer), gone("weights", SET_WEIGHTS)),
    "InputLayer": call("input_shape batch_input_shape input_dtype input_tensor sparse name", row("input_dtype", "dtype")),
    # ---- models
    "Model": call("input output name", row("input", "inputs"), row("output", "outputs")),
    # ---- optimizers: the epsilon of RMSprop and Adagrad was added to the root, today it stands under it
    "SGD": call("lr momentum decay nesterov", row("lr decay", "learning_rate", convert.decayed(0.01), "lr / (1 + decay * i)")),
    "RMSprop": call(
        "lr rho epsilon decay", row("lr decay", "learning_rate", convert.decayed(0.001), "lr / (1 + decay * i)"),
        Row("epsilon", "epsilon", convert.squared, "squared"), defaults={"epsilon": 1e-16},
    ),
    "Adagrad": call(
        "lr epsilon decay", row("lr decay", "learning_rate", convert.decayed(0.01), "lr / (1 + decay * i)"),
        Row("epsilon", "epsilon", convert.squared, "squared"), defaults={"epsilon": 1e-16, "initial_accumulator_value": 0.0},
    ),
    "Adadelta": call(
        "lr rho epsilon decay", row("lr decay", "learning_rate", convert.decayed(1.0), "lr / (1 + decay * i)"),
        defaults={"epsilon": 1e-8},
    ),
    "Adam": call(
        "lr beta_1 beta_2 epsilon decay", row("lr decay", "learning_rate", convert.decayed(0.001), "lr / (1 + decay * i)"),
        defaults={"epsilon": 1e-8},
    ),
    "Adamax": call(
        "lr beta_1 beta_2 epsilon decay", row("lr decay", "learning_rate", convert.decayed(0.002), "lr / (1 + decay * i)"),
        defaults={"epsilon": 1e-8},
    ),
    "Nadam": call(
        "lr beta_1 beta_2 epsilon schedule_decay", row("lr decay", "learning_rate", convert.decayed(0.002), "lr / (1 + decay * i)"),
        gone("schedule_decay", "It is fixed at 0.004; leave it out.", (0.004,)), defaults={"epsilon": 1e-8},
    ),
    # ---- regularizers and constraints
    "L1": call("l", row("l", "l1")),
    "L2": call("l", row("l", "l2")),
    "MaxNorm": call("m axis", row("m", "max_value")),
    "MinMaxNorm": call("low high rate axis", row("low", "min_value"), row("high", "max_value")),
    # ---- callbacks
    "ModelCheckpoint": call(
        "filepath monitor verbose save_best_only save_weights_only mode period",
        gone("period", "Today: save_freq, in batches, or \"epoch\".", (1,)),
    ),
    "ReduceLROnPlateau": call("monitor factor patience verbose mode epsilon cooldown min_lr", row("epsilon", "min_delta")),
    # ---- functions and methods
    "Input": call("shape batch_shape name dtype sparse tensor", row("batch_input_shape", "batch_shape"), row("input_dtype", "dtype")),
    "Model.compile": call(
        "optimizer loss metrics loss_weights sample_weight_mode",
        gone("sample_weight_mode", "The shape of `sample_weight` says it; leave it out.", (None, "temporal")),
        gone("class_mode", 'Today: metrics=["accuracy"] and a loss that fits the labels.', ()),
    ),
    "Model.fit": call(
        "x y batch_size nb_epoch verbose callbacks validation_split validation_data shuffle class_weight sample_weight initial_epoch",
        row("nb_epoch", "epochs"), row("nb_epochs", "epochs", note="a misprint that is around"),
        gone("show_accuracy", 'Today: compile(..., metrics=["accuracy"]).', (False,)),
        *(gone(name, "Streams are read ahead by themselves; leave it out.", values, neutral=True)
          for name, values in (("max_queue_size", (10,)), ("workers", (1,)), ("use_multiprocessing", (False,)))),
    ),
    "Model.evaluate": call(
        "x y batch_size verbose sample_weight", gone("show_accuracy", 'Today: compile(..., metrics=["accuracy"]).', (False,))
    ),
    "Model.predict": call("x batch_size verbose"),
    "Model.train_on_batch": call(
        "x y sample_weight class_weight", gone("accuracy", 'Today: compile(..., metrics=["accuracy"]).', (False,))
    ),
    "Model.test_on_batch": call(
        "x y sample_weight", gone("accuracy", 'Today: compile(..., metrics=["accuracy"]).', (False,))
    ),
    "fit_generator": call(
        "generator samples_per_epoch nb_epoch verbose callbacks validation_data nb_val_samples class_weight max_q_size nb_worker "
        "pickle_safe initial_epoch",
        row("samples_per_epoch", "steps_per_epoch", note="counts samples: divided by the size of the generator's batches"),
        row("nb_val_samples", "validation_steps", note="counts samples"), row("nb_epoch", "epochs"),
    ),
    "evaluate_generator": call(
        "generator val_samples max_q_size nb_worker pickle_safe", row("val_samples", "steps", note="counts samples")
    ),
    "predict_generator": call(
        "generator val_samples max_q_size nb_worker pickle_safe", row("val_samples", "steps", note="counts samples")
    ),
    "plot": call("model to_file show_shapes show_layer_names"),
    "to_categorical": call("y nb_classes", row("y", "x"), row("nb_classes", "num_classes")),
    "imdb.load_data": call(
        "path nb_words skip_top maxlen seed start_char oov_char index_from", row("nb_words", "num_words"),
        Row("path", "path", convert.data_path("imdb.npz"), "a .pkl name becomes imdb.npz"),
        gone("test_split", "The data set has a fixed split; leave it out.", ()),
    ),
    "reuters.load_data": call(
        "path nb_words skip_top maxlen test_split seed start_char oov_char index_from", row("nb_words", "num_words"),
        Row("path", "path", convert.data_path("reuters.npz"), "a .pkl name becomes reuters.npz"),
    ),
    "boston_housing.load_data": call("path seed test_split"),
    "Tokenizer": call(
        "nb_words filters lower split char_level", row("nb_words", "num_words")
    ),
}  # fmt: skip

# ---- attributes: class -> old attribute -> today's path; "?name" is computed and "!name" a method, both in `models.py`

ATTRIBUTES: dict[str, dict[str, str]] = {
    "Layer": {
        "W": "kernel", "b": "bias", "U": "recurrent_kernel", "p": "rate", "output_dim": "units", "nb_filter": "filters",
        "border_mode": "padding", "subsample": "strides", "init": "kernel_initializer",
        "inner_init": "recurrent_initializer", "inner_activation": "recurrent_activation", "W_regularizer": "kernel_regularizer",
        "b_regularizer": "bias_regularizer", "U_regularizer": "recurrent_regularizer", "W_constraint": "kernel_constraint",
        "b_constraint": "bias_constraint", "dropout_W": "dropout", "dropout_U": "recurrent_dropout", "sigma": "stddev",
        "pool_length": "pool_size", "stride": "strides", "atrous_rate": "dilation_rate",
        "inbound_nodes": "_nodes", "dim_ordering": "?dim_ordering",
        "uses_learning_phase": "?uses_learning_phase", "get_output_shape_for": "compute_output_shape",
    },
    "Embedding": {"W": "embeddings", "init": "embeddings_initializer"},
    "BatchNormalization": {"running_mean": "moving_mean", "running_std": "moving_variance"},
    "RNN": {"W": "cell.kernel", "U": "cell.recurrent_kernel", "b": "cell.bias", "output_dim": "cell.units"},
    "LeakyReLU": {"alpha": "negative_slope"},
    "PReLU": {"alphas": "alpha"},
    "Optimizer": {"lr": "learning_rate", "updates": "variables"},
    "Model": {
        name: f"!{name}" for name in (
            "predict_classes", "predict_proba", "fit_generator", "evaluate_generator", "predict_generator"
        )
    },
}  # fmt: skip

# ---- names that modules had. "module:name" is today's place; a leading "!" is an error with today's way.

_SHORT = {
    **{short: f"losses:{name}" for name, shorts in {
        "mean_squared_error": "mse MSE", "mean_absolute_error": "mae MAE", "mean_absolute_percentage_error": "mape MAPE",
        "mean_squared_logarithmic_error": "msle MSLE", "kl_divergence": "kld KLD kullback_leibler_divergence",
        "log_cosh": "logcosh",
    }.items() for short in shorts.split()},
    "cosine_proximity": "compat.legacy:cosine_proximity", "cosine": "compat.legacy:cosine_proximity",
}  # fmt: skip
_ACTIVITY = {
    "activity_l1": "regularizers:L1",
    "activity_l2": "regularizers:L2",
    "activity_l1l2": "compat.legacy:l1l2",
}
NAMES: dict[str, dict[str, str]] = {
    "": {
        "objectives": "losses:", "initializations": "compat.initializations:", "legacy": "compat.engine:",
    },
    "layers": {
        "Convolution1D": "layers:Conv1D", "Convolution2D": "compat.legacy:Convolution2D", "Convolution3D": "compat.legacy:Convolution3D",
        "AtrousConvolution1D": "layers:Conv1D", "AtrousConvolution2D": "compat.legacy:Convolution2D",
        "AtrousConv1D": "layers:Conv1D", "AtrousConv2D": "compat.legacy:Convolution2D",
        "Deconvolution2D": "compat.legacy:Deconvolution2D", "Deconv2D": "compat.legacy:Deconvolution2D",
        "SeparableConvolution2D": "compat.legacy:SeparableConvolution2D",
        "Merge": "compat.legacy:Merge", "merge": "compat.legacy:merge", "TimeDistributedDense": "compat.legacy:TimeDistributedDense",
        "ThresholdedReLU": "compat.legacy:ThresholdedReLU",
        "ParametricSoftplus": "!Write a Lambda or a layer: alpha * softplus(beta * x).",
        "SReLU": "!Write a layer, or use PReLU.",
        "Highway": "!Write it as layers: gate * Dense(x) + (1 - gate) * x.",
        "MaxoutDense": "!Use Dense(units * pieces), Reshape and a maximum over the pieces.",
        "Recurrent": "layers:RNN", "Wrapper": "layers:Wrapper", "CuDNNLSTM": "layers:LSTM", "CuDNNGRU": "layers:GRU",
        "LambdaMerge": "!Call keras.layers.Lambda(function) on a list of tensors.",
        "Siamese": "!Call one layer on several tensors.",
        **dict.fromkeys(
            ("core", "convolutional", "pooling", "recurrent", "embeddings", "normalization", "noise", "wrappers",
             "advanced_activations", "local", "convolutional_recurrent"), "layers:"
        ),
    },
    "models": {
        "Merge": "compat.legacy:Merge",
        "Graph": "!Use the functional interface: keras.Model(inputs, outputs).",
        "model_from_yaml": "!Use to_json() and keras.models.model_from_json.",
    },
    "layers.wrappers": {"Bidirectional": "layers:Bidirectional"},
    "losses": _SHORT,
    "metrics": {
        **_SHORT,
        "precision": "!Use keras.metrics.Precision().", "recall": "!Use keras.metrics.Recall().",
        "fbeta_score": "!Use keras.metrics.FBetaScore().", "fmeasure": "!Use keras.metrics.F1Score().",
        "matthews_correlation": "!Compute it from the predictions: sklearn.metrics.matthews_corrcoef.",
    },
    "regularizers": {
        "l1l2": "compat.legacy:l1l2", **_ACTIVITY, "WeightRegularizer": "compat.legacy:regularizer",
        "ActivityRegularizer": "compat.legacy:regularizer", "L1L2Regularizer": "regularizers:L1L2",
        "EigenvalueRegularizer": "!Write a regularizer: a function of the weight that returns a penalty.",
    },
    "constraints": {
        "maxnorm": "constraints:MaxNorm", "nonneg": "constraints:NonNeg", "unitnorm": "constraints:UnitNorm",
    },
    "optimizers": {"TFOptimizer": "!Use an optimizer of this module."},
    "utils": {
        **dict.fromkeys(
            ("np_utils", "generic_utils", "data_utils", "layer_utils", "visualize_util", "vis_utils", "io_utils"), "utils:"
        ),
        "plot": "compat.legacy:plot",
        "probas_to_classes": "compat.legacy:probas_to_classes",
        "categorical_probas_to_classes": "compat.legacy:categorical_probas_to_classes",
        "binary_logloss": "!Use keras.losses.binary_crossentropy.",
        "multiclass_logloss": "!Use keras.losses.categorical_crossentropy.",
        "convert_kernel": "!Kernels are stored alike on every engine: nothing is to convert.",
        "convert_all_kernels_in_model": "!Kernels are stored alike on every engine: nothing is to convert.",
        "get_from_module": "!Use the `get` function of the module, such as keras.optimizers.get.",
        "print_summary": "models.summary:print_summary", "CustomObjectScope": "core.config:custom_object_scope",
        "custom_object_scope": "core.config:custom_object_scope",
        "HDF5Matrix": "!Open the file with h5py and pass its data set, or a generator.",
    },
    "engine": {
        "topology": "compat.engine:", "training": "compat.engine:", "Layer": "core.layer:Layer", "Model": "models:Model",
        "InputSpec": "core.layer:InputSpec", "Input": "layers:Input", "InputLayer": "layers:InputLayer",
        "Merge": "compat.legacy:Merge", "merge": "compat.legacy:merge",
    },
}  # fmt: skip

# ---- modules that scripts import: old path below `keras` -> today's module; all else has kept its name

MODULES: dict[str, str] = {
    **{
        f"{package}.{name}": package for package, names in {
            "layers": "core convolutional embeddings noise advanced_activations local",
            "utils": "np_utils generic_utils data_utils layer_utils visualize_util vis_utils io_utils",
        }.items() for name in names.split()
    },
    **{f"layers.{name}": "layers" for name in ("pooling", "recurrent", "normalization", "wrappers", "merge")},
    "engine": "compat.engine", "engine.topology": "compat.engine", "engine.training": "compat.engine",
    "engine.base_layer": "compat.engine", "legacy": "compat.engine",
    "objectives": "losses", "initializations": "compat.initializations",
    "backend.common": "backend", "preprocessing.sequence": "preprocessing.sequence", "preprocessing.text": "preprocessing.text",
}  # fmt: skip

# ---- metrics: the name in logs today -> the name that Keras 1 printed

METRICS: dict[str, str] = {
    "accuracy": "acc",
    "mae": "mean_absolute_error", "MAE": "mean_absolute_error",
    "mse": "mean_squared_error", "MSE": "mean_squared_error",
    "mape": "mean_absolute_percentage_error", "MAPE": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error", "MSLE": "mean_squared_logarithmic_error",
    "kld": "kullback_leibler_divergence", "KLD": "kullback_leibler_divergence", "kl_divergence": "kullback_leibler_divergence",
    "cosine": "cosine_proximity", "learning_rate": "lr",
}  # fmt: skip
# "acc" may mean any of these in a history, in this order
ACCURACIES = (
    "acc",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
)

# ---- keras.backend: functions that are today's operation as they were; the others stand in `backend_functions.py`

BACKEND: dict[str, str] = {
    **{
        name: name for name in [
            "abs", "all", "any", "cos", "elu", "equal", "exp", "greater", "greater_equal", "less", "less_equal",
            "log", "max", "maximum", "mean", "min", "minimum", "not_equal", "prod", "round", "sigmoid", "sign",
            "sin", "softmax", "softplus", "softsign", "sqrt", "square", "std", "stop_gradient", "sum", "tanh",
            "tile", "transpose", "var", "zeros_like", "ones_like", "clip", "stack", "logsumexp", "squeeze",
        ]
    },
    "lesser": "less", "lesser_equal": "less_equal", "pow": "power", "pack": "stack", "identity": "copy",
}  # fmt: skip
# functions of 2016 that the engine can't express, and what to do
BACKEND_GONE: dict[str, str] = {
    "get_session": "There is no session: values are computed at once.",
    "set_session": "There is no session: values are computed at once.",
    "manual_variable_initialization": "Variables have values when they are made.",
    "ctc_batch_cost": "A CTC loss is not part of this library yet.",
    "ctc_decode": "CTC decoding is not part of this library yet.",
    "ctc_label_dense_to_sparse": "There are no sparse tensors.",
    "set_legacy_weight_ordering": "Kernels are stored alike on every engine.",
    "local_conv1d": "Locally connected layers are not part of Keras 3.",
    "local_conv2d": "Locally connected layers are not part of Keras 3.",
}
