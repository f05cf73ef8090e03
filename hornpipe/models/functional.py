"""Functional models as plain data: a graph of calls written down, and made again.

A config lists the layers and operations; each has its calls (`inbound_nodes`), whose symbolic arguments are written as
[layer, number of the call, number of the output].
"""

from __future__ import annotations

from collections import deque

from hornpipe.core import tree
from hornpipe.core.config import _make, _revive, serialize, sharing
from hornpipe.core.errors import FileFormatError, message
from hornpipe.core.graph import Graph, KerasTensor, OpCall
from hornpipe.core.layer import Layer


def depth_order(graph: Graph) -> list:
    """Return the operations of a graph in Keras's order: farthest from the outputs first, then as met from the outputs on."""
    place: dict[int, int] = {}
    found: dict[int, object] = {}
    stack = list(reversed(graph.flat_outputs))
    given = {id(tensor) for tensor in graph.flat_inputs}
    visited: set[int] = set()
    while stack:
        tensor = stack.pop()
        node = tensor.node
        if node is None or id(node) in visited:
            continue
        visited.add(id(node))
        place.setdefault(id(node.operation), len(place))
        found[id(node.operation)] = node.operation
        if id(tensor) not in given:
            stack.extend(reversed(node.inputs))
    for tensor in graph.flat_inputs:
        if tensor.node is not None:
            place.setdefault(id(tensor.node.operation), len(place))
            found[id(tensor.node.operation)] = tensor.node.operation
    depth = _depths(graph, found)
    return sorted(found.values(), key=lambda each: (-depth[id(each)], place[id(each)]))


def _depths(graph, found) -> dict[int, int]:
    depth = dict.fromkeys(found, 0)
    node_depth: dict[int, int] = {}
    for node in reversed(graph.nodes):
        own = max(node_depth.get(id(node), 0), depth[id(node.operation)])
        node_depth[id(node)] = depth[id(node.operation)] = own
        for tensor in node.inputs:
            if tensor.node is None:
                continue
            before = node_depth.get(id(tensor.node), 0)
            node_depth[id(tensor.node)] = max(before, own + 1)
            if id(tensor.node.operation) in depth and not tensor.node.inputs:
                depth[id(tensor.node.operation)] = max(depth[id(tensor.node.operation)], own + 1)
    return depth


# ---- writing


def graph_config(model) -> dict:
    """Return the graph of a functional model as plain data.

    Raises:
        ValueError: two operations have one name.
        TypeError: an argument of a call can't be described.
    """
    graph = model._graph
    writer = _Writer(graph, model.who)
    with sharing():
        layers = [writer.describe(each) for each in writer.order]
    return {
        "name": model.name,
        "trainable": model._trainable,
        "layers": layers,
        "input_layers": writer.references(graph.inputs),
        "output_layers": writer.references(graph.outputs),
    }


class _Writer:
    def __init__(self, graph, who):
        self.graph, self.who = graph, who
        # An input that another layer made gets an input layer of its own.
        self.cut = {id(t): t for t in graph.flat_inputs if t.node is None or t.node.inputs}
        inside = {id(node.operation) for node in graph.nodes}
        self.order = [
            each
            for each in depth_order(graph)
            if id(each) in inside or type(each).__name__ == "InputLayer"
        ]
        self.order = [*self.cut.values(), *self.order]
        self.numbers: dict[int, int] = {}
        count: dict[int, int] = {}
        for node in graph.nodes:
            self.numbers[id(node)] = count.get(id(node.operation), 0)
            count[id(node.operation)] = self.numbers[id(node)] + 1
        names = [each.name for each in self.order]
        for name in names:
            if names.count(name) > 1:
                rule = f"every layer and operation needs a name of its own, {name!r} stands {names.count(name)} times"
                raise ValueError(message(who, rule, "", 'Pass name="..." to one of them.'))

    def reference(self, tensor):
        if id(tensor) in self.cut:
            return [tensor.name, 0, 0]
        return [tensor.node.operation.name, self.numbers.get(id(tensor.node), 0), tensor.position]

    def references(self, structure):
        if isinstance(structure, KerasTensor):
            return self.reference(structure)
        if isinstance(structure, dict):
            return {key: self.references(value) for key, value in structure.items()}
        return [self.references(value) for value in structure]

    def argument(self, value):
        if isinstance(value, KerasTensor):
            config = {
                "shape": list(value.shape),
                "dtype": value.dtype,
                "keras_history": self.reference(value),
            }
            return {"class_name": "__keras_tensor__", "config": config}
        if isinstance(value, slice):
            config = {"start": value.start, "stop": value.stop, "step": value.step}
            return {"class_name": "__slice__", "config": config}
        if value is Ellipsis:
            return {"class_name": "__ellipsis__", "config": {}}
        if isinstance(value, (list, tuple)):
            return [self.argument(item) for item in value]
        if isinstance(value, dict):
            return {key: self.argument(item) for key, item in value.items()}
        if hasattr(value, "shape") and hasattr(value, "numpy"):
            raise TypeError(
                message(self.who, "a call takes a variable, which no file can name", repr(value))
            )
        if hasattr(value, "shape") and hasattr(value, "__array__"):
            import numpy as np

            value = np.asarray(value)
        return serialize(value)

    def describe(self, operation) -> dict:
        from hornpipe.saving import operations

        if isinstance(operation, KerasTensor):
            config = {
                "batch_shape": list(operation.shape),
                "dtype": operation.dtype,
                "name": operation.name,
            }
            return {
                "module": "keras.layers",
                "class_name": "InputLayer",
                "config": config,
                "registered_name": None,
                "name": operation.name,
                "inbound_nodes": [],
            }
        nodes = [node for node in self.graph.nodes if node.operation is operation]
        if isinstance(operation, OpCall):
            (node,) = nodes
            module, cls, config, args, kwargs = operations.describe_call(
                operation.function.op_name, node.args, node.kwargs
            )
            entry = {
                "module": module,
                "class_name": cls,
                "config": {"name": operation.name, **self.argument(config)},
                "registered_name": cls,
            }
            calls = [(args, kwargs)]
        else:
            entry = serialize(operation)
            calls = [(list(node.args), node.kwargs) for node in nodes if node.inputs]
        entry["name"] = operation.name
        entry["inbound_nodes"] = [
            {"args": self.argument(args), "kwargs": self.argument(dict(kwargs))}
            for args, kwargs in calls
        ]
        return entry


# ---- making


def build_graph(config: dict, who: str):
    """Return the symbolic inputs and outputs of a graph that `graph_config` wrote down.

    Raises:
        FileFormatError: calls that take what does not exist, or that wait for each other.
    """
    for key in ("layers", "input_layers", "output_layers"):
        if key not in config:
            raise FileFormatError(message(who, f"the description of a graph misses `{key}`"))
    if not isinstance(config["layers"], list):
        raise FileFormatError(message(who, "`layers` must be a list", f"{config['layers']!r}"))
    with sharing():
        return _Reader(config, who).run()


class _Reader:
    def __init__(self, config, who):
        self.config, self.who = config, who
        self.operations: dict = {}
        self.calls: dict = {}  # (name, number) -> (args, kwargs)
        self.made: dict = {}  # (name, number) -> outputs, flat
        self.settings: dict = {}  # of operations

    def fail(self, rule, received=""):
        raise FileFormatError(message(self.who, rule, received))

    def run(self):
        for entry in self.config["layers"]:
            self._make_operation(entry)
        self._run_calls()
        return self._tensors(self.config["input_layers"]), self._tensors(
            self.config["output_layers"]
        )

    def _make_operation(self, entry):
        from hornpipe.saving import operations

        if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
            self.fail("an entry of `layers` must describe a layer", f"{entry!r}")
        name = entry.get("name", entry["config"].get("name"))
        nodes = entry.get("inbound_nodes", [])
        if not isinstance(name, str) or not isinstance(nodes, list):
            self.fail("a layer needs a name and a list of calls", f"name={name!r}")
        if name in self.operations:
            self.fail("a name stands twice", repr(name))
        if operations.is_operation(entry.get("module"), entry["class_name"]):
            function, self.settings[name] = operations.find(
                entry["module"], entry["class_name"], _revive(entry["config"])
            )
            self.operations[name] = OpCall(function, name)
        else:
            layer = _make(
                {
                    key: value
                    for key, value in entry.items()
                    if key not in ("name", "inbound_nodes")
                },
                "layer",
            )
            if not isinstance(layer, Layer) or layer.name != name:
                self.fail("a layer has two names", f"{name!r}, {getattr(layer, 'name', layer)!r}")
            self.operations[name] = layer
            if type(layer).__name__ == "InputLayer":
                self.made[name, 0] = [layer.output]
                nodes = []
        for number, node in enumerate(nodes):
            if (
                not isinstance(node, dict)
                or not isinstance(node.get("args"), list)
                or not isinstance(node.get("kwargs"), dict)
            ):
                self.fail(f"a call of {name!r} must have args and kwargs", f"{node!r}")
            self.calls[name, number] = (node["args"], node["kwargs"])

    def _run_calls(self):
        waiting: dict = {}
        missing: dict = {}
        ready = deque()
        for key, (args, kwargs) in self.calls.items():
            sources = {self._source(each) for each in _references([args, kwargs])}
            sources.update(
                {(key[0], number) for number in range(key[1] - 1, key[1]) if number >= 0}
            )
            for source in sources:
                if source not in self.calls and source not in self.made:
                    self.fail(
                        f"a call of {key[0]!r} takes an output that does not exist",
                        f"{list(source)}",
                    )
                if source not in self.made:
                    waiting.setdefault(source, []).append(key)
            missing[key] = len([source for source in sources if source not in self.made])
            if not missing[key]:
                ready.append(key)
        count = 0
        while ready:
            key = ready.popleft()
            count += 1
            self._call(key)
            for each in waiting.get(key, ()):
                missing[each] -= 1
                if not missing[each]:
                    ready.append(each)
        if count < len(self.calls):
            stuck = sorted({name for (name, _), number in missing.items() if number})
            self.fail("layers wait for each other in a circle", ", ".join(stuck[:10]))

    def _source(self, history):
        if (
            not isinstance(history, list)
            or len(history) < 3
            or not isinstance(history[0], str)
            or type(history[1]) is not int
            or type(history[2]) is not int
        ):
            self.fail("a symbolic tensor must be written as [layer, call, output]", f"{history!r}")
        return history[0], history[1]

    def _tensor(self, history):
        source = self._source(history)
        outputs = self.made.get(source)
        if outputs is None or not 0 <= history[2] < len(outputs):
            self.fail("a tensor is taken that does not exist", f"{history!r}")
        return outputs[history[2]]

    def _tensors(self, structure):
        if isinstance(structure, dict):
            return {key: self._tensors(value) for key, value in structure.items()}
        if isinstance(structure, list) and len(structure) == 3 and isinstance(structure[0], str):
            return self._tensor(structure)
        if not isinstance(structure, list) or not structure:
            self.fail(
                "inputs and outputs must be written as [layer, call, output]", f"{structure!r}"
            )
        return [self._tensors(item) for item in structure]

    def _call(self, key):
        from hornpipe.saving import operations

        name, _ = key
        operation = self.operations[name]
        args, kwargs = (self._fill(each) for each in self.calls[key])
        if isinstance(operation, OpCall):
            outputs = operations.call(operation.function, args, self.settings[name], kwargs)
            for tensor in tree.flatten(outputs):
                if isinstance(tensor, KerasTensor):
                    tensor.node.operation.name = (
                        name  # the call that was recorded, under the file's name
                    )
        else:
            kwargs = {name: value for name, value in kwargs.items() if value is not None}
            outputs = operation(*args, **kwargs)
        flat = tree.flatten(outputs)
        if not flat or not all(isinstance(each, KerasTensor) for each in flat):
            self.fail(f"a call of {name!r} takes no symbolic tensor")
        self.made[key] = flat

    def _fill(self, value):
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                return self._tensor(value["config"]["keras_history"])
            if "class_name" in value:
                return _revive(value)
            return {key: self._fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item) for item in value]
        return value


def _references(structure):
    """Return the references of all symbolic tensors in the arguments of a call."""
    found, stack = [], [structure]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                config = value.get("config")
                found.append(config.get("keras_history") if isinstance(config, dict) else None)
            else:
                stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return found
