"""Dynamic loss scaling, for training in float16."""

from __future__ import annotations

import functools

from hornpipe import ops
from hornpipe.core.config import register, resolve, serialize
from hornpipe.core.errors import message
from hornpipe.core.scope import autocast
from hornpipe.engine.select import active
from hornpipe.optimizers.base import Optimizer, choose
from hornpipe.optimizers.gradients import as_dtype

# The scale stays between these, so that no run of halvings or doublings ends at 0 or infinity.
_SMALLEST, _LARGEST = 2.0**-100, 2.0**100


@register("optimizer", "lossscaleoptimizer")
class LossScaleOptimizer(Optimizer):
    """Multiply the loss by a large scale, so that small gradients survive float16; divide gradients by it before the update.

    Where a gradient is infinite or NaN the update is left out and the scale halves. After `dynamic_growth_steps` sound updates
    the scale doubles.

    Args:
        inner_optimizer: the optimizer that makes the updates: object, name or config.
        initial_scale: number > 0. Default 32768.
        dynamic_growth_steps: int >= 1. Default 2000.
        name: str. Made from the class's name by default.

    Raises:
        TypeError: an unknown argument; options of updates belong to the inner optimizer.
        ValueError: a number is out of its range, or `inner_optimizer` is a LossScaleOptimizer.

    Example:
        >>> import hornpipe as keras
        >>> optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=4.0)
        >>> weight = keras.Variable([1.0])
        >>> optimizer.apply([keras.ops.full((1,), 2.0)], [weight])
        >>> optimizer.apply([keras.ops.full((1,), float("inf"))], [weight])
        >>> float(weight[0]), float(optimizer.dynamic_scale)
        (0.5, 2.0)

    References:
        Micikevicius et al. (2018), Mixed precision training, arXiv:1710.03740, section 3.2.
    """

    def __init__(
        self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None, **kwargs
    ):
        inner_optimizer = resolve("optimizer", inner_optimizer)
        if not isinstance(inner_optimizer, Optimizer) or isinstance(
            inner_optimizer, LossScaleOptimizer
        ):
            rule = "`inner_optimizer` must be an optimizer other than a LossScaleOptimizer"
            raise ValueError(message(self.who, rule, f"inner_optimizer={inner_optimizer!r}"))
        self.inner_optimizer = inner_optimizer
        if kwargs:
            unknown = next(iter(kwargs))
            rule = f"got an unknown argument `{unknown}`"
            fix = "Options of updates belong to the inner optimizer."
            raise TypeError(message(self.who, rule, f"{unknown}={kwargs[unknown]!r}", fix))
        super().__init__(0.0, name=name)
        self.initial_scale = self.checked(initial_scale, "initial_scale", above=0)
        self.dynamic_growth_steps = self.whole(dynamic_growth_steps, "dynamic_growth_steps", 1)
        self.step_counter = self.add_variable((), "zeros", "int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), "zeros", "float32", name="dynamic_scale")
        self.dynamic_scale.assign(float(initial_scale))

    def build(self, variables):
        """Make the state of the inner optimizer."""
        if not self.built:
            super().build(variables)
            self.inner_optimizer.build(variables)

    @property
    def variables(self):
        """The state of the scale, then that of the inner optimizer."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self):
        """The number of updates that the inner optimizer made, int32."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self):
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner_optimizer.learning_rate = value

    lr = learning_rate

    def apply(self, grads, trainable_variables=None):
        """Divide gradients by the scale and update, unless one is not finite.

        Args:
            grads: list of tensors; None where a variable has no gradient.
            trainable_variables: list of variables; all by default.

        Raises:
            ValueError: as in `Optimizer.apply`.
        """
        pairs = self._present(list(grads), self._known(trainable_variables))
        variables = [variable for _, variable in pairs]
        with autocast(None):
            scale = self.dynamic_scale.value
            # Divided in float32: the scale itself may lie beyond float16.
            grads = [_wide(gradient) for gradient, _ in pairs]
            grads = [
                gradient / as_dtype(scale, active.engine.dtype(gradient)) for gradient in grads
            ]
            is_sound = [ops.all(ops.isfinite(gradient)) for gradient in grads]
            if variables:
                is_sound = functools.reduce(ops.logical_and, is_sound)
                touched = [*variables, *self.variables]
                choose(
                    is_sound, lambda: self._update_and_grow(grads, variables), self._shrink, touched
                )
            self._iterations.assign(self._iterations.value + 1)

    def _update_and_grow(self, grads, variables):
        self.inner_optimizer.apply(grads, variables)
        scale, count = self.dynamic_scale.value, self.step_counter.value + 1
        is_due = count == self.dynamic_growth_steps
        self.dynamic_scale.assign(ops.where(is_due, ops.minimum(scale * 2.0, _LARGEST), scale))
        self.step_counter.assign(ops.where(is_due, ops.zeros_like(count), count))

    def _shrink(self):
        self.dynamic_scale.assign(ops.maximum(self.dynamic_scale.value / 2.0, _SMALLEST))
        self.step_counter.assign(ops.zeros_like(self.step_counter.value))

    def scale_loss(self, loss):
        """Return the loss times the scale."""
        loss = ops.convert_to_tensor(loss)
        scale = as_dtype(self.dynamic_scale.value, active.engine.dtype(loss))
        return self.inner_optimizer.scale_loss(loss * scale)

    def finalize_variable_values(self, var_list):
        """Set variables to the inner optimizer's moving averages, where it keeps them."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Spare some variables the inner optimizer's weight decay, see `Optimizer.exclude_from_weight_decay`."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> dict:
        """Return the constructor's arguments as plain data."""
        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }


def _wide(gradient):
    gradient = ops.convert_to_tensor(gradient)
    return gradient if active.engine.dtype(gradient) == "float64" else as_dtype(gradient, "float32")
