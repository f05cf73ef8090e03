"""Learning rates that follow the step: pure functions of the step number, computed inside the training step.

>>> import hornpipe as keras
>>> schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)
>>> [round(float(schedule(step)), 4) for step in (0, 10, 20)]
[0.1, 0.05, 0.025]
"""

from __future__ import annotations

import itertools
import math

from hornpipe import ops
from hornpipe.core import config as registry
from hornpipe.core.checks import check_number
from hornpipe.core.config import Configurable, register
from hornpipe.core.errors import message


class LearningRateSchedule(Configurable):
    """Base of all schedules: a callable `(step) -> learning rate`.

    Subclasses define `__call__(self, step)`; `step` is an int32 scalar tensor, 0 at the first step. With
    `gradient_accumulation_steps` every accumulated batch counts as a step.

    Example:
        >>> import hornpipe as keras
        >>> class Halving(keras.optimizers.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.5 ** keras.ops.cast(step, "float32")
        >>> float(Halving()(3))
        0.125
    """

    def __call__(self, step):
        """Return the learning rate at `step`, a float scalar tensor."""
        rule = "a subclass must define `__call__(self, step)`"
        raise NotImplementedError(message(type(self).__name__, rule))


@register("schedule")
class ExponentialDecay(LearningRateSchedule):
    """Multiply by a factor every so many steps: `initial * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: number >= 0.
        decay_steps: number > 0.
        decay_rate: number > 0.
        staircase: bool. Whether `step / decay_steps` is rounded down. Default False.
        name: str. Default "ExponentialDecay".

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True)
        >>> round(float(schedule(19)), 4)
        0.05
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        name="ExponentialDecay",
    ):
        self.initial_learning_rate = _number(self, initial_learning_rate, "initial_learning_rate")
        self.decay_steps = _number(self, decay_steps, "decay_steps", positive=True)
        self.decay_rate = _number(self, decay_rate, "decay_rate", positive=True)
        self.staircase, self.name = bool(staircase), name

    def __call__(self, step):
        """Return the learning rate at `step`, a float scalar tensor."""
        passed = _stairs(_float(step) / self.decay_steps, self.staircase)
        return self.initial_learning_rate * ops.exp(passed * math.log(self.decay_rate))


@register("schedule")
class InverseTimeDecay(LearningRateSchedule):
    """Divide by a growing number: `initial / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: number >= 0.
        decay_steps: number > 0.
        decay_rate: number >= 0.
        staircase: bool. Whether `step / decay_steps` is rounded down. Default False.
        name: str. Default "InverseTimeDecay".

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 1.0)
        >>> round(float(schedule(10)), 4)
        0.05
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        name="InverseTimeDecay",
    ):
        self.initial_learning_rate = _number(self, initial_learning_rate, "initial_learning_rate")
        self.decay_steps = _number(self, decay_steps, "decay_steps", positive=True)
        self.decay_rate = _number(self, decay_rate, "decay_rate")
        self.staircase, self.name = bool(staircase), name

    def __call__(self, step):
        """Return the learning rate at `step`, a float scalar tensor."""
        passed = _stairs(_float(step) / self.decay_steps, self.staircase)
        return self.initial_learning_rate / (1.0 + self.decay_rate * passed)


@register("schedule", "PiecewiseConstant")
class PiecewiseConstantDecay(LearningRateSchedule):
    """Hold one value after the other: `values[i]` up to and including step `boundaries[i]`, the last one after them.

    Args:
        boundaries: list of increasing numbers.
        values: list of numbers >= 0, one more than boundaries.
        name: str. Default "PiecewiseConstant".

    Raises:
        ValueError: the boundaries do not increase, the numbers of entries do not fit, or a value is negative.

    Example:
        >>> import hornpipe as keras
        >>> schedule = keras.optimizers.schedules.PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25])
        >>> [float(schedule(step)) for step in (0, 10, 11, 21)]
        [1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            rule = "`values` must have one entry more than `boundaries`"
            received = f"{len(boundaries)} boundaries, {len(values)} values"
            raise ValueError(message("PiecewiseConstantDecay", rule, received))
        self.boundaries = [_number(self, each, "boundaries") for each in boundaries]
        if any(later <= sooner for sooner, later in itertools.pairwise(boundaries)):
            rule = "`boundaries` must increase"
            raise ValueError(
                message("PiecewiseConstantDecay", rule, f"boundaries={list(boundaries)}")
            )
        self.values = [_number(self, each, "values") for each in values]
        self.name = name

    def __call__(self, step):
        """Return the learning rate at `step`, a float scalar tensor."""
        step = _float(step)
        rate = step * 0.0 + self.values[-1]
        for boundary, value in reversed(list(zip(self.boundaries, self.values, strict=False))):
            rate = ops.where(step <= boundary, value, rate)
        return rate


@register("schedule")
class PolynomialDecay(LearningRateSchedule):
    """Fall to an end value: `(initial - end) * (1 - step / decay_steps) ** power + end`, constant afterwards.

    Args:
        initial_learning_rate: number >= 0.
        decay_steps: number > 0.
        end_learning_rate: number >= 0. Default 0.0001.
        power: number > 0. Default 1.0, a straight line.
        cycle: bool. Whether, past the end, decay_steps doubles, triples, ... so that the rate rises and falls again.
            Default False.
        name: str. Default "PolynomialDecay".

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 10, end_learning_rate=0.0)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 15)]
        [0.1, 0.05, 0.0, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = _number(self, initial_learning_rate, "initial_learning_rate")
        self.decay_steps = _number(self, decay_steps, "decay_steps", positive=True)
        self.end_learning_rate = _number(self, end_learning_rate, "end_learning_rate")
        self.power = _number(self, power, "power", positive=True)
        self.cycle, self.name = bool(cycle), name

    def __call__(self, step):
        """Return the learning rate at `step`, a float scalar tensor."""
        passed = _float(step) / self.decay_steps
        if self.cycle:
            passed = passed / ops.maximum(ops.ceil(passed), 1.0)
        left = 1.0 - ops.minimum(passed, 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * (left if self.power == 1 else left**self.power) + self.end_learning_rate


@register("schedule")
class CosineDecay(LearningRateSchedule):
    """Fall along half a cosine, after a linear warm-up where `warmup_target` is given.

    Warm-up, `warmup_steps` long: from initial_learning_rate to warmup_target in a straight line. Then, with
    start = warmup_target (or initial_learning_rate): `start * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha)`,
    steps counted from the end of the warm-up; constant after decay_steps.

    Args:
        initial_learning_rate: number >= 0.
        decay_steps: number > 0.
        alpha: number >= 0: the end value as a fraction of the start. Default 0.0.
        name: str. Default "CosineDecay".
        warmup_target: number >= 0, or None for no warm-up. Default None.
        warmup_steps: number >= 0. Default 0.

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> schedule = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=5)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 15)]
        [0.0, 0.1, 0.05, 0.0]

    References:
        Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts, arXiv:1608.03983, equation 5.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        self.initial_learning_rate = _number(self, initial_learning_rate, "initial_learning_rate")
        self.decay_steps = _number(self, decay_steps, "decay_steps", positive=True)
        self.alpha = _number(self, alpha, "alpha")
        self.warmup_target = (
            None if warmup_target is None else _number(self, warmup_target, "warmup_target")
        )
        self.warmup_steps = _number(self, warmup_steps, "warmup_steps")
        self.name = name

    def __call__(self, step):
        """Return the learning rate at `step`, a float scalar tensor."""
        step = _float(step)
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        rate = self._decayed(self.warmup_target, ops.maximum(step - self.warmup_steps, 0.0))
        if self.warmup_steps == 0:
            return rate
        rise = (self.warmup_target - self.initial_learning_rate) / self.warmup_steps
        return ops.where(step < self.warmup_steps, self.initial_learning_rate + rise * step, rate)

    def _decayed(self, start, step):
        return start * _half_cosine(ops.minimum(step / self.decay_steps, 1.0), self.alpha)


@register("schedule", "SGDRDecay")
class CosineDecayRestarts(LearningRateSchedule):
    """Fall along half a cosine again and again: period i lasts `first_decay_steps * t_mul ** i` steps and starts at
    `initial_learning_rate * m_mul ** i`.

    Args:
        initial_learning_rate: number >= 0.
        first_decay_steps: number > 0.
        t_mul: number >= 1. Default 2.0.
        m_mul: number > 0. Default 1.0.
        alpha: number >= 0: the end value as a fraction of the period's start. Default 0.0.
        name: str. Default "SGDRDecay".

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> schedule = keras.optimizers.schedules.CosineDecayRestarts(0.1, 10, m_mul=0.5)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 20)]
        [0.1, 0.05, 0.05, 0.025]

    References:
        Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts, arXiv:1608.03983, equation 5.
    """

    def __init__(
        self,
        initial_learning_rate,
        first_decay_steps,
        t_mul=2.0,
        m_mul=1.0,
        alpha=0.0,
        name="SGDRDecay",
    ):
        self.initial_learning_rate = _number(self, initial_learning_rate, "initial_learning_rate")
        self.first_decay_steps = _number(
            self, first_decay_steps, "first_decay_steps", positive=True
        )
        self._t_mul = check_number(t_mul, "t_mul", "CosineDecayRestarts", least=1)
        self._m_mul = _number(self, m_mul, "m_mul", positive=True)
        self.alpha, self.name = _number(self, alpha, "alpha"), name

    def __call__(self, step):
        """Return the learning rate at `step`, a float scalar tensor."""
        passed = _float(step) / self.first_decay_steps
        if self._t_mul == 1:
            period = ops.floor(passed)
            within = passed - period
        else:
            period = ops.floor(ops.log(1.0 + passed * (self._t_mul - 1.0)) / math.log(self._t_mul))
            # The logarithm's rounding may miss a boundary by one period.
            period = ops.where(passed >= self._start(period + 1.0), period + 1.0, period)
            period = ops.where(passed < self._start(period), period - 1.0, period)
            within = (passed - self._start(period)) / self._t_mul**period
        return self.initial_learning_rate * self._m_mul**period * _half_cosine(within, self.alpha)

    def _start(self, period):
        return (self._t_mul**period - 1.0) / (self._t_mul - 1.0)


def _half_cosine(fraction, alpha):
    return (1.0 - alpha) * 0.5 * (1.0 + ops.cos(math.pi * fraction)) + alpha


def _stairs(passed, staircase):
    return ops.floor(passed) if staircase else passed


def _float(step):
    return ops.cast(ops.convert_to_tensor(step), "float32")


def _number(schedule, value, argument, positive=False):
    who = type(schedule).__name__
    if positive:
        return check_number(value, argument, who, above=0)
    return check_number(value, argument, who, least=0)


def get(identifier):
    """Return the schedule that a config, a class or an object stands for.

    Raises:
        ValueError: the name is unknown.
    """
    return registry.resolve("schedule", identifier)


def serialize(learning_rate_schedule):
    """Return the config of a schedule as plain data."""
    return registry.serialize(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """Return the schedule that a config from `serialize` describes.

    Raises:
        ValueError: the class is unknown.
    """
    return registry.deserialize(config, custom_objects, kind="schedule")
