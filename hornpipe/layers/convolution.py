"""Convolutions: the same small kernel at every place of a sequence, an image or a volume.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Conv2D(8, 3, activation="relu")(np.ones((1, 28, 28, 1))).shape
(1, 26, 26, 8)
"""

from __future__ import annotations

from hornpipe import activations, ops
from hornpipe.core.config import register
from hornpipe.core.errors import message, near_miss
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.core.settings import standardize_data_format
from hornpipe.layers._support import (
    add_part,
    check_rank,
    find_activation,
    keeps_rows_apart,
    known_size,
    positive_int,
    set_parts,
    shape_error,
)
from hornpipe.ops._common import int_tuple


class Convolution(Layer):
    """Base of the convolutions: checks of the arguments, bias and activation. `rank` is the number of spatial axes.

    Raises:
        ValueError: an argument is out of its range.
    """

    row_independent = True
    rank = 1
    _paddings = ("valid", "same")

    def _set(self, given: dict):
        """Take over a constructor's `locals()`."""
        if "filters" in given:
            fix = "Pass the number of output channels, for example filters=32."
            self.filters = positive_int(self, "filters", given["filters"], fix)
        for name in ("kernel_size", "strides", "dilation_rate"):
            setattr(self, name, int_tuple(self.who, name, given[name], self.rank))
        self.padding = (
            given["padding"].lower() if isinstance(given["padding"], str) else given["padding"]
        )
        if self.padding not in self._paddings:
            fix = near_miss(self.padding, self._paddings).strip()
            rule = f"`padding` must be one of {self._paddings}"
            raise ValueError(message(self.who, rule, f"padding={given['padding']!r}", fix))
        self.data_format = standardize_data_format(given["data_format"], self.who)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            rule = "`strides` and `dilation_rate` can't both be greater than 1"
            received = f"strides={self.strides}, dilation_rate={self.dilation_rate}"
            raise ValueError(message(self.who, rule, received))
        self.activation = find_activation(given["activation"])
        self.use_bias = bool(given["use_bias"])
        set_parts(self, given)
        if not keeps_rows_apart(self.activation):
            self.row_independent = False
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _start_build(self, input_shape) -> int:
        """Check the inputs' shape and return their number of channels."""
        shape = check_rank(self, input_shape, exact=self.rank + 2)
        channels = known_size(self, shape, self._channel_axis, "channel axis")
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        return channels

    def _check_window(self, inputs):
        """Raise ShapeError where the kernel does not fit into the inputs."""
        shape = tuple(inputs.shape)
        first = 1 if self.data_format == "channels_last" else 2
        spans = [
            dilation * (size - 1) + 1
            for size, dilation in zip(self.kernel_size, self.dilation_rate, strict=True)
        ]
        if self.padding == "valid":
            for axis, span in enumerate(spans, first):
                if shape[axis] is not None and shape[axis] < span:
                    rule = f"its kernel spans {span} entries of axis {axis}, its inputs have {shape[axis]} there"
                    raise shape_error(
                        self, rule, shape, 'Use padding="same", or a smaller `kernel_size`.'
                    )

    def _finish_outputs(self, outputs):
        """Add the bias and apply the activation."""
        if self.bias is not None:
            bias = self.bias
            if self.data_format == "channels_first":
                bias = ops.reshape(bias, (1, bias.shape[0], *(1,) * self.rank))
            outputs = ops.add(outputs, bias)
        return self.activation(outputs)


class _Conv(Convolution):
    """The plain convolutions: each output channel sees all input channels of its group."""

    def _set(self, given):
        super()._set(given)
        self.groups = positive_int(self, "groups", given["groups"])
        if self.filters % self.groups:
            rule = "`filters` must be divisible by `groups`"
            raise ValueError(
                message(self.who, rule, f"filters={self.filters}, groups={self.groups}")
            )

    def build(self, input_shape):
        channels = self._start_build(input_shape)
        if channels % self.groups:
            rule = f"the {channels} channels of its inputs must be divisible by `groups`, {self.groups}"
            raise shape_error(self, rule, input_shape)
        self.kernel = add_part(
            self, "kernel", (*self.kernel_size, channels // self.groups, self.filters)
        )
        self.bias = add_part(self, "bias", (self.filters,)) if self.use_bias else None
        self.built = True

    def call(self, inputs):
        self._check_window(inputs)
        relu = self.activation is activations.relu
        outputs = ops.conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
            bias=self.bias,
            relu=relu,
        )
        return outputs if relu else self.activation(outputs)


@register("layer", "Convolution1D")
class Conv1D(_Conv):
    """Convolves sequences with kernels that are learned.

    outputs[b, t, f] = activation(bias[f] + sum over k, c of inputs[b, t * strides + k * dilation_rate, c] * kernel[k, c, f])

    Args:
        filters: int >= 1. Number of output channels.
        kernel_size: int >= 1. Steps that one output sees.
        strides: int >= 1. Steps from one output to the next. Default 1.
        padding: "valid" (none), "same" (zeros on both sides so that steps / strides outputs result) or "causal" (zeros in
            front: an output sees no later step). Default "valid".
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1. Steps between the entries of the kernel; with strides of 1 only. Default 1.
        groups: int >= 1. Parts that the channels are split into, each convolved alone. Default 1.
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)`, floating dtype.
    Output shape:
        `(batch, new_steps, filters)`; new_steps = ceil(steps / strides) for "same" and "causal".
    Weights:
        kernel `(kernel_size, channels // groups, filters)`, glorot_uniform; bias `(filters,)`, zeros.
    Raises:
        ValueError: a size is not an integer >= 1, `filters` is not divisible by `groups`, or both `strides` and
            `dilation_rate` are greater than 1 (at construction).
        ShapeError: inputs of another rank than 3, unknown channels, or a kernel larger than the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Conv1D(1, 2, padding="causal", kernel_initializer="ones")
        >>> layer(np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1))[0, :, 0].tolist()
        [1.0, 3.0, 5.0]
    """

    _paddings = ("valid", "same", "causal")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(locals())


@register("layer", "Convolution2D")
class Conv2D(_Conv):
    """Convolves images with kernels that are learned.

    outputs[b, i, j, f] = activation(bias[f] + sum over k, l, c of inputs[b, i * s + k * d, j * s + l * d, c] * kernel[k, l, c, f])
    with s = `strides`, d = `dilation_rate`.

    Args:
        filters: int >= 1. Number of output channels.
        kernel_size: int >= 1 or (height, width).
        strides: int >= 1 or (height, width). Default (1, 1).
        padding: "valid" (none) or "same" (zeros around, so that size / strides outputs result). Default "valid".
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1 or (height, width). Gaps between the kernel's entries; with strides of 1 only. Default (1, 1).
        groups: int >= 1. Parts that the channels are split into, each convolved alone. Default 1.
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`, floating dtype.
    Output shape:
        `(batch, new_height, new_width, filters)`; new size = ceil(size / strides) for "same",
        ceil((size - (kernel_size - 1) * dilation_rate) / strides) for "valid".
    Weights:
        kernel `(*kernel_size, channels // groups, filters)`, glorot_uniform; bias `(filters,)`, zeros.
    Raises:
        ValueError: a size is not an integer >= 1, `filters` is not divisible by `groups`, or both `strides` and
            `dilation_rate` are greater than 1 (at construction).
        ShapeError: inputs of another rank than 4, unknown channels, or a kernel larger than the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Conv2D(1, 2, kernel_initializer="ones")
        >>> layer(np.ones((1, 3, 3, 1)))[0, :, :, 0].tolist()
        [[4.0, 4.0], [4.0, 4.0]]
    """

    rank = 2

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(locals())


@register("layer", "Convolution3D")
class Conv3D(_Conv):
    """Convolves volumes with kernels that are learned.

    As `Conv2D` with one more axis.

    Args:
        filters: int >= 1. Number of output channels.
        kernel_size: int >= 1 or (depth, height, width).
        strides: int >= 1 or (depth, height, width). Default (1, 1, 1).
        padding: "valid" or "same". Default "valid".
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1 or (depth, height, width); with strides of 1 only. Default (1, 1, 1).
        groups: int >= 1. Parts that the channels are split into, each convolved alone. Default 1.
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)`, floating dtype.
    Output shape:
        `(batch, new_depth, new_height, new_width, filters)`, sizes as for `Conv2D`.
    Weights:
        kernel `(*kernel_size, channels // groups, filters)`, glorot_uniform; bias `(filters,)`, zeros.
    Raises:
        ValueError: a size is not an integer >= 1, `filters` is not divisible by `groups`, or both `strides` and
            `dilation_rate` are greater than 1 (at construction).
        ShapeError: inputs of another rank than 5, unknown channels, or a kernel larger than the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Conv3D(4, 2)(np.ones((1, 3, 3, 3, 1))).shape
        (1, 2, 2, 2, 4)
    """

    rank = 3

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1, 1),
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(locals())
