"""Functions between layers: layers take one by name (`activation="relu"`), as a function, or as a layer.

Every function takes a tensor (or array, or symbolic tensor) of any shape and returns one of the same shape and floating dtype,
unless its docstring says otherwise.

>>> import hornpipe as keras
>>> keras.activations.relu(keras.ops.convert_to_tensor([-1.0, 2.0])).tolist()
[0.0, 2.0]
>>> keras.activations.get("silu").__name__
'silu'
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core import config as registry
from hornpipe.core.config import register
from hornpipe.core.dialect import module_getattr
from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded


@register("activation")
def linear(x):
    """Return `x` as it is: the activation where none is given.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.linear(3.0)
        3.0
    """
    return x


# ---- the relu family


@register("activation")
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """Cut off below a threshold: `x` above `threshold`, `negative_slope * (x - threshold)` elsewhere, at most `max_value`.

    Args:
        x: tensor.
        negative_slope: number >= 0. Default 0.0.
        max_value: number >= 0, or None for no bound. Default None.
        threshold: number. Default 0.0.

    Raises:
        ValueError: `negative_slope` or `max_value` is negative.

    Numerics:
        The gradient at the threshold is that of the lower branch.

    Example:
        >>> import hornpipe as keras
        >>> x = keras.ops.convert_to_tensor([-1.0, 0.5, 8.0])
        >>> keras.activations.relu(x, negative_slope=0.5, max_value=6.0).tolist()
        [-0.5, 0.5, 6.0]
    """
    _check_at_least_0(negative_slope, "negative_slope", "relu")
    if max_value is not None:
        _check_at_least_0(max_value, "max_value", "relu")
    if threshold == 0:
        result = ops.relu(x) if negative_slope == 0 else ops.leaky_relu(x, negative_slope)
    else:
        below = ops.multiply(ops.subtract(x, threshold), negative_slope)
        result = ops.where(ops.greater(x, threshold), x, below)
    return result if max_value is None else ops.minimum(result, max_value)


@register("activation")
def leaky_relu(x, negative_slope=0.2):
    """Return `x` where positive, `negative_slope * x` elsewhere.

    Args:
        x: tensor.
        negative_slope: number. Default 0.2.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.leaky_relu(keras.ops.convert_to_tensor([-2.0, 1.0]), 0.5).tolist()
        [-1.0, 1.0]

    References:
        Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models, section 2.
    """
    return ops.leaky_relu(x, negative_slope)


@register("activation")
def relu6(x):
    """Clip to [0, 6].

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.relu6(keras.ops.convert_to_tensor([-1.0, 3.0, 8.0])).tolist()
        [0.0, 3.0, 6.0]
    """
    return ops.relu6(x)


@register("activation")
def elu(x, alpha=1.0):
    """Return `x` where positive, `alpha * (exp(x) - 1)` elsewhere.

    Args:
        x: tensor.
        alpha: number. Default 1.0.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.activations.elu(-1.0)), 4)
        -0.6321

    References:
        Clevert, Unterthiner and Hochreiter (2016), arXiv:1511.07289, equation 15.
    """
    return ops.elu(x, alpha)


@register("activation")
def celu(x, alpha=1.0):
    """Return `max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`.

    Args:
        x: tensor.
        alpha: number > 0. Default 1.0.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.activations.celu(-1.0, alpha=2.0)), 4)
        -0.7869

    References:
        Barron (2017), Continuously differentiable exponential linear units, arXiv:1704.07483.
    """
    return ops.celu(x, alpha)


@register("activation")
def selu(x):
    """Return `1.0507 * elu(x, 1.6733)`: keeps mean 0 and variance 1 with `lecun_normal` weights.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.activations.selu(1.0)), 4)
        1.0507

    References:
        Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-normalizing neural networks, arXiv:1706.02515, equation 2.
    """
    return ops.selu(x)


@register("activation")
def glu(x, axis=-1):
    """Split in two halves and return `first * sigmoid(second)`; `axis` halves its size.

    Args:
        x: tensor.
        axis: int, of even size. Default -1.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.glu(keras.ops.convert_to_tensor([3.0, 0.0])).tolist()
        [1.5]

    References:
        Dauphin, Fan, Auli and Grangier (2017), Language modeling with gated convolutional networks, arXiv:1612.08083.
    """
    return ops.glu(x, axis)


@register("activation")
def gelu(x, approximate=False):
    """Return `x * Phi(x)`, Phi being the standard normal distribution function.

    Args:
        x: tensor.
        approximate: bool. Whether Phi is `0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`. Default False.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.activations.gelu(1.0)), 4)
        0.8413

    References:
        Hendrycks and Gimpel (2016), Gaussian error linear units, arXiv:1606.08415, section 2.
    """
    return ops.gelu(x, approximate)


@register("activation", "swish")
def silu(x):
    """Return `x * sigmoid(x)`, also known as swish.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.activations.silu(1.0)), 4)
        0.7311

    References:
        Ramachandran, Zoph and Le (2017), Searching for activation functions, arXiv:1710.05941.
    """
    return ops.silu(x)


@register("activation", "hard_swish")
def hard_silu(x):
    """Return `x * hard_sigmoid(x)`, also known as hard swish.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.hard_silu(keras.ops.convert_to_tensor([0.0, 1.5, 4.0])).tolist()
        [0.0, 1.125, 4.0]

    References:
        Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
    """
    return ops.hard_silu(x)


@register("activation")
def mish(x):
    """Return `x * tanh(softplus(x))`.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.activations.mish(1.0)), 4)
        0.8651

    References:
        Misra (2019), Mish: a self regularized non-monotonic activation function, arXiv:1908.08681.
    """
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


# ---- smooth steps and ramps


@register("activation")
def sigmoid(x):
    """Return `1 / (1 + exp(-x))`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.activations.sigmoid(0.0))
        0.5
    """
    return ops.sigmoid(x)


@register("activation")
def hard_sigmoid(x):
    """Return `x / 6 + 0.5` clipped to [0, 1].

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.hard_sigmoid(keras.ops.convert_to_tensor([-9.0, 0.0, 9.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    return ops.hard_sigmoid(x)


@register("activation")
def sparse_sigmoid(x):
    """Return `(x + 1) / 2` clipped to [0, 1].

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.sparse_sigmoid(keras.ops.convert_to_tensor([-2.0, 0.0, 2.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    return ops.sparse_sigmoid(x)


@register("activation")
def log_sigmoid(x):
    """Return `log(sigmoid(x))`, finite for large negative `x`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.activations.log_sigmoid(-1000.0))
        -1000.0
    """
    return ops.log_sigmoid(x)


@register("activation")
def tanh(x):
    """Return the hyperbolic tangent.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.activations.tanh(0.0))
        0.0
    """
    return ops.tanh(x)


@register("activation")
def hard_tanh(x):
    """Clip to [-1, 1].

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.hard_tanh(keras.ops.convert_to_tensor([-2.0, 0.5])).tolist()
        [-1.0, 0.5]
    """
    return ops.hard_tanh(x)


@register("activation")
def softplus(x):
    """Return `log(1 + exp(x))`, without overflow for large `x`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.activations.softplus(1000.0))
        1000.0
    """
    return ops.softplus(x)


@register("activation")
def sparse_plus(x):
    """Return 0 below -1, `(x + 1)**2 / 4` between -1 and 1, `x` above.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.sparse_plus(keras.ops.convert_to_tensor([-2.0, 0.0, 3.0])).tolist()
        [0.0, 0.25, 3.0]
    """
    return ops.sparse_plus(x)


@register("activation")
def squareplus(x, b=4):
    """Return `(x + sqrt(x**2 + b)) / 2`.

    Args:
        x: tensor.
        b: number >= 0: the width of the bend. Default 4.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.activations.squareplus(0.0))
        1.0

    References:
        Barron (2021), Squareplus: a softplus-like algebraic rectifier, arXiv:2112.11687.
    """
    return ops.squareplus(x, b)


@register("activation")
def softsign(x):
    """Return `x / (1 + |x|)`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.activations.softsign(-1.0))
        -0.5
    """
    return ops.softsign(x)


@register("activation")
def exponential(x):
    """Return `exp(x)`.

    Example:
        >>> import hornpipe as keras
        >>> float(keras.activations.exponential(0.0))
        1.0
    """
    return ops.exp(x)


# ---- shrinking


@register("activation")
def soft_shrink(x, threshold=0.5):
    """Move `x` towards 0 by `threshold`, stopping at 0.

    Args:
        x: tensor.
        threshold: number >= 0. Default 0.5.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.soft_shrink(keras.ops.convert_to_tensor([-2.0, 0.25, 2.0])).tolist()
        [-1.5, 0.0, 1.5]
    """
    return ops.soft_shrink(x, threshold)


@register("activation")
def hard_shrink(x, threshold=0.5):
    """Return `x` where `|x| > threshold`, 0 elsewhere.

    Args:
        x: tensor.
        threshold: number >= 0. Default 0.5.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.hard_shrink(keras.ops.convert_to_tensor([-2.0, 0.25, 2.0])).tolist()
        [-2.0, 0.0, 2.0]
    """
    return ops.hard_shrink(x, threshold)


@register("activation")
def tanh_shrink(x):
    """Return `x - tanh(x)`.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.activations.tanh_shrink(1.0)), 4)
        0.2384
    """
    return ops.tanh_shrink(x)


@register("activation")
def threshold(x, threshold, default_value):
    """Return `x` where it exceeds `threshold`, `default_value` elsewhere.

    Args:
        x: tensor.
        threshold: number.
        default_value: number.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.threshold(keras.ops.convert_to_tensor([0.5, 2.0]), 1.0, -1.0).tolist()
        [-1.0, 2.0]
    """
    return ops.threshold(x, threshold, default_value)


# ---- distributions over an axis


@register("activation")
def softmax(x, axis=-1):
    """Return `exp(x) / sum(exp(x))` over `axis`: positive values that sum to 1.

    Args:
        x: tensor with at least one axis.
        axis: int or ints. Default -1.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.softmax(keras.ops.zeros((1, 4))).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    return ops.softmax(x, axis)


@register("activation")
def log_softmax(x, axis=-1):
    """Return `log(softmax(x))` over `axis`, without overflow.

    Args:
        x: tensor with at least one axis.
        axis: int or ints. Default -1.

    Example:
        >>> import hornpipe as keras
        >>> round(float(keras.activations.log_softmax(keras.ops.zeros((4,)))[0]), 4)
        -1.3863
    """
    return ops.log_softmax(x, axis)


@register("activation")
def sparsemax(x, axis=-1):
    """Return the point of the probability simplex nearest to `x` over `axis`: like softmax, with exact zeros.

    Args:
        x: tensor with at least one axis.
        axis: int. Default -1.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.sparsemax(keras.ops.convert_to_tensor([3.0, 1.0, 0.5])).tolist()
        [1.0, 0.0, 0.0]

    References:
        Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068, algorithm 1.
    """
    return ops.sparsemax(x, axis)


# ---- lookup


@guarded("activations.get")
def get(identifier):
    """Return the activation that `identifier` stands for; None gives `linear`.

    Args:
        identifier: name, config, function `(x) -> tensor`, layer, layer class, or None.

    Raises:
        ValueError: the name is unknown. The message offers the nearest one.
        TypeError: `identifier` is none of these.

    Example:
        >>> import hornpipe as keras
        >>> keras.activations.get(None).__name__, keras.activations.get("hard_swish").__name__
        ('linear', 'hard_silu')
    """
    if identifier is None:
        return linear
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return registry.resolve("activation", identifier)


@guarded("activations.serialize")
def serialize(activation):
    """Return an activation's name, or its config where it is a layer or a function of your own.

    Raises:
        TypeError: it is a lambda, which can't be described.
    """
    return registry.serialize(activation)


@guarded("activations.deserialize")
def deserialize(config, custom_objects=None):
    """Return the activation that a name or a config from `serialize` describes.

    Raises:
        ValueError: the name is unknown.
    """
    if isinstance(config, str):
        with registry.custom_object_scope(custom_objects or {}):
            return registry.resolve("activation", config)
    # A layer may stand for an activation, so every kind is searched.
    return registry.deserialize(config, custom_objects)


def _check_at_least_0(value, argument, who):
    if not value >= 0:
        raise ValueError(
            message(who, f"`{argument}` must be a number >= 0", f"{argument}={value!r}")
        )


# Keras's other spellings
swish, hard_swish = silu, hard_silu

__getattr__ = module_getattr(__name__, tuple(globals()))
