"""Helpers around training: labels, sequences, files, seeds, data sets.

Each name loads its own file on first use.

>>> import hornpipe as keras
>>> keras.utils.pad_sequences([[1], [2, 3]]).shape
(2, 2)
"""

from __future__ import annotations

import importlib

_HOMES = {
    "get_file": "files",
    "normalize": "numerical",
    "pack_x_y_sample_weight": "unpacking",
    "pad_sequences": "sequences",
    "Progbar": "progress",
    "PyDataset": "py_dataset",
    "Sequence": "py_dataset",
    "set_random_seed": "seeding",
    "split_dataset": "split",
    "to_categorical": "numerical",
    "unpack_x_y_sample_weight": "unpacking",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        from hornpipe.core.errors import near_miss

        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}.{near_miss(name, _HOMES)}"
        )
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_HOMES})
