"""Dtypes, conversions, error texts, the backend module, and every docstring's example."""

import doctest
import types

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import backend, ops
from hornpipe.core.op import OPS
from hornpipe.engine import active
from hornpipe.engine.contract import PRIMITIVES, VERBS

I32, I8, U8 = (
    np.array([1, 2, 3], "int32"),
    np.array([1, 2, 3], "int8"),
    np.array([1, 2, 3], "uint8"),
)
F16, BOOL = np.array([1, 2, 3], "float16"), np.array([True, False, True])

DTYPES = [
    (lambda: ops.exp(I32), "float32"),
    (lambda: ops.mean(I32), "float32"),
    (lambda: ops.mean(F16), "float16"),
    (lambda: ops.sum(BOOL), "int32"),
    (lambda: ops.sum(I8), "int32"),
    (lambda: ops.sum(U8), "uint32"),
    (lambda: ops.prod(I8), "int32"),
    (lambda: ops.cumsum(BOOL, 0), "int32"),
    (lambda: ops.cumsum(I8, 0), "int8"),
    (lambda: ops.cumsum(I8, 0, dtype="float32"), "float32"),
    (lambda: ops.divide(I32, I32), "float32"),
    (lambda: ops.floor_divide(I32, 2), "int32"),
    (lambda: ops.floor(I32), "float32"),
    (lambda: ops.round(I32), "int32"),
    (lambda: ops.trunc(I32), "int32"),
    (lambda: ops.square(BOOL), "int32"),
    (lambda: ops.abs(I32), "int32"),
    (lambda: ops.relu(I32), "int32"),
    (lambda: ops.less(I32, 2.5), "bool"),
    (lambda: ops.add(F16, 1.5), "float16"),
    (lambda: ops.add(I32, 1.5), "float32"),
    (lambda: ops.add(I8, 1), "int8"),
    (lambda: ops.add(BOOL, I8), "int8"),
    (lambda: ops.add(I32, F16), "float16"),
    (lambda: ops.add(1, 2), "int32"),
    (lambda: ops.maximum(2, 2.5), "float32"),
    (lambda: ops.where(BOOL, 1, F16), "float16"),
    (lambda: ops.concatenate([I32, F16]), "float16"),
    (lambda: ops.stack([1, 2.5]), "float32"),
    (lambda: ops.softmax(F16), "float16"),
    (lambda: ops.argmax(F16), "int32"),
    (lambda: ops.argsort(F16), "int32"),
    (lambda: ops.one_hot(I32, 4), "float32"),
    (lambda: ops.one_hot(I32, 4, dtype="bool"), "bool"),
    (lambda: ops.convert_to_tensor(np.array([1.5])), "float32"),
    (lambda: ops.convert_to_tensor(np.array([1])), "int32"),
    (lambda: ops.convert_to_tensor([1, 2], dtype="float16"), "float16"),
    (lambda: ops.clip(I32, 1.5, 2.5), "float32"),
    (lambda: ops.histogram(I32, 2)[0], "float32"),
    (lambda: ops.count_nonzero(F16), "int32"),
    (lambda: ops.full((2,), 1), "int32"),
    (lambda: ops.zeros(2), "float32"),
    (lambda: ops.conv(np.ones((1, 3, 1), "int32"), np.ones((1, 1, 1), "float16")), "float16"),
]


@pytest.mark.parametrize(("call", "dtype"), DTYPES)
def test_dtypes(call, dtype):
    assert ops.dtype(call()) == dtype


def test_conversions():
    host = ops.convert_to_numpy
    assert host(ops.cast([1.9, -1.9], "int32")).tolist() == [1, -1]
    assert host(ops.saturate_cast([-1.5, 300.0, np.nan], "uint8")).tolist() == [0, 255, 0]
    assert host(ops.saturate_cast([3e9, -3e9, 7.0], "int32")).tolist() == [2**31 - 1, -(2**31), 7]
    assert host(ops.saturate_cast([-1, 300], "uint8")).tolist() == [0, 255]
    assert host(ops.saturate_cast([1e6, -1e6], "float16")).tolist() == [65504.0, -65504.0]
    original = np.ones(3, "float32")
    copied = host(original)
    copied[0] = 5
    assert original[0] == 1
    assert host(keras.Variable([1.0, 2.0])).tolist() == [1, 2]
    assert ops.is_tensor(keras.KerasTensor((2,))) and not ops.is_tensor(original)
    assert ops.shape(keras.KerasTensor((None, 2))) == (None, 2)
    assert ops.size(keras.KerasTensor((None, 2))) is None and ops.ndim(5.0) == 0
    assert host(ops.add(x1=1, x2=[2, 3])).tolist() == [3, 4]
    with pytest.raises(
        ValueError, match=r"convert_to_tensor: makes dense tensors only\. Received: sparse=True"
    ):
        ops.convert_to_tensor([1], sparse=True)


ERRORS = [
    (
        lambda: ops.reshape(I32, (2, -1)),
        r"reshape: `newshape` must keep the 3 elements of the shape \(3,\)\. Received: newshape=\(2, -1\)\.",
    ),
    (
        lambda: ops.reshape(I32, (-1, -1)),
        "reshape: `newshape` must hold sizes >= 0 and at most one -1",
    ),
    (
        lambda: ops.transpose(I32, (0, 0)),
        r"transpose: `axes` must hold each of the 1 axes once\. Received: axes=\(0, 0\)\.",
    ),
    (lambda: ops.sum(I32, 1), r"sum: `axis` must lie in \[-1, 0\]\. Received: axis=1\."),
    (
        lambda: ops.sum(I32, (0, -1)),
        r"sum: `axis` must not name an axis twice\. Received: axis=\(0, -1\)\.",
    ),
    (lambda: ops.softmax(1.0), r"softmax: `x` must have an axis\. Received: a scalar\."),
    (
        lambda: ops.squeeze(I32, 0),
        r"squeeze: `axis` must name axes of size 1\. Received: axis=0, shape=\(3,\)\.",
    ),
    (lambda: ops.split(I32, 2), "split: axis 0 of size 3 must divide into 2 equal sections"),
    (
        lambda: ops.pad(I32, -1),
        r"pad: `pad_width` must hold 1 pairs of integers >= 0\. Received: pad_width=-1\.",
    ),
    (
        lambda: ops.pad(I32, 1, "reflekt"),
        r"pad: `mode` must be one of .* Received: mode='reflekt'\. Did you mean 'reflect'\?",
    ),
    (lambda: ops.repeat(I32, [1, 2]), r"repeat: `repeats` must be an integer >= 0 or 3 of them"),
    (
        lambda: ops.zeros((-1,)),
        r"zeros: `shape` must hold integers >= 0\. Received: shape=\(-1,\)\.",
    ),
    (lambda: ops.arange(0, 3, 0), r"arange: `step` must not be 0\."),
    (lambda: ops.top_k(I32, 4), r"top_k: `k` must lie in \[0, 3\]\. Received: k=4\."),
    (lambda: ops.searchsorted([[1]], 1), "searchsorted: `sorted_sequence` must be a vector"),
    (
        lambda: ops.quantile(I32, 0.5, method="liner"),
        r"quantile: `method` must be .* Did you mean 'linear'\?",
    ),
    (lambda: ops.where(True, 1), "where: `x1` and `x2` must be given together"),
    (lambda: ops.select([], []), "select: as many choices as conditions are needed"),
    (
        lambda: ops.segment_sum(I32, [0, 1], 2),
        "segment_sum: `segment_ids` must be a vector as long as `data`",
    ),
    (lambda: ops.one_hot(I32, 3, sparse=True), "one_hot: makes dense tensors only"),
    (
        lambda: ops.conv(np.ones((1, 3, 3)), np.ones((1, 2, 4))),
        r"conv: the channels must be a multiple of the kernel's",
    ),
    (
        lambda: ops.conv(np.ones((1, 3, 3)), np.ones((1, 1, 2, 4))),
        "conv: `inputs` .* and `kernel` .* must have one rank >= 3",
    ),
    (
        lambda: ops.conv(np.ones((1, 3, 3)), np.ones((1, 3, 4)), strides=0),
        r"conv: `strides` must be an integer >= 1 or 1 of them\. Received: strides=0\.",
    ),
    (
        lambda: ops.conv(np.ones((1, 3, 3)), np.ones((1, 3, 4)), padding="sane"),
        r"conv: `padding` must be one of .* Did you mean 'same'\?",
    ),
    (lambda: ops.cast(I32, "flaot32"), r"Did you mean 'float32'\?"),
    (lambda: ops.glu(I32), "split: axis 0 of size 3 must divide into 2 equal sections"),
    (
        lambda: ops.moments(F16, 0, synchronized=True),
        "moments: can't be synchronized between processes",
    ),
]


@pytest.mark.parametrize(("call", "text"), ERRORS)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_wrong_types():
    with pytest.raises(TypeError, match=r"sum: `axis` must be an integer\. Received: axis=0\.5\."):
        ops.sum(I32, 0.5)
    with pytest.raises(
        TypeError, match=r"layer_normalization: got an unknown argument\. Received: rms_scaling"
    ):
        ops.layer_normalization(F16, rms_scaling=True)


def test_every_primitive_is_reachable():
    """Every primitive of the contract has a public operation, under its own name or Keras's."""
    names = {
        "acos": "arccos",
        "asin": "arcsin",
        "atan": "arctan",
        "acosh": "arccosh",
        "asinh": "arcsinh",
    }
    names |= {
        "atanh": "arctanh",
        "atan2": "arctan2",
        "asarray": "convert_to_tensor",
        "astype": "cast",
    }
    names |= {
        "dynamic_slice": "slice",
        "dynamic_update": "slice_update",
        "triangular_solve": "solve_triangular",
    }
    assert [name for name in PRIMITIVES if not hasattr(ops, names.get(name, name))] == []


def test_engines_override_with_the_same_arguments():
    """What an engine defines under the name of a composed operation takes that operation's arguments."""
    import inspect

    for name, operation in OPS.items():
        own = getattr(active.engine, name, None)
        if own is None or name in PRIMITIVES or name in VERBS or not inspect.isfunction(own):
            continue
        ours = list(inspect.signature(operation).parameters)
        assert list(inspect.signature(own).parameters)[: len(ours)] == ours, name


def test_backend():
    assert backend.backend() == active.engine.name
    facts = backend.describe()
    assert facts["engine"] == active.engine.name and facts["devices"] == active.engine.devices()
    assert facts["version"] and facts["floatx"] == "float32"
    assert keras.KerasTensor((2,)).name != keras.KerasTensor((2,)).name
    backend.clear_session()
    assert keras.KerasTensor((2,)).name == "keras_tensor"
    assert backend.is_keras_tensor(keras.KerasTensor((2,))) and not backend.is_keras_tensor(
        ops.ones(2)
    )
    assert backend.result_type("int32", 1.5) == "float32"
    assert backend.is_int_dtype("int8") and not backend.is_int_dtype("bool")
    assert backend.is_float_dtype(np.float16) and not backend.is_float_dtype("int32")


PUBLIC = {
    f"ops.{name}": value
    for name, value in vars(ops).items()
    if isinstance(value, types.FunctionType)
}
PUBLIC |= {f"random.{name}": getattr(keras.random, name) for name in keras.random.__all__}
PUBLIC |= {f"backend.{name}": getattr(backend, name) for name in backend.__all__}
# settings and dtypes belong to the core; the general forms say what an engine may replace
WITHOUT_EXAMPLE = [
    "_general",
    "ops.random_bits",
    "epsilon",
    "image_data_format",
    "result_type",
    "standardize_dtype",
    "set_",
]


@pytest.mark.slow
def test_examples():
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    for name, function in PUBLIC.items():
        assert function.__doc__, name
        (found,) = finder.find(function, name, module=False, globs={}) or [None]
        assert found is not None and (
            found.examples or any(part in name for part in WITHOUT_EXAMPLE)
        ), name
        result = runner.run(found)
        assert result.failed == 0, name
