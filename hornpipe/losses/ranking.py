"""Losses that compare the rows of a batch with one another, for learning embeddings: Circle.

>>> import numpy as np
>>> import hornpipe as keras
>>> labels, embeddings = np.array([0, 0, 1]), np.eye(3)
>>> tuple(keras.losses.circle(labels, embeddings).shape)
(3,)
"""

# Classes stand before functions: "circle" must name the function, and the later entry of a name stays.

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import masking
from hornpipe.core.config import register
from hornpipe.core.errors import ShapeError, message
from hornpipe.losses.alignment import as_float, same_shape
from hornpipe.losses.base import LossFunctionWrapper, facts

REDUCE = "sum_over_batch_size"
_NEVER = -1e30  # a logit whose exponential is 0, in every dtype of 32 bits


@register("loss")
class Circle(LossFunctionWrapper):
    """Pulls embeddings of one class together and pushes those of different classes apart.

    With s the inner product of two rows, over partners p of the same class and n of another one:
    loss = softplus(logsumexp(gamma * max(s_n + margin, 0) * (s_n - margin))
    + logsumexp(-gamma * max(1 + margin - s_p, 0) * (s_p - 1 + margin))). The factors max(...) count as constants in the
    gradient. A row without partners of both kinds gives 0 and does not count in the mean.

    Args:
        gamma: number > 0. Scale of the similarities. Default 80.0.
        margin: number > 0. Default 0.4.
        remove_diagonal: bool. Whether a row is no partner of itself. Default True.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default "circle".
        dtype: as in `Loss`.

    Input shape:
        `y_true` integer labels `(batch,)` or `(batch, 1)`; `y_pred` embeddings `(batch, features)` of
        length 1 (`keras.layers.UnitNormalization` makes them so).

    Raises:
        ValueError: `gamma` or `margin` is not a number > 0 (at construction).
        ShapeError: the shapes are not these (at the call).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> loss = keras.losses.Circle(gamma=2.0)
        >>> float(loss(np.array([0, 0, 1, 1]), embeddings)) < float(loss(np.array([0, 1, 0, 1]), embeddings))
        True

    References:
        Sun et al. (2020), Circle Loss, arXiv:2002.10857, equations 6 and 8.
    """

    row_independent = False

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction=REDUCE,
        name="circle",
        dtype=None,
    ):
        for label, value in (("gamma", gamma), ("margin", margin)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(
                    message("Circle", f"`{label}` must be a number > 0", f"{label}={value!r}")
                )
        options = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **options)


# ---- functions


@register("loss")
@facts(row_independent=False, integer_labels=True)
def circle(
    y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4
):
    """Return the circle loss of each row; formula at `Circle`.

    Args:
        y_true: integer labels `(batch,)` or `(batch, 1)`.
        y_pred: embeddings `(batch, features)` of length 1.
        ref_labels: labels of the partners. Default None: `y_true`.
        ref_embeddings: embeddings of the partners. Default None: `y_pred`.
        remove_diagonal: bool. Whether row i is no partner of row i. Default True.
        gamma: number > 0. Default 80.
        margin: number > 0. Default 0.4.

    Returns:
        `(batch,)`, the dtype of `y_pred`; a mask leaves out rows without partners of both kinds.

    Raises:
        ShapeError: embeddings or labels have other shapes.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.losses.circle(np.array([0, 1]), np.eye(2)).tolist()
        [0.0, 0.0]
    """
    labels, embeddings = _labelled(y_true, as_float(y_pred))
    others, partners = labels, embeddings
    if ref_embeddings is not None:
        others, partners = _labelled(
            y_true if ref_labels is None else ref_labels, as_float(ref_embeddings)
        )
    elif ref_labels is not None:
        others, partners = _labelled(ref_labels, embeddings)
    # Unit vectors of float32 can come out above 1 by a rounding error.
    similarity = ops.minimum(ops.matmul(embeddings, ops.transpose(partners)), 1.0)
    same = ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(others, 0))
    different = ops.logical_not(same)
    if remove_diagonal:
        rows, columns = (ops.arange(size, dtype="int32") for size in ops.shape(similarity))
        same = ops.logical_and(same, ops.expand_dims(rows, 1) != ops.expand_dims(columns, 0))
    pull = ops.stop_gradient(ops.maximum(1.0 + margin - similarity, 0.0))
    push = ops.stop_gradient(ops.maximum(similarity + margin, 0.0))
    near = _log_sum_exp(-gamma * pull * (similarity - (1.0 - margin)), same)
    far = _log_sum_exp(gamma * push * (similarity - margin), different)
    has_both = ops.logical_and(ops.any(same, axis=1), ops.any(different, axis=1))
    loss = ops.softplus(ops.where(has_both, near + far, ops.zeros_like(near)))
    loss = ops.where(has_both, loss, ops.zeros_like(loss))
    masking.set_mask(loss, has_both)
    return loss


def _log_sum_exp(logits, chosen):
    return ops.logsumexp(ops.where(chosen, logits, ops.full_like(logits, _NEVER)), axis=1)


def _labelled(labels, embeddings):
    """Return labels `(rows,)` and embeddings `(rows, features)`."""
    labels = ops.convert_to_tensor(labels)
    shapes = tuple(labels.shape), tuple(embeddings.shape)
    sound = (
        len(shapes[1]) == 2
        and shapes[0][1:] in ((), (1,))
        and same_shape(shapes[0][:1], shapes[1][:1])
    )
    if not sound:
        rule = "labels must have the shape (batch,) or (batch, 1) and embeddings (batch, features)"
        raise ShapeError(
            message("circle", rule, f"y_true.shape={shapes[0]}, y_pred.shape={shapes[1]}")
        )
    return (ops.squeeze(labels, -1) if len(shapes[0]) == 2 else labels), embeddings
