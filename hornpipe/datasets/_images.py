"""The data sets of small images that come split in two: one description, one way to load."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

import numpy as np

from hornpipe.core.errors import FileFormatError, message
from hornpipe.core.settings import image_data_format
from hornpipe.datasets._pickles import unpickle_arrays


def image_fields(
    num_train: int, num_test: int, image: tuple[int, ...], label: tuple[int, ...] = ()
) -> dict:
    """Return the arrays of a data set of images: uint8 pixels, whole labels."""
    return {
        "x_train": (np.uint8, (num_train, *image)),
        "y_train": (np.integer, (num_train, *label)),
        "x_test": (np.uint8, (num_test, *image)),
        "y_test": (np.integer, (num_test, *label)),
    }


def in_layout(images: np.ndarray) -> np.ndarray:
    """Return channels-last images in the layout that `image_data_format()` names."""
    return images if image_data_format() == "channels_last" else images.transpose(0, 3, 1, 2)


def read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return the uint8 array of a gzipped idx file.

    The format: two zero bytes, type 8 (uint8), the rank, the sizes as big-endian uint32, the
        values.

    Raises:
        FileFormatError: another type, another shape, more or fewer values, a damaged file.
    """
    header = bytes((0, 0, 8, len(shape))) + np.array(shape, ">u4").tobytes()
    size = len(header) + int(np.prod(shape))
    try:
        with gzip.open(path) as file:
            data = file.read(
                size + 1
            )  # one more: its absence shows the end, and with it gzip's own sum
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(
            message("read_idx", f"{path.name} must be a gzip file", f"{error}")
        ) from error
    if len(data) != size or not data.startswith(header):
        rule = f"{path.name} must be an idx file of bytes of the shape {shape}"
        raise FileFormatError(
            message("read_idx", rule, f"{len(data)} bytes starting {data[:16].hex()}")
        )
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)


def read_cifar_batches(path: Path, members: tuple[str, ...], labels: tuple[bytes, ...]):
    """Return the images and labels of pickled CIFAR batches in a tar file whose sum was checked.

    Nothing is unpacked to disk.

    Returns:
        images uint8 `(n, 32, 32, 3)`, and int64 labels `(n, 1)` for each name in `labels`.

    Raises:
        FileFormatError: a batch is missing, or holds something else.
    """
    batches = []
    try:
        with tarfile.open(path) as archive:
            for member in members:
                file = archive.extractfile(member)
                if file is None:
                    raise FileFormatError(
                        message("read_cifar_batches", "batches must be files", f"{member!r}")
                    )
                batches.append(unpickle_arrays(file))
    except (tarfile.TarError, KeyError, OSError, EOFError, zlib.error) as error:
        rule = f"{path.name} must be a tar file with {', '.join(members)}"
        raise FileFormatError(message("read_cifar_batches", rule, f"{error}")) from error
    try:
        pixels = np.concatenate([batch[b"data"] for batch in batches])
        images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        columns = [np.concatenate([batch[name] for batch in batches]) for name in labels]
    except (KeyError, TypeError, ValueError) as error:
        rule = "a batch must be a dict with 'data' of 3072 bytes a row and lists of labels"
        raise FileFormatError(message("read_cifar_batches", rule, f"{error!r}")) from error
    if images.dtype != np.uint8 or any(column.shape != (len(images),) for column in columns):
        shapes = [column.shape for column in columns]
        received = f"dtype={images.dtype}, {len(images)} images, labels {shapes}"
        raise FileFormatError(
            message("read_cifar_batches", "a batch must hold a label per uint8 image", received)
        )
    return np.ascontiguousarray(images), *(
        column.astype(np.int64)[:, np.newaxis] for column in columns
    )
