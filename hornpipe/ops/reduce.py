"""Reductions: sums, means, extremes, counts, running sums, moments.

Dtypes: sums of bool and of small integers are int32 (uint32 for unsigned ones); means of integers are `floatx`; 16-bit floats are
averaged in float32 and returned in their own dtype.

>>> import hornpipe as keras
>>> keras.ops.mean([[1, 2], [3, 4]], axis=0).tolist()
[2.0, 3.0]
"""

from __future__ import annotations

from hornpipe.core import settings
from hornpipe.core.dtypes import standardize_dtype
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import convert, op
from hornpipe.core.refusal import guarded
from hornpipe.engine.select import active
from hornpipe.ops._common import all_axes, cast_to, count, dtype_of, one_axis, widen
from hornpipe.ops.math import (
    _as_bool,
    abs,
    add,
    divide,
    equal,
    exp,
    isclose,
    isfinite,
    log,
    maximum,
    minimum,
    multiply,
    not_equal,
    square,
    subtract,
    where,
)
from hornpipe.ops.shape import broadcast_to, expand_dims, moveaxis, reshape, squeeze

_SUM_DTYPE = {
    "bool": "int32",
    "int8": "int32",
    "int16": "int32",
    "uint8": "uint32",
    "uint16": "uint32",
}


def _sizes(x, axes):
    return [x.shape[axis] for axis in axes]


@op()
def sum(x, axis=None, keepdims=False):
    """Return the sum over axes.

    Args:
        x: tensor.
        axis: int, sequence of ints, or None for all.
        keepdims: bool. Whether reduced axes stay with size 1.
    Returns:
        Reduced shape; dtype of `x`, int32 or uint32 for bool and small integers.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.sum([[1, 2], [3, 4]], axis=1).tolist()
        [3, 7]
    """
    x = cast_to(x, _SUM_DTYPE.get(dtype_of(x), dtype_of(x)))
    return active.engine.sum(x, axis=all_axes("sum", axis, len(x.shape)), keepdims=keepdims)


@op()
def prod(x, axis=None, keepdims=False, dtype=None):
    """Return the product over axes. Arguments and dtype as in `sum`; `dtype` names another.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.prod([[1, 2], [3, 4]], axis=1).tolist()
        [2, 12]
    """
    x = cast_to(
        x, _SUM_DTYPE.get(dtype_of(x), dtype_of(x)) if dtype is None else standardize_dtype(dtype)
    )
    return active.engine.prod(x, axis=all_axes("prod", axis, len(x.shape)), keepdims=keepdims)


def _extreme(who, x, axis, keepdims, initial, pairwise):
    axes = all_axes(who, axis, len(x.shape))
    if 0 in _sizes(x, axes):
        if initial is None:
            rule = "an empty axis needs `initial`"
            raise ShapeError(
                message(who, rule, f"shape={tuple(x.shape)}, axis={axis}", "Pass initial=...")
            )
        kept = [
            1 if i in axes else size for i, size in enumerate(x.shape) if keepdims or i not in axes
        ]
        return active.engine.full(tuple(kept), initial, dtype=dtype_of(x))
    out = getattr(active.engine, who)(x, axis=axes, keepdims=keepdims)
    return out if initial is None else pairwise(out, initial)


@op()
def max(x, axis=None, keepdims=False, initial=None):
    """Return the largest element over axes; tied elements share the gradient equally.

    Args:
        x: tensor.
        axis: int, sequence of ints, or None for all.
        keepdims: bool. Whether reduced axes stay with size 1.
        initial: number, the least result; needed where an axis is empty.
    Raises:
        ValueError: an axis is empty and `initial` is None.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.max([[1, 2], [3, 4]], axis=0).tolist()
        [3, 4]
    """
    return _extreme("max", x, axis, keepdims, initial, maximum)


@op()
def min(x, axis=None, keepdims=False, initial=None):
    """Return the smallest element over axes; tied elements share the gradient equally. Arguments as in `max`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.min([[1, 2], [3, 4]], axis=0).tolist()
        [1, 2]
    """
    return _extreme("min", x, axis, keepdims, initial, minimum)


@guarded(tensors=1)
def amax(x, axis=None, keepdims=False):
    """Return `max(x, axis, keepdims)`.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.amax([1, 3]))
        3
    """
    return max(x, axis, keepdims)


@guarded(tensors=1)
def amin(x, axis=None, keepdims=False):
    """Return `min(x, axis, keepdims)`.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.amin([1, 3]))
        1
    """
    return min(x, axis, keepdims)


@op()
def ptp(x, axis=None, keepdims=False):
    """Return the largest minus the smallest element over axes.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.ptp([4, 1, 3]))
        3
    """
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


@op()
def any(x, axis=None, keepdims=False):
    """Return whether any element over axes is true (not 0); False for none.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.any([[0, 1], [0, 0]], axis=1).tolist()
        [True, False]
    """
    return active.engine.any(
        _as_bool(x), axis=all_axes("any", axis, len(x.shape)), keepdims=keepdims
    )


@op()
def all(x, axis=None, keepdims=False):
    """Return whether all elements over axes are true (not 0); True for none.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.all([[1, 1], [0, 1]], axis=1).tolist()
        [True, False]
    """
    return active.engine.all(
        _as_bool(x), axis=all_axes("all", axis, len(x.shape)), keepdims=keepdims
    )


@op(tensors=2)
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Return whether all elements are close. Arguments as in `isclose`.

    Example:
        >>> import hornpipe as keras
        >>> bool(keras.ops.allclose([1.0, 2.0], [1.0, 2.1]))
        False
    """
    return all(isclose(x1, x2, rtol, atol, equal_nan))


@op()
def count_nonzero(x, axis=None):
    """Return how many elements over axes are not 0, as int32.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.count_nonzero([[0, 1], [2, 3]], axis=1).tolist()
        [1, 2]
    """
    return sum(_as_bool(x), axis)


@op(dtype="float")
def mean(x, axis=None, keepdims=False):
    """Return the arithmetic mean over axes.

    Args:
        x: tensor.
        axis: int, sequence of ints, or None for all.
        keepdims: bool. Whether reduced axes stay with size 1.
    Returns:
        Reduced shape; dtype of `x`, `floatx` for integers. NaN over an empty axis.
    Numerics:
        16-bit floats are averaged in float32.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.mean([[1, 2], [3, 4]], axis=0).tolist()
        [2.0, 3.0]
    """
    dtype, x = dtype_of(x), widen(x)
    axes = all_axes("mean", axis, len(x.shape))
    number = count(_sizes(x, axes))
    total = active.engine.sum(x, axis=axes, keepdims=keepdims)
    return cast_to(
        divide(total, 1.0 if number is None else float(number) if number else float("nan")), dtype
    )


@op(dtype="float")
def var(x, axis=None, keepdims=False):
    """Return the variance over axes: mean((x - mean(x)) ** 2). Arguments as in `mean`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.var([1.0, 3.0]))
        1.0
    """
    dtype, x = dtype_of(x), widen(x)
    return cast_to(mean(square(subtract(x, mean(x, axis, keepdims=True))), axis, keepdims), dtype)


@op(dtype="float")
def std(x, axis=None, keepdims=False):
    """Return the standard deviation over axes: sqrt(var(x)), with gradient 0 where it is 0. Arguments as in `mean`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.std([1.0, 3.0]))
        1.0
    """
    dtype, x = dtype_of(x), widen(x)
    return cast_to(safe_root(var(x, axis, keepdims)), dtype)


def safe_root(x):
    """Return sqrt(x) with gradient 0 at 0 instead of an infinite one."""
    zero = equal(x, 0)
    return where(zero, x, active.engine.sqrt(where(zero, 1, x)))


@op(dtype="float")
def moments(x, axes, keepdims=False, synchronized=False):
    """Return the mean and the variance over axes, computed together.

    Args:
        x: tensor.
        axes: int or sequence of ints.
        keepdims: bool. Whether reduced axes stay with size 1.
        synchronized: bool; only False: moments of several processes are not exchanged.
    Returns:
        `(mean, variance)` in the dtype of `x`; 16-bit floats are summed in float32.
    Raises:
        ValueError: `synchronized` is true.

    Example:
        >>> import hornpipe as keras
        >>> [float(moment) for moment in keras.ops.moments([1.0, 3.0], 0)]
        [2.0, 1.0]
    """
    if synchronized:
        raise ValueError(
            message("moments", "can't be synchronized between processes", "synchronized=True")
        )
    dtype, x = dtype_of(x), widen(x)
    center = mean(x, axes, keepdims=True)
    spread = mean(square(subtract(x, center)), axes, keepdims)
    if not keepdims:
        center = squeeze(center, all_axes("moments", axes, len(x.shape)))
    return cast_to(center, dtype), cast_to(spread, dtype)


@op(dtype="float")
def average(x, axis=None, weights=None):
    """Return the weighted mean over one axis or all.

    Args:
        x: tensor.
        axis: int or None.
        weights: tensor of the shape of `x`, or a vector along `axis`; None for equal weights.
    Raises:
        ValueError: `weights` has another shape.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.average([1.0, 4.0], weights=[2.0, 1.0]))
        2.0
    """
    if weights is None:
        return mean(x, axis)
    x, weights = convert([x, weights], "float")
    if tuple(weights.shape) != tuple(x.shape):
        if (
            not isinstance(axis, int)
            or len(weights.shape) != 1
            or weights.shape[0] != x.shape[axis]
        ):
            received = (
                f"weights of shape {tuple(weights.shape)}, x of shape {tuple(x.shape)}, axis={axis}"
            )
            raise ShapeError(
                message(
                    "average",
                    "`weights` must have the shape of `x` or be a vector along `axis`",
                    received,
                )
            )
        axis = one_axis("average", axis, len(x.shape))
        weights = reshape(weights, tuple(-1 if i == axis else 1 for i in range(len(x.shape))))
    return divide(sum(multiply(x, weights), axis), sum(broadcast_to(weights, tuple(x.shape)), axis))


@op(dtype="float")
def logsumexp(x, axis=None, keepdims=False):
    """Return log(sum(exp(x))) over axes, without overflow.

    Args:
        x: tensor.
        axis: int, sequence of ints, or None for all.
        keepdims: bool. Whether reduced axes stay with size 1.
    Numerics:
        The largest element is taken out first. Rows of -inf give -inf, with gradient 0.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.ops.logsumexp([1000.0, 1000.0])), 3)
        1000.693
    """
    axes = all_axes("logsumexp", axis, len(x.shape))
    if not axes:
        return x
    high = active.engine.stop_gradient(max(x, axes, keepdims=True, initial=float("-inf")))
    high = where(isfinite(high), high, 0)
    total = sum(exp(subtract(x, high)), axes, keepdims=True)
    nothing = equal(total, 0)
    out = where(nothing, float("-inf"), add(log(where(nothing, 1, total)), high))
    return out if keepdims else squeeze(out, axes)


def _arg_extreme(who, x, axis, keepdims):
    rank = len(x.shape)
    x = cast_to(x, "int32") if dtype_of(x) == "bool" else x
    if axis is None:
        out = getattr(active.engine, who)(reshape(x, (-1,)), axis=0)
        return reshape(out, (1,) * rank) if keepdims else out
    axis = one_axis(who, axis, rank)
    if x.shape[axis] == 0:
        raise ShapeError(
            message(
                who, "an empty axis has no such element", f"shape={tuple(x.shape)}, axis={axis}"
            )
        )
    out = getattr(active.engine, who)(x, axis=axis)
    return (
        active.engine.reshape(out, (*x.shape[:axis], 1, *x.shape[axis + 1 :])) if keepdims else out
    )


@op()
def argmax(x, axis=None, keepdims=False):
    """Return the index of the largest element, int32; the lowest at ties.

    Args:
        x: tensor.
        axis: int; None counts the elements row by row.
        keepdims: bool. Whether the reduced axis stays with size 1.
    Raises:
        ValueError: the axis is empty.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.argmax([[1, 3, 3], [5, 2, 1]], axis=1).tolist()
        [1, 0]
    """
    return _arg_extreme("argmax", x, axis, keepdims)


@op()
def argmin(x, axis=None, keepdims=False):
    """Return the index of the smallest element, int32; the lowest at ties. Arguments as in `argmax`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.argmin([[1, 3, 3], [5, 2, 1]], axis=1).tolist()
        [0, 2]
    """
    return _arg_extreme("argmin", x, axis, keepdims)


def _running(who, x, axis, dtype):
    if dtype is not None:
        x = cast_to(x, standardize_dtype(dtype))
    elif dtype_of(x) == "bool":
        x = cast_to(x, "int32")
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return getattr(active.engine, who)(x, axis=one_axis(who, axis, len(x.shape)))


@op()
def cumsum(x, axis=None, dtype=None):
    """Return running sums along an axis (None: of the elements row by row); bool becomes int32.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.cumsum([1, 2, 3]).tolist()
        [1, 3, 6]
    """
    return _running("cumsum", x, axis, dtype)


@op()
def cumprod(x, axis=None, dtype=None):
    """Return running products along an axis (None: of the elements row by row); bool becomes int32.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.cumprod([1, 2, 3]).tolist()
        [1, 2, 6]
    """
    return _running("cumprod", x, axis, dtype)


@op(dtype="float")
def norm(x, ord=None, axis=None, keepdims=False):
    """Return vector or matrix norms.

    Args:
        x: tensor.
        ord: None (2-norm of all elements named by `axis`), a number, inf, -inf; for two axes "fro", "nuc", 1, -1, 2, -2, inf, -inf.
        axis: int (vectors), two ints (matrices), or None: all elements where `ord` is None, else by the rank of `x`.
        keepdims: bool. Whether reduced axes stay with size 1.
    Raises:
        ValueError: `ord` does not go with that many axes.
    Numerics:
        The 2-norm has gradient 0 at 0.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.norm([3.0, 4.0]))
        5.0
    """
    rank = len(x.shape)
    axes = (
        tuple(range(rank)) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    )
    axes = tuple(one_axis("norm", each, rank) for each in axes)
    if ord is None or (
        ord in (2, "fro") and ord == (2 if len(axes) == 1 else "fro") and len(axes) <= 2
    ):
        return safe_root(sum(square(x), axes, keepdims))
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2 and ord in ("nuc", 1, -1, 2, -2, float("inf"), float("-inf")):
        return _matrix_norm(x, ord, axes, keepdims)
    rule = 'vectors take a number, matrices "fro", "nuc", 1, -1, 2, -2, inf, -inf'
    raise ValueError(message("norm", rule, f"ord={ord!r}, axis={axis}, shape={tuple(x.shape)}"))


def _vector_norm(x, ord, axes, keepdims):
    size = abs(x)
    if ord == float("inf"):
        return max(size, axes, keepdims)
    if ord == float("-inf"):
        return min(size, axes, keepdims)
    if ord == 0:
        return cast_to(sum(not_equal(x, 0), axes, keepdims), dtype_of(x))
    if ord == 1:
        return sum(size, axes, keepdims)
    total = sum(active.engine.power(size, float(ord)), axes, keepdims)
    zero = equal(total, 0)
    return where(zero, 0, active.engine.power(where(zero, 1, total), 1.0 / ord))


def _matrix_norm(x, ord, axes, keepdims):
    rows, columns = axes
    if ord in (2, -2, "nuc"):
        from hornpipe.ops.linalg import svd  # linalg is built on this module

        values = svd(moveaxis(x, axes, (-2, -1)), full_matrices=False, compute_uv=False)
        out = {2: max, -2: min, "nuc": sum}[ord](values, -1)
        return expand_dims(out, tuple(sorted(axes))) if keepdims else out
    along, across = (rows, columns) if ord in (1, -1) else (columns, rows)
    totals = sum(abs(x), along, keepdims=True)
    out = (max if ord in (1, float("inf")) else min)(totals, across, keepdims=True)
    return out if keepdims else squeeze(out, axes)


@op(dtype="float")
def normalize(x, axis=-1, order=2, epsilon=None):
    """Divide `x` by its norm along axes.

    Args:
        x: tensor.
        axis: int or sequence of ints.
        order: number > 0, the norm.
        epsilon: float. Norms below it count as it; `keras.config.epsilon()` by default.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.normalize([[1.0, 3.0]], order=1).tolist()
        [[0.25, 0.75]]
    """
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes = all_axes("normalize", axis, len(x.shape))
    if order == 2:
        # The bound is applied to the square: a root of 0 never arises.
        total = sum(square(x), axes, keepdims=True)
        return multiply(x, active.engine.rsqrt(maximum(total, epsilon * epsilon)))
    length = sum(active.engine.power(abs(x), float(order)), axes, keepdims=True)
    zero = equal(length, 0)
    length = where(zero, 0, active.engine.power(where(zero, 1, length), 1.0 / order))
    return divide(x, maximum(length, epsilon))
