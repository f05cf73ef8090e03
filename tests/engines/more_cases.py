"""The table of cases, second part: shapes, indices, creation, linear algebra, order, control flow."""

from __future__ import annotations

import math

import numpy as np
from engine_cases import _binary, _block, case, f32, i32, integers, normal

# ---- shapes

case("reshape", lambda e, x: e.reshape(x, (4, -1)), lambda x: x.reshape(4, -1), _block)
case("reshape", lambda e, x: e.reshape(x, ()), lambda x: x.reshape(()), f32(2), label="scalar")
case("transpose", lambda e, x: e.transpose(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1), _block)
case(
    "broadcast_to",
    lambda e, x: e.broadcast_to(x, (2, 3, 4)),
    lambda x: np.broadcast_to(x, (2, 3, 4)),
    normal(3, 1),
)
case(
    "concatenate",
    lambda e, a, b: e.concatenate([a, b], axis=1),
    lambda a, b: np.concatenate([a, b], 1),
    _block,
    normal(2, 2, 4),
)
case(
    "concatenate",
    lambda e, a, b: e.concatenate([a, b], axis=-1),
    lambda a, b: np.concatenate([a, b], -1),
    _block,
    _block[..., :0],
    label="empty",
)
case("flip", lambda e, x: e.flip(x, axis=(0, 2)), lambda x: np.flip(x, (0, 2)), _block)
_widths = [(0, 0), (1, 2), (0, 3)]
case("pad", lambda e, x: e.pad(x, _widths), lambda x: np.pad(x, _widths), _block)
case(
    "pad",
    lambda e, x: e.pad(x, _widths, value=-1.5),
    lambda x: np.pad(x, _widths, constant_values=-1.5),
    _block,
    label="value",
)
case(
    "pad",
    lambda e, x: e.pad(x, [(1, 0)], value=True),
    lambda x: np.pad(x, [(1, 0)], constant_values=True),
    np.array([False]),
    label="bool",
)
for _label, _index in [
    ("int", (1,)),
    ("slices", (slice(None), slice(0, 3, 2), slice(-2, None))),
    ("new", (None, Ellipsis, None, 0)),
    ("ellipsis", (Ellipsis, 1)),
    ("backwards", (slice(None, None, -1), slice(2, 0, -1))),
    ("backwards-step", (Ellipsis, slice(None, None, -2))),
    ("backwards-none", (Ellipsis, slice(0, 2, -1))),
    ("clipped-slice", (slice(0, 9),)),
]:
    case(
        "getitem",
        lambda e, x, i=_index: e.getitem(x, i),
        lambda x, i=_index: x[i],
        _block,
        label=_label,
    )
_rows = i32(1, 0, -1)
case("getitem", lambda e, x, i: e.getitem(x, (i,)), lambda x, i: x[i], _block, _rows, label="rows")
case(
    "getitem",
    lambda e, x, i: e.getitem(x, (slice(None), i)),
    lambda x, i: x[:, i],
    _block,
    _rows,
    label="columns",
)
case(
    "getitem",
    lambda e, x, i: e.getitem(x, (i, i)),
    lambda x, i: x[i, i],
    _block,
    _rows,
    label="pairs",
)
case(
    "getitem",
    lambda e, x, i: e.getitem(x, (i, slice(None), i)),
    lambda x, i: x[i, :, i],
    _block,
    _rows,
    label="apart",
)
case(
    "getitem",
    lambda e, x, i: e.getitem(x, (0, slice(None), i)),
    lambda x, i: x[0, :, i],
    _block,
    _rows,
    label="int-apart",
)
case(
    "getitem",
    lambda e, x, i: e.getitem(x, (slice(None, None, -1), i)),
    lambda x, i: x[::-1, i],
    _block,
    _rows,
    label="backwards-rows",
)
case(
    "getitem",
    lambda e, x, i: e.getitem(x, (None, i)),
    lambda x, i: x[None, i],
    _block,
    _rows,
    label="new-rows",
)

# ---- gather and scatter

case(
    "take",
    lambda e, x, i: e.take(x, i, axis=1),
    lambda x, i: np.take(x, np.clip(i, 0, 2), 1),
    _block,
    i32([0, 2], [9, -4]),
)
case(
    "take",
    lambda e, x, i: e.take(x, i, axis=-1),
    lambda x, i: np.take(x, i, -1),
    _block,
    i32(3, 3, 0),
    label="repeated",
)
case(
    "take",
    lambda e, x, i: e.take(x, i, axis=0),
    lambda x, i: np.take(x, i, 0),
    _block,
    np.array(1, "int32"),
    label="scalar",
)
case(
    "take",
    lambda e, x, i: e.take(x, i, axis=0),
    lambda x, i: np.take(x, i, 0),
    _block,
    np.zeros((0,), "int32"),
    label="empty",
)
_places = integers(0, 4, 2, 3, 2)
case(
    "take_along_axis",
    lambda e, x, i: e.take_along_axis(x, i, axis=-1),
    lambda x, i: np.take_along_axis(x, i, -1),
    _block,
    _places,
)
case(
    "take_along_axis",
    lambda e, x, i: e.take_along_axis(x, i, axis=0),
    lambda x, i: np.take_along_axis(x, np.clip(i, 0, 2), 0),
    normal(3, 2),
    i32([0, 7]),
    label="clipped",
)


def _scattered(x, indices, updates, mode):
    x = np.array(x)
    {"set": _set, "add": np.add.at, "max": np.maximum.at, "min": np.minimum.at}[mode](
        x, indices, updates
    )
    return x


def _set(x, indices, updates):
    x[indices] = updates


for _mode in ("set", "add", "max", "min"):
    case(
        "scatter",
        lambda e, x, i, u, m=_mode: e.scatter(x, (i,), u, mode=m),
        lambda x, i, u, m=_mode: _scattered(x, (i,), u, m),
        normal(4, 3),
        i32(2, 0),
        normal(2, 3),
        label=_mode,
    )
    case(
        "scatter",
        lambda e, x, i, u, m=_mode: e.scatter(x, (i, i), u, mode=m),
        lambda x, i, u, m=_mode: _scattered(x, (i, i), u, m),
        integers(0, 9, 3, 3, 2),
        i32(2, 0),
        integers(0, 9, 2, 2),
        label=f"{_mode}-pairs",
    )
case(
    "scatter",
    lambda e, x, i, u: e.scatter(x, (i,), u, mode="add"),
    lambda x, i, u: _scattered(x, (i,), u, "add"),
    normal(3),
    i32(1, 1, 0),
    normal(3),
    label="repeated",
)
case(
    "dynamic_slice",
    lambda e, x: e.dynamic_slice(x, [0, 1, 3], (2, 2, 1)),
    lambda x: x[:, 1:3, 3:],
    _block,
)
case(
    "dynamic_slice",
    lambda e, x: e.dynamic_slice(x, [0, 5, -2], (2, 2, 3)),
    lambda x: x[:, 1:3, :3],
    _block,
    label="clamped",
)
case(
    "dynamic_slice",
    lambda e, x, i: e.dynamic_slice(x, [0, i, 0], (2, 2, 4)),
    lambda x, i: x[:, 1:3],
    _block,
    np.array(9, "int32"),
    label="tensor",
)
_new = normal(2, 1, 2)
case(
    "dynamic_update",
    lambda e, x, u: e.dynamic_update(x, u, [0, 2, 1]),
    lambda x, u: _put(x, u, 0, 2, 1),
    _block,
    _new,
)
case(
    "dynamic_update",
    lambda e, x, u: e.dynamic_update(x, u, [3, -1, 9]),
    lambda x, u: _put(x, u, 0, 0, 2),
    _block,
    _new,
    label="clamped",
)
case(
    "dynamic_update",
    lambda e, x, u, i: e.dynamic_update(x, u, [i, 0, 0]),
    lambda x, u, i: _put(x, u, 1, 0, 0),
    _block,
    normal(1, 3, 4),
    np.array(1, "int32"),
    label="rows",
)


def _put(x, updates, *starts):
    x = np.array(x)
    x[
        tuple(slice(start, start + size) for start, size in zip(starts, updates.shape, strict=True))
    ] = updates
    return x


# ---- creation and conversion

case(
    "full", lambda e: e.full((2, 3), 1.5, dtype="float32"), lambda: np.full((2, 3), 1.5, "float32")
)
case("full", lambda e: e.full((), True, dtype="bool"), lambda: np.array(True), label="bool")
case("arange", lambda e: e.arange(2, 11, 3, dtype="int32"), lambda: np.arange(2, 11, 3, "int32"))
case(
    "arange",
    lambda e: e.arange(5, 0, -2, dtype="float32"),
    lambda: np.arange(5, 0, -2, "float32"),
    label="down",
)
case(
    "arange",
    lambda e: e.arange(0, 0, 1, dtype="int32"),
    lambda: np.zeros((0,), "int32"),
    label="empty",
)
case(
    "asarray",
    lambda e: e.asarray(np.arange(3.0)),
    lambda: np.arange(3, dtype="float32"),
    label="float64",
)
case(
    "asarray",
    lambda e: e.asarray(np.arange(3, dtype="int64")),
    lambda: np.arange(3, dtype="int32"),
    label="int64",
)
case("asarray", lambda e: e.asarray([[1, 2], [3, 4]]), lambda: i32([1, 2], [3, 4]), label="list")
case("asarray", lambda e: e.asarray(2.5), lambda: np.array(2.5, "float32"), label="float")
case("asarray", lambda e: e.asarray(True), lambda: np.array(True), label="bool")
case("asarray", lambda e: e.asarray(np.arange(4.0)[::-2]), lambda: f32(3, 1), label="strided")
case(
    "asarray",
    lambda e: e.asarray(np.array([1.0, 2.0], ">f4")),
    lambda: f32(1, 2),
    label="byte-order",
)
case(
    "asarray",
    lambda e: e.asarray([1, 2], "float16"),
    lambda: np.array([1, 2], "float16"),
    label="float16",
)
case(
    "asarray",
    lambda e: e.asarray(np.zeros((0, 2))),
    lambda: np.zeros((0, 2), "float32"),
    label="empty",
)
case(
    "astype",
    lambda e, x: e.astype(x, "int32"),
    lambda x: x.astype("int32"),
    f32(1.9, -1.9, 0.5),
    gradient=False,
)
case(
    "astype",
    lambda e, x: e.astype(x, "float32"),
    lambda x: x.astype("float32"),
    i32(1, -2),
    label="float",
)
case(
    "astype",
    lambda e, x: e.astype(x, "bool"),
    lambda x: x.astype("bool"),
    f32(0, 0.5),
    gradient=False,
    label="bool",
)
case(
    "astype",
    lambda e, x: e.astype(x, "uint8"),
    lambda x: x.astype("uint8"),
    np.array([True, False]),
    label="uint8",
)

# ---- linear algebra

for _label, _a, _b in [
    ("", (3, 4), (4, 5)),
    ("batch", (2, 3, 4), (2, 4, 5)),
    ("broadcast", (2, 3, 4), (4, 5)),
    ("vector", (4,), (4, 5)),
    ("matrix-vector", (2, 3, 4), (4,)),
    ("dot", (4,), (4,)),
    ("empty", (3, 0), (0, 5)),
    ("slim", (512, 64), (64, 3)),
]:
    _binary("matmul", np.matmul, normal(*_a), normal(*_b), label=_label)
_binary("matmul", np.matmul, integers(-5, 5, 3, 4), integers(-5, 5, 4, 2), label="int")
for _subscripts, *_shapes in [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)),
    ("ii->i", (3, 3)),
    ("ij->", (2, 3)),
    ("i,j->ji", (2,), (3,)),
    ("ab,bc,cd->ad", (2, 3), (3, 2), (2, 4)),
]:
    case(
        "einsum",
        lambda e, *xs, s=_subscripts: e.einsum(s, *xs),
        lambda *xs, s=_subscripts: np.einsum(s, *xs),
        *(normal(*shape) for shape in _shapes),
        label=_subscripts.replace(",", "."),
    )


def _symmetric(x):
    return (x + np.swapaxes(x, -1, -2)) / 2


def _engine_symmetric(e, x):
    return e.multiply(
        e.add(x, e.transpose(x, (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2))),
        0.5,
    )


_square = normal(2, 3, 3)
_definite = (_square @ _square.transpose(0, 2, 1) + 2 * np.eye(3)).astype("float32")
_symmetric_one = _symmetric(_square) + np.diag([1.0, 3.0, 6.0]).astype("float32")
case(
    "cholesky",
    lambda e, x: e.cholesky(_engine_symmetric(e, x)),
    lambda x: np.linalg.cholesky(_symmetric(x)),
    _definite,
)
case(
    "cholesky",
    lambda e, x: e.isnan(e.cholesky(x)[..., 0, 0]),
    lambda x: np.array([True]),
    f32([[-1, 0], [0, 1]]),
    gradient=False,
    label="indefinite",
)
case(
    "qr",
    lambda e, x: e.multiply(*map(e.abs, [e.matmul(*e.qr(x))] * 2)),
    lambda x: x * x,
    normal(4, 3),
    label="product",
)
case(
    "qr",
    lambda e, x: tuple(e.abs(part) for part in e.qr(x)),
    lambda x: tuple(map(np.abs, np.linalg.qr(x))),
    normal(2, 4, 3),
    gradient=False,
)
case(
    "svd",
    lambda e, x: e.svd(x, full_matrices=False)[1],
    lambda x: np.linalg.svd(x, compute_uv=False),
    normal(4, 3),
    label="values",
)
for _full in (False, True):
    case(
        "svd",
        lambda e, x, f=_full: tuple(e.abs(part) for part in e.svd(x, full_matrices=f)),
        lambda x, f=_full: tuple(map(np.abs, np.linalg.svd(x, full_matrices=f))),
        normal(2, 3, 2),
        gradient=False,
        label=f"full-{_full}",
    )
case(
    "eigh",
    lambda e, x: e.eigh(_engine_symmetric(e, x))[0],
    lambda x: np.linalg.eigh(_symmetric(x))[0],
    _symmetric_one,
    label="values",
)
case(
    "eigh",
    lambda e, x: e.abs(e.eigh(x)[1]),
    lambda x: np.abs(np.linalg.eigh(x)[1]),
    _symmetric_one,
    gradient=False,
)
_binary("solve", np.linalg.solve, _definite, normal(2, 3, 2))
_binary("solve", np.linalg.solve, _definite[0], normal(3), label="vector")
_lower = (np.tril(normal(3, 3)) + 2 * np.eye(3)).astype("float32")
for _low in (True, False):
    case(
        "triangular_solve",
        lambda e, a, b, low=_low: e.triangular_solve(a, b, lower=low),
        lambda a, b, low=_low: np.linalg.solve(np.tril(a) if low else np.triu(a), b),
        _lower if _low else _lower.T.copy(),
        normal(3, 2),
        label=f"lower-{_low}",
    )

# ---- order

_many_ties = integers(0, 3, 2, 20).astype("float32")
case(
    "argsort",
    lambda e, x: e.argsort(x, axis=-1),
    lambda x: np.argsort(x, -1, kind="stable").astype("int32"),
    _many_ties,
    gradient=False,
)
case(
    "argsort",
    lambda e, x: e.argsort(x, axis=0),
    lambda x: np.argsort(x, 0, kind="stable").astype("int32"),
    integers(0, 3, 20, 2),
    label="first",
)
case(
    "argsort",
    lambda e, x: e.argsort(x, axis=0),
    lambda x: np.argsort(x, 0, kind="stable").astype("int32"),
    f32(2, math.nan, 1),
    gradient=False,
    label="nan",
)


def _top(x, k):
    order = np.argsort(-x, -1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order.astype("int32")


case(
    "top_k",
    lambda e, x: e.top_k(x, 5),
    lambda x: _top(x, 5),
    _many_ties,
    gradient=False,
    label="ties",
)
case("top_k", lambda e, x: e.top_k(x, 2)[0], lambda x: _top(x, 2)[0], _block)
case("top_k", lambda e, x: e.top_k(x, 3), lambda x: _top(x, 3), i32(4, 1, 4, 2), label="int")
for _side in ("left", "right"):
    case(
        "searchsorted",
        lambda e, a, v, s=_side: e.searchsorted(a, v, side=s),
        lambda a, v, s=_side: np.searchsorted(a, v, side=s).astype("int32"),
        f32(0, 1, 1, 2),
        f32([1, -5], [1.5, 9]),
        gradient=False,
        label=_side,
    )

# ---- control flow and gradients

case(
    "cond",
    lambda e, p, x: e.cond(p, lambda x: e.multiply(x, 2.0), lambda x: e.multiply(x, x), x),
    lambda p, x: 2 * x if p else x * x,
    np.array(True),
    normal(3),
)
case(
    "cond",
    lambda e, p, x: e.cond(p, lambda x: e.multiply(x, 2.0), lambda x: e.multiply(x, x), x),
    lambda p, x: 2 * x if p else x * x,
    np.array(False),
    normal(3),
    label="false",
)
case(
    "while_loop",
    lambda e, x: e.while_loop(
        lambda i, x: e.less(i, 5), lambda i, x: (e.add(i, 1), e.add(x, x)), (e.asarray(0), x)
    )[1],
    lambda x: 32 * x,
    normal(3),
    gradient=False,
)
case(
    "while_loop",
    lambda e, x: e.while_loop(lambda x: e.any(e.less(x, -1e9)), lambda x: (e.add(x, x),), (x,))[0],
    lambda x: x,
    normal(3),
    gradient=False,
    label="never",
)
for _reverse in (False, True):
    case(
        "scan",
        lambda e, c, x, r=_reverse: e.scan(
            lambda c, x: ((s := e.add(e.multiply(c, 0.5), x)), e.multiply(s, s)), c, x, reverse=r
        ),
        lambda c, x, r=_reverse: _recurrence(c, x, r),
        normal(3),
        normal(4, 3),
        label=f"reverse-{_reverse}",
    )
case(
    "scan",
    lambda e, x: e.scan(lambda c, _: (e.add(c, c), {"y": c}), x, None, length=3)[1]["y"],
    lambda x: np.stack([x, 2 * x, 4 * x]),
    normal(2),
    label="length",
)
case(
    "scan",
    lambda e, c, x: e.scan(
        lambda c, row: (e.add(c, row["a"]), (row["a"], None)), c, {"a": x, "b": None}
    )[0],
    lambda c, x: c + x.sum(0),
    normal(2),
    normal(3, 2),
    label="tree",
)
case(
    "scan",
    lambda e, c, x: e.scan(lambda c, row: (e.add(c, row), e.multiply(row, 2.0)), c, x),
    lambda c, x: (c, np.zeros((0, 2), "float32")),
    normal(2),
    normal(0, 2),
    gradient=False,
    label="no-steps",
)


def _recurrence(carry, xs, reverse):
    ys = np.zeros_like(xs)
    for index in range(len(xs))[:: -1 if reverse else 1]:
        carry = carry * 0.5 + xs[index]
        ys[index] = carry * carry
    return carry, ys


case(
    "stop_gradient",
    lambda e, x: e.stop_gradient(e.multiply(x, 2.0)),
    lambda x: 2 * x,
    normal(3),
    gradient=False,
)
case(
    "custom_gradient",
    lambda e, x, y: e.custom_gradient(
        lambda x, y: (e.multiply(x, y), lambda g: (e.multiply(g, y), e.multiply(g, x)))
    )(x, y),
    lambda x, y: x * y,
    normal(3),
    normal(3),
)
