"""What products of matrices cost, and steps of training with them: `python -m benchmarks.products [--rounds N] [--only TEXT]`.

Each row is timed in turn, round after round, in one process: the compiled kernels ("native"), XLA's product ("xla"), XLA's with the
matrix transposed ("slim"), and PyTorch. First a call of the product alone, which includes JAX's own 0.1 ms, then STEPS steps in one
program, as `fit` runs them: the product, both its gradients, and a small change of the matrix and of the gradient that comes in. The
ratios are medians of PyTorch's time divided by ours in the same round, above 1 where we are faster. The rules in `hornpipe.engine.jax`
and `hornpipe.engine.jax_matmul` that choose between the three follow from the steps; the last column is what they choose.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import jax
import jax.numpy as jnp
import numpy as np
import torch

from benchmarks.kernels import interleaved
from hornpipe.engine import jax as engine
from hornpipe.engine import jax_kernels, jax_matmul

SIZES = [  # rows, inner, columns
    (32, 784, 128),
    (128, 784, 512),
    (128, 512, 512),
    (128, 9216, 128),
    (256, 1024, 1024),
    (1024, 1024, 1024),
    (4096, 512, 2048),
    (4096, 2048, 512),
    (25600, 64, 64),
    (6400, 32, 128),
    (32, 4096, 1000),
    (1, 1024, 1024),
    (128, 784, 10),
    (128, 10000, 16),
    (512, 10000, 16),
    (512, 10000, 1),
]
PATHS = ("native", "xla", "slim")
STEPS = 10


def _slim(x, w):
    return jnp.matmul(x, jax.lax.optimization_barrier(w.T).T)


PRODUCTS = {"native": jax_matmul.multiply, "xla": jnp.matmul, "slim": _slim}


def contenders(size):
    """Return for each name its two functions without arguments: the product, and STEPS steps of training."""
    rows, inner, columns = size
    draw = np.random.default_rng(0).standard_normal
    shapes = ((rows, inner), (inner, columns), (rows, columns))
    arrays = [draw(shape, dtype="float32") for shape in shapes]
    x, w, gradient = map(torch.from_numpy, arrays)

    def torch_steps():
        matrix, above = w, gradient
        for _ in range(STEPS):
            y, dx, dw = x @ matrix, above @ matrix.T, x.T @ above
            matrix, above = matrix - 1e-6 * dw, above + (1e-6 * y + 1e-9 * dx.sum())
        return matrix, above

    found = {"torch": (lambda: x @ w, torch_steps)}
    on_device = [jnp.asarray(array) for array in arrays]
    for name, product in PRODUCTS.items():

        def steps(x, w, gradient, product=product):
            def step(_, carry):
                matrix, above = carry
                y, back = jax.vjp(product, x, matrix)
                dx, dw = back(above)
                return matrix - 1e-6 * dw, above + (1e-6 * y + 1e-9 * dx.sum())

            return jax.lax.fori_loop(0, STEPS, step, (w, gradient))

        forward, steps = jax.jit(product), jax.jit(steps)
        found[name] = (
            lambda forward=forward: jax.block_until_ready(forward(*on_device[:2])),
            lambda steps=steps: jax.block_until_ready(steps(*on_device)),
        )
    return found


def chosen(size) -> str:
    """Return the path that the engine takes."""
    rows, inner, columns = size
    x, w = jnp.zeros((rows, inner)), jnp.zeros((inner, columns))
    if jax_matmul.matmul(x, w) is not NotImplemented:
        return "native"
    return "slim" if engine.is_slim(x, w) else "xla"


def main() -> None:
    """Print one table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="part of a row's name")
    options = parser.parse_args()
    if not jax_kernels.active():
        sys.exit(jax_kernels.status())
    print(f"{jax_kernels.status()}; {torch.get_num_threads()} threads\n")
    names = " | ".join(f"torch ÷ {path}" for path in PATHS)
    print(f"| product / step | torch, ms | {names} | chosen |")
    print("| --- " * (3 + len(PATHS)) + "|")
    for size in SIZES:
        name = " x ".join(map(str, size))
        if options.only not in name:
            continue
        seconds = interleaved(contenders(size), options.rounds)
        theirs = seconds["torch"]
        product, steps = (1e3 * statistics.median(each) for each in theirs)
        cells = [name, f"{product:.2f} / {steps / STEPS:.2f}"]
        for path in PATHS:
            pairs = zip(theirs, seconds[path], strict=True)
            ratios = [
                statistics.median(t / o for t, o in zip(*pair, strict=True)) for pair in pairs
            ]
            cells.append(" / ".join(f"{ratio:.2f}" for ratio in ratios))
        print(f"| {' | '.join(cells)} | {chosen(size)} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
