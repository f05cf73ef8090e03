"""Composed operations that PyTorch has natively, under their public names and with the same values, gradients and conventions.

A function returns `NotImplemented` where PyTorch's version can't do what is asked, or would not raise our error: the composed
operation runs then.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

_WIDE = (torch.float32, torch.float64)


def _axes(axis, rank):
    """Return axes counted from the front; None where they are not distinct axes of the tensor."""
    given = range(rank) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    if not all(type(each) is int and -rank <= each < rank for each in given):
        return None
    axes = tuple(each % rank for each in given)
    return axes if len(set(axes)) == len(axes) else None


# ---- activations


def relu(x):
    return torch.relu(x) if x.dtype != torch.bool else NotImplemented


def leaky_relu(x, negative_slope=0.2):
    return functional.leaky_relu(x, negative_slope)


def elu(x, alpha=1.0):
    return functional.elu(x, alpha)


def selu(x):
    return functional.selu(x)


def gelu(x, approximate=True):
    return functional.gelu(x, approximate="tanh" if approximate else "none")


def silu(x):
    return functional.silu(x)


def softplus(x):
    # Beyond 40 the logarithm's argument is 1 to the last bit of float64; the default of 20 is too early for that.
    return functional.softplus(x, threshold=40.0)


def log_sigmoid(x):
    return functional.logsigmoid(x)


def softmax(x, axis=-1):
    axes = _axes(axis, x.ndim)
    return torch.softmax(x, axes[0]) if axes and len(axes) == 1 else NotImplemented


def log_softmax(x, axis=-1):
    axes = _axes(axis, x.ndim)
    return torch.log_softmax(x, axes[0]) if axes and len(axes) == 1 else NotImplemented


# ---- normalization and attention


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    axes = _axes(axis, x.ndim)
    if (
        kwargs
        or epsilon is None
        or not axes
        or sorted(axes) != list(range(x.ndim - len(axes), x.ndim))
    ):
        return NotImplemented
    sizes = x.shape[x.ndim - len(axes) :]
    for weight in (gamma, beta):
        fits = (
            isinstance(weight, torch.Tensor) and weight.shape == sizes and weight.dtype == x.dtype
        )
        if weight is not None and not fits:
            return NotImplemented
    return functional.layer_norm(x, sizes, gamma, beta, epsilon)


def attention_general(
    query, key, value, bias=None, mask=None, scale=1.0, soft_cap=None, is_causal=False
):
    extras = [each for each in (bias, mask) if each is not None]
    if (
        soft_cap is not None
        or query.dtype not in _WIDE
        or not all(isinstance(each, torch.Tensor) for each in extras)
    ):
        return NotImplemented
    if query.shape[2] != key.shape[2]:
        groups = query.shape[2] // key.shape[2]
        key, value = (each.repeat_interleave(groups, dim=2) for each in (key, value))
    if is_causal and extras:
        causal = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device)
        causal = causal.tril()
        mask = causal if mask is None else mask & causal
        is_causal = False
    query, key, value = (each.transpose(1, 2) for each in (query, key, value))
    added = None if bias is None else bias.to(query.dtype)
    if mask is not None:
        # A row whose every place is masked averages all values: its scores are made equal. A large negative number in all
        # its places would do for the value, but its logarithm of the sum would lose the number of places.
        seen = mask.any(-1, keepdim=True)
        query = torch.where(seen, query, 0.0)
        open_places = (
            torch.where(seen, added, 0.0)
            if added is not None
            else torch.zeros((), dtype=query.dtype, device=query.device)
        )
        added = torch.where(mask | ~seen, open_places, -1e30)
    if added is not None:
        added = added.expand(*query.shape[:3], key.shape[2])
    return functional.scaled_dot_product_attention(
        query, key, value, added, is_causal=bool(is_causal), scale=scale
    ).transpose(1, 2)


# ---- convolution and pooling; channels stay last in memory, which PyTorch calls a memory format


def _to_first(x):
    return x.permute(0, x.ndim - 1, *range(1, x.ndim - 1))


def _to_last(x):
    return x.permute(0, *range(2, x.ndim), 1)


def _fits(x, windows, strides, dilation, padding):
    """Return whether at least one window fits along every axis, and none of several axes is beyond PyTorch."""
    if len(windows) > 3:
        return False
    spans = zip(x.shape[1:-1], windows, dilation, padding, strict=True)
    return all(size + sum(pair) >= (window - 1) * step + 1 for size, window, step, pair in spans)


def _pad(x, padding, value=0.0):
    """Pad where the two sides differ. Returns the tensor and the padding that is left, one number an axis."""
    if all(before == after for before, after in padding):
        return x, tuple(before for before, _ in padding)
    pairs = [0, 0, *(width for pair in reversed(padding) for width in pair)]
    return functional.pad(x, pairs, value=value), (0,) * len(padding)


def conv_general(x, kernel, strides, padding, dilation, groups):
    if not _fits(x, kernel.shape[:-2], strides, dilation, padding):
        return NotImplemented
    x, padding = _pad(x, padding)
    line = len(strides) == 1
    if line:
        x, kernel = x.unsqueeze(1), kernel.unsqueeze(0)
        strides, padding, dilation = (1, *strides), (0, *padding), (1, *dilation)
    spatial = len(strides)
    function = (functional.conv2d, functional.conv3d)[spatial - 2]
    weights = kernel.permute(spatial + 1, spatial, *range(spatial))
    out = _to_last(
        function(_to_first(x), weights, None, tuple(strides), padding, tuple(dilation), groups)
    )
    return out.squeeze(1) if line else out


def conv_transpose_general(x, kernel, strides, pairs, dilation):
    spatial = len(strides)
    if spatial > 3:
        return NotImplemented
    reaches = [
        (window - 1) * step for window, step in zip(kernel.shape[:-2], dilation, strict=True)
    ]
    cuts = [
        (reach - before, reach - after)
        for reach, (before, after) in zip(reaches, pairs, strict=True)
    ]
    sizes = [
        (size - 1) * stride + reach + 1
        for size, stride, reach in zip(x.shape[1:-1], strides, reaches, strict=True)
    ]
    if any(size - before - after < 1 for size, (before, after) in zip(sizes, cuts, strict=True)):
        return NotImplemented
    both = [max(min(pair), 0) for pair in cuts]
    function = (
        functional.conv_transpose1d,
        functional.conv_transpose2d,
        functional.conv_transpose3d,
    )[spatial - 1]
    weights = kernel.permute(spatial + 1, spatial, *range(spatial))
    out = function(_to_first(x), weights, None, tuple(strides), tuple(both), 0, 1, tuple(dilation))
    rest = [(same - before, same - after) for same, (before, after) in zip(both, cuts, strict=True)]
    if any(map(any, rest)):
        out = functional.pad(
            out, [width for pair in reversed(rest) for width in pair]
        )  # a negative width cuts
    return _to_last(out)


def max_pool_general(x, window, strides, padding):
    ones = (1,) * len(window)
    if not x.dtype.is_floating_point or not _fits(x, window, strides, ones, padding):
        return NotImplemented
    if any(2 * max(pair) > size for pair, size in zip(padding, window, strict=True)):
        return NotImplemented
    x, padding = _pad(x, padding, -math.inf)
    line = len(window) == 1
    if line:
        x, window, strides, padding = x.unsqueeze(1), (1, *window), (1, *strides), (0, *padding)
    function = (functional.max_pool2d, functional.max_pool3d)[len(window) - 2]
    out = _to_last(function(_to_first(x), tuple(window), tuple(strides), padding))
    return out.squeeze(1) if line else out


def average_pool_general(x, window, strides, padding):
    ones = (1,) * len(window)
    one_sided = any(
        before != after or 2 * before > size
        for (before, after), size in zip(padding, window, strict=True)
    )
    if one_sided or not _fits(x, window, strides, ones, padding):
        return NotImplemented
    if len(window) == 3 and x.dtype not in _WIDE:
        return NotImplemented
    padding = tuple(before for before, _ in padding)
    line = len(window) == 1
    if line:
        x, window, strides, padding = x.unsqueeze(1), (1, *window), (1, *strides), (0, *padding)
    function = (functional.avg_pool2d, functional.avg_pool3d)[len(window) - 2]
    out = _to_last(function(_to_first(x), tuple(window), tuple(strides), padding, False, False))
    return out.squeeze(1) if line else out
