"""Files that are either as they were or complete: written beside their place, flushed, checked, renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from hornpipe.core.errors import message


def as_path(path, who: str, endings: tuple[str, ...]) -> Path:
    """Return a path with one of `endings`.

    Raises:
        TypeError: it is no path.
        ValueError: it ends otherwise, or holds NUL.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(message(who, "`filepath` must be a path", f"filepath={path!r}"))
    text = os.fspath(path)
    if not isinstance(text, str) or "\0" in text:
        raise ValueError(
            message(who, "`filepath` must be a text without NUL", f"filepath={text!r}")
        )
    if not text.endswith(endings):
        stem = os.path.splitext(os.path.basename(text))[0] or "model"
        rule = f"`filepath` must end in {' or '.join(endings)}"
        raise ValueError(
            message(who, rule, f"filepath={text!r}", f"For example {stem + endings[0]!r}.")
        )
    return Path(text)


@contextlib.contextmanager
def replacing(path: Path, who: str):
    """Give a temporary file in the folder of `path`; at the end of the block it takes the place of `path`.

    Whatever goes wrong before that leaves the old file as it was, and no temporary file.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: the folder can't be written, or the disk is full.
    """
    folder = path.parent
    if not folder.is_dir():
        fix = f"Create it first: pathlib.Path({str(folder)!r}).mkdir(parents=True)."
        raise FileNotFoundError(
            message(who, "the folder must exist", f"folder={str(folder)!r}", fix)
        )
    if path.is_dir():
        raise IsADirectoryError(
            message(who, "`filepath` must not be a folder", f"filepath={str(path)!r}")
        )
    try:
        handle, temporary = tempfile.mkstemp(
            prefix=f".{path.name[:100]}.", suffix=".tmp", dir=folder
        )
    except OSError as error:
        raise type(error)(
            error.errno, message(who, "the folder can't be written", str(folder)).rstrip(".")
        ) from None
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            text = (
                f"{who}: writing {str(path)!r} failed ({error.strerror}); the old file is as it was"
            )
            raise type(error)(error.errno, text) from error
        raise
    _flush_folder(folder)


def _mode(path: Path) -> int:
    """Return the permissions of the old file, or those of a fresh one."""
    with contextlib.suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flush_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where the system lets folders be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
