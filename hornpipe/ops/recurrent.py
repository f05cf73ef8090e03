"""Whole sequences through recurrent cells, with gradients written by hand.

An engine's own gradient of a loop keeps every intermediate value of every step. The ones here keep the gates alone, and add up the
weights' gradients inside the backward loop, while a step's values are still in the processor's cache. An engine may replace the two.

>>> import numpy as np
>>> from hornpipe import ops
>>> xs, zero = np.ones((2, 5, 3), "float32"), np.zeros((2, 4), "float32")
>>> kernel, recurrent = np.ones((3, 16), "float32"), np.ones((4, 16), "float32")
>>> outputs, h, c = ops.lstm_general(xs, kernel, recurrent, np.zeros(16, "float32"), zero, zero)
>>> outputs is None, h.shape, c.shape
(True, (2, 4), (2, 4))
"""

from __future__ import annotations

from hornpipe.core.op import op
from hornpipe.ops.control import custom_gradient, scan
from hornpipe.ops.create import zeros, zeros_like
from hornpipe.ops.linalg import matmul
from hornpipe.ops.math import tanh, where
from hornpipe.ops.reduce import sum as sum_
from hornpipe.ops.shape import concatenate, expand_dims, flip, split, swapaxes


def _gate(z):
    """Return the sigmoid of z by way of a tanh: a compiler makes one pass of all gates."""
    return tanh(z * 0.5) * 0.5 + 0.5


def _steps_first(array, backwards):
    """Return an array with the steps first, in the order of reading."""
    if array is None:
        return None
    array = swapaxes(array, 0, 1)
    return flip(array, axis=0) if backwards else array


def _batch_first(array, backwards):
    return swapaxes(flip(array, axis=0) if backwards else array, 0, 1)


def _keep(now, new, old):
    return new if now is None else where(expand_dims(now, -1), new, old)


def _gradient_parts(now, gradient):
    """Return what of a state's gradient goes through a step, and what goes past it in rows that were masked."""
    if now is None:
        return gradient, None
    now = expand_dims(now, -1)
    nothing = zeros_like(gradient)
    return where(now, gradient, nothing), where(now, nothing, gradient)


def _plus(first, second):
    return first if second is None else first + second


@op(tensors=6, dtype="float")
def lstm_general(
    xs, kernel, recurrent_kernel, bias, h, c, valid=None, sequences=False, backwards=False
):
    """Run an LSTM with tanh and sigmoid over sequences.

    i, f, g, o = split(x_t @ kernel + h_(t-1) @ recurrent_kernel + bias); c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g);
    h_t = sigmoid(o) tanh(c_t). In rows that are not valid the states stay.

    Args:
        xs: tensor `(batch, steps, features)`.
        kernel, recurrent_kernel, bias: `(features, 4 units)`, `(units, 4 units)`, `(4 units,)`.
        h, c: the first states, `(batch, units)`.
        valid: bool tensor `(batch, steps)`, or None.
        sequences: bool. Whether h of every step is returned.
        backwards: bool. Whether the sequences are read from the end; the outputs stand in the order of reading.
    Returns:
        `(batch, steps, units)` or None, the last h, the last c.
    References:
        Graves and Schmidhuber (2005), Framewise phoneme classification with bidirectional LSTM, section 2.2, for the gradient;
        without peephole connections.
    """

    valid = _steps_first(valid, backwards)

    def run(xs, kernel, recurrent_kernel, bias, h, c):
        xs = _steps_first(xs, backwards)

        def step(carry, inputs):
            (h, c), (z, now) = carry, inputs
            i, f, g, o = split(z + matmul(h, recurrent_kernel), 4, axis=-1)
            i, f, g, o = _gate(i), _gate(f), tanh(g), _gate(o)
            new_c = f * c + i * g
            new = _keep(now, o * tanh(new_c), h), _keep(now, new_c, c)
            return new, (concatenate([i, f, g, o], axis=-1), h, c, new[0] if sequences else None)

        (last_h, last_c), (gates, hs, cs, outputs) = scan(
            step, (h, c), (matmul(xs, kernel) + bias, valid)
        )

        def gradient(upstream):
            d_outputs, d_h, d_c = upstream if sequences else (None, *upstream)
            d_outputs = _steps_first(d_outputs, False)
            transposed, back = swapaxes(kernel, 0, 1), swapaxes(recurrent_kernel, 0, 1)

            def step(carry, inputs):
                (d_h, d_c, d_weights, d_bias), (x, now, gates, h, c, d_out) = carry, inputs
                i, f, g, o = split(gates, 4, axis=-1)
                t = tanh(f * c + i * g)
                (d_h, past_h), (d_c, past_c) = (
                    _gradient_parts(now, each) for each in (_plus(d_h, d_out), d_c)
                )
                d_c = d_c + d_h * o * (1 - t * t)
                d_z = [d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - g * g)]
                d_z = concatenate([*d_z, d_h * t * o * (1 - o)], axis=-1)
                joined = swapaxes(concatenate([x, h], axis=-1), 0, 1)
                carry = (
                    _plus(matmul(d_z, back), past_h),
                    _plus(d_c * f, past_c),
                    d_weights + matmul(joined, d_z),
                    d_bias + sum_(d_z, axis=0),
                )
                return carry, matmul(d_z, transposed)

            rows = kernel.shape[0] + recurrent_kernel.shape[0]
            start = (
                d_h,
                d_c,
                zeros((rows, kernel.shape[1]), dtype=kernel.dtype),
                zeros_like(bias),
            )
            (d_h, d_c, d_weights, d_bias), d_xs = scan(
                step, start, (xs, valid, gates, hs, cs, d_outputs), reverse=True
            )
            features = kernel.shape[0]
            d_xs = _batch_first(d_xs, backwards)
            return d_xs, d_weights[:features], d_weights[features:], d_bias, d_h, d_c

        outputs = _steps_first(outputs, False)
        return ((outputs, last_h, last_c) if sequences else (last_h, last_c)), gradient

    results = custom_gradient(run)(xs, kernel, recurrent_kernel, bias, h, c)
    return tuple(results) if sequences else (None, *results)


@op(tensors=6, dtype="float")
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
    """Run a GRU whose reset gate follows the recurrent product, with tanh and sigmoid, over sequences.

    With x = x_t @ kernel + bias and r = h_(t-1) @ recurrent_kernel + recurrent_bias, both cut into three: z = sigmoid(x_z + r_z);
    s = sigmoid(x_s + r_s); n = tanh(x_n + s r_n); h_t = z h_(t-1) + (1 - z) n. In rows that are not valid the state stays.

    Args:
        xs: tensor `(batch, steps, features)`.
        kernel, recurrent_kernel: `(features, 3 units)`, `(units, 3 units)`.
        bias, recurrent_bias: `(3 units,)`.
        h: the first state, `(batch, units)`.
        valid: bool tensor `(batch, steps)`, or None.
        sequences: bool. Whether h of every step is returned.
        backwards: bool. Whether the sequences are read from the end; the outputs stand in the order of reading.
    Returns:
        `(batch, steps, units)` or None, and the last h.
    """

    valid = _steps_first(valid, backwards)

    def run(xs, kernel, recurrent_kernel, bias, recurrent_bias, h):
        xs = _steps_first(xs, backwards)

        def step(h, inputs):
            x, now = inputs
            inner = matmul(h, recurrent_kernel) + recurrent_bias
            (x_z, x_s, x_n), (r_z, r_s, r_n) = split(x, 3, axis=-1), split(inner, 3, axis=-1)
            z, s = _gate(x_z + r_z), _gate(x_s + r_s)
            n = tanh(x_n + s * r_n)
            new = _keep(now, z * h + (1 - z) * n, h)
            return new, (concatenate([z, s, n, r_n], axis=-1), h, new if sequences else None)

        last, (gates, hs, outputs) = scan(step, h, (matmul(xs, kernel) + bias, valid))

        def gradient(upstream):
            d_outputs, d_h = upstream if sequences else (None, upstream)
            d_outputs = _steps_first(d_outputs, False)
            transposed, back = swapaxes(kernel, 0, 1), swapaxes(recurrent_kernel, 0, 1)

            def step(carry, inputs):
                (d_h, d_kernel, d_recurrent, d_bias, d_bias_n), (x, now, gates, h, d_out) = (
                    carry,
                    inputs,
                )
                z, s, n, r_n = split(gates, 4, axis=-1)
                d_h, past = _gradient_parts(now, _plus(d_h, d_out))
                d_n = d_h * (1 - z) * (1 - n * n)
                d_gates = [d_h * (h - n) * z * (1 - z), d_n * r_n * s * (1 - s)]
                d_x, d_inner = (concatenate([*d_gates, each], axis=-1) for each in (d_n, d_n * s))
                carry = (
                    _plus(d_h * z + matmul(d_inner, back), past),
                    d_kernel + matmul(swapaxes(x, 0, 1), d_x),
                    d_recurrent + matmul(swapaxes(h, 0, 1), d_inner),
                    d_bias + sum_(d_x, axis=0),
                    d_bias_n + sum_(d_n * s, axis=0),
                )
                return carry, matmul(d_x, transposed)

            units = recurrent_kernel.shape[0]
            start = (
                d_h,
                *map(zeros_like, (kernel, recurrent_kernel, bias)),
                zeros((units,), dtype=bias.dtype),
            )
            (d_h, d_kernel, d_recurrent, d_bias, d_bias_n), d_xs = scan(
                step, start, (xs, valid, gates, hs, d_outputs), reverse=True
            )
            d_recurrent_bias = concatenate([d_bias[: 2 * units], d_bias_n])
            d_xs = _batch_first(d_xs, backwards)
            return d_xs, d_kernel, d_recurrent, d_bias, d_recurrent_bias, d_h

        outputs = _steps_first(outputs, False)
        return ((outputs, last) if sequences else last), gradient

    results = custom_gradient(run)(xs, kernel, recurrent_kernel, bias, recurrent_bias, h)
    return tuple(results) if sequences else (None, results)
