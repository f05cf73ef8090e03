"""Both gradients of a depthwise convolution in one pass: the bits of the two passes, and every rule of the primitives behind it."""

from __future__ import annotations

import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hornpipe.engine import jax_conv, jax_kernels
from hornpipe.kernels import library
from tests.kernels.reference import Case, error, same

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

_run = library.load(jax_kernels.ABI)[0].hornpipe_run
NAME = "hornpipe_conv_gradients"


def native(which, case, first, second, length, threads):
    numbers = [case.batch, *case.sizes, case.x.shape[-1], *case.window, case.kernel.shape[-1]]
    numbers += [*case.out, *case.strides, *(pair[0] for pair in case.padding), *case.dilation]
    sizes = np.array([*numbers, case.groups], np.int64)
    guarded = np.full(length + 128, 7.0, np.float32)
    inputs = [np.ascontiguousarray(value, np.float32) for value in (first, second)]
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (sizes, *inputs, guarded[64:-64])]
    assert _run(ctypes.c_int(which), *pointers, ctypes.c_int(threads)) == 1
    assert (guarded[:64] == 7).all() and (guarded[-64:] == 7).all()
    return guarded[64:-64]


def check_case(case, threads):
    both = np.concatenate([case.dy.ravel(), case.kernel.ravel()])
    got = native(4, case, case.x, both, case.x.size + case.kernel.size, threads)
    dx = native(1, case, case.dy, case.kernel, case.x.size, 1)
    dkernel = native(2, case, case.x, case.dy, case.kernel.size, 1)
    np.testing.assert_array_equal(got, np.concatenate([dx, dkernel]))
    _, *wanted = case.results()
    parts = np.split(got, [case.x.size])
    for part, value in zip(parts, wanted, strict=True):
        assert error(part.reshape(value.shape), value) <= 2e-6


@pytest.mark.parametrize("kind", [{"depthwise": 1, "square": 1}, {"depthwise": 1}, {}, {"thin": 1}])
def test_the_bits_of_two_passes(kind):
    for seed in range(40 if "square" in kind else 8):
        random = np.random.default_rng(seed)
        check_case(Case(random, **kind), int(random.integers(1, 6)))


@pytest.mark.slow
def test_many_samples():
    for seed in range(2000, 2200):
        random = np.random.default_rng(seed)
        check_case(Case(random, depthwise=True, square=True), int(random.integers(1, 6)))


# ---- through JAX

_random = np.random.default_rng(3)
X = jnp.asarray(_random.standard_normal((3, 9, 7, 21)), "float32")
KERNEL = jnp.asarray(_random.standard_normal((3, 3, 1, 21)), "float32")
PADDING = [(1, 2), (0, 1)]


def ours(x, kernel, stride=1):
    return jax_conv.conv_general(x, kernel, (stride,) * 2, PADDING, (1, 1), 21)


def xla(x, kernel, stride=1):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride,) * 2,
        PADDING,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=21,
        precision="highest",
    )


def loss(f):
    return lambda x, kernel: jnp.sum(jnp.tanh(f(x, kernel) / 8) ** 2)


def lowered(function, *arguments):
    return jax.jit(function).lower(*arguments).as_text()


def test_gradients_take_one_pass():
    text = lowered(jax.grad(loss(ours), (0, 1)), X, KERNEL)
    assert text.count(f"@{NAME}") == 1 and "hornpipe_conv_d" not in text
    same(jax.grad(loss(ours), (0, 1))(X, KERNEL), jax.grad(loss(xla), (0, 1))(X, KERNEL))


@pytest.mark.parametrize("argument, name", [(0, "hornpipe_conv_dx"), (1, "hornpipe_conv_dw")])
def test_one_gradient_alone(argument, name):
    run = jax.grad(loss(ours), argument)
    text = lowered(run, X, KERNEL)
    assert f"@{name}" in text and NAME not in text
    same(run(X, KERNEL), jax.grad(loss(xla), argument)(X, KERNEL))
    both = jax.jit(jax.grad(loss(ours), (0, 1)))(X, KERNEL)[argument]
    np.testing.assert_array_equal(jax.jit(run)(X, KERNEL), both)


def test_strides_take_two_passes():
    def strided(f):
        return jax.grad(loss(lambda x, kernel: f(x, kernel, 2)), (0, 1))

    assert NAME not in lowered(strided(ours), X, KERNEL)
    same(strided(ours)(X, KERNEL), strided(xla)(X, KERNEL))


def test_forward_mode():
    tangents = (jnp.cos(X), jnp.sin(KERNEL))
    same(jax.jvp(ours, (X, KERNEL), tangents), jax.jvp(xla, (X, KERNEL), tangents))


@pytest.mark.parametrize("unknown", [0, 1])
def test_the_transpose_of_a_direction_that_is_partly_given(unknown):
    def transposed(f):
        def along(direction):
            directions = [X, KERNEL]
            directions[unknown] = direction
            return jax.jvp(f, (X, KERNEL), tuple(directions))[1]

        return jax.vjp(along, (X, KERNEL)[unknown])[1](jnp.cos(ours(X, KERNEL)))

    same(transposed(ours), transposed(xla))


@pytest.mark.parametrize("outer", ["jvp", "grad"])
def test_second_order(outer):
    def hessian_product(f):
        def inner(x, kernel):
            dx, dkernel = jax.grad(loss(f), (0, 1))(x, kernel)
            return jnp.sum(dx * jnp.cos(X)) + jnp.sum(dkernel * jnp.sin(KERNEL))

        if outer == "grad":
            return jax.grad(inner, (0, 1))(X, KERNEL)
        return jax.jvp(inner, (X, KERNEL), (jnp.ones_like(X), jnp.ones_like(KERNEL)))

    same(hessian_product(ours), hessian_product(xla), rtol=5e-5)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, 1)])
def test_vmap(axes):
    def stacked(value, axis):
        return value if axis is None else jnp.stack([value, value * 2, value - 1], axis)

    arguments = stacked(X, axes[0]), stacked(KERNEL, axes[1])
    mine, theirs = (jax.vmap(jax.grad(loss(f), (0, 1)), axes)(*arguments) for f in (ours, xla))
    same(mine, theirs)

    def total(f):
        return lambda *a: jnp.sum(jnp.tanh(jax.vmap(f, axes)(*a) / 8))

    same(jax.grad(total(ours), (0, 1))(*arguments), jax.grad(total(xla), (0, 1))(*arguments))


def test_checkpoint_and_loops_have_the_same_bits():
    step = jax.grad(loss(jax.checkpoint(ours)), (0, 1))

    @jax.jit
    def loop(x, kernel):
        return jax.lax.fori_loop(0, 3, lambda _, carry: step(x, kernel), (x, kernel))

    wanted = jax.jit(jax.grad(loss(ours), (0, 1)))(X, KERNEL)
    for got, value in zip(loop(X, KERNEL), wanted, strict=True):
        np.testing.assert_array_equal(got, value)


def test_empty_batch():
    dx, dkernel = jax.grad(loss(ours), (0, 1))(X[:0], KERNEL)
    assert dx.shape == (0, *X.shape[1:]) and not dkernel.any()


def test_one_column():
    same(
        jax.grad(loss(ours), (0, 1))(X[:, :, :2], KERNEL),
        jax.grad(loss(xla), (0, 1))(X[:, :, :2], KERNEL),
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_travels(value):
    ct = jnp.ones_like(ours(X, KERNEL))
    for x, gradient in ((X.at[1, 0, 2, 4].set(value), ct), (X, ct.at[0, 1, 1, 3].set(value))):
        mine, theirs = (jax.vjp(f, x, KERNEL)[1](gradient) for f in (ours, xla))
        for got, wanted in zip(mine, theirs, strict=True):
            finite = np.isfinite(wanted)
            assert not np.isfinite(got)[~finite].any()
        # No other channel is touched.
        channel = 4 if gradient is ct else 3
        for got in mine:
            assert np.isfinite(np.delete(got, channel, axis=-1)).all()


def test_other_platforms_get_xlas_own():
    run = jax.jit(jax.grad(loss(ours), (0, 1)))
    text = jax.export.export(run, platforms=["cuda"])(X, KERNEL).mlir_module()
    assert "custom_call @hornpipe" not in text
