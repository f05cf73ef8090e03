"""hornpipe: a deep-learning library in the manner of Keras.

>>> import numpy as np
>>> import hornpipe as keras
>>> model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
>>> model.compile(optimizer="rmsprop", loss="mse")
>>> history = model.fit(np.ones((32, 4)), np.ones((32, 1)), epochs=2, verbose=0)
>>> len(history.history["loss"])
2

Names are loaded on first use: importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
import sys

__version__ = "0.1.0"

_MODULES = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
)
_NAMES = {
    "Model": "models",
    "Sequential": "models",
    "Input": "layers",
    "InputSpec": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Optimizer": "optimizers",
    "Initializer": "initializers",
    "Regularizer": "regularizers",
    "Variable": "core.variable",
    "KerasTensor": "core.graph",
    "DTypePolicy": "core.dtypes",
    "value_and_grad": "training.step",
    "State": "training.step",
    "install_as": "compat.modules",
}


class _OldPaths:
    """Finds modules of 2016, such as `hornpipe.layers.core`, in the table of compat, after all else."""

    @staticmethod
    def find_spec(name, target=None):
        from hornpipe.compat.modules import find_old_path

        return find_old_path(name)


# The table stands at the end of the package's path like one more folder; packages inside add it to theirs.
__path__.append(f"{__path__[0]}/compat/keras1.py")
sys.path_importer_cache[__path__[-1]] = _OldPaths()  # type: ignore[assignment]

__all__ = ["__version__", *_MODULES, *_NAMES]


def __getattr__(name):
    if name in _NAMES:
        value = getattr(importlib.import_module(f"hornpipe.{_NAMES[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"hornpipe.{name}")
    else:
        from hornpipe.core.dialect import find_name

        value = find_name(__name__, name, __all__)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
