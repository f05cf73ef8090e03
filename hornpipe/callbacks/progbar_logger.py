"""`ProgbarLogger`: the progress display as a callback, for loops of your own."""

from __future__ import annotations

from hornpipe.callbacks.base import Callback
from hornpipe.callbacks.progress import Display


class ProgbarLogger(Callback):
    """Shows progress: a bar where somebody watches, a line per epoch in a file.

    `fit`, `evaluate` and `predict` show theirs as `verbose` says; beside it this one is silent. In a
    loop of your own, put it into a `CallbackList` with `epochs`, `steps` and `verbose`, or pass
    `add_progbar=True`.

    Example:
        >>> import hornpipe as keras
        >>> callbacks = keras.callbacks.CallbackList(add_progbar=True, verbose=2, epochs=1, steps=3)
        >>> [type(each).__name__ for each in callbacks.callbacks]
        ['ProgbarLogger']
    """

    observes_only = True

    def __init__(self):
        super().__init__()
        self._display, self._alone = Display(0), False

    def _open(self, epochs):
        params = self.params or {}
        self._display = Display(params.get("verbose", 1), who="ProgbarLogger")
        self._display.begin(epochs)

    def _close(self, logs):
        self._display.epoch_end(0, logs)
        self._display.end()

    def _step(self, batch, logs):
        self._display.update(batch + 1, (self.params or {}).get("steps"), logs or {})

    # ---- training

    def on_train_begin(self, logs=None):
        """Begin a run of several epochs."""
        self._open((self.params or {}).get("epochs"))

    def on_epoch_begin(self, epoch, logs=None):
        """Begin an epoch."""
        self._display.epoch_begin(epoch)

    def on_train_batch_end(self, batch, logs=None):
        """Show a step."""
        self._step(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        """Write the epoch's line."""
        self._display.epoch_end(epoch, logs)

    def on_train_end(self, logs=None):
        """End the run."""
        self._display.end()
        self._display = Display(0)

    # ---- evaluation (validation is part of an epoch) and prediction

    def on_test_begin(self, logs=None):
        """Begin an evaluation, unless it is the validation of an epoch."""
        self._alone = not self._display.verbose
        if self._alone:
            self._open(None)
            self._display.epoch_begin(0)

    def on_test_batch_end(self, batch, logs=None):
        """Show a step of an evaluation."""
        if self._alone:
            self._step(batch, logs)

    def on_test_end(self, logs=None):
        """Write the evaluation's line."""
        if self._alone:
            self._close(logs)
            self._display = Display(0)

    def on_predict_begin(self, logs=None):
        """Begin a prediction."""
        self._open(None)
        self._display.epoch_begin(0)

    def on_predict_batch_end(self, batch, logs=None):
        """Show a step of a prediction."""
        self._step(batch, {})

    def on_predict_end(self, logs=None):
        """Write the prediction's line."""
        self._close({})
        self._display = Display(0)
