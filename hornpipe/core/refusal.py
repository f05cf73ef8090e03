"""Errors of Python, NumPy and engines told again in our words: which function, what it takes, what came.

Only errors are looked at, never calls that succeed: `except` costs nothing until something is wrong.
"""

from __future__ import annotations

import functools
import inspect
import os
import sysconfig
from typing import Any

import numpy as np

from hornpipe.core.errors import Message, ShapeError, clip_text, message, near_miss

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")})
_KINDS = (
    TypeError,
    ValueError,
    IndexError,
    KeyError,
    AttributeError,
    AssertionError,
    RuntimeError,
    ArithmeticError,
    UnboundLocalError,
    StopIteration,
)
_LEFT_ALONE = (NotImplementedError, RecursionError)  # among them


def retold(error, who: str, function, args, kwargs, tensors: int = 0) -> Exception | None:
    """Return an error in our words for one that a call of `function` raised, or None where it should stay as it is.

    What stays: errors that are in our words, those that come out of the user's own code, and those of an engine about itself
    (out of memory, values asked for while tracing).

    Args:
        error: the exception.
        who: the name of the function or class.
        function: what was called.
        args, kwargs: the arguments.
        tensors: int. How many leading arguments are tensors.
    """
    cause = getattr(error, "retold_from", None)
    if cause is None:
        if not isinstance(error, _KINDS) or isinstance(error, _LEFT_ALONE):
            return None
        # Engines ask for the dtype of what is no number: the argument is what is wrong.
        strange = str(error).startswith("dtype: ") and not all(map(_is_numeric, args[:tensors]))
        if not strange and _stays(error):
            return None
        cause = error
    given = _names(function, args, kwargs)
    if isinstance(given, str):
        new: Exception = TypeError(given.replace("WHO", who, 1))
    else:
        new = _about_values(cause, who, given, tensors)
    new.retold_from = cause  # pyright: ignore[reportAttributeAccessIssue]
    return new


def _stays(error) -> bool:
    if error.args and isinstance(error.args[0], Message):
        return True
    if type(error).__module__.partition(".")[0] in ("jax", "jaxlib"):
        return True
    if type(error).__module__.partition(".")[0] == "hornpipe":
        return True
    frame = error.__traceback__
    frame = frame and frame.tb_next
    while frame is not None:  # does the user's code stand between us and the error?
        file = frame.tb_frame.f_code.co_filename
        ours = file.startswith((_PACKAGE, *_LIBRARIES)) or file.startswith("<")
        if not ours:
            return True
        frame = frame.tb_next
    return False


def _names(function, args, kwargs) -> dict | str:
    """Return name -> value of a call's arguments, or a text where the call does not fit the function."""
    signature = inspect.signature(function)
    names = [
        name
        for name, each in signature.parameters.items()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) and name != "self"
    ]
    listed = f"Its arguments are {', '.join(names)}." if names else "It takes no arguments."
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        for name in kwargs:
            if name not in names:
                fix = near_miss(name, names).strip() or listed
                rule = f"`{name}` is no argument of it"
                return message("WHO", rule, f"{name}={_short(kwargs[name])}", fix)
        given = len(args) - ("self" in signature.parameters)
        missing = [
            name
            for place, name in enumerate(names)
            if signature.parameters[name].default is inspect.Parameter.empty
            and place >= given
            and name not in kwargs
        ]
        seen = _count(given + len(kwargs))
        if missing:
            rule = f"{', '.join(f'`{name}`' for name in missing)} must be given"
            return message("WHO", rule, seen, listed)
        return message("WHO", f"takes {_count(len(names))}", seen, listed)
    return dict(bound.arguments)


def _count(number) -> str:
    return "1 argument" if number == 1 else f"{number} arguments"


def _about_values(cause, who, given, tensors) -> Exception:
    """Return the error for arguments that have the right names."""
    first = list(given.items())[: max(tensors, 1)]
    for name, value in first:
        if (tensors or len(given) == 1) and not _is_numeric(value):
            rule = f"`{name}` must be a tensor, an array or a number"
            fix = "Convert it to numbers first." if value is not None else "Pass an array."
            return TypeError(message(who, rule, f"{name}={_short(value)}", fix))
    shown = ", ".join(f"{name}={_short(value)}" for name, value in given.items())
    reason = " ".join(str(cause).split())
    rule = "can't work with these arguments"
    text = message(who, rule, clip_text(shown), f"The reason: {clip_text(reason, 160)}")
    shapes = [tuple(value.shape) for _, value in first if hasattr(value, "shape")]
    if isinstance(cause, (TypeError, AttributeError)) and len(set(shapes)) < 2:
        return TypeError(text)
    return ShapeError(text) if len(set(shapes)) > 1 else ValueError(text)


def _is_numeric(value) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_numeric(item) for item in value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "OSUMm"
    return value is not None and not isinstance(value, (str, bytes, dict, set, frozenset))


def _short(value: Any) -> str:
    """Return a value as it stands in a text: arrays by shape and dtype."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        dtype = str(value.dtype).removeprefix("torch.")
        return f"<array of shape {tuple(value.shape)}, dtype {dtype}>"
    return clip_text(repr(value), 80)


def guarded(who: str | None = None, tensors: int = 0):
    """Decorate a public function so that errors which are not in our words are told in them.

    Args:
        who: the name in the texts; the function's own by default.
        tensors: int. How many leading arguments are tensors.
    """

    def decorate(function):
        name = who or function.__name__

        @functools.wraps(function)
        def call(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except Exception as error:
                new = retold(error, name, function, args, kwargs, tensors)
                if new is None:
                    raise
                raise new from error

        return call

    return decorate
