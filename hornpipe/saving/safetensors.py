"""Reading and writing `.safetensors` files: a JSON header, then the tensors' bytes without gaps.

References:
    Hugging Face, safetensors format description: 8 bytes of header length, little endian; a JSON object name -> {dtype, shape,
    data_offsets}; the offsets cover the rest of the file without holes or overlaps.
"""

from __future__ import annotations

import json
import math
import struct

import ml_dtypes
import numpy as np

from hornpipe.saving.hdf5 import Source
from hornpipe.saving.validate import MAX_JSON_BYTES, parse_json, refuse

_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_MAX_NAME = 4096


class Tensor:
    """One tensor of a file: shape and dtype are known, the values are read by `read`."""

    def __init__(self, source, path, shape, dtype, offset):
        self._source, self._offset = source, offset
        self.path, self.shape, self.dtype = path, shape, dtype

    def read(self) -> np.ndarray:
        """Return the values as a new array."""
        count = math.prod(self.shape) * self.dtype.itemsize
        data = self._source.read(self._offset, count)
        if self.dtype == np.bool_:
            return np.frombuffer(data, np.uint8).reshape(self.shape) != 0
        return np.frombuffer(data, self.dtype).reshape(self.shape).copy()


def read_header(source: Source) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return name -> `Tensor` and the metadata of a file; no values are read.

    Raises:
        FileFormatError: the header breaks a rule of the format.
    """
    who = source.who
    (length,) = struct.unpack("<Q", source.read(0, 8))
    if length > min(MAX_JSON_BYTES, source.length - 8):
        raise refuse(
            who, "has a header that is longer than the file or the limit", f"{length} bytes"
        )
    header = parse_json(source.read(8, length), who)
    if not isinstance(header, dict):
        raise refuse(who, "the header must be a JSON object", type(header).__name__)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise refuse(who, "`__metadata__` must hold texts", f"{metadata!r}")
    found, spans = {}, []
    for name, entry in header.items():
        shape, dtype, first, last = _entry(name, entry, who)
        found[name] = Tensor(source, name, shape, dtype, 8 + length + first)
        spans.append((first, last))
    end = 0
    for first, last in sorted(spans):
        if first != end:
            raise refuse(
                who, "tensors must follow each other without gap or overlap", f"{first} after {end}"
            )
        end = last
    if 8 + length + end != source.length:
        raise refuse(
            who,
            "has another length than its header says",
            f"{source.length}, not {8 + length + end}",
        )
    return found, metadata


def _entry(name, entry, who):
    if not name or len(name) > _MAX_NAME:
        raise refuse(who, "holds a name that can't be used", repr(name))
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise refuse(who, f"tensor {name!r} must have dtype, shape and data_offsets", f"{entry!r}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise refuse(who, f"tensor {name!r} has an unknown dtype", f"{dtype!r}")
    if not _whole(shape) or len(shape) > 32 or not _whole(offsets) or len(offsets) != 2:
        raise refuse(
            who, f"tensor {name!r} must have sizes and offsets >= 0", f"{shape!r}, {offsets!r}"
        )
    if offsets[1] - offsets[0] != math.prod(shape) * _DTYPES[dtype].itemsize:
        raise refuse(
            who, f"tensor {name!r} has another size than its shape says", f"{shape!r}, {offsets!r}"
        )
    return tuple(shape), _DTYPES[dtype], *offsets


def _whole(values) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 2**48 for value in values
    )


def write(file, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Write arrays to an open binary file.

    Raises:
        TypeError: an array has a dtype that the format does not know.
    """
    header: dict = {"__metadata__": metadata} if metadata else {}
    end = 0
    # The widest numbers come first, so that every tensor starts at a multiple of its item size.
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    for name in names:
        array = arrays[name]
        dtype = array.dtype.newbyteorder("<") if array.dtype.kind in "iuf" else array.dtype
        if dtype not in _NAMES:
            raise TypeError(
                f"save_weights: {name!r} has the dtype {array.dtype.name}, which safetensors can't hold."
            )
        shape = [int(size) for size in array.shape]
        header[name] = {
            "dtype": _NAMES[dtype],
            "shape": shape,
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)))
    file.write(text)
    for name in names:
        array = arrays[name]
        little = array.dtype.newbyteorder("<") if array.dtype.kind in "iuf" else array.dtype
        array = np.ascontiguousarray(array, little)
        file.write(array.reshape(-1).view(np.uint8).data if array.size else b"")
