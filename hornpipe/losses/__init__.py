"""Losses: what training makes small. Classes, their function forms, and the names they go by.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.losses.get("mse") is keras.losses.mean_squared_error
True
>>> keras.losses.deserialize(keras.losses.serialize(keras.losses.Huber(delta=2.0))).name
'huber_loss'
"""

from __future__ import annotations

from hornpipe.core import config as _config
from hornpipe.core.dialect import module_getattr
from hornpipe.core.refusal import guarded
from hornpipe.losses.base import Loss, LossFunctionWrapper
from hornpipe.losses.classification import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from hornpipe.losses.margin import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from hornpipe.losses.ranking import Circle, circle
from hornpipe.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from hornpipe.losses.segmentation import Dice, Tversky, dice, tversky


@guarded("losses.get")
def get(identifier):
    """Return the loss that `identifier` stands for.

    Args:
        identifier: None, a name (of a function: "mse", or a class: "MeanSquaredError"), a function, a class, a loss, or a
            description from `serialize`.

    Returns:
        A function, a `Loss`, or None.

    Raises:
        ValueError: the name is unknown.
        TypeError: it is none of these.

    Example:
        >>> import hornpipe as keras
        >>> keras.losses.get("mae").__name__
        'mean_absolute_error'
    """
    return _config.resolve("loss", identifier)


@guarded("losses.serialize")
def serialize(loss):
    """Return a description of a loss: its name for a function of ours, else a dict.

    Args:
        loss: a `Loss` or a function.

    Raises:
        TypeError: it can't be described, for example a lambda.

    Example:
        >>> import hornpipe as keras
        >>> keras.losses.serialize(keras.losses.mean_squared_error)
        'mean_squared_error'
    """
    return _config.serialize(loss)


@guarded("losses.deserialize")
def deserialize(name, custom_objects=None):
    """Return the loss that a description from `serialize`, or a name, stands for.

    Args:
        name: dict or str.
        custom_objects: dict name -> loss class or function of your own.

    Raises:
        ValueError: the class or name is unknown.

    Example:
        >>> import hornpipe as keras
        >>> keras.losses.deserialize("huber").__name__
        'huber'
    """
    with _config.custom_object_scope(custom_objects or {}):
        return _config.resolve("loss", name)


__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

__getattr__ = module_getattr(__name__, __all__)
