"""Losses for classes: cross-entropies, focal losses, divergences, Poisson.

>>> import numpy as np
>>> import hornpipe as keras
>>> loss = keras.losses.sparse_categorical_crossentropy(np.array([1]), np.array([[0.5, 0.5]]))
>>> round(float(loss[0]), 4)
0.6931
"""

# Classes stand before functions: "binary_crossentropy" must name the function, and the later entry of a name stays.

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import masking, settings
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message
from hornpipe.losses.alignment import align, align_labels, as_float, dtype_of, same_shape
from hornpipe.losses.base import LossFunctionWrapper, facts

REDUCE = "sum_over_batch_size"


@register("loss")
class BinaryCrossentropy(LossFunctionWrapper):
    """Computes the cross-entropy of labels 0 and 1, each output a decision of its own.

    loss = mean(-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred), axis)

    Args:
        from_logits: bool. Whether `y_pred` is before the sigmoid. Default False: probabilities.
        label_smoothing: float in [0, 1]. Labels become y_true * (1 - label_smoothing) + label_smoothing / 2. Default 0.
        axis: int. The axis averaged over. Default -1.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "binary_crossentropy".
        dtype: as in `Loss`.

    Input shape:
        `(batch, ..., outputs)` for both; `(batch,)` fits `(batch, 1)`.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1] (at construction).
        ShapeError: the shapes differ (at the call).

    Numerics:
        Probabilities are clipped to [epsilon, 1 - epsilon]; logits are exact and preferable.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.BinaryCrossentropy(from_logits=True)
        >>> round(float(loss(np.array([0, 1, 0, 0]), np.array([-18.6, 0.51, 2.94, -12.8]))), 3)
        0.865
    """

    row_independent = True

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=REDUCE,
        name="binary_crossentropy",
        dtype=None,
    ):
        check_share("BinaryCrossentropy", "label_smoothing", label_smoothing)
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **options)


@register("loss")
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Computes the binary cross-entropy with less weight on what is already right.

    With p = y_true * y_pred + (1 - y_true) * (1 - y_pred): loss = mean((1 - p) ** gamma * crossentropy, axis),
    times y_true * alpha + (1 - y_true) * (1 - alpha) where classes are balanced.

    Args:
        apply_class_balancing: bool. Whether to weight the classes by `alpha`. Default False.
        alpha: float in [0, 1]. Weight of class 1. Default 0.25.
        gamma: number >= 0. The larger, the less easy examples count. Default 2.0.
        from_logits: bool. Whether `y_pred` is before the sigmoid. Default False.
        label_smoothing: float in [0, 1]. As in `BinaryCrossentropy`. Default 0.
        axis: int. The axis averaged over. Default -1.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "binary_focal_crossentropy".
        dtype: as in `Loss`.

    Raises:
        ValueError: a share is outside [0, 1], or `gamma` is negative (at construction).
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.BinaryFocalCrossentropy()
        >>> round(float(loss(np.array([[0.0, 1.0]]), np.array([[0.1, 0.8]]))), 5)
        0.00499

    References:
        Lin et al. (2017), Focal Loss for Dense Object Detection, arXiv:1708.02002, equations 4 and 5.
    """

    row_independent = True

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=REDUCE,
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        check_share("BinaryFocalCrossentropy", "label_smoothing", label_smoothing)
        check_share("BinaryFocalCrossentropy", "alpha", alpha)
        check_gamma("BinaryFocalCrossentropy", gamma)
        options = {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
        options |= {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **options)


@register("loss")
class CategoricalCrossentropy(LossFunctionWrapper):
    """Computes the cross-entropy of one-hot labels (or class probabilities) and predicted probabilities.

    loss = -sum(y_true * log(y_pred), axis)

    Args:
        from_logits: bool. Whether `y_pred` is before the softmax. Default False: probabilities.
        label_smoothing: float in [0, 1]. Labels become y_true * (1 - label_smoothing) + label_smoothing / classes. Default 0.
        axis: int. The class axis. Default -1.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "categorical_crossentropy".
        dtype: as in `Loss`.

    Input shape:
        `(batch, ..., classes)` for both.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1] (at construction).
        ShapeError: the shapes differ (at the call).

    Numerics:
        Probabilities are divided by their sum and clipped to [epsilon, 1 - epsilon]; logits are exact and preferable.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.CategoricalCrossentropy()
        >>> round(float(loss(np.array([[0, 1, 0], [0, 0, 1]]), np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]]))), 3)
        1.177
    """

    row_independent = True

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=REDUCE,
        name="categorical_crossentropy",
        dtype=None,
    ):
        check_share("CategoricalCrossentropy", "label_smoothing", label_smoothing)
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **options)


@register("loss")
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Computes the categorical cross-entropy with less weight on what is already right.

    loss = sum(alpha * (1 - y_pred) ** gamma * -y_true * log(y_pred), axis)

    Args:
        alpha: number, or list with one number for each class. Weight of the classes. Default 0.25.
        gamma: number >= 0. The larger, the less easy examples count. Default 2.0.
        from_logits: bool. Whether `y_pred` is before the softmax. Default False.
        label_smoothing: float in [0, 1]. As in `CategoricalCrossentropy`. Default 0.
        axis: int. The class axis. Default -1.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "categorical_focal_crossentropy".
        dtype: as in `Loss`.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1], or `gamma` is negative (at construction).
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.CategoricalFocalCrossentropy()
        >>> round(float(loss(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))), 5)
        0.04332

    References:
        Lin et al. (2017), Focal Loss for Dense Object Detection, arXiv:1708.02002, equation 5.
    """

    row_independent = True

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=REDUCE,
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        check_share("CategoricalFocalCrossentropy", "label_smoothing", label_smoothing)
        check_gamma("CategoricalFocalCrossentropy", gamma)
        options = {"alpha": alpha, "gamma": gamma, "from_logits": from_logits}
        options |= {"label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **options)


@register("loss")
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Computes the cross-entropy of class numbers and predicted probabilities.

    loss = -log(y_pred[y_true])

    Args:
        from_logits: bool. Whether `y_pred` is before the softmax. Default False: probabilities.
        ignore_class: int or None. Positions with this label count nowhere, neither in the sum nor in the mean. Default None.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        axis: int. The class axis of `y_pred`. Default -1.
        name: str. Default "sparse_categorical_crossentropy".
        dtype: as in `Loss`.

    Input shape:
        `y_pred` `(batch, ..., classes)`; `y_true` integers `(batch, ...)` or `(batch, ..., 1)`, numbers in [0, classes).

    Raises:
        TypeError: `ignore_class` is not an integer (at construction).
        ShapeError: the labels' shape does not fit (at the call).

    Numerics:
        As `CategoricalCrossentropy`. A label outside [0, classes) gives NaN, so that it can't go unnoticed.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.SparseCategoricalCrossentropy()
        >>> round(float(loss(np.array([1, 2]), np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]]))), 3)
        1.177
    """

    row_independent = True

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction=REDUCE,
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        check_ignore_class("SparseCategoricalCrossentropy", ignore_class)
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **options)
        # Ignored labels change what the mean divides by, so padded rows can't be weighted away.
        self.row_independent = ignore_class is None


@register("loss")
class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Computes a cross-entropy that wrong labels disturb less, between cross-entropy (q near 0) and absolute error (q near 1).

    loss = (1 - y_pred[y_true] ** q) / q

    Args:
        q: float, 0 < q < 1. Default 0.5.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "categorical_generalized_cross_entropy".
        dtype: as in `Loss`.

    Input shape:
        `y_pred` probabilities `(batch, ..., classes)`; `y_true` integers `(batch, ...)` or `(batch, ..., 1)`.

    Raises:
        ValueError: `q` is outside (0, 1) (at construction).
        ShapeError: the labels' shape does not fit (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.CategoricalGeneralizedCrossEntropy(q=0.5)
        >>> float(loss(np.array([1]), np.array([[0.75, 0.25]])))
        1.0

    References:
        Zhang and Sabuncu (2018), Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels,
        arXiv:1805.07836, equation 6.
    """

    row_independent = True

    def __init__(
        self, q=0.5, reduction=REDUCE, name="categorical_generalized_cross_entropy", dtype=None
    ):
        if not isinstance(q, (int, float)) or not 0 < q < 1:
            raise ValueError(
                message(
                    "CategoricalGeneralizedCrossEntropy", "`q` must be between 0 and 1", f"q={q!r}"
                )
            )
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


@register("loss")
class KLDivergence(LossFunctionWrapper):
    """Computes how far a predicted distribution is from the true one (Kullback and Leibler).

    loss = sum(y_true * log(y_true / y_pred), last axis)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "kl_divergence".
        dtype: as in `Loss`.

    Input shape:
        Probabilities `(batch, ..., classes)` for both.

    Raises:
        ShapeError: the shapes differ (at the call).

    Numerics:
        Both are clipped to [epsilon, 1].

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> round(float(keras.losses.KLDivergence()(np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]]))), 4)
        0.1438
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, reduction, name, dtype)


@register("loss")
class Poisson(LossFunctionWrapper):
    """Computes the loss of predicted rates for counts.

    loss = mean(y_pred - y_true * log(y_pred + epsilon), last axis)

    Args:
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "poisson".
        dtype: as in `Loss`.

    Raises:
        ShapeError: the shapes differ (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> float(keras.losses.Poisson()(np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]])))
        1.5
    """

    row_independent = True

    def __init__(self, reduction=REDUCE, name="poisson", dtype=None):
        super().__init__(poisson, reduction, name, dtype)


# ---- checks


def check_share(who: str, name: str, value) -> None:
    """Raise a ValueError unless `value` is a number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(
            message(who, f"`{name}` must be a number between 0 and 1", f"{name}={value!r}")
        )


def check_gamma(who: str, gamma) -> None:
    """Raise a ValueError unless `gamma` is a number >= 0."""
    if isinstance(gamma, bool) or not isinstance(gamma, (int, float)) or not gamma >= 0:
        raise ValueError(message(who, "`gamma` must be a number >= 0", f"gamma={gamma!r}"))


def check_ignore_class(who: str, ignore_class) -> None:
    """Raise a TypeError unless `ignore_class` is an integer or None."""
    if ignore_class is not None and (
        isinstance(ignore_class, bool) or not isinstance(ignore_class, int)
    ):
        raise TypeError(
            message(
                who, "`ignore_class` must be an integer or None", f"ignore_class={ignore_class!r}"
            )
        )


# ---- functions


def _clipped(probabilities):
    return ops.clip(probabilities, settings.epsilon(), 1.0 - settings.epsilon())


def _smooth_binary(y_true, label_smoothing):
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def _smooth_categorical(y_true, label_smoothing, axis):
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[axis]


@register("loss", "bce", "BCE")
@facts(elementwise=True)
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """Return the mean over an axis of -y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred).

    Args:
        y_true: labels 0 and 1 (or between), `(batch, ..., outputs)`.
        y_pred: probabilities or logits, the same shape.
        from_logits: bool. Whether `y_pred` is before the sigmoid. Default False.
        label_smoothing: float in [0, 1]. Default 0.
        axis: int. The axis averaged over. Default -1.

    Returns:
        The shape without that axis, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.binary_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
        >>> round(float(loss[0]), 4)
        0.6931
    """
    y_true, y_pred = align(y_true, y_pred, "binary_crossentropy")
    y_true = _smooth_binary(y_true, label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


@register("loss")
@facts(elementwise=True)
def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """Return the mean over an axis of the binary focal cross-entropy; formula at `BinaryFocalCrossentropy`.

    Args:
        y_true: labels 0 and 1, `(batch, ..., outputs)`.
        y_pred: probabilities or logits, the same shape.
        apply_class_balancing: bool. Whether to weight the classes by `alpha`. Default False.
        alpha: float in [0, 1]. Weight of class 1. Default 0.25.
        gamma: number >= 0. Default 2.0.
        from_logits: bool. Whether `y_pred` is before the sigmoid. Default False.
        label_smoothing: float in [0, 1]. Default 0.
        axis: int. The axis averaged over. Default -1.

    Returns:
        The shape without that axis, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.binary_focal_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
        >>> round(float(loss[0]), 4)
        0.1733
    """
    y_true, y_pred = align(y_true, y_pred, "binary_focal_crossentropy")
    y_true = _smooth_binary(y_true, label_smoothing)
    loss = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    share = ops.sigmoid(y_pred) if from_logits else y_pred
    loss = ops.power(_missed(y_true * share + (1.0 - y_true) * (1.0 - share)), gamma) * loss
    if apply_class_balancing:
        loss = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * loss
    return ops.mean(loss, axis=axis)


def _missed(share):
    """Return 1 - share, kept from rounding below 0, whose powers are NaN."""
    return ops.maximum(1.0 - share, 0.0)


@register("loss", "cce", "CCE")
@facts()
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """Return -sum(y_true * log(y_pred)) over the class axis.

    Args:
        y_true: one-hot labels or probabilities, `(batch, ..., classes)`.
        y_pred: probabilities or logits, the same shape.
        from_logits: bool. Whether `y_pred` is before the softmax. Default False.
        label_smoothing: float in [0, 1]. Default 0.
        axis: int. The class axis. Default -1.

    Returns:
        The shape without that axis, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.categorical_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
        >>> round(float(loss[0]), 4)
        0.6931
    """
    y_true, y_pred = _one_hot_pair(y_true, y_pred, "categorical_crossentropy")
    y_true = _smooth_categorical(y_true, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def _one_hot_pair(y_true, y_pred, who):
    """Return labels and scores as tensors of one dtype and shape; one axis of size 1 is no excuse here."""
    y_pred = as_float(y_pred)
    shapes = tuple(ops.convert_to_tensor(y_true).shape), tuple(y_pred.shape)
    if not same_shape(*shapes):
        rule = "one-hot labels must have the shape of the predictions"
        fix = "Integer labels need the loss with `sparse` in its name, or `keras.utils.to_categorical`."
        raise ShapeError(
            message(who, rule, f"y_true.shape={shapes[0]}, y_pred.shape={shapes[1]}", fix)
        )
    return align(y_true, y_pred, who)


@register("loss")
@facts()
def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """Return sum(alpha * (1 - y_pred) ** gamma * -y_true * log(y_pred)) over the class axis.

    Args:
        y_true: one-hot labels, `(batch, ..., classes)`.
        y_pred: probabilities or logits, the same shape.
        alpha: number, or list with one number for each class (on the last axis). Default 0.25.
        gamma: number >= 0. Default 2.0.
        from_logits: bool. Whether `y_pred` is before the softmax. Default False.
        label_smoothing: float in [0, 1]. Default 0.
        axis: int. The class axis. Default -1.

    Returns:
        The shape without that axis, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.categorical_focal_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
        >>> round(float(loss[0]), 4)
        0.0433
    """
    y_true, y_pred = _one_hot_pair(y_true, y_pred, "categorical_focal_crossentropy")
    y_true = _smooth_categorical(y_true, label_smoothing, axis)
    share = (
        ops.softmax(y_pred, axis=axis)
        if from_logits
        else y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    )
    share = _clipped(share)
    weights = alpha if isinstance(alpha, (int, float)) else ops.cast(alpha, dtype_of(y_pred))
    return ops.sum(
        weights * ops.power(_missed(share), gamma) * (-y_true * ops.log(share)), axis=axis
    )


@register("loss")
@facts(integer_labels=True)
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """Return -log(y_pred[y_true]): the cross-entropy for class numbers.

    Args:
        y_true: integers in [0, classes), `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: probabilities or logits, `(batch, ..., classes)`.
        from_logits: bool. Whether `y_pred` is before the softmax. Default False.
        ignore_class: int or None. Positions with this label give 0 and carry a mask. Default None.
        axis: int. The class axis of `y_pred`. Default -1.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`. A label outside [0, classes) gives NaN.

    Raises:
        ShapeError: the labels' shape does not fit.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.sparse_categorical_crossentropy(np.array([1]), np.array([[0.5, 0.5]]))
        >>> round(float(loss[0]), 4)
        0.6931
    """
    y_pred = as_float(y_pred)
    labels = align_labels(y_true, y_pred, "sparse_categorical_crossentropy", axis)
    valid = None
    if ignore_class is not None:
        valid = ops.not_equal(labels, ignore_class)
        labels = ops.where(valid, labels, ops.zeros_like(labels))
    classes = y_pred.shape[axis]
    sound = ops.logical_and(labels >= 0, labels < classes) if classes is not None else labels >= 0
    loss = ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=from_logits, axis=axis)
    loss = ops.where(sound, loss, ops.full_like(loss, float("nan")))
    if valid is not None:
        loss = ops.where(valid, loss, ops.zeros_like(loss))
        masking.set_mask(loss, valid)
    return loss


@register("loss")
@facts(integer_labels=True)
def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """Return (1 - y_pred[y_true] ** q) / q.

    Args:
        y_true: integers in [0, classes), `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: probabilities, `(batch, ..., classes)`.
        q: float, 0 < q < 1.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the labels' shape does not fit.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> loss = keras.losses.categorical_generalized_cross_entropy(np.array([1]), np.array([[0.75, 0.25]]), q=0.5)
        >>> loss.tolist()
        [1.0]
    """
    y_pred = as_float(y_pred)
    labels = align_labels(y_true, y_pred, "categorical_generalized_cross_entropy")
    chosen = ops.one_hot(labels, y_pred.shape[-1], dtype=dtype_of(y_pred))
    share = _clipped(ops.sum(chosen * y_pred, axis=-1))
    return (1.0 - ops.power(share, q)) / q


@register("loss", "kld", "KLD")
@facts()
def kl_divergence(y_true, y_pred):
    """Return sum(y_true * log(y_true / y_pred)) over the last axis, both clipped to [epsilon, 1].

    Args:
        y_true: probabilities `(batch, ..., classes)`.
        y_pred: probabilities, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.kl_divergence(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]])).tolist()
        [0.0]
    """
    y_true, y_pred = align(y_true, y_pred, "kl_divergence")
    y_true, y_pred = (ops.clip(share, settings.epsilon(), 1.0) for share in (y_true, y_pred))
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


@register("loss")
@facts(elementwise=True)
def poisson(y_true, y_pred):
    """Return mean(y_pred - y_true * log(y_pred + epsilon)) over the last axis.

    Args:
        y_true: counts `(batch, ..., features)`.
        y_pred: rates > 0, the same shape.

    Returns:
        `(batch, ...)`, the dtype of `y_pred`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.poisson(np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]])).tolist()
        [1.5]
    """
    y_true, y_pred = align(y_true, y_pred, "poisson")
    return ops.mean(y_pred - y_true * ops.log(y_pred + settings.epsilon()), axis=-1)
