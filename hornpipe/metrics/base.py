"""`Metric`: state that is updated batch by batch, and the mean and sum most metrics are made of.

>>> import numpy as np
>>> import hornpipe as keras
>>> mean = keras.metrics.Mean()
>>> mean.update_state(np.array([1.0, 3.0]))
>>> mean.update_state(np.array([8.0]))
>>> float(mean.result())
4.0
"""

from __future__ import annotations

import numpy as np

from hornpipe import ops
from hornpipe.core import masking, settings, tracking
from hornpipe.core.config import Configurable, _parameters, register, resolve
from hornpipe.core.dtypes import get_policy, is_float
from hornpipe.core.errors import message
from hornpipe.core.naming import auto_name, snake_case
from hornpipe.core.op import TensorOperators
from hornpipe.core.refusal import guarded
from hornpipe.core.variable import Variable
from hornpipe.losses.alignment import align, as_float, dtype_of, fit_weights, per_element
from hornpipe.losses.base import Loss, function_name

_FIRST = np.array([True, False])

_OWN_WORK = ("update_state", "result")


class RunningSum(TensorOperators):
    """Adds up numbers in two float32 parts, so that small terms are not lost beside a large sum.

    A float32 sum of ones stops at 2**24. Here the rounding error of every addition is kept in a second part (Knuth's two-sum), so
    counts stay exact to about 2**48 and sums keep the precision of their terms.

    Args:
        shape: tuple of ints.
        dtype: dtype name, float32 or wider.
        name: str.
    """

    trainable = False

    def __init__(self, shape, dtype, name):
        self.name, self.shape, self.dtype = name, tuple(shape), dtype
        # One variable for both parts: a program then updates them in one pass.
        self.parts = Variable(
            _zeros, shape=(2, *self.shape), dtype=dtype, trainable=False, name=name
        )

    @property
    def value(self):
        """The sum so far, a tensor."""
        parts = self.parts.value
        return parts[0] + parts[1]

    def add(self, term) -> None:
        """Add a tensor of this shape."""
        parts, term = self.parts.value, cast(term, self.dtype)
        before = parts[0]
        after = before + term
        part = after - before
        rest = parts[1] + ((before - (after - part)) + (term - part))
        self.parts.assign(
            ops.stack([ops.broadcast_to(after, self.shape), ops.broadcast_to(rest, self.shape)])
        )

    def assign(self, value):
        """Set the sum; returns it as a tensor."""
        value = ops.broadcast_to(cast(value, self.dtype), self.shape)
        self.parts.assign(ops.stack([value, ops.zeros_like(value)]))
        return value

    def numpy(self):
        """Return the sum as a NumPy array."""
        return self.parts.numpy().sum(axis=0)

    def __array__(self, dtype=None, copy=None):
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __float__(self):
        return float(self.numpy())


class SumPart(TensorOperators):
    """One entry of a `RunningSum` of shape `(n,)`, as a scalar that can be read and assigned."""

    trainable, shape = False, ()

    def __init__(self, whole, index):
        self.whole, self.index, self.dtype = whole, index, whole.dtype

    @property
    def value(self):
        """The sum so far, a scalar."""
        return self.whole.value[self.index]

    def assign(self, value):
        """Set the sum; returns it as a tensor."""
        entries = [self.whole.value[index] for index in range(self.whole.shape[0])]
        entries[self.index] = cast(value, self.dtype)
        return self.whole.assign(ops.stack(entries))[self.index]

    def numpy(self):
        """Return the sum as a NumPy scalar."""
        return self.whole.numpy()[self.index]

    def __float__(self):
        return float(self.numpy())


def _zeros(shape, dtype):
    return ops.zeros(shape, dtype=dtype)


def cast(x, dtype: str):
    """Return `x` as a tensor of `dtype`."""
    x = ops.convert_to_tensor(x)
    return x if dtype_of(x) == dtype else ops.cast(x, dtype)


@register("metric")
class Metric(Configurable):
    """Measures a model batch by batch: `update_state` takes in a batch, `result` gives the value over all of them.

    Subclasses make their state with `add_variable` in the constructor, change it by `assign` in `update_state`, and return a
    scalar (or a dict of them) from `result`. Use operations of `keras.ops` alone: both run inside compiled steps.

    Args:
        dtype: dtype name or policy of the state. None takes `floatx`. Sums are never kept in less than float32.
        name: str. Default: the class's name in snake case.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> class Positives(keras.metrics.Metric):
        ...     def __init__(self, name="positives", **kwargs):
        ...         super().__init__(name=name, **kwargs)
        ...         self.count = self.add_variable(shape=(), initializer="zeros", name="count")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.count.assign_add(keras.ops.sum(keras.ops.cast(y_true, "float32")))
        ...     def result(self):
        ...         return self.count
        >>> metric = Positives()
        >>> metric.update_state(np.array([1, 0, 1]), np.zeros(3))
        >>> float(metric.result())
        2.0
    """

    # Whether a padded row of weight 0 changes nothing.
    row_independent = False
    _direction: str | None = None  # "up" or "down": which way is better, where that is known

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # What a built-in metric promises does not hold for a subclass that computes something else.
        if "row_independent" not in vars(cls) and any(name in vars(cls) for name in _OWN_WORK):
            cls.row_independent = False

    def __init__(self, dtype=None, name=None):
        kind = type(self).__name__
        self.name = auto_name(snake_case(kind)) if name is None else name
        self._dtype = settings.floatx() if dtype is None else get_policy(dtype).compute_dtype

    @property
    def dtype(self) -> str:
        """The dtype of the state, unless that is a sum in more than this."""
        return self._dtype

    @property
    def _sum_dtype(self) -> str:
        return "float64" if self._dtype == "float64" else "float32"

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"

    # ---- state

    def add_variable(
        self, shape, initializer, dtype=None, aggregation="sum", name=None
    ) -> Variable:
        """Make a variable that belongs to the state.

        Args:
            shape: tuple of ints.
            initializer: a name such as "zeros", or a function `(shape, dtype) -> tensor`.
            dtype: dtype name. Default: the metric's.
            aggregation: as in `Variable`. Default "sum".
            name: str. Default: "variable".

        Returns:
            The variable; assign it to an attribute or leave it, it is found either way.
        """
        initializer = (
            resolve("initializer", initializer)
            if isinstance(initializer, (str, dict))
            else initializer
        )
        options = {
            "shape": shape,
            "dtype": dtype or self._dtype,
            "aggregation": aggregation,
            "name": name,
        }
        variable = Variable(initializer, trainable=False, **options)
        self.__dict__.setdefault("_added", []).append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None) -> Variable:
        """Make a variable that belongs to the state; `initializer` None gives zeros. See `add_variable`."""
        return self.add_variable(
            shape, "zeros" if initializer is None else initializer, dtype=dtype, name=name
        )

    def add_sum(self, shape=(), name="total") -> RunningSum:
        """Make a sum that loses nothing in long epochs. See `RunningSum`."""
        return RunningSum(shape, self._sum_dtype, name)

    @property
    def variables(self) -> list[Variable]:
        """All variables of the state, those of metrics among the attributes included."""
        found: dict[int, Variable] = {}
        for item in tracking.owned(self.__dict__, (Variable, RunningSum, Metric)):
            if isinstance(item, RunningSum):
                owned = [item.parts]
            else:
                owned = item.variables if isinstance(item, Metric) else [item]
            for variable in owned:
                found.setdefault(id(variable), variable)
        return list(found.values())

    def reset_state(self) -> None:
        """Set the state to zeros, as before the first batch."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def build(self, y_true_shape, y_pred_shape) -> None:
        """Make the state that depends on the shapes of labels and predictions. The base does nothing."""

    # ---- use

    def update_state(self, *args, **kwargs) -> None:
        """Take in a batch.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(
            message(type(self).__name__, "a metric must define `update_state`")
        )

    def result(self):
        """Return the value over all batches since the last reset.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(message(type(self).__name__, "a metric must define `result`"))

    def __call__(self, *args, **kwargs):
        """Take in a batch and return the value over all batches so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def _own_config(self) -> dict:
        return {"name": self.name} if "name" in _parameters(type(self)) else {}


def weigh(values, sample_weight, who: str):
    """Return values and their weights as float tensors of one shape.

    Args:
        values: tensor.
        sample_weight: None, or weights over leading axes of `values`.
        who: who asks, for the error's text.

    Raises:
        ShapeError: the weights don't fit.
    """
    values = as_float(values, least="float32")
    if sample_weight is None:
        return values, ops.ones_like(values)
    weights = fit_weights(cast(sample_weight, dtype_of(values)), values.shape, who)
    return values, ops.broadcast_to(weights, ops.shape(values))


@register("metric")
class Mean(Metric):
    """Computes the weighted mean of all values.

    result = sum(values * sample_weight) / sum(sample_weight); 0 before the first value.

    Args:
        name: str. Default "mean".
        dtype: as in `Metric`.

    Numerics:
        Sum and weight are kept in two float32 parts each: counts are exact to about 2**48.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> mean = keras.metrics.Mean()
        >>> mean.update_state(np.array([1.0, 3.0, 5.0, 7.0]), sample_weight=np.array([1, 1, 0, 0]))
        >>> float(mean.result())
        2.0
    """

    row_independent = True

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        # Total and count in one sum: a compiled step then updates a mean in one pass.
        self._sums = self.add_sum((2,), name="total_and_count")
        self.total, self.count = SumPart(self._sums, 0), SumPart(self._sums, 1)

    def update_state(self, values, sample_weight=None) -> None:
        """Take in values.

        Args:
            values: array or tensor of any shape.
            sample_weight: a number, or weights over leading axes of `values`. Default None: 1.

        Raises:
            ShapeError: the weights don't fit.
        """
        values, weights = weigh(values, sample_weight, type(self).__name__)
        total, count = ops.sum(values * weights), ops.sum(weights)
        # Chosen rather than stacked: that becomes part of the pass that adds them.
        self._sums.add(ops.where(_FIRST, total, count))

    def result(self):
        """Return the mean, a scalar."""
        sums = self._sums.value
        return cast(ops.divide_no_nan(sums[0], sums[1]), self.dtype)


@register("metric")
class Sum(Metric):
    """Computes the weighted sum of all values.

    Args:
        name: str. Default "sum".
        dtype: as in `Metric`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> total = keras.metrics.Sum()
        >>> total.update_state(np.array([1.0, 3.0]))
        >>> total.update_state(np.array([2.0]), sample_weight=2.0)
        >>> float(total.result())
        8.0
    """

    row_independent = True

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_sum(name="total")

    def update_state(self, values, sample_weight=None) -> None:
        """Take in values; arguments as in `Mean.update_state`."""
        values, weights = weigh(values, sample_weight, type(self).__name__)
        self.total.add(ops.sum(values * weights))

    def result(self):
        """Return the sum, a scalar."""
        return cast(self.total.value, self.dtype)


@register("metric")
class MeanMetricWrapper(Mean):
    """Computes the weighted mean of what a function of labels and predictions returns.

    A Keras mask on `y_pred` leaves positions out. `(batch,)` labels and predictions of element-wise functions count one value for
    each row, so results over uneven batches are those over all data at once.

    Args:
        fn: function `(y_true, y_pred, **kwargs)` that returns one value for each row (or more), or a `Loss`.
        name: str. Default: the function's name.
        dtype: as in `Metric`.
        kwargs: passed on to `fn`.

    Raises:
        TypeError: `fn` can't be called (at construction).
        ShapeError: shapes don't fit (at the update).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> def distance(y_true, y_pred):
        ...     return keras.ops.max(keras.ops.abs(y_true - y_pred), axis=-1)
        >>> metric = keras.metrics.MeanMetricWrapper(distance)
        >>> metric.update_state(np.zeros((2, 3)), np.ones((2, 3)))
        >>> metric.name, float(metric.result())
        ('distance', 1.0)
    """

    row_independent = True

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        if not callable(fn):
            raise TypeError(
                message(
                    type(self).__name__,
                    "`fn` must be a function of y_true and y_pred",
                    f"fn={fn!r}",
                )
            )
        super().__init__(name=function_name(fn) if name is None else name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if type(self) is MeanMetricWrapper:
            self.row_independent = bool(getattr(fn, "row_independent", False))

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Take in a batch.

        Args:
            y_true: labels.
            y_pred: predictions.
            sample_weight: a number, `(batch,)`, or weights over leading axes of the function's values. Default None: 1.

        Raises:
            ShapeError: shapes don't fit.
        """
        who = type(self).__name__
        mask = masking.get_mask(y_pred)
        function = self._fn.call if isinstance(self._fn, Loss) else self._fn
        integer_labels = getattr(self._fn, "integer_labels", False)
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.convert_to_tensor(y_true)
        if not integer_labels and is_float(self.dtype):
            y_true, y_pred = cast(y_true, self._sum_dtype), cast(y_pred, self._sum_dtype)
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight)
        if getattr(self._fn, "elementwise", False) and self._fn_kwargs.get("axis", -1) == -1:
            y_true, y_pred = align(y_true, y_pred, who)
            y_true, y_pred = rows_of_one(*per_element(y_true, y_pred, sample_weight, mask))
        values = as_float(function(y_true, y_pred, **self._fn_kwargs), least="float32")
        for each in (mask, masking.get_mask(values)):
            if each is not None:
                values, sample_weight = leave_out(values, sample_weight, each, who)
        super().update_state(values, sample_weight=sample_weight)

    @classmethod
    def from_config(cls, config: dict):
        """Return a metric made of what `get_config` returned; a function of ours stands there by name."""
        config = dict(config)
        if isinstance(config.get("fn"), str):
            config["fn"] = find_function(config["fn"])
        return super().from_config(config)


def rows_of_one(y_true, y_pred):
    """Return `(batch, 1)` for `(batch,)`, so that each row counts."""
    if len(y_pred.shape) == 1:
        return ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1)
    return y_true, y_pred


def leave_out(values, sample_weight, mask, who):
    """Return values and weights, both 0 where the mask is."""
    mask = fit_weights(cast(mask, "bool"), values.shape, who, "mask")
    values = ops.where(mask, values, ops.zeros_like(values))
    _, weights = weigh(values, sample_weight, who)
    return values, weights * cast(mask, dtype_of(weights))


FUNCTIONS: dict = {}  # name -> function form of a metric


def metric_function(function):
    """Put a metric's function form into `FUNCTIONS`; in the registry its name stands for the class."""
    function = guarded(tensors=2)(function)
    function._kind = "metric"
    FUNCTIONS[function.__name__] = function
    return function


def find_function(name: str):
    """Return the metric or loss function with this name.

    Raises:
        ValueError: there is none.
    """
    return FUNCTIONS[name] if name in FUNCTIONS else resolve("loss", name)
