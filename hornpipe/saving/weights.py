"""Weights and files: which weight stands at which path, comparing the two, and setting all weights or none.

A path follows the objects, as in Keras 3: the attributes of a layer in alphabetical order, lists by the classes of what they hold
("layers/dense_1/vars/0"), a layer that stands at several places where it is met first.
"""

from __future__ import annotations

import contextlib
import math

import numpy as np

from hornpipe.core import tracking
from hornpipe.core.errors import FileFormatError, message
from hornpipe.core.layer import Layer
from hornpipe.core.naming import snake_case
from hornpipe.core.variable import Variable
from hornpipe.saving.validate import check_text_name, refuse

_SHOWN = 10
_VARS = "vars"
# Attributes that hold layers which stand under another name as well.
_SKIPPED = {
    "optimizer",
    "_compile_arguments",
    "_output_specs",
    "_graph_layers",
    "_chain",
    "_nodes",
    "_graph",
    "_arguments",
    "_owned_lists",
    "_parts",
    tracking.KEPT,
}
# class of ours -> what Keras calls it inside
_KINDS = {"Model": "Functional", "GroupQueryAttention": "GroupedQueryAttention"}
# class of ours -> attribute -> its name in Keras's files
_NAMES = {
    "MultiHeadAttention": {
        f"_{part}_dense": f"{part}_dense" for part in ("query", "key", "value", "output")
    },
}


class Entry:
    """One object with weights of its own: its path in files, its variables, and how it reads and writes them."""

    def __init__(self, path: str, owner, variables: list[Variable]):
        self.path, self.owner, self.variables = path, owner, variables
        own = type(owner)
        self.saves = own.save_own_variables if _has_own(own, "save_own_variables") else None
        self.loads = own.load_own_variables if _has_own(own, "load_own_variables") else None

    def arrays(self) -> dict[str, np.ndarray]:
        """Return name -> array of what the file holds for this object."""
        if self.saves is None:
            return {str(index): variable.numpy() for index, variable in enumerate(self.variables)}
        store: dict = {}
        self.saves(self.owner, store)
        return {
            check_text_name(str(name), self.path): np.asarray(value)
            for name, value in store.items()
        }


def _has_own(cls, method) -> bool:
    return isinstance(getattr(cls, method, None), type(_has_own))


def own_variables(layer) -> list[Variable]:
    """Return a layer's own weights in the order of files: trainable ones first."""
    variables = layer._own_weights()
    return [v for v in variables if v.trainable] + [v for v in variables if not v.trainable]


def entries(model, optimizer=True) -> list[Entry]:
    """Return what a file holds of a model (or layer): one entry for each object, each object once."""
    found: list[Entry] = []
    seen: set[int] = set()
    stack = [("", model)]
    while stack:
        path, layer = stack.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        found.append(Entry(f"{path}/{_VARS}".lstrip("/"), layer, own_variables(layer)))
        children = [(f"{path}/{name}".lstrip("/"), child) for name, child in _children(layer)]
        stack.extend(reversed(children))
    if optimizer and getattr(model, "optimizer", None) is not None:
        found.extend(_optimizer_entries("optimizer", model.optimizer))
    return found


def _optimizer_entries(path, optimizer):
    inner = getattr(optimizer, "inner_optimizer", None)
    own = optimizer.variables
    if inner is not None:
        taken = {id(variable) for variable in inner.variables}
        yield from _optimizer_entries(f"{path}/inner_optimizer", inner)
        own = [variable for variable in own if id(variable) not in taken]
    entry = Entry(f"{path}/{_VARS}", optimizer, own)
    entry.saves = entry.loads = None
    yield entry


def _children(layer):
    """Yield (name, layer) of the layers among a layer's attributes."""
    names = _NAMES.get(type(layer).__name__, {})
    if getattr(layer, "_graph", None) is not None or hasattr(layer, "_chain"):
        yield from _in_container("layers", layer.layers)
    attributes = {names.get(name, name): value for name, value in vars(layer).items()}
    for name in sorted(attributes):
        value = attributes[name]
        if name in _SKIPPED:
            continue
        if isinstance(value, Layer):
            yield name, value
        elif isinstance(value, (list, tuple, dict, set)) and value:
            yield from _in_container(name, value)


def _in_container(name, container, depth=0):
    if depth > 8:
        return
    counts: dict[str, int] = {}
    values = container.values() if isinstance(container, dict) else container
    if len(container) > 1000 and not isinstance(next(iter(values)), (Layer, list, tuple, dict)):
        return
    for index, value in enumerate(values):
        if isinstance(value, Layer):
            kind = type(value).__name__
            key = snake_case(_KINDS.get(kind, kind))
            number = counts.get(key, 0)
            counts[key] = number + 1
            yield f"{name}/{key}_{number}" if number else f"{name}/{key}", value
        elif isinstance(value, (list, tuple, dict)) and value:
            yield from _in_container(f"{name}/{index}", value, depth + 1)


# ---- writing


def write_h5(file, model, optimizer=True) -> None:
    """Write a model's weights to an open binary file, as Keras 3 does."""
    import h5py

    with h5py.File(file, "w") as root:
        for entry in entries(model, optimizer):
            group = root.create_group(entry.path)
            group.attrs["name"] = entry.owner.name
            for name, array in entry.arrays().items():
                if array.dtype.name == "bfloat16":
                    group.create_dataset(name, data=array.view("V2")).attrs["dtype"] = "bfloat16"
                else:
                    group.create_dataset(name, data=array)


def flat_arrays(model) -> dict[str, np.ndarray]:
    """Return path -> array of a model's weights, without the optimizer's state."""
    return {
        f"{entry.path}/{name}": array
        for entry in entries(model, optimizer=False)
        for name, array in entry.arrays().items()
    }


# ---- reading


class Stored:
    """The weights of a file: `groups` is a dict path of an object's group -> {name: data set with shape, dtype, read()}."""

    def __init__(self, groups: dict, names: dict | None = None):
        self.groups, self.names = groups, names or {}

    @classmethod
    def from_h5(cls, root, who):
        """Return the weights in an HDF5 file's root group."""
        groups, names = {}, {}
        stack = [("", root)]
        while stack:
            path, group = stack.pop()
            for name, item in group.items.items():
                where = f"{path}/{name}".lstrip("/")
                if name == _VARS and hasattr(item, "items"):
                    wrong = [each for each, value in item.items.items() if hasattr(value, "items")]
                    if wrong:
                        raise refuse(who, "has a group among weights", f"{where}/{wrong[0]}")
                    groups[where] = item.items
                    names[where] = item.attributes.get("name")
                elif hasattr(item, "items"):
                    stack.append((where, item))
                else:
                    raise refuse(who, "has a data set outside of any layer", where)
        return cls(groups, names)

    @classmethod
    def from_flat(cls, tensors: dict, who):
        """Return the weights of a file with one path for each tensor."""
        groups: dict = {}
        for path, tensor in tensors.items():
            group, _, name = path.rpartition("/")
            for part in path.split("/"):
                check_text_name(part, who)
            groups.setdefault(group, {})[name] = tensor
        return cls(groups)

    def elements(self) -> int:
        """Return the number of elements of all weights."""
        return sum(
            math.prod(item.shape) for group in self.groups.values() for item in group.values()
        )


def _read(item) -> np.ndarray:
    array = item.read()
    if array.dtype == np.dtype("V2"):
        import ml_dtypes

        return array.view(ml_dtypes.bfloat16)
    return array


def load(model, stored: Stored, who: str, *, skip_mismatch=False, optimizer=True) -> None:
    """Set a model's weights from a file's: all of them, or none.

    Raises:
        FileFormatError: weights are missing, unexpected, or of another shape. The message lists them by layer path.
    """
    mine = entries(model, optimizer=False)
    found = _match(mine, stored)
    optimizer_groups = {p: g for p, g in stored.groups.items() if p.split("/")[0] == "optimizer"}
    problems, plans = _compare(mine, found, set(stored.groups) - set(optimizer_groups), stored)
    if problems and not skip_mismatch:
        raise mismatch(who, problems)
    if optimizer and optimizer_groups and getattr(model, "optimizer", None) is not None:
        plans += _plan_optimizer(model, optimizer_groups, who)
    values = [
        (entry, {name: _read(item) for name, item in group.items()}) for entry, group in plans
    ]
    before = [(variable, variable.numpy()) for entry, _ in values for variable in entry.variables]
    try:
        for entry, arrays in values:
            _assign(entry, arrays)
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise


def _assign(entry, arrays):
    if entry.loads is not None:
        entry.loads(entry.owner, arrays)
        return
    for index, variable in enumerate(entry.variables):
        variable.assign(arrays[str(index)])


def _match(mine: list[Entry], stored: Stored) -> dict[str, str]:
    """Return own path -> path in the file. Lists of layers are matched by the layers' names where these are the same."""
    containers: dict[str, list[tuple[str, str]]] = {}
    for path, name in stored.names.items():
        parent, _, key = path.removesuffix(_VARS).rstrip("/").rpartition("/")
        if key:
            containers.setdefault(parent, []).append((key, name))
    moved: dict[str, str] = {}
    for parent, own in _by_parent(mine).items():
        theirs = {name: key for key, name in containers.get(parent, []) if isinstance(name, str)}
        same = set(theirs) == {name for _, name in own} and len(theirs) == len(own)
        if parent.split("/")[-1] == "layers" and same:
            moved.update({f"{parent}/{key}": f"{parent}/{theirs[name]}" for key, name in own})
    return {entry.path: _translate(entry.path, moved) for entry in mine}


def _by_parent(mine):
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in mine:
        parent, _, key = entry.path.removesuffix(_VARS).rstrip("/").rpartition("/")
        if key:
            found.setdefault(parent, []).append((key, entry.owner.name))
    return found


def _translate(path, moved):
    parts = path.split("/")
    done: list[str] = []
    for index, part in enumerate(parts):
        new = moved.get("/".join(parts[: index + 1]))
        done.append(new.rpartition("/")[2] if new else part)
    return "/".join(done)


def _compare(mine, found, paths, stored):
    """Return problems as lists of texts by kind, and (entry, group of the file) for what fits."""
    problems: dict[str, list[str]] = {}
    plans, used = [], set()
    for entry in mine:
        path = found[entry.path]
        used.add(path)
        group = stored.groups.get(path, {})
        if entry.loads is not None:
            plans.append((entry, group))
            continue
        wanted = {str(index): variable for index, variable in enumerate(entry.variables)}
        fits = True
        for name, variable in wanted.items():
            if name not in group:
                problems.setdefault("missing", []).append(f"{variable.path} {variable.shape}")
                fits = False
            elif tuple(group[name].shape) != variable.shape:
                text = f"{variable.path}: {tuple(group[name].shape)} in the file, {variable.shape} in the model"
                problems.setdefault("of another shape", []).append(text)
                fits = False
        for name in group:
            if name not in wanted:
                problems.setdefault("unexpected", []).append(
                    f"{path}/{name} {tuple(group[name].shape)}"
                )
                fits = False
        if fits and wanted:
            plans.append((entry, group))
    for path in sorted(paths - used):
        for name, item in stored.groups[path].items():
            problems.setdefault("unexpected", []).append(f"{path}/{name} {tuple(item.shape)}")
    return problems, plans


def mismatch(who, problems) -> FileFormatError:
    """Return the error for weights that do not fit: `problems` is a dict kind -> list of texts, at most ten of which are shown."""
    parts = []
    for kind, texts in problems.items():
        more = f", and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        parts.append(f"{len(texts)} {kind}: {', '.join(texts[:_SHOWN])}{more}")
    text = message(who, "the weights in the file do not fit the model")
    return FileFormatError(
        f"{text} {'; '.join(parts)}. Nothing was loaded. Load them into a model of the same layers."
    )


def _plan_optimizer(model, groups, who):
    optimizer = model.optimizer
    count = sum(len(group) for group in groups.values())
    if not optimizer.built and count > len(optimizer.variables):
        optimizer.build(model.trainable_variables)
    plans, problems = [], {}
    for entry in _optimizer_entries("optimizer", optimizer):
        group = groups.get(entry.path, {})
        shapes = [
            tuple(group[str(i)].shape) if str(i) in group else None for i in range(len(group))
        ]
        if shapes != [variable.shape for variable in entry.variables]:
            if len(group) < len(entry.variables) and not any(shapes):  # saved before the first step
                entry.variables = entry.variables[: len(group)]
            else:
                text = f"{entry.path}: {len(group)} values in the file, {len(entry.variables)} in the model"
                problems.setdefault("of the optimizer's state do not fit", []).append(text)
                continue
        plans.append((entry, group))
    if problems:
        raise mismatch(who, problems)
    return plans


@contextlib.contextmanager
def opened(path):
    """Open a file for reading; gives (file, length)."""
    with open(path, "rb") as file:
        length = file.seek(0, 2)
        file.seek(0)
        yield file, length
