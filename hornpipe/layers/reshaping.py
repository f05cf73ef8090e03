"""Layers that move numbers around without changing them: flatten, reshape, permute, repeat, crop, pad, enlarge.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Flatten()(np.ones((2, 3, 4))).shape
(2, 12)
"""

from __future__ import annotations

import math

import numpy as np

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.core.errors import message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.core.settings import standardize_data_format
from hornpipe.layers._support import positive_int, shape_error


def _count(sizes):
    """Return the product of sizes, -1 where one is unknown."""
    return -1 if any(size is None for size in sizes) else math.prod(sizes)


@register("layer")
class Flatten(Layer):
    """Joins all axes but the first.

    Args:
        data_format: "channels_last" or "channels_first", whose channels are moved to the end first. Default: the setting.
    Input shape:
        `(batch, ...)`, rank >= 1.
    Output shape:
        `(batch, product of the other sizes)`; `(batch, 1)` for inputs of rank 1.
    Raises:
        ValueError: `data_format` is unknown (at construction).
        ShapeError: inputs without axes.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Flatten()(np.ones((2, 3, 4))).shape
        (2, 12)
    """

    row_independent = True

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format, self.who)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        shape = tuple(inputs.shape)
        if self.data_format == "channels_first" and len(shape) > 1:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, (inputs.shape[0], _count(shape[1:])))


@register("layer")
class Reshape(Layer):
    """Gives every row another shape.

    Args:
        target_shape: int or tuple of ints without the batch axis; one may be -1, the size that is left.
    Input shape:
        `(batch, ...)`.
    Output shape:
        `(batch, *target_shape)`.
    Raises:
        ValueError: a size is not an integer >= 0, or two are -1 (at construction).
        ShapeError: a row does not have as many elements as `target_shape`.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Reshape((-1, 2))(np.ones((5, 6))).shape
        (5, 3, 2)
    """

    row_independent = True

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        sizes = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        whole = all(
            isinstance(size, int) and not isinstance(size, bool) and size >= -1 for size in sizes
        )
        if not whole or sizes.count(-1) > 1:
            rule = "`target_shape` must hold integers >= 0, at most one of them -1"
            raise ValueError(message(self.who, rule, f"target_shape={target_shape!r}"))
        self.target_shape = sizes
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        row, target = tuple(inputs.shape[1:]), list(self.target_shape)
        have, wanted = _count(row), math.prod(size for size in target if size != -1)
        if have != -1:
            if (wanted == 0 or have % wanted) if -1 in target else have != wanted:
                rule = f"`target_shape` {self.target_shape} must have the {have} elements of a row of its inputs"
                raise shape_error(
                    self, rule, tuple(inputs.shape), "Change it, or let one size be -1."
                )
            target = [have // wanted if size == -1 else size for size in target]
        elif -1 in target and None not in inputs.shape[:1]:
            target = [None if size == -1 else size for size in target]
        return ops.reshape(inputs, (inputs.shape[0], *target))


@register("layer")
class Permute(Layer):
    """Puts the axes of every row into another order.

    Args:
        dims: tuple of ints: the axes (counted from 1, the batch is 0) in their new order.
    Input shape:
        `(batch, ...)` with as many other axes as `dims`.
    Output shape:
        The sizes in the order of `dims`.
    Raises:
        ValueError: `dims` is not an order of 1, 2, ..., n (at construction).
        ShapeError: inputs with another number of axes.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Permute((2, 1))(np.ones((5, 3, 4))).shape
        (5, 4, 3)
    """

    row_independent = True

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            fix = "Axis 0, the batch, stays in front: Permute((2, 1)) swaps the other two."
            raise ValueError(
                message(self.who, "`dims` must be an order of 1, 2, ..., n", f"dims={dims!r}", fix)
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))


@register("layer")
class RepeatVector(Layer):
    """Repeats every row n times along a new axis.

    Args:
        n: int >= 1.
    Input shape:
        `(batch, features)`.
    Output shape:
        `(batch, n, features)`.
    Raises:
        ValueError: `n` is not an integer >= 1 (at construction).
        ShapeError: inputs of another rank than 2.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.RepeatVector(3)(np.ones((5, 2))).shape
        (5, 3, 2)
    """

    row_independent = True

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = positive_int(self, "n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)


# ---- layers with one pair of sizes for each spatial axis


def _pairs(layer, name: str, value, rank: int) -> tuple:
    """Return (before, after) for each of `rank` axes, given as one int, one size an axis, or pairs.

    Raises:
        ValueError: it is none of these, or a size is negative.
    """

    def is_size(size):
        return isinstance(size, int) and not isinstance(size, bool) and size >= 0

    if is_size(value):
        return ((value, value),) * rank
    if (
        rank == 1
        and isinstance(value, (list, tuple))
        and len(value) == 2
        and all(map(is_size, value))
    ):
        return (tuple(value),)
    if isinstance(value, (list, tuple)) and len(value) == rank:
        pairs = [(each, each) if is_size(each) else each for each in value]
        if all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(is_size, pair))
            for pair in pairs
        ):
            return tuple(map(tuple, pairs))
    form = "(before, after)" if rank == 1 else f"{rank} integers, or {rank} pairs (before, after)"
    raise ValueError(
        message(layer.who, f"`{name}` must be an integer >= 0, {form}", f"{name}={value!r}")
    )


def _spatial(rank: int, data_format: str) -> range:
    return range(1, rank + 1) if data_format == "channels_last" else range(2, rank + 2)


class _Cropping(Layer):
    """Cuts sizes off the spatial axes; `_rank` of them."""

    row_independent = True
    _rank = 1

    def _set(self, cropping, data_format=None):
        self.data_format = (
            standardize_data_format(data_format, self.who) if self._rank > 1 else "channels_last"
        )
        pairs = _pairs(self, "cropping", cropping, self._rank)
        self.cropping = pairs[0] if self._rank == 1 else pairs
        self._crops = pairs
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def call(self, inputs):
        index = [slice(None)] * (self._rank + 2)
        for axis, (before, after) in zip(
            _spatial(self._rank, self.data_format), self._crops, strict=True
        ):
            size = inputs.shape[axis]
            if size is not None and before + after >= size:
                rule = f"`cropping` of {before} + {after} leaves nothing of axis {axis}"
                raise shape_error(self, rule, tuple(inputs.shape), f"Crop less than {size} in all.")
            index[axis] = slice(before, -after if after else None)
        return inputs[tuple(index)]


@register("layer")
class Cropping1D(_Cropping):
    """Cuts steps off both ends of sequences.

    Args:
        cropping: int >= 0, or (before, after). Default (1, 1).
    Input shape:
        `(batch, steps, features)`.
    Output shape:
        `(batch, steps - before - after, features)`.
    Raises:
        ValueError: `cropping` is of another form (at construction).
        ShapeError: nothing would be left, or inputs of another rank than 3.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Cropping1D(1)(np.arange(4.0).reshape(1, 4, 1))[0, :, 0].tolist()
        [1.0, 2.0]
    """

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(**kwargs)
        self._set(cropping)


@register("layer")
class Cropping2D(_Cropping):
    """Cuts rows and columns off images.

    Args:
        cropping: int >= 0, (height, width), or ((top, bottom), (left, right)). Default ((0, 0), (0, 0)).
        data_format: "channels_last" or "channels_first". Default: the setting.
    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.
    Output shape:
        The same with smaller height and width.
    Raises:
        ValueError: `cropping` is of another form (at construction).
        ShapeError: nothing would be left, or inputs of another rank than 4.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Cropping2D(((1, 0), (2, 1)))(np.ones((1, 5, 5, 1))).shape
        (1, 4, 2, 1)
    """

    _rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(cropping, data_format)


@register("layer")
class Cropping3D(_Cropping):
    """Cuts slices off volumes.

    Args:
        cropping: int >= 0, three ints, or three pairs (before, after). Default ((1, 1), (1, 1), (1, 1)).
        data_format: "channels_last" or "channels_first". Default: the setting.
    Input shape:
        `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)`.
    Output shape:
        The same with smaller depth, height and width.
    Raises:
        ValueError: `cropping` is of another form (at construction).
        ShapeError: nothing would be left, or inputs of another rank than 5.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Cropping3D(1)(np.ones((1, 5, 5, 5, 1))).shape
        (1, 3, 3, 3, 1)
    """

    _rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(cropping, data_format)


class _ZeroPadding(Layer):
    """Puts zeros around the spatial axes; `_rank` of them."""

    row_independent = True
    _rank = 1

    def _set(self, padding, data_format=None):
        self.data_format = standardize_data_format(data_format, self.who)
        pairs = _pairs(self, "padding", padding, self._rank)
        self.padding = pairs[0] if self._rank == 1 else pairs
        self._pads = pairs
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def call(self, inputs):
        widths = [(0, 0)] * (self._rank + 2)
        for axis, pair in zip(_spatial(self._rank, self.data_format), self._pads, strict=True):
            widths[axis] = pair
        return ops.pad(inputs, widths)


@register("layer")
class ZeroPadding1D(_ZeroPadding):
    """Puts zeros before and after sequences.

    Args:
        padding: int >= 0, or (before, after). Default 1.
        data_format: "channels_last" or "channels_first". Default: the setting.
    Input shape:
        `(batch, steps, features)`, or `(batch, features, steps)`.
    Output shape:
        The same with `steps + before + after`.
    Raises:
        ValueError: `padding` is of another form (at construction).
        ShapeError: inputs of another rank than 3.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.ZeroPadding1D((2, 0))(np.ones((1, 2, 1)))[0, :, 0].tolist()
        [0.0, 0.0, 1.0, 1.0]
    """

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(padding, data_format)


@register("layer")
class ZeroPadding2D(_ZeroPadding):
    """Puts rows and columns of zeros around images.

    Args:
        padding: int >= 0, (height, width), or ((top, bottom), (left, right)). Default (1, 1).
        data_format: "channels_last" or "channels_first". Default: the setting.
    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.
    Output shape:
        The same with larger height and width.
    Raises:
        ValueError: `padding` is of another form (at construction).
        ShapeError: inputs of another rank than 4.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.ZeroPadding2D(((1, 0), (2, 1)))(np.ones((1, 5, 5, 1))).shape
        (1, 6, 8, 1)
    """

    _rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(padding, data_format)


@register("layer")
class ZeroPadding3D(_ZeroPadding):
    """Puts slices of zeros around volumes.

    Args:
        padding: int >= 0, three ints, or three pairs (before, after). Default ((1, 1), (1, 1), (1, 1)).
        data_format: "channels_last" or "channels_first". Default: the setting.
    Input shape:
        `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)`.
    Output shape:
        The same with larger depth, height and width.
    Raises:
        ValueError: `padding` is of another form (at construction).
        ShapeError: inputs of another rank than 5.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.ZeroPadding3D(1)(np.ones((1, 2, 2, 2, 1))).shape
        (1, 4, 4, 4, 1)
    """

    _rank = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(padding, data_format)


class _UpSampling(Layer):
    """Repeats entries along the spatial axes; `_rank` of them."""

    row_independent = True
    _rank = 1

    def _set(self, size, data_format=None):
        self.data_format = (
            standardize_data_format(data_format, self.who) if self._rank > 1 else "channels_last"
        )
        sizes = (size,) * self._rank if not isinstance(size, (list, tuple)) else tuple(size)
        whole = all(
            isinstance(each, int) and not isinstance(each, bool) and each >= 1 for each in sizes
        )
        if len(sizes) != self._rank or not whole:
            form = (
                "an integer >= 1" if self._rank == 1 else f"an integer >= 1 or {self._rank} of them"
            )
            raise ValueError(message(self.who, f"`size` must be {form}", f"size={size!r}"))
        self.size = sizes[0] if self._rank == 1 else sizes
        self._factors = sizes
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def call(self, inputs):
        for axis, factor in zip(_spatial(self._rank, self.data_format), self._factors, strict=True):
            if factor > 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs


@register("layer")
class UpSampling1D(_UpSampling):
    """Repeats every step of sequences.

    Args:
        size: int >= 1. How often. Default 2.
    Input shape:
        `(batch, steps, features)`.
    Output shape:
        `(batch, steps * size, features)`.
    Raises:
        ValueError: `size` is not an integer >= 1 (at construction).
        ShapeError: inputs of another rank than 3.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.UpSampling1D(2)(np.arange(2.0).reshape(1, 2, 1))[0, :, 0].tolist()
        [0.0, 0.0, 1.0, 1.0]
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self._set(size)


@register("layer")
class UpSampling2D(_UpSampling):
    """Enlarges images by whole factors.

    Args:
        size: int >= 1 or (height, width) factors. Default (2, 2).
        data_format: "channels_last" or "channels_first". Default: the setting.
        interpolation: "nearest" (entries are repeated) or "bilinear" (lines between their centres). Default "nearest".
    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`.
    Output shape:
        The same with height and width times the factors.
    Raises:
        ValueError: `size` or `interpolation` is of another form (at construction).
        ShapeError: inputs of another rank than 4.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.UpSampling2D((2, 3))(np.ones((1, 2, 2, 1))).shape
        (1, 4, 6, 1)
    """

    _rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        self._set(size, data_format)
        known = ("nearest", "bilinear")
        if interpolation not in known:
            rule = f"`interpolation` must be one of {known}"
            raise ValueError(message(self.who, rule, f"interpolation={interpolation!r}"))
        self.interpolation = interpolation

    def call(self, inputs):
        if self.interpolation == "nearest":
            return super().call(inputs)
        dtype = ops.dtype(inputs)
        for axis, factor in zip(_spatial(2, self.data_format), self._factors, strict=True):
            size = inputs.shape[axis]
            if size is None:  # symbolic inputs: only the shape counts
                inputs = ops.repeat(inputs, factor, axis=axis)
            else:
                weights = ops.cast(_between(size, factor), dtype)
                inputs = ops.moveaxis(ops.matmul(ops.moveaxis(inputs, axis, -1), weights), -1, axis)
        return inputs


def _between(size: int, factor: int) -> np.ndarray:
    """Return the weights `(size, size * factor)` of linear interpolation between the centres of entries."""
    places = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    return np.maximum(0.0, 1.0 - np.abs(np.arange(size)[:, None] - places)).astype("float32")


@register("layer")
class UpSampling3D(_UpSampling):
    """Repeats every slice of volumes along its three axes.

    Args:
        size: int >= 1 or three of them. Default (2, 2, 2).
        data_format: "channels_last" or "channels_first". Default: the setting.
    Input shape:
        `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)`.
    Output shape:
        The same with the sizes times the factors.
    Raises:
        ValueError: `size` is of another form (at construction).
        ShapeError: inputs of another rank than 5.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.UpSampling3D(2)(np.ones((1, 2, 1, 3, 1))).shape
        (1, 4, 2, 6, 1)
    """

    _rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(size, data_format)
