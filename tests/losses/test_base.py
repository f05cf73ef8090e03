"""Reductions, weights, masks, shapes, names and configs: what all losses share."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from hornpipe import losses, ops
from hornpipe.core import masking
from hornpipe.core.errors import ShapeError
from hornpipe.engine import current, use
from hornpipe.engine import shapes as shapes_engine
from hornpipe.losses.base import as_loss

VALUES = np.array([1.0, 4.0, 9.0])  # the squared errors of TRUE against zeros
TRUE = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
ZEROS = np.zeros((3, 2))
WEIGHTS = np.array([0.5, 1.0, 3.0])

REDUCED = {
    "sum": (VALUES.sum(), (VALUES * WEIGHTS).sum()),
    "mean": (VALUES.mean(), (VALUES * WEIGHTS).mean()),
    "sum_over_batch_size": (VALUES.mean(), (VALUES * WEIGHTS).mean()),
    "mean_with_sample_weight": (VALUES.mean(), (VALUES * WEIGHTS).sum() / WEIGHTS.sum()),
    "none": (VALUES, VALUES * WEIGHTS),
    None: (VALUES, VALUES * WEIGHTS),
}


def to_numpy(x):
    """Return a tensor as an array."""
    return np.asarray(current().to_numpy(x))


def masked(x, mask):
    """Return `x` as a tensor that carries a mask."""
    x = ops.convert_to_tensor(x.astype("float32")) + 0.0
    masking.set_mask(x, ops.convert_to_tensor(mask))
    return x


@pytest.mark.parametrize("reduction", REDUCED)
def test_reductions(reduction):
    loss = losses.MeanSquaredError(reduction=reduction)
    np.testing.assert_allclose(to_numpy(loss(TRUE, ZEROS)), REDUCED[reduction][0], rtol=1e-6)
    np.testing.assert_allclose(
        to_numpy(loss(TRUE, ZEROS, WEIGHTS)), REDUCED[reduction][1], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum", 27.5),
        ("mean", 13.75),
        ("sum_over_batch_size", 13.75),
        ("mean_with_sample_weight", 27.5 / 3.5),
        ("none", [0.5, 0.0, 27.0]),
    ],
)
def test_mask_of_the_predictions(reduction, expected):
    """Values computed with Keras 3.15."""
    y_pred = masked(ZEROS, np.array([True, False, True]))
    loss = losses.MeanSquaredError(reduction=reduction)
    np.testing.assert_allclose(to_numpy(loss(TRUE, y_pred, WEIGHTS)), expected, rtol=1e-6)


def test_masked_nan_does_not_spread():
    y_pred = masked(
        np.array([[0.0, 0.0], [np.nan, 0.0], [0.0, 0.0]]), np.array([True, False, True])
    )
    assert float(losses.MeanSquaredError()(TRUE, y_pred)) == 5.0


def test_mask_of_steps():
    y_true, mask = (
        np.arange(12.0).reshape(2, 3, 2),
        np.array([[True, True, False], [True, False, False]]),
    )
    expected = (y_true**2).mean(-1)[mask].mean()
    y_pred = masked(np.zeros((2, 3, 2)), mask)
    assert float(losses.MeanSquaredError()(y_true, y_pred)) == pytest.approx(expected)


def test_mask_of_single_elements():
    y_true, mask = (
        np.arange(6.0).reshape(2, 3),
        np.array([[True, True, False], [True, False, False]]),
    )
    y_pred = masked(np.zeros((2, 3)), mask)
    assert float(losses.MeanSquaredError()(y_true, y_pred)) == pytest.approx(
        (y_true**2)[mask].mean()
    )


def test_everything_masked_gives_0():
    y_pred = masked(ZEROS, np.array([False, False, False]))
    assert float(losses.MeanSquaredError()(TRUE, y_pred)) == 0.0


def test_empty_batch_gives_0():
    assert float(losses.MeanSquaredError()(np.zeros((0, 2)), np.zeros((0, 2)))) == 0.0


@pytest.mark.parametrize(
    "weights",
    [2.0, np.float32(2.0), np.array([2.0]), np.full((3, 1), 2.0), np.full((3, 1, 1), 2.0)],
)
def test_weights_that_broadcast(weights):
    assert float(losses.MeanSquaredError()(TRUE, ZEROS, weights)) == pytest.approx(
        2 * VALUES.mean()
    )


def test_weights_align_at_the_batch_axis():
    y_true, y_pred = np.ones((3, 3, 2)), np.zeros((3, 3, 2))
    loss = losses.MeanSquaredError(reduction="none")
    rows = to_numpy(loss(y_true, y_pred, np.array([1.0, 2.0, 3.0])))
    np.testing.assert_array_equal(rows, [[1, 1, 1], [2, 2, 2], [3, 3, 3]])
    steps = to_numpy(loss(y_true, y_pred, np.arange(9.0).reshape(3, 3)))
    np.testing.assert_array_equal(steps, np.arange(9.0).reshape(3, 3))


def test_weights_of_single_elements():
    weights = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    expected = (TRUE**2 * weights).mean()
    assert float(losses.MeanSquaredError()(TRUE, ZEROS, weights)) == pytest.approx(expected)
    one_axis = losses.MeanSquaredError()(
        np.array([1.0, 2.0, 3.0]), np.zeros(3), np.array([1.0, 0.0, 0.0])
    )
    assert float(one_axis) == pytest.approx(1 / 3)


def test_integer_weights():
    assert float(losses.MeanSquaredError()(TRUE, ZEROS, np.array([1, 0, 2]))) == pytest.approx(
        19 / 3
    )


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred", "weights", "text"),
    [
        (
            losses.MeanSquaredError(),
            np.ones((3, 4, 2)),
            np.zeros((3, 4, 2)),
            np.ones(4),
            "MeanSquaredError: `sample_weight` must have the shape (3, 4) of the weighted values or its leading axes. "
            "Received: sample_weight.shape=(4,). Give one number for each row, shape (batch,).",
        ),
        (
            losses.CosineSimilarity(),
            np.ones((3, 2)),
            np.ones((3, 2)),
            np.ones((3, 2)),
            "CosineSimilarity: `sample_weight` must have the shape (3,) of the weighted values or its leading axes. "
            "Received: sample_weight.shape=(3, 2). Give one number for each row, shape (batch,).",
        ),
        (
            losses.Dice(),
            np.ones((3, 2)),
            np.ones((3, 2)),
            np.ones(3),
            "Dice: `sample_weight` must have the shape () of the weighted values or its leading axes. "
            "Received: sample_weight.shape=(3,). Give one number for each row, shape (batch,).",
        ),
    ],
)
def test_weights_that_do_not_fit(loss, y_true, y_pred, weights, text):
    with pytest.raises(ShapeError) as error:
        loss(y_true, y_pred, weights)
    assert str(error.value) == text


# ---- shapes of labels and predictions

ALIGNED = [
    ((3,), (3, 1), (3,)),
    ((3, 1), (3,), (3,)),
    ((3,), (3,), ()),
    ((3, 2), (3, 2, 1), (3,)),
    ((3, 2, 1), (3, 2), (3,)),
    ((1,), (1, 1), (1,)),
]


@pytest.mark.parametrize(("true_shape", "pred_shape", "expected"), ALIGNED)
@pytest.mark.parametrize(
    "name", ["mean_squared_error", "binary_crossentropy", "hinge", "poisson", "huber"]
)
def test_one_axis_of_size_1_is_matched(name, true_shape, pred_shape, expected):
    values = getattr(losses, name)(np.ones(true_shape), np.full(pred_shape, 0.5))
    assert tuple(values.shape) == expected


def test_labels_without_the_last_axis_pair_row_by_row():
    loss = losses.MeanSquaredError()(np.array([1.0, 2.0, 3.0]), np.array([[2.0], [4.0], [6.0]]))
    assert float(loss) == pytest.approx(14 / 3)


FUNCTIONS = [
    name
    for name in losses.__all__
    if name[0].islower() and name not in ("get", "serialize", "deserialize")
]
PAIRED = [
    name
    for name in FUNCTIONS
    if "sparse" not in name and name not in ("circle", "categorical_generalized_cross_entropy")
]


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize(
    "shapes", [((3, 1), (3, 2)), ((3, 2), (3, 1)), ((3,), (3, 2)), ((4, 1), (3, 1)), ((3,), (4,))]
)
def test_batches_never_broadcast(name, shapes):
    with pytest.raises(ShapeError, match=r"Received: y_true.shape=\(.*\), y_pred.shape=\(.*\)"):
        getattr(losses, name)(np.ones(shapes[0]), np.full(shapes[1], 0.5))


def test_text_of_a_shape_error():
    with pytest.raises(ShapeError) as error:
        losses.MeanSquaredError()(np.ones((4, 3)), np.ones((4, 2)))
    assert str(error.value) == (
        "mean_squared_error: `y_true` and `y_pred` must have the same shape, or differ by one axis of size 1 at the end. "
        "Received: y_true.shape=(4, 3), y_pred.shape=(4, 2). Reshape the labels to the shape of the model's output."
    )
    with pytest.raises(ShapeError, match="must have at least one axis"):
        losses.mean_absolute_error(1.0, 2.0)


def test_one_hot_against_sparse():
    with pytest.raises(ShapeError) as error:
        losses.CategoricalCrossentropy()(np.array([0, 1]), np.full((2, 3), 1 / 3))
    assert str(error.value) == (
        "categorical_crossentropy: one-hot labels must have the shape of the predictions. "
        "Received: y_true.shape=(2,), y_pred.shape=(2, 3). "
        "Integer labels need the loss with `sparse` in its name, or `keras.utils.to_categorical`."
    )
    with pytest.raises(ShapeError) as error:
        losses.SparseCategoricalCrossentropy()(np.eye(3), np.full((3, 3), 1 / 3))
    assert str(error.value) == (
        "sparse_categorical_crossentropy: integer labels for scores of shape (3, 3) must have the shape (3,). "
        "Received: y_true.shape=(3, 3). One-hot labels need the loss or metric without `sparse` in its name."
    )


def test_circle_shapes():
    with pytest.raises(
        ShapeError, match=r"circle: labels must have the shape \(batch,\) or \(batch, 1\)"
    ):
        losses.Circle()(np.zeros((3, 2)), np.ones((3, 4)))


# ---- dtypes


def test_labels_of_any_dtype():
    for dtype in ("int32", "uint8", "bool", "float16"):
        y_true = np.array([[0, 1], [1, 0]]).astype(dtype)
        assert float(losses.MeanSquaredError()(y_true, np.ones((2, 2)))) == 0.5


def test_short_floats_are_computed_in_float32():
    y_pred = ops.cast(np.full((2, 2), 300.0), "float16")
    value = losses.MeanSquaredError()(np.zeros((2, 2)), y_pred)
    assert float(value) == 90000.0
    assert losses.MeanSquaredError().dtype == "float32"


def test_dtype_is_honoured():
    value = losses.MeanAbsoluteError(dtype="float16")(np.ones((2, 2)), np.zeros((2, 2)))
    assert current().dtype(value) == "float16"


def test_large_class_numbers_stay_exact():
    """2**24 + 1 is no float32 number."""
    label = 2**24 + 1
    seen = []

    def spy(y_true, y_pred):
        seen.append(int(to_numpy(y_true)[0]))
        return y_pred[:, 0]

    spy.integer_labels = True
    losses.LossFunctionWrapper(spy)(np.array([label]), np.zeros((1, 1)))
    assert seen == [label]


# ---- sums and counts of several batches


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
def test_totals_and_counts_make_the_mean_over_uneven_batches(reduction):
    loss = losses.MeanSquaredError(reduction=reduction)
    parts = [
        loss.total_and_count(TRUE[rows], ZEROS[rows], WEIGHTS[rows])
        for rows in (slice(0, 2), slice(2, 3))
    ]
    mean = sum(float(total) for total, _ in parts) / sum(float(count) for _, count in parts)
    assert mean == pytest.approx(float(loss(TRUE, ZEROS, WEIGHTS)))


def test_rows_that_fill_up_count_nowhere():
    loss = losses.MeanSquaredError()
    padded = np.concatenate([TRUE, [[np.nan, 7.0]]])
    total, count = loss.total_and_count(
        padded, np.zeros((4, 2)), rows=np.array([True, True, True, False])
    )
    assert (float(total), float(count)) == (VALUES.sum(), 3.0)


# ---- user's own


class Furthest(losses.Loss):
    """The largest absolute error of a row."""

    def __init__(self, factor=1.0, name="furthest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * ops.max(ops.abs(y_true - y_pred), axis=-1)


def median(y_true, y_pred):
    """A user's function."""
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def test_subclass():
    loss = Furthest(factor=2.0, reduction="sum")
    assert float(loss(np.array([[0.0, 1.0]]), np.array([[3.0, 1.0]]))) == 6.0
    assert loss.get_config() == {
        "factor": 2.0,
        "name": "furthest",
        "reduction": "sum",
        "dtype": None,
    }
    with pytest.raises(
        NotImplementedError, match=r"Loss: a loss must define `call\(y_true, y_pred\)`"
    ):
        losses.Loss()(np.ones((1, 1)), np.ones((1, 1)))


def test_structures_reach_call_as_structures():
    class Two(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.abs(y_true["a"] - y_pred["a"]), axis=-1)

    loss = Two()({"a": np.ones((2, 2))}, {"a": np.zeros((2, 2))})
    assert float(loss) == 1.0


def test_row_independence_is_declared():
    for name in losses.__all__:
        item = getattr(losses, name)
        if isinstance(item, type) and item not in (losses.Loss, losses.LossFunctionWrapper):
            needs_batch = name in ("Dice", "Tversky", "Circle")
            assert item.row_independent is not needs_batch, name
            assert item().row_independent is not needs_batch, name
    assert losses.Dice(axis=(1, 2)).row_independent and not losses.Dice(axis=-1).row_independent
    assert not losses.SparseCategoricalCrossentropy(ignore_class=0).row_independent
    assert not Furthest().row_independent
    assert as_loss("mse").row_independent and not as_loss(median).row_independent

    class Changed(losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return ops.sum(y_pred, axis=-1)

    assert not Changed().row_independent and not Changed().elementwise


# ---- names and configs

ALIASES = {
    "mse": "mean_squared_error",
    "MSE": "mean_squared_error",
    "mae": "mean_absolute_error",
    "MAE": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "MAPE": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "MSLE": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "BCE": "binary_crossentropy",
    "kld": "kl_divergence",
    "KLD": "kl_divergence",
}


@pytest.mark.parametrize("name", [*ALIASES, *FUNCTIONS])
def test_names_of_functions(name):
    function = getattr(losses, ALIASES.get(name, name))
    assert losses.get(name) is function
    assert losses.get(function) is function
    assert losses.deserialize(losses.serialize(function)) is function


@pytest.mark.parametrize(
    "name", [name for name in losses.__all__ if name[0].isupper() and "Loss" not in name]
)
def test_classes_round_trip(name):
    loss = losses.get(name)
    assert type(loss) is getattr(losses, name)
    config = loss.get_config()
    twin = losses.deserialize(losses.serialize(loss))
    assert type(twin) is type(loss) and twin.get_config() == config
    assert losses.serialize(loss)["module"] == "keras.losses"
    assert type(copy.deepcopy(loss)) is type(loss)
    assert losses.get(getattr(losses, name)).name == loss.name


def test_arguments_survive_the_round_trip():
    loss = losses.CategoricalFocalCrossentropy(
        alpha=[0.1, 0.9], gamma=3.0, label_smoothing=0.1, reduction="sum"
    )
    twin = losses.deserialize(losses.serialize(loss))
    y_true, y_pred = np.array([[0.0, 1.0]]), np.array([[0.3, 0.7]])
    assert float(twin(y_true, y_pred)) == float(loss(y_true, y_pred))
    assert losses.Dice.from_config(losses.Dice(axis=(1, 2)).get_config()).axis == (1, 2)


def test_wrapper_round_trip():
    wrapped = losses.LossFunctionWrapper(losses.huber, reduction="sum", delta=0.5)
    assert wrapped.name == "huber"
    twin = losses.deserialize(losses.serialize(wrapped))
    assert float(twin(TRUE, ZEROS)) == float(wrapped(TRUE, ZEROS))
    own = losses.LossFunctionWrapper(median)
    twin = losses.deserialize(losses.serialize(own), custom_objects={"median": median})
    assert twin.fn is median and twin.name == "median"


def test_files_of_keras_are_understood():
    description = {
        "module": "keras.losses",
        "class_name": "Huber",
        "config": {"name": "huber_loss", "reduction": "sum_over_batch_size", "delta": 2.0},
        "registered_name": None,
    }
    assert losses.get(description).get_config()["delta"] == 2.0


def test_as_loss():
    assert as_loss(None) is None
    given = losses.Huber()
    assert as_loss(given) is given
    assert as_loss("Huber").name == "huber_loss"
    assert as_loss(median).name == "median"
    assert as_loss(lambda y_true, y_pred: y_pred).name == "lambda"
    assert float(as_loss("mae")(TRUE, ZEROS)) == pytest.approx(2.0)


def test_unknown_names():
    with pytest.raises(ValueError) as error:
        losses.get("mean_squard_error")
    assert str(error.value) == (
        "loss: name is unknown. Received: 'mean_squard_error'. Did you mean 'mean_squared_error'?"
    )
    with pytest.raises(
        TypeError, match=r"loss: must be a name, a function, a class or an object. Received: 3"
    ):
        losses.get(3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: losses.MeanSquaredError(reduction="auto"),
            "MeanSquaredError: `reduction` must be one of 'sum_over_batch_size', 'sum', 'mean', "
            "'mean_with_sample_weight', 'none', None. Received: reduction='auto'.",
        ),
        (lambda: losses.Huber(delta=0), "Huber: `delta` must be a number > 0. Received: delta=0."),
        (
            lambda: losses.BinaryCrossentropy(label_smoothing=2),
            "BinaryCrossentropy: `label_smoothing` must be a number between 0 and 1. Received: label_smoothing=2.",
        ),
        (
            lambda: losses.CategoricalCrossentropy(label_smoothing=-0.1),
            "CategoricalCrossentropy: `label_smoothing` must be a number between 0 and 1. Received: label_smoothing=-0.1.",
        ),
        (
            lambda: losses.BinaryFocalCrossentropy(gamma=-1),
            "BinaryFocalCrossentropy: `gamma` must be a number >= 0. Received: gamma=-1.",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy(ignore_class="0"),
            "SparseCategoricalCrossentropy: `ignore_class` must be an integer or None. Received: ignore_class='0'.",
        ),
        (
            lambda: losses.CategoricalGeneralizedCrossEntropy(q=1),
            "CategoricalGeneralizedCrossEntropy: `q` must be between 0 and 1. Received: q=1.",
        ),
        (
            lambda: losses.Circle(gamma=0),
            "Circle: `gamma` must be a number > 0. Received: gamma=0.",
        ),
        (
            lambda: losses.Tversky(alpha=-1),
            "Tversky: `alpha` must be a number >= 0. Received: alpha=-1.",
        ),
        (
            lambda: losses.Dice(axis="x"),
            "Dice: `axis` must be an int, a tuple of ints, or None. Received: axis='x'.",
        ),
        (
            lambda: losses.LossFunctionWrapper("mse"),
            "LossFunctionWrapper: `fn` must be a function of y_true and y_pred. Received: fn='mse'.",
        ),
    ],
)
def test_arguments_out_of_range(make, text):
    with pytest.raises((ValueError, TypeError)) as error:
        make()
    assert str(error.value) == text


# ---- without values


@pytest.mark.parametrize(
    "name", [name for name in losses.__all__ if name[0].isupper() and "Loss" not in name]
)
def test_shapes_are_inferred(name):
    loss = getattr(losses, name)()
    sparse = name in (
        "SparseCategoricalCrossentropy",
        "CategoricalGeneralizedCrossEntropy",
        "Circle",
    )
    with use(shapes_engine):
        y_true = shapes_engine.Tensor(
            (None,) if sparse else (None, 4), "int32" if sparse else "float32"
        )
        out = loss(y_true, shapes_engine.Tensor((None, 4)), shapes_engine.Tensor(()))
    assert tuple(out.shape) == () and out.dtype == "float32"
