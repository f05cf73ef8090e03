"""Rows of a table by number, on the JAX engine by the compiled kernels: XLA adds up an embedding's gradient one row after the other.

Two primitives, each linear in its table or rows and the other's transpose.

>>> import numpy as np
>>> from hornpipe.engine import jax_rows
>>> not jax_rows.active() or jax_rows.take_rows(np.ones((3, 2), "float32"), np.zeros(4, "int32")).shape == (4, 2)
True
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from hornpipe.engine.jax_kernels import active as active


def take_rows(table, indices):
    """Return `table[indices]`, float32 (*indices.shape, width); indices out of range are clipped."""
    table, indices = jnp.asarray(table), jnp.asarray(indices)
    if 0 in table.shape:
        return jnp.take(table, indices, axis=0, mode="clip")
    numbers = jnp.clip(indices, 0, table.shape[0] - 1).astype("int32").reshape(-1)
    return gather_p.bind(table, numbers).reshape((*indices.shape, table.shape[1]))


def _portable_gather(table, numbers):
    return jnp.take(table, numbers, axis=0, mode="clip")


def _portable_add(numbers, updates, *, rows):
    return jnp.zeros((rows, updates.shape[1]), updates.dtype).at[numbers].add(updates)


def _make(name, shape, portable):
    primitive = Primitive(name)

    def abstract(*operands, **options):
        return jax.core.ShapedArray(shape(*operands, **options), "float32")

    def lower(context, *operands, **options):
        if getattr(context.module_context.axis_context, "num_devices", 1) > 1:
            # XLA divides its own operations among devices by itself.
            run = mlir.lower_fun(portable, multiple_results=False)
            return run(context, *operands, **options)
        return jax.ffi.ffi_lowering(name)(context, *operands)

    primitive.def_abstract_eval(abstract)
    primitive.def_impl(jax.jit(primitive.bind, static_argnames="rows"))
    mlir.register_lowering(primitive, mlir.lower_fun(portable, multiple_results=False))
    mlir.register_lowering(primitive, lower, platform="cpu")
    return primitive


gather_p = _make(
    "hornpipe_gather_rows",
    lambda table, numbers: (numbers.shape[0], table.shape[1]),
    _portable_gather,
)
add_p = _make(
    "hornpipe_add_rows", lambda numbers, updates, *, rows: (rows, updates.shape[1]), _portable_add
)


def _moved(operand, axis, count):
    if axis is None:
        return jnp.broadcast_to(operand, (count, *operand.shape))
    return jnp.moveaxis(operand, axis, 0)


def _stacked(numbers, count, rows):
    """Return the numbers of `count` mapped tables as numbers of one table of all their rows."""
    return (numbers + jnp.arange(count, dtype="int32")[:, None] * rows).reshape(-1)


def _batch_gather(operands, axes):
    table, numbers = operands
    count = table.shape[axes[0]] if axes[0] is not None else numbers.shape[axes[1]]
    numbers = _moved(numbers, axes[1], count)
    if axes[0] is None:
        picked = gather_p.bind(table, numbers.reshape(-1))
    else:
        tables = jnp.moveaxis(table, axes[0], 0)
        picked = gather_p.bind(
            tables.reshape((-1, tables.shape[2])), _stacked(numbers, count, tables.shape[1])
        )
    return picked.reshape((count, -1, picked.shape[1])), 0


def _batch_add(operands, axes, *, rows):
    numbers, updates = operands
    count = numbers.shape[axes[0]] if axes[0] is not None else updates.shape[axes[1]]
    numbers, updates = _moved(numbers, axes[0], count), _moved(updates, axes[1], count)
    tables = add_p.bind(
        _stacked(numbers, count, rows),
        updates.reshape((-1, updates.shape[2])),
        rows=count * rows,
    )
    return tables.reshape((count, rows, -1)), 0


batching.primitive_batchers[gather_p] = _batch_gather
batching.primitive_batchers[add_p] = _batch_add

ad.defjvp(gather_p, lambda tangent, _, numbers: gather_p.bind(tangent, numbers), None)
ad.defjvp(add_p, None, lambda tangent, numbers, _, *, rows: add_p.bind(numbers, tangent, rows=rows))
ad.primitive_transposes[gather_p] = lambda gradient, table, numbers: (
    add_p.bind(numbers, gradient, rows=table.aval.shape[0]),
    None,
)
ad.primitive_transposes[add_p] = lambda gradient, numbers, _, *, rows: (
    None,
    gather_p.bind(gradient, numbers),
)
