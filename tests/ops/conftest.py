"""One check for every operation: value, shape, dtype, inferred shape, and gradient, against a NumPy reference in float64."""

import numpy as np
import pytest


def draw(*shape, low=-2.0, high=2.0, seed=0):
    """Return float64 numbers that float32 holds exactly, away from each other."""
    generator = np.random.default_rng([seed, *shape])
    return generator.uniform(low, high, shape).astype("float32").astype("float64")


def _flat(outputs):
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def _narrow(x):
    """Return an input as the engine sees it: float64 references are computed from the same float32 numbers."""
    x = np.asarray(x)
    return x.astype({"float64": "float32", "int64": "int32"}.get(x.dtype.name, x.dtype.name))


def _weights(size):
    return np.cos(np.arange(size) * 0.7) + 0.3


def _loss(outputs):
    """Return a weighted sum of the floating outputs, in float64."""
    total = 0.0
    for out in map(np.asarray, _flat(outputs)):
        if out.dtype.kind == "f":
            total += float((out.ravel() * _weights(out.size)).sum())
    return total


def _numeric_gradient(reference, inputs, which, step=1e-5):
    gradient = np.zeros(inputs[which].shape)
    for place in np.ndindex(gradient.shape):
        values = []
        for sign in (1, -1):
            moved = [x.copy() if i == which else x for i, x in enumerate(inputs)]
            moved[which][place] += sign * step
            values.append(_loss(reference(*moved)))
        gradient[place] = (values[0] - values[1]) / (2 * step)
    return gradient


def _check_inferred(function, arrays, outputs, batch):
    """The shapes engine must tell the eager shapes and dtypes, also where it does not know the first axis."""
    import hornpipe as keras
    from hornpipe.engine import active

    for unknown in (False, True) if batch else (False,):
        open_ = arrays[:1] if batch == "first" else arrays
        shapes = [
            (None, *x.shape[1:])
            if unknown and x.ndim and any(x is each for each in open_)
            else x.shape
            for x in arrays
        ]
        symbols = [
            keras.KerasTensor(shape, dtype=x.dtype.name)
            for shape, x in zip(shapes, arrays, strict=True)
        ]
        for symbol, out in zip(_flat(function(*symbols)), _flat(outputs), strict=True):
            assert isinstance(symbol, keras.KerasTensor)
            assert symbol.dtype == active.engine.dtype(out)
            assert len(symbol.shape) == len(out.shape)
            assert all(
                known == real or (unknown and known is None)
                for known, real in zip(symbol.shape, out.shape, strict=True)
            ), (symbol.shape, tuple(out.shape))


def check_op(function, reference, inputs, gradient=True, tolerance=2e-5, batch=True, dtype=None):
    """Check an operation of tensors alone (options bound) against `reference`, a function of float64 arrays.

    Args:
        inputs: list of arrays.
        gradient: bool, or the list of the inputs that have one.
        tolerance: largest error, relative to the largest value or 1.
        batch: bool. Whether shapes are also inferred with an unknown first axis; "first": of the first input only.
        dtype: dtype name of the first output, where it is not float32 (floats), int32 or bool as the reference's.
    """
    from hornpipe.engine import active

    engine = active.engine
    arrays = [_narrow(x) for x in inputs]
    wide = [x.astype("float64") if x.dtype.kind == "f" else x for x in arrays]
    chosen = (
        [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
        if gradient is True
        else gradient or []
    )
    outputs, gradients = _run(function, arrays, chosen)
    expected = _flat(reference(*wide))
    assert len(expected) == len(outputs)
    for out, right in zip(outputs, map(np.asarray, expected), strict=True):
        assert tuple(out.shape) == right.shape
        kind = {"f": "float32", "i": "int32", "u": "int32", "b": "bool"}[right.dtype.kind]
        assert engine.dtype(out) == (dtype or kind)
        finite = np.abs(right[np.isfinite(right)])
        _close(engine.to_numpy(out), right, tolerance, max(1.0, float(finite.max(initial=0.0))))
    _check_inferred(function, arrays, outputs, batch)
    for which, found in zip(chosen, gradients, strict=True):
        right = _numeric_gradient(reference, wide, which)
        _close(
            engine.to_numpy(found),
            right,
            5 * tolerance,
            max(1.0, float(np.abs(right).max(initial=0.0))),
        )


def _close(found, right, tolerance, scale):
    found, right = found.astype("float64"), right.astype("float64")
    np.testing.assert_allclose(found / scale, right / scale, rtol=0, atol=tolerance)


def _run(function, arrays, chosen):
    """Return the outputs and the gradients of the loss, from one compiled program."""
    from hornpipe import ops
    from hornpipe.engine import active

    engine = active.engine
    tensors = [engine.asarray(x) for x in arrays]

    def loss(values, rest):
        merged = list(rest)
        for i, value in zip(chosen, values, strict=True):
            merged[i] = value
        outputs = _flat(function(*merged))
        total = ops.zeros(())
        for out in outputs:
            if chosen and engine.dtype(out).startswith("float"):
                weights = _weights(int(np.prod(tuple(out.shape)))).reshape(tuple(out.shape))
                total = total + ops.sum(ops.multiply(out, weights.astype("float32")))
        return total, outputs

    if not chosen:
        return engine.compile(lambda rest: loss([], rest)[1])(tensors), []
    (_, outputs), gradients = engine.compile(engine.value_and_grad(loss))(
        [tensors[i] for i in chosen], tensors
    )
    return outputs, gradients


@pytest.fixture
def check():
    return check_op


@pytest.fixture
def run():
    """Return the function that calls an operation in one compiled program and gives NumPy arrays."""
    from hornpipe.core.tree import map_tree
    from hornpipe.engine import active

    def call(function, *arrays):
        engine = active.engine
        return map_tree(
            engine.to_numpy, engine.compile(function)(*[engine.asarray(x) for x in arrays])
        )

    return call
