"""The JAX engine: `jax.numpy` is the vocabulary; the verbs and a few conventions are written here."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.lax import cond as cond
from jax.lax import digamma as digamma
from jax.lax import erf as erf
from jax.lax import lgamma as lgamma
from jax.lax import rsqrt as rsqrt
from jax.lax import stop_gradient as stop_gradient
from jax.nn import sigmoid as sigmoid
from jax.numpy import acos as acos
from jax.numpy import acosh as acosh
from jax.numpy import add as add
from jax.numpy import asin as asin
from jax.numpy import asinh as asinh
from jax.numpy import atan as atan
from jax.numpy import atan2 as atan2
from jax.numpy import atanh as atanh
from jax.numpy import bitwise_and as bitwise_and
from jax.numpy import bitwise_not as bitwise_not
from jax.numpy import bitwise_or as bitwise_or
from jax.numpy import bitwise_xor as bitwise_xor
from jax.numpy import ceil as ceil
from jax.numpy import cos as cos
from jax.numpy import cosh as cosh
from jax.numpy import cumprod as cumprod
from jax.numpy import divide as divide
from jax.numpy import equal as equal
from jax.numpy import exp as exp
from jax.numpy import expm1 as expm1
from jax.numpy import flip as flip
from jax.numpy import floor as floor
from jax.numpy import floor_divide as floor_divide
from jax.numpy import greater as greater
from jax.numpy import greater_equal as greater_equal
from jax.numpy import isfinite as isfinite
from jax.numpy import isnan as isnan
from jax.numpy import left_shift as left_shift
from jax.numpy import less as less
from jax.numpy import less_equal as less_equal
from jax.numpy import log as log
from jax.numpy import log1p as log1p
from jax.numpy import logical_and as logical_and
from jax.numpy import logical_not as logical_not
from jax.numpy import logical_or as logical_or
from jax.numpy import logical_xor as logical_xor
from jax.numpy import maximum as maximum
from jax.numpy import minimum as minimum
from jax.numpy import mod as mod
from jax.numpy import multiply as multiply
from jax.numpy import negative as negative
from jax.numpy import not_equal as not_equal
from jax.numpy import power as power
from jax.numpy import reshape as reshape
from jax.numpy import right_shift as right_shift
from jax.numpy import round as round
from jax.numpy import sign as sign
from jax.numpy import sin as sin
from jax.numpy import sinh as sinh
from jax.numpy import sqrt as sqrt
from jax.numpy import subtract as subtract
from jax.numpy import tan as tan
from jax.numpy import tanh as tanh
from jax.numpy import transpose as transpose
from jax.numpy import where as where
from jax.numpy.linalg import cholesky as cholesky
from jax.numpy.linalg import eigh as eigh
from jax.numpy.linalg import qr as qr

from hornpipe.core import settings
from hornpipe.core.errors import EngineError, message

name = "jax"
erfinv = lax.erf_inv
_NARROW = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}


# ---- primitives whose convention or spelling differs from jax.numpy's


def abs(x):
    # jax.numpy.abs has gradient 1 at 0.
    return (
        x * lax.stop_gradient(jnp.sign(x)) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.abs(x)
    )


def sum(x, *, axis=None, keepdims=False):
    return jnp.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def prod(x, *, axis=None, keepdims=False):
    return jnp.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def max(x, *, axis=None, keepdims=False):
    return jnp.max(x, axis=axis, keepdims=keepdims)


def min(x, *, axis=None, keepdims=False):
    return jnp.min(x, axis=axis, keepdims=keepdims)


def any(x, *, axis=None, keepdims=False):
    return jnp.any(x, axis=axis, keepdims=keepdims)


def all(x, *, axis=None, keepdims=False):
    return jnp.all(x, axis=axis, keepdims=keepdims)


def argmax(x, *, axis):
    return lax.argmax(x, axis % x.ndim, np.int32)


def argmin(x, *, axis):
    return lax.argmin(x, axis % x.ndim, np.int32)


def cumsum(x, *, axis):
    return jnp.cumsum(x, axis=axis, dtype=x.dtype)


def matmul(x1, x2):
    from hornpipe.engine import jax_matmul

    product = jax_matmul.matmul(x1, x2)
    if product is not NotImplemented:
        return product
    if is_slim(x1, x2):
        # x.T @ g, the gradient by x2, takes XLA up to ten times as long as (g.T @ x).T, which it would rewrite to the former.
        x2 = lax.optimization_barrier(x2.T).T
    return jnp.matmul(x1, x2)


def einsum(subscripts, *operands):
    from hornpipe.engine import jax_matmul

    product = jax_matmul.einsum(subscripts, *operands)
    return jnp.einsum(subscripts, *operands) if product is NotImplemented else product


def is_slim(x1, x2):
    """Return whether many rows meet 2 to 16 columns, on a CPU (benchmarks/products.py)."""
    if not x1.ndim == x2.ndim == 2 or x1.shape[0] < 128 or x1.size < 2**15:
        return False
    return 2 <= x2.shape[1] <= 16 and jax.default_backend() == "cpu"


def broadcast_to(x, shape):
    return jnp.broadcast_to(x, tuple(shape))


def concatenate(xs, *, axis):
    return jnp.concatenate(xs, axis=axis)


def pad(x, widths, *, value=0):
    return jnp.pad(x, widths, constant_values=value)


def getitem(x, index):
    return x[index]


def take(x, indices, *, axis):
    if axis == 0 and x.ndim == 2 and x.dtype == np.float32 and indices.size >= 16:
        from hornpipe.engine import jax_rows

        if jax_rows.active():
            return jax_rows.take_rows(x, indices)
    return jnp.take(x, indices, axis=axis, mode="clip")


def take_along_axis(x, indices, *, axis):
    return jnp.take_along_axis(x, indices, axis=axis, mode="clip")


def scatter(x, indices, updates, *, mode="set"):
    return getattr(x.at[indices], mode)(updates)


def dynamic_slice(x, starts, sizes):
    return lax.dynamic_slice(x, _not_negative(starts), sizes)


def dynamic_update(x, updates, starts):
    return lax.dynamic_update_slice(x, updates, _not_negative(starts))


def _not_negative(starts):
    # JAX counts negative starts from the end.
    return [jnp.maximum(s, 0) if isinstance(s, jax.Array) else s if s > 0 else 0 for s in starts]


def full(shape, value, *, dtype):
    return jnp.full(tuple(shape), value, _narrow(dtype))


def arange(start, stop, step, *, dtype):
    return jnp.arange(start, stop, step, dtype=_narrow(dtype))


def svd(x, *, full_matrices):
    return tuple(jnp.linalg.svd(x, full_matrices=full_matrices))


def solve(a, b):
    return (
        jnp.linalg.solve(a, b[..., None])[..., 0]
        if b.ndim == a.ndim - 1
        else jnp.linalg.solve(a, b)
    )


def triangular_solve(a, b, *, lower):
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


def argsort(x, *, axis):
    return jnp.argsort(x, axis=axis, stable=True).astype("int32")


def top_k(x, k):
    values, indices = lax.top_k(x, k)
    return values, indices.astype("int32")


def searchsorted(sorted_sequence, values, *, side):
    return jnp.searchsorted(sorted_sequence, values, side=side).astype("int32")


def while_loop(condition, body, state):
    return lax.while_loop(lambda s: condition(*s), lambda s: tuple(body(*s)), tuple(state))


def scan(step, carry, xs, *, length=None, reverse=False):
    return lax.scan(step, carry, xs, length=length, reverse=reverse)


def custom_gradient(f):
    return jax.custom_gradient(f)


def asarray(x, dtype=None):
    if isinstance(x, jax.Array):
        return x if dtype is None else jnp.asarray(x, _narrow(dtype))
    if dtype is None:
        if isinstance(x, (bool, int, float)):
            kind = (
                bool
                if isinstance(x, bool)
                else "int32"
                if isinstance(x, int)
                else settings.floatx()
            )
            return jnp.asarray(x, kind)
        host = np.asarray(x)
        dtype = {"float64": settings.floatx(), "int64": "int32"}.get(
            host.dtype.name, host.dtype.name
        )
        return _from_host(host, _narrow(dtype))
    dtype = _narrow(dtype, explicit=not isinstance(x, (np.ndarray, np.generic)))
    return _from_host(x, dtype) if isinstance(x, np.ndarray) else jnp.asarray(x, dtype)


_LARGE_BYTES = 4 * 2**20
_ALIGNMENT = 64  # what XLA asks of memory that it takes as it is


def _from_host(array, dtype):
    # Converted on the host: with a dtype of its own jnp.asarray takes three times as long.
    size = array.size * np.dtype(dtype).itemsize
    if size < _LARGE_BYTES or jax.default_backend() != "cpu":
        return jnp.asarray(array.astype(dtype, copy=False))
    # NumPy's memory for large arrays has large pages. A copy there takes a quarter of the time of JAX's own, and JAX reads it faster.
    memory = np.empty(size + _ALIGNMENT, "uint8")
    start = -memory.ctypes.data % _ALIGNMENT
    own = memory[start : start + size].view(dtype).reshape(array.shape)
    np.copyto(own, array, casting="unsafe")
    return jax.device_put(own, may_alias=True)


def astype(x, dtype):
    return x.astype(_narrow(dtype))


def _narrow(dtype, explicit=True):
    """Return the dtype that exists: JAX has no 64-bit types unless they were switched on."""
    dtype = str(dtype)
    if dtype in _NARROW and not supports_float64():
        if dtype == "float64" and explicit:
            fix = 'Run jax.config.update("jax_enable_x64", True) first, or use "float32".'
            raise EngineError(
                message("engine 'jax'", "has float64 only when it is switched on", "float64", fix)
            )
        return _NARROW[dtype]
    return dtype


# ---- composed operations that may run in compiled kernels; imported with the first of them


def conv_general(x, kernel, strides, padding, dilation, groups):
    from hornpipe.engine import jax_conv

    return jax_conv.conv_general(x, kernel, strides, padding, dilation, groups)


def conv_bias_general(x, kernel, bias, strides, padding, dilation, groups, relu):
    from hornpipe.engine import jax_conv

    return jax_conv.conv_bias_general(x, kernel, bias, strides, padding, dilation, groups, relu)


def conv_transpose_general(x, kernel, strides, pairs, dilation):
    from hornpipe.engine import jax_conv

    return jax_conv.conv_transpose_general(x, kernel, strides, pairs, dilation)


def max_pool_general(x, window, strides, padding):
    from hornpipe.engine import jax_pool

    return jax_pool.max_pool_general(x, window, strides, padding)


def average_pool_general(x, window, strides, padding):
    from hornpipe.engine import jax_pool

    return jax_pool.average_pool_general(x, window, strides, padding)


def moments(x, axes, keepdims=False, synchronized=False):
    from hornpipe.engine import jax_moments

    return jax_moments.moments(x, axes, keepdims, synchronized)


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    from hornpipe.engine import jax_moments

    vectors = mean, variance, axis, offset, scale
    return jax_moments.batch_normalization(x, *vectors, epsilon)


def lstm_general(
    xs, kernel, recurrent_kernel, bias, h, c, valid=None, sequences=False, backwards=False
):
    from hornpipe.engine import jax_recurrent

    weights = kernel, recurrent_kernel, bias
    return jax_recurrent.lstm_general(xs, *weights, h, c, valid, sequences, backwards)


def gru_general(
    xs,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    h,
    valid=None,
    sequences=False,
    backwards=False,
):
    from hornpipe.engine import jax_recurrent

    weights = kernel, recurrent_kernel, bias, recurrent_bias
    return jax_recurrent.gru_general(xs, *weights, h, valid, sequences, backwards)


def attention_general(
    query, key, value, bias=None, mask=None, scale=1.0, soft_cap=None, is_causal=False
):
    from hornpipe.engine import jax_attention

    return jax_attention.attention_general(
        query, key, value, bias, mask, scale, soft_cap, is_causal
    )


def active_kernels():
    from hornpipe.engine import jax_kernels

    return jax_kernels.variant()


# ---- verbs


def supports_float64():
    return bool(jax.config.jax_enable_x64)


def shape(x):
    return x.shape


def dtype(x):
    return x.dtype.name


def is_tensor(x):
    return isinstance(x, jax.Array)


def is_traced(x):
    return isinstance(x, jax.core.Tracer)


def to_numpy(x):
    return np.array(x)


def copy(x):
    return jnp.array(x, copy=True)


def value_and_grad(f):
    return jax.value_and_grad(f, has_aux=True)


def compile(f):
    return jax.jit(f)


def fold(step, batch_size, *, donate=True, enter=None, leave=None):
    def run(first, rest, constants, data, order, start, stop):
        carry = (first, *rest)
        if enter is not None:
            carry = enter(carry)

        def body(index, carry):
            begin = index * batch_size
            if order is None and {rows.shape[0] for rows in data} == {batch_size}:
                batch = data
            elif order is None:
                batch = [lax.dynamic_slice_in_dim(rows, begin, batch_size) for rows in data]
            else:
                chosen = lax.dynamic_slice_in_dim(order, begin, batch_size)
                batch = [jnp.take(rows, chosen, axis=0, mode="clip") for rows in data]
            return tuple(step(carry, constants, batch, index))

        carry = lax.fori_loop(start, stop, body, tuple(carry))
        return carry if leave is None else leave(carry)

    compiled = jax.jit(run, donate_argnums=0 if donate else ())
    return lambda carry, *rest: compiled(carry[0], tuple(carry[1:]), *rest)


def eval_shape(f, *specs):
    def spec(tree):
        return jax.tree.map(
            lambda pair: jax.ShapeDtypeStruct(*pair),
            tree,
            is_leaf=lambda node: isinstance(node, _Pair),
        )

    outputs = jax.eval_shape(f, *[spec(jax.tree.map(_Pair, s, is_leaf=_is_pair)) for s in specs])
    return jax.tree.map(lambda leaf: (tuple(leaf.shape), leaf.dtype.name), outputs)


class _Pair(tuple):
    """A (shape, dtype) leaf, told apart from a tree's own tuples."""


def _is_pair(node):
    return isinstance(node, tuple) and len(node) == 2 and isinstance(node[1], str)


remat = jax.checkpoint
concrete = jax.ensure_compile_time_eval


def devices():
    return [f"{device.platform}:{device.id}" for device in jax.devices()]


def device(name):
    return jax.default_device(_find_device(name))


def place(x, device=None, *, owned=False):
    target = None if device is None else _find_device(device)
    return jax.device_put(x, target, may_alias=True) if owned else jax.device_put(x, target)


def wait(tree):
    return jax.block_until_ready(tree)


def _find_device(name):
    kind, _, number = name.partition(":")
    try:
        return jax.devices({"gpu": "cuda"}.get(kind, kind))[int(number or 0)]
    except (RuntimeError, IndexError, ValueError):
        known = ", ".join(devices())
        raise EngineError(message("device", f"must be one of {known}", repr(name))) from None


@functools.cache
def _processor() -> str:
    """Return a short text that differs between processors whose compiled programs must not be mixed."""
    features = platform.machine() + jax.__version__
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        features += platform.processor()
    return hashlib.sha256(features.encode()).hexdigest()[:12]


def _remember_programs():
    """Keep compiled programs in the user's cache folder, unless the user chose a folder or switched it off."""
    if (
        os.environ.get("HORNPIPE_COMPILATION_CACHE", "1") == "0"
        or jax.config.jax_compilation_cache_dir
    ):
        return
    folder = settings.home() / "programs" / _processor()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


_remember_programs()


def _give_back_memory(event, seconds, **_):
    """Return to the system what the C library keeps after a long compilation, 100 MB and more."""
    if event.endswith("backend_compile_duration") and seconds > 0.5:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
        if trim is not None:
            trim(0)


if platform.system() == "Linux":
    jax.monitoring.register_event_duration_secs_listener(_give_back_memory)
