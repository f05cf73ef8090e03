"""A reader of HDF5 files that trusts nothing: groups, plain data sets and short attributes, as Keras and h5py write them.

HDF5 can do much more: links to other files, data in other files, virtual and compressed data, references. All of it is refused
by not being understood. Every address, size and count is checked against the file's length before it is used, so a damaged or
hostile file gives a `FileFormatError` and nothing else. Writing is done by h5py.

References:
    The HDF Group, HDF5 File Format Specification Version 3.0, sections II (superblock), III.A (B-trees, version 1), III.C (symbol table
    entries), III.D (local heap), III.E (global heap), IV.A (object headers and messages).
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

import numpy as np

from hornpipe.saving.validate import check_text_name, refuse

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NOWHERE = 2**64 - 1
_MAX_OBJECTS = 200_000
_MAX_HEADER = 2**20
_MAX_DEPTH = 64
_MAX_ATTRIBUTE = 8 * 2**20
_MAX_RANK = 32
_DIMENSIONS, _TYPE, _LINK, _EXTERNAL, _LAYOUT, _FILTER, _ATTRIBUTE = 1, 3, 6, 7, 8, 11, 12
_MORE, _SYMBOLS, _LINK_INFO, _ATTRIBUTE_INFO, _SHARED_FLAG = 16, 17, 2, 21, 2
_NEWER = "Open it with h5py and write it again with h5py.File(path, 'w') and its defaults."


class Type(NamedTuple):
    """A data type: a NumPy dtype, or "text" for strings of variable length."""

    kind: str  # "number", "bytes", "opaque" or "text"
    dtype: np.dtype | None
    size: int


class DataSet:
    """A data set: shape and dtype are known, the values are read by `read`."""

    def __init__(self, source, path, shape, dtype, offset, attributes):
        self._source, self._offset = source, offset
        self.path, self.shape, self.dtype, self.attributes = path, shape, dtype, attributes

    @property
    def nbytes(self) -> int:
        """Size of the values in the file."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> np.ndarray:
        """Return the values as a new array in the machine's byte order."""
        data = self._source.read(self._offset, self.nbytes) if self.nbytes else b""
        array = np.frombuffer(data, self.dtype).reshape(self.shape)
        return array.astype(self.dtype.newbyteorder("="), copy=True)


class Group:
    """A group: `items` is a dict name -> `Group` or `DataSet`, `attributes` a dict name -> value."""

    def __init__(self, path):
        self.path, self.items, self.attributes = path, {}, {}

    def find(self, path: str):
        """Return what stands at a path such as "layers/dense/vars", or None."""
        here = self
        for name in path.split("/"):
            if not isinstance(here, Group) or name not in here.items:
                return None
            here = here.items[name]
        return here

    def data_sets(self):
        """Yield every data set below, group by group."""
        for item in self.items.values():
            if isinstance(item, Group):
                yield from item.data_sets()
            else:
                yield item


class Source:
    """A part of an open file: `read(offset, count)` gives bytes of it or refuses."""

    def __init__(self, file, start: int, length: int, who: str):
        self._file, self._start, self.length, self.who = file, start, length, who

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset`.

        Raises:
            FileFormatError: they are not inside.
        """
        if offset < 0 or count < 0 or offset + count > self.length:
            raise refuse(
                self.who,
                "is cut off or damaged",
                f"bytes {offset} to {offset + count} of {self.length}",
            )
        self._file.seek(self._start + offset)
        data = self._file.read(count)
        if len(data) != count:
            raise refuse(self.who, "is cut off", f"{len(data)} of {count} bytes at {offset}")
        return data


def read_hdf5(source: Source) -> Group:
    """Return the root group of an HDF5 file; the values of data sets are not read yet.

    Raises:
        FileFormatError: it is no HDF5 file, damaged, or uses what is not read here.
    """
    return _Reader(source).root()


class _Reader:
    def __init__(self, source):
        self.source, self.who = source, source.who
        self.objects, self.data_bytes = 0, 0
        self.open_groups: set[int] = set()
        self.done: set[int] = set()

    def fail(self, rule, received="", fix=""):
        raise refuse(self.who, rule, received, fix)

    def unpack(self, layout, offset):
        return struct.unpack(layout, self.source.read(offset, struct.calcsize(layout)))

    def root(self) -> Group:
        if self.source.length < 96 or self.source.read(0, 8) != _SIGNATURE:
            self.fail("is no HDF5 file")
        version = self.source.read(8, 1)[0]
        if version in (0, 1):
            sizes, extra = self.source.read(13, 2), 4 * version
            base, _, end, _ = self.unpack("<4Q", 24 + extra)
            header = self.unpack("<Q", 24 + extra + 40)[0]
        elif version in (2, 3):
            sizes = self.source.read(9, 2)
            base, _, end, header = self.unpack("<4Q", 12)
        else:
            self.fail("is of an unknown HDF5 version", f"version {version}", _NEWER)
        if sizes != b"\x08\x08" or base != 0:
            self.fail("is an unusual HDF5 file", f"sizes {sizes!r}, base {base}", _NEWER)
        if end > self.source.length:
            self.fail("is cut off", f"{self.source.length} of {end} bytes")
        found = self.object(header, "", 0)
        if not isinstance(found, Group):
            self.fail("has no root group")
        return found

    def object(self, address, path, depth):
        """Return the group or data set whose header is at `address`."""
        self.objects += 1
        if depth > _MAX_DEPTH or self.objects > _MAX_OBJECTS:
            self.fail("has too many objects, or too deep")
        if address in self.done:
            self.fail("has two names for one object", f"{path!r}")
        self.done.add(address)
        messages = self.messages(address)
        kinds = {kind for kind, _ in messages}
        if kinds & {_LINK, _LINK_INFO}:
            self.fail(
                "has a group with external links or of the newer style", f"{path or '/'!r}", _NEWER
            )
        if _SYMBOLS in kinds:
            return self.group(messages, path, depth)
        return self.data_set(messages, path)

    # ---- object headers

    def messages(self, address):
        """Return the messages of an object header as a list of (type, data)."""
        version, _, count, _, size = self.unpack("<BBHII", address)
        if version != 1:
            self.fail("has an object header of an unknown version", f"version {version}", _NEWER)
        found, blocks, total = [], [(address + 16, size)], 0
        while blocks and len(found) < count:
            offset, length = blocks.pop(0)
            total += length
            if total > _MAX_HEADER:
                self.fail("has an object header that is too long", f"{total} bytes")
            block, place = self.source.read(offset, length), 0
            while place + 8 <= length and len(found) < count:
                kind, size, flags = struct.unpack_from("<HHB", block, place)
                data = block[place + 8 : place + 8 + size]
                if len(data) != size:
                    self.fail("has a damaged object header", f"at byte {offset + place}")
                if flags & _SHARED_FLAG:
                    self.fail("has shared or committed types", "", _NEWER)
                if kind == _MORE:
                    blocks.append(self.fields("<QQ", data, 0))
                found.append((kind, data))
                place += 8 + size
        return found

    def fields(self, layout, data, offset):
        if offset + struct.calcsize(layout) > len(data):
            self.fail("has a damaged object header")
        return struct.unpack_from(layout, data, offset)

    def attributes(self, messages):
        found = {}
        for kind, data in messages:
            if kind == _ATTRIBUTE_INFO and self.fields("<Q", data, len(data) - 16)[0] != _NOWHERE:
                self.fail("has attributes of the newer style", "", _NEWER)
            if kind == _ATTRIBUTE:
                name, value = self.attribute(data)
                if name in found:
                    self.fail("has an attribute twice", repr(name))
                found[name] = value
        return found

    def attribute(self, data):
        version, flags, name_size, type_size, space_size = self.fields("<BBHHH", data, 0)
        if version not in (1, 2, 3) or (version > 1 and flags):
            self.fail("has an attribute of an unknown version", f"version {version}", _NEWER)
        place = 9 if version == 3 else 8
        parts = []
        for size in (name_size, type_size, space_size):
            parts.append(data[place : place + size])
            place += size if version > 1 else -(-size // 8) * 8
        name = parts[0].split(b"\0")[0].decode("utf-8", "replace")
        kind, shape = self.type(parts[1]), self.shape(parts[2])
        if shape is None:
            return name, None
        size = math.prod(shape) * kind.size
        if size > _MAX_ATTRIBUTE or place + size > len(data):
            self.fail("has an attribute that is longer than its header", repr(name))
        data = data[place : place + size]
        if kind.kind == "text":
            texts = [self.heap_text(data[i : i + 16]) for i in range(0, size, 16)]
            return name, texts[0] if shape == () else texts
        array = np.frombuffer(data, kind.dtype).reshape(shape)
        if kind.kind == "bytes":
            texts = [bytes(each).decode("utf-8", "replace") for each in array.reshape(-1)]
            return name, texts[0] if shape == () else texts
        return name, array.item() if shape == () else array.copy()

    def heap_text(self, reference):
        """Return a string of variable length from the global heap."""
        length, address, index = struct.unpack("<IQI", reference)
        if length == 0:
            return ""
        mark, version, size = self.unpack("<4sB3xQ", address)
        if mark != b"GCOL" or version != 1 or length > min(size, _MAX_ATTRIBUTE):
            self.fail("has a damaged heap", f"at byte {address}")
        place, end = address + 16, address + size
        for _ in range(_MAX_OBJECTS):
            if place + 16 > end:
                break
            number, _, item = self.unpack("<HH4xQ", place)
            if number == index and number and item >= length:
                return self.source.read(place + 16, length).decode("utf-8", "replace")
            if number == 0:
                break
            place += 16 + -(-item // 8) * 8
        return self.fail("has a damaged heap", f"at byte {address}")

    # ---- groups

    def group(self, messages, path, depth):
        group = Group(path)
        group.attributes = self.attributes(messages)
        data = next(data for kind, data in messages if kind == _SYMBOLS)
        tree, heap = self.fields("<QQ", data, 0)
        mark, version, size, _, names = self.unpack("<4sB3xQQQ", heap)
        if mark != b"HEAP" or version != 0 or size > 2**26:
            self.fail("has a damaged group", f"{path or '/'!r}")
        names = self.source.read(names, size)
        for name_offset, address, cache in self.entries(tree):
            raw = names[name_offset : name_offset + 1024].split(b"\0")[0]
            name = check_text_name(raw.decode("utf-8", "replace"), self.who)
            where = f"{path}/{name}" if path else name
            if cache == 2:
                self.fail(
                    "has a soft link",
                    f"{where!r}",
                    "Links are not followed: write the data itself.",
                )
            if name in group.items:
                self.fail("has a name twice", f"{where!r}")
            group.items[name] = self.object(address, where, depth + 1)
        return group

    def entries(self, tree):
        """Return (name's offset, header's address, cache type) of a group's members, from its B-tree."""
        found, stack, seen = [], [tree], set()
        while stack:
            address = stack.pop()
            if address in seen or len(seen) > _MAX_OBJECTS:
                self.fail("has a damaged group tree", f"at byte {address}")
            seen.add(address)
            mark = self.source.read(address, 4)
            if mark == b"TREE":
                kind, _, used = self.unpack("<BBH", address + 4)
                if kind != 0:
                    self.fail("has a damaged group tree", f"at byte {address}")
                block = self.source.read(address + 24, 16 * used + 8)
                stack.extend(
                    struct.unpack_from("<Q", block, 16 * i + 8)[0] for i in reversed(range(used))
                )
            elif mark == b"SNOD":
                _, count = self.unpack("<BxH", address + 4)
                block = self.source.read(address + 8, 40 * count)
                found.extend(struct.unpack_from("<QQI", block, 40 * i) for i in range(count))
                if len(found) > _MAX_OBJECTS:
                    self.fail("has too many objects")
            else:
                self.fail("has a damaged group tree", f"at byte {address}")
        return found

    # ---- data sets

    def data_set(self, messages, path):
        parts = {}
        for kind, data in messages:
            if kind == _EXTERNAL:
                self.fail("keeps data in another file", f"{path!r}", "Write the data itself.")
            if kind == _FILTER:
                self.fail("has compressed data", f"{path!r}", "Write it without compression.")
            if kind in (_DIMENSIONS, _TYPE, _LAYOUT):
                if kind in parts:
                    self.fail("has a damaged data set", f"{path!r}")
                parts[kind] = data
        if len(parts) != 3:
            self.fail("has an object that is neither a group nor a data set", f"{path!r}")
        kind, shape = self.type(parts[_TYPE]), self.shape(parts[_DIMENSIONS])
        if kind.kind not in ("number", "opaque") or shape is None or kind.dtype is None:
            self.fail("has a data set that holds no numbers", f"{path!r}")
        size = math.prod(shape) * kind.size
        offset = self.layout(parts[_LAYOUT], size, path)
        self.data_bytes += size
        if self.data_bytes > self.source.length:
            self.fail("declares more data than the file holds", f"{path!r} of shape {shape}")
        return DataSet(self.source, path, shape, kind.dtype, offset, self.attributes(messages))

    def layout(self, data, size, path):
        """Return the offset of a data set's values."""
        version, kind = self.fields("<BB", data, 0)
        if version != 3 or kind != 1:
            rule = "has a data set in pieces, virtual, or of an unknown layout"
            self.fail(rule, f"{path!r}", "Write it contiguous, without compression.")
        offset, stored = self.fields("<QQ", data, 2)
        if size == 0:
            return 0
        if offset == _NOWHERE or stored < size or offset + size > self.source.length:
            self.fail("declares a data set that is not in the file", f"{path!r}, {size} bytes")
        return offset

    def shape(self, data):
        """Return the shape in a dataspace message; None for an empty one."""
        version, rank, flags = self.fields("<BBB", data, 0)
        if version not in (1, 2) or rank > _MAX_RANK:
            self.fail("has a damaged shape", f"version {version}, rank {rank}")
        if version == 2 and self.fields("<B", data, 3)[0] == 2:
            return None
        sizes = self.fields(f"<{rank}Q", data, 8 if version == 1 else 4)
        if flags & 1:
            most = self.fields(f"<{rank}Q", data, (8 if version == 1 else 4) + 8 * rank)
            if any(b < a for a, b in zip(sizes, most, strict=True)):
                self.fail("has a damaged shape", f"{sizes}")
        if any(size > 2**48 for size in sizes):
            self.fail("declares more data than the file holds", f"shape {sizes}")
        return tuple(int(size) for size in sizes)

    def type(self, data) -> Type:
        """Return the type in a datatype message."""
        first, bits, _, _, size = self.fields("<BBBBI", data, 0)
        kind, order = first & 15, ">" if bits & 1 else "<"
        if kind == 0 and size in (1, 2, 4, 8):
            offset, precision = self.fields("<HH", data, 8)
            if (offset, precision) == (0, 8 * size):
                return Type("number", np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}"), size)
        if kind == 1 and size in (2, 4, 8):
            layout = self.fields("<HHBBBBI", data, 8)
            if layout == _FLOATS[size]:
                return Type("number", np.dtype(f"{order}f{size}"), size)
        if kind == 3 and 0 < size <= _MAX_ATTRIBUTE:
            return Type("bytes", np.dtype(f"S{size}"), size)
        if kind == 5 and size in (1, 2):
            return Type("opaque", np.dtype(f"V{size}"), size)
        if kind == 8 and size == 1:  # how h5py writes booleans
            return Type("number", np.dtype("?"), 1)
        if kind == 9 and bits & 15 == 1 and size == 16:
            return Type("text", None, 16)
        return self.fail("has a data type that is not read here", f"class {kind}, {size} bytes")


# offset, precision, exponent's place and size, mantissa's place and size, exponent's bias
_FLOATS = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}
