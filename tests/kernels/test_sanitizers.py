"""The C++ source under the address, undefined-behaviour and thread sanitizers, on memory of exactly the operands' size."""

from __future__ import annotations

import subprocess
from pathlib import Path

import jax
import pytest

from hornpipe.kernels import build, library

pytestmark = pytest.mark.slow


def run_driver(flags, variants, folder):
    """Compile the source and the driver with `flags`, run it, and return what it printed."""
    try:
        command = build.compiler()
    except build.BuildError as reason:
        pytest.skip(str(reason))
    flags = [*flags, "-std=c++17", "-ffp-contract=fast", "-pthread"]
    objects = build.compile_all([command, *flags], variants, jax.ffi.include_dir(), str(folder))
    program = str(folder / "driver")
    driver = str(Path(__file__).with_name("driver.cpp"))
    include = f"-I{library.SOURCE}"
    subprocess.run([command, *flags, include, driver, *objects, "-o", program], check=True)
    done = subprocess.run([program, "60"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_sanitizers_are_silent(sanitizers, tmp_path):
    flags = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-g", "-O1"]
    assert run_driver(flags, build.variants(), tmp_path).startswith("60 samples")


def test_source_for_any_processor(tmp_path):
    printed = run_driver(["-O2", "-DHORNPIPE_PORTABLE"], [()], tmp_path)
    assert printed == "60 samples, portable\n"
