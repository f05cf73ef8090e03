"""What callbacks cost: one `fit` with different callbacks, in turn, in one process.

`python -m benchmarks.callbacks [--rounds N]` prints a table: microseconds for each step, the median and the range over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

import numpy as np

import hornpipe as keras

_ROWS, _STEPS, _EPOCHS = (
    4000,
    4000,
    3,
)  # batch size 1: the smallest step, on which a callback weighs most


class _Step(keras.callbacks.Callback):
    """Reads the logs of every step."""

    total = 0.0

    def on_train_batch_end(self, batch, logs=None):
        """Add up the loss."""
        self.total += logs["loss"]


class _Look(_Step):
    """Reads them too, and says that it changes nothing."""

    observes_only = True


def _cases(folder):
    """Return what to measure: title -> function that makes the callbacks."""
    found = keras.callbacks
    return {
        "none": list,
        "epoch only (LambdaCallback)": lambda: [
            found.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
        ],
        "CSVLogger": lambda: [found.CSVLogger(f"{folder}/log.csv")],
        "ModelCheckpoint, every epoch": lambda: [found.ModelCheckpoint(f"{folder}/m.keras")],
        "TensorBoard, every epoch": lambda: [found.TensorBoard(f"{folder}/a")],
        "TensorBoard, every 100 steps": lambda: [found.TensorBoard(f"{folder}/b", update_freq=100)],
        "TerminateOnNaN": lambda: [found.TerminateOnNaN()],
        "reads every step, observes_only": lambda: [_Look()],
        "reads every step": lambda: [_Step()],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    random = np.random.default_rng(0)
    x = random.normal(size=(_ROWS, 13)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    model = keras.Sequential(
        [keras.Input((13,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(1)]
    )
    model.compile("rmsprop", "mse")
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(folder)
        for number in range(-1, rounds):  # the first round compiles and does not count
            for title, make in cases.items():
                began = time.perf_counter()
                model.fit(x, y, batch_size=1, epochs=_EPOCHS, callbacks=make(), verbose=0)
                if number >= 0:
                    seconds.setdefault(title, []).append(time.perf_counter() - began)
    base = statistics.median(seconds["none"])
    print(f"| {'callbacks':<34} | us a step | range         | times |")
    print(f"| {'-' * 34} | --------- | ------------- | ----- |")
    for title, values in seconds.items():
        low, middle, high = (
            each / (_STEPS * _EPOCHS) * 1e6
            for each in (min(values), statistics.median(values), max(values))
        )
        times = statistics.median(values) / base
        print(f"| {title:<34} | {middle:9.1f} | {low:5.1f} - {high:5.1f} | {times:5.2f} |")


if __name__ == "__main__":
    main()
