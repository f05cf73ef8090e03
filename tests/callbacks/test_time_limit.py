"""TimeLimit pauses between chunks; what was not finished is not in the history."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.callbacks import time_limit

X, Y = np.ones((64, 2), "float32"), np.ones((64, 1), "float32")


def make_model():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Clock:
    """A clock that the test moves on; it stands in for the module `time`."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(time_limit, "time", self)

    def monotonic(self):
        return self.now


def test_stops_before_the_next_epoch(monkeypatch, capsys):
    clock, limit = Clock(monkeypatch), keras.callbacks.TimeLimit(3, verbose=1)

    class Second(keras.callbacks.Callback):
        ended = 0

        def on_epoch_end(self, epoch, logs=None):
            clock.now += 1.5

        def on_train_end(self, logs=None):
            self.ended += 1

    second = Second()
    history = make_model().fit(X, Y, epochs=9, callbacks=[limit, second], verbose=0)
    assert history.epoch == [0, 1] and limit.reached and second.ended == 1
    assert "Epoch 3, step 0: paused, the time is up." in capsys.readouterr().out
    limit.seconds = 100
    history = make_model().fit(X, Y, epochs=3, callbacks=[limit], verbose=0)
    assert history.epoch == [0, 1, 2] and not limit.reached


def test_stops_inside_an_epoch_without_validation(monkeypatch):
    clock, limit = Clock(monkeypatch), keras.callbacks.TimeLimit(1)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            clock.now += 0.3

        def on_test_begin(self, logs=None):
            seen.append("test")

        def on_epoch_end(self, epoch, logs=None):
            seen.append("end")

    history = make_model().fit(
        X,
        Y,
        batch_size=4,
        epochs=2,
        validation_data=(X, Y),
        callbacks=[Watch(), limit],
        verbose=0,
    )
    assert seen == [0, 1, 2, 3] and history.epoch == []


def test_a_run_that_is_over_is_not_paused(monkeypatch):
    clock, limit = Clock(monkeypatch), keras.callbacks.TimeLimit(1)
    late = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(clock, "now", clock.now + 9)
    )
    history = make_model().fit(X, Y, epochs=1, callbacks=[late, limit], verbose=0)
    assert history.epoch == [0] and not limit.reached


def test_every_chunk_is_announced():
    class Places(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.places = []

        def on_chunk_end(self, epoch, step):
            self.places.append((epoch, step))

    places = Places()
    make_model().fit(X, Y, batch_size=16, epochs=2, callbacks=[places], verbose=0)
    assert places.places == sorted(places.places)
    assert {(0, 4), (1, 0), (1, 4)} <= set(places.places)


@pytest.mark.parametrize("seconds", [0, -1, "3", None, True, float("nan"), float("inf")])
def test_refuses(seconds):
    with pytest.raises(ValueError, match="TimeLimit: `seconds` must be a number > 0. Received"):
        keras.callbacks.TimeLimit(seconds)
