"""Convolutions of the JAX engine as XLA has them, and the forms that are faster where the compiled kernels are missing.

`conv`, `dx` and `dw` are the convolution and its gradients by the image and by the kernel as XLA has them on any platform;
`conv_on_cpu`, `dx_on_cpu` and `dw_on_cpu` say the same differently, where XLA is slow on a CPU.

>>> import numpy as np
>>> from hornpipe.engine import jax_conv_portable as portable
>>> images, kernel = np.ones((1, 4, 4, 2), "float32"), np.ones((3, 3, 2, 5), "float32")
>>> options = {"strides": (1, 1), "before": (0, 0), "steps": (1, 1), "size": (2, 2), "groups": 1}
>>> float(portable.conv(images, kernel, **options)[0, 0, 0, 0])
18.0
"""

from __future__ import annotations

import functools
import math

import jax
import numpy as np
from jax import lax

# What the windows of a few images may take: of 1, 2, 4 and 12 MB the best where a core's second-level cache has 2 MB.
_CACHE_BYTES = 4 << 20
_THIN = 8  # channels, of which windows' rows are short


def _window_bytes(x, kernel, strides, padding):
    """Return how much memory the windows of one image take as rows of a matrix."""
    outs = (
        (size + sum(pair)) // stride
        for size, pair, stride in zip(x.shape[1:-1], padding, strides, strict=True)
    )
    return 4 * math.prod(outs) * math.prod(kernel.shape[:-1])


def is_large(x, kernel, strides, padding, groups):
    """Return whether the windows of all images take a good part of the cache, on one CPU."""
    return (
        groups == 1
        and x.dtype == kernel.dtype == np.float32
        and all(isinstance(size, int) for size in x.shape)
        and 0 not in kernel.shape
        and math.prod(kernel.shape[:-2]) > 1
        and jax.default_backend() == "cpu"
        and x.shape[0] * _window_bytes(x, kernel, strides, padding) > _CACHE_BYTES // 2
    )


def _images_at_a_time(x, kernel, strides, padding):
    """Return how many images have windows that stay in the cache, a divisor of the batch; at least one."""
    return _divisor(x.shape[0], _window_bytes(x, kernel, strides, padding))


def _divisor(images, each):
    """Return how many images, of `each` bytes, stay in the cache: a divisor of `images`; at least one."""
    most = max(1, min(_CACHE_BYTES // max(1, each), images))
    return next(n for n in range(most, 0, -1) if images % n == 0)


def few_images_at_a_time(x, kernel, strides, padding, dilation, groups):
    """Return the composed convolution in groups of images whose windows stay in the cache; the backward pass makes them again."""
    from hornpipe.ops.conv import conv_general as composed

    count = _images_at_a_time(x, kernel, strides, padding)

    @jax.checkpoint
    def run(images):
        return composed.__wrapped__(images, kernel, strides, padding, dilation, groups)

    y = lax.map(run, x.reshape((-1, count, *x.shape[1:])))
    return y.reshape((x.shape[0], *y.shape[2:]))


def conv_shape(x, kernel, *, size, **_):
    return (x.shape[0], *size, kernel.shape[-1])


def dx_shape(dy, kernel, *, size, groups, **_):
    return (dy.shape[0], *size, kernel.shape[-2] * groups)


def dw_shape(x, dy, *, size, groups, **_):
    return (*size, x.shape[-1] // groups, dy.shape[-1])


def _padding(x, window, *, strides, before, steps, size):
    """Return the pairs of padding; the last one may be below 0, where windows leave something out."""
    after = (
        (out - 1) * stride + (places - 1) * step + 1 - length - first
        for out, stride, places, step, length, first in zip(
            size, strides, window, steps, x.shape[1:-1], before, strict=True
        )
    )
    return list(zip(before, after, strict=True))


def conv(x, kernel, *, groups, **options):
    spatial = "DHW"[-len(options["strides"]) :]
    return lax.conv_general_dilated(
        x,
        kernel,
        options["strides"],
        _padding(x, kernel.shape[:-2], **options),
        rhs_dilation=options["steps"],
        dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
        feature_group_count=groups,
    )


def dx(dy, kernel, *, size, groups, **rest):
    x = jax.ShapeDtypeStruct(dx_shape(dy, kernel, size=size, groups=groups), dy.dtype)
    run = functools.partial(conv, groups=groups, size=dy.shape[1:-1], **rest)
    return jax.linear_transpose(lambda image: run(image, kernel), x)(dy)[0]


def dw(x, dy, *, size, groups, **rest):
    kernel = jax.ShapeDtypeStruct(dw_shape(x, dy, size=size, groups=groups), dy.dtype)
    run = functools.partial(conv, groups=groups, size=dy.shape[1:-1], **rest)
    return jax.linear_transpose(lambda weights: run(x, weights), kernel)(dy)[0]


# ---- without the kernels, on one CPU: what XLA does slowly there is put differently


def conv_on_cpu(x, kernel, *, groups, size, **options):
    """As `conv`: the composed one for thin images, which XLA convolves slowly, but where their windows are very many."""
    composed, count = _composed(x, kernel, size=size, **options)
    if groups == 1 and x.shape[3] < _THIN and x.shape[0] <= 4 * count:
        return composed(x, kernel)
    return _padded_conv(x, kernel, groups=groups, size=size, **options)


def _padded_conv(x, kernel, *, groups, size, **options):
    """As `conv`, with rows of padding that are cut off.

    Where padding is at most the window's reach, XLA on a CPU takes a library that convolves in one thread and writes the windows of
    all images to fresh memory, which takes longer.
    """
    pairs = _padding(x, kernel.shape[:2], size=size, **options)
    reach = (kernel.shape[0] - 1) * options["steps"][0] + 1
    more = -(-(reach - sum(pairs[0])) // options["strides"][0])
    size = (size[0] + max(0, more), size[1])
    y = conv(x, kernel, groups=groups, size=size, **options)
    return y[:, : size[0] - max(0, more)]


def dx_on_cpu(dy, kernel, *, groups, size, strides, before, steps):
    """As `dx`: a convolution with the turned kernel, which XLA doesn't turn well in loops.

    With strides and for thin images it is the composed one's, a few images at a time.
    """
    options = {"strides": strides, "before": before, "steps": steps}
    if groups > 1 or dy.shape[0] == 0:
        return dx(dy, kernel, groups=groups, size=size, **options)
    if max(strides) > 1 or kernel.shape[2] < 2 * _THIN:
        x = jax.ShapeDtypeStruct((dy.shape[0], *size, kernel.shape[2]), dy.dtype)
        run, count = _composed(x, kernel, size=dy.shape[1:3], **options)
        part = jax.linear_transpose(
            lambda images: run(images, kernel), jax.ShapeDtypeStruct((count, *x.shape[1:]), x.dtype)
        )
        parts = dy.reshape((-1, count, *dy.shape[1:]))
        return lax.map(lambda gradients: part(gradients)[0], parts).reshape(x.shape)
    options["before"] = tuple(
        (window - 1) * step - first
        for window, step, first in zip(kernel.shape[:2], steps, before, strict=True)
    )
    turned = jax.numpy.flip(kernel, (0, 1)).swapaxes(2, 3)
    return _padded_conv(dy, turned, groups=1, size=size, **options)


def dw_on_cpu(x, dy, *, groups, size, **options):
    """As `dw`, a few images at a time: XLA's own makes windows of all of them."""
    if groups > 1 or x.shape[0] == 0:
        return dw(x, dy, size=size, groups=groups, **options)
    count = max(_FEW, -(-x.shape[0] // _MOST_PARTS))
    windows = 4 * math.prod((*dy.shape[1:3], *size, x.shape[3]))
    if max(options["strides"]) == 1 and count * windows <= _CACHE_BYTES:
        return _dw_by_images(x, dy, count, size=size, **options)
    return _dw_by_rows(x, dy, size=size, **options)


_FEW = 4  # images, of which XLA's library has the windows in the cache
_MOST_PARTS = 32  # of a program, whose compilation they make longer: 32 parts by two seconds


def _dw_by_images(x, dy, count, *, size, strides, before, steps):
    """Return the kernel's gradient as convolutions of the images with dy as their kernel; what is summed, the images, are channels.

    Each runs in one thread, where no loop is around them several at once, and beside the gradient by the image.
    """
    pairs = _padding(x, size, size=dy.shape[1:3], strides=strides, before=before, steps=steps)

    def part(x, dy):
        x, dy = x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)
        dimensions = ("NHWC", "HWIO", "NHWC")
        y = lax.conv_general_dilated(x, dy, steps, pairs, dimension_numbers=dimensions)
        return y[:, : size[0], : size[1]].transpose(1, 2, 0, 3)

    firsts = range(0, x.shape[0], count)
    return sum(part(x[first : first + count], dy[first : first + count]) for first in firsts)


def _dw_by_rows(x, dy, *, size, **options):
    """Return the kernel's gradient as a product for each row of the window.

    Only what a row of the window meets is put side by side: a third of the memory that windows of 3 x 3 take.
    """
    pairs = _padding(x, size, size=dy.shape[1:3], **options)
    x = jax.numpy.pad(x, [(0, 0), *((first, max(0, last)) for first, last in pairs), (0, 0)])
    channels, filters, (rows, columns) = x.shape[3], dy.shape[3], dy.shape[1:3]

    def places(array, place, count, axis):
        stride, first = options["strides"][axis - 1], place * options["steps"][axis - 1]
        return lax.slice_in_dim(array, first, first + (count - 1) * stride + 1, stride, axis)

    def add_part(total, part):
        images, gradients = part
        beside = [places(images, place, columns, 2) for place in range(size[1])]
        beside, gradients = jax.numpy.concatenate(beside, 3), gradients.reshape((-1, filters))
        products = [
            places(beside, place, rows, 1).reshape((-1, size[1] * channels)).T @ gradients
            for place in range(size[0])
        ]
        return total + jax.numpy.stack(products), None

    each = 4 * columns * (x.shape[1] * size[1] * channels + rows * filters)
    count = _divisor(x.shape[0], each)
    parts = [array.reshape((-1, count, *array.shape[1:])) for array in (x, dy)]
    total = jax.numpy.zeros((size[0], size[1] * channels, filters), x.dtype)
    return lax.scan(add_part, total, parts)[0].reshape((*size, channels, filters))


def _composed(x, kernel, *, size, strides, before, steps):
    """Return the composed convolution, and how many images it should be given at a time."""
    from hornpipe.ops.conv import conv_general as composed

    pairs = _padding(x, kernel.shape[:2], size=size, strides=strides, before=before, steps=steps)
    pairs = [(first, max(0, last)) for first, last in pairs]
    count = _images_at_a_time(x, kernel, strides, pairs)
    return lambda x, kernel: composed.__wrapped__(x, kernel, strides, pairs, steps, 1), count
