"""`History`: what `fit` returns."""

from __future__ import annotations

from hornpipe.callbacks.base import Callback
from hornpipe.core.dialect import Logs


class History(Callback):
    """Keeps the logs of every epoch. `fit` adds one and returns it.

    `history` is a dict name -> list with one value per epoch, `epoch` the list of epoch indices
    (from 0). A name that is not in every epoch's logs, such as `val_loss` with `validation_freq=2`,
    has a shorter list.

    Example:
        >>> import hornpipe as keras
        >>> history = keras.callbacks.History()
        >>> history.on_train_begin()
        >>> history.on_epoch_end(0, {"loss": 0.5})
        >>> history.on_epoch_end(1, {"loss": 0.25})
        >>> history.epoch, history.history
        ([0, 1], {'loss': [0.5, 0.25]})
    """

    def __init__(self):
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list] = Logs()

    def on_train_begin(self, logs=None):
        """Start with empty lists."""
        self.epoch, self.history = [], Logs()

    def on_epoch_end(self, epoch, logs=None):
        """Append the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            dict.setdefault(self.history, name, []).append(value)

    def get_state(self):
        """Return the lists, so that a resumed run returns the whole history."""
        lists = {name: list(values) for name, values in self.history.items()}
        return {"epoch": list(self.epoch), "names": list(lists), "values": list(lists.values())}

    def set_state(self, state):
        """Take over the lists of `get_state`."""
        self.epoch = [int(epoch) for epoch in state["epoch"]]
        self.history = Logs(
            (name, list(values))
            for name, values in zip(state["names"], state["values"], strict=True)
        )
