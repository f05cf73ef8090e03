"""Early stopping against expectations worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hornpipe.callbacks import CallbackList, EarlyStopping

NAN, INF = float("nan"), float("inf")


class Model:
    """A model whose only weight is the number of the epoch that was trained last."""

    def __init__(self, metrics=()):
        self.stop_training, self.epoch, self.metrics = False, -1, list(metrics)

    def get_weights(self):
        return [np.array([self.epoch])]

    def set_weights(self, weights):
        self.epoch = int(weights[0][0])


class FakeMetric:
    def __init__(self, name, direction=None):
        self.name = name
        if direction:
            self._direction = direction


def run(values, monitor="val_loss", model=None, **kwargs):
    """Return the callback and its model after epochs with these monitored values."""
    stop, model = EarlyStopping(monitor, **kwargs), model or Model()
    callbacks = CallbackList([stop], model)
    callbacks.on_train_begin()
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callbacks.on_epoch_end(epoch, {monitor: value})
        if callbacks.stop_training:
            break
    callbacks.on_train_end()
    return stop, model


# values, arguments -> epochs that ran, stopped_epoch, best, best_epoch, wait
CASES = [
    ([1.0, 0.9, 0.8, 0.85, 0.86], {}, (4, 3, 0.8, 2, 1)),
    ([1.0, 1.0, 1.0], {}, (2, 1, 1.0, 0, 1)),
    ([1.0, 0.9, 0.8, 0.85, 0.86, 0.87], {"patience": 1}, (4, 3, 0.8, 2, 1)),
    ([1.0, 0.9, 0.8, 0.85, 0.86, 0.87], {"patience": 2}, (5, 4, 0.8, 2, 2)),
    ([1.0, 1.1, 0.9, 1.1, 0.8], {"patience": 2}, (5, 0, 0.8, 4, 0)),
    ([NAN, NAN, NAN, NAN], {"patience": 2}, (3, 2, NAN, 0, 2)),
    ([NAN, 0.5, 0.4], {"patience": 1}, (2, 1, NAN, 0, 1)),
    ([1.0, NAN, 0.5, NAN, NAN, NAN], {"patience": 2}, (5, 4, 0.5, 2, 2)),
    ([INF, INF, 1.0, 0.5], {"patience": 2}, (4, 0, 0.5, 3, 0)),
    ([1.0, 0.9], {"patience": 3}, (2, 0, 0.9, 1, 0)),
    ([1.0], {}, (1, 0, 1.0, 0, 0)),
    # the least change that counts; its sign does not matter
    ([1.0, 0.75, 0.5, 0.125, 0.1], {"min_delta": 0.25, "patience": 2}, (5, 0, 0.125, 3, 1)),
    ([1.0, 0.95, 0.9, 0.85], {"min_delta": 0.5, "patience": 2}, (3, 2, 1.0, 0, 2)),
    ([1.0, 0.95, 0.9, 0.85], {"min_delta": -0.5, "patience": 2}, (3, 2, 1.0, 0, 2)),
    # a baseline: the count starts again only below it, though the best value moves on
    ([1.0, 0.9, 0.8, 0.85], {"patience": 1, "baseline": 0.5}, (4, 3, 0.8, 2, 4)),
    ([0.7, 0.45, 0.46, 0.47], {"patience": 1, "baseline": 0.5}, (3, 2, 0.45, 1, 1)),
    ([0.7, 0.6, 0.55, 0.54, 0.53], {"patience": 2, "baseline": 0.5}, (5, 0, 0.53, 4, 5)),
    ([1.0, 1.0, 1.0, 1.0], {"patience": 3, "baseline": 0.5}, (3, 2, 1.0, 0, 3)),
    # epochs at the start are not looked at, so a better value there does not count
    ([0.1, 0.2, 0.8, 0.9, 0.9], {"patience": 2, "start_from_epoch": 2}, (5, 4, 0.8, 2, 2)),
    ([1.0, 1.0, 1.0, 1.0], {"patience": 2, "start_from_epoch": 2}, (4, 0, 1.0, 2, 1)),
    ([0.1, 0.2], {"start_from_epoch": 5}, (2, 0, None, 0, 0)),
    # upwards
    ([0.1, 0.2, 0.15, 0.16], {"mode": "max", "patience": 2}, (4, 3, 0.2, 1, 2)),
    ([0.1, 0.2, 0.22, 0.4], {"mode": "max", "patience": 2, "min_delta": 0.05}, (4, 0, 0.4, 3, 0)),
]


@pytest.mark.parametrize(("values", "arguments", "expected"), CASES)
def test_cases(values, arguments, expected):
    stop, model = run(values, **arguments)
    got = (model.epoch + 1, stop.stopped_epoch, stop.best, stop.best_epoch, stop.wait)
    assert got[:2] == expected[:2]
    assert got[2] == expected[2] or (np.isnan(got[2]) and np.isnan(expected[2]))
    assert got[3:] == expected[3:]
    assert model.stop_training == (stop.stopped_epoch > 0)


@pytest.mark.parametrize(
    ("values", "arguments", "epoch"),
    [
        ([1.0, 0.9, 0.8, 0.85, 0.86, 0.87], {"patience": 2}, 2),  # it stopped
        ([1.0, 0.8, 0.9], {"patience": 9}, 1),  # it ran to its end: restored as well
        ([1.0, 0.9], {"patience": 2}, 1),
        ([NAN, 0.5, 0.4], {"patience": 1}, 0),
        ([1.0, 0.9, 0.95], {"patience": 1, "baseline": 0.1}, 1),  # never below the baseline
        ([0.1, 0.2, 0.8, 0.9], {"patience": 5, "start_from_epoch": 2}, 2),
        ([0.5, 0.6], {"start_from_epoch": 7}, 1),  # nothing was looked at, nothing is restored
    ],
)
def test_best_weights_come_back(values, arguments, epoch):
    _, model = run(values, restore_best_weights=True, **arguments)
    assert model.epoch == epoch


def test_weights_stay_without_restoring():
    assert run([1.0, 0.8, 0.9])[1].epoch == 2


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [
        ("loss", "min"),
        ("val_loss", "min"),
        ("val_head_loss", "min"),
        ("mae", "min"),
        ("mean_squared_logarithmic_error", "min"),
        ("val_sparse_categorical_crossentropy", "min"),
        ("false_positives", "min"),
        ("accuracy", "max"),
        ("val_acc", "max"),
        ("val_head_sparse_top_k_categorical_accuracy", "max"),
        ("auc_3", "max"),
        ("true_positives", "max"),
        ("r2_score", "max"),
    ],
)
def test_auto_mode_by_name(monitor, mode):
    assert EarlyStopping(monitor).direction() == mode


def test_auto_mode_by_metric_object():
    for direction, mode in (("up", "max"), ("down", "min")):
        # The object knows better than its name.
        metric = FakeMetric("my_loss", direction)
        model = Model([FakeMetric("other"), metric])
        stop = EarlyStopping("val_my_loss")
        stop.set_model(model)
        assert stop.direction() == mode

    class F1Score(FakeMetric):
        pass

    container = FakeMetric("compile_metrics")
    container.metrics = [F1Score("strange")]
    stop = EarlyStopping("strange")
    stop.set_model(Model([container]))
    assert stop.direction() == "max"


def test_auto_mode_that_cannot_tell():
    text = (
        "EarlyStopping: `mode` 'auto' can't tell whether 'foo' should grow or shrink. "
        "Pass mode='max' or mode='min'."
    )
    with pytest.raises(ValueError) as caught:
        run([1.0], monitor="foo")
    assert str(caught.value) == text
    assert run([1.0, 2.0, 1.0, 1.0], monitor="foo", mode="max", patience=1)[0].best == 2.0


def test_unknown_monitor():
    callbacks = CallbackList([EarlyStopping("val_acuracy")], Model())
    callbacks.on_train_begin()
    with pytest.raises(ValueError) as caught:
        callbacks.on_epoch_end(0, {"loss": 1.0, "val_accuracy": 0.5})
    assert str(caught.value) == (
        "EarlyStopping: `monitor` must be a name in the logs: loss, val_accuracy. "
        "Received: monitor='val_acuracy'. Did you mean 'val_accuracy'?"
    )


def test_unknown_monitor_before_training():
    callbacks = CallbackList([EarlyStopping()], Model())
    with pytest.raises(ValueError, match="Pass `validation_data` or `validation_split` to fit"):
        callbacks.check_monitored(["accuracy", "mae"])
    callbacks.check_monitored(["loss", "val_loss"])


def test_unknown_monitor_is_told_before_start_from_epoch():
    with pytest.raises(ValueError, match="monitor='val_loss'"):
        stop = EarlyStopping(start_from_epoch=10)
        stop.set_model(Model())
        stop.on_train_begin()
        stop.on_epoch_end(0, {"loss": 1.0})


def test_epochs_without_validation_are_passed_over():
    stop = EarlyStopping(patience=1)
    callbacks = CallbackList([stop], Model(), epochs=6, validation_freq=2)
    callbacks.on_train_begin()
    for epoch in range(6):
        logs = {"loss": 1.0, "val_loss": 0.5} if epoch % 2 else {"loss": 1.0}
        callbacks.on_epoch_end(epoch, logs)
        assert callbacks.stop_training == (epoch >= 3)
    assert stop.best_epoch == 1 and stop.stopped_epoch == 5


def test_used_again_it_starts_again():
    stop, _ = run([1.0, 0.5, 0.6], restore_best_weights=True)
    stop.on_train_begin()
    assert (stop.wait, stop.stopped_epoch, stop.best, stop.best_weights) == (0, 0, None, None)
    stop.on_epoch_end(0, {"val_loss": 9.0})
    assert stop.best == 9.0


@pytest.mark.parametrize("interrupted", range(1, 6))
def test_resumed_equals_uninterrupted(interrupted):
    values = [1.0, 0.7, 0.5, 0.6, 0.65, 0.7, 0.4]
    arguments = {"patience": 3, "restore_best_weights": True}
    whole, whole_model = run(values, **arguments)
    first, second, model = EarlyStopping(**arguments), EarlyStopping(**arguments), Model()
    kept = CallbackList([first], model)
    kept.on_train_begin()
    for epoch in range(interrupted):
        model.epoch = epoch
        kept.on_epoch_end(epoch, {"val_loss": values[epoch]})
    state = kept.get_state()
    resumed = CallbackList([second], model)
    resumed.on_train_begin()
    assert resumed.set_state(state) == []
    for epoch in range(interrupted, len(values)):
        model.epoch = epoch
        resumed.on_epoch_end(epoch, {"val_loss": values[epoch]})
        if resumed.stop_training:
            break
    resumed.on_train_end()
    names = ("wait", "best", "best_epoch", "stopped_epoch")
    assert [getattr(second, name) for name in names] == [getattr(whole, name) for name in names]
    assert model.epoch == whole_model.epoch == 2


def test_state_is_plain_data():
    stop, _ = run([1.0, 0.5, 0.6], restore_best_weights=True)
    state = stop.get_state()
    assert {type(value) for value in state.values()} == {int, float, list}
    assert EarlyStopping().get_state() == {"wait": 0, "stopped_epoch": 0, "best_epoch": 0}


def test_verbose_says_what_happened(capsys):
    run([1.0, 0.5, 0.6], verbose=1, restore_best_weights=True)
    assert (
        capsys.readouterr().out
        == "Epoch 3: early stopping. Weights of the best epoch, 2, restored.\n"
    )
    run([1.0, 0.5, 0.4], verbose=1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            {"patience": -1},
            ValueError,
            "`patience` must be an integer >= 0. Received: patience=-1.",
        ),
        (
            {"patience": 1.5},
            ValueError,
            "`patience` must be an integer >= 0. Received: patience=1.5.",
        ),
        (
            {"patience": True},
            ValueError,
            "`patience` must be an integer >= 0. Received: patience=True.",
        ),
        ({"start_from_epoch": "2"}, ValueError, "`start_from_epoch` must be an integer >= 0."),
        (
            {"mode": "maxx"},
            ValueError,
            "`mode` must be one of auto, min, max. Received: mode='maxx'. Did you mean 'max'?",
        ),
        ({"monitor": 3}, TypeError, "`monitor` must be a name in the logs. Received: monitor=3."),
        ({"min_delta": "a"}, TypeError, "`min_delta` must be a number. Received: min_delta='a'."),
        (
            {"baseline": "a"},
            TypeError,
            "`baseline` must be a number or None. Received: baseline='a'.",
        ),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error) as caught:
        EarlyStopping(**arguments)
    assert str(caught.value).startswith("EarlyStopping: " + text)


def test_value_with_axes():
    with pytest.raises(ValueError, match="'f1_score' has several"):
        run([np.array([0.5, 0.5])], monitor="f1_score")
