"""`Sequential`: layers one after the other."""

from __future__ import annotations

from hornpipe.core import tree
from hornpipe.core.config import (
    _revive,
    custom_object_scope,
    deserialize,
    register,
    serialize,
    sharing,
)
from hornpipe.core.errors import FileFormatError, message
from hornpipe.core.graph import Graph, KerasTensor
from hornpipe.core.layer import Layer
from hornpipe.core.refusal import guarded
from hornpipe.core.scope import outside
from hornpipe.core.settings import floatx
from hornpipe.engine import select, shapes
from hornpipe.models.model import Model


@register("model")
class Sequential(Model):
    """Layers one after the other, each fed with the output of the one before.

    The shape of the input comes from `keras.Input` as the first entry, from `input_shape=` of the first layer, or from the first data.

    Args:
        layers: list of layers, or None.
        trainable: bool.
        name: str.

    Raises:
        TypeError: an entry is not a layer.

    Example:
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
        >>> model.output_shape, model.count_params()
        ((None, 1), 21)
    """

    def __init__(self, layers=None, trainable=True, name=None, **kwargs):
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._chain: list[Layer] = []
        if layers is not None and not isinstance(layers, (list, tuple)):
            raise TypeError(message("Sequential", "`layers` must be a list", repr(layers)))
        for layer in layers or []:
            self.add(layer, rebuild=False)
        self._start()

    @guarded()
    def add(self, layer, rebuild=True) -> None:
        """Append a layer, or a symbolic `keras.Input` as the first entry.

        Raises:
            TypeError: it is not a layer.
            ValueError: its name stands already, or an Input does not come first.
        """
        if isinstance(layer, KerasTensor):
            layer = layer.node.operation
        if not isinstance(layer, Layer):
            fix = (
                "Wrap a function: keras.layers.Lambda(function)."
                if callable(layer)
                else "Pass a layer such as keras.layers.Dense(10)."
            )
            raise TypeError(message(self.who, "takes layers", repr(layer), fix))
        if any(layer is each for each in self._chain) or any(
            layer.name == each.name for each in self._chain
        ):
            rule = f"every layer needs a name of its own, {layer.name!r} stands already"
            raise ValueError(message(self.who, rule, "", 'Make another layer, or pass name="...".'))
        if _is_input(layer) and self._chain:
            raise ValueError(message(self.who, "an Input must come first", f"{layer.name!r}"))
        if (
            not self._chain
            and not _is_input(layer)
            and getattr(layer, "_first_shape", None) is not None
        ):
            from hornpipe.layers import InputLayer

            dtype = "int32" if type(layer).__name__ == "Embedding" else None
            self._chain.append(InputLayer(batch_shape=layer._first_shape, dtype=dtype))
        self._chain.append(layer)
        self._programs = {}
        if rebuild:
            if self._graph is not None:
                self._set_graph(Graph(self._graph.inputs, layer(self._graph.outputs), self.who))
            else:
                self._start()

    @guarded()
    def pop(self, rebuild=True) -> Layer:
        """Take the last layer away and return it.

        Raises:
            ValueError: there is none.
        """
        if not self._chain:
            raise ValueError(message(self.who, "has no layer to take away"))
        layer = self._chain.pop()
        self._graph, self._graph_layers, self._programs, self.built = None, [], {}, False
        if rebuild:
            self._start()
        return layer

    def _start(self):
        """Build where the first entry says the input's shape."""
        if self._graph is not None or not self._chain:
            return
        first = self._chain[0]
        if first.__dict__.get("starts_sequential"):  # a `Merge` of models knows its inputs
            from hornpipe.layers import Input

            self._build_chain([Input(batch_shape=x.shape, dtype=x.dtype) for x in first.inputs])
        elif len(self._chain) > 1 and _is_input(first):
            self._build_chain(first.output)

    def _build_chain(self, tensor):
        outputs = tensor
        for layer in self._chain:
            if not _is_input(layer):
                outputs = layer(outputs)
        self._set_graph(Graph(tensor, outputs, self.who))
        self.built = True

    @guarded()
    def build(self, input_shape=None) -> None:
        """Make the weights for inputs of a shape, batch included.

        Raises:
            ValueError: the model has no layers.
        """
        if self._graph is None:
            self._require_layers()
            from hornpipe.layers import Input

            self._build_chain(Input(batch_shape=tuple(input_shape), dtype=floatx()))
        self.built = True

    def _build_once(self, args, kwargs, facts):
        if self._graph is None:
            self._require_layers()
            from hornpipe.layers import Input

            first = args[0]
            if isinstance(first, (list, tuple, dict)):
                self._input_shape = tree.map_tree(lambda leaf: tuple(leaf.shape), first)
            else:
                dtype = (
                    first.dtype
                    if isinstance(first, shapes.Tensor)
                    else select.chosen().dtype(first)
                )
                with outside(), select.use(select.chosen()):
                    self._build_chain(Input(batch_shape=(None, *first.shape[1:]), dtype=dtype))
        self.built = True

    def _require_layers(self):
        if not self._chain:
            fix = "Add one: model.add(keras.layers.Dense(10))."
            raise ValueError(message(self.who, "has no layers", "", fix))

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._chain if not _is_input(layer)]

    def call(self, inputs, training=None, mask=None):
        """Feed the inputs through the layers."""
        outputs = inputs
        if self._graph is not None:
            outputs = self._fit_inputs(inputs)
            outputs = outputs[0] if len(outputs) == 1 else outputs
        for layer in self._chain:
            if not _is_input(layer):
                outputs = layer(outputs)
        return outputs

    def get_config(self) -> dict:
        """Return the layers' descriptions and the name; `from_config` makes an equal model of them."""
        with sharing():
            layers = [serialize(layer) for layer in self._chain]
        config = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": serialize(self.dtype_policy),
            "layers": layers,
        }
        if self._graph is not None and len(self._graph.flat_inputs) == 1:
            config["build_input_shape"] = list(self._graph.flat_inputs[0].shape)
        return config

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """Return a model made of what `get_config` returned, with fresh weights.

        Raises:
            FileFormatError: the description breaks a rule.
        """
        from hornpipe.saving import validate

        validate.check_description(config, cls.__name__)
        if "layers" not in config:
            return super().from_config(config, custom_objects)
        with validate.making(cls.__name__), custom_object_scope(custom_objects or {}), sharing():
            return cls._from_layers(config)

    @classmethod
    def _from_layers(cls, config):
        settings = {
            key: value
            for key, value in config.items()
            if key not in ("layers", "build_input_shape")
        }
        descriptions = config["layers"]
        if not isinstance(descriptions, list):
            raise FileFormatError(
                message(cls.__name__, "`layers` must be a list", f"{descriptions!r}")
            )
        layers = [deserialize(description, kind="layer") for description in descriptions]
        model = cls(layers, **{key: _revive(value) for key, value in settings.items()})
        shape = config.get("build_input_shape")
        if not model.built and shape and model._chain:
            model.build(tuple(shape))
        return model


def _is_input(layer) -> bool:
    return type(layer).__name__ == "InputLayer"
