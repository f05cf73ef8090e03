"""The engine in force and the process-wide settings, as `keras.backend`.

>>> from hornpipe import backend as K
>>> K.floatx()
'float32'
"""

from __future__ import annotations

import importlib.metadata

from hornpipe.core import naming, random
from hornpipe.core.dialect import module_getattr
from hornpipe.core.dtypes import is_float, is_integer, result_type, standardize_dtype
from hornpipe.core.op import Symbolic
from hornpipe.core.settings import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from hornpipe.engine import select

__all__ = [
    "backend",
    "clear_session",
    "describe",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def backend() -> str:
    """Return the engine's name.

    Example:
        >>> from hornpipe import backend as K
        >>> K.backend() in ("jax", "torch")
        True
    """
    return select.chosen().name


def describe() -> dict:
    """Return which engine runs, its library's version, its devices and the settings, for reports and logs.

    Example:
        >>> from hornpipe import backend as K
        >>> sorted(K.describe())
        ['devices', 'engine', 'epsilon', 'float64', 'floatx', 'image_data_format', 'version']
    """
    engine = select.chosen()
    try:
        version = importlib.metadata.version(engine.name)
    except importlib.metadata.PackageNotFoundError:  # an engine without a library of its own
        version = None
    return {
        "engine": engine.name,
        "version": version,
        "devices": engine.devices(),
        "float64": engine.supports_float64(),
        "floatx": floatx(),
        "epsilon": epsilon(),
        "image_data_format": image_data_format(),
    }


def clear_session(free_memory: bool = True) -> None:
    """Start automatic names and the global random generator again.

    Args:
        free_memory: kept for Keras's signature; tensors are freed when nothing refers to them.

    Example:
        >>> import hornpipe as keras
        >>> keras.backend.clear_session()
        >>> keras.KerasTensor((2,)).name
        'keras_tensor'
    """
    naming.reset_names()
    random.reset_global_generator()


def get_uid(prefix: str = "") -> int:
    """Return 1, then 2, ... for a prefix; automatic names count with it.

    Example:
        >>> from hornpipe import backend as K
        >>> K.get_uid("my_thing"), K.get_uid("my_thing")
        (1, 2)
    """
    return naming.next_number(prefix) + 1


def is_keras_tensor(x) -> bool:
    """Return whether `x` is a symbolic tensor.

    Example:
        >>> import hornpipe as keras
        >>> keras.backend.is_keras_tensor(keras.KerasTensor((2,)))
        True
    """
    return isinstance(x, Symbolic)


def is_float_dtype(dtype) -> bool:
    """Return whether a dtype is a floating one.

    Example:
        >>> from hornpipe import backend as K
        >>> K.is_float_dtype("bfloat16")
        True
    """
    return is_float(standardize_dtype(dtype))


def is_int_dtype(dtype) -> bool:
    """Return whether a dtype is an integer one.

    Example:
        >>> from hornpipe import backend as K
        >>> K.is_int_dtype("uint8")
        True
    """
    return is_integer(standardize_dtype(dtype))


__getattr__ = module_getattr(__name__, __all__)
