"""Products, decompositions, systems: against NumPy and SciPy."""

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.spatial.distance

from hornpipe import ops

host = ops.convert_to_numpy
R = np.random.default_rng(5)
M = R.normal(size=(2, 3, 3))
S = M @ M.swapaxes(-1, -2) + 2 * np.eye(3)
A, B, C = R.normal(size=(3, 4)), R.normal(size=(4, 2)), R.normal(size=(2, 3, 4))
T = np.tril(M) + 3 * np.eye(3)
V = R.normal(size=4)

PRODUCTS = [
    (ops.matmul, np.matmul, [A, B]),
    (ops.matmul, np.matmul, [C, B]),
    (ops.matmul, np.matmul, [V, B]),
    (ops.matmul, np.matmul, [C, V]),
    (ops.matmul, np.matmul, [V, V[::-1].copy()]),
    (ops.dot, np.dot, [A, B]),
    (ops.dot, np.dot, [V, C.swapaxes(1, 2).copy()]),
    (ops.dot, np.dot, [A, np.array(2.5)]),
    (ops.vdot, np.vdot, [A, C[0]]),
    (ops.inner, np.inner, [A, C]),
    (ops.outer, np.outer, [A, V]),
    (ops.kron, np.kron, [A, B]),
    (ops.kron, np.kron, [V, B]),
    (ops.cross, np.cross, [M, S]),
    (ops.cdist, scipy.spatial.distance.cdist, [A, C[0] + 1]),
    (lambda x, y: ops.tensordot(x, y, 2), lambda x, y: np.tensordot(x, y, 2), [C, C[0]]),
    (lambda x, y: ops.tensordot(x, y, 0), lambda x, y: np.tensordot(x, y, 0), [A, V]),
    (
        lambda x, y: ops.tensordot(x, y, [[2, 0], [1, -2]]),
        lambda x, y: np.tensordot(x, y, [[2, 0], [1, -2]]),
        [C, R.normal(size=(2, 4))],
    ),
    (
        lambda x, y: ops.einsum("bij,jk->bik", x, y),
        lambda x, y: np.einsum("bij,jk->bik", x, y),
        [C, B],
    ),
    (lambda x, y: ops.einsum("...j,jk", x, y), lambda x, y: np.einsum("...j,jk", x, y), [C, B]),
    (
        lambda x, y: ops.einsum("...ij,...j->...i", x, y),
        lambda x, y: np.einsum("...ij,...j->...i", x, y),
        [C, A[:2]],
    ),
    (lambda x: ops.einsum("ij -> ji", x), lambda x: x.T, [A]),
    (lambda x: ops.einsum("bij->", x), np.sum, [C]),
    *(
        (
            lambda x, y, m=mode: ops.correlate(x, y, m),
            lambda x, y, m=mode: np.correlate(x, y, m),
            [R.normal(size=n), R.normal(size=k)],
        )
        for mode, n, k in [
            ("valid", 6, 3),
            ("same", 6, 3),
            ("full", 5, 4),
            ("same", 5, 4),
            ("same", 3, 4),
            ("full", 2, 5),
        ]
    ),
]
SYSTEMS = [
    (ops.inv, np.linalg.inv, [M], True),
    (
        lambda x: (ops.det(x), *ops.slogdet(x)),
        lambda x: (np.linalg.det(x), *np.linalg.slogdet(x)),
        [M],
        True,
    ),
    (ops.logdet, lambda x: np.linalg.slogdet(x)[1], [S], True),
    (ops.solve, np.linalg.solve, [M, C], True),
    (ops.solve, np.linalg.solve, [M[0], V[:3]], True),
    (lambda a, b: ops.solve_triangular(a, b, lower=True), np.linalg.solve, [T, C], False),
    (ops.solve_triangular, np.linalg.solve, [T[0].T.copy(), V[:3]], False),
    (lambda x: ops.cholesky(x), np.linalg.cholesky, [S], False),
    (lambda x: ops.cholesky(x, True), lambda x: np.linalg.cholesky(x).swapaxes(-1, -2), [S], False),
    (ops.cholesky_inverse, lambda x: np.linalg.inv(x @ x.swapaxes(-1, -2)), [T], False),
    (
        lambda x: ops.cholesky_inverse(x, True),
        lambda x: np.linalg.inv(x.T @ x),
        [T[0].T.copy()],
        False,
    ),
    (ops.pinv, np.linalg.pinv, [C], False),
    (ops.lstsq, lambda a, b: np.linalg.lstsq(a, b)[0], [A.T.copy(), V], False),
    (ops.lstsq, lambda a, b: np.linalg.lstsq(a, b)[0], [A, A[:, :2]], False),
    (
        lambda x: ops.svd(x, compute_uv=False),
        lambda x: np.linalg.svd(x, compute_uv=False),
        [C],
        True,
    ),
    (lambda x: ops.eigh(x)[0], np.linalg.eigvalsh, [S], False),
    (ops.matrix_rank, lambda x: np.array([3, 1]), [np.stack([A, np.outer(A[:, 0], V)])], False),
    (ops.corrcoef, np.corrcoef, [A], True),
]


@pytest.mark.parametrize(("function", "reference", "inputs"), PRODUCTS)
def test_product(check, function, reference, inputs):
    check(function, reference, inputs, batch=False)


@pytest.mark.parametrize(("function", "reference", "inputs", "gradient"), SYSTEMS)
def test_system(check, function, reference, inputs, gradient):
    check(function, reference, inputs, gradient, tolerance=5e-4, batch=False)


def test_factors_multiply_to_the_matrix(run):
    q, r = run(ops.qr, C)
    np.testing.assert_allclose(q @ r, C, atol=1e-5)
    np.testing.assert_allclose(
        q.swapaxes(-1, -2) @ q, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-5
    )
    for full in (True, False):
        u, s, vh = run(lambda x, full=full: ops.svd(x, full), A)
        assert u.shape == (3, 3) and vh.shape == ((4, 4) if full else (3, 4))
        np.testing.assert_allclose(u * s @ vh[:3], A, atol=1e-5)
    values, vectors = run(ops.eigh, S)
    np.testing.assert_allclose(vectors * values[:, None] @ vectors.swapaxes(-1, -2), S, atol=1e-4)


def test_lu_factor_agrees_with_scipy(run):
    for matrix in (*M, np.array([[0.0, 1, 2], [1, 0, 2], [3, 1, 0]])):
        lu, pivots = run(ops.lu_factor, matrix.astype("float32"))
        right, right_pivots = scipy.linalg.lu_factor(matrix)
        np.testing.assert_allclose(lu, right, atol=1e-5)
        assert pivots.tolist() == right_pivots.tolist()
    assert host(ops.det([[1.0, 2], [2, 4]])) == 0
    assert host(ops.slogdet([[1.0, 2], [2, 4]])[1]) == -np.inf
    assert host(ops.det(np.zeros((0, 0)))) == 1.0


def test_products_of_integers():
    assert (
        ops.dtype(ops.matmul(np.full((1, 2), 100, "int8"), np.full((2, 1), 100, "int8"))) == "int32"
    )
    assert (
        int(ops.matmul(np.full((1, 2), 100, "int8"), np.full((2, 1), 100, "int8"))[0, 0]) == 20000
    )
    assert int(ops.dot([1, 2], [3, 4])) == 11


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: ops.matmul(A, A),
            r"matmul: the last axis of `x1` .* Received: shapes \(3, 4\) and \(3, 4\)\.",
        ),
        (lambda: ops.tensordot(A, A, 1), "tensordot: the summed axes must be as many and as long"),
        (
            lambda: ops.inv(A),
            r"inv: needs square matrices in the last two axes\. Received: shape=\(3, 4\)\.",
        ),
        (lambda: ops.solve(M, C[:, :2]), "solve: `b` must have as many rows as `a`"),
        (
            lambda: ops.cross(A, A),
            r"cross: vectors must have 2 or 3 components\. Received: 4 and 4\.",
        ),
        (
            lambda: ops.einsum("ij,jk", A),
            r"einsum: 2 terms need as many operands\. Received: 1 operands\.",
        ),
        (
            lambda: ops.einsum("ijk->i", A),
            r"einsum: the term 'ijk' needs 3 axes\. Received: shape=\(3, 4\)\.",
        ),
        (lambda: ops.qr(A, mode="complete"), 'qr: `mode` must be "reduced"'),
        (lambda: ops.norm(A, "nuc", 0), "norm: vectors take a number"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
