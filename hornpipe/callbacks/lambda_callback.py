"""`LambdaCallback`: a callback made of functions."""

from __future__ import annotations

from hornpipe.callbacks.base import HOOKS, Callback
from hornpipe.core.errors import message, near_miss


class LambdaCallback(Callback):
    """Calls functions of yours around training, evaluation and prediction.

    A function for an epoch or batch takes `(epoch, logs)` or `(batch, logs)`, the others `(logs)`.
    Functions for batches make training run one step at a time; where they only look, set
    `callback.observes_only = True` to keep its speed.

    Args:
        on_epoch_begin, on_epoch_end: function `(epoch, logs)` or None.
        on_train_begin, on_train_end: function `(logs)` or None.
        on_train_batch_begin, on_train_batch_end: function `(batch, logs)` or None.
        kwargs: the same for the other hooks of `Callback`, such as `on_test_begin`.

    Raises:
        TypeError: an unknown hook, or a value that is no function.

    Example:
        >>> import hornpipe as keras
        >>> seen = []
        >>> note = lambda epoch, logs: seen.append((epoch, logs["loss"]))
        >>> callback = keras.callbacks.LambdaCallback(on_epoch_end=note)
        >>> callback.on_epoch_end(0, {"loss": 0.5})
        >>> seen
        [(0, 0.5)]
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in given.items():
            if name not in HOOKS:
                fix = near_miss(name, HOOKS).strip() or f"Known: {', '.join(HOOKS)}."
                raise TypeError(message("LambdaCallback", f"got an unknown hook `{name}`", "", fix))
            if function is None:
                continue
            if not callable(function):
                raise TypeError(
                    message(
                        "LambdaCallback", f"`{name}` must be a function", f"{name}={function!r}"
                    )
                )
            setattr(self, name, function)
