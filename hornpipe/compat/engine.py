"""`keras.engine` of 2016, with `topology` and `training`: where Layer, Input, Merge and Model lived.

>>> from hornpipe.compat.engine import Layer, Model
>>> issubclass(Model, Layer)
True
"""

from __future__ import annotations

from hornpipe.compat.legacy import Merge, merge
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.layers import Input, InputLayer
from hornpipe.models import Model, Sequential

Container = Model

__all__ = [
    "Container",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "Merge",
    "Model",
    "Sequential",
    "merge",
]
