"""Helpers around training: labels, sequences, files, seeds, data sets.

Each name loads its own file on first use.

>>> import hornpipe as keras
>>> keras.utils.pad_sequences([[1], [2, 3]]).shape
(2, 2)
"""

from __future__ import annotations

import importlib

import hornpipe

_HOMES = {
    "get_file": "files",
    "model_to_dot": "model_picture",
    "model_to_text": "model_text",
    "normalize": "numerical",
    "pack_x_y_sample_weight": "unpacking",
    "pad_sequences": "sequences",
    "Progbar": "progress",
    "plot_model": "model_picture",
    "PyDataset": "py_dataset",
    "Sequence": "py_dataset",
    "set_random_seed": "seeding",
    "split_dataset": "split",
    "to_categorical": "numerical",
    "unpack_x_y_sample_weight": "unpacking",
}

# Names of Keras that stand in other modules as well.
_ELSEWHERE = {
    "CustomObjectScope": "saving",
    "custom_object_scope": "saving",
    "deserialize_keras_object": "saving",
    "get_custom_objects": "saving",
    "get_registered_name": "saving",
    "get_registered_object": "saving",
    "register_keras_serializable": "saving",
    "serialize_keras_object": "saving",
}

__path__.append(hornpipe.__path__[-1])
__all__ = sorted([*_HOMES, *_ELSEWHERE])


def __getattr__(name: str):
    if name in _ELSEWHERE:
        value = getattr(importlib.import_module(f"hornpipe.{_ELSEWHERE[name]}"), name)
        globals()[name] = value
        return value
    if name not in _HOMES:
        from hornpipe.core.dialect import find_name

        return find_name(__name__, name, _HOMES)
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
