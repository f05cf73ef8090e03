"""Sequential, functional and subclassed models: structure, shapes, sharing, nesting, configs, errors."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers, ops

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def test_sequential_is_built_by_an_input_a_first_shape_or_the_first_data():
    by_input = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    by_shape = keras.Sequential([layers.Dense(3, input_shape=(4,))])
    by_dim = keras.Sequential([layers.Dense(3, input_dim=4)])
    by_data = keras.Sequential([layers.Dense(3)])
    assert not by_data.built
    by_data(X)
    by_build = keras.Sequential([layers.Dense(3)])
    by_build.build((None, 4))
    for model in (by_input, by_shape, by_dim, by_data, by_build):
        assert model.built
        assert model.output_shape == (None, 3)
        assert model.count_params() == 15
        assert len(model.layers) == 1


def test_sequential_add_and_pop():
    model = keras.Sequential(name="net")
    model.add(keras.Input((4,)))
    model.add(layers.Dense(3))
    assert model.output_shape == (None, 3)
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    assert model(X).shape == (6, 2)
    model.pop()
    assert model.output_shape == (None, 3)
    assert model(X).shape == (6, 3)


@pytest.mark.parametrize(
    "entries, error, text",
    [
        ([3], TypeError, "takes layers"),
        ([lambda x: x], TypeError, "Lambda"),
        ([layers.Dense], TypeError, "takes layers"),
    ],
)
def test_sequential_refuses_what_is_no_layer(entries, error, text):
    with pytest.raises(error, match=text):
        keras.Sequential(entries)


def test_sequential_refuses_a_layer_twice():
    layer = layers.Dense(4)
    with pytest.raises(ValueError, match="name of its own"):
        keras.Sequential([layer, layer])


def test_layer_shapes_before_and_after_building():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="has no output shape yet"):
        _ = layer.output_shape
    layer(X)
    assert layer.input_shape == (6, 4)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(5), layers.Dense(2)])
    assert model.layers[1].input_shape == (None, 5)
    assert model.layers[1].output_shape == (None, 2)
    assert layers.Dense(7).compute_output_shape((None, 3, 4)) == (None, 3, 7)


def test_shared_layer_has_one_set_of_weights():
    shared = layers.Dense(3, name="shared")
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model([a, b], layers.Add()([shared(a), shared(b)]))
    assert len(model.weights) == 2
    kernel, bias = shared.get_weights()
    expected = (X + 2 * X) @ kernel + 2 * bias
    np.testing.assert_allclose(model.predict([X, 2 * X], verbose=0), expected, atol=1e-5)


def test_nested_and_shared_models():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="tanh")], name="inner")
    x, z = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([x, z], layers.Concatenate()([inner(x), inner(z)]))
    assert model.output_shape == (None, 6)
    assert len(model.weights) == 2
    out = model.predict([X, X], verbose=0)
    np.testing.assert_allclose(out[:, :3], inner.predict(X, verbose=0), atol=1e-6)
    model.compile("sgd", "mse")
    before = inner.get_weights()[0]
    model.fit([X, X], np.ones((6, 6)), verbose=0)
    assert not np.array_equal(before, inner.get_weights()[0])
    inner.trainable = False
    assert model.trainable_weights == []


def test_operations_and_operators_in_a_graph():
    x = keras.Input((4,))
    y = ops.relu(x) * 2 - x[:, :1] + np.float32(1)
    model = keras.Model(x, y)
    np.testing.assert_allclose(
        model.predict(X, verbose=0), np.maximum(X, 0) * 2 - X[:, :1] + 1, atol=1e-6
    )


def test_a_batch_reducing_operation_is_not_padded():
    x = keras.Input((4,))
    model = keras.Model(x, x - ops.mean(x, axis=0, keepdims=True))
    np.testing.assert_allclose(
        model.predict(X[:5], batch_size=8, verbose=0), X[:5] - X[:5].mean(0), atol=1e-6
    )
    model.compile("sgd", "mse")
    loss = model.evaluate(X[:5], np.zeros((5, 4)), batch_size=3, verbose=0)
    first, second = X[:3] - X[:3].mean(0), X[3:5] - X[3:5].mean(0)
    np.testing.assert_allclose(
        loss, (np.mean(first**2) * 3 + np.mean(second**2) * 2) / 5, rtol=1e-5
    )


def test_functional_model_over_inner_tensors():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="first"), layers.Dense(2)])
    features = keras.Model(model.input, model.get_layer("first").output)
    kernel, bias = model.layers[0].get_weights()
    np.testing.assert_allclose(features.predict(X, verbose=0), X @ kernel + bias, atol=1e-5)
    assert [layer.name for layer in features.layers][-1] == "first"


def test_inputs_lose_or_gain_a_last_axis_of_one():
    x = keras.Input((1,))
    model = keras.Model(x, layers.Dense(1)(x))
    assert model.predict(np.arange(5.0), verbose=0).shape == (5, 1)


def test_uint8_images_are_cast():
    model = keras.Sequential(
        [keras.Input((2, 2)), layers.Flatten(), layers.Dense(1, kernel_initializer="ones")]
    )
    out = model.predict(np.full((3, 2, 2), 200, "uint8"), verbose=0)
    np.testing.assert_allclose(out, 800.0)


class Residual(keras.Model):
    def __init__(self, units=4, **options):
        super().__init__(**options)
        self.blocks = [layers.Dense(units, activation="relu") for _ in range(2)]
        self.heads = {"out": layers.Dense(1)}

    def call(self, inputs, training=None):
        x = inputs
        for block in self.blocks:
            x = x + block(x)
        return self.heads["out"](x)


def test_subclassed_model_finds_layers_in_lists_and_dicts():
    model = Residual()
    model.compile("sgd", "mse")
    model.fit(X, np.ones((6, 1)), verbose=0)
    assert len(model.weights) == 6
    assert len(model.trainable_variables) == 6
    assert model.predict(X, verbose=0).shape == (6, 1)
    assert model.get_config()["units"] == 4
    assert Residual.from_config(model.get_config()).get_config() == model.get_config()


def test_subclassed_model_that_uses_the_engines_own_library():
    if keras.config.backend() != "jax":
        pytest.skip("uses jax.numpy in `call`")
    import jax.numpy as jnp

    class Sine(keras.layers.Layer):
        def call(self, inputs):
            return jnp.sin(inputs)[:, :2]

    model = keras.Sequential([keras.Input((4,)), Sine(), layers.Dense(1)])
    assert model.layers[0].output_shape == (None, 2)
    assert model.predict(X, verbose=0).shape == (6, 1)


def test_subclass_without_super_or_call():
    class Forgot(keras.layers.Layer):
        def __init__(self):
            self.units = 3

        def call(self, inputs):
            return inputs

    with pytest.raises(RuntimeError, match="super"):
        Forgot()(X)

    class Empty(keras.Model):
        pass

    with pytest.raises(NotImplementedError, match="Define `call"):
        Empty()(X)


def test_subclass_of_a_functional_model_keeps_its_own_train_step():
    class Counted(keras.Model):
        def train_step(self, data):
            return {**super().train_step(data), "extra": ops.convert_to_tensor(7.0)}

    x = keras.Input((4,))
    model = Counted(x, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    history = model.fit(X, np.ones((6, 1)), verbose=0)
    assert history.history["extra"] == [7.0]
    assert list(history.history) == ["loss", "extra"]


def test_training_flag_and_batch_norm_statistics():
    model = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(momentum=0.5)])
    model.compile("sgd", "mse")
    before = model.get_weights()[2]
    model.evaluate(X, X, verbose=0)
    np.testing.assert_array_equal(before, model.get_weights()[2])
    model.fit(X, X, batch_size=6, verbose=0)
    np.testing.assert_allclose(model.get_weights()[2], 0.5 * X.mean(0), atol=1e-6)


def test_set_weights_refuses_wrong_shapes_and_changes_nothing():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    before = model.get_weights()
    with pytest.raises(ValueError, match="must hold as many arrays"):
        model.set_weights(before[:1])
    with pytest.raises(ValueError, match="has the shape"):
        model.set_weights([before[0] * 0, np.zeros(4)])
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_errors_name_the_layer_both_shapes_and_the_fix():
    with pytest.raises(ValueError, match="disconnected"):
        keras.Model(keras.Input((2,)), layers.Dense(1)(keras.Input((2,))))
    with pytest.raises(TypeError, match=r"keras\.Input"):
        keras.Model(X, X)
    with pytest.raises(ValueError, match="`outputs` is missing"):
        keras.Model(inputs=keras.Input((2,)))
    layer = layers.Dense(3, name="head")
    layer(X)
    with pytest.raises(ValueError, match=r"Dense 'head'.*size 4 on axis -1.*\(6, 3\)"):
        layer(X[:, :3])
    with pytest.raises(ValueError, match="Add 'add'"):
        layers.Add()([keras.Input((3,)), keras.Input((4,))])
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    with pytest.raises(ValueError, match="has no layer of this name"):
        model.get_layer("nothing")


def test_variables_refuse_and_assign():
    variable = keras.Variable(np.zeros((2, 2)), name="v")
    assert variable.dtype == "float32"
    with pytest.raises(ValueError, match="must have the shape"):
        variable.assign(np.zeros(3))
    variable.assign_add(np.ones((2, 2)))
    np.testing.assert_array_equal(variable.numpy(), 1)
    np.testing.assert_array_equal(np.asarray(variable + 1), 2)
    with pytest.raises(ValueError, match="`name`"):
        keras.Variable(0.0, name="a/b")
