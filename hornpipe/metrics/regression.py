"""Metrics for numbers: errors, cosine similarity, R2, correlations.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.RootMeanSquaredError()
>>> metric.update_state(np.array([[0.0], [0.0]]), np.array([[3.0], [3.0]]))
>>> float(metric.result())
3.0
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import masking
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message
from hornpipe.losses import regression as losses
from hornpipe.losses.alignment import align
from hornpipe.losses.base import facts
from hornpipe.metrics.base import (
    Mean,
    MeanMetricWrapper,
    Metric,
    cast,
    leave_out,
    metric_function,
    rows_of_one,
    weigh,
)


@register("metric", "mse", "MSE")
class MeanSquaredError(MeanMetricWrapper):
    """Computes the mean of (y_true - y_pred) ** 2.

    Args:
        name: str. Default "mean_squared_error".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.MeanSquaredError()
        >>> metric.update_state(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 0.0]]))
        >>> float(metric.result())
        0.25
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(losses.mean_squared_error, name, dtype)


@register("metric", "mae", "MAE")
class MeanAbsoluteError(MeanMetricWrapper):
    """Computes the mean of |y_true - y_pred|.

    Args:
        name: str. Default "mean_absolute_error".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.MeanAbsoluteError()
        >>> metric.update_state(np.array([[0.0, 1.0]]), np.array([[1.0, 3.0]]))
        >>> float(metric.result())
        1.5
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(losses.mean_absolute_error, name, dtype)


@register("metric", "mape", "MAPE")
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Computes 100 times the mean of |y_true - y_pred| / |y_true|.

    Args:
        name: str. Default "mean_absolute_percentage_error".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.MeanAbsolutePercentageError()
        >>> metric.update_state(np.array([[2.0, 4.0]]), np.array([[1.0, 5.0]]))
        >>> float(metric.result())
        37.5
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@register("metric", "msle", "MSLE")
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Computes the mean of (log(1 + y_true) - log(1 + y_pred)) ** 2.

    Args:
        name: str. Default "mean_squared_logarithmic_error".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.MeanSquaredLogarithmicError()
        >>> metric.update_state(np.array([[1.0]]), np.array([[3.0]]))
        >>> round(float(metric.result()), 4)
        0.4805
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@register("metric", "rmse", "RMSE")
class RootMeanSquaredError(Mean):
    """Computes the square root of the mean of (y_true - y_pred) ** 2 over all batches.

    Args:
        name: str. Default "root_mean_squared_error".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.RootMeanSquaredError()
        >>> metric.update_state(np.array([[0.0, 0.0]]), np.array([[3.0, 3.0]]))
        >>> float(metric.result())
        3.0
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch; `sample_weight` covers leading axes of `y_pred`.

        Raises:
            ShapeError: shapes don't fit.
        """
        mask = masking.get_mask(y_pred)
        y_true, y_pred = align(y_true, cast(y_pred, self._sum_dtype), "RootMeanSquaredError")
        squares = ops.square(y_pred - y_true)
        if mask is not None:
            squares, sample_weight = leave_out(squares, sample_weight, mask, "RootMeanSquaredError")
        super().update_state(squares, sample_weight=sample_weight)

    def result(self):
        """Return the root, a scalar."""
        return ops.sqrt(super().result())


@register("metric")
class CosineSimilarity(MeanMetricWrapper):
    """Computes the mean cosine of the angle between labels and predictions: 1 where they point the same way.

    Args:
        name: str. Default "cosine_similarity".
        dtype: as in `Metric`.
        axis: int. The axis of the vectors. Default -1.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.CosineSimilarity()
        >>> metric.update_state(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.0, 2.0], [0.0, 1.0]]))
        >>> float(metric.result())
        0.5
    """

    row_independent = True
    _direction = "up"

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(_cosine, name, dtype, axis=axis)


@facts()
def _cosine(y_true, y_pred, axis=-1):
    return -losses.cosine_similarity(y_true, y_pred, axis=axis)


@register("metric", "logcosh")
class LogCoshError(MeanMetricWrapper):
    """Computes the mean of log(cosh(y_pred - y_true)).

    Args:
        name: str. Default "logcosh".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.LogCoshError()
        >>> metric.update_state(np.array([[0.0]]), np.array([[1.0]]))
        >>> round(float(metric.result()), 4)
        0.4338
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(losses.log_cosh, name, dtype)


# ---- correlations


@metric_function
@facts()
def pearson_correlation(y_true, y_pred, axis=-1):
    """Return the correlation of labels and predictions along an axis (Pearson), 0 where one of them is constant.

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.
        axis: int or tuple of ints. The axis along which to correlate. Default -1.

    Returns:
        The shape without that axis; numbers in [-1, 1].

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> value = keras.metrics.pearson_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 4.0, 6.0]]))
        >>> round(float(value[0]), 4)
        1.0
    """
    y_true, y_pred = align(y_true, y_pred, "pearson_correlation")
    first, second = (x - ops.mean(x, axis=axis, keepdims=True) for x in (y_true, y_pred))
    norms = ops.sum(ops.square(first), axis=axis), ops.sum(ops.square(second), axis=axis)
    return ops.divide_no_nan(
        ops.sum(first * second, axis=axis), ops.sqrt(norms[0]) * ops.sqrt(norms[1])
    )


@metric_function
@facts()
def concordance_correlation(y_true, y_pred, axis=-1):
    """Return how well predictions agree with labels along an axis (Lin): 2 cov / (var + var + (mean - mean) ** 2).

    Args:
        y_true: labels `(batch, ..., features)`.
        y_pred: predictions, the same shape.
        axis: int or tuple of ints. The axis along which to compare. Default -1.

    Returns:
        The shape without that axis; numbers in [-1, 1]; 0 where both are the same constant.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> value = keras.metrics.concordance_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 2.0, 3.0]]))
        >>> round(float(value[0]), 4)
        1.0

    References:
        Lin (1989), A Concordance Correlation Coefficient to Evaluate Reproducibility, doi:10.2307/2532051.
    """
    y_true, y_pred = align(y_true, y_pred, "concordance_correlation")
    means = [ops.mean(x, axis=axis, keepdims=True) for x in (y_true, y_pred)]
    first, second = y_true - means[0], y_pred - means[1]
    shift = ops.square(ops.squeeze(means[0] - means[1], axis))
    spread = ops.mean(ops.square(first), axis=axis) + ops.mean(ops.square(second), axis=axis)
    return ops.divide_no_nan(2.0 * ops.mean(first * second, axis=axis), spread + shift)


@register("metric")
class PearsonCorrelation(MeanMetricWrapper):
    """Computes the mean over rows of the correlation along an axis. Formula at `pearson_correlation`.

    Args:
        name: str. Default "pearson_correlation".
        dtype: as in `Metric`.
        axis: int. The axis along which to correlate. Default -1.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.PearsonCorrelation()
        >>> metric.update_state(np.array([[0, 1, 0.5], [1, 1, 0.2]]), np.array([[0.1, 0.9, 0.5], [1, 0.9, 0.2]]))
        >>> round(float(metric.result()), 4)
        0.9967
    """

    row_independent = True
    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis
        self.row_independent = axis not in (0, (0,), [0])


@register("metric")
class ConcordanceCorrelation(MeanMetricWrapper):
    """Computes the mean over rows of the concordance along an axis. Formula at `concordance_correlation`.

    Args:
        name: str. Default "concordance_correlation".
        dtype: as in `Metric`.
        axis: int. The axis along which to compare. Default -1.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.ConcordanceCorrelation()
        >>> metric.update_state(np.array([[0, 1, 0.5], [1, 1, 0.2]]), np.array([[0.1, 0.9, 0.5], [1, 0.9, 0.2]]))
        >>> round(float(metric.result()), 4)
        0.9816
    """

    row_independent = True
    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis
        self.row_independent = axis not in (0, (0,), [0])


# ---- R2


@register("metric")
class R2Score(Metric):
    """Computes the share of the labels' variance that predictions explain: 1 is perfect, 0 as good as the mean.

    result = 1 - sum((y_true - y_pred) ** 2) / sum((y_true - mean(y_true)) ** 2), for each output, then averaged.
    A constant label gives 1 where it is predicted exactly, else 0.

    Args:
        class_aggregation: "uniform_average" (mean over outputs), "variance_weighted_average" (weighted by the labels'
            variance), or None (one number for each output). Default "uniform_average".
        num_regressors: int >= 0. Number of inputs of the model, for the adjusted R2: 1 - (1 - R2) * (n - 1) / (n -
            num_regressors - 1). n is the number of rows of weight > 0 (Keras 3 counts elements). Default 0: not
            adjusted; with no more than num_regressors + 1 rows it is not adjusted either.
        name: str. Default "r2_score".
        dtype: as in `Metric`.

    Input shape:
        `(batch, outputs)`, or `(batch,)` for one output.

    Raises:
        ValueError: an argument is none of these (at construction).
        ShapeError: the shapes are not these, or another number of outputs than before (at the update).

    Numerics:
        Means and spreads of batches are merged (Chan, Golub and LeVeque 1983), so a large mean of the labels does no harm.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.R2Score()
        >>> metric.update_state(np.array([[1.0], [4.0], [3.0]]), np.array([[2.0], [4.0], [4.0]]))
        >>> round(float(metric.result()), 4)
        0.5714
    """

    row_independent = True
    _direction = "up"

    def __init__(
        self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None
    ):
        super().__init__(name=name, dtype=dtype)
        choices = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in choices:
            rule = f"`class_aggregation` must be one of {', '.join(map(repr, choices))}"
            raise ValueError(message("R2Score", rule, f"class_aggregation={class_aggregation!r}"))
        if (
            isinstance(num_regressors, bool)
            or not isinstance(num_regressors, int)
            or num_regressors < 0
        ):
            rule = "`num_regressors` must be an integer >= 0"
            raise ValueError(message("R2Score", rule, f"num_regressors={num_regressors!r}"))
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_sum(name="num_samples")
        self.weight = self.add_sum(name="weight")
        self.outputs = None

    def build(self, y_true_shape, y_pred_shape) -> None:
        """Make one mean, spread and error for each output."""
        if self.outputs is not None:
            return
        shape = tuple(y_pred_shape)
        if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] is None):
            rule = "labels and predictions must have the shape (batch, outputs)"
            raise ShapeError(message("R2Score", rule, f"y_pred.shape={shape}"))
        self.outputs = shape[1] if len(shape) == 2 else 1
        self.mean, self.spread = (
            self.add_variable((self.outputs,), "zeros", dtype=self._sum_dtype, name=name)
            for name in ("mean", "spread")
        )
        self.error = self.add_sum((self.outputs,), name="error")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch; `sample_weight` is a number, `(batch,)`, or the shape of `y_pred`.

        Raises:
            ShapeError: shapes don't fit.
        """
        y_true, y_pred = rows_of_one(*align(y_true, cast(y_pred, self._sum_dtype), "R2Score"))
        self.build(y_true.shape, y_pred.shape)
        if len(y_pred.shape) != 2 or y_pred.shape[1] != self.outputs:
            rule = f"labels and predictions must have the shape (batch, {self.outputs})"
            raise ShapeError(message("R2Score", rule, f"y_pred.shape={tuple(y_pred.shape)}"))
        _, weights = weigh(y_pred[:, :1], sample_weight, "R2Score")
        batch = ops.sum(weights)
        mean = ops.divide_no_nan(ops.sum(weights * y_true, axis=0), batch)
        shift, before = mean - self.mean.value, self.weight.value
        share = ops.divide_no_nan(batch, before + batch)
        spread = ops.sum(weights * ops.square(y_true - mean), axis=0)
        self.spread.assign_add(spread + ops.square(shift) * before * share)
        self.mean.assign_add(shift * share)
        self.error.add(ops.sum(weights * ops.square(y_true - y_pred), axis=0))
        self.weight.add(batch)
        self.num_samples.add(ops.sum(ops.cast(weights > 0, self._sum_dtype)))

    def result(self):
        """Return the score: a scalar, or `(outputs,)` without aggregation."""
        if self.outputs is None:
            return ops.zeros((), dtype=self.dtype)
        spread, error = self.spread.value, self.error.value
        constant = ops.cast(ops.equal(error, 0.0), self._sum_dtype)
        scores = ops.where(spread > 0, 1.0 - ops.divide_no_nan(error, spread), constant)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.divide_no_nan(ops.sum(scores * spread), ops.sum(spread))
        if self.num_regressors:
            free = self.num_samples.value - (self.num_regressors + 1)
            adjusted = 1.0 - (1.0 - scores) * (free + self.num_regressors) / ops.maximum(free, 1.0)
            scores = ops.where(free > 0, adjusted, scores)
        return cast(scores, self.dtype)
