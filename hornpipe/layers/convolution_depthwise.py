"""Convolutions that treat each channel alone, with or without mixing the channels afterwards.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.SeparableConv2D(8, 3)(np.ones((1, 6, 6, 3))).shape
(1, 4, 4, 8)
"""

from __future__ import annotations

from hornpipe import activations, ops
from hornpipe.core.config import register
from hornpipe.layers._support import add_part, positive_int
from hornpipe.layers.convolution import Convolution


class _Depthwise(Convolution):
    def _set(self, given):
        super()._set(given)
        self.depth_multiplier = positive_int(self, "depth_multiplier", given["depth_multiplier"])

    def build(self, input_shape):
        channels = self._start_build(input_shape)
        self.kernel = add_part(
            self, "kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise"
        )
        self.bias = (
            add_part(self, "bias", (channels * self.depth_multiplier,)) if self.use_bias else None
        )
        self.built = True

    def call(self, inputs):
        self._check_window(inputs)
        outputs = ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self._finish_outputs(outputs)


class _Separable(Convolution):
    def _set(self, given):
        super()._set(given)
        self.depth_multiplier = positive_int(self, "depth_multiplier", given["depth_multiplier"])

    def build(self, input_shape):
        channels = self._start_build(input_shape)
        middle = channels * self.depth_multiplier
        self.depthwise_kernel = add_part(
            self,
            "depthwise_kernel",
            (*self.kernel_size, channels, self.depth_multiplier),
            "depthwise",
        )
        pointwise = (*(1,) * self.rank, middle, self.filters)
        self.pointwise_kernel = add_part(self, "pointwise_kernel", pointwise, "pointwise")
        self.bias = add_part(self, "bias", (self.filters,)) if self.use_bias else None
        self.built = True

    def call(self, inputs):
        self._check_window(inputs)
        relu = self.activation is activations.relu
        outputs = ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
            bias=self.bias,
            relu=relu,
        )
        return outputs if relu else self.activation(outputs)


@register("layer")
class DepthwiseConv1D(_Depthwise):
    """Convolves each channel of sequences with kernels of its own.

    Args:
        kernel_size: int >= 1.
        strides: int >= 1. Default 1.
        padding: "valid", "same" or "causal". Default "valid".
        depth_multiplier: int >= 1. Kernels for each channel. Default 1.
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1; with strides of 1 only. Default 1.
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        depthwise_initializer, bias_initializer: name or object.
        depthwise_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        depthwise_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)`, floating dtype.
    Output shape:
        `(batch, new_steps, channels * depth_multiplier)`.
    Weights:
        kernel `(kernel_size, channels, depth_multiplier)`, glorot_uniform; bias `(channels * depth_multiplier,)`, zeros.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: inputs of another rank than 3, unknown channels, or a kernel larger than the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.DepthwiseConv1D(2, depth_multiplier=3)(np.ones((1, 5, 4))).shape
        (1, 4, 12)
    """

    _paddings = ("valid", "same", "causal")

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(locals())


@register("layer")
class DepthwiseConv2D(_Depthwise):
    """Convolves each channel of images with kernels of its own.

    Args:
        kernel_size: int >= 1 or (height, width).
        strides: int >= 1 or (height, width). Default (1, 1).
        padding: "valid" or "same". Default "valid".
        depth_multiplier: int >= 1. Kernels for each channel. Default 1.
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1 or (height, width); with strides of 1 only. Default (1, 1).
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        depthwise_initializer, bias_initializer: name or object.
        depthwise_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        depthwise_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`, floating dtype.
    Output shape:
        `(batch, new_height, new_width, channels * depth_multiplier)`.
    Weights:
        kernel `(*kernel_size, channels, depth_multiplier)`, glorot_uniform; bias `(channels * depth_multiplier,)`, zeros.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: inputs of another rank than 4, unknown channels, or a kernel larger than the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.DepthwiseConv2D(3)(np.ones((1, 5, 5, 4))).shape
        (1, 3, 3, 4)
    """

    rank = 2

    def __init__(
        self,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=(1, 1),
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(locals())


@register("layer", "SeparableConvolution1D")
class SeparableConv1D(_Separable):
    """Convolves each channel of sequences alone, then mixes the channels of each step.

    Args:
        filters: int >= 1. Number of output channels.
        kernel_size: int >= 1.
        strides: int >= 1. Default 1.
        padding: "valid", "same" or "causal". Default "valid".
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1; with strides of 1 only. Default 1.
        depth_multiplier: int >= 1. Kernels for each channel. Default 1.
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        depthwise_initializer, pointwise_initializer, bias_initializer: name or object.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        depthwise_constraint, pointwise_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)`, floating dtype.
    Output shape:
        `(batch, new_steps, filters)`.
    Weights:
        depthwise_kernel `(kernel_size, channels, depth_multiplier)` and pointwise_kernel
        `(1, channels * depth_multiplier, filters)`, glorot_uniform; bias `(filters,)`, zeros.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: inputs of another rank than 3, unknown channels, or a kernel larger than the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.SeparableConv1D(6, 2)(np.ones((1, 5, 4))).shape
        (1, 4, 6)
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
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(locals())


@register("layer", "SeparableConvolution2D")
class SeparableConv2D(_Separable):
    """Convolves each channel of images alone, then mixes the channels of each place.

    Args:
        filters: int >= 1. Number of output channels.
        kernel_size: int >= 1 or (height, width).
        strides: int >= 1 or (height, width). Default (1, 1).
        padding: "valid" or "same". Default "valid".
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1 or (height, width); with strides of 1 only. Default (1, 1).
        depth_multiplier: int >= 1. Kernels for each channel. Default 1.
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        depthwise_initializer, pointwise_initializer, bias_initializer: name or object.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        depthwise_constraint, pointwise_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`, floating dtype.
    Output shape:
        `(batch, new_height, new_width, filters)`.
    Weights:
        depthwise_kernel `(*kernel_size, channels, depth_multiplier)` and pointwise_kernel
        `(1, 1, channels * depth_multiplier, filters)`, glorot_uniform; bias `(filters,)`, zeros.
    Raises:
        ValueError: an argument is out of its range (at construction).
        ShapeError: inputs of another rank than 4, unknown channels, or a kernel larger than the inputs.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.SeparableConv2D(6, 2)(np.ones((1, 5, 5, 4))).shape
        (1, 4, 4, 6)
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
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(locals())
