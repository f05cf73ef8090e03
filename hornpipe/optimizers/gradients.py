"""Clipping gradients: by value, by norm, by the norm of all together."""

from __future__ import annotations

import functools
import operator

from hornpipe import ops
from hornpipe.engine.select import active


def as_dtype(tensor, dtype: str):
    """Return a tensor (or array) in a dtype, itself where it has it."""
    engine = active.engine
    tensor = tensor if engine.is_tensor(tensor) else ops.convert_to_tensor(tensor)
    return tensor if engine.dtype(tensor) == dtype else ops.cast(tensor, dtype)


def clip(gradients, clipnorm=None, clipvalue=None, global_clipnorm=None):
    """Return gradients clipped in at most one of three ways.

    Args:
        gradients: list of tensors.
        clipnorm: each gradient is multiplied by `clipnorm / max(norm, clipnorm)`.
        clipvalue: entries are cut to +-clipvalue.
        global_clipnorm: as `clipnorm`, with the norm of all gradients together.

    Example:
        >>> import hornpipe as keras
        >>> from hornpipe.optimizers.gradients import clip
        >>> gradient = keras.ops.convert_to_tensor([3.0, 4.0])
        >>> [round(v, 2) for v in clip([gradient], clipnorm=1.0)[0].tolist()]
        [0.6, 0.8]
    """
    if clipvalue is not None:
        return [ops.clip(gradient, -clipvalue, clipvalue) for gradient in gradients]
    if clipnorm is not None:
        return [
            _shrink(gradient, ops.sqrt(_sum_of_squares(gradient)), clipnorm)
            for gradient in gradients
        ]
    if global_clipnorm is not None and gradients:
        norm = global_norm(gradients)
        return [_shrink(gradient, norm, global_clipnorm) for gradient in gradients]
    return gradients


def global_norm(gradients):
    """Return the norm of all gradients together, a float32 (or float64) scalar."""
    return ops.sqrt(functools.reduce(operator.add, map(_sum_of_squares, gradients)))


def _shrink(gradient, norm, bound):
    return gradient * as_dtype(bound / ops.maximum(norm, bound), active.engine.dtype(gradient))


def _sum_of_squares(gradient):
    # Half precision overflows at 65504: the sum is taken in float32.
    is_half = active.engine.dtype(gradient) in ("float16", "bfloat16")
    return ops.sum(ops.square(ops.cast(gradient, "float32") if is_half else gradient))
