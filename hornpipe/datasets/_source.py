"""Where data sets come from: a local folder, the cache, or a public address.

Every data set is described once, by a `Dataset`: its file, its arrays, the public files it is made
from. Whatever form those have, the cache only ever holds one form: an uncompressed `.npz` file of
plain arrays, written whole or not at all.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hornpipe.core.errors import FileFormatError, message
from hornpipe.core.settings import home
from hornpipe.utils.files import download, file_digest, replacing

GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_DAMAGE = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@dataclass(frozen=True)
class PublicFile:
    """A file at a public address; without a known `sha256`, its contents are checked instead."""

    origin: str
    sha256: str | None = None
    folder: str = ""  # below the cache, where a copy placed by hand is looked for

    @property
    def name(self) -> str:
        return self.origin.rpartition("/")[2]


@dataclass(frozen=True)
class Dataset:
    """A data set: its name, its arrays, and the public files that it is made from.

    `fields` holds `{name: (kind of dtype, shape)}` with None for any size. `convert` makes the
    arrays from the paths of the public files; None where the one public file has them as they are.
    """

    name: str
    fields: dict[str, tuple[type[np.generic], tuple[int | None, ...]]]
    public: tuple[PublicFile, ...]
    convert: Callable[[list[Path]], dict[str, np.ndarray]] | None = None

    @property
    def file(self) -> str:
        return f"{self.name}.npz"

    @property
    def who(self) -> str:
        return f"{self.name}.load_data"


def load_arrays(
    dataset: Dataset, path: str | None = None, names: Iterable[str] | None = None
) -> dict[str, np.ndarray]:
    """Return arrays of a data set by name, fetching the data set first if need be.

    Args:
        dataset: what to load.
        path: file name in the cache, or None for the data set's own.
        names: which arrays, or None for all.

    Raises:
        ValueError: `path` is no plain file name.
        FileNotFoundError: neither a local copy nor the network; the text says what to put where.
        FileFormatError: a file is damaged or is not what it should be.
    """
    names = list(names or dataset.fields)
    local = local_file(dataset.file)
    if local is not None:
        return read_arrays(local, dataset, names)
    cached = cache_file(path or dataset.file, dataset.who)
    if not (cached.is_file() and _holds(cached, names)):
        _fill_cache(dataset, cached)
    return read_arrays(cached, dataset, names)


def load_word_ranks(public: PublicFile, path: str, who: str) -> dict[str, int]:
    """Return a word index, a JSON object from word to rank, found in the same places as a data set.

    Raises:
        ValueError: `path` is no plain file name.
        FileNotFoundError: neither a local copy nor the network.
        FileFormatError: the file holds something else.
    """
    place = local_file(public.name) or cache_file(path, who)
    if not place.is_file():
        _fetch(public, place, place, who, public.name)
    try:
        ranks = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(place, who, "must be JSON", str(error)) from None
    words = isinstance(ranks, dict) and all(
        type(rank) is int and rank > 0 for rank in ranks.values()
    )
    if not words:
        raise _damaged(
            place, who, "must be a JSON object from word to rank >= 1", type(ranks).__name__
        )
    return ranks


def local_file(name: str) -> Path | None:
    """Return the path of a file in the folder that HORNPIPE_DATASETS names, or None.

    Raises:
        FileNotFoundError: HORNPIPE_DATASETS names no folder.
    """
    folder = os.environ.get("HORNPIPE_DATASETS")
    if not folder:
        return None
    if not Path(folder).is_dir():
        fix = "Unset it or name a folder that exists."
        raise FileNotFoundError(
            message("datasets", "HORNPIPE_DATASETS must name a folder", repr(folder), fix)
        )
    place = Path(folder) / name
    return place if place.is_file() else None


def cache_file(name: str, who: str) -> Path:
    """Return the path of a file in the cache.

    Raises:
        ValueError: `name` has folders in it.
    """
    if (
        not isinstance(name, str)
        or name in ("", ".", "..")
        or any(mark in name for mark in "/\\\0")
    ):
        fix = "HORNPIPE_DATASETS and HORNPIPE_HOME choose the folder."
        raise ValueError(message(who, "`path` must be a plain file name", f"path={name!r}", fix))
    return home() / "datasets" / name


def read_arrays(path: Path, dataset: Dataset, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Read arrays from an `.npz` file without pickle and check their dtypes and shapes.

    Raises:
        FileFormatError: no such file, a missing array, another dtype or shape.
    """
    names = list(names)
    if not _holds(path, names):
        raise _damaged(
            path,
            dataset.who,
            f"must be an .npz file with the arrays {', '.join(names)}",
            "another file",
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names}
    except _DAMAGE as error:
        raise _damaged(
            path, dataset.who, "must be a sound .npz file without pickle", str(error)
        ) from error
    for name, array in arrays.items():
        kind, shape = dataset.fields[name]
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or not np.issubdtype(array.dtype, kind):
            received = f"shape={array.shape}, dtype={array.dtype}"
            rule = f"array {name!r} must have the shape {shape} and a dtype of kind {kind.__name__}"
            raise _damaged(path, dataset.who, rule, received)
    return arrays


def _holds(path: Path, names: Iterable[str]) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in names} <= set(archive.namelist())
    except zipfile.BadZipFile:
        return False


def _fill_cache(dataset: Dataset, cached: Path) -> None:
    """Make the data set's cache file from its public files, placed by hand or downloaded."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent, prefix=f".{dataset.name}.") as work:
        files = [_public_file(public, dataset, cached, Path(work)) for public in dataset.public]
        if dataset.convert is None:
            arrays = read_arrays(files[0], dataset, dataset.fields)
        else:
            try:
                arrays = dataset.convert(files)
            except FileFormatError as error:
                raise FileFormatError(f"{dataset.who}: {error}") from error
    with replacing(cached) as part, open(part, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _public_file(public: PublicFile, dataset: Dataset, cached: Path, work: Path) -> Path:
    """Return a public file: the copy placed by hand, if there is one, else a download in `work`."""
    placed = cached.parent / public.folder / public.name
    if public.name == dataset.file:
        placed = cached
    if not placed.is_file():
        _fetch(public, work / public.name, placed, dataset.who, dataset.file)
        return work / public.name
    digest = file_digest(placed)
    if public.sha256 not in (None, digest):
        rule = f"must hold the arrays of {dataset.name} or have the SHA-256 sum {public.sha256}"
        raise _damaged(placed, dataset.who, rule, digest)
    return placed


def _fetch(public: PublicFile, target: Path, placed: Path, who: str, local_name: str) -> None:
    """Download a public file to `target`, or say what to place where by hand."""
    try:
        download(public.origin, target, file_hash=public.sha256)
    except OSError as error:
        fix = (
            f"Download {public.origin} and save it as {placed}; or set the environment variable "
            f"HORNPIPE_DATASETS to a folder that holds {local_name} (its format: "
            "help('hornpipe.datasets'))."
        )
        rule = f"{public.name} must be in the cache or downloadable"
        raise FileNotFoundError(message(who, rule, str(error.__cause__ or error), fix)) from error


def _damaged(path: Path, who: str, rule: str, received: str) -> FileFormatError:
    return FileFormatError(
        message(who, f"{path} {rule}", received, "Delete or replace the file, and load again.")
    )
