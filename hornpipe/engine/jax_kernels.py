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
from jax.extend.core import Primitive
from jax.interpreters import mlir

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


def several_devices(context) -> bool:
    """Return whether what is lowered is for several devices; XLA divides its own operations among them by itself."""
    return getattr(context.module_context.axis_context, "num_devices", 1) > 1


def exported(context) -> bool:
    """Return whether what is lowered goes to other processes (`jax.export`), which may lack the kernels."""
    return getattr(context.module_context.lowering_parameters, "for_export", False)


def make(
    name, shapes, portable, *, handler="", attributes=None, static=(), in_place=None
) -> Primitive:
    """Return a float32 primitive; the caller adds its derivatives and its rule of `vmap`.

    Args:
        name: str.
        shapes: a function of its operands and options that returns the shapes of its results, a list.
        portable: what JAX compiles on other platforms, for several devices and for other processes; returns a list.
        handler: what runs on a CPU, of `library.HANDLERS`; "" for what JAX compiles.
        attributes: a function of the options that returns the handler's attributes; None for none.
        static: the names of the options.
        in_place: {operand's number: result's number} where a result may take the memory of an operand that nothing else needs.
    """
    primitive = Primitive(name)
    primitive.multiple_results = True
    everywhere = mlir.lower_fun(portable, multiple_results=True)

    def abstract(*operands, **options):
        return [jax.core.ShapedArray(each, "float32") for each in shapes(*operands, **options)]

    def lower(context, *operands, **options):
        if several_devices(context) or exported(context) or not active():
            return everywhere(context, *operands, **options)
        given = attributes(**options) if attributes else {}
        run = jax.ffi.ffi_lowering(handler, operand_output_aliases=in_place)
        return run(context, *operands, **given)

    primitive.def_abstract_eval(abstract)
    primitive.def_impl(jax.jit(primitive.bind, static_argnames=static))
    mlir.register_lowering(primitive, everywhere)
    if handler:
        mlir.register_lowering(primitive, lower, platform="cpu")
    return primitive
