"""Making tensors, and converting them: constants, ranges, identity, dtypes, NumPy.

>>> import hornpipe as keras
>>> keras.ops.arange(3).tolist()
[0, 1, 2]
"""

from __future__ import annotations

import builtins
import math

import numpy as np

from hornpipe.core.dtypes import is_float, is_integer, result_type, standardize_dtype
from hornpipe.core.errors import message
from hornpipe.core.op import Symbolic, op, to_tensor
from hornpipe.core.refusal import guarded
from hornpipe.engine.select import active
from hornpipe.ops._common import cast_to, dtype_of
from hornpipe.ops.math import (
    abs,
    add,
    clip,
    exp,
    floor,
    greater_equal,
    isnan,
    largest_number,
    log,
    multiply,
    power,
    sign,
    smallest_number,
    subtract,
    where,
)
from hornpipe.ops.shape import expand_dims, moveaxis


def _sizes(who, shape):
    """Return a shape given as an int or a sequence as a tuple; symbolic shapes keep their None."""
    sizes = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
    try:
        sizes = tuple(size if size is None else size.__index__() for size in sizes)
        sound = builtins.all(size is None or size >= 0 for size in sizes)
    except (AttributeError, TypeError):
        sound = False
    if not sound:
        raise ValueError(message(who, "`shape` must hold integers >= 0", f"shape={shape!r}"))
    return sizes


@guarded()
def zeros(shape, dtype=None):
    """Return a tensor of zeros.

    Args:
        shape: int or sequence of ints.
        dtype: dtype name; `floatx` by default.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.zeros(2).tolist()
        [0.0, 0.0]
    """
    return active.engine.full(_sizes("zeros", shape), 0, dtype=standardize_dtype(dtype))


@guarded()
def ones(shape, dtype=None):
    """Return a tensor of ones.

    Args:
        shape: int or sequence of ints.
        dtype: dtype name; `floatx` by default.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.ones(2).tolist()
        [1.0, 1.0]
    """
    return active.engine.full(_sizes("ones", shape), 1, dtype=standardize_dtype(dtype))


@guarded()
def empty(shape, dtype=None):
    """Return a tensor of that shape whose values don't matter; they are zeros.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.empty((2, 0)).tolist()
        [[], []]
    """
    return zeros(shape, dtype)


@op(tensors=0, dtype=None)
def full(shape, fill_value, dtype=None):
    """Return a tensor filled with one value.

    Args:
        shape: int or sequence of ints.
        fill_value: number, or tensor that broadcasts to `shape`.
        dtype: dtype name; that of `fill_value` by default (`floatx` for a Python float).

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.full((2,), 7).tolist()
        [7, 7]
    """
    shape = _sizes("full", shape)
    if type(fill_value) in (bool, int, float):
        dtype = result_type(fill_value) if dtype is None else standardize_dtype(dtype)
        return active.engine.full(shape, fill_value, dtype=dtype)
    value = to_tensor(fill_value)
    value = value if dtype is None else cast_to(value, standardize_dtype(dtype))
    return active.engine.broadcast_to(value, shape)


def _like(x, value, dtype):
    return active.engine.full(
        tuple(x.shape), value, dtype=dtype_of(x) if dtype is None else standardize_dtype(dtype)
    )


@op(dtype="same")
def zeros_like(x, dtype=None):
    """Return zeros in the shape of `x`, and its dtype where none is given.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.zeros_like([1, 2]).tolist()
        [0, 0]
    """
    return _like(x, 0, dtype)


@op(dtype="same")
def ones_like(x, dtype=None):
    """Return ones in the shape of `x`, and its dtype where none is given.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.ones_like([3, 2]).tolist()
        [1, 1]
    """
    return _like(x, 1, dtype)


@op(dtype="same")
def empty_like(x, dtype=None):
    """Return a tensor in the shape of `x` whose values don't matter; they are zeros.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.empty_like([3, 2]).shape == (2,)
        True
    """
    return _like(x, 0, dtype)


@op(dtype="same")
def full_like(x, fill_value, dtype=None):
    """Return a tensor in the shape of `x` filled with one value, in its dtype where none is given.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.full_like([3, 2], 5).tolist()
        [5, 5]
    """
    return full(tuple(x.shape), fill_value, dtype_of(x) if dtype is None else dtype)


@guarded()
def arange(start, stop=None, step=None, dtype=None):
    """Return the numbers start, start + step, ... before `stop`.

    Args:
        start: number; the end, counted from 0, where `stop` is None.
        stop: number or None.
        step: number, not 0. Default 1.
        dtype: dtype name; int32 for integers, else `floatx`.
    Raises:
        ValueError: `step` is 0.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.arange(1, 7, 2).tolist()
        [1, 3, 5]
    """
    start, stop = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    if type(step) in (int, float) and step == 0:
        raise ValueError(message("arange", "`step` must not be 0", "step=0"))
    if dtype is None:
        numbers = [
            number.item() if isinstance(number, np.generic) else number
            for number in (start, stop, step)
        ]
        dtype = result_type(
            *(
                n if type(n) in (bool, int, float) else dtype_of(to_tensor(n))
                for n in numbers
                if n is not None
            )
        )
        dtype = "int32" if dtype == "bool" else dtype
    return active.engine.arange(start, stop, step, dtype=standardize_dtype(dtype))


@guarded()
def eye(N, M=None, k=0, dtype=None):  # noqa: N803 - Keras's names
    """Return ones on a diagonal, zeros elsewhere.

    Args:
        N: int >= 0, rows.
        M: int >= 0, columns; `N` by default.
        k: int. The diagonal: above the main one where positive.
        dtype: dtype name; `floatx` by default.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.eye(2, 3, k=1).tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    rows, columns = _grid("eye", N, M)
    return active.engine.asarray(
        np.eye(rows, columns, k).astype("float32"), standardize_dtype(dtype)
    )


@guarded()
def identity(n, dtype=None):
    """Return the identity matrix of `n` rows.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.identity(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return eye(n, dtype=dtype)


@guarded()
def tri(N, M=None, k=0, dtype=None):  # noqa: N803 - Keras's names
    """Return ones on and below a diagonal, zeros above. Arguments as in `eye`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.tri(2).tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """
    rows, columns = _grid("tri", N, M)
    return active.engine.asarray(
        np.tri(rows, columns, k).astype("float32"), standardize_dtype(dtype)
    )


def _grid(who, rows, columns):
    sizes = _sizes(who, (rows, rows if columns is None else columns))
    if None in sizes:
        raise ValueError(message(who, "the sizes must be known", f"N={rows}, M={columns}"))
    return sizes


@op(tensors=2, dtype="float")
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Return `num` evenly spaced numbers from `start` to `stop`.

    Args:
        start, stop: numbers or tensors that broadcast.
        num: int >= 0.
        endpoint: bool. Whether `stop` is the last of them.
        retstep: bool. Whether to return `(numbers, step)`.
        dtype: dtype name; the operands' floating dtype by default. Integers are rounded down.
        axis: int. Where the new axis goes.
    Raises:
        ValueError: `num` is negative.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.linspace(0, 1, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if not isinstance(num, (int, np.integer)) or num < 0:
        raise ValueError(message("linspace", "`num` must be an integer >= 0", f"num={num!r}"))
    start, stop = to_tensor(start), to_tensor(stop)
    own = dtype_of(add(start, stop))
    parts = num - 1 if endpoint else num
    step = multiply(subtract(stop, start), 1.0 / parts if parts > 0 else math.nan)
    # Both ends are hit exactly: the weights are rounded, not the sums.
    weight = np.arange(num) / max(parts, 1)
    left, right = (active.engine.asarray(w.astype("float64"), own) for w in (1.0 - weight, weight))
    rank = max(len(start.shape), len(stop.shape))
    line = (num,) + (1,) * rank
    left, right = (active.engine.reshape(w, line) for w in (left, right))
    values = add(
        multiply(expand_dims(start, 0) if rank and len(start.shape) == rank else start, left),
        multiply(stop, right),
    )
    values = moveaxis(values, 0, axis) if axis != 0 else values
    if dtype is not None:
        dtype = standardize_dtype(dtype)
        values = cast_to(floor(values) if is_integer(dtype) else values, dtype)
    return (values, step) if retstep else values


@op(tensors=2, dtype="float")
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """Return `num` numbers from base ** start to base ** stop, evenly spaced in the exponent.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.logspace(0, 3, 4, base=2).tolist()
        [1.0, 2.0, 4.0, 8.0]
    """
    values = power(float(base), linspace(start, stop, num, endpoint, axis=axis))
    return values if dtype is None else cast_to(values, standardize_dtype(dtype))


@op(tensors=2, dtype="float")
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """Return `num` numbers from `start` to `stop` whose ratios are equal; both have the same sign.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.round(keras.ops.geomspace(1.0, 8.0, 4), 3).tolist()
        [1.0, 2.0, 4.0, 8.0]
    """
    start, stop = to_tensor(start), to_tensor(stop)
    values = exp(linspace(log(abs(start)), log(abs(stop)), num, endpoint, axis=axis))
    values = multiply(values, expand_dims(sign(start), axis) if len(start.shape) else sign(start))
    return values if dtype is None else cast_to(values, standardize_dtype(dtype))


@op(dtype="same")
def tril(x, k=0):
    """Return the matrices of the last two axes with zeros above a diagonal.

    Args:
        x: tensor, rank >= 2, the last two sizes known.
        k: int. The last diagonal that is kept.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.tril([[1, 2], [3, 4]]).tolist()
        [[1, 0], [3, 4]]
    """
    return _triangle("tril", x, k, lower=True)


@op(dtype="same")
def triu(x, k=0):
    """Return the matrices of the last two axes with zeros below a diagonal.

    Args:
        x: tensor, rank >= 2.
        k: int. The first diagonal that is kept.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.triu([[1, 2], [3, 4]]).tolist()
        [[1, 2], [0, 4]]
    """
    return _triangle("triu", x, k, lower=False)


def _triangle(who, x, k, lower):
    if len(x.shape) < 2:
        raise ValueError(message(who, "`x` must have two axes or more", f"shape={tuple(x.shape)}"))
    if None in tuple(x.shape)[-2:]:
        return x
    rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
    keep = columns - rows <= k if lower else columns - rows >= k
    return where(keep, x, False if dtype_of(x) == "bool" else 0)


# ---- conversion


@guarded(tensors=1)
def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """Return `x` as a tensor of the engine.

    Args:
        x: number, nested list, NumPy array, tensor, variable.
        dtype: dtype name; the value's own by default, where float64 becomes `floatx` and int64 int32.
        sparse, ragged: only None or False; for Keras's signature.
    Raises:
        ValueError: a sparse or ragged tensor is asked for.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.ops.convert_to_tensor(np.array([1, 2]), dtype="float32").tolist()
        [1.0, 2.0]
    """
    if sparse or ragged:
        raise ValueError(
            message(
                "convert_to_tensor", "makes dense tensors only", f"sparse={sparse}, ragged={ragged}"
            )
        )
    if dtype is not None:
        dtype = standardize_dtype(dtype)
    if (
        dtype is not None
        and not active.engine.is_tensor(x)
        and isinstance(x, (np.ndarray, np.generic, int, float))
    ):
        return active.engine.asarray(x, dtype)
    x = to_tensor(x)
    return x if dtype is None else cast(x, dtype)


@guarded()
def array(x, dtype=None):
    """Return `convert_to_tensor(x, dtype)`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.array([1, 2]).tolist()
        [1, 2]
    """
    return convert_to_tensor(x, dtype)


@guarded(tensors=1)
def convert_to_numpy(x):
    """Return `x` as a NumPy array that owns its memory.

    Raises:
        RuntimeError: `x` has no value (a symbolic tensor).

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.convert_to_numpy(keras.ops.ones(2))
        array([1., 1.], dtype=float32)
    """
    engine = active.engine
    if isinstance(x, np.ndarray):
        return x.copy()
    value = getattr(x, "value", None)
    x = value if value is not None and hasattr(x, "trainable") else x
    return engine.to_numpy(x) if engine.is_tensor(x) else np.array(x)


@guarded()
def is_tensor(x) -> bool:
    """Return whether `x` is a tensor of the engine, or a symbolic one.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.is_tensor(keras.ops.ones(2)), keras.ops.is_tensor([1.0])
        (True, False)
    """
    return isinstance(x, Symbolic) or active.engine.is_tensor(x)


@guarded(tensors=1)
def dtype(x) -> str:
    """Return the dtype name of a tensor, array, variable or number.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.dtype(keras.ops.ones(2))
        'float32'
    """
    return standardize_dtype(x.dtype) if hasattr(x, "dtype") else dtype_of(to_tensor(x))


@op(dtype="same")
def cast(x, dtype):
    """Return `x` in another dtype; floats lose their fraction in integers.

    Args:
        x: tensor.
        dtype: dtype name.
    Raises:
        ValueError: `dtype` is not a dtype.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.cast([1.7, -1.7], "int32").tolist()
        [1, -1]
    """
    return cast_to(x, standardize_dtype(dtype))


@op(dtype="same")
def saturate_cast(x, dtype):
    """Return `x` in another dtype, limited to the numbers that it can hold; NaN becomes 0 in an integer dtype.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.saturate_cast([-1.0, 300.0], "uint8").tolist()
        [0, 255]
    """
    dtype = standardize_dtype(dtype)
    own = dtype_of(x)
    if own == dtype or dtype == "bool" or own == "bool":
        return cast_to(x, dtype)
    low, high = smallest_number(dtype), largest_number(dtype)
    if is_float(dtype):
        return cast_to(
            clip(x, low, high) if is_float(own) and largest_number(own) > high else x, dtype
        )
    if is_float(own):
        x = where(isnan(x), 0, x)
        # A float can't hold 2**31 - 1: what reaches 2**31 is set after the cast.
        over = greater_equal(x, float(high) + 1.0 if high < 2**24 else float(high))
        inside = cast_to(
            clip(
                x,
                float(low),
                float(np.nextafter(np.float32(high), np.float32(0))) if high >= 2**24 else high,
            ),
            dtype,
        )
        return where(over, active.engine.full((), high, dtype=dtype), inside)
    low, high = max(low, smallest_number(own)), min(high, largest_number(own))
    return cast_to(clip(x, low, high), dtype)


@op(dtype="same")
def copy(x):
    """Return a tensor of the same values; tensors never change, so it may be the same one.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.copy([1, 2]).tolist()
        [1, 2]
    """
    return x


@op(dtype="same")
def stop_gradient(variable):
    """Return the value, through which no gradient flows.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.stop_gradient([1.0]).tolist()
        [1.0]
    """
    return active.engine.stop_gradient(variable)
