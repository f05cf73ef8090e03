"""Process-wide settings: float type, epsilon, image layout. Read once from the configuration file.

The file is `~/.hornpipe/config.json` (`HORNPIPE_HOME` names another folder) and holds any of `backend`, `floatx`, `epsilon`,
`image_data_format`, and the 2016 spelling `image_dim_ordering` ("tf" or "th").
"""

from __future__ import annotations

import json
import math
import os
from functools import cache
from pathlib import Path

from hornpipe.core.errors import message, near_miss

FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")
IMAGE_FORMATS = ("channels_last", "channels_first")
_FILE_KEYS = ("backend", "floatx", "epsilon", "image_data_format", "image_dim_ordering")
_values: dict = {}


def home() -> Path:
    """Return the folder of the configuration file and the caches."""
    return Path(os.environ.get("HORNPIPE_HOME", Path.home() / ".hornpipe"))


@cache
def read_file() -> dict:
    """Return the configuration file's entries, or an empty dict where there is no file.

    Raises:
        ValueError: the file is not a JSON object or holds an unknown key.
    """
    path = home() / "config.json"
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            message(str(path), "must be JSON", str(error), "Mend or delete it.")
        ) from None
    if not isinstance(entries, dict):
        raise ValueError(
            message(str(path), "must be a JSON object", repr(entries), 'Write {"backend": "jax"}.')
        )
    for key in entries:
        if key not in _FILE_KEYS:
            known = ", ".join(_FILE_KEYS)
            raise ValueError(
                message(
                    str(path), f"keys are {known}", f"{key!r}", near_miss(key, _FILE_KEYS).strip()
                )
            )
    return entries


def _from_file(key, default):
    entries = read_file()
    if key == "image_data_format" and key not in entries and "image_dim_ordering" in entries:
        ordering = {"tf": "channels_last", "th": "channels_first"}
        return ordering.get(entries["image_dim_ordering"], entries["image_dim_ordering"])
    return entries.get(key, default)


def floatx() -> str:
    """Return the default float type: "float32" unless it was changed.

    Example:
        >>> import hornpipe as keras
        >>> keras.config.floatx()
        'float32'
    """
    if "floatx" not in _values:
        set_floatx(_from_file("floatx", "float32"))
    return _values["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float type.

    Args:
        value: "float32", "float16", "bfloat16" or "float64".

    Raises:
        ValueError: another value.
    """
    if value not in FLOAT_TYPES:
        raise ValueError(
            message("set_floatx", f"`value` must be one of {FLOAT_TYPES}", f"value={value!r}")
        )
    _values["floatx"] = value


def epsilon() -> float:
    """Return the small number that keeps divisions and logarithms finite: 1e-7 unless it was changed."""
    if "epsilon" not in _values:
        set_epsilon(_from_file("epsilon", 1e-7))
    return _values["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the small number that keeps divisions and logarithms finite.

    Raises:
        ValueError: `value` is not a positive finite number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(
            message("set_epsilon", "`value` must be a positive number", f"value={value!r}")
        )
    _values["epsilon"] = float(value)


def image_data_format() -> str:
    """Return the default image layout: "channels_last" unless it was changed."""
    if "image_data_format" not in _values:
        set_image_data_format(_from_file("image_data_format", "channels_last"))
    return _values["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the default image layout.

    Args:
        data_format: "channels_last" `(batch, height, width, channels)` or "channels_first".

    Raises:
        ValueError: another value.
    """
    _values["image_data_format"] = standardize_data_format(data_format, "set_image_data_format")


def standardize_data_format(data_format: str | None, who: str = "data_format") -> str:
    """Return `data_format`, or the default where it is None.

    Raises:
        ValueError: it is neither "channels_last" nor "channels_first".
    """
    if data_format is None:
        return image_data_format()
    if data_format not in IMAGE_FORMATS:
        raise ValueError(
            message(
                who, f"`data_format` must be one of {IMAGE_FORMATS}", f"data_format={data_format!r}"
            )
        )
    return data_format
