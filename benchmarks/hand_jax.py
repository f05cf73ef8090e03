"""A JAX training loop as an expert writes it for one model: no library in between, nothing that the model does not need.

The data lies on the device; the host draws a permutation per epoch; an epoch is one compiled program whose state is donated.
Loss, metric and RMSprop are written out.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contenders import Contender
from benchmarks.workloads import Workload

_RATE, _RHO, _EPSILON = 1e-3, 0.9, 1e-7


def make(workload: Workload, contender: Contender):
    """Return (run, note): `run(units)` does that many epochs or calls and returns the logs."""
    x, y = workload.load()
    weights = _initial_weights(workload, x.shape[1])
    if workload.kind == "predict":
        return _predictions(workload, weights, x[:1]), ""
    x, y = jax.device_put(x), jax.device_put(y.reshape(len(y), -1))
    epoch = _make_epoch(workload, len(x))
    random = np.random.default_rng(0)
    state = (weights, jax.tree.map(jnp.zeros_like, weights))

    def run(units):
        nonlocal state
        for _ in range(units):
            order = random.permutation(len(x)).astype("int32")
            state, sums = epoch(state, x, y, order)
            loss, metric = np.asarray(sums) / len(x)
        return {"loss": float(loss), workload.metric: float(metric)}

    return run, ""


def _initial_weights(workload, width):
    """Return glorot-uniform kernels and zero biases."""
    random, weights = np.random.default_rng(0), []
    for units, _ in workload.layers:
        limit = (6 / (width + units)) ** 0.5
        kernel = random.uniform(-limit, limit, (width, units)).astype("float32")
        weights.append((jnp.asarray(kernel), jnp.zeros(units, "float32")))
        width = units
    return weights


def _logits(workload, weights, x):
    for (kernel, bias), (_, activation) in zip(weights, workload.layers, strict=True):
        x = x @ kernel + bias
        if activation == "relu":
            x = jnp.maximum(x, 0)
    return x


def _losses(workload, logits, y):
    """Return the loss and the metric of each row, both from the logits."""
    if workload.loss == "mse":
        error = logits - y
        return (error**2)[:, 0], jnp.abs(error)[:, 0]
    if workload.loss == "binary_crossentropy":
        loss = jnp.maximum(logits, 0) - logits * y + jnp.log1p(jnp.exp(-jnp.abs(logits)))
        return loss[:, 0], ((logits > 0) == (y > 0.5))[:, 0].astype("float32")
    loss = -(y * jax.nn.log_softmax(logits)).sum(axis=1)
    return loss, (logits.argmax(axis=1) == y.argmax(axis=1)).astype("float32")


def _make_epoch(workload, rows):
    size = workload.batch_size
    steps, rest = divmod(rows, size)

    def mean_loss(weights, x, y):
        loss, metric = _losses(workload, _logits(workload, weights, x), y)
        return loss.mean(), jnp.stack([loss.sum(), metric.sum()])

    def step(carry, x, y):
        (weights, velocities), sums = carry
        gradients, new_sums = jax.grad(mean_loss, has_aux=True)(weights, x, y)
        velocities = jax.tree.map(lambda v, g: _RHO * v + (1 - _RHO) * g * g, velocities, gradients)
        weights = jax.tree.map(
            lambda w, v, g: w - _RATE * g * jax.lax.rsqrt(v + _EPSILON),
            weights,
            velocities,
            gradients,
        )
        return (weights, velocities), sums + new_sums

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state, x, y, order):
        def body(index, carry):
            chosen = jax.lax.dynamic_slice_in_dim(order, index * size, size)
            return step(
                carry,
                jnp.take(x, chosen, axis=0, mode="clip"),
                jnp.take(y, chosen, axis=0, mode="clip"),
            )

        carry = jax.lax.fori_loop(0, steps, body, (state, jnp.zeros(2, "float32")))
        if rest:
            chosen = order[steps * size :]
            carry = step(
                carry,
                jnp.take(x, chosen, axis=0, mode="clip"),
                jnp.take(y, chosen, axis=0, mode="clip"),
            )
        return carry

    return epoch


def _predictions(workload, weights, row):
    @jax.jit
    def predict(weights, x):
        return jax.nn.softmax(_logits(workload, weights, x))

    def run(units):
        for _ in range(units):
            outputs = np.asarray(predict(weights, row))
        return {"sum": float(outputs.sum())}

    return run
