"""Fully connected layers.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Dense(3, activation="relu")(np.ones((2, 5))).shape
(2, 3)
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register, resolve
from hornpipe.core.errors import message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.layers._support import (
    check_rank,
    find_activation,
    keeps_rows_apart,
    known_size,
    positive_int,
    refuse,
    shape_error,
)

_NO_VARIANTS = "Low-rank and quantised variants are not part of this layer; leave it out."


@register("layer")
class Dense(Layer):
    """Multiplies the last axis of its inputs by a matrix, adds a bias and applies an activation.

    outputs = activation(inputs @ kernel + bias)

    Args:
        units: int >= 1. Size of the last output axis.
        activation: name, function or layer; None for none.
        use_bias: bool. Default True.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
        lora_rank, lora_alpha, quantization_config: must be None.
    Input shape:
        `(batch, ..., features)`, rank >= 2, floating dtype.
    Output shape:
        `(batch, ..., units)`.
    Weights:
        kernel `(features, units)`, glorot_uniform; bias `(units,)`, zeros.
    Raises:
        ValueError: `units` is not an integer >= 1 (at construction).
        ShapeError: inputs of rank < 2, or an unknown last axis (at build).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Dense(2, kernel_initializer="ones")
        >>> layer(np.ones((1, 3))).tolist()
        [[3.0, 3.0]]
    """

    supports_masking = True
    row_independent = True

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        fix = "Pass the size of the last output axis, for example units=10."
        self.units = positive_int(self, "units", units, fix)
        refuse(
            self,
            _NO_VARIANTS,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        self.activation = find_activation(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = resolve("initializer", kernel_initializer)
        self.bias_initializer = resolve("initializer", bias_initializer)
        self.kernel_regularizer = resolve("regularizer", kernel_regularizer)
        self.bias_regularizer = resolve("regularizer", bias_regularizer)
        self.kernel_constraint = resolve("constraint", kernel_constraint)
        self.bias_constraint = resolve("constraint", bias_constraint)
        if not keeps_rows_apart(self.activation):
            self.row_independent = False
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        if len(check_rank(self, input_shape)) < 2:
            fix = "The first axis is the batch: add it, for example x[None] for a single example."
            raise shape_error(self, "needs inputs with at least 2 axes", input_shape, fix)
        size = known_size(self, input_shape, -1, "last axis")
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: size})
        self.built = True

    def call(self, inputs):
        outputs = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)


@register("layer")
class EinsumDense(Layer):
    """Multiplies its inputs by a kernel along axes that an einsum equation names.

    outputs = activation(einsum(equation, inputs, kernel) + bias)

    Args:
        equation: str of the form "ab,bc->ac": axes of the inputs, of the kernel, of the outputs. "..." may stand for leading
            or trailing axes of inputs and outputs.
        output_shape: int or tuple of ints and None, without the batch axis; None takes the size from the inputs.
        activation: name, function or layer; None for none.
        bias_axes: str with the output's letters that the bias has; None for no bias.
        kernel_initializer, bias_initializer: name or object.
        kernel_regularizer, bias_regularizer, activity_regularizer: name, object or None.
        kernel_constraint, bias_constraint: name, object or None.
        lora_rank, lora_alpha, gptq_unpacked_column_size, quantization_config: must be None.
    Input shape:
        As the equation says; the kernel's sizes must be known.
    Output shape:
        As the equation says.
    Weights:
        kernel with the kernel's axes, glorot_uniform; bias with the axes `bias_axes`, sizes of 1 after the first, zeros.
    Raises:
        ValueError: the equation does not parse, or `bias_axes` names an axis that is not in the output (at construction).
        ShapeError: inputs of another rank, or a size that must be known is not (at build).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")
        >>> layer(np.ones((2, 3, 4))).shape
        (2, 3, 5)
    """

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        refuse(
            self,
            _NO_VARIANTS,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            gptq_unpacked_column_size=gptq_unpacked_column_size,
            quantization_config=quantization_config,
        )
        self.equation, self.bias_axes = equation, bias_axes
        self._letters = _parse(self, equation)
        self.partial_output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        )
        outgoing = self._letters[2]
        for letter in bias_axes or "":
            if letter not in outgoing:
                rule = f"`bias_axes` must name axes of the output {outgoing!r}"
                raise ValueError(message(self.who, rule, f"bias_axes={bias_axes!r}"))
        self.activation = find_activation(activation)
        self.kernel_initializer = resolve("initializer", kernel_initializer)
        self.bias_initializer = resolve("initializer", bias_initializer)
        self.kernel_regularizer = resolve("regularizer", kernel_regularizer)
        self.bias_regularizer = resolve("regularizer", bias_regularizer)
        self.kernel_constraint = resolve("constraint", kernel_constraint)
        self.bias_constraint = resolve("constraint", bias_constraint)
        incoming, kernel, outgoing = self._letters
        same_first = incoming[:1] == outgoing[:1] and incoming[:1] not in kernel
        self.row_independent = (
            same_first and keeps_rows_apart(self.activation) and self.activity_regularizer is None
        )

    def build(self, input_shape):
        shape = check_rank(self, input_shape)
        self._explicit, kernel_shape, bias_shape = self._plan(shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=kernel_shape,
            initializer=self._fitted_initializer(),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if bias_shape is not None:
            self.bias = self.add_weight(
                name="bias",
                shape=bias_shape,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(ndim=len(shape))
        self.built = True

    def _fitted_initializer(self):
        """Return the kernel's initializer, told which axes of the kernel are summed over and which are made."""
        initializer = self.kernel_initializer
        if getattr(initializer, "input_axes", 0) is not None:
            return initializer
        _, kernel, outgoing = self._letters
        inputs = [axis for axis, letter in enumerate(kernel) if letter not in outgoing]
        outputs = [axis for axis, letter in enumerate(kernel) if letter in outgoing]
        if not inputs or not outputs:
            return initializer
        config = {**initializer.get_config(), "input_axes": inputs, "output_axes": outputs}
        return type(initializer).from_config(config)

    def _plan(self, shape):
        """Return the equation without "...", the kernel's shape and the bias's, for inputs of `shape`."""
        incoming, kernel, outgoing = self._letters
        named = incoming.replace("...", "")
        hidden = len(shape) - len(named)
        if hidden < 0 or (hidden and "..." not in incoming):
            raise shape_error(
                self, f"the equation {self.equation!r} needs inputs with {len(named)} axes", shape
            )
        free = [
            letter
            for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
            if letter not in self.equation
        ]
        dots = "".join(free[:hidden])
        incoming, outgoing = incoming.replace("...", dots), outgoing.replace("...", dots)
        sizes = dict(zip(incoming, shape, strict=True))
        produced = self._produced(outgoing, dots, sizes)

        def size_of(letter):
            size = sizes.get(letter)
            size = produced.get(letter) if size is None else size
            if size is None:
                fix = "Name it in `output_shape`, or give it in keras.Input(shape=...)."
                raise shape_error(
                    self,
                    f"the size of axis {letter!r} of {self.equation!r} must be known",
                    shape,
                    fix,
                )
            return size

        bias_shape = None
        if self.bias_axes:
            first = min(outgoing.index(letter) for letter in self.bias_axes)
            bias_shape = tuple(
                size_of(letter) if letter in self.bias_axes else 1 for letter in outgoing[first:]
            )
        return (
            f"{incoming},{kernel}->{outgoing}",
            tuple(size_of(letter) for letter in kernel),
            bias_shape,
        )

    def _produced(self, outgoing, dots, sizes) -> dict:
        """Return letter -> size of the output's axes; `output_shape` counts from the side away from "..."."""
        given = self.partial_output_shape
        at_start = self._letters[2].startswith("...")
        if at_start:
            letters = outgoing[-len(given) :] if given else ""
            produced = dict(zip(letters, given[-len(outgoing) :], strict=True))
        else:
            produced = dict(zip(outgoing[1:], given, strict=False))
        if not at_start and not dots and len(given) != len(outgoing) - 1:
            rule = f"`output_shape` needs {len(outgoing) - 1} sizes for the output {outgoing!r}, the batch left out"
            raise ValueError(message(self.who, rule, f"output_shape={given}"))
        for letter, size in produced.items():
            if None not in (size, sizes.get(letter)) and size != sizes[letter]:
                rule = f"`output_shape` says {size} for axis {letter!r}, the inputs have {sizes[letter]}"
                raise ValueError(message(self.who, rule, f"output_shape={given}"))
        return produced

    def call(self, inputs):
        outputs = ops.einsum(self._explicit, inputs, self.kernel)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)


def _parse(layer, equation) -> tuple[str, str, str]:
    """Return the axes of inputs, kernel and outputs.

    Raises:
        ValueError: the equation is not of the form "ab,bc->ac".
    """
    rule = '`equation` must have the form "ab,bc->ac"'
    if not isinstance(equation, str):
        raise ValueError(message(layer.who, rule, f"equation={equation!r}"))
    left, arrow, outgoing = equation.replace(" ", "").partition("->")
    incoming, comma, kernel = left.partition(",")
    sound = bool(arrow and comma) and ("..." in incoming) == ("..." in outgoing)
    for part in (incoming, kernel, outgoing):
        letters = part.replace("...", "", 1)
        sound = sound and (not letters or (letters.isalpha() and letters.isascii()))
        sound = sound and len(set(letters)) == len(letters)
    sound = sound and bool(kernel) and "." not in kernel
    if not sound:
        raise ValueError(message(layer.who, rule, f"equation={equation!r}"))
    for letter in outgoing.replace("...", ""):
        if letter not in incoming and letter not in kernel:
            rule = f"`equation`: axis {letter!r} of the output is neither in the inputs nor in the kernel"
            raise ValueError(message(layer.who, rule, f"equation={equation!r}"))
    return incoming, kernel, outgoing
