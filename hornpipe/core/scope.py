"""What a thread is in the middle of: values that stand in for variables, the compute dtype, the layer call.

`Scope` is what turns stateful layers into pure functions: while it is entered, reading a variable gives the scope's value and
assigning collects the new one.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any


class _Context(threading.local):
    """Per-thread state; every field is None outside a `with` block of this module."""

    scope: Any = None  # innermost Scope
    autocast: Any = None  # dtype name that floating variables are read in
    call: Any = None  # outermost layer call: CallContext
    budget = None  # what weights may take while something is loaded: saving.validate.Budget


context = _Context()


class Scope:
    """Lets `values` stand in for `variables`; collects assignments in `changed`, a dict id -> variable."""

    def __init__(self, variables=(), values=()):
        self.values = {
            id(variable): value for variable, value in zip(variables, values, strict=True)
        }
        self.changed = {}

    def __enter__(self):
        self.outer = context.scope
        context.scope = self
        return self

    def __exit__(self, *exception):
        context.scope = self.outer

    def changes(self) -> tuple[list, list]:
        """Return the variables assigned while the scope was entered, and their values."""
        variables = list(self.changed.values())
        return variables, [self.values[id(variable)] for variable in variables]


def stand_in(variable):
    """Return the value that stands in for `variable`, or None."""
    scope = context.scope
    while scope is not None:
        value = scope.values.get(id(variable))
        if value is not None:
            return value
        scope = scope.outer
    return None


class CallContext:
    """One outermost layer call: the training flag, and the path of layers being called."""

    __slots__ = ("path", "training")

    def __init__(self, training):
        self.training = training
        self.path = []


@contextlib.contextmanager
def autocast(dtype: str | None):
    """Read floating variables as `dtype` for a while; None reads them as they are."""
    before, context.autocast = context.autocast, dtype
    try:
        yield
    finally:
        context.autocast = before


@contextlib.contextmanager
def outside():
    """Step outside scopes and casts for a while: weights are made with real values, wherever the first call happens."""
    before = context.scope, context.autocast
    context.scope = context.autocast = None
    try:
        yield
    finally:
        context.scope, context.autocast = before
