"""Normalisation and attention against NumPy and PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn import functional

import hornpipe as keras
from hornpipe.core.errors import ShapeError
from tests.support import assert_close, numbers

L = keras.layers
X = np.random.default_rng(0).normal(2.0, 3.0, size=(4, 5, 6)).astype("float32")
MASK = np.arange(20).reshape(4, 5) % 3 > 0


def _randomize(layer, *inputs):
    layer(*inputs)
    generator = np.random.default_rng(1)
    layer.set_weights([generator.uniform(0.5, 1.5, w.shape) for w in layer.weights])


def test_batch_normalization_in_training_and_inference():
    layer = L.BatchNormalization(momentum=0.9)
    _randomize(layer, X)
    gamma, beta, mean, variance = layer.get_weights()
    inference = gamma * (X - mean) / np.sqrt(variance + 1e-3) + beta
    assert_close(layer(X), inference, 1e-5)
    center, spread = X.mean((0, 1)), X.var((0, 1))
    assert_close(
        layer(X, training=True), gamma * (X - center) / np.sqrt(spread + 1e-3) + beta, 1e-5
    )
    assert_close(layer.moving_mean.value, 0.9 * mean + 0.1 * center, 1e-6)
    assert_close(layer.moving_variance.value, 0.9 * variance + 0.1 * spread, 1e-6)
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]


def test_frozen_batch_normalization_is_in_inference():
    layer = L.BatchNormalization()
    layer(X)
    layer.trainable = False
    assert_close(layer(X, training=True), layer(X, training=False), 0)
    assert not numbers(layer.moving_mean.value).any()


def test_batch_normalization_counts_unmasked_entries_alone():
    layer = L.BatchNormalization(momentum=0.0, epsilon=0.0)
    layer(X, mask=MASK, training=True)
    assert_close(layer.moving_mean.value, X[MASK].mean(0), 1e-5)
    assert_close(layer.moving_variance.value, X[MASK].var(0), 1e-5)


def test_batch_normalization_along_another_axis():
    layer = L.BatchNormalization(axis=1, epsilon=0.0)
    expected = (X - X.mean((0, 2), keepdims=True)) / X.std((0, 2), keepdims=True)
    assert_close(layer(X, training=True), expected, 1e-5)


def test_half_precision_statistics_are_float32():
    layer = L.BatchNormalization(dtype="mixed_bfloat16", momentum=0.0)
    large = (1000 + np.random.default_rng(2).normal(size=(256, 1))).astype("float32")
    outputs = layer(large, training=True)
    seen = numbers(keras.ops.cast(keras.ops.cast(large, "bfloat16"), "float32"))
    assert keras.ops.dtype(outputs) == "bfloat16"
    assert_close(layer.moving_mean.value, seen.mean(0), 1e-6)
    assert_close(layer.moving_variance.value, seen.var(0), 1e-4)


@pytest.mark.parametrize("axis", [-1, [1, 2]])
def test_layer_normalization_against_torch(axis):
    layer = L.LayerNormalization(axis=axis)
    _randomize(layer, X)
    gamma, beta = (torch.from_numpy(w.astype("float64")) for w in layer.get_weights())
    expected = functional.layer_norm(
        torch.from_numpy(X.astype("float64")), tuple(gamma.shape), gamma, beta, 1e-3
    )
    assert_close(layer(X), expected.numpy(), 1e-5)


def test_rms_unit_and_group_normalization():
    layer = L.RMSNormalization()
    _randomize(layer, X)
    wide = X.astype("float64")
    scale = layer.get_weights()[0]
    assert_close(layer(X), scale * wide / np.sqrt((wide**2).mean(-1, keepdims=True) + 1e-6), 1e-5)
    assert_close(
        L.UnitNormalization()(X), wide / np.linalg.norm(wide, axis=-1, keepdims=True), 1e-6
    )
    assert not numbers(L.UnitNormalization()(np.zeros((1, 3)))).any()
    for groups in (1, 2, 3, -1):
        layer = L.GroupNormalization(groups)
        _randomize(layer, X)
        gamma, beta = (torch.from_numpy(w.astype("float64")) for w in layer.get_weights())
        moved = torch.from_numpy(np.moveaxis(wide, -1, 1))
        expected = functional.group_norm(moved, 6 if groups == -1 else groups, gamma, beta, 1e-3)
        assert_close(layer(X), np.moveaxis(expected.numpy(), 1, -1), 1e-5)


def test_arguments_and_shapes_of_normalization():
    with pytest.raises(
        ValueError, match=r"`synchronized` is not supported. Received: synchronized=True"
    ):
        L.BatchNormalization(synchronized=True)
    with pytest.raises(
        ValueError, match=r"`momentum` must be a number in \[0, 1\]. Received: momentum=1.5"
    ):
        L.BatchNormalization(momentum=1.5)
    with pytest.raises(
        ValueError, match=r"`axis` must be an integer or several. Received: axis='last'"
    ):
        L.LayerNormalization(axis="last")
    with pytest.raises(ShapeError, match=r"`axis` 3 does not exist in its inputs"):
        L.LayerNormalization(axis=3)(X)
    with pytest.raises(
        ShapeError, match=r"the 6 channels of its inputs must be a multiple of `groups`, 4"
    ):
        L.GroupNormalization(4)(X)


# ---- attention


def _torch_attention(layer, query, value, **options):
    """What `torch.nn.MultiheadAttention` gives with a layer's weights; size = heads * key_dim."""
    weights = {w.path.split("/", 1)[1]: torch.from_numpy(numbers(w.value)) for w in layer.weights}
    size = query.shape[-1]
    module = torch.nn.MultiheadAttention(
        size, layer.num_heads, batch_first=True, dtype=torch.float64
    )
    projections = [
        weights[f"{name}/kernel"].reshape(size, size).T for name in ("query", "key", "value")
    ]
    biases = [weights[f"{name}/bias"].reshape(size) for name in ("query", "key", "value")]
    module.load_state_dict(
        {
            "in_proj_weight": torch.cat(projections),
            "in_proj_bias": torch.cat(biases),
            "out_proj.weight": weights["attention_output/kernel"].reshape(size, size).T,
            "out_proj.bias": weights["attention_output/bias"],
        }
    )
    query, value = (torch.from_numpy(x.astype("float64")) for x in (query, value))
    with torch.no_grad():
        outputs, scores = module(query, value, value, average_attn_weights=False, **options)
    return outputs.numpy(), scores.numpy()


QUERY, VALUE = X, np.random.default_rng(3).normal(size=(4, 7, 6)).astype("float32")


def test_multi_head_attention_against_torch():
    layer = L.MultiHeadAttention(num_heads=3, key_dim=2)
    _randomize(layer, QUERY, VALUE)
    outputs, scores = _torch_attention(layer, QUERY, VALUE)
    assert_close(layer(QUERY, VALUE), outputs, 1e-5)
    assert_close(list(layer(QUERY, VALUE, return_attention_scores=True)), [outputs, scores], 1e-5)


def test_multi_head_attention_masks_against_torch():
    layer = L.MultiHeadAttention(num_heads=3, key_dim=2)
    _randomize(layer, QUERY, VALUE)
    valid = np.arange(28).reshape(4, 7) % 4 > 0
    outputs, _ = _torch_attention(layer, QUERY, VALUE, key_padding_mask=torch.from_numpy(~valid))
    assert_close(layer(QUERY, VALUE, value_mask=valid), outputs, 1e-5)
    later = np.triu(np.ones((5, 5), bool), 1)
    outputs, _ = _torch_attention(layer, QUERY, QUERY, attn_mask=torch.from_numpy(later))
    assert_close(layer(QUERY, QUERY, use_causal_mask=True), outputs, 1e-5)
    given = np.broadcast_to(~later, (4, 5, 5))
    assert_close(
        layer(QUERY, QUERY, attention_mask=given, return_attention_scores=True)[0], outputs, 1e-5
    )


@pytest.mark.parametrize("width", [1, 2, 3])
def test_sliding_window(width):
    layer = L.MultiHeadAttention(2, 3, sliding_window=width)
    _, scores = layer(QUERY, QUERY, return_attention_scores=True)
    distance = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    np.testing.assert_array_equal(numbers(scores)[0, 0] > 0, distance < width)


def test_attention_over_chosen_axes_is_attention_row_by_row():
    images = np.random.default_rng(4).normal(size=(2, 3, 4, 6)).astype("float32")
    layer, flat = L.MultiHeadAttention(2, 3, attention_axes=2), L.MultiHeadAttention(2, 3)
    _randomize(layer, images, images)
    rows = images.reshape(6, 4, 6)
    flat(rows, rows)
    flat.set_weights(layer.get_weights())
    assert_close(layer(images, images), numbers(flat(rows, rows)).reshape(2, 3, 4, 6), 1e-5)


def test_grouped_heads_are_repeated_heads():
    grouped, full = L.GroupQueryAttention(3, 4, 2), L.MultiHeadAttention(4, 3)
    _randomize(grouped, QUERY, VALUE)
    full(QUERY, VALUE)
    weights = grouped.get_weights()
    repeated = [np.repeat(w, 2, axis=-2) if i in (2, 3, 4, 5) else w for i, w in enumerate(weights)]
    full.set_weights(repeated)
    assert_close(grouped(QUERY, VALUE), full(QUERY, VALUE), 1e-5)
    with_scores = grouped(QUERY, VALUE, return_attention_scores=True)
    assert_close(list(with_scores), list(full(QUERY, VALUE, return_attention_scores=True)), 1e-5)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_plain_attention_and_its_masks():
    value_mask = np.arange(28).reshape(4, 7) % 4 > 0
    query, value = QUERY.astype("float64"), VALUE.astype("float64")
    scores = np.where(value_mask[:, None], query @ value.transpose(0, 2, 1), -np.inf)
    expected = (_softmax(scores) @ value) * MASK[..., None]
    assert_close(L.Attention()([QUERY, VALUE], mask=[MASK, value_mask]), expected, 1e-5)
    layer = L.AdditiveAttention()
    _randomize(layer, [QUERY, VALUE])
    sums = np.tanh(query[:, :, None] + value[:, None]) @ layer.get_weights()[0].astype("float64")
    assert_close(layer([QUERY, VALUE]), _softmax(sums) @ value, 1e-5)
    causal = L.Attention()([QUERY, QUERY], use_causal_mask=True, return_attention_scores=True)[1]
    assert not np.triu(numbers(causal)[0], 1).any()


def test_arguments_and_shapes_of_attention():
    with pytest.raises(
        ValueError, match=r"`num_heads` must be an integer >= 1. Received: num_heads=0"
    ):
        L.MultiHeadAttention(0, 2)
    with pytest.raises(ValueError, match="must be a multiple of `num_key_value_heads`"):
        L.GroupQueryAttention(2, 3, 2)
    with pytest.raises(ValueError, match=r"`score_mode` must be one of .* Did you mean 'concat'"):
        L.Attention(score_mode="concatenate")
    with pytest.raises(ShapeError, match="needs query, value and key with equal numbers of axes"):
        L.MultiHeadAttention(2, 2)(QUERY, np.ones((4, 2, 3, 6)))
    with pytest.raises(ShapeError, match="the last axes of query and key must be equal: 6 and 3"):
        L.Attention()([QUERY, np.ones((4, 7, 3))])
