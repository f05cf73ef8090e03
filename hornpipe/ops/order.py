"""Order: sorting, searching, ranks, quantiles, counts.

>>> import hornpipe as keras
>>> keras.ops.sort([3, 1, 2]).tolist()
[1, 2, 3]
"""

from __future__ import annotations

from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import op, to_tensor
from hornpipe.engine.select import active
from hornpipe.ops._common import check_choice, one_axis
from hornpipe.ops.shape import reshape


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
    if not 0 <= k or (size is not None and k > size):
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
