"""Gradient descent, with momentum."""

from __future__ import annotations

from hornpipe.core.config import register
from hornpipe.optimizers.base import Optimizer


@register("optimizer")
class SGD(Optimizer):
    """Follow the gradient downhill, with momentum where asked for.

    Without momentum `w -= learning_rate * g`. With it `m = momentum * m - learning_rate * g` and `w += m`; with `nesterov`
    `w += momentum * m - learning_rate * g`.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.01.
        momentum: number in [0, 1]. Default 0.0.
        nesterov: bool. Default False.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([1.0])
        >>> optimizer = keras.optimizers.SGD(0.5, momentum=0.5)
        >>> for _ in range(2):
        ...     optimizer.apply([keras.ops.ones((1,))], [weight])
        >>> weight.numpy().tolist()
        [-0.25]

    References:
        Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum in deep learning,
        equations 1 to 4.
    """

    def __init__(
        self,
        learning_rate=0.01,
        momentum=0.0,
        nesterov=False,
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
        self.momentum = self.checked(momentum, "momentum", least=0, most=1)
        self.nesterov = bool(nesterov)
        self.slot_names = ("momentum",) if momentum else ()

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        move = learning_rate * gradient
        if not slots:
            return weight - move, slots
        velocity = self.momentum * slots[0] - move
        if self.nesterov:
            return weight + (self.momentum * velocity - move), (velocity,)
        return weight + velocity, (velocity,)
