"""Run in a child process: tries every file of a folder under an audit hook, bounds on time and memory, and prints what happened.

Usage: guard.py FOLDER. Each `*.case` file is JSON: {"call": ..., "path" or "text": ...}; a JSON line comes out for each.
"""

import contextlib
import importlib
import json
import os
import pathlib
import pkgutil
import resource
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

import hornpipe as keras
from hornpipe.core.errors import FileFormatError

folder = sys.argv[1]
FORBIDDEN = ("exec", "compile", "marshal.", "pickle.", "subprocess.", "socket.", "os.system", "os.exec", "os.posix_spawn",
             "os.fork", "os.remove", "os.rename", "shutil.", "ctypes.", "urllib.", "import")  # fmt: skip
events: list = []
watching: list = []


def by_engine():
    """Return whether the engine does something while it makes tensors of given shapes."""
    frame = sys._getframe(2)
    while frame is not None:
        if any(
            f"{os.sep}{name}{os.sep}" in frame.f_code.co_filename
            for name in ("jax", "jaxlib", "torch")
        ):
            return True
        frame = frame.f_back
    return False


def hook(event, args):
    if not watching or not (event == "open" or event.startswith(FORBIDDEN)):
        return
    if by_engine() or args[:1] == (
        b"def foo(self, *args, **kwargs): pass",
    ):  # inspect's way to read object.__init__
        return
    if event == "open":
        path = str(args[0])
        if path != watching[0]:
            events.append(f"open {path[:80]}")
    elif event.startswith(FORBIDDEN):
        events.append(f"{event} {str(args[:1])[:80]}")


def call(case):
    kind, path = case["call"], case.get("path")
    if kind == "load_model":
        return keras.models.load_model(path)
    if kind == "import":
        return keras.saving.import_keras_h5(path)
    if kind in ("load_weights", "import_weights"):
        model = target()
        before = model.get_weights()
        try:
            if kind == "load_weights":
                return model.load_weights(path)
            return keras.saving.import_keras_h5_weights(model, path)
        except Exception:
            assert all(
                np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)
            ), "weights changed"
            raise
    data = case["text"]
    if kind == "json":
        return keras.models.model_from_json(data)
    tree = json.loads(data)
    if kind == "deserialize":
        return keras.saving.deserialize_keras_object(tree)
    if kind == "layer":
        return keras.layers.deserialize(tree)
    if kind == "sequential":
        return keras.Sequential.from_config(tree["config"])
    if kind == "model":
        return keras.Model.from_config(tree["config"])
    raise ValueError(kind)


def target():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="d")], name="s")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(case):
    events.clear()
    start, before = time.perf_counter(), peak()
    watching[:] = [case.get("path", "")]
    try:
        call(case)
        outcome = "loaded"
    except FileFormatError as error:
        outcome = f"refused: {error}"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    watching.clear()
    return {
        "name": case["name"],
        "outcome": outcome[:400],
        "seconds": time.perf_counter() - start,
        "megabytes": peak() - before,
        "events": list(events)[:5],
    }


cases = json.loads(pathlib.Path(folder, "cases.json").read_text())
floatx = keras.config.floatx()
for module in pkgutil.walk_packages(
    keras.__path__, "hornpipe."
):  # the library's own modules, whatever asks for them
    if not module.name.startswith(
        ("hornpipe.engine", "hornpipe.datasets", "hornpipe.applications")
    ):
        importlib.import_module(module.name)
for case in cases["warm"]:  # imports and compilation, once
    call(case)
with contextlib.suppress(FileFormatError):
    keras.layers.deserialize({"class_name": "Dense", "config": {"units": 2, "wrong": 1}})
sys.addaudithook(hook)
for case in cases["hostile"]:
    print(json.dumps(run(case)), flush=True)
assert keras.config.floatx() == floatx
