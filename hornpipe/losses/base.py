"""`Loss`: what every loss is, how values become one number, and how names and functions become losses.

>>> import numpy as np
>>> import hornpipe as keras
>>> loss = keras.losses.MeanSquaredError()
>>> float(loss(np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]])))
0.5
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import masking, settings, tree
from hornpipe.core.config import Configurable, _parameters, register, resolve
from hornpipe.core.dtypes import get_policy, result_type
from hornpipe.core.errors import message
from hornpipe.core.naming import auto_name, snake_case
from hornpipe.losses.alignment import align, as_float, dtype_of, fit_weights, number_of, per_element

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
_OWN_WORK = ("call", "__call__", "total_and_count")


def facts(*, elementwise=False, row_independent=True, integer_labels=False):
    """Declare facts of a loss or metric function, for the wrappers around it.

    Args:
        elementwise: its value is the mean over the last axis of a function of each element.
        row_independent: a row's value depends on that row alone.
        integer_labels: `y_true` holds class numbers that must stay integers.
    """

    def decorate(function):
        function.elementwise = elementwise
        function.row_independent = row_independent
        function.integer_labels = integer_labels
        return function

    return decorate


@register("loss")
class Loss(Configurable):
    """Compares labels with predictions and gives one number to make small.

    Subclasses define `call(y_true, y_pred)`, which returns one value for each row (and each further axis but the last).
    `__call__` weights these values and reduces them:

    - "sum_over_batch_size", "mean": sum(values * sample_weight) / number of values.
    - "mean_with_sample_weight": sum(values * sample_weight) / sum(sample_weight).
    - "sum": sum(values * sample_weight).
    - "none" or None: values * sample_weight.

    Positions that a Keras mask on `y_pred` leaves out count neither above nor below the line. Nothing to average gives 0.

    Args:
        name: str. The loss's name. Default: the class's name in snake case.
        reduction: one of the above. Default "sum_over_batch_size".
        dtype: dtype name or policy to compute in. None computes in `floatx` or the predictions' own wider type.

    Raises:
        ValueError: `reduction` is none of the above (at construction).
        ShapeError: labels, predictions and weights don't fit together.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> class Distance(keras.losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         return keras.ops.max(keras.ops.abs(y_true - y_pred), axis=-1)
        >>> float(Distance()(np.array([[0.0, 1.0]]), np.array([[0.5, 3.0]])))
        2.0
    """

    # Whether a padded row of weight 0 changes nothing but the count; see `total_and_count`.
    row_independent = False
    elementwise = False
    integer_labels = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # What a built-in loss promises does not hold for a subclass that computes something else.
        if "row_independent" not in vars(cls) and any(name in vars(cls) for name in _OWN_WORK):
            cls.row_independent = cls.elementwise = False

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        kind = type(self).__name__
        if reduction not in REDUCTIONS:
            known = ", ".join(map(repr, REDUCTIONS))
            raise ValueError(
                message(kind, f"`reduction` must be one of {known}", f"reduction={reduction!r}")
            )
        self.name = auto_name(snake_case(kind)) if name is None else name
        self.reduction = reduction
        self._dtype = None if dtype is None else get_policy(dtype).compute_dtype

    @property
    def dtype(self) -> str:
        """The dtype that the loss computes in, at least."""
        return self._dtype or settings.floatx()

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name} reduction={self.reduction}>"

    def call(self, y_true, y_pred):
        """Return one value for each row.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(
            message(type(self).__name__, "a loss must define `call(y_true, y_pred)`")
        )

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the weighted and reduced loss.

        Args:
            y_true: labels, array or tensor (or a structure of them where `call` takes one).
            y_pred: predictions, likewise.
            sample_weight: a number, `(batch,)`, or the shape of the values. Default None: 1 everywhere.

        Raises:
            ShapeError: labels, predictions and weights don't fit together.
        """
        if self.reduction in ("none", None):
            return self._weighted_values(y_true, y_pred, sample_weight, None)[0]
        total, count = self.total_and_count(y_true, y_pred, sample_weight)
        return total if self.reduction == "sum" else ops.divide_no_nan(total, count)

    def total_and_count(self, y_true, y_pred, sample_weight=None, rows=None):
        """Return the two numbers whose quotient is the loss, so that means over several batches can be exact.

        Args:
            y_true: labels.
            y_pred: predictions.
            sample_weight: weights, or None.
            rows: bool `(batch,)`, or None. Rows that are real; the others, which only fill up a batch, count nowhere.

        Returns:
            Scalars: the sum of weighted values, and what the reduction divides it by (1 for "sum" and "none").
        """
        values, weights, valid = self._weighted_values(y_true, y_pred, sample_weight, rows)
        total = ops.sum(values)
        if self.reduction not in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
            return total, ops.ones_like(total)
        counted = valid
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            counted = weights if valid is None else weights * valid
        if counted is None:
            return total, ops.full_like(total, number_of(values))
        return total, ops.sum(ops.broadcast_to(counted, ops.shape(values)))

    def _weighted_values(self, y_true, y_pred, sample_weight, rows):
        """Return values * weights, the weights and the 0/1 mask (None where there are none), all of equal rank."""
        who = type(self).__name__
        mask = masking.get_mask(y_pred) if hasattr(y_pred, "shape") else None
        y_pred = _convert(y_pred, self._cast_prediction)
        y_true = _convert(y_true, lambda leaf: self._cast_label(leaf, y_pred))
        weights = None if sample_weight is None else ops.convert_to_tensor(sample_weight)
        if self.elementwise and (weights is not None or mask is not None or rows is not None):
            y_true, y_pred = align(y_true, y_pred, who)
            y_true, y_pred = per_element(y_true, y_pred, weights, mask, rows)
        values = self.call(y_true, y_pred)
        shape = tuple(values.shape)
        valid = None
        for each, name in ((mask, "mask"), (masking.get_mask(values), "mask"), (rows, "rows")):
            if each is not None:
                each = fit_weights(ops.cast(each, "bool"), shape, who, name)
                valid = each if valid is None else ops.logical_and(valid, each)
        if valid is not None:
            # Not a product: what stands at a masked position may be NaN.
            values = ops.where(valid, values, ops.zeros_like(values))
            valid = ops.cast(valid, dtype_of(values))
        if weights is not None:
            weights = fit_weights(ops.cast(weights, dtype_of(values)), shape, who)
            values = values * weights
        return values, weights, valid

    def _cast_prediction(self, leaf):
        if self._dtype is not None:
            return ops.cast(ops.convert_to_tensor(leaf), self._dtype)
        return as_float(leaf, least=settings.floatx())

    def _cast_label(self, leaf, y_pred):
        leaf = ops.convert_to_tensor(leaf)
        if self.integer_labels:
            return leaf
        first = next(each for each in tree.flatten(y_pred) if each is not None)
        return ops.cast(leaf, result_type(dtype_of(first), self.dtype))

    def _own_config(self) -> dict:
        return {"name": self.name} if "name" in _parameters(type(self)) else {}


def _convert(value, function):
    """Return `value` with `function` applied: to its leaves where it is a structure of arrays, else to the whole."""
    is_structure = isinstance(value, dict) or (
        isinstance(value, (list, tuple))
        and any(hasattr(leaf, "shape") for leaf in tree.flatten(value))
    )
    return tree.map_tree(function, value) if is_structure else function(value)


@register("loss")
class LossFunctionWrapper(Loss):
    """Makes a loss of a function `fn(y_true, y_pred, **kwargs)`.

    Args:
        fn: function that returns one value for each row.
        reduction: as in `Loss`. Default "sum_over_batch_size".
        name: str. Default: the function's name.
        dtype: as in `Loss`.
        kwargs: passed on to `fn`.

    Raises:
        TypeError: `fn` can't be called (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> def error(y_true, y_pred):
        ...     return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)
        >>> loss = keras.losses.LossFunctionWrapper(error, reduction="sum")
        >>> loss.name, float(loss(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])))
        ('error', 3.0)
    """

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        if not callable(fn):
            raise TypeError(
                message(
                    type(self).__name__,
                    "`fn` must be a function of y_true and y_pred",
                    f"fn={fn!r}",
                )
            )
        super().__init__(
            name=function_name(fn) if name is None else name, reduction=reduction, dtype=dtype
        )
        self.fn = fn
        self._fn_kwargs = kwargs
        self.integer_labels = getattr(fn, "integer_labels", False)
        # Weights of single elements make no sense where another axis than the last one is averaged over.
        untouched = type(self).call is LossFunctionWrapper.call
        self.elementwise = (
            untouched and getattr(fn, "elementwise", False) and kwargs.get("axis", -1) == -1
        )
        if type(self) is LossFunctionWrapper:
            self.row_independent = getattr(fn, "row_independent", False)

    def call(self, y_true, y_pred):
        """Return what the function returns: one value for each row."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    @classmethod
    def from_config(cls, config: dict):
        """Return a loss made of what `get_config` returned; a function of ours stands there by name."""
        config = dict(config)
        if isinstance(config.get("fn"), str):
            config["fn"] = resolve("loss", config["fn"])
        return super().from_config(config)


def function_name(fn) -> str:
    """Return a name for a loss or metric made of a function: "lambda" for a lambda."""
    name = getattr(fn, "__name__", None) or getattr(fn, "name", None) or type(fn).__name__
    return snake_case(name) if name == "<lambda>" else name


def as_loss(identifier) -> Loss | None:
    """Return a `Loss` for a name, a function, a class, a description or a loss; None stays None.

    Raises:
        ValueError: the name is unknown.
        TypeError: `identifier` is none of these.

    Example:
        >>> from hornpipe.losses.base import as_loss
        >>> as_loss("mse").name
        'mean_squared_error'
    """
    found = resolve("loss", identifier)
    if found is None or isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found)
