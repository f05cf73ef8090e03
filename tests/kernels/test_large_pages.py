"""Large results lie in large pages where the system has them, and nothing else about them changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hornpipe.engine import jax_kernels

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)
SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
if not SETTING.exists() or "[never]" in SETTING.read_text(encoding="ascii"):
    pytest.skip("this system has no large pages", allow_module_level=True)

PROGRAM = """
import re, sys
import numpy as np, jax, hornpipe as keras

def large(array):
    start = array.unsafe_buffer_pointer()
    end, inside, found = start + array.nbytes, False, 0
    for line in open("/proc/self/smaps"):
        if borders := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(borders[1], 16) < end and int(borders[2], 16) > start
        elif inside and line.startswith("AnonHugePages"):
            found += int(line.split()[1]) * 1024
    return found

x = np.random.default_rng(0).standard_normal((32, 64, 64, 64), dtype="float32")
kernel = np.zeros((3, 3, 64, 1), "float32")
kernel[1, 1] = 2.0
run = jax.jit(lambda x: keras.ops.depthwise_conv(x, kernel, padding="same"))
assert "hornpipe_conv" in run.lower(x).as_text()
result = run(x)
assert (np.asarray(result) == 2.0 * x).all()
print(large(result) / result.nbytes)
"""


def run_program(*before: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*before, PROGRAM])],
        capture_output=True,
        text=True,
        env={**os.environ, "HORNPIPE_ENGINE": "jax"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_large_results_lie_in_large_pages():
    assert run_program() > 0.75  # all but the ends, which may share a page with another mapping


PR_SET_THP_DISABLE = 41


def test_a_process_without_large_pages_computes_the_same():
    forbid = f"import ctypes; assert ctypes.CDLL(None).prctl({PR_SET_THP_DISABLE}, 1, 0, 0, 0) == 0"
    assert run_program(forbid) == 0
