"""Normalisation and attention.

>>> import hornpipe as keras
>>> keras.ops.layer_normalization([[1.0, 3.0]], epsilon=0.0).tolist()
[[-1.0, 1.0]]
"""

from __future__ import annotations

import math

import numpy as np

from hornpipe.core import settings
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import convert, op, to_tensor
from hornpipe.engine.select import active
from hornpipe.ops._common import all_axes, cast_to, dtype_of, one_axis, widen
from hornpipe.ops.math import (
    add,
    divide,
    logical_and,
    multiply,
    rsqrt,
    square,
    subtract,
    tanh,
    where,
)
from hornpipe.ops.nn import softmax
from hornpipe.ops.reduce import mean, moments
from hornpipe.ops.shape import repeat, reshape, transpose


def _along(vector, axis, rank):
    """Return a vector, or None, with ones around it so that it lies along `axis`."""
    return (
        vector
        if vector is None
        else reshape(vector, tuple(-1 if i == axis else 1 for i in range(rank)))
    )


@op(dtype="float")
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """Return (x - mean) / sqrt(variance + epsilon) * scale + offset, by vectors along an axis.

    Args:
        x: tensor.
        mean, variance: vectors of the size of `axis`.
        axis: int.
        offset, scale: vectors, or None for 0 and 1.
        epsilon: float > 0, inside the root.
    Returns:
        Shape and dtype of `x`; 16-bit floats are computed in float32.
    Raises:
        ValueError: a vector has another size.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.batch_normalization([[3.0]], [1.0], [4.0], -1, epsilon=0.0).tolist()
        [[1.0]]

    References:
        Ioffe and Szegedy (2015), arXiv:1502.03167, algorithm 2.
    """
    axis, dtype = one_axis("batch_normalization", axis, len(x.shape)), dtype_of(x)
    x, mean, variance, offset, scale = convert([widen(x), mean, variance, offset, scale], "promote")
    for label, vector in (
        ("mean", mean),
        ("variance", variance),
        ("offset", offset),
        ("scale", scale),
    ):
        if (
            vector is not None
            and None not in (x.shape[axis], *vector.shape)
            and tuple(vector.shape) != (x.shape[axis],)
        ):
            rule = f"`{label}` must have the shape ({x.shape[axis]},)"
            raise ShapeError(message("batch_normalization", rule, f"shape={tuple(vector.shape)}"))
    factor = rsqrt(add(variance, epsilon))
    factor = factor if scale is None else multiply(factor, scale)
    rank = len(x.shape)
    out = multiply(subtract(x, _along(mean, axis, rank)), _along(factor, axis, rank))
    return cast_to(out if offset is None else add(out, _along(offset, axis, rank)), dtype)


def _weight(who, label, weight, x, axes):
    """Return a scale or offset with ones around it so that it lies along `axes`."""
    sizes = tuple(x.shape[axis] for axis in axes)
    if len(weight.shape) not in (len(axes), len(x.shape)):
        raise ShapeError(
            message(who, f"`{label}` must have the shape {sizes}", f"shape={tuple(weight.shape)}")
        )
    if len(weight.shape) == len(x.shape):
        return weight
    return reshape(weight, tuple(x.shape[i] if i in axes else 1 for i in range(len(x.shape))))


@op(dtype="float")
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """Return (x - mean) / sqrt(variance + epsilon) * gamma + beta, with the moments of `x` over axes.

    Args:
        x: tensor.
        gamma, beta: tensors of the sizes of those axes, or None for 1 and 0.
        axis: int or sequence of ints.
        epsilon: float, inside the root; `keras.config.epsilon()` by default.
    Returns:
        Shape and dtype of `x`; 16-bit floats are computed in float32.
    Raises:
        ValueError: `gamma` or `beta` has another rank.
        TypeError: an unknown argument.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.layer_normalization([[1.0, 3.0]], epsilon=0.0).tolist()
        [[-1.0, 1.0]]

    References:
        Ba, Kiros and Hinton (2016), arXiv:1607.06450, equation 3.
    """
    if kwargs:
        raise TypeError(
            message("layer_normalization", "got an unknown argument", next(iter(kwargs)))
        )
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes, dtype = all_axes("layer_normalization", axis, len(x.shape)), dtype_of(x)
    x, gamma, beta = convert([widen(x), gamma, beta], "promote")
    center, spread = moments(x, axes, keepdims=True)
    out = multiply(subtract(x, center), rsqrt(add(spread, epsilon)))
    if gamma is not None:
        out = multiply(out, _weight("layer_normalization", "gamma", gamma, x, axes))
    if beta is not None:
        out = add(out, _weight("layer_normalization", "beta", beta, x, axes))
    return cast_to(out, dtype)


@op(dtype="float")
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """Return x / sqrt(mean(x**2) + epsilon) * scale, over axes.

    Args:
        x: tensor.
        scale: tensor of the sizes of those axes, or None for 1.
        axis: int or sequence of ints.
        epsilon: float, inside the root; `keras.config.epsilon()` by default.
    Returns:
        Shape and dtype of `x`; 16-bit floats are computed in float32.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.rms_normalization([[2.0, -2.0]], epsilon=0.0).tolist()
        [[1.0, -1.0]]

    References:
        Zhang and Sennrich (2019), arXiv:1910.07467, equation 4.
    """
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes, dtype = all_axes("rms_normalization", axis, len(x.shape)), dtype_of(x)
    x, scale = convert([widen(x), scale], "promote")
    out = multiply(x, rsqrt(add(mean(square(x), axes, keepdims=True), epsilon)))
    if scale is not None:
        out = multiply(out, _weight("rms_normalization", "scale", scale, x, axes))
    return cast_to(out, dtype)


# ---- attention


@op(tensors=3, dtype="float")
def attention_general(
    query, key, value, bias=None, mask=None, scale=1.0, soft_cap=None, is_causal=False
):
    """Return softmax(query key^T * scale + bias) value per head; an engine may have a faster one.

    Args:
        query: `(batch, target, heads, size)`; key, value: `(batch, source, key_heads, size)`, `heads` a multiple of `key_heads`.
        bias: tensor that broadcasts to `(batch, heads, target, source)`, or None.
        mask: bool tensor that broadcasts to it, True where attention is allowed, or None.
        scale: float. soft_cap: None, or c for c * tanh(scores / c).
        is_causal: bool. Whether a place sees only itself and those before it.
    Returns:
        `(batch, target, heads, size)`. Scores and softmax are computed in float32 for 16-bit floats; a row whose every
        place is masked averages all values.
    """
    dtype = dtype_of(query)
    if query.shape[2] != key.shape[2]:
        key, value = (repeat(x, query.shape[2] // key.shape[2], axis=2) for x in (key, value))
    if is_causal:
        target, source = query.shape[1], key.shape[1]
        if None in (target, source):
            causal = active.engine.full((target, source), True, dtype="bool")
        else:
            causal = active.engine.asarray(np.tri(target, source, dtype="bool"))
        mask = causal if mask is None else logical_and(mask, causal)
    query, key, value = (transpose(widen(x), (0, 2, 1, 3)) for x in (query, key, value))
    scores = multiply(active.engine.matmul(query, transpose(key, (0, 1, 3, 2))), scale)
    if bias is not None:
        scores = add(scores, cast_to(to_tensor(bias), dtype_of(scores)))
    if soft_cap is not None:
        scores = multiply(tanh(divide(scores, soft_cap)), soft_cap)
    if mask is not None:
        scores = where(mask, scores, -1e30)
    return cast_to(transpose(active.engine.matmul(softmax(scores), value), (0, 2, 1, 3)), dtype)


@op(tensors=3, dtype="float")
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """Return softmax(query key^T * scale + bias) value, head by head.

    Args:
        query: tensor `(batch, target, heads, size)`.
        key, value: tensors `(batch, source, key_heads, size)`; `heads` must be a multiple of `key_heads`.
        bias: tensor that broadcasts to `(batch, heads, target, source)`, added to the scores.
        mask: bool tensor that broadcasts to it; True where attention is allowed.
        scale: float; 1 / sqrt(size) by default.
        is_causal: bool. Whether a place sees only itself and those before it.
        flash_attention: kept for Keras's signature; the engine decides.
        attn_logits_soft_cap: None, or c > 0: scores become c * tanh(scores / c).
    Returns:
        `(batch, target, heads, size)`, dtype of `query`.
    Raises:
        ValueError: a rank other than 4, or heads that do not divide.
    Numerics:
        Scores are float32 or wider. A row whose every place is masked averages all values.

    Example:
        >>> import hornpipe as keras
        >>> x = keras.ops.ones((1, 2, 1, 4))
        >>> keras.ops.dot_product_attention(x, x, x, is_causal=True).shape == (1, 2, 1, 4)
        True

    References:
        Vaswani et al. (2017), arXiv:1706.03762, equation 1. Grouped heads: Ainslie et al. (2023), arXiv:2305.13245.
    """
    who = "dot_product_attention"
    for label, tensor in (("query", query), ("key", key), ("value", value)):
        if len(tensor.shape) != 4:
            rule = f"`{label}` must have the shape (batch, length, heads, size)"
            raise ShapeError(message(who, rule, f"shape={tuple(tensor.shape)}"))
    heads, key_heads = query.shape[2], key.shape[2]
    if heads % key_heads:
        raise ShapeError(
            message(who, "query heads must be a multiple of key heads", f"{heads} and {key_heads}")
        )
    if mask is not None:
        (mask,) = convert([mask], "same")
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    return attention_general(
        query, key, value, bias, mask, scale, attn_logits_soft_cap, bool(is_causal)
    )
