"""Pooling: the largest or the mean entry of each window, or of a whole map.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.MaxPooling2D()(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
[[5.0, 7.0], [13.0, 15.0]]
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.core.errors import message, near_miss
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.core.settings import standardize_data_format
from hornpipe.layers._support import shape_error
from hornpipe.ops._common import int_tuple


class Pooling(Layer):
    """Base of the windowed poolings. `rank` is the number of spatial axes.

    Raises:
        ValueError: an argument is out of its range.
    """

    row_independent = True
    rank = 1

    def _set(self, given: dict):
        """Take over a constructor's `locals()`."""
        self.pool_size = int_tuple(self.who, "pool_size", given["pool_size"], self.rank)
        strides = given["strides"]
        self.strides = (
            self.pool_size
            if strides is None
            else int_tuple(self.who, "strides", strides, self.rank)
        )
        self.padding = (
            given["padding"].lower() if isinstance(given["padding"], str) else given["padding"]
        )
        if self.padding not in ("valid", "same"):
            fix = near_miss(self.padding, ("valid", "same")).strip()
            rule = "`padding` must be one of ('valid', 'same')"
            raise ValueError(message(self.who, rule, f"padding={given['padding']!r}", fix))
        self.data_format = standardize_data_format(given["data_format"], self.who)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _check_window(self, inputs):
        """Raise ShapeError where a window does not fit into the inputs."""
        shape = tuple(inputs.shape)
        first = 1 if self.data_format == "channels_last" else 2
        for axis, size in enumerate(self.pool_size, first):
            if self.padding == "valid" and shape[axis] is not None and shape[axis] < size:
                rule = f"its window spans {size} entries of axis {axis}, its inputs have {shape[axis]} there"
                raise shape_error(
                    self, rule, shape, 'Use padding="same", or a smaller `pool_size`.'
                )

    def _options(self) -> dict:
        return {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


class _MaxPooling(Pooling):
    def call(self, inputs):
        self._check_window(inputs)
        return ops.max_pool(inputs, **self._options())


class _AveragePooling(Pooling):
    def call(self, inputs):
        self._check_window(inputs)
        return ops.average_pool(inputs, **self._options())


_WINDOWED = """{what} of each window of {things}.

    Args:
        pool_size: int >= 1{or_sizes}. Size of the window.{default}
        strides: int >= 1{or_sizes}. From one window to the next; None for `pool_size`.
        padding: "valid" (windows lie inside) or "same" (size / strides windows; what lies outside is left out).
        data_format: "channels_last" or "channels_first". Default: the setting.
        name: str or None.
    Input shape:
        `(batch, {axes}, channels)`, or `(batch, channels, {axes})`, floating dtype.
    Output shape:
        The same with smaller sizes: ceil((size - pool_size + 1) / strides) for "valid", ceil(size / strides) for "same".
    Raises:
        ValueError: a size is not an integer >= 1, or `padding` is unknown (at construction).
        ShapeError: inputs of another rank than {rank}, or a window larger than the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.{name}({example})(np.arange({count}.0).reshape({shape})).flatten().tolist()
        {result}
    """
_GLOBAL = """{what} over all places of {things}.

    Args:
        data_format: "channels_last" or "channels_first". Default: the setting.
        keepdims: bool. Whether the spatial axes stay, with size 1. Default False.
    Input shape:
        `(batch, {axes}, channels)`, or `(batch, channels, {axes})`, floating dtype.{mask}
    Output shape:
        `(batch, channels)`; with `keepdims` the rank of the inputs.
    Raises:
        ValueError: `data_format` is unknown (at construction).
        ShapeError: inputs of another rank than {rank}.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.{name}()(np.arange({count}.0).reshape({shape})).tolist()
        {result}
    """
_THINGS = {
    1: ("sequences", "steps"),
    2: ("images", "height, width"),
    3: ("volumes", "depth, height, width"),
}


def _describe(template, *, what, example="", result="", mask=""):
    """Give a pooling class its docstring: the twelve differ in a few words only."""

    def decorate(cls):
        things, axes = _THINGS[cls.rank]
        sizes = {1: "", 2: " or (height, width)", 3: " or (depth, height, width)"}[cls.rank]
        shape = {1: "1, 4, 1", 2: "1, 2, 2, 1", 3: "1, 2, 2, 1, 1"}[cls.rank]
        default = " Default 2." if "Max" in cls.__name__ else ""
        cls.__doc__ = template.format(
            what=what,
            things=things,
            axes=axes,
            or_sizes=sizes,
            default=default,
            rank=cls.rank + 2,
            name=cls.__name__,
            example=example,
            count=4,
            shape=shape,
            result=result,
            mask=mask,
        )
        return cls

    return decorate


@register("layer", "MaxPool1D")
@_describe(_WINDOWED, what="Take the largest entry", example="2", result="[1.0, 3.0]")
class MaxPooling1D(_MaxPooling):
    def __init__(
        self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self._set(locals())


@register("layer", "MaxPool2D")
@_describe(_WINDOWED, what="Take the largest entry", example="2", result="[3.0]")
class MaxPooling2D(_MaxPooling):
    rank = 2

    def __init__(
        self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self._set(locals())


@register("layer", "MaxPool3D")
@_describe(_WINDOWED, what="Take the largest entry", example="(2, 2, 1)", result="[3.0]")
class MaxPooling3D(_MaxPooling):
    rank = 3

    def __init__(
        self,
        pool_size=(2, 2, 2),
        strides=None,
        padding="valid",
        data_format=None,
        name=None,
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self._set(locals())


@register("layer", "AvgPool1D")
@_describe(_WINDOWED, what="Take the mean", example="2", result="[0.5, 2.5]")
class AveragePooling1D(_AveragePooling):
    def __init__(
        self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self._set(locals())


@register("layer", "AvgPool2D")
@_describe(_WINDOWED, what="Take the mean", example="2", result="[1.5]")
class AveragePooling2D(_AveragePooling):
    rank = 2

    def __init__(
        self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self._set(locals())


@register("layer", "AvgPool3D")
@_describe(_WINDOWED, what="Take the mean", example="(2, 2, 1)", result="[1.5]")
class AveragePooling3D(_AveragePooling):
    rank = 3

    def __init__(
        self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self._set(locals())


# ---- over whole maps


class GlobalPooling(Layer):
    """Base of the poolings over whole maps. `rank` is the number of spatial axes."""

    row_independent = True
    rank = 1

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format, self.who)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _axes(self) -> tuple:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def _check_places(self, inputs):
        """Raise ShapeError where there is nothing to pool."""
        if any(inputs.shape[axis] == 0 for axis in self._axes):
            raise shape_error(
                self, "needs at least one entry on each spatial axis", tuple(inputs.shape)
            )


class _GlobalMaxPooling(GlobalPooling):
    def call(self, inputs):
        self._check_places(inputs)
        return ops.max(inputs, axis=self._axes, keepdims=self.keepdims)


class _GlobalAveragePooling(GlobalPooling):
    def call(self, inputs):
        self._check_places(inputs)
        return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)


@register("layer", "GlobalMaxPool1D")
@_describe(_GLOBAL, what="Take the largest entry", result="[[3.0]]")
class GlobalMaxPooling1D(_GlobalMaxPooling):
    pass


@register("layer", "GlobalMaxPool2D")
@_describe(_GLOBAL, what="Take the largest entry", result="[[3.0]]")
class GlobalMaxPooling2D(_GlobalMaxPooling):
    rank = 2


@register("layer", "GlobalMaxPool3D")
@_describe(_GLOBAL, what="Take the largest entry", result="[[3.0]]")
class GlobalMaxPooling3D(_GlobalMaxPooling):
    rank = 3


@register("layer", "GlobalAvgPool1D")
@_describe(
    _GLOBAL,
    what="Take the mean",
    result="[[1.5]]",
    mask=" `mask`: bool `(batch, steps)`; only steps\n        where it is True count, and a row without any gives 0.",
)
class GlobalAveragePooling1D(_GlobalAveragePooling):
    supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        self._check_places(inputs)
        (steps,) = self._axes
        weights = ops.expand_dims(ops.cast(mask, ops.dtype(inputs)), -1 if steps == 1 else 1)
        counts = ops.maximum(ops.sum(weights, axis=steps, keepdims=self.keepdims), 1)
        return ops.divide(
            ops.sum(ops.multiply(inputs, weights), axis=steps, keepdims=self.keepdims), counts
        )

    def compute_mask(self, inputs, previous_mask):
        return None


@register("layer", "GlobalAvgPool2D")
@_describe(_GLOBAL, what="Take the mean", result="[[1.5]]")
class GlobalAveragePooling2D(_GlobalAveragePooling):
    rank = 2


@register("layer", "GlobalAvgPool3D")
@_describe(_GLOBAL, what="Take the mean", result="[[1.5]]")
class GlobalAveragePooling3D(_GlobalAveragePooling):
    rank = 3


# ---- to a given number of windows


_ADAPTIVE = """{what} of each window, in as many windows of nearly equal size as are asked for.

    Window i of n over a size s reaches from floor(i s / n) to ceil((i + 1) s / n).

    Args:
        output_size: int >= 1{or_sizes}. Number of windows.
        data_format: "channels_last" or "channels_first". Default: the setting.
    Input shape:
        `(batch, {axes}, channels)`, or `(batch, channels, {axes})`, floating dtype.
    Output shape:
        The same with `output_size` places.
    Raises:
        ValueError: a size is not an integer >= 1 (at construction).
        ShapeError: inputs of another rank than {rank}.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.{name}({example})(np.arange({count}.0).reshape({shape})).flatten().tolist()
        {result}
    """


class AdaptivePooling(Layer):
    """Base of the poolings to a given number of windows. `rank` is the number of spatial axes."""

    row_independent = True
    rank = 1

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        sizes = (
            tuple(output_size)
            if isinstance(output_size, (list, tuple))
            else (output_size,) * self.rank
        )
        self.output_size = int_tuple(self.who, "output_size", sizes, self.rank)
        self.data_format = standardize_data_format(data_format, self.who)
        self.input_spec = InputSpec(ndim=self.rank + 2)


class _AdaptiveAverage(AdaptivePooling):
    def call(self, inputs):
        return ops.adaptive_average_pool(inputs, self.output_size, data_format=self.data_format)


class _AdaptiveMax(AdaptivePooling):
    def call(self, inputs):
        return ops.adaptive_max_pool(inputs, self.output_size, data_format=self.data_format)


@register("layer")
@_describe(_ADAPTIVE, what="Take the mean", example="2", result="[0.5, 2.5]")
class AdaptiveAveragePooling1D(_AdaptiveAverage):
    pass


@register("layer")
@_describe(_ADAPTIVE, what="Take the mean", example="1", result="[1.5]")
class AdaptiveAveragePooling2D(_AdaptiveAverage):
    rank = 2


@register("layer")
@_describe(_ADAPTIVE, what="Take the mean", example="1", result="[1.5]")
class AdaptiveAveragePooling3D(_AdaptiveAverage):
    rank = 3


@register("layer")
@_describe(_ADAPTIVE, what="Take the largest entry", example="2", result="[1.0, 3.0]")
class AdaptiveMaxPooling1D(_AdaptiveMax):
    pass


@register("layer")
@_describe(_ADAPTIVE, what="Take the largest entry", example="1", result="[3.0]")
class AdaptiveMaxPooling2D(_AdaptiveMax):
    rank = 2


@register("layer")
@_describe(_ADAPTIVE, what="Take the largest entry", example="1", result="[3.0]")
class AdaptiveMaxPooling3D(_AdaptiveMax):
    rank = 3
