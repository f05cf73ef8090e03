"""`Checkpoints`: the pauses of a run that is saved on its way and can be resumed to the same bits.

Values are read between chunks only, when nothing is at work on them, and copied to the host before anything is written. Where in a
run a checkpoint may be written, and what a resumed run does from there, is said by `Place`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import time
import warnings

from hornpipe.callbacks.backup import BackupAndRestore, RunFolder
from hornpipe.core import random
from hornpipe.core.errors import FileFormatError, message
from hornpipe.engine import select
from hornpipe.training.data import iter_is_self
from hornpipe.training.executor import check_interrupt, interrupt_pending
from hornpipe.training.findings import outside_level
from hornpipe.training.pauses import Pauses, Place

_LEAST_SECONDS = 10.0  # between two checkpoints, where the user leaves it to us
_SHARE = 0.015  # of the time, that saving may take then; the last checkpoint comes on top
_BYTES_A_SECOND = 1e8  # what saving is taken to manage before it was measured
_NO_LIMIT = 2**62
_STAGES = ("begin", "train", "validate")
_PARTS = {
    "place": dict,
    "finished": bool,
    "shuffle_seed": int,
    "random": dict,
    "callbacks": list,
    "step_logs": dict,
    "arguments": dict,
    "environment": dict,
    "paths": dict,
}


def find_plan(checkpoint, resume, callbacks):
    """Return what `fit` was told about checkpoints, a `BackupAndRestore`.

    Raises:
        ValueError: `resume` without `checkpoint`, or more than one folder.
        TypeError: `checkpoint` is no path, or `resume` no bool.
    """
    if not isinstance(resume, bool):
        raise TypeError(message("fit", "`resume` must be True or False", f"resume={resume!r}"))
    plans = [each for each in callbacks.callbacks if isinstance(each, BackupAndRestore)]
    if checkpoint is None:
        if resume:
            fix = 'Name the folder: fit(..., checkpoint="run/", resume=True).'
            raise ValueError(message("fit", "`resume` needs `checkpoint`", "checkpoint=None", fix))
    elif not isinstance(checkpoint, (str, os.PathLike)) or not os.fspath(checkpoint):
        rule = "`checkpoint` must be the path of a folder"
        raise TypeError(message("fit", rule, f"checkpoint={checkpoint!r}"))
    else:
        plans.append(RunFolder(checkpoint))
    if len(plans) > 1:
        received = ", ".join(repr(plan.backup_dir) for plan in plans)
        rule = "a run has one folder for checkpoints"
        fix = "Pass `checkpoint` or one BackupAndRestore."
        raise ValueError(message("fit", rule, received, fix))
    return plans[0]


class Checkpoints(Pauses):
    """Writes checkpoints where they are due, and begins at the newest one.

    Entering it takes the folder's lock, and reads and checks everything; the model changes in `begin` only.

    Args:
        callbacks, first, epochs: see `Pauses`.
        checkpoint, resume: see `fit`.
        model: a built, compiled model with a built optimizer.
        source, validation: where batches come from; `validation` may be None.
        validates: function epoch -> bool, whether validation follows an epoch.

    Raises:
        ValueError, TypeError: see `find_plan`.
        OSError: the folder can't be made.
    """

    saves = True

    def __init__(
        self, callbacks, first, epochs, *, checkpoint, resume, model, source, validation, validates
    ):
        from hornpipe.saving.checkpoints import CheckpointFolder  # stands above, for files alone

        super().__init__(callbacks, first, epochs)
        self._plan = plan = find_plan(checkpoint, resume, callbacks)
        self._resume = resume or checkpoint is None
        self._model, self._source, self._validation = model, source, validation
        self._validates, self._first = validates, first
        self._folder = CheckpointFolder(plan.backup_dir, keep=plan.keep)
        self._variables = name_variables(model)
        self._arguments = describe_arguments(model, source)
        self._environment = describe_environment()
        self._found = self._train = self._held = self._captured = None
        self._since = 0  # steps since the last checkpoint
        self._next = 0.0  # when the next one is due, where time decides

    # ---- reading

    def __enter__(self):
        self._folder.__enter__()
        try:
            self._look()
        except BaseException:
            self._folder.__exit__()
            raise
        return self

    def _look(self):
        """Find the newest checkpoint, and check that this run can go on from it."""
        if not self._resume and self._folder.numbers():
            rule = "the folder of `checkpoint` holds a run already"
            fix = "Write resume=True to go on with it, or choose another folder for a new run."
            raise FileExistsError(message("fit", rule, f"checkpoint={self._name}", fix))
        self._found = self._folder.newest()
        if self._found is None:
            self._folder.check_space(self._size())
            return
        who = f"fit: checkpoint {self._found.name!r} in {self._name}"
        state = self._found.state
        check_parts(state, who)
        compare_variables(self._variables, self._found.arrays, state, who)
        compare_arguments(self._arguments, state["arguments"], who)
        warn_of_changes(self._environment, state["environment"], who)
        self.place = place = read_place(state["place"], who)
        if self.epochs < place.epoch:
            rule = f"`epochs` must be at least {place.epoch}, so many are done"
            fix = f"Pass epochs={place.epoch} or more, or choose another folder."
            raise ValueError(message(who, rule, f"epochs={self.epochs}", fix))
        if state["finished"] and place.is_end(self.epochs):
            self.finished = True
            self._restore()

    @property
    def _name(self):
        return repr(str(self._plan.backup_dir))

    def begin(self, train, test) -> Place:
        """Return where the run begins, everything as it was there."""
        from hornpipe.saving import plain

        self._train = train
        plain.pack(self._callbacks.get_state(), {}, "callbacks")  # better now than in an hour
        if self._found is not None:
            if self.place.stage != "begin":
                self._callbacks.on_epoch_begin(self.place.epoch)
            self._restore()
            self._skip()
        self._hold()
        self._arm(self._size() / _BYTES_A_SECOND)
        return self.place

    def _size(self) -> int:
        return sum(v.size * _item_size(v.dtype) for v in self._variables.values())

    def _restore(self):
        """Take over the checkpoint's values, all or none."""
        from hornpipe.saving.validate import only_format_errors

        found, self._found = self._found, None
        callbacks, model = self._callbacks, self._model
        before = self._values()
        states = callbacks.get_state() if self._train is not None else []
        generators = random.get_state()
        arrays, state = found.arrays, found.state
        try:
            with only_format_errors(f"fit: checkpoint {found.name!r} in {self._name}"):
                for name, variable in self._variables.items():
                    final = f"final/{name}" if self.finished else name
                    _set(variable, arrays.get(final, arrays[name]))
                random.set_state(state["random"])
                left = callbacks.set_state(state["callbacks"])
                seed = int(state["shuffle_seed"])
                logs = {str(name): array for name, array in state["step_logs"].items()}
        except BaseException:
            for variable, value in zip(self._variables.values(), before, strict=True):
                variable._value = value
            random.set_state(generators)
            with contextlib.suppress(Exception):  # what went wrong first is told
                callbacks.set_state(states)
            raise
        if left:
            text = f"fit: the checkpoint holds the state of {', '.join(left)}, which this run does not have."
            warnings.warn(text, stacklevel=outside_level())
        model._shuffle_seed = self._source.seed = seed
        model._epochs_done = self.place.epoch
        model.stop_training = self.place.stopped
        if self._train is not None:
            self._train.logs = {name: _to_tensor(array) for name, array in logs.items()}

    def _skip(self):
        """Let streams go past what the interrupted run has read."""
        place = self.place
        done = range(self._first, place.epoch + (place.stage == "validate"))
        stream = getattr(self._source, "stream", None)
        if iter_is_self(stream) and (done or place.step):
            rule = f"`x` is a generator, which has to begin where it began in the interrupted run: {len(done)} epochs and {place.step} steps of it are passed over"
            fix = "Pass an object that can be gone through again, such as a PyDataset, where this is in doubt."
            warnings.warn(message("fit", rule, "", fix), stacklevel=outside_level())
        self._source.skip(done)
        if self._validation is not None:
            self._validation.skip(
                epoch for epoch in range(self._first, place.epoch) if self._validates(epoch)
            )

    # ---- between chunks

    def most(self, step: int) -> int:
        """Return how many steps are left until a checkpoint is due."""
        if self._plan.save_freq == "epoch" or self.place.stage == "validate":
            return _NO_LIMIT
        return max(1, self._plan.save_freq - self._since)

    def after(self, step: int) -> bool:
        """Note that a chunk has ended; save where it is due."""
        if self.place.stage == "validate":
            if interrupt_pending():
                self._save()
            return False
        self._since += step - self.place.step
        self.place.step, self.place.stage = step, "train"
        asked = self._asked()
        if asked or self._due() or interrupt_pending():
            self._save()
        return asked

    def reached(self, *place) -> bool:
        """Note that the run has come to a stage; save where it is due."""
        self.place = Place(*place)
        self._hold()
        if self.place.is_end(self.epochs):
            return False  # `finish` follows
        asked = self._asked()
        if asked or self._due() or interrupt_pending():
            self._save()
        check_interrupt()
        return asked

    def _hold(self):
        """Keep the values at the beginning of validation: a checkpoint written during it holds these."""
        validating = self.place.stage == "validate"
        self._held = self._values() if validating else None

    def _values(self) -> list:
        return [variable._value for variable in self._variables.values()]

    def _due(self) -> bool:
        if self._plan.seconds is not None:
            return time.monotonic() >= self._next
        if self._plan.save_freq == "epoch":
            return self.place.stage == "begin"
        return self._since >= self._plan.save_freq

    def _arm(self, cost: float) -> None:
        """Set when the next checkpoint is due, the last one having taken `cost` seconds."""
        seconds, self._since = self._plan.seconds, 0
        if seconds == "auto":
            seconds = max(_LEAST_SECONDS, cost * (1 / _SHARE - 1))
        if seconds is not None:
            self._next = time.monotonic() + seconds

    # ---- writing

    def _save(self) -> None:
        """Write a checkpoint; where that fails, training goes on and the next one tries again."""
        began = time.monotonic()
        try:
            self._folder.write(*self._capture())
        except OSError as error:
            reason = str(error.strerror or error).removeprefix("fit: ")
            text = f"fit: no checkpoint could be written: {reason}. Training goes on with the checkpoints from before."
            warnings.warn(text, stacklevel=outside_level())
        self._arm(time.monotonic() - began)

    def _capture(self):
        """Return (arrays, state) of the run as it is now."""
        to_numpy, place = select.chosen().to_numpy, self.place
        values = self._held or self._values()
        arrays = {
            name: to_numpy(value) for name, value in zip(self._variables, values, strict=True)
        }
        state = {
            "place": dataclasses.asdict(place),
            "finished": False,
            "epochs": self.epochs,
            "shuffle_seed": self._source.seed,
            "random": random.get_state(),
            "callbacks": self._callbacks.get_state(),
            "step_logs": {name: to_numpy(value) for name, value in self._train.logs.items()},
            "arguments": self._arguments,
            "environment": self._environment,
            "paths": {name: variable.path for name, variable in self._variables.items()},
        }
        return arrays, state

    def end(self) -> None:
        """Take the values before the end of training changes them: with more epochs the run goes on from these."""
        if self.place.is_end(self.epochs):
            self._hold()
            self._captured = self._capture()
            self._last = self._values()

    def finish(self) -> None:
        """Write the last checkpoint, which also holds what the end of training has changed; or remove all.

        Raises:
            OSError: it can't be written.
        """
        (arrays, state), self._captured = self._captured, None
        if self._plan.delete_checkpoint:
            self._folder.clear()
            return
        pairs = zip(self._variables.items(), self._last, strict=True)
        for (name, variable), value in pairs:
            if variable._value is not value:
                arrays[f"final/{name}"] = select.chosen().to_numpy(variable._value)
        self._folder.write(arrays, {**state, "finished": True})

    def __exit__(self, *error):
        try:
            if self._captured is not None:  # a callback failed at the end of training
                self._folder.write(*self._captured)
        finally:
            self._folder.__exit__()


# ---- what a checkpoint is compared with


def name_variables(model) -> dict:
    """Return name -> variable of everything a step may change; names follow the model's structure, as in files of weights."""
    from hornpipe.saving.weights import entries

    named, seen = {}, set()

    def add(prefix, variables):
        for index, variable in enumerate(variables):
            if id(variable) not in seen:
                seen.add(id(variable))
                named[f"{prefix}/{index}"] = variable

    for entry in entries(model, optimizer=False):
        add(f"model/{entry.path}", entry.variables)
    add("optimizer", model.optimizer.variables)
    for index, metric in enumerate(model.metrics):
        add(f"metrics/{index}", metric.variables)
    add("other", model.variables)
    return named


def compare_variables(variables, arrays, state, who) -> None:
    """Check that a checkpoint holds a value for each variable, and no others.

    Raises:
        FileFormatError: it does not. The message lists at most ten of each kind by their paths.
    """
    from hornpipe.saving.weights import mismatch

    paths = state["paths"]
    problems: dict[str, list[str]] = {}
    for name, variable in variables.items():
        text = f"{variable.path} {variable.shape}"
        if name not in arrays:
            problems.setdefault("missing", []).append(text)
            continue
        shape, dtype = arrays[name].shape, arrays[name].dtype.name
        if (shape, dtype) != (variable.shape, variable.dtype):
            text = f"{variable.path}: {shape} {dtype} in the file, {variable.shape} {variable.dtype} in the model"
            problems.setdefault("different", []).append(text)
    for name, path in paths.items():
        if name not in variables and name in arrays:
            problems.setdefault("unexpected", []).append(f"{path} {arrays[name].shape}")
    if problems:
        raise mismatch(who, problems)


def describe_arguments(model, source) -> dict:
    """Return what has to be the same in a resumed run."""
    optimizer = model.optimizer
    config = _without_names(_config(optimizer))
    return {
        "batch_size": source.batch_size,
        "rows of data": source.rows,
        "steps in an epoch": source.steps,
        "shuffle": source.shuffle,
        "optimizer": type(optimizer).__name__,
        **{f"optimizer.{name}": repr(value) for name, value in config.items()},
        "optimizer.learning_rate": _described(getattr(optimizer, "_given_rate", None)),
    }


def _config(optimizer) -> dict:
    try:
        return optimizer.get_config()
    except (TypeError, ValueError, NotImplementedError):
        return {}  # a user's class that can't be described can't be compared either


def _without_names(config):
    """Return a config without what names itself, and without the learning rate as it is at the moment."""
    if not isinstance(config, dict):
        return config
    left = {key: _without_names(value) for key, value in config.items()}
    return {key: value for key, value in left.items() if key not in ("name", "learning_rate")}


def _described(rate) -> str:
    """Return a text for the learning rate that was given to the constructor; callbacks may have changed it since."""
    if hasattr(rate, "get_config"):
        return f"{type(rate).__name__} {rate.get_config()!r}"
    return repr(rate) if isinstance(rate, (int, float)) else type(rate).__name__


def compare_arguments(now, before, who) -> None:
    """Check that the arguments that matter are those of the interrupted run.

    Raises:
        ValueError: they are not.
    """
    changed = [
        f"{name}: {now.get(name)!r} now, {before.get(name)!r} then"
        for name in dict.fromkeys([*now, *before])
        if now.get(name) != before.get(name)
    ]
    if changed:
        rule = "a run goes on with the arguments it began with"
        fix = "Pass those from then, or choose another folder for a new run. Nothing was changed."
        raise ValueError(message(who, rule, "; ".join(changed[:10]), fix))


def describe_environment() -> dict:
    """Return what the last bits of results depend on, besides the program."""
    from importlib import metadata

    import hornpipe

    engine = select.chosen().name
    kernels = getattr(select.chosen(), "active_kernels", lambda: "none")
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "hornpipe": hornpipe.__version__,
        "engine": f"{engine} {metadata.version(engine)}",
        "cores": len(affinity(0)) if affinity is not None else os.cpu_count(),
        "processor": platform.machine(),
        "compiled kernels": kernels(),
    }


def warn_of_changes(now, before, who) -> None:
    """Warn where a checkpoint comes from another engine, version, number of cores or other compiled kernels."""
    changed = [
        f"{name} {before.get(name)!r} then, {value!r} now"
        for name, value in now.items()
        if before.get(name) != value
    ]
    if changed:
        text = f"{who} was written under other conditions: {'; '.join(changed)}. Training goes on from it, but the last digits of its results may differ from those of a run without the change."
        warnings.warn(text, stacklevel=outside_level())


def check_parts(state, who) -> None:
    """Check that a checkpoint's state has all its parts.

    Raises:
        FileFormatError: one is missing or of another type.
    """
    for name, kind in _PARTS.items():
        if not isinstance(state.get(name), kind):
            rule = f"`{name}` must be of type {kind.__name__}"
            raise FileFormatError(message(who, rule, repr(state.get(name))))


def read_place(entry, who) -> Place:
    """Return the `Place` that a checkpoint holds.

    Raises:
        FileFormatError: it is none.
    """
    try:
        place = Place(**entry)
        numbers = (place.epoch, place.step)
        sound = place.stage in _STAGES and all(type(n) is int and n >= 0 for n in numbers)
        sound = sound and isinstance(place.logs, dict) and isinstance(place.stopped, bool)
    except TypeError:
        sound = False
    if not sound:
        raise FileFormatError(message(who, "`place` must be a place in a run", repr(entry)))
    return place


def _item_size(dtype: str) -> int:
    digits = "".join(c for c in dtype if c.isdigit())
    return max(1, int(digits or 8) // 8)


def _to_tensor(array):
    # A copy that belongs to the engine: training takes over its memory.
    engine = select.chosen()
    return engine.copy(engine.asarray(array))


def _set(variable, array):
    engine = select.chosen()
    variable._value = engine.copy(engine.asarray(array, variable.dtype))
