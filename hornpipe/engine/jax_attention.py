"""Attention of the JAX engine by the compiled kernels, as primitives with every rule; without them, the composed operation.

Three primitives: attention with the greatest score and the sum of exponentials of each row, its tangent, which is linear, and its
gradients. Reverse mode runs the compiled gradients: they are the tangent's transpose. Forward mode and higher orders go through what
JAX compiles.

>>> import numpy as np
>>> from hornpipe.engine import jax_attention
>>> jax_attention.attention_general(*[np.ones((1, 2, 1, 4))] * 3)
NotImplemented
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.custom_partitioning import custom_partitioning
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.sharding import NamedSharding, PartitionSpec

from hornpipe.engine.jax_conv import _is_sharded, _needs_devices
from hornpipe.engine.jax_kernels import active, exported

_MASKED = -1e30  # the score of what is hidden, as in the composed operation


def attention_general(
    query, key, value, bias=None, mask=None, scale=1.0, soft_cap=None, is_causal=False
):
    """As `hornpipe.ops.norm.attention_general`; NotImplemented where that one is to be taken."""
    if bias is not None or soft_cap is not None or not isinstance(scale, (int, float)):
        return NotImplemented
    if not _suits(query, key, value):
        return NotImplemented
    masks = []
    if mask is not None:
        if not isinstance(mask, jax.Array) or mask.dtype != bool or mask.ndim > 4:
            return NotImplemented
        mask = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
        full = (query.shape[0], query.shape[2], query.shape[1], key.shape[1])
        if any(size not in (1, whole) for size, whole in zip(mask.shape, full, strict=True)):
            return NotImplemented
        masks = [mask]
    options = {"causal": bool(is_causal), "scale": float(scale)}
    return attention_p.bind(query, key, value, *masks, **options)[0]


def _suits(query, key, value):
    arrays = query, key, value
    if any(x.ndim != 4 or x.dtype != np.float32 for x in arrays):
        return False
    sizes = [size for x in arrays for size in x.shape]
    return (
        all(isinstance(size, int) and size > 0 for size in sizes)
        and query.shape[0] == key.shape[0]
        and key.shape[:3] == value.shape[:3]
        and query.shape[3] == key.shape[3]
        and query.shape[2] % key.shape[2] == 0
        and active()
    )


# ---- what JAX compiles, for other platforms, forward mode and higher orders


def _scores(q, k, *mask, causal, scale):
    """Return the scores `(batch, heads, targets, sources)`, and what each target sees, or None for all."""
    k = jnp.repeat(k, q.shape[2] // k.shape[2], axis=2)
    scores = jnp.einsum("bthd,bshd->bhts", q, k) * scale
    seen = jnp.tri(*scores.shape[2:], dtype=bool)[None, None] if causal else None
    if mask:
        seen = mask[0] if seen is None else mask[0] & seen
    if seen is not None:
        scores = jnp.where(seen, scores, _MASKED)
    return scores, seen


def _composed(q, k, v, *mask, **options):
    scores, _ = _scores(q, k, *mask, **options)
    v = jnp.repeat(v, q.shape[2] // v.shape[2], axis=2)
    return jnp.einsum("bhts,bshe->bthe", jax.nn.softmax(scores), v)


def _portable(q, k, v, *mask, **options):
    scores, seen = _scores(q, k, *mask, **options)
    greatest = scores.max(-1)
    sums = jnp.exp(scores - greatest[..., None]).sum(-1)
    greatest = greatest / (abs(options["scale"]) or 1)  # as they were before they were scaled
    if seen is not None:
        visible = seen.any(-1)
        greatest, sums = jnp.where(visible, greatest, jnp.inf), jnp.where(visible, sums, 1)
    return [_composed(q, k, v, *mask, **options), jnp.stack([greatest, sums], -1)]


def _portable_tangent(q, k, v, out, sums, tq, tk, tv, *mask, **options):
    run = functools.partial(_last, mask, options)
    return [jax.jvp(run, (q, k, v), (tq, tk, tv))[1]]


def _portable_gradients(q, k, v, out, sums, dout, *mask, **options):
    return jax.vjp(functools.partial(_last, mask, options), q, k, v)[1](dout)


def _last(mask, options, q, k, v):
    return _composed(q, k, v, *mask, **options)


# ---- shapes


def _shapes(q, k, v, *mask, **_):
    batch, targets, heads, _ = q.shape
    return (batch, targets, heads, v.shape[3]), (batch, heads, targets, 2)


def _tangent_shapes(q, k, v, out, *rest, **_):
    return (out.shape,)


def _gradient_shapes(q, k, v, *rest, **_):
    return q.shape, k.shape, v.shape


# ---- several devices: each computes its part of the batch


def _partitioned(name, shapes, arrays, **options):
    """Return a primitive's function such that a program for several devices divides the batch and gathers nothing."""

    def run(*operands):
        outs = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes(*operands)]
        return jax.ffi.ffi_call(name, outs)(*operands, **_attributes(**options))

    divided = custom_partitioning(run)
    batch = arrays[0].shape[0]
    outs = shapes(*arrays)
    follows = [x.shape[0] == batch and batch > 1 for x in arrays]

    def partition(mesh, arguments, result):
        axes = arguments[0].sharding.spec[0]
        rows, whole = (NamedSharding(mesh, PartitionSpec(each)) for each in (axes, None))
        into = tuple(rows if each else whole for each in follows)
        return mesh, run, [rows] * len(outs), into

    # Every axis is a factor of its own but the first, which is the batch.
    names = (f"x{number}" for number in range(1000))
    terms = []
    for rank, along in zip(
        [*(x.ndim for x in arrays), *map(len, outs)],
        [*follows, *(True for _ in outs)],
        strict=True,
    ):
        axes = [next(names) for _ in range(rank - 1)]
        terms.append(" ".join(["n" if along else next(names), *axes]))
    rule = f"{', '.join(terms[: len(arrays)])} -> {', '.join(terms[len(arrays) :])}"
    alone = tuple(part for part in rule.replace(",", " ").split() if part.startswith("x"))
    divided.def_partition(partition, sharding_rule=rule, need_replication_factors=alone)
    return divided


# ---- the primitives


def _attributes(*, causal, scale):
    return {"causal": np.int64(causal), "scale": np.float64(scale)}


def _make(name, shapes, portable, *, handler=True):
    primitive = Primitive(name)
    primitive.multiple_results = True

    def abstract(*operands, **options):
        return [jax.core.ShapedArray(shape, np.float32) for shape in shapes(*operands)]

    def lower(context, *operands, **options):
        arrays = context.avals_in
        if exported(context) or any(0 in x.shape for x in arrays):
            return everywhere(context, *operands, **options)
        if _is_sharded(context.module_context.axis_context):
            run = _partitioned(name, shapes, arrays, **options)
            return mlir.lower_fun(run, multiple_results=True)(context, *operands)
        return jax.ffi.ffi_lowering(name)(context, *operands, **_attributes(**options))

    everywhere = mlir.lower_fun(portable, multiple_results=True)
    primitive.def_abstract_eval(abstract)
    primitive.def_impl(jax.jit(primitive.bind, static_argnames=("causal", "scale")))
    mlir.register_lowering(primitive, everywhere)
    if handler:
        mlir.register_lowering(primitive, lower, platform="cpu")
    batching.primitive_batchers[primitive] = functools.partial(_batch, primitive)
    if handler and _needs_devices is not None:
        _needs_devices.add(primitive)
    return primitive


def _batch(primitive, operands, axes, **options):
    """Fold what is mapped into the batch, which all operands have; a mask may have 1 there."""
    count = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    moved = [
        x[None] if axis is None else jnp.moveaxis(x, axis, 0)
        for x, axis in zip(operands, axes, strict=True)
    ]
    batch = moved[0].shape[1]

    def fold(number, x):
        if number >= _ARRAYS[primitive] and x.shape[:2] == (1, 1):
            return x[0]
        whole = jnp.broadcast_to(x, (count, batch, *x.shape[2:]))
        return whole.reshape((count * batch, *x.shape[2:]))

    outs = primitive.bind(*(fold(number, x) for number, x in enumerate(moved)), **options)
    return [x.reshape((count, batch, *x.shape[1:])) for x in outs], [0] * len(outs)


attention_p: Primitive
tangent_p: Primitive
gradients_p: Primitive

attention_p = _make("hornpipe_attention", _shapes, _portable)
tangent_p = _make("hornpipe_attention_tangent", _tangent_shapes, _portable_tangent, handler=False)
gradients_p = _make("hornpipe_attention_gradients", _gradient_shapes, _portable_gradients)
_ARRAYS = {attention_p: 3, tangent_p: 8, gradients_p: 6}  # operands before the mask


def _all(tangents):
    return [ad.instantiate_zeros(tangent) for tangent in tangents]


def _attention_jvp(primals, tangents, **options):
    q, k, v, *mask = primals
    out, sums = attention_p.bind(*primals, **options)
    (tangent,) = tangent_p.bind(q, k, v, out, sums, *_all(tangents[:3]), *mask, **options)
    # Only these primitives read the sums, and none of them differentiates by them.
    return [out, sums], [tangent, ad.Zero(jax.typeof(sums).to_tangent_aval())]


def _tangent_jvp(primals, tangents, **options):
    q, k, v, out, sums, tq, tk, tv, *mask = primals

    def run(q, k, v, tq, tk, tv):
        return _portable_tangent(q, k, v, None, None, tq, tk, tv, *mask, **options)

    chosen = _all([*tangents[:3], *tangents[5:8]])
    return tangent_p.bind(*primals, **options), jax.jvp(run, (q, k, v, tq, tk, tv), tuple(chosen))[
        1
    ]


def _tangent_transpose(cts, q, k, v, out, sums, tq, tk, tv, *mask, **options):
    nothing = [None] * (8 + len(mask))
    if type(cts[0]) is ad.Zero:
        return nothing
    gradients = gradients_p.bind(q, k, v, out, sums, cts[0], *mask, **options)
    for place, operand, gradient in zip((5, 6, 7), (tq, tk, tv), gradients, strict=True):
        if ad.is_undefined_primal(operand):
            nothing[place] = gradient
    return nothing


def _gradients_jvp(primals, tangents, **options):
    q, k, v, _, _, dout, *mask = primals

    def run(q, k, v, dout):
        return _portable_gradients(q, k, v, None, None, dout, *mask, **options)

    # The output and the sums are functions of the first three, and are differentiated as such.
    chosen = _all([*tangents[:3], tangents[5]])
    return gradients_p.bind(*primals, **options), jax.jvp(run, (q, k, v, dout), tuple(chosen))[1]


ad.primitive_jvps[attention_p] = _attention_jvp
ad.primitive_jvps[tangent_p] = _tangent_jvp
ad.primitive_jvps[gradients_p] = _gradients_jvp
ad.primitive_transposes[tangent_p] = _tangent_transpose
