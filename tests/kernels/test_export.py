"""Programs that are exported hold no compiled kernels: whoever reads them may lack these."""

from __future__ import annotations

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import hornpipe as keras
from hornpipe.engine import jax_kernels

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

layers = keras.layers
NETWORKS = {
    "dense": lambda: [layers.Dense(64, activation="relu"), layers.Dense(32)],
    "convolutions": lambda: [
        layers.Reshape((8, 8, 2)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.SeparableConv2D(24, 3, padding="same"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Conv2DTranspose(4, 3),
        layers.GlobalAveragePooling2D(),
    ],
    "recurrent": lambda: [layers.Reshape((8, 16)), layers.LSTM(8, return_sequences=True), layers.GRU(8)],
    "embedding": lambda: [layers.Embedding(50, 8), layers.GlobalAveragePooling1D()],
}  # fmt: skip


def attention(x):
    x = x.reshape((-1, 8, 2, 8))
    return keras.ops.dot_product_attention(x, x, x, is_causal=True)


def exports_as_it_is(function, x):
    def both(x):
        if x.dtype != np.float32:
            return function(x)
        return jax.value_and_grad(lambda x: jnp.sin(function(x)).sum())(x)

    assert "hornpipe" in str(jax.make_jaxpr(both)(x))
    exported = jax.export.export(jax.jit(both))(x)
    assert "custom_call @hornpipe" in jax.jit(both).lower(x).as_text()
    assert "custom_call @hornpipe" not in exported.mlir_module()
    values = jax.tree.leaves(exported.call(x)), jax.tree.leaves(both(x))
    for got, wanted in zip(*values, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    keras.utils.set_random_seed(0)
    dtype = "int32" if name == "embedding" else "float32"
    x = np.random.default_rng(0).integers(0, 50, (20, 128)).astype(dtype) / (1 if dtype == "int32" else 50)  # fmt: skip
    model = keras.Sequential([layers.Input((128,), dtype=dtype), *NETWORKS[name]()])
    exports_as_it_is(lambda x: model(x), jnp.asarray(x, dtype))


def test_attention():
    exports_as_it_is(attention, jnp.asarray(np.random.default_rng(0).random((3, 128)), "float32"))
