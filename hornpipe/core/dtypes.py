"""Dtypes: their names, the promotion lattice, and mixed-precision policies.

Promotion: bool < integers < floats < complex. Python numbers are weak: they raise the kind of the other operand, never its
width. Integers that no integer type can hold together, and integers with a weak float, become `floatx`.

>>> from hornpipe.core.dtypes import result_type
>>> result_type("int32", "float16"), result_type("float16", "bfloat16"), result_type("int32", 2.5)
('float16', 'float32', 'float32')
"""

from __future__ import annotations

from functools import cache

import numpy as np

from hornpipe.core import settings
from hornpipe.core.errors import message, near_miss

FLOATS = ("bfloat16", "float16", "float32", "float64")
INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
COMPLEX = ("complex64", "complex128")
DTYPES = ("bool", *INTEGERS, *FLOATS, *COMPLEX)
_PYTHON_TYPES = {bool: "bool", int: "int32", complex: "complex64"}


def standardize_dtype(dtype) -> str:
    """Return the name of a dtype given as a name, a Python type, a NumPy, JAX or PyTorch dtype; None gives `floatx`.

    Raises:
        ValueError: it is not a dtype that tensors can have.
    """
    if isinstance(dtype, str) and dtype in DTYPES:
        return dtype
    if (
        dtype is None or dtype is float or (isinstance(dtype, str) and dtype == "float")
    ):  # NumPy: float64 == "float"
        return settings.floatx()
    if isinstance(dtype, type) and dtype in _PYTHON_TYPES:
        return _PYTHON_TYPES[dtype]
    name = {"int": "int32"}.get(dtype) if isinstance(dtype, str) else None
    if name is None:
        name = str(dtype).removeprefix("torch.")
        if name not in DTYPES:
            try:
                name = np.dtype(dtype).name
            except TypeError:
                name = str(dtype)
    if name not in DTYPES:
        fix = f"Use one of {', '.join(DTYPES)}.{near_miss(name, DTYPES)}"
        raise ValueError(message("dtype", "must name a tensor dtype", repr(dtype), fix))
    return name


def is_float(dtype: str) -> bool:
    """Return whether `dtype` (a name) is a floating type."""
    return dtype in FLOATS


def is_integer(dtype: str) -> bool:
    """Return whether `dtype` (a name) is a signed or unsigned integer type."""
    return dtype in INTEGERS


@cache
def _join(first: str, second: str) -> str:
    if first == second:
        return first
    kinds = [_kind(first), _kind(second)]
    if kinds[0] != kinds[1]:
        wider, narrower = (first, second) if kinds[0] > kinds[1] else (second, first)
        if _kind(wider) == 3 and narrower == "float64":
            return "complex128"
        return wider
    if kinds[0] == 2 and {first, second} == {"bfloat16", "float16"}:
        return "float32"
    if "bfloat16" in (first, second):
        return second if first == "bfloat16" else first
    joined = np.result_type(first, second).name
    return settings.floatx() if joined == "float64" and kinds[0] == 1 else joined


def _kind(dtype: str) -> int:
    return 0 if dtype == "bool" else 1 if dtype in INTEGERS else 2 if dtype in FLOATS else 3


def _weak(value) -> str | None:
    kind = type(value)
    return "bool" if kind is bool else "int" if kind is int else "float" if kind is float else None


def result_type(*values) -> str:
    """Return the dtype that `values` meet in.

    Args:
        values: dtype names, dtypes, or Python numbers (which are weak).
    """
    strong, weak = None, 0
    for value in values:
        name = _weak(value)
        if name is None and type(value) is complex:
            name = "complex"
        if name is None:
            dtype = standardize_dtype(value)
            strong = dtype if strong is None else _join(strong, dtype)
        else:
            weak = max(weak, ("bool", "int", "float", "complex").index(name))
    if strong is None:
        return ("bool", "int32", settings.floatx(), "complex64")[weak]
    if _kind(strong) >= weak:
        return strong
    return ("bool", "int32", settings.floatx(), "complex64")[weak]


class DTypePolicy:
    """Says in which dtype a layer keeps its weights and in which it computes.

    Args:
        name: "float32", "bfloat16", ... for both, or "mixed_float16" / "mixed_bfloat16": computation in the short type,
            weights in float32. None takes the global policy.

    Raises:
        ValueError: the name is neither a dtype nor a mixed policy.

    Example:
        >>> import hornpipe as keras
        >>> policy = keras.DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None):
        name = dtype_policy().name if name is None else name
        self.name = str(name)
        if self.name in ("mixed_float16", "mixed_bfloat16"):
            self.compute_dtype, self.variable_dtype = self.name.removeprefix("mixed_"), "float32"
        else:
            self.compute_dtype = self.variable_dtype = self.name = standardize_dtype(name)

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> DTypePolicy:
        """Return the policy that `get_config` described."""
        return cls(**config)


_global_policy: list[DTypePolicy] = []


def dtype_policy() -> DTypePolicy:
    """Return the policy that layers take when they are given none; `floatx` unless it was set."""
    return _global_policy[0] if _global_policy else DTypePolicy(settings.floatx())


def set_dtype_policy(policy) -> None:
    """Set the policy that layers take when they are given none.

    Args:
        policy: a `DTypePolicy` or its name, for example "mixed_bfloat16".
    """
    _global_policy[:] = [get_policy(policy)]


def get_policy(policy) -> DTypePolicy:
    """Return a policy given as a policy, a name, a dtype, its config, or None (the global one)."""
    if isinstance(policy, DTypePolicy):
        return policy
    if isinstance(policy, dict):
        return DTypePolicy(policy.get("config", policy).get("name"))
    return dtype_policy() if policy is None else DTypePolicy(policy)
