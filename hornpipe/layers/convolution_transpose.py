"""Transposed convolutions: the way back of a convolution, from few places to many.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Conv2DTranspose(8, 3, strides=2)(np.ones((1, 4, 4, 3))).shape
(1, 9, 9, 8)
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.core.errors import message
from hornpipe.layers._support import add_part
from hornpipe.layers.convolution import Convolution
from hornpipe.ops._common import int_tuple


class _Transposed(Convolution):
    """Base of the three; they differ in `rank` only."""

    def _set(self, given):
        super()._set(given)
        padding = given["output_padding"]
        self.output_padding = None
        if padding is not None:
            self.output_padding = int_tuple(self.who, "output_padding", padding, self.rank, least=0)
            if any(
                each >= stride
                for each, stride in zip(self.output_padding, self.strides, strict=True)
            ):
                rule = "`output_padding` must be smaller than `strides`"
                received = f"output_padding={self.output_padding}, strides={self.strides}"
                raise ValueError(message(self.who, rule, received))

    def build(self, input_shape):
        channels = self._start_build(input_shape)
        self.kernel = add_part(self, "kernel", (*self.kernel_size, self.filters, channels))
        self.bias = add_part(self, "bias", (self.filters,)) if self.use_bias else None
        self.built = True

    def call(self, inputs):
        outputs = ops.conv_transpose(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self._finish_outputs(outputs)


@register("layer", "Convolution1DTranspose")
class Conv1DTranspose(_Transposed):
    """Spreads each entry of sequences over the places that a convolution would gather it from.

    It is the gradient of `Conv1D` with respect to its inputs, with the kernel's last two axes in the order filters, channels.

    Args:
        filters: int >= 1. Number of output channels.
        kernel_size: int >= 1.
        strides: int >= 1. Default 1.
        padding: "valid" or "same" (size * strides places result). Default "valid".
        output_padding: int >= 0, smaller than `strides`: places added behind; None for the rule below.
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1; with strides of 1 only. Default 1.
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)`, floating dtype.
    Output shape:
        `(batch, new_steps, filters)`; new size = size * strides for "same",
        size * strides + max(kernel_size - strides, 0) for "valid" (without dilation and `output_padding`).
    Weights:
        kernel `(kernel_size, filters, channels)`, glorot_uniform; bias `(filters,)`, zeros.
    Raises:
        ValueError: an argument is out of its range, or both `strides` and `dilation_rate` are greater than 1 (at construction).
        ShapeError: inputs of another rank than 3, or unknown channels.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Conv1DTranspose(4, 2, strides=2)(np.ones((1, 4, 3))).shape
        (1, 8, 4)

    References:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, arXiv:1603.07285, chapter 4.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
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


@register("layer", "Convolution2DTranspose")
class Conv2DTranspose(_Transposed):
    """Spreads each entry of images over the places that a convolution would gather it from.

    It is the gradient of `Conv2D` with respect to its inputs, with the kernel's last two axes in the order filters, channels.

    Args:
        filters: int >= 1. Number of output channels.
        kernel_size: int >= 1 or (height, width).
        strides: int >= 1 or (height, width). Default (1, 1).
        padding: "valid" or "same" (size * strides places result). Default "valid".
        output_padding: int >= 0 or (height, width), smaller than `strides`: places added behind; None for the rule below.
        data_format: "channels_last" or "channels_first". Default: the setting.
        dilation_rate: int >= 1 or (height, width); with strides of 1 only. Default (1, 1).
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)`, floating dtype.
    Output shape:
        `(batch, new_height, new_width, filters)`; new size = size * strides for "same",
        size * strides + max(kernel_size - strides, 0) for "valid" (without dilation and `output_padding`).
    Weights:
        kernel `(*kernel_size, filters, channels)`, glorot_uniform; bias `(filters,)`, zeros.
    Raises:
        ValueError: an argument is out of its range, or both `strides` and `dilation_rate` are greater than 1 (at construction).
        ShapeError: inputs of another rank than 4, or unknown channels.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Conv2DTranspose(4, 2, strides=2)(np.ones((1, 4, 4, 3))).shape
        (1, 8, 8, 4)

    References:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, arXiv:1603.07285, chapter 4.
    """

    rank = 2

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=(1, 1),
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


@register("layer", "Convolution3DTranspose")
class Conv3DTranspose(_Transposed):
    """Spreads each entry of volumes over the places that a convolution would gather it from.

    It is the gradient of `Conv3D` with respect to its inputs, with the kernel's last two axes in the order filters, channels.

    Args:
        filters: int >= 1. Number of output channels.
        kernel_size: int >= 1 or (depth, height, width).
        strides: int >= 1 or (depth, height, width). Default (1, 1, 1).
        padding: "valid" or "same" (size * strides places result). Default "valid".
        data_format: "channels_last" or "channels_first". Default: the setting.
        output_padding: int >= 0 or (depth, height, width), smaller than `strides`: places added behind; None for the rule below.
        dilation_rate: int >= 1 or (depth, height, width); with strides of 1 only. Default (1, 1, 1).
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
    Input shape:
        `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)`, floating dtype.
    Output shape:
        `(batch, new_depth, new_height, new_width, filters)`; new size = size * strides for "same",
        size * strides + max(kernel_size - strides, 0) for "valid" (without dilation and `output_padding`).
    Weights:
        kernel `(*kernel_size, filters, channels)`, glorot_uniform; bias `(filters,)`, zeros.
    Raises:
        ValueError: an argument is out of its range, or both `strides` and `dilation_rate` are greater than 1 (at construction).
        ShapeError: inputs of another rank than 5, or unknown channels.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Conv3DTranspose(4, 2, strides=2)(np.ones((1, 4, 4, 4, 3))).shape
        (1, 8, 8, 8, 4)

    References:
        Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, arXiv:1603.07285, chapter 4.
    """

    rank = 3

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        output_padding=None,
        dilation_rate=(1, 1, 1),
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
