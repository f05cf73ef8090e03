"""Recurrent layers by every path: `python -m benchmarks.recurrent [--rounds N] [--only TEXT] [--paths NAME ...]`.

Each row is timed in turn by every path, round after round, in one process: the compiled kernels ("native"), the composed operation with
its gradient written by hand ("composed"), the same steps in `jax.lax.scan` with XLA's gradient ("scan"), and PyTorch. The ratios are
medians of PyTorch's time divided by ours in the same round, above 1 where we are faster.
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

from benchmarks.kernels import interleaved
from hornpipe import ops
from hornpipe.engine import jax_kernels, jax_recurrent, select

PATHS = ("native", "composed", "scan")


class Row(NamedTuple):
    """A layer whose last output alone is wanted."""

    kind: str
    batch: int
    steps: int
    features: int
    units: int

    @property
    def gates(self) -> int:
        return {"lstm": 4, "gru": 3}[self.kind]

    @property
    def name(self) -> str:
        sizes = f"{self.features}→{self.units}, {self.steps} steps, batch {self.batch}"
        return f"{self.kind.upper()} {sizes}"


ROWS = [
    Row(kind, *sizes)
    for sizes in (
        (128, 200, 32, 32),
        (256, 100, 16, 64),
        (32, 100, 64, 128),
        (64, 50, 256, 256),
        (32, 30, 512, 512),
        (128, 30, 512, 512),
        (1, 200, 32, 32),
    )
    for kind in ("lstm", "gru")
]


def arrays(row: Row) -> list:
    rng = np.random.default_rng(0)
    width = row.gates * row.units
    state = (row.batch, row.units)
    shapes = [(row.batch, row.steps, row.features), (row.features, width), (row.units, width)]
    shapes += [(width,), state, state] if row.kind == "lstm" else [(width,), (width,), state]
    made = [
        rng.standard_normal(shape) / max(1, shape[0] if i else 1) ** 0.5
        for i, shape in enumerate(shapes)
    ]
    return [jnp.asarray(each, "float32") for each in made]


def jax_path(path: str, row: Row):
    """Return the last output of one path as a function of the arrays."""
    name = f"{row.kind}_general"
    if path == "native":
        return lambda *given: getattr(jax_recurrent, name)(*given)[1]
    if path == "composed":
        return lambda *given: getattr(ops, name).__wrapped__(*given)[1]

    def scan(x, kernel, recurrent, bias, *rest):
        unmasked = jnp.zeros((0, 0), bool)
        rest = (jnp.zeros(0), *rest) if row.kind == "lstm" else (*rest, jnp.zeros((0, 0)))
        given = x, kernel, recurrent, bias, *rest, unmasked
        return jax_recurrent.portable(*given, gates=row.gates, backwards=False)[1]

    return scan


def contenders(row: Row, paths: list[str]):
    """Return for each path its two functions without arguments: forward, and forward with all gradients."""
    given = arrays(row)
    places = tuple(range(len(given)))
    found = {"torch": torch_functions(row, given[0])}
    for path in paths:
        function = jax_path(path, row)
        gradients = jax.grad(lambda *a, f=function: jnp.sum(jnp.sin(f(*a))), places)
        found[path] = tuple(timed(jax.jit(each), given) for each in (function, gradients))
    return found


def timed(function, given):
    return lambda: jax.block_until_ready(function(*given))


def torch_functions(row, x):
    layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[row.kind]
    layer = layer(row.features, row.units, batch_first=True)
    inputs = torch.from_numpy(np.array(x)).requires_grad_()

    def forward():
        with torch.no_grad():
            layer(inputs)

    def both():
        layer.zero_grad()
        inputs.grad = None
        layer(inputs)[0][:, -1].sin().sum().backward()

    return forward, both


def measure(row: Row, paths: list[str], rounds: int) -> list[str]:
    """Return the cells of one row: PyTorch's milliseconds, each path's ratio to it, the first path's milliseconds."""
    seconds = interleaved(contenders(row, paths), rounds)
    median = [[1e3 * statistics.median(each) for each in pair] for pair in seconds.values()]
    texts = [" / ".join(f"{value:.1f}" for value in pair) for pair in median]
    cells = [row.name, texts[0]]
    for path in paths:
        ratios = [
            statistics.median(t / o for t, o in zip(*pair, strict=True))
            for pair in zip(seconds["torch"], seconds[path], strict=True)
        ]
        cells.append(" / ".join(f"{ratio:.2f}" for ratio in ratios))
    return [*cells, texts[1]]


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
        names = " | ".join(f"torch ÷ {path}" for path in options.paths)
        print(f"| forward / with all gradients | torch, ms | {names} | {options.paths[0]}, ms |")
        print("| --- " * (3 + len(options.paths)) + "|")
        for row in ROWS:
            if options.only in row.name:
                print(f"| {' | '.join(measure(row, options.paths, options.rounds))} |")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
