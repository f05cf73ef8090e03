"""Sequences and patches: windows, differences, correlation, cutting and putting together.

>>> import hornpipe as keras
>>> keras.ops.diff([1, 4, 9]).tolist()
[3, 5]
"""

from __future__ import annotations

import math

import numpy as np

from hornpipe.core import settings
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import convert, op, to_tensor
from hornpipe.core.refusal import guarded
from hornpipe.core.settings import standardize_data_format
from hornpipe.engine.select import active
from hornpipe.ops._common import check_choice, dtype_of, int_tuple, one_axis
from hornpipe.ops.conv import check_windows, conv_general
from hornpipe.ops.math import (
    abs,
    add,
    divide,
    exp,
    less_equal,
    maximum,
    multiply,
    power,
    sqrt,
    square,
    subtract,
    where,
)
from hornpipe.ops.reduce import sum as reduce_sum
from hornpipe.ops.shape import expand_dims, flip, reshape, transpose

# ---- windows


def _window(who, x, formula):
    """Return a window of x points: `formula` of the angles 2 pi n / (x - 1)."""
    points = int(x)
    if points < 0:
        raise ValueError(message(who, "the number of points must be >= 0", f"x={points}"))
    values = (
        np.ones(points) if points < 2 else formula(2.0 * math.pi * np.arange(points) / (points - 1))
    )
    return active.engine.asarray(values.astype("float64"), settings.floatx())


@guarded()
def bartlett(x):
    """Return the triangular window of `x` points: 1 - |2 n / (x - 1) - 1|.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.bartlett(5).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window("bartlett", x, lambda angle: 1.0 - np.abs(angle / math.pi - 1.0))


@guarded(tensors=1)
def hanning(x):
    """Return the Hann window of `x` points: 0.5 - 0.5 cos(2 pi n / (x - 1)).

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.hanning(3).tolist()
        [0.0, 1.0, 0.0]
    """
    return _window("hanning", x, lambda angle: 0.5 - 0.5 * np.cos(angle))


@guarded(tensors=1)
def hamming(x):
    """Return the Hamming window of `x` points: 0.54 - 0.46 cos(2 pi n / (x - 1)).

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.hamming(3)[1])
        1.0
    """
    return _window("hamming", x, lambda angle: 0.54 - 0.46 * np.cos(angle))


@guarded(tensors=1)
def blackman(x):
    """Return the Blackman window of `x` points: 0.42 - 0.5 cos(a) + 0.08 cos(2 a), a = 2 pi n / (x - 1).

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.ops.blackman(3)[1]), 6)
        1.0
    """
    return _window(
        "blackman", x, lambda angle: 0.42 - 0.5 * np.cos(angle) + 0.08 * np.cos(2.0 * angle)
    )


@guarded(tensors=1)
def kaiser(x, beta):
    """Return the Kaiser window of `x` points: i0(beta sqrt(1 - (2 n / (x - 1) - 1)**2)) / i0(beta).

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.kaiser(3, 0.0).tolist()
        [1.0, 1.0, 1.0]
    """

    def formula(angle):
        return np.i0(beta * np.sqrt(np.maximum(0.0, 1.0 - (angle / math.pi - 1.0) ** 2))) / np.i0(
            beta
        )

    return _window("kaiser", x, formula)


@op(dtype="float")
def i0(x):
    """Return the modified Bessel function of the first kind and order 0, relative error about 2e-7.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.i0(0.0))
        1.0

    References:
        Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 9.8.1 and 9.8.2.
    """
    size = abs(x)
    near = square(divide(x, 3.75))
    low = _polynomial(near, (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0))
    safe = maximum(size, 3.75)
    far = (
        0.00392377,
        -0.01647633,
        0.02635537,
        -0.02057706,
        0.00916281,
        -0.00157565,
        0.00225319,
        0.01328592,
        0.39894228,
    )
    high = multiply(divide(exp(safe), sqrt(safe)), _polynomial(divide(3.75, safe), far))
    return where(less_equal(size, 3.75), low, high)


def _polynomial(x, coefficients):
    out = coefficients[0]
    for coefficient in coefficients[1:]:
        out = add(multiply(x, out), coefficient)
    return out


# ---- along an axis


def _part(x, axis, start, stop):
    return active.engine.getitem(x, (*(slice(None),) * axis, slice(start, stop)))


@op()
def diff(a, n=1, axis=-1):
    """Return the differences between neighbours along an axis, `n` times.

    Raises:
        ValueError: `n` is negative.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.diff([1, 4, 9]).tolist()
        [3, 5]
    """
    if n < 0:
        raise ValueError(message("diff", "`n` must be >= 0", f"n={n}"))
    axis = one_axis("diff", axis, len(a.shape))
    for _ in range(n):
        later, earlier = _part(a, axis, 1, None), _part(a, axis, 0, -1)
        a = (
            active.engine.not_equal(later, earlier)
            if dtype_of(a) == "bool"
            else subtract(later, earlier)
        )
    return a


@op(dtype="float")
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Return the integral along an axis by trapezoids.

    Args:
        y: tensor, the values.
        x: None, or the places of the values: a vector, or a tensor of the shape of `y`.
        dx: float, the distance of neighbours where `x` is None.
        axis: int.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.trapezoid([1.0, 2.0, 3.0]))
        4.0
    """
    axis = one_axis("trapezoid", axis, len(y.shape))
    width = dx
    if x is not None:
        y, x = convert([y, x], "float")
        if len(x.shape) == 1:
            width = reshape(diff(x), tuple(-1 if i == axis else 1 for i in range(len(y.shape))))
        else:
            width = diff(x, axis=axis)
    means = multiply(add(_part(y, axis, 1, None), _part(y, axis, 0, -1)), 0.5)
    return reduce_sum(multiply(means, width), axis)


@op()
def vander(x, N=None, increasing=False):  # noqa: N803 - Keras's name
    """Return the powers of a vector as columns, N of them, descending unless `increasing`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.vander([1, 2, 3]).tolist()
        [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    if len(x.shape) != 1:
        raise ShapeError(message("vander", "`x` must be a vector", f"shape={tuple(x.shape)}"))
    columns = x.shape[0] if N is None else N
    exponents = (
        np.arange(columns, dtype="int32")
        if increasing
        else np.arange(columns - 1, -1, -1, dtype="int32")
    )
    return power(expand_dims(x, 1), exponents)


@op(tensors=2)
def correlate(x1, x2, mode="valid"):
    """Return the cross-correlation of two vectors: sum over n of x1[n + k] * x2[n].

    Args:
        x1, x2: vectors.
        mode: which overlaps count: "valid" (complete ones), "same" (as many as the longer vector has elements) or "full".
    Raises:
        ValueError: another mode, or not vectors.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0]).tolist()
        [2.0, 3.0]
    """
    check_choice("correlate", "mode", mode, ("valid", "same", "full"))
    x1, x2 = (to_tensor(x) for x in (x1, x2))
    if len(x1.shape) != 1 or len(x2.shape) != 1 or 0 in (x1.shape[0], x2.shape[0]):
        received = f"shapes {tuple(x1.shape)} and {tuple(x2.shape)}"
        raise ShapeError(
            message("correlate", "`x1` and `x2` must be vectors of one element or more", received)
        )
    dtype = dtype_of(add(x1[:1], x2[:1]))
    swapped = x2.shape[0] > x1.shape[0]
    x1, x2 = (x2, x1) if swapped else (x1, x2)
    short = x2.shape[0]
    pair = {
        "valid": (0, 0),
        "full": (short - 1, short - 1),
        "same": (short // 2, short - 1 - short // 2),
    }[mode]
    pair = pair[::-1] if swapped and mode == "same" else pair
    out = conv_general(reshape(x1, (1, -1, 1)), reshape(x2, (-1, 1, 1)), (1,), [pair], (1,), 1)
    out = reshape(out, (-1,))
    out = flip(out) if swapped else out
    return active.engine.astype(out, dtype)


@op(dtype="same")
def extract_sequences(x, sequence_length, sequence_stride):
    """Return overlapping pieces of the last axis.

    Args:
        x: tensor `(..., size)`.
        sequence_length: int >= 1.
        sequence_stride: int >= 1.
    Returns:
        `(..., 1 + (size - sequence_length) // sequence_stride, sequence_length)`.
    Raises:
        ValueError: a number below 1, or pieces longer than the axis.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.extract_sequences([1, 2, 3, 4], 2, 2).tolist()
        [[1, 2], [3, 4]]
    """
    who = "extract_sequences"
    length, stride = (
        int_tuple(who, label, value, 1)[0]
        for label, value in (
            ("sequence_length", sequence_length),
            ("sequence_stride", sequence_stride),
        )
    )
    (pieces,) = check_windows(who, tuple(x.shape)[-1:], (length,), (stride,), (1,), [(0, 0)])
    if pieces is None:
        return active.engine.full((*x.shape[:-1], None, length), 0, dtype=dtype_of(x))
    places = (np.arange(pieces)[:, None] * stride + np.arange(length)).astype("int32")
    return active.engine.take(x, active.engine.asarray(places), axis=len(x.shape) - 1)


# ---- patches of images


def _blocks(who, x, block_size, data_format):
    if len(x.shape) != 4 or block_size < 1:
        rule = "`x` must have the shape (batch, height, width, channels), `block_size` be >= 1"
        raise ShapeError(message(who, rule, f"shape={tuple(x.shape)}, block_size={block_size}"))
    first = standardize_data_format(data_format, who) == "channels_first"
    return first, transpose(x, (0, 2, 3, 1)) if first else x


def _times(size, number):
    return None if size is None else size * number


@op(dtype="same")
def depth_to_space(x, block_size, data_format="channels_last"):
    """Return images in which groups of channels are laid out as blocks of pixels.

    Args:
        x: tensor `(batch, height, width, channels)`, or channels first; `channels` a multiple of block_size ** 2.
        block_size: int >= 1.
        data_format: "channels_last" or "channels_first".
    Returns:
        `(batch, height * block_size, width * block_size, channels // block_size ** 2)`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.depth_to_space(keras.ops.ones((1, 2, 3, 8)), 2).shape == (1, 4, 6, 2)
        True
    """
    first, x = _blocks("depth_to_space", x, block_size, data_format)
    batch, height, width, channels = x.shape
    if channels % block_size**2:
        rule = f"the channels must be a multiple of block_size ** 2 = {block_size**2}"
        raise ShapeError(message("depth_to_space", rule, f"{channels} channels"))
    made = channels // block_size**2
    if first:  # there the channels vary slowest, the places in the block fastest
        x = transpose(
            reshape(x, (batch, height, width, made, block_size, block_size)), (0, 1, 4, 2, 5, 3)
        )
    else:
        x = transpose(
            reshape(x, (batch, height, width, block_size, block_size, made)), (0, 1, 3, 2, 4, 5)
        )
    out = active.engine.reshape(
        x, (batch, _times(height, block_size), _times(width, block_size), made)
    )
    return transpose(out, (0, 3, 1, 2)) if first else out


@op(dtype="same")
def space_to_depth(x, block_size, data_format="channels_last"):
    """Return images in which blocks of pixels are laid out as channels: the inverse of `depth_to_space`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.space_to_depth(keras.ops.ones((1, 4, 6, 2)), 2).shape == (1, 2, 3, 8)
        True
    """
    first, x = _blocks("space_to_depth", x, block_size, data_format)
    batch, height, width, channels = x.shape
    if any(size is not None and size % block_size for size in (height, width)):
        rule = f"height and width must be multiples of {block_size}"
        raise ShapeError(message("space_to_depth", rule, f"{height} and {width}"))
    height, width = (None if size is None else size // block_size for size in (height, width))
    x = active.engine.reshape(x, (batch, height, block_size, width, block_size, channels))
    order = (0, 1, 3, 5, 2, 4) if first else (0, 1, 3, 2, 4, 5)
    out = active.engine.reshape(
        transpose(x, order), (batch, height, width, channels * block_size**2)
    )
    return transpose(out, (0, 3, 1, 2)) if first else out


def _patch_places(who, sizes, kernel_size, dilation, padding, stride):
    """Return the window arguments as pairs, and the flat places in the padded image: `(window, patches)`."""
    window, dilation, padding, stride = (
        int_tuple(who, label, value, 2, least)
        for label, value, least in (
            ("kernel_size", kernel_size, 1),
            ("dilation", dilation, 1),
            ("padding", padding, 0),
            ("stride", stride, 1),
        )
    )
    pairs = [(each, each) for each in padding]
    outs = check_windows(who, sizes, window, stride, dilation, pairs)
    height, width = (size + 2 * each for size, each in zip(sizes, padding, strict=True))
    rows, columns = (
        (np.arange(k)[:, None] * d + np.arange(out) * s)
        for k, d, s, out in zip(window, dilation, stride, outs, strict=True)
    )
    places = rows[:, None, :, None] * width + columns[None, :, None, :]
    return (
        pairs,
        (height, width),
        places.reshape(window[0] * window[1], outs[0] * outs[1]).astype("int32"),
    )


@op(dtype="same")
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Return the windows of images as columns.

    Args:
        x: tensor `(batch, channels, height, width)`, height and width known.
        kernel_size, dilation, padding, stride: int or pairs; `padding` zeros stand on each side.
    Returns:
        `(batch, channels * window, patches)`.
    Raises:
        ValueError: another rank, or a window larger than the padded image.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.unfold(keras.ops.ones((1, 2, 4, 4)), 2).shape == (1, 8, 9)
        True
    """
    if len(x.shape) != 4 or None in tuple(x.shape)[1:]:
        rule = "`x` must have the shape (batch, channels, height, width), known but for the batch"
        raise ShapeError(message("unfold", rule, f"shape={tuple(x.shape)}"))
    batch, channels, *sizes = x.shape
    pairs, padded, places = _patch_places("unfold", sizes, kernel_size, dilation, padding, stride)
    x = active.engine.pad(x, [(0, 0), (0, 0), *pairs])
    flat = active.engine.reshape(x, (batch, channels, padded[0] * padded[1]))
    taken = active.engine.take(flat, active.engine.asarray(places), axis=2)
    return active.engine.reshape(taken, (batch, channels * places.shape[0], places.shape[1]))


@op(dtype="float")
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add windows up to images: the transpose of `unfold`, not its inverse where windows overlap.

    Args:
        x: tensor `(batch, channels * window, patches)`.
        output_size: int or pair, height and width of the images.
        kernel_size, dilation, padding, stride: as in `unfold`.
    Returns:
        `(batch, channels, *output_size)`.
    Raises:
        ValueError: another rank, or sizes that do not fit.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.fold(keras.ops.ones((1, 4, 2)), (2, 3), 2).tolist()
        [[[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]]
    """
    sizes = int_tuple("fold", "output_size", output_size, 2)
    pairs, padded, places = _patch_places("fold", sizes, kernel_size, dilation, padding, stride)
    if len(x.shape) != 3 or x.shape[1] % places.shape[0] or x.shape[2] != places.shape[1]:
        rule = f"`x` must have the shape (batch, channels * {places.shape[0]}, {places.shape[1]})"
        raise ShapeError(message("fold", rule, f"shape={tuple(x.shape)}"))
    batch, channels = x.shape[0], x.shape[1] // places.shape[0]
    rows = transpose(reshape(x, (batch, channels, -1)), (2, 0, 1))
    start = active.engine.full((padded[0] * padded[1], batch, channels), 0, dtype=dtype_of(x))
    total = active.engine.scatter(
        start, (active.engine.asarray(places.reshape(-1)),), rows, mode="add"
    )
    image = active.engine.reshape(transpose(total, (1, 2, 0)), (batch, channels, *padded))
    inside = tuple(
        slice(before, before + size) for (before, _), size in zip(pairs, sizes, strict=True)
    )
    return active.engine.getitem(image, (slice(None), slice(None), *inside))
