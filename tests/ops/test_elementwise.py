"""Elementwise operations: a table of name, NumPy reference, domain and whether there is a gradient."""

import math

import numpy as np
import pytest
import scipy.special as special

from hornpipe import ops

A = np.linspace(-1.93, 1.87, 12).reshape(3, 4)  # no zeros, no whole numbers
P = np.linspace(0.11, 3.03, 12).reshape(3, 4)
U = np.linspace(-0.93, 0.91, 12).reshape(3, 4)
G = P + 1.0
B = np.roll(A, 5).reshape(3, 4)[::-1].copy()
INTEGERS = np.array([[-7, -2, 0, 3], [1, 5, 12, -9], [4, 2, -1, 8]])
OTHERS = np.array([[2, 3, -4, 2], [1, -5, 8, 6], [4, 7, 3, 2]])
BOOLS = INTEGERS > 0

UNARY = [
    ("abs", np.abs, A, True),
    ("absolute", np.abs, A, True),
    ("fabs", np.abs, A, True),
    ("negative", np.negative, A, True),
    ("sign", np.sign, A, True),
    ("floor", np.floor, A, True),
    ("ceil", np.ceil, A, True),
    ("trunc", np.trunc, A, True),
    ("round", np.round, A, True),
    ("exp", np.exp, A, True),
    ("exp2", np.exp2, A, True),
    ("expm1", np.expm1, A, True),
    ("log", np.log, P, True),
    ("log1p", np.log1p, P, True),
    ("log2", np.log2, P, True),
    ("log10", np.log10, P, True),
    ("sqrt", np.sqrt, P, True),
    ("rsqrt", lambda x: 1 / np.sqrt(x), P, True),
    ("cbrt", np.cbrt, A, True),
    ("square", np.square, A, True),
    ("reciprocal", np.reciprocal, P, True),
    ("sin", np.sin, A, True),
    ("cos", np.cos, A, True),
    ("tan", np.tan, U, True),
    ("arcsin", np.arcsin, U, True),
    ("arccos", np.arccos, U, True),
    ("arctan", np.arctan, A, True),
    ("sinh", np.sinh, A, True),
    ("cosh", np.cosh, A, True),
    ("tanh", np.tanh, A, True),
    ("arcsinh", np.arcsinh, A, True),
    ("arccosh", np.arccosh, G, True),
    ("arctanh", np.arctanh, U, True),
    ("erf", special.erf, A, True),
    ("erfc", special.erfc, A, True),
    ("erfinv", special.erfinv, U, True),
    ("lgamma", special.gammaln, P, True),
    ("digamma", special.digamma, G, True),
    ("sigmoid", special.expit, A, True),
    ("sinc", np.sinc, A, True),
    ("deg2rad", np.deg2rad, A, True),
    ("rad2deg", np.rad2deg, A, True),
    ("i0", np.i0, 3 * A, True),
    ("nan_to_num", np.nan_to_num, A, True),
    ("isfinite", np.isfinite, A, False),
    ("isnan", np.isnan, A, False),
    ("isinf", np.isinf, A, False),
    ("isposinf", np.isposinf, A, False),
    ("isneginf", np.isneginf, A, False),
    ("signbit", np.signbit, A, False),
    ("logical_not", np.logical_not, INTEGERS, False),
    ("bitwise_not", np.bitwise_not, INTEGERS, False),
    ("bitwise_invert", np.bitwise_not, INTEGERS, False),
]
ACTIVATIONS = [
    ("relu", lambda x: np.maximum(x, 0)),
    ("relu6", lambda x: np.clip(x, 0, 6)),
    ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
    ("elu", lambda x: np.where(x > 0, x, np.expm1(x))),
    ("celu", lambda x: np.where(x > 0, x, np.expm1(x))),
    ("selu", lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
    ("gelu", lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    ("silu", lambda x: x * special.expit(x)),
    ("swish", lambda x: x * special.expit(x)),
    ("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    ("hard_silu", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    ("hard_swish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    ("hard_tanh", lambda x: np.clip(x, -1, 1)),
    ("softplus", lambda x: np.logaddexp(x, 0)),
    ("log_sigmoid", special.log_expit),
    ("softsign", lambda x: x / (1 + np.abs(x))),
    ("sparse_plus", lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4))),
    ("sparse_sigmoid", lambda x: np.clip((x + 1) / 2, 0, 1)),
    ("squareplus", lambda x: (x + np.sqrt(x**2 + 4)) / 2),
    ("tanh_shrink", lambda x: x - np.tanh(x)),
    ("hard_shrink", lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    ("soft_shrink", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    ("glu", lambda x: x[..., :2] * special.expit(x[..., 2:])),
    ("softmax", lambda x: special.softmax(x, -1)),
    ("log_softmax", lambda x: special.log_softmax(x, -1)),
]
BINARY = [
    ("add", np.add, A, B, True),
    ("subtract", np.subtract, A, B, True),
    ("multiply", np.multiply, A, B, True),
    ("divide", np.divide, A, P, True),
    ("true_divide", np.true_divide, A, P, True),
    ("divide_no_nan", np.divide, A, P, True),
    ("floor_divide", np.floor_divide, A, P, False),
    ("floor_divide", np.floor_divide, INTEGERS, OTHERS, False),
    ("mod", np.mod, A, B, False),
    ("mod", np.mod, INTEGERS, OTHERS, False),
    ("fmod", np.fmod, A, B, False),
    ("fmod", np.fmod, INTEGERS, OTHERS, False),
    ("power", np.power, P, A, True),
    ("maximum", np.maximum, A, B, True),
    ("minimum", np.minimum, A, B, True),
    ("fmax", np.fmax, A, B, True),
    ("fmin", np.fmin, A, B, True),
    ("arctan2", np.arctan2, A, B, True),
    ("hypot", np.hypot, A, B, True),
    ("logaddexp", np.logaddexp, A, B, True),
    ("logaddexp2", np.logaddexp2, A, B, True),
    ("heaviside", np.heaviside, A, B, False),
    ("gcd", np.gcd, INTEGERS, OTHERS, False),
    ("lcm", np.lcm, INTEGERS, OTHERS, False),
    ("ldexp", lambda x, n: x * 2.0**n, A, OTHERS, True),
    ("equal", np.equal, INTEGERS, OTHERS, False),
    ("not_equal", np.not_equal, INTEGERS, OTHERS, False),
    ("less", np.less, A, B, False),
    ("less_equal", np.less_equal, INTEGERS, OTHERS, False),
    ("greater", np.greater, A, B, False),
    ("greater_equal", np.greater_equal, INTEGERS, OTHERS, False),
    ("isclose", np.isclose, A, A + 1e-7 * (B > 0), False),
    ("logical_and", np.logical_and, BOOLS, ~BOOLS | (OTHERS > 2), False),
    ("logical_or", np.logical_or, INTEGERS, BOOLS, False),
    ("logical_xor", np.logical_xor, BOOLS, OTHERS > 2, False),
    ("bitwise_and", np.bitwise_and, INTEGERS, OTHERS, False),
    ("bitwise_or", np.bitwise_or, INTEGERS, OTHERS, False),
    ("bitwise_xor", np.bitwise_xor, INTEGERS, OTHERS, False),
    ("left_shift", np.left_shift, INTEGERS, np.abs(OTHERS), False),
    ("right_shift", np.right_shift, INTEGERS, np.abs(OTHERS), False),
]


@pytest.mark.parametrize(
    ("name", "reference", "x", "gradient"), UNARY, ids=[row[0] for row in UNARY]
)
def test_unary(check, name, reference, x, gradient):
    check(getattr(ops, name), reference, [x], gradient)


@pytest.mark.parametrize(("name", "reference"), ACTIVATIONS, ids=[row[0] for row in ACTIVATIONS])
def test_activation(check, name, reference):
    check(getattr(ops, name), reference, [2.1 * A])


@pytest.mark.parametrize(
    ("name", "reference", "x1", "x2", "gradient"), BINARY, ids=[row[0] for row in BINARY]
)
def test_binary(check, name, reference, x1, x2, gradient):
    check(getattr(ops, name), reference, [x1, x2], gradient)


@pytest.mark.parametrize("shapes", [((3, 1), (4,)), ((), (2, 3)), ((0, 4), (1,)), ((1,), ())])
def test_broadcasting(check, shapes):
    x1, x2 = (np.linspace(0.3, 1.7, int(np.prod(shape))).reshape(shape) for shape in shapes)
    check(ops.multiply, np.multiply, [x1, x2], batch=False)
    check(ops.maximum, np.maximum, [x1, x2 + 0.01], batch=False)


OPTIONS = [
    (lambda x: ops.clip(x, -1, 0.5), lambda x: np.clip(x, -1, 0.5), A),
    (lambda x: ops.clip(x, None, 0.5), lambda x: np.minimum(x, 0.5), A),
    (lambda x: ops.round(x, 1), lambda x: np.round(x, 1), A),
    (lambda x: ops.round(10 * x, -1), lambda x: np.round(10 * x, -1), A),
    (lambda x: ops.gelu(x, approximate=False), lambda x: x * special.ndtr(x), A),
    (lambda x: ops.leaky_relu(x, 0.3), lambda x: np.where(x > 0, x, 0.3 * x), A),
    (lambda x: ops.elu(x, 0.7), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x)), A),
    (lambda x: ops.celu(x, 0.7), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x / 0.7)), A),
    (lambda x: ops.threshold(x, 0.2, -3.0), lambda x: np.where(x > 0.2, x, -3.0), A),
    (lambda x: ops.squareplus(x, 2.5), lambda x: (x + np.sqrt(x * x + 2.5)) / 2, A),
    (lambda x: ops.softmax(x, 0), lambda x: special.softmax(x, 0), A),
    (lambda x: ops.softmax(x, (0, 1)), lambda x: special.softmax(x), A),
    (lambda x: ops.glu(x, 1), lambda x: x[:, :2] * special.expit(x[:, 2:]), A),
    (lambda x: ops.where(x > 0, x, 2.0), lambda x: np.where(x > 0, x, 2.0), A),
    (lambda x: ops.power(x, 3), lambda x: x**3, A),
    (lambda x: ops.power(2.0, x), lambda x: 2.0**x, A),
    (lambda x: 1 - x, lambda x: 1 - x, A),
]


@pytest.mark.parametrize(("function", "reference", "x"), OPTIONS)
def test_options(check, function, reference, x):
    check(function, reference, [x])


def test_sparsemax(check):
    def reference(x):
        out = np.empty_like(x)
        for i, row in enumerate(x):
            low, high = row.min() - 1, row.max()
            for _ in range(80):  # bisection for the level at which the row sums to 1
                level = (low + high) / 2
                low, high = (level, high) if np.maximum(row - level, 0).sum() > 1 else (low, level)
            out[i] = np.maximum(row - (low + high) / 2, 0)
        return out

    check(ops.sparsemax, reference, [A])
    check(lambda x: ops.sparsemax(x, 0), lambda x: reference(x.T).T, [A])


def grad(function, *values):
    """Return the gradients of a scalar function of float32 values."""
    from hornpipe.engine import active

    engine = active.engine
    run = engine.value_and_grad(lambda xs: (ops.sum(function(*xs)), 0))
    _, gradients = run([engine.asarray(np.asarray(value, "float32")) for value in values])
    return [engine.to_numpy(each).tolist() for each in gradients]


def test_gradients_at_kinks():
    assert grad(ops.relu, [0.0]) == [[0.0]]
    assert grad(ops.relu6, [0.0, 6.0]) == [[0.0, 0.0]]
    assert grad(ops.abs, [0.0]) == [[0.0]]
    assert grad(ops.leaky_relu, [0.0]) == [[np.float32(0.2)]]
    assert grad(lambda x: ops.clip(x, -1, 1), [-1.0, 0.0, 1.0, 2.0]) == [[1.0, 1.0, 1.0, 0.0]]
    assert grad(ops.maximum, [1.0], [1.0]) == [[0.5], [0.5]]
    assert grad(ops.softplus, [0.0]) == [[0.5]]
    assert grad(ops.softsign, [0.0]) == [[1.0]]
    assert grad(ops.elu, [0.0]) == [[1.0]]
    assert grad(ops.cbrt, [0.0]) == [[0.0]]
    assert grad(ops.divide_no_nan, [2.0], [0.0]) == [[0.0], [0.0]]
    assert grad(ops.hypot, [0.0], [0.0])[0] == [0.0]
    assert grad(ops.std, [1.0, 1.0]) == [[0.0, 0.0]]
    assert grad(ops.norm, [0.0, 0.0]) == [[0.0, 0.0]]
    assert grad(lambda x: ops.max(x), [2.0, 2.0]) == [[0.5, 0.5]]
    assert grad(lambda x: ops.logsumexp(x), [-np.inf, -np.inf]) == [[0.0, 0.0]]


def test_not_a_number_and_infinity():
    bad = np.array([np.nan, np.inf, -np.inf, 1.0], "float32")
    host = ops.convert_to_numpy
    np.testing.assert_array_equal(host(ops.relu(bad)), [np.nan, np.inf, 0, 1])
    np.testing.assert_array_equal(host(ops.clip(bad, -1, 5)), [np.nan, 5, -1, 1])
    np.testing.assert_array_equal(host(ops.isinf(bad)), [False, True, True, False])
    np.testing.assert_array_equal(host(ops.nan_to_num(bad, 7, 8, 9)), [7, 8, 9, 1])
    np.testing.assert_array_equal(host(ops.fmax(bad, 0.0)), [0, np.inf, 0, 1])
    np.testing.assert_array_equal(host(ops.hypot(bad[1:], 1.0))[:2], [np.inf, np.inf])
    np.testing.assert_array_equal(host(ops.logaddexp(bad[1:3], bad[1:3])), [np.inf, -np.inf])
    np.testing.assert_array_equal(host(ops.isclose(bad, bad)), [False, True, True, True])
    assert host(ops.logsumexp([-np.inf, -np.inf])) == -np.inf
    assert host(ops.logsumexp([1.0, np.inf])) == np.inf
    assert host(ops.softplus([1e4, -1e4])).tolist() == [1e4, 0.0]
    assert host(ops.log_softmax([[1e4, 0.0]])).tolist() == [[0.0, -1e4]]
    assert np.isnan(host(ops.softmax([-np.inf, -np.inf]))).all()
    assert host(ops.signbit([-0.0, 0.0])).tolist() == [True, False]
