"""Products of vectors and matrices, decompositions, linear systems.

>>> import hornpipe as keras
>>> keras.ops.matmul([[1, 2]], [[3], [4]]).tolist()
[[11]]
"""

from __future__ import annotations

import builtins

from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import op
from hornpipe.core.refusal import guarded
from hornpipe.engine.select import active
from hornpipe.ops._common import cast_to, count, dtype_of, epsilon_of, one_axis
from hornpipe.ops.create import eye
from hornpipe.ops.index import diagonal
from hornpipe.ops.math import (
    abs,
    clip,
    divide,
    equal,
    greater,
    less,
    less_equal,
    log,
    logical_and,
    mod,
    multiply,
    not_equal,
    sign,
    sqrt,
    square,
    subtract,
    where,
)
from hornpipe.ops.reduce import max as reduce_max
from hornpipe.ops.reduce import mean, prod, safe_root
from hornpipe.ops.reduce import sum as reduce_sum
from hornpipe.ops.shape import expand_dims, moveaxis, reshape, stack, transpose, unstack

# ---- products


@op(tensors=2)
def matmul(x1, x2):
    """Return the matrix product over the last two axes; leading axes broadcast, a vector counts as a row or a column.

    Bytes (int8, uint8) are multiplied as int32.

    Raises:
        ValueError: the inner sizes differ, or an operand is scalar.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.matmul([[1, 2], [3, 4]], [1, 1]).tolist()
        [3, 7]
    """
    a, b = tuple(x1.shape), tuple(x2.shape)
    inner = (a[-1], b[-2] if len(b) > 1 else b[0]) if a and b else (0, 1)
    if None not in inner and inner[0] != inner[1]:
        rule = "the last axis of `x1` must have the size of the last but one (or only) axis of `x2`"
        raise ShapeError(message("matmul", rule, f"shapes {a} and {b}"))
    if dtype_of(x1) in ("int8", "uint8"):  # sums of products of bytes need more bits
        x1, x2 = cast_to(x1, "int32"), cast_to(x2, "int32")
    return active.engine.matmul(x1, x2)


@op(tensors=2)
def dot(x1, x2):
    """Return the sum product over the last axis of `x1` and the last but one (or only) axis of `x2`; scalars multiply.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.dot([1, 2], [3, 4]))
        11
    """
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if not rank1 or not rank2:
        return multiply(x1, x2)
    if rank2 <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, [[rank1 - 1], [rank2 - 2]])


@op(tensors=2)
def tensordot(x1, x2, axes=2):
    """Return the sum product over named axes.

    Args:
        x1, x2: tensors.
        axes: int n: the last n of `x1` with the first n of `x2`; or a pair of axes, or of lists of axes.
    Raises:
        ValueError: the axes differ in number or size.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.tensordot([[1, 2], [3, 4]], [[1, 0], [0, 1]], axes=[[0], [1]]).tolist()
        [[1, 3], [2, 4]]
    """
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if isinstance(axes, int):
        first, second = list(range(rank1 - axes, rank1)), list(range(axes))
    else:
        first, second = ([each] if isinstance(each, int) else list(each) for each in axes)
    first = [one_axis("tensordot", axis, rank1) for axis in first]
    second = [one_axis("tensordot", axis, rank2) for axis in second]
    sizes = [(x1.shape[i], x2.shape[j]) for i, j in zip(first, second, strict=False)]
    if len(first) != len(second) or builtins.any(
        None not in pair and pair[0] != pair[1] for pair in sizes
    ):
        received = f"shapes {tuple(x1.shape)} and {tuple(x2.shape)}, axes={axes}"
        raise ShapeError(
            message("tensordot", "the summed axes must be as many and as long", received)
        )
    free1 = [i for i in range(rank1) if i not in first]
    free2 = [i for i in range(rank2) if i not in second]
    sizes1, sizes2 = [x1.shape[i] for i in free1], [x2.shape[i] for i in free2]
    inner = count([b if a is None else a for a, b in sizes])
    left = reshape(transpose(x1, free1 + first), (count(sizes1), inner))
    right = reshape(transpose(x2, second + free2), (inner, count(sizes2)))
    return active.engine.reshape(matmul(left, right), (*sizes1, *sizes2))


@op(tensors=2)
def outer(x1, x2):
    """Return all products of an element of `x1` with one of `x2`, as a matrix.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.outer([1, 2], [3, 4]).tolist()
        [[3, 4], [6, 8]]
    """
    return multiply(reshape(x1, (-1, 1)), reshape(x2, (1, -1)))


@op(tensors=2)
def vdot(x1, x2):
    """Return the sum product of all elements.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.vdot([[1, 2]], [[3, 4]]))
        11
    """
    return matmul(reshape(x1, (-1,)), reshape(x2, (-1,)))


@op(tensors=2)
def inner(x1, x2):
    """Return the sum product over the last axes; scalars multiply.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.inner([1, 2], [3, 4]))
        11
    """
    if not len(x1.shape) or not len(x2.shape):
        return multiply(x1, x2)
    return tensordot(x1, x2, [[-1], [-1]])


@guarded()
def einsum(subscripts, *operands, **kwargs):
    """Return the sum of products that `subscripts` describe.

    Args:
        subscripts: str such as "ij,jk->ik"; without "->" the letters that stand once, in alphabetical order; "..." stands for
            leading axes.
        operands: tensors, one a term.
        kwargs: none; Keras's `optimize` is accepted and left to the engine.
    Raises:
        ValueError: as many terms as operands are needed; a rank or a size does not fit.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.einsum("ij->j", [[1, 2], [3, 4]]).tolist()
        [4, 6]
    """
    kwargs.pop("optimize", None)
    if kwargs:
        raise TypeError(message("einsum", "got an unknown argument", next(iter(kwargs))))
    return _einsum(list(operands), subscripts)


@op(lists=True, name="einsum")
def _einsum(operands, subscripts):
    return active.engine.einsum(_explicit(subscripts, operands), *operands)


def _explicit(subscripts, operands):
    """Return subscripts with "->" and letters in place of "..."."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(
            message(
                "einsum", f"{len(terms)} terms need as many operands", f"{len(operands)} operands"
            )
        )
    if "..." in text:
        free = [
            letter
            for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
            if letter not in text
        ]
        counts = [
            len(operand.shape) - len(term.replace("...", ""))
            for term, operand in zip(terms, operands, strict=True)
        ]
        dots = free[: builtins.max(0, *counts)] if counts else []
        if arrow and "..." not in right and dots:
            raise ValueError(
                message(
                    "einsum", "the output must hold `...` where an operand does", repr(subscripts)
                )
            )
        terms = [
            term.replace("...", "".join(dots[len(dots) - number :] if number else ""))
            for term, number in zip(terms, counts, strict=True)
        ]
        right = right.replace("...", "".join(dots)) if arrow else right
    else:
        dots = []
    if not arrow:
        letters = "".join(terms)
        right = "".join(dots) + "".join(
            sorted(x for x in set(letters) - set(dots) if letters.count(x) == 1)
        )
    for term, operand in zip(terms, operands, strict=True):
        if len(term) != len(operand.shape):
            rule = f"the term {term!r} needs {len(term)} axes"
            raise ShapeError(message("einsum", rule, f"shape={tuple(operand.shape)}"))
    return f"{','.join(terms)}->{right}"


# ---- decompositions and systems


def _square(who, x):
    if len(x.shape) < 2 or (None not in tuple(x.shape)[-2:] and x.shape[-1] != x.shape[-2]):
        raise ShapeError(
            message(who, "needs square matrices in the last two axes", f"shape={tuple(x.shape)}")
        )


def _matrix(who, x):
    if len(x.shape) < 2:
        raise ShapeError(
            message(who, "needs matrices in the last two axes", f"shape={tuple(x.shape)}")
        )


def _transposed(x):
    """Return the matrices of the last two axes transposed."""
    rank = len(x.shape)
    return active.engine.transpose(x, (*range(rank - 2), rank - 1, rank - 2))


@op(dtype="float")
def cholesky(x, upper=False):
    """Return the lower triangular L with L L^T = x (the upper U with U^T U = x where `upper` is true).

    Args:
        x: tensor `(..., n, n)`, symmetric and positive definite.
        upper: bool.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.cholesky([[4.0, 0.0], [0.0, 9.0]]).tolist()
        [[2.0, 0.0], [0.0, 3.0]]
    """
    _square("cholesky", x)
    lower = active.engine.cholesky(x)
    return _transposed(lower) if upper else lower


@op(dtype="float")
def qr(x, mode="reduced"):
    """Return Q with orthonormal columns and upper triangular R, Q R = x.

    Args:
        x: tensor `(..., rows, columns)`.
        mode: "reduced".
    Raises:
        ValueError: another mode.

    Example:
        >>> import hornpipe as keras
        >>> [part.shape == (3, 2) for part in keras.ops.qr(keras.ops.ones((3, 2)))][0]
        True
    """
    if mode != "reduced":
        raise ValueError(message("qr", '`mode` must be "reduced"', f"mode={mode!r}"))
    _matrix("qr", x)
    return tuple(active.engine.qr(x))


@op(dtype="float")
def svd(x, full_matrices=True, compute_uv=True):
    """Return U, S, V^T with U diag(S) V^T = x; S descends.

    Args:
        x: tensor `(..., rows, columns)`.
        full_matrices: bool. Whether U and V are square.
        compute_uv: bool. Whether to return U and V too, or S alone.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.svd([[3.0, 0.0], [0.0, 2.0]], compute_uv=False).tolist()
        [3.0, 2.0]
    """
    _matrix("svd", x)
    u, s, vh = active.engine.svd(x, full_matrices=full_matrices and compute_uv)
    return (u, s, vh) if compute_uv else s


@op(dtype="float")
def eigh(x):
    """Return the ascending eigenvalues, and the eigenvectors as columns, of symmetric matrices.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.eigh([[2.0, 0.0], [0.0, 1.0]])[0].tolist()
        [1.0, 2.0]
    """
    _square("eigh", x)
    return tuple(active.engine.eigh(x))


@op(tensors=2, dtype="float")
def solve(a, b):
    """Return x with a x = b.

    Args:
        a: tensor `(..., n, n)`.
        b: tensor `(..., n)` of one axis less than `a`, or `(..., n, m)`.
    Raises:
        ValueError: `a` is not square, or the rows differ.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0]).tolist()
        [1.0, 1.0]
    """
    _square("solve", a)
    _same_rows("solve", a, b)
    return active.engine.solve(a, b)


def _same_rows(who, a, b):
    vector = len(b.shape) == len(a.shape) - 1
    rows = b.shape[-1] if vector else b.shape[-2] if len(b.shape) > 1 else -1
    if None not in (rows, a.shape[-1]) and rows != a.shape[-2]:
        received = f"shapes {tuple(a.shape)} and {tuple(b.shape)}"
        raise ShapeError(message(who, "`b` must have as many rows as `a`", received))


@op(tensors=2, dtype="float")
def solve_triangular(a, b, lower=False):
    """Return x with a x = b, where only one triangle of `a` is read.

    Args:
        a: tensor `(..., n, n)`.
        b: tensor `(..., n)` of one axis less than `a`, or `(..., n, m)`.
        lower: bool. Whether the lower triangle is read.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.solve_triangular([[2.0, 0.0], [1.0, 1.0]], [2.0, 3.0], lower=True).tolist()
        [1.0, 2.0]
    """
    _square("solve_triangular", a)
    _same_rows("solve_triangular", a, b)
    if len(b.shape) == len(a.shape) - 1:
        column = active.engine.triangular_solve(a, reshape(b, (*b.shape, 1)), lower=lower)
        return active.engine.getitem(column, (Ellipsis, 0))
    return active.engine.triangular_solve(a, b, lower=lower)


@op(dtype="float")
def inv(x):
    """Return the inverses of square matrices: the solutions of x y = identity.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    _square("inv", x)
    identity = eye(x.shape[-1], dtype=dtype_of(x))
    return active.engine.solve(x, active.engine.broadcast_to(identity, tuple(x.shape)))


@op(dtype="float")
def lu_factor(x):
    """Return the triangular factors of square matrices, packed, and the row exchanges that they need.

    Args:
        x: tensor `(..., n, n)`, n known.
    Returns:
        `(lu, pivots)`: the upper factor on and above the diagonal, the lower one (with ones on its diagonal) below; int32
        `(..., n)`: row i was exchanged with row pivots[i], one after the other.
    Numerics:
        Gaussian elimination with the largest pivot of each column. A column without a pivot is left as it is.

    Example:
        >>> import hornpipe as keras
        >>> lu, pivots = keras.ops.lu_factor([[1.0, 2.0], [2.0, 2.0]])
        >>> lu.tolist(), pivots.tolist()
        ([[2.0, 2.0], [0.5, 1.0]], [1, 1])
    """
    _square("lu_factor", x)
    n, engine = x.shape[-1], active.engine
    if not n:  # unknown, or an empty matrix
        return x, engine.full(tuple(x.shape)[:-1], 0, dtype="int32")
    rows = engine.arange(0, n, 1, dtype="int32")

    def step(a, k):
        here = equal(rows, k)
        column = engine.take(a, k, axis=len(a.shape) - 1)
        pivot_row = engine.argmax(where(less(rows, k), -1.0, abs(column)), axis=len(a.shape) - 2)
        pivot_here = equal(rows, expand_dims(pivot_row, -1))
        top, other = _row(a, here), _row(a, pivot_here)
        a = where(expand_dims(here, -1), other, where(expand_dims(pivot_here, -1), top, a))
        pivot = engine.take(engine.take(a, k, axis=len(a.shape) - 1), k, axis=len(a.shape) - 2)
        pivot = expand_dims(where(equal(pivot, 0), 1.0, pivot), -1)
        factors = where(
            greater(rows, k), divide(engine.take(a, k, axis=len(a.shape) - 1), pivot), 0.0
        )
        right = where(greater(rows, k), other, 0.0)
        a = subtract(a, multiply(expand_dims(factors, -1), right))
        below = logical_and(expand_dims(greater(rows, k), -1), here)
        return where(below, expand_dims(factors, -1), a), pivot_row

    lu, pivots = engine.scan(step, x, rows)
    return lu, moveaxis(pivots, 0, -1)


def _row(a, here):
    """Return as `(..., 1, n)` the row of each matrix that the bool vector `here` marks."""
    return reduce_sum(where(expand_dims(here, -1), a, 0.0), axis=-2, keepdims=True)


def _triangle_diagonal(x):
    """Return the diagonal of the upper factor, and the sign of the row exchanges."""
    lu, pivots = lu_factor(x)
    exchanged = not_equal(pivots, active.engine.arange(0, x.shape[-1], 1, dtype="int32"))
    parity = mod(reduce_sum(exchanged, -1), 2)
    return diagonal(lu, axis1=-2, axis2=-1), cast_to(subtract(1, multiply(parity, 2)), dtype_of(lu))


@op(dtype="float")
def det(x):
    """Return the determinants of square matrices, by Gaussian elimination.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.det([[1.0, 2.0], [2.0, 2.0]]))
        -2.0
    """
    _square("det", x)
    values, exchanges = _triangle_diagonal(x)
    return multiply(prod(values, -1), exchanges)


@op(dtype="float")
def slogdet(x):
    """Return the sign and log(|.|) of the determinants of square matrices; 0 and -inf where they are 0.

    Example:
        >>> import hornpipe as keras
        >>> [float(part) for part in keras.ops.slogdet([[0.0, 1.0], [1.0, 0.0]])]
        [-1.0, 0.0]
    """
    _square("slogdet", x)
    values, exchanges = _triangle_diagonal(x)
    return multiply(prod(sign(values), -1), exchanges), reduce_sum(log(abs(values)), -1)


@op(dtype="float")
def logdet(x):
    """Return log of the determinants of symmetric positive definite matrices, by Cholesky factors.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.logdet([[1.0, 0.0], [0.0, 1.0]]))
        0.0
    """
    _square("logdet", x)
    return multiply(
        reduce_sum(log(diagonal(active.engine.cholesky(x), axis1=-2, axis2=-1)), -1), 2.0
    )


@op(dtype="float")
def cholesky_inverse(x, upper=False):
    """Return the inverse of A from its Cholesky factor `x`: L with L L^T = A, or U with U^T U = A where `upper` is true.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.cholesky_inverse([[2.0, 0.0], [0.0, 1.0]]).tolist()
        [[0.25, 0.0], [0.0, 1.0]]
    """
    _square("cholesky_inverse", x)
    identity = active.engine.broadcast_to(eye(x.shape[-1], dtype=dtype_of(x)), tuple(x.shape))
    root = active.engine.triangular_solve(_transposed(x) if upper else x, identity, lower=True)
    return active.engine.matmul(_transposed(root), root)


@op(dtype="float")
def pinv(x, rcond=None):
    """Return the Moore-Penrose inverses of matrices, by singular values.

    Args:
        x: tensor `(..., rows, columns)`.
        rcond: float. Singular values below rcond * the largest count as 0; max(rows, columns) * the dtype's epsilon by default.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.pinv([[2.0, 0.0], [0.0, 0.0]]).tolist()
        [[0.5, 0.0], [0.0, 0.0]]
    """
    _matrix("pinv", x)
    u, s, vh = active.engine.svd(x, full_matrices=False)
    small = less_equal(s, _cut(x, s, rcond))
    inverse = where(small, 0.0, divide(1.0, where(small, 1.0, s)))
    return active.engine.matmul(multiply(_transposed(vh), expand_dims(inverse, -2)), _transposed(u))


def _cut(x, s, rcond):
    """Return the bound below which singular values count as 0."""
    if rcond is None:
        sizes = [size for size in tuple(x.shape)[-2:] if size is not None]
        rcond = builtins.max([1, *sizes]) * epsilon_of(dtype_of(x))
    return multiply(reduce_max(s, -1, keepdims=True, initial=0.0), rcond)


@op(dtype="float")
def matrix_rank(x, tol=None):
    """Return how many singular values of matrices exceed `tol`, int32.

    Args:
        x: tensor `(..., rows, columns)`.
        tol: float; largest singular value * max(rows, columns) * the dtype's epsilon by default.

    Example:
        >>> import hornpipe as keras
        >>> int(keras.ops.matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
        1
    """
    s = svd(x, full_matrices=False, compute_uv=False)
    return reduce_sum(greater(s, _cut(x, s, None) if tol is None else tol), -1)


@op(tensors=2, dtype="float")
def lstsq(a, b, rcond=None):
    """Return the shortest x that minimises |a x - b|.

    Args:
        a: tensor `(rows, columns)`.
        b: tensor `(rows,)` or `(rows, n)`.
        rcond: float; as in `pinv`.
    Raises:
        ValueError: the ranks or the rows do not fit.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.lstsq([[2.0, 0.0], [0.0, 2.0]], [2.0, 4.0]).tolist()
        [1.0, 2.0]
    """
    if len(a.shape) != 2 or len(b.shape) not in (1, 2):
        received = f"shapes {tuple(a.shape)} and {tuple(b.shape)}"
        raise ShapeError(
            message("lstsq", "`a` must be a matrix, `b` a vector or a matrix", received)
        )
    _same_rows("lstsq", a, b)
    return matmul(pinv(a, rcond), b)


@op(tensors=2)
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Return the cross product of vectors with 2 or 3 components.

    Args:
        x1, x2: tensors that broadcast but for the components.
        axisa, axisb: int. The axes of the components.
        axisc: int. Where those of the result go.
        axis: int instead of all three.
    Returns:
        Vectors of 3 components; for two vectors of 2, the third component alone.
    Raises:
        ValueError: another number of components.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.cross([1, 0, 0], [0, 1, 0]).tolist()
        [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    sizes = (
        x1.shape[one_axis("cross", axisa, len(x1.shape))],
        x2.shape[one_axis("cross", axisb, len(x2.shape))],
    )
    if sizes[0] not in (2, 3) or sizes[1] not in (2, 3):
        raise ShapeError(
            message("cross", "vectors must have 2 or 3 components", f"{sizes[0]} and {sizes[1]}")
        )
    a, b = unstack(x1, axis=axisa), unstack(x2, axis=axisb)
    third = subtract(multiply(a[0], b[1]), multiply(a[1], b[0]))
    if len(a) == len(b) == 2:
        return third
    a, b = (v if len(v) == 3 else [*v, multiply(v[0], 0)] for v in (a, b))
    first = subtract(multiply(a[1], b[2]), multiply(a[2], b[1]))
    second = subtract(multiply(a[2], b[0]), multiply(a[0], b[2]))
    return stack([first, second, third], axisc)


@op(tensors=2)
def kron(x1, x2):
    """Return the Kronecker product: every element of `x1` times the whole of `x2`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.kron([1, 2], [1, 10]).tolist()
        [1, 10, 2, 20]
    """
    rank = builtins.max(len(x1.shape), len(x2.shape))
    a, b = ((1,) * (rank - len(x.shape)) + tuple(x.shape) for x in (x1, x2))
    left = reshape(x1, [size for each in a for size in (each, 1)])
    right = reshape(x2, [size for each in b for size in (1, each)])
    return reshape(multiply(left, right), [count(pair) for pair in zip(a, b, strict=True)])


@op(tensors=2, dtype="float")
def cdist(x, y):
    """Return the Euclidean distances between the rows of `x` and those of `y`.

    Args:
        x: tensor `(..., n, size)`; y: tensor `(..., m, size)`.
    Returns:
        `(..., n, m)`; gradient 0 between equal rows.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.cdist([[0.0, 0.0]], [[3.0, 4.0]]).tolist()
        [[5.0]]
    """
    return safe_root(reduce_sum(square(subtract(expand_dims(x, -2), expand_dims(y, -3))), -1))


@op(dtype="float")
def corrcoef(x):
    """Return the correlation coefficients between the rows of a matrix.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.round(keras.ops.corrcoef([[1.0, 2.0], [2.0, 1.0]])).tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    x = reshape(x, (1, -1)) if len(x.shape) == 1 else x
    moved = subtract(x, mean(x, -1, keepdims=True))
    products = matmul(moved, _transposed(moved))
    spread = sqrt(diagonal(products))
    out = divide(products, multiply(expand_dims(spread, -1), spread))
    return clip(out, -1.0, 1.0) if out.shape[0] != 1 else reshape(clip(out, -1.0, 1.0), ())
