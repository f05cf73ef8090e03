"""Layers around other layers, and two that only pass on: `Identity` and `Masking`.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.TimeDistributed(keras.layers.Dense(2))(np.ones((4, 5, 3))).shape
(4, 5, 2)
"""

from __future__ import annotations

from hornpipe import ops
from hornpipe.core.config import register
from hornpipe.core.dialect import module_getattr
from hornpipe.core.errors import message
from hornpipe.core.layer import InputSpec, Layer
from hornpipe.core.scope import autocast
from hornpipe.layers._support import (
    build_inner,
    check_number,
    check_rank,
    positive_int,
    shape_error,
)

__getattr__ = module_getattr(__name__, ("TimeDistributed", "Wrapper"))


@register("layer")
class Identity(Layer):
    """Passes its inputs through.

    Args:
        kwargs: the arguments of `Layer`.
    Input shape:
        Any.
    Output shape:
        The same.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.Identity()(np.ones((1, 2))).tolist()
        [[1.0, 1.0]]
    """

    supports_masking = True
    row_independent = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def call(self, inputs):
        return inputs


@register("layer")
class Masking(Layer):
    """Masks the steps of sequences whose features all equal a value, and sets them to zero.

    mask[b, t] = any(inputs[b, t, :] != mask_value); outputs = inputs where the mask is True, 0 elsewhere.

    Args:
        mask_value: number. Default 0.
    Input shape:
        `(batch, steps, features)` or any rank >= 2.
    Output shape:
        The same; its mask has the shape without the last axis.
    Raises:
        ValueError: `mask_value` is not a number (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Masking(-1.0)
        >>> layer.compute_mask(np.array([[[-1.0, -1.0], [2.0, -1.0]]])).tolist()
        [[False, True]]
    """

    supports_masking = True
    row_independent = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = check_number(self, "mask_value", mask_value)
        self.input_spec = InputSpec(min_ndim=2)

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        keep = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.multiply(inputs, ops.cast(keep, ops.dtype(inputs)))


@register("layer")
class Wrapper(Layer):
    """Base of layers around one other layer, `layer`.

    Args:
        layer: a layer.
    Raises:
        ValueError: `layer` is no layer (at construction).

    Example:
        >>> import hornpipe as keras
        >>> class Twice(keras.layers.Wrapper):
        ...     def call(self, inputs):
        ...         return 2 * self.layer(inputs)
        >>> Twice(keras.layers.Dense(3))(keras.ops.ones((1, 2))).shape == (1, 3)
        True
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            fix = "Pass an object such as keras.layers.Dense(3)."
            raise ValueError(message(self.who, "`layer` must be a layer", f"layer={layer!r}", fix))
        self.layer = layer

    def build(self, input_shape=None):
        if input_shape is not None:
            build_inner(self.layer, input_shape)
        self.built = True

    def call(self, *args, **kwargs):
        return self.layer(*args, **kwargs)


@register("layer")
class TimeDistributed(Wrapper):
    """Applies a layer to every step of its inputs, with the same weights.

    outputs[:, t] = layer(inputs[:, t])

    Args:
        layer: a layer.
    Input shape:
        `(batch, steps, ...)`, rank >= 3.
    Output shape:
        `(batch, steps, ...)`, behind the steps what the layer gives.
    Weights:
        Those of the layer.
    Raises:
        ValueError: `layer` is no layer (at construction).
        ShapeError: inputs of rank < 3, or no steps.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> keras.layers.TimeDistributed(keras.layers.Flatten())(np.ones((2, 5, 3, 4))).shape
        (2, 5, 12)
    """

    supports_masking = True

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.row_independent = bool(layer.row_independent) and self.activity_regularizer is None
        self.input_spec = InputSpec(min_ndim=3)

    def build(self, input_shape):
        shape = check_rank(self, input_shape, least=3)
        build_inner(self.layer, (shape[0], *shape[2:]))
        self.built = True

    def call(self, inputs, training=None, mask=None):
        batch, steps = inputs.shape[:2]
        if steps == 0:
            raise shape_error(self, "needs at least one step", tuple(inputs.shape))
        options = {"training": training} if "training" in self.layer._call_names else {}
        if mask is not None and "mask" not in self.layer._call_names:
            mask = None
        if None in inputs.shape:
            return self._infer_steps(inputs, mask, options)
        if not self.layer.row_independent or mask is not None:
            return self._step_by_step(inputs, mask, options)
        outputs = self.layer(ops.reshape(inputs, (batch * steps, *inputs.shape[2:])), **options)
        return ops.reshape(outputs, (batch, steps, *outputs.shape[1:]))

    def _step_by_step(self, inputs, mask, options):
        """Call a layer whose rows depend on each other, or that takes a mask, once for each step."""
        outputs = []
        for step in range(inputs.shape[1]):
            own = {} if mask is None else {"mask": mask[:, step]}
            outputs.append(self.layer(inputs[:, step], **options, **own))
        return ops.stack(outputs, axis=1)

    def _infer_steps(self, inputs, mask, options):
        """Call the layer on one step of symbolic inputs with unknown sizes: all steps have its shape."""
        own = {} if mask is None else {"mask": mask[:, 0]}
        one = self.layer(inputs[:, 0], **options, **own)
        return ops.broadcast_to(
            ops.expand_dims(one, 1), (one.shape[0], inputs.shape[1], *one.shape[1:])
        )


# ---- spectral normalisation


@register("layer")
class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value while training.

    Per training step, with W the kernel as a matrix `(..., outputs)`, `power_iterations` times: v = unit(u W^T), u = unit(v W);
    then kernel = kernel / (v W u^T), with unit(x) = x / sqrt(max(sum(x^2), 1e-12)).

    Args:
        layer: a layer with a `kernel` (or `embeddings`), whose last axis is that of the outputs.
        power_iterations: int >= 1. Default 1.
    Input shape:
        That of the layer.
    Output shape:
        That of the layer.
    Weights:
        Those of the layer, and vector_u `(1, outputs)`, a random normal vector, not trained.
    Raises:
        ValueError: `layer` has no kernel (at build), or `power_iterations` is not an integer >= 1 (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.SpectralNormalization(keras.layers.Dense(2))
        >>> layer(np.ones((1, 3)), training=True).shape
        (1, 2)

    References:
        Miyato, Kataoka, Koyama and Yoshida (2018), Spectral normalization for generative adversarial networks, arXiv:1802.05957,
        algorithm 1. The kernel itself is replaced, as Keras does, so that the saved weights are normalised.
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        self.power_iterations = positive_int(self, "power_iterations", power_iterations)
        self.row_independent = bool(layer.row_independent) and self.activity_regularizer is None

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel = getattr(self.layer, "kernel", None)
        if self.kernel is None:
            self.kernel = getattr(self.layer, "embeddings", None)
        if self.kernel is None:
            fix = "Wrap for example a Dense, Conv2D or Embedding layer."
            raise ValueError(
                message(
                    self.who, "`layer` must have a `kernel` or `embeddings`", repr(self.layer), fix
                )
            )
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, self.kernel.shape[-1]),
            initializer={"class_name": "TruncatedNormal", "config": {"stddev": 0.02}},
            trainable=False,
        )
        self.built = True

    def call(self, inputs, training=False):
        if training:
            self._normalize()
        options = {"training": training} if "training" in self.layer._call_names else {}
        return self.layer(inputs, **options)

    def _normalize(self):
        """Divide the kernel by its largest singular value, found by power iteration."""
        with autocast(None):  # the kernel itself is replaced: not its 16-bit copy
            kernel = ops.convert_to_tensor(self.kernel)
            u = ops.convert_to_tensor(self.vector_u)
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(matrix)))
            u = _unit(ops.matmul(v, matrix))
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        self.vector_u.assign(u)
        self.kernel.assign(ops.divide(kernel, ops.reshape(sigma, ())))


def _unit(vector):
    return ops.multiply(vector, ops.rsqrt(ops.maximum(ops.sum(ops.square(vector)), 1e-12)))
