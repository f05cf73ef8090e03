"""Normalisation: bring activations to mean 0 and variance 1, over batches, features or groups.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0]])).tolist()
[[-1.0, 1.0]]
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.core.dtypes import is_float
from hornpipe.core.errors import message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.layers._support import (
    add_part,
    check_number,
    check_rank,
    is_half,
    known_size,
    positive_int,
    refuse,
    set_parts,
    shape_error,
)


def _int_axes(layer, axis) -> tuple:
    """Return `axis` as a tuple of ints.

    Raises:
        ValueError: it is not an integer or several.
    """
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    if not axes or any(isinstance(each, bool) or not isinstance(each, int) for each in axes):
        raise ValueError(
            message(layer.who, "`axis` must be an integer or several", f"axis={axis!r}")
        )
    return axes


def _from_front(layer, axes, shape) -> tuple:
    """Return axes counted from the front, in order.

    Raises:
        ShapeError: one does not exist.
    """
    for axis in axes:
        if not -len(shape) <= axis < len(shape):
            raise shape_error(layer, f"`axis` {axis} does not exist in its inputs", shape)
    return tuple(sorted({axis % len(shape) for axis in axes}))


@register("layer")
class BatchNormalization(Layer):
    """Brings each channel to mean 0 and variance 1 over the batch, then scales and shifts it.

    outputs = gamma * (inputs - mean) / sqrt(variance + epsilon) + beta. While training, mean and variance are those of the batch
    (of the entries where the mask is True), and moving = moving * momentum + batch's * (1 - momentum); in inference, and where
    `trainable` is False, they are the moving ones.

    Args:
        axis: int. The channel axis. Default -1.
        momentum: float in [0, 1]. Default 0.99.
        epsilon: number >= 0. Default 1e-3.
        center: bool. Whether there is a beta. Default True.
        scale: bool. Whether there is a gamma. Default True.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: name or object.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: name, object or None.
        renorm: must be False.
        renorm_clipping, renorm_momentum: kept for Keras's signature.
        synchronized: must be False.
    Input shape:
        `(batch, ..., channels)`, rank >= 2, floating dtype. `mask`: bool with the first axes of the inputs.
    Output shape:
        The same.
    Weights:
        gamma `(channels,)`, ones; beta `(channels,)`, zeros; moving_mean `(channels,)`, zeros; moving_variance `(channels,)`,
        ones. The last two are not trained by gradients.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: the axis does not exist or its size is unknown (at build).
    Numerics:
        16-bit inputs: moments and statistics in float32. Epsilon inside the root. The variance is the batch's own (divided by
        the count).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.BatchNormalization(epsilon=0.0)
        >>> layer(np.array([[1.0], [3.0]]), training=True).tolist()
        [[-1.0], [1.0]]

    References:
        Ioffe and Szegedy (2015), Batch normalization, arXiv:1502.03167, algorithms 1 and 2. Moving averages replace the means over
        batches of algorithm 2, without its factor m / (m - 1).
    """

    supports_masking = True

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        refuse(
            self,
            "Moments of several devices are not exchanged; leave it out.",
            synchronized=synchronized,
        )
        refuse(
            self, "Batch renormalization is not part of this layer; leave it out.", renorm=renorm
        )
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(message(self.who, "`axis` must be an integer", f"axis={axis!r}"))
        self.axis = axis
        self.momentum = check_number(self, "momentum", momentum, least=0)
        if self.momentum > 1:
            raise ValueError(
                message(self.who, "`momentum` must be a number in [0, 1]", f"momentum={momentum!r}")
            )
        self.epsilon = check_number(self, "epsilon", epsilon, least=0)
        self.center, self.scale = bool(center), bool(scale)
        set_parts(self, locals())

    def build(self, input_shape):
        shape = check_rank(self, input_shape, least=2)
        size = known_size(self, shape, self.axis)
        self.gamma = add_part(self, "gamma", (size,), autocast=False) if self.scale else None
        self.beta = add_part(self, "beta", (size,), autocast=False) if self.center else None
        self.moving_mean = add_part(self, "moving_mean", (size,), trainable=False, autocast=False)
        self.moving_variance = add_part(
            self, "moving_variance", (size,), trainable=False, autocast=False
        )
        self.input_spec = InputSpec(ndim=len(shape), axes={self.axis: size})
        self.built = True

    def call(self, inputs, training=None, mask=None):
        rank = len(inputs.shape)
        axis = self.axis % rank
        own = ops.dtype(inputs)
        wide = ops.cast(inputs, "float32") if is_half(own) or not is_float(own) else inputs
        if training and self.trainable:
            mean, variance = self._moments(wide, axis, mask)
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance)
        else:
            mean = ops.cast(self.moving_mean, ops.dtype(wide))
            variance = ops.cast(self.moving_variance, ops.dtype(wide))
        outputs = ops.batch_normalization(
            wide, mean, variance, axis, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
        )
        return ops.cast(outputs, self.compute_dtype)

    def _moments(self, inputs, axis, mask):
        """Return mean and variance of each channel, over the entries that count."""
        rest = tuple(i for i in range(len(inputs.shape)) if i != axis)
        if mask is None:
            return ops.moments(inputs, rest)
        weights = ops.cast(mask, ops.dtype(inputs))
        for _ in range(len(inputs.shape) - len(mask.shape)):
            weights = ops.expand_dims(weights, -1)
        weights = ops.multiply(weights, ops.ones_like(inputs))
        count = ops.maximum(ops.sum(weights, axis=rest, keepdims=True), 1e-7)
        mean = ops.divide(ops.sum(ops.multiply(inputs, weights), axis=rest, keepdims=True), count)
        spread = ops.multiply(ops.square(ops.subtract(inputs, mean)), weights)
        variance = ops.divide(ops.sum(spread, axis=rest, keepdims=True), count)
        return ops.squeeze(mean, rest), ops.squeeze(variance, rest)

    def _move(self, moving, value):
        value = ops.stop_gradient(ops.cast(value, moving.dtype))
        moving.assign(
            ops.add(ops.multiply(moving, self.momentum), ops.multiply(value, 1.0 - self.momentum))
        )


@register("layer")
class LayerNormalization(Layer):
    """Brings each row to mean 0 and variance 1 over its features, then scales and shifts it.

    outputs = gamma * (inputs - mean) / sqrt(variance + epsilon) + beta, with the moments over `axis`.

    Args:
        axis: int or ints. Axes of the moments, of gamma and of beta. Default -1.
        epsilon: number >= 0. Default 1e-3.
        center: bool. Whether there is a beta. Default True.
        scale: bool. Whether there is a gamma. Default True.
        beta_initializer, gamma_initializer: name or object.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: name, object or None.
    Input shape:
        `(batch, ...)`, rank >= 1, floating dtype; sizes along `axis` known.
    Output shape:
        The same.
    Weights:
        gamma with the sizes of `axis`, ones; beta the same, zeros.
    Raises:
        ValueError: `axis` is not made of integers, `epsilon` is negative (at construction).
        ShapeError: an axis does not exist or its size is unknown (at build).
    Numerics:
        16-bit inputs are computed in float32. Epsilon inside the root.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0]])).tolist()
        [[-1.0, 1.0]]

    References:
        Ba, Kiros and Hinton (2016), Layer normalization, arXiv:1607.06450, equation 3.
    """

    supports_masking = True

    def __init__(
        self,
        axis=-1,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = (
            list(_int_axes(self, axis))
            if isinstance(axis, (list, tuple))
            else _int_axes(self, axis)[0]
        )
        self.epsilon = check_number(self, "epsilon", epsilon, least=0)
        self.center, self.scale = bool(center), bool(scale)
        set_parts(self, locals())
        self.row_independent = self.activity_regularizer is None and 0 not in _int_axes(self, axis)

    def build(self, input_shape):
        shape = check_rank(self, input_shape, least=1)
        axes = _from_front(self, _int_axes(self, self.axis), shape)
        sizes = tuple(known_size(self, shape, axis) for axis in axes)
        self.gamma = add_part(self, "gamma", sizes, autocast=False) if self.scale else None
        self.beta = add_part(self, "beta", sizes, autocast=False) if self.center else None
        self.input_spec = InputSpec(ndim=len(shape), axes=dict(zip(axes, sizes, strict=True)))
        self.row_independent = self.row_independent and 0 not in axes
        self._axes = axes
        self.built = True

    def call(self, inputs):
        return ops.layer_normalization(
            inputs, self.gamma, self.beta, axis=self._axes, epsilon=self.epsilon
        )


@register("layer")
class RMSNormalization(Layer):
    """Brings each row to a mean square of 1 over its features, then scales it.

    outputs = scale * inputs / sqrt(mean(inputs^2) + epsilon), with the mean over `axis`.

    Args:
        axis: int or ints. Default -1.
        epsilon: number >= 0. Default 1e-6.
    Input shape:
        `(batch, ...)`, rank >= 1, floating dtype; sizes along `axis` known.
    Output shape:
        The same.
    Weights:
        scale with the sizes of `axis`, ones.
    Raises:
        ValueError: `axis` is not made of integers, `epsilon` is negative (at construction).
        ShapeError: an axis does not exist or its size is unknown (at build).
    Numerics:
        16-bit inputs are computed in float32. Epsilon inside the root.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.RMSNormalization(epsilon=0.0)(np.array([[2.0, -2.0]])).tolist()
        [[1.0, -1.0]]

    References:
        Zhang and Sennrich (2019), Root mean square layer normalization, arXiv:1910.07467, equation 4.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = (
            list(_int_axes(self, axis))
            if isinstance(axis, (list, tuple))
            else _int_axes(self, axis)[0]
        )
        self.epsilon = check_number(self, "epsilon", epsilon, least=0)
        self.row_independent = self.activity_regularizer is None and 0 not in _int_axes(self, axis)

    def build(self, input_shape):
        shape = check_rank(self, input_shape, least=1)
        axes = _from_front(self, _int_axes(self, self.axis), shape)
        sizes = tuple(known_size(self, shape, axis) for axis in axes)
        self.scale = self.add_weight(name="scale", shape=sizes, initializer="ones")
        self.input_spec = InputSpec(ndim=len(shape), axes=dict(zip(axes, sizes, strict=True)))
        self.row_independent = self.row_independent and 0 not in axes
        self._axes = axes
        self.built = True

    def call(self, inputs):
        return ops.rms_normalization(inputs, self.scale, axis=self._axes, epsilon=self.epsilon)


@register("layer")
class GroupNormalization(Layer):
    """Brings each group of channels of a row to mean 0 and variance 1, then scales and shifts each channel.

    outputs = gamma * (inputs - mean) / sqrt(variance + epsilon) + beta, the moments over a group's channels and all places.

    Args:
        groups: int >= 1 that divides the number of channels; -1 for one group per channel. Default 32.
        axis: int. The channel axis. Default -1.
        epsilon: number >= 0. Default 1e-3.
        center: bool. Whether there is a beta. Default True.
        scale: bool. Whether there is a gamma. Default True.
        beta_initializer, gamma_initializer: name or object.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: name, object or None.
    Input shape:
        `(batch, ..., channels)`, rank >= 2, floating dtype.
    Output shape:
        The same.
    Weights:
        gamma `(channels,)`, ones; beta `(channels,)`, zeros.
    Raises:
        ValueError: `groups` is neither -1 nor an integer >= 1 (at construction).
        ShapeError: the channels are unknown, or no multiple of `groups` (at build).
    Numerics:
        16-bit inputs are computed in float32. Epsilon inside the root.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.GroupNormalization(2, epsilon=0.0)
        >>> layer(np.array([[1.0, 3.0, 10.0, 20.0]])).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]

    References:
        Wu and He (2018), Group normalization, arXiv:1803.08494, equations 1 to 7.
    """

    supports_masking = True
    row_independent = True

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.groups = (
            -1
            if groups == -1
            else positive_int(self, "groups", groups, "-1 makes each channel a group.")
        )
        (self.axis,) = _int_axes(self, axis)
        self.epsilon = check_number(self, "epsilon", epsilon, least=0)
        self.center, self.scale = bool(center), bool(scale)
        set_parts(self, locals())

    def build(self, input_shape):
        shape = check_rank(self, input_shape, least=2)
        size = known_size(self, shape, self.axis, "channel axis")
        if self.axis % len(shape) == 0:
            raise shape_error(self, "`axis` must not be the batch axis, 0", shape)
        if self.groups != -1 and size % self.groups:
            rule = (
                f"the {size} channels of its inputs must be a multiple of `groups`, {self.groups}"
            )
            raise shape_error(self, rule, shape)
        self.gamma = add_part(self, "gamma", (size,), autocast=False) if self.scale else None
        self.beta = add_part(self, "beta", (size,), autocast=False) if self.center else None
        self.input_spec = InputSpec(ndim=len(shape), axes={self.axis: size})
        self.built = True

    def call(self, inputs):
        shape = tuple(inputs.shape)
        axis = self.axis % len(shape)
        own, channels = ops.dtype(inputs), shape[axis]
        groups = channels if self.groups == -1 else self.groups
        wide = ops.cast(inputs, "float32") if is_half(own) else inputs
        moved = ops.moveaxis(wide, axis, 1)
        places = tuple(moved.shape[2:])
        count = -1 if None in places else channels // groups
        for size in places:
            count = count if count == -1 else count * size
        parts = ops.reshape(moved, (shape[0], groups, count))
        mean, variance = ops.moments(parts, 2, keepdims=True)
        parts = ops.multiply(ops.subtract(parts, mean), ops.rsqrt(ops.add(variance, self.epsilon)))
        outputs = self._restore(parts, (shape[0], channels, *places))
        return ops.cast(ops.moveaxis(outputs, 1, axis), own)

    def _restore(self, parts, shape):
        """Return normalised groups in the shape `(batch, channels, *places)`, scaled and shifted."""
        outputs = ops.reshape(parts, shape)
        vector = (1, shape[1], *(1,) * (len(shape) - 2))
        if self.gamma is not None:
            outputs = ops.multiply(
                outputs, ops.reshape(ops.cast(self.gamma, ops.dtype(outputs)), vector)
            )
        if self.beta is not None:
            outputs = ops.add(outputs, ops.reshape(ops.cast(self.beta, ops.dtype(outputs)), vector))
        return outputs


@register("layer")
class UnitNormalization(Layer):
    """Divides each row by its Euclidean length over `axis`.

    outputs = inputs / sqrt(max(sum(inputs^2), 1e-12))

    Args:
        axis: int or ints. Default -1.
    Input shape:
        `(batch, ...)`, rank >= 1, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `axis` is not made of integers (at construction).
        ShapeError: an axis does not exist (at build).
    Numerics:
        16-bit inputs are summed in float32. Rows of zeros stay zeros.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> np.asarray(keras.layers.UnitNormalization()(np.array([[3.0, 4.0]])), "float64").round(6).tolist()
        [[0.6, 0.8]]
    """

    supports_masking = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = (
            list(_int_axes(self, axis))
            if isinstance(axis, (list, tuple))
            else _int_axes(self, axis)[0]
        )
        self.row_independent = self.activity_regularizer is None and 0 not in _int_axes(self, axis)

    def build(self, input_shape):
        shape = check_rank(self, input_shape, least=1)
        self._axes = _from_front(self, _int_axes(self, self.axis), shape)
        self.row_independent = self.row_independent and 0 not in self._axes
        self.built = True

    def call(self, inputs):
        own = ops.dtype(inputs)
        wide = ops.cast(inputs, "float32") if is_half(own) else inputs
        total = ops.sum(ops.square(wide), axis=self._axes, keepdims=True)
        return ops.cast(ops.multiply(wide, ops.rsqrt(ops.maximum(total, 1e-12))), own)
