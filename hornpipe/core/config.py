"""Objects that describe themselves, and the registry that turns names and descriptions into objects.

A `Configurable` remembers its constructor's arguments; `get_config` gives them back. Names ("relu", "adam") and descriptions
resolve through one explicit table of classes and functions; nothing is ever found by importing a path.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect

import numpy as np

from hornpipe.core import dtypes
from hornpipe.core.errors import message, near_miss
from hornpipe.core.naming import snake_case

# kind -> the module whose import fills the table, and the module name that Keras files carry
KINDS = {
    "activation": ("hornpipe.activations", "builtins"),
    "initializer": ("hornpipe.initializers", "keras.initializers"),
    "regularizer": ("hornpipe.regularizers", "keras.regularizers"),
    "constraint": ("hornpipe.constraints", "keras.constraints"),
    "loss": ("hornpipe.losses", "keras.losses"),
    "metric": ("hornpipe.metrics", "keras.metrics"),
    "schedule": ("hornpipe.optimizers.schedules", "keras.optimizers.schedules"),
    "optimizer": ("hornpipe.optimizers", "keras.optimizers"),
    "layer": ("hornpipe.layers", "keras.layers"),
    "model": ("hornpipe.models", "keras.models"),
}
_tables: dict[str, dict] = {kind: {} for kind in KINDS}
_custom: dict[str, object] = {}  # "Package>Name" -> class or function
_scopes: list[dict] = []


def register(kind: str, *aliases: str):
    """Put a class or function of ours into the table of `kind` under its name, its snake-case name and `aliases`."""

    def decorate(item):
        item._kind = kind
        for name in (item.__name__, snake_case(item.__name__), *aliases):
            _tables[kind][name] = item
        return item

    return decorate


def table(kind: str) -> dict:
    """Return name -> class or function for a kind, its module imported (and what the module loads lazily)."""
    load_all = getattr(importlib.import_module(KINDS[kind][0]), "load_all", None)
    if load_all is not None:
        load_all()
    return _tables[kind]


def resolve(kind: str, identifier, **arguments):
    """Return the object that `identifier` stands for.

    Args:
        kind: a key of `KINDS`.
        identifier: None, a name, a class, a function, an object, or a description from `serialize`.
        arguments: passed on where a class is instantiated.

    Raises:
        ValueError: the name is unknown. The message offers the nearest one.
        TypeError: `identifier` is none of these.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier, kind=kind)
    if isinstance(identifier, str):
        found = _find_custom(identifier)
        if found is None:
            names = table(kind)
            if identifier not in names:
                fix = near_miss(identifier, names).strip() or f"Known: {', '.join(sorted(names))}."
                raise ValueError(message(kind, "name is unknown", repr(identifier), fix))
            found = names[identifier]
        identifier = found
    if inspect.isclass(identifier):
        return identifier(**arguments)
    if callable(identifier) or isinstance(identifier, Configurable):
        return identifier
    raise TypeError(message(kind, "must be a name, a function, a class or an object", repr(identifier)))


# ---- objects that describe themselves


class Configurable:
    """Base of everything that `get_config` describes. The constructor's arguments are kept as they were passed."""

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        object.__setattr__(self, "_arguments", (args, kwargs))
        return self

    def get_config(self) -> dict:
        """Return the constructor's arguments as plain data; `from_config` makes an equal object of them."""
        args, kwargs = self._arguments
        parameters = _parameters(type(self))
        config = {}
        for name, value in zip(parameters, args, strict=False):
            config[name] = value
        for name, default in parameters.items():
            if name not in config:
                config[name] = kwargs.get(name, default)
        config.update({name: value for name, value in kwargs.items() if name not in config})
        config = {name: value for name, value in config.items() if value is not inspect.Parameter.empty}
        return {name: serialize(value) for name, value in {**config, **self._own_config()}.items()}

    def _own_config(self) -> dict:
        """Entries whose current value differs from what the constructor was given, such as an automatic name."""
        return {}

    @classmethod
    def from_config(cls, config: dict):
        """Return an object made of what `get_config` returned.

        Raises:
            TypeError: the constructor does not take one of the entries.
        """
        return cls(**{name: _revive(value) for name, value in config.items()})


@functools.cache
def _parameters(cls) -> dict:
    """Return name -> default of a constructor's arguments, those that reach a base class through **kwargs included."""
    found: dict = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        passes_on = False
        for name, parameter in list(inspect.signature(vars(base)["__init__"]).parameters.items())[1:]:
            if parameter.kind is parameter.VAR_KEYWORD:
                passes_on = True
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                found.setdefault(name, parameter.default)
        if not passes_on:
            break
    return found


def _revive(value):
    """Return the object a description stands for; other values as they are."""
    if isinstance(value, dict) and "class_name" in value and "config" in value:
        return deserialize(value)
    if isinstance(value, list):
        return [_revive(item) for item in value]
    return value


def serialize(value):
    """Return `value` as plain data: numbers, strings, lists, dicts, and descriptions of objects.

    Raises:
        TypeError: it can't be described, for example a lambda.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [serialize(item) for item in value]
    if isinstance(value, dict):
        return {key: serialize(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        config = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    if isinstance(value, dtypes.DTypePolicy):
        return describe("keras", "DTypePolicy", value.get_config(), None)
    if inspect.isclass(value):
        return {"class_name": "__type__", "config": {"name": registered_name(value) or value.__name__}}
    if hasattr(value, "get_config"):
        kind = getattr(type(value), "_kind", None)
        module = KINDS[kind][1] if kind in KINDS else type(value).__module__
        return describe(module, type(value).__name__, value.get_config(), registered_name(type(value)))
    if callable(value) and getattr(value, "__name__", "<lambda>") != "<lambda>":
        kind = getattr(value, "_kind", None)
        if kind is not None:
            return value.__name__
        return describe("builtins", "function", value.__name__, registered_name(value) or value.__name__)
    fix = "Use a named function registered with `register_keras_serializable`, or a class with `get_config`."
    raise TypeError(message("serialize", "the value can't be described as plain data", repr(value), fix))


def describe(module: str, class_name: str, config, registered: str | None) -> dict:
    """Return the description of an object in the form that Keras files use."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered}


def deserialize(description, custom_objects: dict | None = None, kind: str | None = None):
    """Return the object that a description from `serialize` stands for.

    Args:
        description: a dict with `class_name` and `config`; other values come back as they are.
        custom_objects: dict name -> class or function of your own.
        kind: a key of `KINDS`, where only one kind is expected.

    Raises:
        ValueError: the class is in no table and was not registered.
    """
    with custom_object_scope(custom_objects or {}):
        if not isinstance(description, dict) or "class_name" not in description:
            return _revive(description)
        name, config = description["class_name"], description.get("config")
        if name == "__numpy__":
            return np.asarray(config["value"], dtype=dtypes.standardize_dtype(config["dtype"]))
        if name == "DTypePolicy":
            return dtypes.get_policy(config["name"])
        if name == "function":
            return find_class(config, kind, description.get("registered_name"))
        if name == "__type__":
            return find_class(config["name"], kind)
        found = find_class(name, kind, description.get("registered_name"))
        return found.from_config(config) if inspect.isclass(found) else found


def find_class(name: str, kind: str | None = None, registered: str | None = None):
    """Return the class or function with this name: the user's own first, then ours.

    Raises:
        ValueError: there is none.
    """
    found = _find_custom(name) or _find_custom(registered)
    if found is not None:
        return found
    for each in [kind] if kind else KINDS:
        if name in table(each):
            return _tables[each][name]
    fix = "Register it with `register_keras_serializable`, or pass it in `custom_objects`."
    raise ValueError(message("deserialize", "the class is unknown", repr(name), fix))


# ---- the user's own classes


def register_keras_serializable(package: str = "Custom", name: str | None = None):
    """Register a class or function of your own, so that files and configs may name it.

    Args:
        package: str. A prefix of your choice.
        name: str. The name; the class's own by default.

    Raises:
        ValueError: a class without `get_config`.

    Example:
        >>> import hornpipe as keras
        >>> @keras.utils.register_keras_serializable("mine")
        ... class Twice(keras.layers.Layer):
        ...     def call(self, inputs):
        ...         return inputs * 2
        >>> keras.utils.get_registered_name(Twice)
        'mine>Twice'
    """

    def decorate(item):
        if inspect.isclass(item) and not hasattr(item, "get_config"):
            raise ValueError(message("register_keras_serializable", "a class needs `get_config`", item.__name__))
        _custom[f"{package}>{name or item.__name__}"] = item
        return item

    return decorate


def registered_name(item) -> str | None:
    """Return the name that `item` was registered under, or None."""
    return next((name for name, each in _custom.items() if each is item), None)


def _find_custom(name):
    for scope in reversed(_scopes):
        if name in scope:
            return scope[name]
    if name in _custom:
        return _custom[name]
    return next((item for full, item in _custom.items() if full.split(">")[-1] == name), None)


@contextlib.contextmanager
def custom_object_scope(custom_objects: dict):
    """Let `custom_objects` (dict name -> class or function) be found by name inside a `with` block."""
    _scopes.append(dict(custom_objects))
    try:
        yield
    finally:
        _scopes.pop()
