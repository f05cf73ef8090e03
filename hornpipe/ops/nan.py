"""Reductions that leave NaN out.

>>> import hornpipe as keras
>>> float(keras.ops.nansum([1.0, float("nan"), 2.0]))
3.0
"""

from __future__ import annotations

from hornpipe.core.op import op
from hornpipe.ops._common import cast_to, dtype_of, widen
from hornpipe.ops.math import divide, isnan, logical_not, square, subtract, where
from hornpipe.ops.reduce import all as reduce_all
from hornpipe.ops.reduce import argmax, argmin, cumprod, cumsum, prod, safe_root
from hornpipe.ops.reduce import max as reduce_max
from hornpipe.ops.reduce import min as reduce_min
from hornpipe.ops.reduce import sum as reduce_sum


def _filled(x, value):
    return where(isnan(x), value, x)


def _extreme(reduce, x, value, axis, keepdims):
    out = reduce(_filled(x, value), axis, keepdims)
    return where(reduce_all(isnan(x), axis, keepdims), float("nan"), out)


@op(dtype="float")
def nansum(x, axis=None, keepdims=False):
    """Return the sum of the elements over axes that are not NaN. Arguments as in `sum`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nansum([1.0, float("nan"), 2.0]))
        3.0
    """
    return reduce_sum(_filled(x, 0.0), axis, keepdims)


@op(dtype="float")
def nanprod(x, axis=None, keepdims=False):
    """Return the product of the elements over axes that are not NaN. Arguments as in `sum`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanprod([3.0, float("nan"), 2.0]))
        6.0
    """
    return prod(_filled(x, 1.0), axis, keepdims)


@op(dtype="float")
def nanmax(x, axis=None, keepdims=False):
    """Return the largest of the elements over axes that are not NaN; NaN where there are none.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanmax([1.0, float("nan"), 2.0]))
        2.0
    """
    return _extreme(reduce_max, x, float("-inf"), axis, keepdims)


@op(dtype="float")
def nanmin(x, axis=None, keepdims=False):
    """Return the smallest of the elements over axes that are not NaN; NaN where there are none.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanmin([1.0, float("nan"), 2.0]))
        1.0
    """
    return _extreme(reduce_min, x, float("inf"), axis, keepdims)


@op(dtype="float")
def nanmean(x, axis=None, keepdims=False):
    """Return the mean of the elements over axes that are not NaN; NaN where there are none.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanmean([1.0, float("nan"), 2.0]))
        1.5
    """
    dtype, x = dtype_of(x), widen(x)
    number = cast_to(reduce_sum(logical_not(isnan(x)), axis, keepdims), dtype_of(x))
    return cast_to(divide(nansum(x, axis, keepdims), number), dtype)


@op(dtype="float")
def nanvar(x, axis=None, keepdims=False):
    """Return the variance of the elements over axes that are not NaN; NaN where there are none.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanvar([1.0, float("nan"), 3.0]))
        1.0
    """
    dtype, x = dtype_of(x), widen(x)
    return cast_to(
        nanmean(square(subtract(x, nanmean(x, axis, keepdims=True))), axis, keepdims), dtype
    )


@op(dtype="float")
def nanstd(x, axis=None, keepdims=False):
    """Return the standard deviation of the elements over axes that are not NaN; NaN where there are none.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.nanstd([1.0, float("nan"), 3.0]))
        1.0
    """
    dtype, x = dtype_of(x), widen(x)
    return cast_to(safe_root(nanvar(x, axis, keepdims)), dtype)


@op(dtype="float")
def nancumsum(x, axis=None, dtype=None):
    """Return running sums in which NaN count as 0. Arguments as in `cumsum`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.nancumsum([1.0, float("nan"), 3.0]).tolist()
        [1.0, 1.0, 4.0]
    """
    return cumsum(_filled(x, 0.0), axis, dtype)


@op(dtype="float")
def nancumprod(x, axis=None, dtype=None):
    """Return running products in which NaN count as 1. Arguments as in `cumprod`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.nancumprod([2.0, float("nan"), 3.0]).tolist()
        [2.0, 2.0, 6.0]
    """
    return cumprod(_filled(x, 1.0), axis, dtype)


@op(dtype="float")
def nanargmax(x, axis=None, keepdims=False):
    """Return the index of the largest element that is not NaN, int32; -1 where there are none.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.nanargmax([1.0, float("nan"), 3.0]))
        2
    """
    out = argmax(_filled(x, float("-inf")), axis, keepdims)
    return where(reduce_all(isnan(x), axis, keepdims), -1, out)


@op(dtype="float")
def nanargmin(x, axis=None, keepdims=False):
    """Return the index of the smallest element that is not NaN, int32; -1 where there are none.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.nanargmin([1.0, float("nan"), 3.0]))
        0
    """
    out = argmin(_filled(x, float("inf")), axis, keepdims)
    return where(reduce_all(isnan(x), axis, keepdims), -1, out)
