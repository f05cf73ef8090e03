"""Adam and its relatives: steps from moving averages of the gradient and of its square."""

from __future__ import annotations

import math

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.optimizers.base import Optimizer, scalar_dtype


def one_minus_power(base: float, step):
    """Return `1 - base ** step` without the cancellation that costs float32 three digits at the first steps.

    Args:
        base: float in [0, 1).
        step: float scalar tensor >= 1.
    """
    return -ops.expm1(step * (math.log(base) if base else -math.inf))


def moments(gradient, slots, beta_1, beta_2):
    """Return the next moving averages of the gradient and of its square."""
    momentum = slots[0] + (1 - beta_1) * (gradient - slots[0])
    velocity = slots[1] + (1 - beta_2) * (ops.square(gradient) - slots[1])
    return momentum, velocity


@register("optimizer")
class Adam(Optimizer):
    """Step by the gradient's moving average over the root of its square's, corrected for their start at 0.

    `m = beta_1 * m + (1 - beta_1) * g`, `v = beta_2 * v + (1 - beta_2) * g**2`,
    `w -= learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)`, t counting updates from 1. With
    `amsgrad` the largest v so far takes the place of v.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        beta_1: number in [0, 1). Default 0.9.
        beta_2: number in [0, 1). Default 0.999.
        epsilon: number >= 0. Default 1e-7.
        amsgrad: bool. Default False.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Numerics:
        epsilon is the paper's "epsilon hat": outside the root, added before the correction of v.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([1.0])
        >>> keras.optimizers.Adam(0.25).apply([keras.ops.full((1,), 8.0)], [weight])
        >>> round(float(weight[0]), 4)
        0.75

    References:
        Kingma and Ba (2015), Adam: a method for stochastic optimization, arXiv:1412.6980, end of section 2. Reddi, Kale and
        Kumar (2018), On the convergence of Adam and beyond, arXiv:1904.09237, algorithm 2 (amsgrad).
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
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
        self.beta_1 = self.checked(beta_1, "beta_1", least=0, below=1)
        self.beta_2 = self.checked(beta_2, "beta_2", least=0, below=1)
        self.epsilon = self.checked(epsilon, "epsilon", least=0)
        self.amsgrad = bool(amsgrad)
        self.slot_names = ("momentum", "velocity", *("velocity_hat",) * self.amsgrad)

    @property
    def slot_groups(self):
        """Momentum and velocity weight by weight, then all the largest velocities."""
        return (self.slot_names[:2], self.slot_names[2:])

    def step_terms(self, step):
        """Return the correction of both averages."""
        return ops.sqrt(one_minus_power(self.beta_2, step)) / one_minus_power(self.beta_1, step)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        momentum, velocity = moments(gradient, slots, self.beta_1, self.beta_2)
        after, size = (momentum, velocity), velocity
        if self.amsgrad:
            size = ops.maximum(slots[2], velocity)
            after = (momentum, velocity, size)
        return weight - (learning_rate * step) * momentum / (ops.sqrt(size) + self.epsilon), after


@register("optimizer", "adamw")
class AdamW(Adam):
    """Adam with weight decay apart from the gradient: `w -= learning_rate * weight_decay * w` before Adam's step.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        weight_decay: number >= 0. Default 0.004.
        beta_1: number in [0, 1). Default 0.9.
        beta_2: number in [0, 1). Default 0.999.
        epsilon: number >= 0. Default 1e-7.
        amsgrad: bool. Default False.
        clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: `weight_decay` is None, or a number is out of its range.

    Numerics:
        As in `Adam`.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([1.0])
        >>> keras.optimizers.AdamW(0.5, weight_decay=0.5).apply([keras.ops.zeros((1,))], [weight])
        >>> float(weight[0])
        0.75

    References:
        Loshchilov and Hutter (2019), Decoupled weight decay regularization, arXiv:1711.05101, algorithm 2. The schedule
        multiplier of the paper is the learning rate itself.
    """

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
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
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
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
        self.checked(weight_decay, "weight_decay", least=0)


@register("optimizer")
class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root of the average square.

    `m = beta_1 * m + (1 - beta_1) * g`, `u = max(beta_2 * u, |g|)`,
    `w -= learning_rate / (1 - beta_1**t) * m / (u + epsilon)`.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        beta_1: number in [0, 1). Default 0.9.
        beta_2: number in [0, 1). Default 0.999.
        epsilon: number >= 0. Default 1e-7.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([1.0])
        >>> keras.optimizers.Adamax(0.25).apply([keras.ops.full((1,), 8.0)], [weight])
        >>> round(float(weight[0]), 4)
        0.75

    References:
        Kingma and Ba (2015), Adam: a method for stochastic optimization, arXiv:1412.6980, algorithm 2; epsilon is added.
    """

    slot_names = ("momentum", "norm")

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
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
        self.beta_1 = self.checked(beta_1, "beta_1", least=0, below=1)
        self.beta_2 = self.checked(beta_2, "beta_2", least=0, below=1)
        self.epsilon = self.checked(epsilon, "epsilon", least=0)

    def step_terms(self, step):
        """Return the correction of the average."""
        return 1.0 / one_minus_power(self.beta_1, step)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        momentum = slots[0] + (1 - self.beta_1) * (gradient - slots[0])
        norm = ops.maximum(self.beta_2 * slots[1], ops.abs(gradient))
        return weight - (learning_rate * step) * momentum / (norm + self.epsilon), (momentum, norm)


@register("optimizer")
class Nadam(Optimizer):
    """Adam with Nesterov's look ahead.

    With `u_t = beta_1 * (1 - 0.96**t / 2)` and P_t the product of u_1 to u_t:
    `m_hat = u_(t+1) * m / (1 - P_(t+1)) + (1 - u_t) * g / (1 - P_t)`, `v_hat = v / (1 - beta_2**t)`,
    `w -= learning_rate * m_hat / (sqrt(v_hat) + epsilon)`; m and v as in `Adam`.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        beta_1: number in [0, 1). Default 0.9.
        beta_2: number in [0, 1). Default 0.999.
        epsilon: number >= 0. Default 1e-7.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([1.0])
        >>> keras.optimizers.Nadam(0.25, beta_1=0.0).apply([keras.ops.full((1,), 8.0)], [weight])
        >>> round(float(weight[0]), 4)
        0.75

    References:
        Dozat (2016), Incorporating Nesterov momentum into Adam, ICLR workshop, algorithm 2.
    """

    slot_names = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
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
        self.beta_1 = self.checked(beta_1, "beta_1", least=0, below=1)
        self.beta_2 = self.checked(beta_2, "beta_2", least=0, below=1)
        self.epsilon = self.checked(epsilon, "epsilon", least=0)

    def build(self, variables):
        """Make the state: the slots, then the product of momentum factors."""
        if not self.built:
            super().build(variables)
            self._product = self.add_variable((), "ones", scalar_dtype(), name="momentum_product")

    def step_terms(self, step):
        """Return the weights of momentum and gradient, and the correction of the velocity; move the product on."""
        now = self.beta_1 * (1.0 - 0.5 * 0.96**step)
        ahead = self.beta_1 * (1.0 - 0.5 * 0.96 ** (step + 1.0))
        product = self._product.value * now
        self._product.assign(product)
        of_momentum = ahead / (1.0 - product * ahead)
        of_gradient = (1.0 - now) / (1.0 - product)
        return of_momentum, of_gradient, one_minus_power(self.beta_2, step)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        of_momentum, of_gradient, correction = step
        momentum, velocity = moments(gradient, slots, self.beta_1, self.beta_2)
        mean = of_momentum * momentum + of_gradient * gradient
        return weight - learning_rate * mean / (ops.sqrt(velocity / correction) + self.epsilon), (
            momentum,
            velocity,
        )


@register("optimizer")
class Lamb(Optimizer):
    """Adam's step, scaled for each weight tensor to that weight's norm.

    With `s = m_hat / (sqrt(v_hat) + epsilon)`, Adam's averages divided by `1 - beta**t`:
    `w -= learning_rate * |w| / |s| * s`; the ratio is 1 where a norm is 0.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        beta_1: number in [0, 1). Default 0.9.
        beta_2: number in [0, 1). Default 0.999.
        epsilon: number >= 0. Default 1e-7.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([2.0])
        >>> keras.optimizers.Lamb(0.25).apply([keras.ops.full((1,), 8.0)], [weight])
        >>> round(float(weight[0]), 4)
        1.5

    References:
        You et al. (2020), Large batch optimization for deep learning: training BERT in 76 minutes, arXiv:1904.00962,
        algorithm 2. Weight decay stands outside the norm, as in Keras.
    """

    slot_names = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
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
        self.beta_1 = self.checked(beta_1, "beta_1", least=0, below=1)
        self.beta_2 = self.checked(beta_2, "beta_2", least=0, below=1)
        self.epsilon = self.checked(epsilon, "epsilon", least=0)

    def step_terms(self, step):
        """Return the corrections of both averages."""
        return one_minus_power(self.beta_1, step), one_minus_power(self.beta_2, step)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        momentum, velocity = moments(gradient, slots, self.beta_1, self.beta_2)
        move = momentum / step[0] / (ops.sqrt(velocity / step[1]) + self.epsilon)
        weight_norm = ops.sqrt(ops.sum(ops.square(weight)))
        move_norm = ops.sqrt(ops.sum(ops.square(move)))
        is_sound = ops.logical_and(weight_norm > 0, move_norm > 0)
        ratio = ops.where(is_sound, weight_norm / ops.where(is_sound, move_norm, 1.0), 1.0)
        return weight - (learning_rate * ratio) * move, (momentum, velocity)
