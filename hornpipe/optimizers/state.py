"""What an optimizer keeps: its variables, in the order of files, and the checks of its numbers."""

from __future__ import annotations

import numbers
from typing import Any

from hornpipe.core.checks import check_number
from hornpipe.core.config import Configurable
from hornpipe.core.errors import message
from hornpipe.core.variable import Variable

_LONGEST_NAME = 200


class OptimizerState(Configurable):
    """The part of `Optimizer` that makes, saves and loads state variables."""

    name: str
    built: bool
    _variables: list[Variable]

    @property
    def who(self) -> str:
        """The optimizer as error messages name it."""
        return type(self).__name__

    @property
    def variables(self) -> list[Variable]:
        """All state: the step counter, the learning rate, then averages, sums and slots in the order of Keras's files."""
        return list(self._variables)

    def add_variable(
        self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None
    ):
        """Make a state variable of this optimizer.

        Args:
            shape: tuple of ints.
            initializer: name, or function `(shape, dtype) -> tensor`. Default "zeros".
            dtype: dtype name; `floatx` by default.
            aggregation, layout: for Keras's signature.
            name: str without "/".
        """
        variable = Variable(
            initializer,
            shape=shape,
            dtype=dtype,
            trainable=False,
            aggregation=aggregation,
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable, name=None, initializer="zeros", layout=None
    ):
        """Make a state variable of the shape and dtype of another; its name ends with `name`."""
        full = _slot_name(reference_variable, name or "slot")
        shape, dtype = reference_variable.shape, reference_variable.dtype
        return self.add_variable(shape, initializer, dtype, name=full)

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """Make one state variable for each of `trainable_variables`; with several names, one list for each name."""
        if isinstance(name, str):
            return [
                self.add_variable_from_reference(each, name, initializer)
                for each in trainable_variables
            ]
        initializers = [initializer] * len(name) if isinstance(initializer, str) else initializer
        rows = [
            [
                self.add_variable_from_reference(each, *pair)
                for pair in zip(name, initializers, strict=True)
            ]
            for each in trainable_variables
        ]
        return tuple([row[column] for row in rows] for column in range(len(name)))

    def _like(self, variable, name, value):
        # The value is made outside: its shape may differ from the weight's.
        made = Variable(value, trainable=False, name=_slot_name(variable, name))
        made.path = f"{self.name}/{made.name}"
        self._variables.append(made)
        return made

    @staticmethod
    def assign(variable, value):
        """Set a variable; for subclasses in the style of Keras."""
        variable.assign(value)

    @staticmethod
    def assign_add(variable, value):
        """Add to a variable; for subclasses in the style of Keras."""
        variable.assign(variable.value + value)

    @staticmethod
    def assign_sub(variable, value):
        """Subtract from a variable; for subclasses in the style of Keras."""
        variable.assign(variable.value - value)

    def save_own_variables(self, store):
        """Write the state into a mapping of str to arrays, under "0", "1", ..."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store):
        """Read the state that `save_own_variables` wrote.

        Raises:
            ValueError: the number of entries differs, for example because the optimizer was not built.
        """
        if len(store) != len(self.variables):
            rule = f"the state has {len(self.variables)} variables"
            fix = (
                ""
                if self.built
                else "Build the optimizer first: `optimizer.build(model.trainable_variables)`."
            )
            raise ValueError(message(self.who, rule, f"{len(store)} values", fix))
        for index, variable in enumerate(self.variables):
            variable.assign(store[str(index)])

    # ---- checks

    def checked(self, value, argument, *, optional=False, **bounds) -> Any:
        """Return a number (or None, where `optional`) if it is within the bounds of `check_number`.

        Raises:
            ValueError: it is not.
        """
        if value is None and optional:
            return None
        return check_number(value, argument, self.who, **bounds)

    def whole(self, value: Any, argument, least, *, optional=False) -> Any:
        """Return an integer if it is at least `least`.

        Raises:
            ValueError: it is not.
        """
        is_int = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not (value is None and optional) and (not is_int or value < least):
            rule = f"`{argument}` must be an integer >= {least}" + " or None" * optional
            raise ValueError(message(self.who, rule, f"{argument}={value!r}"))
        return value


def _slot_name(variable, name):
    """Return "dense_kernel_momentum" for the path "dense/kernel"."""
    return f"{variable.path.replace('/', '_')[-_LONGEST_NAME:]}_{name}"
