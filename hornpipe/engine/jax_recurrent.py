"""LSTM and GRU over whole sequences by the compiled kernels of the JAX engine; without them, the composed operations.

Two primitives, for both cells: the forward pass, which may keep what the gradient needs, and the gradient. Their own derivatives, other
platforms than the CPU and programs for several devices take the same formulas in `jax.lax`.

>>> import numpy as np
>>> from hornpipe.engine import jax_recurrent
>>> jax_recurrent.lstm_general(*[np.ones((2, 2))] * 6)
NotImplemented
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.interpreters import ad, batching

from hornpipe.engine.jax_kernels import active, make

_LSTM, _GRU = 4, 3  # a cell is known by the number of its gates
_WIDEST = 16  # floats of the widest vector of the kernels
_LARGEST = (
    2**22
)  # weights; products with more of them are XLA's strength (python -m benchmarks.recurrent)
_INPUTS = 8  # x, kernel, recurrent_kernel, bias, recurrent_bias, h, c, valid; without elements where a cell has none
_STATES = 2


# ---- the engine's own versions of composed operations


def lstm_general(
    xs, kernel, recurrent_kernel, bias, h, c, valid=None, sequences=False, backwards=False
):
    """As `hornpipe.ops.recurrent.lstm_general`; NotImplemented where that one is to be taken."""
    if not _suits(xs, kernel, recurrent_kernel, valid, bias, h, c) or c.shape != h.shape:
        return NotImplemented
    if kernel.shape[1] != _LSTM * h.shape[1]:
        return NotImplemented
    arrays = xs, kernel, recurrent_kernel, bias, jnp.zeros(0, xs.dtype), h, c, _mask(valid)
    outputs, h, c = _run((_LSTM, bool(sequences), bool(backwards)), *arrays)
    return outputs if sequences else None, h, c


def gru_general(
    xs,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    h,
    valid=None,
    sequences=False,
    backwards=False,
):
    """As `hornpipe.ops.recurrent.gru_general`; NotImplemented where that one is to be taken."""
    if not _suits(xs, kernel, recurrent_kernel, valid, bias, h, recurrent_bias):
        return NotImplemented
    if kernel.shape[1] != _GRU * h.shape[1] or recurrent_bias.shape != bias.shape:
        return NotImplemented
    arrays = xs, kernel, recurrent_kernel, bias, recurrent_bias, h
    arrays = *arrays, jnp.zeros((0, 0), xs.dtype), _mask(valid)
    outputs, h, _ = _run((_GRU, bool(sequences), bool(backwards)), *arrays)
    return outputs if sequences else None, h


def _suits(xs, kernel, recurrent_kernel, valid, bias, h, *others):
    floats = xs, kernel, recurrent_kernel, bias, h, *others
    return (
        xs.ndim == 3
        and all(array.dtype == np.float32 for array in floats)
        and (valid is None or valid.dtype == bool)
        and all(isinstance(size, int) for size in xs.shape)
        and 0 not in (*xs.shape[1:], *recurrent_kernel.shape)
        and kernel.size + recurrent_kernel.size <= _LARGEST
        and h.shape == (xs.shape[0], recurrent_kernel.shape[0])
        and kernel.shape == (xs.shape[2], *recurrent_kernel.shape[1:])
        and bias.shape == kernel.shape[1:]
        and (valid is None or valid.shape == xs.shape[:2])
        and jax.default_backend() == "cpu"
        and active()
    )


def _mask(valid):
    return jnp.zeros((0, 0), bool) if valid is None else valid


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _run(cell, *arrays):
    gates, sequences, backwards = cell
    options = {"gates": gates, "backwards": backwards, "sequences": sequences, "keep": False}
    return tuple(forward_p.bind(*arrays, **options)[:3])


def _run_and_keep(cell, *arrays):
    gates, sequences, backwards = cell
    options = {"gates": gates, "backwards": backwards, "sequences": sequences, "keep": True}
    *results, kept = forward_p.bind(*arrays, **options)
    return tuple(results), (arrays, kept)


def _run_back(cell, residuals, upstream):
    gates, _, backwards = cell
    arrays, kept = residuals
    return *gradient_p.bind(*arrays, *upstream, kept, gates=gates, backwards=backwards), None


_run.defvjp(_run_and_keep, _run_back)


# ---- the same in jax.lax


def portable(x, kernel, recurrent_kernel, bias, recurrent_bias, h, c, valid, *, gates, backwards):
    """Return the outputs of all steps and the last states."""
    steps = jnp.swapaxes(x, 0, 1) @ kernel + bias, jnp.swapaxes(valid, 0, 1)

    def step(states, slices):
        (h, c), (z, now) = states, slices
        if gates == _LSTM:
            i, f, g, o = jnp.split(z + h @ recurrent_kernel, 4, axis=-1)
            new_c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            new_h = jax.nn.sigmoid(o) * jnp.tanh(new_c)
        else:
            inner = h @ recurrent_kernel + recurrent_bias
            (x_z, x_s, x_n), (r_z, r_s, r_n) = (
                jnp.split(z, 3, axis=-1),
                jnp.split(inner, 3, axis=-1),
            )
            update = jax.nn.sigmoid(x_z + r_z)
            candidate = jnp.tanh(x_n + jax.nn.sigmoid(x_s + r_s) * r_n)
            new_h, new_c = update * h + (1 - update) * candidate, c
        if now is not None:
            new_h = jnp.where(now[:, None], new_h, h)
            new_c = jnp.where(now[:, None], new_c, c) if c.size else c
        return (new_h, new_c), new_h

    if not valid.size:
        steps = steps[0], None
    states, outputs = lax.scan(step, (h, c), steps, reverse=backwards)
    outputs = jnp.flip(outputs, 0) if backwards else outputs
    return jnp.swapaxes(outputs, 0, 1), *states


def _portable_forward(*arrays, sequences, keep, **options):
    shapes = _forward_shapes(*arrays, sequences=sequences, keep=keep, **options)
    outputs, *states = portable(*arrays, **options)
    # The portable gradient computes the forward pass again.
    kept = jnp.zeros(shapes[-1], outputs.dtype)
    return [outputs if sequences else jnp.zeros(shapes[0], outputs.dtype), *states, kept]


def _portable_gradient(*arrays, **options):
    *inputs, valid = arrays[:_INPUTS]
    d_outputs, *d_states, _ = arrays[_INPUTS:]

    def run(*inputs):
        outputs, *states = portable(*inputs, valid, **options)
        return (outputs, *states) if d_outputs.size else tuple(states)

    upstream = (d_outputs, *d_states) if d_outputs.size else tuple(d_states)
    return list(jax.vjp(run, *inputs)[1](upstream))


# ---- the primitives


def _forward_shapes(x, kernel, recurrent_kernel, *rest, gates, sequences, keep, **_):
    batch, steps, units = *x.shape[:2], recurrent_kernel.shape[0]
    kept = -(-units // _WIDEST) * _WIDEST * (gates + 2)
    return [
        (batch, steps, units) if sequences else (0, 0, 0),
        *(state.shape for state in rest[2 : 2 + _STATES]),
        (batch, steps, kept) if keep else (0, 0, 0),
    ]


def _gradient_shapes(*arrays, **_):
    return [array.shape for array in arrays[: _INPUTS - 1]]


def _make(name, shapes, portable, static):
    primitive = make(name, shapes, portable, handler=name, attributes=_attributes, static=static)
    batching.primitive_batchers[primitive] = functools.partial(_batch, primitive)
    ad.primitive_jvps[primitive] = functools.partial(_jvp, primitive, portable)
    return primitive


def _attributes(*, gates, backwards, **_):
    return {"numbers": np.array([gates, backwards], np.int64)}


def _batch(primitive, arrays, axes, **options):
    """Go over what is mapped one by one."""
    mapped = [
        jnp.moveaxis(array, axis, 0)
        for array, axis in zip(arrays, axes, strict=True)
        if axis is not None
    ]

    def one(slices):
        slices = iter(slices)
        each = zip(arrays, axes, strict=True)
        own = [array if axis is None else next(slices) for array, axis in each]
        return primitive.bind(*own, **options)

    results = lax.map(one, mapped)
    return results, [0] * len(results)


def _jvp(primitive, portable, arrays, tangents, **options):
    """Differentiate the portable formulas; what was kept follows from the inputs, so that nothing flows through it."""
    moving = [i for i, tangent in enumerate(tangents) if not isinstance(tangent, ad.Zero)]
    moving = [i for i in moving if i != _INPUTS - 1 and i != _INPUTS + _STATES + 1]
    results = primitive.bind(*arrays, **options)

    def run(*values):
        own = list(arrays)
        for place, value in zip(moving, values, strict=True):
            own[place] = value
        return portable(*own, **options)

    values, own = ([given[i] for i in moving] for given in (arrays, tangents))
    _, changes = jax.jvp(run, values, own)
    return results, changes


forward_p = _make(
    "hornpipe_recurrent",
    _forward_shapes,
    _portable_forward,
    ("gates", "backwards", "sequences", "keep"),
)
gradient_p = _make(
    "hornpipe_recurrent_gradient", _gradient_shapes, _portable_gradient, ("gates", "backwards")
)
