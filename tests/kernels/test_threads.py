"""The threads that the kernels borrow: they keep the processors that they are allowed, and one processor is enough."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hornpipe.engine import jax_kernels

if not jax_kernels.active():
    pytest.skip(jax_kernels.status(), allow_module_level=True)
if not hasattr(os, "sched_setaffinity"):
    pytest.skip("processors can't be chosen here", allow_module_level=True)

PROGRAM = """
import os, sys, time
allowed = set(sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
os.sched_setaffinity(0, allowed)
import numpy as np, jax, hornpipe as keras
x = np.random.default_rng(0).standard_normal((8, 32, 32, 32), dtype="float32")
kernel = np.ones((3, 3, 32, 1), "float32")
run = jax.jit(lambda x: keras.ops.depthwise_conv(x, kernel))
results = []
for _ in range(20):
    results.append(np.asarray(run(x)))
    time.sleep(0.002)  # the pool's threads fall asleep
assert all((each == results[0]).all() for each in results)
threads = [int(name) for name in os.listdir("/proc/self/task")]
assert all(os.sched_getaffinity(thread) == allowed for thread in threads)
print("hornpipe_conv" in run.lower(x).as_text(), float(abs(results[0]).sum()))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads can't be listed here")
def test_threads_keep_their_processors():
    printed = set()
    for processors in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(processors)],
            capture_output=True,
            text=True,
            env={**os.environ, "HORNPIPE_ENGINE": "jax"},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed.add(done.stdout)
    assert len(printed) == 1 and printed.pop().startswith("True")
