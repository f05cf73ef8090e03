"""The executor: one loop for training, validation, evaluation and prediction.

An epoch is a few segments of steps; a segment runs in chunks, each one call of a compiled fold. A chunk grows until it takes about
300 ms, or has eight slower steps within a second; between chunks there is time for the display, Ctrl-C and callbacks. The bits of the
result do not depend on the chunks.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
import time
from typing import Any

import numpy as np

from hornpipe import ops
from hornpipe.core import tracking, tree
from hornpipe.core.scope import Scope
from hornpipe.engine import select
from hornpipe.training.step import (
    check_logs,
    make_packing,
    make_step,
    make_unflatten,
    write_logs,
    write_outputs,
)

# Each call of a program gets fresh memory, whose page faults take up to a fifth of a convolutional network's step: several steps share
# them, of a slow network at least eight if they do not take longer than somebody waits for Ctrl-C.
_CHUNK_SECONDS = 0.3
_SHARING_STEPS = 8
_MOST_SECONDS = 1.0
_GROWTH = 32
_LOG_ROWS = 4096
_OUTPUT_BYTES = 64 * 2**20
_KNOWN = 64


class Program:
    """A compiled fold, and how many steps of it make a chunk."""

    __slots__ = ("chunk", "keep_logs", "log_names", "outputs", "run", "runs")

    def __init__(self, run, keep_logs):
        self.run, self.keep_logs = run, keep_logs
        self.chunk, self.runs = 1, 0
        self.log_names: list[str] = []
        self.outputs: list = []

    def learn(self, steps: int, seconds: float) -> None:
        """Take a chunk's time into account; the first run is left out, it compiled."""
        self.runs += 1
        if self.runs > 1:
            rate = steps / max(seconds, 1e-6)
            sharing = min(_SHARING_STEPS, int(rate * _MOST_SECONDS))
            self.chunk = max(1, min(max(int(rate * _CHUNK_SECONDS), sharing), steps * _GROWTH))


class BatchHooks:
    """The per-batch hooks of a callback list, for one kind of loop."""

    def __init__(self, callbacks, kind: str):
        self.single = getattr(callbacks, f"needs_single_{kind}_steps")
        self.begin = getattr(callbacks, f"on_{kind}_batch_begin")
        self.end = getattr(callbacks, f"on_{kind}_batch_end")
        self.begins = callbacks.defines(f"on_{kind}_batch_begin")
        self._to_action = callbacks.steps_to_action if kind == "train" else None

    def most(self, steps: int) -> int:
        """Return how many of `steps` steps may run before a callback wants to see the model."""
        limit = None if self._to_action is None else self._to_action()
        return steps if limit is None else max(1, min(steps, limit))

    @classmethod
    def of(cls, callbacks, kind):
        """Return the hooks, or None where no callback has any."""
        return cls(callbacks, kind) if getattr(callbacks, f"needs_{kind}_batches") else None


class Executor:
    """Runs epochs of one kind ("train", "test" or "predict") of a model.

    Args:
        model: a compiled (for "predict": any) built model.
        mode: "train", "test" or "predict".
    """

    watch: Any = (
        None  # a `LossWatch`, where somebody wants to know when the loss stops being finite
    )

    def __init__(self, model, mode: str):
        self.model, self.mode = model, mode
        self.objective = model._objective if mode != "predict" else None
        self.metrics = model.metrics if mode != "predict" else []
        self.sums = _distinct(v for metric in self.metrics for v in metric.variables)
        taken = set(map(id, self.sums))
        trained = model.trainable_weights
        fixed = {"train": (), "test": trained, "predict": model.weights}[mode]
        self.constants = [variable for variable in fixed if id(variable) not in taken]
        taken.update(map(id, self.constants))
        owned = [*model.variables, *(model.optimizer.variables if mode == "train" else ())]
        self.variables = [variable for variable in _distinct(owned) if id(variable) not in taken]
        self.body: Any = {
            "train": model.train_step,
            "test": model.test_step,
            "predict": model.predict_step,
        }[mode]
        self.user_logs = mode != "predict" and model._makes_own_logs(mode)
        # A layer that was frozen or thawed since makes another program.
        self._identity = (
            tuple(map(id, self.variables)),
            tuple(map(id, trained if mode == "train" else ())),
        )
        self.stopped = self.paused = False
        self.logs: dict = {}
        self.results = None  # of the loss and the metrics after the last chunk
        self._unfinished = None  # what an epoch that nobody waited for will end with
        self.known: dict = {}
        if mode == "train":
            self._take_over()

    @classmethod
    def for_prediction(cls, model):
        """Return the model's executor for "predict", kept as long as no layer has got anything new."""
        key = tracking.version()
        kept = model.__dict__.get("_predictor")
        if kept is None or kept[0] != key:
            kept = model.__dict__["_predictor"] = (key, cls(model, "predict"))
            kept[1].rows_apart = model._rows_apart("predict")
        return kept[1]

    # ---- programs

    def predict_once(self, segment) -> list:
        """Return the outputs of a segment of one step, by a compiled call without a loop and without buffers."""
        return self._call_once(self._program_once(segment), segment.data)

    def _program_once(self, segment):
        key = ("once", segment.batch_size, len(segment.data), self._identity)
        compiled = self.model._programs.get(key)
        if compiled is None:
            unflatten = make_unflatten(segment.structure)
            owners = [*self.variables, *self.constants]

            def run(values, batch):
                with Scope(owners, values) as scope:
                    outputs = tree.flatten(self.body(unflatten(batch)))
                return [scope.values[id(variable)] for variable in self.variables], outputs

            compiled = run if self.model.run_eagerly else select.chosen().compile(run)
            self.model._programs[key] = compiled
        return compiled

    def _call_once(self, compiled, data) -> list:
        values, outputs = compiled([v._value for v in (*self.variables, *self.constants)], data)
        self.write_back(values)
        return [select.chosen().to_numpy(output) for output in outputs]

    def remember(self, x, batch_size, source, structure) -> None:
        """Keep the way an array was predicted in one step, for arrays of the same shape and dtype: `self.known`.

        Serving one row takes a tenth of a millisecond; checking, building and batching it again would take three more.
        """
        (segment,) = source.segments()
        compiled, count = self._program_once(segment), segment.batch_size

        def predict(x):
            outputs = self._call_once(compiled, [source.piece(x, slice(None), count)])
            return tree.pack_like(structure, [output[: source.rows] for output in outputs])

        if len(self.known) >= _KNOWN:
            self.known.clear()
        self.known[x.shape, x.dtype, batch_size] = predict

    def program(self, segment, record: bool) -> Program:
        """Return the compiled fold for a segment, from the model's cache where it was made before."""
        key = (
            self.mode,
            segment.batch_size,
            segment.rows,
            segment.pattern,
            record,
            self._identity,
        )
        found = self.model._programs.get(key)
        if found is None:
            write = None if not record else write_outputs if self.mode == "predict" else write_logs
            packing = make_packing(self.sums)
            step = make_step(
                self.body,
                self.objective,
                self.variables,
                self.sums,
                self.constants,
                segment,
                packing,
                keep_logs=self.user_logs,
                write=write,
            )
            fold = _eager_fold if self.model.run_eagerly else select.chosen().fold
            run = fold(
                step,
                segment.batch_size,
                donate=self.mode == "train",
                enter=self._entrance(packing[0]),
                leave=self._exit(packing[1]),
            )
            found = self.model._programs[key] = Program(run, self.user_logs)
        return found

    def _result_specs(self, segment):
        """Return (names, specs) of what a step's body returns, in order, without computing it; outputs have no names."""
        engine = select.chosen()
        unflatten = make_unflatten(segment.structure)
        owners = [*self.variables, *self.sums, *self.constants]
        names: list[str] = []

        def run(values, batch):
            with Scope(owners, values):
                results = self.body(unflatten(batch))
            if self.mode != "predict":
                names[:] = check_logs(results)
            return tree.flatten(results)  # engines may sort a dict's keys

        values = [(variable.shape, variable.dtype) for variable in owners]
        batch = [
            ((segment.batch_size, *engine.shape(leaf)[1:]), engine.dtype(leaf))
            for leaf in segment.data
        ]
        specs = engine.eval_shape(run, values, batch)
        self.model._clear_losses()
        return names, [_Spec(*spec) for spec in specs]

    # ---- state

    def _take_over(self) -> None:
        """Give the variables values of their own before training takes over their memory."""
        engine = select.chosen()
        key = ("copy", self._identity)
        copy = self.model._programs.get(key)
        if copy is None:  # one call of a program: a copy by itself costs as much as ten in there
            copy = engine.compile(lambda values: [engine.copy(value) for value in values])
            self.model._programs[key] = copy
        self.write_back(copy([variable._value for variable in self.variables]))

    def write_back(self, values, sums=()) -> None:
        """Give the variables, and the metrics' ones, their new values."""
        for variable, value in zip(self.variables, values, strict=True):
            variable._value = value
        for variable, value in zip(self.sums, sums, strict=False):
            variable._value = value

    def reset_metrics(self) -> None:
        """Start the metrics again. What they start from is computed once, in one compiled call."""
        key = ("zeros", self.mode, tuple(map(id, self.sums)))
        zeros = self.model._programs.get(key)
        if zeros is None:

            def zero():
                with Scope() as scope:
                    for metric in self.metrics:
                        metric.reset_state()
                return [scope.values.get(id(variable)) for variable in self.sums]

            zeros = zero() if self.model.run_eagerly else select.chosen().compile(zero)()
            self.model._programs[key] = zeros
        for variable, value in zip(self.sums, zeros, strict=True):
            if value is not None:
                variable._value = value

    def _entrance(self, pack):
        def enter(carry):
            values, sums, logs, record = carry
            return values, pack(sums), logs, record

        return enter

    def _exit(self, unpack):
        def leave(carry):
            values, packed, logs, record = carry
            sums = unpack(packed)
            return values, sums, logs, record, self._results(sums)

        return leave

    def _results(self, sums):
        """Return the results of the loss and the metrics for values of their variables, as one vector where all are scalars."""
        if self.user_logs or self.mode == "predict":
            return None
        with Scope(self.sums, sums):
            found = self.model.get_metrics_result()
        self.model._programs["names", self.mode] = list(found)
        values = list(found.values())
        if any(len(value.shape) for value in values):
            return values
        return ops.stack([ops.cast(value, "float32") for value in values])

    def read_logs(self, values=None) -> dict:
        """Return name -> float of the loss and the metrics so far, or as they were when `results` was `values`."""
        to_numpy = select.chosen().to_numpy
        if self.user_logs:
            return {name: float(to_numpy(value)) for name, value in self.logs.items()}
        values = self.results if values is None else values
        if values is None:
            # Compiled as in a chunk's program: the bits are the same.
            run = (
                self._results if self.model.run_eagerly else select.chosen().compile(self._results)
            )
            values = run([variable._value for variable in self.sums])
        values = map(to_numpy, values) if isinstance(values, list) else to_numpy(values).tolist()
        names = self.model._programs["names", self.mode]
        return {name: _plain(value) for name, value in zip(names, values, strict=True)}

    # ---- the loop

    def run(self, source, epoch=0, *, hooks=None, display=None, start=0, between=None, wait=True):
        """Run one epoch.

        Args:
            source: gives segments, see `training/data.py`.
            epoch: int. Fixes the order of rows.
            hooks: a `BatchHooks`, or None.
            display: an object with `update(step, steps, logs)`, or None.
            start: int. The step to begin with.
            between: a `Pauses`, asked between chunks; what it says may end the run early, see `paused`.
            wait: bool. Whether to wait for the end of epochs that are so short that they make one chunk.

        Returns:
            The logs, or for "predict" the list of outputs as NumPy arrays. Without waiting, a function that returns the logs.
        """
        engine = select.chosen()
        single = hooks is not None and hooks.single
        record = self.mode == "predict" or (hooks is not None and not single)
        done, outputs, previous = start, [], self._unfinished
        self.steps_done = start
        if self.mode != "predict" and start == 0:
            self.reset_metrics()
        if self.watch is not None:
            self.watch.after(source, epoch, start)
        for segment in source.segments(epoch, start):
            if self.mode == "predict" and segment.steps == 1 and hooks is None:
                outputs.append(self.predict_once(segment))
                done += 1
                if display is not None:
                    display.update(done, source.steps, {})
                continue
            program = self.program(segment, record)
            order = segment.order
            fixed = [variable._value for variable in self.constants]
            first = segment.begin
            while first < segment.steps:
                left = segment.steps - first
                steps = 1 if single else left if source.streamed else min(program.chunk, left)
                if hooks is not None and single:
                    hooks.begin(done)
                buffers = self._buffers(program, segment) if record else None
                if record:
                    steps = min(steps, buffers[2])
                    steps = steps if hooks is None else hooks.most(steps)
                if between is not None:
                    steps = min(steps, between.most(done))
                whole = (
                    not (wait or source.streamed) and program.runs > 1 and steps == segment.steps
                )
                if previous is not None and not whole:
                    _wait(previous)  # streams: the batches were collected while the last chunk ran
                began = time.perf_counter()
                carry = (
                    [variable._value for variable in self.variables],
                    [variable._value for variable in self.sums],
                    self._initial_logs(program, segment),
                    buffers[:2] if record else None,
                )
                carry = program.run(carry, fixed, segment.data, order, first, first + steps)
                if self.mode == "train" and first + steps >= segment.steps:
                    source.look_ahead(epoch + 1)
                previous = carry if source.streamed or whole else None
                if previous is None:
                    _wait(carry)
                    program.learn(steps, time.perf_counter() - began)
                values, sums, logs, recorded, self.results = carry
                self.logs = (
                    dict(zip(program.log_names, logs, strict=True)) if program.keep_logs else {}
                )
                self.write_back(values, sums)
                first += steps
                if self.mode == "predict":
                    rows = steps * segment.batch_size
                    outputs.append([engine.to_numpy(buffer[:rows]) for buffer in recorded[1]])
                if hooks is not None:
                    self._tell(hooks, done, steps, recorded, program)
                done += steps
                if self.watch is not None:
                    self.watch.after(source, epoch, done)
                if display is not None:
                    display.update(
                        done, source.steps, self.read_logs if self.mode != "predict" else {}
                    )
                self.steps_done = done
                if self.mode == "train" and self.model.stop_training and hooks is not None:
                    self.stopped = True
                    return self.read_logs()
                if between is not None and between.after(done):
                    self.paused = True
                    return self.read_logs()
                check_interrupt()
        if self.mode == "predict":
            return [
                np.concatenate(parts) if len(parts) > 1 else parts[0]
                for parts in zip(*outputs, strict=True)
            ]
        self._unfinished = None if wait else previous
        return self.read_logs() if wait else functools.partial(self.read_logs, self.results)

    def _initial_logs(self, program, segment):
        """Return the logs that a carry begins with, where the user's step makes them: zeros, or those of the step before."""
        if not program.keep_logs:
            return []
        if not program.log_names:
            program.log_names = self._result_specs(segment)[0]
        zero = select.chosen().asarray(0.0, "float32")
        return [self.logs.get(name, zero) for name in program.log_names]

    def _buffers(self, program, segment):
        """Return (0, buffers, capacity in steps) for results that every step leaves behind."""
        engine = select.chosen()
        if not program.outputs:
            program.log_names, specs = self._result_specs(segment)
            program.outputs = (
                specs if self.mode == "predict" else [_Spec((1, len(specs)), "float32")]
            )
        specs = program.outputs
        most = (
            _LOG_ROWS
            if self.mode != "predict"
            else _OUTPUT_BYTES // max(sum(spec.bytes for spec in specs), 1)
        )
        steps = max(1, min(most, segment.steps))
        zeros = [np.zeros((steps * spec.shape[0], *spec.shape[1:]), "float32") for spec in specs]
        buffers = [
            engine.asarray(zero, spec.dtype) for zero, spec in zip(zeros, specs, strict=True)
        ]
        return engine.asarray(0), buffers, steps

    def _tell(self, hooks, done, steps, recorded, program):
        """Call the per-batch hooks of the steps of a chunk."""
        if hooks.single:
            hooks.end(done, self.read_logs() if self.mode != "predict" else {})
            return
        rows: list = [()] * steps
        if self.mode != "predict":
            rows = select.chosen().to_numpy(recorded[1][0][:steps]).tolist()
        names = program.log_names if self.mode != "predict" else ()
        for step, row in enumerate(rows, done):
            if hooks.begins:
                hooks.begin(step)
            hooks.end(step, dict(zip(names, row, strict=True)))


def _eager_fold(step, batch_size, *, donate, enter, leave):
    """Return a fold that runs the steps one by one without compiling them, for `run_eagerly=True`."""
    engine = select.chosen()

    def run(carry, constants, data, order, start, stop):
        carry = enter(carry)
        for index in range(start, stop):
            first = index * batch_size
            rows = (
                np.arange(first, first + batch_size, dtype="int32")
                if order is None
                else order[first : first + batch_size]
            )
            rows = engine.asarray(rows)
            carry = step(
                carry, constants, [engine.take(leaf, rows, axis=0) for leaf in data], index
            )
        return leave(carry)

    return run


class _Spec:
    """The shape and dtype of one result of a step."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = tuple(shape), dtype
        self.bytes = int(np.prod(self.shape)) * 8


def _wait(carry):
    """Wait for a program's results: they are ready together, and asking for one is quicker than for all."""
    for part in carry:
        while isinstance(part, (list, tuple)) and part:
            part = part[0]
        if part is not None and not isinstance(part, (list, tuple)):
            select.chosen().wait(part)
            return


def _plain(value):
    if isinstance(value, float):
        return value
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def _distinct(variables) -> list:
    return list({id(variable): variable for variable in variables}.values())


# ---- Ctrl-C and SIGTERM

_noted: list[int] = []  # the signal that came while a chunk was running


def interrupt_pending() -> bool:
    """Return whether `check_interrupt` is about to raise."""
    return bool(_noted)


def check_interrupt() -> None:
    """Raise what a signal that came while a chunk was running asks for.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
        SystemExit: it was SIGTERM; the exit status is the one of a process that it ended.
    """
    if _noted:
        number = _noted[0]
        _noted.clear()
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


@contextlib.contextmanager
def deferred_interrupts(terminate: bool = False):
    """Let Ctrl-C wait for the end of the running chunk; a second one stops at once.

    Args:
        terminate: bool. Whether SIGTERM waits as well, where the program does not handle it itself.
    """
    waiting = {signal.SIGINT: signal.default_int_handler}
    if terminate:
        waiting[signal.SIGTERM] = signal.SIG_DFL
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: old for n, old in waiting.items() if signal.getsignal(n) is old}

    def note(number, frame):
        if _noted:
            for each, old in before.items():
                signal.signal(each, old)
            _noted.clear()
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        _noted.append(number)

    if before:
        _noted.clear()
    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        if before:
            _noted.clear()
