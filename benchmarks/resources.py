"""Imports, compile time and memory: each figure from fresh processes, each task one function printing one JSON object."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.contenders import CONTENDERS, ROOT, environment

_IMPORT_ROUNDS = 7
_CALLS, _CYCLES = 10_000, 200
# What a first model needs: importing the package alone would load next to nothing, since names are loaded on first use.
_FIRST_MODEL = (
    "import hornpipe as keras\n"
    "keras.Sequential, keras.Input, keras.layers.Dense, keras.optimizers.RMSprop, keras.losses.MeanSquaredError\n"
    "keras.metrics.MeanAbsoluteError, keras.callbacks.EarlyStopping, keras.Sequential.fit"
)
_IMPORTS = {
    "jax": "import jax, jax.numpy",
    "package": "import jax, jax.numpy, hornpipe",
    "first_model": f"import jax, jax.numpy\n{_FIRST_MODEL}",
}
_TIMER = (
    "import sys, time\nbegan = time.perf_counter()\n{code}\n"
    "print(time.perf_counter() - began, sum(name.split('.')[0] == 'hornpipe' for name in sys.modules))"
)


def _resident() -> float:
    """Return this process's resident memory in MB."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc/self/status: memory is measured on Linux only")


def _model():
    import numpy as np

    import hornpipe as keras
    from benchmarks import api
    from benchmarks.workloads import WORKLOADS

    return api.build(keras, WORKLOADS["boston"], np.zeros((1, 13), "float32"))


def compile_time(steps: int) -> dict:
    """Return seconds that the first epoch of `steps` steps took beyond the fastest of three later ones."""
    import numpy as np

    rows = np.random.default_rng(0).normal(size=(steps, 13)).astype("float32")
    targets, seconds = rows.sum(axis=1), []
    model = _model()
    for _ in range(4):
        began = time.perf_counter()
        model.fit(rows, targets, batch_size=1, verbose=0)
        seconds.append(time.perf_counter() - began)
    return {"first_epoch": seconds[0], "compile": seconds[0] - min(seconds[1:])}


def predict_growth() -> dict:
    """Return how many MB ten thousand calls of `predict` add after two hundred."""
    import numpy as np

    model, row = _model(), np.zeros((1, 13), "float32")

    def call(times):
        for _ in range(times):
            model.predict(row, verbose=0)

    call(200)
    before = _resident()
    call(_CALLS)
    return {"calls": _CALLS, "growth_mb": _resident() - before}


def cycle_growth() -> dict:
    """Return how many MB two hundred cycles of building, fitting and deleting a model add after twenty."""
    import numpy as np

    rows = np.zeros((8, 13), "float32")

    def cycle(times):
        for _ in range(times):
            _model().fit(rows, rows[:, 0] + 1, batch_size=4, verbose=0)

    cycle(20)
    before, began = _resident(), time.perf_counter()
    cycle(_CYCLES)
    return {
        "cycles": _CYCLES,
        "growth_mb": _resident() - before,
        "seconds_per_cycle": (time.perf_counter() - began) / _CYCLES,
    }


def _run(arguments: list[str], engine: str, **variables: str) -> str:
    contender = CONTENDERS[f"hornpipe-{engine}"]
    environ = environment(contender) | variables
    return subprocess.run(
        [contender.python, *arguments],
        cwd=ROOT,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def _imports() -> dict:
    seconds: dict[str, list[float]] = {name: [] for name in _IMPORTS}
    modules = {}
    for _ in range(_IMPORT_ROUNDS):
        for name, code in _IMPORTS.items():
            time_taken, count = _run(["-c", _TIMER.format(code=code)], "jax").split()
            seconds[name].append(float(time_taken))
            modules[name] = int(count)

    def over_jax(name):
        return statistics.median(a - b for a, b in zip(seconds[name], seconds["jax"], strict=True))

    return {
        "jax_seconds": statistics.median(seconds["jax"]),
        "package_seconds": over_jax("package"),
        "package_modules": modules["package"],
        "seconds": over_jax("first_model"),
        "modules": modules["first_model"],
    }


def measure(quick: bool) -> dict:
    """Return all figures; quick: without the slow memory tasks."""

    def task(*arguments, engine="jax", **variables):
        text = _run(["-m", "benchmarks.resources", *arguments], engine, **variables)
        return json.loads(text.splitlines()[-1])

    def compiling(steps):
        return task("compile", str(steps), HORNPIPE_COMPILATION_CACHE="0")

    found = {"import": _imports(), "compile_10": compiling(10), "compile_10000": compiling(10_000)}
    if not quick:
        for engine in ("jax", "torch"):
            found[f"predict_{engine}"] = task("predict", engine=engine)
            found[f"cycles_{engine}"] = task("cycles", engine=engine)
    return found


def main(task: str, *arguments: str) -> None:
    """Run one task and print its figures."""
    tasks = {
        "compile": lambda steps: compile_time(int(steps)),
        "predict": predict_growth,
        "cycles": cycle_growth,
    }
    print(json.dumps(tasks[task](*arguments)))


if __name__ == "__main__":
    main(*sys.argv[1:])
