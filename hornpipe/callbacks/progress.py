"""The progress display of `fit`, `evaluate` and `predict`.

The executor tells it how far it is, as often as it likes: what is drawn, and when, is decided here,
and logs are read only when something is drawn. A display that is watched shows a bar; in a file it
is one line per epoch.

>>> from hornpipe.callbacks.progress import Display
>>> display = Display(0)
>>> display.begin(epochs=2)
>>> display.epoch_begin(0)
>>> display.update(3, 10, lambda: {"loss": 0.5})
>>> display.epoch_end(0, {"loss": 0.5})
>>> display.end()
"""

from __future__ import annotations

import time

from hornpipe.utils.progress import Meter, Screen, check_verbose

_INTERVAL_SECONDS = 0.1


class Display:
    """Shows the progress of one run.

    The calls are, in this order: `begin`, then for every epoch `epoch_begin`, `update` after every
    chunk of steps and `epoch_end`, then `end`, also when the run was interrupted. `evaluate` and
    `predict` are a run of one epoch without a number.

    Args:
        verbose: 0 silent, 1 bar, 2 one line per epoch, "auto" = 1 on a terminal or in a notebook
            and 2 elsewhere.
        stream: where to write; `sys.stdout` at the time of `begin` by default.
        clock: function that returns seconds.
        who: name of the function that was called, for errors.

    Raises:
        ValueError: another `verbose`.
    """

    def __init__(
        self, verbose: int | str = "auto", *, stream=None, clock=time.monotonic, who="fit"
    ):
        self._stream, self._clock = stream, clock
        self.verbose = check_verbose(verbose, who, stream)
        self._next_draw = float("-inf")
        self._epochs: int | None = None
        self._screen, self._meter = Screen(stream), Meter(clock=clock)

    @property
    def bar(self) -> bool:
        """Whether a bar is drawn, rather than one line per epoch or nothing."""
        return self.verbose == 1 and self._screen.interactive

    def begin(self, epochs: int | None = None) -> None:
        """Start a run of `epochs` epochs; None for one without a number."""
        self._epochs = epochs
        self._screen = Screen(self._stream)

    def epoch_begin(self, epoch: int = 0) -> None:
        """Start the epoch with index `epoch` (from 0)."""
        if not self.verbose:
            return
        if self.bar and self._title(epoch):
            self._screen.finish(self._title(epoch))
        self._meter.start()

    def update(self, step: int, total_steps: int | None, logs) -> None:
        """Note that `step` of `total_steps` are done; draw if the last drawing is a tenth of a
        second old.

        Args:
            step: int >= 0. Steps done in this epoch. The same number again only redraws, for
                example during validation.
            total_steps: int, or None where it is unknown.
            logs: dict name -> value, or a function that returns it, called only when something is
                drawn.
        """
        if not self.verbose:
            return
        now = self._meter.advance(step, total_steps)
        if not self.bar or now < self._next_draw:
            return
        values = logs() if callable(logs) else logs
        self._screen.draw(self._meter.bar_line(values or {}, self._screen, finished=False))
        # Counted from the end of the drawing: a slow terminal may not hold up training.
        self._next_draw = self._clock() + _INTERVAL_SECONDS

    def clear(self) -> None:
        """Remove the bar for the moment, so that a callback may print; the next drawing brings it back."""
        self._screen.clear()

    def epoch_end(self, epoch: int = 0, logs=None) -> None:
        """Write the epoch's line, with exactly the values in `logs` (a dict or a function that returns it)."""
        if not self.verbose:
            return
        values = (logs() if callable(logs) else logs) or {}
        if self.bar:
            line = self._meter.bar_line(values, self._screen, finished=True)
        else:
            line = self._meter.plain_line(values, self._screen, self._title(epoch))
        self._screen.finish(line)
        self._next_draw = self._clock() + _INTERVAL_SECONDS

    def end(self) -> None:
        """End the run; a bar that was interrupted stays, and what is printed next starts on a new line."""
        self._screen.leave()

    def _title(self, epoch: int) -> str:
        return (
            f"Epoch {epoch + 1}/{self._epochs}"
            if self._epochs is not None and self._epochs > 1
            else ""
        )


def make_display(
    verbose: int | str = "auto", *, epochs: int | None = None, who: str = "fit"
) -> Display:
    """Return a `Display` for a run of `epochs` epochs (None: one without a number) that has begun."""
    display = Display(verbose, who=who)
    display.begin(epochs)
    return display
