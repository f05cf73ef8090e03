"""Rows of tables in the compiled kernels: values, every derivative, every number of threads."""

from __future__ import annotations

import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine import jax_kernels, jax_rows
from hornpipe.kernels import library

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

_run = library.load(jax_kernels.ABI)[0].hornpipe_run_rows
SIZES = [(1, 1, 20), (7, 3, 0), (10, 16, 1000), (5, 33, 64), (3000, 32, 500), (4, 5000, 9)]


def draw(rows, width, count, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, rows, count).astype("int32")
    return rng.standard_normal((rows, width)).astype("float32"), numbers


@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradient(size):
    table, numbers = draw(*size)
    picked, back = jax.vjp(lambda table: jax_rows.take_rows(table, numbers), table)
    np.testing.assert_array_equal(picked, table[numbers])
    gradient = np.random.default_rng(1).standard_normal(picked.shape).astype("float32")
    expected = np.zeros(table.shape)
    np.add.at(expected, numbers, gradient.astype("float64"))
    # Sums of some hundred numbers, one after the other.
    np.testing.assert_allclose(back(gradient)[0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_threads_do_not_change_a_bit(size):
    table, numbers = draw(*size)
    updates = np.random.default_rng(2).standard_normal((size[2], size[1])).astype("float32")
    sizes = np.array(size, "int64")

    def run(which, source, shape, threads):
        out = np.full(shape, np.nan, "float32")
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (sizes, numbers, source, out)]
        assert _run(which, *pointers, threads)
        return out

    for which, source, shape in ((0, table, updates.shape), (1, updates, table.shape)):
        alone = run(which, source, shape, 1)
        for threads in (2, 3, 7):
            np.testing.assert_array_equal(run(which, source, shape, threads), alone)


def test_rules():
    table, numbers = map(jnp.asarray, draw(50, 6, 40))

    def total(table):
        return (jax_rows.take_rows(table, numbers) ** 3).sum()

    np.testing.assert_array_equal(jax.grad(total)(table), jax.jit(jax.grad(total))(table))
    forward = jax.jvp(jax.grad(total), (table,), (table,))[1]
    backward = jax.grad(lambda t: (jax.grad(total)(t) * table).sum())(table)
    np.testing.assert_allclose(forward, backward, rtol=1e-6)
    np.testing.assert_allclose(forward, 2 * jax.grad(total)(table), rtol=1e-6)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, 1)])
def test_mapped(axes):
    table, numbers = map(jnp.asarray, draw(50, 6, 40))
    tables, several = (
        jnp.stack([table, -table], axis=axes[0] or 0),
        jnp.stack([numbers, numbers[::-1]], axis=axes[1] or 0),
    )
    operands = (
        table if axes[0] is None else tables,
        numbers if axes[1] is None else several,
    )

    def both(table, numbers):
        picked, back = jax.vjp(lambda table: jax_rows.take_rows(table, numbers), table)
        return picked, back(jnp.sin(picked))[0]

    mapped = jax.vmap(both, in_axes=axes)(*operands)
    for i in (0, 1):
        own = [
            a if axis is None else jnp.moveaxis(a, axis, 0)[i]
            for a, axis in zip(operands, axes, strict=True)
        ]
        for actual, expected in zip(mapped, both(*own), strict=True):
            np.testing.assert_array_equal(actual[i], expected)


def test_numbers_out_of_range_are_clipped():
    table = np.arange(6, dtype="float32").reshape(3, 2)
    numbers = np.array([-5, 0, 2, 3, 2**31 - 1], "int32")
    np.testing.assert_array_equal(jax_rows.take_rows(table, numbers), table[np.clip(numbers, 0, 2)])
    assert jax_rows.take_rows(np.ones((3, 0), "float32"), numbers).shape == (5, 0)


def test_embedding_takes_them():
    layer = keras.layers.Embedding(10, 4)
    layer.build((None, 20))
    text = str(jax.make_jaxpr(lambda x: layer(x))(jnp.zeros((3, 20), "int32")))
    assert "hornpipe_gather_rows" in text


def test_nan_stays_in_its_row():
    updates = np.ones((20, 3), "float32")
    updates[4] = np.nan
    numbers = jnp.asarray(np.arange(20) % 10, "int32")
    out = np.asarray(jax_rows.add_up(numbers, jnp.asarray(updates), rows=10))
    assert np.isnan(out[4]).all() and np.isfinite(np.delete(out, 4, axis=0)).all()
