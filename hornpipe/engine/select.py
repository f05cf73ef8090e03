"""Choosing the engine: once per process, from the environment, the configuration file, or the default.

`active.engine` is the engine in force in this thread: the chosen one, or the shapes engine while shapes are inferred.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from typing import Any

from hornpipe.core.errors import EngineError, message, near_miss

INSTALL = {
    "jax": "pip install jax",
    "torch": "pip install 'hornpipe[torch]'",
}
ENGINES = (*INSTALL, "shapes")


def chosen_name() -> str:
    """Return the engine's name: `HORNPIPE_ENGINE`, `KERAS_BACKEND`, the configuration file's `backend`, or "jax"."""
    from hornpipe.core import settings

    environment = os.environ.get("HORNPIPE_ENGINE") or os.environ.get("KERAS_BACKEND")
    return environment or settings.read_file().get("backend") or "jax"


def load(name: str) -> Any:
    """Import an engine module and check it against the contract.

    Raises:
        EngineError: the name is unknown, or its library is not installed.
    """
    if name not in ENGINES:
        raise EngineError(
            message(
                "engine",
                f"must be one of {', '.join(ENGINES)}",
                f"{name!r}",
                near_miss(name, ENGINES).strip(),
            )
        )
    try:
        module = importlib.import_module(f"hornpipe.engine.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("hornpipe"):
            raise
        raise EngineError(
            message(
                f"engine {name!r}",
                f"needs the package {error.name!r}",
                "it is not installed",
                INSTALL[name],
            )
        ) from None
    return module


class _Active(threading.local):
    """Per-thread view: `engine` is the chosen engine until `use` puts another in force."""

    chosen: Any = None
    engine: Any

    def __getattr__(self, name):
        if name != "engine":
            raise AttributeError(name)
        if _Active.chosen is None:
            _Active.chosen = load(chosen_name())
        self.engine = _Active.chosen
        return self.engine


active = _Active()


def current() -> Any:
    """Return the engine in force in this thread."""
    return active.engine


def chosen() -> Any:
    """Return the process's engine, also while shapes are being inferred."""
    if _Active.chosen is None:
        _Active.chosen = load(chosen_name())
    return _Active.chosen


@contextlib.contextmanager
def use(engine):
    """Put `engine` (a module) in force in this thread for a while."""
    before = active.engine
    active.engine = engine
    try:
        yield engine
    finally:
        active.engine = before
