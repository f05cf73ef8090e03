"""Noise while training: dropout and its relatives. All of them pass their inputs through when `training` is False.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Dropout(0.5)(np.ones((1, 3))).tolist()
[[1.0, 1.0, 1.0]]
"""

from __future__ import annotations

import math

from hornpipe import ops, random
from hornpipe.core.config import register, resolve
from hornpipe.core.errors import message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.core.random import SeedGenerator, check_seed
from hornpipe.core.settings import standardize_data_format
from hornpipe.layers._support import check_number, check_rate, shape_error


class _Noise(Layer):
    """Base of layers that change their inputs at random, in training only."""

    supports_masking = True
    row_independent = True

    def _set_seed(self, seed, needed: bool):
        self.seed = seed
        if seed is not None:
            check_seed(seed, self.who)
        if needed:
            self.seed_generator = SeedGenerator(seed)

    def _add_noise(self, inputs):
        """Return the inputs as training sees them."""
        raise NotImplementedError

    def call(self, inputs, training=False):
        if training and hasattr(self, "seed_generator"):
            return self._add_noise(inputs)
        return inputs


@register("layer")
class Dropout(_Noise):
    """Sets a random part of its inputs to zero while training, and scales up the rest.

    outputs = inputs * keep / (1 - rate), keep being 1 with probability 1 - rate and 0 otherwise; in inference outputs = inputs.

    Args:
        rate: float in [0, 1]. Fraction of inputs set to zero.
        noise_shape: tuple of ints and None, as many as the inputs have axes, or None. Entries along axes of size 1 are dropped
            together; None takes the inputs' size.
        seed: int or None (drawn).
    Input shape:
        Any, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `rate` lies outside of [0, 1] (at construction).
        ShapeError: `noise_shape` does not broadcast to the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Dropout(0.5, seed=1)
        >>> sorted(set(layer(np.ones((4, 8)), training=True).flatten().tolist()))
        [0.0, 2.0]

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), Dropout: a simple way to prevent neural networks from
        overfitting, JMLR 15. The scaling stands in training here, so that inference needs none.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = check_rate(self, "rate", rate, with_one=True)
        self.noise_shape = _noise_shape(self, noise_shape)
        self._set_seed(seed, self.rate > 0)
        if self.noise_shape and self.noise_shape[0] not in (None, 1):
            self.row_independent = (
                False  # a fixed batch size leaves no room for a smaller last batch
            )

    def _full_noise_shape(self, inputs):
        """Return the sizes of the noise, None filled in."""
        if self.noise_shape is None:
            return None
        shape = tuple(inputs.shape)
        if len(shape) != len(self.noise_shape):
            raise shape_error(
                self,
                f"`noise_shape` {self.noise_shape} needs as many sizes as its inputs have axes",
                shape,
            )
        sizes = tuple(
            own if size is None else size for size, own in zip(self.noise_shape, shape, strict=True)
        )
        if any(
            size != 1 and None not in (size, own) and size != own
            for size, own in zip(sizes, shape, strict=True)
        ):
            raise shape_error(
                self, f"`noise_shape` {self.noise_shape} must broadcast to its inputs", shape
            )
        return sizes

    def _add_noise(self, inputs):
        noise_shape = self._full_noise_shape(inputs)
        return random.dropout(inputs, self.rate, noise_shape=noise_shape, seed=self.seed_generator)


def _noise_shape(layer, value):
    """Return `noise_shape` as a tuple or None.

    Raises:
        ValueError: an entry is neither None nor an integer >= 1.
    """
    if value is None:
        return None
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if any(
        size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1)
        for size in sizes
    ):
        rule = "`noise_shape` must hold integers >= 1 and None"
        raise ValueError(message(layer.who, rule, f"noise_shape={value!r}"))
    return sizes


class _SpatialDropout(Dropout):
    """Drops whole maps: one decision for each row and channel."""

    _rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = "channels_last"
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        config = super().get_config()
        names = (
            ("rate", "seed", "name", "dtype")
            if self._rank == 1
            else ("rate", "seed", "name", "dtype", "data_format")
        )
        return {name: config.get(name) for name in names}

    def _full_noise_shape(self, inputs):
        shape = tuple(inputs.shape)
        ones = (1,) * self._rank
        return (
            (shape[0], *ones, shape[-1])
            if self.data_format == "channels_last"
            else (*shape[:2], *ones)
        )


@register("layer")
class SpatialDropout1D(_SpatialDropout):
    """Drops whole features of sequences while training.

    As `Dropout`, with one decision for all steps.

    Args:
        rate: float in [0, 1]. Fraction of features set to zero.
        seed: int or None (drawn).
        name: str or None.
        dtype: dtype or policy name, or None.
    Input shape:
        `(batch, steps, features)`, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `rate` lies outside of [0, 1] (at construction).
        ShapeError: inputs of another rank than 3.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> outputs = keras.layers.SpatialDropout1D(0.5, seed=1)(np.ones((1, 4, 6)), training=True)
        >>> bool((outputs == outputs[:, :1]).all())
        True

    References:
        Tompson, Goroshin, Jain, LeCun and Bregler (2014), Efficient object localization using convolutional networks,
        arXiv:1411.4280, section 3.2.
    """

    def __init__(self, rate, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)


@register("layer")
class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of images while training.

    As `Dropout`, with one decision for all places.

    Args:
        rate: float in [0, 1]. Fraction of channels set to zero.
        data_format: "channels_last" or "channels_first". Default: the setting.
        seed: int or None (drawn).
        name: str or None.
        dtype: dtype or policy name, or None.
    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `rate` lies outside of [0, 1] (at construction).
        ShapeError: inputs of another rank than 4.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> outputs = keras.layers.SpatialDropout2D(0.5, seed=1)(np.ones((1, 4, 4, 6)), training=True)
        >>> bool((outputs == outputs[:, :1, :1]).all())
        True

    References:
        As `SpatialDropout1D`.
    """

    _rank = 2

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = standardize_data_format(data_format, self.who)


@register("layer")
class SpatialDropout3D(_SpatialDropout):
    """Drops whole channels of volumes while training.

    As `Dropout`, with one decision for all places.

    Args:
        rate: float in [0, 1]. Fraction of channels set to zero.
        data_format: "channels_last" or "channels_first". Default: the setting.
        seed: int or None (drawn).
        name: str or None.
        dtype: dtype or policy name, or None.
    Input shape:
        `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)`, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `rate` lies outside of [0, 1] (at construction).
        ShapeError: inputs of another rank than 5.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.SpatialDropout3D(0.5)(np.ones((1, 2, 2, 2, 6)), training=True).shape
        (1, 2, 2, 2, 6)

    References:
        As `SpatialDropout1D`.
    """

    _rank = 3

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = standardize_data_format(data_format, self.who)


@register("layer")
class GaussianNoise(_Noise):
    """Adds normally distributed noise while training.

    outputs = inputs + noise, noise having mean 0 and standard deviation `stddev`; in inference outputs = inputs.

    Args:
        stddev: number >= 0. Standard deviation of the noise.
        seed: int or None (drawn).
    Input shape:
        Any, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `stddev` is negative (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> outputs = keras.layers.GaussianNoise(0.1, seed=1)(np.zeros((2, 3)), training=True)
        >>> bool((abs(outputs) < 1).all()), bool((outputs == 0).any())
        (True, False)
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.stddev = check_number(self, "stddev", stddev, least=0)
        self._set_seed(seed, self.stddev > 0)

    def _add_noise(self, inputs):
        noise = random.normal(
            inputs.shape, stddev=self.stddev, dtype=self.compute_dtype, seed=self.seed_generator
        )
        return ops.add(inputs, noise)


@register("layer")
class GaussianDropout(_Noise):
    """Multiplies its inputs by normally distributed noise with mean 1 while training.

    outputs = inputs * noise, noise having mean 1 and standard deviation sqrt(rate / (1 - rate)); in inference outputs = inputs.

    Args:
        rate: float in [0, 1). The noise has the variance that a `Dropout` of this rate would have.
        seed: int or None (drawn).
    Input shape:
        Any, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `rate` lies outside of [0, 1) (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.GaussianDropout(0.5)(np.ones((1, 3)), training=True).shape
        (1, 3)

    References:
        Srivastava et al. (2014), as `Dropout`, section 10.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = check_rate(self, "rate", rate)
        self._set_seed(seed, self.rate > 0)

    def _add_noise(self, inputs):
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        noise = random.normal(
            inputs.shape,
            mean=1.0,
            stddev=stddev,
            dtype=self.compute_dtype,
            seed=self.seed_generator,
        )
        return ops.multiply(inputs, noise)


# The limits of the SELU activation towards minus infinity: -scale * alpha.
_SELU_FLOOR = -1.0507009873554805 * 1.6732632423543772


@register("layer")
class AlphaDropout(Dropout):
    """Sets a random part of its inputs to the lower limit of SELU while training, and keeps mean and variance.

    outputs = a * where(keep, inputs, floor) + b, with floor = -1.7581, a = 1 / sqrt((1 - rate) (1 + rate floor^2)) and
    b = -a rate floor; in inference outputs = inputs.

    Args:
        rate: float in [0, 1). Fraction of inputs dropped.
        noise_shape: as `Dropout`.
        seed: int or None (drawn).
    Input shape:
        Any, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: `rate` lies outside of [0, 1) (at construction).
        ShapeError: `noise_shape` does not broadcast to the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> outputs = keras.layers.AlphaDropout(0.5, seed=1)(np.zeros((4, 8)), training=True)
        >>> len(set(outputs.flatten().tolist()))
        2

    References:
        Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-normalizing neural networks, arXiv:1706.02515, section 2.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(rate, noise_shape=noise_shape, seed=seed, **kwargs)
        check_rate(self, "rate", rate)

    def _add_noise(self, inputs):
        shape = self._full_noise_shape(inputs)
        draws = random.uniform(
            inputs.shape if shape is None else shape, dtype="float32", seed=self.seed_generator
        )
        keep = ops.greater_equal(draws, self.rate)
        factor = ((1.0 - self.rate) * (1.0 + self.rate * _SELU_FLOOR**2)) ** -0.5
        return ops.add(
            ops.multiply(ops.where(keep, inputs, _SELU_FLOOR), factor),
            -factor * self.rate * _SELU_FLOOR,
        )


@register("layer")
class ActivityRegularization(Layer):
    """Passes its inputs through and adds a penalty of them to the loss.

    penalty = (l1 * sum(abs(inputs)) + l2 * sum(inputs^2)) / batch

    Args:
        l1: number >= 0. Default 0.
        l2: number >= 0. Default 0.
    Input shape:
        Any, floating dtype.
    Output shape:
        The same.
    Raises:
        ValueError: a factor is negative (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.ActivityRegularization(l1=0.5)
        >>> outputs = layer(np.ones((2, 3)))
        >>> float(layer.losses[0])
        1.5
    """

    supports_masking = True

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self.l1 = check_number(self, "l1", l1, least=0)
        self.l2 = check_number(self, "l2", l2, least=0)
        self.activity_regularizer = resolve(
            "regularizer", {"class_name": "L1L2", "config": {"l1": l1, "l2": l2}}
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config

    def call(self, inputs):
        return inputs
