"""Pooling of the JAX engine by the compiled kernels, as primitives with every rule; without them, the composed operations, but for the
gradient of the largest element of windows that lie beside each other.

The largest of a window is not linear, but its derivative is: it picks the tangent where x is largest, and the transpose of that spreads
a gradient to those places. Both are primitives, linear in their second operand, and each is the other's transpose. The mean and its
gradient are linear and each other's transpose as well.

>>> import numpy as np
>>> from hornpipe.engine import jax_pool
>>> jax_pool.max_pool_general(np.ones(3), (2,), (1,), [(0, 0)])
NotImplemented
"""

from __future__ import annotations

import functools
import math

import jax
import numpy as np
from jax.interpreters import ad, batching

from hornpipe.engine.jax_kernels import active, make

_STATIC = ("window", "strides", "padding")


def max_pool_general(x, window, strides, padding):
    """As `hornpipe.ops.pool.max_pool_general`; NotImplemented where that one is to be taken."""
    return _bind(max_p, x, window, strides, padding)


def average_pool_general(x, window, strides, padding):
    """As `hornpipe.ops.pool.average_pool_general`; NotImplemented where that one is to be taken."""
    return _bind(mean_p, x, window, strides, padding)


def _bind(primitive, x, window, strides, padding):
    window, strides, padding = tuple(window), tuple(strides), tuple(map(tuple, padding))
    if not (
        x.dtype == np.float32
        and x.ndim in (3, 4)
        and all(isinstance(size, int) for size in x.shape)
        and 0 not in x.shape[1:]
        and _windows_meet_the_image(x.shape[1:-1], window, strides, padding)
        and (active() or (primitive is max_p and _beside_each_other(window, strides, padding)))
    ):
        return NotImplemented
    if x.ndim == 4:
        return primitive.bind(x, window=window, strides=strides, padding=padding)[0]
    options = {"window": (1, *window), "strides": (1, *strides), "padding": ((0, 0), *padding)}
    return primitive.bind(x[:, None], **options)[0][:, 0]


def _windows_meet_the_image(sizes, window, strides, padding):
    """Return whether there are windows, and each holds an element of the image."""
    for size, length, stride, (before, after) in zip(sizes, window, strides, padding, strict=True):
        room = size + before + after - length
        if room < 0 or not 0 <= before < length <= 4096:
            return False
        if room // stride * stride - before >= size:
            return False
    return True


# ---- the primitives


def _pooled(shape, window, strides, padding):
    outs = (
        (size + sum(pair) - length) // stride + 1
        for size, length, stride, pair in zip(shape[1:3], window, strides, padding, strict=True)
    )
    return (shape[0], *outs, shape[3])


def _numbers(window, strides, padding, size=None):
    before = (pair[0] for pair in padding)
    return {"numbers": np.array([*window, *strides, *before], np.int64)}


def _composed(name, options):
    from hornpipe.ops import pool

    return lambda x: getattr(pool, name).__wrapped__(x, *(options[key] for key in _STATIC))


def _portable_pick(x, values, **options):
    return jax.jvp(_composed("max_pool_general", options), (x,), (values,))[1]


def _beside_each_other(window, strides, padding):
    """Return whether windows neither overlap nor leave gaps, and are few elements each."""
    return window == strides and not any(map(any, padding)) and math.prod(window) <= 16


def _portable_spread(x, dy, **options):
    if _beside_each_other(*(options[key] for key in _STATIC)):
        return _spread_beside_each_other(x, dy, options["window"])
    return jax.vjp(_composed("max_pool_general", options), x)[1](dy)[0]


def _spread_beside_each_other(x, dy, window):
    """Return the gradient in two passes: the number of each window's largest element, then dy where an element has this number."""
    (high, wide), (rows, columns) = window, dy.shape[1:3]
    whole = rows * high, columns * wide
    windows = x[:, : whole[0], : whole[1]].reshape(-1, rows, high, columns, wide, x.shape[3])
    best, winner = windows[:, :, 0, :, 0], jax.numpy.zeros(dy.shape, "int8")
    for number in range(1, high * wide):
        element = windows[:, :, number // wide, :, number % wide]
        better = (element > best) | (element != element)
        best = jax.numpy.where(better, element, best)
        winner = jax.numpy.where(better, np.int8(number), winner)
    winner = jax.lax.optimization_barrier(winner)  # or all of this is done for each element
    numbers = np.arange(high * wide, dtype="int8").reshape(high, 1, wide, 1)
    spread = jax.numpy.where(winner[:, :, None, :, None] == numbers, dy[:, :, None, :, None], 0)
    edges = [(0, 0), *((0, size - used) for size, used in zip(x.shape[1:3], whole, strict=True))]
    return jax.numpy.pad(spread.reshape(-1, *whole, x.shape[3]), [*edges, (0, 0)])


def _portable_mean_dx(dy, *, size, **options):
    x = jax.ShapeDtypeStruct((dy.shape[0], *size, dy.shape[3]), dy.dtype)
    return jax.linear_transpose(_composed("average_pool_general", options), x)(dy)[0]


def _make(name, shape, portable):
    primitive = make(
        name,
        lambda *operands, **options: [shape(*operands, **options)],
        lambda *operands, **options: [portable(*operands, **options)],
        handler=name,
        attributes=_numbers,
        static=(*_STATIC, "size"),
    )

    def batch(operands, axes, **options):
        """Fold the mapped axis into the images."""
        count = next(
            operand.shape[axis]
            for operand, axis in zip(operands, axes, strict=True)
            if axis is not None
        )
        moved = [
            jax.numpy.broadcast_to(operand, (count, *operand.shape))
            if axis is None
            else jax.numpy.moveaxis(operand, axis, 0)
            for operand, axis in zip(operands, axes, strict=True)
        ]
        folded = [operand.reshape((-1, *operand.shape[2:])) for operand in moved]
        (out,) = primitive.bind(*folded, **options)
        return [out.reshape((count, -1, *out.shape[1:]))], [0]

    batching.primitive_batchers[primitive] = batch
    return primitive


def _first_shape(x, *_, **options):
    return _pooled(x.shape, **options)


max_p = _make(
    "hornpipe_max_pool",
    _first_shape,
    lambda x, **options: _composed("max_pool_general", options)(x),
)
pick_p = _make("hornpipe_pool_pick", _first_shape, _portable_pick)
spread_p = _make("hornpipe_pool_spread", lambda x, dy, **_: x.shape, _portable_spread)
mean_p = _make(
    "hornpipe_mean_pool",
    _first_shape,
    lambda x, **options: _composed("average_pool_general", options)(x),
)
mean_dx_p = _make(
    "hornpipe_mean_pool_dx",
    lambda dy, *, size, **_: (dy.shape[0], *size, dy.shape[3]),
    _portable_mean_dx,
)


def _spatial(operand):
    # What is to be differentiated comes as a placeholder that has no more than a type.
    return getattr(operand, "aval", operand).shape[1:3]


def _max_jvp(primals, tangents, **options):
    tangent = ad.instantiate_zeros(tangents[0])
    return max_p.bind(*primals, **options), pick_p.bind(primals[0], tangent, **options)


def _linear_jvp(primitive, place, primals, tangents, **options):
    """Differentiate by the operand that a primitive is linear in; where x is largest changes in steps."""
    operands = list(primals)
    operands[place] = ad.instantiate_zeros(tangents[place])
    return primitive.bind(*primals, **options), primitive.bind(*operands, **options)


ad.primitive_jvps[max_p] = _max_jvp
for _primitive, _transposed in ((pick_p, spread_p), (spread_p, pick_p)):
    ad.primitive_jvps[_primitive] = functools.partial(_linear_jvp, _primitive, 1)
    ad.primitive_transposes[_primitive] = (
        lambda gradients, x, _, _transposed=_transposed, **options: (
            None,
            _transposed.bind(x, gradients[0], **options)[0],
        )
    )
for _primitive in (mean_p, mean_dx_p):
    ad.primitive_jvps[_primitive] = functools.partial(_linear_jvp, _primitive, 0)
ad.primitive_transposes[mean_p] = lambda gradients, x, **options: mean_dx_p.bind(
    gradients[0], size=_spatial(x), **options
)
ad.primitive_transposes[mean_dx_p] = lambda gradients, _, *, size, **options: mean_p.bind(
    gradients[0], **options
)
