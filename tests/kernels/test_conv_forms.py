"""Thin groups, several filters to a channel, and three dimensions: every rule of the primitives against XLA's convolution."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hornpipe.engine import jax_conv, jax_kernels, select
from tests.kernels.reference import same
from tests.kernels.test_sharding import run_program

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)


class Form(NamedTuple):
    """A convolution: shapes of image and kernel, and its options."""

    image: tuple
    kernel: tuple
    strides: tuple
    padding: list
    dilation: tuple
    groups: int


DEEP = [(1, 0), (1, 2), (2, 1)]
FORMS = {
    "groups": Form((2, 7, 11, 12), (3, 3, 4, 12), (1, 1), [(1, 1), (0, 2)], (1, 1), 3),
    "uneven groups": Form((2, 7, 6, 6), (3, 2, 2, 9), (2, 1), [(1, 0), (1, 2)], (1, 2), 3),
    "filters to a channel": Form((2, 9, 6, 5), (3, 3, 1, 10), (2, 2), [(1, 1)] * 2, (1, 1), 5),
    "one dimension": Form((2, 19, 8), (3, 2, 8), (1,), [(2, 0)], (1,), 4),
    "planes": Form((2, 5, 6, 4, 3), (3, 2, 2, 3, 5), (1, 2, 1), DEEP, (1, 1, 2), 1),
    "few filters over planes": Form(
        (2, 5, 6, 4, 6), (3, 2, 2, 6, 2), (1, 2, 1), DEEP, (2, 1, 1), 1
    ),
    "strided planes": Form((2, 7, 4, 6, 3), (2, 3, 1, 3, 4), (3, 1, 2), DEEP, (2, 1, 1), 1),
    "planes in groups": Form((1, 4, 5, 6, 4), (2, 3, 2, 2, 6), (1, 1, 1), DEEP, (2, 1, 1), 2),
    "planes in wide groups": Form((1, 4, 5, 6, 6), (2, 3, 2, 3, 4), (1, 1, 1), DEEP, (1, 1, 1), 2),
}


@pytest.fixture(params=list(FORMS.values()), ids=list(FORMS), name="case")
def make_case(request):
    """Return image, kernel, our convolution and XLA's."""
    form = request.param
    random = np.random.default_rng(0)
    x, kernel = (
        jnp.asarray(random.standard_normal(shape), "float32") for shape in (form.image, form.kernel)
    )
    spatial = "DHW"[-len(form.strides) :]
    names = f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"

    def ours(x, kernel):
        return jax_conv.conv_general(x, kernel, *form[2:])

    def xla(x, kernel):
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            form.strides,
            form.padding,
            rhs_dilation=form.dilation,
            dimension_numbers=names,
            feature_group_count=form.groups,
            precision="highest",
        )

    return x, kernel, ours, xla


def loss(f):
    return lambda x, kernel: jnp.sum(jnp.tanh(f(x, kernel) / 4) ** 2)


def test_values_and_gradients(case):
    x, kernel, ours, xla = case
    same(ours(x, kernel), xla(x, kernel))
    same(jax.grad(loss(ours), (0, 1))(x, kernel), jax.grad(loss(xla), (0, 1))(x, kernel))
    compiled = jax.jit(jax.grad(loss(ours), (0, 1)))
    text = compiled.lower(x, kernel).as_text()
    assert all(name in text for name in ("hornpipe_conv", "hornpipe_conv_dx", "hornpipe_conv_dw"))
    same(compiled(x, kernel), jax.grad(loss(xla), (0, 1))(x, kernel))


def test_forward_mode_and_second_order(case):
    x, kernel, ours, xla = case
    tangents = jnp.cos(x), jnp.sin(kernel)
    same(jax.jvp(ours, (x, kernel), tangents), jax.jvp(xla, (x, kernel), tangents))

    def product(f):
        return jax.jvp(jax.grad(loss(f), (0, 1)), (x, kernel), tangents)[1]

    same(product(ours), product(xla), rtol=5e-5)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_vmap(case, axes):
    x, kernel, ours, xla = case
    operands = [
        value if axis is None else jnp.stack([value, 1 - value])
        for value, axis in zip((x, kernel), axes, strict=True)
    ]
    both = [jax.vmap(jax.grad(loss(f), (0, 1)), axes)(*operands) for f in (ours, xla)]
    same(*both)


def test_nan_stays_in_its_group_and_its_windows(case):
    x, kernel, ours, xla = case
    for value in (np.nan, np.inf):
        image = x.at[0, 2, ..., 1].set(value)
        got, wanted = ours(image, kernel), xla(image, kernel)
        np.testing.assert_array_equal(jnp.isfinite(got), jnp.isfinite(wanted))
        weights = kernel.at[..., 0].set(value)
        assert jnp.isfinite(ours(x, weights)[..., 1:]).all()
        dx, dkernel = jax.vjp(ours, image, kernel)[1](jnp.ones_like(got))
        other = jax.vjp(xla, image, kernel)[1](jnp.ones_like(got))
        assert jnp.isfinite(dx).all()
        assert not jnp.isfinite(dkernel)[~jnp.isfinite(other[1])].any()


def test_empty_batch(case):
    x, kernel, ours, xla = case
    assert ours(x[:0], kernel).shape == xla(x[:0], kernel).shape
    dx, dkernel = jax.grad(loss(ours), (0, 1))(x[:0], kernel)
    assert dx.shape == (0, *x.shape[1:])
    assert dkernel.shape == kernel.shape and not dkernel.any()


def test_bias_and_relu(case, request):
    x, kernel, ours, _ = case
    form = FORMS[request.node.callspec.id]
    bias = jnp.linspace(-1, 1, kernel.shape[-1])

    def fused(x, kernel, bias):
        return jax_conv.conv_bias_general(x, kernel, bias, *form[2:], True)

    def separate(x, kernel, bias):
        return jax.nn.relu(ours(x, kernel) + bias)

    def total(f):
        return jax.grad(lambda *all: jnp.sum(jnp.sin(f(*all))), (0, 1, 2))(x, kernel, bias)

    assert "hornpipe_conv_bias" in jax.jit(fused).lower(x, kernel, bias).as_text()
    same(fused(x, kernel, bias), separate(x, kernel, bias))
    same(total(fused), total(separate))


def test_other_platforms_get_xlas_own(case):
    x, kernel, ours, _ = case
    gradients = jax.jit(jax.grad(loss(ours), (0, 1)))
    exported = jax.export.export(gradients, platforms=["cuda"])(x, kernel)
    assert "hornpipe" not in exported.mlir_module().replace("hornpipe/", "")


@pytest.mark.parametrize("strides, pairs", [((1, 1, 1), [(2, 1)] * 3), ((2, 1, 3), [(1, -1), (0, 2), (-2, 4)])])  # fmt: skip
def test_transposed_planes(strides, pairs):
    from hornpipe.ops.conv import conv_transpose_general

    random = np.random.default_rng(1)
    x, kernel = (
        jnp.asarray(random.standard_normal(s), "float32")
        for s in ((2, 4, 5, 3, 4), (3, 2, 2, 5, 4))
    )

    def up(x, kernel):
        return jax_conv.conv_transpose_general(x, kernel, strides, pairs, (1, 2, 1))

    def composed(x, kernel):
        with select.use(select.load("jax")), pytest.MonkeyPatch.context() as patch:
            patch.setattr(jax_conv, "active", lambda: False)
            return conv_transpose_general.__wrapped__(x, kernel, strides, pairs, (1, 2, 1))

    assert "hornpipe_conv_dx" in jax.jit(up).lower(x, kernel).as_text()
    same(up(x, kernel), composed(x, kernel))
    same(jax.grad(loss(up), (0, 1))(x, kernel), jax.grad(loss(composed), (0, 1))(x, kernel))


DIVIDED = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from hornpipe.engine import jax_conv

random = np.random.default_rng(0)
for image, window, groups in ((4, 9, 8, 6), (3, 3, 2, 9), 3), ((4, 3, 5, 6, 3), (2, 3, 3, 3, 4), 1):
    x, kernel = (jnp.asarray(random.standard_normal(s), "float32") for s in (image, window))
    spatial = len(image) - 2

    def conv(x, kernel):
        return jax_conv.conv_general(x, kernel, (1,) * spatial, [(1, 1)] * spatial, (1,) * spatial, groups)

    both = jax.grad(lambda x, kernel: jnp.sum(jnp.tanh(conv(x, kernel)) ** 2), (0, 1))
    mesh = jax.make_mesh((2,), ("data",))
    divided = jax.device_put(x, NamedSharding(mesh, P("data"))), jax.device_put(kernel, NamedSharding(mesh, P()))
    for f in (conv, both):
        text = jax.jit(f).lower(*divided).compile().as_text()
        assert "hornpipe_conv" in text and "all-gather" not in text, text
        for a, b in zip(jax.tree.leaves(jax.jit(f)(*divided)), jax.tree.leaves(f(x, kernel))):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
print("done")
"""


def test_a_divided_batch():
    assert run_program(DIVIDED) == "done\n"
