"""One data set made two."""

from __future__ import annotations

import numbers

import numpy as np

from hornpipe.core.errors import message


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None):
    """Split the rows of a data set in two.

    Args:
        dataset: a NumPy array `(rows, ...)`; a tuple, list or dict of such arrays with equally many rows; a list of
            numbers or rows of one shape; or a `PyDataset`, whose batches are all made and joined in memory first.
        left_size: int, the rows of the left part; or float in (0, 1), their share, rounded. None: what the right leaves.
        right_size: the same for the right part. None: what the left leaves.
        shuffle: bool. Draw the rows at random instead of in order.
        seed: int that fixes the draw, or None to draw from NumPy's global generator.

    Returns:
        tuple `(left, right)`; each is an array, a tuple of arrays or a dict of arrays, as `dataset` was. For a data set of
        inputs and targets: `x, y = left`, then `model.fit(x, y)`.

    Raises:
        TypeError: `dataset` is of another kind, or a size is neither int nor float.
        ValueError: no size is given; a size is out of range; both together are more than there is; a part would be
            empty; arrays of different lengths; a PyDataset without end.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> left, right = keras.utils.split_dataset(np.arange(10), left_size=0.8)
        >>> left, right
        (array([0, 1, 2, 3, 4, 5, 6, 7]), array([8, 9]))

    References:
        Keras returns `tf.data` or PyTorch data sets (its argument `preferred_backend`) and takes no PyDataset or dict.
    """
    columns, rebuild = _columns(dataset)
    counts = {len(column) for column in columns}
    if len(counts) != 1:
        rule = "all arrays of `dataset` must have equally many rows"
        raise ValueError(message("split_dataset", rule, f"{[len(column) for column in columns]}"))
    (total,) = counts
    left, right = _sizes(left_size, right_size, total)
    order = np.arange(total)
    if shuffle:
        order = (
            np.random.permutation(total)
            if seed is None
            else np.random.default_rng(seed).permutation(total)
        )
    parts = order[:left], order[left : left + right]
    return tuple(rebuild([column[rows] for column in columns]) for rows in parts)


def _columns(dataset):
    """Return the arrays of a data set, and the function that gives a list of arrays the data set's form."""
    if isinstance(dataset, dict) and dataset:
        names = list(dataset)
        return [_rows(dataset[name]) for name in names], lambda arrays: dict(zip(names, arrays))
    if isinstance(dataset, np.ndarray):
        return [_rows(dataset)], lambda arrays: arrays[0]
    if isinstance(dataset, (list, tuple)) and dataset:
        if all(isinstance(column, np.ndarray) and column.ndim for column in dataset):
            return list(dataset), tuple
        return [_rows(dataset)], lambda arrays: arrays[0]
    if hasattr(dataset, "num_batches") and hasattr(dataset, "__getitem__"):
        return _columns(_joined(dataset))
    rule = "`dataset` must be an array, a non-empty list, tuple or dict of arrays, or a PyDataset"
    raise TypeError(message("split_dataset", rule, f"{type(dataset).__name__}: {dataset!r}"))


def _rows(values) -> np.ndarray:
    try:
        rows = np.asarray(values)
    except ValueError:
        fix = "Use pad_sequences first."
        raise ValueError(
            message("split_dataset", "rows must have one shape", f"{values!r}", fix)
        ) from None
    if rows.ndim == 0:
        raise ValueError(
            message("split_dataset", "arrays must have an axis of rows", f"{values!r}")
        )
    return rows


def _joined(dataset):
    if dataset.num_batches is None:
        fix = "Give it a length."
        raise ValueError(
            message("split_dataset", "a PyDataset must have an end", "num_batches=None", fix)
        )
    batches = [dataset[i] for i in range(dataset.num_batches)]
    if not batches:
        raise ValueError(message("split_dataset", "a PyDataset must have a batch", "num_batches=0"))
    return _concatenate(batches)


def _concatenate(batches: list):
    first = batches[0]
    if isinstance(first, dict):
        return {name: _concatenate([batch[name] for batch in batches]) for name in first}
    if isinstance(first, (tuple, list)):
        return tuple(_concatenate(list(parts)) for parts in zip(*batches, strict=True))
    return np.concatenate([np.asarray(batch) for batch in batches])


def _sizes(left_size, right_size, total: int) -> tuple[int, int]:
    if left_size is None and right_size is None:
        fix = "For example left_size=0.8."
        raise ValueError(
            message("split_dataset", "`left_size` or `right_size` must be given", "neither", fix)
        )
    left, right = _count("left_size", left_size, total), _count("right_size", right_size, total)
    if left is None:
        left = total - right
    if right is None:
        right = total - left
    shares = isinstance(left_size, float) and isinstance(right_size, float)
    if left + right > total or (shares and left_size + right_size > 1):
        received = f"left_size={left_size}, right_size={right_size}, rows={total}"
        raise ValueError(
            message("split_dataset", "both sizes together must be at most the whole", received)
        )
    for side, count in (("left", left), ("right", right)):
        if count == 0:
            received = f"left_size={left_size}, right_size={right_size}, rows={total}"
            raise ValueError(message("split_dataset", f"the {side} part must have a row", received))
    return left, right


def _count(name: str, size, total: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, numbers.Real):
        raise TypeError(
            message(
                "split_dataset", f"`{name}` must be an int, a float or None", f"{name}={size!r}"
            )
        )
    whole = isinstance(size, numbers.Integral)
    if not 0 < size < (total if whole else 1):
        rule = f"`{name}` must be an int from 1 to {total - 1} or a float between 0 and 1"
        raise ValueError(message("split_dataset", rule, f"{name}={size!r}"))
    return int(size) if whole else round(float(size) * total)
