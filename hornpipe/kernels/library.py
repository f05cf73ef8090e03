"""Finds the compiled kernels, checks them, loads them; never builds them.

A built object lies in a folder named after the machine, the library it was built for (`abi`) and the checksum of its source, with a
record beside it. An object that its record does not describe is not loaded.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
from pathlib import Path

from hornpipe.core import settings

SOURCE = Path(__file__).parent
SOURCES = tuple(sorted(path.name for path in SOURCE.iterdir() if path.suffix in (".cpp", ".h")))
HANDLERS = (  # what XLA calls
    "hornpipe_conv",
    "hornpipe_conv_bias",
    "hornpipe_conv_dx",
    "hornpipe_conv_dw",
    "hornpipe_conv_gradients",
    "hornpipe_max_pool",
    "hornpipe_pool_pick",
    "hornpipe_pool_spread",
    "hornpipe_mean_pool",
    "hornpipe_mean_pool_dx",
    "hornpipe_gather_rows",
    "hornpipe_add_rows",
    "hornpipe_moments",
    "hornpipe_products",
    "hornpipe_relu_gradient",
    "hornpipe_recurrent",
    "hornpipe_recurrent_gradient",
    "hornpipe_attention",
    "hornpipe_attention_gradients",
    "hornpipe_matmul",
)
OBJECT = "hornpipe_kernels.so"
RECORD = "record.json"
BUILD = "Run `hornpipe kernels --build`."


class UnusableError(Exception):
    """The compiled kernels are not active; the text says why, in one line."""


def source_checksum() -> str:
    """Return a checksum of the source, so that an object built from another version is not taken."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(name.encode() + (SOURCE / name).read_bytes())
    return digest.hexdigest()


def folder(abi: str) -> Path:
    """Return the folder for objects built from this source for `abi` on this machine."""
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return settings.home() / "kernels" / f"{machine}-{abi}-{source_checksum()[:12]}"


def places(abi: str) -> list[Path]:
    """Return the folders that are searched, in order: beside the package (platform wheels), the user's cache."""
    return [SOURCE / "built" / folder(abi).name, folder(abi)]


def load(abi: str) -> tuple[ctypes.CDLL, str]:
    """Return the library and the name of the instructions it chose.

    Raises:
        UnusableError: it is switched off, missing, damaged, of another build, or the processor is too old.
    """
    if os.environ.get("HORNPIPE_KERNELS", "1") == "0":
        raise UnusableError("switched off by HORNPIPE_KERNELS=0")
    path = next((place for place in places(abi) if (place / OBJECT).is_file()), None)
    if path is None:
        raise UnusableError(f"not built for {abi} and this version of the source. {BUILD}")
    check(path, abi)
    try:
        library = ctypes.CDLL(str(path / OBJECT))
        variant = library.hornpipe_variant
    except (OSError, AttributeError) as error:
        raise UnusableError(f"{path / OBJECT} can't be loaded ({error}). {BUILD}") from None
    variant.restype = ctypes.c_char_p
    name = variant().decode()
    if not name:
        raise UnusableError("this processor lacks the instructions they need (AVX2 and FMA)")
    return library, name


def check(path: Path, abi: str) -> None:
    """Compare an object with the record of its build.

    Raises:
        UnusableError: they differ, or there is no readable record.
    """
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
        built_for, source, checksum = (record[key] for key in ("abi", "source", "object"))
        data = (path / OBJECT).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableError(
            f"the record {path / RECORD} can't be read ({type(error).__name__}). {BUILD}"
        ) from None
    if built_for != abi:
        raise UnusableError(f"{path / OBJECT} was built for {built_for}, not for {abi}. {BUILD}")
    if source != source_checksum():
        raise UnusableError(
            f"{path / OBJECT} was built from another version of the source. {BUILD}"
        )
    if checksum != hashlib.sha256(data).hexdigest():
        raise UnusableError(
            f"{path / OBJECT} is damaged: its checksum is not the recorded one. {BUILD}"
        )
