"""What callbacks that write files have in common: everything that can be wrong with a path is told before training."""

from __future__ import annotations

import itertools
import os
import string
import tempfile
from pathlib import Path

from hornpipe.core.errors import message


def as_text(path, argument: str, who: str) -> str:
    """Return a path as text.

    Raises:
        TypeError: it is no path.
        ValueError: it is empty or holds NUL.
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise TypeError(message(who, f"`{argument}` must be a path", f"{argument}={path!r}"))
    text = os.fspath(path)
    if not text or "\0" in text:
        rule = f"`{argument}` must be a path that is not empty and has no NUL"
        raise ValueError(message(who, rule, f"{argument}={text!r}"))
    return text


def make_folder(folder, who: str) -> Path:
    """Make a folder where there is none, and check that files can be written in it.

    Raises:
        OSError: they can't.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        rule = f"must be able to write into its folder, it can't ({error.strerror})"
        fix = "Choose another folder, or change its permissions."
        text = message(who, rule, f"folder={str(folder)!r}", fix)
        raise type(error)(error.errno, text) from None
    return folder


def replace_file(path, data: bytes, who: str) -> None:
    """Write a file beside its place, then put it there.

    Raises:
        OSError: the folder does not exist or can't be written, or the disk is full; an old file stays.
    """
    path, temporary = Path(path), None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            temporary = file.name
            file.write(data)
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        text = message(who, f"can't write its file ({error.strerror})", str(path))
        raise type(error)(error.errno, text) from None


class PathPattern:
    """A path with places for the epoch and for values of the logs, such as "m-{epoch:02d}-{val_loss:.2f}.keras".

    Args:
        text: the path; places are written as for `str.format`, literal braces twice.
        counts: names of whole numbers that are always known, such as "epoch".
        argument, who: for errors.

    Raises:
        ValueError: the braces do not match, a place has no plain name, or can't be formatted so.

    Example:
        >>> from hornpipe.callbacks.files import PathPattern
        >>> pattern = PathPattern("m-{epoch:02d}-{loss:.2f}.keras", ["epoch"], "filepath", "ModelCheckpoint")
        >>> pattern.names, pattern.fill({"loss": 0.125}, epoch=3)
        (['loss'], 'm-03-0.12.keras')
    """

    def __init__(self, text: str, counts, argument: str, who: str):
        self.text, self._argument, self._who = text, argument, who
        rule = f"`{argument}` must be a pattern with places such as {{epoch:02d}} or {{loss:.2f}}"
        fix = "Write literal braces twice: {{ and }}."
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(text)]
            self.fields = list(dict.fromkeys(field for field in fields if field is not None))
        except ValueError as error:
            raise ValueError(message(who, rule, f"{text!r} ({error})", fix)) from None
        wrong = [field for field in self.fields if not field.isidentifier()]
        if wrong:
            raise ValueError(message(who, rule, f"the place {{{wrong[0]}}} in {text!r}", fix))
        self.names = [field for field in self.fields if field not in counts]
        sample = {name: 1 if name in counts else 0.5 for name in self.fields}
        self.fill(sample)

    def folder(self) -> Path:
        """Return the folder of the path, up to the first place."""
        parts = Path(self.text).parent.parts
        return Path(*itertools.takewhile(lambda part: not set(part) & {"{", "}"}, parts))

    def fill(self, logs, **counts) -> str:
        """Return the path with the values in their places.

        Raises:
            ValueError: a value can't be formatted so; a float as `:02d`, for example.
        """
        values = {**logs, **counts}
        try:
            return self.text.format(**{name: values[name] for name in self.fields})
        except (ValueError, TypeError, KeyError, IndexError) as error:
            rule = f"`{self._argument}` must be a pattern whose places fit their values"
            fix = "Floats are written as {loss:.4f}, the epoch as {epoch:02d}."
            raise ValueError(message(self._who, rule, f"{self.text!r} ({error})", fix)) from None
