"""What happens where the compiled kernels are missing, switched off, foreign or damaged: a plain line, and the composed operations."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy.random
import pytest

from hornpipe.engine import jax_kernels
from hornpipe.kernels import build, library

ABI = jax_kernels.ABI
PROGRAM = """
import numpy as np, jax, hornpipe as keras
from hornpipe.engine import jax_kernels
x, kernel = np.ones((2, 5, 5, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
run = jax.jit(lambda x: keras.ops.conv(x, kernel))
print("hornpipe_conv" in run.lower(x).as_text(), float(run(x).sum()))
print(jax_kernels.status())
"""


def run(code=PROGRAM, arguments=("-c",), **environment):
    whole = {**os.environ, "HORNPIPE_ENGINE": "jax", **environment}
    return subprocess.run(
        [sys.executable, *arguments, *([code] if code else [])],
        capture_output=True,
        text=True,
        env=whole,
        check=False,
    )


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An object that is none, with a record that describes it, in a cache folder of its own."""
    monkeypatch.setenv("HORNPIPE_HOME", str(tmp_path))
    monkeypatch.delenv("HORNPIPE_KERNELS", raising=False)
    folder = library.folder(ABI)
    folder.mkdir(parents=True)
    data = b"not a shared object"
    (folder / library.OBJECT).write_bytes(data)
    record = {
        "abi": ABI,
        "source": library.source_checksum(),
        "object": hashlib.sha256(data).hexdigest(),
    }
    write(folder, record)
    return folder, record


def write(folder, record):
    (folder / library.RECORD).write_text(json.dumps(record), encoding="utf-8")


def refusal():
    with pytest.raises(library.UnusableError) as caught:
        library.load(ABI)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_switched_off(monkeypatch):
    monkeypatch.setenv("HORNPIPE_KERNELS", "0")
    assert refusal() == "switched off by HORNPIPE_KERNELS=0"


def test_not_built(tmp_path, monkeypatch):
    monkeypatch.setenv("HORNPIPE_HOME", str(tmp_path))
    monkeypatch.delenv("HORNPIPE_KERNELS", raising=False)
    assert refusal().endswith(f"{ABI} and this version of the source. {library.BUILD}")


def test_no_shared_object(installed):
    assert "can't be loaded" in refusal()


def test_damaged(installed):
    folder, _ = installed
    with (folder / library.OBJECT).open("ab") as file:
        file.write(b"!")
    assert "is damaged: its checksum is not the recorded one" in refusal()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"abi": 1}'])
def test_unreadable_record(installed, text):
    (installed[0] / library.RECORD).write_text(text, encoding="utf-8")
    assert "can't be read" in refusal()


def test_no_record(installed):
    (installed[0] / library.RECORD).unlink()
    assert "can't be read" in refusal()


def test_built_for_another_jax(installed):
    folder, record = installed
    write(folder, {**record, "abi": "jax-0.0.1"})
    assert f"was built for jax-0.0.1, not for {ABI}" in refusal()


def test_built_from_another_source(installed):
    folder, record = installed
    write(folder, {**record, "source": "0"})
    assert "another version of the source" in refusal()


def test_a_library_of_something_else(installed):
    folder, record = installed
    data = Path(numpy.random.mtrand.__file__).read_bytes()
    (folder / library.OBJECT).write_bytes(data)
    write(folder, {**record, "object": hashlib.sha256(data).hexdigest()})
    assert "can't be loaded" in refusal()


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("HORNPIPE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", str(tmp_path / "missing"))
    with pytest.raises(build.BuildError, match=r"needs a C\+\+17 compiler. Received: CXX="):
        jax_kernels.build()
    done = run("", ("-m", "hornpipe", "kernels", "--build"))
    assert done.returncode == 1
    assert "Install one" in done.stderr and "Traceback" not in done.stderr


def test_a_compiler_that_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("HORNPIPE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(build.BuildError, match="must accept the source"):
        jax_kernels.build()
    assert not (library.folder(ABI) / library.OBJECT).exists()


def test_unknown_processor(tmp_path, monkeypatch):
    monkeypatch.setenv("HORNPIPE_HOME", str(tmp_path))
    monkeypatch.setattr("platform.machine", lambda: "vax")
    with pytest.raises(build.BuildError, match=r"there is source for x86_64.* Received: vax"):
        jax_kernels.build()


@pytest.mark.parametrize("how", ["off", "foreign"])
def test_the_composed_operations_take_over(installed, how):
    done = run(HORNPIPE_KERNELS="0" if how == "off" else "1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "False 1944.0"
    assert lines[1].startswith("compiled kernels: not active: ")
    assert done.stderr == ""


def test_nothing_is_loaded_at_import():
    code = (
        "import sys, hornpipe; hornpipe.layers.Conv2D(2, 3); "
        "print([name for name in sys.modules if 'kernels' in name and 'hornpipe' in name])"
    )
    assert run(code).stdout.strip() == "[]"


@pytest.mark.skipif(not jax_kernels.active(), reason=jax_kernels.status())
def test_command_says_what_is_active():
    done = run("", ("-m", "hornpipe", "kernels"))
    assert done.stdout.startswith("compiled kernels: active, ")
    assert run().stdout.splitlines()[0] == "True 1944.0"


@pytest.mark.skipif(
    "avx512" not in jax_kernels.status(), reason="the processor has one kind of instructions"
)
def test_narrower_instructions_on_request():
    done = run(HORNPIPE_KERNELS="avx2")
    assert done.stdout.splitlines() == ["True 1944.0", "compiled kernels: active, avx2"]


def test_command_on_another_engine():
    pytest.importorskip("torch")
    done = run("", ("-m", "hornpipe", "kernels"), HORNPIPE_ENGINE="torch")
    assert done.stdout == "compiled kernels: not active: the engine 'torch' has its own\n"
