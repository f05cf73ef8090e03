"""Rows in random order, the last of them set apart for testing."""

from __future__ import annotations

import numbers

import numpy as np

from hornpipe.core.errors import message


def shuffled(num_rows: int, random: np.random.RandomState) -> np.ndarray:
    """Return the numbers of `num_rows` rows in random order."""
    order = np.arange(num_rows)
    random.shuffle(order)
    return order


def check_test_split(test_split, who: str) -> None:
    """Raise a ValueError unless `test_split` is a number in [0, 1)."""
    if (
        isinstance(test_split, bool)
        or not isinstance(test_split, numbers.Real)
        or not 0 <= float(test_split) < 1
    ):
        rule = "`test_split` must be a number in [0, 1)"
        raise ValueError(message(who, rule, f"test_split={test_split!r}", "For example 0.2."))


def split_rows(x: np.ndarray, y: np.ndarray, test_split, seed, who: str):
    """Return `(x_train, y_train), (x_test, y_test)`: rows shuffled with `seed`, then cut.

    Raises:
        ValueError: `test_split` is not in [0, 1).
    """
    check_test_split(test_split, who)
    order = shuffled(len(x), np.random.RandomState(seed))
    x, y = x[order], y[order]
    train = int(len(x) * (1 - test_split))
    return (x[:train], y[:train]), (x[train:], y[train:])
