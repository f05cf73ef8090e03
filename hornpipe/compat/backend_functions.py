"""The functions of `keras.backend` in 2016 that are more than one of today's operations under another name.

`find_function` is what the table's door opens to: functions here and in `backend_graph.py`, then the rows of `keras1.BACKEND`.

>>> from hornpipe import backend as K
>>> K.dot(K.ones((2, 3)), K.ones((4, 3, 5))).shape
(2, 4, 5)
>>> K.image_dim_ordering()
'tf'
"""

from __future__ import annotations

import numpy as np

from hornpipe import ops, random
from hornpipe.compat import backend_graph, convert, keras1
from hornpipe.compat.convert import ordering, ordering_name
from hornpipe.core import naming, settings
from hornpipe.core.errors import message
from hornpipe.core.graph import KerasTensor
from hornpipe.core.variable import Variable

function, gradients, placeholder = (
    backend_graph.function,
    backend_graph.gradients,
    backend_graph.placeholder,
)
learning_phase, set_learning_phase = backend_graph.learning_phase, backend_graph.set_learning_phase
in_train_phase, in_test_phase = backend_graph.in_train_phase, backend_graph.in_test_phase
is_placeholder, Function = backend_graph.is_placeholder, backend_graph.Function
hard_sigmoid = convert.hard_sigmoid
eval = backend_graph.evaluate


def find_function(name: str):
    """Return the function of `keras.backend` with an old name, or None.

    Raises:
        AttributeError: it can't be expressed today. The message says what to do.
    """
    if name in keras1.BACKEND_GONE:
        raise AttributeError(f"K.{name} of Keras 1 is gone. {keras1.BACKEND_GONE[name]}")
    if name in keras1.BACKEND:
        return getattr(ops, keras1.BACKEND[name])
    return globals()[name] if name in FUNCTIONS else None


# ---- settings


def image_dim_ordering() -> str:
    """Return "tf" (channels last) or "th" (channels first)."""
    return ordering_name(settings.image_data_format())


def set_image_dim_ordering(dim_ordering) -> None:
    """Set the image layout: "tf" (channels last) or "th" (channels first)."""
    found = ordering(dim_ordering)
    if found is None:
        raise ValueError(
            message("set_image_dim_ordering", "must be 'tf' or 'th'", repr(dim_ordering))
        )
    settings.set_image_data_format(found)


def cast_to_floatx(x):
    """Return an array or tensor in the default float type."""
    return (
        x.astype(settings.floatx()) if isinstance(x, np.ndarray) else ops.cast(x, settings.floatx())
    )


def reset_uids() -> None:
    """Start automatic names again."""
    naming.reset_names()


# ---- variables and values


def variable(value, dtype=None, name=None):
    """Return a variable with a first value, in the default float type unless `dtype` says otherwise."""
    name = None if name is None else str(name).replace("/", "_")
    return Variable(
        np.asarray(ops.convert_to_numpy(value)), dtype=dtype or settings.floatx(), name=name
    )


def zeros(shape, dtype=None, name=None):
    """Return a variable of zeros."""
    return variable(np.zeros(shape), dtype, name)


def ones(shape, dtype=None, name=None):
    """Return a variable of ones."""
    return variable(np.ones(shape), dtype, name)


def eye(size, dtype=None, name=None):
    """Return a variable that holds the unit matrix."""
    return variable(np.eye(size), dtype, name)


def constant(value, dtype=None, shape=None, name=None):
    """Return a tensor, filled with one number where `shape` is given."""
    if shape is not None:
        value = np.full(shape, value)
    return ops.convert_to_tensor(value, dtype=dtype or settings.floatx())


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    """Return a variable with values spread evenly over [low, high)."""
    return variable(random.uniform(shape, low, high, seed=seed), dtype, name)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    """Return a variable with normally distributed values."""
    return variable(random.normal(shape, mean, scale, seed=seed), dtype, name)


def is_sparse(tensor) -> bool:
    """Return False: there are no sparse tensors."""
    return False


def to_dense(tensor):
    """Return the tensor as it is."""
    return tensor


def is_tensor(x) -> bool:
    """Return whether `x` is a tensor of the engine or a symbolic one."""
    return isinstance(x, KerasTensor) or ops.is_tensor(x)


def shape(x):
    """Return the shape, a tuple."""
    return ops.shape(x)


def int_shape(x):
    """Return the shape as a tuple of ints and None."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def ndim(x) -> int:
    """Return the number of axes."""
    return len(int_shape(x))


def dtype(x) -> str:
    """Return the name of the dtype."""
    return x.dtype if isinstance(x, (KerasTensor, Variable)) else ops.dtype(x)


def count_params(x) -> int:
    """Return the number of elements."""
    return int(np.prod(int_shape(x)))


def get_value(x):
    """Return the value as a NumPy array; of a scalar as a NumPy number."""
    array = backend_graph.evaluate(x)
    return array[()] if array.ndim == 0 else array


def batch_get_value(xs) -> list:
    """Return the values of several variables."""
    return [get_value(x) for x in xs]


def set_value(x, value) -> None:
    """Set the value of a variable."""
    x.assign(np.asarray(value))


def batch_set_value(tuples) -> None:
    """Set the values of several variables, given as (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


def get_variable_shape(x):
    """Return the shape of a variable."""
    return int_shape(x)


def print_tensor(x, message=""):
    """Print a tensor's value, where it has one, and return the tensor."""
    if not isinstance(x, KerasTensor):
        print(message, ops.convert_to_numpy(x))
    return x


def update(x, new_x):
    """Assign a new value; a symbolic one gives the pair that `function(updates=...)` takes."""
    return (x, new_x) if isinstance(new_x, KerasTensor) else x.assign(new_x)


def update_add(x, increment):
    """Add to a variable, see `update`."""
    return update(x, ops.add(x, increment))


def update_sub(x, decrement):
    """Subtract from a variable, see `update`."""
    return update(x, ops.subtract(x, decrement))


def moving_average_update(variable, value, momentum):
    """Assign `momentum * variable + (1 - momentum) * value`, see `update`."""
    return update(
        variable, ops.add(ops.multiply(variable, momentum), ops.multiply(value, 1.0 - momentum))
    )


# ---- products, indices


def dot(x, y):
    """Return the product over the last axis of `x` and the last but one of `y` (the only one of a vector)."""
    return ops.dot(x, y)


def batch_dot(x, y, axes=None):
    """Return the product of two batches over one axis each.

    Without `axes`, matrices are multiplied: the last axis of `x` with the last but one of `y`. The batch axes go together.
    """
    ranks = ndim(x), ndim(y)
    if min(ranks) < 2:
        raise ValueError(
            message(
                "K.batch_dot", "needs tensors with a batch axis and another one", f"ranks {ranks}"
            )
        )
    if axes is None:
        axes = (ranks[0] - 1, 1 if ranks[1] == 2 else ranks[1] - 2)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    first, second = first % ranks[0], second % ranks[1]
    letters = iter("cdefghijklmnopqrstuvwxy")
    left = ["z" if i == first else "a" if i == 0 else next(letters) for i in range(ranks[0])]
    right = ["z" if i == second else "a" if i == 0 else next(letters) for i in range(ranks[1])]
    kept = "".join(letter for letter in left + right if letter not in "az")
    found = ops.einsum(f"{''.join(left)},{''.join(right)}->a{kept}", x, y)
    return found if kept else ops.expand_dims(found, 1)


def gather(reference, indices):
    """Return rows by number."""
    return ops.take(reference, ops.cast(indices, "int32"), axis=0)


def one_hot(indices, nb_classes):
    """Return vectors that are one at a class and zero elsewhere."""
    return ops.one_hot(ops.cast(indices, "int32"), nb_classes)


def in_top_k(predictions, targets, k):
    """Return whether each target is among the k largest predictions."""
    return ops.in_top_k(targets, predictions, k)


def argmax(x, axis=-1):
    """Return the place of the largest entry on an axis."""
    return ops.argmax(x, axis=axis)


def argmin(x, axis=-1):
    """Return the place of the smallest entry on an axis."""
    return ops.argmin(x, axis=axis)


def cumsum(x, axis=0):
    """Return the sums up to each entry of an axis."""
    return ops.cumsum(x, axis=axis)


def cumprod(x, axis=0):
    """Return the products up to each entry of an axis."""
    return ops.cumprod(x, axis=axis)


def cast(x, dtype):
    """Return a tensor in another dtype."""
    return ops.cast(x, dtype)


# ---- shapes


def reshape(x, shape):
    """Return a tensor in another shape; one size may be -1."""
    return ops.reshape(x, tuple(-1 if size is None else size for size in shape))


def permute_dimensions(x, pattern):
    """Return a tensor with its axes in another order."""
    return ops.transpose(x, axes=tuple(pattern))


def reverse(x, axes):
    """Return a tensor with the entries of one or several axes in the other order."""
    return ops.flip(x, axis=(axes,) if isinstance(axes, int) else tuple(axes))


def concatenate(tensors, axis=-1):
    """Return tensors joined along an axis."""
    return ops.concatenate(list(tensors), axis=axis)


def expand_dims(x, dim=-1, axis=None):
    """Return a tensor with an axis of size 1 put in."""
    return ops.expand_dims(x, axis=dim if axis is None else axis)


def repeat_elements(x, rep, axis):
    """Return a tensor with every entry of an axis standing `rep` times."""
    return ops.repeat(x, rep, axis=axis)


def repeat(x, n):
    """Return a matrix repeated n times along a new axis behind the batch."""
    if ndim(x) != 2:
        raise ValueError(message("K.repeat", "needs a tensor with 2 axes", f"shape={int_shape(x)}"))
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def arange(start, stop=None, step=1, dtype="int32"):
    """Return numbers from start (or 0) up to stop."""
    return ops.arange(start, stop, step, dtype=dtype)


def flatten(x):
    """Return all entries on one axis."""
    return ops.reshape(x, (-1,))


def batch_flatten(x):
    """Return the entries of each sample on one axis."""
    sizes = int_shape(x)[1:]
    size = -1 if None in sizes else int(np.prod(sizes))
    return ops.reshape(x, (-1, size)) if size != -1 else ops.reshape(x, (int_shape(x)[0], -1))


def unstack(x, axis=0):
    """Return the slices of an axis as a list."""
    return ops.unstack(x, axis=axis)


def resize_images(X, height_factor, width_factor, dim_ordering="default"):  # noqa: N803 - its name in 2016
    """Return images with every row and column repeated."""
    first = 1 if _last(dim_ordering) else 2
    return ops.repeat(ops.repeat(X, height_factor, axis=first), width_factor, axis=first + 1)


def resize_volumes(X, depth_factor, height_factor, width_factor, dim_ordering="default"):  # noqa: N803
    """Return volumes with every plane, row and column repeated."""
    first = 1 if _last(dim_ordering) else 2
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        X = ops.repeat(X, factor, axis=axis)  # noqa: N806
    return X


def temporal_padding(x, padding=1):
    """Return sequences with zeros before and after."""
    return asymmetric_temporal_padding(x, padding, padding)


def asymmetric_temporal_padding(x, left_pad=1, right_pad=1):
    """Return sequences with zeros before and after."""
    return ops.pad(x, ((0, 0), (left_pad, right_pad), (0, 0)))


def spatial_2d_padding(x, padding=(1, 1), dim_ordering="default"):
    """Return images with a border of zeros."""
    return _pad(x, ((padding[0],) * 2, (padding[1],) * 2), dim_ordering)


def asymmetric_spatial_2d_padding(
    x, top_pad=1, bottom_pad=1, left_pad=1, right_pad=1, dim_ordering="default"
):
    """Return images with a border of zeros."""
    return _pad(x, ((top_pad, bottom_pad), (left_pad, right_pad)), dim_ordering)


def spatial_3d_padding(x, padding=(1, 1, 1), dim_ordering="default"):
    """Return volumes with a border of zeros."""
    return _pad(x, tuple((size,) * 2 for size in padding), dim_ordering)


def _pad(x, pairs, dim_ordering):
    none = ((0, 0),)
    return ops.pad(x, (*none, *pairs, *none) if _last(dim_ordering) else (*none, *none, *pairs))


def _last(dim_ordering) -> bool:
    return (ordering(dim_ordering) or settings.image_data_format()) == "channels_last"


# ---- activations and losses


def relu(x, alpha=0.0, max_value=None):
    """Return max(x, 0), with a slope for negative numbers and an upper bound where given."""
    found = ops.leaky_relu(x, alpha) if alpha else ops.relu(x)
    return found if max_value is None else ops.minimum(found, max_value)


def dropout(x, level, noise_shape=None, seed=None):
    """Return a tensor with a share `level` of its entries set to zero and the others enlarged."""
    return random.dropout(x, level, noise_shape=noise_shape, seed=seed)


def l2_normalize(x, axis):
    """Return vectors along an axis at unit length."""
    length = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(length, 1e-12)))


def categorical_crossentropy(output, target, from_logits=False):
    """Return the cross-entropy; in 2016 the prediction came first."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits)


def sparse_categorical_crossentropy(output, target, from_logits=False):
    """Return the cross-entropy for class numbers; in 2016 the prediction came first."""
    target = ops.cast(target, "int32")
    if len(int_shape(target)) == len(int_shape(output)) and int_shape(target)[-1] == 1:
        target = ops.squeeze(target, -1)
    return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits)


def binary_crossentropy(output, target, from_logits=False):
    """Return the cross-entropy of each entry; in 2016 the prediction came first."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def bias_add(x, bias, dim_ordering="default"):
    """Return a tensor with one number for each channel added."""
    if _last(dim_ordering) or ndim(x) < 3:
        return ops.add(x, bias)
    return ops.add(x, ops.reshape(bias, (1, -1, *(1,) * (ndim(x) - 2))))


def normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """Return (normalized, mean, variance) with the batch's own moments."""
    mean, variance = ops.mean(x, axis=reduction_axes), ops.var(x, axis=reduction_axes)
    sizes = [1 if axis in reduction_axes else size for axis, size in enumerate(int_shape(x))]
    mean_, variance_, gamma_, beta_ = (
        ops.reshape(part, sizes) for part in (mean, variance, gamma, beta)
    )
    return batch_normalization(x, mean_, variance_, beta_, gamma_, epsilon), mean, variance


def batch_normalization(x, mean, var, beta, gamma, epsilon=1e-3):
    """Return `(x - mean) / sqrt(var + epsilon) * gamma + beta`."""
    found = ops.multiply(ops.subtract(x, mean), ops.rsqrt(ops.add(var, epsilon)))
    found = found if gamma is None else ops.multiply(found, gamma)
    return found if beta is None else ops.add(found, beta)


# ---- convolutions and pooling


def _format(dim_ordering):
    return "channels_last" if _last(dim_ordering) else "channels_first"


def conv1d(x, kernel, stride=1, border_mode="valid", image_shape=None, filter_shape=None):
    """Return the convolution of sequences."""
    return ops.conv(x, kernel, stride, border_mode, "channels_last")


def conv2d(
    x,
    kernel,
    strides=(1, 1),
    border_mode="valid",
    dim_ordering="default",
    image_shape=None,
    filter_shape=None,
    filter_dilation=(1, 1),
):
    """Return the convolution of images; kernels are `(rows, columns, channels, filters)` in both layouts."""
    return ops.conv(x, kernel, strides, border_mode, _format(dim_ordering), filter_dilation)


def conv3d(
    x,
    kernel,
    strides=(1, 1, 1),
    border_mode="valid",
    dim_ordering="default",
    volume_shape=None,
    filter_shape=None,
):
    """Return the convolution of volumes."""
    return ops.conv(x, kernel, strides, border_mode, _format(dim_ordering))


def atrous_conv2d(x, kernel, rate=1, border_mode="valid", dim_ordering="default"):
    """Return the dilated convolution of images."""
    return ops.conv(x, kernel, 1, border_mode, _format(dim_ordering), rate)


def deconv2d(
    x,
    kernel,
    output_shape=None,
    strides=(1, 1),
    border_mode="valid",
    dim_ordering="default",
    image_shape=None,
    filter_shape=None,
):
    """Return the transposed convolution of images; the kernel is `(rows, columns, filters, channels)`."""
    return ops.conv_transpose(x, kernel, strides, border_mode, data_format=_format(dim_ordering))


def separable_conv2d(
    x,
    depthwise_kernel,
    pointwise_kernel,
    strides=(1, 1),
    border_mode="valid",
    dim_ordering="default",
):
    """Return the separable convolution of images."""
    return ops.separable_conv(
        x, depthwise_kernel, pointwise_kernel, strides, border_mode, _format(dim_ordering)
    )


def pool2d(
    x, pool_size, strides=(1, 1), border_mode="valid", dim_ordering="default", pool_mode="max"
):
    """Return images pooled by "max" or "avg"."""
    return _pool(x, pool_size, strides, border_mode, dim_ordering, pool_mode)


def pool3d(
    x, pool_size, strides=(1, 1, 1), border_mode="valid", dim_ordering="default", pool_mode="max"
):
    """Return volumes pooled by "max" or "avg"."""
    return _pool(x, pool_size, strides, border_mode, dim_ordering, pool_mode)


def _pool(x, pool_size, strides, border_mode, dim_ordering, pool_mode):
    pools = {"max": ops.max_pool, "avg": ops.average_pool}
    if pool_mode not in pools:
        raise ValueError(message("K.pool2d", "`pool_mode` must be 'max' or 'avg'", repr(pool_mode)))
    return pools[pool_mode](x, pool_size, strides, border_mode, _format(dim_ordering))


# ---- random numbers


def random_normal(shape, mean=0.0, std=1.0, dtype=None, seed=None):
    """Return normally distributed numbers."""
    return random.normal(shape, mean, std, dtype=dtype, seed=seed)


def random_uniform(shape, low=0.0, high=1.0, dtype=None, seed=None):
    """Return numbers spread evenly over [low, high)."""
    return random.uniform(shape, low, high, dtype=dtype, seed=seed)


def random_binomial(shape, p=0.0, dtype=None, seed=None):
    """Return ones with the probability p, and zeros."""
    return ops.cast(ops.less(random.uniform(shape, seed=seed), p), dtype or settings.floatx())


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Return normally distributed numbers within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=seed)


# ---- control flow


def switch(condition, then_expression, else_expression):
    """Return one of two values, entry by entry where the condition is a tensor with axes; functions are called."""
    then_value, else_value = (
        part() if callable(part) else part for part in (then_expression, else_expression)
    )
    if not hasattr(condition, "shape"):
        return then_value if condition else else_value
    for _ in range(ndim(then_value) - ndim(condition)):
        condition = ops.expand_dims(condition, -1)
    return ops.where(ops.cast(condition, "bool"), then_value, else_value)


def map_fn(fn, elems, name=None):
    """Return a function's values for the slices of the first axis."""
    return ops.map(fn, elems)


def foldl(fn, elems, initializer=None, name=None):
    """Return `fn(accumulated, slice)` over the slices of the first axis, from the first one."""
    elems = ops.convert_to_tensor(elems)
    first, rest = (elems[0], elems[1:]) if initializer is None else (initializer, elems)
    return ops.scan(lambda carry, x: (fn(carry, x), None), first, rest)[0]


def foldr(fn, elems, initializer=None, name=None):
    """Return `fn(accumulated, slice)` over the slices of the first axis, from the last one."""
    elems = ops.convert_to_tensor(elems)
    first, rest = (elems[-1], elems[:-1]) if initializer is None else (initializer, elems)
    return ops.scan(lambda carry, x: (fn(carry, x), None), first, rest, reverse=True)[0]


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
):
    """Run a step over the time axis of a batch of sequences.

    Args:
        step_function: (inputs of a step, list of states and constants) -> (output, list of new states).
        inputs: tensor `(batch, steps, ...)`.
        initial_states: list of tensors.
        go_backwards: bool. Whether the last step comes first; the outputs stand in the order of reading.
        mask: tensor `(batch, steps)` or `(batch, steps, 1)`: where it is zero, states and output stay as they were.
        constants: list of further tensors for every step.
        unroll, input_length: kept for the signature of 2016.

    Returns:
        (last output, outputs `(batch, steps, ...)`, list of last states).
    """
    constants = [ops.convert_to_tensor(x) for x in constants or ()]
    initial_states = [ops.convert_to_tensor(x) for x in initial_states]
    steps = ops.moveaxis(inputs, 1, 0)
    keep = (
        None
        if mask is None
        else ops.cast(ops.transpose(mask[:, :, 0] if ndim(mask) == 3 else mask), "bool")
    )
    if go_backwards:
        steps = ops.flip(steps, axis=0)
        keep = None if keep is None else ops.flip(keep, axis=0)
    first_output, _ = step_function(steps[0], [*initial_states, *constants])

    def one(carry, x):
        states, before = carry
        step, kept = x if keep is not None else (x, None)
        output, new = step_function(step, [*states, *constants])
        if kept is not None:
            output = _choose(kept, output, before)
            new = [_choose(kept, after, state) for after, state in zip(new, states, strict=True)]
        return (list(new), output), output

    carry = (list(initial_states), ops.zeros_like(first_output))
    (states, last), outputs = ops.scan(one, carry, steps if keep is None else (steps, keep))
    return last, ops.moveaxis(outputs, 0, 1), states


def _choose(condition, then_value, else_value):
    sizes = (-1, *(1,) * (ndim(then_value) - 1))
    return ops.where(ops.reshape(condition, sizes), then_value, else_value)


# The functions above, those of `backend_graph.py` and the hard sigmoid of 2016.
FUNCTIONS = frozenset(
    name for name, value in list(globals().items())
    if not name.startswith("_") and callable(value) and name not in ("find_function", "ordering", "ordering_name", "message", "Variable",
                                                                    "KerasTensor")
)  # fmt: skip
