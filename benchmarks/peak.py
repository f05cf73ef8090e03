"""What this machine reaches at best: multiply-adds in registers on all cores, and a large copy. The shares that the tables of kernels
report are shares of these.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch

from hornpipe.kernels import build


class Peak(NamedTuple):
    """Floating-point operations and copied bytes, read and written, per second."""

    flops: float
    bandwidth: float

    def __str__(self):
        return f"multiply-adds {self.flops / 1e9:.0f} GFLOP/s, copy {self.bandwidth / 1e9:.1f} GB/s"


def measure(rounds: int = 7) -> Peak:
    """Return the best of `rounds`, with as many threads as PyTorch takes."""
    with tempfile.TemporaryDirectory() as folder:
        library = os.path.join(folder, "peak.so")
        source = str(Path(__file__).with_suffix(".cpp"))
        flags = ["-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
        subprocess.run([build.compiler(), *flags, source, "-o", library], check=True)
        run = ctypes.CDLL(library).multiply_adds
        run.restype = ctypes.c_int64
        return Peak(max(_multiply_adds(run) for _ in range(rounds)), _copy(rounds))


def _multiply_adds(run) -> float:
    """Return operations per second of all threads together."""

    def one(_) -> int:
        return run(ctypes.c_int64(3_000_000), (ctypes.c_float * 2)(0.5, 1.0))

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        done = sum(pool.map(one, range(threads)))
        return done / (time.perf_counter() - start)


def _copy(rounds: int) -> float:
    to = torch.empty(64 * 2**20)
    source, seconds = torch.ones_like(to), []
    for _ in range(rounds):
        start = time.perf_counter()
        to.copy_(source)
        seconds.append(time.perf_counter() - start)
    return 8.0 * to.numel() / min(seconds)
