"""Elementwise arithmetic, comparisons and logic.

Dtypes: two operands meet in a common dtype (Python numbers are weak); functions of real numbers turn integers into `floatx`;
comparisons give bool. Gradients: `maximum` and `minimum` share a tie equally, `abs` and `sign` have gradient 0 at 0, `sqrt` has an
infinite one there, `clip` passes the gradient inside and at its bounds.

>>> import hornpipe as keras
>>> keras.ops.add([1, 2], 0.5).tolist()
[1.5, 2.5]
"""

from __future__ import annotations

import builtins
import math

import numpy as np

from hornpipe.core.dtypes import is_float, is_integer
from hornpipe.core.errors import message
from hornpipe.core.op import OPS, convert, op, to_tensor
from hornpipe.engine.select import active
from hornpipe.ops._common import cast_to, dtype_of

_RESULT = {
    "float": "dtype of `x`; `floatx` for integers and bool",
    "promote": "dtype of `x`",
    "bool": "bool",
}


def _document(function, first, arguments, returns, example):
    """Give a table-made operation the docstring that a handwritten one would have."""
    call, result = example
    function.__doc__ = f"""Return {first}

    Args:
        {arguments}
    Returns:
        {returns}.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.{call}.tolist()
        {result}
    """
    return function


def _unary(name, formula, example, rule="float", primitive=None, result=None):
    """Make the operation `name` of one engine primitive, applied element by element."""
    primitive = primitive or name

    def function(x):
        return getattr(active.engine, primitive)(x)

    function.__name__ = name
    made = op(dtype=rule)(function)
    kind = _RESULT[result or rule]
    return _document(
        made, f"{formula}, elementwise.", "x: tensor.", f"Shape of `x`; {kind}", example
    )


def _binary(name, formula, example, rule="promote", primitive=None, result=None):
    """Make the operation `name` of one engine primitive on two operands that broadcast."""
    primitive, first = primitive or name, "x1"

    def function(x1, x2):
        return getattr(active.engine, primitive)(x1, x2)

    def bits(x, y):
        return getattr(active.engine, primitive)(x, y)

    if name.startswith("bitwise") or name.endswith("shift"):  # Keras names these operands otherwise
        function, first = bits, "x"
    function.__name__ = name
    made = op(tensors=2, dtype=rule)(function)
    kind = {"bool": "bool", "float": "common floating dtype"}.get(result or rule, "common dtype")
    returns = f"Broadcast shape; {kind}"
    return _document(
        made,
        f"{formula}, elementwise.",
        "x1, x2: tensors or numbers that broadcast."
        if first == "x1"
        else "x, y: integers that broadcast.",
        returns,
        example,
    )


def _alias(name, operation):
    """Register `operation` under a second public name."""
    OPS[name] = operation
    return operation


# ---- one operand

abs = _unary("abs", "the absolute value (gradient 0 at 0)", ("abs([-2, 3])", "[2, 3]"), "promote")
absolute = _alias("absolute", abs)
fabs = _unary(
    "fabs", "the absolute value as a float", ("fabs([-2, 3])", "[2.0, 3.0]"), primitive="abs"
)
negative = _unary("negative", "-x", ("negative([1, -2])", "[-1, 2]"), "promote")
sign = _unary("sign", "-1, 0 or 1 by the sign", ("sign([-5, 0, 2])", "[-1, 0, 1]"), "promote")
floor = _unary("floor", "the largest whole number <= x", ("floor([1.5, -1.5])", "[1.0, -2.0]"))
ceil = _unary("ceil", "the smallest whole number >= x", ("ceil([1.5, -1.5])", "[2.0, -1.0]"))
exp = _unary("exp", "e ** x", ("exp([0.0])", "[1.0]"))
expm1 = _unary("expm1", "e ** x - 1, exact for small x", ("expm1([0.0])", "[0.0]"))
log = _unary("log", "the natural logarithm", ("log([1.0])", "[0.0]"))
log1p = _unary("log1p", "log(1 + x), exact for small x", ("log1p([0.0])", "[0.0]"))
sqrt = _unary("sqrt", "the square root (gradient infinite at 0)", ("sqrt([4, 9])", "[2.0, 3.0]"))
rsqrt = _unary("rsqrt", "1 / sqrt(x)", ("rsqrt([4.0])", "[0.5]"))
sin = _unary("sin", "the sine of radians", ("sin([0.0])", "[0.0]"))
cos = _unary("cos", "the cosine of radians", ("cos([0.0])", "[1.0]"))
tan = _unary("tan", "the tangent of radians", ("tan([0.0])", "[0.0]"))
arcsin = _unary(
    "arcsin", "the angle in [-pi/2, pi/2] with sine x", ("arcsin([0.0])", "[0.0]"), primitive="asin"
)
arccos = _unary(
    "arccos", "the angle in [0, pi] with cosine x", ("arccos([1.0])", "[0.0]"), primitive="acos"
)
arctan = _unary(
    "arctan",
    "the angle in [-pi/2, pi/2] with tangent x",
    ("arctan([0.0])", "[0.0]"),
    primitive="atan",
)
sinh = _unary("sinh", "the hyperbolic sine", ("sinh([0.0])", "[0.0]"))
cosh = _unary("cosh", "the hyperbolic cosine", ("cosh([0.0])", "[1.0]"))
tanh = _unary("tanh", "the hyperbolic tangent", ("tanh([0.0])", "[0.0]"))
arcsinh = _unary("arcsinh", "the inverse of sinh", ("arcsinh([0.0])", "[0.0]"), primitive="asinh")
arccosh = _unary(
    "arccosh", "the inverse of cosh, x >= 1", ("arccosh([1.0])", "[0.0]"), primitive="acosh"
)
arctanh = _unary(
    "arctanh", "the inverse of tanh, |x| < 1", ("arctanh([0.0])", "[0.0]"), primitive="atanh"
)
erf = _unary(
    "erf",
    "the error function, 2 / sqrt(pi) * integral of exp(-t**2) from 0 to x",
    ("erf([0.0])", "[0.0]"),
)
erfinv = _unary("erfinv", "the inverse of erf, |x| < 1", ("erfinv([0.0])", "[0.0]"))
lgamma = _unary("lgamma", "log(|gamma(x)|)", ("round(keras.ops.lgamma([1.0]), 2)", "[0.0]"))
digamma = _unary(
    "digamma",
    "the derivative of lgamma",
    ("round(keras.ops.digamma([1.0]), 2)", "[-0.5799999833106995]"),
)
sigmoid = _unary("sigmoid", "1 / (1 + exp(-x))", ("sigmoid([0.0])", "[0.5]"))
isfinite = _unary(
    "isfinite",
    "whether x is neither infinite nor NaN",
    ("isfinite([1.0, float('inf')])", "[True, False]"),
    result="bool",
)
isnan = _unary(
    "isnan", "whether x is NaN", ("isnan([1.0, float('nan')])", "[False, True]"), result="bool"
)
bitwise_not = _unary(
    "bitwise_not", "every bit inverted", ("bitwise_not([0, 5])", "[-1, -6]"), "promote"
)
bitwise_invert = _alias("bitwise_invert", bitwise_not)

# ---- two operands

add = _binary("add", "x1 + x2", ("add([1, 2], 3)", "[4, 5]"))
subtract = _binary("subtract", "x1 - x2", ("subtract([1, 2], 3)", "[-2, -1]"))
multiply = _binary("multiply", "x1 * x2", ("multiply([1, 2], 3)", "[3, 6]"))
divide = _binary("divide", "x1 / x2", ("divide([1, 3], 2)", "[0.5, 1.5]"), "float")
true_divide = _binary(
    "true_divide", "x1 / x2", ("true_divide([1, 3], 2)", "[0.5, 1.5]"), "float", "divide"
)
floor_divide = _binary("floor_divide", "floor(x1 / x2)", ("floor_divide([7, -7], 2)", "[3, -4]"))
mod = _binary("mod", "x1 - x2 * floor(x1 / x2), the sign of x2", ("mod([7, -7], 3)", "[1, 2]"))
power = _binary("power", "x1 ** x2", ("power([2.0, 3.0], 2)", "[4.0, 9.0]"))
maximum = _binary(
    "maximum", "the larger one (a tie shares the gradient)", ("maximum([1, 5], 3)", "[3, 5]")
)
minimum = _binary(
    "minimum", "the smaller one (a tie shares the gradient)", ("minimum([1, 5], 3)", "[1, 3]")
)
arctan2 = _binary(
    "arctan2",
    "the angle of the point (x2, x1)",
    ("arctan2([0.0], [1.0])", "[0.0]"),
    "float",
    "atan2",
)
equal = _binary("equal", "x1 == x2", ("equal([1, 2], 2)", "[False, True]"), result="bool")
not_equal = _binary(
    "not_equal", "x1 != x2", ("not_equal([1, 2], 2)", "[True, False]"), result="bool"
)
less = _binary("less", "x1 < x2", ("less([1, 2], 2)", "[True, False]"), result="bool")
less_equal = _binary(
    "less_equal", "x1 <= x2", ("less_equal([1, 2], 1)", "[True, False]"), result="bool"
)
greater = _binary("greater", "x1 > x2", ("greater([1, 2], 1)", "[False, True]"), result="bool")
greater_equal = _binary(
    "greater_equal", "x1 >= x2", ("greater_equal([1, 2], 2)", "[False, True]"), result="bool"
)
bitwise_and = _binary("bitwise_and", "the bits set in both", ("bitwise_and([5, 6], 3)", "[1, 2]"))
bitwise_or = _binary("bitwise_or", "the bits set in either", ("bitwise_or([5, 6], 3)", "[7, 7]"))
bitwise_xor = _binary(
    "bitwise_xor", "the bits set in one of the two", ("bitwise_xor([5, 6], 3)", "[6, 5]")
)
left_shift = _binary("left_shift", "x * 2 ** y, wrapping", ("left_shift([1, 2], 2)", "[4, 8]"))
right_shift = _binary("right_shift", "floor(x / 2 ** y)", ("right_shift([8, -8], 2)", "[2, -2]"))
bitwise_left_shift = _alias("bitwise_left_shift", left_shift)
bitwise_right_shift = _alias("bitwise_right_shift", right_shift)


# ---- logic


def _as_bool(x):
    x = to_tensor(x)
    return x if dtype_of(x) == "bool" else active.engine.not_equal(x, 0)


def _logical(name, formula, example, tensors):
    def function(*xs):
        return getattr(active.engine, name)(*map(_as_bool, xs))

    def one(x):
        return function(x)

    def two(x1, x2):
        return function(x1, x2)

    chosen = one if tensors == 1 else two
    chosen.__name__ = name
    arguments = "x: tensor." if tensors == 1 else "x1, x2: tensors that broadcast."
    arguments += " Numbers count as true where they are not 0."
    return _document(
        op(tensors=tensors, dtype=None)(chosen),
        f"{formula}, elementwise.",
        arguments,
        "bool",
        example,
    )


logical_not = _logical(
    "logical_not", "whether x is false", ("logical_not([True, False])", "[False, True]"), 1
)
logical_and = _logical(
    "logical_and", "whether both are true", ("logical_and([1, 1], [0, 2])", "[False, True]"), 2
)
logical_or = _logical(
    "logical_or", "whether either is true", ("logical_or([1, 0], [0, 0])", "[True, False]"), 2
)
logical_xor = _logical(
    "logical_xor",
    "whether exactly one is true",
    ("logical_xor([1, 1], [0, 2])", "[True, False]"),
    2,
)


@op(tensors=3, dtype=None)
def where(condition, x1=None, x2=None):
    """Return elements of `x1` where `condition` is true, of `x2` elsewhere.

    Args:
        condition: bool tensor; numbers count as true where they are not 0.
        x1, x2: tensors or numbers that broadcast with it. Both or neither; without them the result is `nonzero(condition)`.
    Returns:
        Broadcast shape; common dtype of `x1` and `x2`.
    Raises:
        ValueError: only one of `x1` and `x2` is given.
    Numerics:
        No gradient reaches the branch that was not taken, but 0 * inf in its own gradient is NaN: make its input safe first.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.where([True, False], [1, 2], 0).tolist()
        [1, 0]
    """
    if x1 is None and x2 is None:
        return OPS["nonzero"](condition)
    if x1 is None or x2 is None:
        raise ValueError(
            message("where", "`x1` and `x2` must be given together", f"x1={x1!r}, x2={x2!r}")
        )
    x1, x2 = convert([x1, x2], "promote")
    return active.engine.where(_as_bool(condition), x1, x2)


# ---- composed


@op()
def square(x):
    """Return x * x, elementwise; bool becomes int32.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.square([2, -3]).tolist()
        [4, 9]
    """
    x = cast_to(x, "int32") if dtype_of(x) == "bool" else x
    return multiply(x, x)


@op(dtype="float")
def reciprocal(x):
    """Return 1 / x, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.reciprocal([2.0, 4.0]).tolist()
        [0.5, 0.25]
    """
    return divide(1.0, x)


@op()
def round(x, decimals=0):
    """Round to `decimals` places, halves to the even neighbour, elementwise.

    Args:
        x: tensor. Integers stay as they are unless `decimals` is negative.
        decimals: int. Places behind the point; negative ones count before it.
    Returns:
        Shape and dtype of `x`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.round([0.5, 1.5, 2.25], 1).tolist()
        [0.5, 1.5, 2.200000047683716]
    """
    dtype = dtype_of(x)
    if decimals == 0:
        return active.engine.round(x) if is_float(dtype) else x
    if not is_float(dtype):
        if decimals > 0:
            return x
        return cast_to(round(cast_to(x, "float32"), decimals), dtype)
    factor = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return divide(active.engine.round(multiply(x, factor)), factor)
    return multiply(active.engine.round(divide(x, factor)), factor)


@op(tensors=3)
def clip(x, x_min, x_max):
    """Return `x` limited to [x_min, x_max], elementwise.

    Args:
        x: tensor.
        x_min, x_max: numbers or tensors that broadcast; None leaves that side open. Where they cross, `x_max` wins.
    Returns:
        Broadcast shape; common dtype.
    Numerics:
        The gradient is 1 inside and at the bounds, 0 outside. NaN stays NaN.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.clip([-2, 1, 7], 0, 5).tolist()
        [0, 1, 5]
    """
    if x_min is not None:
        x = where(less(x, x_min), x_min, x)
    return x if x_max is None else where(greater(x, x_max), x_max, x)


@op()
def trunc(x):
    """Return `x` without its fraction, elementwise; integers stay as they are.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.trunc([1.7, -1.7]).tolist()
        [1.0, -1.0]
    """
    return where(less(x, 0), ceil(x), floor(x)) if is_float(dtype_of(x)) else x


@op()
def isinf(x):
    """Return whether `x` is infinite, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.isinf([1.0, float("inf"), float("nan")]).tolist()
        [False, True, False]
    """
    return logical_not(logical_or(isfinite(x), isnan(x)))


@op()
def isposinf(x):
    """Return whether `x` is plus infinity, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.isposinf([-float("inf"), float("inf")]).tolist()
        [False, True]
    """
    return logical_and(isinf(x), greater(x, 0))


@op()
def isneginf(x):
    """Return whether `x` is minus infinity, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.isneginf([-float("inf"), float("inf")]).tolist()
        [True, False]
    """
    return logical_and(isinf(x), less(x, 0))


@op(tensors=2, dtype="float")
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Return whether |x1 - x2| <= atol + rtol * |x2|, elementwise; infinities are close to themselves.

    Args:
        x1, x2: tensors that broadcast.
        rtol, atol: floats >= 0.
        equal_nan: bool. Whether NaN is close to NaN.
    Returns:
        Broadcast shape; bool.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.isclose([1.0, 2.0], [1.000001, 2.1]).tolist()
        [True, False]
    """
    near = less_equal(abs(subtract(x1, x2)), add(multiply(abs(x2), rtol), atol))
    finite = logical_and(isfinite(x1), isfinite(x2))
    close = where(finite, near, equal(x1, x2))
    return logical_or(close, logical_and(isnan(x1), isnan(x2))) if equal_nan else close


@op(tensors=2, dtype="float")
def divide_no_nan(x1, x2):
    """Return x1 / x2, and 0 where `x2` is 0, elementwise; its gradient is 0 there too.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.divide_no_nan([1.0, 2.0], [0.0, 4.0]).tolist()
        [0.0, 0.5]
    """
    zero = equal(x2, 0)
    return where(zero, 0, divide(x1, where(zero, 1, x2)))


@op(dtype="float")
def log2(x):
    """Return the logarithm to base 2, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.log2([1.0]).tolist()
        [0.0]
    """
    return divide(log(x), math.log(2.0))


@op(dtype="float")
def log10(x):
    """Return the logarithm to base 10, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.log10([1.0]).tolist()
        [0.0]
    """
    return divide(log(x), math.log(10.0))


@op(dtype="float")
def exp2(x):
    """Return 2 ** x, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.exp2([0.0, 3.0]).tolist()
        [1.0, 8.0]
    """
    return power(2.0, x)


@op(dtype="float")
def cbrt(x):
    """Return the real cube root, elementwise; its gradient at 0 is taken as 0.

    Example:
        >>> import hornpipe as keras
        >>> bool(keras.ops.isclose(keras.ops.cbrt(-8.0), -2.0))
        True
    """
    zero = equal(x, 0)
    return where(zero, 0, multiply(sign(x), power(abs(where(zero, 1, x)), 1.0 / 3.0)))


def _log_add(x1, x2, exponent, logarithm):
    high, low = maximum(x1, x2), minimum(x1, x2)
    # inf - inf: equal infinities need no correction term
    gap = where(equal(high, low), 0, subtract(low, high))
    return add(high, logarithm(exponent(gap)))


@op(tensors=2, dtype="float")
def logaddexp(x1, x2):
    """Return log(exp(x1) + exp(x2)), elementwise, without overflow.

    Example:
        >>> import hornpipe as keras
        >>> f"{float(keras.ops.logaddexp(1000.0, 1000.0)):.3f}"
        '1000.693'
    """
    return _log_add(x1, x2, exp, log1p)


@op(tensors=2, dtype="float")
def logaddexp2(x1, x2):
    """Return log2(2 ** x1 + 2 ** x2), elementwise, without overflow.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.logaddexp2(3.0, 3.0))
        4.0
    """
    return _log_add(x1, x2, exp2, lambda power_of_two: divide(log1p(power_of_two), math.log(2.0)))


@op(tensors=2, dtype="float")
def hypot(x1, x2):
    """Return sqrt(x1 ** 2 + x2 ** 2), elementwise, without overflow; gradient 0 where both are 0.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.hypot(3.0, 4.0))
        5.0
    """
    x1, x2 = abs(x1), abs(x2)
    high, low = maximum(x1, x2), minimum(x1, x2)
    zero = logical_or(equal(high, 0), logical_not(isfinite(high)))
    ratio = divide(low, where(zero, 1, high))
    return where(zero, high, multiply(where(zero, 1, high), sqrt(add(multiply(ratio, ratio), 1))))


@op(tensors=2, dtype="float")
def heaviside(x1, x2):
    """Return 0 where x1 < 0, 1 where x1 > 0 and `x2` where x1 is 0, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.heaviside([-1.0, 0.0, 2.0], 0.5).tolist()
        [0.0, 0.5, 1.0]
    """
    step = where(less(x1, 0), 0, where(greater(x1, 0), 1.0, x2))
    return where(isnan(x1), x1, step)


@op(tensors=2)
def fmod(x1, x2):
    """Return x1 - x2 * trunc(x1 / x2), the sign of `x1`, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.fmod([7.0, -7.0], 3.0).tolist()
        [1.0, -1.0]
    """
    rest = mod(abs(x1), abs(x2))
    return where(less(x1, 0), negative(rest), rest)


@op(tensors=2)
def fmax(x1, x2):
    """Return the larger one, elementwise, and the other one where one is NaN.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.fmax([1.0, float("nan")], 3.0).tolist()
        [3.0, 3.0]
    """
    return where(isnan(x1), x2, where(isnan(x2), x1, maximum(x1, x2)))


@op(tensors=2)
def fmin(x1, x2):
    """Return the smaller one, elementwise, and the other one where one is NaN.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.fmin([1.0, float("nan")], 3.0).tolist()
        [1.0, 3.0]
    """
    return where(isnan(x1), x2, where(isnan(x2), x1, minimum(x1, x2)))


@op(dtype="float")
def deg2rad(x):
    """Return degrees as radians, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.deg2rad([0.0]).tolist()
        [0.0]
    """
    return multiply(x, math.pi / 180.0)


@op(dtype="float")
def rad2deg(x):
    """Return radians as degrees, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.rad2deg([0.0]).tolist()
        [0.0]
    """
    return multiply(x, 180.0 / math.pi)


@op(dtype="float")
def sinc(x):
    """Return sin(pi * x) / (pi * x), elementwise, and 1 at 0.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.sinc([0.0]).tolist()
        [1.0]
    """
    zero = equal(x, 0)
    angle = multiply(where(zero, 1, x), math.pi)
    return where(zero, 1.0, divide(sin(angle), angle))


@op(dtype="float")
def erfc(x):
    """Return 1 - erf(x), elementwise. It loses digits for x > 1: absolute error about 1e-7 in float32.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.erfc([0.0]).tolist()
        [1.0]
    """
    return subtract(1.0, erf(x))


@op(tensors=1)
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """Replace NaN and infinities, elementwise; their gradient is 0.

    Args:
        x: tensor.
        nan: number instead of NaN. Default 0.
        posinf, neginf: numbers instead of the infinities; by default the largest and smallest finite number of the dtype.
    Returns:
        Shape and dtype of `x`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.nan_to_num([float("nan"), float("-inf"), 1.0], neginf=-9.0).tolist()
        [0.0, -9.0, 1.0]
    """
    if not is_float(dtype_of(x)):
        return x
    largest = largest_number(dtype_of(x))
    high = largest if posinf is None else float(posinf)
    low = -largest if neginf is None else float(neginf)
    bad = logical_not(isfinite(x))
    return where(bad, where(isnan(x), float(nan), where(greater(x, 0), high, low)), x)


def largest_number(dtype: str):
    """Return the largest finite number of a dtype name as a Python number."""
    if dtype == "bfloat16":
        return 3.3895313892515355e38
    if is_float(dtype):
        return float(np.finfo(dtype).max)
    return int(np.iinfo(dtype).max) if is_integer(dtype) else True


def smallest_number(dtype: str):
    """Return the most negative finite number of a dtype name as a Python number."""
    if is_float(dtype):
        return -largest_number(dtype)
    return int(np.iinfo(dtype).min) if is_integer(dtype) else False


@op(dtype="float")
def signbit(x):
    """Return whether the sign bit is set, elementwise: x < 0, or x is -0.0.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.signbit([-1.0, -0.0, 0.0]).tolist()
        [True, True, False]
    """
    zero = equal(x, 0)
    return less(where(zero, divide(1.0, where(zero, x, 1.0)), x), 0)


@op(tensors=2, dtype="same")
def ldexp(x1, x2):
    """Return x1 * 2 ** x2 for whole numbers `x2`, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.ldexp([3.0], [2]).tolist()
        [12.0]
    """
    (x1,) = convert([x1], "float")
    # In two halves: 2 ** x2 alone may overflow where the product does not.
    half = floor_divide(x2, 2)
    halves = [power(2.0, cast_to(each, dtype_of(x1))) for each in (half, subtract(x2, half))]
    return multiply(multiply(x1, halves[0]), halves[1])


@op(tensors=2)
def gcd(x1, x2):
    """Return the greatest common divisor of integers, elementwise, by Euclid's algorithm; gcd(0, 0) = 0.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.gcd([12, 7], [18, 0]).tolist()
        [6, 7]
    """
    x1, x2 = (to_tensor(x) for x in (x1, x2))
    engine = active.engine
    zero = multiply(add(x1, x2), 0)
    state = (add(abs(x1), zero), add(abs(x2), zero))

    def step(a, b):
        done = equal(b, 0)
        return where(done, a, b), where(done, b, mod(a, where(done, 1, b)))

    return engine.while_loop(lambda a, b: engine.any(not_equal(b, 0), axis=None), step, state)[0]


@op(tensors=2)
def lcm(x1, x2):
    """Return the least common multiple of integers, elementwise; 0 where one is 0.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.lcm([4, 0], [6, 3]).tolist()
        [12, 0]
    """
    divisor = gcd(x1, x2)
    return abs(multiply(floor_divide(x1, where(equal(divisor, 0), 1, divisor)), x2))
