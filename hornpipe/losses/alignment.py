"""How labels, predictions, weights and masks are brought to shapes that fit, for losses and metrics alike.

Nothing here broadcasts two different batch axes against each other: shapes fit by a rule below, or a `ShapeError` names both.

>>> import numpy as np
>>> from hornpipe.losses.alignment import align
>>> y_true, y_pred = align([1.0, 2.0, 3.0], np.zeros((3, 1)), "example")
>>> tuple(y_true.shape), tuple(y_pred.shape)
((3, 1), (3, 1))
"""

from __future__ import annotations

import math

from hornpipe import ops
from hornpipe.core import settings
from hornpipe.core.dtypes import is_float, result_type, standardize_dtype
from hornpipe.core.errors import ShapeError, message


def dtype_of(x) -> str:
    """Return a tensor's dtype name."""
    return standardize_dtype(x.dtype)


def as_float(x, least=None):
    """Return `x` as a floating tensor; integers and booleans become `floatx`, short floats at least `least`."""
    x = ops.convert_to_tensor(x)
    dtype = dtype_of(x)
    wanted = dtype if is_float(dtype) else settings.floatx()
    if least is not None:
        wanted = result_type(wanted, least)
    return x if wanted == dtype else ops.cast(x, wanted)


def cast_like(x, other):
    """Return `x` as a tensor of `other`'s dtype."""
    x = ops.convert_to_tensor(x)
    return x if dtype_of(x) == dtype_of(other) else ops.cast(x, dtype_of(other))


def _fits(size, other) -> bool:
    return size is None or other is None or size == other


def same_shape(first, second) -> bool:
    """Return whether two shapes are equal, unknown sizes (None) fitting any."""
    return len(first) == len(second) and all(map(_fits, first, second))


def align_ranks(y_true, y_pred):
    """Return both with equal ranks where they differ by one axis of size 1 at the end.

    `(batch,)` beside `(batch, 1)` gains that axis; with more axes, the extra axis is dropped.
    """
    true_shape, pred_shape = tuple(y_true.shape), tuple(y_pred.shape)
    if len(true_shape) == len(pred_shape) + 1 and true_shape[-1] == 1:
        if len(pred_shape) == 1:
            return y_true, ops.expand_dims(y_pred, -1)
        return ops.squeeze(y_true, -1), y_pred
    if len(pred_shape) == len(true_shape) + 1 and pred_shape[-1] == 1:
        if len(true_shape) == 1:
            return ops.expand_dims(y_true, -1), y_pred
        return y_true, ops.squeeze(y_pred, -1)
    return y_true, y_pred


def align(y_true, y_pred, who: str):
    """Return `y_true` in the dtype of `y_pred`, and both in one shape.

    Args:
        y_true: labels, array or tensor.
        y_pred: predictions, array or tensor; integers become `floatx`.
        who: who asks, for the error's text.

    Raises:
        ShapeError: the shapes differ by more than one axis of size 1 at the end, or have no axis at all.
    """
    y_pred = as_float(y_pred)
    y_true, y_pred = align_ranks(cast_like(y_true, y_pred), y_pred)
    check_equal_shapes(y_true, y_pred, who)
    return y_true, y_pred


def check_equal_shapes(y_true, y_pred, who: str) -> None:
    """Raise a ShapeError unless both shapes are equal and have at least one axis."""
    shapes = tuple(y_true.shape), tuple(y_pred.shape)
    if same_shape(*shapes) and len(shapes[0]) > 0:
        return
    received = f"y_true.shape={shapes[0]}, y_pred.shape={shapes[1]}"
    if shapes[0] == shapes[1]:
        raise ShapeError(
            message(who, "`y_true` and `y_pred` must have at least one axis", received)
        )
    rule = (
        "`y_true` and `y_pred` must have the same shape, or differ by one axis of size 1 at the end"
    )
    raise ShapeError(
        message(who, rule, received, "Reshape the labels to the shape of the model's output.")
    )


def align_labels(y_true, y_pred, who: str, axis: int = -1):
    """Return integer labels without the class axis, for predictions that have it.

    Args:
        y_true: labels of `y_pred`'s shape without the class axis, or with size 1 there.
        y_pred: tensor of scores.
        who: who asks, for the error's text.
        axis: int. The class axis of `y_pred`.

    Raises:
        ShapeError: the labels have another shape, or `axis` does not exist.
    """
    y_true = ops.convert_to_tensor(y_true)
    true_shape, pred_shape = tuple(y_true.shape), tuple(y_pred.shape)
    rank = len(pred_shape)
    if not -rank <= axis < rank:
        raise ShapeError(
            message(who, f"`axis` must exist in `y_pred` of {rank} axes", f"axis={axis}")
        )
    axis %= rank
    wanted = pred_shape[:axis] + pred_shape[axis + 1 :]
    if same_shape(true_shape, (*wanted[:axis], 1, *wanted[axis:])):
        y_true = ops.squeeze(y_true, axis)
    elif len(true_shape) == rank and true_shape[-1] == 1 and same_shape(true_shape[:-1], wanted):
        y_true = ops.squeeze(y_true, -1)
    elif not same_shape(true_shape, wanted):
        rule = f"integer labels for scores of shape {pred_shape} must have the shape {wanted}"
        fix = "One-hot labels need the loss or metric without `sparse` in its name."
        raise ShapeError(message(who, rule, f"y_true.shape={true_shape}", fix))
    return y_true if dtype_of(y_true) == "int32" else ops.cast(y_true, "int32")


def fit_weights(weights, shape, who: str, name: str = "sample_weight"):
    """Return weights with as many axes as `shape`, aligned at the batch axis: `(batch,)` becomes `(batch, 1, ...)`.

    Args:
        weights: tensor whose axes are leading axes of `shape`; sizes of 1 fit any, axes of size 1 at the end are dropped.
        shape: tuple, the shape of the values to be weighted.
        who: who asks, for the error's text.
        name: what the weights are, for the error's text.

    Raises:
        ShapeError: an axis of the weights has another size, or there are too many axes.
    """
    shape, given = tuple(shape), tuple(weights.shape)
    while len(weights.shape) > len(shape) and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    sizes = tuple(weights.shape)
    if len(sizes) > len(shape) or not all(
        w == 1 or _fits(w, s) for w, s in zip(sizes, shape, strict=False)
    ):
        rule = f"`{name}` must have the shape {shape} of the weighted values or its leading axes"
        fix = "Give one number for each row, shape (batch,)."
        raise ShapeError(message(who, rule, f"{name}.shape={given}", fix))
    for _ in range(len(shape) - len(sizes)):
        weights = ops.expand_dims(weights, -1)
    return weights


def per_element(y_true, y_pred, *weights):
    """Return both with a last axis of size 1 added where a weight or mask has one number for each element."""
    shape = tuple(y_pred.shape)
    for weight in weights:
        if weight is not None and len(weight.shape) == len(shape) and weight.shape[-1] != 1:
            return ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1)
    return y_true, y_pred


def number_of(values) -> int:
    """Return how many elements `values` has; unknown sizes count as 1."""
    return math.prod(size or (0 if size == 0 else 1) for size in values.shape)
