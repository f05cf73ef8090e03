"""Masks travel beside tensors: a bool tensor `(batch, steps)` that says which steps count."""

from __future__ import annotations

import weakref

_masks: dict[int, tuple] = {}  # id of a tensor -> (weak reference, mask)


def set_mask(tensor, mask) -> None:
    """Remember `mask` for `tensor` as long as the tensor lives."""
    key = id(tensor)
    _masks[key] = (weakref.ref(tensor, lambda _: _masks.pop(key, None)), mask)


def get_mask(tensor):
    """Return the mask of `tensor`, or None."""
    entry = _masks.get(id(tensor)) if _masks else None
    return entry[1] if entry is not None and entry[0]() is tensor else None
