"""Convolutions of the JAX engine without the compiled kernels: XLA's own or composed, and gradients of a few images at a time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hornpipe.engine import jax_conv, select
from hornpipe.engine import jax_conv_portable as portable
from hornpipe.ops.conv import conv_general as composed

CASES = [
    ((128, 26, 26, 32), (3, 3, 32, 8), (1, 1), [(0, 0), (0, 0)]),
    ((60, 20, 21, 16), (5, 3, 16, 7), (2, 1), [(2, 1), (1, 1)]),
    ((640, 300, 8), (5, 8, 4), (1,), [(4, 0)]),
    ((6, 150, 151, 32), (3, 3, 32, 5), (1, 1), [(1, 1), (0, 0)]),
    ((96, 28, 28, 1), (3, 3, 1, 32), (1, 1), [(0, 0), (0, 0)]),
    ((48, 40, 41, 3), (5, 4, 3, 8), (1, 1), [(2, 2), (1, 2)]),
    ((128, 64, 66, 4), (3, 3, 4, 6), (1, 1), [(1, 1), (1, 1)]),
    ((30, 33, 35, 12), (3, 3, 12, 6), (2, 2), [(0, 1), (0, 0)]),
    ((70, 12, 13, 14, 2), (3, 2, 3, 2, 3), (1, 1, 1), [(0, 0), (1, 0), (1, 1)]),
]


@pytest.fixture(autouse=True)
def without_kernels(monkeypatch):
    monkeypatch.setattr(jax_conv, "active", lambda: False)
    with select.use(select.load("jax")):
        yield


@pytest.mark.parametrize("shape, window, strides, padding", CASES)
@pytest.mark.parametrize("dilation", [1, 2])
def test_against_the_composed_one(shape, window, strides, padding, dilation):
    if dilation > 1 < max(strides):
        pytest.skip("strides and dilation do not go together")
    random = np.random.default_rng(0)
    x, kernel = (jnp.asarray(random.standard_normal(s), "float32") for s in (shape, window))
    options = strides, padding, (dilation,) * len(strides), 1

    def whole(x, kernel):
        return composed.__wrapped__(x, kernel, *options)

    def own(x, kernel):
        return jax_conv.conv_general(x, kernel, *options)

    def both(function):
        @jax.jit  # what is compiled outside of one may be kept from tests with the kernels
        def run(x, kernel):
            y, back = jax.vjp(function, x, kernel)
            return y, *back(jnp.cos(y))

        return run(x, kernel)

    for actual, expected in zip(both(own), both(whole), strict=True):
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("seed", range(12))
def test_the_kernels_gradient_against_numpy(seed):
    rng = np.random.default_rng(seed)
    images, channels, filters = (int(n) for n in rng.integers(1, (140, 40, 20)))
    spatial, size = rng.integers(5, 26, 2), rng.integers(1, 4, 2)
    strides, steps = (rng.integers(1, 3, 2), np.ones(2, int))[:: 1 if seed % 3 == 0 else -1]
    before, after = rng.integers(0, size), rng.integers(0, size)
    out = (spatial + before + after - (size - 1) * steps - 1) // strides + 1
    x = rng.standard_normal((images, *spatial, channels))
    dy = rng.standard_normal((images, *out, filters))
    padded = np.pad(x, [(0, 0), *zip(before, after, strict=True), (0, 0)])
    expected = np.empty((*size, channels, filters))
    for place in np.ndindex(*size):
        ranges = zip(np.array(place) * steps, out, strides, strict=True)
        index = [slice(first, first + (n - 1) * s + 1, s) for first, n, s in ranges]
        expected[place] = np.tensordot(padded[:, *index], dy, ([0, 1, 2], [0, 1, 2]))
    options = {
        name: tuple(map(int, value))
        for name, value in (("strides", strides), ("before", before), ("steps", steps), ("size", size))
    }  # fmt: skip
    operands = jnp.asarray(x, "float32"), jnp.asarray(dy, "float32")
    forms = [lambda *a: portable.dw_on_cpu(*a, groups=1, **options)]
    forms.append(lambda *a: portable._dw_by_rows(*a, **options))
    for form in forms:
        actual = np.asarray(jax.jit(form)(*operands))
        assert np.abs(actual - expected).max() <= 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize(
    "shape, loops, most", [((128, 26, 26, 32), 0, 20e6), ((32, 58, 58, 64), 1, 65e6)]
)
def test_the_kernels_gradient_takes_few_images_at_a_time(shape, loops, most):
    x, kernel = jnp.ones(shape), jnp.ones((3, 3, shape[-1], 8))
    options = (1, 1), [(0, 0), (0, 0)], (1, 1), 1

    def total(kernel):
        return (jax_conv.conv_general(x, kernel, *options) ** 2).sum()

    compiled = jax.jit(jax.grad(total)).lower(kernel)
    assert compiled.as_text().count("stablehlo.while") == loops
    # The windows of all images would take 85 MB and 231 MB.
    assert compiled.compile().memory_analysis().temp_size_in_bytes < most


def test_rules():
    random = np.random.default_rng(1)
    x, kernel, v = (
        jnp.asarray(random.standard_normal(s), "float32")
        for s in ((160, 20, 21, 8), (3, 3, 8, 4), (160, 20, 21, 8))
    )
    bias = jnp.asarray(random.standard_normal(4), "float32")
    options = (2, 1), [(1, 0), (1, 1)], (1, 1), 1

    def compare(run, *operands):
        """Run it with our convolution and with the composed one."""
        for name, make in (("conv_general", False), ("conv_bias_general", True)):

            def own(x, kernel, name=name, make=make):
                more = (bias, *options, True) if make else options
                return getattr(jax_conv, name)(x, kernel, *more)

            def other(x, kernel, make=make):
                y = composed.__wrapped__(x, kernel, *options)
                return jnp.maximum(y + bias, 0) if make else y

            got, wanted = (jax.jit(lambda *a, f=f: run(f, *a))(*operands) for f in (own, other))
            scale = float(jnp.abs(wanted).max())
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5 * scale)

    def total(function):
        return lambda x, kernel: (function(x, kernel) ** 3).mean()

    compare(lambda f, x: f(x, kernel), x)
    compare(lambda f, x: jax.jvp(lambda x: f(x, kernel), (x,), (v,))[1], x)
    compare(lambda f, x: jax.jvp(jax.grad(total(f)), (x, kernel), (v, kernel))[1], x)
    compare(lambda f, k: jax.grad(lambda k: (jax.grad(total(f), 1)(x, k) ** 2).sum())(k), kernel)
    pair = jnp.stack([x, -v])
    compare(lambda f, pair: jax.vmap(jax.grad(total(f)), (0, None))(pair, kernel), pair)
    compare(
        lambda f, k: jax.vmap(jax.grad(total(f), 1), (None, 0))(x, k),
        jnp.stack([kernel, 2 * kernel]),
    )


@pytest.mark.parametrize(
    "shape, window",
    [((1, 26, 26, 32), (3, 3, 32, 8)), ((128, 26, 26, 32), (1, 1, 32, 8)), ((0, 9, 9, 2), (3, 3, 2, 4))],
)  # fmt: skip
def test_what_is_done_at_once(shape, window):
    x, kernel = jax.ShapeDtypeStruct(shape, "float32"), jnp.ones(window)
    options = (1, 1), [(0, 0)] * 2, (1, 1), 1
    assert not portable.is_large(x, kernel, options[0], options[1], 1)
    assert jax_conv.conv_general(jnp.ones((1, *shape[1:])), kernel, *options) is NotImplemented
