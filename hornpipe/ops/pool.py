"""Pooling and windows.

Windows are cut as strided slices, one axis after the other, so that a window of 3 x 3 costs 6 slices, not 9.

>>> import hornpipe as keras
>>> keras.ops.max_pool([[[1.0], [3.0], [2.0], [4.0]]], 2).tolist()
[[[3.0], [4.0]]]
"""

from __future__ import annotations

import numpy as np

from hornpipe.core.dtypes import is_float
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import op
from hornpipe.core.settings import standardize_data_format
from hornpipe.engine.select import active
from hornpipe.ops._common import check_choice, dtype_of, int_tuple
from hornpipe.ops.conv import (
    channels_first,
    channels_last,
    check_windows,
    padded,
    padding_pairs,
)
from hornpipe.ops.math import add, divide, greater, logical_or, not_equal, smallest_number, where
from hornpipe.ops.reduce import max as reduce_max
from hornpipe.ops.reduce import mean


def _along_axis(x, axis, window, stride, out, combine):
    """Combine the elements of each window along one axis."""
    before, total = (slice(None),) * axis, None
    for offset in range(window):
        stop = None if out is None else offset + (out - 1) * stride + 1
        piece = active.engine.getitem(x, (*before, slice(offset, stop, stride)))
        total = piece if total is None else combine(total, piece)
    return total


def _first_larger(best, candidate):
    """Return the larger one, the earlier one at a tie, so that the gradient goes to one element; NaN wins."""
    return where(
        logical_or(greater(candidate, best), not_equal(candidate, candidate)), candidate, best
    )


@op()
def max_pool_general(x, window, strides, padding):
    """Return the largest element of each window of channels-last `x`; an engine may have a faster one.

    Args:
        x: tensor `(batch, *spatial, channels)`.
        window, strides: tuples of ints, one a spatial axis.
        padding: list of pairs (before, after), one a spatial axis, of elements that never win.
    Returns:
        `(batch, *new_spatial, channels)`. The gradient goes to the first of tied elements, row by row.
    """
    ones = (1,) * len(window)
    outs = check_windows("max_pool", x.shape[1:-1], window, strides, ones, padding)
    lowest = float("-inf") if is_float(dtype_of(x)) else smallest_number(dtype_of(x))
    x = padded(x, padding, lowest)
    for axis in reversed(
        range(len(window))
    ):  # last axis first: then the first one row by row wins a tie
        x = _along_axis(x, axis + 1, window[axis], strides[axis], outs[axis], _first_larger)
    return x


@op(dtype="float")
def average_pool_general(x, window, strides, padding):
    """Return the mean of each window of channels-last `x`, padding not counted; an engine may have a faster one.

    Args:
        x: tensor `(batch, *spatial, channels)`.
        window, strides: tuples of ints, one a spatial axis.
        padding: list of pairs (before, after), one a spatial axis.
    Returns:
        `(batch, *new_spatial, channels)`.
    """
    ones = (1,) * len(window)
    sizes = tuple(x.shape[1:-1])
    outs = check_windows("average_pool", sizes, window, strides, ones, padding)
    x = padded(x, padding)
    for axis in reversed(range(len(window))):
        x = _along_axis(x, axis + 1, window[axis], strides[axis], outs[axis], add)
    number = np.ones((1,) * (len(window) + 2), "float32")
    for axis, (size, pair) in enumerate(zip(sizes, padding, strict=True)):
        if not any(pair):
            number = number * window[axis]
        elif size is not None:
            first = np.arange(outs[axis]) * strides[axis] - pair[0]
            inside = np.minimum(first + window[axis], size) - np.maximum(first, 0)
            number = number * inside.reshape(
                [-1 if i == axis + 1 else 1 for i in range(len(window) + 2)]
            )
    if number.size == 1:
        return divide(x, float(number.reshape(())))
    return divide(x, active.engine.asarray(number.astype("float32"), dtype_of(x)))


def _pool(who, general, inputs, pool_size, strides, padding, data_format):
    spatial = len(inputs.shape) - 2
    if spatial < 1:
        rule = "`inputs` must have the shape (batch, *spatial, channels)"
        raise ShapeError(message(who, rule, f"shape={tuple(inputs.shape)}"))
    check_choice(who, "padding", padding, ("valid", "same"))
    first = standardize_data_format(data_format, who) == "channels_first"
    window = int_tuple(who, "pool_size", pool_size, spatial)
    strides = window if strides is None else int_tuple(who, "strides", strides, spatial)
    x = channels_last(inputs) if first else inputs
    pairs = padding_pairs(who, padding, x.shape[1:-1], window, strides, (1,) * spatial)
    out = general(x, window, strides, pairs)
    return channels_first(out) if first else out


@op()
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """Return the largest element of each window.

    Args:
        inputs: tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` for "channels_first".
        pool_size: int or one an axis.
        strides: int or one an axis; `pool_size` by default.
        padding: "valid" or "same" (ceil(size / strides) windows, the odd padding after); padding never wins.
        data_format: "channels_last" or "channels_first"; the configured one by default.
    Returns:
        `(batch, *new_spatial, channels)` in the layout of `inputs`. The gradient goes to the first of tied elements.
    Raises:
        ValueError: the rank is below 3, or a window is larger than the input.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.max_pool(keras.ops.ones((1, 5, 5, 2)), 2, padding="same").shape == (1, 3, 3, 2)
        True
    """
    return _pool("max_pool", max_pool_general, inputs, pool_size, strides, padding, data_format)


@op(dtype="float")
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """Return the mean of each window; padding is not counted. Arguments as in `max_pool`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.average_pool([[[1.0], [3.0], [2.0]]], 2, padding="same").tolist()
        [[[2.0], [2.0]]]
    """
    return _pool(
        "average_pool", average_pool_general, inputs, pool_size, strides, padding, data_format
    )


def _adaptive_borders(size, out):
    """Return first and last element of each window: `out` windows that cover `size` elements as evenly as they can."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _adaptive(who, inputs, output_size, data_format, combine):
    spatial = len(inputs.shape) - 2
    if spatial < 1:
        rule = "`inputs` must have the shape (batch, *spatial, channels)"
        raise ShapeError(message(who, rule, f"shape={tuple(inputs.shape)}"))
    first = standardize_data_format(data_format, who) == "channels_first"
    outs = int_tuple(who, "output_size", output_size, spatial)
    for axis, out in enumerate(outs, start=2 if first else 1):
        size, before = inputs.shape[axis], (slice(None),) * axis
        borders = [(0, None)] * out if size is None else _adaptive_borders(size, out)
        parts = [active.engine.getitem(inputs, (*before, slice(a, b))) for a, b in borders]
        inputs = active.engine.concatenate(
            [combine(part, axis, keepdims=True) for part in parts], axis=axis
        )
    return inputs


@op()
def adaptive_max_pool(inputs, output_size, data_format=None):
    """Return the largest element of each of `output_size` windows that cover the input as evenly as they can.

    Window i covers the elements floor(i * size / output_size) to ceil((i + 1) * size / output_size) - 1.

    Args:
        inputs: tensor `(batch, *spatial, channels)`, or channels first.
        output_size: int or one a spatial axis.
        data_format: "channels_last" or "channels_first"; the configured one by default.
    Returns:
        `(batch, *output_size, channels)` in the layout of `inputs`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.adaptive_max_pool([[[1.0], [3.0], [2.0]]], 2).tolist()
        [[[3.0], [3.0]]]
    """
    return _adaptive("adaptive_max_pool", inputs, output_size, data_format, reduce_max)


@op(dtype="float")
def adaptive_average_pool(inputs, output_size, data_format=None):
    """Return the mean of each of `output_size` windows that cover the input as evenly as they can.

    Arguments as in `adaptive_max_pool`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.adaptive_average_pool([[[1.0], [3.0], [2.0]]], 2).tolist()
        [[[2.0], [2.5]]]
    """
    return _adaptive("adaptive_average_pool", inputs, output_size, data_format, mean)
