"""Convolution, composed of strided slices and matrix products so that it runs on every engine.

The `..._general` operations are those that an engine may replace; the public ones bring their arguments into their form: channels
last, one pair of padding an axis.

>>> import hornpipe as keras
>>> keras.ops.conv([[[1.0], [2.0], [3.0]]], [[[1.0]], [[1.0]]]).tolist()
[[[3.0], [5.0]]]
"""

from __future__ import annotations

import itertools

from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import convert, op
from hornpipe.core.settings import standardize_data_format
from hornpipe.engine.select import active
from hornpipe.ops._common import check_choice, int_tuple
from hornpipe.ops.math import add, less_equal, multiply, where
from hornpipe.ops.shape import reshape, transpose


def out_size(size, window, stride, dilation, pair):
    """Return how many windows fit into `size` elements and their padding; None for an unknown size."""
    return None if size is None else (size + sum(pair) - (window - 1) * dilation - 1) // stride + 1


def same_pair(size, window, stride, dilation):
    """Return the padding before and after for ceil(size / stride) windows, the odd one after."""
    if size is None:
        return (0, 0)
    total = max(0, (-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size)
    return (total // 2, total - total // 2)


def padding_pairs(who, padding, sizes, windows, strides, dilations):
    """Return one pair of padding for each spatial axis of "valid", "same" or "causal" (one axis only)."""
    check_choice(
        who,
        "padding",
        padding,
        ("valid", "same", "causal") if len(sizes) == 1 else ("valid", "same"),
    )
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "causal":
        return [((windows[0] - 1) * dilations[0], 0)]
    return [same_pair(*each) for each in zip(sizes, windows, strides, dilations, strict=True)]


def channels_last(x):
    """Return a channels-first tensor with its channels last."""
    return transpose(x, (0, *range(2, len(x.shape)), 1))


def channels_first(x):
    """Return a channels-last tensor with its channels behind the batch."""
    return transpose(x, (0, len(x.shape) - 1, *range(1, len(x.shape) - 1)))


def check_windows(who, sizes, windows, strides, dilations, pairs):
    """Return the number of windows along each axis.

    Raises:
        ShapeError: a window is larger than its padded axis.
    """
    outs = [out_size(*each) for each in zip(sizes, windows, strides, dilations, pairs, strict=True)]
    if any(out is not None and out < 1 for out in outs):
        received = (
            f"window={tuple(windows)}, spatial shape={tuple(sizes)}, dilation={tuple(dilations)}"
        )
        raise ShapeError(
            message(
                who, "the window must fit into the padded input", received, 'Try padding="same".'
            )
        )
    return outs


def window_slices(x, windows, strides, dilations, outs):
    """Yield for each place in the window that element of all windows, as a strided slice of `x`."""
    for place in itertools.product(*map(range, windows)):
        index = [slice(None)]
        for offset, stride, dilation, out in zip(place, strides, dilations, outs, strict=True):
            first = offset * dilation
            index.append(
                slice(first, None if out is None else first + (out - 1) * stride + 1, stride)
            )
        yield place, active.engine.getitem(x, (*index, slice(None)))


def padded(x, pairs, value=0):
    """Return `x` with padding around its spatial axes."""
    return (
        active.engine.pad(x, [(0, 0), *pairs, (0, 0)], value=value) if any(map(any, pairs)) else x
    )


@op(tensors=2, dtype="float")
def conv_general(x, kernel, strides, padding, dilation, groups):
    """Return the cross-correlation of channels-last `x` with `kernel`; an engine may have a faster one.

    Args:
        x: tensor `(batch, *spatial, channels)`.
        kernel: tensor `(*window, channels // groups, filters)`.
        strides, dilation: tuples of ints, one a spatial axis.
        padding: list of pairs (before, after), one a spatial axis.
        groups: int that divides `channels` and `filters`.
    Returns:
        `(batch, *new_spatial, filters)`.
    """
    windows, filters = tuple(kernel.shape[:-2]), kernel.shape[-1]
    outs = check_windows("conv", x.shape[1:-1], windows, strides, dilation, padding)
    if groups > 1 and groups == x.shape[-1]:
        return _depthwise_sum(padded(x, padding), kernel, strides, dilation, outs)
    if groups > 1:
        own, made = x.shape[-1] // groups, filters // groups
        parts = []
        for group in range(groups):
            inputs = active.engine.getitem(x, (Ellipsis, slice(group * own, (group + 1) * own)))
            weights = active.engine.getitem(
                kernel, (Ellipsis, slice(group * made, (group + 1) * made))
            )
            parts.append(conv_general(inputs, weights, strides, padding, dilation, 1))
        return active.engine.concatenate(parts, axis=len(x.shape) - 1)
    pieces = [
        piece for _, piece in window_slices(padded(x, padding), windows, strides, dilation, outs)
    ]
    columns = (
        active.engine.concatenate(pieces, axis=len(x.shape) - 1) if len(pieces) > 1 else pieces[0]
    )
    return active.engine.matmul(columns, reshape(kernel, (-1, filters)))


@op(tensors=3, dtype="float")
def conv_bias_general(x, kernel, bias, strides, padding, dilation, groups, relu):
    """Return `conv_general` plus `bias` `(filters,)`, its ReLU if `relu`; an engine may have a faster one."""
    out = add(conv_general(x, kernel, strides, padding, dilation, groups), bias)
    return where(less_equal(out, 0), 0, out) if relu else out


def _depthwise_sum(x, kernel, strides, dilation, outs):
    """Convolve each channel with its own filters: one multiply-add for each place in the window."""
    channels, filters = x.shape[-1], kernel.shape[-1]
    each = filters // channels
    kernel = reshape(kernel, (*kernel.shape[:-2], channels, each))
    total = None
    for place, piece in window_slices(x, kernel.shape[:-2], strides, dilation, outs):
        weights = active.engine.getitem(kernel, place)
        if each == 1:
            product = multiply(piece, reshape(weights, (channels,)))
        else:
            product = multiply(active.engine.getitem(piece, (Ellipsis, None)), weights)
        total = product if total is None else add(total, product)
    return total if each == 1 else reshape(total, (total.shape[0], *outs, filters))


def _check_ranks(who, inputs, kernel):
    spatial = len(inputs.shape) - 2
    if spatial < 1 or len(kernel.shape) != spatial + 2:
        rule = "`inputs` (batch, *spatial, channels) and `kernel` (*window, channels, filters) must have one rank >= 3"
        raise ShapeError(
            message(who, rule, f"shapes {tuple(inputs.shape)} and {tuple(kernel.shape)}")
        )
    return spatial


@op(tensors=2, dtype="float")
def conv(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
    bias=None,
    relu=False,
):
    """Return the convolution (cross-correlation: the kernel is not flipped) over one or more spatial axes.

    y[b, i, f] = sum over window places w and channels c of x[b, i * strides + w * dilation_rate, c] * kernel[w, c, f].

    Args:
        inputs: tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` for "channels_first".
        kernel: tensor `(*window, channels // groups, filters)`; the groups follow from its shape.
        strides: int or one an axis.
        padding: "valid"; "same" (ceil(size / strides) windows, the odd padding after); "causal" for one axis.
        data_format: "channels_last" or "channels_first"; the configured one by default.
        dilation_rate: int or one an axis.
        bias: None, or a tensor `(filters,)` that is added.
        relu: bool. Whether results below 0 become 0, after a `bias`. Both at once are faster than operations of their own.
    Returns:
        `(batch, *new_spatial, filters)` in the layout of `inputs`; common floating dtype.
    Raises:
        ValueError: ranks, channels, filters or the bias do not fit, a window is larger than the input, or both strides and
            dilation are above 1.

    Example:
        >>> import hornpipe as keras
        >>> x, kernel = keras.ops.ones((1, 5, 5, 2)), keras.ops.ones((3, 3, 2, 4))
        >>> keras.ops.conv(x, kernel, padding="same", strides=2).shape == (1, 3, 3, 4)
        True
    """
    spatial = _check_ranks("conv", inputs, kernel)
    first = standardize_data_format(data_format, "conv") == "channels_first"
    x = channels_last(inputs) if first else inputs
    strides = int_tuple("conv", "strides", strides, spatial)
    dilation = int_tuple("conv", "dilation_rate", dilation_rate, spatial)
    windows, (own, filters) = tuple(kernel.shape[:-2]), kernel.shape[-2:]
    channels = x.shape[-1]
    if channels is None or channels % own or filters % (channels // own):
        rule = "the channels must be a multiple of the kernel's, and the filters a multiple of that number of groups"
        raise ShapeError(
            message("conv", rule, f"{channels} channels, kernel {tuple(kernel.shape)}")
        )
    pairs = padding_pairs("conv", padding, x.shape[1:-1], windows, strides, dilation)
    options = strides, pairs, dilation, channels // own
    if bias is None:
        out = conv_general(x, kernel, *options)
        out = where(less_equal(out, 0), 0, out) if relu else out
    else:
        (bias,) = convert([bias], "same")
        if tuple(bias.shape) != (filters,):
            rule = f"`bias` must have the shape ({filters},), one number for each filter"
            raise ShapeError(message("conv", rule, f"shape={tuple(bias.shape)}"))
        out = conv_bias_general(x, kernel, bias, *options, relu)
    return channels_first(out) if first else out


@op(tensors=2, dtype="float")
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Return the convolution of each channel with filters of its own.

    Args:
        inputs: tensor `(batch, *spatial, channels)`, or channels first.
        kernel: tensor `(*window, channels, multiplier)`.
        strides, padding, data_format, dilation_rate: as in `conv`.
    Returns:
        `(batch, *new_spatial, channels * multiplier)`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.depthwise_conv(keras.ops.ones((1, 4, 3)), keras.ops.ones((2, 3, 2))).shape == (1, 3, 6)
        True
    """
    _check_ranks("depthwise_conv", inputs, kernel)
    first = standardize_data_format(data_format, "depthwise_conv") == "channels_first"
    channels = inputs.shape[1 if first else -1]
    if channels != kernel.shape[-2]:
        rule = f"`kernel` must have {channels} channels, those of `inputs`"
        raise ShapeError(message("depthwise_conv", rule, f"shape={tuple(kernel.shape)}"))
    kernel = reshape(kernel, (*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]))
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate)


@op(tensors=3, dtype="float")
def separable_conv(
    inputs,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
    bias=None,
    relu=False,
):
    """Return a depthwise convolution followed by one with a window of size 1.

    Args:
        inputs: tensor `(batch, *spatial, channels)`, or channels first.
        depthwise_kernel: tensor `(*window, channels, multiplier)`.
        pointwise_kernel: tensor `(1, ..., channels * multiplier, filters)`.
        strides, padding, data_format, dilation_rate: as in `conv`, of the depthwise part.
        bias, relu: as in `conv`, of the result.

    Example:
        >>> import hornpipe as keras
        >>> x, depth, point = keras.ops.ones((1, 4, 3)), keras.ops.ones((2, 3, 1)), keras.ops.ones((1, 3, 5))
        >>> keras.ops.separable_conv(x, depth, point).shape == (1, 3, 5)
        True
    """
    out = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(out, pointwise_kernel, 1, "valid", data_format, bias=bias, relu=relu)


@op(tensors=2, dtype="float")
def conv_transpose_general(x, kernel, strides, pairs, dilation):
    """Return the transposed convolution of channels-last `x`; an engine may have a faster one.

    Args:
        x: tensor `(batch, *spatial, channels)`.
        kernel: tensor `(*window, filters, channels)`.
        strides, dilation: tuples of ints, one a spatial axis.
        pairs: one (before, after) a spatial axis: padding, or cropping where negative, of `x` with strides - 1 zeros between
            its elements, over which the flipped kernel then runs with stride 1.
    Returns:
        `(batch, *new_spatial, filters)`.
    """
    x = _spread(x, strides)
    pads = [(max(before, 0), max(after, 0)) for before, after in pairs]
    crops = [(max(-before, 0), max(-after, 0)) for before, after in pairs]
    x = padded(x, pads)
    if any(map(any, crops)):
        index = [slice(before, -after if after else None) for before, after in crops]
        x = active.engine.getitem(x, (slice(None), *index, slice(None)))
    spatial = len(strides)
    flipped = active.engine.flip(kernel, axis=tuple(range(spatial)))
    flipped = transpose(flipped, (*range(spatial), spatial + 1, spatial))
    return conv_general(x, flipped, (1,) * spatial, [(0, 0)] * spatial, dilation, 1)


def _spread(x, strides):
    """Put strides - 1 zeros between neighbours along each spatial axis."""
    for axis, stride in enumerate(strides, start=1):
        if stride > 1:
            sizes = tuple(x.shape)
            x = active.engine.getitem(x, (*(slice(None),) * (axis + 1), None))
            x = active.engine.pad(
                x, [(0, stride - 1) if i == axis + 1 else (0, 0) for i in range(len(x.shape))]
            )
            grown = None if sizes[axis] is None else sizes[axis] * stride
            x = active.engine.reshape(x, (*sizes[:axis], grown, *sizes[axis + 1 :]))
            last = None if grown is None else grown - stride + 1
            x = active.engine.getitem(x, (*(slice(None),) * axis, slice(0, last)))
    return x


def _transpose_pairs(padding, output_padding, windows, strides, dilation):
    """Return what `conv_transpose_general` pads, so that it is the gradient of `conv` by its input."""
    pairs = []
    for i, (window, stride, step) in enumerate(zip(windows, strides, dilation, strict=True)):
        reach = (window - 1) * step + 1
        extra = None if output_padding is None else output_padding[i]
        # What is cut off the (size - 1) * stride + reach elements that the windows cover; below 0: what is added.
        if padding == "valid":
            cut = -(max(stride - reach, 0) if extra is None else extra)
        else:
            cut = reach - stride if extra is None else reach - reach % 2 - extra
        before = max(cut, 0) // 2
        pairs.append((reach - 1 - before, reach - 1 - (cut - before)))
    return pairs


@op(tensors=2, dtype="float")
def conv_transpose(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
):
    """Return the transposed convolution: the gradient of `conv` with respect to its input.

    Args:
        inputs: tensor `(batch, *spatial, channels)`, or channels first.
        kernel: tensor `(*window, filters, channels)`.
        strides: int or one an axis.
        padding: "valid" or "same".
        output_padding: None, or int >= 0 (or one an axis) below the stride: further elements at the end. With reach =
            (window - 1) * dilation_rate + 1 the output has, for None, size * strides ("same") or size * strides +
            max(reach - strides, 0) ("valid") elements, else (size - 1) * strides + output_padding + reach % 2 ("same") or
            + reach ("valid").
        data_format: "channels_last" or "channels_first"; the configured one by default.
        dilation_rate: int or one an axis.
    Returns:
        `(batch, *new_spatial, filters)` in the layout of `inputs`.
    Raises:
        ValueError: ranks or channels do not fit, or `output_padding` reaches the stride.

    Example:
        >>> import hornpipe as keras
        >>> x, kernel = keras.ops.ones((1, 2, 2, 3)), keras.ops.ones((3, 3, 4, 3))
        >>> keras.ops.conv_transpose(x, kernel, strides=2, padding="same").shape == (1, 4, 4, 4)
        True
    """
    who = "conv_transpose"
    spatial = _check_ranks(who, inputs, kernel)
    check_choice(who, "padding", padding, ("valid", "same"))
    first = standardize_data_format(data_format, who) == "channels_first"
    x = channels_last(inputs) if first else inputs
    strides = int_tuple(who, "strides", strides, spatial)
    dilation = int_tuple(who, "dilation_rate", dilation_rate, spatial)
    if x.shape[-1] != kernel.shape[-1]:
        rule = f"`kernel` must have {x.shape[-1]} channels in its last axis, those of `inputs`"
        raise ShapeError(message(who, rule, f"shape={tuple(kernel.shape)}"))
    if output_padding is not None:
        output_padding = int_tuple(who, "output_padding", output_padding, spatial, least=0)
        if any(extra >= stride for extra, stride in zip(output_padding, strides, strict=True)):
            received = f"output_padding={output_padding}, strides={strides}"
            raise ValueError(message(who, "`output_padding` must be below the stride", received))
    pairs = _transpose_pairs(padding, output_padding, tuple(kernel.shape[:-2]), strides, dilation)
    out = conv_transpose_general(x, kernel, strides, pairs, dilation)
    return channels_first(out) if first else out
