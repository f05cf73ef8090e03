"""Runs recorded functions: writes them as TorchScript graphs, with the loop over the steps inside, for PyTorch's interpreter.

A function that can't be recorded, because it reads a value or changes a constant, runs eagerly instead, with the same results.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor

from hornpipe.core.errors import EngineError, message
from hornpipe.core.tree import flatten, map_tree
from hornpipe.engine.torch_trace import Ref, Traced, UntraceableError, record

_log = logging.getLogger("hornpipe.engine.torch")
_SCALARS = {f"aten::{name}" for name in ("add", "sub", "mul", "div")}
_IN_PLACE = {
    f"aten::{name}"
    for name in ("add", "sub", "mul", "div", "sqrt", "neg", "index_copy", "index_put")
}
_EXACT = (torch.float32, torch.float64)
_DTYPES = {
    torch.uint8: 0,
    torch.int8: 1,
    torch.int16: 2,
    torch.int32: 3,
    torch.int64: 4,
    torch.float16: 5,
    torch.float32: 6,
    torch.float64: 7,
    torch.complex64: 9,
    torch.complex128: 10,
    torch.bool: 11,
    torch.bfloat16: 15,
}
_FORMATS = {
    torch.contiguous_format: 0,
    torch.preserve_format: 1,
    torch.channels_last: 2,
    torch.channels_last_3d: 3,
}


# ---- writing


class _Writer:
    """Writes nodes as lines of a graph. Constants become lines at its top, or inputs (tensors and floats) with their values."""

    def __init__(self):
        self.lines, self.top, self.names = [], [], {}
        self.given, self.inputs = [], []
        self.scalars = {}

    def give(self, value, kind):
        """Return the name of a graph input that holds `value`."""
        key = kind, id(value) if isinstance(value, torch.Tensor) else repr(value)
        if key not in self.names:
            self.names[key] = f"%given{len(self.given)}"
            self.inputs.append(f"{self.names[key]} : {kind}")
            self.given.append(value)  # which also keeps the identity of a tensor taken
        return self.names[key]

    def constant(self, kind, value=None):
        """Return the name of a constant that can be written as text."""
        if (kind, value) not in self.names:
            self.names[kind, value] = f"%constant{len(self.names)}"
            text = "" if value is None else f"[value={value}]"
            self.top.append(f"{self.names[kind, value]} : {kind} = prim::Constant{text}()")
        return self.names[kind, value]

    def fresh(self):
        """Return a name that nothing else has."""
        self.names[len(self.names)] = None
        return f"%fresh{len(self.names)}"

    def argument(self, value, kind=""):
        """Return the name of an argument; `kind` is its type in the operation's schema."""
        if type(value) is Ref:
            return f"%v{value.number}"
        if isinstance(value, (list, tuple)):
            return self.list_of(value, kind)
        if isinstance(value, torch.Tensor):
            return self.give(value, "Tensor")
        if isinstance(value, float) or (
            type(value) is int and kind in ("float", "Optional[float]")
        ):
            return self.give(float(value), "float")
        if value is None:
            return self.constant("NoneType")
        if isinstance(value, bool):
            return self.constant("bool", int(value))
        if isinstance(value, int):
            return self.constant("int", value)
        if isinstance(value, str):
            return self.constant("str", f'"{value}"')
        if isinstance(value, torch.device):
            return self.constant("Device", f'"{value}"')
        code = 0 if value is torch.strided else _DTYPES.get(value) or _FORMATS.get(value)
        if code is None and value not in _DTYPES and value not in _FORMATS:
            raise UntraceableError(f"an argument of type {type(value).__name__}")
        return self.constant("int", code or 0)

    def list_of(self, values, kind):
        kind = kind.removeprefix("Optional[")
        element = next(
            (each for each in ("Optional[Tensor]", "Tensor", "float", "bool") if each in kind),
            "int",
        )
        if element == "int" and values:
            return self.constant("int[]", f"[{', '.join(map(str, values))}]")
        names = [self.argument(value, element) for value in values]
        name = self.fresh()
        element = {"Optional[Tensor]": "Tensor?"}.get(element, element)
        self.lines.append(f"{name} : {element}[] = prim::ListConstruct({', '.join(names)})")
        return name

    def node(self, node, *, in_place=False):
        """Write one operation, `in_place` into the memory of its first argument."""
        schema = node.op._schema
        arguments = list(node.args)
        if schema.name in _SCALARS and node.dtype in _EXACT and type(arguments[1]) in (int, float):
            # The same bits, but PyTorch is faster with a tensor than with a number.
            arguments[1] = self.scalar(arguments[1], node.dtype)
        kinds = [str(argument.type) for argument in schema.arguments]
        names = [self.argument(value, kind) for value, kind in zip(arguments, kinds, strict=True)]
        call = f"{schema.name}{'_' if in_place else ''}({', '.join(names)})"
        if len(node.outputs) == 1 and isinstance(node.outputs[0], list):
            several = self.fresh()
            self.lines.append(f"{several} : Tensor[] = {call}")
            self.lines.append(f"{self.results(node.outputs[0])} = prim::ListUnpack({several})")
        else:
            self.lines.append(f"{self.results(node.outputs)} = {call}" if node.outputs else call)

    def scalar(self, value, dtype):
        key = repr(value), dtype
        if key not in self.scalars:
            self.scalars[key] = torch.tensor(value, dtype=dtype)
        return self.scalars[key]

    def results(self, numbers):
        names = [self.fresh() if number is None else f"%v{number}" for number in numbers]
        return ", ".join(f"{name} : Tensor" for name in names)

    def build(self, inputs, outputs):
        """Return the graph as a function of `inputs` (typed names), and the values of the inputs that were added."""
        head = ", ".join([*inputs, *self.inputs])
        body = "\n  ".join([*self.top, *self.lines])
        types = ", ".join(["Tensor"] * len(outputs))
        body += f"\n  %outputs : ({types}) = prim::TupleConstruct({', '.join(outputs)})"
        graph = torch._C.parse_ir(f"graph({head}):\n  {body}\n  return (%outputs)\n")
        _check_known(graph)
        return torch._C._create_function_from_graph("program", graph), tuple(self.given)


def _check_known(block):
    """Raise UntraceableError where PyTorch's interpreter lacks an operation."""
    for node in block.nodes():
        if node.kind().startswith("aten::") and node.schema() == "(no schema)":
            raise UntraceableError(f"the interpreter has no {node.kind()} for these arguments")
        for inner in node.blocks():
            _check_known(inner)


def _call(function, *args):
    """Run a graph as it is written: PyTorch's optimizer would rewrite it after some runs, and change the last bits."""
    before = torch._C._get_graph_executor_optimize()
    torch._C._set_graph_executor_optimize(False)
    try:
        return function(*args)
    finally:
        torch._C._set_graph_executor_optimize(before)


# ---- functions of trees


def _as_tensors(tree):
    """Return `tree` with numbers and arrays as tensors, outside of any gradient."""
    from hornpipe.engine import torch as engine

    def tensor(leaf):
        if isinstance(leaf, torch.Tensor):
            return leaf.detach() if leaf.requires_grad else leaf
        return (
            engine.asarray(leaf)
            if isinstance(leaf, (bool, int, float, np.ndarray, np.generic))
            else leaf
        )

    return map_tree(tensor, tree)


def _tensors(tree):
    return [leaf for leaf in flatten(tree) if isinstance(leaf, torch.Tensor)]


def _structure(tree):
    """Return a hashable form of a tree: its nesting, and what a program depends on of every leaf."""
    if isinstance(tree, dict):
        return dict, tuple((key, _structure(value)) for key, value in tree.items())
    if isinstance(tree, (list, tuple)):
        return type(tree), tuple(map(_structure, tree))
    if isinstance(tree, torch.Tensor):
        return tree.shape, tree.dtype, tree.device
    return type(tree), tree


def _recorded(f, trees, make):
    """Return `make` of `f`, recorded as a function of the tensors in `trees`; None where that can't be done."""
    tensors = _tensors(trees)

    def flat(*values):
        rest = iter(values)
        return f(
            *map_tree(lambda leaf: next(rest) if isinstance(leaf, torch.Tensor) else leaf, trees)
        )

    try:
        return make(record(flat, tensors))
    except Exception as reason:  # whatever it was, the eager run says it better, or does not mind
        _log.info("a function runs eagerly: %s", reason)
        return None


class _Function:
    """A recorded function of trees."""

    def __init__(self, program):
        self.program, writer = program, _Writer()
        for node in program.nodes:
            writer.node(node)
        self.tensors = [leaf for leaf in program.outputs if type(leaf) is Ref]
        inputs = [f"%v{number} : Tensor" for number in program.inputs]
        self.function, self.given = writer.build(
            inputs, [writer.argument(leaf) for leaf in self.tensors]
        )

    def __call__(self, tensors):
        results = iter(())
        if self.tensors:
            tensors = [each.contiguous() for each in tensors]
            results = iter(_call(self.function, *tensors, *self.given))
        # Constants are given away as copies.
        leaves = [
            leaf.clone() if isinstance(leaf, torch.Tensor) else leaf
            for leaf in self.program.outputs
        ]
        leaves = [next(results) if type(leaf) is Ref else leaf for leaf in leaves]
        return map_tree(lambda place: leaves[place], self.program.result)


def compile(f):
    """Return `f` compiled for each structure, shape and dtype of its arguments that comes a second time."""
    functions: dict = {}

    def run(*trees):
        if any(
            each.requires_grad or isinstance(each, (Traced, FakeTensor)) for each in _tensors(trees)
        ):
            return f(*trees)
        with torch.no_grad():
            trees = _as_tensors(trees)
            key = _structure(trees)
            if key not in functions:
                functions[key] = None  # recording costs more than one call
                return f(*trees)
            if functions[key] is None:
                functions[key] = _recorded(f, trees, _Function) or False
            if functions[key] is False:
                return f(*trees)
            return functions[key](_tensors(trees))

    return run


# ---- folds


class _Loop:
    """A recorded step and the loop around it. The order of inputs: carry, constants, data, rows, indices, limits, constants."""

    def __init__(self, program, sizes, batch_size, ordered):
        self.batch_size, self.single = batch_size, ordered and batch_size == 1
        writer = _Writer()
        zero, batch, true = (
            writer.constant("int", 0),
            writer.constant("int", batch_size),
            writer.constant("bool", 1),
        )
        carry, constants, batches, index = _split(program.inputs, *sizes)
        lines = writer.lines
        if self.single:
            lines.append("%row : int = aten::__getitem__(%rows, %i)")
        elif ordered:
            lines.append(f"%first : int = aten::mul(%i, {batch})")
            lines.append(f"%chosen : Tensor = aten::narrow(%rows, {zero}, %first, {batch})")
        else:
            lines.append("%now : int = aten::add(%start, %i)")
            lines.append(f"%wanted : int = aten::mul(%now, {batch})")
            lines.append("%row : int = prim::min(%wanted, %last)")
        for place, number in enumerate(batches):
            if number in program.needed:
                take = f"index_select(%data{place}, {zero}, %chosen)"
                narrow = f"narrow(%data{place}, {zero}, %row, {batch})"
                lines.append(
                    f"%v{number} : Tensor = aten::{take if ordered and not self.single else narrow}"
                )
        if index in program.needed:
            lines.append(f"%v{index} : Tensor = aten::select(%indices, {zero}, %i)")
        in_place = _in_place(program, carry)
        for node in program.nodes:
            writer.node(node, in_place=id(node) in in_place)
        overwritten = set(in_place.values())
        self.written = [place for place, number in enumerate(carry) if number in overwritten]
        after = [writer.argument(leaf) for leaf in program.outputs]
        starts = [f"%c{place}" for place in range(len(carry))]
        inner = ", ".join(["%i : int", *(f"%v{number} : Tensor" for number in carry)])
        ends = ", ".join(f"%e{place} : Tensor" for place in range(len(carry)))
        body = "\n      ".join(lines)
        writer.lines = [
            f"{ends} = prim::Loop(%steps, {', '.join([true, *starts])})\n    block0({inner}):\n      {body}\n"
            f"      -> ({', '.join([true, *after])})"
        ]
        tensors = [
            *starts,
            *(f"%v{number}" for number in constants),
            *(f"%data{place}" for place in range(len(batches))),
        ]
        rows = ["%rows : int[]" if self.single else "%rows : Tensor"] if ordered else []
        limits = [f"%{name} : int" for name in ("start", "steps", "last")]
        inputs = [*(f"{name} : Tensor" for name in tensors), *rows, "%indices : Tensor", *limits]
        self.function, self.given = writer.build(
            inputs, [f"%e{place}" for place in range(len(carry))]
        )

    def __call__(self, carry, constants, data, rows, start, stop, owned):
        """Take the steps; the memory of the first `owned` tensors of the carry may be written to."""
        tensors = [leaf.contiguous() for leaf in _tensors(carry)]
        for place in self.written:
            if place >= owned:
                tensors[place] = tensors[place].clone()
        fixed = [leaf.contiguous() for leaf in _tensors(constants)]
        given = [] if rows is None else [rows.tolist() if self.single else rows]
        given.append(torch.arange(start, stop, dtype=torch.int32, device=tensors[0].device))
        last = data[0].shape[0] - self.batch_size if data else 0
        limits = start, stop - start, last
        results = iter(_call(self.function, *tensors, *fixed, *data, *given, *limits, *self.given))
        return map_tree(
            lambda leaf: next(results) if isinstance(leaf, torch.Tensor) else leaf, carry
        )


def _split(numbers, *sizes):
    parts, start = [], 0
    for size in sizes:
        parts.append(numbers[start : start + size])
        start += size
    return *parts, numbers[start]


def _in_place(program, carry):
    """Return id(node) -> the number it may overwrite: its first argument, of which it is the last use.

    That spares allocations, and copies of buffers into which every step writes one row. A value may be overwritten if it is an
    operation's own result, or a tensor of the carry whose successor is one, and if nothing is a view of it.
    """
    if not program.merge:  # tensors are changed, or kept on purpose
        return {}
    last, viewed = {}, set()
    for node in program.nodes:
        schema = node.op._schema
        # The one view that does not declare itself is named.
        aliasing = schema.name == "aten::_unsafe_view"
        aliasing |= any(
            each.alias_info is not None for each in (*schema.arguments, *schema.returns)
        )
        for leaf in flatten(node.args):
            if type(leaf) is Ref:
                last[leaf.number] = None if last.get(leaf.number) == id(node) else id(node)
                viewed.update({leaf.number} if aliasing else ())
        viewed.update(flatten(node.outputs) if aliasing else ())
    kept = [leaf.number if type(leaf) is Ref else None for leaf in program.outputs]
    made = {number for node in program.nodes for number in flatten(node.outputs)} - viewed
    own = made - set(kept)
    successors = zip(carry, kept, strict=True)
    own |= {
        old
        for old, new in successors
        if new in made and kept.count(new) == 1 and old not in viewed and old not in kept
    }
    return {
        id(node): node.args[0].number
        for node in program.nodes
        if node.op._schema.name in _IN_PLACE
        and node.alike
        and type(node.args[0]) is Ref
        and node.args[0].number in own
        and last[node.args[0].number] == id(node)
    }


def _batch(data, rows, first, batch_size):
    """Return one step's rows: those in a part of the order, or those in place."""
    if rows is None:
        return [each.narrow(0, min(first, each.shape[0] - batch_size), batch_size) for each in data]
    return [each.index_select(0, rows) for each in data]


def _checked(before, after):
    """Return the carry `after` a step, which must look as it did `before`."""
    if _structure(before) != _structure(after):
        rule = "a step must return a carry of the structure, shapes and dtypes that it was given"
        raise EngineError(
            message("fold", rule, f"{_structure(after)} instead of {_structure(before)}")
        )
    return after


def fold(step, batch_size, *, donate=True, enter=None, leave=None):
    """Return `run(carry, constants, data, order, start, stop)`, which takes `step` from start to stop."""
    loops: dict = {}
    enter, leave = (None if each is None else compile(each) for each in (enter, leave))

    def one(carry, constants, batch, index):
        return _checked(carry, _as_tensors(tuple(step(carry, constants, batch, index))))

    def eager(carry, constants, data, rows, start, stop, owned):
        for index in range(start, stop):
            first = (index - start) * batch_size
            chosen = None if rows is None else rows[first : first + batch_size]
            batch = _batch(data, chosen, index * batch_size, batch_size)
            carry = one(carry, constants, batch, torch.tensor(index, dtype=torch.int32))
        return carry

    def prepare(carry, constants, data, rows, start):
        sizes = len(_tensors(carry)), len(_tensors(constants)), len(data)
        if not sizes[0]:
            return None
        chosen = None if rows is None else rows[:batch_size]
        batch = _batch(data, chosen, start * batch_size, batch_size)
        index = torch.tensor(start, dtype=torch.int32)

        def make(program):
            program.outputs = [
                leaf for leaf in program.outputs if isinstance(leaf, (Ref, torch.Tensor))
            ]
            return _Loop(program, sizes, batch_size, rows is not None)

        return _recorded(one, (carry, constants, batch, index), make)

    def take_steps(carry, constants, data, order, start, stop):
        rows = None
        if order is not None:
            chosen = np.asarray(order[start * batch_size : stop * batch_size], "int32")
            rows = torch.from_numpy(np.clip(chosen, 0, data[0].shape[0] - 1)).to(data[0].device)
        key = _structure((carry, constants, data)), order is None
        if key not in loops:
            loops[key] = prepare(carry, constants, data, rows, start)
        owned = len(_tensors(carry[0])) if donate else 0
        return (loops[key] or eager)(carry, constants, data, rows, start, stop, owned)

    def run(carry, constants, data, order, start, stop):
        with torch.no_grad():
            carry, constants, data = map(_as_tensors, (tuple(carry), constants, list(data)))
            if enter is not None:
                carry = tuple(enter(carry))
            if stop > start:
                carry = take_steps(carry, constants, data, order, int(start), int(stop))
            return carry if leave is None else leave(carry)

    return run
