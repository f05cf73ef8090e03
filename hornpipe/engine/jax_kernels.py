"""The compiled CPU kernels as the JAX engine sees them: loaded once, when the first operation that has one asks.

>>> from hornpipe.engine import jax_kernels
>>> jax_kernels.status().split(":")[0]
'compiled kernels'
"""

from __future__ import annotations

import functools
import threading
from pathlib import Path

import jax

from hornpipe.kernels import library

ABI = f"jax-{jax.__version__}"
_lock = threading.Lock()


@functools.cache
def _loaded() -> tuple[bool, str]:
    """Load the library once; return whether it is active, and the instructions or the reason."""
    try:
        handle, variant = library.load(ABI)
        for name in library.HANDLERS:
            target = jax.ffi.pycapsule(getattr(handle, name))
            jax.ffi.register_ffi_target(name, target, platform="cpu")
    except library.UnusableError as reason:
        return False, str(reason)
    except Exception as error:  # whatever is wrong with it: the composed operations are right
        return False, f"they can't be registered ({type(error).__name__}: {error})"
    return True, variant


def active() -> bool:
    """Return whether the compiled kernels are used."""
    with _lock:
        return _loaded()[0]


def variant() -> str:
    """Return the instructions that the compiled kernels use, or "none" where they are not active."""
    with _lock:
        works, text = _loaded()
    return text if works else "none"


def status() -> str:
    """Return one line: whether the compiled kernels are active, and why not."""
    with _lock:
        works, text = _loaded()
    return f"compiled kernels: {'active, ' if works else 'not active: '}{text}"


def build() -> Path:
    """Build the kernels for this JAX; a process that already looked for them does not see it.

    Raises:
        BuildError: it can't be done here.
    """
    from hornpipe.kernels import build as builder

    return builder.build(ABI, jax.ffi.include_dir())
