"""Checks and small helpers that several families of layers share."""

from __future__ import annotations

import math

import numpy as np

from hornpipe.core.config import resolve
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.layer import Layer
from hornpipe.core.scope import CallContext, context


def positive_int(layer, name: str, value, fix: str = "") -> int:
    """Return `value` as an int.

    Raises:
        ValueError: it is not an integer >= 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            message(layer.who, f"`{name}` must be an integer >= 1", f"{name}={value!r}", fix)
        )
    return int(value)


def check_rate(layer, name: str, value, *, with_one: bool = False) -> float:
    """Return a fraction of units as a float.

    Raises:
        ValueError: it is not a number in [0, 1), or [0, 1] where `with_one`.
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
    if not number or not 0 <= value <= 1 or (value == 1 and not with_one):
        interval = "[0, 1]" if with_one else "[0, 1)"
        fix = "It is the fraction of units that is dropped, for example 0.5."
        raise ValueError(
            message(layer.who, f"`{name}` must be a number in {interval}", f"{name}={value!r}", fix)
        )
    return float(value)


def check_number(layer, name: str, value, *, least: float = -math.inf) -> float:
    """Return a finite number as a float.

    Raises:
        ValueError: it is not a finite number >= `least`.
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
    if not number or not math.isfinite(value) or value < least:
        rule = "a finite number" if least == -math.inf else f"a finite number >= {least:g}"
        raise ValueError(message(layer.who, f"`{name}` must be {rule}", f"{name}={value!r}"))
    return float(value)


def refuse(layer, fix: str, **options) -> None:
    """Raise ValueError for the first option that is set: it exists for Keras's signature only."""
    for name, value in options.items():
        if value not in (None, False):
            raise ValueError(
                message(layer.who, f"`{name}` is not supported", f"{name}={value!r}", fix)
            )


def shape_error(layer, rule: str, shape, fix: str = "") -> ShapeError:
    """Return the error for inputs of `shape` that break `rule`."""
    return ShapeError(message(layer.who, rule, f"inputs of shape {_plain(shape)}", fix), layer)


def _plain(shape):
    return (
        tuple(shape)
        if isinstance(shape, (tuple, list)) and not any(map(_is_list, shape))
        else shape
    )


def _is_list(value):
    return isinstance(value, (tuple, list))


def check_rank(layer, shape, *, exact: int | None = None, least: int = 0) -> tuple:
    """Return `shape` as a tuple.

    Raises:
        ShapeError: it does not have `exact` axes, or at least `least`.
    """
    if not isinstance(shape, (tuple, list)) or any(map(_is_list, shape)):
        raise shape_error(layer, "takes one tensor", shape)
    if exact is not None and len(shape) != exact:
        raise shape_error(layer, f"needs inputs with {exact} axes", shape)
    if len(shape) < least:
        raise shape_error(layer, f"needs inputs with at least {least} axes", shape)
    return tuple(shape)


def known_size(layer, shape, axis: int, what: str = "axis") -> int:
    """Return the size of `shape` on `axis`.

    Raises:
        ShapeError: it is unknown, or the axis does not exist.
    """
    if not -len(shape) <= axis < len(shape):
        raise shape_error(layer, f"axis {axis} does not exist in its inputs", shape)
    if shape[axis] is None:
        fix = "Give that size in keras.Input(shape=...), or call the layer on data first."
        raise shape_error(layer, f"the size of the inputs' {what} {axis} must be known", shape, fix)
    return int(shape[axis])


def build_inner(layer, *shapes) -> None:
    """Build a layer inside another one, its weights named below the outer layer's path."""
    if layer.built:
        return
    before = context.call
    context.call = CallContext(None)
    context.call.path = [*(before.path if before else ()), layer]
    try:
        layer._build_with(dict(zip(layer._call_names, shapes, strict=False)))
    finally:
        context.call = before
    layer.built = True


def find_activation(identifier):
    """Return the function of a name, function or layer; None is the identity."""
    return resolve("activation", "linear" if identifier is None else identifier)


def keeps_rows_apart(function) -> bool:
    """Return whether an activation is known to work on each row of its input alone."""
    if isinstance(function, Layer):
        return bool(function.row_independent)
    return getattr(function, "_kind", None) == "activation"


def own_arguments(local: dict) -> dict:
    """Return a constructor's `locals()` as keyword arguments for the constructor of its base class."""
    given = {
        name: value for name, value in local.items() if name not in ("self", "__class__", "kwargs")
    }
    return {**given, **local.get("kwargs", {})}


def is_half(dtype: str) -> bool:
    """Return whether sums in `dtype` should run in float32."""
    return dtype in ("float16", "bfloat16")


def set_parts(layer, given: dict) -> None:
    """Set the attributes of a constructor's arguments that name initializers, regularizers and constraints."""
    for name, value in given.items():
        kind = name.rsplit("_", 1)[-1]
        if kind in ("initializer", "regularizer", "constraint") and name != "activity_regularizer":
            setattr(layer, name, resolve(kind, value))


def add_part(layer, name: str, shape, part: str | None = None, **options):
    """Make the weight `name` with the initializer, regularizer and constraint that `set_parts` found for `part`."""
    part = part or name
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=getattr(layer, f"{part}_initializer"),
        regularizer=getattr(layer, f"{part}_regularizer", None),
        constraint=getattr(layer, f"{part}_constraint", None),
        **options,
    )
