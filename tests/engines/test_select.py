"""The choice of an engine: environment, configuration file, default, and what is said when it fails. In processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hornpipe
from hornpipe.engine import active, current, select, shapes, use

ROOT = Path(hornpipe.__file__).parents[1]


def child(code, home, **environment):
    """Run code in a new process; returns (what it printed, its last line of errors)."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("HORNPIPE_ENGINE", "KERAS_BACKEND")
    }
    kept |= {"HORNPIPE_HOME": str(home), "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    kept |= {key: value for key, value in environment.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept, capture_output=True, text=True, timeout=120
    )
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    return done.stdout.strip(), lines[-1] if lines else ""


NAME = "from hornpipe.engine import select; print(select.chosen_name())"
LOAD = "from hornpipe.engine import active; print(active.engine.name)"


def configure(home, entries):
    (home / "config.json").write_text(entries if isinstance(entries, str) else json.dumps(entries))


@pytest.mark.parametrize(
    ("environment", "backend", "expected"),
    [
        ({}, None, "jax"),
        ({}, "torch", "torch"),
        ({"KERAS_BACKEND": "torch"}, None, "torch"),
        ({"KERAS_BACKEND": "torch"}, "jax", "torch"),
        ({"HORNPIPE_ENGINE": "jax", "KERAS_BACKEND": "torch"}, "torch", "jax"),
        ({"HORNPIPE_ENGINE": ""}, "torch", "torch"),
    ],
)
def test_who_decides(tmp_path, environment, backend, expected):
    if backend:
        configure(tmp_path, {"backend": backend})
    assert child(NAME, tmp_path, **environment) == (expected, "")


def test_shapes_engine_needs_no_tensor_library(tmp_path):
    code = "import sys; sys.modules.update(jax=None, torch=None)\n" + LOAD
    assert child(code, tmp_path, HORNPIPE_ENGINE="shapes") == ("shapes", "")


@pytest.mark.parametrize(
    ("name", "hint"), [("troch", "Did you mean 'torch'?"), ("jaxs", "Did you mean 'jax'?")]
)
def test_unknown_engine(tmp_path, name, hint):
    text = f"engine: must be one of jax, torch, shapes. Received: '{name}'. {hint}"
    out, error = child(LOAD, tmp_path, HORNPIPE_ENGINE=name)
    assert out == "" and error == f"hornpipe.core.errors.EngineError: {text}"


def test_unknown_engine_without_a_near_miss(tmp_path):
    _, error = child(LOAD, tmp_path, HORNPIPE_ENGINE="caffe")
    assert (
        error
        == "hornpipe.core.errors.EngineError: engine: must be one of jax, torch, shapes. Received: 'caffe'."
    )


BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


@pytest.mark.parametrize(
    ("name", "command"), [("jax", "pip install jax"), ("torch", "pip install 'hornpipe[torch]'")]
)
def test_engine_that_is_not_installed(tmp_path, name, command):
    _, error = child(BLOCK.format(name=name) + LOAD, tmp_path, HORNPIPE_ENGINE=name)
    text = f"engine '{name}': needs the package '{name}'. Received: it is not installed. {command}"
    assert error == f"hornpipe.core.errors.EngineError: {text}"


def test_the_package_that_is_missing_is_named(tmp_path):
    _, error = child(BLOCK.format(name="jaxlib") + LOAD, tmp_path, HORNPIPE_ENGINE="jax")
    assert "jaxlib" in error


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ("{backend: jax}", "must be JSON"),
        ("[1]", 'must be a JSON object. Received: [1]. Write {"backend": "jax"}.'),
        ({"backnd": "jax"}, "Did you mean 'backend'?"),
        (
            {"backend": "tensorflw"},
            "engine: must be one of jax, torch, shapes. Received: 'tensorflw'.",
        ),
    ],
)
def test_malformed_configuration(tmp_path, entries, text):
    configure(tmp_path, entries)
    out, error = child(LOAD, tmp_path)
    assert out == "" and text in error
    if not error.startswith("hornpipe.core.errors.EngineError"):
        assert str(tmp_path / "config.json") in error


def test_the_environment_decides_before_the_file_is_read(tmp_path):
    configure(tmp_path, "{")
    assert child(NAME, tmp_path, HORNPIPE_ENGINE="torch") == ("torch", "")


def test_use_puts_an_engine_in_force_for_a_while():
    before = current()
    with use(shapes) as engine:
        assert engine is shapes is active.engine
        assert select.chosen() is not shapes
    assert current() is before
    with pytest.raises(KeyError), use(shapes):
        raise KeyError
    assert current() is before


def test_engine_in_force_belongs_to_the_thread():
    import threading

    seen = []
    with use(shapes):
        thread = threading.Thread(target=lambda: seen.append(active.engine.name))
        thread.start()
        thread.join()
    assert seen == [select.chosen().name]
