"""What every family of operations needs: ranks, axes, counts and dtypes of arguments."""

from __future__ import annotations

import math
import operator

import numpy as np

from hornpipe.core.dtypes import is_float
from hornpipe.core.errors import EngineError, ShapeError, message, near_miss
from hornpipe.engine.select import active


def dtype_of(x) -> str:
    """Return a tensor's dtype name."""
    return active.engine.dtype(x)


def cast_to(x, dtype):
    """Return a tensor in `dtype`, itself where it has it already."""
    engine = active.engine
    return x if engine.dtype(x) == dtype else engine.astype(x, dtype)


def widen(x):
    """Return 16-bit floats as float32: sums of many of them would lose or overflow."""
    return (
        active.engine.astype(x, "float32")
        if is_float(dtype_of(x)) and dtype_of(x).endswith("16")
        else x
    )


def one_axis(who: str, axis, rank: int) -> int:
    """Return `axis` counted from the front.

    Raises:
        ValueError: it does not exist.
        TypeError: it is not an integer.
    """
    try:
        index = operator.index(axis)
    except TypeError:
        raise TypeError(message(who, "`axis` must be an integer", f"axis={axis!r}")) from None
    if not -rank <= index < rank:
        rule = f"`axis` must lie in [{-rank}, {rank - 1}]" if rank else "a scalar has no axes"
        raise ShapeError(message(who, rule, f"axis={axis}"))
    return index % rank


def all_axes(who: str, axis, rank: int) -> tuple[int, ...]:
    """Return `axis` (None for all, an int or several) as a sorted tuple counted from the front.

    Raises:
        ValueError: an axis does not exist or stands twice.
    """
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = sorted(one_axis(who, each, rank) for each in given)
    if len(set(axes)) < len(axes):
        raise ShapeError(message(who, "`axis` must not name an axis twice", f"axis={axis}"))
    return tuple(axes)


def count(sizes) -> int | None:
    """Return the product of sizes; None where one is unknown, which only the shapes engine has."""
    return None if any(size is None for size in sizes) else math.prod(sizes)


def check_choice(who: str, name: str, value, choices):
    """Raise ValueError unless `value` is one of `choices`."""
    if value not in choices:
        fix = near_miss(value, [choice for choice in choices if isinstance(choice, str)]).strip()
        raise ValueError(
            message(who, f"`{name}` must be one of {tuple(choices)}", f"{name}={value!r}", fix)
        )


def int_tuple(who: str, name: str, value, length: int, least: int = 1) -> tuple[int, ...]:
    """Return one int or a sequence of `length` ints as a tuple.

    Raises:
        ValueError: another length, or a number below `least`.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * length
    sound = all(
        hasattr(each, "__index__") and not isinstance(each, bool) and each >= least
        for each in values
    )
    if len(values) != length or not sound:
        rule = f"`{name}` must be an integer >= {least} or {length} of them"
        raise ValueError(message(who, rule, f"{name}={value!r}"))
    return tuple(map(int, values))


def epsilon_of(dtype: str) -> float:
    """Return the distance from 1 to the next number of a floating dtype."""
    return {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}[
        dtype
    ]


def host_value(who: str, x, what: str):
    """Return the value of a tensor as a NumPy array, for what depends on it.

    Raises:
        EngineError: it has none: the function is being compiled, or shapes inferred.
    """
    engine = active.engine
    if engine.is_tensor(x) and engine.is_traced(x):
        rule = f"{what} depends on the values, which a compiled function does not know"
        raise EngineError(
            message(
                who,
                rule,
                f"a tensor of shape {tuple(x.shape)}",
                "Call it outside, on known values.",
            )
        )
    return engine.to_numpy(x) if engine.is_tensor(x) else np.asarray(x)
