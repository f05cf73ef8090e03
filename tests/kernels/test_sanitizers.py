"""The C++ source under the address, undefined-behaviour and thread sanitizers, on memory of exactly the operands' size."""

from __future__ import annotations

import subprocess
from pathlib import Path

import jax
import pytest

from hornpipe.kernels import build, library

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_clean(sanitizers, tmp_path):
    try:
        command = build.compiler()
    except build.BuildError as reason:
        pytest.skip(str(reason))
    flags = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-g", "-O1", "-std=c++17"]
    flags += ["-ffp-contract=fast", "-pthread", "-isystem", jax.ffi.include_dir()]
    objects = []
    for number, variant in enumerate(build.variants()):
        objects.append(str(tmp_path / f"conv{number}.o"))
        source = str(library.SOURCE / "conv.cpp")
        subprocess.run([command, *flags, *variant, "-c", source, "-o", objects[-1]], check=True)
    program = str(tmp_path / "driver")
    sources = [str(library.SOURCE / "ffi.cpp"), str(Path(__file__).with_name("driver.cpp"))]
    include = f"-I{library.SOURCE}"
    subprocess.run([command, *flags, include, *sources, *objects, "-o", program], check=True)
    done = subprocess.run([program, "60"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("60 samples") and done.stderr == ""
