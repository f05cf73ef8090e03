"""Moments of channels and batch normalisation in the compiled kernels: values, every derivative, every number of threads."""

from __future__ import annotations

import ctypes
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine import jax_kernels, jax_moments
from hornpipe.kernels import library

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

_run = library.load(jax_kernels.ABI)[0].hornpipe_run_moments
SIZES = [(1, 1), (2, 37), (1000, 16), (513, 21), (20000, 3), (3, 9000), (40000, 64)]


def draw(rows, channels, seed=0):
    rng = np.random.default_rng(seed)
    # Means far from zero, where a sum of squares minus the square of the sum would lose all digits.
    return (rng.standard_normal((rows, channels)) + 30 * (np.arange(channels) % 8)).astype(
        "float32"
    )


def run(threads, x, mean=None, dy=None):
    out = np.full((2, x.shape[1]), np.nan, "float32")
    sizes = np.array(x.shape, "int64")
    pointers = [None if a is None else a.ctypes.data_as(ctypes.c_void_p) for a in (sizes, x, mean, dy, out)]  # fmt: skip
    assert _run(*pointers, threads)
    return out


@pytest.mark.parametrize("size", SIZES)
def test_sums_against_float64_and_threads(size):
    x, dy = draw(*size), draw(*size, seed=1) / 100
    wide = x.astype("float64")
    mean, variance = run(1, x)
    np.testing.assert_allclose(mean, wide.mean(0), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(variance, wide.var(0), rtol=2e-5, atol=1e-6)
    sums = run(1, x, mean, dy)
    np.testing.assert_allclose(sums[0], dy.astype("float64").sum(0), rtol=1e-5, atol=1e-3)
    distances = (wide - mean) * dy
    scale = np.abs(distances).sum(0)
    assert (np.abs(sums[1] - distances.sum(0)) <= 2e-6 * scale + 1e-6).all()
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(run(threads, x), [mean, variance])
        np.testing.assert_array_equal(run(threads, x, mean, dy), sums)


X = jnp.asarray(np.random.default_rng(3).standard_normal((8, 9, 10, 37)), "float32")
GAMMA, BETA = jnp.linspace(0.5, 2, 37), jnp.linspace(-1, 1, 37)


def ours(x, gamma, beta):
    mean, variance = jax_moments.moments(x, (0, 1, 2))
    return jax_moments.batch_normalization(x, mean, variance, -1, beta, gamma)


def plain(x, gamma, beta):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) / jnp.sqrt(variance + 1e-3) * gamma + beta


def same(got, wanted, rtol=2e-5):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(jnp.abs(b).max()))


def total(function):
    return lambda *operands: jnp.sum(jnp.tanh(function(*operands)) ** 3)


def test_derivatives():
    operands, places = (X, GAMMA, BETA), (0, 1, 2)
    same(ours(*operands), plain(*operands))
    gradients = jax.grad(total(ours), places), jax.grad(total(plain), places)
    same(*(g(*operands) for g in gradients))
    same(jax.jit(gradients[0])(*operands), gradients[0](*operands), rtol=1e-5)
    tangents = jnp.cos(X), jnp.sin(GAMMA), jnp.cos(BETA)
    for pair in ((ours, plain), gradients):
        same(*(jax.jvp(f, operands, tangents) for f in pair), rtol=1e-4)

    def twice(gradient):
        return lambda *a: sum(jnp.vdot(g, t) for g, t in zip(gradient(*a), tangents, strict=True))

    same(*(jax.grad(twice(g), places)(*operands) for g in gradients), rtol=1e-4)
    # Statistics that are not differentiated, and a layer whose input is data.
    fixed = jax_moments.moments(X, (0, 1, 2))

    def frozen(gamma):
        out = jax_moments.batch_normalization(X, *fixed, -1, BETA, gamma)
        return (out * jnp.cos(X)).sum()

    centred = (X - fixed[0]) / jnp.sqrt(fixed[1] + 1e-3)
    same(jax.grad(frozen)(GAMMA), (centred * jnp.cos(X)).sum((0, 1, 2)), rtol=1e-4)


def test_mapped():
    several = jnp.stack([X, 2 * X, X**2], axis=1)
    mapped = jax.vmap(jax.grad(total(ours)), in_axes=(1, None, None))(several, GAMMA, BETA)
    for i in range(3):
        same(mapped[i], jax.grad(total(ours))(several[:, i], GAMMA, BETA), rtol=1e-6)


def test_nan_and_infinity_stay_in_their_channel():
    x = X.at[0, 0, 0, 3].set(jnp.nan).at[5, 1, 2, 4].set(jnp.inf)
    mean, variance = map(np.asarray, jax_moments.moments(x, (0, 1, 2)))
    assert np.isnan(mean[3]) and np.isnan(variance[3])
    assert not np.isfinite(mean[4]) and np.isnan(variance[4])
    assert np.isfinite(np.delete(mean, [3, 4])).all()


def test_the_layer_takes_them():
    model = keras.Sequential([keras.Input((9, 10, 37)), keras.layers.BatchNormalization()])
    model.compile("sgd", "mse")
    state = model.state

    def loss(trained, x):
        own = dataclasses.replace(state, trainable=trained)
        outputs, _ = model.apply(own, x, training=True)
        return keras.ops.sum(outputs**2)

    text = str(jax.make_jaxpr(jax.grad(loss))(state.trainable, X))
    assert "hornpipe_moments" in text and "hornpipe_products" in text


@pytest.mark.parametrize(
    "x, axes", [(X, (1, 2, 3)), (X, 0), (X[:1, :1, :1], (0, 1, 2)), (X.astype("float16"), (0, 1, 2))]
)  # fmt: skip
def test_what_is_left_to_the_composed_operation(x, axes):
    assert jax_moments.moments(x, axes) is NotImplemented
    vectors = [jnp.ones(x.shape[1])] * 2
    assert jax_moments.batch_normalization(x, *vectors, 1) is NotImplemented
