"""`Optimizer`: what all optimizers share, around one pure rule per weight.

A subclass says which slots (momenta, averages) a weight has and how gradient, weight and slots become the next weight and slots.
The base does the rest: clipping, weight decay, constraints, moving averages of weights, accumulation of gradients, the learning
rate. All state is in variables, so `apply` works as it is and inside a compiled step.

>>> import hornpipe as keras
>>> weight = keras.Variable([1.0, 2.0], name="weight")
>>> optimizer = keras.optimizers.SGD(learning_rate=0.5)
>>> optimizer.apply([keras.ops.ones((2,))], [weight])
>>> weight.numpy().tolist(), int(optimizer.iterations)
([0.5, 1.5], 1)
"""

from __future__ import annotations

import re
import warnings
from typing import Any

from hornpipe import ops
from hornpipe.core import dialect, naming, settings
from hornpipe.core.config import _parameters, deserialize, serialize
from hornpipe.core.errors import message, near_miss
from hornpipe.core.scope import Scope, autocast, outside
from hornpipe.core.variable import Variable
from hornpipe.engine import select
from hornpipe.optimizers import gradients as gradient_tools
from hornpipe.optimizers.schedules import LearningRateSchedule
from hornpipe.optimizers.state import OptimizerState


class Optimizer(OptimizerState):
    """Base of all optimizers.

    One update: gradients are divided by `loss_scale_factor`, clipped; weights decay, `w -= w * weight_decay * learning_rate`;
    the rule of the subclass follows, then the weight's constraint, then the moving average.

    A subclass sets `slot_names` and defines `update`; or, in the style of Keras, `build` and `update_step`.

    Args:
        learning_rate: number >= 0, a `LearningRateSchedule`, or a function without arguments.
        weight_decay: number >= 0 or None. Decay of weights apart from the gradient. Default None.
        clipnorm: number > 0 or None. Each gradient is shrunk to at most this norm. Default None.
        clipvalue: number > 0 or None. Gradient entries are cut to +-clipvalue. Default None.
        global_clipnorm: number > 0 or None. All gradients together are shrunk to at most this norm. Default None.
        use_ema: bool. Whether a moving average of each weight is kept, `average = m * average + (1 - m) * w`. Default False.
        ema_momentum: number in [0, 1]: m above; 0 at the first update. Default 0.99.
        ema_overwrite_frequency: int >= 1 or None. Weights take the averages' values every so many updates; None leaves
            that to `finalize_variable_values` at the end of training. Default None.
        loss_scale_factor: number > 0 or None. What `scale_loss` multiplies by, and gradients are divided by. Default None.
        gradient_accumulation_steps: int >= 2 or None. One update for every so many calls, by the gradients' mean.
            Default None.
        name: str. Made from the class's name by default.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number out of its range, or more than one way of clipping.

    Example:
        >>> import hornpipe as keras
        >>> class SignDescent(keras.optimizers.Optimizer):
        ...     slot_names = ()
        ...     def update(self, gradient, weight, slots, learning_rate, step):
        ...         return weight - learning_rate * keras.ops.sign(gradient), slots
        >>> weight = keras.Variable([1.0, -1.0])
        >>> SignDescent(0.25).apply([keras.ops.convert_to_tensor([3.0, -0.1])], [weight])
        >>> weight.numpy().tolist()
        [0.75, -0.75]

    References:
        Loshchilov and Hutter (2019), Decoupled weight decay regularization, arXiv:1711.05101 (weight_decay). Polyak and
        Juditsky (1992), Acceleration of stochastic approximation by averaging (use_ema). With accumulation the averages
        move once an update; in Keras they move at every call.
    """

    slot_names: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        kind = type(self).__name__
        self._refuse(kwargs)
        self.name = (
            naming.auto_name(naming.snake_case(kind))
            if name is None
            else naming.check_name(name, kind)
        )
        self.weight_decay = self.checked(weight_decay, "weight_decay", least=0, optional=True)
        self.clipnorm = self.checked(clipnorm, "clipnorm", above=0, optional=True)
        self.clipvalue = self.checked(clipvalue, "clipvalue", above=0, optional=True)
        self.global_clipnorm = self.checked(
            global_clipnorm, "global_clipnorm", above=0, optional=True
        )
        if sum(each is not None for each in (clipnorm, clipvalue, global_clipnorm)) > 1:
            received = (
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
            rule = "at most one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set"
            raise ValueError(message(self.who, rule, received))
        self.use_ema = bool(use_ema)
        self.ema_momentum = self.checked(ema_momentum, "ema_momentum", least=0, most=1)
        self.ema_overwrite_frequency = self.whole(
            ema_overwrite_frequency, "ema_overwrite_frequency", 1, optional=True
        )
        self.loss_scale_factor = self.checked(
            loss_scale_factor, "loss_scale_factor", above=0, optional=True
        )
        self.gradient_accumulation_steps = self.whole(
            gradient_accumulation_steps, "gradient_accumulation_steps", 2, optional=True
        )
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Variable] = []
        self._indices: dict[int, int] = {}
        self._slots: list[tuple] = []
        self._averages: list[Variable] = []
        self._sums: list[Variable] = []
        self._not_decayed: list = []
        self._terms = None
        self._iterations = self.add_variable((), "zeros", "int32", name="iteration")
        self._set_up_learning_rate(learning_rate)

    def _refuse(self, unknown: dict):
        """Raise for the first of some arguments that no constructor takes."""
        for name, value in unknown.items():
            known = _parameters(type(self))
            fix = near_miss(name, known).strip() or f"Known: {', '.join(known)}."
            rule = f"got an unknown argument `{name}`"
            raise TypeError(message(self.who, rule, f"{name}={value!r}", fix))

    def __getattr__(self, name):
        return dialect.attribute(self, name)

    # ---- what a subclass defines

    def init_slot(self, name: str, weight: Variable):
        """Return the first value of a slot, a tensor; zeros like the weight. None leaves the slot out."""
        return ops.zeros(weight.shape, dtype=weight.dtype)

    def step_terms(self, step):
        """Return what `update` receives as `step`: tensors that depend on the step alone, computed once for all weights.

        Args:
            step: float scalar tensor, 1 at the first update.
        """
        return step

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and the next slots. Pure: tensors in, tensors out, no assignment.

        Args:
            gradient, weight: tensors of one shape and dtype.
            slots: tuple of tensors, one for each of `slot_names`.
            learning_rate: scalar tensor of the weight's dtype.
            step: what `step_terms` returned, in the weight's dtype.
        """
        rule = "a subclass must define `update`, or `update_step` in the style of Keras"
        raise NotImplementedError(message(self.who, rule))

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable and its slots. Override this to write an optimizer in the style of Keras."""
        slots = self._slots[self._indices[id(variable)]]
        values = tuple(None if slot is None else slot.value for slot in slots)
        terms = _cast(self._terms, variable.dtype)
        weight, values = self.update(gradient, variable.value, values, learning_rate, terms)
        variable.assign(weight)
        for slot, value in zip(slots, values, strict=True):
            if slot is not None:
                slot.assign(value)

    @property
    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        """The slots' order in files: groups one after the other, within a group weight by weight."""
        return (tuple(self.slot_names),)

    # ---- state

    @property
    def iterations(self):
        """The number of updates made, int32."""
        steps = self.gradient_accumulation_steps
        return self._iterations if steps is None else self._iterations.value // steps

    def build(self, variables):
        """Make the state for a list of trainable variables. `apply` does it at its first call.

        Raises:
            ValueError: an entry is not a variable.
        """
        if self.built:
            return
        variables = list(variables)
        for variable in variables:
            if not isinstance(variable, Variable):
                raise ValueError(
                    message(self.who, "`build` needs a list of variables", repr(variable))
                )
        self._trainable_variables = variables
        self._index_variables()
        with outside(), select.use(select.chosen()), select.chosen().concrete():
            if self.use_ema:
                self._averages = [self._like(each, "average", each.value) for each in variables]
            if self.gradient_accumulation_steps:
                self._sums = [
                    self.add_variable_from_reference(each, "gradient_accumulator")
                    for each in variables
                ]
            made = {}
            for group in self.slot_groups:
                for variable in self._trainable_variables:
                    for name in group:
                        value = self.init_slot(name, variable)
                        made[id(variable), name] = (
                            None if value is None else self._like(variable, name, value)
                        )
            self._slots = [
                tuple(made[id(each), name] for name in self.slot_names) for each in variables
            ]
        self.built = True

    def _index_variables(self):
        # At every call, since a deep copy of the optimizer has other variables.
        self._indices = {id(each): index for index, each in enumerate(self._trainable_variables)}

    def _get_variable_index(self, variable) -> int:
        return self._indices[id(variable)]

    # ---- the learning rate

    def _set_up_learning_rate(self, learning_rate):
        if isinstance(learning_rate, dict):
            learning_rate = deserialize(learning_rate)
        self._given_rate = learning_rate
        if callable(learning_rate) and not isinstance(learning_rate, Variable):
            self._learning_rate = learning_rate
        else:
            self._given_rate = self._checked_rate(learning_rate)
            self._learning_rate = self.add_variable(
                (), "zeros", scalar_dtype(), name="learning_rate"
            )
            self._learning_rate.assign(self._given_rate)

    def _checked_rate(self, value) -> float:
        if getattr(value, "shape", None) == () and not isinstance(value, float):
            value = float(value)  # a tensor, a variable or an array
        fix = "Pass a number such as learning_rate=0.001, or a LearningRateSchedule."
        return float(self.checked(value, "learning_rate", least=0, fix=fix))

    @property
    def learning_rate(self):
        """The learning rate: a variable, or a schedule's (or function's) value for the next step.

        It can be set to a number at any time; where a schedule was given, only to another schedule.
        """
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return self._current_rate()

    @learning_rate.setter
    def learning_rate(self, value):
        if isinstance(value, LearningRateSchedule):
            if isinstance(self._learning_rate, Variable):
                self._variables = [
                    each for each in self._variables if each is not self._learning_rate
                ]
            self._learning_rate = self._given_rate = value
        elif isinstance(self._learning_rate, Variable):
            engine = select.active.engine
            is_traced = engine.is_tensor(value) and engine.is_traced(value)
            self._learning_rate.assign(value if is_traced else self._checked_rate(value))
        else:
            rule = "the learning rate can't be set, since it follows a schedule"
            fix = "Make the optimizer with a number, or set another schedule."
            raise TypeError(message(self.who, rule, f"learning_rate={value!r}", fix))

    lr = learning_rate

    def _current_rate(self):
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate.value
        # Schedules count calls of `apply`, also where gradients are accumulated.
        value = rate(self._iterations.value) if isinstance(rate, LearningRateSchedule) else rate()
        return ops.convert_to_tensor(value)

    def _own_config(self) -> dict:
        rate = self._given_rate
        if isinstance(self._learning_rate, Variable):
            current = self._learning_rate.numpy()
            rate = rate if current == current.dtype.type(rate) else float(current)
        return {"learning_rate": serialize(rate), "name": self.name}

    # ---- applying gradients

    def apply_gradients(self, grads_and_vars):
        """Update the variables of `(gradient, variable)` pairs."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])

    def apply(self, grads, trainable_variables=None):
        """Update variables by their gradients.

        Args:
            grads: list of tensors; None where a variable has no gradient: it is left alone, with a warning.
            trainable_variables: list of variables, those the optimizer was built for or some of them; all by default.

        Raises:
            ValueError: the numbers of gradients and variables differ, a variable is unknown, or all gradients are None.
        """
        variables = self._known(trainable_variables)
        pairs = self._present(list(grads), variables)
        variables = [variable for _, variable in pairs]
        with autocast(None):
            grads = [
                gradient_tools.as_dtype(gradient, variable.dtype) for gradient, variable in pairs
            ]
            if self.loss_scale_factor is not None:
                grads = [gradient / self.loss_scale_factor for gradient in grads]
            if self.gradient_accumulation_steps is None:
                self._update_all(grads, variables, self._iterations.value + 1)
            else:
                self._accumulate(grads, variables)
            self._iterations.assign(self._iterations.value + 1)

    def _known(self, variables):
        if variables is None:
            if not self.built:
                rule = "`apply` needs `trainable_variables` the first time"
                raise ValueError(message(self.who, rule, "trainable_variables=None"))
            variables = self._trainable_variables
        variables = list(variables)
        if not self.built:
            self.build(variables)
        self._index_variables()
        unknown = [each.path for each in variables if id(each) not in self._indices]
        if unknown:
            rule = f"was built for {len(self._indices)} variables, and these are not among them"
            fix = "Make a new optimizer for a new set of variables."
            raise ValueError(message(self.who, rule, ", ".join(unknown[:10]), fix))
        return variables

    def _present(self, grads, variables):
        """Return the pairs whose gradient is not None."""
        if len(grads) != len(variables):
            received = f"{len(grads)} gradients for {len(variables)} variables"
            raise ValueError(message(self.who, "needs one gradient for each variable", received))
        pairs = [pair for pair in zip(grads, variables, strict=True) if pair[0] is not None]
        if not variables:
            return pairs
        if not pairs:
            fix = "Check that the loss depends on the trainable variables."
            raise ValueError(message(self.who, "no variable has a gradient", "None for each", fix))
        if len(pairs) < len(variables):
            paths = [
                path for gradient, path in zip(grads, variables, strict=True) if gradient is None
            ]
            names = ", ".join(variable.path for variable in paths[:10])
            rule = "variables without a gradient are left alone"
            fix = "Check that the loss depends on them."
            warnings.warn(message(self.who, rule, names, fix), stacklevel=3)
        return pairs

    def _update_all(self, grads, variables, step):
        """Make one update; `step` is an int32 tensor, 1 at the first."""
        rate = self._current_rate()
        grads = gradient_tools.clip(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
        self._terms = self.step_terms(ops.cast(step, select.active.engine.dtype(rate)))
        try:
            for gradient, variable in zip(grads, variables, strict=True):
                own_rate = _cast(rate, variable.dtype)
                if self._decays(variable):
                    variable.assign(
                        variable.value - variable.value * (self.weight_decay * own_rate)
                    )
                self.update_step(gradient, variable, own_rate)
                if variable.constraint is not None:
                    variable.assign(variable.constraint(variable.value))
        finally:
            self._terms = None
        if self.use_ema:
            self._move_averages(variables, step)

    def _accumulate(self, grads, variables):
        """Add gradients to the sums; at every last call of a round, update by their mean."""
        steps = self.gradient_accumulation_steps
        slots = [self._sums[self._indices[id(variable)]] for variable in variables]
        sums = [slot.value + gradient for slot, gradient in zip(slots, grads, strict=True)]
        calls = self._iterations.value + 1

        def update():
            self._update_all([total / steps for total in sums], variables, calls // steps)
            for slot, total in zip(slots, sums, strict=True):
                slot.assign(ops.zeros_like(total))

        def wait():
            for slot, total in zip(slots, sums, strict=True):
                slot.assign(total)

        choose(calls % steps == 0, update, wait, [*variables, *self._variables])

    # ---- weight decay

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Spare some variables the weight decay.

        Args:
            var_list: list of variables.
            var_names: list of regular expressions searched for in each variable's path, for example `["bias", "gamma"]`.
        """
        self._not_decayed = [*(var_list or ()), *(var_names or ())]

    def _decays(self, variable) -> bool:
        if not self.weight_decay:
            return False
        for each in self._not_decayed:
            if isinstance(each, str):
                if re.search(each, variable.path) or re.search(each, variable.name):
                    return False
            elif each is variable:
                return False
        return True

    # ---- moving averages of weights

    def _move_averages(self, variables, step):
        dtype = select.active.engine.dtype
        # The first update starts the average at the weight itself.
        momentum = self.ema_momentum * ops.cast(step > 1, "float32")
        every = self.ema_overwrite_frequency
        is_due = None if every is None else step % every == 0
        for variable in variables:
            average = self._averages[self._indices[id(variable)]]
            value = variable.value
            m = _cast(momentum, dtype(value))
            average.assign(m * average.value + (1 - m) * value)
            if is_due is not None:
                variable.assign(ops.where(is_due, average.value, value))

    def finalize_variable_values(self, var_list):
        """Set variables to their moving averages; does nothing without `use_ema`. Called at the end of training.

        Raises:
            ValueError: a variable is unknown to the optimizer.
        """
        if self.use_ema and self.built:
            for variable in self._known(var_list):
                variable.assign(self._averages[self._indices[id(variable)]].value)

    # ---- for losses and for pure functions

    def scale_loss(self, loss):
        """Return the loss times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """Apply gradients to values instead of variables.

        Args:
            optimizer_variables: list of tensors in the order of `variables`.
            grads: list of tensors.
            trainable_variables: list of tensors in the order of the variables that the optimizer was built for.

        Returns:
            The next `trainable_variables` and `optimizer_variables`, two lists of tensors.

        Raises:
            ValueError: the optimizer is not built, or the numbers of values are wrong.
        """
        if not self.built:
            fix = "Call `optimizer.build(variables)` first."
            raise ValueError(
                message(self.who, "`stateless_apply` needs a built optimizer", "built=False", fix)
            )
        variables = [*self._trainable_variables, *self.variables]
        values = [*trainable_variables, *optimizer_variables]
        if len(values) != len(variables):
            rule = f"needs {len(self._trainable_variables)} weights and {len(self.variables)} state values"
            received = f"{len(trainable_variables)} and {len(optimizer_variables)}"
            raise ValueError(message(self.who, rule, received))
        with Scope(variables, values) as scope:
            self.apply(grads)
        after = [scope.values[id(variable)] for variable in variables]
        number = len(self._trainable_variables)
        return after[:number], after[number:]


def choose(predicate, if_true, if_false, variables):
    """Run one of two functions that assign to `variables`, by a scalar tensor that may be traced."""
    before = [variable.value for variable in variables]

    def branch(function):
        def run():
            with Scope(variables, before) as scope:
                function()
            return [scope.values[id(variable)] for variable in variables]

        return run

    after = ops.cond(predicate, branch(if_true), branch(if_false))
    for variable, value in zip(variables, after, strict=True):
        variable.assign(value)


def scalar_dtype() -> str:
    """Return the dtype of learning rates and corrections: never below float32."""
    return "float64" if settings.floatx() == "float64" else "float32"


def _cast(tree, dtype) -> Any:
    """Return a floating tensor, or a tuple of them, in another dtype."""
    if tree is None or isinstance(tree, tuple):
        return tree if tree is None else tuple(_cast(each, dtype) for each in tree)
    return gradient_tools.as_dtype(tree, dtype)
