"""The engine contract's primitives as a table of cases: a call, its reference in NumPy, inputs.

A case's `call` takes the engine's module and tensors; `reference` takes the same as NumPy arrays, floats as float64.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.special


@dataclasses.dataclass
class Case:
    """One call. `gradient` says whether the reference's central differences are the call's gradient."""

    name: str
    call: object
    reference: object
    inputs: list
    gradient: bool = True
    label: str = ""

    def __str__(self):
        return self.name + (f"-{self.label}" if self.label else "")


CASES: list[Case] = []
_random = np.random.default_rng(5)


def case(name, call, reference, *inputs, gradient=True, label=""):
    CASES.append(Case(name, call, reference, list(inputs), gradient, label))


def normal(*shape, scale=1.0):
    return (_random.standard_normal(shape) * scale).astype("float32")


def uniform(low, high, *shape):
    return _random.uniform(low, high, shape).astype("float32")


def integers(low, high, *shape, dtype="int32"):
    return _random.integers(low, high, shape).astype(dtype)


def f32(*values):
    return np.array(values, "float32")


def i32(*values):
    return np.array(values, "int32")


def _unary(name, reference, x, gradient=True, label=""):
    case(name, lambda e, x: getattr(e, name)(x), reference, x, gradient=gradient, label=label)


def _binary(name, reference, x1, x2, gradient=True, label=""):
    case(
        name,
        lambda e, x1, x2: getattr(e, name)(x1, x2),
        reference,
        x1,
        x2,
        gradient=gradient,
        label=label,
    )


# ---- elementwise, one operand

_plain = normal(3, 4)
_away = np.sign(_plain) * (np.abs(_plain) + 0.2)  # nothing near a kink at 0
for _name, _function, _x in [
    ("abs", np.abs, _away),
    ("sign", np.sign, _away),
    ("negative", np.negative, _plain),
    ("exp", np.exp, _plain),
    ("expm1", np.expm1, _plain * 0.1),
    ("log", np.log, uniform(0.1, 5, 3, 4)),
    ("log1p", np.log1p, uniform(-0.5, 3, 3, 4)),
    ("sqrt", np.sqrt, uniform(0.1, 5, 3, 4)),
    ("rsqrt", lambda x: 1 / np.sqrt(x), uniform(0.1, 5, 3, 4)),
    ("sin", np.sin, _plain),
    ("cos", np.cos, _plain),
    ("tan", np.tan, uniform(-1, 1, 3, 4)),
    ("asin", np.arcsin, uniform(-0.9, 0.9, 3, 4)),
    ("acos", np.arccos, uniform(-0.9, 0.9, 3, 4)),
    ("atan", np.arctan, _plain),
    ("sinh", np.sinh, _plain),
    ("cosh", np.cosh, _plain),
    ("tanh", np.tanh, _plain),
    ("asinh", np.arcsinh, _plain),
    ("acosh", np.arccosh, uniform(1.2, 4, 3, 4)),
    ("atanh", np.arctanh, uniform(-0.8, 0.8, 3, 4)),
    ("erf", scipy.special.erf, _plain),
    ("erfinv", scipy.special.erfinv, uniform(-0.9, 0.9, 3, 4)),
    ("lgamma", scipy.special.gammaln, uniform(0.5, 6, 3, 4)),
    ("digamma", scipy.special.digamma, uniform(0.5, 6, 3, 4)),
    ("sigmoid", scipy.special.expit, _plain * 3),
]:
    _unary(_name, _function, _x)
    _unary(_name, _function, _x[:0], gradient=False, label="empty")
_halves = f32(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.2, -0.7)
for _name, _function in [("floor", np.floor), ("ceil", np.ceil), ("round", np.round)]:
    _unary(_name, _function, _halves, gradient=False, label="half")
    _unary(_name, _function, f32(0.3, -1.7, 2.2))
_special = f32(0, 1, math.inf, -math.inf, math.nan)
_unary("isfinite", np.isfinite, _special, gradient=False)
_unary("isnan", np.isnan, _special, gradient=False)
_unary("sign", np.sign, _special, gradient=False, label="nan")
_unary("abs", np.abs, i32(-3, 0, 4), label="int")
_unary("sign", np.sign, i32(-3, 0, 4), label="int")
_unary("negative", np.negative, i32(-3, 0, 4), label="int")
_unary("sigmoid", scipy.special.expit, f32(-80, 80), gradient=False, label="extreme")
_unary("logical_not", np.logical_not, np.array([True, False]))
_unary("bitwise_not", np.invert, i32(0, 5, -7))
_unary("bitwise_not", np.invert, np.array([True, False]), label="bool")
_unary("bitwise_not", np.invert, np.array([0, 5, 65535], "uint16"), label="uint16")

# ---- elementwise, two operands

_positive = uniform(0.3, 3, 3, 4)
for _name, _function, _x1, _x2 in [
    ("add", np.add, normal(3, 4), normal(4)),
    ("subtract", np.subtract, normal(3, 1), normal(4)),
    ("multiply", np.multiply, normal(3, 4), normal(3, 1)),
    ("divide", np.divide, normal(3, 4), _positive),
    ("power", np.power, _positive, normal(4)),
    ("atan2", np.arctan2, _away, _away[::-1].copy()),
    ("maximum", np.maximum, normal(3, 4), normal(4)),
    ("minimum", np.minimum, normal(3, 4), normal(4)),
    ("floor_divide", np.floor_divide, f32(7.5, -7.5, 7.5, -7.5), f32(2, 2, -2, -2)),
    ("mod", np.mod, f32(7.5, -7.5, 7.5, -7.5), f32(2, 2, -2, -2)),
]:
    _binary(_name, _function, _x1, _x2)
for _name, _function in [
    ("add", np.add),
    ("subtract", np.subtract),
    ("floor_divide", np.floor_divide),
    ("mod", np.mod),
]:
    _binary(_name, _function, i32(7, -7, 7, -7), i32(2, 2, -2, -2), label="int")
for _name, _function in [("maximum", np.maximum), ("minimum", np.minimum), ("power", np.power)]:
    _binary(_name, _function, i32(3, 2, 0), i32(1, 3, 2), label="int")
for _name, _function in [("maximum", np.maximum), ("minimum", np.minimum)]:
    _binary(_name, _function, f32(1, math.nan), f32(math.nan, 1), gradient=False, label="nan")
case(
    "multiply",
    lambda e, x: e.multiply(x, 1103515245),
    lambda x: x * np.int32(1103515245),
    i32(2**30 + 7),
    label="wraps",
)
for _label, _call, _function in [
    ("right", lambda e, x: e.subtract(x, 2), lambda x: x - 2),
    ("left", lambda e, x: e.subtract(2, x), lambda x: 2 - x),
    ("float", lambda e, x: e.subtract(1.5, x), lambda x: 1.5 - x),
]:
    case("subtract", _call, _function, normal(3), label=f"number-{_label}")
case("maximum", lambda e, x: e.maximum(x, 0.0), lambda x: np.maximum(x, 0), _away, label="number")
case(
    "minimum",
    lambda e, x: e.minimum(1, x),
    lambda x: np.minimum(1, x),
    i32(0, 1, 2),
    label="number",
)
case("power", lambda e, x: e.power(x, 3), lambda x: x**3, normal(3), label="number")
case("power", lambda e, x: e.power(x, 2.0), lambda x: x**2, f32(0, -1, 2), label="zero")
for _name, _function in [
    ("equal", np.equal),
    ("not_equal", np.not_equal),
    ("less", np.less),
    ("less_equal", np.less_equal),
    ("greater", np.greater),
    ("greater_equal", np.greater_equal),
]:
    _binary(_name, _function, f32(1, 2, math.nan, 3), f32(2, 2, math.nan, 1), gradient=False)
    case(
        _name,
        lambda e, x, n=_name: getattr(e, n)(x, 2),
        lambda x, f=_function: f(x, 2),
        i32(1, 2, 3),
        label="number",
    )
_truths = np.array([[True], [False]]), np.array([True, False])
for _name, _function in [
    ("logical_and", np.logical_and),
    ("logical_or", np.logical_or),
    ("logical_xor", np.logical_xor),
]:
    _binary(_name, _function, *_truths)
for _name, _function in [
    ("bitwise_and", np.bitwise_and),
    ("bitwise_or", np.bitwise_or),
    ("bitwise_xor", np.bitwise_xor),
]:
    _binary(_name, _function, i32(5, -6, 2**30), i32(3, 3, -1))
    _binary(_name, _function, *_truths, label="bool")
_binary("left_shift", np.left_shift, i32(1, 3, -5), i32(31, 30, 2))
_binary("right_shift", np.right_shift, i32(-8, 2**31 - 1, 7), i32(1, 30, 0))
for _kind in ("uint8", "uint16", "uint32"):
    _big = np.array([1, 200, np.iinfo(_kind).max], _kind)
    for _name, _function in [
        ("add", np.add),
        ("multiply", np.multiply),
        ("bitwise_xor", np.bitwise_xor),
        ("maximum", np.maximum),
        ("less", np.less),
        ("floor_divide", np.floor_divide),
    ]:
        _binary(_name, _function, _big, np.array([7, 3, 9], _kind), label=_kind)
    _binary("right_shift", np.right_shift, _big, np.array([1, 1, 7], _kind), label=_kind)
    case("sum", lambda e, x: e.sum(x), lambda x: x.sum(dtype=x.dtype), _big, label=_kind)
    case("max", lambda e, x: e.max(x), np.max, _big, label=_kind)

_flags = np.array([[True, False, True], [False, False, True]])
case("where", lambda e, c, a, b: e.where(c, a, b), np.where, _flags, normal(2, 3), normal(3))
case(
    "where",
    lambda e, c, a: e.where(c, a, 0.0),
    lambda c, a: np.where(c, a, 0),
    _flags,
    normal(2, 3),
    label="right",
)
case(
    "where",
    lambda e, c, a: e.where(c, 0, a),
    lambda c, a: np.where(c, 0, a),
    _flags,
    integers(0, 9, 2, 3),
    label="int",
)

# ---- reductions

_block = normal(2, 3, 4)
for _axis in (None, 1, -1, (0, 2), ()):
    for _keep in (False, True):
        _label = f"{_axis}-{_keep}".replace(" ", "")
        for _name, _function in [
            ("sum", np.sum),
            ("prod", np.prod),
            ("max", np.max),
            ("min", np.min),
        ]:
            case(
                _name,
                lambda e, x, n=_name, a=_axis, k=_keep: getattr(e, n)(x, axis=a, keepdims=k),
                lambda x, f=_function, a=_axis, k=_keep: f(x, axis=a, keepdims=k),
                _block,
                label=_label,
            )
        for _name, _function in [("any", np.any), ("all", np.all)]:
            case(
                _name,
                lambda e, x, n=_name, a=_axis, k=_keep: getattr(e, n)(x, axis=a, keepdims=k),
                lambda x, f=_function, a=_axis, k=_keep: f(x, axis=a, keepdims=k),
                _block > 0,
                label=_label,
            )
for _name, _function in [("sum", np.sum), ("prod", np.prod), ("max", np.max), ("min", np.min)]:
    case(
        _name,
        lambda e, x, n=_name: getattr(e, n)(x, axis=0),
        lambda x, f=_function: (
            f(x, axis=0) if f in (np.max, np.min) else f(x, axis=0, dtype=x.dtype)
        ),
        integers(-9, 9, 3, 4),
        label="int",
    )
case(
    "sum",
    lambda e, x: e.sum(x, axis=0),
    lambda x: x.sum(0),
    normal(0, 3),
    gradient=False,
    label="empty",
)
case(
    "prod",
    lambda e, x: e.prod(x, axis=0),
    lambda x: x.prod(0),
    normal(0, 3),
    gradient=False,
    label="empty",
)
case("prod", lambda e, x: e.prod(x), np.prod, f32(2, 0, 3), label="zero")
case(
    "any", lambda e, x: e.any(x, axis=0), lambda x: x.any(0), np.zeros((0, 2), bool), label="empty"
)
case(
    "all", lambda e, x: e.all(x, axis=0), lambda x: x.all(0), np.zeros((0, 2), bool), label="empty"
)
_ties = f32(1, 3, 3, 0, 0)
for _name, _function in [("argmax", np.argmax), ("argmin", np.argmin)]:
    for _label, _x, _axis in [
        ("ties", _ties, 0),
        ("first", _block, 0),
        ("last", _block, -1),
        ("bool", _flags, 1),
    ]:
        case(
            _name,
            lambda e, x, n=_name, a=_axis: getattr(e, n)(x, axis=a),
            lambda x, f=_function, a=_axis: f(x, axis=a).astype("int32"),
            _x,
            gradient=False,
            label=_label,
        )
for _name, _function in [("cumsum", np.cumsum), ("cumprod", np.cumprod)]:
    case(
        _name,
        lambda e, x, n=_name: getattr(e, n)(x, axis=1),
        lambda x, f=_function: f(x, axis=1),
        _block,
    )
    case(
        _name,
        lambda e, x, n=_name: getattr(e, n)(x, axis=-1),
        lambda x, f=_function: f(x, axis=-1, dtype=x.dtype),
        integers(-3, 4, 2, 3),
        label="int",
    )
