"""Convolution and its gradients in NumPy float64, window place by window place: slow and obvious."""

from __future__ import annotations

import itertools

import jax
import numpy as np


class Case:
    """One sampled convolution: geometry and random operands in float64.

    Args:
        rng: NumPy generator.
        depthwise: bool. Whether each channel has a filter of its own.
        square: bool. Whether the window is 3 x 3, with a stride of 1 or 2 along both axes and no dilation.
        tiles: bool. Whether it suits Winograd's form: 3 x 3, stride 1, no groups, many outputs, from 16 channels and filters on.
        thin: bool. Whether there are several groups of at most 16 channels and filters each.
    """

    def __init__(self, rng, depthwise=False, square=False, tiles=False, thin=False):
        while True:
            self.groups = int(rng.choice([1, 1, 1, 2, 3]))
            own, made = (
                int(rng.choice([1, 2, 3, 5, 8, 16, 20, 33, 64])),
                int(rng.choice([1, 3, 8, 16, 17, 32, 40, 70])),
            )
            if depthwise:
                self.groups, own, made = own * made, 1, 1
            if thin:
                self.groups = int(rng.choice([2, 3, 4, 5, 8, 16, 35]))
                sizes = [1, 1, 2, 3, 4, 4, 8, 8, 7, 16, 12]
                own, made = (int(rng.choice(sizes)) for _ in range(2))
                if rng.random() < 0.3:
                    made = own
            self.batch = int(rng.integers(1, 6))
            self.sizes = [int(n) for n in rng.integers(1, 24, 2)]
            self.window = [int(n) for n in rng.integers(1, 6, 2)]
            self.strides = tuple(int(n) for n in rng.integers(1, 4, 2))
            self.dilation = tuple(int(n) for n in rng.choice([1, 1, 2, 3], 2))
            if square:
                self.window, self.dilation = [3, 3], (1, 1)
                self.strides = (int(rng.integers(1, 3)),) * 2
            if tiles:
                own, made = (
                    int(rng.choice([16, 17, 24, 36, 50, 64, 70, 150, 270])) for _ in range(2)
                )
                self.window, self.dilation, self.strides, self.groups = [3, 3], (1, 1), (1, 1), 1
                self.sizes = [int(n) for n in rng.integers(7, 24, 2)]
                self.batch = int(rng.integers(7, 10))
            self.padding = [tuple(int(n) for n in rng.integers(0, 4, 2)) for _ in range(2)]
            self.out = [
                (size + sum(pair) - (window - 1) * step - 1) // stride + 1
                for size, pair, window, step, stride in zip(
                    self.sizes, self.padding, self.window, self.dilation, self.strides, strict=True
                )
            ]
            if min(self.out) > 0:
                break
        self.x = rng.standard_normal((self.batch, *self.sizes, self.groups * own))
        self.kernel = rng.standard_normal((*self.window, own, self.groups * made))
        self.dy = rng.standard_normal((self.batch, *self.out, self.groups * made))

    def __repr__(self):
        names = "batch sizes window strides dilation padding groups".split()
        text = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"Case({text}, kernel {self.kernel.shape})"

    def results(self):
        """Return output, gradient by the image and gradient by the kernel."""
        return correlate(
            self.x, self.kernel, self.dy, self.strides, self.padding, self.dilation, self.groups
        )


def correlate(x, kernel, dy, strides, padding, dilation, groups):
    """Return y, dx and dkernel of a two-dimensional convolution."""
    padded = np.pad(x, [(0, 0), *padding, (0, 0)])
    y, dpadded, dkernel = np.zeros_like(dy), np.zeros_like(padded), np.zeros_like(kernel)
    own, made = kernel.shape[2], kernel.shape[3] // groups
    for place in itertools.product(*map(range, kernel.shape[:2])):
        index = tuple(
            slice(at * step, at * step + (size - 1) * stride + 1, stride)
            for at, step, size, stride in zip(place, dilation, dy.shape[1:3], strides, strict=True)
        )
        for group in range(groups):
            ins, outs = (
                slice(group * own, (group + 1) * own),
                slice(group * made, (group + 1) * made),
            )
            at, weights = (slice(None), *index, ins), kernel[place][:, outs]
            y[..., outs] += padded[at] @ weights
            dpadded[at] += dy[..., outs] @ weights.T
            dkernel[(*place, slice(None), outs)] = np.einsum(
                "nhwi,nhwo->io", padded[at], dy[..., outs]
            )
    inner = tuple(
        slice(pair[0], pair[0] + size) for pair, size in zip(padding, x.shape[1:3], strict=True)
    )
    return y, dpadded[(slice(None), *inner)], dkernel


def error(got, wanted):
    """Return the largest difference, relative to the largest element."""
    return np.abs(np.asarray(got, np.float64) - wanted).max() / max(np.abs(wanted).max(), 1e-30)


def same(got, wanted, rtol=2e-5):
    """Assert that two trees of arrays have equal shapes and nearly equal elements, measured by the largest one of each array."""
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(np.abs(b).max()))
