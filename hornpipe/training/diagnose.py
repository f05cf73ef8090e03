"""When a loss stops being finite: which step it was, and the first layer and value that went wrong.

While training runs, `LossWatch` keeps a copy of what a step changes, a few seconds old at most, and looks at the loss from time
to time. When the loss is not finite, the steps since that copy are run again on copies, the first bad one is found by halving,
and that step is done once more outside the compiled program with every layer's output looked at. Training itself goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import warnings
from typing import Any

import numpy as np

from hornpipe.core import tree
from hornpipe.core.errors import message
from hornpipe.core.scope import Scope
from hornpipe.engine import select
from hornpipe.training.check_model import loss_kind
from hornpipe.training.findings import CheckWarning, outside_level
from hornpipe.training.step import make_unflatten, value_and_grad

_LOOK_SECONDS = 0.1  # between two looks at the loss
_KEEP_SECONDS = 2.0  # between two copies of small models; larger ones are copied less often
_MOST_BYTES = 2**29  # of larger models no copy is kept
_LARGE = 1e6


@dataclasses.dataclass
class _Step:
    """A step that went wrong: its place, the values before it, and its batch."""

    epoch: int
    number: int
    values: list
    sums: list
    batch: list
    structure: Any
    rows: np.ndarray


def values_of(model) -> dict:
    """Return id -> value of all variables that training changes."""
    return {id(v): v._value for v in (*model.variables, *model.optimizer.variables)}


class LossWatch:
    """Watches the loss of one `fit`.

    Args:
        executor: the `Executor` that trains; it has just given the variables values of their own.
        before: dict id of a variable -> the value it had before that, from `values_of`.
    """

    def __init__(self, executor, before):
        self.executor, self.model = executor, executor.model
        self.kept: tuple | None = None  # (epoch, steps done, values, sums)
        self.done = ("HP501", "loss") in self.model._told
        size = sum(_bytes(variable) for variable in executor.variables)
        self.interval = _KEEP_SECONDS + size / 10e6
        self.keeps = size <= _MOST_BYTES
        # The executor has copied these values already: the originals serve as the first copy.
        self.originals: dict = {}
        if self.keeps and not self.done:
            self.originals = {
                id(v): (v._value, before[id(v)]) for v in executor.variables if id(v) in before
            }
        self.next_look = self.next_copy = 0.0
        tracker = self.model._objective.loss_tracker
        mine = {id(variable) for variable in tracker.variables}
        self.loss_sums = [i for i, v in enumerate(executor.sums) if id(v) in mine]
        weights = {id(variable) for variable in self.model.weights}
        self.weights = [i for i, v in enumerate(executor.variables) if id(v) in weights]

    # ---- while training runs

    def after(self, source, epoch, done) -> None:
        """Look at the loss after `done` steps of an epoch, where it is time to; done=0 stands for the epoch's beginning."""
        now = time.perf_counter()
        if self.done or now < self.next_look or source.streamed:
            return
        self.next_look = now + _LOOK_SECONDS
        executor = self.executor
        if done and not self._loss_is_finite(
            [variable._value for variable in executor.sums], list(executor.logs.values())
        ):
            self.report(source, epoch)
        elif self.keeps and now >= self.next_copy:
            self.next_copy = now + self.interval
            values = [self._copy_of(variable) for variable in executor.variables]
            sums = _copies(v._value for v in executor.sums) if done else None
            self.kept, self.originals = (epoch, done, values, sums), {}

    def _copy_of(self, variable):
        given, original = self.originals.get(id(variable), (None, None))
        return original if given is variable._value else select.chosen().copy(variable._value)

    def epoch_end(self, source, epoch, logs) -> None:
        """Look at the logs of an epoch."""
        if not self.done and not np.all(np.isfinite(logs.get("loss", 0.0))):
            self.report(source, epoch)

    def _loss_is_finite(self, sums, logs) -> bool:
        looked_at = logs if self.executor.user_logs else [sums[i] for i in self.loss_sums]
        return all(map(_finite, looked_at))

    # ---- once it has happened

    def report(self, source, epoch) -> None:
        """Warn, once for each `compile`, of what is known about the first step that went wrong."""
        self.done, self.originals = True, {}
        self.model._told.add(("HP501", "loss"))
        step = None if source.streamed or self.kept is None else self._replay(source, epoch)
        if step is None:
            rule = f"the loss is not finite any more, since epoch {epoch + 1}"
            seen, fix = self._look_at_weights(source)
        else:
            rule = f"the loss is not finite any more, since step {step.number + 1} of epoch {step.epoch + 1}"
            seen, fix = self._look_at(step)
        self.kept = None
        text = f"{message('fit', rule, seen, fix)} [HP501]"
        warnings.warn(CheckWarning(text), stacklevel=outside_level())

    def _replay(self, source, last_epoch) -> _Step | None:
        """Run the steps since the copy again, and return the first bad one; None where none is (callbacks changed something)."""
        begun, start, values, sums = self.kept
        values = _copies(values)
        sums = self._zero_sums() if sums is None else sums
        given = [i for i in self.weights if not _finite(values[i])]
        self.watched = [i for i in self.weights if i not in given]
        for epoch in range(begun, last_epoch + 1):
            if epoch > begun:
                start, sums = 0, self._zero_sums()
            number = start
            for segment in source.segments(epoch, start):
                program = self.executor.program(segment, False)
                first = segment.begin
                while first < segment.steps:
                    stop = min(first + max(program.chunk, 16), segment.steps)
                    before = _copies(values), _copies(sums)
                    values, sums, bad = self._run(program, segment, values, sums, first, stop)
                    if bad:
                        found = self._halve(program, segment, *before, first, stop)
                        return self._step_at(epoch, number + found[0] - first, segment, *found)
                    number += stop - first
                    first = stop
        return None

    def _run(self, program, segment, values, sums, first, stop):
        """Run steps on values of our own, which it takes over; returns (values, sums, whether something went bad)."""
        executor = self.executor
        zero = select.chosen().asarray(0.0, "float32")
        if program.keep_logs and not program.log_names:
            program.log_names = executor._result_specs(segment)[0]
        logs = [zero for _ in program.log_names] if program.keep_logs else []
        fixed = [variable._value for variable in executor.constants]
        carry = program.run(
            (values, sums, logs, None), fixed, segment.data, segment.order, first, stop
        )
        values, sums, logs = carry[:3]
        good = self._loss_is_finite(sums, logs) and all(_finite(values[i]) for i in self.watched)
        return values, sums, not good

    def _halve(self, program, segment, values, sums, first, stop):
        """Return (step, values, sums) of the first bad step between `first` and `stop`, with the values before it."""
        while stop - first > 1:
            middle = (first + stop) // 2
            trial = self._run(program, segment, _copies(values), _copies(sums), first, middle)
            if trial[2]:
                stop = middle
            else:
                first, (values, sums, _) = middle, trial
        return first, values, sums

    def _zero_sums(self):
        zeros = self.model._programs[("zeros", "train", tuple(map(id, self.executor.sums)))]
        pairs = zip(zeros, self.executor.sums, strict=True)
        return _copies(variable._value if zero is None else zero for zero, variable in pairs)

    def _step_at(self, epoch, number, segment, index, values, sums) -> _Step:
        size, engine = segment.batch_size, select.chosen()
        rows = np.arange(index * size, (index + 1) * size)
        if segment.rows is not None:
            rows = rows[rows < segment.rows]
        if segment.order is not None:
            rows = np.asarray(segment.order)[rows]
        batch = [engine.take(leaf, engine.asarray(rows, "int32"), axis=0) for leaf in segment.data]
        return _Step(epoch, number, values, sums, batch, segment.structure, rows)

    # ---- looking closely

    def _look_at_weights(self, source):
        """Return (what is seen, what to do) where the step can't be found."""
        bad = [v.path for v in self.model.weights if not _finite(v._value)]
        why = "batches of a stream can't be asked for again"
        if not source.streamed:
            why = "the weights from before it are gone"
        seen = f"which step it was is not known, {why}"
        if bad:
            seen += f"; not finite now: {', '.join(bad[:5])}"
        return seen, self._advice("Look for NaN in the data;")

    def _look_at(self, step: _Step):
        """Return (what is seen first, what to do) of a step that went wrong."""
        executor, model = self.executor, self.model
        owners = [*executor.variables, *executor.sums, *executor.constants]
        values = [*step.values, *step.sums, *(v._value for v in executor.constants)]
        x, y, weight = make_unflatten(step.structure)(step.batch)
        for name, part in (("x", x), ("y", y), ("sample_weight", weight)):
            for leaf in tree.flatten(part):
                if leaf is not None and not _finite(leaf):
                    array = select.chosen().to_numpy(leaf)
                    bad = ~np.isfinite(array.reshape(len(array), -1)).all(1)
                    row = int(step.rows[int(np.argmax(bad))])
                    return f"`{name}` holds NaN or infinity in row {row}", "Drop or fill such rows."
        for index in self.weights:
            if not _finite(step.values[index]):
                path = executor.variables[index].path
                return f"{path} is not finite before that step", "Look at how it was set."
        with Scope(owners, values), _watching(model) as seen:
            outputs = model(x, training=True)
            if seen:
                return self._about_layer(seen[0])
            own = type(model).train_step is not _base_step()
            loss = None if own else model.compute_loss(x, y, outputs, weight, training=True)
            model._clear_losses()
        if loss is None:
            return (
                "all layers give finite outputs; the loss or the gradients of your own train_step are not",
                "",
            )
        if not _finite(loss):
            return self._about_loss(outputs)
        return self._about_gradients(owners, values, x, y, weight)

    def _about_layer(self, found):
        layer, kind, inputs, weights = found
        seen = f"the first is the output of layer {layer!r}: {kind}; its inputs reach {inputs:.2g}"
        if weights is not None:
            seen += f", its weights {weights:.2g}"
        if max(inputs, weights or 0.0) > _LARGE:
            return seen, self._advice("Values have grown too far:")
        return seen, "Look for log, sqrt or a division of what can be 0 in this layer."

    def _about_loss(self, outputs):
        size = max(_reach(leaf) for leaf in tree.flatten(outputs))
        names = ", ".join(
            loss_kind(loss) or loss.name
            for loss in self.model._objective.losses
            if loss is not None
        )
        seen = f"the outputs are finite (up to {size:.2g}), the first that is not is the loss ({names})"
        if size > _LARGE:
            return seen, self._advice("Outputs have grown too far:")
        return (
            seen,
            "Look for log, sqrt or a division of what can be 0 in the loss or in what `add_loss` was given.",
        )

    def _about_gradients(self, owners, values, x, y, weight):
        model = self.model

        def forward():
            return model.compute_loss(x, y, model(x, training=True), weight, training=True)

        variables = model.trainable_variables
        with Scope(owners, values):
            _, gradients = value_and_grad(forward, variables)
            model._clear_losses()
        bad = [
            v.path
            for v, g in zip(variables, gradients, strict=True)
            if g is not None and not _finite(g)
        ]
        if bad:
            seen = (
                f"loss and outputs are finite, the gradient of {bad[-1]} is the first that is not"
            )
            fix = "Look for sqrt, norm, log or a division at 0: their slope there is infinite; add a small number inside."
            return seen, fix
        seen = "outputs, loss and gradients are finite; the optimizer's update made weights that are not"
        return seen, self._advice("The step was too large:")

    def _advice(self, reason):
        rate = self.model.optimizer.learning_rate
        with contextlib.suppress(TypeError, ValueError):
            value = float(select.chosen().to_numpy(getattr(rate, "value", rate)))
            return (
                f"{reason} try learning_rate={value / 10:.2g} (now {value:.2g}), or clipnorm=1.0."
            )
        return f"{reason} try a smaller learning rate, or clipnorm=1.0."


def _base_step():
    from hornpipe.training.trainer import Trainer

    return Trainer.train_step


@contextlib.contextmanager
def _watching(model):
    """Note (layer, "NaN" or "infinity", reach of its inputs and weights) of the outputs that are not finite, in their order."""
    seen: list = []
    layers = [layer for layer in model._flatten_layers() if layer is not model]

    def watched(layer, call):
        def run(*args, **kwargs):
            outputs = call(*args, **kwargs)
            for leaf in tree.flatten(outputs):
                if not seen and leaf is not None and not _finite(leaf):
                    array = select.chosen().to_numpy(leaf)
                    kind = "NaN" if np.isnan(array).any() else "infinity"
                    weights = [_reach(variable.value) for variable in layer.weights]
                    inputs = max((_reach(part) for part in tree.flatten(args)), default=0.0)
                    seen.append((layer.name, kind, inputs, max(weights) if weights else None))
            return outputs

        return run

    for layer in layers:  # past `__setattr__`, which would make the compiled programs stale
        layer.__dict__["call"] = watched(layer, layer.call)
    try:
        yield seen
    finally:
        for layer in layers:
            del layer.__dict__["call"]


def _host(value):
    engine = select.chosen()
    return engine.to_numpy(value) if engine.is_tensor(value) else np.asarray(value)


def _finite(value) -> bool:
    array = _host(value)
    if array.dtype.kind in "biu":
        return True
    if array.dtype.kind not in "fc":  # bfloat16 is no NumPy dtype
        array = array.astype("float32")
    return bool(np.isfinite(array).all())


def _reach(value) -> float:
    """Return the largest absolute value."""
    array = _host(value)
    return (
        float(np.max(np.abs(array.astype("float64")), initial=0.0))
        if array.dtype.kind != "b"
        else 1.0
    )


def _copies(values):
    copy = select.chosen().copy
    return [copy(value) for value in values]


def _bytes(variable) -> int:
    return 4 * int(np.prod(variable.shape))
