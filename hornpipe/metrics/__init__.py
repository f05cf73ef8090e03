"""Metrics: what tells how good a model is. Classes, function forms, and the names they go by.

>>> import numpy as np
>>> import hornpipe as keras
>>> metric = keras.metrics.get("mse")
>>> metric.update_state(np.array([[0.0], [0.0]]), np.array([[1.0], [3.0]]))
>>> float(metric.result())
5.0
"""

from __future__ import annotations

from hornpipe.core import config as _config
from hornpipe.core.dialect import module_getattr
from hornpipe.core.refusal import guarded
from hornpipe.losses.classification import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from hornpipe.losses.margin import categorical_hinge, hinge, squared_hinge
from hornpipe.losses.regression import (
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from hornpipe.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from hornpipe.metrics.base import Mean, MeanMetricWrapper, Metric, Sum
from hornpipe.metrics.choose import as_metric, find_metric
from hornpipe.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from hornpipe.metrics.curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from hornpipe.metrics.fscore import F1Score, FBetaScore
from hornpipe.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from hornpipe.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from hornpipe.metrics.regression import (
    ConcordanceCorrelation,
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    R2Score,
    RootMeanSquaredError,
    concordance_correlation,
    pearson_correlation,
)


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


__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "as_metric",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

__getattr__ = module_getattr(__name__, __all__)
