"""Products of vectors and matrices, decompositions, linear systems.

>>> import hornpipe as keras
>>> keras.ops.matmul([[1, 2]], [[3], [4]]).tolist()
[[11]]
"""

from __future__ import annotations

import builtins

from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import op
from hornpipe.engine.select import active
from hornpipe.ops._common import count, one_axis
from hornpipe.ops.math import multiply
from hornpipe.ops.shape import reshape, transpose

# ---- products


@op(tensors=2)
def matmul(x1, x2):
    """Return the matrix product over the last two axes; leading axes broadcast, a vector counts as a row or a column.

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
    return active.engine.reshape(active.engine.matmul(left, right), (*sizes1, *sizes2))


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


def mT(x):
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
    return mT(lower) if upper else lower


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
