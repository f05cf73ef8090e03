"""Fashion-MNIST: 70,000 pieces of clothing in ten classes, 28 x 28 grey values.

>>> from hornpipe.datasets import fashion_mnist
>>> (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hornpipe.core.refusal import guarded
from hornpipe.datasets._images import image_fields, read_idx
from hornpipe.datasets._source import GOOGLE, Dataset, PublicFile, load_arrays

_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
_FIELDS = image_fields(60_000, 10_000, (28, 28))


def _convert(paths: list[Path]) -> dict[str, np.ndarray]:
    return {
        name: read_idx(path, _FIELDS[name][1]) for name, path in zip(_FILES, paths, strict=True)
    }


_FASHION_MNIST = Dataset(
    name="fashion_mnist",
    fields=_FIELDS,
    public=tuple(PublicFile(GOOGLE + file, folder="fashion-mnist") for file in _FILES.values()),
    convert=_convert,
)


@guarded("datasets.fashion_mnist.load_data")
def load_data():
    """Load 60,000 + 10,000 images of clothing in their original order.

    Classes: 0 T-shirt or top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker,
        8 bag, 9 ankle boot.

    The public files have no published SHA-256 sum that we could check against; they hold plain
    bytes, and their type, shape and gzip sum are checked instead.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(60000, 28, 28)` and `(10000, 28,
        28)`; uint8 labels `(60000,)` and `(10000,)`.

    Raises:
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: a file is damaged or another one.

    Example:
        >>> import hornpipe as keras
        >>> train, test = keras.datasets.fashion_mnist.load_data()  # doctest: +SKIP
        >>> train[0].shape  # doctest: +SKIP
        (60000, 28, 28)

    References:
        Xiao, Rasul and Vollgraf (2017), Fashion-MNIST: a Novel Image Dataset for Benchmarking
        Machine Learning Algorithms, arXiv:1708.07747. MIT licence, Zalando SE.
    """
    arrays = load_arrays(_FASHION_MNIST)
    train = arrays["x_train"], arrays["y_train"].astype(np.uint8)
    return train, (arrays["x_test"], arrays["y_test"].astype(np.uint8))
