"""The door through which older spellings come in; everything behind it is `hornpipe/compat`.

Code in today's spelling never opens it: `compat` is imported when an argument, an attribute or a name turns up that nothing else
knows. `install_as` sets `hearing.all`, and from then on calls of training functions are looked at even when nothing in them is old.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import sys
import types

from hornpipe.core.errors import near_miss
from hornpipe.core.refusal import retold

# `all`: whether every call of a `spoken` function is shown to `compat`, not only those with unknown arguments.
hearing = types.SimpleNamespace(all=False)


def _compat(module: str):
    return importlib.import_module(f"hornpipe.compat.{module}")


def construct(cls, args, kwargs):
    """Return (class, args, kwargs) for a construction that has arguments `cls` does not know."""
    return _compat("translate").translate_construction(cls, args, kwargs)


def spoken(owner: str):
    """Decorate a function whose arguments had other names; `owner` is its place in the table, such as "Model.fit"."""

    def decorate(function):
        known = frozenset(inspect.signature(function).parameters)

        @functools.wraps(function)
        def call(*args, **kwargs):
            if hearing.all or not known.issuperset(kwargs):
                args, kwargs = _compat("translate").translate_call(owner, function, args, kwargs)
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                if error.__traceback__.tb_next is not None:  # pyright: ignore[reportOptionalMemberAccess]
                    raise
                new = retold(error, function.__name__, function, args, kwargs)  # the call itself
                raise error if new is None else new from None

        return call

    return decorate


def attribute(item, name: str):
    """Return what the old attribute `name` of an object stands for.

    Raises:
        AttributeError: it has none of this name, neither today's nor an old one.
    """
    kind = type(item)
    if name.startswith("_") or hasattr(kind, name):
        return object.__getattribute__(
            item, name
        )  # raises, or runs a property again that raised inside
    return _compat("translate").find_attribute(item, name)


def module_getattr(module: str, names):
    """Return a module's `__getattr__` for names that it does not define: old ones are looked up.

    Args:
        module: the module's full name.
        names: iterable of its own names, for near misses.
    """

    def look_up(name):
        return find_name(module, name, names)

    return look_up


def find_name(module: str, name: str, names=()):
    """Return what the old name `name` of a module stands for.

    Raises:
        AttributeError: there is none. The message offers the nearest name, or names today's way.
    """
    if name.startswith("_"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}.")
    package = hasattr(sys.modules.get(module), "__path__")
    if (
        package and importlib.util.find_spec(f"{module}.{name}") is not None
    ):  # `from package import module` asks here first
        return importlib.import_module(f"{module}.{name}")
    found = _compat("translate").find_module_name(module.removeprefix("hornpipe").lstrip("."), name)
    if found is not None:
        return found
    raise AttributeError(f"module {module!r} has no attribute {name!r}.{near_miss(name, names)}")


def identifier(kind: str, name: str):
    """Return what an old identifier such as "maxnorm" stands for (a name, a class or a function), or None."""
    return _compat("translate").find_identifier(kind, name)


def advice(cls, name: str) -> str:
    """Return a sentence on the old argument `name` of a class, or an empty text."""
    return _compat("translate").advise(cls, name)


def renamer(*parts):
    """Return the function that gives metrics their old names where a part was made in an old spelling, else None."""
    old = any(part.__dict__.get("_speaks_old", False) for part in parts)
    return _compat("names").shown_name if old else None


def display_for(model, source):
    """Return a function like `make_display` that draws as in 2016 where the model speaks so, else None."""
    rename = model._objective.rename if model._objective is not None else None
    return None if rename is None else _compat("progress").maker(source)


class Logs(dict):
    """The history of a training: a dict that answers to the names of all dialects, such as "acc" for "accuracy"."""

    def __missing__(self, name):
        found = _compat("names").find_log(name, dict.keys(self))
        if found is None:
            raise KeyError(name)
        return dict.__getitem__(self, found)

    def __contains__(self, name):
        return (
            dict.__contains__(self, name)
            or _compat("names").find_log(name, dict.keys(self)) is not None
        )

    def get(self, name, default=None):
        """Return the list under a name of any dialect."""
        try:
            return self[name]
        except KeyError:
            return default
