"""Digits: 1,797 handwritten digits, 8 x 8 grey values. Small enough to come with the package.

>>> from hornpipe.datasets import digits
>>> (x_train, y_train), (x_test, y_test) = digits.load_data()
>>> x_train.shape, y_train[:3].tolist()
((1437, 8, 8), [1, 0, 9])
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hornpipe.core.refusal import guarded
from hornpipe.datasets._source import Dataset, read_arrays
from hornpipe.datasets._splits import split_rows

_DIGITS = Dataset(
    name="digits",
    fields={"x": (np.uint8, (1_797, 8, 8)), "y": (np.uint8, (1_797,))},
    public=(),
)


@guarded("datasets.digits.load_data")
def load_data(test_split=0.2, seed=113):
    """Load 1,797 handwritten digits, shuffled and split; needs no network.

    Each value counts the ink dots, 0 to 16, in a 4 x 4 field of a 32 x 32 scan. These are the rows
    that the repository set apart for testing, the same that scikit-learn's `load_digits` returns.

    Args:
        test_split: float in [0, 1), the share set apart for testing. Default 0.2: 1,437 and 360
            digits.
        seed: int that fixes the order. Default 113.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(1437, 8, 8)` and `(360, 8, 8)`, 0 =
        paper to 16 = ink; uint8 labels `(1437,)` and `(360,)`, 0 to 9.

    Raises:
        ValueError: `test_split` is not in [0, 1).

    Example:
        >>> import hornpipe as keras
        >>> (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
        >>> int(x_train.max()), x_test.shape
        (16, (360, 8, 8))

    References:
        E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine
        Learning Repository, doi:10.24432/C50P49. CC BY 4.0, see `digits.LICENSE.txt`. Values stored
        as uint8, otherwise unchanged.
    """
    arrays = read_arrays(Path(__file__).with_name(_DIGITS.file), _DIGITS, _DIGITS.fields)
    return split_rows(arrays["x"], arrays["y"], test_split, seed, _DIGITS.who)
