"""A folder of checkpoints: each is a `.safetensors` file of arrays and a `.json` file of everything else.

The JSON file is written last and holds the SHA-256 of both, so a checkpoint is there as a whole or not at all, and a damaged one is
noticed. The newest few are kept. Nothing in a file is opened as a path, and everything goes through `validate.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import warnings
from pathlib import Path

import numpy as np

from hornpipe.core.errors import FileFormatError, message
from hornpipe.saving import plain, safetensors
from hornpipe.saving.atomic import replacing
from hornpipe.saving.hdf5 import Source
from hornpipe.saving.locks import FolderLock
from hornpipe.saving.validate import MAX_JSON_BYTES, only_format_errors, parse_json, refuse
from hornpipe.training.findings import outside_level

FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d{8})\.json")
_OURS = re.compile(r"\.?checkpoint-(\d{8})\.(json|safetensors)(\..*\.tmp)?")
_BLOCK = 2**20


class NewerFormatError(FileFormatError):
    """A checkpoint that only a newer version can read: it is not passed over as a damaged one is."""


class Found:
    """A checkpoint that was read: `arrays` is a dict name -> array, `state` the plain data."""

    def __init__(self, name: str, arrays: dict[str, np.ndarray], state: dict):
        self.name, self.arrays, self.state = name, arrays, state


class CheckpointFolder:
    """Writes and reads the checkpoints of one run.

    Args:
        path: the folder; it is made where it does not exist.
        keep: int >= 1. How many checkpoints stay.
        who: name of the function, for errors.

    Raises:
        OSError: the folder can't be made.
    """

    def __init__(self, path, *, keep: int = 3, who: str = "fit"):
        self.path, self.keep, self.who = Path(path), keep, who
        if self.path.exists() and not self.path.is_dir():
            fix = "Pass the name of a folder."
            rule = "`checkpoint` must be a folder, and this is a file"
            raise NotADirectoryError(message(who, rule, f"checkpoint={str(path)!r}", fix))
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            rule = f"the checkpoint folder can't be made ({error.strerror})"
            text = message(who, rule, f"checkpoint={str(path)!r}", "Choose another folder.")
            raise type(error)(error.errno, text) from None
        self._lock = FolderLock(self.path, who)

    def __enter__(self):
        """Take the folder's lock, and remove what a run that was killed left half-written."""
        self._lock.take()
        try:
            self._sweep()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *error):
        self._lock.release()

    def numbers(self) -> list[int]:
        """Return the numbers of the checkpoints, the newest first."""
        found = (_NAME.fullmatch(name) for name in os.listdir(self.path))
        return sorted((int(each[1]) for each in found if each), reverse=True)

    def _file(self, number: int, ending: str) -> Path:
        return self.path / f"checkpoint-{number:08d}.{ending}"

    def _sweep(self) -> None:
        """Remove temporary files, and arrays without a description."""
        whole = set(self.numbers())
        for name in os.listdir(self.path):
            ours = _OURS.fullmatch(name)
            if ours and (ours[3] or int(ours[1]) not in whole):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path / name)

    # ---- writing

    def check_space(self, size: int) -> None:
        """Check that `size` bytes fit on the disk, before hours of training rely on it.

        Raises:
            OSError: they do not.
        """
        free = shutil.disk_usage(self.path).free
        if free < size:
            rule = "there must be room for a checkpoint"
            received = f"{free / 1e6:.1f} MB free in {str(self.path)!r}, {size / 1e6:.1f} MB needed"
            raise OSError(28, message(self.who, rule, received, "Free some space first."))

    def write(self, arrays: dict[str, np.ndarray], state: dict) -> None:
        """Add a checkpoint, and remove those that are too many.

        Args:
            arrays: dict name -> array.
            state: dict of plain data, see `saving/plain.py`; its arrays are put into the file as well.

        Raises:
            OSError: writing failed; the checkpoints from before are as they were.
            TypeError: `state` holds what is no plain data.
        """
        numbers = self.numbers()
        number = numbers[0] + 1 if numbers else 0
        arrays = dict(arrays)
        body = {"format": FORMAT, "state": plain.pack(state, arrays, "state")}
        tensors = self._file(number, "safetensors")
        try:
            with replacing(tensors, self.who) as file:
                hashing = _HashingFile(file)
                safetensors.write(hashing, arrays)
            body["tensors_sha256"] = hashing.sha256.hexdigest()
            body["sha256"] = _digest(body)
            text = json.dumps(body, allow_nan=False, indent=1).encode()
            if len(text) > MAX_JSON_BYTES:
                rule = f"the state without arrays must have at most {MAX_JSON_BYTES} bytes"
                raise ValueError(message(self.who, rule, f"{len(text)} bytes"))
            with replacing(self._file(number, "json"), self.who) as file:
                file.write(text)
        except BaseException:
            with contextlib.suppress(OSError):
                tensors.unlink(missing_ok=True)
            raise
        for old in numbers[self.keep - 1 :]:
            self._remove(old)

    def _remove(self, number: int) -> None:
        # The description goes first: arrays alone are no checkpoint.
        for ending in ("json", "safetensors"):
            self._file(number, ending).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all checkpoints."""
        for number in self.numbers():
            self._remove(number)

    # ---- reading

    def newest(self) -> Found | None:
        """Return the newest checkpoint that is whole; damaged ones are passed over with a warning. None where there is none.

        Raises:
            FileFormatError: all are damaged, or one was written by a newer version.
        """
        damaged: list[str] = []
        for number in self.numbers():
            try:
                found = self._read(number)
            except NewerFormatError:
                raise
            except FileFormatError as error:
                damaged.append(str(error).rstrip("."))
                continue
            if damaged:
                text = f"{self.who}: {'; '.join(damaged)}. Training goes on from the one before, {found.name!r}."
                warnings.warn(text, stacklevel=outside_level())
            return found
        if not damaged:
            return None
        raise FileFormatError(
            f"{self.who}: no checkpoint in {str(self.path)!r} can be used: {'; '.join(damaged)}. "
            "Choose another folder to start again; nothing was changed."
        )

    def _read(self, number: int) -> Found:
        path = self._file(number, "json")
        who = f"checkpoint {str(path)!r}"
        try:
            with only_format_errors(who):
                body = self._description(path, who)
                arrays = self._arrays(self._file(number, "safetensors"), body, who)
                state = plain.unpack(body["state"], arrays, who)
                if not isinstance(state, dict):
                    raise refuse(who, "`state` must be a JSON object", type(state).__name__)
        except OSError as error:
            raise refuse(who, f"can't be read ({error.strerror})") from None
        return Found(path.name, arrays, state)

    @staticmethod
    def _description(path, who) -> dict:
        with open(path, "rb") as file:
            text = file.read(MAX_JSON_BYTES + 1)
        body = parse_json(text, who)
        if not isinstance(body, dict) or type(body.get("format")) is not int:
            raise refuse(who, "is no description of a checkpoint")
        if body["format"] > FORMAT:
            raise NewerFormatError(
                message(
                    who,
                    f"was written by a newer version of hornpipe, in format {body['format']}",
                    f"format {FORMAT} at most can be read here",
                    "Update hornpipe; nothing was changed.",
                )
            )
        if body.pop("sha256", None) != _digest(body):
            raise refuse(who, "is damaged: its contents have another SHA-256 than it says")
        return body

    @staticmethod
    def _arrays(path, body, who) -> dict[str, np.ndarray]:
        if not path.exists():
            raise refuse(who, f"its arrays, {path.name!r}, are missing")
        with open(path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if sha256 != body.get("tensors_sha256"):
                raise refuse(
                    who, f"{path.name!r} is damaged: it has another SHA-256 than it should"
                )
            source = Source(file, 0, file.seek(0, 2), who)
            tensors, _ = safetensors.read_header(source)
            return {name: tensor.read() for name, tensor in tensors.items()}


class _HashingFile:
    """A file to write to that computes the SHA-256 on the way."""

    def __init__(self, file):
        self._file, self.sha256 = file, hashlib.sha256()

    def write(self, data) -> None:
        self.sha256.update(data)
        self._file.write(data)


def _digest(body: dict) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
