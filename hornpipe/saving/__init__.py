"""Saving and loading: whole models, weights, descriptions, and files of Keras 1 and 2.

Names are loaded on first use. What a file may do is decided in `validate.py` alone.
"""

from __future__ import annotations

import importlib

_HOMES = {
    "load_model": "saving.archive",
    "load_weights": "saving.archive",
    "model_from_json": "saving.archive",
    "save_model": "saving.archive",
    "save_weights": "saving.archive",
    "import_keras_h5": "saving.legacy_h5",
    "import_keras_h5_weights": "saving.legacy_h5",
    "CustomObjectScope": "saving.names",
    "custom_object_scope": "core.config",
    "deserialize_keras_object": "saving.names",
    "get_custom_objects": "saving.names",
    "get_registered_name": "saving.names",
    "get_registered_object": "saving.names",
    "register_keras_serializable": "core.config",
    "serialize_keras_object": "saving.names",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        from hornpipe.core.errors import near_miss

        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}.{near_miss(name, _HOMES)}"
        )
    value = getattr(importlib.import_module(f"hornpipe.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_HOMES})
