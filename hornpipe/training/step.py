"""The step: a model's stateful `train_step` as a pure function `(carry, constants, batch, index) -> carry`.

The carry holds the values of all variables a step may change, and the logs. `Scope` lets these values stand in for the variables,
so the same source is traced once by a compiling engine and run as it is by an eager one.
"""

from __future__ import annotations

import dataclasses
import math

from hornpipe import ops
from hornpipe.core import tree
from hornpipe.core.errors import message
from hornpipe.core.scope import Scope
from hornpipe.core.variable import Variable
from hornpipe.engine import select


@dataclasses.dataclass(frozen=True)
class State:
    """All values a training step reads and changes, as flat lists in the order of the model's variables.

    Args:
        trainable: tensors of `model.trainable_variables`.
        non_trainable: tensors of the other weights.
        optimizer: tensors of `model.optimizer.variables`.
        metrics: tensors of the metrics' variables.
        seed: tensors of the random generators' states.
        epoch, step: ints. How many epochs, and steps of the current one, are done.
    """

    trainable: list
    non_trainable: list
    optimizer: list
    metrics: list
    seed: list
    epoch: int = 0
    step: int = 0


def value_and_grad(function, variables):
    """Compute a scalar and its gradients with respect to variables.

    Assignments that `function` makes to other variables (moving averages, metrics) are kept.

    Args:
        function: takes nothing; returns a scalar, or (scalar, anything else).
        variables: list of `Variable`.

    Returns:
        (what `function` returned, list of gradients).

    Raises:
        TypeError: `function` is not callable, or an entry of `variables` is not a `Variable`.

    Example:
        >>> import hornpipe as keras
        >>> w = keras.Variable([1.0, 2.0])
        >>> loss, (gradient,) = keras.value_and_grad(lambda: keras.ops.sum(w * w), [w])
        >>> float(loss), gradient.tolist()
        (5.0, [2.0, 4.0])
    """
    if not callable(function):
        fix = "Pass a function that takes nothing, for example `lambda: loss_of(model(x), y)`."
        raise TypeError(
            message("value_and_grad", "`function` must be callable", repr(function), fix)
        )
    for variable in variables:
        if not isinstance(variable, Variable):
            rule = "`variables` must hold Variables"
            fix = "Pass for example model.trainable_variables."
            raise TypeError(message("value_and_grad", rule, repr(variable), fix))
    assigned: list = []
    pair: list = []

    def pure(values):
        with Scope(variables, values) as scope:
            result = function()
        assigned[:], new_values = scope.changes()
        pair[:] = [isinstance(result, tuple) and len(result) == 2]
        loss, aux = result if pair[0] else (result, None)
        return loss, (aux, new_values)

    engine = select.active.engine
    (loss, (aux, new_values)), gradients = engine.value_and_grad(pure)(
        [variable.value for variable in variables]
    )
    for variable, value in zip(assigned, new_values, strict=True):
        variable.assign(value)
    return ((loss, aux) if pair[0] else loss), gradients


def make_step(
    body, objective, variables, sums, constants, segment, packing, *, keep_logs, write=None
):
    """Return the pure step of one program.

    The carry is (values, packed values of the metrics, logs, record): `record` is None, or a row counter and buffers that every step
    writes its results into.

    Args:
        body: the model's train_step, test_step or predict_step: (x, y, sample_weight) -> logs or outputs.
        objective: the model's `Objective`, or None.
        variables, sums, constants: variables whose values the carry (the metrics' ones apart), and `constants`, hold.
        segment: a `Segment`: its structure and its number of real rows.
        packing: from `make_packing(sums)`.
        keep_logs: bool. Whether logs are part of the carry (they are where a user's step makes them).
        write: `write_logs` or `write_outputs`, where there is a record.
    """
    unflatten = make_unflatten(segment.structure)
    owners = [*variables, *sums, *constants]
    known = {id(variable) for variable in (*variables, *sums)}
    batch_size, rows = segment.batch_size, segment.rows
    pack, unpack = packing

    def step(carry, fixed, batch, index):
        values, packed, logs, record = carry
        data = unflatten(batch)
        with Scope(owners, [*values, *unpack(packed), *fixed]) as scope:
            if rows is None or objective is None:
                results = body(data)
            else:
                left = rows - index * batch_size
                mask = ops.less(ops.arange(batch_size, dtype="int32"), left)
                with objective.padded(mask, ops.minimum(left, batch_size)):
                    results = body(data)
        for key, variable in scope.changed.items():
            if key not in known:
                rule = f"variable {variable.path!r} changed inside the step but does not belong to what the step may change"
                raise ValueError(
                    message(
                        "train_step", rule, "", "Make it an attribute of the model or of a layer."
                    )
                )
        new_values, new_sums = ([scope.values[id(v)] for v in group] for group in (variables, sums))
        if record is not None:
            record = write(record, results)
        return (
            new_values,
            pack(new_sums),
            list(check_logs(results).values()) if keep_logs else logs,
            record,
        )

    return step


_SMALL = 64  # numbers


def make_packing(variables):
    """Return (pack, unpack) for the values of metrics' variables: all small float32 ones become one vector.

    A program updates a vector in one pass, where every variable of its own would cost a tiny one; of a small model's step,
    the metrics would be a fifth.
    """
    sizes = [math.prod(variable.shape) for variable in variables]
    small = [
        variable.dtype == "float32" and size <= _SMALL
        for variable, size in zip(variables, sizes, strict=True)
    ]
    if sum(small) < 2:
        return list, list

    def pack(values):
        parts = [
            ops.reshape(value, (-1,)) for value, fits in zip(values, small, strict=True) if fits
        ]
        rest = [value for value, fits in zip(values, small, strict=True) if not fits]
        return [ops.concatenate(parts), *rest]

    def unpack(packed):
        vector, rest = packed[0], iter(packed[1:])
        values, start = [], 0
        for variable, size, fits in zip(variables, sizes, small, strict=True):
            if fits:
                values.append(ops.reshape(vector[start : start + size], variable.shape))
                start += size
            else:
                values.append(next(rest))
        return values

    return pack, unpack


def make_unflatten(structure):
    """Return a function that puts a flat list of tensors into the (x, y, sample_weight) structure it came from."""
    present = [leaf is not None for leaf in tree.flatten(structure)]
    like = tree.map_tree(lambda leaf: None, structure)

    def unflatten(batch):
        leaves = iter(batch)
        return tree.pack_like(like, [next(leaves) if there else None for there in present])

    return unflatten


def check_logs(logs):
    """Return a step's logs as a dict of scalars.

    Raises:
        TypeError: `train_step` returned something else.
    """
    if not isinstance(logs, dict):
        fix = 'Return for example {"loss": loss}.'
        raise TypeError(
            message(
                "train_step", "must return a dict name -> scalar", repr(type(logs).__name__), fix
            )
        )
    return {name: scalar(value) for name, value in logs.items()}


def scalar(value):
    """Return a log entry as a float32 scalar; arrays give their mean."""
    return ops.cast(ops.mean(ops.cast(value, "float32")), "float32")


def write_logs(record, logs):
    """Write a step's logs as one row after those of the steps before."""
    row = ops.reshape(ops.stack([scalar(value) for value in logs.values()]), (1, -1))
    return _write(record, [row])


def write_outputs(record, outputs):
    """Write a batch of outputs after those of the steps before."""
    return _write(record, tree.flatten(outputs))


def _write(record, blocks):
    position, buffers = record
    update = select.active.engine.dynamic_update
    written = [
        update(buffer, block, [position, *(0,) * (len(block.shape) - 1)])
        for buffer, block in zip(buffers, blocks, strict=True)
    ]
    return position + blocks[0].shape[0], written
