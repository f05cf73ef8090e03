"""From names, functions and losses to metrics: what `compile(metrics=[...])` accepts.

>>> from hornpipe.metrics.choose import as_metric
>>> as_metric("acc", (None, 1), (None, 10))
<SparseCategoricalAccuracy name=acc>
"""

from __future__ import annotations

import inspect

from hornpipe.core import config as registry
from hornpipe.core import dialect
from hornpipe.core.errors import message, near_miss
from hornpipe.losses.base import Loss
from hornpipe.metrics.base import MeanMetricWrapper, Metric

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


def find_metric(identifier):
    """Return what `metrics.get` returns: a metric, a function, or None.

    A name stands for a metric; where there is none of that name, for the loss function of that name.
    """
    if (
        not isinstance(identifier, str)
        or identifier in registry.table("metric")
        or registry._find_custom(identifier)
    ):
        return registry.resolve("metric", identifier)
    losses = registry.table("loss")
    if identifier not in losses:
        older = dialect.identifier("metric", identifier)
        if older is not None:
            return (
                find_metric(older)
                if isinstance(older, str)
                else MeanMetricWrapper(older, name=identifier)
            )
        known = [*registry.table("metric"), *losses, *_ACCURACY, *_CROSSENTROPY]
        fix = near_miss(identifier, known).strip() or f"Known: {', '.join(sorted(known))}."
        raise ValueError(message("metric", "name is unknown", repr(identifier), fix))
    found = losses[identifier]
    return MeanMetricWrapper(found() if inspect.isclass(found) else found, name=identifier)


def as_metric(identifier, y_true_shape, y_pred_shape, loss=None) -> Metric | None:
    """Return a metric for labels and predictions of these shapes, its state made.

    "accuracy" ("acc") and "crossentropy" ("ce") become the binary metric where predictions have one column; the sparse one where
    labels have fewer axes than predictions or one column; else the categorical one.

    Args:
        identifier: a name, function, class, loss, metric or description; None stays None.
        y_true_shape: tuple, or None where unknown.
        y_pred_shape: tuple; its last size must be known for "accuracy" and "crossentropy".
        loss: the output's `Loss`. Tells sparse labels where their shape is unknown, and logits for "crossentropy". Default None.

    Returns:
        A metric; one made of a name is called by that very name, one made of a function by the function's.

    Raises:
        ValueError: the name is unknown.
        TypeError: `identifier` is none of these.
    """
    if identifier is None or isinstance(identifier, Metric):
        metric = identifier
    elif isinstance(identifier, str):
        metric = _named(identifier, y_true_shape, y_pred_shape, loss)
        metric.name = identifier
    else:
        found = find_metric(identifier)
        metric = found if isinstance(found, Metric) else MeanMetricWrapper(found)
    if metric is not None and y_pred_shape is not None:
        metric.build(y_true_shape, y_pred_shape)
    return metric


def _named(name, y_true_shape, y_pred_shape, loss) -> Metric:
    if name.lower() in _ACCURACY:
        kind = _kind_of_labels(y_true_shape, y_pred_shape, loss)
        return registry.resolve("metric", f"{kind}_accuracy")
    if name.lower() in _CROSSENTROPY:
        kind = _kind_of_labels(y_true_shape, y_pred_shape, loss)
        options = getattr(loss, "_fn_kwargs", {})
        return registry.resolve(
            "metric", f"{kind}_crossentropy", from_logits=options.get("from_logits", False)
        )
    found = find_metric(name)
    return found if isinstance(found, Metric) else MeanMetricWrapper(found)


def _kind_of_labels(y_true_shape, y_pred_shape, loss) -> str:
    """Return "binary", "sparse_categorical" or "categorical"."""
    if y_pred_shape is None or len(y_pred_shape) == 0:
        rule = "the shape of the predictions must be known to choose an accuracy or cross-entropy"
        raise ValueError(
            message(
                "metric",
                rule,
                f"y_pred_shape={y_pred_shape}",
                "Name one, such as 'binary_accuracy'.",
            )
        )
    one_column = y_pred_shape[-1] == 1 or len(y_pred_shape) == 1
    if one_column:
        return "binary"
    if y_true_shape is None:
        sparse = isinstance(loss, Loss) and loss.integer_labels
    else:
        sparse = len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1
    return "sparse_categorical" if sparse else "categorical"
