"""Who is measured: a name, an interpreter, an environment and a family of code."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Contender:
    """A way to run a workload.

    Args:
        label: what the tables say.
        family: module of this package that has `make(workload, contender)`.
        library: module that the "api" family imports: "hornpipe" or "keras".
        environment: variables of its process beyond the driver's.
        workloads: names, or empty for all.
        tune: bool. Whether it picks the best `steps_per_execution`.
    """

    label: str
    family: str
    library: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    workloads: tuple[str, ...] = ()
    tune: bool = False

    @property
    def python(self) -> str:
        """The interpreter: KERAS_PYTHON for Keras, the driver's own otherwise."""
        if self.library != "keras":
            return sys.executable
        return os.environ.get("KERAS_PYTHON", str(ROOT / ".venv-bench/bin/python"))


def _keras(backend: str) -> dict[str, str]:
    return {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}


_TRAINING = ("boston", "mnist", "imdb")
_MODELS = (*_TRAINING, "predict_row")
_CACHE = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}

CONTENDERS = {
    "hornpipe-jax": Contender("hornpipe (JAX)", "api", "hornpipe", {"HORNPIPE_ENGINE": "jax"}),
    "hornpipe-portable": Contender(
        "hornpipe (JAX), no compiled kernels",
        "api",
        "hornpipe",
        {"HORNPIPE_ENGINE": "jax", "HORNPIPE_KERNELS": "0"},
        ("cnn", "separable", "lstm", "gru"),
    ),
    "hornpipe-torch": Contender(
        "hornpipe (PyTorch)", "api", "hornpipe", {"HORNPIPE_ENGINE": "torch"}
    ),
    "hand-jax": Contender("JAX by hand", "hand_jax", workloads=_MODELS),
    "hand-torch": Contender("PyTorch by hand", "hand_torch", workloads=_MODELS),
    "keras-jax": Contender("Keras (JAX)", "api", "keras", _keras("jax")),
    "keras-jax-tuned": Contender(
        "Keras (JAX), best steps_per_execution", "api", "keras", _keras("jax"), _TRAINING, tune=True
    ),
    "keras-jax-cached": Contender(
        "Keras (JAX), compilation cache on",
        "api",
        "keras",
        _keras("jax") | _CACHE,
        ("boston_script",),
    ),
    "keras-tensorflow": Contender("Keras (TensorFlow)", "api", "keras", _keras("tensorflow")),
    "keras-torch": Contender("Keras (PyTorch)", "api", "keras", _keras("torch")),
}


def chosen(workload: str, only: list[str]) -> dict[str, Contender]:
    """Return the contenders of a workload, or those of them that `only` names."""
    return {
        name: contender
        for name, contender in CONTENDERS.items()
        if (not contender.workloads or workload in contender.workloads)
        and (not only or name in only)
    }


def environment(contender: Contender) -> dict[str, str]:
    """Return the environment of a contender's process."""
    return {**os.environ, "JAX_PLATFORMS": "cpu", **contender.environment}
