"""Files from elsewhere: download, check, keep, unpack.

A file appears in the cache whole and checked, or not at all: everything is written beside its place
and moved there in one step.

>>> import pathlib, tempfile
>>> from hornpipe.utils import get_file
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> _ = (folder / "words.txt").write_text("one two")
>>> path = get_file(origin=(folder / "words.txt").as_uri(), cache_dir=folder / "cache")
>>> pathlib.Path(path).read_text()
'one two'
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hornpipe.core.errors import FileFormatError, message
from hornpipe.core.refusal import guarded
from hornpipe.core.settings import home
from hornpipe.utils.archives import extract_archive

TIMEOUT_SECONDS = 60
_HASH_LENGTHS = {64: "sha256", 32: "md5"}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a fresh path beside `path`, and move that file to `path` unless there was an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    try:
        yield Path(part)
        os.chmod(part, 0o644)  # mkstemp makes it private; a shared cache must stay readable
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file; `algorithm` is "sha256" or "md5"."""
    with open(path, "rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirections as long as they stay encrypted."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urllib.parse.urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"redirected to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = urllib.request.build_opener(_HttpsOnly)


def download(
    origin: str, path: Path, *, file_hash: str | None = None, hash_algorithm: str = "auto"
) -> None:
    """Copy the file at `origin` to `path`, whole and checked, or leave `path` as it was.

    Args:
        origin: an https:// or file:// address.
        path: where the file goes; its folder is made.
        file_hash: hexadecimal digest the file must have, or None.
        hash_algorithm: "sha256", "md5" or "auto" (told by the length of `file_hash`).

    Raises:
        ValueError: another kind of address or hash.
        ConnectionError: the address can't be read, or sends fewer bytes than it announced.
        FileFormatError: the digest differs.
    """
    if urllib.parse.urlsplit(origin).scheme not in ("https", "file"):
        rule = "`origin` must start with https:// or file://"
        raise ValueError(message("get_file", rule, f"origin={origin!r}"))
    algorithm = _hash_algorithm(file_hash, hash_algorithm)
    with replacing(path) as part:
        try:
            _copy(origin, part)
        except (OSError, http.client.HTTPException) as error:
            fix = "Check the address and the network."
            text = message("get_file", f"{origin} must be readable", f"{error}", fix)
            raise ConnectionError(text) from error
        if file_hash is None:
            return
        digest = file_digest(part, algorithm)
        if digest != file_hash.lower():
            rule = f"{origin} must have the {algorithm} digest {file_hash}"
            fix = "The file was changed or damaged, and was not kept."
            raise FileFormatError(message("get_file", rule, digest, fix))


def _copy(origin: str, part: Path) -> None:
    with _opener.open(origin, timeout=TIMEOUT_SECONDS) as response, open(part, "wb") as file:
        if not origin.startswith("file:"):
            print(f"Downloading {origin}", file=sys.stderr)
        announced = response.headers.get("Content-Length")
        shutil.copyfileobj(response, file)
        received = file.tell()
    if announced is not None and received != int(announced):
        raise OSError(f"{received} of {announced} bytes arrived")


def _hash_algorithm(file_hash: str | None, hash_algorithm: str) -> str:
    if hash_algorithm not in ("auto", "sha256", "md5"):
        rule = "`hash_algorithm` must be 'auto', 'sha256' or 'md5'"
        raise ValueError(message("get_file", rule, f"hash_algorithm={hash_algorithm!r}"))
    if file_hash is None or hash_algorithm != "auto":
        return "sha256" if hash_algorithm == "auto" else hash_algorithm
    if len(file_hash) not in _HASH_LENGTHS:
        rule = "`file_hash` must be 64 (sha256) or 32 (md5) hexadecimal digits"
        raise ValueError(message("get_file", rule, f"file_hash={file_hash!r}"))
    return _HASH_LENGTHS[len(file_hash)]


@guarded()
def get_file(
    fname=None,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
    force_download=False,
):
    """Return the path of a file that is downloaded once and then kept in a cache folder.

    With `extract`, the path is that of a folder: `name_extracted` for the archive `name.tar.gz`,
    and `fname` itself where it has no suffix or was not given. Unpacking refuses links, devices,
    names outside the folder, and archives that grow out of proportion.

    Args:
        fname: plain file name in the cache, or None for the last part of `origin`.
        origin: https:// or file:// address.
        untar: the same as `extract=True` with tar archives only.
        md5_hash: md5 digest, the older spelling of `file_hash`.
        file_hash: sha256 or md5 digest that the file must have; a kept file with another digest is
            fetched again.
        cache_subdir: folder below `cache_dir`. Default "datasets".
        hash_algorithm: "sha256", "md5" or "auto" (told by the length of the digest).
        extract: unpack the file.
        archive_format: "auto", "tar" (also compressed), "zip", or a list of these.
        cache_dir: default `~/.hornpipe`, or the folder that HORNPIPE_HOME names.
        force_download: fetch (and unpack) again what is already there.

    Returns:
        str, an absolute path.

    Raises:
        ValueError: no origin, an origin or a hash of another kind, `fname` with folders in it or
            that of a folder, an unknown archive format.
        ConnectionError: the address can't be read or the transfer was cut short.
        FileFormatError: the digest differs; the file is no archive, or an archive that is refused.

    Example:
        >>> import pathlib, tempfile, zipfile
        >>> import hornpipe as keras
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with zipfile.ZipFile(folder / "pets.zip", "w") as archive:
        ...     archive.writestr("cats/tom.txt", "miaow")
        >>> origin = (folder / "pets.zip").as_uri()
        >>> path = keras.utils.get_file("pets.zip", origin, extract=True, cache_dir=folder / "c")
        >>> pathlib.Path(path).name, (pathlib.Path(path) / "cats" / "tom.txt").read_text()
        ('pets_extracted', 'miaow')
    """
    name = _file_name(fname, origin)
    if untar:
        extract, archive_format = True, "tar"
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = Path(cache_dir or home()).expanduser().absolute() / cache_subdir
    path, target = folder / name, None
    if extract:
        path, target = _extraction_paths(folder, name, named=bool(fname))
    if path.is_dir():
        fix = "Pass another `fname`, or extract=True."
        raise ValueError(message("get_file", "`fname` must not be a folder's", f"{path}", fix))
    fresh = force_download or not path.is_file()
    if not fresh and file_hash is not None:
        fresh = file_digest(path, _hash_algorithm(file_hash, hash_algorithm)) != file_hash.lower()
    if fresh:
        download(str(origin), path, file_hash=file_hash, hash_algorithm=hash_algorithm)
    if target is None:
        return str(path)
    if fresh or not target.is_dir():
        extract_archive(path, target, archive_format)
    return str(target)


def _file_name(fname, origin) -> str:
    if not origin:
        fix = "Pass an address, for example origin='https://example.org/data.zip'."
        raise ValueError(message("get_file", "`origin` must be given", f"origin={origin!r}", fix))
    last_part = urllib.parse.urlsplit(origin).path.rpartition("/")[2]
    name = os.fspath(fname) if fname else urllib.parse.unquote(last_part)
    if name in ("", ".", "..") or any(mark in name for mark in "/\\\0"):
        rule, received = "`fname` must be a plain file name", f"fname={fname!r}, origin={origin!r}"
        fix = "Pass a name without folders; `cache_dir` and `cache_subdir` choose the folder."
        raise ValueError(message("get_file", rule, received, fix))
    return name


def _extraction_paths(folder: Path, name: str, *, named: bool) -> tuple[Path, Path]:
    """Return where the archive is kept and the folder that it is unpacked to."""
    stem = name.removesuffix(".tar.gz") if name.endswith(".tar.gz") else os.path.splitext(name)[0]
    if named and stem != name:
        return folder / name, folder / f"{stem}_extracted"
    return folder / f"{name}_archive", folder / name
