"""Counts of right and wrong decisions at thresholds: positives and negatives, precision, recall.

Predictions above a threshold count as positive. A label other than 0 counts as positive.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.Precision()
>>> metric.update_state(np.array([0, 1, 1, 1]), np.array([1, 0, 1, 1]))
>>> round(float(metric.result()), 4)
0.6667
"""

from __future__ import annotations

import numpy as np

from hornpipe import ops
from hornpipe.core import masking
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message
from hornpipe.losses.alignment import align, dtype_of, fit_weights
from hornpipe.metrics.base import Metric, cast

_NEVER = -1e30  # below every threshold


def check_thresholds(who: str, thresholds) -> list[float]:
    """Return thresholds as a list of numbers in [0, 1].

    Raises:
        ValueError: one of them is no number in [0, 1], or there are none.
    """
    values = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    numbers = all(
        isinstance(each, (int, float, np.number)) and not isinstance(each, bool) for each in values
    )
    if not values or not numbers or not all(0 <= each <= 1 for each in values):
        raise ValueError(
            message(
                who, "`thresholds` must be numbers between 0 and 1", f"thresholds={thresholds!r}"
            )
        )
    return [float(each) for each in values]


def check_natural(who: str, name: str, value, least: int) -> None:
    """Raise a ValueError unless `value` is None or an integer of at least `least`."""
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int) or value < least
    ):
        raise ValueError(
            message(who, f"`{name}` must be an integer >= {least}", f"{name}={value!r}")
        )


def prepare(y_true, y_pred, sample_weight, who: str, dtype: str):
    """Return positives (0 or 1), predictions and weights (masked positions 0) as tensors of one shape and dtype.

    Raises:
        ShapeError: shapes don't fit.
    """
    mask = masking.get_mask(y_pred)
    y_true, y_pred = align(y_true, cast(y_pred, dtype), who)
    positive = ops.cast(ops.not_equal(y_true, 0), dtype)
    weights = ops.ones_like(y_pred)
    if sample_weight is not None:
        weights = weights * fit_weights(cast(sample_weight, dtype), y_pred.shape, who)
    if mask is not None:
        weights = weights * fit_weights(cast(mask, dtype), y_pred.shape, who, "mask")
    return positive, y_pred, weights


def select(positive, y_pred, weights, who: str, top_k=None, class_id=None):
    """Return the three with all but the `top_k` largest predictions of each row put below every threshold, and with the column
    `class_id` alone.

    Raises:
        ShapeError: there is no class axis, or it is too short.
    """
    if top_k is None and class_id is None:
        return positive, y_pred, weights
    shape = tuple(y_pred.shape)
    classes = shape[-1]
    if class_id is not None and (len(shape) < 2 or (classes is not None and class_id >= classes)):
        rule = f"`class_id` {class_id} needs predictions of the shape (batch, classes) with more than {class_id} classes"
        raise ShapeError(message(who, rule, f"y_pred.shape={shape}"))
    if top_k is not None:
        if classes is not None and top_k > classes:
            rule = f"`top_k` must be at most the number of classes, {classes}"
            raise ShapeError(message(who, rule, f"top_k={top_k}"))
        _, indices = ops.top_k(y_pred, k=top_k)
        kept = ops.any(
            ops.equal(ops.expand_dims(indices, -1), ops.arange(classes, dtype="int32")), axis=-2
        )
        y_pred = ops.where(kept, y_pred, ops.full_like(y_pred, _NEVER))
    if class_id is not None:
        positive, y_pred, weights = (x[..., class_id] for x in (positive, y_pred, weights))
    return positive, y_pred, weights


def counts_above(positive, y_pred, weights, thresholds, per_label: bool = False):
    """Return the weights of true positives and false positives at each of the sorted thresholds, and those of all.

    One pass over the predictions, whatever the number of thresholds: each falls into the bin of how many thresholds lie below
    it, and sums over the bins from above give the counts.

    Args:
        positive: 0 and 1.
        y_pred: predictions, the same shape.
        weights: the same shape.
        thresholds: ascending numbers.
        per_label: bool. Whether to count each column of `(rows, labels)` by itself.

    Returns:
        `(thresholds,)` or `(thresholds, labels)`: true positives, false positives; then `()` or `(labels,)`: all positives and
        all negatives.
    """
    bins, dtype = len(thresholds) + 1, dtype_of(weights)
    labels = y_pred.shape[-1] if per_label else 1
    edges = ops.convert_to_tensor(np.asarray(thresholds), dtype=dtype)
    place = ops.cast(ops.searchsorted(edges, ops.reshape(y_pred, (-1,)), side="left"), "int32")
    # NaN sorts above every number; as a prediction it is above no threshold.
    place = ops.where(ops.isnan(ops.reshape(y_pred, (-1,))), ops.zeros_like(place), place)
    if per_label:
        column = ops.broadcast_to(ops.arange(labels, dtype="int32"), ops.shape(y_pred))
        place = place * labels + ops.reshape(column, (-1,))
    right = ops.reshape(positive * weights, (-1,))
    wrong = ops.reshape((1.0 - positive) * weights, (-1,))
    found = []
    for part in (right, wrong):
        bars = ops.scatter(ops.expand_dims(place, -1), part, (bins * labels,))
        bars = ops.reshape(bars, (bins, labels) if per_label else (bins,))
        found.append(ops.flip(ops.cumsum(ops.flip(bars, axis=0), axis=0), axis=0))
    hits, alarms = found
    return hits[1:], alarms[1:], hits[0], alarms[0]


class _Counts(Metric):
    """Keeps some of the four counts at thresholds.

    Args:
        thresholds: None (then `default`), a number or a list.
        kinds: names of the counts to keep.
    """

    row_independent = True

    def __init__(self, name, dtype, thresholds, kinds, default=0.5):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = (
            [default] if thresholds is None else check_thresholds(type(self).__name__, thresholds)
        )
        self._order = np.argsort(self.thresholds, kind="stable")
        self._kinds = kinds
        for kind in kinds:
            setattr(self, kind, self.add_sum((len(self.thresholds),), name=kind))

    def _count(self, y_true, y_pred, sample_weight, top_k=None, class_id=None):
        who = type(self).__name__
        parts = prepare(y_true, y_pred, sample_weight, who, self._sum_dtype)
        parts = select(*parts, who, top_k=top_k, class_id=class_id)
        ascending = [self.thresholds[index] for index in self._order]
        hits, alarms, positives, negatives = counts_above(*parts, ascending)
        back = np.argsort(self._order, kind="stable").astype("int32")
        if list(back) != sorted(back):
            hits, alarms = ops.take(hits, back, axis=0), ops.take(alarms, back, axis=0)
        counts = {
            "true_positives": hits,
            "false_positives": alarms,
            # Differences of rounded sums can fall below 0 by a rounding error.
            "true_negatives": ops.maximum(negatives - alarms, 0.0),
            "false_negatives": ops.maximum(positives - hits, 0.0),
        }
        for kind in self._kinds:
            getattr(self, kind).add(counts[kind])

    def _shaped(self, values):
        """Return a scalar where there is one threshold, else one number for each."""
        values = values[0] if len(self.thresholds) == 1 else values
        return cast(values, self.dtype)


_SINGLE = """Counts {what}, or adds up their weights.

    Args:
        thresholds: number in [0, 1], or list of them, one result each. Predictions above it count as positive. Default None: 0.5.
        name: str. Default "{name}".
        dtype: as in `Metric`.

    Input shape:
        Equal shapes; `(batch,)` fits `(batch, 1)`. Labels 0 and 1.

    Raises:
        ValueError: a threshold is outside [0, 1] (at construction).
        ShapeError: the shapes differ (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.{kind}()
        >>> metric.update_state(np.array([0, 1, 1, 1, 0]), np.array([1, 0, 1, 1, 0]))
        >>> float(metric.result())
        {value}
"""


class _OneCount(_Counts):
    row_independent = True
    _kept = ""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name, dtype, thresholds, (self._kept,))

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch; `sample_weight` is a number or covers leading axes of `y_pred`.

        Raises:
            ShapeError: shapes don't fit.
        """
        self._count(y_true, y_pred, sample_weight)

    def result(self):
        """Return the count: a scalar for one threshold, else `(thresholds,)`."""
        return self._shaped(getattr(self, self._kept).value)


@register("metric")
class TruePositives(_OneCount):
    __doc__ = _SINGLE.format(
        what="positive labels predicted as such",
        name="true_positives",
        kind="TruePositives",
        value="2.0",
    )
    row_independent = True
    _direction = "up"
    _kept = "true_positives"


@register("metric")
class FalsePositives(_OneCount):
    __doc__ = _SINGLE.format(
        what="negative labels predicted as positive",
        name="false_positives",
        kind="FalsePositives",
        value="1.0",
    )
    row_independent = True
    _direction = "down"
    _kept = "false_positives"


@register("metric")
class TrueNegatives(_OneCount):
    __doc__ = _SINGLE.format(
        what="negative labels predicted as such",
        name="true_negatives",
        kind="TrueNegatives",
        value="1.0",
    )
    row_independent = True
    _direction = "up"
    _kept = "true_negatives"


@register("metric")
class FalseNegatives(_OneCount):
    __doc__ = _SINGLE.format(
        what="positive labels predicted as negative",
        name="false_negatives",
        kind="FalseNegatives",
        value="1.0",
    )
    row_independent = True
    _direction = "down"
    _kept = "false_negatives"


class _Ratio(_Counts):
    """Right positive decisions in relation to a whole."""

    row_independent = True
    _direction = "up"
    _other = ""

    def __init__(self, thresholds, top_k, class_id, name, dtype):
        who = type(self).__name__
        check_natural(who, "top_k", top_k, 1)
        check_natural(who, "class_id", class_id, 0)
        # With `top_k` alone, everything is above the threshold but what `select` put away.
        default = _NEVER if top_k is not None else 0.5
        super().__init__(name, dtype, thresholds, ("true_positives", self._other), default)
        self.top_k, self.class_id = top_k, class_id

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch; `sample_weight` is a number or covers leading axes of `y_pred`.

        Raises:
            ShapeError: shapes don't fit, or there are fewer classes than `top_k` or `class_id` ask for.
        """
        self._count(y_true, y_pred, sample_weight, top_k=self.top_k, class_id=self.class_id)

    def result(self):
        """Return the ratio, 0 where there is nothing to divide by: a scalar for one threshold, else `(thresholds,)`."""
        hits = self.true_positives.value
        return self._shaped(ops.divide_no_nan(hits, hits + getattr(self, self._other).value))


@register("metric")
class Precision(_Ratio):
    """Computes the share of right ones among positive predictions: TP / (TP + FP).

    Args:
        thresholds: number in [0, 1], or list of them, one result each. Predictions above it count as positive. Default None:
            0.5, or with `top_k` any prediction among the largest.
        top_k: int >= 1. Only the `top_k` largest predictions of a row can be positive. Default None.
        class_id: int >= 0. Count this class alone. Default None.
        name: str. Default "precision".
        dtype: as in `Metric`.

    Input shape:
        Equal shapes; `(batch,)` fits `(batch, 1)`. Labels 0 and 1.

    Raises:
        ValueError: an argument is outside its range (at construction).
        ShapeError: shapes don't fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.Precision()
        >>> metric.update_state(np.array([0, 1, 1, 1]), np.array([1, 0, 1, 1]))
        >>> round(float(metric.result()), 4)
        0.6667
    """

    row_independent = True
    _direction = "up"
    _other = "false_positives"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(thresholds, top_k, class_id, name, dtype)


@register("metric")
class Recall(_Ratio):
    """Computes the share of found ones among positive labels: TP / (TP + FN).

    Args:
        thresholds: number in [0, 1], or list of them, one result each. Predictions above it count as positive. Default None:
            0.5, or with `top_k` any prediction among the largest.
        top_k: int >= 1. Only the `top_k` largest predictions of a row can be positive. Default None.
        class_id: int >= 0. Count this class alone. Default None.
        name: str. Default "recall".
        dtype: as in `Metric`.

    Input shape:
        Equal shapes; `(batch,)` fits `(batch, 1)`. Labels 0 and 1.

    Raises:
        ValueError: an argument is outside its range (at construction).
        ShapeError: shapes don't fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.Recall()
        >>> metric.update_state(np.array([0, 1, 1, 1]), np.array([1, 0, 1, 1]))
        >>> round(float(metric.result()), 4)
        0.6667
    """

    row_independent = True
    _direction = "up"
    _other = "false_negatives"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(thresholds, top_k, class_id, name, dtype)
