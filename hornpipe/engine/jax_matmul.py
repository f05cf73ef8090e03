"""Products of matrices of the JAX engine by the compiled kernels, as a primitive with every rule.

One bilinear primitive, of matrices either of which may be transposed: its derivatives are made of it.

>>> import numpy as np
>>> from hornpipe.engine import jax_matmul
>>> jax_matmul.matmul(np.ones((2, 3)), np.ones((3, 4)))
NotImplemented
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.interpreters import ad, batching

from hornpipe.engine.jax_kernels import active, make

# What the kernels are faster for, by `python -m benchmarks.products`: a single row or few columns are XLA's.
_LEAST_WORK = 1 << 15  # multiply-adds
_LEAST_ROWS, _LEAST_COLUMNS = 4, 17


def matmul(x1, x2):
    """As the engine's `matmul`; NotImplemented where that one is to be taken."""
    if not (_suits(x1) and _suits(x2)) or x2.ndim != 2 or x1.ndim < 2:
        return NotImplemented
    return _product(x1, x2, 1)


def einsum(subscripts, *operands):
    """As the engine's `einsum`; NotImplemented where that one is to be taken: for all but products of matrices."""
    if len(operands) != 2 or not all(map(_suits, operands)):
        return NotImplemented
    terms, out = subscripts.replace(" ", "").split("->")
    left, right = terms.split(",")
    count = len(left + right) - len(set(left + right))  # letters of both, or twice in one
    if not 0 < count < min(len(left), len(right)) or left[-count:] != right[:count]:
        return NotImplemented
    if out != left[:-count] + right[count:]:
        return NotImplemented
    return _product(*operands, count)


def _product(x1, x2, count):
    """Return the sum of products over the last axes of `x1` and the first ones of `x2`, `count` of them."""
    first, inner, last = x1.shape[:-count], x2.shape[:count], x2.shape[count:]
    rows, depth, columns = map(math.prod, (first, inner, last))
    if x1.shape[-count:] != inner or rows < _LEAST_ROWS or columns < _LEAST_COLUMNS:
        return NotImplemented
    if rows * depth * columns < _LEAST_WORK or not active():
        return NotImplemented
    product = multiply(x1.reshape((rows, depth)), x2.reshape((depth, columns)))
    return product.reshape((*first, *last))


def _suits(x):
    return (
        isinstance(x, jax.Array)
        and x.dtype == np.float32
        and all(isinstance(size, int) for size in x.shape)
        and not any(jax.typeof(x).sharding.spec)  # XLA follows types that say how they are divided
    )


def _portable(a, b, *, a_turned, b_turned):
    axes = ((1 - a_turned,), (int(b_turned),)), ((), ())
    return [lax.dot_general(a, b, axes)]


matmul_p = make(
    "hornpipe_matmul",
    lambda a, b, *, a_turned, b_turned: [(a.shape[a_turned], b.shape[1 - b_turned])],
    _portable,
    handler="hornpipe_matmul",
    attributes=lambda **turned: {name: np.bool_(value) for name, value in turned.items()},
    static=("a_turned", "b_turned"),
)


def multiply(a, b, a_turned=False, b_turned=False):
    """Return a b, float32 (rows, columns); a is (rows, depth), b (depth, columns), transposed before where `turned`."""
    return matmul_p.bind(a, b, a_turned=a_turned, b_turned=b_turned)[0]


def _by_left(ct, b, a_turned, b_turned):
    return multiply(b, ct, b_turned, True) if a_turned else multiply(ct, b, False, not b_turned)


def _by_right(ct, a, a_turned, b_turned):
    return multiply(ct, a, True, a_turned) if b_turned else multiply(a, ct, not a_turned, False)


def _transpose(cts, a, b, *, a_turned, b_turned):
    (ct,) = cts
    if type(ct) is ad.Zero:
        return None, None
    if ad.is_undefined_primal(a):
        return _by_left(ct, b, a_turned, b_turned), None
    return None, _by_right(ct, a, a_turned, b_turned)


def _jvp(primals, tangents, **turned):
    (a, b), (ta, tb) = primals, tangents
    parts = []
    if type(ta) is not ad.Zero:
        parts.append(matmul_p.bind(ta, b, **turned)[0])
    if type(tb) is not ad.Zero:
        parts.append(matmul_p.bind(a, tb, **turned)[0])
    return matmul_p.bind(a, b, **turned), [functools.reduce(jnp.add, parts)]


def _batch(arguments, axes, **turned):
    """Leave mapped matrices to what JAX compiles."""
    run = functools.partial(_portable, **turned)
    return jax.vmap(run, axes)(*arguments), [0]


ad.primitive_jvps[matmul_p] = _jvp
ad.primitive_transposes[matmul_p] = _transpose
batching.primitive_batchers[matmul_p] = _batch
