"""Convolutions of the JAX engine by the compiled kernels, as primitives with every rule; without them, the composed ones.

Three bilinear primitives on channels-last images: the convolution, its gradient by the image and its gradient by the kernel. The
derivatives of each are the two others, so forward mode, reverse mode and every order come from one table.

>>> import numpy as np
>>> from hornpipe.engine import jax_conv
>>> jax_conv.conv_general(np.ones(3), np.ones(3), (1,), [(0, 0)], (1,), 1)
NotImplemented
"""

from __future__ import annotations

import functools
import math

import jax
import numpy as np
from jax import lax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.sharding import NamedSharding, PartitionSpec

from hornpipe.engine.jax_kernels import active, variant

try:  # programs of these primitives are told their devices, without which nothing can be divided among them
    from jax._src.dispatch import prim_requires_devices_during_lowering as _needs_devices
except ImportError:
    _needs_devices = None

_STATIC = ("strides", "before", "steps", "groups", "size")


# ---- the engine's own versions of composed operations


def conv_general(x, kernel, strides, padding, dilation, groups):
    """As `hornpipe.ops.conv.conv_general`; NotImplemented where that one is to be taken."""
    if x.ndim == 5 and not active() and _is_large(x, kernel, strides, padding, groups):
        return _few_images_at_a_time(x, kernel, strides, padding, dilation, groups)
    return _forward(conv_p, (x, kernel), strides, padding, dilation, groups)


def conv_bias_general(x, kernel, bias, strides, padding, dilation, groups, relu):
    """As `hornpipe.ops.conv.conv_bias_general`; NotImplemented where that one is to be taken."""
    if bias.dtype != np.float32 or bias.shape != kernel.shape[-1:]:
        return NotImplemented
    if 1 < groups == x.shape[-1] == kernel.shape[-1]:  # depthwise
        return NotImplemented
    operands = x, kernel, bias
    return _forward(conv_bias_p, operands, strides, padding, dilation, groups, relu=bool(relu))


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


def _is_large(x, kernel, strides, padding, groups):
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


def _few_images_at_a_time(x, kernel, strides, padding, dilation, groups):
    """Return the composed convolution in groups of images whose windows stay in the cache; the backward pass makes them again."""
    from hornpipe.ops.conv import conv_general as composed

    count = _images_at_a_time(x, kernel, strides, padding)

    @jax.checkpoint
    def run(images):
        return composed.__wrapped__(images, kernel, strides, padding, dilation, groups)

    y = lax.map(run, x.reshape((-1, count, *x.shape[1:])))
    return y.reshape((x.shape[0], *y.shape[2:]))


def _forward(primitive, operands, strides, padding, dilation, groups, **more):
    x, kernel = operands[:2]
    if not _suits(x, kernel) or not (
        active() or (x.ndim < 5 and _is_large(x, kernel, strides, padding, groups))
    ):
        return NotImplemented
    strides, dilation = tuple(strides), tuple(dilation)
    reach = [(window - 1) * step + 1 for window, step in zip(kernel.shape, dilation, strict=False)]
    size = tuple(
        (length + sum(pair) - span) // stride + 1
        for length, pair, span, stride in zip(x.shape[1:-1], padding, reach, strides, strict=True)
    )
    if min(size) < 1 or not _pays(x.shape[-1], kernel.shape[-1], groups):
        return NotImplemented
    before = tuple(pair[0] for pair in padding)
    return _bind(primitive, operands, strides, before, dilation, groups, size, **more)


def conv_transpose_general(x, kernel, strides, pairs, dilation):
    """As `hornpipe.ops.conv.conv_transpose_general`: the gradient of a convolution by its image."""
    if not (_suits(x, kernel) and active()):
        return NotImplemented
    strides, dilation = tuple(strides), tuple(dilation)
    reach = [(window - 1) * step + 1 for window, step in zip(kernel.shape, dilation, strict=False)]
    size = tuple(
        (length - 1) * stride + 1 + sum(pair) - (span - 1)
        for length, stride, pair, span in zip(x.shape[1:-1], strides, pairs, reach, strict=True)
    )
    if min(size) < 1:
        return NotImplemented
    before = tuple(span - 1 - pair[0] for span, pair in zip(reach, pairs, strict=True))
    return _bind(conv_dx_p, (x, kernel), strides, before, dilation, 1, size)


def _suits(x, kernel):
    return (
        x.dtype == kernel.dtype == np.float32
        and x.ndim == kernel.ndim in (3, 4, 5)
        and all(isinstance(size, int) for size in x.shape)
        and 0 not in (*x.shape[1:], *kernel.shape)
    )


_LANES = {"avx512": 16, "avx2": 8, "portable": 4}


def _pays(channels, filters, groups):
    """Return whether the kernels are faster: not for groups that are thin on one side and wider than a vector on the other."""
    thin, wide = sorted((channels // groups, filters // groups))
    return groups == 1 or thin >= 8 or wide <= _LANES[variant()]


def _bind(primitive, operands, strides, before, steps, groups, size, **more):
    if operands[0].ndim > 3:
        return primitive.bind(
            *operands,
            strides=strides,
            before=before,
            steps=steps,
            groups=groups,
            size=size,
            **more,
        )
    x, kernel, *rest = operands
    wide = [
        (first, *each)
        for first, each in zip((1, 0, 1, 1), (strides, before, steps, size), strict=True)
    ]
    out = _bind(primitive, (x[:, None], kernel[None], *rest), *wide[:3], groups, wide[3], **more)
    return out[:, 0]


# ---- the primitives: first and second operand, result; `size` is what the operands' shapes do not tell


def _conv_shape(x, kernel, *, size, **_):
    return (x.shape[0], *size, kernel.shape[-1])


def _dx_shape(dy, kernel, *, size, groups, **_):
    return (dy.shape[0], *size, kernel.shape[-2] * groups)


def _dw_shape(x, dy, *, size, groups, **_):
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


def _portable_conv(x, kernel, *, groups, **options):
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


def _portable_dx(dy, kernel, *, size, groups, **rest):
    x = jax.ShapeDtypeStruct(_dx_shape(dy, kernel, size=size, groups=groups), dy.dtype)
    run = functools.partial(_portable_conv, groups=groups, size=dy.shape[1:-1], **rest)
    return jax.linear_transpose(lambda image: run(image, kernel), x)(dy)[0]


def _portable_dw(x, dy, *, size, groups, **rest):
    kernel = jax.ShapeDtypeStruct(_dw_shape(x, dy, size=size, groups=groups), dy.dtype)
    run = functools.partial(_portable_conv, groups=groups, size=dy.shape[1:-1], **rest)
    return jax.linear_transpose(lambda weights: run(x, weights), kernel)(dy)[0]


# ---- three dimensions: images whose channels are those of all planes that a window meets


def _planes(x, offsets, stride, count, groups):
    """Return `count` images, `stride` planes apart: their channels are, for each group, those of the planes `offsets` from there."""
    low = max(0, -min(offsets))
    reach = max(offsets) + (count - 1) * stride + 1
    x = jax.numpy.pad(x, [(0, 0), (low, max(0, reach - x.shape[1])), (0, 0), (0, 0), (0, 0)])
    images = (x.shape[0] * count, *x.shape[2:4], groups, 1, x.shape[-1] // groups)
    pieces = [
        lax.slice_in_dim(x, low + k, low + k + (count - 1) * stride + 1, stride, 1).reshape(images)
        for k in offsets
    ]
    return jax.numpy.concatenate(pieces, 4).reshape((*images[:3], len(offsets) * x.shape[-1]))


def _met_planes(x, deep, count, *, strides, before, steps, groups):
    offsets = [k * steps[0] - before[0] for k in range(deep)]
    return _planes(x, offsets, strides[0], count, groups)


def _flat(size, *, strides, before, steps, groups):
    """Return the options of the two-dimensional convolution."""
    rest = {"strides": strides[1:], "before": before[1:], "steps": steps[1:]}
    return {**rest, "groups": groups, "size": tuple(size[1:])}


def _flat_kernel(kernel):
    return jax.numpy.moveaxis(kernel, 0, 2).reshape((*kernel.shape[1:3], -1, kernel.shape[-1]))


def _deep_conv(x, kernel, *bias, size, relu=False, **options):
    images = _met_planes(x, kernel.shape[0], size[0], **options)
    flat = _flat(size, **options)
    if bias:
        y = conv_bias_p.bind(images, _flat_kernel(kernel), *bias, relu=relu, **flat)
    else:
        y = conv_p.bind(images, _flat_kernel(kernel), **flat)
    return y.reshape((x.shape[0], *size, kernel.shape[-1]))


def _deep_dw(x, dy, *, size, **options):
    images = _met_planes(x, size[0], dy.shape[1], **options)
    dy = dy.reshape((math.prod(dy.shape[:2]), *dy.shape[2:]))
    flat = conv_dw_p.bind(images, dy, **_flat(size, **options))
    return jax.numpy.moveaxis(flat.reshape((*size[1:], size[0], -1, dy.shape[-1])), 2, 0)


def _deep_dx(dy, kernel, *, size, **options):
    groups, stride, flat = options["groups"], options["strides"][0], _flat(size, **options)
    deep, own, filters = kernel.shape[0], *kernel.shape[-2:]
    firsts = [k * options["steps"][0] - options["before"][0] for k in range(deep)]
    whole = (dy.shape[0], *size, groups * own)
    if stride == 1 and filters < groups * own:
        # The gradients that a plane meets are less to copy than what they give.
        images = _planes(dy, [-first for first in firsts], 1, size[0], groups)
        kernel = jax.numpy.moveaxis(kernel.reshape((*kernel.shape[:-1], groups, -1)), 0, 4)
        kernel = kernel.reshape((*kernel.shape[:3], deep * filters))
        return conv_dx_p.bind(images, kernel, **flat).reshape(whole)
    images = dy.reshape((math.prod(dy.shape[:2]), *dy.shape[2:]))
    pieces = conv_dx_p.bind(images, _flat_kernel(kernel), **flat)
    pieces = pieces.reshape((*dy.shape[:2], *size[1:], groups, deep, own))
    total = jax.numpy.zeros(whole, dy.dtype)
    for k, first in enumerate(firsts):
        after = size[0] - first - (dy.shape[1] - 1) * stride - 1
        around = [(0, 0, 0), (first, after, stride - 1), *[(0, 0, 0)] * 3]
        piece = pieces[..., k, :].reshape((*dy.shape[:2], *whole[2:]))
        total += lax.pad(piece, np.zeros((), dy.dtype), around)
    return total


# ---- without the kernels, on one CPU: what XLA does slowly there is put differently


def _thin_or_padded_conv(x, kernel, *, groups, size, **options):
    """As `_portable_conv`: the composed one for thin images, which XLA convolves slowly, but where their windows are very many."""
    composed, count = _composed(x, kernel, size=size, **options)
    if groups == 1 and x.shape[3] < _THIN and x.shape[0] <= 4 * count:
        return composed(x, kernel)
    return _padded_conv(x, kernel, groups=groups, size=size, **options)


def _padded_conv(x, kernel, *, groups, size, **options):
    """As `_portable_conv`, with rows of padding that are cut off.

    Where padding is at most the window's reach, XLA on a CPU takes a library that convolves in one thread and writes the windows of
    all images to fresh memory, which takes longer.
    """
    pairs = _padding(x, kernel.shape[:2], size=size, **options)
    reach = (kernel.shape[0] - 1) * options["steps"][0] + 1
    more = -(-(reach - sum(pairs[0])) // options["strides"][0])
    size = (size[0] + max(0, more), size[1])
    y = _portable_conv(x, kernel, groups=groups, size=size, **options)
    return y[:, : size[0] - max(0, more)]


def _turned_dx(dy, kernel, *, groups, size, strides, before, steps):
    """As `_portable_dx`: a convolution with the turned kernel, which XLA doesn't turn well in loops.

    With strides and for thin images it is the composed one's, a few images at a time.
    """
    options = {"strides": strides, "before": before, "steps": steps}
    if groups > 1 or dy.shape[0] == 0:
        return _portable_dx(dy, kernel, groups=groups, size=size, **options)
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


def _few_images_dw(x, dy, *, groups, size, **options):
    """As `_portable_dw`, a few images at a time: XLA's own makes windows of all of them."""
    if groups > 1 or x.shape[0] == 0:
        return _portable_dw(x, dy, size=size, groups=groups, **options)
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


# ---- several devices: each computes its part of the batch


def _numbers(*, strides, before, steps, groups, size):
    return np.array([*strides, *before, *steps, groups], np.int64)


def _is_sharded(axes):
    """Return whether a program is for several devices that are known, and is not yet divided among them."""
    return getattr(axes, "num_devices", 1) > 1 and axes.device_assignment is not None


def _partitioned(name, shape, deep, **options):
    """Return a primitive's function such that a program for several devices divides the batch and gathers nothing."""
    spatial = len(options["strides"])

    def whole(first, second):
        out = jax.ShapeDtypeStruct(shape(first, second, **options), first.dtype)
        return jax.ffi.ffi_call(name, out)(first, second, numbers=_numbers(**options))

    of_kernel = name == "hornpipe_conv_dw"
    divided = custom_partitioning(whole)
    run = functools.partial(deep, **options) if spatial == 3 else whole  # of a part

    def partition(mesh, arguments, result):
        axes = arguments[0].sharding.spec[0]
        images, everywhere = (NamedSharding(mesh, PartitionSpec(each)) for each in (axes, None))

        def add_up(x, dy):
            part = run(x, dy)
            return part if axes is None else lax.psum(part, axes)

        if of_kernel:
            return mesh, add_up, everywhere, (images, images)
        return mesh, run, images, (images, everywhere)

    inner, window, outer = (each[-spatial:] for each in ("dhw", "lij", "opq"))
    image, kernel, out = (" ".join(each) for each in (f"n{inner}c", f"{window}k", f"n{outer}"))
    rule = f"{image}, {out} f -> {kernel} g" if of_kernel else f"{image}, {kernel} f -> {out} g"
    alone = tuple(letter for letter in rule if letter.isalpha() and letter != "n")
    divided.def_partition(
        partition,
        sharding_rule=rule,
        reduction_factors=("n",) if of_kernel else (),
        need_replication_factors=tuple(dict.fromkeys(alone)),
    )
    return divided


def _make(name, shape, portable, deep, on_cpu):
    primitive = Primitive(name)

    def abstract(first, second, **options):
        return jax.core.ShapedArray(shape(first, second, **options), first.dtype)

    def lower(context, first, second, **options):
        sharded = _is_sharded(context.module_context.axis_context)
        if not active():
            run = functools.partial(portable if sharded else on_cpu, **options)
            return mlir.lower_fun(run, multiple_results=False)(context, first, second)
        if sharded:
            run = _partitioned(name, shape, deep, **options)
            return mlir.lower_fun(run, multiple_results=False)(context, first, second)
        if len(options["strides"]) == 3:
            run = functools.partial(deep, **options)
            return mlir.lower_fun(run, multiple_results=False)(context, first, second)
        return jax.ffi.ffi_lowering(name)(context, first, second, numbers=_numbers(**options))

    primitive.def_abstract_eval(abstract)
    primitive.def_impl(jax.jit(primitive.bind, static_argnames=_STATIC))
    mlir.register_lowering(primitive, mlir.lower_fun(portable, multiple_results=False))
    mlir.register_lowering(primitive, lower, platform="cpu")
    batching.primitive_batchers[primitive] = functools.partial(_batch, primitive)
    if _needs_devices is not None:
        _needs_devices.add(primitive)
    return primitive


conv_p: Primitive
conv_dx_p: Primitive
conv_dw_p: Primitive


def _batch(primitive, arguments, axes, **options):
    """Fold a mapped image into the batch; go over mapped kernels, and over all of a kernel's gradients, one by one."""
    first, second = (
        value if axis is None else jax.numpy.moveaxis(value, axis, 0)
        for value, axis in zip(arguments, axes, strict=True)
    )
    mapped = [axis is not None for axis in axes]
    if primitive is not conv_dw_p and mapped == [True, False]:
        folded = first.reshape((-1, *first.shape[2:]))
        out = primitive.bind(folded, second, **options)
        return out.reshape((*first.shape[:2], *out.shape[1:])), 0
    if all(mapped):
        return lax.map(lambda pair: primitive.bind(*pair, **options), (first, second)), 0
    if mapped[0]:
        return lax.map(lambda one: primitive.bind(one, second, **options), first), 0
    return lax.map(lambda one: primitive.bind(first, one, **options), second), 0


conv_p = _make("hornpipe_conv", _conv_shape, _portable_conv, _deep_conv, _thin_or_padded_conv)
conv_dx_p = _make("hornpipe_conv_dx", _dx_shape, _portable_dx, _deep_dx, _turned_dx)
conv_dw_p = _make("hornpipe_conv_dw", _dw_shape, _portable_dw, _deep_dw, _few_images_dw)


def _pixels(operand):
    # What is to be differentiated comes as a placeholder that has no more than a type.
    return getattr(operand, "aval", operand).shape[1:-1]


def _window(operand):
    return getattr(operand, "aval", operand).shape[:-2]


# The transpose of each by its first and by its second operand, `ct` being the gradient of its result.
ad.defbilinear(
    conv_p,
    lambda ct, x, kernel, size, **rest: conv_dx_p.bind(ct, kernel, size=_pixels(x), **rest),
    lambda ct, x, kernel, size, **rest: conv_dw_p.bind(x, ct, size=_window(kernel), **rest),
)
ad.defbilinear(
    conv_dx_p,
    lambda ct, dy, kernel, size, **rest: conv_p.bind(ct, kernel, size=_pixels(dy), **rest),
    lambda ct, dy, kernel, size, **rest: conv_dw_p.bind(ct, dy, size=_window(kernel), **rest),
)
ad.defbilinear(
    conv_dw_p,
    lambda ct, x, dy, size, **rest: conv_dx_p.bind(dy, ct, size=_pixels(x), **rest),
    lambda ct, x, dy, size, **rest: conv_p.bind(x, ct, size=_pixels(dy), **rest),
)


# ---- with bias and ReLU: linear no more, but its derivative is made of the three


def _portable_bias(x, kernel, bias, *, relu, **options):
    y = _portable_conv(x, kernel, **options) + bias
    return jax.numpy.where(y <= 0, 0, y) if relu else y


def _lower_bias(context, x, kernel, bias, *, relu, **options):
    def separate(x, kernel, bias):
        y = conv_p.bind(x, kernel, **options) + bias
        return jax.numpy.where(y <= 0, 0, y) if relu else y

    apart = _is_sharded(context.module_context.axis_context) or not active()
    if apart or len(options["strides"]) == 3:
        run = separate if apart else functools.partial(_deep_conv, relu=relu, **options)
        return mlir.lower_fun(run, multiple_results=False)(context, x, kernel, bias)
    return jax.ffi.ffi_lowering("hornpipe_conv_bias")(
        context, x, kernel, bias, numbers=_numbers(**options), relu=relu
    )


def _bias_jvp(primals, tangents, *, relu, **options):
    x, kernel, bias = primals
    dx, dkernel, dbias = (None if type(each) is ad.Zero else each for each in tangents)
    y = conv_bias_p.bind(x, kernel, bias, relu=relu, **options)
    parts = []
    if dx is not None:
        parts.append(conv_p.bind(dx, kernel, **options))
    if dkernel is not None:
        parts.append(conv_p.bind(x, dkernel, **options))
    if dbias is not None:
        parts.append(jax.numpy.broadcast_to(dbias, y.shape))
    tangent = functools.reduce(jax.numpy.add, parts)
    return y, jax.numpy.where(y <= 0, 0, tangent) if relu else tangent


def _batch_bias(arguments, axes, *, relu, **options):
    """Fold mapped images into the batch; where kernels or biases are mapped, go over them one by one."""
    x, kernel, bias = (
        value if axis is None else jax.numpy.moveaxis(value, axis, 0)
        for value, axis in zip(arguments, axes, strict=True)
    )
    run = functools.partial(conv_bias_p.bind, relu=relu, **options)
    if axes[1] is None and axes[2] is None:
        out = run(x.reshape((-1, *x.shape[2:])), kernel, bias)
        return out.reshape((*x.shape[:2], *out.shape[1:])), 0
    values = [x, kernel, bias]
    mapped = [index for index, axis in enumerate(axes) if axis is not None]

    def one(items):
        chosen = dict(zip(mapped, items, strict=True))
        return run(*(chosen.get(index, value) for index, value in enumerate(values)))

    return lax.map(one, [values[index] for index in mapped]), 0


conv_bias_p = Primitive("hornpipe_conv_bias")
conv_bias_p.def_abstract_eval(
    lambda x, kernel, bias, *, size, **_: jax.core.ShapedArray(
        (x.shape[0], *size, kernel.shape[-1]), x.dtype
    )
)
conv_bias_p.def_impl(jax.jit(conv_bias_p.bind, static_argnames=(*_STATIC, "relu")))
mlir.register_lowering(conv_bias_p, mlir.lower_fun(_portable_bias, multiple_results=False))
mlir.register_lowering(conv_bias_p, _lower_bias, platform="cpu")
ad.primitive_jvps[conv_bias_p] = _bias_jvp
batching.primitive_batchers[conv_bias_p] = _batch_bias
if _needs_devices is not None:
    _needs_devices.add(conv_bias_p)
