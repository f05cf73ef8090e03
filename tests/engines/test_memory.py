"""What a long compilation leaves in the C library goes back to the system."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
    pytest.skip("the C library is not glibc", allow_module_level=True)

PROGRAM = """
import ctypes, sys
from pathlib import Path
import jax.monitoring
from hornpipe.engine import select
select.load("jax")

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024

library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
blocks = [library.malloc(1000) for _ in range(100_000)]
for block in blocks:
    ctypes.memset(block, 1, 1000)
for block in blocks[:-1]:  # the last one keeps the others from being given back at once
    library.free(block)
full = resident()
jax.monitoring.record_event_duration_secs("/jax/core/compile/" + sys.argv[1], float(sys.argv[2]))
print(full - resident())
"""


@pytest.mark.parametrize(
    "event, seconds, given_back",
    [
        ("backend_compile_duration", 2.0, True),
        ("backend_compile_duration", 0.1, False),
        ("jaxpr_trace_duration", 2.0, False),
    ],
)
def test_memory_after_a_compilation(event, seconds, given_back):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, event, str(seconds)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    assert (int(done.stdout) > 50) == given_back  # megabytes, of 100
