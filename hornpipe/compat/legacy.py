"""Classes and functions of 2016 that are written another way today, made of today's parts.

>>> import hornpipe as keras
>>> a, b = keras.Input((3,)), keras.Input((3,))
>>> keras.layers.merge([a, b], mode="concat").shape
(None, 6)
"""

from __future__ import annotations

import numpy as np

from hornpipe import layers, ops
from hornpipe.compat import convert, keras1
from hornpipe.core.config import register_keras_serializable
from hornpipe.core.errors import message
from hornpipe.core.layer import Layer
from hornpipe.models import Model
from hornpipe.regularizers import L1, L1L2, L2

# ---- layers whose window is given as single numbers


class _Sizes(type(Layer)):
    """Makes objects of today's class: three numbers by position are filters, rows and columns."""

    def __call__(cls, *args, **kwargs):
        today = cls.__mro__[1]
        names = keras1.CALLS[today.__name__].signature.split()
        window = keras1.CALLS[today.__name__].signature.count("kernel_dim") or 2
        sizes = args[1 : window + 1]
        if len(sizes) == window and all(isinstance(size, int) for size in sizes):
            kwargs = {**dict(zip(names, args, strict=False)), **kwargs}
            args = ()
        return today(*args, **kwargs)

    def __instancecheck__(cls, item):
        return isinstance(item, cls.__mro__[1])


class Convolution2D(layers.Conv2D, metaclass=_Sizes):
    """Make a `Conv2D`: `Convolution2D(32, 3, 3)` has 32 filters with a window of 3 rows and 3 columns.

    With a tuple, as in `Convolution2D(32, (3, 3))`, it is `Conv2D` under its other name.

    Example:
        >>> import hornpipe as keras
        >>> keras.layers.Convolution2D(32, 3, 5).kernel_size
        (3, 5)
    """


class Convolution3D(layers.Conv3D, metaclass=_Sizes):
    """Make a `Conv3D`: `Convolution3D(8, 3, 3, 3)` has 8 filters with a window of 3 x 3 x 3."""


class SeparableConvolution2D(layers.SeparableConv2D, metaclass=_Sizes):
    """Make a `SeparableConv2D`: `SeparableConvolution2D(8, 3, 3)` has 8 filters with a window of 3 x 3."""


class Deconvolution2D(layers.Conv2DTranspose, metaclass=_Sizes):
    """Make a `Conv2DTranspose`: `Deconvolution2D(8, 3, 3)` has 8 filters with a window of 3 x 3."""


# ---- merging

_MODES = {
    "sum": layers.Add,
    "mul": layers.Multiply,
    "ave": layers.Average,
    "max": layers.Maximum,
    "concat": layers.Concatenate,
    "dot": layers.Dot,
    "cos": layers.Dot,
}


def _layer_for(mode, ranks, concat_axis, dot_axes, output_shape, arguments, name):
    """Return the layer of today that does what a mode did.

    Raises:
        ValueError: the mode is unknown.
    """
    if callable(mode):
        return layers.Lambda(
            mode, output_shape=output_shape, arguments=arguments or None, name=name
        )
    if mode not in _MODES:
        fix = f"Use one of {', '.join(_MODES)}, or a function; today: keras.layers.Lambda(function) on a list of tensors."
        raise ValueError(message("merge", "`mode` is unknown", f"mode={mode!r}", fix))
    if mode == "concat":
        return layers.Concatenate(axis=concat_axis, name=name)
    if mode in ("dot", "cos"):
        return layers.Dot(_dot_axes(dot_axes, ranks), normalize=mode == "cos", name=name)
    return _MODES[mode](name=name)


def _dot_axes(axes, ranks) -> tuple:
    """Return the axes of both tensors: in 2016 a positive number was counted from the end, a pair was not."""
    if isinstance(axes, int):
        return tuple(axes % rank if axes < 0 else rank - axes for rank in ranks)
    return tuple(int(np.ravel(axis)[0]) for axis in axes)


def merge(
    inputs,
    mode="sum",
    concat_axis=-1,
    dot_axes=-1,
    output_shape=None,
    output_mask=None,
    arguments=None,
    name=None,
):
    """Join tensors in one of the ways of 2016.

    Args:
        inputs: list of two or more tensors.
        mode: "sum", "mul", "ave", "max", "concat", "dot", "cos", or a function of the list.
        concat_axis: int. Axis for "concat".
        dot_axes: int or a pair. Axes for "dot" and "cos"; one positive number counts from the end.
        output_shape: for a function, see `Lambda`.
        output_mask: must be None.
        arguments: dict of further arguments for a function.
        name: str.

    Raises:
        ValueError: the mode is unknown, there are fewer than two tensors, or `output_mask` is given.

    Example:
        >>> import hornpipe as keras
        >>> a, b = keras.Input((3,)), keras.Input((3,))
        >>> keras.layers.merge([a, b], mode="dot").shape
        (None, 1)
    """
    if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
        raise ValueError(
            message("merge", "`inputs` must be a list of two or more tensors", repr(inputs))
        )
    if output_mask is not None:
        raise ValueError(
            message(
                "merge",
                "`output_mask` is gone",
                repr(output_mask),
                "Today: keras.layers.Lambda(function, mask=...).",
            )
        )
    ranks = [len(x.shape) for x in inputs]
    outputs = _layer_for(mode, ranks, concat_axis, dot_axes, output_shape, arguments, name)(inputs)
    if mode == "cos":
        outputs = layers.Reshape((1, *(size or -1 for size in outputs.shape[1:])))(outputs)
    return outputs


class Merge:
    """Make what joined tensors, or models, in 2016.

    Called on tensors (or made with none) it is a layer; made with models or layers it is a model whose inputs are theirs, which
    can be the first part of a `Sequential`.

    Args:
        layers: list of models or called layers, or None.
        mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name: as `merge`.

    Raises:
        ValueError: as `merge`; or a model of the list has no known input shape.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> left = keras.Sequential([keras.layers.Dense(4, input_dim=2)])
        >>> right = keras.Sequential([keras.layers.Dense(4, input_dim=3)])
        >>> model = keras.Sequential()
        >>> model.add(keras.layers.Merge([left, right], mode="sum"))
        >>> model.add(keras.layers.Dense(1))
        >>> model.predict([np.ones((5, 2)), np.ones((5, 3))], verbose=0).shape
        (5, 1)
    """

    def __new__(
        cls,
        layers=None,
        mode="sum",
        concat_axis=-1,
        dot_axes=-1,
        output_shape=None,
        output_mask=None,
        arguments=None,
        name=None,
        **kwargs,
    ):
        for gone in ("node_indices", "tensor_indices"):
            kwargs.pop(gone, None)
        if kwargs:
            raise TypeError(message("Merge", "got an unknown argument", next(iter(kwargs))))
        if not layers:
            return _MergeLayer(
                mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name=name
            )
        tensors = []
        for layer in layers:
            try:
                tensors.append(layer.output)
            except ValueError as error:
                fix = "Give its first layer input_shape=..., or start it with keras.Input(shape)."
                raise ValueError(
                    message(
                        "Merge", f"the input shape of {layer.name!r} must be known", str(error), fix
                    )
                ) from None
        inputs = [tensor for layer in layers for tensor in _inputs_of(layer)]
        inputs = list({id(tensor): tensor for tensor in inputs}.values())
        outputs = merge(tensors, mode, concat_axis, dot_axes, output_shape, output_mask, arguments)
        made = Model(inputs, outputs, name=name)
        made.__dict__["starts_sequential"] = True
        return made


def _inputs_of(layer):
    if getattr(layer, "inputs", None) is not None:
        return layer.inputs
    return layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]


class _MergeLayer(Layer):
    """`Merge` without models: waits for the tensors."""

    def __init__(
        self, mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name=None
    ):
        super().__init__(name=name)
        self._options = (mode, concat_axis, dot_axes, output_shape, output_mask, arguments)

    def call(self, inputs):
        mode, *options = self._options
        return merge(inputs, mode, *options)


def TimeDistributedDense(output_dim, *args, **kwargs):  # noqa: N802 - the name of a class
    """Make a `TimeDistributed(Dense(...))`; a `Dense` alone does the same on sequences today."""
    outside = {
        name: kwargs.pop(name)
        for name in ("input_shape", "batch_input_shape", "name")
        if name in kwargs
    }
    length, size = kwargs.pop("input_length", None), kwargs.pop("input_dim", None)
    if size is not None:
        outside["input_shape"] = (length, size)
    return layers.TimeDistributed(layers.Dense(output_dim, *args, **kwargs), **outside)


def ThresholdedReLU(theta=1.0, **kwargs):  # noqa: N802 - the name of a class
    """Make a `ReLU(threshold=theta)`."""
    return layers.ReLU(threshold=theta, **kwargs)


# ---- regularizers, losses, labels


def l1l2(l1=0.01, l2=0.01):
    """Return an `L1L2` with the default factors of 2016."""
    return L1L2(l1=l1, l2=l2)


def regularizer(l1=0.0, l2=0.0):
    """Return the regularizer of today for the factors of `WeightRegularizer` and `ActivityRegularizer`."""
    return L1L2(l1=l1, l2=l2) if l1 and l2 else L1(l1) if l1 else L2(l2)


@register_keras_serializable("keras1")
def cosine_proximity(y_true, y_pred):
    """Compute minus the mean over the last axis of the product of both vectors at unit length, as Keras 1 did.

    Today's `cosine_similarity` is a sum instead of a mean.
    """
    y_true, y_pred = ops.normalize(y_true, axis=-1), ops.normalize(y_pred, axis=-1)
    return -ops.mean(y_true * y_pred, axis=-1)


def plot(model, to_file="model.png", show_shapes=False, show_layer_names=True):
    """Draw a model into a file, with the defaults of `keras.utils.visualize_util.plot`; see `utils.plot_model`."""
    from hornpipe.utils import plot_model

    return plot_model(model, to_file, show_shapes=show_shapes, show_layer_names=show_layer_names)


def probas_to_classes(y_pred):
    """Return class numbers for probabilities: the largest of several columns, or whether one column exceeds 0.5."""
    y_pred = np.asarray(y_pred)
    if y_pred.ndim > 1 and y_pred.shape[1] > 1:
        return y_pred.argmax(axis=1)
    return (y_pred > 0.5).astype("int").reshape(-1)


def categorical_probas_to_classes(p):
    """Return the number of the largest entry of each row."""
    return np.argmax(p, axis=1)


ordering_name = convert.ordering_name
