"""Settings of the process: engine, float type, epsilon, image layout, dtype policy.

>>> import hornpipe as keras
>>> keras.config.image_data_format()
'channels_last'
"""

from __future__ import annotations

from hornpipe.core.dtypes import dtype_policy, set_dtype_policy
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
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]


def backend() -> str:
    """Return the engine's name: "jax" unless another was chosen.

    Example:
        >>> import hornpipe as keras
        >>> keras.config.backend() in ("jax", "torch")
        True
    """
    return select.chosen().name
