"""`Callback`, the base of everything that takes part in training, and `CallbackList`, which calls
several in order.

>>> import hornpipe as keras
>>> class Count(keras.callbacks.Callback):
...     epochs = 0
...     def on_epoch_end(self, epoch, logs=None):
...         self.epochs += 1
>>> count = Count()
>>> callbacks = keras.callbacks.CallbackList([count], epochs=1)
>>> callbacks.on_epoch_end(0, {"loss": 0.5})
{'loss': 0.5}
>>> count.epochs
1
"""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from hornpipe.core import tree
from hornpipe.core.errors import message, near_miss
from hornpipe.core.refusal import guarded
from hornpipe.utils.progress import check_verbose, plain_value

# hook -> the names of its arguments
HOOKS = {
    f"on_{what}_{when}": arguments
    for what, arguments in (
        ("train", ("logs",)),
        ("epoch", ("epoch", "logs")),
        ("train_batch", ("batch", "logs")),
        ("batch", ("batch", "logs")),
        ("test", ("logs",)),
        ("test_batch", ("batch", "logs")),
        ("predict", ("logs",)),
        ("predict_batch", ("batch", "logs")),
    )
    for when in ("begin", "end")
}
# How alike two names are, from 0 to 1, of which one is taken for the other misspelt.
_MISSPELT = 0.85
# `on_train_batch_*` of the base class calls the older name, so overriding either counts.
_ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Callback:
    """Base of all callbacks. Subclasses define the hooks they need; the others do nothing.

    `logs` is a dict of floats: the loss and the metrics so far. What `on_epoch_end` adds to it is
    displayed and kept in the history. Setting `self.model.stop_training = True` ends training after
    the current step or epoch.

    Attributes:
        model: the model that is trained, or None before.
        params: dict with `verbose`, `epochs` and `steps`, or None before.
        observes_only: bool, a class attribute. Batch hooks may change the model, so that training
            has to stop after every step for them; a callback that only looks says True. Its batch
            hooks are called after several steps at once, with the exact logs of each batch, and
            training keeps its speed. A subclass that adds batch hooks has to say so again. Default
            False.

    Example:
        >>> import hornpipe as keras
        >>> class Stop(keras.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         if logs["loss"] < 0.1:
        ...             self.model.stop_training = True
        >>> Stop().monitored_names()
        []
    """

    observes_only = False
    model: Any = None
    params: dict | None = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("hornpipe.") and "__init__" in vars(cls):
            cls.__init__ = guarded(cls.__name__)(vars(cls)["__init__"])

    @guarded("Callback")
    def __init__(self):
        self.model = None
        self.params = None

    def set_params(self, params):
        """Take the run's parameters: a dict with `verbose`, `epochs` and `steps`."""
        self.params = params

    def set_model(self, model):
        """Take the model that is trained."""
        self.model = model

    def monitored_names(self) -> list[str]:
        """Return the names in the logs that this callback needs; `fit` checks before training that they will exist."""
        return []

    def check_names(self, available: list[str], complete: bool) -> None:
        """Check that the logs will hold `monitored_names`; called by `fit` before training.

        Args:
            available: the names known by then.
            complete: bool. False where a callback before this one may add more.

        Raises:
            ValueError: a name is not among them.
        """
        for name in self.monitored_names():
            check_monitor(name, available, type(self).__name__, complete=complete)

    def steps_to_action(self) -> int | None:
        """Return after how many training steps a callback that observes only wants to see the model as it is, or None.

        Steps run together up to there; `on_train_batch_end` of that step finds the model's weights
        just after it.
        """
        return None

    def get_state(self) -> dict | None:
        """Return what a resumed run needs, as plain data (numbers, lists, strings, NumPy arrays), or None."""
        return None

    def set_state(self, state: dict) -> None:
        """Take over what `get_state` returned. Called after `on_train_begin` and before the first epoch; where a run goes
        on in the middle of an epoch, after that epoch's `on_epoch_begin`."""

    def on_chunk_end(self, epoch, step) -> bool | None:
        """Called between two chunks of training steps, some ten times a second, before validation and before the next epoch:
        the cheap place to look at a clock. True pauses training there: an epoch that is not over gets neither validation nor
        `on_epoch_end`, and a checkpoint is written where the run has any.

        Args:
            epoch: int. Number of the epoch, from 0.
            step: int. How many of its steps are done.
        """

    # ---- training

    def on_train_begin(self, logs=None):
        """Called when training begins."""

    def on_train_end(self, logs=None):
        """Called when training has ended, with the logs of the last epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        """Called when the epoch with index `epoch` (from 0) begins."""

    def on_epoch_end(self, epoch, logs=None):
        """Called after an epoch and its validation, with the epoch's logs."""

    def on_train_batch_begin(self, batch, logs=None):
        """Called before the step with index `batch` (from 0) of an epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """Called after the step with index `batch`, with the logs of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch, logs=None):
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch, logs=None):
        """Older name of `on_train_batch_end`."""

    # ---- evaluation, validation included

    def on_test_begin(self, logs=None):
        """Called when evaluation or validation begins."""

    def on_test_end(self, logs=None):
        """Called when evaluation or validation has ended, with its logs."""

    def on_test_batch_begin(self, batch, logs=None):
        """Called before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch, logs=None):
        """Called after a batch of evaluation or validation."""

    # ---- prediction

    def on_predict_begin(self, logs=None):
        """Called when prediction begins."""

    def on_predict_end(self, logs=None):
        """Called when prediction has ended."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Called before a batch of prediction."""

    def on_predict_batch_end(self, batch, logs=None):
        """Called after a batch of prediction; `logs["outputs"]` holds its outputs."""


class CallbackList:
    """Calls the hooks of several callbacks in order.

    Every hook returns the logs it passed on: a dict whose values were turned into floats in place,
    with what callbacks added. Hooks that no callback defines cost nothing and return the logs as
    they came.

    Args:
        callbacks: a `Callback`, a list of them (nested lists are flattened), another
            `CallbackList`, or None.
        model: the model that is trained, or None.
        add_history: bool. Whether a `History` is appended where none is in the list; it is the
            attribute `history`.
        add_progbar: bool. Whether a `ProgbarLogger` is appended where none is in the list.
        verbose: 0, 1, 2 or "auto": what a `ProgbarLogger` shows, see `callbacks.progress.Display`.
        epochs: int. Number of epochs of the run.
        steps: int, or None where it is unknown.
        validation_freq: every how many epochs there is validation, or the list of such epochs.
        who: name of the function that was called, for errors.

    Raises:
        TypeError: something in the list is no `Callback` object, or a hook can't take its
            arguments.
        ValueError: an unknown `verbose`.

    Example:
        >>> import hornpipe as keras
        >>> callbacks = keras.callbacks.CallbackList(add_history=True, epochs=2)
        >>> logs = callbacks.on_epoch_end(0, {"loss": 1})
        >>> callbacks.history.history
        {'loss': [1.0]}
    """

    @guarded("CallbackList")
    def __init__(
        self,
        callbacks=None,
        model=None,
        *,
        add_history=False,
        add_progbar=False,
        verbose=0,
        epochs=1,
        steps=None,
        validation_freq=1,
        who="fit",
    ):
        from hornpipe.callbacks.history import History
        from hornpipe.callbacks.progbar_logger import ProgbarLogger
        from hornpipe.callbacks.progress import Display

        self.callbacks = _as_callbacks(callbacks, who)
        self.history = next((each for each in self.callbacks if isinstance(each, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        if add_progbar:
            check_verbose(verbose, who)
            if not any(isinstance(each, ProgbarLogger) for each in self.callbacks):
                self.callbacks.append(ProgbarLogger())
        self._display = Display(0)
        self._find_hooks(self.callbacks)
        self.params = {
            "verbose": verbose,
            "epochs": epochs,
            "steps": steps,
            "validation_freq": validation_freq,
        }
        self.set_params(self.params)
        self.set_model(model)

    def _find_hooks(self, callbacks):
        self._calls = {
            hook: [each for each in callbacks if overrides(each, hook)] for hook in HOOKS
        }

    @property
    def display(self):
        """The progress display; a silent one unless it was set. Beside one that was set, `ProgbarLogger` is silent."""
        return self._display

    @display.setter
    def display(self, display):
        from hornpipe.callbacks.progbar_logger import ProgbarLogger

        self._display = display
        self._find_hooks([each for each in self.callbacks if not isinstance(each, ProgbarLogger)])

    def set_params(self, params):
        """Give the run's parameters to every callback."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model):
        """Give the model to every callback."""
        self.model = model
        if model is None:
            return
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    # ---- questions of the executor

    def defines(self, hook: str) -> bool:
        """Return whether any callback defines `hook`, for example "on_epoch_end"."""
        return bool(self._calls[hook])

    @property
    def chunk_callbacks(self) -> list[Callback]:
        """The callbacks that define `on_chunk_end`."""
        return [
            each for each in self.callbacks if type(each).on_chunk_end is not Callback.on_chunk_end
        ]

    def _batch_callbacks(self, kind):
        return [*self._calls[f"on_{kind}_batch_begin"], *self._calls[f"on_{kind}_batch_end"]]

    def _needs_single(self, kind):
        return any(not observes(each) for each in self._batch_callbacks(kind))

    def steps_to_action(self) -> int | None:
        """Return after how many training steps the first callback wants to see the model, or None."""
        found = [each.steps_to_action() for each in self._batch_callbacks("train")]
        return min((each for each in found if each is not None), default=None)

    @property
    def needs_train_batches(self) -> bool:
        """Whether any callback has hooks around training batches."""
        return bool(self._batch_callbacks("train"))

    @property
    def needs_single_train_steps(self) -> bool:
        """Whether such a callback may change something, so that training has to run one step at a time."""
        return self._needs_single("train")

    needs_single_steps = needs_single_train_steps

    @property
    def needs_test_batches(self) -> bool:
        """Whether any callback has hooks around batches of evaluation."""
        return bool(self._batch_callbacks("test"))

    @property
    def needs_single_test_steps(self) -> bool:
        """Whether such a callback may change something."""
        return self._needs_single("test")

    @property
    def needs_predict_batches(self) -> bool:
        """Whether any callback has hooks around batches of prediction."""
        return bool(self._batch_callbacks("predict"))

    @property
    def needs_single_predict_steps(self) -> bool:
        """Whether such a callback may change something."""
        return self._needs_single("predict")

    @property
    def only_keeps_history(self) -> bool:
        """Whether there is no callback but the history."""
        from hornpipe.callbacks.history import History

        return [type(each) for each in self.callbacks] == [History]

    @property
    def stop_training(self) -> bool:
        """Whether a callback asked to stop: the model's flag of this name."""
        return bool(getattr(self.model, "stop_training", False))

    def check_monitored(self, available) -> None:
        """Let every callback check that `available` (names of the logs to come) holds the names it needs.

        A callback of the user's may add names of its own at an epoch's end. Behind one, only a
        name that looks misspelt is refused here; the first epoch's end tells about the others.

        Raises:
            ValueError: it does not.
        """
        available, complete = list(available), True
        for callback in self.callbacks:
            callback.check_names(available, complete)
            foreign = not type(callback).__module__.startswith("hornpipe.")
            if foreign or "on_epoch_end" in vars(callback):
                complete = False

    # ---- state

    def get_state(self) -> list[dict]:
        """Return the state of every callback that has one, as plain data."""
        states = [(type(each).__name__, each.get_state()) for each in self.callbacks]
        return [{"callback": name, "state": state} for name, state in states if state is not None]

    def set_state(self, states: list[dict]) -> list[str]:
        """Give the states of `get_state` to the callbacks of the same class, in order.

        Returns:
            The class names of states that no callback took.
        """
        waiting = list(self.callbacks)
        left = []
        for entry in states:
            taker = next(
                (each for each in waiting if type(each).__name__ == entry["callback"]), None
            )
            if taker is None:
                left.append(entry["callback"])
            else:
                waiting.remove(taker)
                taker.set_state(entry["state"])
        return left

    # ---- hooks

    def _call(self, hook, *position, logs):
        called = self._calls[hook]
        if not called:
            return logs
        logs = {} if logs is None else logs
        for name, value in logs.items():
            logs[name] = plain_value(value)
        for callback in called:
            getattr(callback, hook)(*position, logs)
        return logs

    def on_train_begin(self, logs=None):
        """Call `on_train_begin` of every callback."""
        return self._call("on_train_begin", logs=logs)

    def on_train_end(self, logs=None):
        """Call `on_train_end` of every callback."""
        return self._call("on_train_end", logs=logs)

    def on_epoch_begin(self, epoch, logs=None):
        """Call `on_epoch_begin` of every callback."""
        return self._call("on_epoch_begin", epoch, logs=logs)

    def on_epoch_end(self, epoch, logs=None):
        """Call `on_epoch_end` of every callback, the bar out of their way. `display.epoch_end` comes after it."""
        if any(each is not self.history for each in self._calls["on_epoch_end"]):
            self.display.clear()
        return self._call("on_epoch_end", epoch, logs=logs)

    def on_train_batch_begin(self, batch, logs=None):
        """Call `on_train_batch_begin` of every callback."""
        return self._call("on_train_batch_begin", batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        """Call `on_train_batch_end` of every callback."""
        return self._call("on_train_batch_end", batch, logs=logs)

    on_batch_begin = on_train_batch_begin
    on_batch_end = on_train_batch_end

    def on_test_begin(self, logs=None):
        """Call `on_test_begin` of every callback."""
        return self._call("on_test_begin", logs=logs)

    def on_test_end(self, logs=None):
        """Call `on_test_end` of every callback."""
        return self._call("on_test_end", logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Call `on_test_batch_begin` of every callback."""
        return self._call("on_test_batch_begin", batch, logs=logs)

    def on_test_batch_end(self, batch, logs=None):
        """Call `on_test_batch_end` of every callback."""
        return self._call("on_test_batch_end", batch, logs=logs)

    def on_predict_begin(self, logs=None):
        """Call `on_predict_begin` of every callback."""
        return self._call("on_predict_begin", logs=logs)

    def on_predict_end(self, logs=None):
        """Call `on_predict_end` of every callback."""
        return self._call("on_predict_end", logs=logs)

    def on_predict_batch_begin(self, batch, logs=None):
        """Call `on_predict_batch_begin` of every callback."""
        return self._call("on_predict_batch_begin", batch, logs=logs)

    def on_predict_batch_end(self, batch, logs=None):
        """Call `on_predict_batch_end` of every callback; its logs hold outputs and are passed on as they are."""
        logs = {} if logs is None else logs
        for callback in self._calls["on_predict_batch_end"]:
            callback.on_predict_batch_end(batch, logs)
        return logs


# ---- checks


def overrides(callback: Callback, hook: str) -> bool:
    """Return whether a callback defines `hook`, in its class or on the object."""
    names = (hook, _ALIASES[hook]) if hook in _ALIASES else (hook,)
    return any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name)
        for name in names
    )


def observes(callback: Callback) -> bool:
    """Return whether batch hooks only look: `observes_only`, said where the hooks are defined or below."""
    if not callback.observes_only or "observes_only" in vars(callback):
        return callback.observes_only
    for cls in type(callback).__mro__:
        if "observes_only" in vars(cls):
            return True
        if any("batch" in name for name in vars(cls) if name in HOOKS):
            return False
    return False


def check_monitor(
    name: str, available, who: str, *, argument: str = "monitor", complete: bool = True
) -> None:
    """Check that the logs hold a name that a callback needs.

    Args:
        name: what the callback looks for.
        available: names of the logs.
        who: name of the callback's class.
        argument: the callback's argument that holds the name.
        complete: bool. Whether `available` is all there will be. Where it is not, only a name that
            looks misspelt is refused.

    Raises:
        ValueError: `name` is not in `available`. The message lists what is, and the nearest name.
    """
    available = list(available)
    if name in available:
        return
    if not complete and not difflib.get_close_matches(name, available, 1, _MISSPELT):
        return
    fix = near_miss(name, available).strip()
    if name.startswith("val_") and not any(each.startswith("val_") for each in available):
        fix = "Pass `validation_data` or `validation_split` to fit."
    verb = "be a name" if argument == "monitor" else "use names"
    rule = f"`{argument}` must {verb} in the logs: {', '.join(available) or 'there are none'}"
    received = f"monitor={name!r}" if argument == "monitor" else f"the name {name!r}"
    raise ValueError(message(who, rule, received, fix))


def _as_callbacks(callbacks, who) -> list[Callback]:
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    if isinstance(callbacks, dict):
        raise TypeError(
            message(who, "`callbacks` must be a list of Callback objects", repr(callbacks))
        )
    found = tree.flatten(callbacks)
    for position, callback in enumerate(found):
        _check_callback(callback, f"callbacks[{position}]", who)
    return found


def _check_callback(callback, name, who):
    if inspect.isclass(callback) and issubclass(callback, Callback):
        fix = f"Write {callback.__name__}() to make an object."
        raise TypeError(
            message(
                who, f"`{name}` must be a Callback object", f"the class {callback.__name__}", fix
            )
        )
    if not isinstance(callback, Callback):
        fix = "Derive its class from callbacks.Callback, or put a function into LambdaCallback(on_epoch_end=function)."
        raise TypeError(
            message(who, f"`{name}` must be a Callback object", f"{name}={callback!r}", fix)
        )
    for hook, arguments in HOOKS.items():
        if overrides(callback, hook):
            _check_hook(callback, hook, arguments)


def _check_hook(callback, hook, arguments):
    """Check that a hook takes its arguments by position.

    Raises:
        TypeError: it does not, or is no ordinary function.
    """
    kind, function = type(callback).__name__, getattr(callback, hook)
    rule = f"`{hook}` must be a function that takes ({', '.join(arguments)})"
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise TypeError(
            message(kind, rule, f"{hook}={function!r}", "It is called as an ordinary function.")
        )
    try:
        signature = inspect.signature(function)
    except ValueError:
        return  # built in, it has no signature to look at
    try:
        signature.bind(*arguments)
    except TypeError:
        own = "" if hook in vars(callback) else "self, "
        fix = f"Write {hook}({own}{', '.join((*arguments[:-1], 'logs=None'))})."
        raise TypeError(message(kind, rule, f"{hook}{signature}", fix)) from None
