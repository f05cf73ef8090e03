"""A function as a layer.

>>> import numpy as np
>>> import hornpipe as keras
>>> keras.layers.Lambda(lambda x: x * 2)(np.ones((1, 2))).tolist()
[[2.0, 2.0]]
"""

from __future__ import annotations

import inspect

from hornpipe.core import tree
from hornpipe.core.config import register, serialize
from hornpipe.core.errors import message
from hornpipe.core.layer import Layer
from hornpipe.engine import shapes


@register("layer")
class Lambda(Layer):
    """Applies a function of yours to its inputs.

    For functions without weights. A file can hold a model with this layer only if the function was registered with
    `keras.utils.register_keras_serializable`: files hold no code.

    Args:
        function: takes the inputs, then `arguments`; it may have arguments `mask` and `training`.
        output_shape: tuple without the batch axis, or a function of the input's shape; None finds it by itself.
        mask: a mask of the outputs, a function `(inputs, mask)` that gives it, or None.
        arguments: dict of further keyword arguments, or None.
    Input shape:
        What the function takes.
    Output shape:
        What the function gives.
    Raises:
        ValueError: `function` can't be called, or `arguments` is no dict (at construction).

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> layer = keras.layers.Lambda(lambda x, factor: x * factor, arguments={"factor": 3})
        >>> layer(np.ones((1, 2))).tolist()
        [[3.0, 3.0]]
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(
                message(self.who, "`function` must be a function", f"function={function!r}")
            )
        if arguments is not None and not isinstance(arguments, dict):
            raise ValueError(
                message(self.who, "`arguments` must be a dict or None", f"arguments={arguments!r}")
            )
        self.function = function
        self.arguments = dict(arguments or {})
        self._shape_rule, self._mask_rule = output_shape, mask
        self.supports_masking = mask is not None
        try:
            self._takes = set(inspect.signature(function).parameters)
        except ValueError:  # a built-in without a signature
            self._takes = set()

    def _infer(self, args, kwargs):
        """Return the outputs' shape: `output_shape` where it was given."""
        rule = self._shape_rule
        if rule is None:
            return super()._infer(args, kwargs)
        given = tree.map_tree(lambda x: tuple(x.shape), args[0])
        if callable(rule):
            return shapes.Tensor(rule(given), self.compute_dtype)
        batch = given[0] if tree.is_shape(given) else given[0][0]
        return shapes.Tensor((batch, *rule), self.compute_dtype)

    def call(self, inputs, mask=None, training=None):
        options = dict(self.arguments)
        if "mask" in self._takes:
            options["mask"] = mask
        if "training" in self._takes:
            options["training"] = training
        return self.function(inputs, **options)

    def compute_mask(self, inputs, mask=None):
        return self._mask_rule(inputs, mask) if callable(self._mask_rule) else self._mask_rule

    def get_config(self) -> dict:
        """Return the constructor's arguments.

        Raises:
            TypeError: the function was not registered, so no file can name it.
        """
        config = self._own_config()
        try:
            config["function"] = serialize(self.function)
            config["output_shape"] = serialize(self._shape_rule)
            config["mask"] = serialize(self._mask_rule)
        except TypeError:
            fix = "Define it with `def` and register it with keras.utils.register_keras_serializable, or write a layer."
            raise TypeError(
                message(
                    self.who, "a plain function can't stand in a file", repr(self.function), fix
                )
            ) from None
        config["arguments"] = serialize(self.arguments)
        return config
