"""The few pickled public files, read without giving pickle any power.

Two guards stand one behind the other: a file gets here only after its SHA-256 sum matched, and the
reader then builds NumPy arrays, dicts, lists, strings and numbers and refuses every other name.
`allow_pickle=True` is used nowhere.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from hornpipe.core.errors import FileFormatError, message

# What an array is pickled as: a function whose home in NumPy moved, the class, and the dtype.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str):
        try:
            return _ALLOWED[module_name.replace("numpy._core", "numpy.core"), global_name]
        except KeyError:
            received = f"{module_name}.{global_name}"
            raise FileFormatError(
                message("unpickle", "files may name NumPy arrays only", received)
            ) from None


def unpickle_arrays(file: IO[bytes]) -> Any:
    """Return the object pickled in `file`: arrays, dicts, lists, strings, numbers.

    Texts that Python 2 pickled come back as bytes.

    Raises:
        FileFormatError: the pickle is damaged or names anything else.
    """
    try:
        return _ArrayUnpickler(file, encoding="bytes").load()
    except FileFormatError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise FileFormatError(
            message("unpickle", "the pickle must be sound", f"{error!r}")
        ) from error


def read_object_npz(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the named arrays of an `.npz` file, arrays of Python lists included.

    Raises:
        FileFormatError: an array is missing or damaged, or its pickle names anything but NumPy
            arrays.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                with archive.open(f"{name}.npy") as file:
                    arrays[name] = _read_array(file)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        if isinstance(error, FileFormatError):
            raise
        rule = f"{path.name} must be an .npz file with the arrays {', '.join(names)}"
        raise FileFormatError(message("unpickle", rule, f"{error}")) from error
    return arrays


def _read_array(file: IO[bytes]) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(file)
    if len(shape) != 1:
        raise ValueError(f"shape {shape} instead of one axis")
    array = unpickle_arrays(file) if dtype.hasobject else np.frombuffer(file.read(), dtype)
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError(f"an array of shape {shape} was announced")
    return array
