"""Branches, loops, scans, hand-written gradients; eager, compiled, and in a graph."""

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import ops
from hornpipe.engine import active

host = ops.convert_to_numpy


def test_cond(run):
    for x, right in ((3.0, 6.0), (1.0, 1.0)):
        assert float(ops.cond(x > 2, lambda x=x: x * 2, lambda x=x: x)) == right
        assert (
            run(lambda x: ops.cond(ops.greater(x, 2), lambda: x * 2, lambda: x), np.float32(x))
            == right
        )


def test_switch(run):
    branches = [lambda x: x, lambda x: x * 2, lambda x: x * 3]
    for index, right in ((0, 5), (1, 10), (2, 15), (7, 15), (-1, 5)):
        assert run(lambda i: ops.switch(i, branches, 5.0), np.int32(index)) == right
    with pytest.raises(ValueError, match=r"switch: `branches` must not be empty\."):
        ops.switch(0, [])


def test_while_loop(run):
    def count(limit):
        return ops.while_loop(
            lambda i, s: i < limit, lambda i, s: (i + 1, s * 2.0), (0, np.float32(1.0))
        )

    assert [float(v) for v in run(count, np.int32(5))] == [5, 32]
    assert [float(v) for v in run(count, np.int32(0))] == [0, 1]
    assert int(ops.while_loop(lambda i: i < 100, lambda i: i + 1, 0, maximum_iterations=7)) == 7
    assert isinstance(ops.while_loop(lambda i: i < 1, lambda i: [i + 1], [0]), list)
    with pytest.raises(
        ValueError,
        match=r"while_loop: `body` must return as many variables as it takes\. Received: 1 for 2\.",
    ):
        ops.while_loop(lambda i, j: i < 1, lambda i, j: (i + 1,), (0, 0))


def test_fori_loop(run):
    assert run(lambda n: ops.fori_loop(1, n, lambda i, v: v * i, np.int32(1)), np.int32(6)) == 120
    assert int(ops.fori_loop(4, 2, lambda i, v: v + 1, 3)) == 3
    state = ops.fori_loop(
        0, 3, lambda i, v: {"a": v["a"] + i, "b": v["b"]}, {"a": 0, "b": ops.ones(2)}
    )
    assert int(state["a"]) == 3 and host(state["b"]).tolist() == [1, 1]


def test_scan(check, run):
    xs = np.arange(6, dtype="float32").reshape(3, 2)
    carry, ys = run(
        lambda xs: ops.scan(lambda c, x: (c + x, c * x), np.zeros(2, "float32"), xs), xs
    )
    assert carry.tolist() == [6, 9] and ys.tolist() == [[0, 0], [0, 3], [8, 20]]
    carry, ys = run(
        lambda xs: ops.scan(lambda c, x: (c + x, c), np.zeros(2, "float32"), xs, reverse=True), xs
    )
    assert ys.tolist() == [[6, 8], [4, 5], [0, 0]]
    carry, ys = ops.scan(lambda c, _: (c * 2, None), 1, length=5)
    assert int(carry) == 32 and ys is None
    check(
        lambda x: ops.scan(lambda c, row: (c * row + 1.0, c), np.ones(2, "float32"), x),
        lambda x: (
            ((x[0] + 1) * x[1] + 1) * x[2] + 1,
            np.stack([np.ones(2), x[0] + 1, (x[0] + 1) * x[1] + 1]),
        ),
        [xs / 3 + 0.1],
        batch=False,
    )
    with pytest.raises(
        ValueError, match=r"scan: `xs` must have equal first axes, that of `length` if it is given"
    ):
        ops.scan(lambda c, x: (c, x), 0, xs, length=4)
    with pytest.raises(ValueError, match="scan: `xs` must have equal first axes"):
        ops.scan(lambda c, x: (c, x), 0)


def test_maps(run):
    xs = np.arange(6, dtype="float32").reshape(3, 2)
    assert run(lambda xs: ops.map(lambda x: ops.sum(x), xs), xs).tolist() == [1, 5, 9]
    pair = run(lambda xs: ops.vectorized_map(lambda x: x[0] * x[1], (xs, xs + 1)), xs)
    np.testing.assert_array_equal(pair, xs * (xs + 1))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(run, size, reverse):
    xs = np.random.default_rng(0).normal(size=(2, size, 2, 2)).astype("float32")
    found = run(lambda xs: ops.associative_scan(ops.matmul, xs, reverse, 1), xs)
    order = range(size)[::-1] if reverse else range(size)
    total = None
    for i in order:
        total = xs[:, i] if total is None else total @ xs[:, i]
        np.testing.assert_allclose(found[:, i], total, rtol=1e-4, atol=1e-4)


def test_custom_gradient():
    @ops.custom_gradient
    def clipped(x, y):
        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return ops.clip(upstream, -0.1, 0.1), upstream * 7.0

        return x * y, grad

    run = active.engine.value_and_grad(lambda xs: (ops.sum(clipped(xs[0], xs[1])), 0))
    (loss, _), grads = run([ops.full((2,), 3.0), ops.full((2,), 5.0)])
    assert float(loss) == 30.0
    assert [host(each).tolist() for each in grads] == [pytest.approx([0.1, 0.1]), [7.0, 7.0]]


def test_stop_gradient():
    run = active.engine.value_and_grad(lambda xs: (ops.sum(xs[0] * ops.stop_gradient(xs[0])), 0))
    assert host(run([ops.full((2,), 3.0)])[1][0]).tolist() == [3.0, 3.0]


def test_operations_are_recorded_and_run_in_a_graph():
    from hornpipe.core.graph import Graph

    x, y = keras.KerasTensor((None, 3)), keras.KerasTensor((None, 3))
    joined = ops.concatenate([ops.relu(x) + 1.0, ops.stop_gradient(y)], axis=-1)
    first, second = ops.split(ops.max(joined * joined, axis=0, keepdims=True), 2, axis=1)
    graph = Graph([x, y], [first - second, ops.einsum("ij,ij->i", x, y)])
    a, b = np.array([[1.0, -2, 3]], "float32"), np.array([[0.5, 1, 2]], "float32")
    difference, dots = graph.run([active.engine.asarray(a), active.engine.asarray(b)])
    np.testing.assert_allclose(host(difference), (np.maximum(a, 0) + 1) ** 2 - b**2)
    np.testing.assert_allclose(host(dots), (a * b).sum(1))


def test_nothing_to_compile():
    with pytest.raises(
        keras.core.errors.EngineError, match=r"nonzero: the number of results depends on the values"
    ):
        ops.nonzero(keras.KerasTensor((2,)))
