"""One data set made two."""

from __future__ import annotations

import numbers

import numpy as np

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded
from hornpipe.core.tree import flatten, map_tree, pack_like


@guarded()
def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None):
    """Split the rows of a data set in two.

    Args:
        dataset: a NumPy array `(rows, ...)`; a tuple, list or dict of such arrays, nested or not,
            with equally many rows; a list of numbers or rows of one shape; or a `PyDataset`, whose
            batches are all made and joined in memory first.
        left_size: int, the rows of the left part; or float in (0, 1), their share, rounded. None:
            what the right leaves.
        right_size: the same for the right part. None: what the left leaves.
        shuffle: bool. Draw the rows at random instead of in order.
        seed: int that fixes the draw, or None to draw from NumPy's global generator.

    Returns:
        tuple `(left, right)`; each has the form of `dataset`, or of a batch of the PyDataset. For a
        data set of inputs and targets: `x, y = left`, then `model.fit(x, y)`.

    Raises:
        TypeError: `dataset` is of another kind, or a size is neither int nor float.
        ValueError: no size is given; a size is out of range; both together are more than there is;
            a part would be empty; arrays of different lengths; a PyDataset without end.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> left, right = keras.utils.split_dataset(np.arange(10), left_size=0.8)
        >>> left, right
        (array([0, 1, 2, 3, 4, 5, 6, 7]), array([8, 9]))

    References:
        Keras returns `tf.data` or PyTorch data sets (its argument `preferred_backend`) and takes no
        PyDataset or dict.
    """
    arrays = _as_arrays(dataset)
    lengths = [len(array) for array in flatten(arrays)]
    if len(set(lengths)) != 1:
        rule = "all arrays of `dataset` must have equally many rows"
        raise ValueError(message("split_dataset", rule, f"{lengths}"))
    total = lengths[0]
    left, right = _sizes(left_size, right_size, total)
    order = np.arange(total)
    if shuffle:
        random = np.random if seed is None else np.random.default_rng(seed)
        order = random.permutation(total)
    parts = order[:left], order[left : left + right]
    return tuple(map_tree(lambda array, rows=rows: array[rows], arrays) for rows in parts)


def _as_arrays(dataset):
    """Return a data set as an array or a structure of arrays, each with an axis of rows."""
    if hasattr(dataset, "num_batches"):
        dataset = _joined(dataset)
    leaves = flatten(dataset)
    if leaves and all(isinstance(leaf, np.ndarray) for leaf in leaves):
        if any(leaf.ndim == 0 for leaf in leaves):
            raise ValueError(
                message("split_dataset", "arrays must have an axis of rows", "shape=()")
            )
        return dataset
    if not leaves or not isinstance(dataset, (list, tuple)):
        rule = (
            "`dataset` must be an array, a non-empty list, tuple or dict of arrays, or a PyDataset"
        )
        raise TypeError(message("split_dataset", rule, f"{type(dataset).__name__}: {dataset!r}"))
    try:
        return np.asarray(dataset)
    except ValueError:
        rule, fix = "rows must have one shape", "Use pad_sequences first."
        raise ValueError(message("split_dataset", rule, f"{dataset!r}", fix)) from None


def _joined(dataset):
    """Return all batches of a PyDataset as one."""
    if dataset.num_batches is None:
        rule, fix = "a PyDataset must have an end", "Give it a length."
        raise ValueError(message("split_dataset", rule, "num_batches=None", fix))
    batches = [dataset[i] for i in range(dataset.num_batches)]
    if not batches:
        raise ValueError(message("split_dataset", "a PyDataset must have a batch", "num_batches=0"))
    columns = zip(*(flatten(batch) for batch in batches), strict=True)
    joined = (np.concatenate([np.asarray(part) for part in parts]) for parts in columns)
    return pack_like(batches[0], joined)


def _sizes(left_size, right_size, total: int) -> tuple[int, int]:
    received = f"left_size={left_size!r}, right_size={right_size!r}, rows={total}"
    if left_size is None and right_size is None:
        rule, fix = "`left_size` or `right_size` must be given", "For example left_size=0.8."
        raise ValueError(message("split_dataset", rule, received, fix))
    if total < 2:
        raise ValueError(message("split_dataset", "`dataset` must have two rows or more", received))
    if left_size is None:
        right = _count("right_size", right_size, total)
        left = total - right
    else:
        left = _count("left_size", left_size, total)
        right = total - left if right_size is None else _count("right_size", right_size, total)
    if (
        isinstance(left_size, float)
        and isinstance(right_size, float)
        and left_size + right_size <= 1
    ):
        right = min(right, total - left)  # both shares may have been rounded up
    elif left + right > total:
        rule = "both sizes together must be at most the whole"
        raise ValueError(message("split_dataset", rule, received))
    for side, count in (("left", left), ("right", right)):
        if count == 0:
            raise ValueError(message("split_dataset", f"the {side} part must have a row", received))
    return left, right


def _count(name: str, size, total: int) -> int:
    if isinstance(size, bool) or not isinstance(size, numbers.Real):
        rule = f"`{name}` must be an int, a float or None"
        raise TypeError(message("split_dataset", rule, f"{name}={size!r}"))
    whole = isinstance(size, numbers.Integral)
    if not 0 < float(size) < (total if whole else 1):
        rule = f"`{name}` must be an int from 1 to {total - 1} or a float between 0 and 1"
        raise ValueError(message("split_dataset", rule, f"{name}={size!r}"))
    return int(size) if whole else round(float(size) * total)
