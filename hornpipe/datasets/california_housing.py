"""California housing: prices in 20,640 districts in 1990, from 8 figures each.

>>> from hornpipe.datasets import california_housing
>>> (x_train, y_train), (x_test, y_test) = california_housing.load_data()  # doctest: +SKIP
"""

from __future__ import annotations

import numpy as np

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded
from hornpipe.datasets._source import GOOGLE, Dataset, PublicFile, load_arrays
from hornpipe.datasets._splits import check_test_split, split_rows

_SMALL = 600

_CALIFORNIA = Dataset(
    name="california_housing",
    fields={"x": (np.floating, (20_640, 8)), "y": (np.floating, (20_640,))},
    public=(
        PublicFile(
            GOOGLE + "california_housing.npz",
            "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
        ),
    ),
)


@guarded("datasets.california_housing.load_data")
def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """Load figures and house prices of Californian districts, shuffled and split.

    Args:
        version: "large" for all 20,640 districts, "small" for the first 600, which lie in the San
            Francisco Bay Area.
        path: file name in the cache.
        test_split: float in [0, 1), the share set apart for testing. Default 0.2.
        seed: int that fixes the order. Default 113.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: figures `(16512, 8)` and `(4128, 8)`; median prices
        `(16512,)` and `(4128,)`, in dollars; for "small" 480 and 120 rows. Floating dtypes, as
        stored.

    Raises:
        ValueError: another `version`; `test_split` is not in [0, 1); `path` is no plain file name.
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: the file is damaged or another one.

    Example:
        >>> import hornpipe as keras
        >>> train, test = keras.datasets.california_housing.load_data()  # doctest: +SKIP
        >>> train[0].shape, test[0].shape  # doctest: +SKIP
        ((16512, 8), (4128, 8))

    References:
        Pace and Barry (1997), Sparse spatial autoregressions, Statistics and Probability Letters
        33, 291-297.
    """
    who = _CALIFORNIA.who
    if version not in ("large", "small"):
        raise ValueError(
            message(who, "`version` must be 'large' or 'small'", f"version={version!r}")
        )
    check_test_split(test_split, who)
    arrays = load_arrays(_CALIFORNIA, path)
    rows = slice(_SMALL if version == "small" else None)
    return split_rows(arrays["x"][rows], arrays["y"][rows], test_split, seed, who)
