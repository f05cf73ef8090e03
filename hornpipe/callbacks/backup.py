"""`BackupAndRestore`: checkpoints of the whole run, so that one that was interrupted goes on to the same bits."""

from __future__ import annotations

import math
import os

from hornpipe.callbacks.base import Callback
from hornpipe.core.errors import message

_WHO = "BackupAndRestore"


class BackupAndRestore(Callback):
    """Lets `fit` write checkpoints and go on from the newest one.

    A checkpoint holds everything that training reads and changes: weights, the optimizer's state, metrics, random
    generators, the place in the epoch, the order of rows, the callbacks' states and the history. A run that was interrupted
    at any moment and is started again by the same program ends with the weights and the history of a run that was not.
    `fit(..., checkpoint=folder, resume=True)` does the same with settings that suit most runs; see `docs/resume.md`.

    Where the folder holds a checkpoint, `fit` goes on from it; otherwise it begins at the beginning. One run at a time may
    use a folder. Ctrl-C and SIGTERM wait for the running chunk of steps, write a checkpoint and end the run.

    Args:
        backup_dir: path of the folder; made where it does not exist.
        save_freq: "epoch", or int >= 1: after so many steps, counted over epochs. Default "epoch".
        double_checkpoint: bool. Whether the checkpoint before the newest is kept as well, to fall back on. Default False.
        delete_checkpoint: bool. Whether the checkpoints are removed once the run has come to its end. Default True.
        seconds: None, number >= 0, or "auto". Save after so many seconds instead of by `save_freq`; "auto": every ten
            seconds, or more seldom where saving would take more than 1.5 % of the time. Default None.

    Raises:
        ValueError, TypeError: an argument out of range. `fit` raises where the folder can't be used, another run has it, or
            its checkpoints do not fit the model.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((8, 2)), np.ones((8, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
        ...     history = model.fit(x, y, epochs=2, verbose=0, callbacks=[backup])
        ...     history = model.fit(x, y, epochs=3, verbose=0, callbacks=[backup])
        >>> history.epoch
        [0, 1, 2]
    """

    def __init__(
        self,
        backup_dir,
        save_freq="epoch",
        double_checkpoint=False,
        delete_checkpoint=True,
        *,
        seconds=None,
    ):
        super().__init__()
        if not isinstance(backup_dir, (str, os.PathLike)) or not os.fspath(backup_dir):
            received = f"backup_dir={backup_dir!r}"
            raise TypeError(message(_WHO, "`backup_dir` must be the path of a folder", received))
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool)
        if save_freq != "epoch" and not (whole and save_freq >= 1):
            rule = "`save_freq` must be 'epoch' or an integer >= 1"
            raise ValueError(message(_WHO, rule, f"save_freq={save_freq!r}", "It counts steps."))
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if seconds not in (None, "auto") and not (number and 0 <= seconds < math.inf):
            rule = "`seconds` must be a number >= 0, 'auto' or None"
            raise ValueError(message(_WHO, rule, f"seconds={seconds!r}"))
        if seconds is not None and save_freq != "epoch":
            received = f"save_freq={save_freq!r}, seconds={seconds!r}"
            raise ValueError(
                message(_WHO, "only one of `save_freq` and `seconds` can be set", received)
            )
        self.backup_dir, self.save_freq, self.seconds = os.fspath(backup_dir), save_freq, seconds
        self.double_checkpoint = bool(double_checkpoint)
        self.delete_checkpoint = bool(delete_checkpoint)

    @property
    def keep(self) -> int:
        """How many checkpoints stay in the folder."""
        return 2 if self.double_checkpoint else 1


class RunFolder(BackupAndRestore):
    """What `fit(checkpoint=folder)` stands for: the newest three checkpoints are kept, also after the end."""

    def __init__(self, backup_dir):
        super().__init__(backup_dir, delete_checkpoint=False, seconds="auto")

    @property
    def keep(self) -> int:
        """How many checkpoints stay in the folder."""
        return 3
