"""Constraints against NumPy: values, axes, configs, lookup, errors."""

import json
import re

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine.select import active

C = keras.constraints
W = np.random.default_rng(0).normal(size=(2, 3, 4))
W[:, 0, 0] = 0.0
EPSILON = 1e-7


def norms(w, axis):
    return np.sqrt((w**2).sum(axis=axis, keepdims=True))


def max_norm(w, bound, axis=0):
    return w * np.minimum(norms(w, axis), bound) / (norms(w, axis) + EPSILON)


def min_max_norm(w, low, high, rate=1.0, axis=0):
    wanted = rate * np.clip(norms(w, axis), low, high) + (1 - rate) * norms(w, axis)
    return w * wanted / (norms(w, axis) + EPSILON)


CASES = [
    (C.MaxNorm(1.0), lambda w: max_norm(w, 1.0)),
    (C.MaxNorm(0.5, axis=[0, 2]), lambda w: max_norm(w, 0.5, (0, 2))),
    (C.MaxNorm(0, axis=-1), lambda w: 0 * w),
    (C.NonNeg(), lambda w: np.maximum(w, 0)),
    (C.UnitNorm(), lambda w: w / (norms(w, 0) + EPSILON)),
    (C.UnitNorm(axis=(0, 1, 2)), lambda w: w / (norms(w, (0, 1, 2)) + EPSILON)),
    (C.MinMaxNorm(0.5, 1.0), lambda w: min_max_norm(w, 0.5, 1.0)),
    (
        C.MinMaxNorm(0.9, 1.0, rate=0.25, axis=[1, 2]),
        lambda w: min_max_norm(w, 0.9, 1.0, 0.25, (1, 2)),
    ),
    (C.Constraint(), lambda w: w),
]


@pytest.mark.parametrize(("constraint", "reference"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_values(constraint, reference, dtype):
    w = keras.ops.cast(W.astype("float32"), dtype)
    result = constraint(w)
    assert active.engine.dtype(result) == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-2
    result = active.engine.to_numpy(result).astype("float64")
    np.testing.assert_allclose(result, reference(W), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("constraint", [C.MaxNorm(), C.NonNeg(), C.UnitNorm(), C.MinMaxNorm()])
def test_no_elements_and_variables(constraint):
    assert tuple(constraint(keras.ops.zeros((0, 3))).shape) == (0, 3)
    variable = keras.Variable(W.astype("float32"))
    assert tuple(constraint(variable).shape) == W.shape


def test_applying_twice_changes_nothing_more():
    for constraint in (C.MaxNorm(1.0), C.NonNeg(), C.UnitNorm(), C.MinMaxNorm(0.5, 1.0)):
        once = constraint(keras.ops.convert_to_tensor(W.astype("float32")))
        twice = constraint(once)
        np.testing.assert_allclose(
            active.engine.to_numpy(twice), active.engine.to_numpy(once), atol=1e-6
        )


@pytest.mark.parametrize(
    "constraint",
    [C.MaxNorm(1.5, [0, 1]), C.NonNeg(), C.UnitNorm(1), C.MinMaxNorm(0.1, 0.9, 0.5, -1)],
)
def test_config_round_trip(constraint):
    description = json.loads(json.dumps(C.serialize(constraint)))
    assert description["module"] == "keras.constraints"
    assert description["class_name"] == type(constraint).__name__
    for twin in (C.deserialize(description), C.get(description)):
        assert type(twin) is type(constraint) and twin.get_config() == constraint.get_config()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("max_norm", C.MaxNorm),
        ("MaxNorm", C.MaxNorm),
        ("non_neg", C.NonNeg),
        ("unit_norm", C.UnitNorm),
        ("min_max_norm", C.MinMaxNorm),
    ],
)
def test_names(name, kind):
    assert type(C.get(name)) is kind


def test_other_spellings_and_functions():
    assert (C.max_norm, C.non_neg, C.unit_norm, C.min_max_norm) == (
        C.MaxNorm,
        C.NonNeg,
        C.UnitNorm,
        C.MinMaxNorm,
    )

    def own(w):
        return w

    assert C.get(own) is own and C.get(None) is None


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: C.MaxNorm(-1),
            "MaxNorm: `max_value` must be a finite number >= 0. Received: max_value=-1.",
        ),
        (
            lambda: C.MaxNorm(axis="last"),
            "MaxNorm: `axis` must be an integer or a list of integers. Received: axis='last'.",
        ),
        (
            lambda: C.UnitNorm(axis=[]),
            "UnitNorm: `axis` must be an integer or a list of integers. Received: axis=[].",
        ),
        (
            lambda: C.MinMaxNorm(2.0, 1.0),
            "MinMaxNorm: `min_value` must not exceed `max_value`. Received: min_value=2.0, max_value=1.0.",
        ),
        (
            lambda: C.MinMaxNorm(rate=1.5),
            "MinMaxNorm: `rate` must be a finite number in [0, 1]. Received: rate=1.5.",
        ),
        (
            lambda: C.get("max_nrom"),
            "constraint: name is unknown. Received: 'max_nrom'. Did you mean 'max_norm'?",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        call()
