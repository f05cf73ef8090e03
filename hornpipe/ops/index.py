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
from hornpipe.engine.select import active
from hornpipe.ops._common import cast_to, check_choice, dtype_of, one_axis
from hornpipe.ops.math import add, equal, less, where
from hornpipe.ops.reduce import max as reduce_max
from hornpipe.ops.shape import expand_dims, reshape

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
        >>> keras.ops.getitem([[1, 2], [3, 4]], (slice(None), 0)).tolist()
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


def get_item(x, key):
    """Return `x[key]`, as `getitem`.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.get_item([1, 2, 3], -1))
        3
    """
    return getitem(x, key)


def _indices(x):
    x = to_tensor(x)
    if is_float(dtype_of(x)):
        x = cast_to(x, "int32")
    return cast_to(x, "int32")


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
