"""Indexing, gathering and scattering for the PyTorch engine: NumPy's rules, clipped indices, nothing in place."""

from __future__ import annotations

import numpy as np
import torch

from hornpipe.core.errors import message

_Tensor = torch.Tensor


def getitem(x, index):
    index = index if isinstance(index, tuple) else (index,)
    if not any(_is_special(each) for each in index):
        return x[index]
    used = sum(
        each.ndim if _is_mask(each) else 1 for each in index if each is not None and each is not ...
    )
    # NumPy counts integers next to arrays of indices among those; PyTorch does so only if they have an axis.
    widened = any(_rank(each) for each in index if _is_array(each))
    out, flips, axis, position = [], [], 0, 0
    for each in index:
        if each is None or each is ...:
            axis += x.ndim - used if each is ... else 0
            position += 1 if each is None else x.ndim - used
        elif isinstance(each, slice):
            if each.step is not None and each.step < 0:
                each = _forward(each, x.shape[axis])
                flips.append(axis)
            axis += 1
            position += 1
        else:
            if widened or _is_array(each):
                each = _gather_index(each, x.shape[axis], x.device)
                each = each.reshape(1) if widened and not each.ndim else each
            axis += each.ndim if _is_mask(each) else 1
        out.append(each)
    # A negative step is the flip of a forward slice; done first, while the axes are still those of `x`.
    return (torch.flip(x, flips) if flips else x)[tuple(out)]


def _is_special(index):
    return not (
        index is None
        or index is ...
        or isinstance(index, (int, np.integer))
        or (isinstance(index, slice) and (index.step is None or index.step > 0))
    )


def _is_array(index):
    return isinstance(index, (_Tensor, np.ndarray, list, tuple))


def _rank(index):
    return index.ndim if isinstance(index, _Tensor) else np.ndim(index)


def _is_mask(index):
    return isinstance(index, (_Tensor, np.ndarray)) and index.dtype in (torch.bool, np.bool_)


def _forward(index, size):
    """Return the slice that takes from the flipped axis what `index`, of negative step, takes from the axis."""
    start, stop, step = index.indices(size)
    return slice(size - 1 - start, max(size - 1 - stop, 0), -step)


def _gather_index(index, size, device):
    index = torch.as_tensor(index, device=device)
    return index if index.dtype == torch.bool else torch.clamp(index, -size, size - 1).long()


# ---- gather and scatter


def take(x, indices, *, axis):
    axis %= x.ndim
    rows = torch.clamp(indices, 0, x.shape[axis] - 1)
    if rows.ndim == 1:
        return x.index_select(axis, rows)
    return x.index_select(axis, rows.reshape(-1)).reshape(
        x.shape[:axis] + rows.shape + x.shape[axis + 1 :]
    )


def take_along_axis(x, indices, *, axis):
    axis %= x.ndim
    size = x.shape[axis]
    indices = torch.where(indices < 0, indices + size, indices)
    indices = torch.clamp(indices, 0, size - 1).long()
    shape = torch.broadcast_shapes(
        (*x.shape[:axis], 1, *x.shape[axis + 1 :]),
        (*indices.shape[:axis], 1, *indices.shape[axis + 1 :]),
    )
    before, after = shape[:axis], shape[axis + 1 :]
    indices = indices.expand(*before, indices.shape[axis], *after)
    return torch.gather(x.expand(*before, size, *after), axis, indices)


def scatter(x, indices, updates, *, mode="set"):
    indices = tuple(each.long() for each in (indices if isinstance(indices, tuple) else (indices,)))
    updates = (
        updates
        if isinstance(updates, _Tensor)
        else torch.as_tensor(updates, dtype=x.dtype, device=x.device)
    )
    if mode in ("set", "add"):
        return x.index_put(indices, updates, accumulate=mode == "add")
    indices = torch.broadcast_tensors(*indices)
    depth, rest = len(indices), x.shape[len(indices) :]
    flat = torch.zeros_like(indices[0])
    for index, size in zip(indices, x.shape[:depth], strict=True):
        flat = flat * size + torch.where(index < 0, index + size, index)
    updates = updates.expand(indices[0].shape + rest).reshape(-1, *rest)
    flat = flat.reshape((-1,) + (1,) * len(rest)).expand(updates.shape)
    rows = x.reshape(-1, *rest)
    return rows.scatter_reduce(0, flat, updates, {"max": "amax", "min": "amin"}[mode]).reshape(
        x.shape
    )


def _window(x, starts, sizes):
    """Return, for each axis, the int64 indices of a window that is moved to fit into `x`."""
    window = []
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        largest = x.shape[axis] - size
        if largest < 0:
            raise ValueError(
                message(
                    "dynamic_slice",
                    "a window must fit into the tensor",
                    f"{sizes} of {tuple(x.shape)}",
                )
            )
        if isinstance(start, _Tensor):
            start = torch.clamp(start, 0, largest)
        else:
            start = min(max(int(start), 0), largest)
        window.append(torch.arange(size, device=x.device) + start)
    return window


def dynamic_slice(x, starts, sizes):
    for axis, (indices, start, size) in enumerate(
        zip(_window(x, starts, sizes), starts, sizes, strict=True)
    ):
        if size != x.shape[axis]:
            fixed = not isinstance(start, _Tensor)
            first = min(max(int(start), 0), x.shape[axis] - size) if fixed else None
            x = x.narrow(axis, first, size) if fixed else x.index_select(axis, indices)
    return x


def dynamic_update(x, updates, starts):
    if not x.ndim:
        return updates.clone()
    window = _window(x, starts, updates.shape)
    if updates.shape[1:] == x.shape[1:]:
        return x.index_copy(0, window[0], updates)
    grid = [
        each.reshape([-1 if axis == other else 1 for other in range(x.ndim)])
        for axis, each in enumerate(window)
    ]
    return x.index_put(tuple(grid), updates)
