"""Engines' native versions of composed operations: the same values, gradients, dtypes and conventions as the composed ones."""

from __future__ import annotations

import importlib
import importlib.util
import inspect

import numpy as np
import pytest

from hornpipe.core.op import OPS
from hornpipe.engine import use

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

importlib.import_module("hornpipe.ops")
engine = importlib.import_module("hornpipe.engine.torch")
native = importlib.import_module("hornpipe.engine.torch_ops")

NAMES = [
    name
    for name in vars(native)
    if inspect.isfunction(getattr(native, name)) and not name.startswith("_")
]
_random = np.random.default_rng(4)


def normal(*shape):
    return _random.standard_normal(shape)


_KINKS = np.array([[0.0, -0.0, 1.0, 19.9, 20.1, 39.0, 41.0, 100.0, -20.0, -41.0, -100.0, 0.5]])
_X = np.concatenate([_KINKS, normal(5, 12) * 4])
_MASK = _random.random((2, 1, 5, 7)) > 0.4
_MASK[0, 0, 1] = False  # a row that sees nothing
_Q, _K, _V, _BIAS = normal(2, 5, 3, 8), normal(2, 7, 3, 8), normal(2, 7, 3, 8), normal(1, 3, 5, 7)

CASES = [
    *(
        (name, [_X], {})
        for name in ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "log_sigmoid")
    ),
    ("leaky_relu", [_X], {"negative_slope": 0.01}),
    ("elu", [_X], {"alpha": 0.5}),
    ("gelu", [_X], {"approximate": False}),
    *((name, [_X], {"axis": axis}) for name in ("softmax", "log_softmax") for axis in (-1, 0)),
    ("layer_normalization", [normal(4, 6)], {"epsilon": 1e-3}),
    ("layer_normalization", [normal(4, 6), normal(6), normal(6)], {"axis": -1, "epsilon": 1e-3}),
    ("layer_normalization", [normal(4, 3, 6), normal(3, 6)], {"axis": (1, 2), "epsilon": 1e-3}),
    ("attention_general", [_Q, _K, _V], {"scale": 0.3}),
    ("attention_general", [_Q, _K, _V, _BIAS], {"scale": 0.3}),
    ("attention_general", [_Q, _K, _V, None, _MASK], {"scale": 0.3}),
    ("attention_general", [_Q, _K, _V, _BIAS, _MASK], {"scale": 0.3}),
]
for _sizes in ((20,), (8, 9), (5, 6, 7)):
    _n = len(_sizes)
    _image = normal(2, *_sizes, 4)
    for _stride, _pads, _step, _groups in [
        (1, (0, 0), 1, 1),
        (2, (1, 1), 1, 1),
        (1, (1, 2), 2, 2),
        (2, (0, 1), 1, 4),
    ]:
        _kernel = normal(*(3, 2, 1)[:_n], 4 // _groups, 8)
        CASES.append(
            (
                "conv_general",
                [_image, _kernel, (_stride,) * _n, [_pads] * _n, (_step,) * _n, _groups],
                {},
            )
        )
    for _stride, _pads, _step in [
        (2, (2, 2), 1),
        (2, (1, 0), 1),
        (3, (1, -1), 1),
        (1, (3, 5), 2),
        (2, (4, 3), 1),
    ]:
        _kernel = normal(*(3,) * _n, 5, 4)
        CASES.append(
            (
                "conv_transpose_general",
                [_image, _kernel, (_stride,) * _n, [_pads] * _n, (_step,) * _n],
                {},
            )
        )
    for _window, _stride, _pads in [(2, 2, (0, 0)), (3, 1, (1, 1)), (3, 2, (0, 1))]:
        _pool = [np.round(_image), (_window,) * _n, (_stride,) * _n, [_pads] * _n]
        CASES.append(("max_pool_general", _pool, {}))
        if _pads[0] == _pads[1]:
            CASES.append(("average_pool_general", _pool, {}))


def test_every_native_operation_has_a_case():
    assert sorted({name for name, _, _ in CASES}) == sorted(NAMES)
    assert set(NAMES) <= set(OPS)


@pytest.fixture
def composed(monkeypatch):
    """Return a function that runs an operation without its native version."""

    def run(name, *args, **kwargs):
        with monkeypatch.context() as patch:
            for each in NAMES:
                patch.delattr(engine, each)
            return OPS[name](*args, **kwargs)

    return run


def value_and_gradients(function, arguments, options, dtype):
    """Return a function's value and its gradients by all its floating arrays, for fixed random weights of the outputs."""
    places = [
        i
        for i, each in enumerate(arguments)
        if isinstance(each, np.ndarray) and each.dtype == "float64"
    ]
    values = []

    def loss(leaves):
        tensors = [
            engine.asarray(each) if isinstance(each, np.ndarray) else each for each in arguments
        ]
        for place, leaf in zip(places, leaves, strict=True):
            tensors[place] = leaf
        out = function(*tensors, **options)
        values.append(out)
        weights = np.random.default_rng(1).standard_normal(engine.shape(out))
        return engine.sum(engine.multiply(out, engine.asarray(weights, engine.dtype(out)))), None

    with use(engine):
        leaves = [engine.asarray(arguments[place], dtype) for place in places]
        _, gradients = engine.value_and_grad(loss)(leaves)
    return engine.to_numpy(values[0]), [engine.to_numpy(each) for each in gradients]


@pytest.mark.parametrize(
    ("name", "arguments", "options"), CASES, ids=lambda part: part if isinstance(part, str) else ""
)
def test_native_equals_composed(composed, name, arguments, options):
    own = getattr(engine, name)
    value, gradients = value_and_gradients(own, arguments, options, "float64")
    other, others = value_and_gradients(
        lambda *args, **kwargs: composed(name, *args, **kwargs), arguments, options, "float64"
    )
    assert value.dtype == other.dtype == "float64" and value.shape == other.shape
    np.testing.assert_allclose(value, other, rtol=1e-12, atol=1e-12)
    for gradient, expected in zip(gradients, others, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "arguments", "options"), CASES, ids=lambda part: part if isinstance(part, str) else ""
)
def test_operations_take_short_floats(name, arguments, options, dtype):
    """An operation runs and keeps the dtype, natively or composed; values agree with float64 to the type's precision."""
    if name == "max_pool_general" or arguments[0] is _X:
        arguments = [np.clip(arguments[0], -8, 8), *arguments[1:]]
    value, gradients = value_and_gradients(OPS[name], arguments, options, dtype)
    assert value.dtype.name == dtype and all(each.dtype.name == dtype for each in gradients)
    exact, _ = value_and_gradients(OPS[name], arguments, options, "float64")
    scale = np.abs(exact).max() + 1
    assert (
        np.abs(value.astype("float64") - exact).max() / scale
        < {"float16": 0.01, "bfloat16": 0.05}[dtype]
    )


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("softmax", [normal(2, 3, 4)], {"axis": (1, 2)}),
        ("log_softmax", [normal(2, 3, 4)], {"axis": (0, 2)}),
        ("layer_normalization", [normal(4, 6), normal(4)], {"axis": 0, "epsilon": 1e-3}),
        ("attention_general", [_Q, _K, _V], {"soft_cap": 5.0}),
        ("average_pool_general", [normal(2, 8, 3), (3,), (2,), [(0, 1)]], {}),
        ("max_pool_general", [normal(2, 8, 3), (2,), (2,), [(0, 2)]], {}),
    ],
)
def test_what_pytorch_lacks_is_composed(name, arguments, options):
    tensors = [engine.asarray(each) if isinstance(each, np.ndarray) else each for each in arguments]
    with use(engine):
        assert getattr(engine, name)(*tensors, **options) is NotImplemented
        assert engine.is_tensor(OPS[name](*tensors, **options))


def test_errors_are_those_of_the_composed_operation():
    with use(engine):
        with pytest.raises(ValueError, match="softmax: `axis`"):
            OPS["softmax"](np.ones((2, 3)), axis=5)
        with pytest.raises(ValueError, match="softmax: `x` must have an axis"):
            OPS["softmax"](1.0)
        with pytest.raises(ValueError, match="the window must fit into the padded input"):
            OPS["conv"](np.ones((1, 2, 1)), np.ones((3, 1, 1)))
        with pytest.raises(ValueError, match="the window must fit into the padded input"):
            OPS["max_pool"](np.ones((1, 2, 1)), 3)


def test_largest_of_integers_is_composed():
    with use(engine):
        out = OPS["max_pool"](np.array([[[3], [1], [2], [5]]], "int32"), 2)
        assert engine.dtype(out) == "int32" and engine.to_numpy(out).ravel().tolist() == [3, 5]
