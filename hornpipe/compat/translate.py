"""Applies the table's rows to calls, attributes, module names and identifiers.

>>> from hornpipe.compat.translate import translate
>>> translate("Dropout", {"rate", "seed"}, (), {"p": 0.5})
({'rate': 0.5}, True)
"""

from __future__ import annotations

import functools
import importlib
import inspect

from hornpipe.compat import keras1
from hornpipe.core.config import Configurable, _parameters
from hornpipe.core.errors import message, near_miss
from hornpipe.core.layer import Layer


class _Session:
    """Whether this process has heard the old dialect."""

    heard = False


session = _Session()


# ---- arguments


def rows_of(owner: str, layer: bool = False) -> tuple:
    """Return the rows of a class or function; layers have some in common."""
    rows = keras1.CALLS[owner].rows if owner in keras1.CALLS else ()
    return (*rows, *keras1.ANY_LAYER) if layer else rows


def translate(owner: str, known, args, kwargs, layer: bool = False):
    """Return (keyword arguments in today's spelling, whether the old dialect was spoken); (None, False) where nothing is old.

    Args:
        owner: a key of the table.
        known: names of today's arguments.
        args, kwargs: the call as it was written.
        layer: bool. Whether the owner is a layer.

    Raises:
        TypeError: both dialects in one call, an argument given twice, or one that is gone.
    """
    rows = rows_of(owner, layer)
    fresh = [
        row
        for row in rows
        if any(name in kwargs and _is_old(row, name, known) for name in row.names)
    ]
    if not fresh:
        return None, False
    strict = [row for row in fresh if not row.neutral]
    if strict:
        _check_mixture(owner, rows, strict, kwargs, known)
    given = _bind(owner, args, kwargs, known, bool(strict))
    result = dict(given)
    for row in rows if strict else fresh:
        parts = {name: result.pop(name) for name in row.names if name in result}
        if parts:
            _apply(owner, row, parts, result)
    if strict:
        for name, value in keras1.CALLS[owner].defaults.items():
            result.setdefault(name, value)
    return result, bool(strict)


def _is_old(row, name, known) -> bool:
    return row.new != name and (name not in known or row.new is None)


def _apply(owner, row, parts, result):
    """Put one row's value into `result`."""
    if row.new is None:
        for name, value in parts.items():
            if not any(value is each or value == each for each in row.harmless):
                raise TypeError(message(owner, f"`{name}` is gone", f"{name}={value!r}", row.note))
        return
    value = row.convert(**parts) if len(row.names) > 1 else row.convert(*parts.values())
    for name in row.new.split():
        if name in result:
            rule = f"`{row.old}` and `{name}` are two names of one argument"
            raise TypeError(
                message(
                    owner,
                    rule,
                    f"{row.old}={value!r}, {name}={result[name]!r}",
                    "Pass one of them.",
                )
            )
        result[name] = value


def _check_mixture(owner, rows, strict, kwargs, known):
    """Refuse a call that speaks both dialects.

    Raises:
        TypeError: it does. The message names both spellings, and the call in today's.
    """
    targets = {
        name: row
        for row in rows
        if row.new and not row.neutral and row.old != row.new
        for name in row.new.split()
    }
    today = [name for name in kwargs if name in targets and name not in targets[name].names]
    if not today:
        return
    old = [name for row in strict for name in row.names if name in kwargs]
    pairs = dict.fromkeys(
        f"{row.old} -> {row.new or 'gone'}" for row in (*strict, *(targets[name] for name in today))
    )
    rule = f"the call mixes Keras 1 ({', '.join(map(_tick, old))}) with today's spelling ({', '.join(map(_tick, today))})"
    raise TypeError(
        message(owner, rule, ", ".join(kwargs), f"Choose one of them: {'; '.join(pairs)}.")
    )


def _tick(name):
    return f"`{name}`"


def _bind(owner, args, kwargs, known, strict) -> dict:
    """Return all arguments by name; those by position by the old signature where the call is old.

    Raises:
        TypeError: too many arguments, or one given twice.
    """
    spec = keras1.CALLS.get(owner)
    names = spec.signature.split() if strict and spec is not None else list(known)
    if len(args) > len(names):
        raise TypeError(
            message(owner, f"takes at most {len(names)} arguments by position", f"{len(args)}")
        )
    given = dict(zip(names, args, strict=False))
    for name in kwargs:
        if name in given:
            raise TypeError(
                message(owner, f"`{name}` is given twice", f"{given[name]!r} and {kwargs[name]!r}")
            )
    return {**given, **kwargs}


# ---- constructions


@functools.cache
def owner_of(cls) -> str | None:
    """Return the nearest class of the table that `cls` is or derives from, where it takes that class's arguments."""
    initialiser = cls.__init__
    if not getattr(initialiser, "__module__", "").startswith("hornpipe."):
        return None  # the user's own __init__: its arguments mean what the user says
    return next((base.__name__ for base in cls.__mro__ if base.__name__ in keras1.CALLS), None)


def translate_construction(cls, args, kwargs):
    """Return (class, args, kwargs, whether it spoke the old dialect) for a construction with unknown arguments."""
    owner = owner_of(cls)
    layer = issubclass(cls, Layer) and owner_of_any(cls)
    if owner is None and not layer:
        return cls, args, kwargs, False
    known = _parameters(cls)
    name = owner or cls.__name__
    other = keras1.CALLS[owner].becomes(kwargs) if owner and keras1.CALLS[owner].becomes else None
    if other is not None:
        return translate_construction(find_target(f"layers:{other}"), args, kwargs)
    if cls.__name__ == "Model" and "input" not in kwargs and "output" not in kwargs:
        return cls, args, kwargs, False
    result, old = translate(name, known, args, kwargs, layer)
    if result is None:
        return cls, args, kwargs, False
    if old:
        session.heard = True
    return cls, (), result, old


def owner_of_any(cls) -> bool:
    """Return whether the constructor is one of ours."""
    return getattr(cls.__init__, "__module__", "").startswith("hornpipe.")


def advise(cls, name: str) -> str:
    """Return what the old argument `name` of a class is called today, or an empty text."""
    owners = [base.__name__ for base in cls.__mro__ if base.__name__ in keras1.CALLS]
    for row in rows_of(owners[0] if owners else "", issubclass(cls, Layer)):
        if name in row.names:
            return (
                f"`{name}` is Keras 1; today: {row.new}."
                if row.new
                else f"`{name}` is Keras 1. {row.note}"
            )
    return ""


# ---- functions and methods


def translate_call(owner: str, function, args, kwargs):
    """Return (args, kwargs) in today's spelling for a call of a function or method."""
    known = list(inspect.signature(function).parameters)
    method = known[:1] == ["self"]
    rest, first = (args[1:], args[:1]) if method else (args, ())
    kwargs = _third_argument(owner, rest, kwargs)
    if owner == "Model.compile" and len(rest) > 2 and "metrics" in kwargs:
        rest = rest[:2]
    result, old = translate(owner, known[1:] if method else known, rest, kwargs)
    if result is not None:
        args, kwargs = first, result
    else:
        args = (*first, *rest)
    _check_unknown(owner, function, kwargs)
    if old:
        session.heard = True
    if method:
        from hornpipe.compat.names import settle

        settle(args[0], owner, old, "epochs" in kwargs and not old)
    return args, kwargs


def _check_unknown(owner, function, kwargs):
    """Refuse names that are neither today's nor old.

    Raises:
        TypeError: there is one. The message offers the nearest name.
    """
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name in kwargs:
        if name not in parameters:
            known = [*parameters, *(old for row in rows_of(owner) for old in row.names)]
            rule = f"got an unknown argument `{name}`"
            raise TypeError(
                message(owner, rule, f"{name}={kwargs[name]!r}", near_miss(name, known).strip())
            )


def _third_argument(owner, args, kwargs):
    """Return the keyword arguments of `compile` with the metrics that stood third: today loss weights stand there."""
    if owner == "Model.compile" and len(args) > 2 and "metrics" not in kwargs:
        third = args[2]
        if (
            isinstance(third, (list, tuple))
            and third
            and all(isinstance(each, str) or callable(each) for each in third)
        ):
            kwargs = {**kwargs, "metrics": third}
            if len(args) > 3:
                kwargs["loss_weights"] = args[3]
    return kwargs


# ---- attributes


def find_attribute(item, name: str):
    """Return what an old attribute of an object stands for.

    Raises:
        AttributeError: it stands for nothing, here or at all.
    """
    kind = type(item)
    for base in kind.__mro__:
        target = keras1.ATTRIBUTES.get(base.__name__, {}).get(name)
        if target is None:
            continue
        if target[0] in "?!":
            from hornpipe.compat import models

            function = getattr(models, target[1:])
            return function(item) if target[0] == "?" else functools.partial(function, item)
        if target.partition(".")[0] not in item.__dict__ and not hasattr(
            kind, target.partition(".")[0]
        ):
            built = "" if item.__dict__.get("built", True) else " Build the layer first."
            raise AttributeError(
                f"{kind.__name__} has no `{target}`, which `{name}` was called in Keras 1.{built}"
            )
        for part in target.split("."):
            item = getattr(item, part)
        return item
    known = {
        each
        for base in kind.__mro__
        for each in (*vars(base), *keras1.ATTRIBUTES.get(base.__name__, ()))
    }
    known = sorted(each for each in known | set(item.__dict__) if not each.startswith("_"))
    raise AttributeError(
        f"{kind.__name__!r} object has no attribute {name!r}.{near_miss(name, known)}"
    )


# ---- names in modules


def find_target(target: str):
    """Return the object at "module:name" below hornpipe, or the module at "module:"."""
    module, _, name = target.partition(":")
    found = importlib.import_module(f"hornpipe.{module}")
    return getattr(found, name) if name else found


def find_module_name(module: str, name: str):
    """Return what the old name of a module stands for, or None.

    Raises:
        AttributeError: it is gone. The message names today's way.
    """
    if module == "backend":
        from hornpipe.compat.backend_functions import find_function

        return find_function(name)
    target = keras1.NAMES.get(module, {}).get(name)
    if target is None:
        return None
    if target.startswith("!"):
        raise AttributeError(f"hornpipe.{module}: {name!r} of Keras 1 is gone. {target[1:]}")
    return find_target(target)


def find_identifier(kind: str, name: str):
    """Return what an old string identifier stands for: a name of today, an object of ours, or None."""
    target = keras1.IDENTIFIERS.get(kind, {}).get(name)
    return find_target(target) if target is not None and ":" in target else target


def is_old(item: Configurable) -> bool:
    """Return whether an object was made, or spoken to, in the old dialect."""
    return bool(item.__dict__.get("_speaks_old", False))
