"""What a layer class's `call`, `build` and constructor take: read once from their signatures."""

from __future__ import annotations

import functools
import inspect

CALL_OPTIONS = ("training", "mask")


class CallFacts:
    """What a class's `call` takes: read once from its signature."""

    def __init__(self, cls):
        parameters = list(inspect.signature(cls.call).parameters.values())[1:]
        self.all_names = [p.name for p in parameters]
        self.takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.takes_training = "training" in self.all_names
        self.takes_mask = "mask" in self.all_names
        plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.names = [p.name for p in parameters if p.kind in plain and p.name not in CALL_OPTIONS]
        # Layers of ours take tensors; a user's own may take anything.
        self.only_tensors = cls.__module__.startswith("hornpipe.") and cls.__name__ != "Lambda"
        default = next((p.default for p in parameters if p.name == "training"), None)
        self.training_default = None if default is inspect.Parameter.empty else default

    def name_options(self, args, kwargs):
        """Return the arguments with a training flag or mask given by position as keywords."""
        while (
            1 < len(args) <= len(self.all_names) and self.all_names[len(args) - 1] in CALL_OPTIONS
        ):
            kwargs = {**kwargs, self.all_names[len(args) - 1]: args[-1]}
            args = args[:-1]
        return args, kwargs


@functools.cache
def call_facts(cls) -> CallFacts:
    return CallFacts(cls)


@functools.cache
def build_names(cls) -> list[str]:
    return list(inspect.signature(cls.build).parameters)[1:]


@functools.cache
def constructor_names(cls) -> list[str]:
    from hornpipe.core.config import _parameters

    return list(_parameters(cls))


def take_first_shape(kwargs: dict):
    """Take the shape of a first layer's input out of `kwargs`; returns it with the batch axis, or None."""
    length = kwargs.pop("input_length", None)
    batch = kwargs.pop("batch_size", None)
    if "batch_input_shape" in kwargs:
        return tuple(kwargs.pop("batch_input_shape"))
    if "batch_shape" in kwargs:
        return tuple(kwargs.pop("batch_shape"))
    if "input_shape" in kwargs:
        shape = kwargs.pop("input_shape")
        return (batch, *((shape,) if isinstance(shape, int) else shape))
    if "input_dim" in kwargs:
        size = kwargs.pop("input_dim")
        return (batch, size) if length is None else (batch, length, size)
    return None
