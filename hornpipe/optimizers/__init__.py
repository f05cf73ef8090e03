"""Optimizers: rules by which gradients change weights.

>>> import hornpipe as keras
>>> optimizer = keras.optimizers.get("adam")
>>> round(float(optimizer.learning_rate), 4)
0.001
>>> weight = keras.Variable([1.0])
>>> optimizer.apply([keras.ops.ones((1,))], [weight])
>>> round(float(weight[0]), 4)
0.999
"""

from __future__ import annotations

from hornpipe.core import config as registry
from hornpipe.core.dialect import module_getattr
from hornpipe.core.refusal import guarded
from hornpipe.optimizers import schedules as schedules
from hornpipe.optimizers.adafactor import Adafactor as Adafactor
from hornpipe.optimizers.adagrad import Adadelta as Adadelta
from hornpipe.optimizers.adagrad import Adagrad as Adagrad
from hornpipe.optimizers.adam import Adam as Adam
from hornpipe.optimizers.adam import Adamax as Adamax
from hornpipe.optimizers.adam import AdamW as AdamW
from hornpipe.optimizers.adam import Lamb as Lamb
from hornpipe.optimizers.adam import Nadam as Nadam
from hornpipe.optimizers.base import Optimizer as Optimizer
from hornpipe.optimizers.ftrl import Ftrl as Ftrl
from hornpipe.optimizers.lion import Lion as Lion
from hornpipe.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from hornpipe.optimizers.rmsprop import RMSprop as RMSprop
from hornpipe.optimizers.sgd import SGD as SGD


@guarded("optimizers.get")
def get(identifier):
    """Return the optimizer that `identifier` stands for.

    Args:
        identifier: name (in any case), config, class, object, or None.

    Raises:
        ValueError: the name is unknown. The message offers the nearest one.
        TypeError: `identifier` is none of these.

    Example:
        >>> import hornpipe as keras
        >>> type(keras.optimizers.get("rmsprop")).__name__
        'RMSprop'
    """
    if isinstance(identifier, str) and identifier.lower() in registry.table("optimizer"):
        identifier = identifier.lower()
    return registry.resolve("optimizer", identifier)


@guarded("optimizers.serialize")
def serialize(optimizer):
    """Return the config of an optimizer as plain data."""
    return registry.serialize(optimizer)


@guarded("optimizers.deserialize")
def deserialize(config, custom_objects=None):
    """Return the optimizer that a config from `serialize` describes; its state is not part of it.

    Raises:
        ValueError: the class is unknown.
    """
    return registry.deserialize(config, custom_objects, kind="optimizer")


__getattr__ = module_getattr(__name__, tuple(globals()))
