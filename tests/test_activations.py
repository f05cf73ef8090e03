"""Activations against NumPy and PyTorch in float64: values, gradients, shapes of symbolic tensors, lookup, errors."""

import re

import numpy as np
import pytest
import torch

import hornpipe as keras
from hornpipe.core.graph import KerasTensor
from hornpipe.engine.select import active

A = keras.activations
F = torch.nn.functional
X = np.concatenate([np.linspace(-7, 7, 40), [-30.0, 30.0, -0.013, 0.011]]).reshape(4, 11)


def np_relu(x, negative_slope=0.0, max_value=np.inf, threshold=0.0):
    return np.minimum(np.where(x > threshold, x, negative_slope * (x - threshold)), max_value)


def np_softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def np_sparsemax(x, axis=-1):
    """Find the threshold by bisection: the values above it sum to 1 once it is taken off."""
    low, high = x.max(axis=axis, keepdims=True) - 1, x.max(axis=axis, keepdims=True)
    for _ in range(200):
        middle = (low + high) / 2
        is_low = np.maximum(x - middle, 0).sum(axis=axis, keepdims=True) > 1
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return np.maximum(x - low, 0)


def th(function):
    return lambda x, **options: function(torch.tensor(x), **options).numpy()


CASES = [
    ("linear", {}, lambda x: x),
    ("relu", {}, np_relu),
    ("relu", {"negative_slope": 0.3}, np_relu),
    ("relu", {"max_value": 2.5}, np_relu),
    ("relu", {"threshold": 1.5}, np_relu),
    ("relu", {"threshold": -1.5}, np_relu),
    ("relu", {"negative_slope": 0.2, "max_value": 3.1, "threshold": 1.3}, np_relu),
    ("leaky_relu", {}, lambda x: np.where(x > 0, x, 0.2 * x)),
    ("leaky_relu", {"negative_slope": 0.5}, th(F.leaky_relu)),
    ("relu6", {}, th(F.relu6)),
    ("elu", {}, th(F.elu)),
    ("elu", {"alpha": 0.5}, th(F.elu)),
    ("celu", {}, th(F.celu)),
    ("celu", {"alpha": 2.0}, th(F.celu)),
    ("selu", {}, th(F.selu)),
    ("gelu", {}, th(F.gelu)),
    ("gelu", {"approximate": True}, lambda x, approximate: th(F.gelu)(x, approximate="tanh")),
    ("silu", {}, th(F.silu)),
    ("hard_silu", {}, th(F.hardswish)),
    ("mish", {}, th(F.mish)),
    ("sigmoid", {}, th(torch.sigmoid)),
    ("hard_sigmoid", {}, th(F.hardsigmoid)),
    ("sparse_sigmoid", {}, lambda x: np.clip((x + 1) / 2, 0, 1)),
    ("log_sigmoid", {}, th(F.logsigmoid)),
    ("tanh", {}, np.tanh),
    ("hard_tanh", {}, th(F.hardtanh)),
    ("softplus", {}, lambda x: np.logaddexp(x, 0)),
    ("sparse_plus", {}, lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x))),
    ("squareplus", {}, lambda x: (x + np.sqrt(x**2 + 4)) / 2),
    ("squareplus", {"b": 1.5}, lambda x, b: (x + np.sqrt(x**2 + b)) / 2),
    ("softsign", {}, th(F.softsign)),
    ("exponential", {}, np.exp),
    ("soft_shrink", {}, th(F.softshrink)),
    ("soft_shrink", {"threshold": 1.1}, lambda x, threshold: th(F.softshrink)(x, lambd=threshold)),
    ("hard_shrink", {}, th(F.hardshrink)),
    ("hard_shrink", {"threshold": 1.1}, lambda x, threshold: th(F.hardshrink)(x, lambd=threshold)),
    ("tanh_shrink", {}, th(F.tanhshrink)),
    (
        "threshold",
        {"threshold": 0.7, "default_value": -3.0},
        lambda x, threshold, default_value: np.where(x > threshold, x, default_value),
    ),
    ("softmax", {}, np_softmax),
    ("softmax", {"axis": 0}, np_softmax),
    ("log_softmax", {}, lambda x: F.log_softmax(torch.tensor(x), -1).numpy()),
    ("log_softmax", {"axis": 0}, lambda x, axis: F.log_softmax(torch.tensor(x), axis).numpy()),
    ("sparsemax", {}, np_sparsemax),
    ("sparsemax", {"axis": 0}, np_sparsemax),
    ("glu", {"axis": 0}, lambda x, axis: th(F.glu)(x, dim=axis)),
]
IDS = [f"{name}{options or ''}" for name, options, _ in CASES]
NAMES = sorted({name for name, _, _ in CASES})


@pytest.mark.parametrize(("name", "options", "reference"), CASES, ids=IDS)
def test_values(name, options, reference):
    x = np.minimum(X, 8.0) if name == "exponential" else X
    result = getattr(A, name)(keras.ops.convert_to_tensor(x.astype("float32")), **options)
    expected = reference(x, **options)
    assert tuple(result.shape) == expected.shape and active.engine.dtype(result) == "float32"
    np.testing.assert_allclose(active.engine.to_numpy(result), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("name", "options", "reference"), CASES, ids=IDS)
def test_gradients(name, options, reference):
    x = np.clip(X, -7.0, 7.0)
    weights = np.random.default_rng(0).normal(size=reference(x, **options).shape)
    expected = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-5
        change = reference(x + step, **options) - reference(x - step, **options)
        expected[index] = (weights * change).sum() / 2e-5
    engine = active.engine

    def weighted(values):
        result = getattr(A, name)(values[0], **options)
        return keras.ops.sum(result * engine.asarray(weights.astype("float32"))), None

    _, (gradient,) = engine.value_and_grad(weighted)([engine.asarray(x.astype("float32"))])
    np.testing.assert_allclose(engine.to_numpy(gradient), expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(("name", "options", "reference"), CASES, ids=IDS)
def test_symbolic_tensors_keep_their_shape(name, options, reference):
    result = getattr(A, name)(
        KerasTensor((None, 6), "float32"), **{**options, **({"axis": 1} if name == "glu" else {})}
    )
    assert result.shape == ((None, 3) if name == "glu" else (None, 6)) and result.dtype == "float32"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("threshold", "linear")])
def test_float16_stays_float16(name):
    x = keras.ops.cast(np.linspace(-2, 2, 8, dtype="float32"), "float16")
    result = getattr(A, name)(x)
    assert active.engine.dtype(result) == "float16"
    wide = active.engine.to_numpy(getattr(A, name)(keras.ops.cast(x, "float32")))
    np.testing.assert_allclose(
        active.engine.to_numpy(result).astype("float32"), wide, rtol=1e-2, atol=1e-2
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("threshold", "glu")])
def test_no_elements(name):
    if name in ("softmax", "log_softmax", "sparsemax"):
        shape = (0, 3)
    else:
        shape = (0,)
    assert tuple(getattr(A, name)(keras.ops.zeros(shape)).shape) == shape


@pytest.mark.parametrize(
    "name",
    ["sigmoid", "tanh", "softplus", "log_sigmoid", "silu", "gelu", "mish", "elu", "squareplus"],
)
def test_far_out_values_are_finite(name):
    x = keras.ops.convert_to_tensor(np.array([-1e4, 1e4], "float32"))
    assert np.isfinite(active.engine.to_numpy(getattr(A, name)(x))).all()


def test_relu_gradient_is_0_at_the_kink():
    engine = active.engine
    for options in ({}, {"threshold": 1.0}):
        f = engine.value_and_grad(
            lambda values, options=options: (keras.ops.sum(A.relu(values[0], **options)), None)
        )
        _, (gradient,) = f([engine.asarray(np.array([options.get("threshold", 0.0)], "float32"))])
        assert engine.to_numpy(gradient).tolist() == [0.0]


# ---- lookup


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_by_name(name):
    function = getattr(A, name)
    assert A.get(name) is function is A.get(function)
    assert A.serialize(function) == name
    assert A.deserialize(name) is function


def test_other_names():
    assert A.get(None) is A.linear
    assert A.get("swish") is A.swish is A.silu
    assert A.get("hard_swish") is A.hard_swish is A.hard_silu


def test_own_functions():
    def cube(x):
        return x**3

    assert A.get(cube) is cube
    assert A.deserialize("cube", custom_objects={"cube": cube}) is cube
    description = A.serialize(cube)
    assert A.deserialize(description, custom_objects={"cube": cube}) is cube
    with pytest.raises(
        TypeError, match=r"^serialize: the value can't be described as plain data\."
    ):
        A.serialize(lambda x: x)


def test_callable_objects_stand_as_they_are():
    class Layerlike:
        def __call__(self, x):
            return x

    layer = Layerlike()
    assert A.get(layer) is layer


def test_a_layer_is_an_activation():
    from hornpipe.core.layer import Layer

    class Double(Layer):
        def call(self, inputs):
            return inputs * 2

    layer = Double()
    assert A.get(layer) is layer
    assert float(A.get(layer)(np.ones((1, 1), "float32"))[0, 0]) == 2.0
    twin = A.deserialize(A.serialize(layer), {"Double": Double})
    assert isinstance(twin, Double) and twin.name == layer.name


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: A.get("rellu"),
            ValueError,
            "activation: name is unknown. Received: 'rellu'. Did you mean 'relu'?",
        ),
        (
            lambda: A.get(3),
            TypeError,
            "activation: must be a name, a function, a class or an object. Received: 3.",
        ),
        (
            lambda: A.relu(1.0, negative_slope=-0.1),
            ValueError,
            "relu: `negative_slope` must be a number >= 0. Received: negative_slope=-0.1.",
        ),
        (
            lambda: A.relu(1.0, max_value=-1),
            ValueError,
            "relu: `max_value` must be a number >= 0. Received: max_value=-1.",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match="^" + re.escape(text)):
        call()
