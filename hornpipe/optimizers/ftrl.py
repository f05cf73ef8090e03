"""FTRL: follow the regularised leader, for sparse linear models."""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.optimizers.base import Optimizer


@register("optimizer")
class Ftrl(Optimizer):
    """Take the weight that would have been best so far, under L1 and L2 penalties: many weights become exactly 0.

    With p = -learning_rate_power, `h = g + 2 * l2_shrinkage * w`, `b = a + g**2`:
    `z = z + h - (b**p - a**p) / learning_rate * w`, `q = b**p / learning_rate + 2 * (l2 + beta / (2 * learning_rate))`,
    `w = (clip(z, -l1, l1) - z) / q`, `a = b`.

    Args:
        learning_rate: number > 0, schedule or function. Default 0.001.
        learning_rate_power: number <= 0; 0 keeps the rate fixed. Default -0.5.
        initial_accumulator_value: number >= 0: the first `a`. Default 0.1.
        l1_regularization_strength: number >= 0. Default 0.0.
        l2_regularization_strength: number >= 0. Default 0.0.
        l2_shrinkage_regularization_strength: number >= 0. Default 0.0.
        beta: number >= 0. Default 0.0.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([0.0])
        >>> optimizer = keras.optimizers.Ftrl(0.5, initial_accumulator_value=0.0, l1_regularization_strength=1.0)
        >>> optimizer.apply([keras.ops.full((1,), 4.0)], [weight])
        >>> float(weight[0])
        -0.375

    References:
        McMahan et al. (2013), Ad click prediction: a view from the trenches, algorithm 1.
    """

    slot_names = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
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
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.learning_rate_power = self.checked(learning_rate_power, "learning_rate_power", most=0)
        self.initial_accumulator_value = self.checked(
            initial_accumulator_value, "initial_accumulator_value", least=0
        )
        self.l1_regularization_strength = self.checked(
            l1_regularization_strength, "l1_regularization_strength", least=0
        )
        self.l2_regularization_strength = self.checked(
            l2_regularization_strength, "l2_regularization_strength", least=0
        )
        self.l2_shrinkage_regularization_strength = self.checked(
            l2_shrinkage_regularization_strength, "l2_shrinkage_regularization_strength", least=0
        )
        self.beta = self.checked(beta, "beta", least=0)

    def init_slot(self, name, weight):
        """Return the first value of a slot, a tensor."""
        value = self.initial_accumulator_value if name == "accumulator" else 0.0
        return ops.full(weight.shape, value, dtype=weight.dtype)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        before, linear = slots
        total = before + ops.square(gradient)
        power = -self.learning_rate_power
        root = total**power
        pull = gradient + 2 * self.l2_shrinkage_regularization_strength * weight
        linear = linear + pull - (root - before**power) / learning_rate * weight
        l2 = self.l2_regularization_strength + self.beta / (2 * learning_rate)
        quadratic = root / learning_rate + 2 * l2
        l1 = self.l1_regularization_strength
        weight = (ops.clip(linear, -l1, l1) - linear) / quadratic
        return weight, (total, linear)
