"""A contender's process, and the driver's handle on it.

The driver starts `python -m benchmarks.worker CONTENDER WORKLOAD SECONDS`. The worker loads the data, builds, compiles, finds
out how many epochs or calls fill SECONDS, and says so. From then on each line on its standard input asks for one measurement.
Answers are JSON lines on what was its standard output; whatever the libraries print goes to standard error.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from benchmarks.contenders import CONTENDERS, ROOT, Contender, environment
from benchmarks.workloads import WORKLOADS

_PACKAGES = ("hornpipe", "keras", "jax", "jaxlib", "tensorflow-cpu", "torch", "numpy")


class WorkerError(RuntimeError):
    """A contender's process failed; the text is what it left on standard error."""


class Worker:
    """The driver's handle on a contender's process. A context manager: leaving it ends the process.

    Args:
        name: name of the contender.
        workload: name of the workload.
        seconds: what a measurement should take.
    """

    def __init__(self, name: str, workload: str, seconds: float):
        contender = CONTENDERS[name]
        self.name = name
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115, closed by __exit__
        self._process = subprocess.Popen(
            [contender.python, "-m", "benchmarks.worker", name, workload, str(seconds)],
            cwd=ROOT,
            env=environment(contender),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def answer(self) -> dict:
        """Wait for the next answer and return it.

        Raises:
            WorkerError: the process ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        raise WorkerError(
            f"{self.name} ended with code {code}: {self._errors.read()[-2000:].strip()}"
        )

    def measure(self) -> dict:
        """Return one measurement: seconds per unit, and the logs."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self.answer()


def versions() -> dict[str, str]:
    """Return the versions of the packages that matter, as far as they are installed."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _memory(field: str) -> float:
    """Return a field of this process's status in megabytes: "VmRSS", or "VmHWM", the most since `_forget_peak`. 0 off Linux."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _timed(run, units: int):
    gc.collect()
    began = time.perf_counter()
    logs = run(units)
    return (time.perf_counter() - began) / units, logs


def serve(contender: Contender, workload_name: str, seconds: float, answers) -> None:
    """Make ready, then measure once per line of standard input."""
    workload = WORKLOADS[workload_name]
    least, most = workload.units

    def reply(**values):
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    run, note = importlib.import_module(f"benchmarks.{contender.family}").make(workload, contender)
    before = _memory("VmRSS")
    first_seconds, first = _timed(run, 1)
    if not all(math.isfinite(value) for value in first.values()):
        raise FloatingPointError(f"the first epoch gave {first}")
    units = least
    _forget_peak()
    per_unit, _ = _timed(run, units)
    megabytes = _memory("VmHWM") - before
    if most > least:
        for _ in range(2):  # the second time with what the first one learned
            units = max(least, min(most, round(seconds / per_unit)))
            per_unit, _ = _timed(run, units)
    note = "; ".join(filter(None, [note, f"+{megabytes:.0f} MB"]))
    reply(
        units=units,
        megabytes=megabytes,
        note=note,
        first_seconds=first_seconds,
        first=first,
        versions=versions(),
    )
    for _ in sys.stdin:
        per_unit, logs = _timed(run, units)
        reply(seconds=per_unit, logs=logs)


def main() -> int:
    """Run a contender's process until its standard input ends."""
    name, workload, seconds = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        serve(CONTENDERS[name], workload, float(seconds), answers)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
