"""The sweep behind the choice of convolution paths: `python -m benchmarks.kernels [--rounds N] [--only TEXT] [--paths NAME ...]`.

Each row is timed in turn by every path, round after round, in one process: the compiled kernels ("native"), the composed operation
("im2col"), XLA's own convolution ("xla") and PyTorch with channels-last memory. The ratios are medians of PyTorch's time divided by
ours in the same round, above 1 where we are faster. The first line says what this machine reaches at best (`benchmarks/peak.py`), and the
last column what the first path reaches and its share of that. Operations are counted as the plain sum has them: Winograd's form does
fewer, and its share may be above 100 %. Groups that the engine leaves to the composed operation go through the kernel here as well: the
rule is what is measured.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import statistics
import sys
import time
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import torch

from benchmarks import peak
from hornpipe.engine import jax_conv, jax_kernels, select
from hornpipe.ops.conv import conv_general as composed


class Row(NamedTuple):
    """A convolution of `frames` square images (0: of images alone); depthwise where `filters` is 0, with `multiplier` filters to a channel."""

    batch: int
    size: int
    channels: int
    filters: int
    window: int
    stride: int = 1
    same: bool = False
    groups: int = 1
    multiplier: int = 1
    frames: int = 0

    @property
    def rank(self) -> int:
        return 3 if self.frames else 2

    @property
    def shape(self) -> tuple:
        return (self.frames, self.size, self.size)[-self.rank :]

    @property
    def outs(self) -> tuple:
        return tuple(self.reach(size) for size in self.shape)

    def reach(self, size: int) -> int:
        return (size + 2 * self.pad - self.window) // self.stride + 1

    @property
    def pad(self) -> int:
        return self.window // 2 if self.same else 0

    @property
    def flops(self) -> int:
        work = self.channels * (self.filters or self.multiplier) // self.groups
        return 2 * self.batch * math.prod(self.outs) * work * self.window**self.rank

    @property
    def name(self) -> str:
        filters = f"→{self.filters}" if self.filters else " depthwise"
        more = (" SAME" if self.same else "") + (f" stride {self.stride}" * (self.stride > 1))
        more += f" groups {self.groups}" * (self.groups > 1)
        more += f" multiplier {self.multiplier}" * (self.multiplier > 1)
        size = f"{self.frames}·" * (self.frames > 0) + f"{self.size}²"
        window = "x".join([str(self.window)] * self.rank)
        return f"{size}·{self.channels}{filters} {window}{more}, batch {self.batch}"


ROWS = [
    Row(128, 26, 32, 64, 3),
    Row(128, 28, 1, 32, 3),
    Row(32, 56, 64, 64, 3, same=True),
    Row(32, 74, 32, 64, 3),
    Row(2, 112, 64, 128, 3, same=True),
    Row(32, 28, 128, 128, 1),
    Row(16, 224, 3, 64, 7, 2, True),
    Row(32, 14, 256, 256, 3, same=True),
    Row(32, 7, 512, 512, 3, same=True),
    Row(32, 28, 128, 128, 3, 2, True),
    Row(32, 56, 64, 64, 3, same=True, groups=4),
    Row(32, 56, 64, 64, 3, same=True, groups=8),
    Row(32, 56, 64, 64, 3, same=True, groups=16),
    Row(32, 56, 64, 64, 3, same=True, groups=32),
    Row(32, 28, 128, 0, 3, same=True),
    Row(32, 56, 64, 0, 3, same=True),
    Row(32, 56, 64, 0, 3, 2, True),
    Row(32, 56, 64, 0, 3, same=True, multiplier=2),
    Row(32, 28, 256, 256, 3, same=True, groups=32),
    Row(32, 14, 512, 512, 3, same=True, groups=32),
    Row(8, 28, 16, 32, 3, same=True, frames=16),
    Row(8, 8, 256, 256, 3, same=True, frames=8),
    Row(8, 32, 1, 16, 3, same=True, frames=32),
]
PATHS = ("native", "im2col", "xla")
_SETTLE_SECONDS, _MEAN_OVER_SECONDS = 0.05, 0.02
_MEMORY_BYTES = 2**30
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def jax_path(path: str, row: Row):
    """Return the convolution of one path as a function of image and kernel."""
    groups = row.groups if row.filters else row.channels
    pairs = [(row.pad, row.pad)] * row.rank
    options = ((row.stride,) * row.rank, pairs, (1,) * row.rank, groups)
    if path == "native":
        return lambda x, kernel: jax_conv.conv_general(x, kernel, *options)
    if path == "im2col":
        return lambda x, kernel: composed.__wrapped__(x, kernel, *options)
    axes = "DHW"[-row.rank :]
    names = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    return lambda x, kernel: jax.lax.conv_general_dilated(
        x,
        kernel,
        options[0],
        pairs,
        dimension_numbers=names,
        feature_group_count=groups,
    )


def contenders(row: Row, paths: list[str]):
    """Return for each path its two functions without arguments: forward, and forward with both gradients."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((row.batch, *row.shape, row.channels), dtype="float32")
    depth = row.channels // row.groups if row.filters else 1
    filters = row.filters or row.channels * row.multiplier
    kernel = rng.standard_normal((*(row.window,) * row.rank, depth, filters), dtype="float32")
    dy = rng.standard_normal((row.batch, *row.outs, filters), dtype="float32")
    found = {"torch": torch_functions(row, x, kernel, dy)}
    on_device = jnp.asarray(x), jnp.asarray(kernel), jnp.asarray(dy)
    for path in paths:
        function = jax_path(path, row)

        def both(x, kernel, dy, function=function):
            y, back = jax.vjp(function, x, kernel)
            return y, back(dy)

        forward, both = jax.jit(function), jax.jit(both)
        found[path] = (
            lambda forward=forward: jax.block_until_ready(forward(*on_device[:2])),
            lambda both=both: jax.block_until_ready(both(*on_device)),
        )
    return found


def torch_functions(row, x, kernel, dy):
    images, gradients = (
        torch.from_numpy(np.moveaxis(array, -1, 1)).clone() for array in (x, dy)
    )  # NHWC memory is channels-last; a copy, as JAX makes one
    weights = torch.from_numpy(np.moveaxis(kernel, (-1, -2), (0, 1)).copy())
    last = torch.channels_last_3d if row.frames else torch.channels_last
    weights = weights.contiguous(memory_format=last)
    groups = row.groups if row.filters else row.channels
    rest = ((row.stride,) * row.rank, (row.pad,) * row.rank, (1,) * row.rank)

    def forward():
        return torch.convolution(images, weights, None, *rest, False, (0,) * row.rank, groups)

    def both():
        forward()
        return torch.ops.aten.convolution_backward(
            gradients,
            images,
            weights,
            None,
            *rest,
            False,
            (0,) * row.rank,
            groups,
            (True, True, False),
        )

    return forward, both


def prepare_memory() -> None:
    """Give the process memory that all contenders then share: otherwise now the one, now the other pays for fresh pages.

    The C library keeps what is freed, in one arena for all threads. Called before any thread runs.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):  # glibc's
        return
    library.mallopt(_M_ARENA_MAX, 1)
    library.mallopt(_M_MMAP_MAX, 0)
    library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    np.ones(_MEMORY_BYTES, "uint8")  # written, in large pages, and freed


def interleaved(functions: dict, rounds: int) -> dict:
    """Return seconds of each name's functions, a list of rounds each; the order is turned round every time.

    Each turn begins when the threads of the one before sleep (PyTorch's look for work for some milliseconds, on a core of their own).
    """
    seconds = {name: [[] for _ in pair] for name, pair in functions.items()}
    for number in range(rounds):
        for name in list(functions)[:: 1 if number % 2 else -1]:
            time.sleep(_SETTLE_SECONDS)
            for which, function in enumerate(functions[name]):
                # Once uncounted: after a pause, a virtual machine finds its memory slowly.
                mean_seconds(function)
                seconds[name][which].append(mean_seconds(function))
    return seconds


def mean_seconds(function) -> float:
    """Return seconds of a call, the mean of so many that together take `_MEAN_OVER_SECONDS`, or of one that takes longer."""
    calls, start = 0, time.perf_counter()
    while True:
        function()
        calls += 1
        seconds = time.perf_counter() - start
        if seconds > _MEAN_OVER_SECONDS:
            return seconds / calls


def measure(row: Row, paths: list[str], rounds: int, best: peak.Peak) -> list[str]:
    """Return the cells of one row: PyTorch's milliseconds, then each path's ratio to it, forward and with both gradients."""
    seconds = interleaved(contenders(row, paths), rounds)
    theirs = seconds["torch"]
    median = [statistics.median(each) for each in theirs]
    cells = [row.name, " / ".join(f"{1e3 * value:.1f}" for value in median)]
    for path in paths:
        ratios = [
            statistics.median(t / o for t, o in zip(*pair, strict=True))
            for pair in zip(theirs, seconds[path], strict=True)
        ]
        cells.append(" / ".join(f"{ratio:.2f}" for ratio in ratios))
    ours = [statistics.median(each) for each in seconds[paths[0]]]
    return [*cells, " / ".join(reached(row, ours, best))]


def reached(row: Row, seconds: list[float], best: peak.Peak) -> list[str]:
    """Return operations or bytes per second, with their share of the machine's best: forward, and with both gradients."""
    unit, most = ("GFLOP/s", best.flops) if row.filters else ("GB/s", best.bandwidth)
    work = [float(row.flops), 3.0 * row.flops]
    if not row.filters:
        images = row.batch * row.channels * 4.0
        x, y = images * math.prod(row.shape), images * math.prod(row.outs) * row.multiplier
        # The least that must be moved: forward x and y; backward dy, x and dx.
        work = [x + y, 3 * x + 2 * y]
    rates = [amount / second for amount, second in zip(work, seconds, strict=True)]
    return [f"{rate / 1e9:.0f} {unit} ({rate / most:.0%})" for rate in rates]


prepare_memory()


def main() -> None:
    """Print one table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="part of a row's name")
    parser.add_argument("--paths", nargs="+", choices=PATHS, default=list(PATHS))
    options = parser.parse_args()
    if "native" in options.paths and not jax_kernels.active():
        sys.exit(jax_kernels.status())
    every_group = mock.patch.object(jax_conv, "_pays", return_value=True)
    with select.use(select.load("jax")), every_group:
        best = peak.measure()
        print(f"{jax_kernels.status()}; {torch.get_num_threads()} threads; {best}\n")
        names = " | ".join(f"torch ÷ {path}" for path in options.paths)
        print(
            f"| forward / with both gradients | torch, ms | {names} | {options.paths[0]} reaches |"
        )
        print("| --- " * (3 + len(options.paths)) + "|")
        for row in ROWS:
            if options.only in row.name:
                print(f"| {' | '.join(measure(row, options.paths, options.rounds, best))} |")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
