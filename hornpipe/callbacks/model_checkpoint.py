"""`ModelCheckpoint`: save the model, or its weights, while it is trained."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from hornpipe.callbacks.base import check_monitor
from hornpipe.callbacks.files import PathPattern, as_text, make_folder
from hornpipe.callbacks.monitor import MonitorCallback
from hornpipe.core.dialect import spoken
from hornpipe.core.errors import message
from hornpipe.utils.progress import Screen

_MODEL_ENDINGS = (".keras",)
_WEIGHT_ENDINGS = (".weights.h5", ".safetensors")


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights alone, after every epoch or after a number of steps.

    A file is written beside its place, read back and renamed: whatever goes wrong, the file that
    was there stays. Folder, name and the model's description are checked before training begins.
    In an epoch whose logs lack a name that is needed, because there was no validation, nothing is
    saved. The best value is kept from one `fit` to the next.

    Args:
        filepath: path that ends in ".keras", or for weights in ".weights.h5" or ".safetensors". It
            may have places for `epoch` (from 1), names of the logs, and `batch` (from 1, where
            `save_freq` is a number), such as "m-{epoch:02d}-{val_loss:.2f}.keras". A folder that
            is missing is made.
        monitor: str. With `save_best_only`, the name in the logs to compare. Default "val_loss".
        verbose: 0 silent, 1 says what was saved. Default 0.
        save_best_only: bool. Whether only a model that is better than the best before is saved.
            The first is, unless there is an `initial_value_threshold`; NaN is better than nothing
            only. Default False.
        save_weights_only: bool. Whether weights are saved rather than the model. Default False.
        mode: "min", "max", or "auto": the direction follows from the monitored metric.
        save_freq: "epoch", or int >= 1: after so many steps, counted over epochs.
        initial_value_threshold: float or None. The value the first model has to be better than.

    Raises:
        ValueError: another ending, a pattern or `save_freq` that can't be; before training, a name
            that will not be in the logs, or a model that can't be saved.
        TypeError: an argument of another type.
        OSError: before training, the folder can't be written; while saving, the disk is full.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> folder = tempfile.mkdtemp()
        >>> keep = keras.callbacks.ModelCheckpoint(os.path.join(folder, "m-{epoch}.keras"))
        >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2, callbacks=[keep], verbose=0)
        >>> sorted(os.listdir(folder))
        ['m-1.keras', 'm-2.keras']
    """

    observes_only = True

    @spoken("ModelCheckpoint")
    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode)
        self.filepath = as_text(filepath, "filepath", "ModelCheckpoint")
        self.verbose, self.save_best_only = verbose, bool(save_best_only)
        self.save_weights_only, self.save_freq = bool(save_weights_only), save_freq
        self._check_ending()
        whole = isinstance(save_freq, (int, np.integer)) and not isinstance(save_freq, bool)
        if save_freq != "epoch" and not (whole and save_freq >= 1):
            rule = "`save_freq` must be 'epoch' or an integer >= 1"
            fix = "The integer counts steps."
            raise ValueError(message("ModelCheckpoint", rule, f"save_freq={save_freq!r}", fix))
        if whole:
            self.on_train_batch_end = self._after_batch
        counts = ["epoch", "batch"] if whole else ["epoch"]
        self._pattern = PathPattern(self.filepath, counts, "filepath", "ModelCheckpoint")
        try:
            self.best = None if initial_value_threshold is None else float(initial_value_threshold)
        except (TypeError, ValueError):
            rule = "`initial_value_threshold` must be a number or None"
            received = f"initial_value_threshold={initial_value_threshold!r}"
            raise TypeError(message("ModelCheckpoint", rule, received)) from None
        self._epoch, self._steps = 0, 0

    def _check_ending(self):
        endings = _WEIGHT_ENDINGS if self.save_weights_only else _MODEL_ENDINGS
        if self.filepath.endswith(endings):
            return
        rule = f"`filepath` must end in {' or '.join(endings)}"
        fix = f"For example {Path(self.filepath).stem + endings[0]!r}."
        if self.filepath.endswith(_WEIGHT_ENDINGS) and not self.save_weights_only:
            fix = f"Pass save_weights_only=True, or a name such as {'model.keras'!r}."
        received = f"filepath={self.filepath!r}, save_weights_only={self.save_weights_only}"
        raise ValueError(message("ModelCheckpoint", rule, received, fix))

    # ---- checks before training

    def monitored_names(self):
        """Return the names of the logs that are needed: the monitored one, and those in the pattern."""
        monitored = [self.monitor] if self.save_best_only else []
        return [*monitored, *(name for name in self._pattern.names if name not in monitored)]

    def check_names(self, available, complete):
        """Check that the logs will hold the names; those of validation are not there after a step."""
        for name in self.monitored_names():
            argument = "monitor" if self.save_best_only and name == self.monitor else "filepath"
            if self.save_freq != "epoch" and name.startswith("val_"):
                rule = f"`{argument}` must do without validation where `save_freq` counts steps"
                fix = f"Use {name.removeprefix('val_')!r}, or save_freq='epoch'."
                raise ValueError(message("ModelCheckpoint", rule, f"the name {name!r}", fix))
            check_monitor(name, available, "ModelCheckpoint", argument=argument, complete=complete)

    def on_train_begin(self, logs=None):
        """Check that the model can be saved, and that files can be written in the folder.

        Raises:
            ValueError: it can't be saved.
            OSError: they can't be written.
        """
        super().on_train_begin(logs)
        self._steps = 0
        if not self.save_weights_only:
            self.model._check_savable()
        make_folder(self._pattern.folder(), "ModelCheckpoint")

    # ---- saving

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch's number."""
        self._epoch = epoch

    def steps_to_action(self):
        """Return the number of steps to the next file, where `save_freq` counts steps."""
        return None if self.save_freq == "epoch" else self.save_freq - self._steps

    def _after_batch(self, batch, logs=None):
        self._steps += 1
        if self._steps >= self.save_freq:
            self._steps = 0
            self._consider(logs or {}, epoch=self._epoch + 1, batch=batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        """Save, where `save_freq` is "epoch" and the model is to be saved."""
        if self.save_freq == "epoch":
            self._consider(logs or {}, epoch=epoch + 1)

    def _consider(self, logs, **counts):
        """Save if the model is to be saved."""
        said = ""
        if self.save_best_only:
            value = self.monitored_value(logs)
            if value is None:
                return
            self.direction()
            if not self._improves(value):
                return
            before = "" if self.best is None else f" from {self.best:.5g}"
            said = f"{self.monitor} improved{before} to {value:.5g}; "
        lacking = [name for name in self._pattern.names if name not in logs]
        if lacking:
            if not lacking[0].startswith("val_"):
                check_monitor(lacking[0], logs, "ModelCheckpoint", argument="filepath")
            return
        path = self._pattern.fill(logs, **counts)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.save_best_only:
            self.best = value
        if self.verbose:
            Screen().finish(f"Epoch {counts['epoch']}: {said}saved to {path}.")

    def _improves(self, value: float) -> bool:
        """Return whether a value is better than the best; a number is better than NaN."""
        if self.best is not None and math.isnan(self.best):
            return not math.isnan(value)
        return self.is_better(value, self.best)

    # ---- state

    def get_state(self):
        """Return the best value and the count of steps since the last file."""
        state: dict = {"steps": self._steps}
        return state if self.best is None else {**state, "best": self.best}

    def set_state(self, state):
        """Take over the best value and the count of steps."""
        self._steps = int(state["steps"])
        self._seen = "best" in state
        if "best" in state:
            self.best = float(state["best"])
