"""The mechanism behind every public operation: promotion, symbolic recording, and engines' own versions.

`@op` makes a public operation of a function and converts its leading tensor arguments by a dtype rule: "promote" (to a common
dtype), "float" (promote, integers become `floatx`), "same" (convert, no promotion), None (leave alone).
"""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import Any

from hornpipe.core import settings
from hornpipe.core.dtypes import is_float, result_type
from hornpipe.core.refusal import retold
from hornpipe.engine.contract import PRIMITIVES, VERBS
from hornpipe.engine.select import active

OPS: dict[str, Any] = {}  # public name -> operation
_NUMBERS = (bool, int, float)


class Symbolic:
    """Marks tensors that have a shape and a dtype but no value; `core/graph.py` records what is done to them."""

    __slots__ = ()


_recorder = []  # core/graph.py puts its `record_op` here


def to_tensor(x) -> Any:
    """Return `x` as a tensor of the engine in force; variables give their value, tensors stay as they are."""
    engine = active.engine
    if engine.is_tensor(x):
        return x
    value = getattr(x, "value", None)
    if value is not None and hasattr(x, "trainable"):
        return value
    if type(x) in (list, tuple) and _holds_tensors(x):
        return OPS["stack"](list(x))
    return engine.asarray(x)


def _holds_tensors(values):
    """Return whether a list holds tensors or variables that NumPy could not put together."""
    return any(
        _holds_tensors(value)
        if type(value) in (list, tuple)
        else active.engine.is_tensor(value) or hasattr(value, "trainable")
        for value in values
    )


def convert(values, rule, lists=False) -> Any:
    """Return `values` (tensors, numbers, arrays) as tensors by a dtype rule.

    Args:
        values: list of arguments.
        rule: "promote", "float" or "same".
        lists: bool. Whether a list is several tensors; otherwise it is one tensor's values.
    """
    engine = active.engine
    groups = [_whole(value, lists) if type(value) in (list, tuple) else value for value in values]
    if rule == "same":
        return [_each(to_tensor, group) for group in groups]
    groups = [_each(_number_or_tensor, group) for group in groups]
    leaves = [
        leaf
        for group in groups
        for leaf in (group if type(group) is list else (group,))
        if leaf is not None
    ]
    kinds: Any = {
        leaf if type(leaf) in _NUMBERS else engine.dtype(leaf)  # pyright: ignore[reportUnhashable]
        for leaf in leaves
    }
    only = next(iter(kinds)) if len(kinds) == 1 else None
    dtype = only if type(only) is str else result_type(*kinds)
    if rule == "float" and not is_float(dtype) and not dtype.startswith("complex"):
        dtype = settings.floatx()
    keep_numbers = any(type(leaf) not in _NUMBERS for leaf in leaves)

    def cast(leaf):
        if type(leaf) in _NUMBERS:
            return leaf if keep_numbers else engine.asarray(leaf, dtype)
        return leaf if engine.dtype(leaf) == dtype else engine.astype(leaf, dtype)

    def cast_item(leaf):
        return engine.asarray(leaf, dtype) if type(leaf) in _NUMBERS else cast(leaf)

    return [_each(cast_item if type(group) is list else cast, group) for group in groups]


def _whole(value, lists):
    return list(value) if lists else to_tensor(value)


def _number_or_tensor(value):
    return value if type(value) in _NUMBERS else to_tensor(value)


def _each(function, group):
    """Return `function` of a value, or of each in a list; None stays."""
    if type(group) is list:
        return [None if item is None else function(item) for item in group]
    return None if group is None else function(group)


def _is_symbolic(value):
    if isinstance(value, Symbolic):
        return True
    if type(value) in (list, tuple):
        return any(_is_symbolic(item) for item in value)
    if type(value) is dict:
        return any(_is_symbolic(item) for item in value.values())
    return False


def op(tensors=1, dtype: str | None = "promote", name: str | None = None, lists=False) -> Any:
    """Make a public operation of a composed function.

    Args:
        tensors: int. How many leading arguments are tensors (or lists of them).
        dtype: the rule of this module's docstring.
        name: public name; the function's own by default (a trailing underscore is dropped).
        lists: bool. Whether a list among those arguments is several tensors, as in `concatenate`; otherwise it is one.
    """

    def decorate(function):
        public = name or function.__name__.rstrip("_")
        overridable = (
            public not in PRIMITIVES and public not in VERBS
        )  # those keep the contract's arguments
        names = list(inspect.signature(function).parameters)[:tensors]

        @functools.wraps(function)
        def operation(*args: Any, **kwargs: Any) -> Any:
            given = args, kwargs
            try:
                engine = active.engine
                if len(args) < tensors and kwargs:
                    args, kwargs = list(args), dict(kwargs)
                    for missing in names[len(args) :]:
                        if missing not in kwargs:
                            break
                        args.append(kwargs.pop(missing))
                if engine.name != "shapes" and (
                    any(map(_is_symbolic, args))
                    or (kwargs and any(map(_is_symbolic, kwargs.values())))
                ):
                    return _recorder[0](operation, args, kwargs)
                if dtype is not None and tensors:
                    args = (*convert(args[:tensors], dtype, lists), *args[tensors:])
                own = getattr(engine, public, None) if overridable else None
                if own is not None and (result := own(*args, **kwargs)) is not NotImplemented:
                    return result
                return function(*args, **kwargs)
            except Exception as error:
                new = retold(error, public, function, *given, tensors)
                if new is None:
                    raise
                raise new from error

        operation.__name__ = operation.__qualname__ = public
        vars(operation)["op_name"] = public
        OPS[public] = operation
        return operation

    return decorate


def operation(name: str) -> Any:
    """Return a public operation by name, importing `hornpipe.ops` where it was not yet."""
    if name not in OPS:
        importlib.import_module("hornpipe.ops")
    return OPS[name]


class TensorOperators:
    """Python's operators as operations, for variables and symbolic tensors."""

    shape: Any

    __slots__ = ()
    __array_priority__ = 1000
    __array_ufunc__ = None
    __hash__ = object.__hash__

    def __getitem__(self, index):
        return operation("getitem")(self, index)

    def __neg__(self):
        return operation("negative")(self)

    def __abs__(self):
        return operation("abs")(self)

    def __invert__(self):
        return operation("logical_not")(self)

    def __len__(self):
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"A tensor of shape {tuple(self.shape)} has no known length.")
        return self.shape[0]

    def __iter__(self):
        return (self[index] for index in range(len(self)))


def _binary(public, reflected):
    if reflected:
        return lambda self, other: operation(public)(other, self)
    return lambda self, other: operation(public)(self, other)


for _python, _public in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}.items():
    setattr(TensorOperators, f"__{_python}__", _binary(_public, False))
    setattr(TensorOperators, f"__r{_python}__", _binary(_public, True))
for _python, _public in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}.items():
    setattr(TensorOperators, f"__{_python}__", _binary(_public, False))
TensorOperators.__eq__ = lambda self, other: (
    self is other if other is None else operation("equal")(self, other)
)
TensorOperators.__ne__ = lambda self, other: (
    self is not other if other is None else operation("not_equal")(self, other)
)
