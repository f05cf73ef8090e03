"""A reader of `.keras` archives that trusts nothing: a zip file with three members of fixed names.

The directory at the archive's end is bounded and compared before `zipfile` sees it. Members must be plain, stored or (the small
ones) deflated, in their own places, with right check sums.
"""

from __future__ import annotations

import struct
import zipfile
import zlib

from hornpipe.saving.hdf5 import Source
from hornpipe.saving.validate import MAX_JSON_BYTES, refuse

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
MEMBERS = (METADATA, CONFIG, WEIGHTS)
_MAX_DIRECTORY = 2**16
_BLOCK = 2**20
_ENCRYPTED = 1
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)


class Archive:
    """The members of an open `.keras` file, checked.

    Args:
        file: open binary file.
        length: its length in bytes.
        who: who reads it, for errors.

    Raises:
        FileFormatError: it is no such archive, or damaged.
    """

    def __init__(self, file, length: int, who: str):
        self.file, self.length, self.who = file, length, who
        self._check_directory()
        try:
            file.seek(0)
            with zipfile.ZipFile(file) as archive:
                self.members = self._check_members(archive.infolist())
                self._check_sums(archive)
        except _DAMAGE as error:
            self._fail("is a damaged zip archive", str(error))

    def _fail(self, rule, received="", fix=""):
        raise refuse(self.who, rule, received, fix)

    def _check_directory(self):
        """Bound what `zipfile` will read before it reads it."""
        start = max(0, self.length - 2**16 - 22)
        self.file.seek(start)
        tail = self.file.read(self.length - start)
        place = tail.rfind(b"PK\5\6")
        if place < 0 or len(tail) - place < 22:
            self._fail("is no .keras archive, or cut off", f"{self.length} bytes")
        disk, first_disk, here, total, size, offset, comment = struct.unpack_from(
            "<4HIIH", tail, place + 4
        )
        end = start + place
        if len(tail) - place != 22 + comment or comment:
            self._fail("has text behind the zip archive")
        if offset == 0xFFFFFFFF or size == 0xFFFFFFFF:
            here, total, size, offset = self._long_directory(end)
        if disk or first_disk or here != total or not 1 <= total <= len(MEMBERS):
            self._fail("must have the members " + ", ".join(MEMBERS), f"{total} members")
        if size > _MAX_DIRECTORY or offset + size > end:
            self._fail("has a damaged directory", f"{size} bytes at {offset}")

    def _long_directory(self, end):
        """Return the numbers of members, the size and the offset of the directory of an archive of more than 4 GiB."""
        self.file.seek(max(0, end - 20))
        locator = self.file.read(20)
        if len(locator) < 20 or locator[:4] != b"PK\6\7":
            self._fail("has a damaged directory")
        self.file.seek(min(struct.unpack_from("<Q", locator, 8)[0], self.length))
        record = self.file.read(56)
        if len(record) < 56 or record[:4] != b"PK\6\6":
            self._fail("has a damaged directory")
        return struct.unpack_from("<4Q", record, 24)

    def _check_members(self, infos) -> dict[str, tuple[int, int]]:
        found: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if info.orig_filename not in MEMBERS or info.filename != info.orig_filename:
                fix = f"Only {', '.join(MEMBERS)} can stand in it."
                self._fail("has a member of a foreign name", repr(info.orig_filename), fix)
            if info.filename in found:
                self._fail("has a member twice", repr(info.filename))
            if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                self._fail("has a member that is no plain file", repr(info.filename))
            if info.flag_bits & _ENCRYPTED:
                self._fail("has an encrypted member", repr(info.filename))
            stored = info.compress_type == zipfile.ZIP_STORED
            if not stored and (
                info.filename == WEIGHTS or info.compress_type != zipfile.ZIP_DEFLATED
            ):
                self._fail(
                    "has a compressed member", repr(info.filename), "Store it without compression."
                )
            if stored and info.file_size != info.compress_size:
                self._fail("has a member with two sizes", repr(info.filename))
            if info.filename != WEIGHTS and info.file_size > MAX_JSON_BYTES:
                self._fail(
                    "has a member that is too long", f"{info.filename!r}, {info.file_size} bytes"
                )
            found[info.filename] = info
        missing = [name for name in (METADATA, CONFIG) if name not in found]
        if missing:
            self._fail("misses members", ", ".join(missing), "Is this a .keras file?")
        return self._places(found)

    def _places(self, infos) -> dict[str, tuple[int, int]]:
        """Return name -> (start, length) of the members' bytes; they must not overlap."""
        places, end = {}, 0
        if min(info.header_offset for info in infos.values()) != 0:
            self._fail("has something in front of the zip archive")
        for info in sorted(infos.values(), key=lambda each: each.header_offset):
            self.file.seek(info.header_offset)
            header = self.file.read(30)
            if len(header) < 30 or header[:4] != b"PK\3\4" or info.header_offset < end:
                self._fail("has members in wrong places", repr(info.filename))
            name, extra = struct.unpack_from("<HH", header, 26)
            start = info.header_offset + 30 + name + extra
            end = start + info.compress_size
            if end > self.length:
                self._fail("is cut off", repr(info.filename))
            places[info.filename] = (start, info.compress_size)
        return places

    def _check_sums(self, archive):
        """Read every member once; `zipfile` compares sizes and check sums."""
        self.texts = {}
        for name in self.members:
            expected = archive.getinfo(name).file_size
            with archive.open(name) as member:
                if name == WEIGHTS:
                    count = 0
                    while block := member.read(_BLOCK):
                        count += len(block)
                else:
                    self.texts[name] = member.read(MAX_JSON_BYTES + 1)
                    count = len(self.texts[name])
            if count != expected:
                self._fail("has a member of a wrong length", repr(name))

    def weights(self) -> Source | None:
        """Return the member with the weights as a part of the file, or None."""
        if WEIGHTS not in self.members:
            return None
        return Source(self.file, *self.members[WEIGHTS], self.who)
