"""Every loss against slow NumPy formulas in float64: values by the formula, gradients by its central differences."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from hornpipe import losses, ops
from hornpipe.core import masking
from hornpipe.engine import current

EPSILON = 1e-7
_random = np.random.default_rng(3)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def _clip(p):
    return np.clip(p, EPSILON, 1 - EPSILON)


def _binary(t, p):
    p = _clip(p)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def _smooth(t, share, classes):
    return t * (1 - share) + share / classes


def _log_sum_exp(x):
    return np.log(np.exp(x).sum(-1))


def _huber(t, p, delta=1.0):
    e = np.abs(t - p)
    return np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2).mean(-1)


def _cosine(t, p, axis=-1):
    return -(t * p).sum(axis) / np.sqrt((t**2).sum(axis) * (p**2).sum(axis))


def _focal_binary(t, p, alpha, gamma, balance):
    right = t * p + (1 - t) * (1 - p)
    out = (1 - right) ** gamma * _binary(t, p)
    return (out * (t * alpha + (1 - t) * (1 - alpha)) if balance else out).mean(-1)


def _focal(t, p, alpha, gamma):
    return (-alpha * (1 - p) ** gamma * t * np.log(p)).sum(-1)


def _overlap(t, p, alpha, beta, axis):
    hits, misses, alarms = (t * p).sum(axis), (t * (1 - p)).sum(axis), ((1 - t) * p).sum(axis)
    return 1 - (hits + EPSILON) / (hits + alpha * misses + beta * alarms + EPSILON)


def _circle(labels, x, gamma, margin, remove_diagonal, factors=None):
    """`factors` holds the embeddings whose similarities weigh; the loss does not differentiate these."""
    weighing = (x if factors is None else factors) @ (x if factors is None else factors).T
    s, out = x @ x.T, []
    for i in range(len(x)):
        same = [
            j for j in range(len(x)) if labels[j] == labels[i] and not (remove_diagonal and i == j)
        ]
        other = [j for j in range(len(x)) if labels[j] != labels[i]]
        near = [-gamma * max(1 + margin - weighing[i, j], 0) * (s[i, j] - 1 + margin) for j in same]
        far = [gamma * max(weighing[i, j] + margin, 0) * (s[i, j] - margin) for j in other]
        out.append(np.log1p(np.exp(near).sum() * np.exp(far).sum()) if same and other else 0.0)
    return np.array(out)


A, B = _random.normal(size=(6, 4)), _random.normal(size=(6, 4))
POSITIVE, RATES = np.abs(A) + 0.1, np.abs(B) + 0.1
BITS, SHARES = (_random.random((6, 4)) > 0.5).astype(float), _sigmoid(B)
CLASSES = _random.integers(0, 4, 6)
ONE_HOT, P = np.eye(4)[CLASSES], _softmax(B)
SPREAD = _softmax(A)
UNIT = B / np.linalg.norm(B, axis=-1, keepdims=True)
KINDS = np.array([0, 1, 0, 2, 1, 1])
SIGNS = 2 * BITS - 1

# class, arguments, y_true, y_pred, the formula
CASES = [
    ("MeanSquaredError", {}, A, B, lambda t, p: ((t - p) ** 2).mean(-1)),
    ("MeanAbsoluteError", {}, A, B, lambda t, p: np.abs(t - p).mean(-1)),
    ("MeanAbsolutePercentageError", {}, A, B, lambda t, p: 100 * np.abs((t - p) / t).mean(-1)),
    (
        "MeanSquaredLogarithmicError",
        {},
        POSITIVE,
        RATES,
        lambda t, p: ((np.log(1 + t) - np.log(1 + p)) ** 2).mean(-1),
    ),
    ("Huber", {}, A, B, _huber),
    ("Huber", {"delta": 0.3}, A, B, lambda t, p: _huber(t, p, 0.3)),
    ("LogCosh", {}, A, B, lambda t, p: np.log(np.cosh(p - t)).mean(-1)),
    ("CosineSimilarity", {}, A, B, _cosine),
    ("CosineSimilarity", {"axis": 0}, A, B, lambda t, p: _cosine(t, p, 0)),
    ("BinaryCrossentropy", {}, BITS, SHARES, lambda t, p: _binary(t, p).mean(-1)),
    (
        "BinaryCrossentropy",
        {"from_logits": True},
        BITS,
        B,
        lambda t, p: _binary(t, _sigmoid(p)).mean(-1),
    ),
    (
        "BinaryCrossentropy",
        {"label_smoothing": 0.2},
        BITS,
        SHARES,
        lambda t, p: _binary(_smooth(t, 0.2, 2), p).mean(-1),
    ),
    ("BinaryFocalCrossentropy", {}, BITS, SHARES, lambda t, p: _focal_binary(t, p, 0.25, 2, False)),
    (
        "BinaryFocalCrossentropy",
        {
            "apply_class_balancing": True,
            "alpha": 0.4,
            "gamma": 1.5,
            "from_logits": True,
            "label_smoothing": 0.1,
        },
        BITS,
        B,
        lambda t, p: _focal_binary(_smooth(t, 0.1, 2), _sigmoid(p), 0.4, 1.5, True),
    ),
    (
        "CategoricalCrossentropy",
        {},
        ONE_HOT,
        P,
        lambda t, p: -(t * np.log(p / p.sum(-1, keepdims=True))).sum(-1),
    ),
    (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        ONE_HOT,
        B,
        lambda t, p: -(_smooth(t, 0.1, 4) * np.log(_softmax(p))).sum(-1),
    ),
    (
        "CategoricalFocalCrossentropy",
        {"from_logits": True},
        ONE_HOT,
        B,
        lambda t, p: _focal(t, _softmax(p), 0.25, 2.0),
    ),
    (
        "CategoricalFocalCrossentropy",
        {"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 3.0, "label_smoothing": 0.1},
        ONE_HOT,
        P,
        lambda t, p: _focal(
            _smooth(t, 0.1, 4), p / p.sum(-1, keepdims=True), np.array([0.1, 0.2, 0.3, 0.4]), 3.0
        ),
    ),
    (
        "SparseCategoricalCrossentropy",
        {},
        CLASSES,
        P,
        lambda t, p: -np.log(p[np.arange(6), t] / p.sum(-1)),
    ),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        CLASSES[:, None],
        B,
        lambda t, p: _log_sum_exp(p) - p[np.arange(6), t[:, 0]],
    ),
    (
        "CategoricalGeneralizedCrossEntropy",
        {"q": 0.3},
        CLASSES,
        P,
        lambda t, p: (1 - p[np.arange(6), t] ** 0.3) / 0.3,
    ),
    ("KLDivergence", {}, SPREAD, P, lambda t, p: (t * np.log(t / p)).sum(-1)),
    ("Poisson", {}, POSITIVE, RATES, lambda t, p: (p - t * np.log(p + EPSILON)).mean(-1)),
    ("Hinge", {}, BITS, B, lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0).mean(-1)),
    ("Hinge", {}, SIGNS, B, lambda t, p: np.maximum(1 - t * p, 0).mean(-1)),
    ("SquaredHinge", {}, SIGNS, B, lambda t, p: (np.maximum(1 - t * p, 0) ** 2).mean(-1)),
    (
        "CategoricalHinge",
        {},
        ONE_HOT,
        B,
        lambda t, p: np.maximum(((1 - t) * p).max(-1) - (t * p).sum(-1) + 1, 0),
    ),
    ("Dice", {"axis": 1}, BITS, SHARES, lambda t, p: _overlap(t, p, 0.5, 0.5, 1)),
    ("Dice", {}, BITS, SHARES, lambda t, p: _overlap(t, p, 0.5, 0.5, None)),
    (
        "Tversky",
        {"alpha": 0.2, "beta": 0.9},
        BITS,
        SHARES,
        lambda t, p: _overlap(t, p, 0.2, 0.9, None),
    ),
    ("Circle", {"gamma": 4.0}, KINDS, UNIT, lambda t, p: _circle(t, p, 4.0, 0.4, True)),
    (
        "Circle",
        {"gamma": 2.0, "margin": 0.25, "remove_diagonal": False},
        KINDS[:, None],
        0.9 * UNIT,  # a similarity of exactly 1 is where the gradient has a kink
        lambda t, p: _circle(t[:, 0], p, 2.0, 0.25, False),
    ),
]
IDS = [f"{name}-{number}" for number, (name, *_) in enumerate(CASES)]


def to_numpy(x):
    """Return a tensor as a float64 array."""
    return np.asarray(current().to_numpy(x), dtype="float64")


def tensor(x):
    """Return an array as a tensor, floats in float32."""
    return ops.convert_to_tensor(x.astype("float32") if x.dtype == np.float64 else x)


@pytest.mark.parametrize(("name", "options", "y_true", "y_pred", "formula"), CASES, ids=IDS)
def test_value_of_each_row(name, options, y_true, y_pred, formula):
    loss = getattr(losses, name)(**options, reduction="none")
    np.testing.assert_allclose(
        to_numpy(loss(y_true, y_pred)), formula(y_true, y_pred), rtol=2e-5, atol=2e-6
    )


@pytest.mark.parametrize(("name", "options", "y_true", "y_pred", "formula"), CASES, ids=IDS)
def test_function_form_equals_class(name, options, y_true, y_pred, formula):
    loss = getattr(losses, name)(**options, reduction="none")
    function = getattr(losses, loss.fn.__name__)
    given = {"gamma": 80.0, **options} if name == "Circle" else options
    values = function(tensor(y_true), tensor(y_pred), **given)
    np.testing.assert_array_equal(to_numpy(values), to_numpy(loss(y_true, y_pred)))


@pytest.mark.parametrize(("name", "options", "y_true", "y_pred", "formula"), CASES, ids=IDS)
def test_gradient_equals_central_differences(name, options, y_true, y_pred, formula):
    loss = getattr(losses, name)(**options, reduction="sum")
    value_and_grad = current().value_and_grad(
        lambda values: (loss(tensor(y_true), values[0]), None)
    )
    (value, _), (gradient,) = value_and_grad([tensor(y_pred)])
    if name == "Circle":
        margin, diagonal = options.get("margin", 0.4), options.get("remove_diagonal", True)
        labels = y_true.reshape(-1)

        def formula(_, p):
            return _circle(labels, p, options["gamma"], margin, diagonal, factors=y_pred)

    expected, step = np.zeros_like(y_pred), 1e-6
    for index in np.ndindex(*y_pred.shape):
        moved = [y_pred.copy(), y_pred.copy()]
        moved[0][index] += step
        moved[1][index] -= step
        expected[index] = (formula(y_true, moved[0]).sum() - formula(y_true, moved[1]).sum()) / (
            2 * step
        )
    np.testing.assert_allclose(float(value), formula(y_true, y_pred).sum(), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(to_numpy(gradient), expected, rtol=2e-3, atol=2e-4)


def test_every_class_has_a_case():
    classes = {name for name in losses.__all__ if name[0].isupper()}
    assert classes - {name for name, *_ in CASES} == {"Loss", "LossFunctionWrapper"}


def test_against_scikit_learn():
    loss = losses.CategoricalCrossentropy()(ONE_HOT, P)
    np.testing.assert_allclose(
        float(loss), sklearn.metrics.log_loss(CLASSES, P, labels=range(4)), rtol=1e-5
    )
    loss = losses.MeanSquaredError()(A, B)
    np.testing.assert_allclose(float(loss), sklearn.metrics.mean_squared_error(A, B), rtol=1e-6)
    loss = losses.Hinge()(SIGNS[:, :1], B[:, :1])
    np.testing.assert_allclose(
        float(loss), sklearn.metrics.hinge_loss(SIGNS[:, 0], B[:, 0]), rtol=1e-6
    )


def test_probabilities_of_0_and_1_stay_finite():
    y_true, y_pred = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    for name in (
        "BinaryCrossentropy",
        "CategoricalCrossentropy",
        "KLDivergence",
        "BinaryFocalCrossentropy",
    ):
        loss = getattr(losses, name)()
        value_and_grad = current().value_and_grad(
            lambda values, loss=loss: (loss(y_true, values[0]), None)
        )
        (value, _), (gradient,) = value_and_grad([tensor(y_pred)])
        assert np.isfinite(float(value)) and float(value) > 1, name
        assert np.isfinite(to_numpy(gradient)).all(), name


def test_large_logits_do_not_overflow():
    y_pred = np.array([[1000.0, -1000.0]])
    assert float(losses.BinaryCrossentropy(from_logits=True)(np.array([[1.0, 0.0]]), y_pred)) == 0.0
    assert (
        float(losses.CategoricalCrossentropy(from_logits=True)(np.array([[0.0, 1.0]]), y_pred))
        == 2000.0
    )
    assert (
        float(losses.SparseCategoricalCrossentropy(from_logits=True)(np.array([1]), y_pred))
        == 2000.0
    )
    assert float(losses.LogCosh()(np.array([[0.0]]), np.array([[1000.0]]))) == pytest.approx(
        1000 - np.log(2)
    )


def test_cosine_of_zero_vectors_is_0_with_finite_gradient():
    loss = losses.CosineSimilarity()
    value_and_grad = current().value_and_grad(
        lambda values: (loss(np.ones((1, 2)), values[0]), None)
    )
    (value, _), (gradient,) = value_and_grad([tensor(np.zeros((1, 2)))])
    assert float(value) == 0.0
    assert np.isfinite(to_numpy(gradient)).all()


def test_ignored_class_counts_nowhere():
    y_true, y_pred = np.array([1, -1, 0]), np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]])
    expected = -np.log([0.5, 0.9])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert float(loss(y_true, y_pred)) == pytest.approx(expected.mean(), rel=1e-5)
    weights = np.array([2.0, 5.0, 1.0])
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(
        (2 * expected[0] + expected[1]) / 2, rel=1e-5
    )
    rows = losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction="none")(y_true, y_pred)
    np.testing.assert_allclose(to_numpy(rows), [expected[0], 0, expected[1]], rtol=1e-5)
    assert float(loss(np.array([-1, -1, -1]), y_pred)) == 0.0


def test_label_out_of_range_gives_nan():
    y_pred = np.full((3, 2), 0.5)
    values = losses.sparse_categorical_crossentropy(np.array([0, 2, -1]), y_pred)
    assert np.isnan(to_numpy(values)).tolist() == [False, True, True]


def test_class_axis_in_the_middle():
    y_true = _random.integers(0, 3, (2, 5))
    scores = _softmax(_random.normal(size=(2, 5, 3)))
    expected = -np.log(np.take_along_axis(scores, y_true[..., None], -1)[..., 0])
    moved = np.moveaxis(scores, -1, 1)
    values = losses.sparse_categorical_crossentropy(y_true, moved, axis=1)
    np.testing.assert_allclose(to_numpy(values), expected, rtol=1e-5)
    one_hot = np.moveaxis(np.eye(3)[y_true], -1, 1)
    values = losses.categorical_crossentropy(one_hot, moved, axis=1)
    np.testing.assert_allclose(to_numpy(values), expected, rtol=1e-5)


def test_circle_with_reference_embeddings():
    values = losses.circle(
        KINDS[:3], UNIT[:3], KINDS[3:], UNIT[3:], remove_diagonal=False, gamma=3.0
    )
    expected = []
    for label, row in zip(KINDS[:3], UNIT[:3], strict=True):
        s = UNIT[3:] @ row
        near = [
            np.exp(-3 * max(1.4 - x, 0) * (x - 0.6))
            for x, k in zip(s, KINDS[3:], strict=True)
            if k == label
        ]
        far = [
            np.exp(3 * max(x + 0.4, 0) * (x - 0.4))
            for x, k in zip(s, KINDS[3:], strict=True)
            if k != label
        ]
        expected.append(np.log1p(sum(near) * sum(far)) if near and far else 0.0)
    np.testing.assert_allclose(to_numpy(values), expected, rtol=1e-4)


def test_circle_rows_without_partners_do_not_count_in_the_mean():
    per_row = to_numpy(losses.Circle(gamma=4.0, reduction="none")(KINDS, UNIT))
    assert per_row[3] == 0.0
    mean = float(losses.Circle(gamma=4.0)(KINDS, UNIT))
    assert mean == pytest.approx(per_row.sum() / 5, rel=1e-5)


def test_compiled_equals_eager():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=1)
    weights = tensor(np.abs(A[:, 0]))
    compiled = current().compile(lambda t, p, w: loss(t, p, w))
    arguments = tensor(CLASSES), tensor(P), weights
    assert float(compiled(*arguments)) == pytest.approx(float(loss(*arguments)), rel=1e-6)


def test_mask_of_the_result_reaches_the_mean():
    values = losses.sparse_categorical_crossentropy(
        np.array([0, 1]), np.full((2, 2), 0.5), ignore_class=1
    )
    assert to_numpy(masking.get_mask(values)).tolist() == [1.0, 0.0]
