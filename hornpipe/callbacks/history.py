"""`History`: what `fit` returns."""

from __future__ import annotations

import sys

from hornpipe.callbacks.base import Callback
from hornpipe.core.dialect import Logs
from hornpipe.core.errors import message
from hornpipe.utils.progress import is_notebook


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
        self._epochs: dict[str, list[int]] = {}  # name -> the epochs that had it

    def on_train_begin(self, logs=None):
        """Start with empty lists."""
        self.epoch, self.history, self._epochs = [], Logs(), {}

    def on_epoch_end(self, epoch, logs=None):
        """Append the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            dict.setdefault(self.history, name, []).append(value)
            self._epochs.setdefault(name, []).append(epoch)

    def curves(self) -> dict:
        """Return name -> (the epochs, from 0, that had it; its values)."""
        return {name: (self._epochs[name], values) for name, values in self.history.items()}

    def plot(self, path=None, names=None):
        """Draw loss and metrics over the epochs, validation beside training.

        It needs matplotlib. A notebook shows the figure that is returned; in a script save it, or
        call `matplotlib.pyplot.show()`. Metrics with several values are left out.

        Args:
            path: path of a picture to write, such as "curves.png", or None.
            names: list of the names to draw, or None for all.

        Returns:
            The `matplotlib.figure.Figure`.

        Raises:
            ImportError: matplotlib is missing; the message has the command that installs it.
            ValueError: no epoch has ended, a name that is not in the logs, or an ending that
                matplotlib does not know.
            OSError: the file can't be written.

        Example:
            >>> import hornpipe as keras
            >>> history = keras.callbacks.History()
            >>> for epoch, loss in enumerate([0.5, 0.25]):
            ...     history.on_epoch_end(epoch, {"loss": loss, "val_loss": 2 * loss})
            >>> figure = history.plot()
            >>> [line.get_label() for line in figure.axes[0].lines]
            ['training', 'validation']
        """
        from hornpipe.callbacks import curves

        if not self.epoch:
            raise ValueError(message("History.plot", "an epoch must have ended", "none"))
        found = curves.check_names(names, self.history, "History.plot")
        managed = path is None and not is_notebook(sys.stdout)
        figure = curves.new_figure(managed)
        curves.draw(figure, self.curves(), found)
        if path is not None:
            curves.save(figure, path, "History.plot")
        return figure

    def get_state(self):
        """Return the lists, so that a resumed run returns the whole history."""
        lists = {name: list(values) for name, values in self.history.items()}
        return {
            "epoch": list(self.epoch),
            "names": list(lists),
            "values": list(lists.values()),
            "epochs": [list(self._epochs[name]) for name in lists],
        }

    def set_state(self, state):
        """Take over the lists of `get_state`."""
        self.epoch = [int(epoch) for epoch in state["epoch"]]
        self.history = Logs(
            (name, list(values))
            for name, values in zip(state["names"], state["values"], strict=True)
        )
        self._epochs = {
            name: [int(epoch) for epoch in epochs]
            for name, epochs in zip(state["names"], state["epochs"], strict=True)
        }
