"""Arrays that kernels meet again and again move into large pages, and nothing else about them changes."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hornpipe.engine import jax_kernels

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)

LARGE, COLLAPSE = 2 << 20, 25  # bytes of a large page; the advice that moves memory into them, from Linux 6.1 on


def moves_memory() -> bool:
    """Whether this system has large pages and moves memory that was written before into them."""
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not setting.exists() or "[never]" in setting.read_text(encoding="ascii"):
        return False
    memory = mmap.mmap(-1, 4 * LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(bytes(len(memory)))
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.madvise(ctypes.c_void_p(-(-start // LARGE) * LARGE), ctypes.c_size_t(LARGE), COLLAPSE) == 0


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
on_device, kernel = jax.numpy.asarray(x), np.ones((3, 3, 64, 1), "float32")
run = jax.jit(lambda x: keras.ops.depthwise_conv(x, kernel))
assert "hornpipe_conv" in run.lower(on_device).as_text()
first = run(on_device)
for _ in range(9):
    assert (np.asarray(run(on_device)) == np.asarray(first)).all()
assert (np.asarray(on_device) == x).all()
print(large(on_device) / on_device.nbytes)
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


@pytest.mark.skipif(not moves_memory(), reason="this system does not move memory into large pages")
def test_arrays_that_are_met_often_lie_in_large_pages():
    assert run_program() > 0.75  # all but the ends, which may share a page with another mapping


PR_SET_THP_DISABLE = 41


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of Linux")
def test_a_process_without_large_pages_computes_the_same():
    forbid = f"import ctypes; assert ctypes.CDLL(None).prctl({PR_SET_THP_DISABLE}, 1, 0, 0, 0) == 0"
    assert run_program(forbid) == 0
