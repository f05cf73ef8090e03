"""What is measured: real data read with NumPy alone, so that every contender gets the same arrays, and models as plain lists."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_SEED = 113
_WORDS = 10_000


@dataclass(frozen=True)
class Workload:
    """A training task, or predictions with its model.

    Args:
        title: what the tables say.
        load: returns (x, y), float32, ready for the model.
        layers: (units, activation) of the Dense layers.
        loss, metric: names as in Keras.
        batch_size: int.
        steps_per_execution: values to try for the contender that picks its best one.
        units: (least, most) epochs, or calls, of one measurement: one call of `fit`, whose fixed cost is shared out among them.
            Between the two, as many as fill the time of a measurement.
        kind: "fit" or "predict".
    """

    title: str
    load: Callable[[], tuple[np.ndarray, np.ndarray]]
    layers: tuple[tuple[int, str | None], ...]
    loss: str
    metric: str
    batch_size: int
    steps_per_execution: tuple[int, ...]
    units: tuple[int, int]
    kind: str = "fit"


def dataset_folder() -> Path:
    """Return the folder of the data sets' .npz files: HORNPIPE_DATASETS, or hornpipe's cache."""
    return Path(os.environ["HORNPIPE_DATASETS"])


def read(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a data set."""
    with np.load(dataset_folder() / f"{name}.npz", allow_pickle=False) as file:
        return dict(file)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return float32 rows with a one at the label."""
    return np.eye(classes, dtype="float32")[labels]


def multi_hot(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return float32 rows (n, 10000) with a one at each word of a text: start mark 1, rare words 2, ranks from 4 on."""
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    words = values + 3
    hot = np.zeros((len(offsets) - 1, _WORDS), "float32")
    hot[:, 1] = 1
    hot[rows, np.where(words < _WORDS, words, 2)] = 1
    return hot


def split(x: np.ndarray, y: np.ndarray, share: float):
    """Return (x_train, y_train), (x_test, y_test): shuffled with a fixed seed, then cut."""
    order = np.arange(len(x))
    np.random.RandomState(_SEED).shuffle(order)
    x, y, cut = x[order], y[order], int(len(x) * share)
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def boston_splits():
    """Return Boston housing, 404 and 102 rows, standardised by the training part."""
    arrays = read("boston_housing")
    (x_train, y_train), (x_test, y_test) = split(arrays["x"], arrays["y"], 0.8)
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)
    train = (((x_train - mean) / std).astype("float32"), y_train.astype("float32"))
    return train, (((x_test - mean) / std).astype("float32"), y_test.astype("float32"))


def mnist_splits():
    """Return MNIST, flat rows in [0, 1] and one-hot labels."""
    arrays = read("mnist")

    def part(name):
        x = arrays[f"x_{name}"].reshape(-1, 784).astype("float32") / 255
        return x, one_hot(arrays[f"y_{name}"], 10)

    return part("train"), part("test")


def imdb_splits(parts=("train", "test")):
    """Return IMDB, shuffled multi-hot rows and labels 0 or 1."""
    arrays, random = read("imdb"), np.random.RandomState(_SEED)
    result = []
    for part in parts:
        labels = arrays[f"y_{part}"].astype("float32")
        order = random.permutation(len(labels))
        hot = multi_hot(arrays[f"x_{part}_values"], arrays[f"x_{part}_offsets"])
        result.append((hot[order], labels[order]))
    return tuple(result)


def reuters_splits():
    """Return Reuters, 8,982 and 2,246 multi-hot rows and one-hot labels of 46 topics."""
    arrays = read("reuters")
    return split(multi_hot(arrays["x_values"], arrays["x_offsets"]), one_hot(arrays["y"], 46), 0.8)


_MNIST = {
    "load": lambda: mnist_splits()[0],
    "layers": ((512, "relu"), (10, "softmax")),
    "loss": "categorical_crossentropy",
    "metric": "accuracy",
    "batch_size": 128,
}

WORKLOADS = {
    "boston": Workload(
        title="Boston housing: 13-64-1, 404 rows, batch size 1, one epoch",
        load=lambda: boston_splits()[0],
        layers=((64, "relu"), (1, None)),
        loss="mse",
        metric="mae",
        batch_size=1,
        steps_per_execution=(4, 20, 101),
        units=(1, 100),
    ),
    "mnist": Workload(
        title="MNIST: 784-512-10, 60,000 rows, batch size 128, one epoch",
        **_MNIST,
        steps_per_execution=(7, 67),
        units=(5, 5),
    ),
    "imdb": Workload(
        title="IMDB: 10000-16-16-1, 25,000 rows, batch size 512, one epoch",
        load=lambda: imdb_splits(("train",))[0],
        layers=((16, "relu"), (16, "relu"), (1, "sigmoid")),
        loss="binary_crossentropy",
        metric="accuracy",
        batch_size=512,
        steps_per_execution=(7, 49),
        units=(4, 4),
    ),
    "predict_row": Workload(
        title="MNIST model: predict one row",
        **_MNIST,
        steps_per_execution=(),
        units=(20, 5000),
        kind="predict",
    ),
}
