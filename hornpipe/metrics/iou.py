"""Intersection over union of predicted and labelled regions, for segmentation.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.MeanIoU(num_classes=2)
>>> metric.update_state(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
>>> round(float(metric.result()), 4)
0.3333
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import masking
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message
from hornpipe.losses.alignment import align_ranks, dtype_of, fit_weights, same_shape
from hornpipe.metrics.base import Metric, cast


class _IoUBase(Metric):
    """Keeps the confusion matrix: rows are labels, columns predictions."""

    row_independent = True
    _direction = "up"

    def __init__(self, num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis):
        super().__init__(name=name, dtype=dtype)
        who = type(self).__name__
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 2:
            raise ValueError(
                message(
                    who, "`num_classes` must be an integer >= 2", f"num_classes={num_classes!r}"
                )
            )
        if ignore_class is not None and (
            isinstance(ignore_class, bool) or not isinstance(ignore_class, int)
        ):
            raise ValueError(
                message(
                    who,
                    "`ignore_class` must be an integer or None",
                    f"ignore_class={ignore_class!r}",
                )
            )
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_confusion_matrix = self.add_sum(
            (num_classes, num_classes), name="total_confusion_matrix"
        )

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch. Labels and predictions outside [0, num_classes) count nowhere.

        Args:
            y_true: class numbers, or one-hot where `sparse_y_true` is False.
            y_pred: class numbers, or scores where `sparse_y_pred` is False.
            sample_weight: a number, or weights over leading axes of the class numbers. Default None: 1.

        Raises:
            ShapeError: shapes don't fit.
        """
        mask = masking.get_mask(y_pred)
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        self._count(ops.cast(y_true, "int32"), ops.cast(y_pred, "int32"), sample_weight, mask)

    def _count(self, y_true, y_pred, sample_weight, mask=None):
        who, dtype = type(self).__name__, self._sum_dtype
        y_true, y_pred = align_ranks(y_true, y_pred)
        if not same_shape(y_true.shape, y_pred.shape):
            rule = "`y_true` and `y_pred` must be class numbers of one shape"
            received = f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            fix = "Set `sparse_y_true` or `sparse_y_pred` to False where it is one-hot or scores."
            raise ShapeError(message(who, rule, received, fix))
        weights = ops.ones(ops.shape(y_true), dtype=dtype)
        for each, name in ((sample_weight, "sample_weight"), (mask, "mask")):
            if each is not None:
                weights = weights * fit_weights(cast(each, dtype), y_true.shape, who, name)
        size = self.num_classes
        for numbers in (y_true, y_pred):
            inside = ops.logical_and(numbers >= 0, numbers < size)
            weights = ops.where(inside, weights, ops.zeros_like(weights))
        if self.ignore_class is not None:
            weights = ops.where(
                ops.equal(y_true, self.ignore_class), ops.zeros_like(weights), weights
            )
        place = ops.clip(y_true, 0, size - 1) * size + ops.clip(y_pred, 0, size - 1)
        table = ops.scatter(
            ops.reshape(place, (-1, 1)), ops.reshape(weights, (-1,)), (size * size,)
        )
        self.total_confusion_matrix.add(ops.reshape(table, (size, size)))

    def _overlaps(self):
        """Return intersection and union of each class."""
        matrix = self.total_confusion_matrix.value
        both = ops.reshape(matrix, (-1,))[:: self.num_classes + 1]  # the diagonal
        return both, ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - both

    def _mean_over(self, class_ids):
        """Return the mean over classes of intersection / union; classes that occur nowhere do not count."""
        both, either = self._overlaps()
        if class_ids is not None:
            both, either = (ops.take(x, class_ids, axis=0) for x in (both, either))
        occurs = ops.cast(either > 0, dtype_of(either))
        return cast(
            ops.divide_no_nan(ops.sum(ops.divide_no_nan(both, either)), ops.sum(occurs)), self.dtype
        )


def _check_class_ids(who, class_ids, num_classes) -> list[int]:
    found = list(class_ids) if isinstance(class_ids, (list, tuple, range)) else None
    if not found or not all(isinstance(each, int) and 0 <= each < num_classes for each in found):
        rule = f"`target_class_ids` must be a list of integers in [0, {num_classes})"
        raise ValueError(message(who, rule, f"target_class_ids={class_ids!r}"))
    return found


_SHARED = """num_classes: int >= 2. Number of classes.{more}
        name: str. Default "{name}".
        dtype: as in `Metric`.
        ignore_class: int or None. Positions with this label count nowhere. Default None.{sparse}
        axis: int. The class axis of one-hot labels and scores. Default -1.

    Input shape:
        Class numbers of one shape, or `(..., classes)` where not sparse.

    Raises:
        ValueError: an argument is outside its range (at construction).
        ShapeError: shapes don't fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.{call}
        >>> metric.update_state({y_true}, {y_pred})
        >>> round(float(metric.result()), 4)
        {value}
"""
_IDS = "\n        target_class_ids: list of ints. The classes averaged over."
_BOTH_SPARSE = """
        sparse_y_true: bool. Whether labels are class numbers, not one-hot. Default True.
        sparse_y_pred: bool. Whether predictions are class numbers, not scores. Default True."""
_ONE_SPARSE = """
        sparse_y_pred: bool. Whether predictions are class numbers, not scores. Default False."""
_NUMBERS = {"y_true": "np.array([0, 0, 1, 1])", "y_pred": "np.array([0, 1, 0, 1])"}
_SCORES = {"y_true": "np.eye(2)[[0, 0, 1, 1]]", "y_pred": "np.eye(2)[[0, 1, 0, 1]]"}
_FORMULA = "IoU = true positives / (true positives + false positives + false negatives), for each class.\n\n    Args:\n        "


def _iou_doc(first, **values):
    return f"{first}\n\n    {_FORMULA}" + _SHARED.format(**values, value="0.3333")


@register("metric")
class IoU(_IoUBase):
    __doc__ = _iou_doc(
        "Computes the mean intersection over union of chosen classes.",
        more=_IDS,
        name="io_u",
        sparse=_BOTH_SPARSE,
        call="IoU(num_classes=2, target_class_ids=[0])",
        **_NUMBERS,
    )
    row_independent = True

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        self.target_class_ids = _check_class_ids(type(self).__name__, target_class_ids, num_classes)

    def result(self):
        """Return the mean over the chosen classes that occur, a scalar."""
        return self._mean_over(self.target_class_ids)


@register("metric")
class MeanIoU(_IoUBase):
    __doc__ = _iou_doc(
        "Computes the mean intersection over union of all classes that occur.",
        more="",
        name="mean_io_u",
        sparse=_BOTH_SPARSE,
        call="MeanIoU(num_classes=2)",
        **_NUMBERS,
    )
    row_independent = True

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def result(self):
        """Return the mean over the classes that occur, a scalar."""
        return self._mean_over(None)


@register("metric")
class OneHotIoU(_IoUBase):
    __doc__ = _iou_doc(
        "Computes the mean intersection over union of chosen classes, for one-hot labels.",
        more=_IDS,
        name="one_hot_io_u",
        sparse=_ONE_SPARSE,
        call="OneHotIoU(num_classes=2, target_class_ids=[0])",
        **_SCORES,
    )
    row_independent = True

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
        self.target_class_ids = _check_class_ids(type(self).__name__, target_class_ids, num_classes)

    def result(self):
        """Return the mean over the chosen classes that occur, a scalar."""
        return self._mean_over(self.target_class_ids)


@register("metric")
class OneHotMeanIoU(_IoUBase):
    __doc__ = _iou_doc(
        "Computes the mean intersection over union of all classes that occur, for one-hot labels.",
        more="",
        name="one_hot_mean_io_u",
        sparse=_ONE_SPARSE,
        call="OneHotMeanIoU(num_classes=2)",
        **_SCORES,
    )
    row_independent = True

    def __init__(
        self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def result(self):
        """Return the mean over the classes that occur, a scalar."""
        return self._mean_over(None)


@register("metric")
class BinaryIoU(_IoUBase):
    """Computes the mean intersection over union of the classes 0 and 1, decided by a threshold.

    IoU = true positives / (true positives + false positives + false negatives), for each class.

    Args:
        target_class_ids: list of 0, 1 or both. The classes averaged over. Default (0, 1).
        threshold: number. Predictions of at least this are class 1. Default 0.5.
        name: str. Default "binary_io_u".
        dtype: as in `Metric`.

    Input shape:
        Equal shapes; `(batch,)` fits `(batch, 1)`.

    Raises:
        ValueError: an argument is outside its range (at construction).
        ShapeError: shapes don't fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> metric = keras.metrics.BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
        >>> metric.update_state(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.4, 0.7]))
        >>> round(float(metric.result()), 4)
        0.3333
    """

    row_independent = True

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, name, dtype, None, True, True, -1)
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
            raise ValueError(
                message("BinaryIoU", "`threshold` must be a number", f"threshold={threshold!r}")
            )
        self.target_class_ids = _check_class_ids("BinaryIoU", target_class_ids, 2)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch; `sample_weight` is a number or covers leading axes of `y_pred`.

        Raises:
            ShapeError: shapes don't fit.
        """
        mask = masking.get_mask(y_pred)
        chosen = ops.cast(ops.convert_to_tensor(y_pred) >= self.threshold, "int32")
        self._count(ops.cast(ops.convert_to_tensor(y_true), "int32"), chosen, sample_weight, mask)

    def result(self):
        """Return the mean over the chosen classes that occur, a scalar."""
        return self._mean_over(self.target_class_ids)
