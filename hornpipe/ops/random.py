"""Random numbers as a function of a key: the same bits on every engine and in NumPy.

A key is two int32 words, (seed, counter). `random_bits(key, shape)` hashes key and element number; nothing is carried from one
element to the next, so numbers are made in any order and fused into what uses them. `host_bits` is the same function in NumPy.

The hash is `triple32` (Wellons, "Prospecting for Hash Functions", 2018, nullprogram.com, and its hash-prospector repository: the
multipliers 0xED5AD4BB, 0xAC4C1B51, 0x31848BAB, the shifts 17, 11, 15, 14), a bijection of 32 bits with a mean avalanche bias of
0.02 %. Our additions: one word of the mixed key goes in before its first round, another one after it, and what stands after
the first round is added to the result, so that for a fixed key it is not a bijection and values repeat as random ones
do. 0x9E3779B9 is 2**32 divided by the golden ratio (Knuth, The Art of Computer Programming, volume 3, section 6.4).

>>> import hornpipe as keras
>>> keras.random.uniform((2,), seed=1).shape == (2,)
True
"""

from __future__ import annotations

import math

import numpy as np

from hornpipe.core.dtypes import is_float, is_integer, standardize_dtype
from hornpipe.core.errors import message
from hornpipe.core.op import op, to_tensor
from hornpipe.core.random import SeedGenerator, check_seed, global_generator
from hornpipe.core.refusal import guarded
from hornpipe.engine.select import active
from hornpipe.ops._common import cast_to, count, dtype_of, one_axis
from hornpipe.ops.control import while_loop
from hornpipe.ops.create import _sizes
from hornpipe.ops.math import (
    add,
    clip,
    divide,
    exp,
    greater,
    greater_equal,
    less,
    log,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    mod,
    multiply,
    negative,
    sqrt,
    square,
    subtract,
    where,
)
from hornpipe.ops.order import argsort
from hornpipe.ops.reduce import any as reduce_any
from hornpipe.ops.reduce import argmax
from hornpipe.ops.reduce import max as reduce_max
from hornpipe.ops.shape import broadcast_to, expand_dims

_GOLDEN = 0x9E3779B9


# ---- the hash, written once for two kinds of words


class _Device:
    """32-bit words as int32 tensors of the engine."""

    @staticmethod
    def fold(v, n):
        engine = active.engine
        return engine.bitwise_xor(
            v, engine.bitwise_and(engine.right_shift(v, n), (1 << (32 - n)) - 1)
        )

    @staticmethod
    def times(v, constant):
        return active.engine.multiply(v, _signed(constant))

    @staticmethod
    def plus(v, w):
        return active.engine.add(v, _signed(w) if isinstance(w, int) else w)


class _Host:
    """32-bit words as uint32 arrays."""

    @staticmethod
    def fold(v, n):
        return v ^ (v >> n)

    @staticmethod
    def times(v, constant):
        return v * constant

    @staticmethod
    def plus(v, w):
        return v + w


def _signed(word: int) -> int:
    """Return a 32-bit word as the int32 of the same bits."""
    word %= 2**32
    return word - 2**32 if word >= 2**31 else word


def _first_round(words, v):
    return words.fold(words.times(words.fold(v, 17), 0xED5AD4BB), 11)


def _last_rounds(words, v):
    return words.fold(words.times(words.fold(words.times(v, 0xAC4C1B51), 15), 0x31848BAB), 14)


def _mix(words, v):
    return _last_rounds(words, _first_round(words, v))


def _hash(words, seed, counter, stream, index):
    """Return the bits of elements `index` under a key; (seed, counter) -> the two mixed words is a bijection."""
    inner = _mix(words, words.plus(counter, _GOLDEN))
    before = _mix(words, words.plus(inner, seed))
    after = _mix(words, words.plus(words.plus(before, inner), words.times(stream, _GOLDEN)))
    middle = words.plus(_first_round(words, words.plus(index, before)), after)
    return words.plus(_last_rounds(words, middle), middle)


@op(tensors=1, dtype="same")
def random_bits(key, shape, stream=0):
    """Return random int32 numbers, all 32 bits of them.

    Args:
        key: int32 tensor `(2,)`: seed and counter.
        shape: sequence of ints, fewer than 2**31 elements.
        stream: int32 number or scalar tensor; each gives other bits for one key.
    Raises:
        ValueError: too many elements.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.ops.random_bits(np.array([1, 0], "int32"), (3,)).tolist()
        [-858693556, 2094024994, -2136822776]
    """
    engine = active.engine
    number = count(shape)
    if number is None:
        return engine.full(shape, 0, dtype="int32")
    if number >= 2**31:
        raise ValueError(
            message("random_bits", "`shape` must have fewer than 2**31 elements", f"shape={shape}")
        )
    index = engine.reshape(engine.arange(0, number, 1, dtype="int32"), tuple(shape))
    seed, counter = engine.getitem(key, (0,)), engine.getitem(key, (1,))
    stream = engine.full((), stream, dtype="int32") if isinstance(stream, int) else stream
    return _hash(_Device, seed, counter, stream, index)


def host_bits(seed: int, counter: int, shape, stream: int = 0) -> np.ndarray:
    """Return what `random_bits` returns for the key (seed, counter), as a NumPy uint32 array: same bits, no engine.

    Example:
        >>> from hornpipe.ops.random import host_bits
        >>> host_bits(1, 0, (3,)).astype("int32").tolist()
        [-858693556, 2094024994, -2136822776]
    """
    words = [np.array([word % 2**32], "uint32") for word in (seed, counter, stream)]
    index = np.arange(math.prod(shape), dtype="uint32").reshape(shape)
    return _hash(_Host, *words, index).reshape(shape)


def host_uniform(seed: int, counter: int, shape) -> np.ndarray:
    """Return float64 numbers in [0, 1): what `uniform` returns in float32 for the key (seed, counter)."""
    return (host_bits(seed, counter, shape) >> 8) * 2.0**-24


def _host_symmetric(seed, counter, shape):
    return ((host_bits(seed, counter, shape).view("int32") >> 8) + 0.5) * 2.0**-23


def host_normal(seed: int, counter: int, shape) -> np.ndarray:
    """Return standard normal float64 numbers: `normal` in float32 for the key (seed, counter), to about 1e-6 (1e-5 beyond 3)."""
    return _normal_quantile(_host_symmetric(seed, counter, shape))


def host_truncated_normal(seed: int, counter: int, shape) -> np.ndarray:
    """Return standard normal float64 numbers within [-2, 2], as `truncated_normal` does."""
    return _normal_quantile(_host_symmetric(seed, counter, shape) * math.erf(math.sqrt(2.0)))


def _normal_quantile(v: np.ndarray) -> np.ndarray:
    """Return z with P(|Z| < |z|) = |v| and the sign of v, for a standard normal Z.

    References:
        Wichura (1988), Applied Statistics 37, algorithm AS 241 (PPND16), relative error about 1e-16.
    """
    q = 0.5 * np.asarray(v, "float64")
    r = 0.180625 - q * q
    central = q * _ratio(r, _CENTRAL)
    tail = np.sqrt(-np.log(np.maximum(0.5 - np.abs(q), np.finfo("float64").tiny)))
    outer = np.where(tail <= 5.0, _ratio(tail - 1.6, _MIDDLE), _ratio(tail - 5.0, _FAR))
    return np.where(np.abs(q) <= 0.425, central, np.copysign(outer, q))


def _ratio(r, coefficients):
    above, below = coefficients
    return np.polyval(above, r) / np.polyval(below, r)


def _table(above: str, below: str):
    return [float(c) for c in above.split()], [float(c) for c in below.split()]


_CENTRAL = _table(
    "2.5090809287301226727e3 3.3430575583588128105e4 6.7265770927008700853e4 4.5921953931549871457e4 "
    "1.3731693765509461125e4 1.9715909503065514427e3 1.3314166789178437745e2 3.3871328727963666080e0",
    "5.2264952788528545610e3 2.8729085735721942674e4 3.9307895800092710610e4 2.1213794301586595867e4 "
    "5.3941960214247511077e3 6.8718700749205790830e2 4.2313330701600911252e1 1",
)
_MIDDLE = _table(
    "7.74545014278341407640e-4 2.27238449892691845833e-2 2.41780725177450611770e-1 1.27045825245236838258e0 "
    "3.64784832476320460504e0 5.76949722146069140550e0 4.63033784615654529590e0 1.42343711074968357734e0",
    "1.05075007164441684324e-9 5.47593808499534494600e-4 1.51986665636164571966e-2 1.48103976427480074590e-1 "
    "6.89767334985100004550e-1 1.67638483018380384940e0 2.05319162663775882187e0 1",
)
_FAR = _table(
    "2.01033439929228813265e-7 2.71155556874348757815e-5 1.24266094738807843860e-3 2.65321895265761230930e-2 "
    "2.96560571828504891230e-1 1.78482653991729133580e0 5.46378491116411436990e0 6.65790464350110377720e0",
    "2.04426310338993978564e-15 1.42151175831644588870e-7 1.84631831751005468180e-5 7.86869131145613259100e-4 "
    "1.48753612908506148525e-2 1.36929880922735805310e-1 5.99832206555887937690e-1 1",
)


# ---- keys and units


def draw_key(seed, who="random"):
    """Return the key of a `seed` argument: an int gives (seed, 0), a generator its next key, None the global one's.

    Raises:
        ValueError: `seed` is nothing of those.
    """
    if seed is None:
        return global_generator().next()
    if isinstance(seed, SeedGenerator) or hasattr(seed, "next"):
        return seed.next()
    if hasattr(seed, "shape") and tuple(seed.shape) == (2,):
        return to_tensor(seed)
    return active.engine.asarray(np.array([check_seed(seed, who), 0], "int32"))


def _logical_shift(bits, n):
    engine = active.engine
    return engine.bitwise_and(engine.right_shift(bits, n), (1 << (32 - n)) - 1)


def _float_dtype(who, dtype):
    dtype = standardize_dtype(dtype)
    if not is_float(dtype):
        raise ValueError(message(who, "`dtype` must be a floating dtype", f"dtype={dtype!r}"))
    return dtype


def _unit(key, shape, dtype, stream=0):
    """Return numbers in [0, 1): multiples of 2**-24, of 2**-11 in float16, 2**-8 in bfloat16, 2**-53 in float64."""
    bits = random_bits(key, shape, stream)
    if dtype == "float64":
        low = _logical_shift(random_bits(key, shape, _signed(stream ^ 0x80000000)), 6)
        high = multiply(cast_to(_logical_shift(bits, 5), "float64"), 2.0**26)
        return multiply(add(high, cast_to(low, "float64")), 2.0**-53)
    kept = {"float16": 11, "bfloat16": 8}.get(dtype, 24)
    return multiply(cast_to(_logical_shift(bits, 32 - kept), dtype), 2.0**-kept)


def _symmetric(key, shape, dtype):
    """Return numbers in (-1, 1), symmetric about 0 and never 0: odd multiples of 2**-24."""
    if dtype == "float64":
        return subtract(multiply(add(_unit(key, shape, dtype), 2.0**-54), 2.0), 1.0)
    bits = active.engine.right_shift(random_bits(key, shape), 8)
    return multiply(add(cast_to(bits, "float32"), 0.5), 2.0**-23)


# ---- distributions


@guarded()
def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Return numbers drawn evenly from [minval, maxval).

    Args:
        shape: sequence of ints.
        minval, maxval: numbers or tensors that broadcast to `shape`.
        dtype: floating dtype name, `floatx` by default; or an integer dtype, as `randint`.
        seed: int, `SeedGenerator`, key tensor `(2,)`, or None for the global generator.
    Numerics:
        24 random bits (53 in float64, 11 in float16, 8 in bfloat16) scaled and shifted.

    Example:
        >>> import hornpipe as keras
        >>> bool(keras.ops.all(keras.random.uniform((8,), 2.0, 3.0, seed=0) >= 2.0))
        True
    """
    dtype = standardize_dtype(dtype)
    if is_integer(dtype):
        return randint(shape, minval, maxval, dtype, seed)
    shape, dtype = _sizes("uniform", shape), _float_dtype("uniform", dtype)
    out = _unit(draw_key(seed, "uniform"), shape, dtype)
    if type(minval) in (int, float) and type(maxval) in (int, float):
        if (minval, maxval) == (0, 1):
            return out
        spread = float(maxval) - float(minval)
    else:
        minval, maxval = (cast_to(to_tensor(bound), dtype) for bound in (minval, maxval))
        spread = subtract(maxval, minval)
    out = add(multiply(out, spread), minval)
    # Rounding may reach the upper bound, which is not in the interval.
    return where(logical_and(greater_equal(out, maxval), greater(maxval, minval)), minval, out)


@guarded()
def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Return normally distributed numbers.

    z = sqrt(2) * erfinv(v) for v evenly in (-1, 1), so |z| < 5.5 in float32.

    Args:
        shape: sequence of ints.
        mean, stddev: numbers or tensors that broadcast to `shape`.
        dtype: floating dtype name; `floatx` by default. 16-bit ones are drawn in float32.
        seed: int, `SeedGenerator`, key tensor `(2,)`, or None for the global generator.

    Example:
        >>> import hornpipe as keras
        >>> keras.random.normal((2, 3), seed=0).shape == (2, 3)
        True
    """
    shape, dtype = _sizes("normal", shape), _float_dtype("normal", dtype)
    v = _symmetric(draw_key(seed, "normal"), shape, dtype)
    return _scaled(multiply(active.engine.erfinv(v), math.sqrt(2.0)), mean, stddev, dtype)


def _scaled(z, mean, stddev, dtype):
    plain = type(mean) in (int, float) and type(stddev) in (int, float)
    if not plain:
        mean, stddev = (
            x if type(x) in (int, float) else cast_to(to_tensor(x), dtype_of(z))
            for x in (mean, stddev)
        )
    z = z if plain and stddev == 1 else multiply(z, stddev)
    return cast_to(z if plain and mean == 0 else add(z, mean), dtype)


@guarded()
def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Return normally distributed numbers within two `stddev` of `mean`. Arguments as in `normal`.

    The law is that of drawing again whatever falls outside; `stddev` is that before the cut (0.88 of it is left).

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.max(keras.random.truncated_normal((100,), seed=0))) <= 2.0
        True
    """
    shape, dtype = _sizes("truncated_normal", shape), _float_dtype("truncated_normal", dtype)
    v = _symmetric(draw_key(seed, "truncated_normal"), shape, dtype)
    z = multiply(active.engine.erfinv(multiply(v, math.erf(math.sqrt(2.0)))), math.sqrt(2.0))
    return _scaled(clip(z, -2.0, 2.0), mean, stddev, dtype)


@guarded()
def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Return integers drawn evenly from [minval, maxval).

    Args:
        shape: sequence of ints.
        minval, maxval: ints in [-2**31, 2**31), minval < maxval.
        dtype: integer dtype name.
        seed: int, `SeedGenerator`, key tensor `(2,)`, or None for the global generator.
    Raises:
        ValueError: the bounds are out of order or of range, or the dtype is not an integer one.
    Numerics:
        Up to 2**16 numbers: 46 random bits modulo the range, so no number is favoured by more than 2**-30. Beyond, bits
        that would favour some are drawn again, at most 64 times.

    Example:
        >>> import hornpipe as keras
        >>> keras.random.randint((2,), 5, 6, seed=0).tolist()
        [5, 5]
    """
    shape, dtype = _sizes("randint", shape), standardize_dtype(dtype)
    if not is_integer(dtype):
        raise ValueError(message("randint", "`dtype` must be an integer dtype", f"dtype={dtype!r}"))
    low, high = int(minval), int(maxval)
    if not -(2**31) <= low < high < 2**31:
        rule = "`minval` must lie below `maxval`, both in [-2**31, 2**31)"
        raise ValueError(message("randint", rule, f"minval={minval}, maxval={maxval}"))
    key, numbers = draw_key(seed, "randint"), high - low
    if numbers <= 2**16:
        top = mod(_logical_shift(random_bits(key, shape), 1), numbers)
        more = _logical_shift(random_bits(key, shape, 1), 17)
        return cast_to(add(mod(add(multiply(top, 2**15), more), numbers), low), dtype)
    return cast_to(_redraw(key, shape, low, high), dtype)


def _redraw(key, shape, low, high):
    """Draw bits again where they would favour some numbers of a long range."""
    numbers = high - low

    def draw(stream):
        bits = random_bits(key, shape, stream)
        if numbers >= 2**31:
            return bits, logical_and(greater_equal(bits, low), less(bits, high))
        bits = _logical_shift(bits, 1)
        fair = less(bits, 2**31 - 2**31 % numbers) if 2**31 % numbers else greater_equal(bits, 0)
        return add(mod(bits, numbers), low), fair

    def body(n, value, fair):
        fresh, accepted = draw(n)
        return add(n, 1), where(fair, value, fresh), logical_or(fair, accepted)

    def again(n, value, fair):
        return logical_and(less(n, 64), reduce_any(logical_not(fair)))

    start = active.engine.full((), 1, dtype="int32")
    return while_loop(again, body, (start, *draw(0)))[1]


@guarded(tensors=1)
def categorical(logits, num_samples, dtype="int32", seed=None):
    """Return class numbers drawn with the probabilities softmax(logits).

    Args:
        logits: tensor `(batch, classes)`; -inf for classes that never come.
        num_samples: int >= 0.
        dtype: integer dtype name.
        seed: int, `SeedGenerator`, key tensor `(2,)`, or None for the global generator.
    Returns:
        `(batch, num_samples)`: argmax(logits - log(-log(u))) for u evenly in (0, 1).
    Raises:
        ValueError: `logits` has another rank.

    Example:
        >>> import hornpipe as keras
        >>> keras.random.categorical([[0.0, 1000.0]], 3, seed=0).tolist()
        [[1, 1, 1]]

    References:
        Gumbel (1954), Statistical Theory of Extreme Values; the argmax of shifted Gumbel variables.
    """
    logits = to_tensor(logits)
    if len(logits.shape) != 2:
        rule = "`logits` must have the shape (batch, classes)"
        raise ValueError(message("categorical", rule, f"shape={tuple(logits.shape)}"))
    shape = (logits.shape[0], num_samples, logits.shape[1])
    u = _open_unit(draw_key(seed, "categorical"), shape)
    scores = subtract(expand_dims(cast_to(logits, "float32"), 1), log(negative(log(u))))
    return cast_to(argmax(scores, axis=-1), standardize_dtype(dtype))


def _open_unit(key, shape, stream=0):
    """Return float32 numbers in (0, 1)."""
    bits = _logical_shift(random_bits(key, shape, stream), 9)
    return multiply(add(cast_to(bits, "float32"), 0.5), 2.0**-23)


@op(dtype="float")
def dropout(inputs, rate, noise_shape=None, seed=None):
    """Set a random part of the elements to 0 and scale the others by 1 / (1 - rate).

    Args:
        inputs: tensor.
        rate: float in [0, 1], the probability of 0.
        noise_shape: None, or a shape that broadcasts to that of `inputs`: elements that share a draw. None in it stands for the
            size of `inputs`.
        seed: int, `SeedGenerator`, key tensor `(2,)`, or None for the global generator.
    Returns:
        Shape and dtype of `inputs`.
    Raises:
        ValueError: `rate` is outside [0, 1].

    Example:
        >>> import hornpipe as keras
        >>> sorted(set(keras.random.dropout(keras.ops.ones(64), 0.5, seed=0).tolist()))
        [0.0, 2.0]

    References:
        Srivastava et al. (2014), Journal of Machine Learning Research 15; scaled at training time.
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ValueError(message("dropout", "`rate` must be a number in [0, 1]", f"rate={rate!r}"))
    if rate == 0:
        return inputs
    if rate == 1:
        return multiply(inputs, 0.0)
    sizes = tuple(inputs.shape)
    if noise_shape is not None:
        sizes = tuple(
            given if size is None else size for size, given in zip(noise_shape, sizes, strict=True)
        )
    # P(bits < threshold) = rate to 2**-32, and no conversion to floats is needed.
    threshold = min(round(rate * 2**32), 2**32 - 1) - 2**31
    keep = greater_equal(random_bits(draw_key(seed, "dropout"), sizes), threshold)
    return where(keep, multiply(inputs, 1.0 / (1.0 - rate)), 0)


@op(dtype="same")
def shuffle(x, axis=0, seed=None):
    """Return `x` with its slices along an axis in random order.

    The order is that of sorting random numbers of 32 bits.

    Example:
        >>> import hornpipe as keras
        >>> sorted(keras.random.shuffle([1, 2, 3], seed=0).tolist())
        [1, 2, 3]
    """
    axis = one_axis("shuffle", axis, len(x.shape))
    order = argsort(random_bits(draw_key(seed, "shuffle"), (x.shape[axis],)))
    return active.engine.take(x, order, axis=axis)


@guarded()
def gamma(shape, alpha, dtype=None, seed=None):
    """Return gamma distributed numbers of shape parameter `alpha` and scale 1.

    Args:
        shape: sequence of ints.
        alpha: number or tensor > 0 that broadcasts to `shape`.
        dtype: floating dtype name; `floatx` by default. Drawn in float32.
        seed: int, `SeedGenerator`, key tensor `(2,)`, or None for the global generator.
    Returns:
        Tensor of `shape`; no gradient flows to `alpha`.

    References:
        Marsaglia and Tsang (2000), ACM Transactions on Mathematical Software 26: accepted with probability > 0.95 at each of at
        most 64 tries; for alpha < 1 the number for alpha + 1 is multiplied by u ** (1 / alpha), section 6.

    Example:
        >>> import hornpipe as keras
        >>> bool(keras.ops.all(keras.random.gamma((4,), 2.0, seed=0) > 0))
        True
    """
    shape, dtype = _sizes("gamma", shape), _float_dtype("gamma", dtype)
    return cast_to(_gamma(draw_key(seed, "gamma"), shape, alpha, 0), dtype)


def _gamma(key, shape, alpha, first_stream):
    alpha = active.engine.stop_gradient(broadcast_to(cast_to(to_tensor(alpha), "float32"), shape))
    boosted = where(less(alpha, 1.0), add(alpha, 1.0), alpha)
    d = subtract(boosted, 1.0 / 3.0)
    c = divide(1.0, sqrt(multiply(d, 9.0)))

    def body(n, value, done):
        stream = add(multiply(n, 2), first_stream)
        bits = active.engine.right_shift(random_bits(key, shape, stream), 8)
        z = multiply(
            active.engine.erfinv(multiply(add(cast_to(bits, "float32"), 0.5), 2.0**-23)),
            math.sqrt(2.0),
        )
        u = _open_unit(key, shape, add(stream, 1))
        root = add(multiply(c, z), 1.0)
        v = multiply(multiply(root, root), root)
        safe = where(greater(v, 0), v, 1.0)
        bound = add(multiply(square(z), 0.5), multiply(d, add(subtract(1.0, safe), log(safe))))
        accepted = logical_and(greater(root, 0), less(log(u), bound))
        fresh = logical_and(accepted, logical_not(done))
        return add(n, 1), where(fresh, multiply(d, safe), value), logical_or(done, accepted)

    def again(n, value, done):
        return logical_and(less(n, 64), reduce_any(logical_not(done)))

    engine = active.engine
    start = (engine.full((), 1, dtype="int32"), d, engine.full(shape, False, dtype="bool"))
    drawn = while_loop(again, body, start)[1]
    u = _open_unit(key, shape, _signed(first_stream))
    return where(
        less(alpha, 1.0), multiply(drawn, exp(divide(log(u), maximum(alpha, 1e-30)))), drawn
    )


@guarded()
def beta(shape, alpha, beta, dtype=None, seed=None):
    """Return beta distributed numbers: a / (a + b) for gamma numbers a of `alpha` and b of `beta`.

    Args:
        shape: sequence of ints.
        alpha, beta: numbers or tensors > 0 that broadcast to `shape`.
        dtype: floating dtype name; `floatx` by default. Drawn in float32.
        seed: int, `SeedGenerator`, key tensor `(2,)`, or None for the global generator.

    Example:
        >>> import hornpipe as keras
        >>> bool(keras.ops.all(keras.random.beta((4,), 2.0, 3.0, seed=0) < 1))
        True
    """
    shape, dtype = _sizes("beta", shape), _float_dtype("beta", dtype)
    key = draw_key(seed, "beta")
    a, b = _gamma(key, shape, alpha, 0), _gamma(key, shape, beta, 1 << 16)
    return cast_to(divide(a, add(a, b)), dtype)


@guarded()
def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """Return how many of `counts` tries succeed: each is drawn, so time grows with the largest count.

    Args:
        shape: sequence of ints.
        counts: number or tensor of whole numbers >= 0 that broadcasts to `shape`.
        probabilities: number or tensor in [0, 1] that broadcasts to `shape`.
        dtype: dtype name; `floatx` by default.
        seed: int, `SeedGenerator`, key tensor `(2,)`, or None for the global generator.

    Example:
        >>> import hornpipe as keras
        >>> keras.random.binomial((2,), 5, 1.0, seed=0).tolist()
        [5.0, 5.0]
    """
    shape, dtype = _sizes("binomial", shape), standardize_dtype(dtype)
    key = draw_key(seed, "binomial")
    tries = broadcast_to(cast_to(to_tensor(counts), "int32"), shape)
    chance = broadcast_to(cast_to(to_tensor(probabilities), "float32"), shape)
    most = reduce_max(tries, initial=0)

    def body(n, total):
        success = logical_and(less(_unit(key, shape, "float32", n), chance), less(n, tries))
        return add(n, 1), add(total, cast_to(success, "int32"))

    start = (active.engine.full((), 0, dtype="int32"), active.engine.full(shape, 0, dtype="int32"))
    return cast_to(while_loop(lambda n, total: less(n, most), body, start)[1], dtype)
