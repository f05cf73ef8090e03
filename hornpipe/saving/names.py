"""Names of classes and functions of your own in files, under Keras's names.

>>> import hornpipe as keras
>>> @keras.saving.register_keras_serializable("mine")
... def double(x):
...     return 2 * x
>>> keras.saving.get_registered_name(double)
'mine>double'
>>> keras.saving.get_registered_object("mine>double") is double
True
"""

from __future__ import annotations

from hornpipe.core import config as registry
from hornpipe.core.config import custom_object_scope as CustomObjectScope  # noqa: N812
from hornpipe.core.refusal import guarded
from hornpipe.saving import validate

__all__ = [
    "CustomObjectScope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "serialize_keras_object",
]


@guarded()
def get_registered_name(obj):
    """Return the name that a class or function was registered under, or its own name."""
    return registry.registered_name(obj) or obj.__name__


@guarded()
def get_registered_object(name, custom_objects=None, module_objects=None):
    """Return the class or function that was registered under a name, or None.

    Args:
        name: str such as "mine>Twice".
        custom_objects, module_objects: dicts name -> class or function to look into as well.
    """
    for place in (
        *reversed(registry._scopes),
        registry._custom,
        custom_objects or {},
        module_objects or {},
    ):
        if name in place:
            return place[name]
    return None


@guarded()
def get_custom_objects() -> dict:
    """Return the table of registered classes and functions, name -> object; entries put there can be named by files."""
    return registry._custom


@guarded()
def serialize_keras_object(obj):
    """Return an object as plain data: numbers, strings, lists and descriptions.

    Raises:
        TypeError: it can't be described, for example a lambda.

    Example:
        >>> import hornpipe as keras
        >>> keras.saving.serialize_keras_object(keras.regularizers.L2(0.1))["config"]
        {'l2': 0.1}
    """
    return registry.serialize(obj)


@guarded()
def deserialize_keras_object(config, custom_objects=None, safe_mode=True, **kwargs):
    """Return the object that `serialize_keras_object` described.

    Args:
        config: a description, or plain data.
        custom_objects: dict name -> class or function of your own.
        safe_mode: True. It can't be switched off.
        kwargs: none.

    Raises:
        FileFormatError: the description breaks a rule, or names what is unknown.
        TypeError: an unknown argument.

    Example:
        >>> import hornpipe as keras
        >>> config = keras.saving.serialize_keras_object(keras.layers.Dense(3, name="head"))
        >>> keras.saving.deserialize_keras_object(config).units
        3
    """
    if safe_mode is not True or kwargs:
        given = kwargs or {"safe_mode": safe_mode}
        raise TypeError(
            f"deserialize_keras_object: only `config` and `custom_objects` can be set. Received: {given!r}."
        )
    with validate.only_format_errors("deserialize_keras_object"):
        return registry.deserialize(config, custom_objects)
