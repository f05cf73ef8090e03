"""What a wide layer of few units costs: the product and its gradient by the kernel, as the engine writes them and as plain `jax.numpy`.

`python -m benchmarks.products [--rounds N]` prints a table: milliseconds, medians, and the median of the ratios within a round. The rule
in `hornpipe.engine.jax` that chooses between the two follows from it.
"""

from __future__ import annotations

import argparse
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

from hornpipe.engine import jax as engine

_SIZES = [
    (rows, inner, columns)
    for rows in (32, 128, 512)
    for inner in (64, 512, 4096, 10000)
    for columns in (1, 2, 10, 16, 32)
]


def _both(product):
    def run(x, w, gradient):
        y, back = jax.vjp(lambda w: product(x, w), w)
        return y, back(gradient)[0]

    return jax.jit(run)


def _slim(x, w):
    return jnp.matmul(x, jax.lax.optimization_barrier(w.T).T)


def _milliseconds(run, *args):
    start = time.perf_counter()
    jax.block_until_ready(run(*args))
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Time both forms at every size, in turn."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.products", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    draw = np.random.default_rng(0).standard_normal
    print("| rows x inner x columns | plain, ms | transposed, ms | transposed / plain | chosen |")
    print("| --- | ---: | ---: | ---: | --- |")
    for rows, inner, columns in _SIZES:
        shapes = ((rows, inner), (inner, columns), (rows, columns))
        args = [jnp.asarray(draw(shape, dtype="float32")) for shape in shapes]
        forms = [_both(jnp.matmul), _both(_slim)]
        for form in forms:
            jax.block_until_ready(form(*args))
        times = [[_milliseconds(form, *args) for form in forms] for _ in range(rounds)]
        plain, slim = (statistics.median(pair[i] for pair in times) for i in (0, 1))
        ratio = statistics.median(b / a for a, b in times)
        chosen = "transposed" if engine.is_slim(*args[:2]) else "plain"
        print(
            f"| {rows} x {inner} x {columns} | {plain:.3f} | {slim:.3f} | {ratio:.2f} | {chosen} |"
        )


if __name__ == "__main__":
    main()
