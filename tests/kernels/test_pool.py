"""Pooling in the compiled kernels: sampled windows against NumPy in float64, every derivative, every number of threads."""

from __future__ import annotations

import ctypes
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hornpipe.engine import jax_kernels, jax_pool, select
from hornpipe.kernels import library
from hornpipe.ops import pool as composed

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

_run = library.load(jax_kernels.ABI)[0].hornpipe_run_pool


class Case(NamedTuple):
    batch: int
    size: tuple
    channels: int
    window: tuple
    strides: tuple
    padding: tuple

    @property
    def options(self):
        return self.window, self.strides, self.padding

    @property
    def outs(self):
        return tuple(
            (size + sum(pair) - length) // stride + 1
            for size, pair, length, stride in zip(
                self.size, self.padding, self.window, self.strides, strict=True
            )
        )


def sample(rng):
    """Return a case in which every window holds an element of the image."""
    while True:
        pick = rng.integers
        window = tuple(pick(1, 5, 2).tolist())
        padding = tuple((int(pick(0, w)), int(pick(0, w))) for w in window)
        strides = tuple(pick(1, 4, 2).tolist())
        channels = int(rng.choice([1, 3, 4, 7, 16, 21, 32, 67]))
        case = Case(
            int(pick(0, 20)), tuple(pick(1, 12, 2).tolist()), channels, window, strides, padding
        )
        if jax_pool._windows_meet_the_image(case.size, *case.options):
            return case


def images(case, rng, ties=True):
    x = rng.standard_normal((case.batch, *case.size, case.channels)).astype("float32")
    return np.round(x) if ties else x


def windows(case):
    """Yield each output place with the slices of the image that it covers."""
    for place in itertools.product(*map(range, case.outs)):
        cut = []
        for i in (0, 1):
            first = place[i] * case.strides[i] - case.padding[i][0]
            cut.append(slice(max(0, first), min(case.size[i], first + case.window[i])))
        yield place, tuple(cut)


def reference(case, x, values, dy):
    """Return the largest, the picked values, the spread gradient, the mean and its gradient, in float64."""
    x, values, dy = (array.astype("float64") for array in (x, values, dy))
    shape = (case.batch, *case.outs, case.channels)
    best, picked, mean = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    spread, mean_dx = np.zeros(x.shape), np.zeros(x.shape)
    n, c = np.ogrid[: case.batch, : case.channels]
    for (oy, ox), (rows, columns) in windows(case):
        part = x[:, rows, columns].reshape(case.batch, -1, case.channels)
        first = part.argmax(axis=1) if part.size else np.zeros((case.batch, case.channels), int)
        wide = columns.stop - columns.start
        at = (n, rows.start + first // wide, columns.start + first % wide, c)
        best[:, oy, ox], picked[:, oy, ox] = x[at], values[at]
        np.add.at(spread, at, dy[:, oy, ox])
        mean[:, oy, ox] = part.mean(axis=1)
        mean_dx[:, rows, columns] += dy[:, oy, ox][:, None, None] / part.shape[1]
    return best, picked, spread, mean, mean_dx


def close(actual, expected):
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("seed", range(60))
def test_against_float64(seed):
    rng = np.random.default_rng(seed)
    case = sample(rng)
    x, values = images(case, rng), images(case, rng, ties=False)
    dy = rng.standard_normal((case.batch, *case.outs, case.channels)).astype("float32")
    best, picked, spread, mean, mean_dx = reference(case, x, values, dy)

    def largest(x):
        return jax_pool.max_pool_general(x, *case.options)

    def average(x):
        return jax_pool.average_pool_general(x, *case.options)

    y, tangent = jax.jvp(largest, (x,), (values,))
    np.testing.assert_array_equal(y, best.astype("float32"))
    np.testing.assert_array_equal(tangent, picked.astype("float32"))
    close(jax.vjp(largest, x)[1](dy)[0], spread)
    close(average(values), reference(case, values, values, dy)[3])
    close(jax.vjp(average, x)[1](dy)[0], mean_dx)


@pytest.mark.parametrize("seed", range(20))
def test_threads_do_not_change_a_bit(seed):
    rng = np.random.default_rng(100 + seed)
    case = sample(rng)
    x, dy = images(case, rng), rng.standard_normal((case.batch, *case.outs, case.channels))
    dy = dy.astype("float32")
    first_paddings = [pair[0] for pair in case.padding]
    sizes = (case.batch, *case.size, case.channels, *case.outs, *case.window, *case.strides)
    sizes = np.array([*sizes, *first_paddings], "int64")

    def run(which, threads):
        operands = {0: (x, x), 1: (x, -x), 2: (x, dy), 3: (x, x), 4: (dy, dy)}[which]
        out = np.full_like(x if which in (2, 4) else dy, np.nan)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (sizes, *operands, out)]
        assert _run(which, *pointers, threads)
        return out

    for which in range(5):
        alone = run(which, 1)
        for threads in (2, 3, 7):
            np.testing.assert_array_equal(run(which, threads), alone)


CASE = Case(2, (5, 6), 19, (3, 2), (2, 1), ((1, 1), (0, 1)))


def test_the_composed_operations_agree():
    x = images(CASE, np.random.default_rng(0))
    with select.use(select.load("jax")):
        for name in ("max_pool_general", "average_pool_general"):
            own = getattr(jax_pool, name)
            other = getattr(composed, name).__wrapped__

            def both(function, x):
                y, back = jax.vjp(lambda x: function(x, *CASE.options), x)
                return y, back(jnp.cos(y))[0]

            for actual, expected in zip(both(own, x), both(other, jnp.asarray(x)), strict=True):
                close(actual, expected)


@pytest.mark.parametrize("window, size", [((2, 2), (6, 8)), ((2, 3), (7, 10)), ((1, 4), (3, 9))])
def test_windows_beside_each_other_without_the_kernels(window, size, monkeypatch):
    monkeypatch.setattr(jax_pool, "active", lambda: False)
    monkeypatch.setattr(jax_kernels, "active", lambda: False)
    rng = np.random.default_rng(0)
    outs = tuple(n // length for n, length in zip(size, window, strict=True))
    case = Case(3, size, 5, window, window, ((0, 0), (0, 0)))
    x, values = images(case, rng), images(case, rng, ties=False)
    dy = rng.standard_normal((3, *outs, 5)).astype("float32")
    x[0, 0, 1, 0] = x[0, 0, 0, 1] = np.nan
    best, picked, spread, *_ = reference(case, x, values, dy)

    @jax.jit
    def largest(x):  # a function of its own: what was compiled with the kernels would be taken
        return jax_pool.max_pool_general(x, *case.options)

    y, tangent = jax.jvp(largest, (x,), (values,))
    np.testing.assert_array_equal(y, best.astype("float32"))
    np.testing.assert_array_equal(tangent, picked.astype("float32"))
    np.testing.assert_array_equal(jax.jit(jax.vjp(largest, x)[1])(dy)[0], spread.astype("float32"))


def test_nan_and_infinity_travel():
    x = np.zeros((1, 4, 4, 17), "float32")
    x[0, 0, 0], x[0, 0, 3], x[0, 3, 0], x[0, 2:, 2:] = np.nan, np.inf, -np.inf, -np.inf
    options = (2, 2), (2, 2), ((0, 0), (0, 0))
    y = np.asarray(jax_pool.max_pool_general(x, *options))
    assert np.isnan(y[0, 0, 0]).all() and (y[0, 0, 1] == np.inf).all()
    assert (y[0, 1, 0] == 0).all() and (y[0, 1, 1] == -np.inf).all()
    dx = np.asarray(jax.grad(lambda x: jax_pool.max_pool_general(x, *options).sum())(x))
    expected = np.zeros((4, 4))
    expected[[0, 0, 2, 2], [0, 3, 0, 2]] = 1
    np.testing.assert_array_equal(dx[0, :, :, 0], expected)
    mean = np.asarray(jax_pool.average_pool_general(x, *options))
    assert np.isnan(mean[0, 0, 0]).all() and (mean[0, 0, 1] == np.inf).all()


@pytest.mark.parametrize("function", [jax_pool.max_pool_general, jax_pool.average_pool_general])
def test_rules(function):
    rng = np.random.default_rng(1)
    x = jnp.asarray(images(CASE, rng, ties=False))

    def total(x):
        return (function(x, *CASE.options) ** 3).sum()

    eager, compiled = jax.grad(total)(x), jax.jit(jax.grad(total))(x)
    np.testing.assert_array_equal(eager, compiled)
    # Second order, forward over reverse, against reverse over reverse.
    v = jnp.asarray(images(CASE, rng, ties=False))
    forward = jax.jvp(jax.grad(total), (x,), (v,))[1]
    backward = jax.grad(lambda x: (jax.grad(total)(x) * v).sum())(x)
    np.testing.assert_allclose(forward, backward, rtol=1e-5, atol=1e-5)
    # Mapped over a new axis, also in the gradient.
    stacked = jnp.stack([x, -x, 2 * x], axis=1)
    mapped = jax.vmap(jax.grad(total), in_axes=1)(stacked)
    for index in range(3):
        np.testing.assert_array_equal(mapped[index], jax.grad(total)(stacked[:, index]))
    inside = jax.lax.fori_loop(0, 3, lambda _, x: x - 0.01 * jax.grad(total)(x), x)
    outside = x
    step = jax.jit(lambda x: x - 0.01 * jax.grad(total)(x))
    for _ in range(3):
        outside = step(outside)
    np.testing.assert_array_equal(inside, outside)


def test_one_dimension():
    x = np.arange(12, dtype="float32").reshape(1, 6, 2)
    y = jax_pool.max_pool_general(x, (2,), (2,), [(0, 0)])
    np.testing.assert_array_equal(y[0], [[2, 3], [6, 7], [10, 11]])
    y = jax_pool.average_pool_general(x, (3,), (3,), [(1, 0)])
    np.testing.assert_array_equal(y[0], [[1, 2], [6, 7]])


@pytest.mark.parametrize(
    "x, options",
    [
        (np.ones((1, 4, 4, 2), "float16"), ((2, 2), (2, 2), ((0, 0), (0, 0)))),
        (np.ones((1, 4, 4, 4, 2), "float32"), ((2,) * 3, (2,) * 3, ((0, 0),) * 3)),
        (np.ones((1, 0, 4, 2), "float32"), ((2, 2), (2, 2), ((1, 1), (0, 0)))),
        (np.ones((1, 1, 4, 2), "float32"), ((2, 2), (2, 2), ((0, 3), (0, 0)))),
    ],
)
def test_what_is_left_to_the_composed_operations(x, options):
    assert jax_pool.max_pool_general(x, *options) is NotImplemented
    assert jax_pool.average_pool_general(x, *options) is NotImplemented


def test_sizes_are_checked_before_memory_is_touched():
    x = jnp.ones((1, 4, 4, 2))
    result = jax.ShapeDtypeStruct((1, 9, 9, 2), x.dtype)
    for numbers in ([2, 2, 2, 2, 0, 0], [2, 2, 2, 2], [0, 2, 2, 2, 0, 0]):
        with pytest.raises(Exception, match="hornpipe pool"):
            call = jax.ffi.ffi_call("hornpipe_max_pool", result)
            jax.block_until_ready(call(x, numbers=np.array(numbers, np.int64)))
