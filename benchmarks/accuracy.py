"""What the trained models reach: `python -m benchmarks.accuracy hornpipe` (or `keras`) prints one JSON object."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import numpy as np

from benchmarks import api, workloads
from benchmarks.contenders import CONTENDERS, ROOT, environment
from benchmarks.workloads import WORKLOADS, Workload

_REUTERS = Workload(
    title="Reuters: 10000-64-64-46",
    load=lambda: workloads.reuters_splits()[0],
    layers=((64, "relu"), (64, "relu"), (46, "softmax")),
    loss="categorical_crossentropy",
    metric="accuracy",
    batch_size=512,
    steps_per_execution=(),
    units=(1, 1),
)
_BOSTON = Workload(
    **{**vars(WORKLOADS["boston"]), "layers": ((64, "relu"), (64, "relu"), (1, None))}
)
_FOLDS, _BOSTON_EPOCHS = 4, 100


def trained(keras, workload: Workload, train, test, epochs: int) -> float:
    """Return the metric on `test` after training on `train`."""
    model = api.build(keras, workload, train[0])
    model.fit(*train, epochs=epochs, batch_size=workload.batch_size, verbose=0)
    return float(model.evaluate(*test, batch_size=512, verbose=0)[1])


def boston(keras) -> float:
    """Return the mean validation error over four folds, each standardised by its training part."""
    arrays = workloads.read("boston_housing")
    (x, y), _ = workloads.split(arrays["x"], arrays["y"], 0.8)
    errors = []
    for rows in np.array_split(np.arange(len(x)), _FOLDS):
        held = np.zeros(len(x), bool)
        held[rows] = True
        mean, std = x[~held].mean(axis=0), x[~held].std(axis=0)
        scaled = ((x - mean) / std).astype("float32")
        target = y.astype("float32")
        errors.append(
            trained(
                keras,
                _BOSTON,
                (scaled[~held], target[~held]),
                (scaled[held], target[held]),
                _BOSTON_EPOCHS,
            )
        )
    return float(np.mean(errors))


def measure(name: str) -> dict[str, float]:
    """Return what a contender reaches, from a process of its own."""
    contender = CONTENDERS[name]
    text = subprocess.run(
        [contender.python, "-m", "benchmarks.accuracy", contender.library],
        cwd=ROOT,
        env=environment(contender),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return json.loads(text.splitlines()[-1])


def main(library: str) -> None:
    """Train the four models and print what they reach."""
    keras = importlib.import_module(library)
    keras.utils.set_random_seed(1)
    result = {
        "mnist": trained(keras, WORKLOADS["mnist"], *workloads.mnist_splits(), epochs=5),
        "imdb": trained(keras, WORKLOADS["imdb"], *workloads.imdb_splits(), epochs=4),
        "reuters": trained(keras, _REUTERS, *workloads.reuters_splits(), epochs=9),
        "boston": boston(keras),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
