"""MNIST: 70,000 handwritten digits, 28 x 28 grey values.

>>> from hornpipe.datasets import mnist
>>> (x_train, y_train), (x_test, y_test) = mnist.load_data()  # doctest: +SKIP
"""

from __future__ import annotations

import numpy as np

from hornpipe.core.refusal import guarded
from hornpipe.datasets._images import image_fields
from hornpipe.datasets._source import GOOGLE, Dataset, PublicFile, load_arrays

_MNIST = Dataset(
    name="mnist",
    fields=image_fields(60_000, 10_000, (28, 28)),
    public=(
        PublicFile(
            GOOGLE + "mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
        ),
    ),
)


@guarded("datasets.mnist.load_data")
def load_data(path="mnist.npz"):
    """Load 60,000 + 10,000 handwritten digits in their original order.

    Args:
        path: file name in the cache.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(60000, 28, 28)` and `(10000, 28,
        28)`, 0 = paper to 255 = ink; uint8 labels `(60000,)` and `(10000,)`, 0 to 9.

    Raises:
        ValueError: `path` is no plain file name.
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: the file is damaged or another one.

    Example:
        >>> import hornpipe as keras
        >>> train, test = keras.datasets.mnist.load_data()  # doctest: +SKIP
        >>> train[1][:3]  # doctest: +SKIP
        array([5, 0, 4], dtype=uint8)

    References:
        LeCun, Cortes and Burges, The MNIST database of handwritten digits. CC BY-SA 3.0.
    """
    arrays = load_arrays(_MNIST, path)
    train = arrays["x_train"], arrays["y_train"].astype(np.uint8)
    return train, (arrays["x_test"], arrays["y_test"].astype(np.uint8))
