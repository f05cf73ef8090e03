"""Rules that weights obey after every update: projections applied by the optimizer.

A constraint is a callable `(weight) -> weight`. Norms run over `axis`: for a Dense kernel `(inputs, units)` axis 0 holds the
weights into one unit; for a Conv2D kernel `(height, width, channels, filters)` use `axis=[0, 1, 2]`.

>>> import hornpipe as keras
>>> keras.constraints.NonNeg()(keras.ops.convert_to_tensor([-1.0, 2.0])).tolist()
[0.0, 2.0]
"""

from __future__ import annotations

import numbers
from typing import Any

from hornpipe import ops
from hornpipe.core import config as registry
from hornpipe.core.checks import check_number
from hornpipe.core.config import Configurable, register
from hornpipe.core.dialect import module_getattr
from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded
from hornpipe.core.settings import epsilon
from hornpipe.engine.select import active


class Constraint(Configurable):
    """Base of all constraints: a callable that gives the weight to go on with.

    Subclasses define `__call__(self, w)`.

    Example:
        >>> import hornpipe as keras
        >>> class SumToOne(keras.constraints.Constraint):
        ...     def __call__(self, w):
        ...         return w / keras.ops.sum(w)
        >>> SumToOne()(keras.ops.ones((4,))).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """

    def __call__(self, w):
        """Return the constrained weight, of the same shape and dtype."""
        return w


@register("constraint")
class MaxNorm(Constraint):
    """Shrink weights whose norm over `axis` exceeds `max_value` to that norm: `w * min(norm, max_value) / (eps + norm)`.

    Args:
        max_value: number >= 0. Default 2.
        axis: int or ints. Default 0.

    Raises:
        ValueError: `max_value` is negative, or `axis` is not made of integers.

    Numerics:
        eps is `keras.config.epsilon()`; norms of half-precision weights are computed in float32.

    Example:
        >>> import hornpipe as keras
        >>> w = keras.constraints.MaxNorm(1.0)(keras.ops.convert_to_tensor([[3.0, 0.0], [4.0, 0.5]]))
        >>> [[round(v, 3) for v in row] for row in w.tolist()]
        [[0.6, 0.0], [0.8, 0.5]]

    References:
        Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting, JMLR 15, section 5.1.
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = check_number(max_value, "max_value", "MaxNorm", least=0)
        self.axis = _axes(axis, "MaxNorm")

    def __call__(self, w):
        """Return the constrained weight, of the same shape and dtype."""
        return _with_norm(w, self.axis, lambda norm: ops.minimum(norm, self.max_value))


@register("constraint")
class NonNeg(Constraint):
    """Set negative weights to 0.

    Example:
        >>> import hornpipe as keras
        >>> keras.constraints.NonNeg()(keras.ops.convert_to_tensor([-1.0, 0.5])).tolist()
        [0.0, 0.5]
    """

    def __call__(self, w):
        """Return the constrained weight, of the same shape and dtype."""
        return ops.maximum(w, 0)


@register("constraint")
class UnitNorm(Constraint):
    """Scale weights to norm 1 over `axis`: `w / (eps + norm)`.

    Args:
        axis: int or ints. Default 0.

    Raises:
        ValueError: `axis` is not made of integers.

    Numerics:
        eps is `keras.config.epsilon()`; zero weights stay zero; norms of half-precision weights are computed in float32.

    Example:
        >>> import hornpipe as keras
        >>> w = keras.constraints.UnitNorm()(keras.ops.convert_to_tensor([3.0, 4.0]))
        >>> [round(v, 3) for v in w.tolist()]
        [0.6, 0.8]
    """

    def __init__(self, axis=0):
        self.axis = _axes(axis, "UnitNorm")

    def __call__(self, w):
        """Return the constrained weight, of the same shape and dtype."""
        return _with_norm(w, self.axis, lambda norm: 1.0)


@register("constraint")
class MinMaxNorm(Constraint):
    """Pull the norm over `axis` into `[min_value, max_value]`, all the way or in part.

    `w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / (eps + norm)`.

    Args:
        min_value: number >= 0. Default 0.0.
        max_value: number >= min_value. Default 1.0.
        rate: number in [0, 1]: how far one application goes. Default 1.0.
        axis: int or ints. Default 0.

    Raises:
        ValueError: a bound is negative or the bounds are crossed, `rate` is outside [0, 1], or `axis` is not made of integers.

    Numerics:
        eps is `keras.config.epsilon()`; zero weights stay zero; norms of half-precision weights are computed in float32.

    Example:
        >>> import hornpipe as keras
        >>> w = keras.constraints.MinMaxNorm(1.0, 2.0)(keras.ops.convert_to_tensor([0.3, 0.4]))
        >>> [round(v, 3) for v in w.tolist()]
        [0.6, 0.8]
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = check_number(min_value, "min_value", "MinMaxNorm", least=0)
        self.max_value = check_number(max_value, "max_value", "MinMaxNorm", least=0)
        if min_value > max_value:
            received = f"min_value={min_value!r}, max_value={max_value!r}"
            raise ValueError(
                message("MinMaxNorm", "`min_value` must not exceed `max_value`", received)
            )
        self.rate = check_number(rate, "rate", "MinMaxNorm", least=0, most=1)
        self.axis = _axes(axis, "MinMaxNorm")

    def __call__(self, w):
        """Return the constrained weight, of the same shape and dtype."""

        def pulled(norm):
            bounded = ops.clip(norm, self.min_value, self.max_value)
            return self.rate * bounded + (1 - self.rate) * norm

        return _with_norm(w, self.axis, pulled)


def _with_norm(w, axis, wanted):
    """Return `w` scaled to the norm `wanted(norm)`."""
    w = ops.convert_to_tensor(w)
    dtype = active.engine.dtype(w)
    # In float16 squares overflow, and so does 1 / epsilon.
    wide = ops.cast(w, "float32") if dtype in ("float16", "bfloat16") else w
    norm = ops.sqrt(ops.sum(ops.square(wide), axis=axis, keepdims=True))
    return ops.cast(wide * (wanted(norm) / (epsilon() + norm)), dtype)


def _axes(axis: Any, who):
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    if not axes or not all(
        isinstance(each, numbers.Integral) and not isinstance(each, bool) for each in axes
    ):
        raise ValueError(
            message(who, "`axis` must be an integer or a list of integers", f"axis={axis!r}")
        )
    return axis if isinstance(axis, numbers.Integral) else axes


@guarded("constraints.get")
def get(identifier):
    """Return the constraint that `identifier` stands for.

    Args:
        identifier: name, config, class, object, function `(weight) -> weight`, or None.

    Raises:
        ValueError: the name is unknown.
        TypeError: `identifier` is none of these.

    Example:
        >>> import hornpipe as keras
        >>> keras.constraints.get("max_norm").max_value
        2
    """
    return registry.resolve("constraint", identifier)


@guarded("constraints.serialize")
def serialize(constraint):
    """Return the config of a constraint as plain data."""
    return registry.serialize(constraint)


@guarded("constraints.deserialize")
def deserialize(config, custom_objects=None):
    """Return the constraint that a config from `serialize` describes.

    Raises:
        ValueError: the class is unknown.
    """
    return registry.deserialize(config, custom_objects, kind="constraint")


# Keras's other spellings
max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

__getattr__ = module_getattr(__name__, tuple(globals()))
