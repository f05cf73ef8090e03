"""Lion: steps of one size, by the sign of the momentum."""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.optimizers.base import Optimizer


@register("optimizer")
class Lion(Optimizer):
    """Step by the sign of a mixture of momentum and gradient.

    `w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)`, then `m = beta_2 * m + (1 - beta_2) * g`. Wants learning rates
    three to ten times smaller than Adam's, and weight decay as much larger.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        beta_1: number in (0, 1]. Default 0.9.
        beta_2: number in [0, 1]. Default 0.99.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([1.0, 1.0])
        >>> gradient = keras.ops.convert_to_tensor([8.0, -0.5])
        >>> keras.optimizers.Lion(0.25).apply([gradient], [weight])
        >>> weight.numpy().tolist()
        [0.75, 1.25]

    References:
        Chen et al. (2023), Symbolic discovery of optimization algorithms, arXiv:2302.06675, program 1.
    """

    slot_names = ("momentum",)

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.99,
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
        self.beta_1 = self.checked(beta_1, "beta_1", above=0, most=1)
        self.beta_2 = self.checked(beta_2, "beta_2", least=0, most=1)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        mixture = self.beta_1 * slots[0] + (1 - self.beta_1) * gradient
        momentum = self.beta_2 * slots[0] + (1 - self.beta_2) * gradient
        return weight - learning_rate * ops.sign(mixture), (momentum,)
