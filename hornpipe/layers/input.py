"""Where a model's data come in.

>>> import hornpipe as keras
>>> x = keras.Input((28, 28, 1), name="image")
>>> x.shape, x.dtype
((None, 28, 28, 1), 'float32')
"""

from __future__ import annotations

import numpy as np

from hornpipe.core import graph, settings
from hornpipe.core.config import register
from hornpipe.core.dialect import spoken
from hornpipe.core.dtypes import standardize_dtype
from hornpipe.core.errors import message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.layers._support import positive_int


@register("layer")
class InputLayer(Layer):
    """Holds the place of one input of a model: a shape and a dtype.

    Args:
        shape: tuple of ints >= 0 and None (unknown), without the batch axis.
        batch_size: int >= 1 or None (unknown).
        dtype: dtype name. Default `floatx`.
        sparse, ragged: None or False; such tensors do not exist here.
        batch_shape: tuple with the batch axis, instead of `shape` and `batch_size`.
        input_tensor: a symbolic tensor that stands for the input itself, instead of a shape.
        optional: bool. Whether the input may be None when the model is called.
        name: str or None.
    Input shape:
        `batch_shape`.
    Output shape:
        The same.
    Raises:
        ValueError: neither or both of `shape` and `batch_shape` are given, a size is negative, or `sparse` or `ragged` is True.

    Example:
        >>> import hornpipe as keras
        >>> keras.layers.InputLayer((3,), batch_size=8).output.shape
        (8, 3)
    """

    row_independent = True
    supports_masking = True

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        if input_tensor is not None and dtype is None:
            dtype = input_tensor.dtype
        dtype = (
            settings.floatx() if dtype is None else standardize_dtype(getattr(dtype, "name", dtype))
        )
        super().__init__(name=name, dtype=dtype, **kwargs)
        for option, value in (("sparse", sparse), ("ragged", ragged)):
            if value:
                rule = f"`{option}` must be False: hornpipe has dense tensors only"
                fix = (
                    "Pad sequences to one length and use a mask."
                    if option == "ragged"
                    else "Convert the data first."
                )
                raise ValueError(message(self.who, rule, f"{option}={value!r}", fix))
        self.sparse, self.ragged, self.optional = False, False, bool(optional)
        self.batch_shape = self._find_shape(shape, batch_size, batch_shape, input_tensor)
        self.batch_size = self.batch_shape[0] if self.batch_shape else None
        self.input_spec = InputSpec(shape=self.batch_shape, optional=self.optional)
        self.built = True
        if input_tensor is None:
            input_tensor = graph.KerasTensor(self.batch_shape, dtype, name=self.name)
        made_by = input_tensor.node, input_tensor.position
        graph.Node(self, (), {}, input_tensor)
        if made_by[0] is not None:  # a tensor inside another graph stays part of it
            input_tensor.node, input_tensor.position = made_by

    def _find_shape(self, shape, batch_size, batch_shape, input_tensor):
        if input_tensor is not None:
            if not isinstance(input_tensor, graph.KerasTensor):
                raise ValueError(
                    message(
                        self.who, "`input_tensor` must be a symbolic tensor", repr(input_tensor)
                    )
                )
            if batch_shape is None and shape is None:
                return tuple(input_tensor.shape)
        if self._first_shape is not None and shape is None and batch_shape is None:
            batch_shape = self._first_shape
        if (shape is None) == (batch_shape is None):
            received = f"shape={shape!r}, batch_shape={batch_shape!r}"
            fix = "Write for example keras.Input(shape=(28, 28, 1)); the batch axis is added."
            raise ValueError(
                message(self.who, "needs either `shape` or `batch_shape`", received, fix)
            )
        if batch_shape is None:
            if batch_size is not None:
                positive_int(self, "batch_size", batch_size)
            batch_shape = (batch_size, *_sizes(self, "shape", shape))
        return _sizes(self, "batch_shape", batch_shape)

    def call(self, inputs):
        return inputs

    def get_config(self) -> dict:
        """Return what makes the same input again."""
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self.dtype_policy.name,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def _sizes(layer, name, value) -> tuple:
    """Return a shape as a tuple.

    Raises:
        ValueError: an entry is neither None nor an integer >= 0.
    """
    fix = "Write for example shape=(10,), with the comma."
    if not isinstance(value, (tuple, list)):
        raise ValueError(
            message(layer.who, f"`{name}` must be a tuple of sizes", f"{name}={value!r}", fix)
        )
    for size in value:
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if size is not None and (not whole or size < 0):
            rule = f"`{name}` must hold integers >= 0 and None"
            raise ValueError(message(layer.who, rule, f"{name}={tuple(value)!r}"))
    return tuple(None if size is None else int(size) for size in value)


@spoken("Input")
def Input(  # noqa: N802 - its name in Keras
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """Make a symbolic tensor that stands for one input of a model.

    Args:
        shape: tuple of ints >= 0 and None (unknown), without the batch axis.
        batch_size: int >= 1 or None (unknown).
        dtype: dtype name. Default `floatx`.
        sparse, ragged: None or False; such tensors do not exist here.
        batch_shape: tuple with the batch axis, instead of `shape` and `batch_size`.
        name: str or None.
        tensor: a symbolic tensor to use as the input, instead of a shape.
        optional: bool. Whether the input may be None when the model is called.
    Returns:
        A `KerasTensor` of shape `(batch, *shape)`.
    Raises:
        ValueError: as `InputLayer`.

    Example:
        >>> import hornpipe as keras
        >>> x = keras.Input((3,))
        >>> keras.layers.Dense(2)(x).shape
        (None, 2)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer.output
