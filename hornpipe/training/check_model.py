"""Looks at a model's first and last layers: what its outputs are, where its inputs go, and whether losses and metrics fit them.

Only what can be seen for certain is claimed: built-in layers of functional and sequential models, built-in losses by name.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from hornpipe.core import tree
from hornpipe.core.naming import snake_case

CROSSENTROPIES = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
)
_REGRESSION = set(
    "mean_squared_error mean_absolute_error mean_absolute_percentage_error mean_squared_logarithmic_error huber log_cosh".split()
)
_NO_PROBABILITIES = set(
    "linear relu relu6 tanh elu selu gelu silu leaky_relu softplus softsign mish exponential log_softmax log_sigmoid".split()
)
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, np.inf),
    "exponential": (0.0, np.inf),
}
_WEIGHING = set(
    "Dense EinsumDense Conv1D Conv2D Conv3D SeparableConv1D SeparableConv2D Conv1DTranspose Conv2DTranspose Conv3DTranspose".split()
)
_RECURRENT = {"LSTM", "GRU", "SimpleRNN"}
_SHAPING = {"Flatten", "Reshape", "Dropout", "SpatialDropout1D", "SpatialDropout2D"}
_PASSING = {
    *_SHAPING,
    "Permute",
    "GaussianNoise",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "AveragePooling1D",
    "AveragePooling2D",
}


@dataclasses.dataclass(frozen=True)
class Output:
    """What makes an output: the layer's name, the activation's name, and the size of the axis it works on."""

    layer: str
    activation: str
    size: int | None


def loss_kind(loss) -> str:
    """Return the snake-case name of a built-in loss, or an empty text for the user's own."""
    if loss is None:
        return ""
    function = getattr(loss, "fn", None)
    name = (
        getattr(function, "__name__", "")
        if type(loss).__name__ == "LossFunctionWrapper"
        else type(loss).__name__
    )
    ours = getattr(loss, "row_independent", False) or getattr(function, "_kind", None) == "loss"
    return snake_case(name) if ours else ""


# ---- outputs


def outputs_of(model) -> list[Output | None]:
    """Return what makes each output, None where that can't be seen."""
    graph = getattr(model, "_graph", None)
    if graph is None or not _runs_its_graph(model):
        return []
    return [_trace(tensor) for tensor in graph.flat_outputs]


def _is_ours(cls) -> bool:
    return cls.__module__.startswith("hornpipe.")


def _runs_its_graph(model) -> bool:
    return _is_ours(_owner(type(model), "call"))


def _owner(cls, name):
    return next(base for base in cls.__mro__ if name in vars(base))


def _trace(tensor) -> Output | None:
    node = tensor.node
    if node is None or not node.inputs:
        return None
    operation = node.operation
    size = tensor.shape[-1] if tensor.shape else None
    if not hasattr(operation, "get_weights"):  # an operation that was called on a symbolic tensor
        name = operation.function.op_name
        plain = len(node.args) == 1 and not node.kwargs
        return Output(operation.name, name, size) if plain and name in _RANGES else None
    inner = getattr(operation, "_graph", None)
    if inner is not None:
        return _trace(inner.flat_outputs[tensor.position]) if _is_ours(type(operation)) else None
    kind = type(operation).__name__
    if not _is_ours(type(operation)):
        return None
    if kind in _SHAPING and len(node.inputs) == 1:
        return _trace(node.inputs[0])
    name = _activation(operation)
    if name == "linear" and kind == "Activation":
        return _trace(node.inputs[0])
    return None if name is None else Output(operation.name, name, size)


def _activation(layer: Any) -> str | None:
    """Return the name of the activation that a built-in layer's outputs went through last, or None."""
    kind = type(layer).__name__
    if kind == "Softmax":
        return "softmax" if layer.axis == -1 else None
    if kind == "ReLU":
        plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
        return "relu" if plain else None
    if kind == "TimeDistributed":
        return _activation(layer.layer) if _is_ours(type(layer.layer)) else None
    if kind not in _WEIGHING and kind != "Activation":
        return None
    function = layer.activation
    if hasattr(function, "get_weights"):
        return _activation(function) if _is_ours(type(function)) else None
    if getattr(function, "_kind", None) != "activation":
        return None
    name = function.__name__
    bound = getattr(layer, "kernel_constraint", None) or getattr(layer, "bias_constraint", None)
    return None if name == "linear" and bound is not None else name


def check_outputs(report, model) -> None:
    """Check output activations against the losses."""
    objective = model._objective
    made = outputs_of(model)
    if len(made) != len(objective.losses):
        return
    for output, loss in zip(made, objective.losses, strict=True):
        if output is None or loss is None:
            continue
        where = f"layer {output.layer!r}"
        seen = f"activation={output.activation!r}"
        if output.activation == "softmax" and output.size == 1:
            fix = 'For two classes write Dense(1, activation="sigmoid") and loss="binary_crossentropy"; for a number Dense(1).'
            rule = f"{where} takes a softmax over one unit, which is always 1"
            report.add("HP203", where, rule, f"{seen}, units=1", fix)
            continue
        kind = loss_kind(loss)
        if kind in CROSSENTROPIES:
            _check_probabilities(report, where, seen, output, kind, loss)


def _check_probabilities(report, where, seen, output, kind, loss):
    logits = bool(getattr(loss, "_fn_kwargs", {}).get("from_logits", False))
    name = output.activation
    wanted = "sigmoid" if kind == "binary_crossentropy" else "softmax"
    if logits and (name == "softmax" or name == wanted):
        fix = f"Leave from_logits=True out, or the activation of {where}."
        rule = f"{kind} with from_logits=True applies {wanted} itself, {where} has done it already"
        report.add("HP201", where, rule, f"{seen}, from_logits=True", fix)
    elif logits and name in ("relu", "relu6"):
        rule = f"{where} should give logits of both signs, a relu cuts the negative ones off"
        report.add("HP204", where, rule, seen, f"Leave the activation of {where} out.")
    elif not logits and name in _NO_PROBABILITIES:
        cls = "".join(part.capitalize() for part in kind.split("_"))
        fix = f'Write activation="{wanted}" there, or loss=keras.losses.{cls}(from_logits=True).'
        if name != "linear":
            fix = f'Write activation="{wanted}" there.'
        rule = f"{kind} takes probabilities, {where} does not give any"
        report.add("HP202", where, rule, seen, fix)
    elif kind == "binary_crossentropy" and name == "softmax":
        fix = 'Write loss="categorical_crossentropy", or activation="sigmoid" where labels do not exclude each other.'
        rule = f"binary_crossentropy takes each unit for a decision of its own, {where} shares 1 among them"
        report.add("HP206", where, rule, f"{seen}, units={output.size}", fix)


def check_ranges(report, model, targets) -> None:
    """Check that targets of regression losses can be reached; `targets` are host arrays or None, one an output."""
    made = outputs_of(model)
    if len(made) != len(targets):
        return
    for output, loss, values in zip(made, model._objective.losses, targets, strict=True):
        if output is None or values is None or values.size == 0 or values.dtype.kind not in "fiu":
            continue
        if loss_kind(loss) not in _REGRESSION or output.activation not in _RANGES:
            continue
        if output.activation == "softmax" and output.size == 1:
            continue
        low, high = _RANGES[output.activation]
        least, most = float(values.min()), float(values.max())
        if least < low - 1e-3 or most > high + 1e-3:
            where = f"layer {output.layer!r}"
            span = f"[{low:g}, {high:g}]" if np.isfinite(high) else f"[{low:g}, infinity)"
            rule = f"the outputs of {where} lie in {span} ({output.activation}), the targets do not"
            fix = f"Leave the activation of {where} out, or scale the targets."
            report.add("HP205", where, rule, f"targets from {least:g} to {most:g}", fix)


def check_accuracy(report, model, targets) -> None:
    """Check that "accuracy" does not stand beside a regression of numbers that are no classes."""
    objective = model._objective
    for number, metric, _, _ in objective.watched:
        values, loss = targets[number], objective.losses[number]
        if values is None or loss is None or "accuracy" not in snake_case(type(metric).__name__):
            continue
        if loss_kind(loss) not in _REGRESSION or values.dtype.kind != "f":
            continue
        sample = values[:4096]
        share = np.mean(sample != np.round(sample)) if sample.size else 0.0
        if share > 0.2:
            where = f"metrics of output {objective.names[number]!r}"
            rule = "accuracy counts equal classes, these targets are numbers"
            seen = f"loss={loss_kind(loss)!r}, targets such as {sample.flat[0]:g}"
            report.add("HP404", where, rule, seen, 'Write metrics=["mae"].')


def check_trainable(report, model) -> None:
    """Check that there is something to train, and that what is trainable is what `compile` found."""
    layers = model._flatten_layers()
    changed = [
        layer.name
        for layer in layers
        if model._trainable_then.get(id(layer), layer.trainable) != layer.trainable
    ]
    fix = "Call model.compile(...) again after changing `trainable`."
    if changed:
        known = getattr(model.optimizer, "_indices", ())
        names = ", ".join(map(repr, changed[:10]))
        strange = known and any(id(v) not in known for v in model.trainable_variables)
        rule = "`trainable` was changed after compile"
        if strange:
            rule += ", and the optimizer has no state for the new weights"
        level = "error" if strange else "warning"
        report.add("HP402", "trainable", rule, f"layers {names}", fix, level=level)
    if not model.trainable_variables and any(layer.weights for layer in layers):
        rule = "the model should have trainable weights"
        fix = "Write layer.trainable = True for what should learn, then model.compile(...)."
        report.add("HP403", "trainable", rule, f"{len(model.weights)} weights, all frozen", fix)


# ---- inputs


def consumers_of(model) -> list[list] | None:
    """Return, for each input, the layers (or operations) it reaches first; None where that can't be seen."""
    graph = getattr(model, "_graph", None)
    if graph is None or not _runs_its_graph(model):
        return None
    return [_consumers(graph, tensor) for tensor in graph.flat_inputs]


def _consumers(graph, tensor) -> list:
    found: list = []
    for node in graph.nodes:
        for position, source in enumerate(node.inputs):
            if source is not tensor:
                continue
            operation = node.operation
            inner = getattr(operation, "_graph", None)
            if inner is not None and _is_ours(type(operation)):
                if position < len(inner.flat_inputs):
                    found += _consumers(inner, inner.flat_inputs[position])
            elif (
                type(operation).__name__ in _PASSING
                and _is_ours(type(operation))
                and len(node.inputs) == 1
            ):
                for output in tree.flatten(node.outputs):
                    found += _consumers(graph, output)
            else:
                found.append(operation)
    return found


def takes_numbers(operation) -> bool:
    """Return whether an operation is a built-in layer that multiplies its inputs by weights as they come."""
    kind = type(operation).__name__
    return (kind in _WEIGHING or kind in _RECURRENT) and _is_ours(type(operation))


def is_embedding(operation) -> bool:
    """Return whether an operation is a built-in `Embedding`."""
    return type(operation).__name__ == "Embedding" and _is_ours(type(operation))
