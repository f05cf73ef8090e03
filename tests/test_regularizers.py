"""Regularizers against NumPy: values, gradients, configs, lookup, errors."""

import json
import re

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine.select import active

R = keras.regularizers
X = np.random.default_rng(0).normal(size=(4, 3))


def cosines(x):
    rows = x / np.sqrt(np.maximum((x**2).sum(1, keepdims=True), 1e-12))
    products = np.abs(rows @ rows.T)
    pairs = len(x) * (len(x) - 1)
    return (products.sum() - np.trace(products)) / max(pairs, 1)


CASES = [
    (R.L1(0.3), lambda x: 0.3 * np.abs(x).sum()),
    (R.L2(0.3), lambda x: 0.3 * (x**2).sum()),
    (R.L1L2(0.3, 0.2), lambda x: 0.3 * np.abs(x).sum() + 0.2 * (x**2).sum()),
    (R.L1L2(), lambda x: 0.0),
    (R.OrthogonalRegularizer(0.3), lambda x: 0.3 * cosines(x)),
    (R.OrthogonalRegularizer(0.3, mode="columns"), lambda x: 0.3 * cosines(x.T)),
]


@pytest.mark.parametrize(("regularizer", "reference"), CASES)
def test_values_and_gradients(regularizer, reference):
    engine = active.engine
    f = engine.value_and_grad(lambda values: (regularizer(values[0]), None))
    (value, _), (gradient,) = f([engine.asarray(X.astype("float32"))])
    np.testing.assert_allclose(float(value), reference(X), rtol=1e-5)
    assert tuple(value.shape) == ()
    expected = np.zeros_like(X)
    for index in np.ndindex(X.shape):
        step = np.zeros_like(X)
        step[index] = 1e-6
        expected[index] = (reference(X + step) - reference(X - step)) / 2e-6
    np.testing.assert_allclose(engine.to_numpy(gradient), expected, rtol=1e-3, atol=1e-4)


def test_takes_variables_and_keeps_the_dtype():
    variable = keras.Variable(np.ones((2, 2), "float32"), dtype="float16")
    value = R.L2(0.5)(variable)
    assert float(value) == 2.0 and active.engine.dtype(value) == "float16"


@pytest.mark.parametrize("regularizer", [R.L1(), R.L2(), R.L1L2(0.1, 0.1)])
def test_no_elements(regularizer):
    assert float(regularizer(keras.ops.zeros((0, 3)))) == 0.0


def test_orthogonality_of_special_matrices():
    regularizer = R.OrthogonalRegularizer(1.0)
    assert float(regularizer(keras.ops.ones((1, 3)))) == 0.0
    assert float(regularizer(keras.ops.zeros((3, 3)))) == 0.0
    assert abs(float(regularizer(keras.ops.ones((5, 2)))) - 1) < 1e-6


def test_defaults_are_those_of_keras():
    assert (R.L1().l1, R.L2().l2, R.OrthogonalRegularizer().factor) == (0.01, 0.01, 0.01)
    assert (R.L1L2().l1, R.L1L2().l2) == (0.0, 0.0)


@pytest.mark.parametrize(
    "regularizer",
    [R.L1(0.5), R.L2(0.5), R.L1L2(0.5, 0.25), R.OrthogonalRegularizer(0.5, "columns")],
)
def test_config_round_trip(regularizer):
    description = json.loads(json.dumps(R.serialize(regularizer)))
    assert description["module"] == "keras.regularizers"
    assert description["class_name"] == type(regularizer).__name__
    for twin in (R.deserialize(description), R.get(description)):
        assert type(twin) is type(regularizer) and twin.get_config() == regularizer.get_config()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("l1", R.L1),
        ("l2", R.L2),
        ("L2", R.L2),
        ("l1_l2", R.L1L2),
        ("l1l2", R.L1L2),
        ("orthogonal_regularizer", R.OrthogonalRegularizer),
    ],
)
def test_names(name, kind):
    assert type(R.get(name)) is kind


def test_other_spellings_and_functions():
    assert (R.l1, R.l2, R.l1_l2) == (R.L1, R.L2, R.L1L2)

    def own(x):
        return x

    assert R.get(own) is own and R.get(None) is None


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: R.L1(-0.1), "L1: `l1` must be a finite number >= 0. Received: l1=-0.1."),
        (lambda: R.L2("a"), "L2: `l2` must be a finite number >= 0. Received: l2='a'."),
        (
            lambda: R.L1L2(l2=float("inf")),
            "L1L2: `l2` must be a finite number >= 0. Received: l2=inf.",
        ),
        (
            lambda: R.OrthogonalRegularizer(mode="row"),
            "OrthogonalRegularizer: `mode` must be 'rows' or 'columns'. Received: mode='row'.",
        ),
        (
            lambda: R.OrthogonalRegularizer()(np.ones(3, "float32")),
            "OrthogonalRegularizer: the input must have two axes. Received: shape=(3,).",
        ),
        (
            lambda: R.get("l1l3"),
            "regularizer: name is unknown. Received: 'l1l3'. Did you mean 'l1l2'?",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        call()


def test_a_subclass_without_a_call():
    with pytest.raises(
        NotImplementedError, match=r"^Regularizer: a subclass must define `__call__\(self, x\)`\."
    ):
        R.Regularizer()(1.0)
