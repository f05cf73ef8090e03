"""The symbolic part of `keras.backend`: placeholders, functions of them, and gradients.

A placeholder is a symbolic tensor like `keras.Input`; `gradients` records a call in the graph like any operation does, and
`function` runs the graph.

>>> from hornpipe import backend as K
>>> x = K.placeholder(shape=(None, 2))
>>> loss = K.sum(K.square(x))
>>> f = K.function([x], [loss] + K.gradients(loss, [x]))
>>> [value.tolist() for value in f([[[1.0, 2.0]]])]
[5.0, [[2.0, 4.0]]]
"""

from __future__ import annotations

import numpy as np

from hornpipe import ops
from hornpipe.core import naming, settings, tree
from hornpipe.core.errors import message
from hornpipe.core.graph import Graph, KerasTensor, Node, record
from hornpipe.core.layer import Layer
from hornpipe.core.scope import CallContext, Scope, context
from hornpipe.core.variable import Variable
from hornpipe.engine import select, shapes


class _Phase:
    """The learning phase: 0 or 1 where it was set, else a symbolic number."""

    value: int | None = None
    tensor: KerasTensor | None = None


def placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None):
    """Return a symbolic tensor of a shape, or of `ndim` axes of unknown sizes.

    Raises:
        ValueError: neither is given, or `sparse` is True.
    """
    if sparse:
        raise ValueError(
            message("placeholder", "`sparse` must be False: there are no sparse tensors", "True")
        )
    if shape is None and ndim is None:
        raise ValueError(
            message(
                "placeholder",
                "needs `shape` or `ndim`",
                "",
                "Write K.placeholder(shape=(None, 3)).",
            )
        )
    shape = (None,) * ndim if shape is None else tuple(shape)
    return KerasTensor(shape, dtype or settings.floatx(), name=name)


def is_placeholder(x) -> bool:
    """Return whether `x` is a symbolic tensor that nothing computes."""
    return isinstance(x, KerasTensor) and (x.node is None or not x.node.inputs)


def learning_phase():
    """Return 0 or 1 where `set_learning_phase` was called, else a symbolic number to be listed among a function's inputs."""
    if _Phase.value is not None:
        return _Phase.value
    if _Phase.tensor is None:
        _Phase.tensor = KerasTensor((), "int32", name="keras_learning_phase")
    return _Phase.tensor


def set_learning_phase(value) -> None:
    """Fix the learning phase of `function`s: 0 for testing, 1 for training.

    Raises:
        ValueError: another value.
    """
    if value not in (0, 1):
        raise ValueError(message("set_learning_phase", "`value` must be 0 or 1", repr(value)))
    _Phase.value = int(value)


def in_train_phase(x, alt, training=None):
    """Return `x` while training and `alt` otherwise; both may be functions without arguments."""
    if training is None:
        training = context.call.training if context.call is not None else _Phase.value
    chosen = x if training else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x, alt, training=None):
    """Return `alt` while training and `x` otherwise."""
    return in_train_phase(alt, x, training)


# ---- functions


class Function:
    """Computes symbolic outputs for values of symbolic inputs.

    Args:
        inputs: list of placeholders and other symbolic tensors; `learning_phase()` may be among them.
        outputs: list of symbolic tensors, or one; variables and values are allowed.
        updates: list of (variable, symbolic new value).

    Raises:
        TypeError: `inputs` is not a list of symbolic tensors (at construction), or of numbers as many (at the call).
        ValueError: an output depends on a placeholder that is not among the inputs.
    """

    def __init__(self, inputs, outputs, updates=(), name=None, **kwargs):
        if not isinstance(inputs, (list, tuple)):
            raise TypeError(
                message(
                    "K.function",
                    "`inputs` must be a list",
                    repr(inputs),
                    "Write K.function([x], [y]).",
                )
            )
        if kwargs:
            raise TypeError(message("K.function", "got an unknown argument", next(iter(kwargs))))
        self._single = not isinstance(outputs, (list, tuple))
        self._inputs, self.name = list(inputs), name or "function"
        self._updated = [variable for variable, _ in updates]
        self._outputs = [outputs] if self._single else list(outputs)
        wanted = [*self._outputs, *(new for _, new in updates)]
        self._given = [
            x for x in self._inputs if isinstance(x, KerasTensor) and x is not _Phase.tensor
        ]
        self._symbolic = [x for x in wanted if isinstance(x, KerasTensor)]
        self._wanted = wanted
        computed = [x for x in self._symbolic if not any(x is each for each in self._given)]
        self._graph = Graph(list(self._given), computed, "K.function") if computed else None

    def __call__(self, inputs=()):
        """Return the outputs as a list of NumPy arrays."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) != len(self._inputs):
            raise TypeError(
                message(
                    "K.function",
                    f"must be called with a list of {len(self._inputs)} values",
                    repr(inputs),
                )
            )
        training = _Phase.value
        values = []
        for tensor, value in zip(self._inputs, inputs, strict=True):
            if tensor is _Phase.tensor:
                training = int(value)
            elif isinstance(tensor, KerasTensor):
                values.append(_fit(tensor, value))
        by_id = {id(tensor): value for tensor, value in zip(self._given, values, strict=True)}
        if self._graph is not None:
            results = _run(self._graph, values, bool(training))
            by_id.update(
                {
                    id(tensor): value
                    for tensor, value in zip(self._graph.flat_outputs, results, strict=True)
                }
            )
        found = [
            by_id[id(x)] if isinstance(x, KerasTensor) else ops.convert_to_tensor(x)
            for x in self._wanted
        ]
        for variable, value in zip(self._updated, found[len(self._outputs) :], strict=True):
            variable.assign(value)
        arrays = [ops.convert_to_numpy(value) for value in found[: len(self._outputs)]]
        return arrays[0] if self._single else arrays


def _fit(tensor, value):
    """Return a value as a tensor of a placeholder's dtype.

    Raises:
        ValueError: its shape does not fit.
    """
    value = ops.convert_to_tensor(value, dtype=tensor.dtype)
    shape = tuple(tensor.shape)
    fits = len(shape) == len(value.shape) and all(
        None in (a, b) or a == b for a, b in zip(shape, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            message(
                "K.function",
                f"input {tensor.name!r} must have the shape {shape}",
                f"shape={tuple(value.shape)}",
            )
        )
    return value


def _run(graph, values, training):
    """Return the flat outputs of a graph, its layers told whether they train."""
    before, context.call = context.call, CallContext(training)
    try:
        return tree.flatten(graph.run(values))
    finally:
        context.call = before


def function(inputs, outputs, updates=None, name=None, **kwargs):
    """Return a function that computes symbolic outputs for values of symbolic inputs; see `Function`."""
    return Function(inputs, outputs, updates or (), name, **kwargs)


def evaluate(x):
    """Return the value of a tensor, a variable, or a symbolic tensor that depends on no placeholder."""
    if isinstance(x, KerasTensor):
        fix = "Compute it with K.function([inputs], [x])([values])."
        raise ValueError(message("K.eval", "the tensor depends on a placeholder", repr(x), fix))
    return np.asarray(ops.convert_to_numpy(x))


# ---- gradients


class _Gradient:
    """An operation in a graph: the gradients of a scalar with respect to tensors of the graph and variables."""

    def __init__(self, graph, number, variables):
        self.name = naming.auto_name("gradients")
        self._nodes: list = []
        self._graph, self._number, self._variables = graph, number, variables

    def __call__(self, inputs):
        given = [value for value in inputs if value is not None]
        sources, leaves = given[: self._number], given[self._number :]
        variables, count = self._variables, self._number
        training = bool(context.call.training) if context.call is not None else False

        def loss(values):
            with Scope(variables, values[count:]):
                result = _run(self._graph, [*values[:count], *leaves], training)[0]
            return ops.sum(result), None

        engine = select.active.engine
        values = [*sources, *(variable.value for variable in variables)]
        _, found = engine.value_and_grad(loss)(values)
        return list(found)


def gradients(loss, variables):
    """Return the gradients of a symbolic loss (summed, if it is no scalar) as symbolic tensors.

    Args:
        loss: a symbolic tensor made from placeholders.
        variables: a list of symbolic tensors that the loss was made from and of variables, or one of them.

    Raises:
        TypeError: the loss is a value already.
        ValueError: the loss does not depend on one of `variables`.
    """
    if isinstance(loss, (list, tuple)):
        loss = sum(loss[1:], loss[0])
    if not isinstance(loss, KerasTensor):
        fix = "Make it from a placeholder (K.placeholder, keras.Input, model.output), or use keras.value_and_grad(function, variables)."
        raise TypeError(
            message(
                "K.gradients",
                "the loss is a value, not a symbolic tensor",
                type(loss).__name__,
                fix,
            )
        )
    wanted = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    sources = [x for x in wanted if isinstance(x, KerasTensor)]
    weights = [x for x in wanted if isinstance(x, Variable)]
    if len(sources) + len(weights) != len(wanted):
        raise TypeError(
            message(
                "K.gradients", "`variables` must be symbolic tensors and variables", repr(wanted)
            )
        )
    by_id = {}
    # One call for each tensor, since one may lie above another, and one for all variables.
    for group in [*([x] for x in sources), *([weights] if weights else [])]:
        by_id.update(_record(loss, group))
    return [by_id[id(x)] for x in wanted]


def _record(loss, group) -> dict:
    """Record the call that computes the gradients for one tensor, or for several variables; returns id -> gradient.

    Raises:
        ValueError: the loss does not depend on one of them.
    """
    sources = [x for x in group if isinstance(x, KerasTensor)]
    weights = [x for x in group if isinstance(x, Variable)]
    leaves, met, used = _leaves(loss, sources)
    for x in sources:
        if id(x) not in met:
            raise ValueError(
                message(
                    "K.gradients", "the loss does not depend on a tensor of `variables`", repr(x)
                )
            )
    for variable in weights:
        if id(variable) not in used:
            raise ValueError(
                message(
                    "K.gradients",
                    "the loss does not depend on a variable of `variables`",
                    variable.path,
                )
            )
    operation = _Gradient(Graph([*sources, *leaves], [loss], "K.gradients"), len(sources), weights)
    specs = [shapes.Tensor(tuple(x.shape), x.dtype) for x in group]
    made = record(operation, ([*sources, *leaves],), {}, specs)
    return {id(x): tensor for x, tensor in zip(group, made, strict=True)}


def _leaves(loss, sources):
    """Return the placeholders below a tensor, the ids of the sources met on the way, and the ids of the variables used."""
    stops = {id(x) for x in sources}
    seen, met, leaves, used = set(), set(), [], set()
    stack = [loss]
    while stack:
        tensor = stack.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if id(tensor) in stops:
            met.add(id(tensor))
            continue
        node: Node | None = tensor.node
        if node is None or not node.inputs:
            leaves.append(tensor)
            continue
        if isinstance(node.operation, Layer):
            used.update(id(variable) for variable in node.operation.weights)
        used.update(
            id(leaf)
            for leaf in tree.flatten([node.args, node.kwargs])
            if isinstance(leaf, Variable)
        )
        stack.extend(node.inputs)
    return leaves, met, used
