"""Metrics: what tells how good a model is. Classes, function forms, and the names they go by.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.get("mse")
>>> metric.update_state(np.array([[0.0], [0.0]]), np.array([[1.0], [3.0]]))
>>> float(metric.result())
5.0
"""

from __future__ import annotations

import functools
import importlib

from hornpipe.core import config as _config
from hornpipe.core.dialect import find_name
from hornpipe.core.refusal import guarded
from hornpipe.metrics.choose import find_metric

# module -> the names it exports here
_FAMILIES = {
    "losses.classification": "binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy kl_divergence poisson sparse_categorical_crossentropy",
    "losses.margin": "categorical_hinge hinge squared_hinge",
    "losses.regression": "huber log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error",
    "metrics.accuracy": "Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy SparseTopKCategoricalAccuracy TopKCategoricalAccuracy binary_accuracy categorical_accuracy sparse_categorical_accuracy sparse_top_k_categorical_accuracy top_k_categorical_accuracy",
    "metrics.choose": "as_metric",
    "metrics.base": "Mean MeanMetricWrapper Metric Sum",
    "metrics.confusion": "FalseNegatives FalsePositives Precision Recall TrueNegatives TruePositives",
    "metrics.curves": "AUC PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity",
    "metrics.fscore": "F1Score FBetaScore",
    "metrics.iou": "BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU",
    "metrics.probabilistic": "BinaryCrossentropy CategoricalCrossentropy CategoricalHinge Hinge KLDivergence Poisson SparseCategoricalCrossentropy SquaredHinge",
    "metrics.regression": "ConcordanceCorrelation CosineSimilarity LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError PearsonCorrelation R2Score RootMeanSquaredError concordance_correlation pearson_correlation",
}
_HOMES = {name: module for module, names in _FAMILIES.items() for name in names.split()}

__all__ = sorted([*_HOMES, "deserialize", "get", "serialize"])


@functools.cache
def load_all() -> None:
    """Import every family, so that the registry knows all of them."""
    for module in _FAMILIES:
        importlib.import_module(f"hornpipe.{module}")


@guarded("metrics.get")
def get(identifier):
    """Return the metric that `identifier` stands for.

    Args:
        identifier: None, a name (of a metric, or of a loss function where no metric has it), a function, a class, a metric, or a
            description from `serialize`.

    Returns:
        A `Metric`, the function as it was given, or None.

    Raises:
        ValueError: the name is unknown.
        TypeError: it is none of these.

    Example:
        >>> import hornpipe as keras
        >>> keras.metrics.get("mae").name
        'mean_absolute_error'
    """
    return find_metric(identifier)


@guarded("metrics.serialize")
def serialize(metric):
    """Return a description of a metric: a dict, or its name for a function of ours.

    Args:
        metric: a `Metric` or a function.

    Raises:
        TypeError: it can't be described, for example a lambda.

    Example:
        >>> import hornpipe as keras
        >>> keras.metrics.serialize(keras.metrics.Sum(name="total"))["class_name"]
        'Sum'
    """
    return _config.serialize(metric)


@guarded("metrics.deserialize")
def deserialize(config, custom_objects=None):
    """Return the metric that a description from `serialize`, or a name, stands for.

    Args:
        config: dict or str.
        custom_objects: dict name -> metric class or function of your own.

    Raises:
        ValueError: the class or name is unknown.

    Example:
        >>> import hornpipe as keras
        >>> keras.metrics.deserialize(keras.metrics.serialize(keras.metrics.Precision(top_k=2))).top_k
        2
    """
    with _config.custom_object_scope(custom_objects or {}):
        return find_metric(config)


def __getattr__(name):
    if name not in _HOMES:
        return find_name(__name__, name, __all__)
    value = getattr(importlib.import_module(f"hornpipe.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
