"""Convolutions of the JAX engine without the compiled kernels: groups of images whose windows stay in the cache."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hornpipe.engine import jax_conv, select
from hornpipe.ops.conv import conv_general as composed

CASES = [
    ((128, 26, 26, 32), (3, 3, 32, 8), (1, 1), [(0, 0), (0, 0)]),
    ((60, 20, 21, 16), (5, 3, 16, 7), (2, 1), [(2, 1), (1, 1)]),
    ((640, 300, 8), (5, 8, 4), (1,), [(4, 0)]),
]


@pytest.fixture(autouse=True)
def without_kernels(monkeypatch):
    monkeypatch.setattr(jax_conv, "active", lambda: False)
    with select.use(select.load("jax")):
        yield


@pytest.mark.parametrize("shape, window, strides, padding", CASES)
def test_groups_of_images(shape, window, strides, padding):
    random = np.random.default_rng(0)
    x, kernel = (jnp.asarray(random.standard_normal(s), "float32") for s in (shape, window))
    options = strides, padding, (1,) * len(strides), 1

    def whole(x, kernel):
        return composed.__wrapped__(x, kernel, *options)

    def grouped(x, kernel):
        return jax_conv.conv_general(x, kernel, *options)

    assert "scan" in str(jax.make_jaxpr(grouped)(x, kernel))
    got, back = jax.vjp(grouped, x, kernel)
    wanted, other = jax.vjp(whole, x, kernel)
    scale = float(jnp.abs(wanted).max())
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * scale)
    for a, b in zip(back(got), other(got), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * float(jnp.abs(b).max()))


@pytest.mark.parametrize(
    "shape, window",
    [((1, 26, 26, 32), (3, 3, 32, 8)), ((128, 26, 26, 32), (1, 1, 32, 8)), ((0, 9, 9, 2), (3, 3, 2, 4)), ((4, 224, 224, 64), (3, 3, 64, 2))],
)  # fmt: skip
def test_what_is_done_at_once(shape, window):
    x, kernel = jax.ShapeDtypeStruct(shape, "float32"), jnp.ones(window)
    options = (1, 1), [(0, 0)] * 2, (1, 1), 1
    assert not jax_conv._fills_the_cache(x, kernel, options[0], options[1], 1)
    assert jax_conv.conv_general(jnp.ones((1, *shape[1:])), kernel, *options) is NotImplemented
