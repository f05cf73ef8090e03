"""A batch that is divided among devices: each convolves its part, nothing is gathered, and the results are those of one device."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hornpipe.engine import jax_kernels

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

PROGRAM = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from hornpipe.engine import jax_conv, jax_pool, jax_rows

random = np.random.default_rng(0)
x, kernel = (jnp.asarray(random.standard_normal(s), "float32") for s in ((4, 9, 8, 5), (3, 3, 5, 8)))

def conv(x, kernel):
    return jax_conv.conv_general(x, kernel, (1, 2), [(1, 1), (0, 1)], (1, 1), 1)

def depthwise(x, kernel):
    return jax_conv.conv_general(x, kernel[:, :, :1, :5], (1, 1), [(1, 1), (1, 0)], (1, 1), 5)

bias = jnp.linspace(-1, 1, 8)

def with_bias(x, kernel):
    return jax_conv.conv_bias_general(x, kernel, bias, (1, 2), [(1, 1), (0, 1)], (1, 1), 1, True)

def loss(x, kernel):
    pooled = jax_pool.max_pool_general(with_bias(x, kernel), (2, 2), (1, 2), [(0, 0), (1, 0)])
    rows = jax_rows.take_rows(jnp.reshape(kernel, (-1, 8)), jnp.arange(20))
    convolved = jnp.sum(jnp.tanh(conv(x, kernel)) ** 2) + jnp.sum(jnp.tanh(depthwise(x, kernel)))
    return convolved + jnp.sum(jnp.tanh(pooled)) + jnp.sum(rows ** 2)

both = jax.grad(loss, (0, 1))
mesh = jax.make_mesh((2,), ("data",))
rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
divided = jax.device_put(x, rows), jax.device_put(kernel, whole)
for f in (conv, with_bias, depthwise, both):
    compiled = jax.jit(f).lower(*divided).compile()
    text = compiled.as_text()
    assert "hornpipe_conv" in text and "all-gather" not in text, text
    got, wanted = jax.jit(f)(*divided), f(x, kernel)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
dx, dkernel = jax.jit(both)(*divided)
print(dx.sharding.spec[0], tuple(dkernel.sharding.spec))

mapped = jax.shard_map(conv, mesh=mesh, in_specs=(P("data"), P()), out_specs=P("data"), check_vma=False)
np.testing.assert_array_equal(jax.jit(mapped)(*divided), conv(x, kernel))
"""

ATTENTION = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from hornpipe.engine import jax_attention

random = np.random.default_rng(0)
q, k, v = (jnp.asarray(random.standard_normal((4, 9, 2, 5)), "float32") for _ in range(3))
mesh = jax.make_mesh((2,), ("data",))
rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
for shape, place in (None, None), ((4, 1, 1, 9), rows), ((1, 1, 9, 9), whole):
    masks = [] if shape is None else [jnp.asarray(random.random(shape) < 0.7)]

    def loss(q, k, v, *masks):
        out = jax_attention.attention_general(q, k, v, None, *(masks or [None]), 0.4, is_causal=True)
        return jnp.sum(jnp.tanh(out) ** 2)

    gradients = jax.grad(loss, (0, 1, 2))
    divided = [*(jax.device_put(x, rows) for x in (q, k, v)), *(jax.device_put(x, place) for x in masks)]
    for f in (loss, gradients):
        text = jax.jit(f).lower(*divided).compile().as_text()
        assert "hornpipe_attention" in text and "all-gather" not in text, text
        got, wanted = jax.jit(f)(*divided), f(q, k, v, *masks)
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted)):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
print(jax.jit(gradients)(*divided)[0].sharding.spec[0])
"""


def test_a_divided_batch_of_attention():
    assert run_program(ATTENTION).startswith("data")


def run_program(program):
    """Run a program on two devices and return what it printed."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_divided_batch():
    assert run_program(PROGRAM).startswith("data ")


RECURRENT = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from hornpipe.engine import jax_recurrent

random = np.random.default_rng(0)
shapes = (4, 5, 3), (3, 28), (7, 28), (28,), (4, 7), (4, 7)
arrays = [jnp.asarray(random.standard_normal(shape), "float32") for shape in shapes]
valid = jnp.asarray(random.random((4, 5)) < 0.7)

def run(valid, *arrays):
    return jax_recurrent.lstm_general(*arrays, valid, sequences=True)

def loss(valid, *arrays):
    return sum(jnp.sum(jnp.sin(each)) for each in run(valid, *arrays))

both = jax.grad(loss, tuple(range(1, 7)))
mesh = jax.make_mesh((2,), ("data",))
rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
divided = [jax.device_put(each, rows if each.shape[0] == 4 else whole) for each in (valid, *arrays)]
for f in (run, both):
    got, wanted = jax.jit(f)(*divided), f(valid, *arrays)
    assert "hornpipe_recurrent" in jax.jit(f).lower(valid, *arrays).as_text()
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted)):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
mapped = jax.shard_map(
    lambda x, *rest: jax_recurrent.lstm_general(x, *rest)[1], mesh=mesh,
    in_specs=(P("data"), P(), P(), P(), P("data"), P("data")), out_specs=P("data"), check_vma=False,
)
np.testing.assert_allclose(jax.jit(mapped)(*divided[1:]), run(None, *arrays)[1], rtol=1e-6, atol=1e-6)
print("done")
"""


def test_a_recurrent_layer_on_a_divided_batch():
    assert run_program(RECURRENT) == "done\n"


PRODUCTS = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from hornpipe.engine import jax as engine

random = np.random.default_rng(0)
x, kernel = (jnp.asarray(random.standard_normal(s), "float32") for s in ((8, 80), (80, 64)))

def loss(x, kernel):
    return jnp.sum(jnp.sin(engine.matmul(x, kernel)))

both = jax.grad(loss, (0, 1))
assert str(jax.make_jaxpr(both)(x, kernel)).count("hornpipe_matmul[") == 3
for kind in AxisType.Auto, AxisType.Explicit:
    mesh = jax.make_mesh((2,), ("data",), (kind,))
    rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
    divided = jax.device_put(x, rows), jax.device_put(kernel, whole)
    for f in (loss, both):
        text = jax.jit(f).lower(*divided).compile().as_text()
        assert '"hornpipe_matmul"' not in text and "all-gather" not in text, text
        for a, b in zip(jax.tree.leaves(jax.jit(f)(*divided)), jax.tree.leaves(f(x, kernel))):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    print(jax.jit(both)(*divided)[0].sharding.spec[0])
mapped = jax.shard_map(engine.matmul, mesh=mesh, in_specs=(P("data"), P()), out_specs=P("data"), check_vma=False)
np.testing.assert_allclose(jax.jit(mapped)(*divided), x @ kernel, rtol=1e-4, atol=1e-4)
"""


def test_products_of_a_divided_batch():
    assert run_program(PRODUCTS).split() == ["data", "data"]
