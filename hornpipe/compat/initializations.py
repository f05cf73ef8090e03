"""`keras.initializations` of 2016: functions of a shape that make a variable.

>>> from hornpipe.compat import initializations
>>> initializations.get("glorot_uniform")((3, 2), name="W").shape
(3, 2)
"""

from __future__ import annotations

import math

from hornpipe import ops
from hornpipe.core.config import resolve
from hornpipe.core.variable import Variable


def _named(identifier, **arguments):
    """Return the function of 2016 for an initializer of today."""

    def initialize(shape, name=None, dim_ordering=None, **own):
        first = resolve("initializer", identifier, **{**arguments, **own})
        return Variable(
            first, shape=tuple(shape), name=None if name is None else name.replace("/", "_")
        )

    initialize.__name__ = initialize.__qualname__ = identifier
    initialize.__doc__ = f"Return a variable of a shape with the values of `{identifier}`."
    return initialize


glorot_uniform, glorot_normal = _named("glorot_uniform"), _named("glorot_normal")
he_uniform, he_normal, lecun_uniform = (
    _named("he_uniform"),
    _named("he_normal"),
    _named("lecun_uniform"),
)
zero, one = _named("zeros"), _named("ones")


def uniform(shape, scale=0.05, name=None, dim_ordering=None):
    """Return a variable with values spread evenly over [-scale, scale)."""
    return _named("random_uniform", minval=-scale, maxval=scale)(shape, name=name)


def normal(shape, scale=0.05, name=None, dim_ordering=None):
    """Return a variable with normally distributed values of standard deviation `scale`."""
    return _named("random_normal", stddev=scale)(shape, name=name)


def orthogonal(shape, scale=1.1, name=None, dim_ordering=None):
    """Return a variable that holds an orthogonal matrix times `scale`."""
    return _named("orthogonal", gain=scale)(shape, name=name)


def identity(shape, scale=1, name=None, dim_ordering=None):
    """Return a variable that holds the unit matrix times `scale`."""
    return Variable(ops.eye(*shape) * scale, name=name)


def get_fans(shape, dim_ordering="th"):
    """Return (fan in, fan out) of a weight's shape; kernels of "th" order are `(filters, channels, ...)`."""
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (3, 4, 5):
        window = math.prod(shape[2:] if dim_ordering == "th" else shape[:-2])
        fan_in, fan_out = (shape[1], shape[0]) if dim_ordering == "th" else (shape[-2], shape[-1])
        return fan_in * window, fan_out * window
    return math.sqrt(math.prod(shape)), math.sqrt(math.prod(shape))


def get(identifier, **kwargs):
    """Return the function of 2016 for a name; functions come back as they are.

    Raises:
        ValueError: the name is unknown.
    """
    if callable(identifier):
        return identifier
    own = (
        globals().get(identifier)
        if isinstance(identifier, str) and not identifier.startswith("_")
        else None
    )
    if own is not None and identifier not in ("get", "get_fans", "resolve"):
        return own
    resolve("initializer", identifier)  # the error of an unknown name
    return _named(identifier)
