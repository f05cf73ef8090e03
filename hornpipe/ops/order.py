"""Order: sorting, searching, ranks, quantiles, counts.

>>> import hornpipe as keras
>>> keras.ops.sort([3, 1, 2]).tolist()
[1, 2, 3]
"""

from __future__ import annotations

import builtins

from hornpipe.core.dtypes import is_float
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import op, to_tensor
from hornpipe.engine.select import active
from hornpipe.ops._common import all_axes, cast_to, check_choice, count, dtype_of, one_axis
from hornpipe.ops.create import linspace
from hornpipe.ops.index import segment_sum
from hornpipe.ops.math import (
    add,
    ceil,
    divide,
    equal,
    floor,
    greater_equal,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    maximum,
    minimum,
    multiply,
    subtract,
    where,
)
from hornpipe.ops.reduce import max as reduce_max
from hornpipe.ops.reduce import min as reduce_min
from hornpipe.ops.reduce import sum as reduce_sum
from hornpipe.ops.shape import expand_dims, moveaxis, reshape, squeeze, transpose


@op(dtype="same")
def argsort(x, axis=-1):
    """Return the indices that sort `x` along an axis, int32, ascending; equal elements keep their order.

    Args:
        x: tensor.
        axis: int; None sorts the elements row by row.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.argsort([3, 1, 2]).tolist()
        [1, 2, 0]
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    if not len(x.shape):
        return active.engine.full((), 0, dtype="int32")
    return active.engine.argsort(x, axis=one_axis("argsort", axis, len(x.shape)))


@op(dtype="same")
def sort(x, axis=-1):
    """Return the elements along an axis in ascending order. Arguments as in `argsort`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.sort([[3, 1], [2, 4]], axis=0).tolist()
        [[2, 1], [3, 4]]
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    if not len(x.shape):
        return x
    axis = one_axis("sort", axis, len(x.shape))
    return active.engine.take_along_axis(x, active.engine.argsort(x, axis=axis), axis=axis)


@op(dtype="same")
def top_k(x, k, sorted=True):
    """Return the `k` largest elements of the last axis, descending, and their int32 indices; the lowest at ties.

    Args:
        x: tensor, rank >= 1.
        k: int in [0, size of the last axis].
        sorted: bool; the result is sorted in any case.
    Raises:
        ValueError: `k` is out of range.

    Example:
        >>> import hornpipe as keras
        >>> [part.tolist() for part in keras.ops.top_k([1, 5, 3], 2)]
        [[5, 3], [1, 2]]
    """
    size = x.shape[-1] if len(x.shape) else 0
    if k < 0 or (size is not None and k > size):
        raise ShapeError(message("top_k", f"`k` must lie in [0, {size}]", f"k={k}"))
    return active.engine.top_k(x, k)


@op(tensors=2)
def searchsorted(sorted_sequence, values, side="left"):
    """Return where `values` would go into a sorted vector, int32.

    Args:
        sorted_sequence: vector, ascending.
        values: tensor.
        side: "left" (before equal elements) or "right" (behind them).
    Raises:
        ValueError: `sorted_sequence` is not a vector, or another side.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.searchsorted([1, 3, 5], [0, 3, 6]).tolist()
        [0, 1, 3]
    """
    check_choice("searchsorted", "side", side, ("left", "right"))
    sorted_sequence, values = to_tensor(sorted_sequence), to_tensor(values)
    if len(sorted_sequence.shape) != 1:
        received = f"shape={tuple(sorted_sequence.shape)}"
        raise ShapeError(message("searchsorted", "`sorted_sequence` must be a vector", received))
    return active.engine.searchsorted(sorted_sequence, values, side=side)


@op(dtype="same")
def argpartition(x, kth, axis=-1):
    """Return indices that put the `kth` smallest element in its place, smaller ones before it, larger ones behind it, int32.

    They sort `x` altogether, which satisfies that.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.argpartition([7, 1, 5], 1)[1])
        2
    """
    axis = one_axis("argpartition", axis, len(x.shape))
    size = x.shape[axis]
    if size is not None and not -size <= kth < size:
        raise ValueError(
            message("argpartition", f"`kth` must lie in [{-size}, {size - 1}]", f"kth={kth}")
        )
    return active.engine.argsort(x, axis=axis)


@op(tensors=2)
def digitize(x, bins):
    """Return the number of the interval that each element lies in, int32: 0 below bins[0], i for bins[i-1] <= x < bins[i].

    Args:
        x: tensor.
        bins: ascending vector.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.digitize([0.5, 1.0, 9.0], [1.0, 2.0]).tolist()
        [0, 1, 2]
    """
    return searchsorted(bins, x, side="right")


@op(dtype="same")
def bincount(x, weights=None, minlength=0, sparse=False):
    """Return how often each whole number from 0 on stands in the last axis.

    Args:
        x: tensor of ints >= 0, `(n,)` or `(batch, n)`.
        weights: None, or tensor of the shape of `x`: what each counts.
        minlength: int >= 0. The result has max(minlength, largest number + 1) elements; in a compiled function `minlength`
            alone, which must be > 0 there, and larger numbers are left out.
        sparse: only False; for Keras's signature.
    Returns:
        `(size,)` or `(batch, size)`; int32, or the dtype of `weights`.
    Raises:
        ValueError: another rank, `sparse`, or no `minlength` in a compiled function.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.bincount([0, 2, 2]).tolist()
        [1, 0, 2]
    """
    if sparse or len(x.shape) not in (1, 2):
        rule = "takes a vector or a matrix, and makes dense tensors"
        raise ValueError(message("bincount", rule, f"shape={tuple(x.shape)}, sparse={sparse}"))
    engine, x = active.engine, cast_to(x, "int32")
    weights = (
        engine.full(tuple(x.shape), 1, dtype="int32") if weights is None else to_tensor(weights)
    )
    if engine.name == "shapes":
        return engine.full((*x.shape[:-1], None), 0, dtype=dtype_of(weights))
    size = int(minlength)
    if not engine.is_traced(x):
        values = engine.to_numpy(x)
        size = max(size, int(values.max()) + 1 if values.size else 0)
    elif size < 1:
        raise ValueError(
            message(
                "bincount", "a compiled function needs `minlength` > 0", f"minlength={minlength}"
            )
        )
    if len(x.shape) == 1:
        return segment_sum(weights, x, size)
    rows = x.shape[0]
    known = logical_and(greater_equal(x, 0), less(x, size))
    start = reshape(multiply(engine.arange(0, rows, 1, dtype="int32"), size), (rows, 1))
    places = where(known, add(x, start), -1)
    return reshape(
        segment_sum(reshape(weights, (-1,)), reshape(places, (-1,)), rows * size), (rows, size)
    )


@op(dtype="float")
def histogram(x, bins=10, range=None):
    """Return how many elements fall into each of `bins` intervals of equal width, and the intervals' ends.

    Args:
        x: tensor.
        bins: int >= 1.
        range: pair of numbers, the ends of all; the smallest and the largest element by default. Elements outside do not count.
    Returns:
        `(counts, edges)`: `(bins,)` and `(bins + 1,)`, floating as `x`; the last interval holds its upper end.
    Raises:
        ValueError: `bins` is not positive, or `range` is empty.

    Example:
        >>> import hornpipe as keras
        >>> [part.tolist() for part in keras.ops.histogram([0.0, 1.0, 4.0], bins=2)]
        [[2.0, 1.0], [0.0, 2.0, 4.0]]
    """
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise ValueError(message("histogram", "`bins` must be an integer >= 1", f"bins={bins!r}"))
    x = reshape(x, (-1,))
    if range is not None:
        if not range[0] < range[1]:
            raise ValueError(
                message(
                    "histogram", "`range` must be (low, high) with low < high", f"range={range}"
                )
            )
        low, high = float(range[0]), float(range[1])
    elif x.shape[0] == 0:
        low, high = 0.0, 1.0
    else:
        low, high = reduce_min(x), reduce_max(x)
        alike = equal(low, high)
        low, high = where(alike, subtract(low, 0.5), low), where(alike, add(high, 0.5), high)
    edges = cast_to(linspace(low, high, bins + 1), dtype_of(x))
    inside = logical_and(greater_equal(x, low), less_equal(x, high))
    place = minimum(subtract(searchsorted(edges, x, side="right"), 1), bins - 1)
    return cast_to(segment_sum(cast_to(inside, "int32"), place, bins), dtype_of(x)), edges


# ---- quantiles


def _by_rank(who, x, q, axis, keepdims, method, counted=None):
    """Return quantiles of the sorted elements; `counted(sorted)` gives how many of them count, from the first."""
    check_choice(who, "method", method, ("linear", "lower", "higher", "midpoint", "nearest"))
    rank, dtype = len(x.shape), dtype_of(x)
    axes = all_axes(who, axis, rank)
    kept = [i for i in builtins.range(rank) if i not in axes]
    total = count([x.shape[i] for i in axes])
    if total == 0:
        raise ShapeError(
            message(who, "an empty axis has no quantiles", f"shape={tuple(x.shape)}, axis={axis}")
        )
    flat = reshape(transpose(x, kept + list(axes)), (*(x.shape[i] for i in kept), total))
    flat = sort(flat, -1)
    q = cast_to(to_tensor(q), dtype if is_float(dtype) else "float32")
    many = len(q.shape)
    if many > 1:
        raise ShapeError(
            message(who, "`q` must be a number or a vector", f"shape={tuple(q.shape)}")
        )
    q = reshape(q, (-1,))
    # Places of quantiles: (..., q); the number of elements differs from row to row where NaN do not count.
    number = counted(flat) if counted else float(1 if total is None else total)
    place = multiply(q, maximum(subtract(number, 1.0), 0.0))
    low, high = floor(place), ceil(place)
    if method == "nearest":
        low = high = active.engine.round(place)
    low, high = {"lower": (low, low), "higher": (high, high)}.get(method, (low, high))
    below, above = (_gather_last(flat, cast_to(side, "int32"), len(kept)) for side in (low, high))
    weight = {"linear": subtract(place, low), "midpoint": where(equal(low, high), 0.0, 0.5)}.get(
        method, 0.0
    )
    out = (
        below
        if method in ("lower", "nearest")
        else above
        if method == "higher"
        else add(below, where(equal(below, above), 0.0, multiply(subtract(above, below), weight)))
    )
    # NaN is sorted to the end: a row that has one is NaN altogether.
    last = active.engine.getitem(flat, (Ellipsis, builtins.slice(-1, None)))
    out = out if counted else where(isnan(last), last, out)
    out = moveaxis(out, -1, 0)
    out = squeeze(out, 0) if not many else out
    return expand_dims(out, tuple(axis + many for axis in axes)) if keepdims and axes else out


def _gather_last(flat, places, batch):
    """Return elements of the last axis at places `(q,)` or `(..., q)`."""
    if len(places.shape) == 1 and batch:
        return active.engine.take(flat, places, axis=batch)
    return active.engine.take_along_axis(flat, places, axis=batch)


@op(dtype="float")
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """Return the values below which the share `q` of the elements over axes lies.

    Args:
        x: tensor.
        q: number or vector in [0, 1].
        axis: int, sequence of ints, or None for all.
        method: what to take between two elements: "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: bool. Whether reduced axes stay with size 1.
    Returns:
        Reduced shape, behind an axis of `q` where that is a vector. NaN where an element is NaN.
    Raises:
        ValueError: an empty axis, another method or a matrix `q`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.quantile([1.0, 2.0, 4.0], [0.5, 0.75]).tolist()
        [2.0, 3.0]
    """
    return _by_rank("quantile", x, q, axis, keepdims, method)


@op(dtype="float")
def percentile(x, q, axis=None, method="linear", keepdims=False):
    """Return `quantile(x, q / 100)`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.percentile([1.0, 2.0, 4.0], 50))
        2.0
    """
    return _by_rank("percentile", x, divide(q, 100.0), axis, keepdims, method)


@op(dtype="float")
def median(x, axis=None, keepdims=False):
    """Return the middle element over axes, or the mean of the two middle ones.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.median([3.0, 1.0, 2.0, 8.0]))
        2.5
    """
    return _by_rank("median", x, 0.5, axis, keepdims, "linear")


@op(dtype="float")
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """Return `quantile` of the elements that are not NaN; NaN where there are none.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanquantile([1.0, float("nan"), 3.0], 0.5))
        2.0
    """
    return _by_rank("nanquantile", x, q, axis, keepdims, method, _numbers)


def _numbers(flat):
    return cast_to(reduce_sum(logical_not(isnan(flat)), -1, keepdims=True), dtype_of(flat))


@op(dtype="float")
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """Return `nanquantile(x, q / 100)`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanpercentile([1.0, float("nan"), 3.0], 50))
        2.0
    """
    return _by_rank("nanpercentile", x, divide(q, 100.0), axis, keepdims, method, _numbers)


@op(dtype="float")
def nanmedian(x, axis=None, keepdims=False):
    """Return `median` of the elements that are not NaN; NaN where there are none.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanmedian([1.0, float("nan"), 3.0]))
        2.0
    """
    return _by_rank("nanmedian", x, 0.5, axis, keepdims, "linear", _numbers)
