"""CIFAR-100: 60,000 photographs in a hundred classes or twenty groups, 32 x 32 colour values.

>>> from hornpipe.datasets import cifar100
>>> (x_train, y_train), (x_test, y_test) = cifar100.load_data()  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded
from hornpipe.datasets._images import image_fields, in_layout, read_cifar_batches
from hornpipe.datasets._source import Dataset, PublicFile, load_arrays


def _convert(paths: list[Path]) -> dict[str, np.ndarray]:
    arrays = {}
    for part in ("train", "test"):
        x, fine, coarse = read_cifar_batches(
            paths[0], (f"cifar-100-python/{part}",), (b"fine_labels", b"coarse_labels")
        )
        arrays |= {f"x_{part}": x, f"y_{part}": fine, f"y_{part}_coarse": coarse}
    return arrays


_CIFAR100 = Dataset(
    name="cifar100",
    fields={
        **image_fields(50_000, 10_000, (32, 32, 3), (1,)),
        "y_train_coarse": (np.integer, (50_000, 1)),
        "y_test_coarse": (np.integer, (10_000, 1)),
    },
    public=(
        PublicFile(
            "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        ),
    ),
    convert=_convert,
)


@guarded("datasets.cifar100.load_data")
def load_data(label_mode="fine"):
    """Load 50,000 + 10,000 colour photographs in their original order.

    Args:
        label_mode: "fine" for the hundred classes, "coarse" for the twenty groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(50000, 32, 32, 3)` and `(10000, 32,
        32, 3)`, or `(n, 3, 32, 32)` where `image_data_format()` is "channels_first"; int64 labels
        `(50000, 1)` and `(10000, 1)`.

    Raises:
        ValueError: another `label_mode`.
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: the file is damaged or another one.

    Example:
        >>> import hornpipe as keras
        >>> train, test = keras.datasets.cifar100.load_data("coarse")  # doctest: +SKIP
        >>> int(train[1].max())  # doctest: +SKIP
        19

    References:
        Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, University of
        Toronto.
    """
    if label_mode not in ("fine", "coarse"):
        rule = "`label_mode` must be 'fine' or 'coarse'"
        raise ValueError(message("cifar100.load_data", rule, f"label_mode={label_mode!r}"))
    ending = "_coarse" if label_mode == "coarse" else ""
    names = ["x_train", f"y_train{ending}", "x_test", f"y_test{ending}"]
    arrays = load_arrays(_CIFAR100, names=names)
    x_train, y_train, x_test, y_test = (arrays[name] for name in names)
    train = in_layout(x_train), y_train.astype(np.int64)
    return train, (in_layout(x_test), y_test.astype(np.int64))
