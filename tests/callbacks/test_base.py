"""The hooks, the list of callbacks, history and functions as callbacks."""

from __future__ import annotations

import numpy as np
import pytest

from hornpipe.callbacks import Callback, CallbackList, EarlyStopping, History, LambdaCallback
from hornpipe.callbacks.base import HOOKS

KERAS_HOOKS = [
    f"on_{what}_{when}"
    for what in (
        "train",
        "epoch",
        "train_batch",
        "batch",
        "test",
        "test_batch",
        "predict",
        "predict_batch",
    )
    for when in ("begin", "end")
]


class Model:
    stop_training = False


def test_all_hooks_exist_and_do_nothing():
    callback = Callback()
    assert sorted(HOOKS) == sorted(KERAS_HOOKS)
    for hook in KERAS_HOOKS:
        arguments = ({},) if len(HOOKS[hook]) == 1 else (0, {})
        assert getattr(callback, hook)(*arguments) is None
        assert getattr(callback, hook)(*arguments[:-1]) is None  # logs have a default
    assert callback.model is None and callback.params is None
    assert callback.get_state() is None and callback.monitored_names() == []


@pytest.mark.parametrize("hook", KERAS_HOOKS)
def test_every_hook_is_called_in_order_with_floats(hook):
    seen = []
    callbacks = [
        LambdaCallback(**{hook: lambda *arguments, number=number: seen.append((number, arguments))})
        for number in range(2)
    ]
    several = CallbackList(callbacks)
    position = () if len(HOOKS[hook]) == 1 else (7,)
    # The list calls the older names of batch hooks through the newer ones.
    called = hook.replace("on_batch", "on_train_batch")
    logs = getattr(several, called)(*position, {"loss": np.float32(0.5)})
    assert seen == [(0, (*position, {"loss": 0.5})), (1, (*position, {"loss": 0.5}))]
    if "predict_batch_end" not in hook:
        assert type(logs["loss"]) is float
    assert several.defines(called)


def test_logs_become_plain_and_are_shared():
    class Add(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["rate"] = 0.1

    several = CallbackList([Add()], add_history=True)
    logs = {
        "loss": np.array(1.5),
        "count": 3,
        "per_class": np.array([0.5, 1.0]),
        "flag": np.bool_(True),
    }
    several.on_epoch_end(0, logs)
    expected = {"loss": 1.5, "count": 3.0, "per_class": [0.5, 1.0], "flag": 1.0, "rate": 0.1}
    assert logs == expected  # in place: who displays them sees what history has
    assert several.history.history == {name: [value] for name, value in expected.items()}
    assert [type(value) for value in logs.values()] == [float, float, list, float, float]


def test_missing_logs_are_an_empty_dict():
    seen = []
    CallbackList(LambdaCallback(on_train_begin=seen.append)).on_train_begin()
    assert seen == [{}]


def test_predict_outputs_are_passed_on_as_they_are():
    outputs, seen = np.zeros((2, 3)), []
    callbacks = CallbackList(
        LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append(logs["outputs"]))
    )
    callbacks.on_predict_batch_end(0, {"outputs": outputs})
    assert seen[0] is outputs


class BatchEnd(Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


class OldBatchBegin(Callback):
    def on_batch_begin(self, batch, logs=None):
        pass


class TestBatch(Callback):
    __test__ = False
    observes_only = True

    def on_test_batch_begin(self, batch, logs=None):
        pass


class Watch(BatchEnd):
    observes_only = True


@pytest.mark.parametrize(
    ("callbacks", "train", "single", "test", "single_test"),
    [
        ([], False, False, False, False),
        ([History(), EarlyStopping()], False, False, False, False),
        ([BatchEnd()], True, True, False, False),
        ([OldBatchBegin()], True, True, False, False),
        ([Watch()], True, False, False, False),
        ([Watch(), BatchEnd()], True, True, False, False),
        ([TestBatch()], False, False, True, False),
        ([LambdaCallback(on_train_batch_begin=lambda batch, logs: None)], True, True, False, False),
        ([LambdaCallback(on_test_batch_end=lambda batch, logs: None)], False, False, True, True),
        ([LambdaCallback(on_epoch_end=lambda epoch, logs: None)], False, False, False, False),
    ],
)
def test_questions_of_the_executor(callbacks, train, single, test, single_test):
    several = CallbackList(callbacks)
    assert (several.needs_train_batches, several.needs_single_steps) == (train, single)
    assert several.needs_single_train_steps == single
    assert (several.needs_test_batches, several.needs_single_test_steps) == (test, single_test)
    assert not several.needs_predict_batches and not several.needs_single_predict_steps


def test_predict_questions():
    callback = LambdaCallback(on_predict_batch_begin=lambda batch, logs: None)
    assert (
        CallbackList(callback).needs_predict_batches
        and CallbackList(callback).needs_single_predict_steps
    )
    callback.observes_only = True
    assert (
        CallbackList(callback).needs_predict_batches
        and not CallbackList(callback).needs_single_predict_steps
    )


def test_model_and_params_reach_every_callback():
    first, second, model = Callback(), Callback(), Model()
    several = CallbackList([first, [second]], model, verbose=2, epochs=3, steps=5, add_history=True)
    assert first.model is second.model is model and model.history is several.history
    for callback in several.callbacks:
        assert {name: callback.params[name] for name in ("verbose", "epochs", "steps")} == {
            "verbose": 2,
            "epochs": 3,
            "steps": 5,
        }


def test_stop_flag_is_the_models():
    several, model = CallbackList(LambdaCallback(on_epoch_end=lambda epoch, logs: None)), Model()
    assert several.stop_training is False
    several.set_model(model)
    model.stop_training = True
    assert several.stop_training is True


def test_a_callback_without_super_init_works():
    class Forgetful(Callback):
        def __init__(self):
            self.seen = []

        def on_epoch_begin(self, epoch, logs=None):
            self.seen.append((epoch, self.model))

    callback, model = Forgetful(), Model()
    assert callback.model is None
    CallbackList([callback], model).on_epoch_begin(4)
    assert callback.seen == [(4, model)]


def test_a_given_history_is_used():
    mine = History()
    several = CallbackList([mine], add_history=True)
    assert several.history is mine and len(several.callbacks) == 1


def test_a_list_may_be_given_as_a_list():
    inner = CallbackList([EarlyStopping("loss")])
    assert CallbackList(inner).callbacks == inner.callbacks


def test_history():
    history = History()
    several = CallbackList([history])
    several.on_train_begin()
    several.on_epoch_end(3, {"loss": 1.0})
    several.on_epoch_end(4, {"loss": 0.5, "val_loss": 0.75})
    assert history.epoch == [3, 4]
    assert history.history == {"loss": [1.0, 0.5], "val_loss": [0.75]}
    state = several.get_state()
    resumed = CallbackList([History()])
    resumed.on_train_begin()
    assert resumed.set_state(state) == []
    resumed.on_epoch_end(5, {"loss": 0.25})
    assert resumed.history.history == {"loss": [1.0, 0.5, 0.25], "val_loss": [0.75]}
    assert history.history["loss"] == [1.0, 0.5]  # the state is a copy
    several.on_train_begin()
    assert history.history == {} and history.epoch == []


def test_states_go_to_the_same_class_in_order():
    first, second = EarlyStopping("loss"), EarlyStopping("mae")
    first.wait, second.wait = 3, 5
    states = CallbackList([first, Callback(), second]).get_state()
    assert [entry["callback"] for entry in states] == ["EarlyStopping", "EarlyStopping"]
    one, two = EarlyStopping("loss"), EarlyStopping("mae")
    assert CallbackList([History(), one, two]).set_state(states) == []
    assert (one.wait, two.wait) == (3, 5)
    assert CallbackList([one]).set_state(states) == ["EarlyStopping"]


# ---- errors


class NoLogs(Callback):
    def on_epoch_end(self, epoch):
        pass


class TooMany(Callback):
    def on_train_begin(self, epoch, logs):
        pass


class Keyword(Callback):
    def on_batch_end(self, batch, *, logs):
        pass


class Async(Callback):
    async def on_epoch_end(self, epoch, logs=None):
        pass


class NotAFunction(Callback):
    on_epoch_end = 3


@pytest.mark.parametrize(
    ("callback", "text"),
    [
        (
            NoLogs(),
            "NoLogs: `on_epoch_end` must be a function that takes (epoch, logs). "
            "Received: on_epoch_end(epoch). Write on_epoch_end(self, epoch, logs=None).",
        ),
        (
            TooMany(),
            "TooMany: `on_train_begin` must be a function that takes (logs). "
            "Received: on_train_begin(epoch, logs). Write on_train_begin(self, logs=None).",
        ),
        (Keyword(), "Keyword: `on_batch_end` must be a function that takes (batch, logs)."),
        (Async(), "Async: `on_epoch_end` must be a function that takes (epoch, logs)."),
        (
            NotAFunction(),
            "NotAFunction: `on_epoch_end` must be a function that takes (epoch, logs).",
        ),
        (
            LambdaCallback(on_epoch_end=lambda logs: None),
            "LambdaCallback: `on_epoch_end` must be a function that takes (epoch, logs). "
            "Received: on_epoch_end(logs). Write on_epoch_end(epoch, logs=None).",
        ),
        (
            EarlyStopping,
            "fit: `callbacks[1]` must be a Callback object. Received: the class EarlyStopping. ",
        ),
        (
            print,
            "fit: `callbacks[1]` must be a Callback object. Received: callbacks[1]=<built-in function print>.",
        ),
        (None, "fit: `callbacks[1]` must be a Callback object. Received: callbacks[1]=None."),
    ],
)
def test_wrong_callbacks(callback, text):
    with pytest.raises(TypeError) as caught:
        CallbackList([Callback(), callback])
    assert str(caught.value).startswith(text)


def test_hooks_with_other_spellings_are_accepted():
    class Free(Callback):
        def on_epoch_end(self, *args):
            pass

        def on_train_begin(self, anything=None, more=1):
            pass

    CallbackList([Free(), LambdaCallback(on_epoch_end=print, on_train_end=[].append)])


def test_dict_of_callbacks():
    with pytest.raises(TypeError, match="evaluate: `callbacks` must be a list of Callback objects"):
        CallbackList({"a": Callback()}, who="evaluate")


def test_wrong_verbose():
    with pytest.raises(
        ValueError, match=r"fit: `verbose` must be 0, 1, 2 or 'auto'. Received: verbose=3."
    ):
        CallbackList([], add_progbar=True, verbose=3)


def test_lambda_callback_errors():
    with pytest.raises(TypeError) as caught:
        LambdaCallback(on_epoch_ends=print)
    assert (
        str(caught.value)
        == "LambdaCallback: got an unknown hook `on_epoch_ends`. Did you mean 'on_epoch_end'?"
    )
    with pytest.raises(
        TypeError, match=r"`on_epoch_end` must be a function. Received: on_epoch_end=3."
    ):
        LambdaCallback(on_epoch_end=3)


def test_lambda_callback_leaves_other_hooks_alone():
    callback = LambdaCallback(on_test_begin=lambda logs: None)
    several = CallbackList(callback)
    assert several.defines("on_test_begin") and not several.defines("on_epoch_end")
    assert callback.on_epoch_end(0, {}) is None


def test_an_error_in_a_hook_is_not_hidden():
    def fail(epoch, logs):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        CallbackList(LambdaCallback(on_epoch_end=fail)).on_epoch_end(0, {})


def test_unknown_name_in_the_package():
    import hornpipe.callbacks as package

    with pytest.raises(AttributeError, match="Did you mean 'EarlyStopping'"):
        package.EarlyStoping  # noqa: B018


def test_a_subclass_that_adds_batch_hooks_is_not_taken_for_an_observer():
    class Looks(Callback):
        observes_only = True

        def on_train_batch_end(self, batch, logs=None):
            pass

    class Changes(Looks):
        def on_train_batch_end(self, batch, logs=None):
            pass

    class Same(Looks):
        def on_epoch_end(self, epoch, logs=None):
            pass

    class Said(Looks):
        observes_only = True

        def on_batch_begin(self, batch, logs=None):
            pass

    found = [
        CallbackList([kind()]).needs_single_train_steps for kind in (Looks, Changes, Same, Said)
    ]
    assert found == [False, True, False, False]
    one = Changes()
    one.observes_only = True
    assert not CallbackList([one]).needs_single_train_steps
