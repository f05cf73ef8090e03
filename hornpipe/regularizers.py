"""Penalties on weights and activations, added to the loss.

A regularizer is a callable `(x) -> scalar`. Layers take one by name ("l2"), as an object (`L2(1e-4)`), or as a function.

>>> import hornpipe as keras
>>> float(keras.regularizers.L2(0.5)(keras.ops.ones((2, 2))))
2.0
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import config as registry
from hornpipe.core.checks import check_number
from hornpipe.core.config import Configurable, register
from hornpipe.core.dialect import module_getattr
from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded


class Regularizer(Configurable):
    """Base of all regularizers: a callable that gives a penalty for a tensor.

    Subclasses define `__call__(self, x)`.

    Example:
        >>> import hornpipe as keras
        >>> class Tenth(keras.regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return 0.1 * keras.ops.sum(keras.ops.abs(x))
        >>> keras.layers.Dense(3, kernel_regularizer=Tenth()).kernel_regularizer.__class__.__name__
        'Tenth'
    """

    def __call__(self, x):
        """Return the penalty, a scalar."""
        raise NotImplementedError(
            message(type(self).__name__, "a subclass must define `__call__(self, x)`")
        )


@register("regularizer", "l1_l2")
class L1L2(Regularizer):
    """Penalise by `l1 * sum(|x|) + l2 * sum(x ** 2)`.

    Args:
        l1: number >= 0. Default 0.0.
        l2: number >= 0. Default 0.0.

    Returns:
        A scalar of the dtype of `x`.

    Raises:
        ValueError: a factor is negative or not a finite number.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.regularizers.L1L2(l1=0.5, l2=0.25)(keras.ops.full((2,), 2.0)))
        4.0
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _factor(l1, "l1", "L1L2")
        self.l2 = _factor(l2, "l2", "L1L2")

    def __call__(self, x):
        """Return the penalty, a scalar."""
        return self.l1 * ops.sum(ops.abs(x)) + self.l2 * ops.sum(ops.square(x))


@register("regularizer")
class L1(Regularizer):
    """Penalise by `l1 * sum(|x|)`.

    Args:
        l1: number >= 0. Default 0.01.

    Returns:
        A scalar of the dtype of `x`.

    Raises:
        ValueError: `l1` is negative or not a finite number.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.regularizers.L1(0.5)(keras.ops.full((3,), -2.0)))
        3.0
    """

    def __init__(self, l1=0.01):
        self.l1 = _factor(l1, "l1", "L1")

    def __call__(self, x):
        """Return the penalty, a scalar."""
        return self.l1 * ops.sum(ops.abs(x))


@register("regularizer")
class L2(Regularizer):
    """Penalise by `l2 * sum(x ** 2)`.

    Args:
        l2: number >= 0. Default 0.01.

    Returns:
        A scalar of the dtype of `x`.

    Raises:
        ValueError: `l2` is negative or not a finite number.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.regularizers.L2(0.5)(keras.ops.full((3,), -2.0)))
        6.0
    """

    def __init__(self, l2=0.01):
        self.l2 = _factor(l2, "l2", "L2")

    def __call__(self, x):
        """Return the penalty, a scalar."""
        return self.l2 * ops.sum(ops.square(x))


@register("regularizer")
class OrthogonalRegularizer(Regularizer):
    """Penalise rows (or columns) of a matrix by the mean absolute cosine between pairs of them, times `factor`.

    Args:
        factor: number >= 0. Default 0.01.
        mode: "rows" or "columns". Default "rows".

    Input shape:
        `(rows, columns)`, at least two of those compared, else the penalty is 0.

    Raises:
        ValueError: `factor` is negative or not finite, `mode` is another value (at construction); the input does not have
            two axes (at the call).

    Numerics:
        Rows are divided by `sqrt(max(sum of squares, 1e-12))`.

    Example:
        >>> import hornpipe as keras
        >>> regularizer = keras.regularizers.OrthogonalRegularizer(factor=1.0)
        >>> float(regularizer(keras.ops.eye(3))), float(regularizer(keras.ops.ones((2, 4))))
        (0.0, 1.0)
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _factor(factor, "factor", "OrthogonalRegularizer")
        if mode not in ("rows", "columns"):
            rule = "`mode` must be 'rows' or 'columns'"
            raise ValueError(message("OrthogonalRegularizer", rule, f"mode={mode!r}"))
        self.mode = mode

    def __call__(self, x):
        """Return the penalty, a scalar."""
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            rule = "the input must have two axes"
            raise ValueError(message("OrthogonalRegularizer", rule, f"shape={tuple(x.shape)}"))
        rows = x if self.mode == "rows" else ops.transpose(x)
        rows = rows * ops.rsqrt(
            ops.maximum(ops.sum(ops.square(rows), axis=1, keepdims=True), 1e-12)
        )
        number = rows.shape[0]
        cosines = ops.matmul(rows, ops.transpose(rows)) * (
            1.0 - ops.eye(number, dtype=ops.dtype(rows))
        )
        return self.factor * ops.sum(ops.abs(cosines)) / max(number * (number - 1), 1)


def _factor(value, argument, who) -> float:
    return float(check_number(value, argument, who, least=0))


@guarded("regularizers.get")
def get(identifier):
    """Return the regularizer that `identifier` stands for.

    Args:
        identifier: name, config, class, object, function `(x) -> scalar`, or None.

    Raises:
        ValueError: the name is unknown.
        TypeError: `identifier` is none of these.

    Example:
        >>> import hornpipe as keras
        >>> keras.regularizers.get("l2").l2
        0.01
    """
    return registry.resolve("regularizer", identifier)


@guarded("regularizers.serialize")
def serialize(regularizer):
    """Return the config of a regularizer as plain data."""
    return registry.serialize(regularizer)


@guarded("regularizers.deserialize")
def deserialize(config, custom_objects=None):
    """Return the regularizer that a config from `serialize` describes.

    Raises:
        ValueError: the class is unknown.
    """
    return registry.deserialize(config, custom_objects, kind="regularizer")


# Keras's other spellings
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

__getattr__ = module_getattr(__name__, tuple(globals()))
