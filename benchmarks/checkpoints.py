"""What checkpoints cost: the share of a run that saving takes at the default interval, and what a pause between chunks costs.

    python -m benchmarks.checkpoints [SECONDS]

The share is the time spent inside saving, the last checkpoint included, over the time of `fit`; it does not depend on how busy the
machine is, as two runs side by side would.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import hornpipe as keras
from hornpipe.callbacks.base import CallbackList
from hornpipe.training import checkpoint
from hornpipe.training.pauses import Pauses

MODELS = {"small (784-64-10)": 64, "MNIST (784-512-10)": 512, "wide (784-4096-10)": 4096}


def make_model(units):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(units, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def measure(units, seconds):
    """Train for some seconds with checkpoints; returns (share, saves, milliseconds for each, megabytes)."""
    generator = np.random.default_rng(0)
    x = generator.random((20000, 784), "float32")
    y = generator.integers(0, 10, 20000)
    spent: list[float] = []

    def timed(function):
        def call(self, *args):
            began = time.perf_counter()
            result = function(self, *args)
            spent.append(time.perf_counter() - began)
            return result

        return call

    cls = checkpoint.Checkpoints
    originals = cls._save, cls.finish
    cls._save, cls.finish = timed(cls._save), timed(cls.finish)
    try:
        model = make_model(units)
        model.fit(x, y, batch_size=128, verbose=0)  # compiles
        limit = keras.callbacks.TimeLimit(seconds)
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            model.fit(
                x, y, batch_size=128, epochs=10**6, verbose=0, callbacks=[limit], checkpoint=folder
            )
            whole = time.perf_counter() - began
            size = max(path.stat().st_size for path in Path(folder).glob("*.safetensors"))
    finally:
        cls._save, cls.finish = originals
    return sum(spent) / whole, len(spent), 1e3 * sum(spent) / len(spent), size / 1e6


def pause_cost():
    """Return microseconds of a pause where nothing is saved: (without checkpoints, with them)."""
    x, y = np.ones((32, 784), "float32"), np.zeros(32, "int32")
    model = make_model(64)
    model.fit(x, y, verbose=0)
    plain = Pauses(CallbackList(), 0, 1)
    found = []

    def time_of(pauses, count=20000):
        began = time.perf_counter()
        for step in range(count):
            pauses.most(step)
            pauses.after(step)
        return 1e6 * (time.perf_counter() - began) / count

    found.append(time_of(plain))
    with tempfile.TemporaryDirectory() as folder:
        saving = checkpoint.Checkpoints(
            CallbackList(),
            0,
            1,
            checkpoint=folder,
            resume=False,
            model=model,
            source=type("Source", (), {"batch_size": 1, "rows": 1, "steps": 1, "shuffle": True}),
            validation=None,
            validates=bool,
        )
        saving._arm(0.0)
        found.append(time_of(saving))
    return found


def main(seconds):
    print("pause without, with checkpoints: {:.2f}, {:.2f} microseconds".format(*pause_cost()))
    for name, units in MODELS.items():
        share, saves, milliseconds, size = measure(units, seconds)
        print(
            f"{name}: {size:.1f} MB, {saves} checkpoints in {seconds:g} s, "
            f"{milliseconds:.0f} ms each, {100 * share:.2f} % of the time"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
