"""Losses for numbers: squared, absolute and relative errors, Huber, log-cosh, cosine similarity.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.losses.mean_absolute_error(np.array([[0.0, 1.0]]), np.array([[1.0, 3.0]])).tolist()
[1.5]
"""

# Classes stand before functions: "mean_squared_error" must name the function, and the later entry of a name stays.

from __future__ import annotations

import math

from hornpipe import ops
from hornpipe.core import settings
from hornpipe.core.config import register
from hornpipe.core.errors import message
from hornpipe.losses.alignment import align, as_float, cast_like
from hornpipe.losses.base import LossFunctionWrapper, facts

REDUCE = "sum_over_batch_size"


@register("loss")
class MeanSquaredError(LossFunctionWrapper):
    """Computes the mean of squared differences.

    loss = mean((y_true - y_pred) ** 2, last axis)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "mean_squared_error".
        dtype: as in `Loss`.

    Input shape:
        `(batch, ..., features)` for both; `(batch,)` fits `(batch, 1)`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.MeanSquaredError()
        >>> float(loss(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [1.0, 0.0]])))
        0.5
        >>> float(loss(np.array([[0.0], [1.0]]), np.array([[2.0], [1.0]]), sample_weight=np.array([0.5, 1.0])))
        1.0
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, reduction, name, dtype)


@register("loss")
class MeanAbsoluteError(LossFunctionWrapper):
    """Computes the mean of absolute differences.

    loss = mean(|y_true - y_pred|, last axis)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "mean_absolute_error".
        dtype: as in `Loss`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> float(keras.losses.MeanAbsoluteError()(np.array([[0.0, 1.0]]), np.array([[1.0, 3.0]])))
        1.5
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, reduction, name, dtype)


@register("loss")
class MeanAbsolutePercentageError(LossFunctionWrapper):
    """Computes the mean of absolute differences in per cent of the labels.

    loss = 100 * mean(|y_true - y_pred| / max(|y_true|, epsilon), last axis)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "mean_absolute_percentage_error".
        dtype: as in `Loss`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> float(keras.losses.MeanAbsolutePercentageError()(np.array([[2.0, 4.0]]), np.array([[1.0, 5.0]])))
        37.5
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


@register("loss")
class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """Computes the mean of squared differences of logarithms.

    loss = mean((log(1 + max(y_true, epsilon)) - log(1 + max(y_pred, epsilon))) ** 2, last axis)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "mean_squared_logarithmic_error".
        dtype: as in `Loss`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.MeanSquaredLogarithmicError()
        >>> round(float(loss(np.array([[1.0]]), np.array([[3.0]]))), 4)
        0.4805
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


@register("loss")
class Huber(LossFunctionWrapper):
    """Computes half the squared difference near 0 and the absolute one further away.

    With error = y_true - y_pred: 0.5 * error ** 2 where |error| <= delta, else delta * |error| - 0.5 * delta ** 2;
    mean over the last axis.

    Args:
        delta: number > 0. Where the parabola becomes a line. Default 1.0.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "huber_loss".
        dtype: as in `Loss`.

    Raises:
        ValueError: `delta` is not a number > 0 (at construction).
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> float(keras.losses.Huber()(np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]])))
        1.5

    References:
        Huber (1964), Robust Estimation of a Location Parameter, doi:10.1214/aoms/1177703732.
    """

    row_independent = True

    def __init__(self, delta=1.0, reduction=REDUCE, name="huber_loss", dtype=None):
        if (
            isinstance(delta, bool)
            or not isinstance(delta, (int, float))
            or not 0 < delta < math.inf
        ):
            raise ValueError(message("Huber", "`delta` must be a number > 0", f"delta={delta!r}"))
        super().__init__(huber, reduction, name, dtype, delta=delta)


@register("loss")
class LogCosh(LossFunctionWrapper):
    """Computes the logarithm of the hyperbolic cosine of the difference.

    loss = mean(log(cosh(y_pred - y_true)), last axis): about error ** 2 / 2 near 0 and |error| - log(2) far away.

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "log_cosh".
        dtype: as in `Loss`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> round(float(keras.losses.LogCosh()(np.array([[0.0]]), np.array([[1.0]]))), 4)
        0.4338
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="log_cosh", dtype=None):
        super().__init__(log_cosh, reduction, name, dtype)


@register("loss")
class CosineSimilarity(LossFunctionWrapper):
    """Computes minus the cosine of the angle between labels and predictions: -1 where they point the same way.

    loss = -sum(y_true / max(|y_true|, epsilon) * y_pred / max(|y_pred|, epsilon), axis); 0 where one of them is 0.

    Args:
        axis: int. The axis of the vectors. Default -1.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "cosine_similarity".
        dtype: as in `Loss`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> float(keras.losses.CosineSimilarity()(np.array([[0.0, 2.0]]), np.array([[0.0, 5.0]])))
        -1.0
    """

    row_independent = True

    def __init__(self, axis=-1, reduction=REDUCE, name="cosine_similarity", dtype=None):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


# ---- functions


@register("loss", "mse", "MSE")
@facts(elementwise=True)
def mean_squared_error(y_true, y_pred):
    """Return mean((y_true - y_pred) ** 2) over the last axis.

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.mean_squared_error(np.array([[0.0, 1.0]]), np.array([[1.0, 3.0]])).tolist()
        [2.5]
    """
    y_true, y_pred = align(y_true, y_pred, "mean_squared_error")
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@register("loss", "mae", "MAE")
@facts(elementwise=True)
def mean_absolute_error(y_true, y_pred):
    """Return mean(|y_true - y_pred|) over the last axis.

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.mean_absolute_error(np.array([[0.0, 1.0]]), np.array([[1.0, 3.0]])).tolist()
        [1.5]
    """
    y_true, y_pred = align(y_true, y_pred, "mean_absolute_error")
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@register("loss", "mape", "MAPE")
@facts(elementwise=True)
def mean_absolute_percentage_error(y_true, y_pred):
    """Return 100 * mean(|y_true - y_pred| / max(|y_true|, epsilon)) over the last axis.

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.mean_absolute_percentage_error(np.array([[2.0, 4.0]]), np.array([[1.0, 5.0]])).tolist()
        [37.5]
    """
    y_true, y_pred = align(y_true, y_pred, "mean_absolute_percentage_error")
    share = ops.abs(y_true - y_pred) / ops.maximum(ops.abs(y_true), settings.epsilon())
    return 100.0 * ops.mean(share, axis=-1)


@register("loss", "msle", "MSLE")
@facts(elementwise=True)
def mean_squared_logarithmic_error(y_true, y_pred):
    """Return mean((log(1 + y_true) - log(1 + y_pred)) ** 2) over the last axis, negative numbers taken as epsilon.

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.mean_squared_logarithmic_error(np.array([[1.0, 1.0]]), np.array([[1.0, 1.0]])).tolist()
        [0.0]
    """
    y_true, y_pred = align(y_true, y_pred, "mean_squared_logarithmic_error")
    first, second = (ops.log1p(ops.maximum(x, settings.epsilon())) for x in (y_true, y_pred))
    return ops.mean(ops.square(first - second), axis=-1)


@register("loss")
@facts(elementwise=True)
def huber(y_true, y_pred, delta=1.0):
    """Return the Huber loss, a mean over the last axis.

    0.5 * error ** 2 where |error| <= delta, else delta * |error| - 0.5 * delta ** 2; error = y_true - y_pred.

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.
        delta: number > 0. Default 1.0.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.huber(np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]])).tolist()
        [1.5]
    """
    y_true, y_pred = align(y_true, y_pred, "huber")
    distance = ops.abs(y_true - y_pred)
    near = ops.minimum(distance, delta)
    # near * (distance - near / 2) is both branches in one expression.
    return ops.mean(near * (distance - 0.5 * near), axis=-1)


@register("loss", "logcosh")
@facts(elementwise=True)
def log_cosh(y_true, y_pred):
    """Return mean(log(cosh(y_pred - y_true))) over the last axis.

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Numerics:
        Computed as error + softplus(-2 * error) - log(2), which does not overflow; the error is about 1e-7 in float32.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.log_cosh(np.array([[0.0, 0.0]]), np.array([[0.0, 0.0]])).tolist()
        [0.0]
    """
    y_true, y_pred = align(y_true, y_pred, "log_cosh")
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(-2.0 * error) - math.log(2.0), axis=-1)


@register("loss")
@facts()
def cosine_similarity(y_true, y_pred, axis=-1):
    """Return minus the cosine of the angle between labels and predictions along an axis.

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.
        axis: int. The axis of the vectors. Default -1.

    Returns:
        The shape without that axis, the dtype of `y_pred`; numbers in [-1, 1].

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.cosine_similarity(np.array([[0.0, 2.0]]), np.array([[0.0, 3.0]])).tolist()
        [-1.0]
    """
    y_true, y_pred = align(y_true, y_pred, "cosine_similarity")
    return -ops.sum(unit_vectors(y_true, axis) * unit_vectors(y_pred, axis), axis=axis)


def unit_vectors(x, axis):
    """Return x / max(|x|, epsilon) along an axis, with a finite gradient at 0."""
    wide = as_float(x, least="float32")  # epsilon squared is 0 in float16
    squares = ops.sum(ops.square(wide), axis=axis, keepdims=True)
    return cast_like(wide * ops.rsqrt(ops.maximum(squares, settings.epsilon() ** 2)), x)
