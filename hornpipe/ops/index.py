"""Reading and writing parts of tensors: indexing, gathering, scattering, segments, diagonals.

Indices are int32; negative ones count from the end, those out of range are clipped by `take` and `take_along_axis`.

>>> import hornpipe as keras
>>> keras.ops.take([10, 20, 30], [2, 0]).tolist()
[30, 10]
"""

from __future__ import annotations

import builtins

import numpy as np

from hornpipe.core.dtypes import is_float, standardize_dtype
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import op, to_tensor
from hornpipe.core.refusal import guarded
from hornpipe.engine.select import active
from hornpipe.ops._common import cast_to, check_choice, count, dtype_of, host_value, one_axis
from hornpipe.ops.math import (
    add,
    equal,
    floor_divide,
    greater,
    greater_equal,
    isfinite,
    largest_number,
    less,
    logical_and,
    logical_not,
    logical_or,
    mod,
    smallest_number,
    where,
)
from hornpipe.ops.reduce import any as reduce_any
from hornpipe.ops.reduce import max as reduce_max
from hornpipe.ops.reduce import prod as reduce_prod
from hornpipe.ops.reduce import sum as reduce_sum
from hornpipe.ops.shape import expand_dims, moveaxis, reshape, squeeze

_slice = builtins.slice


@op(dtype="same")
def getitem(x, index):
    """Return `x[index]` by NumPy's rules.

    Args:
        x: tensor.
        index: int, slice, None, Ellipsis, integer or bool tensor or list, or a tuple of them. A bool tensor picks a number of
            elements that depends on its values, which a compiled function can't do.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.getitem([[1, 2], [3, 4]], (..., 0)).tolist()
        [1, 3]
    """
    index = index if isinstance(index, tuple) else (index,)
    plain = tuple(
        to_tensor(each) if hasattr(each, "trainable") or isinstance(each, list) else each
        for each in index
    )
    reverse = [
        each
        for each in plain
        if isinstance(each, _slice) and isinstance(each.step, int) and each.step < 0
    ]
    if reverse and active.engine.name != "shapes":
        x, plain = _forward_slices(x, plain)
    return active.engine.getitem(x, plain)


def _forward_slices(x, index):
    """Return `x` flipped along the axes that `index` runs backwards along, and the index with steps > 0."""
    used = builtins.sum(each is not None and each is not Ellipsis for each in index)
    out, flipped, axis = [], [], 0
    for each in index:
        if each is Ellipsis:
            axis += len(x.shape) - used
        elif each is not None:
            if isinstance(each, _slice) and isinstance(each.step, int) and each.step < 0:
                places, total = range(*each.indices(x.shape[axis])), x.shape[axis]
                flipped.append(axis)
                first = total - 1 - places[0] if len(places) else 0
                each = _slice(
                    first,
                    first + (len(places) - 1) * -each.step + 1 if len(places) else 0,
                    -each.step,
                )
            axis += 1
        out.append(each)
    return active.engine.flip(x, axis=tuple(flipped)), tuple(out)


@guarded(tensors=1)
def get_item(x, key):
    """Return `x[key]`, as `getitem`.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.get_item([1, 2, 3], -1))
        3
    """
    return getitem(x, key)


def _indices(x):
    return cast_to(to_tensor(x), "int32")


def _wrap(indices, total):
    """Return indices with negative ones counted from the end."""
    return indices if total is None else where(less(indices, 0), add(indices, total), indices)


@op(dtype="same")
def take(x, indices, axis=None):
    """Gather slices of `x` along an axis.

    Args:
        x: tensor.
        indices: int or tensor of ints; negative ones count from the end, those out of range are clipped.
        axis: int; None gathers from the elements row by row.
    Returns:
        x.shape[:axis] + indices.shape + x.shape[axis + 1:]; dtype of `x`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.take([[1, 2, 3], [4, 5, 6]], [2, -3], axis=1).tolist()
        [[3, 1], [6, 4]]
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = one_axis("take", axis, len(x.shape))
    return active.engine.take(x, _wrap(_indices(indices), x.shape[axis]), axis=axis)


@op(dtype="same")
def take_along_axis(x, indices, axis=None):
    """Gather elements of `x` along an axis, each by its own index, as those that `argsort` gives.

    Args:
        x: tensor.
        indices: tensor of ints, of the rank of `x`, whose other axes broadcast with those of `x`.
        axis: int; None works on the elements row by row.
    Raises:
        ValueError: the ranks differ.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1).tolist()
        [[2], [3]]
    """
    indices = _indices(indices)
    if axis is None:
        x, indices, axis = reshape(x, (-1,)), reshape(indices, (-1,)), 0
    if len(x.shape) != len(indices.shape):
        received = f"ranks {len(x.shape)} and {len(indices.shape)}"
        raise ShapeError(
            message("take_along_axis", "`indices` must have the rank of `x`", received)
        )
    axis = one_axis("take_along_axis", axis, len(x.shape))
    return active.engine.take_along_axis(x, _wrap(indices, x.shape[axis]), axis=axis)


def _index_columns(who, indices, rank):
    """Return the last axis of `indices` as a tuple of tensors."""
    indices = _indices(indices)
    depth = indices.shape[-1] if len(indices.shape) else None
    if depth is None or not 1 <= depth <= rank:
        rule = f"`indices` must have a last axis of 1 to {rank} numbers"
        raise ShapeError(message(who, rule, f"shape={tuple(indices.shape)}"))
    return tuple(active.engine.getitem(indices, (Ellipsis, i)) for i in range(depth))


@op(tensors=2, dtype="same")
def scatter(indices, values, shape):
    """Return zeros of a shape with `values` added at `indices`; values at one place add up.

    Args:
        indices: int tensor `(..., depth)`: places along the first `depth` axes.
        values: tensor `(..., *shape[depth:])`.
        shape: sequence of ints.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.scatter([[0], [2], [0]], [1, 2, 3], (4,)).tolist()
        [4, 0, 2, 0]
    """
    zeros = active.engine.full(tuple(shape), 0, dtype=dtype_of(values))
    return active.engine.scatter(
        zeros, _index_columns("scatter", indices, len(zeros.shape)), values, mode="add"
    )


@op(dtype="same")
def scatter_update(inputs, indices, updates, reduction=None):
    """Return `inputs` with elements at `indices` replaced, or combined with `updates`.

    Args:
        inputs: tensor.
        indices: int tensor `(..., depth)`: places along the first `depth` axes.
        updates: tensor `(..., *inputs.shape[depth:])`.
        reduction: None (replace; of several for one place any may win), "add", "max" or "min".
    Raises:
        ValueError: another reduction.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.scatter_update([0, 0, 0], [[1]], [5]).tolist()
        [0, 5, 0]
    """
    check_choice("scatter_update", "reduction", reduction, (None, "add", "max", "min"))
    updates = cast_to(to_tensor(updates), dtype_of(inputs))
    columns = _index_columns("scatter_update", indices, len(inputs.shape))
    return active.engine.scatter(inputs, columns, updates, mode=reduction or "set")


def _starts(starts, rank, who):
    if active.engine.is_tensor(starts) or hasattr(starts, "trainable"):
        starts = to_tensor(starts)
        return [active.engine.getitem(starts, (i,)) for i in range(rank)]
    starts = list(np.asarray(starts)) if isinstance(starts, np.ndarray) else list(starts)
    if len(starts) != rank:
        raise ShapeError(
            message(who, f"`start_indices` must hold {rank} numbers", f"{len(starts)}")
        )
    return [cast_to(to_tensor(start), "int32") for start in starts]


@op(dtype="same")
def slice(inputs, start_indices, shape):
    """Return the window of a shape that starts at `start_indices`, which may be tensors.

    Args:
        inputs: tensor.
        start_indices: one int or scalar tensor an axis; clamped so that the window fits.
        shape: one int an axis; -1 for all the rest, where the start is a known number.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.slice([[1, 2, 3], [4, 5, 6]], (1, 0), (1, 2)).tolist()
        [[4, 5]]
    """
    sizes = tuple(shape)
    if -1 in sizes:
        sizes = tuple(
            total if size == -1 and total is None else total - int(start) if size == -1 else size
            for size, total, start in zip(sizes, inputs.shape, start_indices, strict=True)
        )
    return active.engine.dynamic_slice(
        inputs, _starts(start_indices, len(inputs.shape), "slice"), sizes
    )


@op(dtype="same")
def slice_update(inputs, start_indices, updates):
    """Return `inputs` with a window replaced by `updates`; `start_indices` as in `slice`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.slice_update([1, 2, 3], (1,), [7, 8]).tolist()
        [1, 7, 8]
    """
    updates = cast_to(to_tensor(updates), dtype_of(inputs))
    return active.engine.dynamic_update(
        inputs, updates, _starts(start_indices, len(inputs.shape), "slice_update")
    )


# ---- classes as vectors


@op(dtype="same")
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """Return vectors with a 1 at the index; zeros for an index out of range.

    Args:
        x: tensor of ints.
        num_classes: int >= 1.
        axis: int. Place of the new axis.
        dtype: dtype name; `floatx` by default.
        sparse: only False; for Keras's signature.
    Raises:
        ValueError: `sparse` is true.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.one_hot([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    _dense_only("one_hot", sparse)
    rank = len(x.shape) + 1
    axis = one_axis("one_hot", axis, rank)
    line = active.engine.arange(0, num_classes, 1, dtype="int32")
    line = active.engine.reshape(line, tuple(num_classes if i == axis else 1 for i in range(rank)))
    return cast_to(equal(expand_dims(_indices(x), axis), line), standardize_dtype(dtype))


@op(dtype="same")
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """Return vectors with a 1 at every index of a row.

    Args:
        inputs: tensor of ints `(batch, n, ...)` or `(n,)`; indices out of range count for nothing.
        num_classes: int >= 1.
        axis: int. Place of the classes in the result.
        dtype: dtype name; `floatx` by default.
        sparse: only False; for Keras's signature.
    Returns:
        Shape of `inputs` without the axis `n`, with the new axis.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.multi_hot([[0, 2], [1, 1]], 3).tolist()
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs or num_classes is None:
        raise ValueError(
            message("multi_hot", "needs `num_classes`", f"num_classes={num_classes}, {kwargs}")
        )
    _dense_only("multi_hot", sparse)
    return reduce_max(
        one_hot(inputs, num_classes, axis=axis, dtype=dtype), axis=1 if len(inputs.shape) > 1 else 0
    )


def _dense_only(who, sparse):
    if sparse:
        raise ValueError(message(who, "makes dense tensors only", "sparse=True"))


# ---- diagonals


@op(dtype="same")
def diagonal(x, offset=0, axis1=0, axis2=1):
    """Return a diagonal of the planes of two axes, as a new last axis.

    Args:
        x: tensor, rank >= 2.
        offset: int. Above the main diagonal where positive.
        axis1, axis2: int, two different axes.
    Raises:
        ValueError: the axes are one.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.diagonal([[1, 2], [3, 4]]).tolist()
        [1, 4]
    """
    rank = len(x.shape)
    first, second = one_axis("diagonal", axis1, rank), one_axis("diagonal", axis2, rank)
    if first == second:
        raise ShapeError(
            message("diagonal", "`axis1` and `axis2` must be two axes", f"both are {axis1}")
        )
    x = moveaxis(x, (first, second), (-2, -1))
    rows, columns = x.shape[-2:]
    if rows is None or columns is None:
        return active.engine.full((*x.shape[:-2], None), 0, dtype=dtype_of(x))
    length = builtins.max(0, min(rows + min(offset, 0), columns - builtins.max(offset, 0)))
    start = offset if offset >= 0 else -offset * columns
    flat = reshape(x, (*x.shape[:-2], rows * columns))
    stop = start + (length - 1) * (columns + 1) + 1 if length else start
    return active.engine.getitem(flat, (Ellipsis, _slice(start, stop, columns + 1)))


@op(dtype="same")
def diag(x, k=0):
    """Return a matrix with the vector `x` on a diagonal, or a diagonal of the matrix `x`.

    Args:
        x: vector or matrix.
        k: int. Above the main diagonal where positive.
    Raises:
        ValueError: another rank.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.diag([1, 2]).tolist()
        [[1, 0], [0, 2]]
    """
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ShapeError(
            message("diag", "`x` must be a vector or a matrix", f"shape={tuple(x.shape)}")
        )
    if x.shape[0] is None:
        return active.engine.full((None, None), 0, dtype=dtype_of(x))
    size = x.shape[0] + abs(k)
    wide = active.engine.pad(x, [(builtins.max(k, 0), builtins.max(-k, 0))])
    on_diagonal = np.eye(size, k=k, dtype="bool")
    return where(
        on_diagonal,
        active.engine.reshape(wide, (1, size)),
        active.engine.full((), 0, dtype=dtype_of(x)),
    )


@guarded(tensors=1)
def diagflat(x, k=0):
    """Return a matrix with the elements of `x`, row by row, on a diagonal.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.diagflat([[1], [2]]).tolist()
        [[1, 0], [0, 2]]
    """
    return diag(reshape(x, (-1,)), k)


@op()
def trace(x, offset=0, axis1=0, axis2=1):
    """Return the sum of a diagonal. Arguments as in `diagonal`.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.trace([[1, 2], [3, 4]]))
        5
    """
    return reduce_sum(diagonal(x, offset, axis1, axis2), -1)


# ---- segments


def _segments(who, data, segment_ids, num_segments):
    """Return int32 ids in which those out of range are the one past the last, and the number of segments."""
    ids = _indices(segment_ids)
    rows = data.shape[0] if len(data.shape) else -1
    if len(ids.shape) != 1 or (None not in (ids.shape[0], rows) and ids.shape[0] != rows):
        received = f"shapes {tuple(ids.shape)} and {tuple(data.shape)}"
        raise ShapeError(message(who, "`segment_ids` must be a vector as long as `data`", received))
    if num_segments is None:
        if active.engine.name == "shapes":
            return ids, None
        values = host_value(who, ids, "the number of segments")
        num_segments = int(values.max()) + 1 if values.size else 0
    outside = logical_or(less(ids, 0), greater_equal(ids, num_segments))
    return where(outside, num_segments, ids), num_segments


def _scatter_segments(who, data, segment_ids, num_segments, start, mode):
    ids, number = _segments(who, data, segment_ids, num_segments)
    rest = tuple(data.shape)[1:]
    if number is None:
        return active.engine.full((None, *rest), 0, dtype=dtype_of(data))
    # One more segment takes what is out of range, and is dropped.
    begin = active.engine.full((number + 1, *rest), start, dtype=dtype_of(data))
    return active.engine.getitem(
        active.engine.scatter(begin, (ids,), data, mode=mode), (_slice(0, number),)
    )


@op()
def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """Return the sums of rows that share a segment number.

    Args:
        data: tensor `(rows, ...)`.
        segment_ids: int vector, one a row; rows whose number is out of range are left out.
        num_segments: int; the largest number + 1 by default, which a compiled function does not know.
        sorted: kept for Keras's signature.
    Returns:
        `(num_segments, ...)`; 0 for empty segments.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.segment_sum([1, 2, 4], [0, 1, 0]).tolist()
        [5, 2]
    """
    return _scatter_segments("segment_sum", data, segment_ids, num_segments, 0, "add")


@op()
def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """Return the largest of rows that share a segment number; -inf (or the least integer) for empty segments.

    Arguments as in `segment_sum`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.segment_max([1, 2, 4], [0, 1, 0]).tolist()
        [4, 2]
    """
    least = float("-inf") if is_float(dtype_of(data)) else smallest_number(dtype_of(data))
    return _scatter_segments("segment_max", data, segment_ids, num_segments, least, "max")


@op()
def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """Return the smallest of rows that share a segment number; inf (or the largest integer) for empty segments.

    Arguments as in `segment_sum`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.segment_min([1, 2, 4], [0, 1, 0]).tolist()
        [1, 2]
    """
    most = float("inf") if is_float(dtype_of(data)) else largest_number(dtype_of(data))
    return _scatter_segments("segment_min", data, segment_ids, num_segments, most, "min")


@op()
def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    """Return the products of rows that share a segment number; 1 for empty segments.

    Arguments as in `segment_sum`. Memory grows with rows times segments.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.segment_prod([3, 2, 4], [0, 1, 0]).tolist()
        [12, 2]
    """
    ids, number = _segments("segment_prod", data, segment_ids, num_segments)
    rest = tuple(data.shape)[1:]
    if number is None:
        return active.engine.full((None, *rest), 1, dtype=dtype_of(data))
    own = equal(
        expand_dims(ids, 0), expand_dims(active.engine.arange(0, number, 1, dtype="int32"), 1)
    )
    own = reshape(own, (number, -1, *[1] * len(rest)))
    return reduce_prod(where(own, expand_dims(data, 0), 1), axis=1, dtype=dtype_of(data))


# ---- places


@guarded(tensors=1)
def unravel_index(indices, shape):
    """Return the coordinates of elements counted row by row, a tuple of int32 tensors; negative ones count from the end.

    Example:
        >>> import hornpipe as keras
        >>> [each.tolist() for each in keras.ops.unravel_index([0, 5], (2, 3))]
        [[0, 1], [0, 2]]
    """
    return tuple(_unravel(indices, shape))


@op(dtype="same", name="unravel_index")
def _unravel(indices, shape):
    shape, rest, out = tuple(shape), _indices(indices), []
    rest = _wrap(rest, count(shape))
    for size in reversed(shape):
        out.append(mod(rest, size))
        rest = floor_divide(rest, size)
    return out[::-1]


@op(dtype=None)
def nonzero(x):
    """Return the coordinates of elements that are not 0: a tuple of int32 vectors, one an axis.

    Args:
        x: tensor with known values.
    Raises:
        EngineError: `x` has no value yet (in a compiled function): the number of results depends on it.

    Example:
        >>> import hornpipe as keras
        >>> [each.tolist() for each in keras.ops.nonzero([[0, 3], [4, 0]])]
        [[0, 1], [1, 0]]
    """
    values = host_value("nonzero", to_tensor(x), "the number of results")
    places = np.nonzero(values) if values.ndim else (np.zeros(int(values != 0)),)
    return tuple(active.engine.asarray(place.astype("int32")) for place in places)


@guarded()
def select(condlist, choicelist, default=0):
    """Return for each element the first choice whose condition is true, else `default`.

    Args:
        condlist: list of bool tensors.
        choicelist: list of as many tensors or numbers.
        default: tensor or number.
    Raises:
        ValueError: the lists are empty or of two lengths.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.select([[True, False], [True, True]], [1, 2], 0).tolist()
        [1, 2]
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        received = f"{len(condlist)} conditions, {len(choicelist)} choices"
        raise ValueError(
            message("select", "as many choices as conditions are needed, at least one", received)
        )
    out = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        out = where(condition, choice, out)
    return out


@op(tensors=2)
def isin(x1, x2, assume_unique=False, invert=False):
    """Return for each element of `x1` whether it is one of `x2`. Memory grows with the product of the sizes.

    Args:
        x1, x2: tensors.
        assume_unique: kept for Keras's signature.
        invert: bool. Whether to return the opposite.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.isin([1, 2, 3], [2, 5]).tolist()
        [False, True, False]
    """
    x1, x2 = (to_tensor(x) for x in (x1, x2))
    found = reduce_any(equal(expand_dims(x1, -1), reshape(x2, (-1,))), -1)
    return logical_not(found) if invert else found


@op(tensors=2, dtype="same")
def in_top_k(targets, predictions, k):
    """Return whether the class `targets[i]` is among the `k` largest of `predictions[i]`.

    Args:
        targets: int vector.
        predictions: tensor `(batch, classes)`.
        k: int. Classes that tie with the k-th are in. A prediction that is not finite, or a target out of range, is out.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.in_top_k([0, 1], [[0.1, 0.5, 0.3], [0.1, 0.5, 0.3]], 2).tolist()
        [False, True]
    """
    targets, classes = _indices(targets), predictions.shape[-1]
    own = take_along_axis(predictions, expand_dims(targets, -1), -1)
    ahead = reduce_sum(greater(predictions, own), -1)
    known = logical_and(greater_equal(targets, 0), less(targets, 1 if classes is None else classes))
    return logical_and(logical_and(less(ahead, k), known), isfinite(squeeze(own, -1)))
