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

from hornpipe.engine import jax_conv_portable as portable
from hornpipe.engine import jax_kernels
from hornpipe.engine.jax_kernels import active, exported, variant

try:  # programs of these primitives are told their devices, without which nothing can be divided among them
    from jax._src.dispatch import prim_requires_devices_during_lowering as _needs_devices
except ImportError:
    _needs_devices = None

_STATIC = ("strides", "before", "steps", "groups", "size")


# ---- the engine's own versions of composed operations


def conv_general(x, kernel, strides, padding, dilation, groups):
    """As `hornpipe.ops.conv.conv_general`; NotImplemented where that one is to be taken."""
    if x.ndim == 5 and not active() and portable.is_large(x, kernel, strides, padding, groups):
        return portable.few_images_at_a_time(x, kernel, strides, padding, dilation, groups)
    return _forward(conv_p, (x, kernel), strides, padding, dilation, groups)


def conv_bias_general(x, kernel, bias, strides, padding, dilation, groups, relu):
    """As `hornpipe.ops.conv.conv_bias_general`; NotImplemented where that one is to be taken."""
    if bias.dtype != np.float32 or bias.shape != kernel.shape[-1:]:
        return NotImplemented
    if 1 < groups == x.shape[-1] == kernel.shape[-1]:  # depthwise
        return NotImplemented
    operands = x, kernel, bias
    return _forward(conv_bias_p, operands, strides, padding, dilation, groups, relu=bool(relu))


def _forward(primitive, operands, strides, padding, dilation, groups, **more):
    x, kernel = operands[:2]
    if not _suits(x, kernel) or not (
        active() or (x.ndim < 5 and portable.is_large(x, kernel, strides, padding, groups))
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


def _make(name, shape, everywhere, deep, on_cpu):
    primitive = Primitive(name)

    def abstract(first, second, **options):
        return jax.core.ShapedArray(shape(first, second, **options), first.dtype)

    def lower(context, first, second, **options):
        sharded, away = _is_sharded(context.module_context.axis_context), exported(context)
        if away or not active():
            run = functools.partial(everywhere if sharded or away else on_cpu, **options)
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
    mlir.register_lowering(primitive, mlir.lower_fun(everywhere, multiple_results=False))
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


conv_p = _make(
    "hornpipe_conv", portable.conv_shape, portable.conv, _deep_conv, portable.conv_on_cpu
)
conv_dx_p = _make("hornpipe_conv_dx", portable.dx_shape, portable.dx, _deep_dx, portable.dx_on_cpu)
conv_dw_p = _make("hornpipe_conv_dw", portable.dw_shape, portable.dw, _deep_dw, portable.dw_on_cpu)


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


# ---- both gradients at once, where a kernel makes them in one pass


def _in_one_pass(kernel, *, strides, steps, groups, **_):
    """Return whether the compiled kernels compute both gradients in one pass: those of depthwise 3 x 3 with stride 1."""
    return (
        kernel.shape == (3, 3, 1, groups)
        and groups > 1
        and (*strides, *steps) == (1, 1, 1, 1)
        and active()
    )


def _tangent(x, kernel, dx, dkernel, **options):
    return [conv_p.bind(dx, kernel, **options) + conv_p.bind(x, dkernel, **options)]


def _gradients(x, dy, kernel, *, size, **options):
    return [
        conv_dx_p.bind(dy, kernel, size=_pixels(x), **options),
        conv_dw_p.bind(x, dy, size=_window(kernel), **options),
    ]


# The derivative of a convolution in the direction (dx, dkernel), and its transpose, as one operation each.
_tangent_p = jax_kernels.make(
    "hornpipe_conv_tangent",
    lambda x, kernel, *_, **options: [portable.conv_shape(x, kernel, **options)],
    _tangent,
    static=_STATIC,
)
_gradients_p = jax_kernels.make(
    "hornpipe_conv_gradients",
    lambda x, dy, kernel, **_: [x.shape, kernel.shape],
    _gradients,
    handler="hornpipe_conv_gradients",
    attributes=lambda **options: {"numbers": _numbers(**options)},
    static=_STATIC,
)


def _conv_jvp(primals, tangents, **options):
    (x, kernel), (dx, dkernel) = primals, tangents
    y = conv_p.bind(x, kernel, **options)
    parts = []
    if type(dx) is not ad.Zero and type(dkernel) is not ad.Zero and _in_one_pass(kernel, **options):
        parts += _tangent_p.bind(x, kernel, dx, dkernel, **options)
    else:
        if type(dx) is not ad.Zero:
            parts.append(conv_p.bind(dx, kernel, **options))
        if type(dkernel) is not ad.Zero:
            parts.append(conv_p.bind(x, dkernel, **options))
    return y, functools.reduce(jax.numpy.add, parts)


def _transpose_tangent(ct, x, kernel, dx, dkernel, **options):
    ct = ct[0]
    if type(ct) is ad.Zero:
        return None, None, None, None
    if not ad.is_undefined_primal(dx):
        return None, None, None, conv_dw_p.bind(x, ct, **{**options, "size": _window(kernel)})
    if not ad.is_undefined_primal(dkernel):
        return None, None, conv_dx_p.bind(ct, kernel, **{**options, "size": _pixels(x)}), None
    return None, None, *_gradients_p.bind(x, ct, kernel, **options)


def _mapped(function):
    """Return the rule of `vmap` of a primitive that is the same as `function`, which returns a list."""

    def batch(arguments, axes, **options):
        out = jax.vmap(functools.partial(function, **options), axes)(*arguments)
        return out, [0] * len(out)

    return batch


def _by_its_parts(parts):
    """Return rules of a primitive that are those of the convolutions that it is made of: its derivative and its `vmap`."""

    def jvp(primals, tangents, **options):
        moving = [i for i, each in enumerate(tangents) if type(each) is not ad.Zero]

        def along(*values):
            every = {**dict(enumerate(primals)), **dict(zip(moving, values, strict=True))}
            return parts(*(every[i] for i in range(len(primals))), **options)

        return jax.jvp(along, [primals[i] for i in moving], [tangents[i] for i in moving])

    return jvp, _mapped(parts)


ad.primitive_jvps[conv_p] = _conv_jvp
ad.primitive_transposes[_tangent_p] = _transpose_tangent
for _each, _parts in ((_tangent_p, _tangent), (_gradients_p, _gradients)):
    ad.primitive_jvps[_each], batching.primitive_batchers[_each] = _by_its_parts(_parts)
    if _needs_devices is not None:
        _needs_devices.add(_each)


# ---- with bias and ReLU: linear no more, but its derivative is made of the three


def _portable_bias(x, kernel, bias, *, relu, **options):
    y = portable.conv(x, kernel, **options) + bias
    return jax.numpy.where(y <= 0, 0, y) if relu else y


def _lower_bias(context, x, kernel, bias, *, relu, **options):
    def separate(x, kernel, bias):
        y = conv_p.bind(x, kernel, **options) + bias
        return jax.numpy.where(y <= 0, 0, y) if relu else y

    apart = _is_sharded(context.module_context.axis_context) or exported(context) or not active()
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
    if relu and parts and dbias is not None:
        return y, _relu_tangent_p.bind(y, functools.reduce(jax.numpy.add, parts), dbias)[0]
    if dbias is not None:
        parts.append(jax.numpy.broadcast_to(dbias, y.shape))
    tangent = functools.reduce(jax.numpy.add, parts)
    return y, jax.numpy.where(y <= 0, 0, tangent) if relu else tangent


# The derivative of ReLU(x + bias) in the direction (dx, dbias), and its transpose, as one operation each: XLA would read what the
# transpose masks once more for the bias.


def _portable_relu_tangent(y, dx, dbias):
    return [jax.numpy.where(y <= 0, 0, dx + dbias)]


def _portable_relu_gradient(y, dy):
    masked = jax.numpy.where(y <= 0, 0, dy)
    return [masked, masked.sum(axis=tuple(range(y.ndim - 1)))]


_relu_tangent_p = jax_kernels.make(
    "hornpipe_relu_tangent", lambda y, *_: [y.shape], _portable_relu_tangent
)
_relu_gradient_p = jax_kernels.make(
    "hornpipe_relu_gradient",
    lambda y, _: [y.shape, y.shape[-1:]],
    _portable_relu_gradient,
    handler="hornpipe_relu_gradient",
    in_place={1: 0},
)


def _relu_jvp(primitive, primals, tangents):
    y, *rest = primals
    if all(type(each) is ad.Zero for each in tangents[1:]):
        out = primitive.bind(*primals)
        return out, [ad.Zero.from_primal_value(each) for each in out]
    moved = map(ad.instantiate_zeros, tangents[1:])
    return primitive.bind(y, *rest), primitive.bind(y, *moved)


def _transpose_relu_tangent(cts, y, dx, dbias):
    if type(cts[0]) is ad.Zero:
        return None, None, None
    masked, sums = _relu_gradient_p.bind(y, cts[0])
    return (
        None,
        masked if ad.is_undefined_primal(dx) else None,
        sums if ad.is_undefined_primal(dbias) else None,
    )


def _transpose_relu_gradient(cts, y, _):
    return None, _relu_tangent_p.bind(y, *map(ad.instantiate_zeros, cts))[0]


for _each, _portable in (
    (_relu_tangent_p, _portable_relu_tangent),
    (_relu_gradient_p, _portable_relu_gradient),
):
    ad.primitive_jvps[_each] = functools.partial(_relu_jvp, _each)
    batching.primitive_batchers[_each] = _mapped(_portable)
ad.primitive_transposes[_relu_tangent_p] = _transpose_relu_tangent
ad.primitive_transposes[_relu_gradient_p] = _transpose_relu_gradient


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
