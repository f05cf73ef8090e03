"""The shapes engine: tensors that are only a shape and a dtype. Running a model's `call` on it infers shapes.

A size is an int, or None where it is unknown. The primitives check what can be known and raise `ShapeError` otherwise.
"""

from __future__ import annotations

import builtins
import contextlib
import math

import numpy as np

from hornpipe.core import settings
from hornpipe.core.dtypes import result_type, standardize_dtype
from hornpipe.core.errors import EngineError, ShapeError, message

name = "shapes"


class Tensor:
    """A shape and a dtype name."""

    __slots__ = ("__weakref__", "dtype", "shape")
    __array_priority__ = 1000
    __array_ufunc__ = None

    def __init__(self, shape, dtype="float32"):
        self.shape, self.dtype = tuple(shape), dtype

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return _product(self.shape)

    def __repr__(self):
        return f"<shape {self.shape}, {self.dtype}>"

    def __getitem__(self, index):
        return getitem(self, index if isinstance(index, tuple) else (index,))

    def __len__(self):
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"A tensor of shape {self.shape} has no known length.")
        return self.shape[0]

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __bool__(self):
        raise TypeError(
            "A symbolic tensor has no truth value. Use ops.where or ops.cond, or put the code into `call`."
        )

    def __neg__(self):
        return self

    __abs__ = __invert__ = __neg__

    def astype(self, dtype):
        return astype(self, dtype)

    def reshape(self, *shape):
        return reshape(
            self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        )


# ---- helpers


def _product(sizes):
    return None if builtins.any(size is None for size in sizes) else math.prod(sizes)


def _shape(x):
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def _dtype(*xs):
    return result_type(
        *(x if isinstance(x, (bool, int, float, complex)) else asarray(x).dtype for x in xs)
    )


def broadcast_shapes(*shapes):
    """Return the shape that `shapes` broadcast to.

    Raises:
        ShapeError: two known sizes differ and neither is 1.
    """
    rank = builtins.max(map(len, shapes), default=0)
    out = []
    for sizes in zip(*((1,) * (rank - len(shape)) + tuple(shape) for shape in shapes), strict=True):
        known = {size for size in sizes if size not in (1, None)}
        if len(known) > 1:
            raise ShapeError(f"shapes {' and '.join(map(str, shapes))} do not broadcast")
        out.append(known.pop() if known else None if None in sizes else 1)
    return tuple(out)


def _axis(x, axis):
    rank = len(x.shape)
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} does not exist in the shape {x.shape}")
    return axis % rank


def _axes(x, axis):
    if axis is None:
        return set(range(len(x.shape)))
    return {_axis(x, each) for each in ((axis,) if isinstance(axis, int) else axis)}


# ---- elementwise


def _elementwise(*xs):
    return Tensor(broadcast_shapes(*map(_shape, xs)), _dtype(*xs))


def _predicate(*xs):
    return Tensor(broadcast_shapes(*map(_shape, xs)), "bool")


def _same(x):
    return Tensor(x.shape, x.dtype)


abs = sign = negative = floor = ceil = round = exp = expm1 = log = log1p = sqrt = rsqrt = sin = (
    cos
) = tan = _same
asin = acos = atan = sinh = cosh = tanh = asinh = acosh = atanh = erf = erfinv = lgamma = (
    digamma
) = sigmoid = _same
logical_not = bitwise_not = stop_gradient = copy = _same
isfinite = isnan = equal = not_equal = less = less_equal = greater = greater_equal = _predicate
logical_and = logical_or = logical_xor = _predicate
add = subtract = multiply = divide = floor_divide = mod = maximum = minimum = power = atan2 = (
    _elementwise
)
bitwise_and = bitwise_or = bitwise_xor = left_shift = right_shift = _elementwise


def where(condition, x1, x2):
    return Tensor(broadcast_shapes(_shape(condition), _shape(x1), _shape(x2)), _dtype(x1, x2))


def _operator(function, *, reflected=False):
    return (
        (lambda self, other: function(other, self))
        if reflected
        else (lambda self, other: function(self, other))
    )


def _true_divide(x1, x2):
    out = _elementwise(x1, x2)
    return (
        out
        if out.dtype.startswith(("float", "bfloat", "complex"))
        else Tensor(out.shape, settings.floatx())
    )


for _name in "add sub mul floordiv mod pow and or xor".split():
    setattr(Tensor, f"__{_name}__", _operator(_elementwise))
    setattr(Tensor, f"__r{_name}__", _operator(_elementwise, reflected=True))
for _name in "lt le gt ge eq ne".split():
    setattr(Tensor, f"__{_name}__", _operator(_predicate))
Tensor.__truediv__, Tensor.__rtruediv__ = (
    _operator(_true_divide),
    _operator(_true_divide, reflected=True),
)
Tensor.__hash__ = object.__hash__


# ---- reductions


def sum(x, *, axis=None, keepdims=False):
    axes = _axes(x, axis)
    sizes = enumerate(x.shape)
    return Tensor(
        [1 if i in axes else size for i, size in sizes if keepdims or i not in axes], x.dtype
    )


prod = max = min = sum


def any(x, *, axis=None, keepdims=False):
    return Tensor(sum(x, axis=axis, keepdims=keepdims).shape, "bool")


all = any


def argmax(x, *, axis):
    return Tensor(sum(x, axis=axis).shape, "int32")


argmin = argmax


def cumsum(x, *, axis):
    _axis(x, axis)
    return _same(x)


cumprod = cumsum


# ---- shapes


def reshape(x, shape):
    shape = tuple(shape)
    total = _product(x.shape)
    if -1 in shape:
        rest = _product([size for size in shape if size != -1])
        if total is None or rest is None:
            unknown = None
        elif (rest == 0 and total != 0) or (rest and total % rest):
            raise ShapeError(f"{x.shape} can't be reshaped to {shape}: {total} elements")
        else:
            unknown = total // rest if rest else 0
        return Tensor([unknown if size == -1 else size for size in shape], x.dtype)
    wanted = _product(shape)
    if total is not None and wanted is not None and total != wanted:
        raise ShapeError(
            f"{x.shape} can't be reshaped to {shape}: {total} elements against {wanted}"
        )
    return Tensor(shape, x.dtype)


def transpose(x, axes):
    if sorted(axis % len(x.shape) for axis in axes) != list(range(len(x.shape))):
        raise ShapeError(f"axes {tuple(axes)} are not a permutation of the axes of {x.shape}")
    return Tensor([x.shape[axis] for axis in axes], x.dtype)


def broadcast_to(x, shape):
    out = broadcast_shapes(x.shape, tuple(shape))
    if len(out) != len(tuple(shape)):
        raise ShapeError(f"{x.shape} does not broadcast to {tuple(shape)}")
    return Tensor(shape, x.dtype)


def concatenate(xs, *, axis):
    xs = [asarray(x) for x in xs]
    axis = _axis(xs[0], axis)
    sizes = list(xs[0].shape)
    for x in xs[1:]:
        same_rank = len(x.shape) == len(sizes)
        if not same_rank or not builtins.all(
            i == axis or None in (a, b) or a == b
            for i, (a, b) in enumerate(zip(sizes, x.shape, strict=True))
        ):
            shapes = " and ".join(str(each.shape) for each in xs)
            raise ShapeError(f"shapes {shapes} differ outside axis {axis}")
        sizes = [b if a is None else a for a, b in zip(sizes, x.shape, strict=True)]
    along = [x.shape[axis] for x in xs]
    sizes[axis] = None if None in along else builtins.sum(along)
    return Tensor(sizes, _dtype(*xs))


def flip(x, *, axis):
    _axes(x, axis)
    return _same(x)


def pad(x, widths, *, value=0):
    sizes = zip(x.shape, widths, strict=True)
    return Tensor(
        [None if size is None else size + before + after for size, (before, after) in sizes],
        x.dtype,
    )


def getitem(x, index):
    index = index if isinstance(index, tuple) else (index,)
    used = builtins.sum(1 for i in index if i is not None and i is not Ellipsis)
    fill = (slice(None),) * (len(x.shape) - used)
    if used > len(x.shape):
        raise ShapeError(f"{used} indices for a tensor of shape {x.shape}")
    place = next((n for n, i in enumerate(index) if i is Ellipsis), None)
    index = index + fill if place is None else index[:place] + fill + index[place + 1 :]
    out, gathered, position = [], [], None
    sizes = iter(x.shape)
    for i in index:
        if i is None:
            out.append(1)
            continue
        size = next(sizes)
        if isinstance(i, slice):
            out.append(_slice_size(i, size))
        elif isinstance(i, (int, np.integer)):
            if size is not None and not -size <= i < size:
                raise ShapeError(f"index {i} is out of range for the shape {x.shape}")
        else:
            position = len(out) if position is None else position
            gathered.append(_shape(i))
    if gathered:
        out[position:position] = broadcast_shapes(*gathered)
    return Tensor(out, x.dtype)


def _slice_size(index, size):
    if size is not None:
        numbers = [n for n in (index.start, index.stop, index.step) if isinstance(n, Tensor)]
        return None if numbers else len(range(*index.indices(size)))
    return None if index != slice(0, 0) else 0


# ---- gather and scatter


def take(x, indices, *, axis):
    axis = _axis(x, axis)
    return Tensor(x.shape[:axis] + _shape(indices) + x.shape[axis + 1 :], x.dtype)


def take_along_axis(x, indices, *, axis):
    axis, shape = _axis(x, axis), _shape(indices)
    before = broadcast_shapes(x.shape[:axis], shape[:axis])
    return Tensor(
        before + (shape[axis],) + broadcast_shapes(x.shape[axis + 1 :], shape[axis + 1 :]), x.dtype
    )


def scatter(x, indices, updates, *, mode="set"):
    return _same(x)


def dynamic_slice(x, starts, sizes):
    return Tensor(sizes, x.dtype)


def dynamic_update(x, updates, starts):
    return _same(x)


# ---- creation


def full(shape, value, *, dtype):
    return Tensor([size if size is None else int(size) for size in shape], standardize_dtype(dtype))


def arange(start, stop, step, *, dtype):
    numbers = [n for n in (start, stop, step) if n is None or isinstance(n, Tensor)]
    return Tensor(
        (None if numbers else builtins.max(0, math.ceil((stop - start) / step)),),
        standardize_dtype(dtype),
    )


def asarray(x, dtype=None):
    if isinstance(x, Tensor):
        return x if dtype is None else Tensor(x.shape, dtype)
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        own = standardize_dtype(x.dtype)
        shape = tuple(x.shape)
    else:
        if isinstance(x, (list, tuple)) and builtins.any(isinstance(item, Tensor) for item in x):
            return Tensor((len(x),) + broadcast_shapes(*map(_shape, x)), dtype or _dtype(*x))
        host = np.asarray(x)
        own, shape = host.dtype.name, host.shape
    return Tensor(shape, dtype or {"float64": settings.floatx(), "int64": "int32"}.get(own, own))


def astype(x, dtype):
    return Tensor(x.shape, standardize_dtype(dtype))


# ---- linear algebra


def matmul(x1, x2):
    x1, x2 = asarray(x1), asarray(x2)
    a, b = x1.shape, x2.shape
    if not a or not b:
        raise ShapeError(f"matmul needs at least one axis on both sides, got {a} and {b}")
    inner = b[-2] if len(b) > 1 else b[0]
    if None not in (a[-1], inner) and a[-1] != inner:
        raise ShapeError(f"matmul of {a} and {b}: {a[-1]} columns against {inner} rows")
    dtype = _dtype(x1, x2)
    if len(a) == 1 or len(b) == 1:
        return Tensor(
            (a[:-1] if len(a) > 1 else ()) + (b[:-2] + b[-1:] if len(b) > 1 else ()), dtype
        )
    return Tensor(broadcast_shapes(a[:-2], b[:-2]) + (a[-2], b[-1]), dtype)


Tensor.__matmul__, Tensor.__rmatmul__ = _operator(matmul), _operator(matmul, reflected=True)


def einsum(subscripts, *operands):
    left, right = subscripts.replace(" ", "").split("->")
    sizes: dict = {}
    for letters, operand in zip(left.split(","), operands, strict=True):
        if len(letters) != len(operand.shape):
            raise ShapeError(
                f"einsum {subscripts!r}: {letters!r} against the shape {operand.shape}"
            )
        for letter, size in zip(letters, operand.shape, strict=True):
            known = sizes.get(letter)
            if None not in (known, size) and known != size and 1 not in (known, size):
                raise ShapeError(f"einsum {subscripts!r}: axis {letter!r} is {known} and {size}")
            sizes[letter] = size if known in (None, 1) else known
    return Tensor([sizes[letter] for letter in right], _dtype(*operands))


def cholesky(x):
    return _same(x)


def qr(x):
    *batch, rows, columns = x.shape
    inner = None if None in (rows, columns) else builtins.min(rows, columns)
    return Tensor((*batch, rows, inner), x.dtype), Tensor((*batch, inner, columns), x.dtype)


def svd(x, *, full_matrices):
    *batch, rows, columns = x.shape
    inner = None if None in (rows, columns) else builtins.min(rows, columns)
    left, right = (rows, columns) if full_matrices else (inner, inner)
    shapes = (*batch, rows, left), (*batch, inner), (*batch, right, columns)
    return tuple(Tensor(shape, x.dtype) for shape in shapes)


def eigh(x):
    return Tensor(x.shape[:-1], x.dtype), _same(x)


def solve(a, b):
    return _same(b)


def triangular_solve(a, b, *, lower):
    return _same(b)


# ---- order


def argsort(x, *, axis):
    _axis(x, axis)
    return Tensor(x.shape, "int32")


def top_k(x, k):
    if x.shape[-1] is not None and k > x.shape[-1]:
        raise ShapeError(f"top_k of {k} over a last axis of {x.shape[-1]}")
    shape = x.shape[:-1] + (k,)
    return Tensor(shape, x.dtype), Tensor(shape, "int32")


def searchsorted(sorted_sequence, values, *, side):
    return Tensor(_shape(values), "int32")


# ---- control flow and gradients


def cond(predicate, true_fn, false_fn, *operands):
    return true_fn(*operands)


def while_loop(condition, body, state):
    return tuple(body(*state))


def scan(step, carry, xs, *, length=None, reverse=False):
    from hornpipe.core.tree import flatten, map_tree

    leaves = [leaf for leaf in flatten(xs) if leaf is not None]
    steps = leaves[0].shape[0] if leaves else length
    carry, ys = step(
        carry, map_tree(lambda x: None if x is None else Tensor(x.shape[1:], x.dtype), xs)
    )
    return carry, map_tree(lambda y: None if y is None else Tensor((steps, *y.shape), y.dtype), ys)


def custom_gradient(f):
    return lambda *args: f(*args)[0]


# ---- verbs


def supports_float64():
    return True


def shape(x):
    return x.shape


def dtype(x):
    return x.dtype


def is_tensor(x):
    return isinstance(x, Tensor)


def is_traced(x):
    return True


def remat(f):
    return f


def compile(f):
    return f


def eval_shape(f, *specs):
    from hornpipe.core.tree import map_tree

    return map_tree(lambda t: (t.shape, t.dtype), f(*specs))


def value_and_grad(f):
    def run(values, *args):
        return f(values, *args), [_same(value) for value in values]

    return run


def wait(tree):
    return tree


def concrete():
    return contextlib.nullcontext()


def devices():
    return []


def _no_values(*args, **kwargs):
    raise EngineError(
        message("engine 'shapes'", "has shapes only, no values", "a request for values")
    )


to_numpy = fold = device = place = _no_values
