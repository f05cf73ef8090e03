"""Rows of a table by number, on the JAX engine by the compiled kernels: XLA adds up an embedding's gradient one row after the other.

Two primitives, each linear in its table or rows and the other's transpose.

>>> import numpy as np
>>> from hornpipe.engine import jax_rows
>>> not jax_rows.active() or jax_rows.take_rows(np.ones((3, 2), "float32"), np.zeros(4, "int32")).shape == (4, 2)
True
"""

from __future__ import annotations

import jax.numpy as jnp
from jax.interpreters import ad, batching

from hornpipe.engine.jax_kernels import active as active
from hornpipe.engine.jax_kernels import make


def take_rows(table, indices):
    """Return `table[indices]`, float32 (*indices.shape, width); indices out of range are clipped."""
    table, indices = jnp.asarray(table), jnp.asarray(indices)
    if 0 in table.shape:
        return jnp.take(table, indices, axis=0, mode="clip")
    numbers = jnp.clip(indices, 0, table.shape[0] - 1).astype("int32").reshape(-1)
    return gather(table, numbers).reshape((*indices.shape, table.shape[1]))


def _portable_gather(table, numbers):
    return [jnp.take(table, numbers, axis=0, mode="clip")]


def _portable_add(numbers, updates, *, rows):
    return [jnp.zeros((rows, updates.shape[1]), updates.dtype).at[numbers].add(updates)]


def _gathered(table, numbers):
    return [(numbers.shape[0], table.shape[1])]


def _added(numbers, updates, *, rows):
    return [(rows, updates.shape[1])]


gather_p = make("hornpipe_gather_rows", _gathered, _portable_gather, handler="hornpipe_gather_rows")
add_p = make(
    "hornpipe_add_rows",
    _added,
    _portable_add,
    handler="hornpipe_add_rows",
    attributes=lambda rows: {},
    static=("rows",),
)


def gather(table, numbers):
    return gather_p.bind(table, numbers)[0]


def add_up(numbers, updates, *, rows):
    return add_p.bind(numbers, updates, rows=rows)[0]


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
        picked = gather(table, numbers.reshape(-1))
    else:
        tables = jnp.moveaxis(table, axes[0], 0)
        picked = gather(
            tables.reshape((-1, tables.shape[2])), _stacked(numbers, count, tables.shape[1])
        )
    return [picked.reshape((count, -1, picked.shape[1]))], [0]


def _batch_add(operands, axes, *, rows):
    numbers, updates = operands
    count = numbers.shape[axes[0]] if axes[0] is not None else updates.shape[axes[1]]
    numbers, updates = _moved(numbers, axes[0], count), _moved(updates, axes[1], count)
    tables = add_up(
        _stacked(numbers, count, rows),
        updates.reshape((-1, updates.shape[2])),
        rows=count * rows,
    )
    return [tables.reshape((count, rows, -1))], [0]


batching.primitive_batchers[gather_p] = _batch_gather
batching.primitive_batchers[add_p] = _batch_add


def _gather_jvp(primals, tangents):
    tangent = ad.instantiate_zeros(tangents[0])
    return gather_p.bind(*primals), gather_p.bind(tangent, primals[1])


def _add_jvp(primals, tangents, *, rows):
    tangent = ad.instantiate_zeros(tangents[1])
    return add_p.bind(*primals, rows=rows), add_p.bind(primals[0], tangent, rows=rows)


ad.primitive_jvps[gather_p] = _gather_jvp
ad.primitive_jvps[add_p] = _add_jvp
ad.primitive_transposes[gather_p] = lambda gradients, table, numbers: (
    add_up(numbers, gradients[0], rows=table.aval.shape[0]),
    None,
)
ad.primitive_transposes[add_p] = lambda gradients, numbers, _, *, rows: (
    None,
    gather(gradients[0], numbers),
)
