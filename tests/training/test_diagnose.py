"""A loss that stops being finite: the step, the layer and the value are named once, and training goes on as it was."""

import gc
import warnings
import weakref

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import layers, ops
from hornpipe.training import diagnose
from hornpipe.training.findings import CheckWarning

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def told(function, *args, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args, **options)
    return result, [str(each.message) for each in caught if isinstance(each.message, CheckWarning)]


def net(*parts, loss="mse", optimizer="sgd"):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(optimizer, loss)
    return model


class Root(layers.Layer):
    """A layer that has no root of negative numbers."""

    def call(self, inputs):
        return ops.sqrt(inputs)


def only(model, x=X, y=Y, **options):
    options = {"batch_size": 5, "shuffle": False, "verbose": 0, **options}
    history, texts = told(model.fit, x, y, **options)
    assert len(texts) == 1, texts
    assert texts[0].endswith("[HP501]") and texts[0].startswith("fit: the loss is not finite")
    return history, texts[0]


def test_a_layer():
    x = np.abs(X) + 1
    x[37, 2] = -3.0  # step 8 of 5 rows each
    model = net(Root(name="root"), layers.Dense(1))
    history, text = only(model, x, epochs=3)
    assert "since step 8 of epoch 1" in text
    assert "the first is the output of layer 'root': NaN" in text
    assert "Look for log, sqrt or a division" in text
    assert np.isnan(history.history["loss"]).all() and len(history.history["loss"]) == 3


def test_a_learning_rate_that_is_too_large():
    model = net(
        layers.Dense(8, name="one"),
        layers.Dense(1, name="two"),
        optimizer=keras.optimizers.SGD(3.0),
    )
    _, text = only(model, epochs=20)
    assert "learning_rate=0.3 (now 3)" in text
    assert "too far" in text or "too large" in text


def test_a_gradient():
    def norm(y_true, y_pred):
        return ops.sqrt(ops.sum(ops.square(y_pred - y_true), axis=-1))  # no slope at 0

    model = net(layers.Dense(1, kernel_initializer="zeros", name="one"), loss=norm)
    y = Y.copy()
    y[10:15] = 0.0
    x = X.copy()
    x[10:15] = 0.0
    model.layers[-1].trainable = True
    model.optimizer.learning_rate = 0.0
    _, text = only(model, x, y)
    assert "since step 3 of epoch 1" in text
    assert "the gradient of" in text and "one/bias" in text


def test_a_loss():
    def log_ratio(y_true, y_pred):
        return ops.mean(ops.log(y_true) - 0.0 * y_pred, axis=-1)

    y = np.ones((60, 1), "float32")
    y[41] = -1.0
    _, text = only(net(layers.Dense(1), loss=log_ratio), X, y)
    assert "since step 9 of epoch 1" in text
    assert "the first that is not is the loss (log_ratio)" in text


def test_a_later_epoch_and_shuffled_rows():
    class Grows(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.optimizer.learning_rate = 1e30

    model = net(layers.Dense(1, name="one"), optimizer=keras.optimizers.SGD(0.01))
    history, texts = told(model.fit, X, Y, epochs=4, batch_size=5, verbose=0, callbacks=[Grows()])
    assert np.isfinite(history.history["loss"][:2]).all()
    (text,) = texts
    assert "epoch 3" in text


def test_rows_of_inputs_that_no_check_saw():
    model = net(layers.Lambda(lambda x: x, output_shape=(4,)), layers.Dense(1))
    x = X.copy()
    x[23, 1] = np.nan
    _, texts = told(model.fit, x, Y, batch_size=5, verbose=0)
    assert [text[-7:] for text in texts] == ["[HP301]", "[HP501]"]
    assert "`x` holds NaN or infinity in row 23" in texts[1]


def test_a_stream():
    def batches():
        while True:
            yield X[:5], Y[:5]

    model = net(layers.Dense(1, name="one"), optimizer=keras.optimizers.SGD(1e20))
    _, texts = told(model.fit, batches(), steps_per_epoch=9, epochs=2, verbose=0)
    (text,) = texts
    assert "since epoch 1" in text and "a stream can't be asked for again" in text
    assert "one/kernel" in text


def test_own_train_step():
    class Mine(keras.Sequential):
        def train_step(self, data):
            x, y, _ = data

            def forward():
                return ops.mean(ops.square(self(x, training=True) - y)) * 1e30, None

            (loss, _), gradients = keras.value_and_grad(forward, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"loss": loss}

    model = Mine([keras.Input((4,)), layers.Dense(1)])
    model.compile("sgd")
    _, texts = told(model.fit, X, Y, batch_size=5, verbose=0)
    assert len(texts) == 1 and "since step 2 of epoch 1" in texts[0]


def test_looking_closely_changes_no_bits(monkeypatch):
    from hornpipe.training import diagnose

    def loss(y_true, y_pred):  # not finite for some rows, with gradients that are
        return ops.mean(ops.square(y_pred), -1) + 0.0 * ops.mean(ops.log(y_true), -1)

    y = np.ones((60, 1), "float32")
    y[::9] = -1.0

    def run():
        keras.utils.set_random_seed(1)  # layers draw their seeds when they are made
        parts = [layers.Dense(8, "relu", name="a"), layers.Dropout(0.5, seed=3, name="b")]
        model = net(
            *parts, layers.BatchNormalization(name="c"), layers.Dense(1, name="d"), loss=loss
        )
        model.compile("adam", loss, metrics=["mae"])
        history, texts = told(model.fit, X, y, epochs=3, batch_size=7, verbose=0)
        return history.history, model.get_weights(), len(texts)

    history, weights, count = run()
    monkeypatch.setattr(diagnose.LossWatch, "after", lambda *args: None)
    monkeypatch.setattr(diagnose.LossWatch, "epoch_end", lambda *args: None)
    plain_history, plain_weights, none = run()
    assert (count, none) == (1, 0)
    assert all(np.isfinite(weight).all() for weight in weights)
    assert history["mean_absolute_error"] == plain_history["mean_absolute_error"]
    for a, b in zip(weights, plain_weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_finite_loss_is_not_mentioned():
    model = net(layers.Dense(1), optimizer="adam")
    assert told(model.fit, X, Y, epochs=3, verbose=0)[1] == []


@pytest.mark.parametrize("verbose", [0, 2])
def test_its_copies_end_with_fit(verbose, monkeypatch):
    made = []

    def note(watch, *arguments, __init__=diagnose.LossWatch.__init__):
        __init__(watch, *arguments)
        made.append(weakref.ref(watch))

    monkeypatch.setattr(diagnose.LossWatch, "__init__", note)
    gc.disable()
    try:
        net(layers.Dense(1)).fit(X, Y, batch_size=5, epochs=2, verbose=verbose)
        (watch,) = made
        assert watch() is None
    finally:
        gc.enable()


def test_once_for_each_compile():
    model = net(layers.Dense(1), optimizer=keras.optimizers.SGD(1e20))
    only(model)
    assert told(model.fit, X, Y, verbose=0)[1] == []
    model.compile(keras.optimizers.SGD(1e20), "mse")
    _, text = only(model)
    assert "is not finite before that step" in text or "not known" in text


@pytest.mark.parametrize("eager", [False, True])
def test_large_models_are_not_copied(monkeypatch, eager):
    from hornpipe.training import diagnose

    monkeypatch.setattr(diagnose, "_MOST_BYTES", 0)
    model = net(layers.Dense(1), optimizer=keras.optimizers.SGD(1e20))
    model.run_eagerly = eager
    _, text = only(model)
    assert "the weights from before it are gone" in text
