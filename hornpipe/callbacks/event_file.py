"""Event files for TensorBoard: records with checksums that hold protocol buffers, both written by hand.

>>> from hornpipe.callbacks.event_file import crc32c
>>> hex(crc32c(b"123456789"))
'0xe3069283'

References:
    TensorFlow, TFRecord format description: length, masked checksum of the length, data, masked checksum of the data.
    RFC 3720, appendix B.4: the checksum CRC-32C and its test values.
    Protocol buffers, encoding: https://protobuf.dev/programming-guides/encoding. Numbers of the fields: TensorBoard's event.proto,
    summary.proto and graph.proto.
"""

from __future__ import annotations

import os
import socket
import struct
import time
import zlib
from pathlib import Path

import numpy as np

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types
_BINS = 30

# ---- checksums


def _make_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _make_table()


def crc32c(data: bytes) -> int:
    """Return the CRC-32C checksum of some bytes."""
    value, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """Return a record: data with its length and both masked checksums."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    value = crc32c(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


# ---- protocol buffers


def varint(number: int) -> bytes:
    """Return an integer in groups of seven bits, the lowest first; negative ones as 64 bits."""
    number &= 0xFFFFFFFFFFFFFFFF
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def integer_field(number: int, value: int) -> bytes:
    """Return a field that holds an integer."""
    return varint(number << 3 | _VARINT) + varint(value)


def double_field(number: int, value: float) -> bytes:
    """Return a field that holds a float64."""
    return varint(number << 3 | _DOUBLE) + struct.pack("<d", value)


def float_field(number: int, value: float) -> bytes:
    """Return a field that holds a float32."""
    with np.errstate(over="ignore"):
        return varint(number << 3 | _FLOAT) + np.float32(value).tobytes()


def bytes_field(number: int, value: bytes | str) -> bytes:
    """Return a field that holds bytes, a text or a message."""
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | _BYTES) + varint(len(value)) + value


# ---- summaries


def scalar_value(tag: str, value: float) -> bytes:
    """Return a summary of one number."""
    return bytes_field(1, bytes_field(1, tag) + float_field(2, value))


def histogram_value(tag: str, array) -> bytes:
    """Return a summary of an array's values in 30 bins of one width; values that are not finite are left out."""
    values = np.asarray(array, "float64").ravel()
    values = values[np.isfinite(values)]
    if not values.size:
        values = np.zeros(1)
    counts, edges = np.histogram(values, bins=_BINS)
    content = b"".join(
        double_field(number, float(number_value))
        for number, number_value in (
            (1, values.min()),
            (2, values.max()),
            (3, values.size),
            (4, values.sum()),
            (5, np.square(values).sum()),
        )
    )
    content += bytes_field(6, edges[1:].astype("<f8").tobytes())
    content += bytes_field(7, counts.astype("<f8").tobytes())
    return bytes_field(1, bytes_field(1, tag) + bytes_field(5, content))


def image_value(tag: str, pixels) -> bytes:
    """Return a summary of a grey image: an array `(height, width)` of bytes."""
    height, width = pixels.shape
    content = integer_field(1, height) + integer_field(2, width) + integer_field(3, 1)
    content += bytes_field(4, encode_png(pixels))
    return bytes_field(1, bytes_field(1, tag) + bytes_field(4, content))


def encode_png(pixels) -> bytes:
    """Return a grey image as PNG.

    Args:
        pixels: array `(height, width)` of bytes.
    """
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), np.uint8)  # every row begins with its filter, none
    rows[:, 1:] = pixels

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(rows.tobytes())
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


# ---- graphs


def graph_node(name: str, kind: str, inputs, shapes=()) -> bytes:
    """Return a node of a graph, its inputs by name, its outputs' shapes with None for unknown sizes."""
    content = bytes_field(1, name) + bytes_field(2, kind)
    content += b"".join(bytes_field(3, each) for each in inputs)
    if shapes:
        listed = b"".join(bytes_field(7, _shape(shape)) for shape in shapes)
        entry = bytes_field(1, "_output_shapes") + bytes_field(2, bytes_field(1, listed))
        content += bytes_field(5, entry)
    return bytes_field(1, content)


def _shape(shape) -> bytes:
    sizes = (-1 if size is None else int(size) for size in shape)
    return b"".join(bytes_field(2, integer_field(1, size)) for size in sizes)


# ---- files


class EventWriter:
    """Writes events into a new file of a folder.

    Args:
        folder: path of a folder that exists.
        token: str. Part of the file's name: which run it belongs to.
    """

    def __init__(self, folder: Path, token: str):
        milliseconds = time.time_ns() // 10**6
        where = f"{socket.gethostname()}.{os.getpid()}.{token}"
        while True:  # the first moment that no writer of this run has taken
            self.path = folder / f"events.out.tfevents.{milliseconds:013d}.{where}"
            try:
                self._file = open(self.path, "xb")  # noqa: SIM115 (it is closed by `close`)
                break
            except FileExistsError:
                milliseconds += 1
        self._put(bytes_field(3, "brain.Event:2"), 0)

    def _put(self, content: bytes, step: int):
        head = double_field(1, time.time()) + (integer_field(2, step) if step else b"")
        self._file.write(record(head + content))

    def add(self, summaries: list[bytes], step: int) -> None:
        """Write summaries as one event of a step."""
        if summaries:
            self._put(bytes_field(5, b"".join(summaries)), step)

    def add_graph(self, nodes: list[bytes]) -> None:
        """Write a graph."""
        self._put(bytes_field(4, b"".join(nodes)), 0)

    def flush(self) -> int:
        """Hand over what was written to the system; returns the file's length."""
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        """End the file."""
        self._file.close()
