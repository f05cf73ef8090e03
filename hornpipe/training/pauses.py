"""What happens between chunks and between the stages of an epoch: callbacks look at the clock, checkpoints are written.

`Pauses` is the plain kind, for runs without checkpoints; `training/checkpoint.py` has the other one. `fit` tells it each place that
the run reaches, and stops where it says so.
"""

from __future__ import annotations

import dataclasses

_NO_LIMIT = 2**62


@dataclasses.dataclass(slots=True)
class Place:
    """Where a run stands: everything before it is done.

    Args:
        epoch: int. Number of the epoch, from 0.
        step: int. How many of its steps are done.
        stage: "begin" before the epoch, "train" between its steps, "validate" between its last step and its validation.
        logs: the logs of the last whole epoch; with "validate", those of this one's training.
        stopped: bool. Whether a callback has asked to stop.
    """

    epoch: int
    step: int = 0
    stage: str = "begin"
    logs: dict = dataclasses.field(default_factory=dict)
    stopped: bool = False

    def is_end(self, epochs: int) -> bool:
        """Return whether a run of `epochs` epochs ends here."""
        return self.stage == "begin" and (self.stopped or self.epoch >= epochs)


class Pauses:
    """Asks the callbacks that define `on_chunk_end` whether to pause.

    Args:
        callbacks: a `CallbackList`.
        first: int. The epoch to begin with.
        epochs: int. The epoch to stop after.
    """

    saves = False  # whether the run has checkpoints
    finished = False  # whether a checkpoint says that nothing is left to do

    def __init__(self, callbacks, first: int, epochs: int):
        self.place, self.epochs = Place(first), epochs
        self._callbacks = callbacks
        self._askers = callbacks.chunk_callbacks

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def begin(self, train, test) -> Place:
        """Return where the run begins; called once, after `on_train_begin`."""
        return self.place

    def most(self, step: int) -> int:
        """Return how many steps the next chunk, which begins with `step`, may have."""
        return _NO_LIMIT

    def after(self, step: int) -> bool:
        """Note that a chunk has ended after `step` steps of the stage; return whether to pause here."""
        if self.place.stage == "validate":
            return False
        self.place.step, self.place.stage = step, "train"
        return self._asked()

    def reached(self, *place) -> bool:
        """Note that the run has come to a stage (the arguments are those of `Place`); return whether to pause here."""
        self.place = Place(*place)
        return not self.place.is_end(self.epochs) and self._asked()

    @property
    def waits(self) -> bool:
        """Whether somebody has to be asked between chunks, or something to be saved there."""
        return self.saves or bool(self._askers)

    def _asked(self) -> bool:
        if not self._askers:
            return False
        # Everybody is asked, whatever the others say: callbacks may count chunks.
        answers = [each.on_chunk_end(self.place.epoch, self.place.step) for each in self._askers]
        return any(answers)

    def end(self) -> None:
        """Note that all epochs are done; called before `on_train_end`."""

    def finish(self) -> None:
        """Note that the run is over; called after `on_train_end`, not where the run was paused."""


def make_pauses(callbacks, first, epochs, *, checkpoint, resume, **run) -> Pauses:
    """Return the pauses of a run: those of `training/checkpoint.py` where it is saved, else plain ones.

    Args:
        callbacks, first, epochs: see `Pauses`.
        checkpoint, resume, run: see `Checkpoints`.
    """
    backs_up = any(hasattr(each, "backup_dir") for each in callbacks.callbacks)
    if checkpoint is None and resume is False and not backs_up:
        return Pauses(callbacks, first, epochs)
    from hornpipe.training.checkpoint import Checkpoints  # only for runs that save

    return Checkpoints(callbacks, first, epochs, checkpoint=checkpoint, resume=resume, **run)


def validates(epoch, frequency) -> bool:
    """Return whether validation follows an epoch, for `fit(validation_freq=frequency)`."""
    if isinstance(frequency, (list, tuple, set)):
        return epoch + 1 in frequency
    return (epoch + 1) % frequency == 0
