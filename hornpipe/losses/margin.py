"""Losses of the margin: hinge, squared hinge, categorical hinge.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.losses.hinge(np.array([[-1.0, 1.0]]), np.array([[0.5, 0.5]])).tolist()
[1.0]
"""

# Classes stand before functions: "hinge" must name the function, and the later entry of a name stays.

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.losses.alignment import align
from hornpipe.losses.base import LossFunctionWrapper, facts

REDUCE = "sum_over_batch_size"


@register("loss")
class Hinge(LossFunctionWrapper):
    """Computes how far predictions are from the right side of the margin.

    loss = mean(max(1 - y_true * y_pred, 0), last axis)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "hinge".
        dtype: as in `Loss`.

    Input shape:
        `(batch, ..., outputs)` for both; labels -1 and 1, or all of them 0 and 1 (read as -1 and 1).

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> float(keras.losses.Hinge()(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])))
        1.0
    """

    # Rows that fill up a batch repeat real ones, so they don't change whether labels are all 0 and 1.
    row_independent = True

    def __init__(self, reduction=REDUCE, name="hinge", dtype=None):
        super().__init__(hinge, reduction, name, dtype)


@register("loss")
class SquaredHinge(LossFunctionWrapper):
    """Computes the square of how far predictions are from the right side of the margin.

    loss = mean(max(1 - y_true * y_pred, 0) ** 2, last axis)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "squared_hinge".
        dtype: as in `Loss`.

    Input shape:
        As in `Hinge`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> float(keras.losses.SquaredHinge()(np.array([[-1.0, 1.0]]), np.array([[0.5, 0.5]])))
        1.25
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, reduction, name, dtype)


@register("loss")
class CategoricalHinge(LossFunctionWrapper):
    """Computes how far the best wrong class is above the right one, less a margin of 1.

    loss = max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0), over the last axis

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "categorical_hinge".
        dtype: as in `Loss`.

    Input shape:
        One-hot labels and scores `(batch, ..., classes)`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> float(keras.losses.CategoricalHinge()(np.array([[0.0, 1.0]]), np.array([[0.5, 0.25]])))
        1.25
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, reduction, name, dtype)


# ---- functions


def signed_labels(y_true):
    """Return labels 0 and 1 as -1 and 1; others as they are. All labels together decide."""
    zero_or_one = ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1))
    return ops.where(ops.all(zero_or_one), 2.0 * y_true - 1.0, y_true)


@register("loss")
@facts(elementwise=True)
def hinge(y_true, y_pred):
    """Return mean(max(1 - y_true * y_pred, 0)) over the last axis.

    Args:
        y_true: labels -1 and 1, or 0 and 1, `(batch, ..., outputs)`.
        y_pred: scores, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.hinge(np.array([[-1.0, 1.0]]), np.array([[0.5, 0.5]])).tolist()
        [1.0]
    """
    y_true, y_pred = align(y_true, y_pred, "hinge")
    return ops.mean(ops.maximum(1.0 - signed_labels(y_true) * y_pred, 0.0), axis=-1)


@register("loss")
@facts(elementwise=True)
def squared_hinge(y_true, y_pred):
    """Return mean(max(1 - y_true * y_pred, 0) ** 2) over the last axis.

    Args:
        y_true: labels -1 and 1, or 0 and 1, `(batch, ..., outputs)`.
        y_pred: scores, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.squared_hinge(np.array([[-1.0, 1.0]]), np.array([[0.5, 0.5]])).tolist()
        [1.25]
    """
    y_true, y_pred = align(y_true, y_pred, "squared_hinge")
    return ops.mean(ops.square(ops.maximum(1.0 - signed_labels(y_true) * y_pred, 0.0)), axis=-1)


@register("loss")
@facts()
def categorical_hinge(y_true, y_pred):
    """Return max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0) over the last axis.

    Args:
        y_true: one-hot labels `(batch, ..., classes)`.
        y_pred: scores, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.categorical_hinge(np.array([[0.0, 1.0]]), np.array([[0.5, 0.25]])).tolist()
        [1.25]
    """
    y_true, y_pred = align(y_true, y_pred, "categorical_hinge")
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)
