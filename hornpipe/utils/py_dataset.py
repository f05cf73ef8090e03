"""A data set written as a Python class: one batch at a time, by number."""

from __future__ import annotations

import numbers

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded


class PyDataset:
    """Base of data sets that make each batch when it is asked for.

    A subclass defines `__getitem__(index)`, which returns the batch `x`, `(x, y)` or `(x, y,
    sample_weight)`, and `__len__()`, the number of batches; or `num_batches`, which may be None for
    a data set without end. Batches may be asked for in any order and, with several workers, at the
    same time.

    Args:
        workers: int >= 1. Threads or processes that make batches. Default 1: the training thread
            makes them.
        use_multiprocessing: bool. Processes instead of threads; the data set must then be
            picklable.
        max_queue_size: int >= 1. Batches made ahead when there are several workers. Default 10.

    Raises:
        ValueError: `workers` or `max_queue_size` is no int >= 1, or `use_multiprocessing` is no
            bool.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> class Squares(keras.utils.PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         x = np.arange(3.0) + 3 * index
        ...         return x, x**2
        >>> data = Squares(workers=2)
        >>> data.num_batches, data.workers
        (2, 2)
        >>> [float(y.sum()) for x, y in data]
        [5.0, 50.0]
    """

    # On the class, so that a subclass that never calls super().__init__() has them too.
    _workers = 1
    _use_multiprocessing = False
    _max_queue_size = 10

    @guarded("PyDataset")
    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def workers(self):
        """Number of threads or processes that make batches."""
        return self._workers

    @workers.setter
    def workers(self, value):
        self._workers = _at_least_one(self, "workers", value)

    @property
    def use_multiprocessing(self):
        """Whether the workers are processes instead of threads."""
        return self._use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value):
        if not isinstance(value, bool):
            rule = "`use_multiprocessing` must be True or False"
            raise ValueError(message(type(self).__name__, rule, f"use_multiprocessing={value!r}"))
        self._use_multiprocessing = value

    @property
    def max_queue_size(self):
        """Number of batches made ahead."""
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value):
        self._max_queue_size = _at_least_one(self, "max_queue_size", value)

    def __getitem__(self, index):
        """Return batch number `index`; every subclass defines this.

        Raises:
            NotImplementedError: the subclass does not.
        """
        raise NotImplementedError(
            _missing(self, "__getitem__(self, index)", "one batch: x, (x, y) or (x, y, weight)")
        )

    @property
    def num_batches(self):
        """Number of batches in an epoch, or None for a data set without end.

        Raises:
            NotImplementedError: the subclass defines neither `__len__` nor `num_batches`.
        """
        if hasattr(type(self), "__len__"):
            return len(self)  # type: ignore[arg-type]
        raise NotImplementedError(_missing(self, "__len__(self)", "the number of batches"))

    def __iter__(self):
        """Yield the batches in order, once each; without end where `num_batches` is None."""
        index, end = 0, self.num_batches
        while end is None or index < end:
            yield self[index]
            index += 1

    def on_epoch_begin(self):
        """Called before each epoch; does nothing unless overridden."""

    def on_epoch_end(self):
        """Called after each epoch, the place to shuffle; does nothing unless overridden."""


Sequence = PyDataset


def _missing(dataset, signature: str, result: str) -> str:
    who = type(dataset).__name__
    return message(
        who, f"a PyDataset must define `{signature}`", "none", f"Let it return {result}."
    )


def _at_least_one(dataset, name: str, value) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        who = type(dataset).__name__
        raise ValueError(message(who, f"`{name}` must be an integer >= 1", f"{name}={value!r}"))
    return int(value)
