"""The boxes and arrows of a model: what pictures, text drawings and TensorBoard's graph are made of.

>>> import hornpipe as keras
>>> from hornpipe.utils.model_graph import model_graph
>>> model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2, name="head")])
>>> graph = model_graph(model)
>>> [box.name for box in graph.boxes], graph.edges
(['x', 'head'], [(0, 1)])
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hornpipe.core.errors import message
from hornpipe.core.layer import Layer
from hornpipe.core.tree import flatten


@dataclass
class Box:
    """One call of a layer or of an operation.

    Attributes:
        operation: the layer, or the call of an operation.
        name: its name; `name[i]` for call i where it is called several times.
        group: the models inside the outermost one that it belongs to, outermost first, as (name, kind).
        inputs, outputs: lists of tensors with `shape` and `dtype`; empty where they are not known.
    """

    operation: Any
    name: str
    group: tuple = ()
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The type: the class of a layer, with what it wraps, or the name of an operation."""
        return type_name(self.operation)

    @property
    def activation(self) -> str | None:
        """The name of the activation function, or None."""
        function = getattr(self.operation, "activation", None)
        name = getattr(function, "__name__", None) or getattr(function, "name", None)
        return str(name) if function is not None and name else None

    @property
    def trainable(self) -> bool | None:
        """Whether any weight is trained; None without weights."""
        if not getattr(self.operation, "weights", None):
            return None
        return bool(self.operation.trainable_weights)


@dataclass
class ModelGraph:
    """Boxes in the order in which they run, and arrows between them.

    Attributes:
        boxes: list of `Box`.
        edges: pairs of indices: from, to. A pair stands there once for each tensor.
        outputs: indices of the boxes whose outputs are the model's.
    """

    boxes: list[Box]
    edges: list[tuple[int, int]]
    outputs: list[int]


def model_graph(model, expand_nested: bool = False, who: str = "model_graph") -> ModelGraph:
    """Return the boxes and arrows of a model.

    A model whose `call` is the user's own code has boxes without arrows: nobody knows them.

    Args:
        model: a `Model`.
        expand_nested: bool. Whether models inside are taken apart.
        who: name of the function, for errors.

    Raises:
        TypeError: `model` is no model.
    """
    if not isinstance(model, Layer) or not hasattr(model, "layers"):
        received = f"model={type(model).__name__}"
        fix = "Pass for example the keras.Sequential that you made."
        raise TypeError(message(who, "`model` must be a model", received, fix))
    walk = _Walk(expand_nested)
    graph = getattr(model, "_graph", None)
    if graph is not None:
        sources = walk.visit(graph, (), None)
        return ModelGraph(walk.boxes, walk.edges, list(dict.fromkeys(sources)))
    for layer in getattr(model, "layers", ()):
        walk.add(layer, layer.name, (), [], [])
    last = len(walk.boxes) - 1
    if hasattr(model, "pop") and walk.boxes:  # a Sequential that has not seen its input yet
        walk.edges = [(index, index + 1) for index in range(last)]
        return ModelGraph(walk.boxes, walk.edges, [last])
    return ModelGraph(walk.boxes, [], [])


def type_name(operation) -> str:
    """Return the class of a layer, such as "Dense" or "TimeDistributed(Dense)", or the name of an operation."""
    name = getattr(getattr(operation, "function", None), "op_name", None)
    if isinstance(name, str):
        return name
    inner = getattr(operation, "layer", None) or getattr(operation, "forward_layer", None)
    kind = type(operation).__name__
    return f"{kind}({type_name(inner)})" if hasattr(inner, "weights") else kind


class _Walk:
    def __init__(self, expand_nested):
        self.expand_nested = expand_nested
        self.boxes: list[Box] = []
        self.edges: list[tuple[int, int]] = []

    def add(self, operation, name, group, sources, inputs, outputs=()) -> int:
        """Add a box and the arrows to it; returns its index."""
        self.boxes.append(Box(operation, name, group, list(inputs), list(outputs)))
        here = len(self.boxes) - 1
        self.edges += [(source, here) for source in sources]
        return here

    def visit(self, graph, group, feeds) -> list[int]:
        """Add the boxes of a graph; `feeds` are the boxes its inputs come from, or None outside. Returns those of its outputs."""
        source: dict[int, int] = {}
        for position, tensor in enumerate(graph.flat_inputs):
            if feeds is not None:
                source[id(tensor)] = feeds[position]
                continue
            operation = tensor.node.operation if tensor.node is not None else _Entry(tensor.name)
            if hasattr(operation, "_graph") or type(operation).__name__ != "InputLayer":
                operation = _Entry(tensor.name)
            source[id(tensor)] = self.add(operation, operation.name, group, [], [], [tensor])
        calls: dict[int, int] = {}
        for node in graph.nodes:
            calls[id(node.operation)] = calls.get(id(node.operation), 0) + 1
        seen: dict[int, int] = {}
        for node in graph.nodes:
            operation, outputs = node.operation, flatten(node.outputs)
            number = seen[id(operation)] = seen.get(id(operation), -1) + 1
            several = calls[id(operation)] > 1
            name = f"{operation.name}[{number}]" if several else operation.name
            sources = [source[id(tensor)] for tensor in node.inputs]
            inner = getattr(operation, "_graph", None) if self.expand_nested else None
            if inner is not None and len(inner.flat_inputs) == len(sources):
                within = (*group, (name, type_name(operation)))
                found = self.visit(inner, within, sources)
            else:
                here = self.add(operation, name, group, sources, node.inputs, outputs)
                found = [here] * len(outputs)
            source.update((id(tensor), box) for tensor, box in zip(outputs, found, strict=True))
        return [source[id(tensor)] for tensor in graph.flat_outputs]


class _Entry:
    """Stands for an input that no input layer made."""

    def __init__(self, name):
        self.name = name


_Entry.__name__ = "Input"
