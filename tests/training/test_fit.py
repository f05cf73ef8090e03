"""What `fit`, `evaluate` and `predict` promise: agreement of figures, stopping, overriding, staying usable."""

import gc
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers, ops

X = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
Y = (X @ np.array([1.0, -2.0, 0.5, 3.0], "float32"))[:, None]


def regressor(optimizer="sgd", **options):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(1)]
    )
    model.compile(optimizer, "mse", metrics=["mae"], **options)
    return model


def test_history_evaluate_and_display_agree(capsys):
    model = regressor()
    history = model.fit(X, Y, epochs=2, batch_size=32, verbose=2, validation_data=(X[:50], Y[:50]))
    shown = capsys.readouterr().out.splitlines()[-1]
    assert f"loss: {history.history['loss'][-1]:.4f}" in shown
    assert f"val_mae: {history.history['val_mae'][-1]:.4f}" in shown
    loss, mae = model.evaluate(X[:50], Y[:50], verbose=0)
    np.testing.assert_allclose(
        [loss, mae], [history.history["val_loss"][-1], history.history["val_mae"][-1]], rtol=1e-6
    )
    assert model.evaluate(X[:50], Y[:50], verbose=0, return_dict=True) == {"loss": loss, "mae": mae}
    assert model.metrics_names == ["loss", "mae"]


def test_a_pipe_gets_a_line_an_epoch_without_control_characters():
    code = (
        "import numpy as np, hornpipe as keras\n"
        "m = keras.Sequential([keras.layers.Dense(1)]); m.compile('sgd', 'mse')\n"
        "m.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=3, verbose=1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 3
    assert all(character.isprintable() for character in done.stdout.replace("\n", ""))


def test_training_learns_and_counts_epochs():
    model = regressor(keras.optimizers.Adam(0.02))
    history = model.fit(X, Y, epochs=60, batch_size=16, verbose=0)
    assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]
    assert history.epoch == list(range(60))
    again = model.fit(X, Y, epochs=62, initial_epoch=60, verbose=0)
    assert again.epoch == [60, 61]


def test_validation_frequency_and_split():
    model = regressor()
    history = model.fit(X, Y, epochs=4, validation_split=0.3, validation_freq=2, verbose=0)
    assert len(history.history["val_loss"]) == 2
    history = model.fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=[1, 4], verbose=0)
    assert len(history.history["val_loss"]) == 2


def test_steps_per_epoch():
    seen = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    regressor().fit(X, Y, batch_size=10, steps_per_epoch=3, verbose=0, callbacks=[count])
    assert seen == [0, 1, 2]


def test_custom_train_step_in_one_signature():
    class Doubled(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.seen = keras.metrics.Mean(name="seen")

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)

            def forward():
                y_pred = self(x, training=True)
                return 2.0 * self.compute_loss(x, y, y_pred, sample_weight), y_pred

            (loss, _), gradients = keras.value_and_grad(forward, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            self.seen.update_state(loss)
            return {"doubled": loss, "seen": self.seen.result()}

    keras.utils.set_random_seed(0)
    model = Doubled()
    model.compile(keras.optimizers.SGD(0.01), "mse")
    history = model.fit(X, Y, epochs=3, batch_size=25, shuffle=False, verbose=0)
    assert list(history.history) == ["doubled", "seen"]

    keras.utils.set_random_seed(0)
    plain = keras.Sequential([layers.Dense(1)])
    plain.compile(keras.optimizers.SGD(0.02), "mse")
    plain.fit(X[:1], Y[:1], epochs=1, verbose=0)
    plain.set_weights([np.zeros((4, 1)), np.zeros(1)])
    model.set_weights([np.zeros((4, 1)), np.zeros(1)])
    model.fit(X, Y, batch_size=25, shuffle=False, verbose=0)
    plain.fit(X, Y, batch_size=25, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_custom_compute_loss_and_call():
    class Shifted(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(x, y, y_pred, sample_weight, training) + 100.0

    model = Shifted([keras.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    plain = keras.Sequential(model.layers)
    plain.compile("sgd", "mse")
    shifted, loss = model.evaluate(X, Y, verbose=0), plain.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(shifted, loss + 100, rtol=1e-6)


def test_train_step_must_return_a_dict():
    class Wrong(keras.Sequential):
        def train_step(self, data):
            return 3.0

    model = Wrong([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="must return a dict"):
        model.fit(X, Y, verbose=0)


def test_add_loss_regularizers_and_activity():
    class Penalised(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(0.5 * ops.sum(inputs * inputs))
            return inputs

    inputs = keras.Input((4,))
    hidden = layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1), name="hidden")(
        Penalised()(inputs)
    )
    model = keras.Model(inputs, layers.Dense(1, kernel_initializer="zeros")(hidden))
    model.compile("sgd", "mse")
    loss = model.evaluate(X[:8], Y[:8], batch_size=8, verbose=0)
    kernel = model.get_layer("hidden").get_weights()[0].astype("float64")
    expected = (
        np.mean(Y[:8].astype("float64") ** 2)
        + 0.5 * np.sum(X[:8].astype("float64") ** 2)
        + 0.1 * np.sum(kernel**2)
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_early_stopping_and_stop_from_a_batch_hook():
    model = regressor(keras.optimizers.SGD(0.0))
    stopper = keras.callbacks.EarlyStopping("loss", patience=2)
    assert len(model.fit(X, Y, epochs=20, verbose=0, callbacks=[stopper]).epoch) <= 4

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.model.stop_training = True

    counted = []
    model.fit(
        X,
        Y,
        batch_size=10,
        epochs=5,
        verbose=0,
        callbacks=[
            Stop(),
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: counted.append(batch)
            ),
        ],
    )
    assert counted == [0, 1, 2]


def test_one_batch_methods():
    model = regressor(keras.optimizers.SGD(0.1))
    before = model.get_weights()
    loss, mae = model.train_on_batch(X, Y)
    assert not np.array_equal(before[0], model.get_weights()[0])
    model.reset_metrics()
    assert model.test_on_batch(X, Y)[0] < loss
    assert set(model.test_on_batch(X, Y, return_dict=True)) == {"loss", "mae"}
    assert model.predict_on_batch(X).shape == (100, 1)
    weighted = regressor()
    weighted.test_on_batch(X, Y, sample_weight=np.zeros(100))
    assert weighted.get_metrics_result()["loss"] == 0


def test_frozen_layers_stay_and_thawed_layers_train():
    model = regressor()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])
    model.layers[0].trainable = True
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_ctrl_c_leaves_a_usable_model_and_the_history():
    model = regressor()

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=1000, verbose=0, callbacks=[Interrupt()])
    assert len(model.history.history["loss"]) == 3
    assert np.isfinite(model.evaluate(X, Y, verbose=0)).all()
    model.fit(X, Y, verbose=0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_fit_in_a_thread_and_predict_from_several():
    model = regressor()
    worker = threading.Thread(target=model.fit, args=(X, Y), kwargs={"verbose": 0, "epochs": 2})
    worker.start()
    worker.join()
    expected = model.predict(X, verbose=0)
    results = []

    def predict():
        for _ in range(10):
            results.append(model.predict(X, verbose=0))

    threads = [threading.Thread(target=predict) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(results) == 40
    assert all(np.array_equal(result, expected) for result in results)


def test_state_and_apply_are_pure():
    model = regressor("adam")
    model.fit(X, Y, verbose=0)
    state = model.state
    outputs, new = model.apply(state, X[:3])
    np.testing.assert_allclose(np.asarray(outputs), model.predict(X[:3], verbose=0), atol=1e-6)
    assert len(new.trainable) == 4
    doubled = state.__class__(
        **{**state.__dict__, "trainable": [value * 0 for value in state.trainable]}
    )
    assert np.asarray(model.apply(doubled, X[:3])[0]).tolist() == [[0.0]] * 3
    assert model.predict(X[:3], verbose=0).any()


def test_models_are_freed_when_deleted():
    import weakref

    model = regressor()
    model.fit(X, Y, verbose=0)
    model.predict(X, verbose=0)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_mixed_bfloat16_trains():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, dtype="mixed_bfloat16"),
            layers.Dense(1, dtype="float32"),
        ]
    )
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=5, verbose=0)
    assert model.layers[0].kernel.dtype == "float32"
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_schedules_and_gradient_accumulation_in_fit():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model = regressor(keras.optimizers.SGD(schedule))
    model.fit(X, Y, epochs=2, batch_size=10, verbose=0)
    assert int(model.optimizer.iterations) == 20
    np.testing.assert_allclose(
        float(np.asarray(model.optimizer.learning_rate)), 0.1 * 0.5**2, rtol=1e-5
    )
