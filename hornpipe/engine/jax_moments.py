"""Moments of channels, and batch normalisation by them, on the JAX engine by the compiled kernels.

XLA writes the distances from the mean to memory, twice, and reads them again for every sum. Here one pass makes both moments, and one
makes both sums of the normalisation's gradient; what is left is elementwise and stays with XLA.

>>> import numpy as np
>>> from hornpipe.engine import jax_moments
>>> jax_moments.moments(np.ones((3, 2)), (0,))
NotImplemented
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.interpreters import ad, batching

from hornpipe.engine.jax_kernels import active, make

_LEAST = 1 << 14  # numbers; for fewer of them XLA is as fast


def moments(x, axes, keepdims=False, synchronized=False):
    """As `hornpipe.ops.reduce.moments`; NotImplemented where that one is to be taken."""
    if isinstance(axes, int) or axes is None or keepdims or synchronized or not _suits(x):
        return NotImplemented
    if sorted(axis % x.ndim for axis in axes) != list(range(x.ndim - 1)):
        return NotImplemented
    return tuple(moments_p.bind(x.reshape((-1, x.shape[-1]))))


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """As `hornpipe.ops.norm.batch_normalization`; NotImplemented where that one is to be taken."""
    if not _suits(x) or axis % x.ndim != x.ndim - 1:
        return NotImplemented
    vectors = [getattr(vector, "value", vector) for vector in (mean, variance, offset, scale)]
    for vector in vectors:
        if vector is not None and not (
            isinstance(vector, jax.Array)
            and vector.shape == x.shape[-1:]
            and vector.dtype == np.float32
        ):
            return NotImplemented
    mean, variance, offset, scale = vectors
    factor = lax.rsqrt(variance + epsilon)
    factor = factor if scale is None else factor * scale
    offset = jnp.zeros_like(mean) if offset is None else offset
    return _normalize(x.reshape((-1, x.shape[-1])), mean, factor, offset).reshape(x.shape)


def _suits(x):
    return (
        isinstance(x, jax.Array)
        and x.dtype == np.float32
        and x.ndim >= 2
        and all(isinstance(size, int) for size in x.shape)
        and math.prod(x.shape) >= _LEAST
        and active()
    )


# ---- what JAX compiles


def _portable_moments(x):
    mean = x.mean(axis=0)
    return [mean, ((x - mean) ** 2).mean(axis=0)]


def _portable_products(x, mean, dy):
    return [dy.sum(axis=0), (dy * (x - mean)).sum(axis=0)]


def _portable_tangent(x, mean, factor, tx, tmean, tfactor, toffset):
    return [(tx - tmean) * factor + (x - mean) * tfactor + toffset]


# ---- the primitives


def _one_by_one(primitive, operands, axes):
    """Go over mapped operands one by one."""
    mapped = [index for index, axis in enumerate(axes) if axis is not None]
    moved = [jnp.moveaxis(operands[index], axes[index], 0) for index in mapped]

    def one(items):
        chosen = dict(zip(mapped, items, strict=True))
        return primitive.bind(*(chosen.get(index, value) for index, value in enumerate(operands)))

    results = lax.map(one, moved)
    return results, [0] * len(results)


def _vectors(x, *_):
    return [x.shape[1:]] * 2


moments_p = make("hornpipe_moments", _vectors, _portable_moments, handler="hornpipe_moments")
products_p = make("hornpipe_products", _vectors, _portable_products, handler="hornpipe_products")
tangent_p = make("hornpipe_normalize_tangent", lambda x, *_: [x.shape], _portable_tangent)
for _primitive in (moments_p, products_p, tangent_p):
    batching.primitive_batchers[_primitive] = functools.partial(_one_by_one, _primitive)


def _moments_jvp(primals, tangents):
    (x,), (tangent,) = primals, tangents
    mean, variance = moments_p.bind(x)
    return [mean, variance], [tangent.mean(axis=0), (2 * (x - mean) * tangent).mean(axis=0)]


def _plain_jvp(primitive, portable, primals, tangents):
    """Differentiate what is itself a derivative by way of what JAX compiles."""
    tangents = tuple(map(ad.instantiate_zeros, tangents))
    return primitive.bind(*primals), jax.jvp(portable, primals, tangents)[1]


def _tangent_transpose(gradients, x, mean, factor, *_):
    (gradient,) = gradients
    sums, with_x = products_p.bind(x, mean, gradient)
    return None, None, None, gradient * factor, -sums * factor, with_x, sums


ad.primitive_jvps[moments_p] = _moments_jvp
for _primitive, _portable in ((products_p, _portable_products), (tangent_p, _portable_tangent)):
    ad.primitive_jvps[_primitive] = functools.partial(_plain_jvp, _primitive, _portable)
ad.primitive_transposes[tangent_p] = _tangent_transpose


@jax.custom_jvp
def _normalize(x, mean, factor, offset):
    """Return (x - mean) * factor + offset, whose gradient by the vectors is summed in one pass."""
    return (x - mean) * factor + offset


@_normalize.defjvp
def _normalize_jvp(primals, tangents):
    x, mean, factor, _ = primals
    return _normalize(*primals), tangent_p.bind(x, mean, factor, *tangents)[0]
