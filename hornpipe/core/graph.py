"""Symbolic tensors, and the graph of layer calls that made them.

A `KerasTensor` is a tensor of the shapes engine that remembers the node it came from. Calling a layer or an operation on one
records a `Node`; a functional model is a `Graph`: the nodes between its inputs and its outputs, in an order that can be run.
"""

from __future__ import annotations

from hornpipe.core import naming, op
from hornpipe.core.dtypes import standardize_dtype
from hornpipe.core.errors import message
from hornpipe.core.tree import flatten, map_tree, pack_like
from hornpipe.engine import select, shapes


class KerasTensor(shapes.Tensor, op.TensorOperators, op.Symbolic):
    """Stands for a tensor of a model: a shape, a dtype, and the call that makes it.

    Args:
        shape: tuple of ints and None; the first entry is the batch.
        dtype: dtype name. Default "float32".
        name: str or None.

    Example:
        >>> import hornpipe as keras
        >>> x = keras.Input((3,))
        >>> (x + 1).shape
        (None, 3)
    """

    __slots__ = ("name", "node", "position")

    def __init__(self, shape, dtype="float32", name=None):
        super().__init__(shape, standardize_dtype(dtype))
        self.name = name or naming.auto_name("keras_tensor")
        self.node, self.position = None, 0

    __hash__ = object.__hash__

    @property
    def _keras_history(self):
        return self.node.operation, self.node.index, self.position

    def __repr__(self):
        return f"<KerasTensor shape={tuple(self.shape)}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, dtype=None, copy=None):
        raise TypeError(_no_value(self, "NumPy"))

    def __jax_array__(self):
        raise TypeError(_no_value(self, "JAX"))

    def __bool__(self):
        raise TypeError(_no_value(self, "Python's `if`"))

    def __float__(self):
        raise TypeError(_no_value(self, "float()"))


def _no_value(tensor, who):
    fix = "It only has a shape. Use hornpipe.ops, or put the code into a layer's `call`."
    return message(who, "can't use a symbolic tensor", repr(tensor), fix)


for _name in ("getitem", "neg", "abs", "invert", "len", "iter", "eq", "ne", "lt", "le", "gt", "ge"):
    setattr(KerasTensor, f"__{_name}__", getattr(op.TensorOperators, f"__{_name}__"))
for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
):
    setattr(KerasTensor, f"__{_name}__", getattr(op.TensorOperators, f"__{_name}__"))
    setattr(KerasTensor, f"__r{_name}__", getattr(op.TensorOperators, f"__r{_name}__"))


class Node:
    """One call of a layer or operation: its arguments and the symbolic tensors it made."""

    __slots__ = ("args", "index", "inputs", "kwargs", "operation", "outputs")

    def __init__(self, operation, args, kwargs, outputs):
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs
        self.inputs = [leaf for leaf in flatten([args, kwargs]) if isinstance(leaf, KerasTensor)]
        self.index = len(operation._nodes)
        operation._nodes.append(self)
        for position, tensor in enumerate(flatten(outputs)):
            if isinstance(tensor, KerasTensor):
                tensor.node, tensor.position = self, position


class OpCall:
    """A public operation in a graph, such as the `+ 1` of `x + 1`."""

    def __init__(self, function, name=None):
        self.function = function
        self.name = name or naming.auto_name(naming.snake_case(function.op_name))
        self._nodes = []

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def record(operation, args, kwargs, outputs):
    """Return `outputs` (shapes-engine tensors) as symbolic tensors made by a new node of `operation`."""

    def wrap(tensor):
        return (
            KerasTensor(tensor.shape, tensor.dtype) if isinstance(tensor, shapes.Tensor) else tensor
        )

    symbolic = map_tree(wrap, outputs)
    Node(operation, args, kwargs, symbolic)
    return symbolic


def record_op(function, args, kwargs):
    """Call a public operation on symbolic tensors: infer the result's shape and record the call."""
    with select.use(shapes):
        outputs = function(*args, **kwargs)
    return record(OpCall(function), tuple(args), dict(kwargs), outputs)


op._recorder[:] = [record_op]


class Graph:
    """The nodes between `inputs` and `outputs` (structures of symbolic tensors), in an order that can be run.

    Raises:
        ValueError: an output depends on a symbolic tensor that is not among the inputs, or an input stands twice.
        TypeError: an input or output is not a symbolic tensor.
    """

    def __init__(self, inputs, outputs, who="Model"):
        self.inputs, self.outputs = inputs, outputs
        self.flat_inputs, self.flat_outputs = flatten(inputs), flatten(outputs)
        for role, tensors in (("inputs", self.flat_inputs), ("outputs", self.flat_outputs)):
            if not tensors:
                raise ValueError(
                    message(who, f"`{role}` must not be empty", f"{role}={getattr(self, role)!r}")
                )
            for tensor in tensors:
                if not isinstance(tensor, KerasTensor):
                    fix = "Start from keras.Input(shape=...) and call layers on it."
                    raise TypeError(
                        message(who, f"`{role}` must be symbolic tensors", repr(tensor), fix)
                    )
        if len({id(tensor) for tensor in self.flat_inputs}) < len(self.flat_inputs):
            raise ValueError(
                message(who, "every input must be another tensor", f"inputs={inputs!r}")
            )
        self.nodes = self._sort(who)

    def _sort(self, who) -> list[Node]:
        """Return the nodes in an order in which every node comes after those it takes tensors from."""
        given = {id(tensor) for tensor in self.flat_inputs}
        done, order = set(), []
        stack = [(tensor, False) for tensor in reversed(self.flat_outputs)]
        while stack:
            tensor, ready = stack.pop()
            node = tensor.node
            if id(tensor) in given or id(node) in done:
                continue
            if node is None or not node.inputs:
                rule = "the graph is disconnected: an output depends on a tensor that is not among the inputs"
                raise ValueError(message(who, rule, repr(tensor), "Add it to `inputs`."))
            if ready:
                done.add(id(node))
                order.append(node)
            else:
                stack.append((tensor, True))
                stack.extend((source, False) for source in reversed(node.inputs))
        return order

    @property
    def operations(self) -> list:
        """Layers and operations in the order of their first call, input layers first."""
        found = [tensor.node.operation for tensor in self.flat_inputs if tensor.node is not None]
        found += [node.operation for node in self.nodes]
        return list({id(operation): operation for operation in found}.values())

    def run(self, flat_inputs):
        """Return the outputs for `flat_inputs`, in the structure of `outputs`.

        Args:
            flat_inputs: tensors, one for each of the graph's inputs.
        """
        values = {
            id(tensor): value for tensor, value in zip(self.flat_inputs, flat_inputs, strict=True)
        }

        def fill(leaf):
            return values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

        for node in self.nodes:
            args = [
                fill(arg) if isinstance(arg, KerasTensor) else map_tree(fill, arg)
                for arg in node.args
            ]
            kwargs = {name: map_tree(fill, value) for name, value in node.kwargs.items()}
            results = node.operation(*args, **kwargs)
            for tensor, value in zip(flatten(node.outputs), flatten(results), strict=True):
                values[id(tensor)] = value
        return pack_like(self.outputs, [values[id(tensor)] for tensor in self.flat_outputs])
