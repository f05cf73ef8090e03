"""Accuracies: the share of predictions that are right.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.SparseCategoricalAccuracy()
>>> metric.update_state(np.array([1, 0]), np.array([[0.2, 0.8], [0.3, 0.7]]))
>>> float(metric.result())
0.5
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.core.errors import message
from hornpipe.losses.alignment import align, align_labels, as_float, check_equal_shapes, dtype_of
from hornpipe.losses.base import facts
from hornpipe.metrics.base import MeanMetricWrapper, metric_function

# ---- functions


def _as_hits(condition, y_pred):
    return ops.cast(condition, dtype_of(y_pred))


@metric_function
@facts()
def accuracy(y_true, y_pred):
    """Return 1 where labels and predictions are equal, else 0.

    Args:
        y_true: labels.
        y_pred: predictions, the same shape; `(batch,)` fits `(batch, 1)`.

    Returns:
        The shape of `y_pred`, floating.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> from hornpipe.metrics.accuracy import accuracy
        >>> accuracy(np.array([1, 2]), np.array([1, 3])).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = align(y_true, y_pred, "accuracy")
    return _as_hits(ops.equal(y_true, y_pred), y_pred)


@metric_function
@facts()
def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Return 1 where `y_pred > threshold` agrees with the label 0 or 1, else 0.

    Args:
        y_true: labels 0 and 1.
        y_pred: probabilities, the same shape; `(batch,)` fits `(batch, 1)`.
        threshold: number. Default 0.5.

    Returns:
        The shape of `y_pred`, floating.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.metrics.binary_accuracy(np.array([1, 1, 0]), np.array([0.9, 0.4, 0.2])).tolist()
        [1.0, 0.0, 1.0]
    """
    y_true, y_pred = align(y_true, y_pred, "binary_accuracy")
    positive = _as_hits(ops.greater(y_pred, threshold), y_pred)
    return _as_hits(ops.equal(y_true, positive), y_pred)


@metric_function
@facts()
def categorical_accuracy(y_true, y_pred):
    """Return 1 where the largest score stands at the largest label, else 0.

    Args:
        y_true: one-hot labels `(batch, ..., classes)`.
        y_pred: scores, the same shape.

    Returns:
        `(batch, ...)`, floating.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.metrics.categorical_accuracy(np.array([[0, 1], [1, 0]]), np.array([[0.1, 0.9], [0.4, 0.6]])).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), as_float(y_pred)
    check_equal_shapes(y_true, y_pred, "categorical_accuracy")
    return _as_hits(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)), y_pred)


@metric_function
@facts(integer_labels=True)
def sparse_categorical_accuracy(y_true, y_pred):
    """Return 1 where the largest score stands at the class number, else 0.

    Args:
        y_true: integers `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: scores `(batch, ..., classes)`.

    Returns:
        `(batch, ...)`, floating.

    Raises:
        ShapeError: the labels' shape does not fit.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.metrics.sparse_categorical_accuracy(np.array([1, 0]), np.array([[0.1, 0.9], [0.4, 0.6]])).tolist()
        [1.0, 0.0]
    """
    y_pred = as_float(y_pred)
    labels = align_labels(y_true, y_pred, "sparse_categorical_accuracy")
    return _as_hits(ops.equal(labels, ops.cast(ops.argmax(y_pred, axis=-1), "int32")), y_pred)


@metric_function
@facts()
def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Return 1 where the labelled class has one of the `k` largest scores, else 0.

    Args:
        y_true: one-hot labels `(batch, ..., classes)`.
        y_pred: scores, the same shape.
        k: int >= 1. Default 5; more than there are classes is always right.

    Returns:
        `(batch, ...)`, floating.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.metrics.top_k_categorical_accuracy(np.array([[0, 0, 1]]), np.array([[0.1, 0.6, 0.3]]), k=2).tolist()
        [1.0]
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), as_float(y_pred)
    check_equal_shapes(y_true, y_pred, "top_k_categorical_accuracy")
    return _as_hits(_is_in_top_k(ops.cast(ops.argmax(y_true, axis=-1), "int32"), y_pred, k), y_pred)


@metric_function
@facts(integer_labels=True)
def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """Return 1 where the class number has one of the `k` largest scores, else 0.

    Args:
        y_true: integers `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: scores `(batch, ..., classes)`; with `from_sorted_ids`, class numbers from best to worst.
        k: int >= 1. Default 5; more than there are classes is always right.
        from_sorted_ids: bool. Whether `y_pred` holds class numbers, not scores. Default False.

    Returns:
        `(batch, ...)`, floating.

    Raises:
        ShapeError: the labels' shape does not fit.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.metrics.sparse_top_k_categorical_accuracy(np.array([2]), np.array([[0.1, 0.6, 0.3]]), k=2).tolist()
        [1.0]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = align_labels(y_true, y_pred, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        first = ops.cast(y_pred[..., :k], "int32")
        return ops.cast(
            ops.any(ops.equal(first, ops.expand_dims(labels, -1)), axis=-1),
            dtype_of(as_float(y_pred)),
        )
    y_pred = as_float(y_pred)
    return _as_hits(_is_in_top_k(labels, y_pred, k), y_pred)


def _is_in_top_k(labels, scores, k):
    """Return whether fewer than `k` classes score above the labelled one; ties are in, NaN and infinity are out."""
    numbers = ops.arange(scores.shape[-1], dtype="int32")
    labelled = ops.equal(ops.expand_dims(labels, -1), numbers)
    score = ops.sum(ops.where(labelled, scores, ops.zeros_like(scores)), axis=-1, keepdims=True)
    above = ops.sum(ops.cast(ops.greater(scores, score), "int32"), axis=-1)
    sound = ops.logical_and(ops.any(labelled, axis=-1), ops.all(ops.isfinite(score), axis=-1))
    return ops.logical_and(above < k, sound)


# ---- classes


@register("metric")
class Accuracy(MeanMetricWrapper):
    """Computes how often predictions equal labels exactly.

    Args:
        name: str. Default "accuracy".
        dtype: as in `Metric`.

    Input shape:
        Equal shapes; `(batch,)` fits `(batch, 1)`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.Accuracy()
        >>> metric.update_state(np.array([1, 2, 3, 4]), np.array([0, 2, 3, 4]))
        >>> float(metric.result())
        0.75
    """

    row_independent = True
    _direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


@register("metric")
class BinaryAccuracy(MeanMetricWrapper):
    """Computes how often `y_pred > threshold` agrees with labels 0 and 1.

    Args:
        name: str. Default "binary_accuracy".
        dtype: as in `Metric`.
        threshold: float in (0, 1]. Default 0.5. Logits need 0.0, which is allowed as well.

    Input shape:
        Equal shapes; `(batch,)` fits `(batch, 1)`.

    Raises:
        ValueError: `threshold` is not a number in [0, 1] (at construction).
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.BinaryAccuracy()
        >>> metric.update_state(np.array([[1], [1], [0], [0]]), np.array([[0.98], [1], [0], [0.6]]))
        >>> float(metric.result())
        0.75
    """

    row_independent = True
    _direction = "up"

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        if (
            isinstance(threshold, bool)
            or not isinstance(threshold, (int, float))
            or not 0 <= threshold <= 1
        ):
            rule = "`threshold` must be a number between 0 and 1"
            raise ValueError(message("BinaryAccuracy", rule, f"threshold={threshold!r}"))
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


@register("metric")
class CategoricalAccuracy(MeanMetricWrapper):
    """Computes how often the largest score stands at the one-hot label.

    Args:
        name: str. Default "categorical_accuracy".
        dtype: as in `Metric`.

    Input shape:
        `(batch, ..., classes)` for both.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.CategoricalAccuracy()
        >>> metric.update_state(np.array([[0, 0, 1], [0, 1, 0]]), np.array([[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
        >>> float(metric.result())
        0.5
    """

    row_independent = True
    _direction = "up"

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


@register("metric")
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Computes how often the largest score stands at the class number.

    Args:
        name: str. Default "sparse_categorical_accuracy".
        dtype: as in `Metric`.

    Input shape:
        `y_pred` `(batch, ..., classes)`; `y_true` integers `(batch, ...)` or `(batch, ..., 1)`.

    Raises:
        ShapeError: the labels' shape does not fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.SparseCategoricalAccuracy()
        >>> metric.update_state(np.array([[2], [1]]), np.array([[0.1, 0.6, 0.3], [0.05, 0.95, 0]]))
        >>> float(metric.result())
        0.5
    """

    row_independent = True
    _direction = "up"

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


@register("metric")
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Computes how often the one-hot label is among the `k` largest scores.

    Args:
        k: int >= 1. Default 5.
        name: str. Default "top_k_categorical_accuracy".
        dtype: as in `Metric`.

    Input shape:
        `(batch, ..., classes)` for both.

    Raises:
        ValueError: `k` is not an integer >= 1 (at construction).
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.TopKCategoricalAccuracy(k=1)
        >>> metric.update_state(np.array([[0, 0, 1], [0, 1, 0]]), np.array([[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
        >>> float(metric.result())
        0.5
    """

    row_independent = True
    _direction = "up"

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(
            top_k_categorical_accuracy, name, dtype, k=_check_k("TopKCategoricalAccuracy", k)
        )


@register("metric")
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Computes how often the class number is among the `k` largest scores.

    Args:
        k: int >= 1. Default 5.
        name: str. Default "sparse_top_k_categorical_accuracy".
        dtype: as in `Metric`.
        from_sorted_ids: bool. Whether `y_pred` holds class numbers from best to worst, not scores. Default False.

    Input shape:
        `y_pred` `(batch, ..., classes)`; `y_true` integers `(batch, ...)` or `(batch, ..., 1)`.

    Raises:
        ValueError: `k` is not an integer >= 1 (at construction).
        ShapeError: the labels' shape does not fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.SparseTopKCategoricalAccuracy(k=1)
        >>> metric.update_state(np.array([2, 1]), np.array([[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
        >>> float(metric.result())
        0.5
    """

    row_independent = True
    _direction = "up"

    def __init__(
        self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False
    ):
        options = {
            "k": _check_k("SparseTopKCategoricalAccuracy", k),
            "from_sorted_ids": from_sorted_ids,
        }
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, **options)


def _check_k(who, k) -> int:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(message(who, "`k` must be an integer >= 1", f"k={k!r}"))
    return k
