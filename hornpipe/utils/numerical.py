"""Small numerical preparations of NumPy data: class labels to vectors, vectors to unit length."""

from __future__ import annotations

import numbers

import numpy as np

from hornpipe.core.dialect import spoken
from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded


@spoken("to_categorical")
def to_categorical(x, num_classes=None):
    """Return class numbers as vectors that are one at the class and zero elsewhere.

    A trailing axis of size one is dropped first, so labels `(n, 1)` and `(n,)` give the same.

    Args:
        x: whole numbers in [0, num_classes), array-like; whole numbers stored as floats will do.
        num_classes: int >= 1, or None for the largest number plus one.

    Returns:
        NumPy array, float64, `(*x.shape, num_classes)`.

    Raises:
        ValueError: `x` holds a fraction, a negative number or one of `num_classes` or more; `x` is
            empty and `num_classes` is None; `num_classes` is no int >= 1.

    Example:
        >>> import hornpipe as keras
        >>> keras.utils.to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])

    References:
        Keras counts a negative label from the end and cuts fractions off; here both raise. Keras
        returns an engine's tensor for an engine's tensor; here the result is always a NumPy array.
    """
    x = np.asarray(x)
    if x.size == 0 and num_classes is not None:
        x = x.astype(np.int64)
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x.reshape(x.shape[:-1])
    if num_classes is None:
        if x.size == 0:
            fix = "Pass num_classes as well."
            raise ValueError(
                message("to_categorical", "`x` must hold a label", f"shape={x.shape}", fix)
            )
    elif (
        not isinstance(num_classes, numbers.Integral)
        or isinstance(num_classes, bool)
        or num_classes < 1
    ):
        rule = "`num_classes` must be an integer >= 1"
        raise ValueError(message("to_categorical", rule, f"num_classes={num_classes!r}"))
    labels = _whole_numbers(x)
    classes = int(labels.max()) + 1 if num_classes is None else int(num_classes)
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        received = f"labels from {labels.min()} to {labels.max()}"
        fix = "Number the classes from 0, or pass a larger num_classes."
        raise ValueError(
            message("to_categorical", f"labels must be in [0, {classes})", received, fix)
        )
    vectors = np.zeros((*labels.shape, classes))
    np.put_along_axis(vectors, labels[..., np.newaxis], 1.0, axis=-1)
    return vectors


def _whole_numbers(x: np.ndarray) -> np.ndarray:
    numeric = x.dtype.kind in "biuf"
    if not numeric or (x.dtype.kind == "f" and not (np.isfinite(x) & (x == np.trunc(x))).all()):
        fix = "Number the classes first, for example with np.unique(x, return_inverse=True)."
        raise ValueError(message("to_categorical", "`x` must hold whole numbers", f"x={x!r}", fix))
    return x.astype(np.int64)


@guarded()
def normalize(x, axis=-1, order=2):
    """Divide by the p-norm along one axis, so that every vector there has norm one.

    y = x / (sum over axis of |x|**order)**(1 / order); a vector of zeros stays as it is.

    Args:
        x: array-like of numbers, `(..., n, ...)`. A single vector `(n,)` comes back as `(1, n)`, as
            in Keras.
        axis: int, the axis that holds the vectors' components. Default -1.
        order: number >= 1, or np.inf. Default 2, the Euclidean length.

    Returns:
        NumPy array of the shape of `x`; its dtype where that is a floating one, else float64.

    Raises:
        ValueError: `order` is smaller than 1 or no number; `axis` is no int or not an axis of `x`;
            `x` holds no real numbers.

    Numerics:
        The largest component is divided out first, so no square overflows or vanishes.

    Example:
        >>> import hornpipe as keras
        >>> keras.utils.normalize([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    if isinstance(order, bool) or not isinstance(order, numbers.Real) or not order >= 1:
        raise ValueError(
            message("normalize", "`order` must be a number >= 1 or np.inf", f"order={order!r}")
        )
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(message("normalize", "`x` must hold real numbers", f"dtype={x.dtype}"))
    x = np.atleast_1d(x if x.dtype.kind == "f" else x.astype(np.float64))
    if (
        not isinstance(axis, numbers.Integral)
        or isinstance(axis, bool)
        or not -x.ndim <= axis < x.ndim
    ):
        rule = f"`axis` must be one of the {x.ndim} axes of `x`"
        raise ValueError(message("normalize", rule, f"axis={axis!r}, shape={x.shape}"))
    result = x / _positive(np.max(np.abs(x), axis=axis, keepdims=True, initial=0))
    result = result / _positive(np.linalg.norm(result, ord=order, axis=axis, keepdims=True))
    return result.reshape(1, -1) if x.ndim == 1 else result


def _positive(size: np.ndarray) -> np.ndarray:
    return np.where(size == 0, np.ones_like(size), size)
