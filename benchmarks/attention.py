"""The sweep behind the choice of attention's path: `python -m benchmarks.attention [--rounds N] [--only TEXT] [--paths NAME ...]`.

Each row is timed in turn by every path, round after round, in one process: the compiled kernels ("native"), the composed operation
("composed") and PyTorch's `scaled_dot_product_attention`, whose arrays have the heads before the steps, which is its best layout. The
ratios are medians of PyTorch's time divided by ours in the same round, above 1 where we are faster.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from benchmarks import peak
from benchmarks.kernels import interleaved
from hornpipe.engine import jax_attention, jax_kernels, select
from hornpipe.ops.norm import attention_general as composed


class Row(NamedTuple):
    """Self-attention, or attention of `targets` steps over `steps` others; `padded` where a mask hides steps of each sample."""

    batch: int
    steps: int
    heads: int
    size: int
    causal: bool = False
    padded: bool = False
    targets: int = 0

    @property
    def name(self) -> str:
        steps = f"{self.targets} over {self.steps}" if self.targets else f"{self.steps}"
        more = (", causal" if self.causal else "") + (", padded" if self.padded else "")
        return f"batch {self.batch}, {steps} steps, {self.heads} heads of {self.size}{more}"


ROWS = [
    Row(128, 200, 2, 16),
    Row(128, 200, 2, 16, causal=True),
    Row(128, 200, 2, 16, padded=True),
    Row(8, 1024, 8, 64),
    Row(8, 1024, 8, 64, causal=True),
    Row(8, 1024, 8, 64, padded=True),
    Row(32, 512, 8, 32),
    Row(32, 128, 4, 32),
    Row(1, 2048, 12, 64, causal=True),
    Row(4, 256, 4, 128),
    Row(64, 49, 4, 32),
    Row(32, 16, 4, 16),
    Row(2, 8, 2, 8),
    Row(32, 512, 8, 64, targets=1),
    Row(32, 512, 8, 64, targets=4),
    Row(32, 512, 8, 64, targets=16),
]
PATHS = ("native", "composed")


def arrays(row: Row):
    """Return query, key, value, the output's gradient, and the mask or None."""
    rng = np.random.default_rng(0)
    targets = row.targets or row.steps
    lengths = targets, row.steps, row.steps, targets
    made = [
        rng.standard_normal((row.batch, length, row.heads, row.size), dtype="float32")
        for length in lengths
    ]
    mask = None
    if row.padded:
        lengths = rng.integers(row.steps // 2, row.steps + 1, (row.batch, 1, 1, 1))
        mask = np.arange(row.steps) < lengths
    return *made, mask


def jax_functions(path: str, row: Row, q, k, v, dout, mask):
    general = jax_attention.attention_general if path == "native" else composed.__wrapped__

    def attend(q, k, v, mask):
        return general(q, k, v, None, mask, row.size**-0.5, None, row.causal)

    def both(q, k, v, mask, dout):
        out, back = jax.vjp(lambda *qkv: attend(*qkv, mask), q, k, v)
        return out, back(dout)

    forward, both = jax.jit(attend), jax.jit(both)
    *given, dout = (jnp.asarray(x) for x in (q, k, v, dout))
    given.append(None if mask is None else jnp.asarray(mask))
    return (
        lambda: jax.block_until_ready(forward(*given)),
        lambda: jax.block_until_ready(both(*given, dout)),
    )


def torch_functions(row: Row, q, k, v, dout, mask):
    q, k, v, dout = (torch.from_numpy(x).transpose(1, 2).contiguous() for x in (q, k, v, dout))
    given = [x.clone().requires_grad_() for x in (q, k, v)]
    hidden = None if mask is None else torch.from_numpy(mask)

    def forward():
        with torch.no_grad():
            return scaled_dot_product_attention(q, k, v, hidden, is_causal=row.causal)

    def both():
        out = scaled_dot_product_attention(*given, hidden, is_causal=row.causal)
        return out, torch.autograd.grad(out, given, dout)

    return forward, both


def measure(row: Row, paths: list[str], rounds: int) -> list[str]:
    """Return the cells of one row: PyTorch's milliseconds, then each path's ratio to it, forward and with all gradients."""
    given = arrays(row)
    functions = {"torch": torch_functions(row, *given)}
    functions |= {path: jax_functions(path, row, *given) for path in paths}
    seconds = interleaved(functions, rounds)
    theirs = seconds["torch"]
    cells = [row.name, " / ".join(f"{1e3 * statistics.median(each):.2f}" for each in theirs)]
    for path in paths:
        ratios = [
            statistics.median(t / o for t, o in zip(*pair, strict=True))
            for pair in zip(theirs, seconds[path], strict=True)
        ]
        cells.append(" / ".join(f"{ratio:.2f}" for ratio in ratios))
    return cells


def main() -> None:
    """Print one table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="part of a row's name")
    parser.add_argument("--paths", nargs="+", choices=PATHS, default=list(PATHS))
    options = parser.parse_args()
    if "native" in options.paths and not jax_kernels.active():
        sys.exit(jax_kernels.status())
    with select.use(select.load("jax")):
        print(f"{jax_kernels.status()}; {torch.get_num_threads()} threads; {peak.measure()}\n")
        names = " | ".join(f"torch ÷ {path}" for path in options.paths)
        print(f"| forward / with all gradients | torch, ms | {names} |")
        print("| --- " * (2 + len(options.paths)) + "|")
        for row in ROWS:
            if options.only in row.name:
                print(f"| {' | '.join(measure(row, options.paths, options.rounds))} |")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
