"""`SwapEMAWeights`: evaluate with the moving averages of the weights, train on with the weights themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornpipe.callbacks.base import Callback
from hornpipe.core.errors import message
from hornpipe.engine import select


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving averages into the model for validation, evaluation and prediction.

    Afterwards the model has its own weights again, so training is what it would be without. With
    `swap_on_epoch` the averages stand in the model from the end of an epoch to the beginning of the
    next one too: a `ModelCheckpoint` behind this callback then saves them. `fit` itself leaves the
    averages in the model at its end.

    Args:
        swap_on_epoch: bool. See above. Default False.

    Raises:
        ValueError: before training or evaluation, an optimizer without `use_ema=True`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), "mse")
        >>> x, y = np.ones((8, 2)), np.ones((8, 1))
        >>> swap = keras.callbacks.SwapEMAWeights()
        >>> history = model.fit(x, y, validation_data=(x, y), callbacks=[swap], verbose=0)
        >>> sorted(history.history)
        ['loss', 'val_loss']

    References:
        Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging,
        doi:10.1137/0330046; with exponential instead of equal weights.
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = bool(swap_on_epoch)
        # The model's own weights while the averages stand in it.
        self._own: list | None = None

    def _optimizer(self):
        optimizer: Any = self.model.optimizer
        return getattr(optimizer, "inner_optimizer", optimizer)

    def _put_averages(self):
        optimizer = self._check()
        if self._own is not None or not optimizer.built:
            return
        variables = self.model.trainable_variables
        self._own = [variable.value for variable in variables]
        optimizer.finalize_variable_values(variables)

    def _put_back(self):
        if self._own is None:
            return
        for variable, value in zip(self.model.trainable_variables, self._own, strict=True):
            variable.assign(value)
        self._own = None

    def _check(self):
        optimizer = self._optimizer()
        if not getattr(optimizer, "use_ema", False):
            name = getattr(optimizer, "name", optimizer)
            rule = "the optimizer must keep moving averages of the weights"
            fix = "Pass use_ema=True when it is made."
            raise ValueError(message("SwapEMAWeights", rule, f"the optimizer {name!r}", fix))
        return optimizer

    def on_train_begin(self, logs=None):
        """Check the optimizer.

        Raises:
            ValueError: it keeps no averages.
        """
        self._own = None
        self._check()

    def on_epoch_begin(self, epoch, logs=None):
        """Put the model's own weights back."""
        self._put_back()

    def on_epoch_end(self, epoch, logs=None):
        """Put the averages into the model, with `swap_on_epoch`."""
        if self.swap_on_epoch:
            self._put_averages()

    def on_train_end(self, logs=None):
        """Let go of the model's own weights: the averages stay."""
        self._own = None

    def on_test_begin(self, logs=None):
        """Put the averages into the model."""
        self._put_averages()

    def on_test_end(self, logs=None):
        """Put the model's own weights back."""
        self._put_back()

    def on_predict_begin(self, logs=None):
        """Put the averages into the model."""
        self._put_averages()

    def on_predict_end(self, logs=None):
        """Put the model's own weights back."""
        self._put_back()

    def get_state(self):
        """Return the model's own weights while the averages stand in it."""
        to_numpy = select.chosen().to_numpy
        own = self._own
        return None if own is None else {"own": [to_numpy(each) for each in own]}

    def set_state(self, state):
        """Take over the model's own weights; they are put back when the epoch begins."""
        self._own = [np.asarray(array) for array in state["own"]]
