"""The functions of keras.backend in 2016, against NumPy."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import backend as K
from hornpipe.compat import keras1
from hornpipe.compat.backend_functions import FUNCTIONS

R = np.random.RandomState(0)
A = R.rand(3, 4).astype("float32") + 0.5
B = R.rand(3, 4).astype("float32") + 0.25
T = R.rand(2, 3, 4).astype("float32")
IMAGE = R.rand(2, 4, 4, 3).astype("float32")


def numpy(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


# expression, expected value
CASES = {
    "abs": (lambda: K.abs(-A), A), "all": (lambda: K.all(A > 0.7, axis=1), (A > 0.7).all(1)), "any": (lambda: K.any(A > 0.9), (A > 0.9).any()),
    "arange": (lambda: K.arange(2, 8, 3), [2, 5]), "argmax": (lambda: K.argmax(A), A.argmax(-1)), "argmin": (lambda: K.argmin(A, axis=0), A.argmin(0)),
    "cos": (lambda: K.cos(A), np.cos(A)), "sin": (lambda: K.sin(A), np.sin(A)), "exp": (lambda: K.exp(A), np.exp(A)), "log": (lambda: K.log(A), np.log(A)),
    "equal": (lambda: K.equal(A, A), np.ones((3, 4), bool)), "not_equal": (lambda: K.not_equal(A, B), A != B),
    "greater": (lambda: K.greater(A, B), A > B), "greater_equal": (lambda: K.greater_equal(A, B), A >= B),
    "less": (lambda: K.less(A, B), A < B), "lesser": (lambda: K.lesser(A, B), A < B), "less_equal": (lambda: K.less_equal(A, B), A <= B),
    "lesser_equal": (lambda: K.lesser_equal(A, B), A <= B), "max": (lambda: K.max(A, axis=0), A.max(0)), "min": (lambda: K.min(A, axis=0), A.min(0)),
    "maximum": (lambda: K.maximum(A, B), np.maximum(A, B)), "minimum": (lambda: K.minimum(A, B), np.minimum(A, B)),
    "mean": (lambda: K.mean(A, axis=-1, keepdims=True), A.mean(-1, keepdims=True)), "prod": (lambda: K.prod(A, axis=1), A.prod(1)),
    "sum": (lambda: K.sum(A, axis=1), A.sum(1)), "std": (lambda: K.std(A, axis=1), A.std(1)), "var": (lambda: K.var(A, axis=1), A.var(1)),
    "logsumexp": (lambda: K.logsumexp(A, axis=1), np.log(np.exp(A).sum(1))), "cumsum": (lambda: K.cumsum(A), A.cumsum(0)),
    "cumprod": (lambda: K.cumprod(A, axis=1), A.cumprod(1)), "square": (lambda: K.square(A), A**2), "sqrt": (lambda: K.sqrt(A), np.sqrt(A)),
    "pow": (lambda: K.pow(A, 3), A**3), "round": (lambda: K.round(A), np.round(A)), "sign": (lambda: K.sign(-A), -np.ones((3, 4))),
    "clip": (lambda: K.clip(A, 0.6, 0.9), np.clip(A, 0.6, 0.9)), "identity": (lambda: K.identity(A), A), "stop_gradient": (lambda: K.stop_gradient(A), A),
    "sigmoid": (lambda: K.sigmoid(A), 1 / (1 + np.exp(-A))), "tanh": (lambda: K.tanh(A), np.tanh(A)), "softplus": (lambda: K.softplus(A), np.log1p(np.exp(A))),
    "softsign": (lambda: K.softsign(A), A / (1 + A)), "softmax": (lambda: K.softmax(A), np.exp(A) / np.exp(A).sum(-1, keepdims=True)),
    "elu": (lambda: K.elu(A - 1, 0.5), np.where(A > 1, A - 1, 0.5 * np.expm1(A - 1))),
    "relu": (lambda: K.relu(A - 1, alpha=0.5, max_value=0.2), np.minimum(np.where(A > 1, A - 1, 0.5 * (A - 1)), 0.2)),
    "hard_sigmoid": (lambda: K.hard_sigmoid(A * 9 - 8), np.clip(0.2 * (A * 9 - 8) + 0.5, 0, 1)),
    "l2_normalize": (lambda: K.l2_normalize(A, 1), A / np.sqrt((A**2).sum(1, keepdims=True))),
    "transpose": (lambda: K.transpose(A), A.T), "permute_dimensions": (lambda: K.permute_dimensions(T, (2, 0, 1)), T.transpose(2, 0, 1)),
    "reshape": (lambda: K.reshape(A, (4, -1)), A.reshape(4, -1)), "flatten": (lambda: K.flatten(T), T.ravel()),
    "batch_flatten": (lambda: K.batch_flatten(T), T.reshape(2, -1)), "expand_dims": (lambda: K.expand_dims(A, dim=1), A[:, None]),
    "squeeze": (lambda: K.squeeze(A[:1], 0), A[0]), "tile": (lambda: K.tile(A, (2, 1)), np.tile(A, (2, 1))), "reverse": (lambda: K.reverse(T, 1), T[:, ::-1]),
    "repeat": (lambda: K.repeat(A, 2), np.repeat(A[:, None], 2, 1)), "repeat_elements": (lambda: K.repeat_elements(T, 2, axis=2), T.repeat(2, 2)),
    "concatenate": (lambda: K.concatenate([A, B]), np.concatenate([A, B], -1)), "stack": (lambda: K.stack([A, B]), np.stack([A, B])),
    "pack": (lambda: K.pack([A, B]), np.stack([A, B])), "unstack": (lambda: K.unstack(A)[1], A[1]), "gather": (lambda: K.gather(A, [2, 0]), A[[2, 0]]),
    "one_hot": (lambda: K.one_hot([2, 0], 3), np.eye(3)[[2, 0]]), "in_top_k": (lambda: K.in_top_k(A, np.argmax(A, 1), 1), [True] * 3),
    "dot": (lambda: K.dot(T, R.__class__(1).rand(5, 4, 2).astype("float32")), np.dot(T, R.__class__(1).rand(5, 4, 2).astype("float32"))),
    "batch_dot": (lambda: K.batch_dot(T, T, axes=[2, 2]), np.einsum("abc,adc->abd", T, T)), "cast": (lambda: K.cast(A, "int32"), A.astype("int32")),
    "cast_to_floatx": (lambda: K.cast_to_floatx(np.array([1, 2])), [1.0, 2.0]), "eye": (lambda: K.eye(2), np.eye(2)),
    "zeros": (lambda: K.zeros((2, 3)), np.zeros((2, 3))), "ones": (lambda: K.ones((2, 3)), np.ones((2, 3))), "constant": (lambda: K.constant(2, shape=(2,)), [2.0, 2.0]),
    "zeros_like": (lambda: K.zeros_like(A), np.zeros((3, 4))), "ones_like": (lambda: K.ones_like(A), np.ones((3, 4))), "variable": (lambda: K.variable(A), A),
    "bias_add": (lambda: K.bias_add(IMAGE, np.ones(3)), IMAGE + 1), "to_dense": (lambda: K.to_dense(A), A),
    "resize_images": (lambda: K.resize_images(IMAGE, 2, 3, "tf"), IMAGE.repeat(2, 1).repeat(3, 2)),
    "resize_volumes": (lambda: K.resize_volumes(IMAGE[..., None], 2, 1, 2, "tf"), IMAGE[..., None].repeat(2, 1).repeat(2, 3)),
    "temporal_padding": (lambda: K.temporal_padding(T, 2), np.pad(T, ((0, 0), (2, 2), (0, 0)))),
    "asymmetric_temporal_padding": (lambda: K.asymmetric_temporal_padding(T, 2, 0), np.pad(T, ((0, 0), (2, 0), (0, 0)))),
    "spatial_2d_padding": (lambda: K.spatial_2d_padding(IMAGE, (1, 2), "th"), np.pad(IMAGE, ((0, 0), (0, 0), (1, 1), (2, 2)))),
    "asymmetric_spatial_2d_padding": (lambda: K.asymmetric_spatial_2d_padding(IMAGE, 0, 1, 2, 3), np.pad(IMAGE, ((0, 0), (0, 1), (2, 3), (0, 0)))),
    "spatial_3d_padding": (lambda: K.spatial_3d_padding(IMAGE[..., None]), np.pad(IMAGE[..., None], ((0, 0), (1, 1), (1, 1), (1, 1), (0, 0)))),
    "categorical_crossentropy": (lambda: K.categorical_crossentropy(A / A.sum(1, keepdims=True), np.eye(4)[:3]), -np.log((A / A.sum(1, keepdims=True))[range(3), range(3)])),
    "sparse_categorical_crossentropy": (lambda: K.sparse_categorical_crossentropy(A / A.sum(1, keepdims=True), [[0], [1], [2]]), -np.log((A / A.sum(1, keepdims=True))[range(3), range(3)])),
    "binary_crossentropy": (lambda: K.binary_crossentropy(A / 2, np.ones((3, 4))), -np.log(A / 2)),
    "batch_normalization": (lambda: K.batch_normalization(A, 0.5, 0.25, 1.0, 2.0, 0.0), (A - 0.5) / 0.5 * 2 + 1),
    "normalize_batch_in_training": (lambda: K.normalize_batch_in_training(A, np.ones(4), np.zeros(4), [0], 0.0)[0], (A - A.mean(0)) / A.std(0)),
    "conv1d": (lambda: K.conv1d(T, np.ones((2, 4, 1))), (T.sum(-1, keepdims=True)[:, :-1] + T.sum(-1, keepdims=True)[:, 1:])),
    "conv2d": (lambda: K.conv2d(IMAGE, np.ones((1, 1, 3, 1)), strides=(2, 2)), IMAGE.sum(-1, keepdims=True)[:, ::2, ::2]),
    "atrous_conv2d": (lambda: K.atrous_conv2d(IMAGE, np.ones((2, 1, 3, 1)), rate=2), IMAGE.sum(-1, keepdims=True)[:, :2] + IMAGE.sum(-1, keepdims=True)[:, 2:]),
    "conv3d": (lambda: K.conv3d(IMAGE[..., None], np.ones((1, 1, 1, 1, 1))), IMAGE[..., None]),
    "deconv2d": (lambda: K.deconv2d(IMAGE, np.ones((1, 1, 1, 3))), IMAGE.sum(-1, keepdims=True)),
    "separable_conv2d": (lambda: K.separable_conv2d(IMAGE, np.ones((1, 1, 3, 1)), np.ones((1, 1, 3, 1))), IMAGE.sum(-1, keepdims=True)),
    "pool2d": (lambda: K.pool2d(IMAGE, (2, 2), (2, 2)), IMAGE.reshape(2, 2, 2, 2, 2, 3).max((2, 4))),
    "pool3d": (lambda: K.pool3d(IMAGE[..., None], (1, 1, 3), (1, 1, 3), pool_mode="avg"), IMAGE.mean(-1, keepdims=True)[..., None]),
    "switch": (lambda: K.switch(np.array([True, False, True]), A, B), np.where(np.array([[True], [False], [True]]), A, B)),
    "map_fn": (lambda: K.map_fn(lambda x: x * 2, A), A * 2), "foldl": (lambda: K.foldl(lambda a, x: a - x, A), A[0] - A[1] - A[2]),
    "foldr": (lambda: K.foldr(lambda a, x: a - x, A), A[2] - A[1] - A[0]), "get_value": (lambda: K.get_value(K.variable(A)), A),
    "eval": (lambda: K.eval(K.square(A)), A**2), "batch_get_value": (lambda: K.batch_get_value([K.variable(A)])[0], A),
    "in_train_phase": (lambda: K.in_train_phase(A, B, training=True), A), "in_test_phase": (lambda: K.in_test_phase(A, B, training=True), B),
    "dropout": (lambda: K.dropout(A, 0.0), A), "print_tensor": (lambda: K.print_tensor(A), A),
    "update": (lambda: K.update(K.variable(A), B), B), "update_add": (lambda: K.update_add(K.variable(A), B), A + B),
    "update_sub": (lambda: K.update_sub(K.variable(A), B), A - B), "moving_average_update": (lambda: K.moving_average_update(K.variable(A), B, 0.75), 0.75 * A + 0.25 * B),
}  # fmt: skip
# tested by themselves below
OTHERS = {
    "Function", "batch_set_value", "count_params", "dtype", "function", "get_variable_shape", "gradients", "image_dim_ordering", "int_shape",
    "is_placeholder", "is_sparse", "is_tensor", "learning_phase", "ndim", "placeholder", "random_binomial", "random_normal",
    "random_normal_variable", "random_uniform", "random_uniform_variable", "reset_uids", "rnn", "set_image_dim_ordering", "set_learning_phase",
    "set_value", "shape", "truncated_normal",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_function(name):
    expression, expected = CASES[name]
    found = numpy(expression())
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_every_function_is_tested():
    assert set(CASES) | OTHERS == set(FUNCTIONS) | set(keras1.BACKEND)
    assert len(FUNCTIONS | set(keras1.BACKEND) | set(K.__all__)) >= 150


def test_what_is_gone_says_so():
    for name in keras1.BACKEND_GONE:
        with pytest.raises(AttributeError, match=rf"K.{name} of Keras 1 is gone"):
            getattr(K, name)
    with pytest.raises(AttributeError, match=r"no attribute 'dott'"):
        K.dott  # noqa: B018


def test_orderings():
    assert K.image_dim_ordering() == "tf"
    try:
        K.set_image_dim_ordering("th")
        assert (K.image_data_format(), K.image_dim_ordering()) == ("channels_first", "th")
        assert keras.layers.Conv2D(2, 3).data_format == "channels_first"
        assert numpy(K.bias_add(IMAGE, np.arange(4.0)))[0, 3, 0, 0] == pytest.approx(
            IMAGE[0, 3, 0, 0] + 3
        )
    finally:
        K.set_image_dim_ordering("tf")
    for wrong in ("channels_last", "default"):
        with pytest.raises(ValueError, match=r"must be 'tf'"):
            K.set_image_dim_ordering(wrong)


def test_facts_about_tensors():
    x = K.placeholder(shape=(None, 3), dtype="int32")
    assert (K.int_shape(x), K.ndim(x), K.dtype(x), K.is_placeholder(x), K.is_tensor(x)) == (
        (None, 3),
        2,
        "int32",
        True,
        True,
    )
    assert K.int_shape(K.placeholder(ndim=3)) == (None, None, None)
    v = K.variable(A, name="a/b")
    assert (K.count_params(v), K.shape(v), K.get_variable_shape(v), K.is_sparse(v), K.dtype(v)) == (
        12,
        (3, 4),
        (3, 4),
        False,
        "float32",
    )
    K.set_value(v, B)
    K.batch_set_value([(v, K.get_value(v) + 1)])
    np.testing.assert_allclose(K.get_value(v), B + 1, rtol=1e-6)
    with pytest.raises(ValueError, match=r"needs `shape` or `ndim`"):
        K.placeholder()
    K.get_uid("thing")
    K.reset_uids()
    assert K.get_uid("thing") == 1


def test_random_numbers():
    big = (20000,)
    assert numpy(K.random_normal(big, 1.0, 2.0, seed=1)).std() == pytest.approx(2.0, rel=0.05)
    assert numpy(K.random_uniform(big, 1.0, 2.0, seed=1)).mean() == pytest.approx(1.5, abs=0.02)
    assert numpy(K.random_binomial(big, 0.25, seed=1)).mean() == pytest.approx(0.25, abs=0.02)
    assert np.abs(numpy(K.truncated_normal(big, seed=1))).max() <= 2.0001
    assert (
        K.random_uniform_variable((2, 3), -1, 1).shape
        == K.random_normal_variable((2, 3), 0, 1).shape
        == (2, 3)
    )


# ---- symbolic


def test_function_and_gradients():
    x, y = K.placeholder(shape=(None, 4)), K.placeholder(shape=(None, 4))
    loss = K.sum(K.square(x) * y)
    f = K.function([x, y], [loss, *K.gradients(loss, [x, y]), y])
    values = f([A, B])
    for found, expected in zip(values, ((A**2 * B).sum(), 2 * A * B, A**2, B), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert K.function([x], K.sum(x))([A]) == pytest.approx(A.sum(), rel=1e-5)
    with pytest.raises(TypeError, match=r"must be called with a list of 2 values"):
        f([A])
    with pytest.raises(ValueError, match=r"must have the shape \(None, 4\)"):
        f([A[:, :3], B])
    with pytest.raises(ValueError, match=r"not among the inputs"):
        K.function([x], [loss])
    with pytest.raises(TypeError, match=r"`inputs` must be a list"):
        K.function(x, [loss])


def test_gradients_inside_a_model():
    model = keras.Sequential(
        [keras.layers.Dense(3, activation="tanh", input_shape=(4,)), keras.layers.Dense(1)]
    )
    kernel, bias, last, _ = model.get_weights()
    hidden = np.tanh(A @ kernel + bias)
    loss = K.mean(model.output)
    found = K.function(
        [model.input],
        K.gradients(loss, [model.layers[0].output, model.input, *model.trainable_weights]),
    )([A])
    np.testing.assert_allclose(found[0], np.tile(last.T / 3, (3, 1)), rtol=1e-4)
    inner = (1 - hidden**2) * last.T / 3
    np.testing.assert_allclose(found[1], inner @ kernel.T, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found[2], A.T @ inner, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found[4], hidden.mean(0)[:, None], rtol=1e-3)
    with pytest.raises(TypeError, match=r"the loss is a value, not a symbolic tensor"):
        K.gradients(K.sum(K.ones((2,))), [K.ones((2,))])
    with pytest.raises(ValueError, match=r"does not depend on a variable"):
        K.gradients(loss, [K.variable(A)])
    with pytest.raises(ValueError, match=r"does not depend on a tensor"):
        K.gradients(loss, K.placeholder(shape=(3,)))
    with pytest.raises(ValueError, match=r"depends on a placeholder"):
        K.eval(model.output)


def test_learning_phase():
    model = keras.Sequential([keras.layers.Dropout(0.5, input_shape=(1000,))])
    f = K.function([model.input, K.learning_phase()], [model.output])
    ones = np.ones((1, 1000))
    assert (f([ones, 0])[0] == 1).all()
    assert 350 < (f([ones, 1])[0] == 0).sum() < 650
    plain = K.function([model.input], [model.output])
    assert (plain([ones])[0] == 1).all()
    from hornpipe.compat import backend_graph

    try:
        K.set_learning_phase(1)
        assert K.learning_phase() == 1
        assert (plain([ones])[0] == 0).any()
        with pytest.raises(ValueError, match=r"must be 0 or 1"):
            K.set_learning_phase(2)
    finally:
        backend_graph._Phase.value = None


def test_updates_of_a_function():
    x, total = K.placeholder(shape=(2,)), K.variable(np.zeros(2))
    f = K.function([x], [K.sum(x)], updates=[K.update_add(total, x)])
    for _ in range(3):
        assert f([np.array([1.0, 2.0])])[0] == 3
    assert K.get_value(total).tolist() == [3.0, 6.0]


@pytest.mark.parametrize("backwards", [False, True])
def test_rnn(backwards):
    def step(x, states):
        state = states[0] + x * states[1]
        return state * 2, [state]

    mask = np.array([[1, 1, 0], [1, 0, 1]], "float32")
    last, outputs, states = K.rnn(
        step,
        T,
        [np.zeros((2, 4), "float32")],
        go_backwards=backwards,
        mask=mask,
        constants=[np.float32(3) * np.ones((2, 4), "float32")],
    )
    order = [2, 1, 0] if backwards else [0, 1, 2]
    state, output, expected = np.zeros((2, 4)), np.zeros((2, 4)), []
    for place in order:
        keep = mask[:, place : place + 1] > 0
        new = state + 3 * T[:, place]
        state, output = np.where(keep, new, state), np.where(keep, 2 * new, output)
        expected.append(output)
    np.testing.assert_allclose(numpy(outputs), np.stack(expected, 1), rtol=1e-5)
    np.testing.assert_allclose(numpy(last), expected[-1], rtol=1e-5)
    np.testing.assert_allclose(numpy(states[0]), state, rtol=1e-5)


def test_errors_of_shapes():
    with pytest.raises(ValueError, match=r"needs a tensor with 2 axes"):
        K.repeat(T, 2)
    with pytest.raises(ValueError, match=r"batch axis and another one"):
        K.batch_dot(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"`pool_mode`"):
        K.pool2d(IMAGE, (2, 2), pool_mode="sum")
    assert K.batch_dot(A, B).shape == (3, 1)
    np.testing.assert_allclose(numpy(K.batch_dot(A, B, axes=1))[:, 0], (A * B).sum(1), rtol=1e-5)
