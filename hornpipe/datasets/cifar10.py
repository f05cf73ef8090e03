"""CIFAR-10: 60,000 photographs in ten classes, 32 x 32 colour values.

>>> from hornpipe.datasets import cifar10
>>> (x_train, y_train), (x_test, y_test) = cifar10.load_data()  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hornpipe.core.refusal import guarded
from hornpipe.datasets._images import image_fields, in_layout, read_cifar_batches
from hornpipe.datasets._source import Dataset, PublicFile, load_arrays

_FOLDER = "cifar-10-batches-py"
_TRAIN = tuple(f"{_FOLDER}/data_batch_{number}" for number in range(1, 6))


def _convert(paths: list[Path]) -> dict[str, np.ndarray]:
    x_train, y_train = read_cifar_batches(paths[0], _TRAIN, (b"labels",))
    x_test, y_test = read_cifar_batches(paths[0], (f"{_FOLDER}/test_batch",), (b"labels",))
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


_CIFAR10 = Dataset(
    name="cifar10",
    fields=image_fields(50_000, 10_000, (32, 32, 3), (1,)),
    public=(
        PublicFile(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ),
    ),
    convert=_convert,
)


@guarded("datasets.cifar10.load_data")
def load_data():
    """Load 50,000 + 10,000 colour photographs in their original order.

    Classes: 0 aeroplane, 1 car, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 lorry.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(50000, 32, 32, 3)` and `(10000, 32,
        32, 3)`, or `(n, 3, 32, 32)` where `image_data_format()` is "channels_first"; uint8 labels
        `(50000, 1)` and `(10000, 1)`.

    Raises:
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: the file is damaged or another one.

    Example:
        >>> import hornpipe as keras
        >>> train, test = keras.datasets.cifar10.load_data()  # doctest: +SKIP
        >>> train[0].shape, train[1].shape  # doctest: +SKIP
        ((50000, 32, 32, 3), (50000, 1))

    References:
        Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, University of
        Toronto.
    """
    arrays = load_arrays(_CIFAR10)
    train = in_layout(arrays["x_train"]), arrays["y_train"].astype(np.uint8)
    return train, (in_layout(arrays["x_test"]), arrays["y_test"].astype(np.uint8))
