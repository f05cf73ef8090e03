"""Builds the compiled kernels with the system's C++ compiler: one object for each kind of processor, linked into one library."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hornpipe.core.errors import clip_text, message
from hornpipe.kernels import library

COMMON = (
    "-O3",
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=fast",
    "-pthread",
    "-Wall",
)
# One compilation each of <family>.cpp; <family>_ffi.cpp, compiled once for any processor, chooses when the library is loaded.
VARIANTS = {
    "x86_64": (("-march=x86-64-v3",), ("-march=x86-64-v4", "-mprefer-vector-width=512")),
    "aarch64": ((),),
    "arm64": ((),),
}
VARIANTS["amd64"] = VARIANTS["x86_64"]


class BuildError(RuntimeError):
    """The kernels can't be built here; everything else works without them."""


def compiler() -> str:
    """Return the C++ compiler: `CXX`, or the first of c++, g++ and clang++ on the path.

    Raises:
        BuildError: there is none.
    """
    wanted = os.environ.get("CXX")
    for name in [wanted] if wanted else ["c++", "g++", "clang++"]:
        if found := shutil.which(name):
            return found
    raise BuildError(
        message(
            "kernels",
            "building them needs a C++17 compiler",
            f"CXX={wanted}" if wanted else "no c++, g++ or clang++",
            "Install one (for example `apt install g++`), or go on without: everything works, slower.",
        )
    )


def variants() -> tuple:
    """Return the compiler flags of each variant for this machine.

    Raises:
        BuildError: a processor that is not known.
    """
    machine = platform.machine().lower()
    if machine not in VARIANTS:
        known = ", ".join(VARIANTS)
        raise BuildError(message("kernels", f"there is source for {known}", machine))
    return VARIANTS[machine]


def build(abi: str, include: str) -> Path:
    """Compile the kernels into the user's cache folder and return the object's path.

    Args:
        abi: what they are built for, as in `library.load`.
        include: folder of the FFI headers.

    Raises:
        BuildError: no compiler, a processor that is not known, or the compiler's error.
    """
    command, target = compiler(), library.folder(abi)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as work:
        objects = compile_all((command, *COMMON), variants(), include, work)
        linked = Path(work, library.OBJECT)
        _run([command, "-shared", "-pthread", "-o", str(linked), *objects])
        record = {
            "abi": abi,
            "source": library.source_checksum(),
            "object": hashlib.sha256(linked.read_bytes()).hexdigest(),
            "compiler": command,
        }
        written = Path(work, library.RECORD)
        written.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        # Renamed, not written in place: a process that has the old object loaded keeps it.
        os.replace(linked, target / library.OBJECT)
        os.replace(written, target / library.RECORD)
    return target / library.OBJECT


def compile_all(command, variants, include, work) -> list[str]:
    """Compile every source file into the folder `work`, one for each core at a time, and return the objects' paths.

    Raises:
        BuildError: the compiler's error.
    """
    jobs = []
    for source in (name for name in library.SOURCES if name.endswith(".cpp")):
        own = [("-isystem", include)] if source.endswith("_ffi.cpp") else variants
        for number, flags in enumerate(own):
            jobs.append((source, flags, os.path.join(work, f"{source}.{number}.o")))

    def compile_one(job):
        source, flags, to = job
        _run([*command, *flags, "-c", str(library.SOURCE / source), "-o", to])
        return to

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(compile_one, jobs))


def _run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(
            message(
                "kernels",
                "the compiler must accept the source",
                clip_text(" ".join(arguments)),
                done.stderr.strip()[:2000],
            )
        )
