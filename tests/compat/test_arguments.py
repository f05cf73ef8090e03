"""Every row of the table that renames an argument: the old call makes what today's call makes; every one that is gone says so."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.compat import keras1
from hornpipe.compat.convert import hard_sigmoid
from hornpipe.optimizers.schedules import InverseTimeDecay

L = keras.layers
W = {"init": "uniform", "W_regularizer": "l2", "W_constraint": "maxnorm"}
W_TODAY = {
    "kernel_initializer": "uniform",
    "kernel_regularizer": "l2",
    "kernel_constraint": "max_norm",
}
B = {"b_regularizer": "l1", "b_constraint": "nonneg", "bias": True}
B_TODAY = {"bias_regularizer": "l1", "bias_constraint": "non_neg", "use_bias": True}
G = {
    "inner_init": "uniform",
    "U_regularizer": "l1",
    "dropout_W": 0.1,
    "dropout_U": 0.2,
    "input_dim": 3,
    "input_length": 7,
}
G_TODAY = {
    "recurrent_initializer": "uniform",
    "recurrent_regularizer": "l1",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
    "input_shape": (7, 3),
}
CONV = {"border_mode": "same", **W, **B}
CONV_TODAY = {"padding": "same", **W_TODAY, **B_TODAY}
TH, TH_TODAY = {"dim_ordering": "th"}, {"data_format": "channels_first"}
_1D = {"pool_length": 3, "stride": 2, "border_mode": "same"}
_1D_TODAY = {"pool_size": 3, "strides": 2, "padding": "same"}
_2D = {"border_mode": "same", "dim_ordering": "th", "pool_size": 2}
_2D_TODAY = {"padding": "same", "data_format": "channels_first", "pool_size": 2}

# class, old arguments, today's arguments
CASES = [
    ("Dense", {"output_dim": 4, "activation": "hard_sigmoid", "input_dim": 5, **W, **B},
     {"units": 4, "activation": hard_sigmoid, "input_shape": (5,), **W_TODAY, **B_TODAY}),
    ("Dropout", {"p": 0.3}, {"rate": 0.3}),
    ("SpatialDropout1D", {"p": 0.3}, {"rate": 0.3}),
    ("SpatialDropout2D", {"p": 0.3, **TH}, {"rate": 0.3, **TH_TODAY}),
    ("SpatialDropout3D", {"p": 0.3, "dim_ordering": "tf"}, {"rate": 0.3, "data_format": "channels_last"}),
    ("GaussianNoise", {"sigma": 0.3}, {"stddev": 0.3}),
    ("GaussianDropout", {"p": 0.3}, {"rate": 0.3}),
    ("Conv1D", {"nb_filter": 4, "filter_length": 3, "subsample_length": 2, "activation": "relu", "input_dim": 2, "input_length": 9, **CONV},
     {"filters": 4, "kernel_size": 3, "strides": 2, "activation": "relu", "input_shape": (9, 2), **CONV_TODAY}),
    ("Conv1D", {"nb_filter": 4, "filter_length": 3, "atrous_rate": 2}, {"filters": 4, "kernel_size": 3, "dilation_rate": 2}),
    ("Conv2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "subsample": (2, 1), "activation": "relu", **TH, **CONV},
     {"filters": 4, "kernel_size": (3, 2), "strides": (2, 1), "activation": "relu", **TH_TODAY, **CONV_TODAY}),
    ("Conv2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "atrous_rate": (2, 2)},
     {"filters": 4, "kernel_size": (3, 2), "dilation_rate": (2, 2)}),
    ("Conv3D", {"nb_filter": 4, "kernel_dim1": 3, "kernel_dim2": 2, "kernel_dim3": 1, "subsample": (2, 1, 1),
                "activation": "relu", **TH, **CONV},
     {"filters": 4, "kernel_size": (3, 2, 1), "strides": (2, 1, 1), "activation": "relu", **TH_TODAY, **CONV_TODAY}),
    ("Conv2DTranspose", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "subsample": (2, 1), "output_shape": None,
                         "activation": "relu", **TH, **CONV},
     {"filters": 4, "kernel_size": (3, 2), "strides": (2, 1), "activation": "relu", **TH_TODAY, **CONV_TODAY}),
    ("SeparableConv2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "subsample": (2, 2), "border_mode": "same", "init": "uniform",
                         "activation": "relu", **TH, **B},
     {"filters": 4, "kernel_size": (3, 2), "strides": (2, 2), "padding": "same", "depthwise_initializer": "uniform",
      "pointwise_initializer": "uniform", "activation": "relu", **TH_TODAY, **B_TODAY}),
    ("MaxPooling1D", _1D, _1D_TODAY), ("AveragePooling1D", _1D, _1D_TODAY),
    *((f"{kind}Pooling{rank}D", _2D, _2D_TODAY) for kind in ("Max", "Average") for rank in (2, 3)),
    *((f"Global{kind}Pooling{rank}D", TH, TH_TODAY) for kind in ("Max", "Average") for rank in (2, 3)),
    ("UpSampling1D", {"length": 3}, {"size": 3}),
    ("UpSampling2D", TH, TH_TODAY), ("UpSampling3D", TH, TH_TODAY),
    ("ZeroPadding2D", {"padding": (1, 2, 3, 4), **TH}, {"padding": ((1, 2), (3, 4)), **TH_TODAY}),
    ("ZeroPadding3D", TH, TH_TODAY), ("Cropping2D", TH, TH_TODAY), ("Cropping3D", TH, TH_TODAY),
    ("SimpleRNN", {"output_dim": 4, "activation": "relu", "consume_less": "gpu", **W, **B, **G},
     {"units": 4, "activation": "relu", **W_TODAY, **B_TODAY, **G_TODAY}),
    ("GRU", {"output_dim": 4, "activation": "relu", "inner_activation": "tanh", "consume_less": "cpu", **W, **B, **G},
     {"units": 4, "activation": "relu", "recurrent_activation": "tanh", "reset_after": False, **W_TODAY, **B_TODAY, **G_TODAY}),
    ("LSTM", {"output_dim": 4, "activation": "relu", "inner_activation": "hard_sigmoid", "forget_bias_init": "zero", "consume_less": "mem",
              **W, **B, **G},
     {"units": 4, "activation": "relu", "recurrent_activation": hard_sigmoid, "unit_forget_bias": False, **W_TODAY, **B_TODAY, **G_TODAY}),
    ("Embedding", {"input_dim": 9, "output_dim": 4, "init": "normal", "W_regularizer": "l2", "W_constraint": "unitnorm", "dropout": 0.0,
                   "input_length": 6},
     {"input_dim": 9, "output_dim": 4, "embeddings_initializer": "normal", "embeddings_regularizer": "l2",
      "embeddings_constraint": "unit_norm", "input_shape": (6,)}),
    ("BatchNormalization", {"mode": 0, "beta_init": "one", "gamma_init": "zero"}, {"beta_initializer": "one", "gamma_initializer": "zero"}),
    ("LeakyReLU", {"alpha": 0.2}, {"negative_slope": 0.2}),
    ("PReLU", {"init": "one"}, {"alpha_initializer": "one"}),
    ("InputLayer", {"input_shape": (3,), "input_dtype": "int32"}, {"input_shape": (3,), "dtype": "int32"}),
]  # fmt: skip


def config_of(layer):
    config = layer.get_config()
    return {name: value for name, value in config.items() if name != "name"}


@pytest.mark.parametrize(
    ("kind", "old", "today"), CASES, ids=[f"{case[0]}-{i}" for i, case in enumerate(CASES)]
)
def test_old_call_makes_the_same_layer(kind, old, today):
    first, second = getattr(L, kind)(**old), getattr(L, kind)(**today)
    assert type(first) is type(second)
    assert config_of(first) == config_of(second)
    assert first._first_shape == second._first_shape


GONE = [
    ("Dense", {"output_dim": 3, "weights": [1]}, "set_weights"),
    ("Dense", {"output_dim": 3, "input_dtype": "int32"}, "keras.Input"),
    ("Dense", {"output_dim": 3, "create_input_layer": 2}, "Leave it out"),
    (
        "Conv2DTranspose",
        {"nb_filter": 3, "nb_row": 2, "nb_col": 2, "output_shape": (1, 2, 3, 4)},
        "output_padding",
    ),
    ("LSTM", {"output_dim": 3, "consume_less": "disk"}, "engine decides"),
    ("Embedding", {"input_dim": 3, "output_dim": 2, "dropout": 0.2}, "SpatialDropout1D"),
    ("BatchNormalization", {"mode": 2}, "training=True"),
    ("LayerNormalization", {"mode": 0}, "Leave it out"),
    ("LayerNormalization", {"momentum": 0.5}, "moving average"),
    ("PReLU", {"weights": [1]}, "set_weights"),
    ("BatchNormalization", {"weights": [1]}, "set_weights"),
    ("SeparableConv2D", {"nb_filter": 3, "nb_row": 2, "nb_col": 2, "weights": [1]}, "set_weights"),
]


@pytest.mark.parametrize(("kind", "arguments", "advice"), GONE)
def test_what_is_gone_names_todays_way(kind, arguments, advice):
    with pytest.raises(TypeError, match=rf"is gone.*{advice}"):
        getattr(L, kind)(**arguments)


def test_every_row_of_the_layers_is_among_the_cases():
    told = {(kind, name) for kind, old, _ in [*CASES, *GONE] for name in old}
    shared = {name for kind, old, _ in GONE for name in old}
    for owner, spec in keras1.CALLS.items():
        if owner not in dir(L) or owner in (
            "Input",
            "Activation",
            "ZeroPadding1D",
            "LayerNormalization",
        ):
            continue
        for row in spec.rows:
            for name in row.names:
                assert (owner, name) in told or (row.new is None and name in shared), (owner, name)


def test_values_that_become_others():
    assert L.Activation("hard_sigmoid").activation is not hard_sigmoid  # nothing old in this call
    assert L.ZeroPadding2D(padding={"top_pad": 1, "left_pad": 2}, dim_ordering="tf").padding == (
        (1, 0),
        (2, 0),
    )
    with pytest.raises(ValueError, match=r"'full' is gone"):
        L.Conv1D(nb_filter=2, filter_length=3, border_mode="full")
    with pytest.raises(ValueError, match=r"must be 'tf', 'th' or 'default'"):
        L.MaxPooling2D(dim_ordering="nhwc")
    with pytest.raises(ValueError, match=r"unit_forget_bias"):
        L.LSTM(output_dim=2, forget_bias_init="uniform")
    with pytest.raises(TypeError, match=r"`nb_col` is missing"):
        L.Conv2D(nb_filter=2, nb_row=3)


def test_mode_1_of_batch_normalization_is_layer_normalization():
    layer = L.BatchNormalization(
        mode=1, beta_init="zero", gamma_init="one", momentum=0.99, epsilon=0.5
    )
    assert type(layer) is L.LayerNormalization
    assert layer.epsilon == 0.5


def test_old_defaults_apply_to_old_calls_only():
    old, today = L.LSTM(output_dim=3), L.LSTM(3)
    assert old.recurrent_activation is hard_sigmoid
    assert today.recurrent_activation is keras.activations.sigmoid
    assert (L.GRU(output_dim=3).reset_after, L.GRU(3).reset_after) == (False, True)
    # `input_dim` alone is no sign of age: Keras 2 took it as well.
    assert L.LSTM(3, input_dim=4).recurrent_activation is keras.activations.sigmoid


def test_hard_sigmoid_is_that_of_2016():
    x = np.array([-3.0, -2.5, -1.0, 0.0, 1.0, 2.5, 3.0])
    np.testing.assert_allclose(
        np.asarray(keras.ops.convert_to_numpy(hard_sigmoid(x))),
        np.clip(0.2 * x + 0.5, 0, 1),
        rtol=1e-6,
    )


def test_arguments_by_position_follow_the_old_order_in_old_calls():
    layer = L.LSTM(4, "uniform", "orthogonal", "one", "relu", dropout_W=0.1)
    assert type(layer.kernel_initializer).__name__ == "RandomUniform"
    assert layer.activation is keras.activations.relu
    with pytest.raises(TypeError, match=r"given twice"):
        L.Dense(3, output_dim=4)
    with pytest.raises(TypeError, match=r"at most 1 arguments by position"):
        L.GaussianNoise(0.1, 3, sigma=2)


def test_initializations_may_be_functions_of_2016():
    def halves(shape, name=None):
        return np.full(shape, 0.5)

    layer = L.Dense(output_dim=2, init=halves)
    layer.build((None, 3))
    assert layer.get_weights()[0].tolist() == [[0.5, 0.5]] * 3


def test_two_dialects_in_one_call():
    text = r"Dense: the call mixes Keras 1 \(`output_dim`\) with today's spelling \(`kernel_initializer`\)"
    with pytest.raises(
        TypeError, match=text + r".*output_dim -> units; init -> kernel_initializer\."
    ):
        L.Dense(output_dim=3, kernel_initializer="zeros")
    with pytest.raises(TypeError, match=r"mixes Keras 1 .`p`. with today's spelling .`rate`"):
        L.Dropout(p=0.5, rate=0.5)
    with pytest.raises(TypeError, match=r"mixes"):
        keras.Model(input=1, outputs=2)


def test_a_typo_is_no_dialect():
    with pytest.raises(TypeError, match=r"unknown argument `W_regularzer`.*Did you mean"):
        L.Dense(2, W_regularzer="l2")


def test_users_subclasses_keep_their_own_arguments():
    class Mine(L.Dense):
        def __init__(self, output_dim, **kwargs):
            super().__init__(output_dim * 2, **kwargs)

    assert Mine(output_dim=3).units == 6
    with pytest.raises(TypeError, match=r"`W_regularizer` is Keras 1; today: kernel_regularizer"):
        Mine(3, W_regularizer="l2")


def test_configs_are_in_todays_spelling():
    layer = L.Convolution2D(4, 3, 5, init="normal", border_mode="same", dim_ordering="tf")
    config = layer.get_config()
    assert (config["filters"], config["kernel_size"], config["padding"]) == (4, [3, 5], "same")
    assert not {"nb_filter", "border_mode", "init"} & set(config)
    assert L.Conv2D.from_config(config).kernel_size == (3, 5)


@pytest.mark.parametrize(
    ("name", "args", "kind", "window"),
    [
        ("Convolution2D", (4, 3, 2), "Conv2D", (3, 2)),
        ("Convolution3D", (4, 3, 2, 1), "Conv3D", (3, 2, 1)),
        ("SeparableConvolution2D", (4, 3, 2), "SeparableConv2D", (3, 2)),
        ("Deconvolution2D", (4, 3, 2), "Conv2DTranspose", (3, 2)),
        ("AtrousConvolution2D", (4, 3, 2), "Conv2D", (3, 2)),
        ("Convolution2D", (4, (3, 2)), "Conv2D", (3, 2)),
    ],
)
def test_windows_given_as_single_numbers(name, args, kind, window):
    made = getattr(L, name)(*args, activation="relu")
    assert type(made) is getattr(L, kind)
    assert made.kernel_size == window
    assert isinstance(made, getattr(L, name))
    assert L.Conv2D(4, 3, 2).strides == (2, 2)  # today's meaning of three numbers


# ---- optimizers, regularizers, constraints


@pytest.mark.parametrize(
    ("name", "rate", "others"),
    [
        ("SGD", 0.01, {}),
        ("RMSprop", 0.001, {"epsilon": 1e-16}),
        ("Adagrad", 0.01, {"epsilon": 1e-16, "initial_accumulator_value": 0.0}),
        ("Adadelta", 1.0, {"epsilon": 1e-8}),
        ("Adam", 0.001, {"epsilon": 1e-8}),
        ("Adamax", 0.002, {"epsilon": 1e-8}),
        ("Nadam", 0.002, {"epsilon": 1e-8}),
    ],
)
def test_optimizers(name, rate, others):
    kind = getattr(keras.optimizers, name)
    assert float(kind(lr=0.25).learning_rate) == 0.25
    config = kind(lr=0.25).get_config()
    for key, value in others.items():
        assert config[key] == value
        assert kind(0.25).get_config()[key] != value
    decaying = kind(decay=0.5)
    schedule = decaying.get_config()["learning_rate"]
    assert schedule["class_name"] == "InverseTimeDecay"
    assert (schedule["config"]["initial_learning_rate"], schedule["config"]["decay_rate"]) == (
        rate,
        0.5,
    )
    with pytest.raises(TypeError, match=r"mixes Keras 1"):
        kind(lr=0.1, learning_rate=0.1)


def test_decay_is_that_of_keras_1():
    optimizer = keras.optimizers.SGD(lr=0.5, decay=0.1)
    weight, expected = keras.Variable([1.0]), 1.0
    for step in range(4):
        optimizer.apply([keras.ops.ones((1,))], [weight])
        expected -= 0.5 / (1 + 0.1 * step)
    assert float(weight.numpy()[0]) == pytest.approx(expected, rel=1e-6)
    assert isinstance(optimizer._given_rate, InverseTimeDecay)


def test_epsilon_of_rmsprop_was_outside_the_root():
    optimizer, weight = (
        keras.optimizers.RMSprop(lr=0.1, rho=0.5, epsilon=0.25),
        keras.Variable([1.0]),
    )
    assert optimizer.epsilon == 0.0625
    optimizer.apply([keras.ops.zeros((1,))], [weight])
    assert float(weight.numpy()[0]) == 1.0


def test_schedule_decay_of_nadam():
    assert keras.optimizers.Nadam(lr=0.1, schedule_decay=0.004)
    with pytest.raises(TypeError, match=r"fixed at 0.004"):
        keras.optimizers.Nadam(lr=0.1, schedule_decay=0.1)


def test_regularizers_and_constraints():
    r, c = keras.regularizers, keras.constraints
    assert (r.l1(l=0.5).l1, r.l2(l=0.5).l2) == (0.5, 0.5)
    assert (r.l1l2().l1, r.l1l2(l2=0.5).l2, r.activity_l2(0.5).l2, r.activity_l1(0.5).l1) == (
        0.01,
        0.5,
        0.5,
        0.5,
    )
    assert (
        r.activity_l1l2().l1,
        r.WeightRegularizer(l1=0.1).l1,
        r.ActivityRegularizer(l2=0.1).l2,
    ) == (0.01, 0.1, 0.1)
    assert r.get("activity_l2").l2 == 0.01
    assert c.maxnorm(m=3).max_value == 3
    assert (
        c.MinMaxNorm(low=0.5, high=2.0).min_value,
        c.MinMaxNorm(low=0.5, high=2.0).max_value,
    ) == (0.5, 2.0)
    assert isinstance(c.get("nonneg"), c.NonNeg)
    assert isinstance(c.unitnorm(), c.UnitNorm)


def test_input_and_labels():
    assert keras.Input(batch_input_shape=(2, 3)).shape == (2, 3)
    assert keras.Input((3,), input_dtype="int32").dtype == "int32"
    assert keras.utils.np_utils.to_categorical(y=[1], nb_classes=3).tolist() == [[0.0, 1.0, 0.0]]


def test_layer_shape_before_and_after_building():
    layer = L.Dense(32, input_shape=(784,))
    assert (layer.input_shape, layer.output_shape) == ((None, 784), (None, 32))
    with pytest.raises(ValueError, match=r"shape yet"):
        L.Dense(32).output_shape  # noqa: B018
    model = keras.Sequential([layer])
    assert model.layers[0].output_shape == (None, 32)
