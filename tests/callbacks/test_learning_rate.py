"""Callbacks that change the learning rate, against expectations worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.callbacks import CallbackList, LearningRateScheduler, ReduceLROnPlateau

NAN, INF = float("nan"), float("inf")


class Model:
    """What the callbacks see of a model."""

    def __init__(self, rate=1.0):
        self.optimizer, self.metrics = keras.optimizers.SGD(rate), []


def begin(reduce, model):
    callbacks = CallbackList([reduce], model)
    callbacks.on_train_begin()
    return callbacks


def run(values, model=None, monitor="val_loss", **arguments):
    """Return (learning rate, wait, cooldown_counter) after every epoch."""
    model, reduce = model or Model(), ReduceLROnPlateau(monitor, factor=0.5, **arguments)
    callbacks, found = begin(reduce, model), []
    for epoch, value in enumerate(values):
        callbacks.on_epoch_end(epoch, {monitor: value})
        rate = float(model.optimizer.learning_rate.numpy())
        found.append((rate, reduce.wait, reduce.cooldown_counter))
    return found


CASES = [
    ([1] * 5, {"patience": 2}, [(1, 0, 0), (1, 1, 0), (0.5, 0, 0), (0.5, 1, 0), (0.25, 0, 0)]),
    ([1] * 3, {"patience": 0}, [(1, 0, 0), (0.5, 0, 0), (0.25, 0, 0)]),
    ([1, 0.5, 0.25], {"patience": 1}, [(1, 0, 0), (1, 0, 0), (1, 0, 0)]),
    ([INF] * 3, {"patience": 1}, [(1, 0, 0), (0.5, 0, 0), (0.25, 0, 0)]),
    ([1, NAN, NAN], {"patience": 2}, [(1, 0, 0), (1, 1, 0), (0.5, 0, 0)]),
    ([NAN, NAN, 1], {"patience": 2}, [(1, 0, 0), (1, 1, 0), (0.5, 0, 0)]),
    # epochs of cooling down do not count, and end with one that does
    (
        [1] * 6,
        {"patience": 1, "cooldown": 2},
        [(1, 0, 0), (0.5, 0, 2), (0.5, 0, 1), (0.25, 0, 2), (0.25, 0, 1), (0.125, 0, 2)],
    ),
    (
        [1, 1, 1, 0.5, 0.5, 0.5],
        {"patience": 1, "cooldown": 1},
        [(1, 0, 0), (0.5, 0, 1), (0.25, 0, 1), (0.25, 0, 0), (0.125, 0, 1), (0.0625, 0, 1)],
    ),
    # never below the least rate; there it only counts on
    (
        [1] * 5,
        {"patience": 1, "min_lr": 0.375},
        [(1, 0, 0), (0.5, 0, 0), (0.375, 0, 0), (0.375, 1, 0), (0.375, 2, 0)],
    ),
    ([1], {"patience": 1, "min_lr": 2}, [(1, 0, 0)]),
    ([1, 1], {"patience": 1, "min_lr": 2}, [(1, 0, 0), (1, 1, 0)]),
    # the least change that counts; its sign does not matter
    ([1, 0.9, 0.7], {"patience": 2, "min_delta": 0.25}, [(1, 0, 0), (1, 1, 0), (1, 0, 0)]),
    ([1, 0.9, 0.7], {"patience": 2, "min_delta": -0.25}, [(1, 0, 0), (1, 1, 0), (1, 0, 0)]),
    ([1, 2, 2], {"patience": 1, "mode": "max"}, [(1, 0, 0), (1, 0, 0), (0.5, 0, 0)]),
]


@pytest.mark.parametrize(("values", "arguments", "expected"), CASES)
def test_cases(values, arguments, expected):
    assert run(values, **arguments) == expected


def test_auto_mode_goes_up_for_accuracy():
    assert [each[0] for each in run([0.1, 0.2, 0.3], monitor="accuracy", patience=1)] == [1, 1, 1]


def test_the_epochs_own_rate_is_in_the_logs_and_history():
    logs, model = {"val_loss": 1.0}, Model()
    callbacks = begin(ReduceLROnPlateau(patience=1, factor=0.5), model)
    callbacks.on_epoch_end(0, dict(logs))
    callbacks.on_epoch_end(1, logs)
    assert logs["learning_rate"] == 1.0
    assert float(model.optimizer.learning_rate.numpy()) == 0.5


def test_epochs_without_validation_are_passed_over():
    reduce, model = ReduceLROnPlateau(patience=1, factor=0.5), Model()
    callbacks = CallbackList([reduce], model, epochs=4, validation_freq=2)
    callbacks.on_train_begin()
    for epoch in range(4):
        logs = {"loss": 1.0, "val_loss": 0.5} if epoch % 2 else {"loss": 1.0}
        callbacks.on_epoch_end(epoch, logs)
        assert "learning_rate" in logs
    assert float(model.optimizer.learning_rate.numpy()) == 0.5


@pytest.mark.parametrize("interrupted", range(1, 7))
def test_resumed_equals_uninterrupted(interrupted):
    values = [1, 1, 1, 0.5, 0.6, 0.7, 0.4, 0.4, 0.4]
    arguments = {"patience": 2, "cooldown": 1, "factor": 0.5}
    whole = Model()
    callbacks = begin(ReduceLROnPlateau(**arguments), whole)
    for epoch, value in enumerate(values):
        callbacks.on_epoch_end(epoch, {"val_loss": value})
    parted = Model()  # the optimizer's state stays, as after restoring it
    callbacks = begin(ReduceLROnPlateau(**arguments), parted)
    for epoch, value in enumerate(values):
        if epoch == interrupted:
            state = callbacks.get_state()
            callbacks = begin(ReduceLROnPlateau(**arguments), parted)
            assert callbacks.set_state(state) == []
        callbacks.on_epoch_end(epoch, {"val_loss": value})
    rates = [float(model.optimizer.learning_rate.numpy()) for model in (whole, parted)]
    assert rates[0] == rates[1] < 1


def test_state_is_plain_data_and_a_new_run_starts_again():
    reduce, model = ReduceLROnPlateau(patience=5), Model()
    callbacks = begin(reduce, model)
    assert reduce.get_state() == {"wait": 0, "cooldown_counter": 0}
    for epoch in range(3):
        callbacks.on_epoch_end(epoch, {"val_loss": 1.0})
    assert reduce.get_state() == {"wait": 2, "cooldown_counter": 0, "best": 1.0}
    callbacks.on_train_begin()
    assert reduce.get_state() == {"wait": 0, "cooldown_counter": 0}


def test_verbose_says_what_happened(capsys):
    run([1, 1], patience=1, verbose=1)
    assert capsys.readouterr().out == "Epoch 2: learning rate reduced to 0.5.\n"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"factor": 1.0}, ValueError, "`factor` must be greater than 0 and less than 1. Received"),
        ({"factor": 0}, ValueError, "`factor` must be greater than 0 and less than 1. Received"),
        ({"factor": NAN}, ValueError, "`factor` must be greater than 0 and less than 1."),
        ({"factor": "x"}, TypeError, "`factor` must be a number. Received: factor='x'."),
        ({"min_lr": -1}, ValueError, "`min_lr` must be a number >= 0. Received: min_lr=-1."),
        ({"patience": -1}, ValueError, "`patience` must be an integer >= 0. Received: patience=-1"),
        ({"cooldown": 0.5}, ValueError, "`cooldown` must be an integer >= 0."),
        ({"mode": "mix"}, ValueError, "`mode` must be one of auto, min, max. Received: mode='mix'"),
        ({"patiance": 3}, TypeError, "got an unknown argument `patiance`. Received: patiance=3. "),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error) as caught:
        ReduceLROnPlateau(**arguments)
    assert str(caught.value).startswith("ReduceLROnPlateau: " + text)


def test_the_spelling_of_keras_1():
    assert ReduceLROnPlateau("loss", 0.2, 5, epsilon=0.01).min_delta == 0.01
    with pytest.raises(TypeError, match="mixes Keras 1"):
        ReduceLROnPlateau(epsilon=0.1, min_delta=0.1)


# ---- in fit


def make(rate=0.5):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


X, Y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")


def test_reduced_in_fit():
    model = make()
    reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10)
    history = model.fit(X, Y, epochs=3, callbacks=[reduce], verbose=0)
    assert history.history["learning_rate"] == [0.5, 0.5, 0.25]
    assert history.history["lr"] == [0.5, 0.5, 0.25]  # what Keras 1 called it


def test_a_schedule_trains_with_its_rates():
    # One weight w, x = 1, y = 1: w += 2 * rate * (1 - w) in every step.
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(1.0), "mse")
    rates = [0.25, 0.0, 0.125]
    schedule = LearningRateScheduler(lambda epoch: rates[epoch])
    history = model.fit(
        np.ones((4, 1)), np.ones((4, 1)), batch_size=4, epochs=3, callbacks=[schedule], verbose=0
    )
    weight, losses = 0.0, []
    for rate in rates:
        losses.append((1 - weight) ** 2)
        weight += 2 * rate * (1 - weight)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-6)
    assert history.history["learning_rate"] == rates
    np.testing.assert_allclose(model.get_weights()[0], [[weight]], rtol=1e-6)


def test_a_schedule_takes_the_rate_so_far(capsys):
    schedule = LearningRateScheduler(lambda epoch, rate: rate / (epoch + 1), verbose=1)
    history = make().fit(X, Y, epochs=3, callbacks=[schedule], verbose=0)
    np.testing.assert_allclose(history.history["learning_rate"], [0.5, 0.25, 0.25 / 3], rtol=1e-6)
    assert capsys.readouterr().out.splitlines()[1] == "Epoch 2: learning rate 0.25."


@pytest.mark.parametrize("value", [None, -1.0, NAN, INF, "fast"])
def test_what_a_schedule_may_return(value):
    with pytest.raises(ValueError) as caught:
        make().fit(X, Y, callbacks=[LearningRateScheduler(lambda epoch: value)], verbose=0)
    assert str(caught.value) == (
        "LearningRateScheduler: `schedule` must return a finite number >= 0; for epoch 0 it did not. "
        f"Received: {value!r}."
    )


def test_what_a_schedule_may_be():
    text = "`schedule` must be a function of \\(epoch, learning_rate\\) or of epoch"
    for schedule in (0.5, lambda: 0.5, lambda a, b, c: 0.5):
        with pytest.raises(TypeError, match=text):
            LearningRateScheduler(schedule)


@pytest.mark.parametrize(
    "callback", [ReduceLROnPlateau("loss"), LearningRateScheduler(lambda epoch: 0.1)]
)
def test_an_optimizer_with_a_schedule_is_refused_before_training(callback):
    model = make()
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(keras.optimizers.SGD(rate), "mse")
    before = model.get_weights()[0]
    with pytest.raises(TypeError, match="must be a number, it follows a schedule.*'sgd_1'"):
        model.fit(X, Y, callbacks=[callback], verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)
    assert int(model.optimizer.iterations.numpy()) == 0


# ---- names that other callbacks add


class Adds(keras.callbacks.Callback):
    """Adds a name to the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["hits"] = 1.0


def test_a_name_that_a_callback_adds_may_be_monitored():
    reduce = ReduceLROnPlateau("hits", factor=0.5, patience=1, mode="max")
    model = make()
    model.fit(X, Y, epochs=2, callbacks=[Adds(), reduce], verbose=0)
    assert float(model.optimizer.learning_rate.numpy()) == 0.25


def test_a_misspelt_name_is_told_before_training_all_the_same():
    model = make()
    with pytest.raises(ValueError, match="Did you mean 'val_loss'"):
        model.fit(
            X, Y, callbacks=[Adds(), ReduceLROnPlateau("val_los")], validation_split=0.5, verbose=0
        )
    with pytest.raises(ValueError, match="`monitor` must be a name in the logs: loss"):
        model.fit(X, Y, callbacks=[ReduceLROnPlateau("hits"), Adds()], verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 0
