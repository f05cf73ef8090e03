"""Callbacks that change the learning rate: `ReduceLROnPlateau` and `LearningRateScheduler`."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from hornpipe.callbacks.base import Callback
from hornpipe.callbacks.monitor import MonitorCallback
from hornpipe.core.dialect import spoken
from hornpipe.core.errors import message
from hornpipe.utils.progress import Screen


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when the monitored value has stopped getting better.

    At the end of every epoch, a value that is better than the best by more than `min_delta` becomes
    the best. When `patience` epochs in a row brought none, the learning rate becomes
    `max(learning_rate * factor, min_lr)`; then `cooldown` epochs are not counted. The first value
    is always the best so far; NaN is never better, and nothing is better than a first value that is
    NaN. The epoch's logs get the `learning_rate` the epoch was trained with.

    Args:
        monitor: str. The name in the logs. Default "val_loss".
        factor: float in (0, 1). What the learning rate is multiplied by. Default 0.1.
        patience: int >= 0. Epochs without a better value before that; 0 is like 1. Default 10.
        verbose: 0 silent, 1 says when it happens. Default 0.
        mode: "min", "max", or "auto": the direction follows from the monitored metric.
        min_delta: float. The least change that counts as better; its sign does not matter. Default
            1e-4.
        cooldown: int >= 0. Epochs that are not counted after the learning rate was reduced. Default
            0.
        min_lr: float >= 0. The learning rate never becomes less. Default 0.

    Raises:
        ValueError: an argument out of range; before training, an unknown `monitor`.
        TypeError: an argument of another type; before training, an optimizer that follows a
            schedule.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.5), "mse")
        >>> reduce = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10)
        >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, callbacks=[reduce], verbose=0)
        >>> history.history["learning_rate"], float(model.optimizer.learning_rate)
        ([0.5, 0.5, 0.25], 0.125)
    """

    @spoken("ReduceLROnPlateau")
    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor = _number("ReduceLROnPlateau", "factor", factor)
        if not 0 < self.factor < 1:
            fix = "The learning rate is multiplied by it, for example factor=0.1."
            rule = "`factor` must be greater than 0 and less than 1"
            raise ValueError(message("ReduceLROnPlateau", rule, f"factor={factor!r}", fix))
        self.min_lr = _number("ReduceLROnPlateau", "min_lr", min_lr)
        if not 0 <= self.min_lr < math.inf:
            rule = "`min_lr` must be a number >= 0"
            raise ValueError(message("ReduceLROnPlateau", rule, f"min_lr={min_lr!r}"))
        for name, value in (("patience", patience), ("cooldown", cooldown)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                rule = f"`{name}` must be an integer >= 0"
                raise ValueError(
                    message("ReduceLROnPlateau", rule, f"{name}={value!r}", "It counts epochs.")
                )
        self.patience, self.cooldown, self.verbose = int(patience), int(cooldown), verbose
        self._reset()

    def _reset(self):
        self.wait, self.cooldown_counter = 0, 0
        self.best: float | None = None

    def on_train_begin(self, logs=None):
        """Start to count at zero.

        Raises:
            TypeError: the optimizer's learning rate can't be set.
        """
        super().on_train_begin(logs)
        self._reset()
        if self.model is not None:
            check_settable(self.model.optimizer, "ReduceLROnPlateau")

    def on_epoch_end(self, epoch, logs=None):
        """Compare the monitored value with the best one, and reduce the learning rate when patience has run out."""
        logs = {} if logs is None else logs
        rate = read_rate(self.model.optimizer)
        logs["learning_rate"] = rate
        value = self.monitored_value(logs)
        if value is None:
            return
        self.direction()
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch, rate)

    def _reduce(self, epoch, rate):
        if rate <= np.float32(self.min_lr):
            return
        reduced = max(rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = reduced
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            Screen().finish(f"Epoch {epoch + 1}: learning rate reduced to {reduced:.4g}.")

    def get_state(self):
        """Return the counts and the best value. The learning rate itself belongs to the optimizer's state."""
        state: dict[str, Any] = {"wait": self.wait, "cooldown_counter": self.cooldown_counter}
        return state if self.best is None else {**state, "best": self.best}

    def set_state(self, state):
        """Take over the counts and the best value."""
        self._reset()
        self.wait, self.cooldown_counter = int(state["wait"]), int(state["cooldown_counter"])
        self._seen = "best" in state
        if "best" in state:
            self.best = float(state["best"])


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch to what a function says.

    The epoch's logs get the `learning_rate` it was trained with.

    Args:
        schedule: function of `(epoch, learning_rate)`, or of `epoch` alone, that returns a number
            >= 0; `epoch` counts from 0.
        verbose: 0 silent, 1 says the learning rate of each epoch. Default 0.

    Raises:
        TypeError: `schedule` is no function of one or two arguments; before training, an optimizer
            that follows a schedule of its own.
        ValueError: `schedule` returned something else than a finite number >= 0.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(1.0), "mse")
        >>> halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, callbacks=[halve], verbose=0)
        >>> history.history["learning_rate"]
        [0.5, 0.25, 0.125]
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        rule = "`schedule` must be a function of (epoch, learning_rate) or of epoch"
        if not callable(schedule):
            fix = "For example schedule=lambda epoch, rate: rate * 0.9."
            raise TypeError(message("LearningRateScheduler", rule, f"schedule={schedule!r}", fix))
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _accepts(schedule, 2)
        if not self._takes_rate and not _accepts(schedule, 1):
            received = f"{getattr(schedule, '__name__', schedule)}{inspect.signature(schedule)}"
            raise TypeError(message("LearningRateScheduler", rule, received))

    def on_train_begin(self, logs=None):
        """Check that the learning rate can be set.

        Raises:
            TypeError: it can't.
        """
        check_settable(self.model.optimizer, "LearningRateScheduler")

    def on_epoch_begin(self, epoch, logs=None):
        """Set the epoch's learning rate.

        Raises:
            ValueError: the function's value is no finite number >= 0.
        """
        optimizer = self.model.optimizer
        rate = (
            self.schedule(epoch, read_rate(optimizer)) if self._takes_rate else self.schedule(epoch)
        )
        try:
            chosen = float(rate)
        except (TypeError, ValueError):
            chosen = math.nan
        if not 0 <= chosen < math.inf:
            rule = f"`schedule` must return a finite number >= 0; for epoch {epoch} it did not"
            raise ValueError(message("LearningRateScheduler", rule, repr(rate)))
        optimizer.learning_rate = chosen
        if self.verbose:
            Screen().finish(f"Epoch {epoch + 1}: learning rate {chosen:.4g}.")

    def on_epoch_end(self, epoch, logs=None):
        """Add the learning rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = read_rate(self.model.optimizer)


# ---- the optimizer's learning rate


def read_rate(optimizer) -> float:
    """Return an optimizer's learning rate as a float: a schedule's value for its next step."""
    rate = optimizer.learning_rate
    return float(rate.numpy() if hasattr(rate, "numpy") else np.asarray(rate))


def check_settable(optimizer, who: str) -> None:
    """Check that an optimizer has a learning rate of its own rather than a schedule.

    Raises:
        TypeError: it has none.
    """
    if hasattr(optimizer.learning_rate, "assign"):
        return
    rule = "the optimizer's learning rate must be a number, it follows a schedule"
    fix = "Make the optimizer with a number, for example learning_rate=0.001, or leave this callback out."
    raise TypeError(message(who, rule, f"the optimizer {optimizer.name!r}", fix))


def _number(who, name, value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(message(who, f"`{name}` must be a number", f"{name}={value!r}")) from None


def _accepts(function, count: int) -> bool:
    """Return whether a function takes `count` arguments by position."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # built in, it has no signature to look at
        return count == 1
    return True
