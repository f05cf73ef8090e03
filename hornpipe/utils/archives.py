"""Unpacking of tar and zip archives that nobody vouches for.

Only plain files and folders come out, only below the target folder, only in proportion to the
archive's size, and all of them or none: they are written to a fresh folder that is moved to its
place at the end.

>>> import pathlib, tempfile, zipfile
>>> from hornpipe.utils.archives import extract_archive
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> with zipfile.ZipFile(folder / "a.zip", "w") as archive:
...     archive.writestr("../evil.txt", "!")
>>> extract_archive(folder / "a.zip", folder / "out")  # doctest: +ELLIPSIS
Traceback (most recent call last):
hornpipe.core.errors.FileFormatError: extract: member names must stay inside the target folder. ...
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import IO

from hornpipe.core.errors import FileFormatError, message

MAX_MEMBERS = 500_000
MAX_BYTES = 64 * 2**30
MAX_RATIO = 200  # text shrinks to a twentieth, a file of zeros to a thousandth
MAX_HEADER_BYTES = 2**20  # what a tar archive may say about one member
RATIO_FLOOR_BYTES = 16 * 2**20  # below this, any ratio is harmless

_BLOCK_BYTES = 2**20
_COMPRESSIONS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
)


def extract_archive(path: Path, target: Path, archive_format="auto") -> None:
    """Unpack `path` to the folder `target`, replacing a folder of that name.

    Args:
        path: a zip archive, or a tar archive, plain or compressed with gzip, bzip2 or xz.
        target: the folder to make.
        archive_format: "auto", "tar", "zip", or a list of these: what the archive may be.

    Raises:
        ValueError: unknown `archive_format`.
        FileFormatError: no such archive; a member that is no plain file or folder or that lies
            outside the target; too many members or bytes; a damaged archive.
    """
    path, target = Path(path), Path(target)
    members = _open_members(path, _formats(archive_format))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as work:
        fresh = Path(work) / "new"
        fresh.mkdir()
        try:
            _write_members(members, fresh, _Budget(path.stat().st_size))
        except FileFormatError as error:
            raise FileFormatError(f"{error} Nothing was unpacked from {path.name}.") from None
        except _DAMAGE as error:
            rule = f"{path.name} must be a sound archive with distinct member names"
            raise FileFormatError(
                message("extract", rule, f"{error}", "Fetch it again.")
            ) from error
        if target.exists():
            os.replace(target, Path(work) / "old")
        os.replace(fresh, target)


def _formats(archive_format) -> tuple[str, ...]:
    formats = (archive_format,) if isinstance(archive_format, str) else tuple(archive_format or ())
    if not formats or not set(formats) <= {"auto", "tar", "zip"}:
        rule = "`archive_format` must be 'auto', 'tar', 'zip' or a list of these"
        raise ValueError(message("extract", rule, f"archive_format={archive_format!r}"))
    return ("tar", "zip") if "auto" in formats else formats


class _Budget:
    """Counts bytes and members, and raises when an archive asks for more than its size allows."""

    def __init__(self, archive_bytes: int):
        self.limit_bytes = min(MAX_BYTES, max(RATIO_FLOOR_BYTES, MAX_RATIO * archive_bytes))
        self.bytes = self.members = 0

    def spend(self, num_bytes: int) -> None:
        self.bytes += num_bytes
        if self.bytes > self.limit_bytes:
            rule = f"an archive of this size may grow to at most {self.limit_bytes} bytes"
            raise FileFormatError(message("extract", rule, f"{self.bytes} bytes and more"))

    def count_member(self) -> None:
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise FileFormatError(
                message("extract", f"an archive may hold at most {MAX_MEMBERS} members", "more")
            )


class _Counted(io.RawIOBase):
    """A readable file whose bytes are counted: headers and padding of a tar archive included."""

    def __init__(self, file: IO[bytes], budget: _Budget):
        super().__init__()
        self.file, self.budget = file, budget
        self.header_bytes: int | None = None  # what may still be read as a header, if one is read

    def read(self, size: int = -1) -> bytes:
        block = self.file.read(size)
        self.budget.spend(len(block))
        if self.header_bytes is not None:
            self.header_bytes -= len(block)
            if self.header_bytes < 0:
                rule = f"the header of a member may take at most {MAX_HEADER_BYTES} bytes"
                raise FileFormatError(message("extract", rule, "more"))
        return block


# One member: its name, and its bytes block by block; None for a folder.
_Member = tuple[str, "Iterator[bytes] | None"]


def _open_members(path: Path, formats: tuple[str, ...]):
    """Return a function of the budget that yields the members one at a time."""
    with open(path, "rb") as file:
        head = file.read(8)
    if "zip" in formats and zipfile.is_zipfile(path):
        return lambda budget: _zip_members(path, budget)
    if "tar" in formats:
        opener = next((opener for magic, opener in _COMPRESSIONS if head.startswith(magic)), open)
        if _is_tar(path, opener):
            return lambda budget: _tar_members(path, opener, budget)
    expected = " or ".join(formats)
    fix = "Pass extract=False to keep the file as it is."
    raise FileFormatError(
        message("extract", f"{path.name} must be a {expected} archive", f"it starts {head!r}", fix)
    )


def _is_tar(path: Path, opener) -> bool:
    block = b""
    try:
        with opener(path, "rb") as file:
            block = file.read(tarfile.BLOCKSIZE)
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except _DAMAGE:
        return len(block) == tarfile.BLOCKSIZE and not any(block)  # an archive of nothing
    return True


def _tar_members(path: Path, opener, budget: _Budget) -> Iterator[_Member]:
    with opener(path, "rb") as file:
        counted = _Counted(file, budget)
        counted.header_bytes = MAX_HEADER_BYTES  # opening reads the first header
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            while (member := archive.next()) is not None:
                counted.header_bytes = None
                if member.isdir():
                    yield member.name, None
                elif member.isreg() and not member.issparse():
                    yield member.name, _blocks(archive.extractfile(member))
                else:
                    _refuse(member.name)
                counted.header_bytes = MAX_HEADER_BYTES


def _zip_members(path: Path, budget: _Budget) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                _refuse(member.filename)
            if member.is_dir():
                yield member.filename, None
                continue
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                rule = "members must be stored or deflated"  # others unpack a block without bound
                raise FileFormatError(message("extract", rule, f"{member.filename!r}"))
            with archive.open(member) as file:
                yield member.filename, _blocks(_Counted(file, budget))


def _refuse(name: str):
    raise FileFormatError(
        message("extract", "members must be plain files and folders", f"{name!r}")
    )


def _blocks(file) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _write_members(members, folder: Path, budget: _Budget) -> None:
    for name, blocks in members(budget):
        budget.count_member()
        place = folder.joinpath(*_parts(name))
        if blocks is None:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(place, "xb") as file:
            for block in blocks:
                file.write(block)


def _parts(name: str) -> list[str]:
    """Return the folders and file of a member's name, which must be below the target."""
    windows = PureWindowsPath(name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    outside = name.startswith("/") or windows.drive or windows.root or ".." in windows.parts
    if outside or "\\" in name or "\0" in name:
        raise FileFormatError(
            message("extract", "member names must stay inside the target folder", f"{name!r}")
        )
    return parts
