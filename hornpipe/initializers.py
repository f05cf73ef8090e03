"""Initial values of weights: constants, random distributions, and the scaled ones named after Glorot, He and LeCun.

An initializer is a callable `(shape, dtype) -> tensor`. Random values are drawn on the host by NumPy's Philox generator, so a
seed gives the same weights on every engine. One object with one seed gives the same values at every call; objects made without
a seed draw one from the host generator that `keras.utils.set_random_seed` seeds.

>>> import hornpipe as keras
>>> initializer = keras.initializers.HeNormal(seed=1)
>>> tuple(initializer((3, 4)).shape)
(3, 4)
>>> keras.initializers.get("zeros")((2,)).tolist()
[0.0, 0.0]
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from hornpipe.core import config as registry
from hornpipe.core import dtypes
from hornpipe.core.checks import check_number
from hornpipe.core.config import Configurable, register
from hornpipe.core.dialect import module_getattr
from hornpipe.core.errors import message, near_miss
from hornpipe.core.random import SeedGenerator, check_seed
from hornpipe.core.refusal import guarded
from hornpipe.engine.select import active

# Standard deviation of a standard normal variable truncated to [-2, 2].
_TRUNCATED_STDDEV = 0.8796256610342398
_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class Initializer(Configurable):
    """Base of all initializers: a callable that makes a weight's first value.

    Subclasses define `__call__(self, shape, dtype=None)`.

    Example:
        >>> import hornpipe as keras
        >>> class Halves(keras.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return keras.ops.full(shape, 0.5, dtype=dtype)
        >>> Halves()((2,)).tolist()
        [0.5, 0.5]
    """

    def __call__(self, shape, dtype=None):
        """Return a tensor of `shape` and `dtype` (`floatx` by default)."""
        rule = "a subclass must define `__call__(self, shape, dtype=None)`"
        raise NotImplementedError(message(type(self).__name__, rule))

    def clone(self):
        """Return a new object made with the same arguments; without a seed it draws its own."""
        return type(self).from_config(self.get_config())


# ---- constants


@register("initializer", "zero")
class Zeros(Initializer):
    """Fill with 0.

    Example:
        >>> import hornpipe as keras
        >>> keras.initializers.Zeros()((2, 2)).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """

    def __call__(self, shape, dtype=None):
        """Return a tensor of `shape` and `dtype` (`floatx` by default)."""
        return active.engine.full(_sizes(shape), 0, dtype=dtypes.standardize_dtype(dtype))


@register("initializer", "one")
class Ones(Initializer):
    """Fill with 1.

    Example:
        >>> import hornpipe as keras
        >>> keras.initializers.Ones()((2,)).tolist()
        [1.0, 1.0]
    """

    def __call__(self, shape, dtype=None):
        """Return a tensor of `shape` and `dtype` (`floatx` by default)."""
        return active.engine.full(_sizes(shape), 1, dtype=dtypes.standardize_dtype(dtype))


@register("initializer")
class Constant(Initializer):
    """Fill with given values.

    Args:
        value: number, or array or nested list that broadcasts to the shape asked for. Default 0.0.

    Raises:
        ValueError: `value` does not broadcast to the shape (at the call).

    Example:
        >>> import hornpipe as keras
        >>> keras.initializers.Constant([1, 2])((3, 2)).tolist()
        [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        """Return a tensor of `shape` and `dtype` (`floatx` by default)."""
        shape = _sizes(shape)
        host = np.asarray(self.value)
        try:
            host = np.broadcast_to(host, shape)
        except ValueError:
            rule = f"`value` must broadcast to the shape {shape}"
            raise ValueError(message("Constant", rule, f"value of shape {host.shape}")) from None
        return _tensor(host, dtypes.standardize_dtype(dtype))

    def _own_config(self) -> dict:
        is_plain = isinstance(self.value, (numbers.Number, list, tuple, np.ndarray))
        return {} if is_plain else {"value": np.asarray(self.value)}


@register("initializer", "IdentityInitializer")
class Identity(Initializer):
    """Fill with `gain` on the diagonal and 0 elsewhere.

    Args:
        gain: number. Default 1.0.

    Raises:
        ValueError: the shape does not have two axes (at the call).

    Example:
        >>> import hornpipe as keras
        >>> keras.initializers.Identity(2.0)((2, 3)).tolist()
        [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    def __init__(self, gain=1.0):
        self.gain = check_number(gain, "gain", "Identity")

    def __call__(self, shape, dtype=None):
        """Return a tensor of `shape` and `dtype` (`floatx` by default)."""
        shape = _sizes(shape)
        if len(shape) != 2:
            raise ValueError(message("Identity", "`shape` must have two axes", f"shape={shape}"))
        return _tensor(self.gain * np.eye(*shape), dtypes.standardize_dtype(dtype))


@register("initializer", "STFTInitializer")
class STFT(Initializer):
    """Fill with the windowed Fourier basis, so that a 1-D convolution computes a short-time Fourier transform.

    `value[t, 0, k] = window[t] * cos(2 pi t k / fft_length) * scale` for the real side, `-sin` for the imaginary one, where
    `fft_length = 2 * (bins - 1)`. `scale` is `1 / sqrt(sum(window**2))` for "density", `1 / |sum(window)|` for "spectrum",
    and 1 where there is no window.

    Args:
        side: "real" or "imag". Default "real".
        window: name of a window of `scipy.signal.get_window`, an array of `frame_length` values, or None for a rectangle.
            Default "hann".
        scaling: "density", "spectrum" or None (scale 1). Default "density".
        periodic: bool. Whether the window is periodic rather than symmetric. Default False.

    Raises:
        ValueError: `side` or `scaling` is another value (at construction); the shape is not
            `(frame_length, 1, fft_length // 2 + 1)` or the window array has another length (at the call).

    Example:
        >>> import hornpipe as keras
        >>> tuple(keras.initializers.STFT("imag", window=None)((8, 1, 5)).shape)
        (8, 1, 5)
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        _one_of(side, ("real", "imag"), "side", "STFT")
        _one_of(scaling, ("density", "spectrum", None), "scaling", "STFT")
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, bool(periodic)

    def __call__(self, shape, dtype=None):
        """Return a tensor of `shape` and `dtype` (`floatx` by default)."""
        shape = _sizes(shape)
        if len(shape) != 3 or shape[1] != 1 or shape[0] < 1 or shape[2] < 2:
            rule = "`shape` must be (frame_length, 1, fft_length // 2 + 1)"
            raise ValueError(message("STFT", rule, f"shape={shape}"))
        frame_length, _, bins = shape
        window = self._window_values(frame_length)
        if self.window is None:
            pass
        elif self.scaling == "density":
            window = window / math.sqrt(np.square(window).sum())
        elif self.scaling == "spectrum":
            window = window / abs(window.sum())
        angle = 2 * np.pi / (2 * (bins - 1)) * np.outer(np.arange(frame_length), np.arange(bins))
        basis = np.cos(angle) if self.side == "real" else -np.sin(angle)
        return _tensor((window[:, None] * basis)[:, None, :], dtypes.standardize_dtype(dtype))

    def _window_values(self, length):
        if self.window is None:
            return np.ones(length)
        if isinstance(self.window, str):
            from scipy.signal import get_window

            return np.array(get_window(self.window, length, fftbins=self.periodic), "float64")
        values = np.asarray(self.window, "float64")
        if values.shape != (length,):
            rule = f"`window` must hold {length} values, as many as the shape's first axis"
            raise ValueError(message("STFT", rule, f"window of shape {values.shape}"))
        return values


# ---- random values


class RandomInitializer(Initializer):
    """Base of initializers that draw from a generator of their own, seeded at construction."""

    def __init__(self, seed=None):
        is_generator = isinstance(seed, SeedGenerator)
        self.seed = seed if is_generator else check_seed(seed, type(self).__name__)

    def __call__(self, shape, dtype=None):
        """Return a tensor of `shape` and `dtype` (`floatx` by default).

        Raises:
            ValueError: `dtype` is not a floating type.
        """
        shape, dtype = _sizes(shape), dtypes.standardize_dtype(dtype)
        if not dtypes.is_float(dtype):
            raise ValueError(
                message(type(self).__name__, "`dtype` must be a floating type", f"dtype={dtype!r}")
            )
        generator = np.random.Generator(np.random.Philox(key=self._key()))
        return _tensor(
            self.draw(generator, shape, "float64" if dtype == "float64" else "float32"), dtype
        )

    def draw(self, generator, shape: tuple, dtype: str) -> np.ndarray:
        """Return an array of `shape` and `dtype` ("float32" or "float64") drawn from a NumPy generator."""
        raise NotImplementedError(message(type(self).__name__, "a subclass must define `draw`"))

    def _key(self) -> int:
        if not isinstance(self.seed, SeedGenerator):
            return self.seed
        seed, counter = (int(part) for part in active.engine.to_numpy(self.seed.next()))
        return seed % 2**32 + (counter % 2**32 << 64)

    @classmethod
    def from_config(cls, config: dict):
        """Return an object made of what `get_config` returned."""
        seed = config.get("seed")
        if isinstance(seed, dict) and seed.get("class_name") == "SeedGenerator":
            config = {**config, "seed": SeedGenerator.from_config(seed["config"])}
        return super().from_config(config)


@register("initializer", "normal")
class RandomNormal(RandomInitializer):
    """Draw from a normal distribution.

    Args:
        mean: number. Default 0.0.
        stddev: number >= 0. Default 0.05.
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.

    Raises:
        ValueError: `stddev` is negative, or `seed` is not an integer.

    Example:
        >>> import hornpipe as keras
        >>> tuple(keras.initializers.RandomNormal(stddev=0.1, seed=3)((2, 3)).shape)
        (2, 3)
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean = check_number(mean, "mean", "RandomNormal")
        self.stddev = check_number(stddev, "stddev", "RandomNormal", least=0)

    def draw(self, generator, shape, dtype):
        """Return mean + stddev * z."""
        return self.mean + self.stddev * generator.standard_normal(shape, dtype)


@register("initializer")
class TruncatedNormal(RandomInitializer):
    """Draw from a normal distribution, values beyond two standard deviations from the mean drawn again.

    Args:
        mean: number. Default 0.0.
        stddev: number >= 0, before truncation; the values' own is 0.8796 times it. Default 0.05.
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.

    Raises:
        ValueError: `stddev` is negative, or `seed` is not an integer.

    Example:
        >>> import hornpipe as keras
        >>> values = keras.initializers.TruncatedNormal(stddev=1.0, seed=3)((100,))
        >>> bool(abs(values).max() <= 2.0)
        True
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean = check_number(mean, "mean", "TruncatedNormal")
        self.stddev = check_number(stddev, "stddev", "TruncatedNormal", least=0)

    def draw(self, generator, shape, dtype):
        """Return mean + stddev * z where |z| <= 2."""
        return self.mean + self.stddev * _truncated(generator, shape, dtype)


@register("initializer", "uniform")
class RandomUniform(RandomInitializer):
    """Draw evenly between two bounds.

    Args:
        minval: number. Default -0.05.
        maxval: number >= minval. Default 0.05.
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.

    Raises:
        ValueError: `maxval` is below `minval`, or `seed` is not an integer.

    Example:
        >>> import hornpipe as keras
        >>> values = keras.initializers.RandomUniform(0.0, 1.0, seed=3)((100,))
        >>> bool(values.min() >= 0.0 and values.max() <= 1.0)
        True
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval = check_number(minval, "minval", "RandomUniform")
        self.maxval = check_number(maxval, "maxval", "RandomUniform", least=minval)

    def draw(self, generator, shape, dtype):
        """Return minval + (maxval - minval) * u where 0 <= u < 1."""
        return self.minval + (self.maxval - self.minval) * generator.random(shape, dtype)


@register("initializer", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """Draw a random matrix with orthonormal columns (or rows, where there are fewer rows than columns), times `gain`.

    A shape with more than two axes is taken as a matrix `(product of the leading sizes, last size)`. The matrix is Q of a
    normal matrix's QR factors, columns multiplied by the signs of R's diagonal, which makes it uniform over such matrices.

    Args:
        gain: number. Default 1.0.
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.

    Raises:
        ValueError: the shape has fewer than two axes (at the call), or `seed` is not an integer.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> q = np.asarray(keras.initializers.Orthogonal(seed=1)((4, 2)))
        >>> bool(np.allclose(q.T @ q, np.eye(2), atol=1e-6))
        True

    References:
        Saxe, McClelland and Ganguli (2014), Exact solutions to the nonlinear dynamics of learning in deep linear neural
        networks, arXiv:1312.6120. Mezzadri (2007), How to generate random matrices from the classical compact groups,
        arXiv:math-ph/0609050, section 5 (the signs).
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = check_number(gain, "gain", "Orthogonal")

    def draw(self, generator, shape, dtype):
        """Return gain * Q."""
        if len(shape) < 2:
            raise ValueError(
                message("Orthogonal", "`shape` must have two axes or more", f"shape={shape}")
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(normal)
        q *= np.where(np.diagonal(r) < 0, -1, 1)
        q = q.T if rows < columns else q
        return self.gain * q.reshape(shape)


# ---- random values scaled by the number of connections


@register("initializer")
class VarianceScaling(RandomInitializer):
    """Draw values whose variance is `scale / n`, n being the number of connections into, out of, or through the layer.

    For a kernel `(*window, inputs, outputs)`: fan_in = inputs * product(window), fan_out = outputs * product(window),
    fan_avg = (fan_in + fan_out) / 2. A vector counts its size both ways. n is at least 1.

    Args:
        scale: number > 0. Default 1.0.
        mode: "fan_in", "fan_out" or "fan_avg". Default "fan_in".
        distribution: "truncated_normal" (variance as above after truncation at two standard deviations; "normal" means the
            same), "untruncated_normal" or "uniform" (in +-sqrt(3 * scale / n)). Default "truncated_normal".
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.
        input_axes, output_axes: ints, or None for both: the axes whose sizes' product is fan_in and fan_out, for kernels
            laid out in another way. No other axis counts then.

    Raises:
        ValueError: `scale` is not positive, `mode` or `distribution` is another value, only one of the axes arguments is
            given (at construction); an axis is out of range (at the call).

    Example:
        >>> import hornpipe as keras
        >>> initializer = keras.initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=1)
        >>> bool(abs(initializer((10, 6))).max() <= 1.0)
        True

    References:
        He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, arXiv:1502.01852, section 2.2.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        super().__init__(seed)
        who = type(self).__name__
        self.scale = check_number(scale, "scale", who, above=0)
        self.mode = _one_of(mode, _MODES, "mode", who)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        self.distribution = _one_of(distribution, _DISTRIBUTIONS, "distribution", who)
        if (input_axes is None) != (output_axes is None):
            received = f"input_axes={input_axes!r}, output_axes={output_axes!r}"
            raise ValueError(
                message(who, "`input_axes` and `output_axes` must be given together", received)
            )
        self.input_axes, self.output_axes = input_axes, output_axes

    def draw(self, generator, shape, dtype):
        """Return values of variance scale / n."""
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        number = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[
            self.mode
        ]
        stddev = math.sqrt(self.scale / max(1.0, number))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev
            return limit * (2 * generator.random(shape, dtype) - 1)
        if self.distribution == "untruncated_normal":
            return stddev * generator.standard_normal(shape, dtype)
        return stddev / _TRUNCATED_STDDEV * _truncated(generator, shape, dtype)

    def _own_config(self) -> dict:
        return {"distribution": self.distribution} if type(self) is VarianceScaling else {}


@register("initializer")
class GlorotUniform(VarianceScaling):
    """Draw evenly in +-sqrt(6 / (fan_in + fan_out)), which keeps the scale of signals both ways.

    Args:
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.
        input_axes, output_axes: as in `VarianceScaling`, where fan_in and fan_out are defined.

    Raises:
        ValueError: `seed` is not an integer, or only one of the axes arguments is given.

    Example:
        >>> import hornpipe as keras
        >>> tuple(keras.initializers.GlorotUniform(seed=1)((3, 4)).shape)
        (3, 4)

    References:
        Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks,
        AISTATS, equation 16.
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


@register("initializer")
class GlorotNormal(VarianceScaling):
    """Draw from a truncated normal distribution with variance 2 / (fan_in + fan_out).

    Args:
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.
        input_axes, output_axes: as in `VarianceScaling`, where fan_in and fan_out are defined.

    Raises:
        ValueError: `seed` is not an integer, or only one of the axes arguments is given.

    Example:
        >>> import hornpipe as keras
        >>> tuple(keras.initializers.GlorotNormal(seed=1)((3, 4)).shape)
        (3, 4)

    References:
        Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks,
        AISTATS, equation 16.
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


@register("initializer")
class HeUniform(VarianceScaling):
    """Draw evenly in +-sqrt(6 / fan_in), which keeps the scale of signals through relu layers.

    Args:
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.
        input_axes, output_axes: as in `VarianceScaling`, where fan_in and fan_out are defined.

    Raises:
        ValueError: `seed` is not an integer, or only one of the axes arguments is given.

    Example:
        >>> import hornpipe as keras
        >>> tuple(keras.initializers.HeUniform(seed=1)((3, 4)).shape)
        (3, 4)

    References:
        He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, arXiv:1502.01852, equation 10.
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


@register("initializer")
class HeNormal(VarianceScaling):
    """Draw from a truncated normal distribution with variance 2 / fan_in, for relu layers.

    Args:
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.
        input_axes, output_axes: as in `VarianceScaling`, where fan_in and fan_out are defined.

    Raises:
        ValueError: `seed` is not an integer, or only one of the axes arguments is given.

    Example:
        >>> import hornpipe as keras
        >>> tuple(keras.initializers.HeNormal(seed=1)((3, 4)).shape)
        (3, 4)

    References:
        He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, arXiv:1502.01852, equation 10.
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


@register("initializer")
class LecunUniform(VarianceScaling):
    """Draw evenly in +-sqrt(3 / fan_in).

    Args:
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.
        input_axes, output_axes: as in `VarianceScaling`, where fan_in and fan_out are defined.

    Raises:
        ValueError: `seed` is not an integer, or only one of the axes arguments is given.

    Example:
        >>> import hornpipe as keras
        >>> tuple(keras.initializers.LecunUniform(seed=1)((3, 4)).shape)
        (3, 4)

    References:
        LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, section 4.6.
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


@register("initializer")
class LecunNormal(VarianceScaling):
    """Draw from a truncated normal distribution with variance 1 / fan_in, for selu layers.

    Args:
        seed: int, `SeedGenerator` or None (drawn at construction). Default None.
        input_axes, output_axes: as in `VarianceScaling`, where fan_in and fan_out are defined.

    Raises:
        ValueError: `seed` is not an integer, or only one of the axes arguments is given.

    Example:
        >>> import hornpipe as keras
        >>> tuple(keras.initializers.LecunNormal(seed=1)((3, 4)).shape)
        (3, 4)

    References:
        LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, section 4.6.
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


# ---- helpers


def compute_fans(shape, input_axes=None, output_axes=None) -> tuple[int, int]:
    """Return the numbers of connections into and out of a unit of a kernel `(*window, inputs, outputs)`.

    Args:
        shape: tuple of ints. A vector counts its size both ways, a scalar 1.
        input_axes, output_axes: as in `VarianceScaling`.

    Raises:
        ValueError: an axis is out of range.

    Example:
        >>> from hornpipe.initializers import compute_fans
        >>> compute_fans((3, 3, 16, 32))
        (144, 288)
    """
    if input_axes is not None:
        return _product(shape, input_axes, "input_axes"), _product(
            shape, output_axes, "output_axes"
        )
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _product(shape, axes, argument) -> int:
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    for axis in axes:
        if not -len(shape) <= axis < len(shape):
            rule = f"`{argument}` must be axes of the shape {tuple(shape)}"
            raise ValueError(message("VarianceScaling", rule, f"{argument}={axes}"))
    return math.prod(shape[axis] for axis in axes)


def _truncated(generator, shape, dtype):
    """Draw standard normal values, those beyond 2 drawn again."""
    values = generator.standard_normal(math.prod(shape), dtype)
    beyond = np.flatnonzero(np.abs(values) > 2)
    while beyond.size:
        values[beyond] = generator.standard_normal(beyond.size, dtype)
        beyond = beyond[np.abs(values[beyond]) > 2]
    return values.reshape(shape)


def _tensor(host, dtype):
    return active.engine.asarray(np.asarray(host, order="C"), dtype)


def _sizes(shape) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, numbers.Integral) else shape
    if not isinstance(sizes, Iterable) or not all(
        isinstance(size, numbers.Integral) and size >= 0 for size in sizes
    ):
        rule = "`shape` must be a tuple of integers >= 0"
        raise ValueError(message("initializer", rule, f"shape={shape!r}"))
    return tuple(int(size) for size in sizes)


def _one_of(value, known, argument, who):
    if value not in known:
        fix = near_miss(value, [each for each in known if each]).strip()
        raise ValueError(
            message(who, f"`{argument}` must be one of {known}", f"{argument}={value!r}", fix)
        )
    return value


# ---- lookup


@guarded("initializers.get")
def get(identifier):
    """Return the initializer that `identifier` stands for.

    Args:
        identifier: name, config, class, object, function `(shape, dtype) -> tensor`, array (a `Constant`), or None.

    Raises:
        ValueError: the name is unknown.
        TypeError: `identifier` is none of these.

    Example:
        >>> import hornpipe as keras
        >>> type(keras.initializers.get("he_normal")).__name__
        'HeNormal'
    """
    if isinstance(identifier, np.ndarray) or active.engine.is_tensor(identifier):
        return Constant(identifier)
    return registry.resolve("initializer", identifier)


@guarded("initializers.serialize")
def serialize(initializer):
    """Return the config of an initializer as plain data."""
    return registry.serialize(initializer)


@guarded("initializers.deserialize")
def deserialize(config, custom_objects=None):
    """Return the initializer that a config from `serialize` describes.

    Raises:
        ValueError: the class is unknown.
    """
    return registry.deserialize(config, custom_objects, kind="initializer")


# Keras's other spellings
zeros = Zeros
ones = Ones
constant = Constant
identity = IdentityInitializer = Identity
stft = STFTInitializer = STFT
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
orthogonal = OrthogonalInitializer = Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal

__getattr__ = module_getattr(__name__, tuple(globals()))
