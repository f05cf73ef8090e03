"""`Model`: a layer that can be trained. It is a graph of layers (functional), or a subclass with its own `call`.

>>> import hornpipe as keras
>>> x = keras.Input((4,), name="x")
>>> y = keras.layers.Dense(2, name="y")(x)
>>> model = keras.Model(x, y)
>>> model.output_shape
(None, 2)
"""

from __future__ import annotations

from hornpipe.core import tree
from hornpipe.core.config import _parameters, register
from hornpipe.core.dtypes import is_float
from hornpipe.core.errors import ShapeError, message, near_miss
from hornpipe.core.graph import Graph, KerasTensor, OpCall
from hornpipe.core.layer import Layer
from hornpipe.core.op import to_tensor
from hornpipe.core.refusal import guarded
from hornpipe.core.settings import floatx
from hornpipe.engine import select
from hornpipe.models.functional import build_graph, depth_order, graph_config
from hornpipe.training.trainer import Trainer

_ELEMENTWISE = set(
    "add subtract multiply divide true_divide negative abs power maximum minimum exp log relu sigmoid tanh getitem".split()
)


@register("model", "Functional")
class Model(Trainer, Layer):
    """A layer that can be trained.

    Three ways to make one: `Model(inputs, outputs)` from symbolic tensors; a subclass that calls `super().__init__()` and
    defines `call`; and `Sequential`.

    Args:
        inputs: a symbolic tensor from `keras.Input`, or a list or dict of them.
        outputs: symbolic tensors made from the inputs, in any structure.
        name: str.

    Raises:
        ValueError: an output does not depend on the inputs alone.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
        >>> joined = keras.layers.concatenate([a, b])
        >>> model = keras.Model({"a": a, "b": b}, keras.layers.Dense(1)(joined))
        >>> model.predict({"a": np.ones((4, 2)), "b": np.ones((4, 3))}, verbose=0).shape
        (4, 1)
    """

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls, *args, **kwargs)
        self._reset_trainer()
        self.__dict__.update(_graph=None, _graph_layers=[], _output_specs=None, run_eagerly=False)
        return self

    def __init__(self, inputs=None, outputs=None, name=None, **kwargs):
        if (inputs is None) != (outputs is None):
            missing = "outputs" if outputs is None else "inputs"
            raise ValueError(
                message(
                    "Model", f"`{missing}` is missing", "", "Pass both: Model(inputs, outputs)."
                )
            )
        if inputs is not None and name is None and type(self) is Model:
            from hornpipe.core.naming import auto_name

            name = auto_name("functional")
        super().__init__(name=name, **kwargs)
        if inputs is not None:
            self._set_graph(Graph(inputs, outputs, self.who))
            self.built = True

    def _set_graph(self, graph):
        self._graph = graph
        self._graph_layers = [each for each in depth_order(graph) if isinstance(each, Layer)]
        names = [layer.name for layer in self._graph_layers]
        for name in names:
            if names.count(name) > 1:
                rule = f"every layer needs a name of its own, {name!r} stands {names.count(name)} times"
                raise ValueError(message(self.who, rule, "", 'Pass name="..." to one of them.'))
        self._input_shape = tree.map_tree(lambda tensor: tuple(tensor.shape), graph.inputs)

    # ---- structure

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order of the graph or of the attributes."""
        return list(self._graph_layers if self._graph is not None else self._layers())

    @guarded()
    def get_layer(self, name=None, index=None) -> Layer:
        """Return a layer by name or by its place in `layers`.

        Raises:
            ValueError: there is none. The message offers the nearest name.
        """
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    message(self.who, f"has {len(self.layers)} layers", f"index={index}")
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        fix = near_miss(name, names).strip() or f"Layers: {', '.join(names)}."
        raise ValueError(message(self.who, "has no layer of this name", f"name={name!r}", fix))

    @property
    def inputs(self):
        """The symbolic inputs as a list, or None where there is no graph."""
        return None if self._graph is None else list(self._graph.flat_inputs)

    @property
    def outputs(self):
        """The symbolic outputs as a list, or None where there is no graph."""
        return None if self._graph is None else list(self._graph.flat_outputs)

    @property
    def input(self):
        """The symbolic inputs in their structure."""
        return self._graph.inputs if self._graph is not None else super().input

    @property
    def output(self):
        """The symbolic outputs in their structure."""
        return self._graph.outputs if self._graph is not None else super().output

    @property
    def input_shape(self):
        """The shapes of the inputs, batch included."""
        if self._graph is not None:
            return tree.map_tree(lambda tensor: tuple(tensor.shape), self._graph.inputs)
        return super().input_shape

    @property
    def output_shape(self):
        """The shapes of the outputs, batch included."""
        if self._graph is not None:
            return tree.map_tree(lambda tensor: tuple(tensor.shape), self._graph.outputs)
        return super().output_shape

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return (
            []
            if self._graph is None
            else [_input_name(tensor) for tensor in self._graph.flat_inputs]
        )

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: a dict's keys, or the names of the layers that make them."""
        specs = self._graph.outputs if self._graph is not None else self._output_specs
        return self._name_outputs(specs)

    def _name_outputs(self, outputs) -> list[str]:
        if isinstance(outputs, dict):
            return list(outputs)
        leaves = tree.flatten(outputs)
        if self._graph is not None and len(leaves) == len(self._graph.flat_outputs):
            names = [tensor.node.operation.name for tensor in self._graph.flat_outputs]
            if len(set(names)) == len(names):
                return names
        return (
            [f"output_{number}" if number else "output" for number in range(len(leaves))]
            if len(leaves) > 1
            else ["output"]
        )

    @property
    def row_independent(self):
        """Whether a row of the outputs depends on that row of the inputs alone, as far as the layers' order says."""
        if type(self).call not in (Model.call, _sequential_call()):
            return False
        if self._graph is None:
            return True
        calls = [node.operation for node in self._graph.nodes if isinstance(node.operation, OpCall)]
        return all(call.function.op_name in _ELEMENTWISE for call in calls)

    # ---- calling

    def call(self, inputs, training=None, mask=None):
        """Run the graph. Subclasses without a graph define their own.

        Raises:
            NotImplementedError: there is neither a graph nor an own `call`.
        """
        if self._graph is None:
            fix = "Define `call(self, inputs)`, or make the model of Model(inputs, outputs)."
            raise NotImplementedError(message(self.who, "has no `call` and no graph", "", fix))
        return self._graph.run(self._fit_inputs(inputs))

    def _fit_inputs(self, inputs) -> list:
        """Return the inputs as a flat list that fits the graph's inputs: matched by name, cast, missing axes added.

        Raises:
            ShapeError: a shape does not fit.
            ValueError: inputs are missing.
        """
        graph = self._graph
        leaves = self._match_inputs(inputs)
        fitted = []
        for tensor, leaf in zip(graph.flat_inputs, leaves, strict=True):
            if leaf is None:
                fitted.append(None)
                continue
            engine = select.active.engine
            if not engine.is_tensor(leaf):
                leaf = to_tensor(leaf)
            wanted, shape = tuple(tensor.shape), tuple(engine.shape(leaf))
            if len(shape) == len(wanted) - 1 and wanted[-1] == 1:
                leaf, shape = (
                    engine.reshape(leaf, (*[-1 if n is None else n for n in shape], 1)),
                    (*shape, 1),
                )
            elif len(shape) == len(wanted) + 1 and shape[-1] == 1:
                leaf, shape = (
                    engine.reshape(leaf, [-1 if n is None else n for n in shape[:-1]]),
                    shape[:-1],
                )
            if len(shape) != len(wanted) or any(
                None not in (a, b) and a != b for a, b in zip(shape, wanted, strict=True)
            ):
                rule = f"input {_input_name(tensor)!r} must have the shape {wanted}"
                raise ShapeError(
                    message(self.who, rule, f"shape={shape}", _shape_fix(shape, wanted)), self
                )
            own, dtype = engine.dtype(leaf), tensor.dtype
            if is_float(dtype) and not is_float(own):
                leaf = engine.astype(leaf, self.compute_dtype)
            fitted.append(leaf)
        return fitted

    def _match_inputs(self, inputs) -> list:
        graph = self._graph
        names = self.input_names
        if isinstance(inputs, dict):
            keys = list(graph.inputs) if isinstance(graph.inputs, dict) else names
            missing = [key for key in keys if key not in inputs]
            unknown = [key for key in inputs if key not in keys]
            if missing or unknown:
                rule = f"inputs must have the keys {', '.join(map(repr, keys))}"
                raise ValueError(message(self.who, rule, f"keys {', '.join(map(repr, inputs))}"))
            return [inputs[key] for key in keys]
        leaves = tree.flatten(inputs)
        if len(leaves) != len(graph.flat_inputs):
            rule = f"takes {len(graph.flat_inputs)} inputs ({', '.join(names)})"
            raise ValueError(message(self.who, rule, f"{len(leaves)} inputs"))
        return leaves

    # ---- building for data

    def _build_for(self, x, who) -> None:
        """Build for a batch of inputs, and check that they fit.

        Raises:
            ShapeError, ValueError: they do not fit.
        """
        key = ("inputs", str(tree.map_tree(lambda leaf: (leaf.shape[1:], str(leaf.dtype)), x)))
        if self.built and key in self._programs:
            return
        specs = tree.map_tree(_as_spec, x)
        outputs = self.compute_output_spec(specs)
        self._output_specs = outputs
        self._programs[key] = outputs

    def _outputs_for(self, x):
        """Return the outputs for inputs of these shapes as symbolic tensors."""
        key = ("inputs", str(tree.map_tree(lambda leaf: (leaf.shape[1:], str(leaf.dtype)), x)))
        return self._programs[key]

    def build(self, input_shape) -> None:
        """Make the weights for inputs of a shape (batch included), or a structure of shapes."""
        if self._graph is None and type(self).call is not Model.call and not self.built:
            specs = tree.map_shapes(lambda shape: KerasTensor(shape, floatx()), input_shape)
            self.built = True  # `call` builds the layers inside
            try:
                self._output_specs = self.compute_output_spec(specs)
            except Exception:
                self.built = False
                raise
        self.built = True

    def _build_with(self, input_shapes):
        # A subclass that has no `build` of its own is built by its first call, layer by layer.
        if type(self).build is Model.build:
            first = next(iter(input_shapes.values()), None)
            self._input_shape = self._input_shape or first
            return
        super()._build_with(input_shapes)

    @guarded()
    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Print a table of the layers, their output shapes and their numbers of weights; see `models/summary.py`."""
        from hornpipe.models.summary import print_summary

        print_summary(
            self,
            line_length=line_length,
            positions=positions,
            print_fn=print_fn,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )

    # ---- descriptions and files

    def get_config(self) -> dict:
        """Return the graph as plain data; for a subclass with a constructor of its own, that constructor's arguments."""
        if self._graph is not None and _takes_graph(type(self)):
            return graph_config(self)
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in ("inputs", "outputs")}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """Return a model made of what `get_config` returned, with fresh weights.

        Args:
            config: dict.
            custom_objects: dict name -> class or function of your own.

        Raises:
            FileFormatError: the description breaks a rule.
        """
        from hornpipe.core.config import custom_object_scope
        from hornpipe.saving import validate

        validate.check_description(config, cls.__name__)
        with validate.making(cls.__name__), custom_object_scope(custom_objects or {}):
            if "input_layers" not in config or not _takes_graph(cls):
                return super().from_config(config)
            inputs, outputs = build_graph(config, f"{cls.__name__} {config.get('name')!r}")
            model = cls(inputs, outputs, name=config.get("name"))
            if config.get("trainable") is False:
                model._trainable = False
            return model

    @guarded()
    def to_json(self, **kwargs) -> str:
        """Return the description of the model as JSON text; `models.model_from_json` makes a fresh model of it.

        Args:
            kwargs: passed on to `json.dumps`, for example `indent=2`.

        Raises:
            ValueError: a layer can't be described.
        """
        import json

        from hornpipe.saving.archive import describe_model

        return json.dumps(describe_model(self), allow_nan=False, **kwargs)

    @guarded()
    def save(self, filepath, overwrite=True, zipped=None) -> None:
        """Save the model to a ".keras" file: description, compile settings, weights, optimizer state. See `saving.save_model`."""
        from hornpipe.saving.archive import save_model

        save_model(self, filepath, overwrite=overwrite, zipped=zipped)

    def _check_savable(self) -> None:
        """Check, without writing, that `save` will be able to describe the model and to make it again.

        Raises:
            ValueError: it can't; see `save`.
        """
        from hornpipe.saving.archive import check_savable

        check_savable(self)

    @guarded()
    def save_weights(self, filepath, overwrite=True, max_shard_size=None) -> None:
        """Save the weights to a ".weights.h5" or ".safetensors" file. See `saving.save_weights`."""
        from hornpipe.saving.archive import save_weights

        save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    @guarded()
    def load_weights(self, filepath, skip_mismatch=False, **kwargs) -> None:
        """Set the weights from a ".weights.h5", ".safetensors" or ".keras" file: all, or none. See `saving.load_weights`."""
        from hornpipe.saving.archive import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)


def _takes_graph(cls) -> bool:
    """Return whether a class is made of inputs and outputs, as `Model` is."""
    return {"inputs", "outputs"} <= set(_parameters(cls)) and "layers" not in _parameters(cls)


# What files call a model that is made of a graph.
Model._file_name = ("keras.src.models.functional", "Functional", "Functional")


def _sequential_call():
    from hornpipe.models.sequential import Sequential

    return Sequential.call


def _input_name(tensor) -> str:
    return (
        tensor.node.operation.name
        if tensor.node is not None and isinstance(tensor.node.operation, Layer)
        else tensor.name
    )


def _as_spec(leaf):
    dtype = str(leaf.dtype).removeprefix("torch.")
    return KerasTensor(
        (None, *leaf.shape[1:]),
        {"float64": floatx(), "int64": "int32", "uint64": "uint32"}.get(dtype, dtype),
    )


def _shape_fix(shape, wanted) -> str:
    size, goal = 1, 1
    for n in shape[1:]:
        size *= n or 1
    for n in wanted[1:]:
        goal *= n or 1
    if size == goal and None not in wanted[1:]:
        return f"Reshape the data: x.reshape({(-1, *wanted[1:])})."
    return f"Pass data of shape {('batch', *wanted[1:])}, or change the model's input to keras.Input({shape[1:]})."
