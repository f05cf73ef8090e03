"""`LearningCurves`: see loss and metrics while a model is trained."""

from __future__ import annotations

import importlib
import math
import sys
import time
from pathlib import Path
from typing import Any

from hornpipe.callbacks import curves
from hornpipe.callbacks.base import Callback
from hornpipe.callbacks.files import as_text, make_folder, replace_file
from hornpipe.callbacks.history import History
from hornpipe.core.errors import message
from hornpipe.utils.progress import is_notebook

_FILE = "learning_curves.png"
# Drawing may take this part of the time.
_SHARE = 0.1


class LearningCurves(Callback):
    """Draws loss and metrics, with validation beside them, while a model is trained.

    In a notebook the drawing stands below the cell and grows; elsewhere it is a file that is written
    again. It needs matplotlib: `pip install "hornpipe[plot]"`. Drawing takes at most about a tenth
    of the time; the last epoch is always drawn.

    Args:
        path: path of a picture, such as "curves.png" or "curves.svg". None is no file in a
            notebook, and "learning_curves.png" elsewhere.
        names: list of the names in the logs to draw, or None for all.
        interval_seconds: float >= 0. The least time between two drawings. Default 2.

    Raises:
        TypeError, ValueError: an argument of another type or out of range; before training, an
            ending that matplotlib does not know, or a name that will not be in the logs.
        ImportError: before training, matplotlib is missing.
        OSError: before training, the folder can't be written.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> path = os.path.join(tempfile.mkdtemp(), "curves.png")
        >>> curves = keras.callbacks.LearningCurves(path)
        >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, callbacks=[curves], verbose=0)
        >>> os.path.exists(path)
        True
    """

    def __init__(self, path=None, names=None, interval_seconds=2.0):
        super().__init__()
        self.path = None if path is None else as_text(path, "path", "LearningCurves")
        if names is not None and not isinstance(names, (str, list, tuple)):
            rule = "`names` must be a list of names in the logs, or None"
            raise TypeError(message("LearningCurves", rule, f"names={names!r}"))
        number = isinstance(interval_seconds, (int, float)) and not isinstance(
            interval_seconds, bool
        )
        if not number or not 0 <= interval_seconds < math.inf:
            rule = "`interval_seconds` must be a number >= 0"
            raise ValueError(message("LearningCurves", rule, f"{interval_seconds=}"))
        self.names, self.interval_seconds = names, float(interval_seconds)
        self._begin()

    def _begin(self):
        self._record = History()
        self._due, self._pending = -math.inf, False
        self._handle: Any = None
        self._notebook = is_notebook(sys.stdout)
        self._file = self.path or (None if self._notebook else _FILE)

    def check_names(self, available, complete):
        """Check that the logs will hold the names to draw."""
        curves.check_names(self.names, available, "LearningCurves", complete=complete)

    def on_train_begin(self, logs=None):
        """Check that drawings can be made and written.

        Raises:
            ImportError, ValueError, OSError: they can't.
        """
        self._begin()
        self._figure = curves.new_figure()
        if self._file is not None:
            curves.check_ending(self._file, "LearningCurves")
            make_folder(Path(self._file).parent, "LearningCurves")

    def on_epoch_end(self, epoch, logs=None):
        """Draw, where the last drawing is old enough."""
        self._record.on_epoch_end(epoch, logs)
        self._pending = True
        if time.monotonic() >= self._due:
            self._draw()

    def on_train_end(self, logs=None):
        """Draw the last epoch."""
        if self._pending:
            self._draw()

    def _draw(self):
        began = time.monotonic()
        found = self._record.curves()
        names = curves.check_names(self.names, found, "LearningCurves", complete=False)
        curves.draw(self._figure, found, names)
        if self._file is not None:
            kind = Path(self._file).suffix.lstrip(".").lower()
            replace_file(self._file, curves.render(self._figure, kind), "LearningCurves")
        if self._notebook:
            self._show({"image/png": curves.render(self._figure, "png")})
        now = time.monotonic()
        self._due = now + max(self.interval_seconds, (now - began) * (1 / _SHARE - 1))
        self._pending = False

    def _show(self, content):
        """Show a picture below the cell, or put it in the place of the one before."""
        if self._handle is None:
            display = importlib.import_module("IPython.display").display
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def get_state(self):
        """Return the logs so far."""
        return self._record.get_state()

    def set_state(self, state):
        """Take over the logs, so that a resumed run draws whole curves."""
        self._record.set_state(state)
