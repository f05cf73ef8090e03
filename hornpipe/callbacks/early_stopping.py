"""`EarlyStopping`: end training when a value no longer gets better."""

from __future__ import annotations

import numpy as np

from hornpipe.callbacks.monitor import MonitorCallback
from hornpipe.core.errors import message
from hornpipe.utils.progress import Screen


class EarlyStopping(MonitorCallback):
    """Stops training when the monitored value has not become better for `patience` epochs.

    At the end of every epoch from `start_from_epoch` on, a value that is better than the best by
    more than `min_delta` becomes the best (the first value always does); any other one counts, and
    training stops when the count reaches `patience`, at least one. With a `baseline` the count
    starts again only at a best value that is also better than the baseline. NaN is never better,
    and nothing is better than a first value that is NaN. The first epoch of all never stops.

    Args:
        monitor: str. The name in the logs. Default "val_loss".
        min_delta: float. The least change that counts as better; its sign does not matter. Default
            0.
        patience: int >= 0. Epochs without a better value before training stops. Default 0.
        verbose: 0 silent, 1 says when it stops. Default 0.
        mode: "min", "max", or "auto": the direction follows from the monitored metric.
        baseline: float or None. The value to get better than.
        restore_best_weights: bool. Whether the weights of the best epoch are put back when training
            ends. Default False.
        start_from_epoch: int >= 0. Epochs before this one (from 0) are not looked at. Default 0.

    Raises:
        ValueError: an argument out of range; at the end of the first epoch, a `monitor` that is not
            in the logs.
        TypeError: an argument of another type.

    Example:
        >>> import hornpipe as keras
        >>> class Model:
        ...     stop_training = False
        >>> stop = keras.callbacks.EarlyStopping("loss", patience=2)
        >>> stop.set_model(Model())
        >>> stop.on_train_begin()
        >>> for epoch, loss in enumerate([1.0, 0.5, 0.6, 0.7]):
        ...     stop.on_epoch_end(epoch, {"loss": loss})
        >>> stop.model.stop_training, stop.best, stop.best_epoch
        (True, 0.5, 1)

    References:
        Prechelt (1998), Early stopping, but when?, doi:10.1007/3-540-49430-8_3: the third
        criterion, with the count of epochs without a better value instead of strips.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        for name, value in (("patience", patience), ("start_from_epoch", start_from_epoch)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                rule = f"`{name}` must be an integer >= 0"
                raise ValueError(
                    message("EarlyStopping", rule, f"{name}={value!r}", "It counts epochs.")
                )
        try:
            self.baseline = None if baseline is None else float(baseline)
        except (TypeError, ValueError):
            rule = "`baseline` must be a number or None"
            raise TypeError(message("EarlyStopping", rule, f"baseline={baseline!r}")) from None
        self.patience, self.start_from_epoch = int(patience), int(start_from_epoch)
        self.verbose, self.restore_best_weights = verbose, bool(restore_best_weights)
        self._reset()

    def _reset(self):
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best: float | None = None
        self.best_weights: list | None = None

    def on_train_begin(self, logs=None):
        """Start to count at zero."""
        super().on_train_begin(logs)
        self._reset()

    def on_epoch_end(self, epoch, logs=None):
        """Compare the monitored value with the best one, and stop training when patience has run out."""
        value = self.monitored_value(logs)
        if value is None:
            return
        self.direction()  # where "auto" can't tell, say so now and not an epoch later
        if epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.is_better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        """Put the best weights back, and say why training stopped."""
        said = []
        if self.stopped_epoch > 0:
            said.append(f"Epoch {self.stopped_epoch + 1}: early stopping.")
        if self.restore_best_weights and self.best_weights is not None:
            self.model.set_weights(self.best_weights)
            said.append(f"Weights of the best epoch, {self.best_epoch + 1}, restored.")
        if self.verbose and said:
            Screen().finish(" ".join(said))

    def get_state(self):
        """Return the count, the best value and its weights."""
        names = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def set_state(self, state):
        """Take over the count, the best value and its weights."""
        self._reset()
        self.wait, self.stopped_epoch, self.best_epoch = (
            int(state[name]) for name in ("wait", "stopped_epoch", "best_epoch")
        )
        self._seen = "best" in state
        if "best" in state:
            self.best = float(state["best"])
        if "best_weights" in state:
            self.best_weights = [np.asarray(array) for array in state["best_weights"]]
