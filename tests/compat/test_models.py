"""Training in the old spelling: epochs, generators that count samples, names of metrics, the progress line, old methods."""

import re

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers
from hornpipe.compat.models import SampleStream


def data(rows=24, classes=3):
    random = np.random.RandomState(0)
    x = random.rand(rows, 4).astype("float32")
    return x, np.eye(classes, dtype="float32")[random.randint(0, classes, rows)]


def make(metrics=("accuracy",), optimizer="rmsprop", **first):
    first = first or {"units": 5, "input_shape": (4,)}
    model = keras.Sequential([layers.Dense(**first), layers.Dense(3, activation="softmax")])
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=list(metrics))
    return model


# ---- names


def test_history_answers_to_both_dialects_and_keeps_todays_names():
    x, y = data()
    history = (
        make(("accuracy", "mae")).fit(x, y, epochs=2, verbose=0, validation_data=(x, y)).history
    )
    assert list(history) == ["loss", "accuracy", "mae", "val_loss", "val_accuracy", "val_mae"]
    assert history["acc"] == history["accuracy"]
    assert history["val_acc"] is history["val_accuracy"]
    assert history["val_mean_absolute_error"] is history["val_mae"]
    assert "val_acc" in history and history.get("mean_absolute_error") is history["mae"]
    assert history.get("top") is None and "top" not in history
    with pytest.raises(KeyError, match=r"precision"):
        history["precision"]


def test_history_of_an_old_call_has_the_old_names():
    x, y = data()
    model = make(("accuracy", "mae"))
    history = model.fit(x, y, nb_epoch=2, verbose=0, validation_split=0.25).history
    assert list(history) == [
        "loss",
        "acc",
        "mean_absolute_error",
        "val_loss",
        "val_acc",
        "val_mean_absolute_error",
    ]
    assert history["accuracy"] is history["acc"]
    assert history["val_mae"] is history["val_mean_absolute_error"]
    assert model.metrics_names == ["loss", "acc", "mean_absolute_error"]
    results = model.evaluate(x, y, verbose=0)
    assert len(results) == 3
    assert results == list(model.evaluate(x, y, verbose=0, return_dict=True).values())


def test_any_accuracy_answers_to_acc():
    x, y = data()
    for metric in (
        "acc",
        "categorical_accuracy",
        keras.metrics.categorical_accuracy,
        keras.metrics.CategoricalAccuracy(),
    ):
        history = make((metric,)).fit(x, y, epochs=1, verbose=0, validation_data=(x, y)).history
        assert len(history["acc"]) == len(history["accuracy"]) == len(history["val_acc"]) == 1


def test_old_names_with_several_outputs():
    a = keras.Input((4,))
    model = keras.Model(
        input=a, output=[layers.Dense(3, name="one")(a), layers.Dense(3, name="two")(a)]
    )
    model.compile("sgd", "mse", metrics={"one": ["accuracy"], "two": ["mae"]})
    x, y = data()
    history = model.fit(x, [y, y], epochs=1, verbose=0).history
    assert {"one_acc", "two_mean_absolute_error"} <= set(history)
    assert history["one_accuracy"] is history["one_acc"]


def test_a_model_compiled_in_the_old_spelling_speaks_it():
    x, y = data()
    model = make(optimizer=keras.optimizers.RMSprop(lr=0.001))
    assert model.metrics_names == ["loss", "acc"]
    assert list(model.fit(x, y, epochs=1, verbose=0).history) == ["loss", "acc"]
    assert list(make(output_dim=5, input_dim=4).fit(x, y, epochs=1, verbose=0).history) == [
        "loss",
        "acc",
    ]


def test_callbacks_may_watch_the_old_names():
    x, y = data()
    stop = keras.callbacks.EarlyStopping(monitor="val_acc", patience=0, min_delta=10.0, mode="max")
    history = make().fit(x, y, nb_epoch=5, verbose=0, validation_data=(x, y), callbacks=[stop])
    assert 1 <= len(history.epoch) < 5


def test_switching_the_dialect_between_calls():
    x, y = data()
    model = make()
    assert "accuracy" in list(model.fit(x, y, epochs=1, verbose=0).history)
    assert "acc" in list(model.fit(x, y, nb_epoch=1, verbose=0).history)


# ---- the progress line


def test_progress_line_of_2016(capsys):
    x, y = data()
    make().fit(x, y, nb_epoch=2, batch_size=10, verbose=1, validation_data=(x, y))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    number = r"\d\.\d{4}(e[-+]\d\d)?"
    pattern = rf"24/24 \[={{30}}\] - \d+s - loss: {number} - acc: {number} - val_loss: {number} - val_acc: {number}"
    assert re.fullmatch(pattern, lines[1]), lines[1]
    make().fit(x, y, nb_epoch=1, verbose=2)
    assert re.fullmatch(
        rf"Epoch 1/1\n\d+s - loss: {number} - acc: {number}\n", capsys.readouterr().out
    )
    make().fit(x, y, nb_epoch=1, verbose=0)
    assert capsys.readouterr().out == ""


def test_progress_line_of_today_is_untouched(capsys):
    x, y = data()
    make().fit(x, y, epochs=1, verbose=2)
    assert "accuracy: " in (out := capsys.readouterr().out) and "[===" not in out


# ---- arguments of methods


def test_epochs_by_any_name():
    x, y = data()
    for name in ("nb_epoch", "nb_epochs", "epochs"):
        assert len(make().fit(x, y, verbose=0, **{name: 3}).epoch) == 3
    with pytest.raises(
        TypeError, match=r"mixes Keras 1 .`nb_epoch`. with today's spelling .`epochs`"
    ):
        make().fit(x, y, nb_epoch=1, epochs=1)
    with pytest.raises(
        TypeError, match=r"Model.fit: got an unknown argument `nb_epch`.*Did you mean 'nb_epoch'"
    ):
        make().fit(x, y, nb_epch=1)
    with pytest.raises(TypeError, match=r"`show_accuracy` is gone.*metrics=\[\"accuracy\"\]"):
        make().fit(x, y, nb_epoch=1, show_accuracy=True)
    assert make().fit(x, y, 8, 2, 0).epoch == [0, 1]


def test_compile_in_the_old_order():
    x, y = data()
    model = keras.Sequential([layers.Dense(3, input_dim=4, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", ["accuracy"], sample_weight_mode=None)
    assert len(model.evaluate(x, y, verbose=0)) == 2
    with pytest.raises(TypeError, match=r"`class_mode` is gone"):
        model.compile("sgd", "mse", class_mode="binary")
    with pytest.raises(TypeError, match=r"`sample_weight_mode` is gone"):
        model.compile("sgd", "mse", sample_weight_mode="other")


def test_one_batch_in_the_old_spelling():
    x, y = data()
    model = make()
    for method in (model.train_on_batch, model.test_on_batch):
        assert len(method(x, y)) == 2
        with pytest.raises(TypeError, match=r"`accuracy` is gone"):
            method(x, y, accuracy=True)
    with pytest.raises(TypeError, match=r"`show_accuracy` is gone"):
        model.evaluate(x, y, show_accuracy=True)


def test_model_of_input_and_output():
    a, b = keras.Input(shape=(4,)), keras.Input(shape=(4,))
    shared = layers.Dense(3)
    model = keras.models.Model(
        input=[a, b], output=layers.merge([shared(a), shared(b)], mode="sum")
    )
    x, _ = data()
    doubled = keras.Model(inputs=a, outputs=shared(a)).predict(x, verbose=0) * 2
    np.testing.assert_allclose(model.predict([x, x], verbose=0), doubled, rtol=1e-5)


# ---- generators


def batches(x, y, size):
    while True:
        for first in range(0, len(x), size):
            yield x[first : first + size], y[first : first + size]


def test_samples_are_counted_not_batches():
    x, y = data(25)
    seen = []

    def counted():
        for batch in batches(x, y, 10):
            seen.append(len(batch[0]))
            yield batch

    # 10 + 10 + 5 reach 25 exactly; of 21 samples the third batch is the last one
    history = make().fit_generator(counted(), samples_per_epoch=25, nb_epoch=2, verbose=0)
    assert seen[:6] == [10, 10, 5] * 2 and len(seen) == 6
    assert list(history.history) == ["loss", "acc"]
    seen.clear()
    make().fit_generator(counted(), 21, 1, verbose=0)
    assert sum(seen) == 25


def test_generator_equals_arrays():
    x, y = data(20)
    first = make()
    second = keras.models.clone_model(first) if hasattr(keras.models, "clone_model") else make()
    second.set_weights(first.get_weights())
    second.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    a = first.fit(
        x, y, batch_size=5, epochs=2, shuffle=False, verbose=0, validation_data=(x, y)
    ).history
    b = second.fit_generator(
        batches(x, y, 5),
        samples_per_epoch=20,
        nb_epoch=2,
        verbose=0,
        validation_data=batches(x, y, 5),
        nb_val_samples=20,
    )
    np.testing.assert_allclose(a["val_loss"], b.history["val_loss"], rtol=1e-5)
    np.testing.assert_allclose(a["acc"], b.history["acc"], rtol=1e-5)


def test_generators_of_keras_2_count_batches():
    x, y = data(20)
    history = make().fit_generator(
        batches(x, y, 5), steps_per_epoch=2, epochs=3, verbose=0, validation_data=(x, y), workers=1
    )
    assert len(history.epoch) == 3 and list(history.history) == [
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
    ]
    with pytest.raises(TypeError, match=r"mixes Keras 1"):
        make().fit_generator(batches(x, y, 5), samples_per_epoch=20, epochs=1)


def test_evaluate_and_predict_generator():
    x, y = data(20)
    model = make()
    expected = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(
        model.evaluate_generator(batches(x, y, 5), val_samples=20), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        model.evaluate_generator(batches(x, y, 5), steps=4), expected, rtol=1e-5
    )
    found = model.predict_generator(batches(x, y, 5), val_samples=20)
    np.testing.assert_allclose(found, model.predict(x, verbose=0), rtol=1e-5)


def test_a_generator_that_ends_too_early():
    with pytest.raises(ValueError, match=r"the generator ended after 0 of 5 samples"):
        SampleStream(iter([]), 5, "fit_generator")
    with pytest.raises(ValueError, match=r"must be an integer >= 1"):
        SampleStream(iter([]), 0, "fit_generator")
    x, y = data(10)
    with pytest.raises(ValueError, match=r"ended after 10 of 20 samples"):
        list(SampleStream(iter([(x, y)]), 20, "fit_generator"))


# ---- methods and attributes that are gone


def test_predict_classes_and_probabilities():
    x, _ = data()
    model = make()
    probabilities = model.predict(x, verbose=0)
    assert np.array_equal(model.predict_classes(x, verbose=0), probabilities.argmax(-1))
    assert np.array_equal(model.predict_proba(x, verbose=0), probabilities)
    binary = keras.Sequential([layers.Dense(1, activation="sigmoid", input_dim=4)])
    assert np.array_equal(
        binary.predict_classes(x, batch_size=8, verbose=0),
        (binary.predict(x, verbose=0) > 0.5).astype("int32"),
    )
    with pytest.raises(
        AttributeError, match=r"no attribute 'predict_clases'. Did you mean 'predict_classes'"
    ):
        model.predict_clases  # noqa: B018


def test_old_attributes():
    layer = layers.Dense(3, input_dim=2)
    with pytest.raises(
        AttributeError,
        match=r"has no `kernel`, which `W` was called in Keras 1. Build the layer first",
    ):
        layer.W  # noqa: B018
    keras.Sequential([layer])
    assert layer.W is layer.kernel and layer.b is layer.bias and layer.output_dim == 3
    assert layer.get_output_shape_for((None, 2)) == (None, 3)
    convolution = layers.Conv2D(2, 3, strides=2, padding="same")
    assert (
        convolution.nb_filter,
        convolution.subsample,
        convolution.border_mode,
        convolution.dim_ordering,
    ) == (2, (2, 2), "same", "tf")
    recurrent = layers.LSTM(3)
    recurrent.build((None, 4, 2))
    assert (
        recurrent.W is recurrent.cell.kernel
        and recurrent.U is recurrent.cell.recurrent_kernel
        and recurrent.b is recurrent.cell.bias
    )
    embedding = layers.Embedding(3, 2)
    embedding.build(None)
    assert embedding.W is embedding.embeddings
    assert layers.Dropout(0.25).p == 0.25
    assert float(keras.optimizers.SGD(0.5).lr) == 0.5
    assert keras.Sequential([layers.Dropout(0.5)]).uses_learning_phase
    assert not layers.Dense(2).uses_learning_phase
    assert not hasattr(layers.Dense(2), "p")


def test_an_error_inside_a_property_is_not_hidden():
    class Broken(layers.Layer):
        @property
        def thing(self):
            return self.nonsense

    with pytest.raises(AttributeError, match=r"nonsense"):
        Broken().thing  # noqa: B018


def test_layers_of_2016_with_their_own_call():
    class Projection(layers.Layer):
        def __init__(self, output_dim, **kwargs):
            self.output_dim = output_dim
            super().__init__(**kwargs)

        def build(self, input_shape):
            self.W = self.add_weight(
                shape=(input_shape[1], self.output_dim), initializer="uniform", name="W"
            )
            super().build(input_shape)

        def call(self, x, mask=None):
            return keras.backend.dot(x, self.W)

        def get_output_shape_for(self, input_shape):
            return (input_shape[0], self.output_dim)

    x, y = data()
    model = keras.Sequential([Projection(3, input_dim=4)])
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.fit(x, y, nb_epoch=1, verbose=0)
    assert model.output_shape == (None, 3)
    assert not np.array_equal(before, model.get_weights()[0])


# ---- merging


@pytest.mark.parametrize("mode", ["sum", "mul", "ave", "max", "concat", "dot", "cos", "function"])
def test_modes_of_merge(mode):
    a, b = np.random.RandomState(1).rand(2, 5, 3).astype("float32")
    unit = lambda x: x / np.sqrt((x**2).sum(-1, keepdims=True))
    expected = {
        "sum": a + b, "mul": a * b, "ave": (a + b) / 2, "max": np.maximum(a, b), "concat": np.concatenate([a, b], 1),
        "dot": (a * b).sum(1, keepdims=True), "cos": (unit(a) * unit(b)).sum(1)[:, None, None], "function": a - b,
    }[mode]  # fmt: skip
    chosen = (lambda inputs: inputs[0] - inputs[1]) if mode == "function" else mode
    first, second = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([first, second], layers.merge([first, second], mode=chosen))
    np.testing.assert_allclose(model.predict([a, b], verbose=0), expected, rtol=1e-5)
    layer = layers.Merge(mode=chosen)
    np.testing.assert_allclose(
        np.asarray(keras.ops.convert_to_numpy(layer([a, b]))), expected, rtol=1e-5
    )


def test_merge_counts_positive_dot_axes_from_the_end():
    a, b = keras.Input((4, 3)), keras.Input((5, 3))
    assert layers.merge([a, b], mode="dot", dot_axes=1).shape == (None, 4, 5)
    assert layers.merge([a, b], mode="dot", dot_axes=(2, 2)).shape == (None, 4, 5)
    with pytest.raises(ValueError, match=r"`mode` is unknown.*keras.layers.Lambda"):
        layers.merge([a, b], mode="difference")
    with pytest.raises(ValueError, match=r"two or more tensors"):
        layers.merge([a], mode="sum")


def test_merge_of_models_begins_a_sequential():
    x, y = data()
    left, right = (keras.Sequential([layers.Dense(4, input_dim=4)]) for _ in range(2))
    model = keras.Sequential()
    model.add(layers.Merge([left, right], mode="concat"))
    model.add(layers.Dense(3))
    model.compile("sgd", "mse")
    history = model.fit([x, x], y, nb_epoch=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert len(model.trainable_weights) == 6
    with pytest.raises(ValueError, match=r"input shape of .* must be known"):
        layers.Merge([keras.Sequential([layers.Dense(2)]), left])


def test_other_names_of_layers():
    assert layers.TimeDistributedDense(4, input_dim=3, input_length=5).layer.units == 4
    assert layers.ThresholdedReLU(theta=0.5).threshold == 0.5
    for name, advice in {
        "Highway": "gate",
        "MaxoutDense": "Reshape",
        "SReLU": "PReLU",
        "ParametricSoftplus": "softplus",
    }.items():
        with pytest.raises(AttributeError, match=rf"{name!r} of Keras 1 is gone.*{advice}"):
            getattr(layers, name)
