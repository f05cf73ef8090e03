"""Turns a step into a flat program: what the Python code of a model costs is paid once, at the first step.

`record` runs a function once on tensors that note every ATen operation: forward, backward and update alike. Operations on constants
are computed there and then. What remains is a flat list, which `torch_program.py` runs. No value may be read while recording.

>>> import torch
>>> from hornpipe.engine import torch_trace
>>> program = torch_trace.record(lambda x: [x * 2 + 1], [torch.ones(3)])
>>> [node.op.name() for node in program.nodes]
['aten::mul.Tensor', 'aten::add.Tensor']
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hornpipe.core.errors import EngineError, message
from hornpipe.core.tree import flatten, map_tree

_local = threading.local()
_ALIASES = {"aten::detach", "aten::alias", "aten::lift_fresh"}
_LIKES = {
    f"aten::{name}"
    for name in ["zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"]
}
_RESHAPES = {"aten::view", "aten::_unsafe_view", "aten::expand"}


class UntraceableError(Exception):
    """The function needs a value, or changes a tensor that it did not make."""


class Traced(torch.Tensor):
    """A tensor inside a recording: `example` is an example of its value, `number` its name in the program."""

    example: torch.Tensor
    number: int

    @staticmethod
    def __new__(cls, real, number):
        traced = torch.Tensor._make_wrapper_subclass(
            cls,
            real.shape,
            strides=real.stride(),
            dtype=real.dtype,
            layout=real.layout,
            device=real.device,
        )
        traced.example, traced.number = real, number
        return traced

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        rule = "a tensor of a compiled function can't be used after the function has returned"
        raise EngineError(message("engine 'torch'", rule, str(func)))

    def __repr__(self, **kwargs):
        return f"Traced(shape={tuple(self.shape)}, dtype={self.dtype})"


@dataclass
class Node:
    """One operation: numbers of `Traced` inputs stand in `args` as `Ref`."""

    op: object
    args: list
    outputs: list
    dtype: torch.dtype | None = None  # of the first argument and the result, where they are equal
    alike: bool = False  # whether those have one shape and layout as well
    changes: bool = False


@dataclass(frozen=True)
class Ref:
    """The value with this number."""

    number: int


@dataclass
class Program:
    """A recorded function. `outputs` are `Ref`s, constants or other leaves, one for each leaf of the function's result."""

    nodes: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    result: object = None  # the function's result, its leaves replaced by their place in `outputs`
    needed: set = field(default_factory=set)
    merge: bool = True


# ---- recording


class _Recorder(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.program, self.count, self.paused = Program(), 0, False

    def wrap(self, real):
        self.count += 1
        return Traced(real, self.count)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        leaves = flatten((args, kwargs))
        traced = any(type(leaf) is Traced for leaf in leaves)
        seeded = torch.Tag.nondeterministic_seeded in func.tags
        if self.paused or not (traced or seeded):
            return func(*args, **kwargs)
        name = func._schema.name
        if name in _ALIASES:
            return Traced(args[0].example, args[0].number)
        self._check_readable(func, args)
        outputs = func(*map_tree(_real, args), **map_tree(_real, kwargs))
        if name in _LIKES:
            return outputs
        if (
            name in _RESHAPES
            and outputs.shape == args[0].shape
            and outputs.stride() == args[0].stride()
        ):
            return Traced(outputs, args[0].number)
        arguments = _arguments(func, args, kwargs)
        written = [
            value
            for value, rule in zip(arguments, func._schema.arguments, strict=True)
            if rule.alias_info is not None and rule.alias_info.is_write
        ]
        if written:
            return self._write(func, arguments, written, outputs)
        outputs = map_tree(
            lambda out: self.wrap(out) if isinstance(out, torch.Tensor) else out, outputs
        )
        self._note(func, arguments, outputs)
        return outputs

    def _write(self, func, arguments, written, outputs):
        """Note an operation that changes its arguments."""
        if any(type(leaf) is not Traced for leaf in flatten(written)):
            raise UntraceableError(f"{func} changes a constant")
        self.program.merge = False
        same = {id(value.example): value for value in flatten(written)}
        outputs = map_tree(lambda out: same.get(id(out)), outputs)
        if any(leaf is None for leaf in flatten(outputs)) and len(func._schema.returns):
            raise UntraceableError(f"{func} changes its argument and returns another tensor")
        self._note(
            func,
            arguments,
            [self.wrap(leaf.example) for leaf in flatten(outputs) if leaf is not None],
            True,
        )
        return outputs

    def _note(self, func, arguments, outputs: Any, changes=False):
        numbers = [out.number if type(out) is Traced else None for out in flatten(outputs)]
        if isinstance(outputs, (list, tuple)) and len(func._schema.returns) == 1 and not changes:
            numbers = [numbers]  # one list of tensors, not several results
        first: Any = arguments[0] if arguments else None
        result: Any = outputs
        single = isinstance(first, torch.Tensor) and isinstance(result, torch.Tensor)
        dtype = first.dtype if single and first.dtype == result.dtype else None
        alike = single and first.shape == result.shape and first.stride() == result.stride()
        arguments = [map_tree(_reference, value) for value in arguments]
        self.program.nodes.append(
            Node(func, arguments, numbers, dtype, alike and dtype is not None, changes)
        )

    @staticmethod
    def _check_readable(func, args):
        masks = func._schema.name in ("aten::index", "aten::index_put") and any(
            isinstance(each, torch.Tensor) and each.dtype in (torch.bool, torch.uint8)
            for each in args[1]
        )
        by_value = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(
            func.tags
        )
        if masks or (by_value and func._schema.name != "aten::index"):
            raise UntraceableError(f"{func} depends on values")


def _real(leaf):
    return leaf.example if type(leaf) is Traced else leaf


def _reference(leaf):
    return Ref(leaf.number) if type(leaf) is Traced else leaf


def _arguments(func, args, kwargs):
    """Return the values of all of an operation's arguments in the order of its schema."""
    rules = func._schema.arguments
    rest = rules[len(args) :]
    return [
        *args,
        *(kwargs.get(rule.name, rule.default_value) for rule in rest),
    ]


def record(function, inputs) -> Program:
    """Run `function` on `inputs` (tensors) and return its operations as a program; dead and repeated ones are dropped.

    Raises:
        UntraceableError: the function reads a value or changes a constant.
    """
    recorder = _Recorder()
    outer, _local.recorder = getattr(_local, "recorder", None), recorder
    try:
        with recorder:
            traced = [recorder.wrap(each.detach().clone()) for each in inputs]
            program = recorder.program
            program.inputs = [each.number for each in traced]
            result = function(*traced)
            for leaf in flatten(result):
                if isinstance(leaf, torch.Tensor):
                    leaf = leaf.detach()
                    leaf = leaf if leaf.is_contiguous() else leaf.contiguous()
                program.outputs.append(_reference(leaf))
    finally:
        _local.recorder = outer
    places = iter(range(len(program.outputs)))
    program.result = map_tree(lambda leaf: next(places), result)
    if program.merge:
        _merge_repeated(program)
    _drop_unused(program)
    return program


@contextlib.contextmanager
def paused():
    """Compute values for a while, also inside a recording."""
    recorder = getattr(_local, "recorder", None)
    before = recorder.paused if recorder else None
    if recorder:
        recorder.paused = True
    try:
        yield
    finally:
        if recorder:
            recorder.paused = before


def keep_repetitions():
    """Do not merge equal operations in the recording under way: it repeats them on purpose, to save memory."""
    if getattr(_local, "recorder", None):
        _local.recorder.program.merge = False


def _rename(tree, names):
    return map_tree(
        lambda leaf: Ref(names.get(leaf.number, leaf.number)) if type(leaf) is Ref else leaf, tree
    )


def _merge_repeated(program):
    names, seen, nodes = {}, {}, []
    for node in program.nodes:
        node.args = _rename(node.args, names)
        key = (node.op, _key(node.args))
        if _is_identity(node):
            names[node.outputs[0]] = node.args[0].number
        elif torch.Tag.nondeterministic_seeded not in node.op.tags and key in seen:
            names.update(zip(flatten(node.outputs), flatten(seen[key].outputs), strict=True))
        else:
            seen[key] = node
            nodes.append(node)
    program.nodes, program.outputs = nodes, _rename(program.outputs, names)


def _is_identity(node):
    """Return whether a node gives its first argument back, to the bit: a copy, or a product or quotient with 1."""
    if not node.alike or type(node.args[0]) is not Ref:
        return False
    if node.op._schema.name == "aten::clone":
        return True
    if node.op._schema.name not in ("aten::mul", "aten::div") or len(node.args) > 2:
        return False
    other = node.args[1]
    if isinstance(other, torch.Tensor):
        return other.numel() == 1 and other.dtype == node.dtype and bool(other == 1)
    return not isinstance(other, Ref) and other == 1


def _key(value):
    """Return a hashable text-like form in which 1, 1.0 and True differ; constant tensors count by identity."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_key, value))
    return (
        (torch.Tensor, id(value)) if isinstance(value, torch.Tensor) else (type(value), str(value))
    )


def _drop_unused(program):
    needed = {leaf.number for leaf in program.outputs if type(leaf) is Ref}
    nodes = []
    for node in reversed(program.nodes):
        if node.changes or needed.intersection(flatten(node.outputs)):
            needed.update(leaf.number for leaf in flatten(node.args) if type(leaf) is Ref)
            nodes.append(node)
    program.nodes = nodes[::-1]
    program.needed = needed
