"""Attention: each place of one sequence takes a weighted mean over the places of another.

>>> import numpy as np
>>> import hornpipe as keras
>>> x = np.ones((2, 6, 8))
>>> keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x).shape
(2, 6, 8)
"""

from __future__ import annotations

from hornpipe import ops, random
from hornpipe.core.config import register
from hornpipe.core.errors import message, near_miss
from hornpipe.core.layer import Layer
from hornpipe.core.random import SeedGenerator, check_seed
from hornpipe.layers._support import check_rate, known_size, shape_error


class _PlainAttention(Layer):
    """Base of the two without projections: inputs `[query, value]` or `[query, value, key]`."""

    supports_masking = True
    row_independent = True

    def _set(self, dropout, seed):
        self.dropout = check_rate(self, "dropout", dropout)
        self.seed = seed
        if seed is not None:
            check_seed(seed, self.who)
        if self.dropout:
            self.seed_generator = SeedGenerator(seed)

    def _check(self, input_shape) -> list[tuple]:
        """Return the shapes of query, value and key.

        Raises:
            ShapeError: not two or three inputs of rank 3, or sizes that do not fit.
        """
        several = isinstance(input_shape, (list, tuple)) and all(
            isinstance(each, (list, tuple)) for each in input_shape
        )
        if (
            not several
            or len(input_shape) not in (2, 3)
            or any(len(each) != 3 for each in input_shape)
        ):
            fix = "Call it on [query, value] or [query, value, key], each (batch, steps, size)."
            raise shape_error(self, "takes a list of 2 or 3 inputs with 3 axes", input_shape, fix)
        query, value = map(tuple, input_shape[:2])
        key = tuple(input_shape[2]) if len(input_shape) == 3 else value
        for other, axis in ((query, -1), (value, 1)):
            if None not in (other[axis], key[axis]) and other[axis] != key[axis]:
                what = (
                    "the last axes of query and key" if axis == -1 else "the steps of value and key"
                )
                raise shape_error(
                    self, f"{what} must be equal: {other[axis]} and {key[axis]}", input_shape
                )
        return [query, value, key]

    def _scores(self, query, key):
        """Return `(batch, query steps, key steps)`."""
        raise NotImplementedError

    def call(
        self,
        inputs,
        mask=None,
        training=False,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) == 3 else value
        masks = list(mask) if isinstance(mask, (list, tuple)) else [mask]
        query_mask, value_mask = masks[0], masks[1] if len(masks) > 1 else None
        scores = self._scores(query, key)
        allowed = None if value_mask is None else ops.expand_dims(ops.cast(value_mask, "bool"), 1)
        if use_causal_mask:
            allowed = _both(allowed, _causal(query.shape[1], key.shape[1]))
        weights = _softmax(scores, allowed)
        if training and self.dropout:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        outputs = ops.matmul(weights, value)
        if query_mask is not None:
            outputs = ops.multiply(
                outputs, ops.expand_dims(ops.cast(query_mask, ops.dtype(outputs)), -1)
            )
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs, previous_mask):
        return previous_mask[0] if isinstance(previous_mask, (list, tuple)) else None


def _softmax(scores, allowed, axis=-1):
    """Return weights over the last axes that are 0 where `allowed` is False; float32 inside for 16-bit floats."""
    own = ops.dtype(scores)
    if own in ("float16", "bfloat16"):
        scores = ops.cast(scores, "float32")
    if allowed is not None:
        scores = ops.where(allowed, scores, -1e9)
    return ops.cast(ops.softmax(scores, axis=axis), own)


def _both(first, second):
    if first is None or second is None:
        return second if first is None else first
    return ops.logical_and(first, second)


def _causal(targets, sources):
    """Return which places `(1, targets, sources)` a place may look at: itself and those before."""
    if None in (targets, sources):
        return ops.ones((1, targets, sources), dtype="bool")
    places = ops.expand_dims(ops.arange(targets, dtype="int32"), 1)
    return ops.expand_dims(
        ops.greater_equal(places, ops.expand_dims(ops.arange(sources, dtype="int32"), 0)), 0
    )


def _window(targets, sources, size):
    """Return which places are less than `size` places away."""
    if None in (targets, sources):
        return ops.ones((1, targets, sources), dtype="bool")
    places = ops.expand_dims(ops.arange(targets, dtype="int32"), 1)
    distance = ops.abs(ops.subtract(places, ops.expand_dims(ops.arange(sources, dtype="int32"), 0)))
    return ops.expand_dims(ops.less(distance, size), 0)


@register("layer")
class Attention(_PlainAttention):
    """Computes dot-product attention without projections.

    outputs = softmax(scores) @ value, with scores = scale * query @ key^T for "dot", and
    concat_score_weight * sum(tanh(scale * (query + key))) over the last axis for "concat".

    Args:
        use_scale: bool. Whether the scores have a factor that is learned. Default False.
        score_mode: "dot" or "concat". Default "dot".
        dropout: float in [0, 1). Fraction of the weights dropped while training. Default 0.
        seed: int or None (drawn).
    Input shape:
        A list: query `(batch, targets, size)`, value `(batch, sources, value_size)` and, where it differs from value, key
        `(batch, sources, size)`. `mask`: a list with the masks of query and value: masked values get no weight, masked queries
        give zeros. `use_causal_mask`: a place sees itself and those before.
    Output shape:
        `(batch, targets, value_size)`; with `return_attention_scores` a tuple of it and the weights `(batch, targets, sources)`.
    Weights:
        scale `()`, ones, where `use_scale`; concat_score_weight `()`, ones, where `score_mode` is "concat".
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: not two or three inputs of rank 3, or sizes that do not fit.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Attention()([np.zeros((1, 2, 3)), np.ones((1, 4, 3))]).shape
        (1, 2, 3)

    References:
        Luong, Pham and Manning (2015), Effective approaches to attention-based neural machine translation, arXiv:1508.04025,
        equation 8.
    """

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._set(dropout, seed)
        self.use_scale = bool(use_scale)
        if score_mode not in ("dot", "concat"):
            fix = near_miss(score_mode, ("dot", "concat")).strip()
            rule = "`score_mode` must be one of ('dot', 'concat')"
            raise ValueError(message(self.who, rule, f"score_mode={score_mode!r}", fix))
        self.score_mode = score_mode

    def build(self, input_shape):
        self._check(input_shape)
        self.scale = (
            self.add_weight(name="scale", shape=(), initializer="ones") if self.use_scale else None
        )
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones"
            )
        self.built = True

    def _scores(self, query, key):
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, 1, 2))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        sums = ops.add(ops.expand_dims(query, 2), ops.expand_dims(key, 1))
        sums = sums if self.scale is None else ops.multiply(sums, self.scale)
        return ops.multiply(ops.sum(ops.tanh(sums), axis=-1), self.concat_score_weight)


@register("layer")
class AdditiveAttention(_PlainAttention):
    """Computes additive attention without projections.

    outputs = softmax(scores) @ value, with scores = sum(scale * tanh(query + key)) over the last axis.

    Args:
        use_scale: bool. Whether the sum is weighted by a vector that is learned. Default True.
        dropout: float in [0, 1). Fraction of the weights dropped while training. Default 0.
        kwargs: `seed` (int or None), and the arguments of `Layer`.
    Input shape:
        As `Attention`.
    Output shape:
        As `Attention`.
    Weights:
        scale `(size,)`, glorot_uniform, where `use_scale`.
    Raises:
        ValueError, ShapeError: as `Attention`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.AdditiveAttention()([np.zeros((1, 2, 3)), np.ones((1, 4, 3))]).shape
        (1, 2, 3)

    References:
        Bahdanau, Cho and Bengio (2014), Neural machine translation by jointly learning to align and translate, arXiv:1409.0473,
        section A.1.2, without the projections.
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        seed = kwargs.pop("seed", None)
        super().__init__(**kwargs)
        self._set(dropout, seed)
        self.use_scale = bool(use_scale)

    def build(self, input_shape):
        query, _, _ = self._check(input_shape)
        self.scale = None
        if self.use_scale:
            size = known_size(self, query, -1, "last axis")
            self.scale = self.add_weight(name="scale", shape=(size,), initializer="glorot_uniform")
        self.built = True

    def _scores(self, query, key):
        sums = ops.tanh(ops.add(ops.expand_dims(query, 2), ops.expand_dims(key, 1)))
        return ops.sum(sums if self.scale is None else ops.multiply(sums, self.scale), axis=-1)
