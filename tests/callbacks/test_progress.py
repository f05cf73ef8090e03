"""The progress display: on a pseudo-terminal, in a pipe, with a clock of our own, and on streams that misbehave."""

from __future__ import annotations

import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest

from hornpipe.callbacks import CallbackList, LambdaCallback
from hornpipe.callbacks.progress import Display, make_display
from hornpipe.utils.progress import (
    Meter,
    Progbar,
    Screen,
    format_rate,
    format_seconds,
    format_value,
    plain_value,
)


class Clock:
    """A clock that the test winds."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal:
    """A pseudo-terminal, and what a person in front of it would see."""

    def __init__(self, columns=80, encoding="utf-8"):
        self.master, slave = os.openpty()
        self.resize(slave, columns)
        self.stream = open(slave, "w", encoding=encoding)  # noqa: SIM115
        self.columns, self.raw = columns, ""

    @staticmethod
    def resize(file, columns):
        fcntl.ioctl(file, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self):
        """Return what was written since the last time."""
        self.stream.flush()
        # Marks the end: what comes through does so with a delay.
        os.write(self.stream.fileno(), b"\0")
        found = b""
        while not found.endswith(b"\0"):
            found += os.read(self.master, 1 << 16)
        data = found[:-1].decode(self.stream.encoding)
        self.raw += data
        return data

    def lines(self):
        """Return the lines on the screen, blanks at their ends removed."""
        self.read()
        lines, row, column = [[]], 0, 0
        for character in self.raw:
            if character == "\r":
                column = 0
            elif character == "\n":
                row += 1
                lines.append([])
            else:
                assert character.isprintable(), repr(character)
                if column == self.columns:
                    row, column = row + 1, 0
                    lines.append([])
                lines[row] += " " * (column + 1 - len(lines[row]))
                lines[row][column] = character
                column += 1
        return ["".join(line).rstrip() for line in lines]


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.stream.close()
    os.close(made.master)


def watched(terminal, clock=None, verbose=1):
    return Display(verbose, stream=terminal.stream, clock=clock or Clock())


# ---- on a terminal


def test_bar_on_a_terminal(terminal):
    clock = Clock()
    display = watched(terminal, clock)
    display.begin(epochs=10)
    display.epoch_begin(2)
    clock.now += 1
    display.update(100, 400, {"loss": 0.5, "accuracy": 0.25})
    # The bar gives way to the values: half of its width here.
    assert terminal.lines() == [
        "Epoch 3/10",
        "100/400 ━━──────── 1s (3s left) 10ms/step - loss: 0.5000 - accuracy: 0.2500",
    ]
    clock.now += 1
    display.update(400, 400, {"loss": 0.4, "accuracy": 0.5})
    clock.now += 2  # validation
    display.epoch_end(2, {"loss": 0.4, "accuracy": 0.5, "val_loss": 0.00012})
    display.end()
    # and all of it here
    assert terminal.lines()[1:] == [
        "400/400 4s 3ms/step - loss: 0.4000 - accuracy: 0.5000 - val_loss: 1.2000e-04",
        "",
    ]
    assert "\x1b" not in terminal.raw


@pytest.mark.parametrize("columns", [12, 20, 40, 60, 80, 200])
def test_an_unfinished_line_fits_the_terminal(columns):
    terminal, clock = Terminal(columns), Clock()
    display = watched(terminal, clock)
    display.begin(epochs=1)
    display.epoch_begin(0)
    for step in range(1, 6):
        clock.now += 1
        display.update(step, 5, {f"metric_{i}": 0.5 for i in range(step)})
        (line,) = terminal.lines()
        assert len(line) < columns
        assert line.startswith(f"{step}/5")
    logs = {f"metric_{i}": i / 4 for i in range(5)}
    display.epoch_end(0, logs)
    shown = "".join(line.ljust(columns) for line in terminal.lines()).replace(" ", "")
    assert all(
        f"{name}:{value:.4f}" in shown.replace("0.0000e+00", "0.0000")
        for name, value in logs.items()
    )
    terminal.stream.close()


def test_a_last_line_that_is_too_long_wraps(terminal):
    display = watched(terminal)
    display.begin()
    display.epoch_begin()
    display.update(4, 4, {})
    display.epoch_end(0, {f"metric_{i}": 0.5 for i in range(5)})
    values = " - ".join(f"metric_{i}: 0.5000" for i in range(5))
    line = f"4/4 ━━━━━━━━━━━━━━━━━━━━ 0s 0µs/step - {values}"
    assert terminal.lines() == [line[:80].rstrip(), line[80:], ""]


def test_a_shorter_line_covers_a_longer_one(terminal):
    clock = Clock()
    display = watched(terminal, clock)
    display.begin()
    display.epoch_begin()
    clock.now += 1
    display.update(1, 3, {"a_long_name": 123456.0})
    clock.now += 1
    display.update(2, 3, {})
    (line,) = terminal.lines()
    assert line == "2/3 ━━━━━━━━━━━━━─────── 2s (1s left) 1.0s/step"


def test_terminal_that_changes_its_width(terminal):
    clock = Clock()
    display = watched(terminal, clock)
    display.begin()
    display.epoch_begin()
    logs = {f"metric_{i}": 0.5 for i in range(5)}
    lengths = []
    for columns in (30, 70):
        Terminal.resize(terminal.master, columns)
        clock.now += 1
        display.update(1, 3, logs)
        lengths.append(len(terminal.read().split("\r")[-1].rstrip()))
    assert lengths[0] == 29 and lengths[1] == 69


def test_at_most_ten_drawings_a_second(terminal):
    clock, reads = Clock(), []
    display = watched(terminal, clock)
    display.begin(epochs=3)
    for epoch in range(3):
        display.epoch_begin(epoch)
        for step in range(1000):
            clock.now += 0.001
            display.update(step + 1, 1000, lambda: reads.append(clock.now) or {"loss": 0.5})
        display.epoch_end(epoch, {"loss": 0.5})
    assert 27 <= len(reads) <= 30
    assert min(np.diff(reads)) >= 0.0999
    assert (
        terminal.read().count("\r") == len(reads) + 3 + 6
    )  # drawings, last lines, and one for every line's end


def test_logs_are_not_read_when_nothing_is_drawn():
    def fail():
        raise AssertionError("the logs were read")

    for display in (Display(0), Display(2, stream=io.StringIO()), Display(1, stream=io.StringIO())):
        display.begin(epochs=2)
        display.epoch_begin(0)
        for step in range(5):
            display.update(step + 1, 5, fail)
        display.epoch_end(0, {})
        display.end()


def test_epoch_end_takes_a_function(terminal):
    stream = io.StringIO()
    display = Display(2, stream=stream)
    display.begin()
    display.epoch_begin()
    display.update(1, 1, None)
    display.epoch_end(0, lambda: {"loss": 0.25})
    assert stream.getvalue().endswith(" - loss: 0.2500\n")


def test_unknown_number_of_steps(terminal):
    clock = Clock()
    display = watched(terminal, clock)
    display.begin(epochs=2)
    display.epoch_begin(0)
    clock.now += 2
    display.update(20, None, {"loss": 0.5})
    assert terminal.lines()[1] == "20/Unknown 2s 100ms/step - loss: 0.5000"
    clock.now += 2
    display.update(37, None, {"loss": 0.5})
    display.epoch_end(0, {"loss": 0.25})
    assert terminal.lines()[1] == "37/37 ━━━━━━━━━━━━━━━━━━━━ 4s 118ms/step - loss: 0.2500"


def test_epoch_without_steps(terminal):
    display = watched(terminal)
    display.begin()
    display.epoch_begin()
    display.epoch_end(0, {})
    display.epoch_begin()
    display.update(0, 0, {})
    display.epoch_end(0, {})
    assert terminal.lines()[:2] == ["0/0 ━━━━━━━━━━━━━━━━━━━━ 0s"] * 2


def test_interrupted_bar_stays_and_what_follows_has_its_own_line(terminal):
    clock = Clock()
    display = watched(terminal, clock)
    display.begin()
    display.epoch_begin()
    clock.now += 1
    display.update(1, 2, {"loss": 0.5})
    display.end()
    display.end()
    print("Traceback", file=terminal.stream)
    assert terminal.lines() == [
        "1/2 ━━━━━━━━━━────────── 1s (1s left) 1.0s/step - loss: 0.5000",
        "Traceback",
        "",
    ]


def test_callbacks_print_above_the_last_line(terminal):
    clock = Clock()
    several = CallbackList(
        LambdaCallback(on_epoch_end=lambda epoch, logs: print("saved", file=terminal.stream)),
        add_history=True,
    )
    several.display = display = watched(terminal, clock)
    display.begin()
    display.epoch_begin()
    clock.now += 1
    display.update(2, 2, {"loss": 0.5})
    logs = several.on_epoch_end(0, {"loss": 0.5})
    display.epoch_end(0, logs)
    assert terminal.lines() == [
        "saved",
        "2/2 ━━━━━━━━━━━━━━━━━━━━ 1s 500ms/step - loss: 0.5000",
        "",
    ]


def test_bar_stays_during_the_end_of_an_epoch_without_such_callbacks(terminal):
    clock = Clock()
    several = CallbackList(add_history=True)
    several.display = display = watched(terminal, clock)
    display.begin()
    display.epoch_begin()
    clock.now += 1
    display.update(2, 2, {"loss": 0.5})
    several.on_epoch_end(0, {"loss": 0.5})
    assert terminal.lines() == ["2/2 ━━━━━━━━━━━━━━━━━━━━ 1s 500ms/step - loss: 0.5000"]


def test_time_of_a_step_leaves_out_compiling_and_validation():
    clock = Clock()
    meter = Meter(clock=clock)
    clock.now += 5  # compiling, and the first step
    meter.advance(1, 101)
    assert meter.seconds_per_step() == 5
    clock.now += 1
    meter.advance(101, 101)
    assert meter.seconds_per_step() == pytest.approx(0.01)
    clock.now += 7  # validation redraws with the same step
    meter.advance(101, 101)
    assert meter.seconds_per_step() == pytest.approx(0.01)


def test_last_line_shows_what_goes_into_history():
    stream = io.StringIO()
    several = CallbackList(add_history=True)
    display = Display(2, stream=stream)
    display.begin(epochs=3)
    generator = np.random.default_rng(0)
    for epoch in range(3):
        display.epoch_begin(epoch)
        display.update(4, 4, None)
        logs = {
            "loss": np.float32(generator.random()),
            "tiny": generator.random() * 1e-5,
            "vector": np.ones(2) / 4,
        }
        display.epoch_end(epoch, several.on_epoch_end(epoch, logs))
    history = several.history.history
    for epoch, line in enumerate(stream.getvalue().splitlines()):
        expected = f"loss: {history['loss'][epoch]:.4f} - tiny: {history['tiny'][epoch]:.4e} - vector: [0.2500, 0.2500]"
        assert line == f"Epoch {epoch + 1}/3 - 4/4 - 0s - {line.split(' - ')[3]} - {expected}"


# ---- in a file or pipe


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_one_line_per_epoch_in_a_file(verbose):
    stream, clock = io.StringIO(), Clock()
    display = Display(verbose, stream=stream, clock=clock)
    display.begin(epochs=2)
    for epoch in range(2):
        display.epoch_begin(epoch)
        for step in range(1, 470):
            clock.now += 0.005
            display.update(step, 469, {"loss": 1.0})
        display.epoch_end(epoch, {"loss": 0.25, "accuracy": 0.9261})
    display.end()
    assert stream.getvalue() == (
        "Epoch 1/2 - 469/469 - 2s - 5ms/step - loss: 0.2500 - accuracy: 0.9261\n"
        "Epoch 2/2 - 469/469 - 2s - 5ms/step - loss: 0.2500 - accuracy: 0.9261\n"
    )


SCRIPT = """
import sys
from hornpipe.callbacks.progress import make_display
display = make_display({verbose!r}, epochs=2)
for epoch in range(2):
    display.epoch_begin(epoch)
    for step in range(1, 4):
        display.update(step, 3, {{"lose": 0.5}})
    display.epoch_end(epoch, {{"loss": 0.25}})
display.end()
{after}
"""


def run_script(verbose, after="", **kwargs):
    environment = {**os.environ, "PYTHONIOENCODING": kwargs.pop("encoding", "utf-8")}
    script = SCRIPT.format(verbose=verbose, after=after)
    return subprocess.run([sys.executable, "-c", script], env=environment, timeout=60, **kwargs)


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_pipe(verbose):
    done = run_script(verbose, capture_output=True, check=True)
    text = done.stdout.decode("utf-8")
    pattern = r"Epoch 1/2 - 3/3 - 0s - \d+[mµ]s/step - loss: 0.2500\nEpoch 2/2 - 3/3 - 0s - \d+[mµ]s/step - loss: 0.2500\n"
    assert re.fullmatch(pattern, text.replace(os.linesep, "\n"))
    assert done.stderr == b""


def test_pipe_in_ascii():
    text = run_script(1, encoding="ascii", capture_output=True, check=True).stdout.decode("ascii")
    assert re.search(r"\d+[mu]s/step", text)


def test_closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    after = "print('done', file=sys.stderr); sys.stdout = None"
    try:
        done = run_script(2, after=after, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert b"done" in done.stderr and b"Traceback" not in done.stderr


def test_terminal_by_default(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    display = make_display("auto", epochs=2)
    display.epoch_begin(0)
    display.update(1, 2, {"loss": 0.5})
    display.epoch_end(0, {"loss": 0.5})
    assert terminal.lines()[0] == "Epoch 1/2" and "1/2 ━━━" in terminal.lines()[1]


def test_silent(capsys):
    display = make_display(0, epochs=2)
    display.epoch_begin(0)
    display.update(1, 2, {"loss": 0.5})
    display.clear()
    display.epoch_end(0, {"loss": 0.5})
    display.end()
    assert capsys.readouterr().out == ""


def test_notebook():
    class OutStream(io.StringIO):
        pass

    OutStream.__module__ = "ipykernel.iostream"
    stream, clock = OutStream(), Clock()
    display = Display("auto", stream=stream, clock=clock)
    assert display.verbose == 1
    display.begin()
    display.epoch_begin()
    clock.now += 1
    display.update(1, 2, {"loss": 0.5})
    display.epoch_end(0, {"loss": 0.25})
    assert stream.getvalue().count("\r") == 2 and stream.getvalue().rstrip().endswith(
        "loss: 0.2500"
    )


# ---- streams that misbehave


def play(display):
    display.begin(epochs=2)
    display.epoch_begin(0)
    display.update(1, 2, {"loss": 0.5})
    display.clear()
    display.epoch_end(0, {"loss": 0.5})
    display.end()


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_no_stdout(monkeypatch, verbose):
    monkeypatch.setattr(sys, "stdout", None)
    play(Display(verbose))


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_closed_stdout(monkeypatch, verbose):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    play(Display(verbose))


def test_stdout_closed_on_the_way(terminal):
    display, clock = watched(terminal), Clock()
    display.begin(epochs=2)
    display.epoch_begin(0)
    display.update(1, 2, {"loss": 0.5})
    terminal.stream.close()
    clock.now += 1
    display.update(2, 2, {"loss": 0.5})
    display.epoch_end(0, {"loss": 0.5})
    display.end()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminal_without_unicode(encoding):
    terminal, clock = Terminal(encoding=encoding), Clock()
    display = watched(terminal, clock)
    display.begin()
    display.epoch_begin()
    clock.now += 0.0001
    display.update(2, 4, {"λ": 0.5})
    assert terminal.lines() == ["2/4 ==========.......... 0s (0s left) 50us/step - ?: 0.5000"]
    terminal.stream.close()


def test_name_that_the_encoding_lacks():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    display = Display(2, stream=stream)
    display.begin()
    display.epoch_begin()
    display.update(1, 1, None)
    display.epoch_end(0, {"λ": 0.5, "é": 1.0})
    assert raw.getvalue().decode("latin-1").rstrip().endswith("?: 0.5000 - ?: 1.0000")


def test_a_write_only_object_is_enough():
    class Log:
        text = ""

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    log = Log()
    play(Display("auto", stream=log))
    assert log.text.startswith("Epoch 1/2 - 1/2 - 0s - ") and log.text.endswith("loss: 0.5000\n")


@pytest.mark.parametrize("verbose", [3, -1, "yes", None, 1.0])
def test_wrong_verbose(verbose):
    with pytest.raises(ValueError) as caught:
        Display(verbose, who="evaluate")
    assert str(caught.value) == (
        f"evaluate: `verbose` must be 0, 1, 2 or 'auto'. Received: verbose={verbose!r}. "
        "0 is silent, 1 shows a bar, 2 one line per epoch."
    )


def test_verbose_may_be_a_bool():
    assert Display(True).verbose == 1 and Display(False).verbose == 0


# ---- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25341, "0.2534"),
        (1, "1.0000"),
        (-2.5, "-2.5000"),
        (123456.789, "123456.7890"),
        (0.001, "1.0000e-03"),
        (0.0011, "0.0011"),
        (-0.00002, "-2.0000e-05"),
        (0.0, "0.0000e+00"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (np.float32(0.5), "0.5000"),
        (np.array(0.5), "0.5000"),
        (np.array([0.5]), "[0.5000]"),
        (np.arange(6) + 1, "[1.0000, 2.0000, 3.0000, 4.0000, ...]"),
        (np.ones((2, 2)), "[[1.0000, 1.0000], [1.0000, 1.0000]]"),
        ("text", "text"),
    ],
)
def test_format_value(value, text):
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.6, "1s"),
        (59.4, "59s"),
        (59.6, "1:00"),
        (125, "2:05"),
        (3600, "1:00:00"),
        (90061, "25:01:01"),
    ],
)
def test_format_seconds(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0µs/step"),
        (4.4e-6, "4µs/step"),
        (9.994e-4, "999µs/step"),
        (9.996e-4, "1ms/step"),
        (0.0125, "12ms/step"),
        (0.9994, "999ms/step"),
        (0.9996, "1.0s/step"),
        (12.34, "12.3s/step"),
    ],
)
def test_format_rate(seconds, text):
    assert format_rate(seconds, "step") == text


def test_plain_value_keeps_what_is_plain():
    assert plain_value("a") == "a" and plain_value(None) is None
    assert type(plain_value(np.int64(3))) is float and type(plain_value(True)) is float


# ---- Progbar


def progbar(terminal, monkeypatch, target, **kwargs):
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    return Progbar(target, interval=0, **kwargs)


def test_progbar_means(terminal, monkeypatch):
    bar = progbar(terminal, monkeypatch, 8)
    shown = []
    for step in (2, 4, 8):
        bar.update(step, [("a", float(step)), ("b", 10.0 * step)])
        shown.append(dict(bar.values))
    # Two steps at 2, two at 4; the last report is shown as it is.
    assert shown == [{"a": 2.0, "b": 20.0}, {"a": 3.0, "b": 30.0}, {"a": 8.0, "b": 80.0}]
    assert terminal.lines()[0].startswith("8/8 ━━━━━━━━━━━━━━━━━━━━ 0s")
    assert terminal.lines()[0].endswith("a: 8.0000 - b: 80.0000")


def test_progbar_stateful_and_stateless(terminal, monkeypatch):
    for kwargs, expected in (
        ({"stateful_metrics": ["a"]}, {"a": 4.0, "b": 30.0}),
        ({"stateless_metrics": ["a"]}, {"a": 3.0, "b": 40.0}),
    ):
        bar = progbar(terminal, monkeypatch, 8, **kwargs)
        bar.update(2, [("a", 2.0), ("b", 20.0)])
        bar.update(4, [("a", 4.0), ("b", 40.0)])
        assert bar.values == expected


def test_progbar_add_counts_steps(capsys):
    bar = Progbar(5, verbose=2, unit_name="file")
    bar.add(1, [("size", 1.0)])
    bar.add(3, [("size", 5.0)])
    assert bar.values == {"size": 4.0}
    assert capsys.readouterr().out == ""
    bar.add(1, [("size", 2.0)])
    assert re.fullmatch(r"5/5 - 0s - \d+[mµ]s/file - size: 2.0000\n", capsys.readouterr().out)
    bar.add(1)  # beyond the end nothing more is written
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_progbar_outside_a_terminal(capsys, verbose):
    bar = Progbar(3, verbose=verbose)
    for _ in range(3):
        bar.add(1, [("loss", 0.5)])
    text = capsys.readouterr().out
    assert text.count("\n") == (verbose > 0) and "\r" not in text


def test_progbar_without_a_target(terminal, monkeypatch):
    bar = progbar(terminal, monkeypatch, None)
    bar.update(3, [("loss", 0.5)])
    assert terminal.lines()[0].startswith("3/Unknown 0s")
    bar.update(5, finalize=True)
    assert terminal.lines()[0].startswith("5/5 ━━━━━━━━━━━━━━━━━━━━ 0s")
    assert terminal.lines()[0].endswith("loss: 0.5000")


def test_progbar_width_and_interval(terminal, monkeypatch):
    bar = progbar(terminal, monkeypatch, 4, width=4)
    bar.update(1)
    assert terminal.lines()[0].startswith("1/4 ━─── 0s")
    bar.interval = 60
    bar.update(2)
    bar.update(3)
    assert terminal.lines()[0].startswith("2/4 ━━── 0s")


def test_progbar_of_nothing(capsys):
    bar = Progbar(0)
    bar.update(0)
    assert capsys.readouterr().out == "0/0 - 0s\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"target": -1}, "Progbar: `target` must be an integer >= 0. Received: target=-1."),
        ({"target": 1.5}, "Progbar: `target` must be an integer >= 0. Received: target=1.5."),
        (
            {"target": 3, "width": -2},
            "Progbar: `width` must be an integer >= 0. Received: width=-2.",
        ),
        (
            {"target": 3, "interval": "a"},
            "Progbar: `interval` must be seconds >= 0. Received: interval='a'.",
        ),
        (
            {"target": 3, "verbose": 7},
            "Progbar: `verbose` must be 0, 1, 2 or 'auto'. Received: verbose=7.",
        ),
        (
            {"target": 3, "stateful_metrics": [], "stateless_metrics": []},
            "Progbar: takes `stateful_metrics` or `stateless_metrics`, not both.",
        ),
    ],
)
def test_progbar_errors(arguments, text):
    with pytest.raises(ValueError) as caught:
        Progbar(**arguments)
    assert str(caught.value).startswith(text)


def test_progbar_cannot_go_below_zero():
    with pytest.raises(ValueError, match=r"`current` must be >= 0. Received: current=-1."):
        Progbar(3, verbose=0).update(-1)


def test_screen_without_a_size(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    terminal = Terminal(columns=0)
    assert Screen(terminal.stream).columns() == 80
    terminal.stream.close()
