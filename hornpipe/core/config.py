"""Objects that describe themselves, and the registry that turns names and descriptions into objects.

A `Configurable` remembers its constructor's arguments; `get_config` gives them back. Names ("relu", "adam") and descriptions
resolve through one explicit table of classes and functions; nothing is ever found by importing a path.
"""

from __future__ import annotations

import abc
import contextlib
import functools
import importlib
import inspect
from typing import Any

import numpy as np

from hornpipe.core import dialect, dtypes
from hornpipe.core.errors import message, near_miss
from hornpipe.core.naming import snake_case
from hornpipe.core.refusal import guarded, retold

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
    "model": ("hornpipe.models", "keras"),
}
_tables: dict[str, dict] = {kind: {} for kind in KINDS}
_custom: dict[str, object] = {}  # "Package>Name" -> class or function
_scopes: list[dict] = []


_TENSORS = {
    "activation": 1,
    "loss": 2,
    "metric": 2,
}  # leading arguments of a kind's functions that are tensors


def register(kind: str, *aliases: str):
    """Put a class or function of ours into the table of `kind` under its name, its snake-case name and `aliases`."""

    def decorate(item):
        if inspect.isfunction(item) and not hasattr(item, "__wrapped__"):
            item = guarded(item.__name__, _TENSORS.get(kind, 0))(item)
        item._kind = kind
        for name in (item.__name__, snake_case(item.__name__), *aliases):
            _tables[kind][name] = item
        return item

    return decorate


def table(kind: str) -> dict:
    """Return name -> class or function for a kind, its module imported (and what the module loads lazily)."""
    load_all = vars(importlib.import_module(KINDS[kind][0])).get("load_all")
    if load_all is not None:
        load_all()
    return _tables[kind]


def resolve(kind: str, identifier, **arguments) -> Any:
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
            identifier = (
                identifier
                if identifier in names
                else dialect.identifier(kind, identifier) or identifier
            )
            if not isinstance(identifier, str):
                return identifier(**arguments) if inspect.isclass(identifier) else identifier
            if identifier not in names:
                fix = near_miss(identifier, names).strip() or f"Known: {', '.join(sorted(names))}."
                raise ValueError(message(kind, "name is unknown", repr(identifier), fix))
            found = names[identifier]
        identifier = found
    if inspect.isclass(identifier):
        return identifier(**arguments)
    if callable(identifier) or isinstance(identifier, Configurable):
        return identifier
    raise TypeError(
        message(kind, "must be a name, a function, a class or an object", repr(identifier))
    )


# ---- objects that describe themselves


class _Constructor(abc.ABCMeta):
    """Makes objects; a call with arguments that the class does not know goes through the dialect's door first.

    It derives from `ABCMeta` so that users' classes may have `abc.ABC` as a base as well.
    """

    __instancecheck__ = (
        type.__instancecheck__
    )  # the plain ones: nothing is registered here, and they are quicker
    __subclasscheck__ = type.__subclasscheck__

    def __call__(cls, *args, **kwargs):
        old = False
        if (args or kwargs) and cls.__init__ is object.__init__:
            seen = ", ".join([*map(repr, args), *(f"{name}={kwargs[name]!r}" for name in kwargs)])
            raise TypeError(message(cls.__name__, "takes no arguments", seen))
        if kwargs and not constructor_arguments(cls).issuperset(kwargs):
            cls, args, kwargs, old = dialect.construct(cls, args, kwargs)
        try:
            made = type.__call__(cls, *args, **kwargs)
        except Exception as error:
            told = hasattr(error, "retold_from")  # by what was made inside
            new = None if told else retold(error, cls.__name__, cls.__init__, (None, *args), kwargs)
            if new is None:
                raise
            raise new from error
        if old:
            made.__dict__["_speaks_old"] = True
        return made


class Configurable(metaclass=_Constructor):
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
        config = {
            name: value for name, value in config.items() if value is not inspect.Parameter.empty
        }
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
        for name, parameter in list(inspect.signature(vars(base)["__init__"]).parameters.items())[
            1:
        ]:
            if parameter.kind is parameter.VAR_KEYWORD:
                passes_on = True
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                found.setdefault(name, parameter.default)
        if not passes_on:
            break
    return found


@functools.cache
def constructor_arguments(cls) -> frozenset:
    """Return the names of a constructor's arguments."""
    return frozenset(_parameters(cls)) | {"input_shape"}


def _revive(value):
    """Return the object a description stands for; other values as they are."""
    if isinstance(value, dict) and "class_name" in value and "config" in value:
        return _make(value)
    if isinstance(value, list):
        return [_revive(item) for item in value]
    if isinstance(value, dict):
        return {key: _revive(item) for key, item in value.items()}
    return value


def serialize(value) -> Any:
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
        return {
            "class_name": "__type__",
            "config": {"name": registered_name(value) or value.__name__},
        }
    if hasattr(value, "get_config"):
        return _describe_object(value)
    if callable(value) and getattr(value, "__name__", "<lambda>") != "<lambda>":
        if getattr(value, "_kind", None) is not None:
            return value.__name__
        name = registered_name(value) or getattr(value, "op_name", value.__name__)
        return describe("builtins", "function", name, "function")
    fix = "Use a named function registered with `register_keras_serializable`, or a class with `get_config`."
    raise TypeError(
        message("serialize", "the value can't be described as plain data", repr(value), fix)
    )


def _describe_object(value) -> dict:
    cls = type(value)
    own = vars(cls).get(
        "_file_name"
    )  # (module, class name, registered name) where files call it otherwise
    if is_ours(cls):
        module = KINDS[cls._kind][1]
        module, name, registered = own or (module, cls.__name__, None)
        found = describe(module, name, value.get_config(), registered)
    else:
        found = describe(
            None, cls.__name__, value.get_config(), registered_name(cls) or cls.__name__
        )
    return _note_shared(value, found)


def is_ours(cls) -> bool:
    """Return whether a class is one of the library's own, as opposed to a user's subclass."""
    kind = vars(cls).get("_kind")
    return kind in KINDS and _tables[kind].get(cls.__name__) is cls


def describe(module: str | None, class_name: str, config, registered: str | None) -> dict:
    """Return the description of an object in the form that Keras files use."""
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": registered,
    }


# ---- layers that stand at several places: they are described each time, with one number

_sharing: list = []


@contextlib.contextmanager
def sharing():
    """Describe, or make, layers that stand at several places of a model as one object inside a `with` block."""
    outermost = not _sharing
    if outermost:
        _sharing.append({})
    try:
        yield
    finally:
        if outermost:
            _sharing.clear()


def _note_shared(value, description):
    if not _sharing or getattr(type(value), "_kind", None) not in ("layer", "model"):
        return description
    known = _sharing[0].setdefault(id(value), (value, []))[1]
    known.append(description)
    if len(known) > 1:
        for each in known:
            each["shared_object_id"] = id(value)
    return description


def deserialize(description, custom_objects: dict | None = None, kind: str | None = None) -> Any:
    """Return the object that a description from `serialize` stands for.

    Args:
        description: a dict with `class_name` and `config`, or a list or dict of such; other values come back as they are.
        custom_objects: dict name -> class or function of your own.
        kind: a key of `KINDS`, where only one kind is expected.

    Raises:
        ValueError: the class is in no table and was not registered, or the description breaks a rule of
            `saving/validate.py` (`FileFormatError`).
    """
    from hornpipe.saving import validate  # the one validator, above this file in rank

    validate.check_description(description)
    with contextlib.ExitStack() as stack:
        stack.enter_context(validate.making("deserialize"))
        stack.enter_context(custom_object_scope(custom_objects or {}))
        stack.enter_context(sharing())
        if isinstance(description, dict) and "class_name" in description:
            return _make(description, kind)
        return _revive(description)


def _make(description: dict, kind: str | None = None):
    """Return the object of one description that was checked."""
    name, config = description["class_name"], description.get("config")
    if name in _PLAIN_DATA:
        return _PLAIN_DATA[name](config)
    if name == "function":
        return find_function(config, kind)
    number = description.get("shared_object_id")
    key = (name, number) if isinstance(number, int) else None
    if key is not None and _sharing and key in _sharing[0]:
        return _sharing[0][key]
    found = find_class(name, kind, description.get("registered_name"), description.get("module"))
    if not inspect.isclass(found) or not hasattr(found, "from_config"):
        if inspect.isfunction(found) and not config:
            return found
        raise ValueError(message("deserialize", "the name is not that of a class", repr(name)))
    if not isinstance(config, dict):
        raise ValueError(
            message("deserialize", f"`config` of {name!r} must be a dict", f"{config!r}")
        )
    if is_ours(found):
        config = _without_neutral(found, config)
    made = found.from_config(config)
    if key is not None and _sharing:
        _sharing[0][key] = made
    return made


def _without_neutral(cls, config: dict) -> dict:
    """Leave out entries of Keras's configs that our constructors do not know, where they ask for nothing."""
    known = _parameters(cls)
    return {
        name: value
        for name, value in config.items()
        if name in known or name not in _NEUTRAL or value not in _NEUTRAL[name]
    }


# entry -> the values that ask for nothing
_NEUTRAL = {
    "quantization_config": (None,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "synchronized": (False,),
    "use_gate": (False,),
    "rms_scaling": (False,),
    "sliding_window": (None,),
    "is_legacy_optimizer": (False,),
    "jit_compile": (True, False, None),
}


def _array(config):
    return np.asarray(config["value"], dtype=dtypes.standardize_dtype(config["dtype"]))


_PLAIN_DATA = {
    "__numpy__": _array,
    "__tensor__": _array,
    "__tuple__": lambda config: tuple(
        _revive(config["value"] if isinstance(config, dict) else config)
    ),
    "__slice__": lambda config: slice(config["start"], config["stop"], config["step"]),
    "__ellipsis__": lambda config: ...,
    "__type__": lambda config: find_class(config["name"]),
    "DTypePolicy": lambda config: dtypes.DTypePolicy(str(config["name"])),
}


def find_class(
    name: str, kind: str | None = None, registered: str | None = None, module: str | None = None
) -> Any:
    """Return the class or function with this name: from `custom_objects`, then ours, then the registered ones.

    A file's module is compared with the table it should stand in, never imported.

    Raises:
        ValueError: there is none.
    """
    for scope in reversed(_scopes):
        for each in (registered, name):
            if each in scope:
                return scope[each]
    for each in (registered, name):
        if isinstance(each, str) and ">" in each:
            if each in _custom:
                return _custom[each]
            raise _unknown(each)
    if module is None or module.split(".")[0] in ("keras", "hornpipe", "builtins"):
        for each in _kinds(kind, module):
            if name in table(each):
                return _tables[each][name]
    found = _by_short_name(name)
    if found is None:
        raise _unknown(name)
    return found


def _kinds(kind, module) -> list[str]:
    """Return the tables in which a description's class may stand."""
    kinds = (
        list(KINDS)
        if kind is None
        else ["layer", "model"]
        if kind in ("layer", "model")
        else [kind]
    )
    if module in (None, "keras", "builtins"):
        return kinds
    parts = module.split(".")[1:]
    parts = parts[1:] if parts[:1] == ["src"] else parts
    named = [
        each
        for each, (ours, keras) in KINDS.items()
        if parts and parts[0] in (ours.split(".")[-1], keras.split(".")[-1])
    ]
    if parts[:1] == ["optimizers"]:
        named = ["schedule", "optimizer"]
    return [each for each in kinds if each in named]


def _unknown(name):
    fix = "Register it with `register_keras_serializable`, or pass it in `custom_objects`."
    return ValueError(message("deserialize", "the class or function is unknown", repr(name), fix))


def find_function(name: str, kind: str | None = None):
    """Return the function with this name: from `custom_objects`, registered, or one of ours (an operation too).

    Raises:
        ValueError: there is none.
    """
    for scope in reversed(_scopes):
        if name in scope:
            return scope[name]
    found = _custom.get(name)
    for each in [kind] if kind else KINDS:
        if found is None:
            found = table(each).get(name)
    if found is None:
        from hornpipe.core.op import OPS, operation

        operation("add")  # loads the operations
        found = OPS.get(name)
    if found is None:
        found = _by_short_name(name)
    if found is None or not callable(found):
        raise _unknown(name)
    return found


# ---- the user's own classes


@guarded()
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
            raise ValueError(
                message("register_keras_serializable", "a class needs `get_config`", item.__name__)
            )
        full = f"{package}>{name or item.__name__}"
        if not package or ">" in package or ">" in (name or ""):
            rule = "`package` and `name` must be texts without '>'"
            raise ValueError(message("register_keras_serializable", rule, repr(full)))
        _custom[full] = item
        return item

    return decorate


def registered_name(item) -> str | None:
    """Return the name that `item` was registered under, or None."""
    return next((name for name, each in _custom.items() if each is item), None)


def _by_short_name(name):
    """Return what was registered under "package>name", where one package has it and the name is none of ours."""
    found = [item for full, item in _custom.items() if full.split(">")[-1] == name]
    if len(found) != 1 or any(name in table(kind) for kind in KINDS):
        return None
    return found[0]


def _find_custom(name):
    """Return what the user calls by this name; a name of ours stays ours, unless a scope says otherwise."""
    for scope in reversed(_scopes):
        if name in scope:
            return scope[name]
    return _custom[name] if name in _custom else _by_short_name(name)


@guarded()
@contextlib.contextmanager
def custom_object_scope(custom_objects: dict):
    """Let `custom_objects` (dict name -> class or function) be found by name inside a `with` block."""
    _scopes.append(dict(custom_objects))
    try:
        yield
    finally:
        _scopes.pop()
