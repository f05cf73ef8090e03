"""The C++ source on memory of exactly the operands' size: under the address, undefined-behaviour and thread sanitizers, by another
compiler, and for ARM under an emulator, where these are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

from hornpipe.kernels import build, library

pytestmark = pytest.mark.slow


def run_driver(flags, variants, folder, command=None, emulator=(), samples=60):
    """Compile the source and the driver with `flags`, run it, and return what it printed; its results are in folder / "results"."""
    try:
        command = command or build.compiler()
    except build.BuildError as reason:
        pytest.skip(str(reason))
    folder.mkdir(exist_ok=True)
    flags = [*flags, "-std=c++17", "-ffp-contract=fast", "-pthread"]
    objects = build.compile_all([command, *flags], variants, jax.ffi.include_dir(), str(folder))
    program = str(folder / "driver")
    driver = str(Path(__file__).with_name("driver.cpp"))
    include = f"-I{library.SOURCE}"
    subprocess.run([command, *flags, include, driver, *objects, "-o", program], check=True)
    run = [*emulator, program, str(samples), str(folder / "results")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def results(folder):
    """Return the arrays that the driver wrote."""
    data, at, found = (folder / "results").read_bytes(), 0, []
    while at < len(data):
        count = int.from_bytes(data[at : at + 8], "little")
        found.append(np.frombuffer(data, np.float32, count, at + 8))
        at += 8 + 4 * count
    return found


def check_same_results(folder, other):
    for number, (got, wanted) in enumerate(zip(results(folder), results(other), strict=True)):
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(got[~finite], wanted[~finite])
        got, wanted = got[finite], wanted[finite]
        if wanted.size:
            worst = np.abs(got - wanted).max() / max(np.abs(wanted).max(), 1e-30)
            assert worst <= 1e-5, (number, worst)  # both are off from the truth


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_sanitizers_are_silent(sanitizers, tmp_path):
    flags = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-g", "-O1"]
    assert run_driver(flags, build.variants(), tmp_path).startswith("60 samples")


def test_source_for_any_processor(tmp_path):
    printed = run_driver(["-O2", "-DHORNPIPE_PORTABLE"], [()], tmp_path)
    assert printed == "60 samples, portable\n"


def test_another_compiler(tmp_path):
    if not (clang := shutil.which("clang++")):
        pytest.skip("needs clang++")
    run_driver(["-O2"], build.variants(), tmp_path / "usual", samples=20)
    run_driver(["-O2"], build.variants(), tmp_path / "clang", clang, samples=20)
    check_same_results(tmp_path / "clang", tmp_path / "usual")


def test_arm(tmp_path):
    compiler, emulator = (shutil.which(name) for name in ("aarch64-linux-gnu-g++", "qemu-aarch64"))
    if not (compiler and emulator):
        pytest.skip("needs aarch64-linux-gnu-g++ and qemu-aarch64")
    run_driver(["-O2", "-DHORNPIPE_PORTABLE"], [()], tmp_path / "here", samples=20)
    emulator = (emulator, "-L", "/usr/aarch64-linux-gnu")
    printed = run_driver(
        ["-O2"], build.VARIANTS["aarch64"], tmp_path / "arm", compiler, emulator, 20
    )
    assert printed == "20 samples, portable\n"
    check_same_results(tmp_path / "arm", tmp_path / "here")
