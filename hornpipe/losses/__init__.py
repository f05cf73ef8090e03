"""Losses: what training makes small. Classes, their function forms, and the names they go by.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.losses.get("mse") is keras.losses.mean_squared_error
True
>>> keras.losses.deserialize(keras.losses.serialize(keras.losses.Huber(delta=2.0))).name
'huber_loss'
"""

from __future__ import annotations

import functools
import importlib

from hornpipe.core import config as _config
from hornpipe.core.dialect import find_name
from hornpipe.core.refusal import guarded

# module -> the names it exports here
_FAMILIES = {
    "losses.base": "Loss LossFunctionWrapper",
    "losses.classification": "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy KLDivergence Poisson SparseCategoricalCrossentropy binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy kl_divergence poisson sparse_categorical_crossentropy",
    "losses.margin": "CategoricalHinge Hinge SquaredHinge categorical_hinge hinge squared_hinge",
    "losses.ranking": "Circle circle",
    "losses.regression": "CosineSimilarity Huber LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError cosine_similarity huber log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error",
    "losses.segmentation": "Dice Tversky dice tversky",
}
_HOMES = {name: module for module, names in _FAMILIES.items() for name in names.split()}

__all__ = sorted([*_HOMES, "deserialize", "get", "serialize"])


@functools.cache
def load_all() -> None:
    """Import every family, so that the registry knows all of them."""
    for module in _FAMILIES:
        importlib.import_module(f"hornpipe.{module}")


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


def __getattr__(name):
    if name not in _HOMES:
        return find_name(__name__, name, __all__)
    value = getattr(importlib.import_module(f"hornpipe.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
