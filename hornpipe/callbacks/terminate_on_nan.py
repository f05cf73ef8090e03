"""`TerminateOnNaN`: end training when the loss is no number any more."""

from __future__ import annotations

import math

from hornpipe.callbacks.base import Callback
from hornpipe.core.errors import message
from hornpipe.utils.progress import Screen


class TerminateOnNaN(Callback):
    """Stops training at the first step whose loss is NaN or infinite.

    The logs of every step are looked at, after some steps at a time, so training keeps its speed
    and ends within a tenth of a second.

    Args:
        raise_error: bool. Whether an error is raised rather than training stopped. Default False.

    Raises:
        RuntimeError: while training with `raise_error`.

    Example:
        >>> import hornpipe as keras
        >>> class Model:
        ...     stop_training = False
        >>> stop = keras.callbacks.TerminateOnNaN()
        >>> stop.set_model(Model())
        >>> stop.on_train_batch_end(6, {"loss": float("nan")})
        The loss is nan in epoch 1, batch 7: training stops.
        >>> stop.model.stop_training
        True
    """

    observes_only = True

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = bool(raise_error)
        self._epoch, self._told = 0, False

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch's number."""
        self._epoch, self._told = epoch, False

    def on_train_batch_end(self, batch, logs=None):
        """Stop where the loss is not finite.

        Raises:
            RuntimeError: it is not, and `raise_error` is True.
        """
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss) or self._told:
            return
        self._told = True
        where = f"epoch {self._epoch + 1}, batch {batch + 1}"
        if self.raise_error:
            fix = "Try a smaller learning rate, clipnorm=1.0, or look for NaN in the data."
            rule = f"the loss must stay finite, it did not in {where}"
            raise RuntimeError(message("TerminateOnNaN", rule, f"loss={loss}", fix))
        Screen().finish(f"The loss is {loss} in {where}: training stops.")
        self.model.stop_training = True
