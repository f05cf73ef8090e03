"""What is measured: real data read with NumPy alone, so that every contender gets the same arrays, and models as plain lists."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_SEED = 113
_WORDS = 10_000


@dataclass(frozen=True)
class Workload:
    """A training task, or predictions with its model.

    Args:
        title: what the tables say.
        load: returns (x, y), ready for the model.
        layers: (units, activation) of the Dense layers; or a function of `keras.layers` that returns a list of layers.
        loss, metric: names as in Keras.
        batch_size: int.
        steps_per_execution: values to try for the contender that picks its best one.
        units: (least, most) epochs, or calls, of one measurement: one call of `fit`, whose fixed cost is shared out among them.
            Between the two, as many as fill the time of a measurement.
        kind: "fit" or "predict".
    """

    title: str
    load: Callable[[], tuple[np.ndarray, np.ndarray]]
    layers: tuple[tuple[int, str | None], ...] | Callable[[Any], list]
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


def mnist_images(rows: int):
    """Return the first images of MNIST, (rows, 28, 28, 1) in [0, 1], and labels."""
    arrays = read("mnist")
    images = arrays["x_train"][:rows, :, :, None].astype("float32") / 255
    return images, arrays["y_train"][:rows].astype("int32")


def imdb_sequences(rows: int, steps: int):
    """Return texts of IMDB as rows of word numbers, cut or padded in front to `steps`, and labels 0 or 1."""
    arrays, chosen = read("imdb"), np.random.RandomState(_SEED).permutation(25_000)[:rows]
    values, offsets = arrays["x_train_values"] + 3, arrays["x_train_offsets"]
    texts = np.zeros((rows, steps), "int32")
    for row, text in enumerate(chosen):
        words = np.append(1, values[offsets[text] : offsets[text + 1]])[-steps:]
        texts[row, steps - len(words) :] = np.where(words < _WORDS, words, 2)
    return texts, arrays["y_train"][chosen].astype("float32")


def _convnet(layers):
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]


def _texts(recurrent):
    def build(layers):
        return [
            layers.Embedding(_WORDS, 32),
            getattr(layers, recurrent)(32),
            layers.Dense(1, activation="sigmoid"),
        ]

    return build


def _separable(layers):
    def block(filters, strides):
        return [
            layers.SeparableConv2D(filters, 3, strides, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]

    return [
        layers.Conv2D(32, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        *block(64, 1),
        *block(64, 2),
        *block(128, 1),
        *block(128, 2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ]


_IMAGES = {
    "loss": "sparse_categorical_crossentropy",
    "metric": "accuracy",
    "batch_size": 128,
    "steps_per_execution": (),
    "units": (1, 1),
}
_TEXTS = _IMAGES | {
    "load": lambda: imdb_sequences(5120, 200),
    "loss": "binary_crossentropy",
}

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
    "cnn": Workload(
        title="MNIST: two convolutions, pooling, dropout, 128, 10; 5,120 rows, batch size 128, one epoch",
        load=lambda: mnist_images(5120),
        layers=_convnet,
        **_IMAGES,
    ),
    "separable": Workload(
        title="MNIST: four separable convolutions with batch normalisation, 2,560 rows, batch size 128, one epoch",
        load=lambda: mnist_images(2560),
        layers=_separable,
        **_IMAGES,
    ),
    "lstm": Workload(
        title="IMDB: Embedding(10000, 32), LSTM(32), 200 words, 5,120 rows, batch size 128, one epoch",
        layers=_texts("LSTM"),
        **_TEXTS,
    ),
    "gru": Workload(
        title="IMDB: Embedding(10000, 32), GRU(32), 200 words, 5,120 rows, batch size 128, one epoch",
        layers=_texts("GRU"),
        **_TEXTS,
    ),
    "predict_row": Workload(
        title="MNIST model: predict one row",
        **_MNIST,
        steps_per_execution=(),
        units=(20, 5000),
        kind="predict",
    ),
}
