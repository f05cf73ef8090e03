"""Layers: the parts that models are made of. Names are loaded on first use.

>>> import numpy as np
>>> import hornpipe as keras
>>> layer = keras.layers.Dense(2)
>>> layer(np.ones((4, 3))).shape
(4, 2)
"""

from __future__ import annotations

import functools
import importlib

import hornpipe
from hornpipe.core.refusal import guarded

# module -> the layers and functions it exports
_FAMILIES = {
    "input": ["InputLayer", "Input"],
    "dense": ["Dense", "EinsumDense"],
    "activation": ["Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"],
    "dropout": [
        "Dropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "ActivityRegularization",
    ],
    "reshaping": [
        "Flatten",
        "Reshape",
        "Permute",
        "RepeatVector",
        "Cropping1D",
        "Cropping2D",
        "Cropping3D",
        "ZeroPadding1D",
        "ZeroPadding2D",
        "ZeroPadding3D",
        "UpSampling1D",
        "UpSampling2D",
        "UpSampling3D",
    ],
    "embedding": ["Embedding"],
    "normalization": [
        "BatchNormalization",
        "LayerNormalization",
        "RMSNormalization",
        "GroupNormalization",
        "UnitNormalization",
    ],
    "convolution": ["Conv1D", "Conv2D", "Conv3D"],
    "convolution_depthwise": [
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "SeparableConv1D",
        "SeparableConv2D",
    ],
    "convolution_transpose": ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"],
    "pooling": [
        "MaxPooling1D",
        "MaxPooling2D",
        "MaxPooling3D",
        "AveragePooling1D",
        "AveragePooling2D",
        "AveragePooling3D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "GlobalMaxPooling3D",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalAveragePooling3D",
        "AdaptiveAveragePooling1D",
        "AdaptiveAveragePooling2D",
        "AdaptiveAveragePooling3D",
        "AdaptiveMaxPooling1D",
        "AdaptiveMaxPooling2D",
        "AdaptiveMaxPooling3D",
    ],
    "recurrent_cells": ["SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells"],
    "recurrent": ["RNN", "SimpleRNN", "LSTM", "GRU"],
    "bidirectional": ["Bidirectional"],
    "merging": [
        "Add",
        "Subtract",
        "Multiply",
        "Average",
        "Maximum",
        "Minimum",
        "Concatenate",
        "Dot",
        "add",
        "subtract",
        "multiply",
        "average",
        "maximum",
        "minimum",
        "concatenate",
        "dot",
    ],
    "lambda_layer": ["Lambda"],
    "wrappers": ["Identity", "Masking", "Wrapper", "TimeDistributed", "SpectralNormalization"],
    "attention": ["Attention", "AdditiveAttention"],
    "multi_head_attention": ["MultiHeadAttention", "GroupQueryAttention"],
}
# classes that also take their window's sizes one by one; they are made where older spellings are known
_OLDER = ("Convolution2D", "Convolution3D", "SeparableConvolution2D")
# other names of the same classes
_ALIASES = {
    "Convolution1D": "Conv1D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "SeparableConvolution1D": "SeparableConv1D",
    **{
        f"{short}{rank}D": f"{long}{rank}D"
        for short, long in {
            "MaxPool": "MaxPooling",
            "AvgPool": "AveragePooling",
            "GlobalMaxPool": "GlobalMaxPooling",
            "GlobalAvgPool": "GlobalAveragePooling",
        }.items()
        for rank in (1, 2, 3)
    },
}
_MODULES = {name: module for module, names in _FAMILIES.items() for name in names}
_CORE = ("InputSpec", "Layer")

__path__.append(hornpipe.__path__[-1])
__all__ = [*_CORE, *_MODULES, *_ALIASES, *_OLDER, "deserialize", "get", "serialize"]


@functools.cache
def load_all() -> None:
    """Import every family, so that the registry knows all layers."""
    for module in _FAMILIES:
        importlib.import_module(f"hornpipe.layers.{module}")


@guarded("layers.get")
def get(identifier):
    """Return the layer that `identifier` stands for: a layer, a description, a class or a class's name.

    Raises:
        ValueError: the name is unknown.
    """
    from hornpipe.core.config import resolve

    return resolve("layer", identifier)


@guarded("layers.serialize")
def serialize(layer) -> dict:
    """Return the description of `layer` as plain data.

    Example:
        >>> import hornpipe as keras
        >>> keras.layers.serialize(keras.layers.Dense(2))["class_name"]
        'Dense'
    """
    from hornpipe.core import config

    return config.serialize(layer)


@guarded("layers.deserialize")
def deserialize(config, custom_objects=None):
    """Return the layer that `serialize` described.

    Args:
        config: dict with `class_name` and `config`.
        custom_objects: dict name -> class of your own.
    Raises:
        ValueError: the class is unknown.
    """
    from hornpipe.core.config import deserialize as revive

    return revive(config, custom_objects)


def __getattr__(name):
    if name in _CORE:
        value = getattr(importlib.import_module("hornpipe.core.layer"), name)
    elif name in _MODULES or name in _ALIASES:
        target = _ALIASES.get(name, name)
        value = getattr(importlib.import_module(f"hornpipe.layers.{_MODULES[target]}"), target)
    else:
        from hornpipe.core.dialect import find_name

        value = find_name(__name__, name, __all__)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
