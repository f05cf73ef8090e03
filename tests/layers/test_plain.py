"""Dense, dropout, embedding, reshaping, merging, Lambda, Input and the wrappers: values, masks, errors."""

import numpy as np
import pytest
import torch

import hornpipe as keras
from hornpipe.core import masking
from hornpipe.core.errors import ShapeError
from hornpipe.core.scope import Scope
from hornpipe.engine import active
from tests.support import assert_close, numbers

L = keras.layers
X = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")


def _masked(x, mask):
    tensor, mask = active.engine.asarray(x), active.engine.asarray(mask)
    masking.set_mask(tensor, mask)
    return tensor, mask  # the mask lives as long as the tensor does


def test_dense():
    layer = L.Dense(3, activation="relu", bias_initializer="ones", kernel_regularizer="l2")
    outputs = layer(X)
    kernel, bias = (numbers(w.value) for w in layer.weights)
    assert_close(outputs, np.maximum(X @ kernel + bias, 0), 1e-5)
    assert_close(layer.losses, [0.01 * (kernel**2).sum()], 1e-5)
    assert L.Dense(2, activation=lambda x: x).row_independent is False
    assert L.Dense(2, activity_regularizer="l2").row_independent is False


@pytest.mark.parametrize("units", [0, -3, 2.5, "8", None, True])
def test_units_must_be_a_positive_integer(units):
    with pytest.raises(
        ValueError, match=r"Dense 'dense': `units` must be an integer >= 1. Received: units="
    ):
        L.Dense(units)


def test_dense_shapes():
    with pytest.raises(
        ShapeError, match=r"Dense 'head': .*at least 2 axes. Received: inputs of shape \(4,\)"
    ):
        L.Dense(2, name="head")(np.ones(4))
    with pytest.raises(ShapeError, match=r"last axis -1 must be known. .*keras.Input"):
        L.Dense(2)(keras.Input((None,)))
    layer = L.Dense(2)
    layer(X)
    with pytest.raises(
        ShapeError, match=r"size 4 on axis -1. Received: .*\(3, 5, 3\).*shape \(3, 5, 4\)"
    ):
        layer(X[..., :3])
    with pytest.raises(ValueError, match="`lora_rank` is not supported"):
        L.Dense(2, lora_rank=4)


@pytest.mark.parametrize(
    ("equation", "shape", "bias", "result"),
    [
        ("abc,cd->abd", (None, 7), "d", (3, 5, 7)),
        ("...x,xy->...y", 7, "y", (3, 5, 7)),
        ("abc,bde->acde", (None, 2, 3), "e", (3, 4, 2, 3)),
        ("abc,cde->abde", (None, 2, 3), "de", (3, 5, 2, 3)),
    ],
)
def test_einsum_dense(equation, shape, bias, result):
    layer = L.EinsumDense(equation, shape, bias_axes=bias, bias_initializer="ones")
    outputs = layer(X)
    assert tuple(outputs.shape) == result
    assert_close(outputs, np.einsum(equation, X, numbers(layer.kernel.value)) + 1, 1e-5)
    assert layer.row_independent
    assert not L.EinsumDense("ab,ac->cb", 4).row_independent


def test_einsum_dense_arguments():
    with pytest.raises(ValueError, match='`equation` must have the form "ab,bc->ac"'):
        L.EinsumDense("ab->ac", 3)
    with pytest.raises(ValueError, match="axis 'z' of the output is neither"):
        L.EinsumDense("ab,bc->az", 3)
    with pytest.raises(ValueError, match="`bias_axes` must name axes of the output 'ac'"):
        L.EinsumDense("ab,bc->ac", 3, bias_axes="b")


def test_dropout_drops_the_right_part_and_keeps_the_mean():
    layer = L.Dropout(0.3, seed=5)
    ones = np.ones((200, 200), "float32")
    first, second = numbers(layer(ones, training=True)), numbers(layer(ones, training=True))
    assert abs((first == 0).mean() - 0.3) < 0.01
    assert abs(first.mean() - 1) < 0.02
    assert abs(((first == 0) & (second == 0)).mean() - 0.09) < 0.01
    np.testing.assert_array_equal(numbers(L.Dropout(0.3, seed=5)(ones, True)), first)
    assert_close(layer(ones), ones, 0)
    assert not numbers(L.Dropout(1.0)(ones, training=True)).any()
    assert not L.Dropout(0).variables


def test_dropout_draws_anew_in_every_compiled_call():
    layer = L.Dropout(0.5, seed=1)
    x = active.engine.asarray(np.ones((8, 8), "float32"))

    def run(values, x):
        with Scope(layer.variables, values) as scope:
            return layer(x, training=True), [scope.values[id(v)] for v in layer.variables]

    compiled = active.engine.compile(run)
    first, state = compiled([v.value for v in layer.variables], x)
    second, _ = compiled(state, x)
    assert (numbers(first) != numbers(second)).any()
    np.testing.assert_array_equal(numbers(layer(x, training=True)), numbers(first))


def test_noise_shape_shares_draws():
    outputs = numbers(L.Dropout(0.5, noise_shape=(None, 1, None))(X, training=True)) != 0
    np.testing.assert_array_equal(outputs, np.repeat(outputs[:, :1], 5, 1))
    with pytest.raises(ShapeError, match=r"`noise_shape` .* as many sizes as its inputs have axes"):
        L.Dropout(0.5, noise_shape=(1, 2))(X, training=True)


def test_gaussian_and_alpha_noise_have_their_moments():
    zeros = np.zeros((300, 300), "float32")
    noise = numbers(L.GaussianNoise(0.5)(zeros, training=True))
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.5) < 0.01
    factor = numbers(L.GaussianDropout(0.2)(zeros + 1, training=True))
    assert abs(factor.mean() - 1) < 0.01
    assert abs(factor.std() - 0.5) < 0.01
    normal = np.random.default_rng(0).normal(size=(300, 300)).astype("float32")
    alpha = numbers(L.AlphaDropout(0.3)(normal, training=True))
    assert abs(alpha.mean()) < 0.02
    assert abs(alpha.std() - 1) < 0.02


@pytest.mark.parametrize("rate", [-0.1, 1.5, "0.5", None])
def test_rates_are_checked(rate):
    with pytest.raises(ValueError, match=r"`rate` must be a number in \[0, 1\]. Received: rate="):
        L.Dropout(rate)
    with pytest.raises(ValueError, match=r"`rate` must be a number in \[0, 1\). Received: rate="):
        L.GaussianDropout(rate)


def test_embedding():
    table = np.arange(12.0).reshape(4, 3)
    layer = L.Embedding(4, 3, weights=[table], mask_zero=True, input_length=2)
    ids = np.array([[0, 3], [2, 1]])
    outputs = layer(ids)
    assert_close(outputs, table[ids], 0)
    np.testing.assert_array_equal(numbers(masking.get_mask(outputs)), ids != 0)
    assert_close(layer(ids.astype("float32")), table[ids], 0)
    assert_close(layer(np.array([[9, -2]])), table[[[3, 2]]], 0)
    with pytest.raises(
        ValueError, match=r"`input_dim` must be an integer >= 1. Received: input_dim=0"
    ):
        L.Embedding(0, 3)


def test_softmax_over_unmasked_entries():
    mask = np.array([[True, False, True]])
    outputs = numbers(L.Softmax()(np.array([[1.0, 5.0, 2.0]]), mask=mask))
    expected = np.exp([1.0, -np.inf, 2.0]) / np.exp([1.0, 2.0]).sum()
    np.testing.assert_allclose(outputs[0], expected, atol=1e-6)


def test_reshaping():
    assert_close(L.Flatten()(X), X.reshape(3, 20), 0)
    assert_close(
        L.Flatten(data_format="channels_first")(X), np.moveaxis(X, 1, -1).reshape(3, 20), 0
    )
    assert tuple(L.Flatten()(np.ones((0, 2, 3))).shape) == (0, 6)
    assert_close(L.Reshape((2, -1))(X), X.reshape(3, 2, 10), 0)
    assert_close(L.Permute((2, 1))(X), X.transpose(0, 2, 1), 0)
    assert_close(L.RepeatVector(2)(X[:, 0]), np.repeat(X[:, :1], 2, 1), 0)
    assert_close(L.Cropping1D((1, 2))(X), X[:, 1:3], 0)
    assert_close(L.ZeroPadding1D((1, 2))(X), np.pad(X, ((0, 0), (1, 2), (0, 0))), 0)
    assert_close(L.UpSampling1D(2)(X), np.repeat(X, 2, 1), 0)
    image = np.arange(4.0).reshape(1, 2, 2, 1)
    assert numbers(L.UpSampling2D(2)(image))[0, :2, :, 0].tolist() == [[0, 0, 1, 1]] * 2


@pytest.mark.parametrize("size", [2, (3, 2)])
def test_bilinear_enlargement_against_torch(size):
    x = np.random.default_rng(1).normal(size=(2, 3, 5, 4)).astype("float32")
    layer = L.UpSampling2D(size, interpolation="bilinear")
    moved = torch.from_numpy(np.moveaxis(x, -1, 1).astype("float64"))
    expected = torch.nn.functional.interpolate(
        moved, scale_factor=size, mode="bilinear", align_corners=False
    )
    assert_close(layer(x), np.moveaxis(expected.numpy(), 1, -1), 1e-6)
    assert tuple(layer(keras.Input((None, 5, 4))).shape[2:]) == tuple(layer(x).shape[2:])
    with pytest.raises(
        ValueError, match=r"`interpolation` must be one of \('nearest', 'bilinear'\)"
    ):
        L.UpSampling2D(interpolation="cubic")


def test_reshaping_errors():
    with pytest.raises(
        ShapeError, match=r"`target_shape` \(3, 3\) must have the 20 elements of a row"
    ):
        L.Reshape((3, 3))(X)
    with pytest.raises(ValueError, match="at most one of them -1"):
        L.Reshape((-1, -1))
    with pytest.raises(ValueError, match=r"`dims` must be an order of 1, 2, ..., n"):
        L.Permute((0, 1))
    with pytest.raises(ShapeError, match=r"`cropping` of 3 \+ 2 leaves nothing of axis 1"):
        L.Cropping1D((3, 2))(X)
    with pytest.raises(ValueError, match="`padding` must be an integer >= 0"):
        L.ZeroPadding2D(-1)


def test_merging_values_and_broadcasting():
    a, b = X, X[:, :1] + 1
    for name, expected in {
        "add": a + b,
        "subtract": a - b,
        "multiply": a * b,
        "average": (a + b) / 2,
        "maximum": np.maximum(a, b),
        "minimum": np.minimum(a, b),
    }.items():
        assert_close(getattr(L, name)([a, b]), expected, 1e-6)
    assert_close(L.Add()([X, X[:, 0]]), X + X[:, :1], 1e-6)
    assert_close(L.concatenate([X, X], axis=1), np.concatenate([X, X], 1), 0)
    assert_close(L.Dot((2, 2))([X, X]), X @ X.transpose(0, 2, 1), 1e-5)
    cosine = L.dot([X[:, 0], X[:, 0] * 3], axes=1, normalize=True)
    assert_close(cosine, np.ones((3, 1)), 1e-6)


def test_merging_masks():
    first, second = np.arange(15).reshape(3, 5) % 2 > 0, np.arange(15).reshape(3, 5) % 3 > 0
    (x, _), (y, _) = _masked(X, first), _masked(X, second)
    np.testing.assert_array_equal(numbers(masking.get_mask(L.Add()([x, y]))), first & second)
    assert masking.get_mask(L.Add()([x, active.engine.asarray(X)])) is None
    joined = masking.get_mask(L.Concatenate(axis=1)([x, active.engine.asarray(X)]))
    np.testing.assert_array_equal(numbers(joined), np.concatenate([first, np.ones_like(first)], 1))
    last = masking.get_mask(L.Concatenate()([x, y]))
    np.testing.assert_array_equal(numbers(last), first & second)


def test_merging_errors():
    with pytest.raises(ShapeError, match="needs inputs whose shapes broadcast"):
        L.Add()([X, X[:, :3]])
    with pytest.raises(ShapeError, match="takes a list of exactly 2 inputs"):
        L.Subtract()([X, X, X])
    with pytest.raises(ShapeError, match=r"axis 1 has \[3, 5\]"):
        L.Concatenate()([X, X[:, :3]])
    with pytest.raises(ValueError, match="`axes` must not be 0"):
        L.Dot(0)
    with pytest.raises(ShapeError, match="have the sizes 4 and 5"):
        L.Dot((2, 1))([X, X])


def test_lambda():
    layer = L.Lambda(lambda x, training: x * (2 if training else 3))
    assert_close(layer(X, training=True), X * 2, 1e-6)
    assert_close(layer(X), X * 3, 1e-6)
    shaped = L.Lambda(lambda x: x, output_shape=(7, 2))(keras.Input((5, 4)))
    assert tuple(shaped.shape) == (None, 7, 2)
    with pytest.raises(TypeError, match="a plain function can't stand in a file"):
        layer.get_config()
    with pytest.raises(ValueError, match="`function` must be a function"):
        L.Lambda(3)


def test_masking_and_identity():
    x = X.copy()
    x[:, 2] = -1.0
    outputs = L.Masking(-1.0)(x)
    mask = masking.get_mask(outputs)
    assert numbers(mask)[0].tolist() == [1, 1, 0, 1, 1]
    assert not numbers(outputs)[:, 2].any()
    np.testing.assert_array_equal(numbers(masking.get_mask(L.Identity()(outputs))), numbers(mask))


def test_spectral_normalization_finds_the_largest_singular_value():
    layer = L.SpectralNormalization(L.Dense(3), power_iterations=30)
    layer(X)
    layer(X, training=True)
    assert abs(np.linalg.svd(numbers(layer.layer.kernel.value))[1][0] - 1) < 1e-4
    with pytest.raises(ValueError, match="`layer` must have a `kernel` or `embeddings`"):
        L.SpectralNormalization(L.Flatten())(X)
    with pytest.raises(ValueError, match="`layer` must be a layer"):
        L.Wrapper(3)


def test_input():
    x = keras.Input((28, None), batch_size=4, dtype="int32", name="ids")
    assert (tuple(x.shape), x.dtype, x.node.operation.name) == ((4, 28, None), "int32", "ids")
    assert tuple(L.InputLayer.from_config(x.node.operation.get_config()).output.shape) == (
        4,
        28,
        None,
    )
    for text, arguments in {
        "needs either `shape` or `batch_shape`": {},
        "`shape` must be a tuple of sizes": {"shape": 5},
        "`shape` must hold integers >= 0 and None": {"shape": (-1,)},
        "`sparse` must be False": {"shape": (2,), "sparse": True},
        "`ragged` must be False": {"shape": (2,), "ragged": True},
    }.items():
        with pytest.raises(ValueError, match=text):
            keras.Input(**arguments)


def test_activity_regularization_adds_a_mean_over_the_rows():
    layer = L.ActivityRegularization(l1=0.1, l2=0.2)
    layer(X)
    expected = (0.1 * np.abs(X).sum() + 0.2 * (X**2).sum()) / 3
    assert_close(layer.losses, [expected], 1e-5)
    layer(keras.Input((5, 4)))
    assert len(layer.losses) <= 1
