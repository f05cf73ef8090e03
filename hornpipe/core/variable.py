"""`Variable`: a named tensor that layers own and training changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hornpipe.core import dtypes, naming, tracking
from hornpipe.core.errors import message
from hornpipe.core.op import TensorOperators, to_tensor
from hornpipe.core.scope import context, outside, stand_in
from hornpipe.engine import select

_LARGEST = 2**40  # elements; a shape beyond this is a mistake, not a weight


class Variable(TensorOperators):
    """Holds a tensor that can be read, assigned and trained.

    Args:
        initializer: a tensor or array with the first value, or a function `(shape, dtype) -> tensor`, or an initializer's name.
        shape: tuple of ints; needed with a function.
        dtype: dtype name; the value's own or `floatx` by default.
        trainable: bool. Whether gradients flow to it. Default True.
        autocast: bool. Whether layers with a mixed policy read it in their compute dtype. Default True.
        aggregation: "none", "mean", "sum" or "only_first_replica": how copies on several devices are combined.
        synchronization: "auto", "none", "on_write" or "on_read"; kept for Keras's signature.
        name: str without "/".
        regularizer: a function of the value that gives a penalty, or None.
        constraint: a function of the value applied after each update, or None.

    Raises:
        ValueError: no shape with a function, a shape with unknown or negative sizes, or a value of another shape.

    Example:
        >>> import hornpipe as keras
        >>> v = keras.Variable([1.0, 2.0], name="v")
        >>> v.assign_add([1.0, 1.0]).tolist()
        [2.0, 3.0]
        >>> v.shape, v.dtype
        ((2,), 'float32')
    """

    def __init__(
        self,
        initializer,
        shape=None,
        dtype=None,
        trainable=True,
        autocast=True,
        aggregation="none",
        synchronization="auto",
        name=None,
        **kwargs,
    ):
        self.regularizer = kwargs.pop("regularizer", None)
        self.constraint = kwargs.pop("constraint", None)
        if kwargs:
            raise TypeError(message("Variable", "got an unknown argument", next(iter(kwargs))))
        self.name = (
            naming.check_name(name, "Variable")
            if name is not None
            else naming.auto_name("variable")
        )
        self.path = (
            "/".join([*(layer.name for layer in context.call.path), self.name])
            if context.call
            else self.name
        )
        self.trainable = trainable
        tracking.changed()
        self.autocast = autocast
        self.aggregation, self.synchronization = aggregation, synchronization
        if isinstance(initializer, str):
            from hornpipe.core.config import resolve

            initializer = resolve("initializer", initializer)
        if callable(initializer):
            self.dtype = dtypes.standardize_dtype(dtype)
            self.shape = _check_shape(shape, f"Variable {self.path!r}")
            if context.budget is not None:  # something is being loaded
                context.budget.take(self.path, self.shape)
            with outside(), select.use(select.chosen()), select.chosen().concrete():
                value = initializer(self.shape, dtype=self.dtype)
                self._value = self._fit(value)
        else:
            with outside(), select.use(select.chosen()), select.chosen().concrete():
                value = to_tensor(initializer)
                self.dtype = dtypes.standardize_dtype(dtype or active_dtype(value))
                self.shape = tuple(value.shape)
                # A copy: training takes over the memory of what a variable holds.
                self._value = select.chosen().copy(self._fit(value))

    def _fit(self, value):
        """Return `value` as a tensor of this variable's shape and dtype."""
        engine = select.active.engine
        value = value if engine.is_tensor(value) else to_tensor(value)
        if tuple(value.shape) != self.shape:
            rule = f"a value must have the shape {self.shape}"
            raise ValueError(
                message(f"Variable {self.path!r}", rule, f"shape={tuple(value.shape)}")
            )
        return value if engine.dtype(value) == self.dtype else engine.astype(value, self.dtype)

    @property
    def value(self) -> Any:
        """The tensor: the current one, or what stands in for it inside a compiled step."""
        engine = select.active.engine
        if engine.name == "shapes":
            value = engine.Tensor(self.shape, self.dtype)
        else:
            value = stand_in(self) if context.scope is not None else None
            if value is None:
                value = self._value
        wanted = context.autocast
        if wanted not in (None, self.dtype) and self.autocast and dtypes.is_float(self.dtype):
            return engine.astype(value, wanted)
        return value

    def assign(self, value):
        """Set the value; returns it as a tensor.

        Raises:
            ValueError: `value` has another shape.
        """
        engine = select.active.engine
        if engine.name == "shapes":
            return engine.Tensor(self.shape, self.dtype)
        value = self._fit(value)
        scope = context.scope
        if scope is not None:
            scope.values[id(self)] = value
            scope.changed[id(self)] = self
        else:
            if engine.is_traced(value):
                rule = "can't be assigned inside a compiled function, except in a layer's call or a train_step"
                raise ValueError(message(f"Variable {self.path!r}", rule))
            self._value = value
        return value

    def assign_add(self, value):
        """Add `value`; returns the new value."""
        return self.assign(self.value + _operand(value))

    def assign_sub(self, value):
        """Subtract `value`; returns the new value."""
        return self.assign(self.value - _operand(value))

    def numpy(self) -> np.ndarray:
        """Return the value as a NumPy array that owns its memory."""
        return select.active.engine.to_numpy(self.value)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def __array__(self, dtype=None, copy=None):
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __jax_array__(self):
        return self.value

    def __float__(self):
        return float(self.numpy())

    def __int__(self):
        return int(self.numpy())

    def __bool__(self):
        return bool(self.numpy())

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"

    def __deepcopy__(self, memo):
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(self.__dict__)
        twin._value = select.chosen().copy(self._value)
        return twin


def _operand(value):
    """Return what a tensor can be added to: engines do not all take arrays and variables."""
    return value if isinstance(value, (int, float)) else to_tensor(value)


def active_dtype(value) -> str:
    """Return a tensor's dtype name in the engine in force."""
    return select.active.engine.dtype(value)


def _check_shape(shape, who) -> tuple[int, ...]:
    if shape is None:
        raise ValueError(
            message(who, "`shape` is needed with an initializer function", "shape=None")
        )
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    sound = all(
        isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size >= 0
        for size in shape
    )
    if not sound or math.prod(shape) > _LARGEST:
        raise ValueError(
            message(who, "`shape` must hold known sizes, integers >= 0", f"shape={shape}")
        )
    return tuple(int(size) for size in shape)
