"""Losses of overlap, for segmentation: Dice and Tversky.

>>> import numpy as np
>>> import hornpipe as keras
>>> round(float(keras.losses.dice(np.array([[0.0, 1.0]]), np.array([[0.0, 0.5]]))), 4)
0.3333
"""

# Classes stand before functions: "dice" must name the function, and the later entry of a name stays.

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import settings
from hornpipe.core.config import register
from hornpipe.core.errors import message
from hornpipe.losses.alignment import align
from hornpipe.losses.base import LossFunctionWrapper, facts

REDUCE = "sum_over_batch_size"


@register("loss")
class Dice(LossFunctionWrapper):
    """Computes one minus the share that labels and predictions have in common (Dice, Sørensen, F1).

    loss = 1 - (2 * sum(y_true * y_pred) + epsilon) / (sum(y_true) + sum(y_pred) + epsilon)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "dice".
        axis: int, tuple of ints, or None. The axes summed over; `(1, 2, 3)` gives one value for each image.
            Default None: all axes, the batch's too, which gives one value for the batch.
        dtype: as in `Loss`.

    Input shape:
        Equal shapes, numbers in [0, 1].

    Raises:
        TypeError: `axis` is none of these (at construction).
        ShapeError: the shapes differ, or there are row weights but one value for the whole batch (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> y_true, y_pred = np.ones((2, 4, 4, 1)), np.full((2, 4, 4, 1), 0.5)
        >>> loss = keras.losses.Dice(axis=(1, 2, 3), reduction="none")
        >>> [round(float(value), 4) for value in loss(y_true, y_pred)]
        [0.3333, 0.3333]

    References:
        Milletari et al. (2016), V-Net, arXiv:1606.04797, section 3; sums of shares in place of squares, plus epsilon.
    """

    row_independent = False  # one that keeps the batch axis declares otherwise in its constructor

    def __init__(self, reduction=REDUCE, name="dice", axis=None, dtype=None):
        self.axis = _axes("Dice", axis)
        super().__init__(dice, reduction, name, dtype, axis=self.axis)
        self.row_independent = _keeps_rows(self.axis)


@register("loss")
class Tversky(LossFunctionWrapper):
    """Computes one minus the share in common, false alarms and misses weighted differently.

    With hits = sum(y_true * y_pred), alarms = sum((1 - y_true) * y_pred), misses = sum(y_true * (1 - y_pred)):
    loss = 1 - (hits + epsilon) / (hits + alpha * misses + beta * alarms + epsilon). Both 0.5 gives Dice.

    Args:
        alpha: number >= 0. Weight of misses. Default 0.5.
        beta: number >= 0. Weight of false alarms. Default 0.5.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "tversky".
        axis: as in `Dice`. Default None.
        dtype: as in `Loss`.

    Raises:
        ValueError: `alpha` or `beta` is not a number >= 0 (at construction).
        TypeError: `axis` is neither an int, a tuple of ints nor None (at construction).
        ShapeError: the shapes differ, or there are row weights but one value for the whole batch (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.Tversky(alpha=0.3, beta=0.7)
        >>> round(float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.5]]))), 4)
        0.2308

    References:
        Salehi et al. (2017), Tversky loss function for image segmentation, arXiv:1706.05721, equation 2, plus epsilon
        and with alpha and beta exchanged, which is what Keras 3 computes.
    """

    row_independent = False

    def __init__(
        self, alpha=0.5, beta=0.5, reduction=REDUCE, name="tversky", axis=None, dtype=None
    ):
        for label, value in (("alpha", alpha), ("beta", beta)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise ValueError(
                    message("Tversky", f"`{label}` must be a number >= 0", f"{label}={value!r}")
                )
        self.axis = _axes("Tversky", axis)
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=self.axis)
        self.row_independent = _keeps_rows(self.axis)


def _axes(who, axis):
    """Return an axis, a tuple of axes or None."""
    if axis is None or (isinstance(axis, int) and not isinstance(axis, bool)):
        return axis
    if isinstance(axis, (list, tuple)) and all(isinstance(each, int) for each in axis):
        return tuple(axis)
    raise TypeError(
        message(who, "`axis` must be an int, a tuple of ints, or None", f"axis={axis!r}")
    )


def _keeps_rows(axis) -> bool:
    """Return whether the batch axis is surely not summed over; a negative axis could be the batch's."""
    axes = (axis,) if isinstance(axis, int) else axis
    return axes is not None and all(each > 0 for each in axes)


# ---- functions


@register("loss")
@facts(row_independent=False)
def dice(y_true, y_pred, axis=None):
    """Return 1 - (2 * sum(y_true * y_pred) + epsilon) / (sum(y_true) + sum(y_pred) + epsilon).

    Args:
        y_true: labels in [0, 1].
        y_pred: predictions in [0, 1], the same shape.
        axis: int, tuple of ints, or None: the axes summed over. Default None: all.

    Returns:
        The shape without these axes, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> round(float(keras.losses.dice(np.array([[0.0, 1.0]]), np.array([[0.0, 0.5]]))), 4)
        0.3333
    """
    y_true, y_pred = align(y_true, y_pred, "dice")
    common = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - (2.0 * common + settings.epsilon()) / (total + settings.epsilon())


@register("loss")
@facts(row_independent=False)
def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """Return the Tversky loss; formula at `Tversky`.

    Args:
        y_true: labels in [0, 1].
        y_pred: predictions in [0, 1], the same shape.
        alpha: number >= 0. Weight of misses. Default 0.5.
        beta: number >= 0. Weight of false alarms. Default 0.5.
        axis: int, tuple of ints, or None: the axes summed over. Default None: all.

    Returns:
        The shape without these axes, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> round(float(keras.losses.tversky(np.array([[0.0, 1.0]]), np.array([[0.0, 0.5]]))), 4)
        0.3333
    """
    y_true, y_pred = align(y_true, y_pred, "tversky")
    hits = ops.sum(y_true * y_pred, axis=axis)
    alarms = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    misses = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    return 1.0 - (hits + settings.epsilon()) / (
        hits + alpha * misses + beta * alarms + settings.epsilon()
    )
