"""`TimeLimit`: pause training when its time is up."""

from __future__ import annotations

import math
import time

from hornpipe.callbacks.base import Callback
from hornpipe.core.errors import message
from hornpipe.utils.progress import Screen


class TimeLimit(Callback):
    """Pauses training once `seconds` have passed since it began.

    The clock is looked at between chunks of steps, about every tenth of a second, so training goes on
    for at most one chunk longer; an epoch's validation and the callbacks at its end are not cut off.
    An epoch that is not over is not in the history. With `fit(..., checkpoint="run/")` a checkpoint
    holds the place, and the same call with `resume=True` goes on from there as if nothing had been
    in between; each call has the whole time again.

    Args:
        seconds: number > 0.
        verbose: 0 silent, 1 says when it pauses. Default 0.

    Attributes:
        reached: bool. Whether the last run was paused by this callback.

    Raises:
        ValueError: `seconds` is not a finite number > 0.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> limit = keras.callbacks.TimeLimit(1e-6)
        >>> history = model.fit(np.ones((64, 2)), np.ones((64, 1)), epochs=9, callbacks=[limit], verbose=0)
        >>> limit.reached, history.epoch
        (True, [])
    """

    def __init__(self, seconds, verbose=0):
        super().__init__()
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not number or not 0 < seconds < math.inf:
            fix = "Pass for example TimeLimit(3600) for an hour."
            raise ValueError(
                message("TimeLimit", "`seconds` must be a number > 0", f"seconds={seconds!r}", fix)
            )
        self.seconds, self.verbose = float(seconds), verbose
        self.reached = False
        self._began = 0.0

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self.reached, self._began = False, time.monotonic()

    def on_chunk_end(self, epoch, step):
        """Return whether the time is up."""
        if time.monotonic() - self._began < self.seconds:
            return False
        if self.verbose and not self.reached:
            Screen().finish(f"Epoch {epoch + 1}, step {step}: paused, the time is up.")
        self.reached = True
        return True
