"""Attention and its gradients in NumPy float64, with every score stored: slow and obvious."""

from __future__ import annotations

import numpy as np


class AttentionCase:
    """One sampled attention: sizes, mask, causality and random operands in float64.

    Args:
        rng: NumPy generator.
        sizes: dict of attributes that are not sampled.
    """

    def __init__(self, rng, **sizes):
        self.batch, self.groups, self.key_heads = (int(n) for n in rng.integers(1, 4, 3))
        self.targets, self.sources = (
            int(rng.choice([1, 2, 7, 12, 33, 48, 50, 97, 130, 300])) for _ in range(2)
        )
        self.size, self.value_size = (
            int(rng.choice([1, 3, 8, 16, 17, 24, 40, 64, 70])) for _ in range(2)
        )
        self.causal = bool(rng.integers(2))
        self.scale = float(rng.choice([1, 1, -0.5]) * self.size**-0.5)
        self.masked = bool(rng.integers(2))
        vars(self).update(sizes)
        self.heads = self.groups * self.key_heads
        self.q = rng.standard_normal((self.batch, self.targets, self.heads, self.size))
        self.k = rng.standard_normal((self.batch, self.sources, self.key_heads, self.size))
        self.v = rng.standard_normal((self.batch, self.sources, self.key_heads, self.value_size))
        self.dout = rng.standard_normal((self.batch, self.targets, self.heads, self.value_size))
        full = (self.batch, self.heads, self.targets, self.sources)
        shape = tuple(size if rng.integers(2) else 1 for size in full)
        self.mask = rng.random(shape) < rng.choice([0.1, 0.5, 0.9]) if self.masked else None

    def __repr__(self):
        names = "batch targets sources heads key_heads size value_size causal scale".split()
        text = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"AttentionCase({text}, mask={None if self.mask is None else self.mask.shape})"

    def results(self):
        """Return the output and the gradients by query, key and value, and what cancels in the gradients by query and key."""
        k, v = (np.repeat(x, self.groups, axis=2) for x in (self.k, self.v))
        scores = np.einsum("bthd,bshd->bhts", self.q, k) * self.scale
        allowed = np.ones(scores.shape, bool) if self.mask is None else self.mask & True
        if self.causal:
            allowed = allowed & np.tri(self.targets, self.sources, dtype=bool)
        scores = np.where(allowed, scores, -1e30)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        out = np.einsum("bhts,bshe->bthe", weights, v)
        dweights = np.einsum("bthe,bshe->bhts", self.dout, v)
        dscores = weights * (dweights - (weights * dweights).sum(-1, keepdims=True))
        dscores = np.where(allowed, dscores, 0) * self.scale
        dq = np.einsum("bhts,bshd->bthd", dscores, k)
        dk = np.einsum("bhts,bthd->bshd", dscores, self.q)
        dv = np.einsum("bhts,bthe->bshe", weights, self.dout)
        shape = (self.batch, self.sources, self.key_heads, self.groups, -1)
        parts = np.abs(weights * dweights * self.scale)
        cancels = (
            np.einsum("bhts,bshd->bthd", parts, np.abs(k)).max(),
            np.einsum("bhts,bthd->bshd", parts, np.abs(self.q)).max(),
        )
        return (out, dq, dk.reshape(shape).sum(3), dv.reshape(shape).sum(3)), cancels

    def errors(self, got, cancelling=False):
        """Return the largest difference of each array, relative to its largest element (or, where all vanish, to what cancels).

        If `cancelling`, gradients of queries and keys are relative to at least a quarter of what cancels in them.
        """
        arrays, (by_query, by_key) = self.results()
        sizes = [np.abs(wanted).max() for wanted in arrays]
        if cancelling:
            sizes[1:3] = max(sizes[1], by_query / 4), max(sizes[2], by_key / 4)
        elif sizes[1] <= 1e-9:
            sizes[1:3] = by_query, by_key
        return [
            np.abs(mine.astype(np.float64) - wanted).max() / (size or 1)
            for mine, wanted, size in zip(got, arrays, sizes, strict=True)
        ]
