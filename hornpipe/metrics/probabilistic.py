"""Losses as metrics: cross-entropies, divergences and hinges, averaged over all batches.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.BinaryCrossentropy()
>>> metric.update_state(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
>>> round(float(metric.result()), 4)
0.6931
"""

from __future__ import annotations

from hornpipe.core.config import register
from hornpipe.losses import classification as losses
from hornpipe.losses import margin
from hornpipe.losses.classification import check_ignore_class, check_share
from hornpipe.metrics.base import MeanMetricWrapper


@register("metric", "bce", "BCE")
class BinaryCrossentropy(MeanMetricWrapper):
    """Computes the mean cross-entropy of labels 0 and 1. Formula at the loss of this name.

    Args:
        name: str. Default "binary_crossentropy".
        dtype: as in `Metric`.
        from_logits: bool. Whether `y_pred` is before the sigmoid. Default False.
        label_smoothing: float in [0, 1]. Default 0.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1] (at construction).
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.BinaryCrossentropy()
        >>> metric.update_state(np.array([[0, 1], [0, 0]]), np.array([[0.6, 0.4], [0.4, 0.6]]))
        >>> round(float(metric.result()), 4)
        0.8149
    """

    row_independent = True
    _direction = "down"

    def __init__(
        self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0
    ):
        check_share("BinaryCrossentropy", "label_smoothing", label_smoothing)
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **options)


@register("metric")
class CategoricalCrossentropy(MeanMetricWrapper):
    """Computes the mean cross-entropy of one-hot labels. Formula at the loss of this name.

    Args:
        name: str. Default "categorical_crossentropy".
        dtype: as in `Metric`.
        from_logits: bool. Whether `y_pred` is before the softmax. Default False.
        label_smoothing: float in [0, 1]. Default 0.
        axis: int. The class axis. Default -1.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1] (at construction).
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.CategoricalCrossentropy()
        >>> metric.update_state(np.array([[0, 1, 0], [0, 0, 1]]), np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]]))
        >>> round(float(metric.result()), 4)
        1.1769
    """

    row_independent = True
    _direction = "down"

    def __init__(
        self,
        name="categorical_crossentropy",
        dtype=None,
        from_logits=False,
        label_smoothing=0,
        axis=-1,
    ):
        check_share("CategoricalCrossentropy", "label_smoothing", label_smoothing)
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **options)


@register("metric")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Computes the mean cross-entropy of class numbers. Formula at the loss of this name.

    Args:
        name: str. Default "sparse_categorical_crossentropy".
        dtype: as in `Metric`.
        from_logits: bool. Whether `y_pred` is before the softmax. Default False.
        ignore_class: int or None. Positions with this label count nowhere. Default None.
        axis: int. The class axis. Default -1.

    Raises:
        TypeError: `ignore_class` is not an integer (at construction).
        ShapeError: the labels' shape does not fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.SparseCategoricalCrossentropy()
        >>> metric.update_state(np.array([1, 2]), np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]]))
        >>> round(float(metric.result()), 4)
        1.1769
    """

    row_independent = True
    _direction = "down"

    def __init__(
        self,
        name="sparse_categorical_crossentropy",
        dtype=None,
        from_logits=False,
        ignore_class=None,
        axis=-1,
    ):
        check_ignore_class("SparseCategoricalCrossentropy", ignore_class)
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **options)


@register("metric", "kld", "KLD")
class KLDivergence(MeanMetricWrapper):
    """Computes the mean divergence of predicted distributions from the true ones. Formula at the loss of this name.

    Args:
        name: str. Default "kl_divergence".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.KLDivergence()
        >>> metric.update_state(np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]]))
        >>> round(float(metric.result()), 4)
        0.1438
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(losses.kl_divergence, name, dtype)


@register("metric")
class Poisson(MeanMetricWrapper):
    """Computes the mean of y_pred - y_true * log(y_pred).

    Args:
        name: str. Default "poisson".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.Poisson()
        >>> metric.update_state(np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]]))
        >>> float(metric.result())
        1.5
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="poisson", dtype=None):
        super().__init__(losses.poisson, name, dtype)


# ---- hinges


@register("metric")
class Hinge(MeanMetricWrapper):
    """Computes the mean of max(1 - y_true * y_pred, 0); labels -1 and 1, or 0 and 1.

    Args:
        name: str. Default "hinge".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.Hinge()
        >>> metric.update_state(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
        >>> float(metric.result())
        1.0
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="hinge", dtype=None):
        super().__init__(margin.hinge, name, dtype)


@register("metric")
class SquaredHinge(MeanMetricWrapper):
    """Computes the mean of max(1 - y_true * y_pred, 0) ** 2; labels -1 and 1, or 0 and 1.

    Args:
        name: str. Default "squared_hinge".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.SquaredHinge()
        >>> metric.update_state(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
        >>> float(metric.result())
        1.25
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(margin.squared_hinge, name, dtype)


@register("metric")
class CategoricalHinge(MeanMetricWrapper):
    """Computes the mean of how far the best wrong class is above the right one. Formula at the loss of this name.

    Args:
        name: str. Default "categorical_hinge".
        dtype: as in `Metric`.

    Raises:
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.CategoricalHinge()
        >>> metric.update_state(np.array([[0.0, 1.0]]), np.array([[0.5, 0.25]]))
        >>> float(metric.result())
        1.25
    """

    row_independent = True
    _direction = "down"

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(margin.categorical_hinge, name, dtype)
