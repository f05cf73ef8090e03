"""Activations as layers, for the places where a layer stands better than a name.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.ReLU(max_value=1.0)(np.array([[-1.0, 0.5, 3.0]])).tolist()
[[0.0, 0.5, 1.0]]
"""

from __future__ import annotations

from hornpipe import activations, ops
from hornpipe.core.config import register, resolve
from hornpipe.core.errors import message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.layers._support import (
    check_number,
    check_rank,
    find_activation,
    keeps_rows_apart,
    known_size,
    shape_error,
)


@register("layer")
class Activation(Layer):
    """Applies an activation function to its inputs.

    Args:
        activation: name, function or layer; None for none.
    Input shape:
        Any.
    Output shape:
        The same, unless the function changes it.
    Raises:
        ValueError: the name is unknown (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Activation("relu")(np.array([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    supports_masking = True
    row_independent = True

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = find_activation(activation)
        if not keeps_rows_apart(self.activation):
            self.row_independent = False

    def call(self, inputs):
        return self.activation(inputs)


@register("layer")
class ReLU(Layer):
    """Cuts its inputs off below a threshold.

    outputs = inputs above `threshold`, negative_slope * (inputs - threshold) elsewhere, and at most `max_value`.

    Args:
        max_value: number >= 0; None for no limit. Default None.
        negative_slope: number >= 0. Default 0.
        threshold: number >= 0. Default 0.
    Input shape:
        Any, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: an argument is negative (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.ReLU(negative_slope=0.5)(np.array([[-2.0, 2.0]])).tolist()
        [[-1.0, 2.0]]
    """

    supports_masking = True
    row_independent = True

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        self.max_value = (
            None if max_value is None else check_number(self, "max_value", max_value, least=0)
        )
        self.negative_slope = check_number(self, "negative_slope", negative_slope, least=0)
        self.threshold = check_number(self, "threshold", threshold, least=0)

    def call(self, inputs):
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@register("layer")
class LeakyReLU(Layer):
    """Multiplies negative inputs by a slope.

    outputs = inputs where inputs >= 0, negative_slope * inputs elsewhere.

    Args:
        negative_slope: number >= 0. Default 0.3.
        kwargs: `alpha`, the older name of `negative_slope`, and the arguments of `Layer`.
    Input shape:
        Any, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: the slope is negative (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.LeakyReLU(0.5)(np.array([[-2.0, 2.0]])).tolist()
        [[-1.0, 2.0]]

    References:
        Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models, section 2.
    """

    supports_masking = True
    row_independent = True

    def __init__(self, negative_slope=0.3, **kwargs):
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = check_number(self, "negative_slope", negative_slope, least=0)

    def _own_config(self) -> dict:
        return {**super()._own_config(), "negative_slope": self.negative_slope}

    def get_config(self) -> dict:
        """Return the constructor's arguments, under their present names."""
        config = super().get_config()
        config.pop("alpha", None)
        return config

    def call(self, inputs):
        return activations.leaky_relu(inputs, self.negative_slope)


@register("layer")
class PReLU(Layer):
    """Multiplies negative inputs by slopes that are learned.

    outputs = max(inputs, 0) + alpha * min(inputs, 0)

    Args:
        alpha_initializer: name or object. Default "Zeros".
        alpha_regularizer, alpha_constraint: name, object or None.
        shared_axes: int, ints or None. Axes (the batch is 0) along which the slopes are equal, for example (1, 2) for images.
    Input shape:
        `(batch, ...)`, rank >= 2, floating dtype; sizes known except the batch and the shared axes.
    Output shape:
        The same.
    Weights:
        alpha with the inputs' sizes, 1 on shared axes, without the batch; zeros.
    Raises:
        ValueError: `shared_axes` is not made of integers >= 1 (at construction).
        ShapeError: a shared axis does not exist, or a size is unknown (at build).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.PReLU(alpha_initializer="ones")
        >>> layer(np.array([[-2.0, 2.0]])).tolist()
        [[-2.0, 2.0]]

    References:
        He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, arXiv:1502.01852, equation 1.
    """

    supports_masking = True
    row_independent = True

    def __init__(
        self,
        alpha_initializer="Zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = resolve("initializer", alpha_initializer)
        self.alpha_regularizer = resolve("regularizer", alpha_regularizer)
        self.alpha_constraint = resolve("constraint", alpha_constraint)
        self.shared_axes = (
            [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or ())
        )
        if any(
            isinstance(axis, bool) or not isinstance(axis, int) or axis < 1
            for axis in self.shared_axes
        ):
            fix = "Axis 0 is the batch and has no slopes of its own."
            rule = "`shared_axes` must hold integers >= 1"
            raise ValueError(message(self.who, rule, f"shared_axes={shared_axes!r}", fix))

    def build(self, input_shape):
        shape = check_rank(self, input_shape, least=2)
        for axis in self.shared_axes:
            if axis >= len(shape):
                raise shape_error(
                    self, f"`shared_axes` names axis {axis}, which its inputs do not have", shape
                )
        sizes = [
            1 if i in self.shared_axes else known_size(self, shape, i) for i in range(1, len(shape))
        ]
        self.alpha = self.add_weight(
            name="alpha",
            shape=tuple(sizes),
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        axes = {i: size for i, size in enumerate(shape) if i and i not in self.shared_axes}
        self.input_spec = InputSpec(ndim=len(shape), axes=axes)
        self.built = True

    def call(self, inputs):
        return ops.subtract(
            ops.relu(inputs), ops.multiply(self.alpha, ops.relu(ops.negative(inputs)))
        )


@register("layer")
class ELU(Layer):
    """Bends negative inputs towards a limit.

    outputs = inputs where inputs > 0, alpha * (exp(inputs) - 1) elsewhere.

    Args:
        alpha: number. Default 1.
    Input shape:
        Any, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `alpha` is not a finite number (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.ELU()(np.array([[0.0, 2.0]])).tolist()
        [[0.0, 2.0]]

    References:
        Clevert, Unterthiner and Hochreiter (2015), Fast and accurate deep network learning by exponential linear units,
        arXiv:1511.07289, equation 15.
    """

    supports_masking = True
    row_independent = True

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = check_number(self, "alpha", alpha)

    def call(self, inputs):
        return activations.elu(inputs, self.alpha)


@register("layer")
class Softmax(Layer):
    """Turns its inputs into positive numbers that sum to 1 over an axis.

    outputs = exp(inputs) / sum(exp(inputs)); where a mask is False, as if the input were very negative.

    Args:
        axis: int or ints. Default -1.
    Input shape:
        Any, floating dtype. `mask`: bool, the same shape, one that broadcasts to it, or
        its first axes.
    Output shape:
        The same as the inputs'.
    Raises:
        ValueError: `axis` is not made of integers (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Softmax()
        >>> layer(np.zeros((1, 4)), mask=np.array([[True, True, False, False]])).tolist()
        [[0.5, 0.5, 0.0, 0.0]]
    """

    supports_masking = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        axes = axis if isinstance(axis, (list, tuple)) else [axis]
        if not axes or any(isinstance(each, bool) or not isinstance(each, int) for each in axes):
            raise ValueError(
                message(self.who, "`axis` must be an integer or several", f"axis={axis!r}")
            )
        self.axis = tuple(axes) if isinstance(axis, (list, tuple)) else axis
        self.row_independent = self.activity_regularizer is None and 0 not in axes

    def build(self, input_shape):
        rank = len(check_rank(self, input_shape))
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        for axis in axes:
            if not -rank <= axis < rank:
                raise shape_error(self, f"`axis` {axis} does not exist in its inputs", input_shape)
        if any(axis % rank == 0 for axis in axes):
            self.row_independent = False
        self.built = True

    def call(self, inputs, mask=None):
        if mask is not None:
            lowest = -3e4 if ops.dtype(inputs) == "float16" else -1e9
            for _ in range(
                len(inputs.shape) - len(mask.shape)
            ):  # a mask of steps holds for all their features
                mask = ops.expand_dims(mask, -1)
            inputs = ops.where(mask, inputs, lowest)
        return ops.softmax(inputs, self.axis)
