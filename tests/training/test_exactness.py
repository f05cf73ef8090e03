"""The bits of a run do not depend on chunks, display, callbacks or hooks; the same seed gives the same run."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers
from hornpipe.training import executor

ROWS = 150


def dense():
    return [
        keras.Input((6,)),
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ]


def convolutional():
    return [
        keras.Input((6,)),
        layers.Reshape((3, 2, 1)),
        layers.Conv2D(4, 2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]


def recurrent():
    return [
        keras.Input((6,)),
        layers.Reshape((6, 1)),
        layers.LSTM(5),
        layers.Dense(3, activation="softmax"),
    ]


def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 6)).astype("float32")
    return x, (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)


def train(make, *, chunk=None, monkeypatch=None, **options):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(make())
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    if chunk is not None:
        monkeypatch.setattr(
            executor.Program, "learn", lambda self, steps, seconds: setattr(self, "chunk", chunk)
        )
    x, y = data()
    settings = {"epochs": 3, "batch_size": 16, "verbose": 0, "validation_split": 0.2, **options}
    history = model.fit(x, y, **settings)
    return model.get_weights(), history.history


def assert_same(first, second):
    for a, b in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert first[1] == second[1]


@pytest.mark.parametrize(
    "seconds, chunk",
    [(1e-4, 3000), (0.01, 30), (0.05, 8), (0.12, 8), (0.25, 4), (0.7, 1), (3.0, 1)],
)
def test_how_many_steps_make_a_chunk(seconds, chunk):
    program = executor.Program(None, False)
    program.learn(1, 60.0)  # that one compiled
    assert program.chunk == 1
    for _ in range(4):
        steps = program.chunk
        program.learn(steps, steps * seconds)
        assert program.chunk <= 32 * steps
    assert program.chunk == pytest.approx(chunk, abs=1 if chunk > 8 else 0)


@pytest.mark.parametrize("make", [dense, convolutional, recurrent])
def test_same_bits_for_every_chunk_length(make, monkeypatch):
    reference = train(make)
    for chunk in (1, 3, 1000):
        assert_same(reference, train(make, chunk=chunk, monkeypatch=monkeypatch))


@pytest.mark.parametrize("make", [dense, convolutional, recurrent])
def test_same_bits_with_display_and_hooks(make, capsys):
    reference = train(make)
    assert_same(reference, train(make, verbose=2))
    seen = []
    each = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    assert_same(reference, train(make, callbacks=[each]))
    assert len(seen) == 3 * -(-int(ROWS * 0.8) // 16)

    class Observer(keras.callbacks.Callback):
        observes_only = True
        losses = []

        def on_train_batch_end(self, batch, logs=None):
            self.losses.append(logs["loss"])

    assert_same(reference, train(make, callbacks=[Observer()]))
    np.testing.assert_allclose(Observer.losses, seen, rtol=1e-6)


def test_same_seed_same_run_and_another_seed_another_run():
    first, second = train(dense), train(dense)
    assert_same(first, second)
    keras.utils.set_random_seed(4)
    model = keras.Sequential(dense())
    assert not np.array_equal(model.get_weights()[0], first[0][0])


def test_eager_and_compiled_steps_agree():
    compiled = train(dense)
    keras.utils.set_random_seed(3)
    model = keras.Sequential(dense())
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    x, y = data()
    history = model.fit(x, y, epochs=3, batch_size=16, verbose=0, validation_split=0.2)
    for a, b in zip(compiled[0], model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    np.testing.assert_allclose(history.history["loss"], compiled[1]["loss"], rtol=1e-4)


def test_order_of_rows_depends_on_seed_and_epoch_only():
    from hornpipe.training.data import ArraySource

    x = np.arange(10, dtype="float32")[:, None]

    def order(seed, epoch):
        source = ArraySource(x, None, None, batch_size=4, shuffle=True, seed=seed)
        return np.concatenate([segment.order for segment in source.segments(epoch)])

    np.testing.assert_array_equal(order(1, 0), order(1, 0))
    assert sorted(order(1, 0)) == list(range(10))
    assert not np.array_equal(order(1, 0), order(1, 1))
    assert not np.array_equal(order(1, 0), order(2, 0))


@pytest.mark.parametrize("rows", [31, 32, 33, 5, 1])
def test_padded_last_batch_gives_the_exact_mean(rows):
    x = np.random.default_rng(1).normal(size=(rows, 3)).astype("float32")
    y = x.sum(1, keepdims=True)
    weights = np.linspace(0.5, 2.0, rows).astype("float32")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    loss, mae, weighted = model.evaluate(x, y, batch_size=16, sample_weight=weights, verbose=0)
    error = (model.predict(x, verbose=0) - y)[:, 0].astype("float64")
    np.testing.assert_allclose(loss, np.mean(weights * error**2), rtol=1e-5)
    np.testing.assert_allclose(mae, np.mean(np.abs(error)), rtol=1e-5)
    np.testing.assert_allclose(weighted, np.sum(weights * error**2) / weights.sum(), rtol=1e-5)


def test_padded_and_exact_last_batch_train_to_the_same_weights():
    x, y = data()

    class Own(keras.layers.Layer):  # not declared row independent: the last batch gets its own step
        def call(self, inputs):
            return inputs * 1.0

    def run(extra):
        keras.utils.set_random_seed(5)
        model = keras.Sequential(
            [
                keras.Input((6,)),
                layers.Dense(8, activation="tanh"),
                *extra,
                layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=2, batch_size=32, verbose=0)
        return model.get_weights()

    for a, b in zip(run([]), run([Own()]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
