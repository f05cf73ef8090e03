"""Drawing progress: one line that is written over on a terminal, one finished line anywhere else.

`Screen` knows where the text goes, `Meter` counts steps and composes the line, `Progbar` is the
public bar made of both.

>>> import hornpipe as keras
>>> bar = keras.utils.Progbar(3, verbose=0)
>>> for batch in range(3):
...     bar.add(1, [("loss", 0.5)])
"""

from __future__ import annotations

import os
import shutil
import sys
import time

import numpy as np

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded

_SYMBOLS = "━─µ…"
_DEFAULT_COLUMNS = 80
_LONGEST_LIST = 4


# ---- values


def plain_value(value):
    """Return a value of the logs as plain data: a float, a text, or a list of floats for a tensor with axes."""
    if isinstance(value, (float, int, np.number, np.bool_)):
        return float(value)
    if isinstance(value, str) or value is None:
        return value
    return np.asarray(value).astype("float64").tolist()


def format_value(value) -> str:
    """Return a value with four decimals, in scientific notation where its size is at most 0.001.

    >>> format_value(0.25341), format_value(0.00002), format_value(float("nan"))
    ('0.2534', '2.0000e-05', 'nan')
    """
    value = plain_value(value)
    if isinstance(value, list):
        shown = [format_value(item) for item in value[:_LONGEST_LIST]]
        return f"[{', '.join(shown)}{', ...' if len(value) > _LONGEST_LIST else ''}]"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"


def format_seconds(seconds: float) -> str:
    """Return a duration: "7s", "2:05", "1:00:09"."""
    total = round(seconds)
    minutes, rest = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}" if minutes else f"{rest}s"


def format_rate(seconds: float, unit: str, micro: str = "µ") -> str:
    """Return the time of one step: "2.5s/step", "12ms/step", "30µs/step"."""
    if seconds >= 0.9995:
        return f"{seconds:.1f}s/{unit}"
    if seconds >= 0.9995e-3:
        return f"{seconds * 1e3:.0f}ms/{unit}"
    return f"{seconds * 1e6:.0f}{micro}s/{unit}"


def format_logs(logs) -> list[str]:
    """Return "loss: 0.2534" for every entry."""
    return [f"{name}: {format_value(value)}" for name, value in logs.items()]


# ---- where the text goes


def is_terminal(stream) -> bool:
    """Return whether `stream` is a terminal."""
    try:
        return bool(stream.isatty())
    except (AttributeError, OSError, ValueError):
        return False


def is_notebook(stream) -> bool:
    """Return whether `stream` ends below a notebook's cell."""
    return type(stream).__module__.split(".")[0] == "ipykernel"


def check_verbose(verbose, who: str, stream=None) -> int:
    """Return 0, 1 or 2 for `verbose`; "auto" is 1 on a terminal or in a notebook, else 2.

    Raises:
        ValueError: another value.
    """
    if verbose == "auto":
        stream = sys.stdout if stream is None else stream
        return 1 if is_terminal(stream) or is_notebook(stream) else 2
    if not isinstance(verbose, (int, np.integer)) or verbose not in (0, 1, 2):
        fix = "0 is silent, 1 shows a bar, 2 one line per epoch."
        raise ValueError(
            message(who, "`verbose` must be 0, 1, 2 or 'auto'", f"verbose={verbose!r}", fix)
        )
    return int(verbose)


def can_write(stream, text: str) -> bool:
    """Return whether the encoding of `stream` has all characters of `text`; no encoding means that it takes any."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Screen:
    """Writes lines to a stream, the last of which may be written over where somebody watches.

    A stream that is None or was closed swallows the text; characters that it has no code for become
    "?".

    Args:
        stream: an open text file; `sys.stdout` at this moment by default.
    """

    def __init__(self, stream=None):
        self.stream = sys.stdout if stream is None else stream
        self.terminal = is_terminal(self.stream)
        self.interactive = self.terminal or is_notebook(self.stream)
        self.unicode = can_write(self.stream, _SYMBOLS)
        self._shown = 0  # characters of the unfinished line

    def columns(self) -> int:
        """Return the width of the terminal at this moment."""
        try:
            columns = os.get_terminal_size(self.stream.fileno()).columns if self.stream else 0
        except (AttributeError, OSError, ValueError):
            columns = shutil.get_terminal_size((_DEFAULT_COLUMNS, 24)).columns
        return columns or _DEFAULT_COLUMNS

    def draw(self, text: str) -> None:
        """Write `text` over the unfinished line. Blanks cover what is left of a longer one."""
        self._write("\r" + text.ljust(self._shown))
        self._shown = len(text)

    def finish(self, text: str) -> None:
        """Write `text` over the unfinished line, if there is one, and end it."""
        self._write(("\r" + text.ljust(self._shown) if self._shown else text) + "\n")
        self._shown = 0

    def clear(self) -> None:
        """Remove the unfinished line, so that others may print."""
        if self._shown:
            self._write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def leave(self) -> None:
        """End the unfinished line as it is."""
        if self._shown:
            self._write("\n")
            self._shown = 0

    def _write(self, text: str) -> None:
        if self.stream is None:
            return
        if not can_write(self.stream, text):
            encoding = "ascii" if not self.unicode else self.stream.encoding
            text = text.encode(encoding, "replace").decode(encoding)
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self.stream = None  # closed in the meantime: nobody reads on


# ---- what the line says


class Meter:
    """Counts steps, measures their time, and composes the line of progress.

    The time of a step is measured from the first report to the last one with news, so that neither
    compiling nor validation counts; with one report only, from the start.

    Args:
        unit: what is counted, for "5ms/step".
        width: int >= 0. Characters of the bar.
        clock: function that returns seconds.
    """

    def __init__(self, unit: str = "step", *, width: int = 20, clock=time.monotonic):
        self.unit, self.width, self.clock = unit, width, clock
        self.start()

    def start(self) -> None:
        """Begin to count at zero."""
        self.step, self.total = 0, None
        self.begun = self._last_time = self.clock()
        self._first: tuple | None = None

    def advance(self, step: int, total: int | None) -> float:
        """Note that `step` of `total` (None where unknown) are done; returns the time."""
        now = self.clock()
        self.total = total
        if step != self.step:
            self.step, self._last_time = step, now
            if self._first is None:
                self._first = (step, now)
        return now

    def seconds_per_step(self) -> float:
        """Return the mean time of a step in seconds; 0 before the first one."""
        if self._first is not None and self.step > self._first[0]:
            return (self._last_time - self._first[1]) / (self.step - self._first[0])
        return (self._last_time - self.begun) / self.step if self.step else 0.0

    def bar_line(self, logs, screen: Screen, *, finished: bool) -> str:
        """Return the line for a terminal. An unfinished one always fits its width; a finished one holds all values."""
        parts = [self._times(screen, finished), *format_logs(logs)]
        tail = " - ".join(part for part in parts if part)
        columns = screen.columns()
        longest = ""
        for width in (self.width, self.width // 2, self.width // 4, 0):
            bar = self._bar(width, screen, finished)
            text = " ".join(part for part in (self._count(finished), bar, tail) if part)
            longest = longest or text
            if len(text) < columns:
                return text
        if finished:
            return longest
        mark = "…" if screen.unicode else "~"
        return text[: max(columns - 2, 0)] + mark

    def plain_line(self, logs, screen: Screen, prefix: str = "") -> str:
        """Return the line for a file: no bar, the rest as on a terminal."""
        elapsed = format_seconds(self.clock() - self.begun)
        parts = [prefix, self._count(True), elapsed, self._rate(screen), *format_logs(logs)]
        return " - ".join(part for part in parts if part)

    def _count(self, finished: bool) -> str:
        if self.total is None:
            return f"{self.step}/{self.step if finished else 'Unknown'}"
        return f"{self.step:>{len(str(self.total))}}/{self.total}"

    def _bar(self, width: int, screen: Screen, finished: bool) -> str:
        done, rest = ("━", "─") if screen.unicode else ("=", ".")
        if self.total is None:
            return done * width if finished else ""
        filled = min(width, width * self.step // self.total) if self.total else width
        return done * filled + rest * (width - filled)

    def _rate(self, screen: Screen) -> str:
        return (
            format_rate(self.seconds_per_step(), self.unit, "µ" if screen.unicode else "u")
            if self.step
            else ""
        )

    def _times(self, screen: Screen, finished: bool) -> str:
        text = format_seconds(self.clock() - self.begun)
        if not finished and self.total is not None and 0 < self.step < self.total:
            left = self.seconds_per_step() * (self.total - self.step)
            text += f" ({format_seconds(left)} left)"
        return f"{text} {self._rate(screen)}".rstrip()


# ---- the public bar


class Progbar:
    """Displays how far a loop of your own has come, with values beside it.

    Values are shown as means over the steps so far, weighted by how many steps each report covers;
    the last line shows the last values as they were given. On a terminal and in a notebook the line
    is written over; elsewhere only the last is written.

    Args:
        target: int >= 0, the number of steps, or None where it is unknown.
        width: int >= 0. Characters of the bar. Default 20.
        verbose: 0 silent, 1 bar, 2 one line at the end. Default 1.
        interval: float >= 0. Least number of seconds between two drawings. Default 0.05.
        stateful_metrics: names of values that are shown as they are instead of as means.
        stateless_metrics: names of values that are shown as means, and all others as they are. Not
            with `stateful_metrics`.
        unit_name: str. What is counted. Default "step".

    Raises:
        ValueError: `target`, `width`, `verbose` or `interval` is out of range, or both lists of
            metrics are given.

    Example:
        >>> import hornpipe as keras
        >>> bar = keras.utils.Progbar(2, verbose=0)
        >>> bar.update(1, [("loss", 1.0)])
        >>> bar.update(2, [("loss", 3.0)])
        >>> bar.values
        {'loss': 3.0}
    """

    @guarded("Progbar")
    def __init__(
        self,
        target,
        width=20,
        verbose=1,
        interval=0.05,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
    ):
        for name, value in (("target", target), ("width", width)):
            whole = (
                isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0
            )
            if not whole and not (name == "target" and value is None):
                raise ValueError(
                    message("Progbar", f"`{name}` must be an integer >= 0", f"{name}={value!r}")
                )
        if (
            isinstance(interval, bool)
            or not isinstance(interval, (int, float))
            or not interval >= 0
        ):
            raise ValueError(
                message("Progbar", "`interval` must be seconds >= 0", f"interval={interval!r}")
            )
        if stateful_metrics is not None and stateless_metrics is not None:
            rule = "takes `stateful_metrics` or `stateless_metrics`, not both"
            received = (
                f"stateful_metrics={stateful_metrics!r}, stateless_metrics={stateless_metrics!r}"
            )
            raise ValueError(message("Progbar", rule, received, "Leave one of them out."))
        self.verbose = check_verbose(verbose, "Progbar")
        self.target, self.width, self.interval, self.unit_name = (
            target,
            int(width),
            interval,
            unit_name,
        )
        self.stateful_metrics = set(stateful_metrics or ())
        self._averaged = None if stateless_metrics is None else set(stateless_metrics)
        self.values: dict = {}  # as displayed
        self._sums: dict = {}  # name -> (sum over steps, steps)
        self._screen = Screen()
        self._meter = Meter(unit_name, width=self.width)
        self._next_draw = float("-inf")
        self._finished = False

    def update(self, current, values=None, finalize=None):
        """Show that `current` steps are done.

        Args:
            current: int >= 0. Steps done since the start.
            values: list of pairs (name, number).
            finalize: bool. Whether this is the last report; by default when `current` reaches
                `target`.

        Raises:
            ValueError: `current` is negative.
        """
        if current < 0:
            raise ValueError(
                message("Progbar.update", "`current` must be >= 0", f"current={current!r}")
            )
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._note(values or (), max(current - self._meter.step, 1), finalize)
        now = self._meter.advance(current, self.target)
        if self.verbose == 0 or self._finished:
            return
        bar = self.verbose == 1 and self._screen.interactive
        if finalize:
            self._finished = True
            line = (
                self._meter.bar_line(self.values, self._screen, finished=True)
                if bar
                else self._meter.plain_line(self.values, self._screen)
            )
            self._screen.finish(line)
        elif bar and now >= self._next_draw:
            self._screen.draw(self._meter.bar_line(self.values, self._screen, finished=False))
            self._next_draw = now + self.interval

    def add(self, n, values=None):
        """Show that `n` more steps are done.

        Args:
            n: int. Steps done since the last report.
            values: list of pairs (name, number).
        """
        self.update(self._meter.step + n, values)

    def _note(self, values, steps, finalize):
        for name, value in values:
            value = plain_value(value)
            if finalize or not self._is_averaged(name) or not isinstance(value, float):
                self.values[name] = value
                continue
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value * steps, count + steps)
            self.values[name] = (total + value * steps) / (count + steps)

    def _is_averaged(self, name):
        return (
            name in self._averaged
            if self._averaged is not None
            else name not in self.stateful_metrics
        )
