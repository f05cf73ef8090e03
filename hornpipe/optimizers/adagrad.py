"""Adagrad and Adadelta: steps divided by the gradient's past size."""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.optimizers.base import Optimizer


@register("optimizer")
class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of all its squares.

    `a = a + g**2`, `w -= learning_rate * g / sqrt(a + epsilon)`.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        initial_accumulator_value: number >= 0: the first `a`. Default 0.1.
        epsilon: number >= 0. Default 1e-7.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Numerics:
        epsilon stands inside the root.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([1.0])
        >>> optimizer = keras.optimizers.Adagrad(0.5, initial_accumulator_value=0.0)
        >>> optimizer.apply([keras.ops.full((1,), 8.0)], [weight])
        >>> round(float(weight[0]), 4)
        0.5

    References:
        Duchi, Hazan and Singer (2011), Adaptive subgradient methods for online learning and stochastic optimization, JMLR 12.
    """

    slot_names = ("accumulator",)

    def __init__(
        self,
        learning_rate=0.001,
        initial_accumulator_value=0.1,
        epsilon=1e-7,
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
        self.initial_accumulator_value = self.checked(
            initial_accumulator_value, "initial_accumulator_value", least=0
        )
        self.epsilon = self.checked(epsilon, "epsilon", least=0)

    def init_slot(self, name, weight):
        """Return the first value of a slot, a tensor."""
        return ops.full(weight.shape, self.initial_accumulator_value, dtype=weight.dtype)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        total = slots[0] + ops.square(gradient)
        return weight - learning_rate * gradient / ops.sqrt(total + self.epsilon), (total,)


@register("optimizer")
class Adadelta(Optimizer):
    """Scale the gradient by the ratio of the recent sizes of steps and gradients.

    `a = rho * a + (1 - rho) * g**2`, `d = -g * sqrt(b + epsilon) / sqrt(a + epsilon)`, `b = rho * b + (1 - rho) * d**2`,
    `w += learning_rate * d`.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001; the paper has 1.0.
        rho: number in [0, 1]. Default 0.95.
        epsilon: number >= 0. Default 1e-7.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Numerics:
        epsilon stands inside both roots.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([1.0])
        >>> keras.optimizers.Adadelta(1.0, rho=0.75, epsilon=1.0).apply([keras.ops.full((1,), 2.0)], [weight])
        >>> round(float(weight[0]), 4)
        -0.4142

    References:
        Zeiler (2012), ADADELTA: an adaptive learning rate method, arXiv:1212.5701, algorithm 1.
    """

    slot_names = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.95,
        epsilon=1e-7,
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
        self.rho = self.checked(rho, "rho", least=0, most=1)
        self.epsilon = self.checked(epsilon, "epsilon", least=0)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        gradients, moves = slots
        gradients = self.rho * gradients + (1 - self.rho) * ops.square(gradient)
        move = gradient * ops.sqrt(moves + self.epsilon) / ops.sqrt(gradients + self.epsilon)
        moves = self.rho * moves + (1 - self.rho) * ops.square(move)
        return weight - learning_rate * move, (gradients, moves)
