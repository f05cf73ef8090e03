"""Convolutions with a bias and ReLU in one pass: the same as the three operations, with every derivative."""

from __future__ import annotations

import ctypes
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine import jax_conv, jax_kernels
from hornpipe.kernels import library

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

_run = library.load(jax_kernels.ABI)[0].hornpipe_run
_random = np.random.default_rng(5)


def draw(*shape):
    return jnp.asarray(_random.standard_normal(shape), "float32")


X, KERNEL, BIAS = draw(3, 9, 8, 6), draw(3, 2, 6, 37), draw(37)
OPTIONS = {"strides": (2, 1), "padding": [(1, 0), (1, 2)], "dilation": (1, 2), "groups": 1}


def fused(x, kernel, bias, relu=True, **options):
    return jax_conv.conv_bias_general(x, kernel, bias, relu=relu, **(OPTIONS | options))


def apart(x, kernel, bias, relu=True, **options):
    out = jax_conv.conv_general(x, kernel, **(OPTIONS | options)) + bias
    return jnp.where(out <= 0, 0, out) if relu else out


def same(got, wanted, rtol=1e-6):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(jnp.abs(b).max()))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("filters, groups", [(1, 1), (16, 1), (37, 1), (70, 1), (32, 2)])
def test_values(filters, groups, relu):
    x, kernel, bias = draw(3, 9, 8, 16), draw(3, 2, 16 // groups, filters), draw(filters)
    got = fused(x, kernel, bias, relu, groups=groups)
    np.testing.assert_array_equal(got, apart(x, kernel, bias, relu, groups=groups))
    again = jax.jit(lambda *operands: fused(*operands, relu, groups=groups))(x, kernel, bias)
    np.testing.assert_array_equal(got, again)
    one = fused(x[:, 0], kernel[0], bias, relu, groups=groups, strides=(1,), padding=[(1, 1)], dilation=(2,))  # fmt: skip
    assert one.shape == (3, 8, filters)


@pytest.mark.parametrize("relu", [False, True])
def test_derivatives(relu):
    def total(function):
        return lambda *operands: jnp.sum(jnp.tanh(function(*operands, relu) / 8) ** 2)

    places = (0, 1, 2)
    ours, wanted = (jax.grad(total(f), places) for f in (fused, apart))
    same(ours(X, KERNEL, BIAS), wanted(X, KERNEL, BIAS))
    tangents = (jnp.cos(X), jnp.sin(KERNEL), jnp.cos(BIAS))
    for got, other in ((fused, apart), (ours, wanted)):
        same(
            *(jax.jvp(lambda *a, f=f: f(*a), (X, KERNEL, BIAS), tangents) for f in (got, other)),
            rtol=1e-5,
        )

    def twice(gradient):
        return lambda *operands: sum(
            jnp.vdot(g, t) for g, t in zip(gradient(*operands), tangents, strict=True)
        )

    same(*(jax.grad(twice(g), places)(X, KERNEL, BIAS) for g in (ours, wanted)), rtol=1e-5)
    # Only the kernel is trained, as in a network's first layer.
    same(*(jax.grad(total(f), 1)(X, KERNEL, BIAS) for f in (fused, apart)))


@pytest.mark.parametrize("channels", [1, 3, 16, 64, 70, 133])
def test_gradient_of_relu_with_that_of_the_bias(channels):
    y, dy = jnp.maximum(draw(9, 8, 7, channels), 0), draw(9, 8, 7, channels)
    y, dy = y.at[0, 0, 0].set(jnp.nan), dy.at[8, 7, 6].set(jnp.inf)
    masked, sums = jax_conv._relu_gradient_p.bind(y, dy)
    expected = np.where(np.asarray(y) <= 0, 0, dy)
    np.testing.assert_array_equal(masked, expected)
    total = expected.astype("float64").sum((0, 1, 2))
    np.testing.assert_array_equal(np.isinf(sums), np.isinf(total))
    finite = np.isfinite(total)
    np.testing.assert_allclose(np.asarray(sums)[finite], total[finite], rtol=1e-5, atol=1e-4)
    again = jax.jit(lambda y, dy: (jax_conv._relu_gradient_p.bind(y, dy), dy))(y, dy)
    for got, wanted in zip(again[0], (masked, sums), strict=True):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(again[1], dy)  # what is used elsewhere stays


def test_no_images():
    def total(*operands):
        return fused(*operands).sum()

    dx, dkernel, dbias = jax.grad(total, (0, 1, 2))(X[:0], KERNEL, BIAS)
    assert dx.shape == X[:0].shape and not np.any(dkernel) and not np.any(dbias)


@pytest.mark.parametrize(
    "axes", [axes for axes in itertools.product((0, None), (0, None), (0, None)) if any(a == 0 for a in axes)]
)  # fmt: skip
def test_mapped(axes):
    operands = [
        each if axis is None else jnp.stack([each, 2 * each])
        for each, axis in zip((X, KERNEL, BIAS), axes, strict=True)
    ]
    mapped = jax.vmap(fused, axes)(*operands)
    for i in (0, 1):
        own = [o if axis is None else o[i] for o, axis in zip(operands, axes, strict=True)]
        np.testing.assert_array_equal(mapped[i], fused(*own))


def test_nan_stays_and_padding_gets_the_bias():
    x = X.at[0, 0, 0, 0].set(jnp.nan)
    got, wanted = (f(x, KERNEL, BIAS) for f in (fused, apart))
    np.testing.assert_array_equal(got, wanted)
    assert np.isnan(np.asarray(got)).any()
    outside = fused(X, KERNEL, BIAS, False, padding=[(20, 0), (1, 2)])[:, 0]
    np.testing.assert_array_equal(outside, jnp.broadcast_to(BIAS, outside.shape))


def test_threads_do_not_change_a_bit():
    sizes = np.array([3, 9, 8, 6, 3, 2, 37, 4, 7, 2, 1, 1, 1, 1, 1, 1], "int64")
    second = np.concatenate([np.ravel(KERNEL), np.ravel(BIAS)])

    def run(threads):
        out = np.full((3, 4, 7, 37), np.nan, "float32")
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (sizes, np.asarray(X), second, out)]
        assert _run(3, *pointers, threads)
        return out

    for threads in (2, 3, 7):
        np.testing.assert_array_equal(run(threads), run(1))


@pytest.mark.parametrize("layer", ["Conv2D", "SeparableConv2D"])
def test_layers_take_it(layer):
    own = getattr(keras.layers, layer)(8, 3, activation="relu", bias_initializer="random_normal")
    x = np.ones((2, 6, 6, 3), "float32")
    own.build(x.shape)
    text = str(jax.make_jaxpr(lambda x: own(x))(x))
    assert "hornpipe_conv_bias" in text and "relu=True" in text
    plain = getattr(keras.layers, layer).from_config(own.get_config() | {"activation": "linear"})
    plain.build(x.shape)
    plain.set_weights(own.get_weights())
    np.testing.assert_array_equal(np.maximum(plain(x), 0), own(x))


@pytest.mark.parametrize("shape", [(1,), (5,), (4, 1), (0,), ()])
def test_a_bias_that_does_not_fit_is_refused(shape):
    x, kernel = np.ones((1, 5, 5, 2), "float32"), np.ones((3, 3, 2, 4), "float32")
    with pytest.raises(ValueError, match=r"conv: `bias` must have the shape \(4,\)"):
        keras.ops.conv(x, kernel, bias=np.ones(shape, "float32"), relu=True)


def test_what_is_left_to_the_composed_operation():
    depthwise = draw(3, 2, 1, 6)
    assert fused(X, depthwise, draw(6), groups=6) is NotImplemented
    assert fused(X, KERNEL, draw(1)) is NotImplemented
    assert fused(X.astype("float16"), KERNEL, BIAS) is NotImplemented
