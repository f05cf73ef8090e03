"""State, names, shapes, configs and errors: what all metrics share."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from hornpipe import losses, metrics, ops
from hornpipe.core.errors import ShapeError
from hornpipe.engine import current
from hornpipe.metrics.base import MeanMetricWrapper

NEEDED = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 3},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
}
CLASSES = [
    name
    for name in metrics.__all__
    if name[0].isupper() and name not in ("Metric", "MeanMetricWrapper")
]
SERVICE = ("get", "serialize", "deserialize", "as_metric")
FUNCTIONS = [name for name in metrics.__all__ if name[0].islower() and name not in SERVICE]


def to_numpy(x):
    """Return a tensor as an array."""
    return np.asarray(current().to_numpy(x))


def furthest(y_true, y_pred):
    """A user's function."""
    return ops.max(ops.abs(y_true - y_pred), axis=-1)


# ---- mean and sum


def test_mean_of_any_shape():
    metric = metrics.Mean()
    metric.update_state(2.0)
    metric.update_state(np.array([[4.0, 6.0], [8.0, 10.0]]))
    metric.update_state([12, 14])
    assert float(metric.result()) == 8.0
    assert float(metric.total) == 56.0 and float(metric.count) == 7.0


def test_mean_with_weights_of_rows():
    metric = metrics.Mean()
    metric.update_state(np.array([[1.0, 3.0], [5.0, 7.0]]), sample_weight=np.array([1.0, 0.0]))
    assert float(metric.result()) == 2.0
    with pytest.raises(ShapeError) as error:
        metric.update_state(np.ones((2, 3)), sample_weight=np.ones(3))
    assert str(error.value) == (
        "Mean: `sample_weight` must have the shape (2, 3) of the weighted values or its leading axes. "
        "Received: sample_weight.shape=(3,). Give one number for each row, shape (batch,)."
    )


def test_sum():
    metric = metrics.Sum()
    metric.update_state(np.array([1.0, 3.0]), sample_weight=np.array([2.0, 1.0]))
    metric.update_state(5.0)
    assert float(metric.result()) == 10.0


# ---- shapes


@pytest.mark.parametrize(
    "name", ["MeanSquaredError", "BinaryAccuracy", "BinaryCrossentropy", "RootMeanSquaredError"]
)
def test_labels_without_the_last_axis_pair_row_by_row(name):
    y_true, y_pred = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.6, 0.3, 0.9])
    values = []
    for shapes in ((4,), (4,)), ((4,), (4, 1)), ((4, 1), (4,)), ((4, 1), (4, 1)):
        metric = getattr(metrics, name)()
        weights = np.array([1.0, 2.0, 0.5, 0.0])
        metric.update_state(
            y_true.reshape(shapes[0]), y_pred.reshape(shapes[1]), sample_weight=weights
        )
        values.append(float(metric.result()))
    assert values == pytest.approx([values[0]] * 4)


def test_rows_of_one_axis_count_one_each():
    """A batch of one row must not weigh as much as one of three."""
    metric = metrics.MeanSquaredError()
    metric.update_state(np.zeros(3), np.ones(3))
    metric.update_state(np.zeros(1), np.full(1, 3.0))
    assert float(metric.result()) == 3.0


@pytest.mark.parametrize(
    "name", [name for name in CLASSES if name not in ("Mean", "Sum") and "Sparse" not in name]
)
@pytest.mark.parametrize("shapes", [((3, 4), (3, 1)), ((3,), (3, 4)), ((4, 4), (3, 4))])
def test_batches_never_broadcast(name, shapes):
    metric = getattr(metrics, name)(**NEEDED.get(name, {}))
    shapes = [(*shape, 3) for shape in shapes] if name.startswith("OneHot") else shapes
    with pytest.raises(ShapeError, match=r"y_true\.shape="):
        metric.update_state(np.ones(shapes[0]), np.full(shapes[1], 0.5))


@pytest.mark.parametrize("name", ["SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy"])
def test_one_hot_labels_are_refused_by_sparse_metrics(name):
    with pytest.raises(
        ShapeError, match="One-hot labels need the loss or metric without `sparse` in its name"
    ):
        getattr(metrics, name)().update_state(np.eye(3), np.eye(3))


@pytest.mark.parametrize(
    ("make", "y_true", "y_pred", "text"),
    [
        (
            metrics.F1Score,
            np.ones(3),
            np.ones(3),
            "F1Score: labels and predictions must have the shape (batch, classes). Received: y_pred.shape=(3,).",
        ),
        (
            lambda: metrics.AUC(multi_label=True, num_labels=2),
            np.ones((3, 4)),
            np.ones((3, 4)),
            "AUC: predictions must have the shape (batch, 2). Received: y_pred.shape=(3, 4).",
        ),
        (
            lambda: metrics.AUC(label_weights=[1.0, 2.0]),
            np.ones((3, 4)),
            np.ones((3, 4)),
            "AUC: `label_weights` of 2 labels need predictions of the shape (batch, 2). Received: y_pred.shape=(3, 4).",
        ),
        (
            lambda: metrics.Precision(class_id=4),
            np.ones((3, 4)),
            np.ones((3, 4)),
            "Precision: `class_id` 4 needs predictions of the shape (batch, classes) with more than 4 classes. "
            "Received: y_pred.shape=(3, 4).",
        ),
        (
            lambda: metrics.Recall(top_k=5),
            np.ones((3, 4)),
            np.ones((3, 4)),
            "Recall: `top_k` must be at most the number of classes, 4. Received: top_k=5.",
        ),
        (
            lambda: metrics.MeanIoU(num_classes=4),
            np.ones(3),
            np.ones((3, 4)),
            "MeanIoU: `y_true` and `y_pred` must be class numbers of one shape. Received: y_true.shape=(3,), "
            "y_pred.shape=(3, 4). Set `sparse_y_true` or `sparse_y_pred` to False where it is one-hot or scores.",
        ),
    ],
)
def test_shapes_that_do_not_fit(make, y_true, y_pred, text):
    with pytest.raises(ShapeError) as error:
        make().update_state(y_true, y_pred)
    assert str(error.value) == text


def test_another_number_of_outputs_is_refused():
    for metric in (metrics.R2Score(), metrics.F1Score(), metrics.AUC(multi_label=True)):
        metric.update_state(np.ones((3, 2)), np.ones((3, 2)))
        with pytest.raises(
            ShapeError, match=r"must have the shape \(batch, 2\). Received: y_pred.shape=\(3, 4\)"
        ):
            metric.update_state(np.ones((3, 4)), np.ones((3, 4)))


# ---- user's own


class Positives(metrics.Metric):
    """Counts labels, in a variable, a nested metric and a list."""

    def __init__(self, factor=1.0, name="positives", **kwargs):
        super().__init__(name=name, **kwargs)
        self.factor = factor
        self.seen = self.add_variable(shape=(), initializer="zeros", name="seen")
        self.inner = metrics.Mean()
        self.more = [metrics.Sum()]
        self.weight = self.add_weight(name="weight")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen.assign_add(ops.sum(ops.cast(y_true, self.dtype)))
        self.inner.update_state(y_true)
        self.more[0].update_state(y_true)
        self.weight.assign(self.weight + 1.0)

    def result(self):
        return {"seen": self.factor * self.seen, "mean": self.inner.result()}


def test_subclass():
    metric = Positives(factor=2.0)
    assert metric(np.array([1, 0, 1]), None).keys() == {"seen", "mean"}
    assert float(metric.result()["seen"]) == 4.0
    assert float(metric.result()["mean"]) == pytest.approx(2 / 3)
    assert len(metric.variables) == len({id(variable) for variable in metric.variables})
    owned = [metric.seen, metric.weight, *metric.inner.variables, *metric.more[0].variables]
    assert {id(variable) for variable in metric.variables} == {id(variable) for variable in owned}
    metric.reset_state()
    assert float(metric.result()["seen"]) == 0.0 and float(metric.weight) == 0.0
    assert metric.get_config() == {"factor": 2.0, "name": "positives", "dtype": None}
    assert not metric.row_independent


def test_variables_without_an_attribute_are_found():
    class Hidden(metrics.Metric):
        def __init__(self):
            super().__init__()
            self.add_weight(shape=(2,), initializer="ones")

    assert [variable.shape for variable in Hidden().variables] == [(2,)]


def test_base_class_asks_for_methods():
    with pytest.raises(NotImplementedError, match="Metric: a metric must define `update_state`"):
        metrics.Metric().update_state()
    with pytest.raises(NotImplementedError, match="Metric: a metric must define `result`"):
        metrics.Metric().result()


def test_subclass_that_computes_something_else_is_not_row_independent():
    class Largest(metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(ops.max(y_pred))

    class Renamed(metrics.Mean):
        pass

    assert not Largest.row_independent and Renamed.row_independent


def test_copies_have_their_own_state():
    metric = metrics.Mean()
    metric.update_state(3.0)
    twin = copy.deepcopy(metric)
    twin.update_state(5.0)
    assert float(metric.result()) == 3.0 and float(twin.result()) == 4.0


def test_loss_object_as_a_metric_is_not_a_mean_of_means():
    metric = MeanMetricWrapper(losses.MeanSquaredError())
    metric.update_state(np.zeros((3, 2)), np.ones((3, 2)))
    metric.update_state(np.zeros((1, 2)), np.full((1, 2), 3.0))
    assert float(metric.result()) == 3.0
    assert metric.name == "mean_squared_error" and metric.row_independent


def test_direction_for_callbacks():
    for name in CLASSES:
        if name not in ("Mean", "Sum"):
            assert getattr(metrics, name)._direction in ("up", "down"), name
    assert metrics.AUC._direction == "up" and metrics.MeanSquaredError._direction == "down"


# ---- names

ALIASES = {
    "mse": "MeanSquaredError",
    "MSE": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "MAE": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "MAPE": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "MSLE": "MeanSquaredLogarithmicError",
    "bce": "BinaryCrossentropy",
    "BCE": "BinaryCrossentropy",
    "accuracy": "Accuracy",
    "auc": "AUC",
    "f1_score": "F1Score",
    "f_beta_score": "FBetaScore",
    "r2_score": "R2Score",
    "log_cosh_error": "LogCoshError",
    "binary_accuracy": "BinaryAccuracy",
    "cosine_similarity": "CosineSimilarity",
    "kl_divergence": "KLDivergence",
}


@pytest.mark.parametrize("name", ALIASES)
def test_names(name):
    assert type(metrics.get(name)) is getattr(metrics, ALIASES[name])


def test_names_of_losses_are_metrics_too():
    metric = metrics.get("huber")
    assert isinstance(metric, MeanMetricWrapper) and metric.name == "huber"
    metric.update_state(np.zeros((2, 1)), np.full((2, 1), 2.0))
    assert float(metric.result()) == 1.5


def test_automatic_names():
    first, second = metrics.AUC(), metrics.AUC()
    assert (first.name, second.name) == ("auc", "auc_1")
    assert metrics.IoU(2, [0]).name == "io_u" and metrics.Precision().name == "precision"


@pytest.mark.parametrize("name", CLASSES)
def test_classes_round_trip(name):
    metric = getattr(metrics, name)(**NEEDED.get(name, {}))
    description = metrics.serialize(metric)
    assert description["module"] == "keras.metrics" and description["class_name"] == name
    twin = metrics.deserialize(description)
    assert type(twin) is type(metric) and twin.get_config() == metric.get_config()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_round_trip_inside_a_wrapper(name):
    function = getattr(metrics, name)
    assert metrics.get(function) is function
    wrapped = MeanMetricWrapper(function)
    assert wrapped.name == name and wrapped.row_independent
    twin = metrics.deserialize(metrics.serialize(wrapped))
    assert twin._fn is function


def test_arguments_survive_the_round_trip():
    metric = metrics.AUC(
        curve="PR", thresholds=[0.2, 0.7], multi_label=True, num_labels=2, label_weights=[1.0, 3.0]
    )
    twin = metrics.deserialize(metrics.serialize(metric))
    assert (
        twin.thresholds == metric.thresholds
        and twin.curve == "PR"
        and twin.label_weights == [1.0, 3.0]
    )
    wrapped = MeanMetricWrapper(metrics.binary_accuracy, name="high", threshold=0.9)
    twin = metrics.deserialize(metrics.serialize(wrapped))
    twin.update_state(np.array([1.0]), np.array([0.8]))
    assert twin.name == "high" and float(twin.result()) == 0.0


def test_users_functions_round_trip():
    wrapped = MeanMetricWrapper(furthest)
    twin = metrics.deserialize(metrics.serialize(wrapped), custom_objects={"furthest": furthest})
    assert twin._fn is furthest and twin.name == "furthest" and not twin.row_independent


def test_files_of_keras_are_understood():
    description = {
        "module": "keras.metrics",
        "class_name": "Precision",
        "config": {
            "name": "precision",
            "dtype": "float32",
            "thresholds": None,
            "top_k": 3,
            "class_id": None,
        },
        "registered_name": None,
    }
    assert metrics.deserialize(description).top_k == 3


def test_unknown_names():
    with pytest.raises(ValueError) as error:
        metrics.get("acuracy")
    assert (
        str(error.value) == "metric: name is unknown. Received: 'acuracy'. Did you mean 'accuracy'?"
    )
    with pytest.raises(
        TypeError, match=r"metric: must be a name, a function, a class or an object. Received: 3"
    ):
        metrics.get(3)


# ---- what compile accepts

ACCURACIES = [
    ((None, 1), (None, 1), "binary"),
    ((None,), (None, 1), "binary"),
    ((None,), (None,), "binary"),
    ((None, 3), (None, 3), "categorical"),
    ((None, 1), (None, 3), "sparse_categorical"),
    ((None,), (None, 3), "sparse_categorical"),
    ((None, 7), (None, 7, 3), "sparse_categorical"),
    ((None, 7, 1), (None, 7, 3), "sparse_categorical"),
    ((None, 7, 3), (None, 7, 3), "categorical"),
]


@pytest.mark.parametrize(("true_shape", "pred_shape", "kind"), ACCURACIES)
@pytest.mark.parametrize("identifier", ["acc", "accuracy", "Accuracy", "ce", "crossentropy"])
def test_accuracy_and_crossentropy_follow_the_shapes(identifier, true_shape, pred_shape, kind):
    metric = metrics.as_metric(identifier, true_shape, pred_shape)
    rest = "accuracy" if identifier.lower().startswith("acc") else "crossentropy"
    assert metric._fn.__name__ == f"{kind}_{rest}"
    assert metric.name == identifier


def test_crossentropy_takes_logits_from_the_loss():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = metrics.as_metric("ce", (None,), (None, 3), loss)
    logits = np.array([[5.0, 1.0, -2.0]])
    metric.update_state(np.array([1]), logits)
    assert float(metric.result()) == pytest.approx(float(loss(np.array([1]), logits)))


def test_unknown_shape_of_labels_is_told_by_the_loss():
    sparse = metrics.as_metric("acc", None, (None, 3), losses.SparseCategoricalCrossentropy())
    dense = metrics.as_metric("acc", None, (None, 3), losses.CategoricalCrossentropy())
    assert (
        sparse._fn is metrics.sparse_categorical_accuracy
        and dense._fn is metrics.categorical_accuracy
    )
    with pytest.raises(ValueError, match="the shape of the predictions must be known"):
        metrics.as_metric("acc", None, None)


@pytest.mark.parametrize("identifier", ["mae", "MAE", "mean_absolute_error", "MeanAbsoluteError"])
def test_display_name_is_the_name_given(identifier):
    metric = metrics.as_metric(identifier, (None, 1), (None, 1))
    assert type(metric) is metrics.MeanAbsoluteError and metric.name == identifier


def test_what_else_compile_accepts():
    shapes = (None, 2), (None, 2)
    given = metrics.MeanSquaredError(name="mine")
    assert metrics.as_metric(given, *shapes) is given and given.name == "mine"
    assert metrics.as_metric(None, *shapes) is None
    assert metrics.as_metric(furthest, *shapes).name == "furthest"
    assert not metrics.as_metric(furthest, *shapes).row_independent
    assert metrics.as_metric(lambda y_true, y_pred: y_pred, *shapes).name == "lambda"
    assert metrics.as_metric(metrics.AUC, *shapes).name == "auc"
    assert metrics.as_metric(losses.mean_squared_error, *shapes).name == "mean_squared_error"
    assert metrics.as_metric(losses.Huber(), *shapes).name == "huber_loss"
    assert metrics.as_metric("kld", *shapes).name == "kld"
    assert metrics.as_metric(metrics.serialize(given), *shapes).name == "mine"


def test_state_that_depends_on_shapes_is_made_at_once():
    for metric in (metrics.F1Score(), metrics.R2Score(), metrics.AUC(multi_label=True)):
        before = len(metric.variables)
        metrics.as_metric(metric, (None, 4), (None, 4))
        after = len(metric.variables)
        assert after > before
        metric.update_state(np.eye(4), np.eye(4))
        assert len(metric.variables) == after


# ---- arguments


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: metrics.Precision(thresholds=1.5),
            "Precision: `thresholds` must be numbers between 0 and 1. Received: thresholds=1.5.",
        ),
        (
            lambda: metrics.TruePositives(thresholds=[]),
            "TruePositives: `thresholds` must be numbers between 0 and 1. Received: thresholds=[].",
        ),
        (
            lambda: metrics.Recall(top_k=0),
            "Recall: `top_k` must be an integer >= 1. Received: top_k=0.",
        ),
        (
            lambda: metrics.Recall(class_id=-1),
            "Recall: `class_id` must be an integer >= 0. Received: class_id=-1.",
        ),
        (
            lambda: metrics.AUC(curve="roc"),
            "AUC: `curve` must be one of 'ROC', 'PR', 'PRGAIN'. Received: curve='roc'.",
        ),
        (
            lambda: metrics.AUC(summation_method="minorin"),
            "AUC: `summation_method` must be one of 'interpolation', 'minoring', 'majoring'. "
            "Received: summation_method='minorin'. Did you mean 'minoring'?",
        ),
        (
            lambda: metrics.AUC(num_thresholds=1),
            "AUC: `num_thresholds` must be an integer >= 2. Received: num_thresholds=1.",
        ),
        (
            lambda: metrics.AUC(num_labels=3),
            "AUC: `num_labels` needs `multi_label=True`. Received: num_labels=3, multi_label=False.",
        ),
        (
            lambda: metrics.PrecisionAtRecall(1.2),
            "PrecisionAtRecall: `recall` must be a number between 0 and 1. Received: recall=1.2.",
        ),
        (
            lambda: metrics.TopKCategoricalAccuracy(k=0),
            "TopKCategoricalAccuracy: `k` must be an integer >= 1. Received: k=0.",
        ),
        (
            lambda: metrics.BinaryAccuracy(threshold=2),
            "BinaryAccuracy: `threshold` must be a number between 0 and 1. Received: threshold=2.",
        ),
        (
            lambda: metrics.F1Score(average="mean"),
            "F1Score: `average` must be one of None, 'micro', 'macro', 'weighted'. Received: average='mean'.",
        ),
        (
            lambda: metrics.FBetaScore(beta=0),
            "FBetaScore: `beta` must be a number > 0. Received: beta=0.",
        ),
        (
            lambda: metrics.R2Score(num_regressors=-1),
            "R2Score: `num_regressors` must be an integer >= 0. Received: num_regressors=-1.",
        ),
        (
            lambda: metrics.MeanIoU(num_classes=1),
            "MeanIoU: `num_classes` must be an integer >= 2. Received: num_classes=1.",
        ),
        (
            lambda: metrics.IoU(num_classes=2, target_class_ids=[2]),
            "IoU: `target_class_ids` must be a list of integers in [0, 2). Received: target_class_ids=[2].",
        ),
        (
            lambda: MeanMetricWrapper("mse"),
            "MeanMetricWrapper: `fn` must be a function of y_true and y_pred. Received: fn='mse'.",
        ),
    ],
)
def test_arguments_out_of_range(make, text):
    with pytest.raises((ValueError, TypeError)) as error:
        make()
    assert str(error.value) == text
