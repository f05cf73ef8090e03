"""Adafactor: Adam's scaling from row and column averages, with little memory."""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.optimizers.base import Optimizer


@register("optimizer")
class Adafactor(Optimizer):
    """Divide the gradient by a size that is kept as one average a row and one a column.

    With `rate = min(learning_rate, 1 / sqrt(t))` (or learning_rate, where `relative_step` is False) and
    `b = 1 - t**beta_2_decay`: `r = b * r + (1 - b) * mean over the last axis of (g**2 + epsilon_1)`, c likewise over the last but
    one, `v = r / mean(r) * c` (for vectors v is the plain average), `u = g / sqrt(v)`, and
    `w -= rate * max(epsilon_2, rms(w)) * u / max(1, rms(u) / clip_threshold)`.

    Args:
        learning_rate: number >= 0, schedule or function. Default 0.001.
        beta_2_decay: number < 0. Default -0.8.
        epsilon_1: number >= 0. Default 1e-30.
        epsilon_2: number >= 0. Default 0.001.
        clip_threshold: number > 0. Default 1.0.
        relative_step: bool. Default True.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: as in `Optimizer`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a number is out of its range.

    Example:
        >>> import hornpipe as keras
        >>> weight = keras.Variable([[2.0, 2.0]])
        >>> keras.optimizers.Adafactor(0.25).apply([keras.ops.ones((1, 2))], [weight])
        >>> weight.numpy().tolist()
        [[1.5, 1.5]]

    References:
        Shazeer and Stern (2018), Adafactor: adaptive learning rates with sublinear memory cost, arXiv:1804.04235, algorithms
        4 to 6. Two differences from Keras: `relative_step=False` does lift the bound on the rate (Keras keeps it), and no
        full average is kept for matrices (Keras keeps an unused one).
    """

    slot_names = ("row", "column", "velocity")

    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=0.001,
        clip_threshold=1.0,
        relative_step=True,
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
        self.beta_2_decay = self.checked(beta_2_decay, "beta_2_decay", most=0)
        self.epsilon_1 = self.checked(epsilon_1, "epsilon_1", least=0)
        self.epsilon_2 = self.checked(epsilon_2, "epsilon_2", least=0)
        self.clip_threshold = self.checked(clip_threshold, "clip_threshold", above=0)
        self.relative_step = bool(relative_step)

    def init_slot(self, name, weight):
        """Return the first value of a slot, a tensor, or None: matrices have no velocity, vectors nothing else."""
        is_matrix = len(weight.shape) >= 2
        if is_matrix == (name == "velocity"):
            return None
        row, column = weight.shape[:-1], weight.shape[:-2] + weight.shape[-1:]
        return ops.zeros(
            {"row": row, "column": column, "velocity": weight.shape}[name], dtype=weight.dtype
        )

    def step_terms(self, step):
        """Return the share of the new gradient in the averages, and the bound on the learning rate."""
        return step**self.beta_2_decay, 1.0 / ops.sqrt(step)

    def update(self, gradient, weight, slots, learning_rate, step):
        """Return the next weight and slots."""
        share, bound = step
        rate = ops.minimum(learning_rate, bound) if self.relative_step else learning_rate
        rate = rate * ops.maximum(_rms(weight), self.epsilon_2)
        square = ops.square(gradient) + self.epsilon_1
        row, column, velocity = slots
        if velocity is None:
            row = row + share * (ops.mean(square, axis=-1) - row)
            column = column + share * (ops.mean(square, axis=-2) - column)
            parts = row / ops.mean(row, axis=-1, keepdims=True)
            size = ops.expand_dims(parts, -1) * ops.expand_dims(column, -2)
        else:
            size = velocity = velocity + share * (square - velocity)
        move = gradient / ops.sqrt(size)
        move = move / ops.maximum(_rms(move) / self.clip_threshold, 1.0)
        return weight - rate * move, (row, column, velocity)


def _rms(tensor):
    return ops.sqrt(ops.mean(ops.square(tensor)))
