"""Metrics over many thresholds: the area under a curve, and one rate where another is held.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.AUC()
>>> metric.update_state(np.array([0, 0, 1, 1]), np.array([0.0, 0.5, 0.3, 0.9]))
>>> float(metric.result())
0.75
"""

from __future__ import annotations

import numpy as np

from hornpipe import ops
from hornpipe.core import settings
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message, near_miss
from hornpipe.metrics.base import Metric, cast
from hornpipe.metrics.confusion import (
    check_natural,
    check_thresholds,
    counts_above,
    prepare,
    select,
)

CURVES = ("ROC", "PR", "PRGAIN")
SUMMATIONS = ("interpolation", "minoring", "majoring")


def even_thresholds(count: int) -> list[float]:
    """Return `count` thresholds, evenly spread, the outer ones beyond 0 and 1; 0.5 alone for one."""
    if count == 1:
        return [0.5]
    inner = [index / (count - 1) for index in range(1, count - 1)]
    return [-settings.epsilon(), *inner, 1.0 + settings.epsilon()]


class _AtThresholds(Metric):
    """Keeps all four counts at ascending thresholds, each column by itself where there are several."""

    row_independent = True
    labels: int | None = None

    def _make_counts(self):
        shape = (
            (len(self.thresholds),) if self.labels is None else (len(self.thresholds), self.labels)
        )
        self.true_positives = self.add_sum(shape, name="true_positives")
        self.false_positives = self.add_sum(shape, name="false_positives")
        self.true_negatives = self.add_sum(shape, name="true_negatives")
        self.false_negatives = self.add_sum(shape, name="false_negatives")

    def _take_in(self, positive, y_pred, weights):
        per_label = self.labels is not None
        hits, alarms, positives, negatives = counts_above(
            positive, y_pred, weights, self.thresholds, per_label
        )
        self.true_positives.add(hits)
        self.false_positives.add(alarms)
        # Differences of rounded sums can fall below 0 by a rounding error.
        self.true_negatives.add(ops.maximum(negatives - alarms, 0.0))
        self.false_negatives.add(ops.maximum(positives - hits, 0.0))

    def _counts(self):
        """Return true positives, false positives, true negatives and false negatives as tensors."""
        sums = self.true_positives, self.false_positives, self.true_negatives, self.false_negatives
        return [each.value for each in sums]


@register("metric")
class AUC(_AtThresholds):
    """Computes the area under a curve that a moving threshold draws.

    ROC: true positive rate over false positive rate. PR: precision over recall. PRGAIN: precision gain over recall gain.

    Args:
        num_thresholds: int >= 2. Number of thresholds, evenly spread over [0, 1]. Default 200.
        curve: "ROC", "PR" or "PRGAIN". Default "ROC".
        summation_method: "interpolation" (trapezoids; for PR, true and false positives are interpolated), "minoring" (the lower
            height of each step) or "majoring" (the higher one). Default "interpolation".
        name: str. Default "auc".
        dtype: as in `Metric`.
        thresholds: list of numbers in [0, 1], in place of `num_thresholds`; ends beyond 0 and 1 are added. Default None.
        multi_label: bool. Whether each column is a problem of its own, the areas averaged. Default False: all elements together.
        num_labels: int >= 1. Number of columns, where known before the first batch. Default None.
        label_weights: list of one weight for each label (of its area, or with `multi_label=False` of its elements). Default None.
        from_logits: bool. Whether `y_pred` is before the sigmoid. Default False.

    Input shape:
        Equal shapes, `(batch, labels)` with `multi_label`; `(batch,)` fits `(batch, 1)`. Labels 0 and 1, predictions in [0, 1].

    Raises:
        ValueError: an argument is outside its range (at construction).
        ShapeError: shapes don't fit (at the update).

    Numerics:
        The area is that of the polygon through the points at the thresholds: exact up to the spread of predictions between two of
        them. A curve without positives or negatives has the area 0.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.AUC(num_thresholds=3)
        >>> metric.update_state(np.array([0, 0, 1, 1]), np.array([0, 0.5, 0.3, 0.9]))
        >>> float(metric.result())
        0.75

    References:
        Davis and Goadrich (2006), The Relationship Between Precision-Recall and ROC Curves, doi:10.1145/1143844.1143874;
        Flach and Kull (2015), Precision-Recall-Gain Curves: PR Analysis Done Right, NeurIPS 28, equation 3.
    """

    row_independent = True
    _direction = "up"

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        super().__init__(name=name, dtype=dtype)
        _check_choice("curve", curve, CURVES)
        _check_choice("summation_method", summation_method, SUMMATIONS)
        check_natural("AUC", "num_labels", num_labels, 1)
        if num_labels is not None and not multi_label:
            rule = "`num_labels` needs `multi_label=True`"
            raise ValueError(
                message("AUC", rule, f"num_labels={num_labels}, multi_label={multi_label}")
            )
        self.curve, self.summation_method, self.from_logits = curve, summation_method, from_logits
        self.multi_label, self.num_labels, self.label_weights = (
            multi_label,
            num_labels,
            label_weights,
        )
        self._weights = (
            None if label_weights is None else np.asarray(label_weights, dtype="float64")
        )
        if self._weights is not None and (
            self._weights.ndim != 1 or not (self._weights >= 0).all()
        ):
            rule = "`label_weights` must be a list of numbers >= 0"
            raise ValueError(message("AUC", rule, f"label_weights={label_weights!r}"))
        if thresholds is not None:
            inner = sorted(check_thresholds("AUC", thresholds))
            self._thresholds = [-settings.epsilon(), *inner, 1.0 + settings.epsilon()]
        else:
            if (
                isinstance(num_thresholds, bool)
                or not isinstance(num_thresholds, int)
                or num_thresholds < 2
            ):
                rule = "`num_thresholds` must be an integer >= 2"
                raise ValueError(message("AUC", rule, f"num_thresholds={num_thresholds!r}"))
            self._thresholds = even_thresholds(num_thresholds)
        self.num_thresholds = len(self._thresholds)
        self._built = False
        if num_labels is not None:
            self.build((None, num_labels), (None, num_labels))
        elif not multi_label:
            self._built = True
            self._make_counts()

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, ascending, the ends beyond 0 and 1 included."""
        return list(self._thresholds)

    def build(self, y_true_shape, y_pred_shape) -> None:
        """Make the counts, with `multi_label` one column for each label."""
        shape = tuple(y_pred_shape)
        if self._weights is not None and shape[-1:] != self._weights.shape:
            rule = f"`label_weights` of {len(self._weights)} labels need predictions of the shape (batch, {len(self._weights)})"
            raise ShapeError(message("AUC", rule, f"y_pred.shape={shape}"))
        if self._built:
            return
        if len(shape) != 2 or shape[1] is None:
            rule = "predictions must have the shape (batch, labels) with `multi_label=True`"
            raise ShapeError(message("AUC", rule, f"y_pred.shape={shape}"))
        self.labels = shape[1]
        self._make_counts()
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch; `sample_weight` is a number or covers leading axes of `y_pred`.

        Raises:
            ShapeError: shapes don't fit.
        """
        positive, y_pred, weights = prepare(y_true, y_pred, sample_weight, "AUC", self._sum_dtype)
        self.build(positive.shape, y_pred.shape)
        if self.labels is not None and (len(y_pred.shape) != 2 or y_pred.shape[1] != self.labels):
            rule = f"predictions must have the shape (batch, {self.labels})"
            raise ShapeError(message("AUC", rule, f"y_pred.shape={tuple(y_pred.shape)}"))
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        if self._weights is not None and not self.multi_label:
            weights = weights * cast(self._weights, self._sum_dtype)
        self._take_in(positive, y_pred, weights)

    def result(self):
        """Return the area, a scalar."""
        if not self._built:
            return ops.zeros((), dtype=self.dtype)
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = self._interpolated_pr()
        else:
            x, y = self._points()
            before, after = y[:-1], y[1:]
            heights = {
                "interpolation": lambda: (before + after) / 2.0,
                "minoring": lambda: ops.minimum(before, after),
                "majoring": lambda: ops.maximum(before, after),
            }[self.summation_method]()
            areas = ops.sum((x[:-1] - x[1:]) * heights, axis=0)
        if self.labels is not None:
            shares = np.ones(self.labels) if self._weights is None else self._weights
            shares = cast(shares, self._sum_dtype)
            areas = ops.divide_no_nan(ops.sum(areas * shares), ops.sum(shares))
        return cast(areas, self.dtype)

    def _points(self):
        """Return the curve's points at the thresholds, x falling."""
        hits, alarms, quiet, misses = self._counts()
        recall = ops.divide_no_nan(hits, hits + misses)
        if self.curve == "ROC":
            return ops.divide_no_nan(alarms, alarms + quiet), recall
        if self.curve == "PR":
            return recall, ops.divide_no_nan(hits, hits + alarms)
        # Where nothing is found, recall gain is minus infinity, cut at 0, and precision gain is taken as 1.
        odds = ops.divide_no_nan(hits + misses, alarms + quiet)
        recall_gain = 1.0 - odds * ops.divide_no_nan(misses, hits)
        found = ops.logical_and(hits > 0, odds > 0)
        recall_gain = ops.where(found, ops.maximum(recall_gain, 0.0), ops.zeros_like(odds))
        return recall_gain, 1.0 - odds * ops.divide_no_nan(alarms, hits)

    def _interpolated_pr(self):
        """Return the area under precision over recall, true and false positives growing linearly between thresholds.

        Between two points let p = all positive predictions and slope = change of hits / change of p. With hits = start + slope * p,
        the integral of hits / p over dhits is slope * (change of hits + start * log(p_before / p_after)).
        """
        hits, alarms, _, misses = self._counts()
        all_found = hits + alarms
        gain = hits[:-1] - hits[1:]
        slope = ops.divide_no_nan(gain, ops.maximum(all_found[:-1] - all_found[1:], 0.0))
        start = hits[1:] - slope * all_found[1:]
        both = ops.logical_and(all_found[:-1] > 0, all_found[1:] > 0)
        ratio = ops.where(
            both, ops.divide_no_nan(all_found[:-1], all_found[1:]), ops.ones_like(gain)
        )
        pieces = slope * (gain + start * ops.log(ratio))
        positives = ops.maximum(hits[1:] + misses[1:], 0.0)
        return ops.sum(ops.divide_no_nan(pieces, positives), axis=0)


def _check_choice(name, value, choices):
    if value not in choices:
        rule = f"`{name}` must be one of {', '.join(map(repr, choices))}"
        raise ValueError(
            message("AUC", rule, f"{name}={value!r}", near_miss(value, choices).strip())
        )


# ---- one rate where another is held


class _RateAtRate(_AtThresholds):
    """Returns the best of one rate over the thresholds at which another one is at least `value`."""

    row_independent = True
    _direction = "up"
    _held = ""

    def __init__(self, value, num_thresholds, class_id, name, dtype):
        super().__init__(name=name, dtype=dtype)
        who = type(self).__name__
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            rule = f"`{self._held}` must be a number between 0 and 1"
            raise ValueError(message(who, rule, f"{self._held}={value!r}"))
        if (
            isinstance(num_thresholds, bool)
            or not isinstance(num_thresholds, int)
            or num_thresholds < 1
        ):
            rule = "`num_thresholds` must be an integer >= 1"
            raise ValueError(message(who, rule, f"num_thresholds={num_thresholds!r}"))
        check_natural(who, "class_id", class_id, 0)
        self.value, self.class_id, self.num_thresholds = value, class_id, num_thresholds
        self.thresholds = even_thresholds(num_thresholds)
        self._make_counts()

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch; `sample_weight` is a number or covers leading axes of `y_pred`.

        Raises:
            ShapeError: shapes don't fit.
        """
        who = type(self).__name__
        parts = prepare(y_true, y_pred, sample_weight, who, self._sum_dtype)
        self._take_in(*select(*parts, who, class_id=self.class_id))

    def _rates(self):
        """Return the rate to report and the rate that is held, `(thresholds,)` each."""
        raise NotImplementedError

    def result(self):
        """Return the best rate, a scalar; 0 where no threshold reaches the held one."""
        rate, held = self._rates()
        return cast(ops.max(ops.where(held >= self.value, rate, ops.zeros_like(rate))), self.dtype)

    def _sensitivity(self):
        hits, _, _, misses = self._counts()
        return ops.divide_no_nan(hits, hits + misses)

    def _specificity(self):
        _, alarms, quiet, _ = self._counts()
        return ops.divide_no_nan(quiet, quiet + alarms)

    def _precision(self):
        hits, alarms, _, _ = self._counts()
        return ops.divide_no_nan(hits, hits + alarms)


_RATE = """Computes the highest {what} among thresholds at which the {held} is at least a given number.

    {formula}

    Args:
        {held}: number in [0, 1]. What the {held} must reach.
        num_thresholds: int >= 1. Number of thresholds, evenly spread over [0, 1]. Default 200.
        class_id: int >= 0. Count this class alone. Default None.
        name: str. Default "{name}".
        dtype: as in `Metric`.

    Input shape:
        Equal shapes; `(batch,)` fits `(batch, 1)`. Labels 0 and 1, predictions in [0, 1].

    Raises:
        ValueError: an argument is outside its range (at construction).
        ShapeError: shapes don't fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.{kind}({value})
        >>> metric.update_state(np.array([0, 0, 0, 1, 1]), np.array([0, 0.3, 0.8, 0.3, 0.8]))
        >>> round(float(metric.result()), 4)
        {result}
"""
_FORMULAS = {
    "sensitivity": "sensitivity = TP / (TP + FN)",
    "specificity": "specificity = TN / (TN + FP)",
    "precision": "precision = TP / (TP + FP)",
    "recall": "recall = TP / (TP + FN)",
}


def _rate_doc(kind, name, what, held, value, result):
    formula = f"{_FORMULAS[what]}, {_FORMULAS[held]}."
    return _RATE.format(
        kind=kind, name=name, what=what, held=held, value=value, result=result, formula=formula
    )


@register("metric")
class SensitivityAtSpecificity(_RateAtRate):
    __doc__ = _rate_doc(
        "SensitivityAtSpecificity",
        "sensitivity_at_specificity",
        "sensitivity",
        "specificity",
        0.5,
        "0.5",
    )
    row_independent = True
    _held = "specificity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def _rates(self):
        return self._sensitivity(), self._specificity()


@register("metric")
class SpecificityAtSensitivity(_RateAtRate):
    __doc__ = _rate_doc(
        "SpecificityAtSensitivity",
        "specificity_at_sensitivity",
        "specificity",
        "sensitivity",
        0.5,
        "0.6667",
    )
    row_independent = True
    _held = "sensitivity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def _rates(self):
        return self._specificity(), self._sensitivity()


@register("metric")
class PrecisionAtRecall(_RateAtRate):
    __doc__ = _rate_doc(
        "PrecisionAtRecall", "precision_at_recall", "precision", "recall", 0.5, "0.5"
    )
    row_independent = True
    _held = "recall"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def _rates(self):
        return self._precision(), self._sensitivity()


@register("metric")
class RecallAtPrecision(_RateAtRate):
    __doc__ = _rate_doc(
        "RecallAtPrecision", "recall_at_precision", "recall", "precision", 0.4, "1.0"
    )
    row_independent = True
    _held = "precision"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def _rates(self):
        return self._sensitivity(), self._precision()
