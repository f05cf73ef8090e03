"""The progress display of 2016: samples, a bar of equal signs, seconds, and the logs with four digits.

>>> import numpy as np
>>> import hornpipe as keras
>>> model = keras.Sequential([keras.layers.Dense(1)])
>>> model.compile("sgd", "mse")
>>> history = model.fit(np.ones((64, 2)), np.ones((64, 1)), nb_epoch=1)  # doctest: +ELLIPSIS
Epoch 1/1
64/64 [==============================] - ...s - loss: ...
"""

from __future__ import annotations

import time

from hornpipe.callbacks.progress import Display

_WIDTH = 30


class OldDisplay(Display):
    """Shows samples instead of steps, as Keras 1 did; of `evaluate` the bar without values, of `predict` nothing by default.

    Args:
        verbose: 0 silent, 1 bar, 2 one line per epoch; "auto" is 1.
        rows: int or None. Samples in an epoch.
        batch_size: int or None.
        kwargs: as `Display`.
    """

    def __init__(self, verbose="auto", *, rows=None, batch_size=None, **kwargs):
        super().__init__(verbose, **kwargs)
        if verbose == "auto":
            self.verbose = 0 if kwargs.get("who") == "predict" else 1
        self._rows, self._batch_size = rows, batch_size
        self._seen, self._began = 0, time.monotonic()

    def epoch_begin(self, epoch=0):
        """Write the epoch's title."""
        self._seen, self._began = 0, time.monotonic()
        if self.verbose and self._epochs is not None:
            self._screen.finish(f"Epoch {epoch + 1}/{self._epochs}")

    def update(self, step, total_steps, logs):
        """Note that `step` steps are done; draw the bar on a terminal."""
        size = self._batch_size or 1
        total = self._rows or (total_steps * size if total_steps else None)
        self._seen = min(step * size, total) if total else step * size
        now = self._clock()
        if not self.bar or now < self._next_draw:
            return
        values = logs() if callable(logs) else logs
        passed = time.monotonic() - self._began
        left = f"ETA: {passed / max(self._seen, 1) * ((total or self._seen) - self._seen):.0f}s"
        self._screen.draw(self._line(total, left, values or {}))
        self._next_draw = self._clock() + 0.1

    def epoch_end(self, epoch=0, logs=None):
        """Write the epoch's line."""
        if not self.verbose:
            return
        values = (logs() if callable(logs) else logs) or {}
        if self._epochs is None:  # evaluate and predict
            if self.verbose == 2:
                return
            values = {}
        passed = f"{time.monotonic() - self._began:.0f}s"
        total = self._rows or self._seen
        self._seen = total
        line = (
            self._line(total, passed, values)
            if self.verbose == 1
            else " - ".join([passed, *_texts(values)])
        )
        self._screen.finish(line)
        self._next_draw = float("-inf")

    def _line(self, total, when, logs) -> str:
        count = f"{self._seen}/{total if total else 'unknown'}"
        done = _WIDTH * self._seen // total if total else 0
        bar = (
            "=" * _WIDTH
            if done >= _WIDTH
            else "=" * max(done - 1, 0) + ">" * bool(done) + "." * (_WIDTH - done)
        )
        return " - ".join([f"{count} [{bar}]", when, *_texts(logs)])


def _texts(logs) -> list[str]:
    return [
        f"{name}: {value:.4f}" if abs(value) > 1e-3 else f"{name}: {value:.4e}"
        for name, value in logs.items()
    ]


def maker(source):
    """Return a function like `make_display` for a source of batches."""

    def make(verbose="auto", *, epochs=None, who="fit"):
        rows = None if source.rows is None else min(source.rows, source.steps * source.batch_size)
        display = OldDisplay(verbose, rows=rows, batch_size=source.batch_size, who=who)
        display.begin(epochs)
        return display

    return make
