"""Tables that turn integers into vectors.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Embedding(10, 4)(np.array([[1, 2, 3]])).shape
(1, 3, 4)
"""

from __future__ import annotations

import numpy as np

from hornpipe import ops
from hornpipe.core.config import register, resolve
from hornpipe.core.dtypes import is_integer
from hornpipe.core.layer import Layer
from hornpipe.layers._support import positive_int, refuse


@register("layer")
class Embedding(Layer):
    """Looks up a vector for every integer.

    outputs[..., :] = embeddings[inputs[...]]. Negative integers count from the table's end; those
    beyond either end take the row there.

    Args:
        input_dim: int >= 1. Number of rows of the table: the largest integer plus one.
        output_dim: int >= 1. Size of the vectors.
        embeddings_initializer: name or object. Default "uniform".
        embeddings_regularizer, embeddings_constraint: name, object or None.
        mask_zero: bool. Whether 0 stands for padding, which layers behind it then leave out. Default False.
        weights: array `(input_dim, output_dim)` with the first values, or a list with that array, or None.
        lora_rank, lora_alpha, quantization_config: must be None.
    Input shape:
        Any, integers; floats that hold whole numbers are accepted.
    Output shape:
        `(*input shape, output_dim)`.
    Weights:
        embeddings `(input_dim, output_dim)`, uniform in [-0.05, 0.05].
    Raises:
        ValueError: a size is not an integer >= 1 (at construction), or `weights` has another shape (at build).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Embedding(3, 2, weights=np.array([[0, 0], [1, 2], [3, 4]]))
        >>> layer(np.array([[2, 1]])).tolist()
        [[[3.0, 4.0], [1.0, 2.0]]]
    """

    row_independent = True

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.input_dim = positive_int(
            self, "input_dim", input_dim, "Pass the largest integer plus one."
        )
        self.output_dim = positive_int(
            self, "output_dim", output_dim, "Pass the size of the vectors."
        )
        fix = "Low-rank and quantised variants are not part of this layer; leave it out."
        refuse(
            self,
            fix,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        self.embeddings_initializer = resolve("initializer", embeddings_initializer)
        self.embeddings_regularizer = resolve("regularizer", embeddings_regularizer)
        self.embeddings_constraint = resolve("constraint", embeddings_constraint)
        self.mask_zero = self.supports_masking = bool(mask_zero)
        self._first_values = weights
        self.autocast = False  # integers stay integers, whatever the policy

    def build(self, input_shape=None):
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        if self._first_values is not None:
            given = self._first_values
            self.embeddings.assign(
                np.asarray(
                    given[0] if isinstance(given, (list, tuple)) and len(given) == 1 else given
                )
            )
        self.built = True

    def get_config(self) -> dict:
        """Return the constructor's arguments; first values are part of the weights, not of the description."""
        config = super().get_config()
        config["weights"] = None
        return config

    def call(self, inputs):
        if not is_integer(ops.dtype(inputs)):
            inputs = ops.cast(inputs, "int32")
        return ops.cast(ops.take(self.embeddings, inputs, axis=0), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None
