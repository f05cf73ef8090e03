"""Attention with several heads, each with projections of its own.

>>> import numpy as np
>>> import hornpipe as keras
>>> x = np.ones((2, 6, 8))
>>> keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x, use_causal_mask=True).shape
(2, 6, 8)
"""

from __future__ import annotations

import math

from hornpipe import ops, random
from hornpipe.core.config import Configurable, register, resolve
from hornpipe.core.errors import message
from hornpipe.core.layer import Layer
from hornpipe.core.random import SeedGenerator, check_seed
from hornpipe.layers._support import (
    build_inner,
    check_rank,
    check_rate,
    known_size,
    positive_int,
    shape_error,
)
from hornpipe.layers.attention import _both, _causal, _softmax, _window
from hornpipe.layers.dense import EinsumDense

_FREE = "bcdefghijklmnopqrstuvwxyz"


class HeadedAttention(Layer):
    """Base of the attentions with heads: projections of query, key and value, and one of the outcome."""

    supports_masking = True

    def _set(self, given: dict):
        """Take over a constructor's `locals()`."""
        self.dropout = check_rate(self, "dropout", given["dropout"])
        self.use_bias, self.use_gate = bool(given["use_bias"]), bool(given["use_gate"])
        self.sliding_window = given["sliding_window"]
        if self.sliding_window is not None:
            self.sliding_window = positive_int(self, "sliding_window", self.sliding_window)
        self.seed = given["seed"]
        if self.seed is not None:
            check_seed(self.seed, self.who)
        if self.dropout:
            self.seed_generator = SeedGenerator(self.seed)
        self._parts = {}
        for name in ("initializer", "regularizer", "constraint"):
            for weight in ("kernel", "bias"):
                part = resolve(name, given[f"{weight}_{name}"])
                self._parts[f"{weight}_{name}"] = part
                setattr(self, f"{weight}_{name}", part)

    def _fresh_parts(self) -> dict:
        """Return initializers, regularizers and constraints for one projection: initializers draw anew for each."""
        return {
            name: type(part).from_config(part.get_config())
            if isinstance(part, Configurable)
            else part
            for name, part in self._parts.items()
        }

    def _project(self, name, equation, sizes, bias_axes, shape) -> EinsumDense:
        """Return a built projection named `name`."""
        layer = EinsumDense(
            equation,
            output_shape=sizes,
            bias_axes=bias_axes if self.use_bias else None,
            dtype=self.dtype_policy,
            name=name,
            **self._fresh_parts(),
        )
        build_inner(layer, shape)
        return layer

    def _allowed(self, query, value, masks, attention_mask, causal):
        """Return which places `(batch, targets, sources)` get weight, or None for all.

        Args:
            query, value: tensors.
            masks: those of query, value and key, or None.
            attention_mask: bool or number tensor `(batch, targets, sources)` or with heads, or None.
            causal: bool.
        """
        query_mask, value_mask, key_mask = masks
        allowed = None
        if query_mask is not None:
            allowed = ops.expand_dims(ops.cast(query_mask, "bool"), -1)
        for mask in (value_mask, key_mask):
            if mask is not None:
                allowed = _both(allowed, ops.expand_dims(ops.cast(mask, "bool"), -2))
        if causal:
            allowed = _both(allowed, _causal(query.shape[1], value.shape[1]))
        if self.sliding_window is not None:
            allowed = _both(allowed, _window(query.shape[1], value.shape[1], self.sliding_window))
        if attention_mask is None:
            return allowed
        given = ops.cast(attention_mask, "bool")
        if allowed is not None:
            for _ in range(len(given.shape) - len(allowed.shape)):
                allowed = ops.expand_dims(allowed, 1)
        return _both(allowed, given)

    def _drop(self, weights, training):
        if not (training and self.dropout):
            return weights
        return random.dropout(weights, self.dropout, seed=self.seed_generator)

    def compute_mask(self, inputs, previous_mask):
        return previous_mask


@register("layer")
class MultiHeadAttention(HeadedAttention):
    """Computes scaled dot-product attention in several heads.

    Per head: outputs = softmax(q k^T / sqrt(key_dim)) v, with q, k, v projections of query, key and value; the heads' outputs are
    projected together. Called as `layer(query, value, key=value)`.

    Args:
        num_heads: int >= 1.
        key_dim: int >= 1. Size of each head's q and k.
        value_dim: int >= 1. Size of each head's v; None for `key_dim`.
        dropout: float in [0, 1). Fraction of the weights dropped while training. Default 0.
        use_bias: bool. Whether the projections have a bias. Default True.
        output_shape: int or tuple of ints. Size of the outputs; None for the last axis of query.
        attention_axes: int or tuple of ints. Axes that attention runs over; None for all between the batch and the last.
        sliding_window: int >= 1. Places attend to those less than this far away; None for no limit.
        flash_attention: kept for Keras's signature; the engine decides.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
        use_gate: bool. Whether the heads' outputs are multiplied by sigmoid of a further projection of query. Default False.
        seed: int or None (drawn).
    Input shape:
        query `(batch, targets, size)`, value and key `(batch, sources, size)`, or more axes between. `query_mask`, `value_mask`,
        `key_mask`: bool `(batch, steps)`. `attention_mask`: `(batch, targets, sources)`, or `(batch, heads, targets, sources)`,
        True where attention is allowed. `use_causal_mask`: a place sees itself and those before.
    Output shape:
        `(batch, targets, output)`; with `return_attention_scores` a tuple of it and the weights
        `(batch, heads, targets, sources)`.
    Weights:
        query, key and value, each with kernel `(size, num_heads, key_dim)`, glorot_uniform, and bias `(num_heads, key_dim)`,
        zeros; attention_output with kernel `(num_heads, value_dim, output)` and bias `(output,)`.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: ranks differ or are < 3, unknown last axes, or key and value of different lengths.
    Numerics:
        16-bit inputs: softmax in float32. A place that may attend to none attends to all equally.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
        >>> outputs, weights = layer(np.ones((1, 3, 8)), np.ones((1, 5, 8)), return_attention_scores=True)
        >>> outputs.shape, weights.shape
        ((1, 3, 8), (1, 2, 3, 5))

    References:
        Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.2.2.
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.num_heads = positive_int(self, "num_heads", num_heads)
        self.key_dim = positive_int(self, "key_dim", key_dim)
        self.value_dim = (
            self.key_dim if value_dim is None else positive_int(self, "value_dim", value_dim)
        )
        self._set(locals())
        if self.use_gate and self.value_dim != self.key_dim:
            rule = "`use_gate` needs `value_dim` equal to `key_dim`"
            raise ValueError(
                message(self.who, rule, f"value_dim={self.value_dim}, key_dim={self.key_dim}")
            )
        self._output_sizes = None
        if output_shape is not None:
            sizes = output_shape if isinstance(output_shape, (list, tuple)) else [output_shape]
            self._output_sizes = tuple(positive_int(self, "output_shape", size) for size in sizes)
        axes = [attention_axes] if isinstance(attention_axes, int) else attention_axes
        if axes is not None and (
            not axes or any(isinstance(a, bool) or not isinstance(a, int) or a == 0 for a in axes)
        ):
            rule = "`attention_axes` must hold integers other than 0, the batch"
            raise ValueError(message(self.who, rule, f"attention_axes={attention_axes!r}"))
        self.attention_axes = None if axes is None else tuple(axes)
        self.row_independent = self.activity_regularizer is None

    def build(self, query_shape, value_shape, key_shape=None):
        query, value = (
            check_rank(self, query_shape, least=3),
            check_rank(self, value_shape, least=3),
        )
        key = value if key_shape is None else check_rank(self, key_shape, least=3)
        rank = len(query)
        if len(value) != rank or len(key) != rank:
            raise shape_error(
                self, "needs query, value and key with equal numbers of axes", [query, value, key]
            )
        if any(
            None not in pair and pair[0] != pair[1]
            for pair in zip(key[1:-1], value[1:-1], strict=True)
        ):
            raise shape_error(self, "needs value and key of equal length", [query, value, key])
        self._axes = self._find_axes(rank, query)
        middle = _FREE[: rank - 2]
        into, heads = f"a{middle}z,zxy->a{middle}xy", (*(None,) * (rank - 2), self.num_heads)
        self._query_dense = self._project("query", into, (*heads, self.key_dim), "xy", query)
        self._key_dense = self._project("key", into, (*heads, self.key_dim), "xy", key)
        if self.use_gate:
            self._gate_dense = self._project("gate", into, (*heads, self.key_dim), "xy", query)
        self._value_dense = self._project("value", into, (*heads, self.value_dim), "xy", value)
        sizes = self._output_sizes or (known_size(self, query, -1, "last axis"),)
        made = "uvw"[: len(sizes)]
        outward = f"a{middle}xy,xy{made}->a{middle}{made}"
        inner = (*query[:-1], self.num_heads, self.value_dim)
        self._output_dense = self._project(
            "attention_output", outward, (*(None,) * (rank - 2), *sizes), made, inner
        )
        self.built = True

    def _find_axes(self, rank, shape) -> list[int]:
        if self.attention_axes is None:
            return list(range(1, rank - 1))
        for axis in self.attention_axes:
            if not 0 < axis % rank < rank - 1 or not -rank <= axis < rank:
                rule = f"`attention_axes` {self.attention_axes} must lie between the batch and the last axis"
                raise shape_error(self, rule, shape)
        return sorted({axis % rank for axis in self.attention_axes})

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        weighted = return_attention_scores or (training and self.dropout)
        plain = len(query.shape) == 3 and not weighted
        masks = query_mask, value_mask, key_mask
        allowed = self._allowed(query, value, masks, attention_mask, use_causal_mask and not plain)
        key = value if key is None else key
        gate = ops.sigmoid(self._gate_dense(query)) if self.use_gate else None
        query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        weights = None
        if plain:
            if allowed is not None and len(allowed.shape) == 3:
                allowed = ops.expand_dims(allowed, 1)
            outputs = ops.dot_product_attention(
                query,
                key,
                value,
                mask=allowed,
                scale=self.key_dim**-0.5,
                is_causal=bool(use_causal_mask),
            )
        else:
            outputs, weights = self._attend(query, key, value, allowed, training)
        if gate is not None:
            outputs = ops.multiply(outputs, gate)
        outputs = self._output_dense(outputs)
        return (outputs, weights) if return_attention_scores else outputs

    def _attend(self, query, key, value, allowed, training):
        """Return what the heads give and their weights, for attention over any axes."""
        middle = range(1, len(query.shape) - 2)
        left = ["a", *(_FREE[i - 1] for i in middle), "x", "y"]
        right = [
            "a",
            *((_FREE[i - 1].upper() if i in self._axes else _FREE[i - 1]) for i in middle),
            "x",
            "y",
        ]
        free = [left[i] for i in middle if i not in self._axes]
        targets, sources = [left[i] for i in self._axes], [right[i] for i in self._axes]
        scored = "".join(["a", *free, "x", *targets, *sources])
        left, right = "".join(left), "".join(right)
        query = ops.multiply(query, 1.0 / math.sqrt(self.key_dim))
        scores = ops.einsum(f"{left},{right}->{scored}", query, key)
        if allowed is not None:
            for _ in range(len(scores.shape) - len(allowed.shape)):
                allowed = ops.expand_dims(allowed, -2 * len(self._axes) - 1)
        axis = tuple(range(-len(self._axes), 0))
        weights = _softmax(scores, allowed, axis if len(axis) > 1 else -1)
        return ops.einsum(
            f"{scored},{right}->{left}", self._drop(weights, training), value
        ), weights


@register("layer", "GroupedQueryAttention")
class GroupQueryAttention(HeadedAttention):
    """Computes scaled dot-product attention in which several query heads share a head of key and value.

    As `MultiHeadAttention`; query head h uses key and value head h // (num_query_heads // num_key_value_heads).

    Args:
        head_dim: int >= 1. Size of each head.
        num_query_heads: int >= 1, a multiple of `num_key_value_heads`.
        num_key_value_heads: int >= 1.
        dropout: float in [0, 1). Fraction of the weights dropped while training. Default 0.
        use_bias: bool. Whether the projections have a bias. Default True.
        sliding_window: int >= 1. Places attend to those less than this far away; None for no limit.
        flash_attention: kept for Keras's signature; the engine decides.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
        use_gate: bool. Whether the heads' outputs are multiplied by sigmoid of a further projection of query. Default False.
        seed: int or None (drawn).
    Input shape:
        query `(batch, targets, size)`, value and key `(batch, sources, size)`; masks as `MultiHeadAttention`.
    Output shape:
        `(batch, targets, size)`; with `return_attention_scores` a tuple of it and the weights
        `(batch, num_query_heads, targets, sources)`.
    Weights:
        query with kernel `(size, num_query_heads, head_dim)`, key and value with kernels `(size, num_key_value_heads, head_dim)`,
        attention_output with kernel `(num_query_heads, head_dim, size)`, glorot_uniform; biases, zeros.
    Raises:
        ValueError: an argument is out of its range, or the heads do not divide (at construction).
        ShapeError: inputs of another rank than 3, or unknown last axes.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)
        >>> layer(np.ones((1, 3, 8)), np.ones((1, 5, 8))).shape
        (1, 3, 8)

    References:
        Ainslie et al. (2023), GQA: training generalized multi-query transformer models, arXiv:2305.13245, section 2.2.
    """

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.head_dim = positive_int(self, "head_dim", head_dim)
        self.num_query_heads = positive_int(self, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_int(self, "num_key_value_heads", num_key_value_heads)
        if self.num_query_heads % self.num_key_value_heads:
            rule = "`num_query_heads` must be a multiple of `num_key_value_heads`"
            received = (
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
            raise ValueError(message(self.who, rule, received))
        self._set(locals())
        self.row_independent = self.activity_regularizer is None

    def build(self, query_shape, value_shape, key_shape=None):
        query, value = (
            check_rank(self, query_shape, exact=3),
            check_rank(self, value_shape, exact=3),
        )
        key = value if key_shape is None else check_rank(self, key_shape, exact=3)
        if None not in (key[1], value[1]) and key[1] != value[1]:
            raise shape_error(self, "needs value and key of equal length", [query, value, key])
        into, size = "abz,zxy->abxy", known_size(self, query, -1, "last axis")
        many, few = (
            (None, self.num_query_heads, self.head_dim),
            (None, self.num_key_value_heads, self.head_dim),
        )
        self._query_dense = self._project("query", into, many, "xy", query)
        self._key_dense = self._project("key", into, few, "xy", key)
        if self.use_gate:
            self._gate_dense = self._project("gate", into, many, "xy", query)
        self._value_dense = self._project("value", into, few, "xy", value)
        inner = (*query[:-1], self.num_query_heads, self.head_dim)
        self._output_dense = self._project(
            "attention_output", "abxy,xyu->abu", (None, size), "u", inner
        )
        self.built = True

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        weighted = return_attention_scores or (training and self.dropout)
        masks = query_mask, value_mask, key_mask
        allowed = self._allowed(query, value, masks, attention_mask, use_causal_mask and weighted)
        if allowed is not None and len(allowed.shape) == 3:
            allowed = ops.expand_dims(allowed, 1)
        key = value if key is None else key
        gate = ops.sigmoid(self._gate_dense(query)) if self.use_gate else None
        query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        scale, weights = self.head_dim**-0.5, None
        if weighted:
            groups = self.num_query_heads // self.num_key_value_heads
            key, value = ops.repeat(key, groups, axis=2), ops.repeat(value, groups, axis=2)
            scores = ops.einsum("abxy,acxy->axbc", ops.multiply(query, scale), key)
            weights = _softmax(scores, allowed)
            outputs = ops.einsum("axbc,acxy->abxy", self._drop(weights, training), value)
        else:
            causal = bool(use_causal_mask)
            outputs = ops.dot_product_attention(
                query, key, value, mask=allowed, scale=scale, is_causal=causal
            )
        if gate is not None:
            outputs = ops.multiply(outputs, gate)
        outputs = self._output_dense(outputs)
        return (outputs, weights) if return_attention_scores else outputs
