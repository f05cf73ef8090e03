"""Shapes, reductions, indexing, order: tables of calls with a NumPy reference."""

import numpy as np
import pytest
import scipy.special as special

import hornpipe as keras
from hornpipe import ops

A = np.linspace(-1.93, 1.87, 12).reshape(3, 4)
A = A[:, [2, 0, 3, 1]]
B = np.cos(np.arange(12.0)).reshape(3, 4)
C = np.sin(1 + np.arange(24.0)).reshape(2, 3, 4)
N = np.array([[3, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8]])
HOLES = np.where(B > 0.9, np.nan, B)
HOLES[1] = np.nan

SHAPES = [
    (lambda x: ops.reshape(x, (4, -1)), lambda x: x.reshape(4, -1), C),
    (lambda x: ops.reshape(x, -1), np.ravel, C),
    (ops.ravel, np.ravel, C),
    (ops.transpose, np.transpose, C),
    (lambda x: ops.transpose(x, (1, -1, 0)), lambda x: x.transpose(1, 2, 0), C),
    (lambda x: ops.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), C),
    (lambda x: ops.moveaxis(x, (2, 0), (0, 1)), lambda x: np.moveaxis(x, (2, 0), (0, 1)), C),
    (lambda x: ops.swapaxes(x, 0, -1), lambda x: np.swapaxes(x, 0, -1), C),
    (lambda x: ops.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1)), A),
    (lambda x: ops.squeeze(ops.expand_dims(x, 1)), lambda x: x, A),
    (lambda x: ops.squeeze(ops.expand_dims(x, 1), 1), lambda x: x, A),
    (lambda x: ops.broadcast_to(x, (2, 3, 4)), lambda x: np.broadcast_to(x, (2, 3, 4)), A),
    (lambda x: ops.split(x, 2, axis=1), lambda x: np.split(x, 2, 1), A),
    (lambda x: ops.split(x, [1, 3], axis=-1), lambda x: np.split(x, [1, 3], -1), A),
    (lambda x: ops.array_split(x, 3, axis=1), lambda x: np.array_split(x, 3, 1), A),
    (lambda x: ops.unstack(x, axis=1), lambda x: list(np.moveaxis(x, 1, 0)), A),
    (ops.flip, np.flip, C),
    (lambda x: ops.flip(x, (0, -1)), lambda x: np.flip(x, (0, -1)), C),
    (ops.fliplr, np.fliplr, C),
    (ops.flipud, np.flipud, C),
    (lambda x: ops.pad(x, ((1, 2), (0, 3))), lambda x: np.pad(x, ((1, 2), (0, 3))), A),
    (lambda x: ops.pad(x, 1, constant_values=7.0), lambda x: np.pad(x, 1, constant_values=7.0), A),
    (
        lambda x: ops.pad(x, ((2, 1), (3, 0)), "reflect"),
        lambda x: np.pad(x, ((2, 1), (3, 0)), "reflect"),
        A,
    ),
    (lambda x: ops.pad(x, (2, 1), "symmetric"), lambda x: np.pad(x, (2, 1), "symmetric"), A),
    (lambda x: ops.pad(x, 2, "edge"), lambda x: np.pad(x, 2, "edge"), A),
    (lambda x: ops.pad(x, 2, "wrap"), lambda x: np.pad(x, 2, "wrap"), A),
    (lambda x: ops.repeat(x, 2), lambda x: np.repeat(x, 2), A),
    (lambda x: ops.repeat(x, 3, axis=-1), lambda x: np.repeat(x, 3, -1), A),
    (lambda x: ops.repeat(x, [0, 2, 1, 1], axis=1), lambda x: np.repeat(x, [0, 2, 1, 1], 1), A),
    (lambda x: ops.tile(x, 2), lambda x: np.tile(x, 2), A),
    (lambda x: ops.tile(x, (2, 1, 3)), lambda x: np.tile(x, (2, 1, 3)), A),
    (lambda x: ops.roll(x, 5), lambda x: np.roll(x, 5), A),
    (lambda x: ops.roll(x, (1, -6), (0, 1)), lambda x: np.roll(x, (1, -6), (0, 1)), A),
    (ops.rot90, np.rot90, A),
    (lambda x: ops.rot90(x, 2), lambda x: np.rot90(x, 2), A),
    (lambda x: ops.rot90(x, -1, (1, 2)), lambda x: np.rot90(x, -1, (1, 2)), C),
    (lambda x: ops.hsplit(x, 2), lambda x: np.hsplit(x, 2), A),
    (lambda x: ops.vsplit(x, 3), lambda x: np.vsplit(x, 3), A),
    (lambda x: ops.dsplit(x, 2), lambda x: np.dsplit(x, 2), C),
    (ops.zeros_like, np.zeros_like, A),
    (ops.ones_like, np.ones_like, A),
    (lambda x: ops.full_like(x, 2.5), lambda x: np.full_like(x, 2.5), A),
    (ops.tril, np.tril, A),
    (lambda x: ops.triu(x, 1), lambda x: np.triu(x, 1), C),
    (lambda x: ops.tril(x, -1), lambda x: np.tril(x, -1), A),
    (ops.diagonal, np.diagonal, A),
    (lambda x: ops.diagonal(x, -1), lambda x: np.diagonal(x, -1), A),
    (lambda x: ops.diagonal(x, 1, 2, 0), lambda x: np.diagonal(x, 1, 2, 0), C),
    (lambda x: ops.diagonal(x, 9), lambda x: np.diagonal(x, 9), A),
    (ops.diag, np.diag, A[0]),
    (lambda x: ops.diag(x, -2), lambda x: np.diag(x, -2), A[0]),
    (lambda x: ops.diag(x, 1), lambda x: np.diag(x, 1), A),
    (ops.diagflat, np.diagflat, A[:2, :2]),
    (ops.trace, np.trace, A),
    (lambda x: ops.trace(x, 1, 1, 2), lambda x: np.trace(x, 1, 1, 2), C),
]
JOINS = [
    (lambda x, y: ops.concatenate([x, y]), lambda x, y: np.concatenate([x, y])),
    (lambda x, y: ops.concatenate([x, y], axis=-1), lambda x, y: np.concatenate([x, y], -1)),
    (lambda x, y: ops.stack([x, y], axis=1), lambda x, y: np.stack([x, y], 1)),
    (lambda x, y: ops.hstack([x, y]), lambda x, y: np.hstack([x, y])),
    (lambda x, y: ops.vstack([x, y]), lambda x, y: np.vstack([x, y])),
    (lambda x, y: ops.dstack([x, y]), lambda x, y: np.dstack([x, y])),
    (lambda x, y: ops.append(x, y), np.append),
    (lambda x, y: ops.append(x, y, axis=1), lambda x, y: np.append(x, y, 1)),
    (lambda x, y: ops.meshgrid(x, y), lambda x, y: np.meshgrid(x, y)),
    (lambda x, y: ops.meshgrid(x, y, indexing="ij"), lambda x, y: np.meshgrid(x, y, indexing="ij")),
    (
        lambda x, y: ops.select([x > 0.5, y > 0], [x, y], 3.0),
        lambda x, y: np.select([x > 0.5, y > 0], [x, y], 3.0),
    ),
    (lambda x, y: ops.linspace(x, y, 5), lambda x, y: np.linspace(x, y, 5)),
    (
        lambda x, y: ops.linspace(x, y, 4, False, axis=-1),
        lambda x, y: np.linspace(x, y, 4, False, axis=-1),
    ),
    (lambda x, y: ops.logspace(x, y, 3, base=2), lambda x, y: np.logspace(x, y, 3, base=2)),
]
SUMS = [
    (ops.sum, np.sum, True),
    (ops.prod, np.prod, True),
    (ops.mean, np.mean, True),
    (ops.var, np.var, True),
    (ops.std, np.std, True),
    (ops.max, np.max, True),
    (ops.min, np.min, True),
    (ops.amax, np.max, True),
    (ops.amin, np.min, True),
    (ops.ptp, lambda x, axis=None, keepdims=False: np.ptp(x, axis=axis, keepdims=keepdims), True),
    (ops.median, np.median, True),
    (ops.logsumexp, special.logsumexp, True),
    (ops.any, np.any, False),
    (ops.all, np.all, False),
]
OTHERS = [
    (ops.count_nonzero, np.count_nonzero, N % 2),
    (lambda x: ops.count_nonzero(x, 1), lambda x: np.count_nonzero(x, 1), N % 2),
    (lambda x: ops.cumsum(x, 1), lambda x: np.cumsum(x, 1), A),
    (ops.cumsum, np.cumsum, A),
    (lambda x: ops.cumprod(x, -1), lambda x: np.cumprod(x, -1), A),
    (ops.cumprod, np.cumprod, N),
    (
        lambda x: ops.average(x, 1, [1.0, 2.0, 0.5, 3.0]),
        lambda x: np.average(x, 1, [1.0, 2.0, 0.5, 3.0]),
        A,
    ),
    (lambda x: ops.average(x, weights=x * x), lambda x: np.average(x, weights=x * x), A),
    (lambda x: ops.moments(x, (0, 1)), lambda x: (x.mean(), x.var()), A),
    (
        lambda x: ops.moments(x, 0, True),
        lambda x: (x.mean(0, keepdims=True), x.var(0, keepdims=True)),
        A,
    ),
    (lambda x: ops.max(x, 1, initial=0.5), lambda x: np.max(x, 1, initial=0.5), A),
    (lambda x: ops.argmax(x), np.argmax, N),
    (lambda x: ops.argmax(x, 0, True), lambda x: np.argmax(x, 0, keepdims=True), N),
    (lambda x: ops.argmin(x, -1), lambda x: np.argmin(x, -1), N),
    (lambda x: ops.norm(x), np.linalg.norm, A),
    (lambda x: ops.norm(x, 1, 0), lambda x: np.linalg.norm(x, 1, 0), A),
    (lambda x: ops.norm(x, 3, -1, True), lambda x: np.linalg.norm(x, 3, -1, True), A),
    (lambda x: ops.norm(x, np.inf, 1), lambda x: np.linalg.norm(x, np.inf, 1), A),
    (lambda x: ops.norm(x, 0, 1), lambda x: np.linalg.norm(x, 0, 1), A),
    (lambda x: ops.norm(x, "fro", (0, 2)), lambda x: np.linalg.norm(x, "fro", (0, 2)), C),
    (lambda x: ops.norm(x, "nuc"), lambda x: np.linalg.norm(x, "nuc"), A + np.eye(3, 4)),
    (lambda x: ops.norm(x, 2, (1, 2), True), lambda x: np.linalg.norm(x, 2, (1, 2), True), C),
    (lambda x: ops.norm(x, -1), lambda x: np.linalg.norm(x, -1), A),
    (lambda x: ops.norm(x, np.inf), lambda x: np.linalg.norm(x, np.inf), A),
    (ops.normalize, lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True), A),
    (lambda x: ops.normalize(x, 0, 3), lambda x: x / np.linalg.norm(x, 3, 0, keepdims=True), A),
    (ops.sort, np.sort, A),
    (lambda x: ops.sort(x, 0), lambda x: np.sort(x, 0), A),
    (ops.argsort, lambda x: np.argsort(x, kind="stable"), N),
    (lambda x: ops.argsort(x, None), lambda x: np.argsort(x, None, kind="stable"), N),
    (
        lambda x: ops.top_k(x, 2),
        lambda x: (-np.sort(-x)[:, :2], np.argsort(-x, kind="stable")[:, :2]),
        A,
    ),
    (
        lambda x: ops.searchsorted(ops.array([1, 3, 5]), x),
        lambda x: np.searchsorted([1, 3, 5], x),
        N,
    ),
    (lambda x: ops.digitize(x, [1, 3, 5]), lambda x: np.digitize(x, [1, 3, 5]), N),
    (lambda x: ops.quantile(x, 0.3), lambda x: np.quantile(x, 0.3), A),
    (
        lambda x: ops.quantile(x, [0.1, 0.8], 1, keepdims=True),
        lambda x: np.quantile(x, [0.1, 0.8], 1, keepdims=True),
        C,
    ),
    (lambda x: ops.quantile(x, 0.5, (0, 2)), lambda x: np.quantile(x, 0.5, (0, 2)), C),
    (lambda x: ops.percentile(x, 41, 0), lambda x: np.percentile(x, 41, 0), A),
    *(
        (
            lambda x, m=m: ops.quantile(x, [0.2, 0.6], 1, m),
            lambda x, m=m: np.quantile(x, [0.2, 0.6], 1, method=m),
            A,
        )
        for m in ("lower", "higher", "midpoint", "nearest")
    ),
    (lambda x: ops.diff(x), np.diff, A),
    (lambda x: ops.diff(x, 2, 0), lambda x: np.diff(x, 2, 0), A),
    (lambda x: ops.trapezoid(x, dx=0.5), lambda x: np.trapezoid(x, dx=0.5), A),
    (
        lambda x: ops.trapezoid(x, [0.0, 1.0, 3.0], axis=0),
        lambda x: np.trapezoid(x, [0.0, 1.0, 3.0], axis=0),
        A,
    ),
    (lambda x: ops.vander(x), np.vander, A[0]),
    (lambda x: ops.vander(x, 3, increasing=True), lambda x: np.vander(x, 3, increasing=True), A[0]),
    (lambda x: ops.isin(x, [3, 5]), lambda x: np.isin(x, [3, 5]), N),
    (lambda x: ops.isin(x, 5, invert=True), lambda x: np.isin(x, 5, invert=True), N),
    (lambda x: ops.unravel_index(x, (4, 3)), lambda x: np.unravel_index(x, (4, 3)), N),
    (lambda x: ops.one_hot(x, 6), lambda x: (x[..., None] == np.arange(6)).astype(float), N),
    (
        lambda x: ops.one_hot(x, 6, axis=0),
        lambda x: (x == np.arange(6)[:, None, None]).astype(float),
        N,
    ),
    (
        lambda x: ops.multi_hot(x, 6),
        lambda x: (x[..., None] == np.arange(6)).any(1).astype(float),
        N,
    ),
    (lambda x: ops.getitem(x, (slice(None, None, -2), 1)), lambda x: x[::-2, 1], A),
    (
        lambda x: ops.get_item(x, (..., slice(None, None, -1), None)),
        lambda x: x[..., ::-1, None],
        A,
    ),
    (lambda x: ops.getitem(x, ([0, 2], [1, 1])), lambda x: x[[0, 2], [1, 1]], A),
    (
        lambda x: ops.extract_sequences(x, 3, 1),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 3, -1),
        A,
    ),
    (lambda x: ops.take(x, [[2, -1], [0, 0]], 1), lambda x: np.take(x, [[2, -1], [0, 0]], 1), A),
    (lambda x: ops.take(x, 5), lambda x: np.take(x, 5), A),
    (lambda x: ops.take_along_axis(x, N % 4, 1), lambda x: np.take_along_axis(x, N % 4, 1), A),
    (lambda x: ops.slice(x, (1, 0), (2, 3)), lambda x: x[1:3, :3], A),
    (
        lambda x: ops.slice_update(x, (1, 2), [[9.0]]),
        lambda x: np.where(np.arange(12).reshape(3, 4) == 6, 9, x),
        A,
    ),
]
NAN = [
    (ops.nansum, np.nansum),
    (ops.nanprod, np.nanprod),
    (ops.nanmax, np.nanmax),
    (ops.nanmin, np.nanmin),
    (ops.nanmean, np.nanmean),
    (ops.nanvar, np.nanvar),
    (ops.nanstd, np.nanstd),
    (ops.nanmedian, np.nanmedian),
]


@pytest.mark.parametrize(("function", "reference", "x"), SHAPES)
def test_shape(check, function, reference, x):
    check(function, reference, [x], batch=False)


@pytest.mark.parametrize(("function", "reference"), JOINS)
def test_join(check, function, reference):
    two = (A[0], B[1]) if "meshgrid" in function.__code__.co_names else (A, B)
    check(function, reference, list(two), batch=False)


@pytest.mark.parametrize("options", [{}, {"axis": (0, 2), "keepdims": True}, {"axis": -1}])
@pytest.mark.parametrize(
    ("function", "reference", "gradient"), SUMS, ids=[row[0].__name__ for row in SUMS]
)
def test_sum(check, function, reference, gradient, options):
    if function is ops.any or function is ops.all:
        check(
            lambda x: function(x > 0.8, **options),
            lambda x: reference(x > 0.8, **options),
            [C],
            False,
        )
    else:
        check(lambda x: function(x, **options), lambda x: reference(x, **options), [C], gradient)


@pytest.mark.parametrize(("function", "reference", "x"), OTHERS)
def test_other(check, function, reference, x):
    check(function, reference, [x], batch=False)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("options", [{}, {"axis": 1, "keepdims": True}])
@pytest.mark.parametrize(("function", "reference"), NAN, ids=[row[0].__name__ for row in NAN])
def test_nan(check, function, reference, options):
    check(lambda x: function(x, **options), lambda x: reference(x, **options), [HOLES], False)


def test_other_nan():
    host = ops.convert_to_numpy
    rows = HOLES[[0, 2]].astype("float32")
    np.testing.assert_allclose(host(ops.nancumsum(rows, 1)), np.nancumsum(rows, 1), rtol=1e-6)
    np.testing.assert_allclose(host(ops.nancumprod(rows)), np.nancumprod(rows), rtol=1e-6)
    np.testing.assert_array_equal(host(ops.nanargmax(rows, 1)), np.nanargmax(rows, 1))
    np.testing.assert_array_equal(host(ops.nanargmin(rows, 1)), np.nanargmin(rows, 1))
    assert host(ops.nanargmax(HOLES, 1))[1] == -1
    np.testing.assert_allclose(
        host(ops.nanquantile(rows, [0.2, 0.7], 1)), np.nanquantile(rows, [0.2, 0.7], 1), rtol=1e-5
    )
    np.testing.assert_allclose(
        host(ops.nanpercentile(rows, 30)), np.nanpercentile(rows, 30), rtol=1e-5
    )
    assert np.isnan(host(ops.quantile([1.0, np.nan], 0.5)))


def test_empty():
    none = np.zeros((0, 3), "float32")
    host = ops.convert_to_numpy
    assert host(ops.sum(none, 0)).tolist() == [0, 0, 0]
    assert host(ops.prod(none, 0)).tolist() == [1, 1, 1]
    assert np.isnan(host(ops.mean(none, 0))).all()
    assert host(ops.max(none, initial=2.0)) == 2.0
    assert ops.softmax(none).shape == (0, 3)
    assert ops.sort(none, 0).shape == (0, 3)
    assert ops.argmax(none, 1).shape == (0,)
    assert host(ops.logsumexp(none, 0)).tolist() == [-np.inf] * 3
    with pytest.raises(
        ValueError, match=r"max: an empty axis needs `initial`\. Received: shape=\(0, 3\), axis=0\."
    ):
        ops.max(none, 0)
    with pytest.raises(ValueError, match="argmax: an empty axis has no such element"):
        ops.argmax(none, 0)


@pytest.mark.parametrize("name", ["sum", "max", "min"])
def test_segments(check, name):
    ids = np.array([2, 0, 2, 7, -1])
    data = np.sin(np.arange(15.0)).reshape(5, 3)
    start, combine = {
        "sum": (0.0, np.add),
        "max": (-np.inf, np.maximum),
        "min": (np.inf, np.minimum),
    }[name]

    def reference(x):
        out = np.full((4, 3), start)
        for row, segment in zip(x, ids, strict=True):
            if 0 <= segment < 4:
                out[segment] = combine(out[segment], row)
        return out[[0, 2]] if name != "sum" else out

    def function(x):
        out = getattr(ops, f"segment_{name}")(x, ids, 4)
        return ops.take(out, [0, 2], 0) if name != "sum" else out

    check(function, reference, [data], batch=False)
    assert getattr(ops, f"segment_{name}")(data, [0, 1, 1, 0, 5]).shape == (6, 3)


def test_segment_prod(check):
    reference = lambda x: np.stack([x[0] * x[2], np.ones(2), x[1]])
    check(
        lambda x: ops.segment_prod(x, [0, 2, 0, 9], 3),
        reference,
        [A[:, :2].repeat(2, 0)[:4]],
        batch=False,
    )


def test_counts():
    host = ops.convert_to_numpy
    assert host(ops.bincount([1, 3, 3], minlength=6)).tolist() == [0, 1, 0, 2, 0, 0]
    assert host(ops.bincount([[0, 1], [2, 2]], weights=[[0.5, 1.0], [2.0, 3.0]])).tolist() == [
        [0.5, 1, 0],
        [0, 0, 5],
    ]
    assert host(ops.bincount(np.zeros(0, "int32"), minlength=2)).tolist() == [0, 0]
    values = np.sin(np.arange(50.0)).astype("float32")
    for options in ({}, {"bins": 7}, {"bins": 4, "range": (-0.5, 0.9)}):
        counts, edges = ops.histogram(values, **options)
        right, right_edges = np.histogram(values, **options)
        assert host(counts).tolist() == right.tolist()
        np.testing.assert_allclose(host(edges), right_edges, atol=1e-6)
    assert host(ops.histogram([2.0, 2.0], 2)[0]).tolist() == [0, 2]
    assert host(
        ops.in_top_k([0, 1, 2, 9], [[1.0, 1, 0], [0, 1, 2], [np.nan] * 3, [1, 2, 3]], 1)
    ).tolist() == [True, False, False, False]


def test_scatter():
    host = ops.convert_to_numpy
    base = np.zeros((3, 2), "float32")
    assert host(ops.scatter([[0], [0]], [[1.0, 2], [3, 4]], (2, 2))).tolist() == [[4, 6], [0, 0]]
    assert host(ops.scatter_update(base, [[0, 1], [2, 0]], [5.0, 6.0])).tolist() == [
        [0, 5],
        [0, 0],
        [6, 0],
    ]
    assert host(ops.scatter_update(base, [[1], [1]], [[1.0, 2], [3, -4]], "add")).tolist() == [
        [0, 0],
        [4, -2],
        [0, 0],
    ]
    assert host(ops.scatter_update(base, [[1]], [[1.0, -2]], "max")).tolist() == [
        [0, 0],
        [1, 0],
        [0, 0],
    ]
    assert host(ops.scatter_update(base, [[1]], [[1.0, -2]], "min")).tolist() == [
        [0, 0],
        [0, -2],
        [0, 0],
    ]


def test_making():
    host = ops.convert_to_numpy
    assert host(ops.eye(2, 3, k=-1)).tolist() == np.eye(2, 3, -1).tolist()
    assert host(ops.tri(3, 2, 1)).tolist() == np.tri(3, 2, 1).tolist()
    assert host(ops.arange(5, 0, -2)).tolist() == [5, 3, 1]
    assert ops.dtype(ops.arange(0, 1, 0.25)) == "float32"
    assert ops.dtype(ops.arange(3, dtype="int8")) == "int8"
    np.testing.assert_allclose(
        host(ops.geomspace([-1.0, 2.0], [-8.0, 2.0], 4)),
        np.geomspace([-1, 2.0], [-8, 2], 4),
        rtol=1e-5,
    )
    assert host(ops.full((2, 2), [1, 2])).tolist() == [[1, 2], [1, 2]]
    assert host(ops.linspace(0, 10, 3, dtype="int32")).tolist() == [0, 5, 10]
    assert float(ops.linspace(0.0, 1.0, 4, retstep=True)[1]) == pytest.approx(1 / 3)
    assert ops.linspace(0.0, 1.0, 0).shape == (0,)
    assert host(ops.linspace(0.0, 1.0, 7))[-1] == 1.0
    assert ops.convert_to_tensor(keras.Variable([1.0])).shape == (1,)
    assert host(ops.stack([keras.Variable([1.0]), ops.ones(1)])).tolist() == [[1.0], [1.0]]
    assert host(ops.sum([ops.ones(2), keras.Variable([1.0, 2.0])], 0)).tolist() == [2.0, 3.0]
    for name in ("bartlett", "hanning", "hamming", "blackman"):
        np.testing.assert_allclose(host(getattr(ops, name)(9)), getattr(np, name)(9), atol=1e-6)
        assert host(getattr(ops, name)(1)).tolist() == [1.0]
    np.testing.assert_allclose(host(ops.kaiser(9, 4.0)), np.kaiser(9, 4.0), atol=1e-6)
    assert [p.tolist() for p in map(host, ops.nonzero([[0, 1], [2, 0]]))] == [[0, 1], [1, 0]]


def test_reshape_with_sizes_of_a_symbol():
    x = keras.KerasTensor((None, 3, 4))
    assert ops.reshape(x, (-1, 12)).shape == (None, 12)
    assert ops.reshape(x, (ops.shape(x)[0], -1)).shape == (None, None) or ops.reshape(
        x, (None, -1)
    ).shape[1] in (None, 12)
    assert ops.reshape(np.zeros((2, 3, 4)), (None, -1)).shape == (2, 12)
    assert ops.reshape(np.zeros((2, 3, 4)), (None, 4)).shape == (6, 4)
