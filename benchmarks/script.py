"""A whole Boston script: `python -m benchmarks.script hornpipe` (or `keras`), timed from outside, from process start to result."""

from __future__ import annotations

import importlib
import sys

from benchmarks import api, workloads

EPOCHS = 5


def main(library: str) -> None:
    """Import, load, train for five epochs with batch size 1, evaluate, print."""
    keras = importlib.import_module(library)
    (x_train, y_train), (x_test, y_test) = workloads.boston_splits()
    model = api.build(keras, workloads.WORKLOADS["boston"], x_train)
    model.fit(x_train, y_train, epochs=EPOCHS, batch_size=1, verbose=0)
    loss, mae = model.evaluate(x_test, y_test, verbose=0)
    print(f"mse {loss:.2f}, mae {mae:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
