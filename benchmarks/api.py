"""The Keras interface: the same lines run hornpipe and Keras, on whatever engine the environment names."""

from __future__ import annotations

import importlib
import time

from benchmarks.contenders import Contender
from benchmarks.workloads import Workload


def make(workload: Workload, contender: Contender):
    """Return (run, note): `run(units)` does that many epochs or calls and returns the logs."""
    keras = importlib.import_module(contender.library)
    x, y = workload.load()
    if workload.kind == "predict":
        model = build(keras, workload, x)
        return _predictions(model, x[:1]), ""
    if contender.tune:
        return _tuned(keras, workload, x, y)
    return _epochs(build(keras, workload, x), workload, x, y), ""


def build(keras, workload: Workload, x, **options):
    """Return the compiled model of a workload for rows like those of x."""
    if callable(workload.layers):
        layers = workload.layers(keras.layers)
    else:
        layers = [keras.layers.Dense(*layer) for layer in workload.layers]
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=str(x.dtype)), *layers])
    model.compile(optimizer="rmsprop", loss=workload.loss, metrics=[workload.metric], **options)
    return model


def _epochs(model, workload, x, y):
    def run(units):
        history = model.fit(
            x, y, epochs=units, batch_size=workload.batch_size, shuffle=True, verbose=0
        ).history
        return {name: float(values[-1]) for name, values in history.items()}

    return run


def _predictions(model, row):
    def run(units):
        for _ in range(units):
            outputs = model.predict(row, verbose=0)
        return {"sum": float(outputs.sum())}

    return run


def _tuned(keras, workload, x, y):
    """Return `run` of the fastest of the values to try."""
    tried = {}
    for steps in workload.steps_per_execution:
        run = _epochs(build(keras, workload, x, steps_per_execution=steps), workload, x, y)
        run(1)
        began = time.perf_counter()
        run(2)
        tried[steps] = (time.perf_counter() - began, run)
    best = min(tried, key=lambda steps: tried[steps][0])
    return tried[best][1], f"steps_per_execution={best} of {', '.join(map(str, tried))}"
