"""The PyTorch engine: eager operations with autograd; `torch_program.py` runs whole steps as recorded programs.

Native versions of composed operations are in `torch_ops.py`, indexing in `torch_index.py`. Unsigned integers wider than 8 bits
have few operations in PyTorch; here 16 and 32 bits are computed in int64 where one is missing, and 64 bits raise.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import math
import operator
import threading

import numpy as np
import torch
from torch import acos as acos
from torch import acosh as acosh
from torch import asin as asin
from torch import asinh as asinh
from torch import atan as atan
from torch import atanh as atanh
from torch import bitwise_not as bitwise_not
from torch import ceil as ceil
from torch import cos as cos
from torch import cosh as cosh
from torch import digamma as digamma
from torch import erf as erf
from torch import erfinv as erfinv
from torch import exp as exp
from torch import expm1 as expm1
from torch import floor as floor
from torch import isfinite as isfinite
from torch import isnan as isnan
from torch import lgamma as lgamma
from torch import log as log
from torch import log1p as log1p
from torch import logical_not as logical_not
from torch import round as round
from torch import rsqrt as rsqrt
from torch import sigmoid as sigmoid
from torch import sin as sin
from torch import sinh as sinh
from torch import sqrt as sqrt
from torch import tan as tan
from torch import tanh as tanh
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from hornpipe.core import settings
from hornpipe.core.dtypes import DTYPES, standardize_dtype
from hornpipe.core.errors import EngineError, message, near_miss
from hornpipe.core.tree import flatten, map_tree
from hornpipe.engine import torch_program, torch_trace
from hornpipe.engine.torch_index import dynamic_slice as dynamic_slice
from hornpipe.engine.torch_index import dynamic_update as dynamic_update
from hornpipe.engine.torch_index import getitem as getitem
from hornpipe.engine.torch_index import scatter as scatter
from hornpipe.engine.torch_index import take as take
from hornpipe.engine.torch_index import take_along_axis as take_along_axis
from hornpipe.engine.torch_ops import attention_general as attention_general
from hornpipe.engine.torch_ops import average_pool_general as average_pool_general
from hornpipe.engine.torch_ops import conv_general as conv_general
from hornpipe.engine.torch_ops import conv_transpose_general as conv_transpose_general
from hornpipe.engine.torch_ops import elu as elu
from hornpipe.engine.torch_ops import gelu as gelu
from hornpipe.engine.torch_ops import layer_normalization as layer_normalization
from hornpipe.engine.torch_ops import leaky_relu as leaky_relu
from hornpipe.engine.torch_ops import log_sigmoid as log_sigmoid
from hornpipe.engine.torch_ops import log_softmax as log_softmax
from hornpipe.engine.torch_ops import max_pool_general as max_pool_general
from hornpipe.engine.torch_ops import relu as relu
from hornpipe.engine.torch_ops import selu as selu
from hornpipe.engine.torch_ops import silu as silu
from hornpipe.engine.torch_ops import softmax as softmax
from hornpipe.engine.torch_ops import softplus as softplus

name = "torch"
_Tensor = torch.Tensor
_NUMBERS = (bool, int, float, complex)
_TYPES = {each: getattr(torch, each) for each in DTYPES}
_NAMES = {kind: each for each, kind in _TYPES.items()}
_WIDE_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)


class _Local(threading.local):
    """Per-thread state: where new tensors go (None: the default), and how many gradients are being taken."""

    device: torch.device | None = None
    tapes = 0


_local = _Local()


@functools.cache
def _default_device():
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def _place_of_new():
    return _local.device or _default_device()


def _type(dtype):
    return _TYPES.get(dtype) or _TYPES[standardize_dtype(dtype)]


def _like(x, other):
    """Return a number or an array as a tensor with the dtype and device of the tensor `other`."""
    return torch.as_tensor(x, dtype=other.dtype, device=other.device)


# ---- elementwise


def _binary(function, *, numbers=True):
    """Make a primitive of two operands; `numbers` says that `function` takes Python numbers by itself."""

    def primitive(x1, x2):
        if (
            type(x1) is not _Tensor
            and not isinstance(x1, _Tensor)
            and not (numbers and isinstance(x1, _NUMBERS))
        ):
            x1 = _like(x1, x2)
        if (
            type(x2) is not _Tensor
            and not isinstance(x2, _Tensor)
            and not (numbers and isinstance(x2, _NUMBERS))
        ):
            x2 = _like(x2, x1)
        return function(x1, x2)

    return primitive


add, subtract, multiply = _binary(operator.add), _binary(operator.sub), _binary(operator.mul)
divide, power = _binary(operator.truediv), _binary(operator.pow)
mod = _binary(operator.mod)
maximum, minimum = _binary(torch.maximum, numbers=False), _binary(torch.minimum, numbers=False)
atan2 = _binary(torch.atan2, numbers=False)
equal, not_equal = _binary(operator.eq), _binary(operator.ne)
less, less_equal = _binary(operator.lt), _binary(operator.le)
greater, greater_equal = _binary(operator.gt), _binary(operator.ge)
logical_and = _binary(torch.logical_and, numbers=False)
logical_or = _binary(torch.logical_or, numbers=False)
logical_xor = _binary(torch.logical_xor, numbers=False)
bitwise_and, bitwise_or, bitwise_xor = (
    _binary(operator.and_),
    _binary(operator.or_),
    _binary(operator.xor),
)
left_shift, right_shift = _binary(operator.lshift), _binary(operator.rshift)
negative = operator.neg


@_binary
def floor_divide(x1, x2):
    # PyTorch has no derivative of it; it is 0.
    return stop_gradient(x1) // stop_gradient(x2)


def abs(x):
    return torch.abs(x) if x.dtype.is_signed else x


def sign(x):
    # torch.sign gives 0 for NaN.
    return (
        torch.where(x == x, torch.sign(x), x.detach())
        if x.dtype.is_floating_point
        else torch.sign(x)
    )


def where(condition, x1, x2):
    if not isinstance(condition, _Tensor):
        condition = torch.as_tensor(condition, device=_place_of_new())
    if condition.dtype != torch.bool:
        condition = condition != 0
    if not isinstance(x1, _Tensor) and not isinstance(x2, _Tensor):
        x1 = asarray(x1)
    if not isinstance(x1, _Tensor):
        x1 = _like(x1, x2)
    elif not isinstance(x2, _Tensor):
        x2 = _like(x2, x1)
    return torch.where(condition, x1, x2)


# ---- reductions


def _axes(x, axis):
    """Return the axes to reduce; an empty tuple means none, unlike in PyTorch."""
    if axis is None:
        return tuple(range(x.ndim))
    return (axis,) if isinstance(axis, int) else tuple(axis)


def sum(x, *, axis=None, keepdims=False):
    axes = _axes(x, axis)
    return torch.sum(x, axes, keepdims, dtype=x.dtype) if axes else x.clone()


def prod(x, *, axis=None, keepdims=False):
    for each in sorted((each % x.ndim for each in _axes(x, axis)), reverse=True):
        x = torch.prod(x, each, keepdims, dtype=x.dtype)
    return x


def max(x, *, axis=None, keepdims=False):
    axes = _axes(x, axis)
    return torch.amax(x, axes, keepdims) if axes else x.clone()


def min(x, *, axis=None, keepdims=False):
    axes = _axes(x, axis)
    return torch.amin(x, axes, keepdims) if axes else x.clone()


def any(x, *, axis=None, keepdims=False):
    axes, x = _axes(x, axis), x if x.dtype == torch.bool else x != 0
    return torch.any(x, axes, keepdims) if axes else x.clone()


def all(x, *, axis=None, keepdims=False):
    axes, x = _axes(x, axis), x if x.dtype == torch.bool else x != 0
    return torch.all(x, axes, keepdims) if axes else x.clone()


def argmax(x, *, axis):
    return torch.argmax(x.byte() if x.dtype == torch.bool else x, axis).int()


def argmin(x, *, axis):
    return torch.argmin(x.byte() if x.dtype == torch.bool else x, axis).int()


def cumsum(x, *, axis):
    return torch.cumsum(x, axis, dtype=x.dtype)


def cumprod(x, *, axis):
    return torch.cumprod(x, axis, dtype=x.dtype)


# ---- shapes


def reshape(x, shape):
    return x.reshape(tuple(shape))


def transpose(x, axes):
    return x.permute(tuple(axes))


def broadcast_to(x, shape):
    return x.expand(tuple(shape))


def concatenate(xs, *, axis):
    return torch.cat(tuple(xs), axis)


def flip(x, *, axis):
    return torch.flip(x, (axis,) if isinstance(axis, int) else tuple(axis))


def pad(x, widths, *, value=0):
    pairs = [int(width) for before_after in reversed(list(widths)) for width in before_after]
    if x.dtype == torch.bool:
        return torch.nn.functional.pad(x.byte(), pairs, value=int(value)).bool()
    return torch.nn.functional.pad(x, pairs, value=value)


# ---- creation and conversion


def full(shape, value, *, dtype):
    shape = tuple(int(size) for size in shape)
    if isinstance(value, (_Tensor, np.ndarray)):
        return asarray(value, dtype).expand(shape).clone()
    return torch.full(shape, value, dtype=_type(dtype), device=_place_of_new())


def arange(start, stop, step, *, dtype):
    kind = _type(dtype)
    made = torch.int64 if kind in _WIDE_UNSIGNED else kind
    return torch.arange(start, stop, step, dtype=made, device=_place_of_new()).to(kind)


def asarray(x, dtype=None):
    if isinstance(x, _Tensor):
        return x if dtype is None else x.to(_type(dtype))
    if isinstance(x, _NUMBERS):
        kind = dtype or ("bool" if isinstance(x, bool) else "int32" if isinstance(x, int) else None)
        kind = kind or ("complex64" if isinstance(x, complex) else settings.floatx())
        return torch.tensor(x, dtype=_type(kind), device=_place_of_new())
    if isinstance(x, (list, tuple)) and builtins.any(
        isinstance(leaf, _Tensor) for leaf in flatten(x)
    ):
        parts = [asarray(each) for each in x]
        kind = functools.reduce(torch.promote_types, [each.dtype for each in parts])
        return asarray(torch.stack([each.to(kind) for each in parts]), dtype)
    host = np.asarray(x)
    if dtype is None:
        dtype = {"float64": settings.floatx(), "int64": "int32"}.get(
            host.dtype.name, host.dtype.name
        )
    return _from_numpy(host, _type(dtype), _place_of_new())


def _from_numpy(host, kind, device):
    """Return a tensor with memory of its own."""
    if host.dtype.name == "bfloat16":
        tensor = torch.from_numpy(host.view("int16").copy()).view(torch.bfloat16)
        return tensor.to(device, kind)
    if not host.dtype.isnative or not host.flags.c_contiguous:
        host = np.array(host, host.dtype.newbyteorder("="), order="C")
    return torch.tensor(host, device=device).to(kind)


def astype(x, dtype):
    return x.to(_type(dtype))


# ---- linear algebra


def matmul(x1, x2):
    return torch.matmul(x1, x2)


def einsum(subscripts, *operands):
    return torch.einsum(subscripts, *operands)


def cholesky(x):
    # The checked version reads a value back; here a matrix that is not positive definite gives NaN.
    lower, info = torch.linalg.cholesky_ex(x)
    return torch.where((info != 0)[..., None, None], math.nan, lower)


def qr(x):
    return tuple(torch.linalg.qr(x))


def svd(x, *, full_matrices):
    return tuple(torch.linalg.svd(x, full_matrices=full_matrices))


def eigh(x):
    return tuple(torch.linalg.eigh(x))


def solve(a, b):
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_ex(a, b[..., None])[0][..., 0]
    return torch.linalg.solve_ex(a, b)[0]


def triangular_solve(a, b, *, lower):
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_triangular(a, b[..., None], upper=not lower)[..., 0]
    return torch.linalg.solve_triangular(a, b, upper=not lower)


# ---- order


def argsort(x, *, axis):
    return torch.argsort(x, dim=axis, stable=True).int()


def top_k(x, k):
    # torch.topk leaves the order of equal values open.
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    if k > x.shape[-1]:
        raise ValueError(
            message("top_k", f"`k` must be at most {x.shape[-1]}, the last axis", f"k={k}")
        )
    return values[..., :k], indices[..., :k].int()


def searchsorted(sorted_sequence, values, *, side="left"):
    return torch.searchsorted(
        sorted_sequence.contiguous(), values.contiguous(), side=side, out_int32=True
    )


# ---- control flow and gradients


def cond(predicate, true_fn, false_fn, *operands):
    if is_traced(predicate) and not torch.is_grad_enabled():
        # Without gradients both branches may be computed, which keeps the step one flat program.
        chosen, other = true_fn(*operands), false_fn(*operands)
        others = iter(flatten(other))
        return map_tree(
            lambda leaf: None if (twin := next(others)) is None else where(predicate, leaf, twin),
            chosen,
        )
    return true_fn(*operands) if bool(predicate) else false_fn(*operands)


def while_loop(condition, body, state):
    state = tuple(state)
    while bool(condition(*state)):
        state = tuple(body(*state))
    return state


def scan(step, carry, xs, *, length=None, reverse=False):
    leaves = [leaf for leaf in flatten(xs) if leaf is not None]
    steps = leaves[0].shape[0] if leaves else length or 0
    if steps == 0:
        _, one = step(
            carry, map_tree(lambda x: None if x is None else x.new_zeros(x.shape[1:]), xs)
        )
        return carry, map_tree(lambda y: None if y is None else y.new_zeros((0, *y.shape)), one)
    rows = {id(leaf): leaf.unbind(0) for leaf in leaves}
    ys: list = []
    for index in range(steps - 1, -1, -1) if reverse else range(steps):
        carry, y = step(
            carry, map_tree(lambda x, i=index: None if x is None else rows[id(x)][i], xs)
        )
        ys.append(y)
    ys = ys[::-1] if reverse else ys
    columns = iter(list(zip(*map(flatten, ys), strict=True)))
    stack = lambda _: None if (column := next(columns))[0] is None else torch.stack(column)  # noqa: E731
    return carry, map_tree(stack, ys[0])


def stop_gradient(x):
    return x.detach() if isinstance(x, _Tensor) else x


class _Custom(torch.autograd.Function):
    """Runs `call`, a function without arguments, forward; its vjp backward. The tensors are for autograd's eyes."""

    @staticmethod
    def forward(ctx, call, *tensors):
        output, ctx.vjp = call()
        ctx.single = isinstance(output, _Tensor)
        # New tensor objects: the vjp's closure would otherwise hold the outputs, which hold the vjp.
        outputs = (output,) if ctx.single else tuple(output)
        outputs = tuple(each.detach() if isinstance(each, _Tensor) else each for each in outputs)
        return outputs[0] if ctx.single else outputs

    @staticmethod
    def backward(ctx, *gradients):
        gradients = ctx.vjp(gradients[0] if ctx.single else gradients)
        gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
        return (None, *(each if isinstance(each, _Tensor) else None for each in gradients))


def custom_gradient(f):
    @functools.wraps(f)
    def run(*args):
        if not torch.is_grad_enabled():
            return f(*args)[0]
        return _Custom.apply(lambda: f(*args), *args)

    return run


# ---- verbs


def supports_float64():
    return True


def shape(x):
    return tuple(x.shape)


def dtype(x):
    return _NAMES[x.dtype]


def is_tensor(x):
    return isinstance(x, _Tensor)


def is_traced(x):
    return isinstance(x, (torch_trace.Traced, FakeTensor))


def to_numpy(x):
    x = x.detach()
    if is_traced(x):
        raise EngineError(
            message("to_numpy", "needs a value, which a tensor inside a compiled function has not")
        )
    x = x.cpu().resolve_conj().resolve_neg()
    if x.dtype == torch.bfloat16:
        import ml_dtypes

        return x.contiguous().view(torch.int16).numpy().copy().view(ml_dtypes.bfloat16)
    return x.numpy().copy()


def copy(x):
    return x.clone()


def value_and_grad(f):
    def run(values, *args):
        inner = _local.tapes > 0  # a gradient of a gradient: what is done here is itself recorded
        leaves = [
            x.view_as(x) if inner and x.requires_grad else x.detach().requires_grad_()
            for x in values
        ]
        _local.tapes += 1
        try:
            with torch.enable_grad():
                loss, aux = f(leaves, *args)
                if leaves and loss.requires_grad:
                    gradients = torch.autograd.grad(
                        loss, leaves, create_graph=inner, allow_unused=True, materialize_grads=True
                    )
                else:
                    gradients = [torch.zeros_like(leaf) for leaf in leaves]
        finally:
            _local.tapes -= 1
        if inner:
            return (loss, aux), list(gradients)
        return (loss.detach(), map_tree(_detach, aux)), list(gradients)

    return run


def _detach(leaf):
    return leaf.detach() if isinstance(leaf, _Tensor) else leaf


def compile(f):
    return torch_program.compile(f)


def fold(step, batch_size, *, donate=True, enter=None, leave=None):
    return torch_program.fold(step, batch_size, donate=donate, enter=enter, leave=leave)


def eval_shape(f, *specs):
    def spec(tree):
        if isinstance(tree, tuple) and len(tree) == 2 and isinstance(tree[1], str):
            return torch.empty(tuple(tree[0]), dtype=_type(tree[1]))
        if isinstance(tree, dict):
            return {key: spec(value) for key, value in tree.items()}
        return type(tree)(spec(value) for value in tree)

    with torch_trace.paused(), FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        outputs = f(*[spec(each) for each in specs])
    return map_tree(lambda x: (tuple(x.shape), dtype(x)), outputs)


def remat(f):
    @functools.wraps(f)
    def run(*args, **kwargs):
        if not torch.is_grad_enabled():
            return f(*args, **kwargs)
        from torch.utils.checkpoint import checkpoint

        torch_trace.keep_repetitions()
        return checkpoint(f, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)

    return run


@contextlib.contextmanager
def concrete():
    with torch_trace.paused(), unset_fake_temporarily():
        yield


def devices():
    return ["cpu:0", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]


@contextlib.contextmanager
def device(name):
    outer, _local.device = (
        _local.device,
        _find_device(name),
    )
    try:
        yield
    finally:
        _local.device = outer


def place(x, device=None, *, owned=False):
    where_to = _place_of_new() if device is None else _find_device(device)
    if isinstance(x, _Tensor):
        return x if device is None else x.to(where_to)
    host = np.asarray(x)
    kind = {"float64": settings.floatx(), "int64": "int32"}.get(host.dtype.name, host.dtype.name)
    if owned and kind == host.dtype.name:
        return torch.from_numpy(host).to(where_to)
    return _from_numpy(host, _type(kind), where_to)


def wait(tree):
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return tree


def _find_device(name):
    kind, _, number = str(name).partition(":")
    kind = {"gpu": "cuda"}.get(kind, kind)
    full_name = f"{kind}:{number or 0}"
    if full_name not in devices():
        known = devices()
        rule = f"must be one of {', '.join(known)}"
        raise EngineError(message("device", rule, repr(name), near_miss(str(name), known).strip()))
    return torch.device("cpu") if kind == "cpu" else torch.device(full_name)


# ---- unsigned integers of more than 8 bits


def _with_unsigned(function):
    """Compute 16 and 32 unsigned bits in int64, modulo their range, where PyTorch lacks the operation."""

    @functools.wraps(function)
    def primitive(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except NotImplementedError as error:
            if "'UInt" not in str(error):
                raise
        kinds = {leaf.dtype for leaf in flatten(args) if isinstance(leaf, _Tensor)}
        kind = next(each for each in _WIDE_UNSIGNED if each in kinds)
        if kind is torch.uint64:
            rule = f"has no {function.__name__} of 64-bit unsigned integers"
            raise EngineError(message("engine 'torch'", rule, "uint64", "Use int64, or uint32."))
        wide = map_tree(
            lambda x: x.long() if isinstance(x, _Tensor) and x.dtype == kind else x, args
        )
        return map_tree(
            lambda x: x.to(kind) if x.dtype == torch.int64 else x, function(*wide, **kwargs)
        )

    return primitive


for _name in [
    "sign",
    "negative",
    "floor",
    "ceil",
    "round",
    "add",
    "subtract",
    "multiply",
    "floor_divide",
    "mod",
    "maximum",
    "minimum",
    "power",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "bitwise_not",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
    "where",
    "sum",
    "prod",
    "max",
    "min",
    "any",
    "all",
    "argmax",
    "argmin",
    "cumsum",
    "cumprod",
    "flip",
    "pad",
    "getitem",
    "take",
    "take_along_axis",
    "scatter",
    "dynamic_slice",
    "dynamic_update",
    "matmul",
    "einsum",
    "argsort",
    "top_k",
    "searchsorted",
]:
    globals()[_name] = _with_unsigned(globals()[_name])
