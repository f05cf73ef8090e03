"""Copies of models with fresh weights."""

from __future__ import annotations

from hornpipe.core import tree
from hornpipe.core.errors import message
from hornpipe.core.graph import Graph, KerasTensor, OpCall
from hornpipe.core.layer import Layer
from hornpipe.core.refusal import guarded
from hornpipe.models.model import Model
from hornpipe.models.sequential import Sequential
from hornpipe.saving import validate


@guarded()
def clone_model(
    model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs
):
    """Return a model of the same layers with fresh weights.

    Args:
        model: a `Sequential` or functional model, or a subclass whose `get_config` holds its constructor's arguments.
        input_tensors: symbolic tensors (structured like the model's inputs) to build the copy on. Default: new ones.
        clone_function: function layer -> layer that stands for it in the copy. Default: a copy made of its config.
        call_function: function `(layer, *args, **kwargs)` that calls a copied layer. Default: the plain call.
        recursive: bool. Whether `clone_function` reaches the layers of models inside.
        kwargs: none.

    Raises:
        TypeError: `model` is no model, or an unknown argument.
        ValueError: `clone_function` for a model without a graph, or a layer that can't be described.

    Example:
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> twin = keras.models.clone_model(model)
        >>> twin.count_params(), twin.layers[0] is model.layers[0]
        (8, False)
    """
    if kwargs:
        raise TypeError(message("clone_model", "got an unknown argument", next(iter(kwargs))))
    if not isinstance(model, Model):
        raise TypeError(message("clone_model", "`model` must be a model", repr(model)))
    size = 4 * sum(variable.size for variable in model.variables)
    with validate.budget(size, "clone_model"):
        if isinstance(model, Sequential) and model._graph is None:
            copy = _copier(clone_function, call_function, recursive)
            return _sequential(model, [copy(layer) for layer in model._chain])
        if model._graph is None or not (isinstance(model, Sequential) or type(model) is Model):
            if clone_function is not None or input_tensors is not None:
                rule = "`clone_function` and `input_tensors` need a Sequential or functional model"
                raise ValueError(message("clone_model", rule, type(model).__name__))
            return _from_config(model)
        return _clone_graph(model, input_tensors, clone_function, call_function, recursive)


def _from_config(layer):
    config = layer.get_config()
    validate.check_description(config, "clone_model")
    return type(layer).from_config(config)


def _copier(clone_function, call_function, recursive):
    def copy(layer):
        if recursive and isinstance(layer, Model) and layer._graph is not None:
            return clone_model(
                layer, clone_function=clone_function, call_function=call_function, recursive=True
            )
        made = (
            _from_config(layer)
            if clone_function is None or _is_input(layer)
            else clone_function(layer)
        )
        if not isinstance(made, Layer):
            raise ValueError(
                message("clone_model", "`clone_function` must return a layer", repr(made))
            )
        return made

    return copy


def _is_input(layer):
    return type(layer).__name__ == "InputLayer"


def _sequential(model, layers):
    return type(model)(layers, trainable=model._trainable, name=model.name)


def _clone_graph(model, input_tensors, clone_function, call_function, recursive):
    copy = _copier(clone_function, call_function, recursive)
    if isinstance(model, Sequential) and input_tensors is None and call_function is None:
        layers = [copy(layer) for layer in model._chain]
        twin = _sequential(model, layers)
        if not twin.built:
            twin.build(tuple(model._graph.flat_inputs[0].shape))
        return twin
    graph = model._graph
    copies: dict[int, object] = {}
    values: dict[int, KerasTensor] = {}
    for tensor, given in zip(graph.flat_inputs, _inputs(graph, input_tensors), strict=True):
        values[id(tensor)] = given

    def fill(leaf):
        return values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

    for node in graph.nodes:
        args, kwargs = tree.map_tree(fill, list(node.args)), tree.map_tree(fill, dict(node.kwargs))
        if isinstance(node.operation, OpCall):
            results = node.operation.function(*args, **kwargs)
        else:
            layer = copies.get(id(node.operation)) or copy(node.operation)
            copies[id(node.operation)] = layer
            results = (
                layer(*args, **kwargs)
                if call_function is None
                else call_function(layer, *args, **kwargs)
            )
        for tensor, value in zip(tree.flatten(node.outputs), tree.flatten(results), strict=True):
            values[id(tensor)] = value
    inputs = tree.map_tree(fill, graph.inputs)
    outputs = tree.map_tree(fill, graph.outputs)
    Graph(inputs, outputs, "clone_model")
    return Model(inputs, outputs, name=model.name)


def _inputs(graph, given):
    if given is not None:
        tensors = tree.flatten(given)
        if len(tensors) != len(graph.flat_inputs) or not all(
            isinstance(each, KerasTensor) for each in tensors
        ):
            rule = f"`input_tensors` must be {len(graph.flat_inputs)} symbolic tensors"
            raise ValueError(message("clone_model", rule, f"{given!r}"))
        return tensors
    from hornpipe.layers import Input

    return [
        Input(batch_shape=tuple(t.shape), dtype=t.dtype, name=_name(t)) for t in graph.flat_inputs
    ]


def _name(tensor):
    return (
        tensor.node.operation.name
        if tensor.node is not None and _is_input(tensor.node.operation)
        else tensor.name
    )
