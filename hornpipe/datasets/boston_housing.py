"""Boston housing: prices in 506 districts around Boston in 1970, from 13 figures each.

>>> from hornpipe.datasets import boston_housing
>>> (x_train, y_train), (x_test, y_test) = boston_housing.load_data()  # doctest: +SKIP
"""

from __future__ import annotations

import numpy as np

from hornpipe.core.dialect import spoken
from hornpipe.datasets._source import GOOGLE, Dataset, PublicFile, load_arrays
from hornpipe.datasets._splits import split_rows

_BOSTON = Dataset(
    name="boston_housing",
    fields={"x": (np.floating, (506, 13)), "y": (np.floating, (506,))},
    public=(
        PublicFile(
            GOOGLE + "boston_housing.npz",
            "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
        ),
    ),
)


@spoken("boston_housing.load_data")
def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """Load figures and house prices of 506 districts, shuffled and split.

    Think before you teach with it. Column 11 (`B`) is a transform of the share of Black residents,
    put in by the authors to measure a supposed effect of race on prices; the set is criticised for
    that, and scikit-learn has removed it. It is here so that older books can be followed;
    `california_housing` is the better choice.

    Args:
        path: file name in the cache.
        test_split: float in [0, 1), the share set apart for testing. Default 0.2: 404 and 102
            districts. (The 406 and 100 that stand in some introductions do not come from this
            split.)
        seed: int that fixes the order. Default 113.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float64 figures `(404, 13)` and `(102, 13)`; float64
        median prices `(404,)` and `(102,)`, in thousands of dollars, cut off at 50.

    Raises:
        ValueError: `test_split` is not in [0, 1); `path` is no plain file name.
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: the file is damaged or another one.

    Example:
        >>> import hornpipe as keras
        >>> train, test = keras.datasets.boston_housing.load_data()  # doctest: +SKIP
        >>> train[0].shape, train[1][0]  # doctest: +SKIP
        ((404, 13), np.float64(15.2))

    References:
        Harrison and Rubinfeld (1978), Hedonic housing prices and the demand for clean air, J.
        Environ. Economics and Management 5, 81-102. From the StatLib library, Carnegie Mellon
        University.
    """
    arrays = load_arrays(_BOSTON, path)
    return split_rows(arrays["x"], arrays["y"], test_split, seed, _BOSTON.who)
