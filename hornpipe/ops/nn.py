"""Activations and what losses are made of: relu and its kin, softmax, cross-entropies.

Gradients at kinks: `relu` and `relu6` have gradient 0 at theirs, `leaky_relu` the negative side's.

>>> import hornpipe as keras
>>> keras.ops.relu([-1.0, 2.0]).tolist()
[0.0, 2.0]
"""

from __future__ import annotations

import math

from hornpipe.core import settings
from hornpipe.core.errors import ShapeError, message
from hornpipe.core.op import convert, op
from hornpipe.core.refusal import guarded
from hornpipe.engine.select import active
from hornpipe.ops._common import all_axes, cast_to, dtype_of, one_axis
from hornpipe.ops.index import _indices, take_along_axis
from hornpipe.ops.math import (
    abs,
    add,
    clip,
    divide,
    erf,
    exp,
    expm1,
    greater,
    less_equal,
    log,
    log1p,
    multiply,
    negative,
    sigmoid,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from hornpipe.ops.reduce import cumsum, mean
from hornpipe.ops.reduce import max as reduce_max
from hornpipe.ops.reduce import sum as reduce_sum
from hornpipe.ops.shape import expand_dims, flip, reshape, split, squeeze


@op()
def relu(x):
    """Return max(x, 0), elementwise, with gradient 0 at 0.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.relu([-1.0, 0.0, 2.0]).tolist()
        [0.0, 0.0, 2.0]
    """
    return where(less_equal(x, 0), 0, x)


@op()
def relu6(x):
    """Return min(max(x, 0), 6), elementwise, with gradient 0 at 0 and 6.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.relu6([-1.0, 2.0, 8.0]).tolist()
        [0.0, 2.0, 6.0]
    """
    return where(less_equal(x, 0), 0, where(less_equal(6, x), 6, x))


@op(dtype="float")
def leaky_relu(x, negative_slope=0.2):
    """Return x where it is positive, negative_slope * x elsewhere.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.leaky_relu([-1.0, 2.0], 0.5).tolist()
        [-0.5, 2.0]
    """
    return where(greater(x, 0), x, multiply(x, negative_slope))


def _below(x):
    """Return min(x, 0) with gradient 1 at 0, an exponent that never overflows."""
    return where(greater(x, 0), 0, x)


@op(dtype="float")
def elu(x, alpha=1.0):
    """Return x where it is positive, alpha * (exp(x) - 1) elsewhere.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.elu([0.0, 2.0]).tolist()
        [0.0, 2.0]

    References:
        Clevert, Unterthiner and Hochreiter (2015), arXiv:1511.07289.
    """
    return where(greater(x, 0), x, multiply(expm1(_below(x)), alpha))


@op(dtype="float")
def celu(x, alpha=1.0):
    """Return x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.celu([0.0, 2.0]).tolist()
        [0.0, 2.0]

    References:
        Barron (2017), arXiv:1704.07483.
    """
    return where(greater(x, 0), x, multiply(expm1(divide(_below(x), alpha)), alpha))


@op(dtype="float")
def selu(x):
    """Return scale * elu(x, alpha) with the two constants that keep mean 0 and variance 1.

    alpha = 1.6732632423543772, scale = 1.0507009873554805.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.selu([0.0]).tolist()
        [0.0]

    References:
        Klambauer, Unterthiner, Mayr and Hochreiter (2017), arXiv:1706.02515, equation 2.
    """
    return multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


@op(dtype="float")
def gelu(x, approximate=True):
    """Return x * P(Z <= x) for a standard normal Z, elementwise.

    Args:
        x: tensor.
        approximate: bool. 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) if true, else 0.5 x (1 + erf(x / sqrt(2))).

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.gelu([0.0]).tolist()
        [0.0]

    References:
        Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.
    """
    if approximate:
        cube = multiply(multiply(x, x), x)
        inner = tanh(multiply(add(x, multiply(cube, 0.044715)), math.sqrt(2.0 / math.pi)))
    else:
        inner = erf(multiply(x, math.sqrt(0.5)))
    return multiply(multiply(x, 0.5), add(inner, 1.0))


@op(dtype="float")
def silu(x):
    """Return x * sigmoid(x), elementwise; also called swish.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.silu([0.0]).tolist()
        [0.0]

    References:
        Elfwing, Uchibe and Doya (2017), arXiv:1702.03118, equation 5.
    """
    return multiply(x, sigmoid(x))


@guarded(tensors=1)
def swish(x):
    """Return `silu(x)`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.swish([0.0]).tolist()
        [0.0]
    """
    return silu(x)


@op(dtype="float")
def hard_sigmoid(x):
    """Return relu6(x + 3) / 6, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.hard_sigmoid([-3.0, 0.0, 3.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return divide(relu6(add(x, 3.0)), 6.0)


@op(dtype="float")
def hard_silu(x):
    """Return x * hard_sigmoid(x), elementwise; also called hard swish.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.hard_silu([-3.0, 0.0, 3.0]).tolist()
        [-0.0, 0.0, 3.0]

    References:
        Howard et al. (2019), arXiv:1905.02244, section 5.2.
    """
    return multiply(x, hard_sigmoid(x))


@guarded(tensors=1)
def hard_swish(x):
    """Return `hard_silu(x)`.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.hard_swish([3.0]).tolist()
        [3.0]
    """
    return hard_silu(x)


@op(dtype="float")
def hard_tanh(x):
    """Return `x` limited to [-1, 1], elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.hard_tanh([-2.0, 0.5]).tolist()
        [-1.0, 0.5]
    """
    return clip(x, -1.0, 1.0)


@op(dtype="float")
def softplus(x):
    """Return log(1 + exp(x)), elementwise, without overflow.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.softplus([1000.0]).tolist()
        [1000.0]
    """
    # log1p(exp(-|x|)) with a derivative at 0 that is sigmoid(0): |x| written as where, not abs
    size = where(greater(x, 0), x, negative(x))
    return add(where(greater(x, 0), x, 0), log1p(exp(negative(size))))


@op(dtype="float")
def log_sigmoid(x):
    """Return log(sigmoid(x)) = -softplus(-x), elementwise, without overflow.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.log_sigmoid([-1000.0]).tolist()
        [-1000.0]
    """
    return negative(softplus(negative(x)))


@op(dtype="float")
def softsign(x):
    """Return x / (1 + |x|), elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.softsign([-1.0, 3.0]).tolist()
        [-0.5, 0.75]
    """
    # |x| written as where: its gradient at 0 is wanted, 1, and does not matter there since it is multiplied by x
    return divide(x, add(abs(x), 1.0))


@op(dtype="float")
def sparse_plus(x):
    """Return 0 for x <= -1, (x + 1)**2 / 4 for -1 < x < 1, x for x >= 1.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.sparse_plus([-2.0, 0.0, 3.0]).tolist()
        [0.0, 0.25, 3.0]
    """
    middle = multiply(square(add(x, 1.0)), 0.25)
    return where(less_equal(x, -1.0), 0, where(less_equal(1.0, x), x, middle))


@op(dtype="float")
def sparse_sigmoid(x):
    """Return 0 for x <= -1, (x + 1) / 2 for -1 < x < 1, 1 for x >= 1.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.sparse_sigmoid([-2.0, 0.0, 3.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    middle = multiply(add(x, 1.0), 0.5)
    return where(less_equal(x, -1.0), 0, where(less_equal(1.0, x), 1.0, middle))


@op(dtype="float")
def squareplus(x, b=4):
    """Return (x + sqrt(x**2 + b)) / 2, elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.squareplus([0.0]).tolist()
        [1.0]

    References:
        Barron (2021), arXiv:2112.11687, equation 1.
    """
    return multiply(add(x, sqrt(add(square(x), b))), 0.5)


@op(dtype="float")
def tanh_shrink(x):
    """Return x - tanh(x), elementwise.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.tanh_shrink([0.0]).tolist()
        [0.0]
    """
    return subtract(x, tanh(x))


@op(dtype="float")
def hard_shrink(x, threshold=0.5):
    """Return 0 where |x| <= threshold, x elsewhere.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.hard_shrink([0.25, -2.0]).tolist()
        [0.0, -2.0]
    """
    return where(less_equal(abs(x), threshold), 0, x)


@op(dtype="float")
def soft_shrink(x, threshold=0.5):
    """Return `x` moved towards 0 by `threshold`, and 0 where |x| <= threshold.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.soft_shrink([0.25, -2.0, 2.0]).tolist()
        [0.0, -1.5, 1.5]
    """
    moved = where(greater(x, 0), subtract(x, threshold), add(x, threshold))
    return where(less_equal(abs(x), threshold), 0, moved)


@op(dtype="float")
def threshold(x, threshold, default_value):
    """Return x where it is larger than `threshold`, `default_value` elsewhere.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.threshold([0.5, 2.0], 1.0, 0.0).tolist()
        [0.0, 2.0]
    """
    return where(greater(x, threshold), x, default_value)


@op(dtype="float")
def glu(x, axis=-1):
    """Return a * sigmoid(b) for the halves a and b of `x` along an axis.

    Raises:
        ValueError: the axis has an odd size.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.glu([4.0, 0.0]).tolist()
        [2.0]

    References:
        Dauphin, Fan, Auli and Grangier (2016), arXiv:1612.08083.
    """
    left, right = split(x, 2, axis)
    return multiply(left, sigmoid(right))


@op(dtype="float")
def softmax(x, axis=-1):
    """Return exp(x) / sum(exp(x)) along axes.

    Args:
        x: tensor.
        axis: int or sequence of ints.
    Numerics:
        The largest element is taken out first. A row of -inf alone has no softmax: NaN.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.softmax([1000.0, 1000.0]).tolist()
        [0.5, 0.5]
    """
    if not len(x.shape):
        raise ShapeError(message("softmax", "`x` must have an axis", "a scalar"))
    axes = all_axes("softmax", axis, len(x.shape))
    if 0 in tuple(x.shape):
        return x
    weights = exp(subtract(x, active.engine.stop_gradient(reduce_max(x, axes, keepdims=True))))
    return divide(weights, reduce_sum(weights, axes, keepdims=True))


@op(dtype="float")
def log_softmax(x, axis=-1):
    """Return log(softmax(x)) along axes, without overflow: x - logsumexp(x).

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.log_softmax([0.0, -1000.0]).tolist()
        [0.0, -1000.0]
    """
    if not len(x.shape):
        raise ShapeError(message("log_softmax", "`x` must have an axis", "a scalar"))
    axes = all_axes("log_softmax", axis, len(x.shape))
    if 0 in tuple(x.shape):
        return x
    moved = subtract(x, active.engine.stop_gradient(reduce_max(x, axes, keepdims=True)))
    return subtract(moved, log(reduce_sum(exp(moved), axes, keepdims=True)))


@op(dtype="float")
def sparsemax(x, axis=-1):
    """Return the point of the simplex next to `x` along an axis: many exact zeros.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.sparsemax([3.0, 1.0, 0.5]).tolist()
        [1.0, 0.0, 0.0]

    References:
        Martins and Astudillo (2016), arXiv:1602.02068, algorithm 1.
    """
    from hornpipe.ops.order import sort

    axis = one_axis("sparsemax", axis, len(x.shape))
    descending = flip(sort(x, axis), axis)
    line = active.engine.arange(1, (x.shape[axis] or 0) + 1, 1, dtype=dtype_of(x))
    line = reshape(line, tuple(x.shape[axis] if i == axis else 1 for i in range(len(x.shape))))
    sums = cumsum(descending, axis)
    inside = greater(add(multiply(line, descending), 1.0), sums)
    number = reduce_sum(cast_to(inside, dtype_of(x)), axis, keepdims=True)
    total = reduce_sum(where(inside, descending, 0), axis, keepdims=True)
    level = divide(subtract(total, 1.0), number)
    return relu(subtract(x, level))


# ---- cross-entropies


def _same_shapes(who, target, output):
    known = zip(target.shape, output.shape, strict=False)
    if len(target.shape) != len(output.shape) or any(
        None not in pair and pair[0] != pair[1] for pair in known
    ):
        received = f"target of shape {tuple(target.shape)}, output of shape {tuple(output.shape)}"
        raise ShapeError(message(who, "`target` and `output` must have one shape", received))


@op(tensors=2, dtype="float")
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Return -sum(target * log(p)) over the classes.

    Args:
        target: tensor, weights of the classes, in general a one-hot vector.
        output: tensor of the same shape: probabilities, or logits.
        from_logits: bool. p = softmax(output) if true; else `output` is divided by its sum and clipped to [epsilon, 1 - epsilon].
        axis: int, the classes.
    Returns:
        Shape without `axis`.
    Raises:
        ValueError: the shapes differ, or are scalar.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.categorical_crossentropy([0.0, 1.0], [1000.0, 0.0], from_logits=True).tolist()
        1000.0
    """
    _same_shapes("categorical_crossentropy", target, output)
    axis = one_axis("categorical_crossentropy", axis, len(output.shape))
    if from_logits:
        logarithm = log_softmax(output, axis)
    else:
        share = divide(output, reduce_sum(output, axis, keepdims=True))
        logarithm = log(clip(share, settings.epsilon(), 1.0 - settings.epsilon()))
    return negative(reduce_sum(multiply(target, logarithm), axis))


@op(tensors=2, dtype="same")
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Return -log(p[target]), the cross-entropy of class numbers.

    Args:
        target: tensor of class numbers, of the shape of `output` without `axis` (a last axis of size 1 is dropped).
        output: tensor: probabilities, or logits.
        from_logits: bool. p = softmax(output) if true; else `output` is divided by its sum and clipped to [epsilon, 1 - epsilon].
        axis: int, the classes.
    Returns:
        Shape of `output` without `axis`. A class number out of range counts as the nearest class.
    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.sparse_categorical_crossentropy([1], [[1000.0, 0.0]], from_logits=True).tolist()
        [1000.0]
    """
    (output,) = convert([output], "float")
    axis = one_axis("sparse_categorical_crossentropy", axis, len(output.shape))
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = squeeze(target, -1)
    rest = tuple(size for i, size in enumerate(output.shape) if i != axis)
    fits = len(rest) == len(target.shape)
    if not fits or any(
        None not in pair and pair[0] != pair[1] for pair in zip(rest, target.shape, strict=True)
    ):
        received = f"target of shape {tuple(target.shape)}, output of shape {tuple(output.shape)}, axis={axis}"
        rule = "`target` must have the shape of `output` without the classes"
        raise ShapeError(message("sparse_categorical_crossentropy", rule, received))
    places = expand_dims(_indices(target), axis)
    if from_logits:
        logarithm = take_along_axis(log_softmax(output, axis), places, axis)
    else:
        share = divide(
            take_along_axis(output, places, axis), reduce_sum(output, axis, keepdims=True)
        )
        logarithm = log(clip(share, settings.epsilon(), 1.0 - settings.epsilon()))
    return negative(squeeze(logarithm, axis))


@op(tensors=2, dtype="float")
def binary_crossentropy(target, output, from_logits=False):
    """Return -(target * log(p) + (1 - target) * log(1 - p)), elementwise.

    Args:
        target: tensor in [0, 1].
        output: tensor of the same shape: probabilities, or logits.
        from_logits: bool. p = sigmoid(output) if true; else `output` clipped to [epsilon, 1 - epsilon].
    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import hornpipe as keras
        >>> keras.ops.binary_crossentropy([0.0, 1.0], [-1000.0, 1000.0], from_logits=True).tolist()
        [0.0, 0.0]
    """
    _same_shapes("binary_crossentropy", target, output)
    if from_logits:
        return subtract(softplus(output), multiply(target, output))
    output = clip(output, settings.epsilon(), 1.0 - settings.epsilon())
    yes = multiply(target, log(output))
    no = multiply(subtract(1.0, target), log(subtract(1.0, output)))
    return negative(add(yes, no))


@op(tensors=2, dtype="float")
def psnr(x1, x2, max_val):
    """Return the peak signal-to-noise ratio in decibels: 20 log10(max_val) - 10 log10(mean((x1 - x2)**2)).

    Args:
        x1, x2: tensors of one shape.
        max_val: number, the largest value a signal can have.
    Returns:
        scalar; infinite for equal signals.
    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.ops.psnr([0.0, 0.0], [1.0, 1.0], 10.0))
        20.0
    """
    _same_shapes("psnr", x1, x2)
    error = mean(square(subtract(x1, x2)))
    return subtract(20.0 * math.log10(max_val), multiply(log(error), 10.0 / math.log(10.0)))
