"""RMSprop: steps divided by the gradient's recent size."""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.optimizers.base import Optimizer


@register("optimizer", "rmsprop")
class RMSprop(Optimizer):
    """Divide the gradient by the root of a moving average of its square.

    `v = rho * v + (1 - rho) * g**2`, `w -= learning_rate * g / sqrt(v + epsilon)`. Centered: the root is of
    `v - a**2 + epsilon` with `a = rho * a + (1 - rho) * g`. With momentum the steps collect in `m = momentum * m + step`.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        rho: number in [0, 1]. Default 0.9.
        momentum: number in [0, 1]. Default 0.0.
        epsilon: number >= 0. Default 1e-7.
        centered: bool. Default False.
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
        >>> keras.optimizers.RMSprop(0.1, rho=0.75).apply([keras.ops.full((1,), 8.0)], [weight])
        >>> round(float(weight[0]), 4)
        0.8

    References:
        Tieleman and Hinton (2012), Lecture 6.5 of Neural networks for machine learning. Graves (2013), Generating sequences
        with recurrent neural networks, arXiv:1308.0850, equations 38 to 41 (centered).
    """

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
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
        self.momentum = self.checked(momentum, "momentum", least=0, most=1)
        self.epsilon = self.checked(epsilon, "epsilon", least=0)
        self.centered = bool(centered)
        self.slot_names = (
            "velocity",
            *("momentum",) * bool(momentum),
            *("average_gradient",) * self.centered,
        )

    @property
    def slot_groups(self):
        """All velocities, then all momenta, then all averages."""
        return tuple((name,) for name in self.slot_names)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        velocity = self.rho * slots[0] + (1 - self.rho) * ops.square(gradient)
        after = [velocity]
        size = velocity + self.epsilon
        if self.centered:
            average = self.rho * slots[-1] + (1 - self.rho) * gradient
            size = size - ops.square(average)
        move = learning_rate * gradient / ops.sqrt(size)
        if self.momentum:
            move = self.momentum * slots[1] + move
            after.append(move)
        if self.centered:
            after.append(average)
        return weight - move, tuple(after)
