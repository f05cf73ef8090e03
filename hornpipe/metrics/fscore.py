"""F-scores: precision and recall of each class in one number.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.F1Score(threshold=0.5)
>>> metric.update_state(np.array([[1, 1], [1, 0]]), np.array([[0.9, 0.2], [0.8, 0.1]]))
>>> [round(float(score), 4) for score in metric.result()]
[1.0, 0.0]
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message
from hornpipe.metrics.base import Metric, cast
from hornpipe.metrics.confusion import prepare

AVERAGES = (None, "micro", "macro", "weighted")


@register("metric")
class FBetaScore(Metric):
    """Computes the weighted harmonic mean of precision and recall of each class.

    score = (1 + beta ** 2) * precision * recall / (beta ** 2 * precision + recall); 0 where nothing is right.

    Args:
        average: None (one score for each class), "micro" (counts of all classes together), "macro" (mean over classes) or
            "weighted" (mean weighted by the number of labels). Default None.
        beta: number > 0. How much more recall counts than precision. Default 1.0.
        threshold: number > 0, or None. Predictions above it are positive. Default None: the largest of each row.
        name: str. Default "fbeta_score".
        dtype: as in `Metric`.

    Input shape:
        `(batch, classes)` for both, labels 0 and 1 (one-hot or several).

    Raises:
        ValueError: an argument is outside its range (at construction).
        ShapeError: the shapes are not these, or another number of classes than before (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.FBetaScore(beta=2.0, threshold=0.5)
        >>> y_true = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0]])
        >>> metric.update_state(y_true, np.array([[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]))
        >>> [round(float(score), 4) for score in metric.result()]
        [0.3846, 0.9091, 0.8333]
    """

    row_independent = True
    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        who = type(self).__name__
        if average not in AVERAGES:
            rule = f"`average` must be one of {', '.join(map(repr, AVERAGES))}"
            raise ValueError(message(who, rule, f"average={average!r}"))
        for label, value in (("beta", beta), ("threshold", threshold)):
            if value is None and label == "threshold":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(
                    message(who, f"`{label}` must be a number > 0", f"{label}={value!r}")
                )
        self.average, self.beta, self.threshold = average, beta, threshold
        self.classes = None

    def build(self, y_true_shape, y_pred_shape) -> None:
        """Make the counts, one for each class (one in all for "micro")."""
        if self.classes is not None:
            return
        shape = tuple(y_pred_shape)
        if len(shape) != 2 or shape[1] is None:
            raise ShapeError(self._rule(shape))
        self.classes = shape[1]
        sums = () if self.average == "micro" else (self.classes,)
        self.true_positives = self.add_sum(sums, name="true_positives")
        self.false_positives = self.add_sum(sums, name="false_positives")
        self.false_negatives = self.add_sum(sums, name="false_negatives")
        self.intermediate_weights = self.add_sum(sums, name="intermediate_weights")

    def _rule(self, shape) -> str:
        rule = f"labels and predictions must have the shape (batch, {self.classes or 'classes'})"
        return message(type(self).__name__, rule, f"y_pred.shape={shape}")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch; `sample_weight` is a number, `(batch,)`, or the shape of `y_pred`.

        Raises:
            ShapeError: shapes don't fit.
        """
        positive, y_pred, weights = prepare(
            y_true, y_pred, sample_weight, type(self).__name__, self._sum_dtype
        )
        self.build(positive.shape, y_pred.shape)
        if len(y_pred.shape) != 2 or y_pred.shape[1] != self.classes:
            raise ShapeError(self._rule(tuple(y_pred.shape)))
        if self.threshold is None:
            largest = ops.max(y_pred, axis=-1, keepdims=True)
            chosen = ops.logical_and(ops.equal(y_pred, largest), ops.abs(y_pred) > 1e-9)
        else:
            chosen = ops.greater(y_pred, self.threshold)
        chosen = ops.cast(chosen, self._sum_dtype)
        axis = None if self.average == "micro" else 0
        self.true_positives.add(ops.sum(chosen * positive * weights, axis=axis))
        self.false_positives.add(ops.sum(chosen * (1.0 - positive) * weights, axis=axis))
        self.false_negatives.add(ops.sum((1.0 - chosen) * positive * weights, axis=axis))
        self.intermediate_weights.add(ops.sum(positive * weights, axis=axis))

    def result(self):
        """Return the score: `(classes,)` without an average, else a scalar."""
        if self.classes is None:
            return ops.zeros((), dtype=self.dtype)
        hits = self.true_positives.value
        squared = self.beta**2
        wrong = squared * self.false_negatives.value + self.false_positives.value
        scores = ops.divide_no_nan((1.0 + squared) * hits, (1.0 + squared) * hits + wrong)
        if self.average == "macro":
            scores = ops.mean(scores)
        elif self.average == "weighted":
            counts = self.intermediate_weights.value
            scores = ops.divide_no_nan(ops.sum(scores * counts), ops.sum(counts))
        return cast(scores, self.dtype)


@register("metric")
class F1Score(FBetaScore):
    """Computes the harmonic mean of precision and recall of each class.

    score = 2 * precision * recall / (precision + recall); 0 where nothing is right.

    Args:
        average: None, "micro", "macro" or "weighted", as in `FBetaScore`. Default None.
        threshold: number > 0, or None, as in `FBetaScore`. Default None.
        name: str. Default "f1_score".
        dtype: as in `Metric`.

    Input shape:
        `(batch, classes)` for both, labels 0 and 1 (one-hot or several).

    Raises:
        ValueError: an argument is outside its range (at construction).
        ShapeError: the shapes are not these (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.F1Score(threshold=0.5)
        >>> y_true = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0]])
        >>> metric.update_state(y_true, np.array([[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]))
        >>> [round(float(score), 4) for score in metric.result()]
        [0.5, 0.8, 0.6667]
    """

    row_independent = True

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)
