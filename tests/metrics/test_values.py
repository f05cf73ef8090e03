"""Every metric against scikit-learn or slow NumPy in float64, over uneven batches, weighted, masked, compiled."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from hornpipe import metrics, ops
from hornpipe.core import masking
from hornpipe.core.scope import Scope
from hornpipe.engine import current, use
from hornpipe.engine import shapes as shapes_engine

_random = np.random.default_rng(11)
ROWS = 23
BATCHES = (slice(0, 11), slice(11, 22), slice(22, 23))


def _softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


A, B = _random.normal(size=(ROWS, 3)), _random.normal(size=(ROWS, 3))
BITS = (_random.random((ROWS, 3)) > 0.5).astype(float)
SHARES = np.round(1 / (1 + np.exp(-(BITS + 0.7 * B))), 2)
SHARES[np.isin(SHARES, (0.3, 0.5, 0.7))] += 0.005  # no prediction on a threshold
CLASSES = _random.integers(0, 3, ROWS)
CLASSES[:3] = (0, 1, 2)
ONE_HOT, P = np.eye(3)[CLASSES], _softmax(B + 0.8 * np.eye(3)[CLASSES])
GUESS = P.argmax(-1)
WEIGHTS = _random.random(ROWS) + 0.1
ONES = np.ones(ROWS)


def weighted(values):
    """Return the formula of a weighted mean over rows of what `values(y_true, y_pred)` gives."""
    return lambda t, p, w: np.average(values(t, p).reshape(len(t), -1).mean(-1), weights=w)


def per_column(score):
    """Return the formula that applies a scikit-learn score to each column."""
    return lambda t, p, w: np.array(
        [score(t[:, i], p[:, i], sample_weight=w) for i in range(t.shape[1])]
    )


def flat(score):
    """Return the formula that applies a scikit-learn score to all elements."""
    return lambda t, p, w: score(t.ravel(), p.ravel(), sample_weight=np.repeat(w, t[0].size))


def counts(t, p, w, threshold):
    """Return weights of true positives, false positives, true negatives, false negatives."""
    w, up, yes = np.broadcast_to(w[:, None], t.shape), p > threshold, t == 1
    return [w[mask].sum() for mask in (yes & up, ~yes & up, ~yes & ~up, yes & ~up)]


def ratio(a, b):
    """Return a / b, 0 for b == 0."""
    return a / b if b else 0.0


def rates(t, p, w, thresholds):
    """Return sensitivity, specificity and precision at each threshold."""
    rows = [counts(t, p, w, threshold) for threshold in thresholds]
    return np.array(
        [(ratio(tp, tp + fn), ratio(tn, tn + fp), ratio(tp, tp + fp)) for tp, fp, tn, fn in rows]
    ).T


EVEN = np.r_[-1e-7, np.arange(1, 199) / 199, 1 + 1e-7]


def best(report, held, value):
    """Return the formula of the highest rate number `report` where rate number `held` is at least `value`."""

    def formula(t, p, w):
        table = rates(t, p, w, EVEN)
        reached = table[held] >= value
        return table[report][reached].max() if reached.any() else 0.0

    return formula


def auc_of_points(x, y, how):
    """Return the area under points with falling x."""
    heights = {"interpolation": (y[1:] + y[:-1]) / 2, "minoring": np.minimum(y[1:], y[:-1])}
    heights["majoring"] = np.maximum(y[1:], y[:-1])
    return ((x[:-1] - x[1:]) * heights[how]).sum()


def pr_area(t, p, w):
    """Integrate precision over recall with true and false positives linear between thresholds, in many small steps."""
    rows = np.array([counts(t, p, w, threshold) for threshold in EVEN])
    tp, fp, positives = rows[:, 0], rows[:, 1], rows[0, 0] + rows[0, 3]
    area = 0.0
    for i in range(len(EVEN) - 1):
        if tp[i] == tp[i + 1]:
            continue
        share = (np.arange(4000) + 0.5) / 4000
        hits = tp[i + 1] + share * (tp[i] - tp[i + 1])
        all_found = hits + fp[i + 1] + share * (fp[i] - fp[i + 1])
        area += (hits / all_found).mean() * (tp[i] - tp[i + 1]) / positives
    return area


def iou(t, p, w, classes):
    """Return the mean IoU of classes."""
    matrix = sklearn.metrics.confusion_matrix(t, p, labels=range(3), sample_weight=w)
    both = np.diag(matrix)
    return (both / (matrix.sum(0) + matrix.sum(1) - both))[classes].mean()


def lin(t, p):
    """Return the concordance of each row."""
    covariance = ((t - t.mean(-1, keepdims=True)) * (p - p.mean(-1, keepdims=True))).mean(-1)
    return 2 * covariance / (t.var(-1) + p.var(-1) + (t.mean(-1) - p.mean(-1)) ** 2)


def adjusted(t, p, w):
    """Return R2 of one output adjusted for two inputs."""
    score = sklearn.metrics.r2_score(t, p, sample_weight=w)
    return 1 - (1 - score) * (ROWS - 1) / (ROWS - 3)


def top(t, p, k):
    """Return whether the class is among the k largest."""
    return np.array(
        [label in np.argsort(-row)[:k] for label, row in zip(t, p, strict=True)], dtype=float
    )


def fbeta(average, beta, threshold):
    """Return the formula of scikit-learn's F-score."""

    def formula(t, p, w):
        up = p > threshold if threshold is not None else np.eye(3)[p.argmax(-1)]
        options = {"average": average, "sample_weight": w, "zero_division": 0}
        return sklearn.metrics.fbeta_score(t.astype(int), up.astype(int), beta=beta, **options)

    return formula


def crossentropy(t, p):
    """Return binary cross-entropy."""
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


SK = sklearn.metrics
CASES = [
    ("MeanSquaredError", {}, A, B, lambda t, p, w: SK.mean_squared_error(t, p, sample_weight=w)),
    (
        "RootMeanSquaredError",
        {},
        A,
        B,
        lambda t, p, w: np.sqrt(SK.mean_squared_error(t, p, sample_weight=w)),
    ),
    ("MeanAbsoluteError", {}, A, B, lambda t, p, w: SK.mean_absolute_error(t, p, sample_weight=w)),
    (
        "MeanAbsolutePercentageError",
        {},
        A,
        B,
        lambda t, p, w: 100 * SK.mean_absolute_percentage_error(t, p, sample_weight=w),
    ),
    (
        "MeanSquaredLogarithmicError",
        {},
        np.abs(A),
        np.abs(B),
        lambda t, p, w: SK.mean_squared_log_error(t, p, sample_weight=w),
    ),
    ("LogCoshError", {}, A, B, weighted(lambda t, p: np.log(np.cosh(t - p)))),
    (
        "CosineSimilarity",
        {},
        A,
        B,
        weighted(
            lambda t, p: (t * p).sum(-1) / np.linalg.norm(t, axis=-1) / np.linalg.norm(p, axis=-1)
        ),
    ),
    (
        "PearsonCorrelation",
        {},
        A,
        B,
        weighted(
            lambda t, p: np.array(
                [scipy.stats.pearsonr(a, b)[0] for a, b in zip(t, p, strict=True)]
            )
        ),
    ),
    ("ConcordanceCorrelation", {}, A, B, weighted(lin)),
    ("R2Score", {}, A, B, lambda t, p, w: SK.r2_score(t, p, sample_weight=w)),
    (
        "R2Score",
        {"class_aggregation": None},
        A,
        B,
        lambda t, p, w: SK.r2_score(t, p, sample_weight=w, multioutput="raw_values"),
    ),
    (
        "R2Score",
        {"class_aggregation": "variance_weighted_average"},
        A,
        B,
        lambda t, p, w: SK.r2_score(t, p, sample_weight=w, multioutput="variance_weighted"),
    ),
    ("R2Score", {"num_regressors": 2}, A[:, :1], B[:, :1], adjusted),
    ("R2Score", {}, A[:, 0], B[:, 0], lambda t, p, w: SK.r2_score(t, p, sample_weight=w)),
    ("BinaryCrossentropy", {}, BITS, SHARES, weighted(crossentropy)),
    (
        "BinaryCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        BITS,
        B,
        weighted(lambda t, p: crossentropy(t * 0.9 + 0.05, 1 / (1 + np.exp(-p)))),
    ),
    (
        "CategoricalCrossentropy",
        {},
        ONE_HOT,
        P,
        lambda t, p, w: SK.log_loss(t.argmax(-1), p, sample_weight=w),
    ),
    (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.3},
        ONE_HOT,
        B,
        weighted(lambda t, p: 3 * -(t * 0.7 + 0.1) * np.log(_softmax(p))),
    ),
    (
        "SparseCategoricalCrossentropy",
        {},
        CLASSES,
        P,
        lambda t, p, w: SK.log_loss(t, p, sample_weight=w, labels=range(3)),
    ),
    (
        "SparseCategoricalCrossentropy",
        {"ignore_class": 1},
        CLASSES,
        P,
        lambda t, p, w: np.average(-np.log(p[np.arange(ROWS), t]), weights=w * (t != 1)),
    ),
    ("KLDivergence", {}, _softmax(A), P, weighted(lambda t, p: 3 * t * np.log(t / p))),
    ("Poisson", {}, np.abs(A), np.abs(B), weighted(lambda t, p: p - t * np.log(p + 1e-7))),
    ("Hinge", {}, 2 * BITS - 1, B, flat(SK.hinge_loss)),
    ("SquaredHinge", {}, 2 * BITS - 1, B, weighted(lambda t, p: np.maximum(1 - t * p, 0) ** 2)),
    (
        "CategoricalHinge",
        {},
        ONE_HOT,
        B,
        weighted(lambda t, p: np.maximum(((1 - t) * p).max(-1) - (t * p).sum(-1) + 1, 0)),
    ),
    ("Accuracy", {}, CLASSES, GUESS, lambda t, p, w: SK.accuracy_score(t, p, sample_weight=w)),
    (
        "BinaryAccuracy",
        {},
        BITS,
        SHARES,
        flat(lambda t, p, **k: SK.accuracy_score(t, p > 0.5, **k)),
    ),
    (
        "BinaryAccuracy",
        {"threshold": 0.7},
        BITS,
        SHARES,
        flat(lambda t, p, **k: SK.accuracy_score(t, p > 0.7, **k)),
    ),
    (
        "CategoricalAccuracy",
        {},
        ONE_HOT,
        P,
        lambda t, p, w: SK.accuracy_score(t.argmax(-1), p.argmax(-1), sample_weight=w),
    ),
    (
        "SparseCategoricalAccuracy",
        {},
        CLASSES[:, None],
        P,
        lambda t, p, w: SK.accuracy_score(t[:, 0], p.argmax(-1), sample_weight=w),
    ),
    (
        "TopKCategoricalAccuracy",
        {"k": 2},
        ONE_HOT,
        P,
        weighted(lambda t, p: top(t.argmax(-1), p, 2)),
    ),
    ("TopKCategoricalAccuracy", {}, ONE_HOT, P, lambda t, p, w: 1.0),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2},
        CLASSES,
        P,
        lambda t, p, w: SK.top_k_accuracy_score(t, p, k=2, sample_weight=w, labels=range(3)),
    ),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        CLASSES,
        np.argsort(-P, axis=-1),
        weighted(lambda t, p: (p[:, :2] == t[:, None]).any(-1).astype(float)),
    ),
    ("TruePositives", {}, BITS, SHARES, lambda t, p, w: counts(t, p, w, 0.5)[0]),
    ("FalsePositives", {"thresholds": 0.3}, BITS, SHARES, lambda t, p, w: counts(t, p, w, 0.3)[1]),
    (
        "TrueNegatives",
        {"thresholds": [0.7, 0.3]},
        BITS,
        SHARES,
        lambda t, p, w: [counts(t, p, w, threshold)[2] for threshold in (0.7, 0.3)],
    ),
    (
        "FalseNegatives",
        {"thresholds": [0.7, 0.3, 0.5]},
        BITS,
        SHARES,
        lambda t, p, w: [counts(t, p, w, threshold)[3] for threshold in (0.7, 0.3, 0.5)],
    ),
    ("Precision", {}, BITS, SHARES, flat(lambda t, p, **k: SK.precision_score(t, p > 0.5, **k))),
    (
        "Recall",
        {"thresholds": 0.3},
        BITS,
        SHARES,
        flat(lambda t, p, **k: SK.recall_score(t, p > 0.3, **k)),
    ),
    (
        "Precision",
        {"class_id": 1},
        BITS,
        SHARES,
        lambda t, p, w: SK.precision_score(t[:, 1], p[:, 1] > 0.5, sample_weight=w),
    ),
    (
        "Recall",
        {"top_k": 2},
        ONE_HOT,
        P,
        lambda t, p, w: SK.top_k_accuracy_score(t.argmax(-1), p, k=2, sample_weight=w),
    ),
    (
        "Precision",
        {"top_k": 2},
        ONE_HOT,
        P,
        lambda t, p, w: SK.top_k_accuracy_score(t.argmax(-1), p, k=2, sample_weight=w) / 2,
    ),
    (
        "Recall",
        {"top_k": 1, "class_id": 2},
        ONE_HOT,
        P,
        lambda t, p, w: SK.recall_score(t[:, 2], p.argmax(-1) == 2, sample_weight=w),
    ),
    ("AUC", {"num_thresholds": 2001}, BITS, SHARES, flat(SK.roc_auc_score)),
    (
        "AUC",
        {"num_thresholds": 2001, "multi_label": True},
        BITS,
        SHARES,
        lambda t, p, w: per_column(SK.roc_auc_score)(t, p, w).mean(),
    ),
    (
        "AUC",
        {
            "num_thresholds": 2001,
            "multi_label": True,
            "num_labels": 3,
            "label_weights": [1.0, 2.0, 5.0],
        },
        BITS,
        SHARES,
        lambda t, p, w: np.average(per_column(SK.roc_auc_score)(t, p, w), weights=[1, 2, 5]),
    ),
    (
        "AUC",
        {"label_weights": [1.0, 2.0, 5.0], "num_thresholds": 2001},
        BITS,
        SHARES,
        lambda t, p, w: SK.roc_auc_score(
            t.ravel(), p.ravel(), sample_weight=np.outer(w, [1, 2, 5]).ravel()
        ),
    ),
    (
        "AUC",
        {"curve": "PR", "summation_method": "minoring"},
        BITS,
        SHARES,
        lambda t, p, w: auc_of_points(*rates(t, p, w, EVEN)[[0, 2]], "minoring"),
    ),
    ("AUC", {"curve": "PR"}, BITS, SHARES, pr_area),
    (
        "AUC",
        {"thresholds": [0.7, 0.3], "from_logits": True, "summation_method": "majoring"},
        BITS,
        np.log(SHARES / (1 - SHARES)),
        lambda t, p, w: auc_of_points(
            1 - rates(t, 1 / (1 + np.exp(-p)), w, [-1, 0.3, 0.7, 2])[1],
            rates(t, 1 / (1 + np.exp(-p)), w, [-1, 0.3, 0.7, 2])[0],
            "majoring",
        ),
    ),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, BITS, SHARES, best(0, 1, 0.6)),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6}, BITS, SHARES, best(1, 0, 0.6)),
    ("PrecisionAtRecall", {"recall": 0.6}, BITS, SHARES, best(2, 0, 0.6)),
    ("RecallAtPrecision", {"precision": 0.7}, BITS, SHARES, best(0, 2, 0.7)),
    ("F1Score", {"threshold": 0.5}, BITS, SHARES, fbeta(None, 1.0, 0.5)),
    ("F1Score", {"average": "macro"}, ONE_HOT, P, fbeta("macro", 1.0, None)),
    (
        "FBetaScore",
        {"average": "micro", "beta": 2.0, "threshold": 0.3},
        BITS,
        SHARES,
        fbeta("micro", 2.0, 0.3),
    ),
    ("FBetaScore", {"average": "weighted", "beta": 0.5}, ONE_HOT, P, fbeta("weighted", 0.5, None)),
    (
        "IoU",
        {"num_classes": 3, "target_class_ids": [0, 2]},
        CLASSES,
        GUESS,
        lambda t, p, w: iou(t, p, w, [0, 2]),
    ),
    ("MeanIoU", {"num_classes": 3}, CLASSES, GUESS, lambda t, p, w: iou(t, p, w, [0, 1, 2])),
    (
        "MeanIoU",
        {"num_classes": 3, "ignore_class": 1},
        CLASSES,
        GUESS,
        lambda t, p, w: iou(t, p, w * (t != 1), [0, 1, 2]),
    ),
    (
        "OneHotIoU",
        {"num_classes": 3, "target_class_ids": [1]},
        ONE_HOT,
        P,
        lambda t, p, w: iou(t.argmax(-1), p.argmax(-1), w, [1]),
    ),
    (
        "OneHotMeanIoU",
        {"num_classes": 3},
        ONE_HOT,
        P,
        lambda t, p, w: iou(t.argmax(-1), p.argmax(-1), w, [0, 1, 2]),
    ),
    (
        "BinaryIoU",
        {"target_class_ids": [1], "threshold": 0.3},
        BITS,
        SHARES,
        flat(lambda t, p, **k: SK.jaccard_score(t, p >= 0.3, **k)),
    ),
]
IDS = [f"{name}-{number}" for number, (name, *_) in enumerate(CASES)]
each_case = pytest.mark.parametrize(
    ("name", "options", "y_true", "y_pred", "formula"), CASES, ids=IDS
)


def to_numpy(x):
    """Return a tensor as a float64 array."""
    return np.asarray(current().to_numpy(x), dtype="float64")


def tensor(x):
    """Return an array as a tensor, floats in float32."""
    return ops.convert_to_tensor(x.astype("float32") if x.dtype == np.float64 else x)


def assert_close(value, expected):
    """Compare a metric's result with a number of float64."""
    np.testing.assert_allclose(to_numpy(value), expected, rtol=3e-5, atol=3e-6)


def test_every_class_has_a_case():
    classes = {name for name in metrics.__all__ if name[0].isupper()}
    assert classes - {name for name, *_ in CASES} == {"Mean", "MeanMetricWrapper", "Metric", "Sum"}


@each_case
def test_uneven_batches_give_the_value_over_all_rows(name, options, y_true, y_pred, formula):
    metric = getattr(metrics, name)(**options)
    for rows in BATCHES:
        metric.update_state(y_true[rows], y_pred[rows])
    assert_close(metric.result(), formula(y_true, y_pred, ONES))


@each_case
def test_weights(name, options, y_true, y_pred, formula):
    metric = getattr(metrics, name)(**options)
    for rows in BATCHES:
        metric.update_state(y_true[rows], y_pred[rows], sample_weight=WEIGHTS[rows])
    assert_close(metric.result(), formula(y_true, y_pred, WEIGHTS))


@each_case
def test_rows_of_weight_0_change_nothing(name, options, y_true, y_pred, formula):
    metric = getattr(metrics, name)(**options)
    assert type(metric).row_independent is True and metric.row_independent is True
    for rows in BATCHES:
        fill = 11 - len(y_true[rows])
        batch = [np.concatenate([x[rows], x[:fill]]) for x in (y_true, y_pred)]
        metric.update_state(*batch, sample_weight=np.concatenate([WEIGHTS[rows], np.zeros(fill)]))
    assert_close(metric.result(), formula(y_true, y_pred, WEIGHTS))


@each_case
def test_reset_and_call(name, options, y_true, y_pred, formula):
    metric = getattr(metrics, name)(**options)
    metric.update_state(y_true[:11], y_pred[:11])
    metric.reset_state()
    assert not any(to_numpy(variable.value).any() for variable in metric.variables)
    values = [metric(y_true[rows], y_pred[rows]) for rows in BATCHES]
    assert_close(values[-1], formula(y_true, y_pred, ONES))


@each_case
def test_compiled_steps(name, options, y_true, y_pred, formula):
    metric = getattr(metrics, name)(**options)
    metric.build(y_true.shape, y_pred.shape)
    variables = metric.variables

    def step(state, t, p, w):
        with Scope(variables, state) as scope:
            metric.update_state(t, p, sample_weight=w)
            result = metric.result()
            state = [scope.values[id(variable)] for variable in variables]
        return state, result

    compiled = current().compile(step)
    state = [variable.value for variable in variables]
    for chosen in (np.arange(ROWS) < 11, np.arange(ROWS) >= 11):
        state, result = compiled(state, tensor(y_true), tensor(y_pred), tensor(WEIGHTS * chosen))
    assert_close(result, formula(y_true, y_pred, WEIGHTS))
    assert not any(to_numpy(variable.value).any() for variable in variables), (
        "a compiled step must not touch the state"
    )


@each_case
def test_shapes_are_inferred(name, options, y_true, y_pred, formula):
    metric = getattr(metrics, name)(**options)
    metric.build((None, *y_true.shape[1:]), (None, *y_pred.shape[1:]))
    kind = "int32" if y_true.dtype == np.int64 else "float32"
    with use(shapes_engine):
        t = shapes_engine.Tensor((None, *y_true.shape[1:]), kind)
        metric.update_state(t, shapes_engine.Tensor((None, *y_pred.shape[1:])))
        result = metric.result()
    assert tuple(result.shape) == np.shape(formula(y_true, y_pred, ONES))
    assert result.dtype == "float32"


# ---- masks


MASKED = (
    "MeanSquaredError",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "Precision",
    "AUC",
    "MeanIoU",
    "Accuracy",
)


@pytest.mark.parametrize("name", MASKED)
def test_masked_rows_count_nowhere(name):
    options = {"MeanIoU": {"num_classes": 3}}.get(name, {})
    y_true, y_pred = {
        "MeanIoU": (CLASSES, GUESS),
        "Accuracy": (CLASSES, GUESS),
        "SparseCategoricalAccuracy": (CLASSES, P),
        "Precision": (BITS, SHARES),
        "AUC": (BITS, SHARES),
    }.get(name, (A, B))
    mask = _random.random(ROWS) > 0.4
    metric, reference = getattr(metrics, name)(**options), getattr(metrics, name)(**options)
    masked = tensor(y_pred) + 0
    masking.set_mask(masked, ops.convert_to_tensor(mask))
    metric.update_state(y_true, masked, sample_weight=WEIGHTS)
    reference.update_state(y_true[mask], y_pred[mask], sample_weight=WEIGHTS[mask])
    assert_close(metric.result(), to_numpy(reference.result()))


def test_mask_of_steps():
    y_true, y_pred = _random.integers(0, 3, (4, 5)), _softmax(_random.normal(size=(4, 5, 3)))
    mask = _random.random((4, 5)) > 0.3
    masked = tensor(y_pred) + 0
    masking.set_mask(masked, ops.convert_to_tensor(mask))
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state(y_true, masked)
    assert_close(metric.result(), (y_pred.argmax(-1) == y_true)[mask].mean())


# ---- edges


def test_nothing_seen_gives_0():
    for name, options, *_ in CASES:
        assert to_numpy(getattr(metrics, name)(**options).result()).max() == 0.0, name
    assert float(metrics.Mean().result()) == 0.0 and float(metrics.Sum().result()) == 0.0


def test_empty_batch_changes_nothing():
    metric = metrics.MeanSquaredError()
    metric.update_state(A, B)
    before = float(metric.result())
    metric.update_state(A[:0], B[:0])
    assert float(metric.result()) == before


def test_nan_is_not_hidden():
    metric = metrics.Mean()
    metric.update_state(np.array([1.0, np.nan]))
    assert np.isnan(float(metric.result()))


def test_nan_is_above_no_threshold():
    metric = metrics.TruePositives(thresholds=[0.0, 0.5])
    metric.update_state(np.array([1, 1]), np.array([np.nan, 0.7]))
    assert to_numpy(metric.result()).tolist() == [1.0, 1.0]


def test_predictions_on_a_threshold_are_negative():
    metric = metrics.TruePositives(thresholds=[0.25, 0.5])
    metric.update_state(np.array([1, 1]), np.array([0.25, 0.5]))
    assert to_numpy(metric.result()).tolist() == [1.0, 0.0]


def test_top_k_at_ties_and_outside():
    values = metrics.sparse_top_k_categorical_accuracy(
        np.array([2, 1, 5, 0]),
        np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.1, 0.2, 0.7], [np.nan, 0.1, 0.2]]),
        k=1,
    )
    assert to_numpy(values).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_iou_leaves_out_numbers_that_are_no_class():
    metric = metrics.MeanIoU(num_classes=2)
    metric.update_state(np.array([0, 0, 1, 1, 7, -1]), np.array([0, 1, 0, 1, 1, 0]))
    assert float(metric.result()) == pytest.approx(1 / 3)


def test_r2_of_constant_labels():
    """The rule of scikit-learn."""
    metric = metrics.R2Score(class_aggregation=None)
    metric.update_state(np.ones((3, 2)), np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 2.0]]))
    assert to_numpy(metric.result()).tolist() == [1.0, 0.0]


def test_r2_of_labels_far_from_0():
    y_true = 1e4 + A[:, 0]
    y_pred = y_true + 0.1 * B[:, 0]
    metric = metrics.R2Score()
    for rows in BATCHES:
        metric.update_state(y_true[rows], y_pred[rows])
    y_true, y_pred = y_true.astype("float32"), y_pred.astype("float32")
    assert float(metric.result()) == pytest.approx(
        sklearn.metrics.r2_score(y_true, y_pred), abs=1e-4
    )


def test_correlations_of_constant_rows_are_0():
    ones = np.ones((1, 3))
    assert to_numpy(metrics.pearson_correlation(ones, A[:1])).tolist() == [0.0]
    assert to_numpy(metrics.concordance_correlation(ones, ones)).tolist() == [0.0]


def test_precision_recall_gain():
    """Flach and Kull: gains of precision and recall at three thresholds, by hand."""
    y_true, y_pred = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    metric = metrics.AUC(curve="PRGAIN", thresholds=[0.5])
    metric.update_state(y_true, y_pred)
    # (tp, fp, fn): (2, 2, 0), (1, 1, 1), (0, 0, 2); as many positives as negatives
    recall_gain, precision_gain = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    assert float(metric.result()) == pytest.approx(
        auc_of_points(recall_gain, precision_gain, "interpolation")
    )


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
@pytest.mark.parametrize("label", [0, 1])
def test_area_with_one_kind_of_label_is_finite(curve, label):
    metric = metrics.AUC(curve=curve)
    metric.update_state(np.full(4, label), np.array([0.1, 0.4, 0.6, 0.9]))
    assert np.isfinite(float(metric.result()))


# ---- long epochs


def test_counts_beyond_2_to_the_24_are_exact():
    """Float32 counting by ones stops at 2**24."""
    metric = metrics.Mean()
    metric.count.assign(2.0**24)
    metric.total.assign(2.0**24)
    variables = metric.variables

    def step(state):
        with Scope(variables, state) as scope:
            metric.update_state(np.ones(1, dtype="float32"))
            return [scope.values[id(variable)] for variable in variables]

    compiled, state = current().compile(step), [variable.value for variable in variables]
    for _ in range(10):
        state = compiled(state)
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)
    assert float(metric.total) == float(metric.count) == 2**24 + 10
    assert float(metric.result()) == 1.0


def test_small_terms_beside_a_large_sum():
    metric = metrics.Sum()
    metric.update_state(np.array([1e8]))
    for _ in range(100):
        metric.update_state(np.array([1.0]))
    assert float(metric.result()) == pytest.approx(1e8 + 100, abs=4)


def test_short_dtypes_are_summed_in_float32():
    metric = metrics.Mean(dtype="float16")
    for _ in range(4):
        metric.update_state(np.ones(1000))
    assert float(metric.count) == 4000.0
    assert current().dtype(metric.result()) == "float16"
