"""The table that `model.summary()` prints: layers, shapes, numbers of weights, and how the layers are connected."""

from __future__ import annotations

import io
import itertools
import math
import re
import shutil
from typing import Literal

from hornpipe.core.errors import NotBuiltError, message, near_miss
from hornpipe.core.tree import flatten
from hornpipe.utils.progress import Screen, can_write

_WIDEST = 120
_BOX = "┏━┓┃│├─┤└┘"
_INDENT = "   "
_JUSTIFY: dict[str, Literal["right", "center"]] = {"Param #": "right", "Trainable": "center"}


def print_summary(
    model,
    line_length=None,
    positions=None,
    print_fn=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
):
    """Print a table of a model's layers with output shapes and numbers of weights, then totals with
    sizes in memory.

    "Connected to" is shown where the layers are not a plain chain: the layers whose outputs a layer
    takes, one line for each call. A layer whose weights are not known yet counts as "unbuilt".

    Args:
        model: a `Model`, or a layer with a list `layers`.
        line_length: int >= 20. Width of the table; as wide as needed, but no wider than the
            terminal, by default.
        positions: the right ends of the columns, as growing fractions of `line_length` (the last is
            1) or as growing integers.
        print_fn: function that takes the whole text; written to `sys.stdout` by default.
        expand_nested: bool. Whether the layers of models inside are shown below them. Default
            False.
        show_trainable: bool. Whether a column tells which layers are trained (Y or N; - without
            weights). Default False.
        layer_range: pair of layer names or regular expressions: show only the layers from the first
            to the second one.

    Raises:
        ValueError: `line_length`, `positions` or `layer_range` do not follow the rules above, or
            `layer_range` finds no layer.

    Example:
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")], name="small")
        >>> text = []
        >>> model.summary(print_fn=text.append)
        >>> print(text[0].splitlines()[-3].strip())
        Total params: 8 (32.00 B)
    """
    screen = Screen()
    plain = print_fn is not None or not screen.terminal
    unicode = print_fn is not None or can_write(screen.stream, _BOX)
    rows, linked = _rows(model, expand_nested, "└ " if unicode else "+ ")
    rows = _in_range(rows, layer_range)
    titles = ["Layer (type)", "Output Shape", "Param #"]
    titles += ["Connected to"] * linked + ["Trainable"] * show_trainable
    columns = shutil.get_terminal_size((_WIDEST, 24)).columns if plain else screen.columns()
    widest = min(columns, _WIDEST) if plain else columns
    widths = _widths(line_length, positions, len(titles))
    table = _render(
        titles, rows, line_length, widths, max(widest, 20), linked, show_trainable, plain, unicode
    )
    unbuilt = any(row.params is None for row in rows)
    hint = (
        [" Layers marked unbuilt get their weights when the model is called on data, or fitted."]
        if unbuilt
        else []
    )
    heading = f'Model: "{getattr(model, "name", type(model).__name__)}"'
    text = "\n".join([heading, table, *hint, *_totals(model)])
    if print_fn is not None:
        print_fn(text)
    else:
        screen.finish(text)


# ---- rows


class _Row:
    """One line of the table."""

    def __init__(self, operation, shape, sources, depth, mark):
        self.name = operation.name
        self.indent = _INDENT * depth + mark if depth else ""
        self.kind = _type_name(operation)
        self.shape, self.sources, self.depth = shape, sources, depth
        self.params = _count(operation)
        self.trainable = "-"
        if self.params and getattr(operation, "weights", None) is not None:
            self.trainable = "Y" if getattr(operation, "trainable_weights", None) else "N"

    def cells(self, linked, show_trainable):
        params = "unbuilt" if self.params is None else f"{self.params:,}"
        cells = [f"{self.indent}{self.name} ({self.kind})", self.shape, params]
        return cells + [self.sources or "-"] * linked + [self.trainable] * show_trainable


def _rows(model, expand_nested, mark) -> tuple[list[_Row], bool]:
    """Return the table's rows and whether the layers are anything but a chain."""
    rows, linked = [], False

    def add(part, depth):
        nonlocal linked
        graph = getattr(part, "_graph", None)
        calls = _calls(graph)
        chain = graph is None or _is_chain(graph)
        linked = linked or not chain
        for operation in _operations(part, graph):
            nodes = calls.get(id(operation), [])
            sources = (
                ""
                if chain
                else "\n".join(_source(tensor, calls) for node in nodes for tensor in node.inputs)
            )
            rows.append(_Row(operation, _shape_text(operation, nodes), sources, depth, mark))
            if expand_nested and getattr(operation, "layers", None):
                add(operation, depth + 1)

    add(model, 0)
    return rows, linked


def _operations(part, graph) -> list:
    """Return what the table lists: the layers, and the operations between them in a graph."""
    layers = list(getattr(part, "layers", None) or ())
    if graph is None:
        return layers
    known = {id(layer) for layer in layers}
    bare = [each for each in graph.operations if id(each) not in known]
    # A Sequential keeps its input layer to itself; the operations of a functional model are all of interest.
    if not layers or any(not _is_input(each) for each in bare):
        return graph.operations + [
            layer for layer in layers if all(layer is not each for each in graph.operations)
        ]
    return layers


def _is_input(operation) -> bool:
    return type(operation).__name__ == "InputLayer"


def _calls(graph) -> dict[int, list]:
    """Return id of operation -> its calls inside the graph."""
    calls: dict[int, list] = {}
    for node in graph.nodes if graph is not None else ():
        calls.setdefault(id(node.operation), []).append(node)
    return calls


def _is_chain(graph) -> bool:
    """Return whether every call takes just the output of the one before it."""
    if len(graph.flat_inputs) != 1 or len(graph.flat_outputs) != 1:
        return False
    before = graph.flat_inputs[0]
    for node in graph.nodes:
        if len(node.inputs) != 1 or node.inputs[0] is not before or len(flatten(node.outputs)) != 1:
            return False
        before = flatten(node.outputs)[0]
    return len(_calls(graph)) == len(graph.nodes)


def _source(tensor, calls) -> str:
    """Return the layer a tensor comes from; `name[call][output]` where the layer has several calls or outputs."""
    node = tensor.node
    if node is None:
        return tensor.name
    own = calls.get(id(node.operation), [node])
    if len(own) == 1 and len(flatten(node.outputs)) == 1:
        return node.operation.name
    return f"{node.operation.name}[{own.index(node)}][{tensor.position}]"


def _type_name(operation) -> str:
    function = getattr(operation, "function", None)
    name = getattr(function, "op_name", None)
    return name if isinstance(name, str) else type(operation).__name__


def _count(operation) -> int | None:
    """Return the number of weights, 0 for an operation that is no layer, None for a layer that is not built."""
    if not hasattr(operation, "count_params"):
        return 0
    try:
        return operation.count_params()
    except NotBuiltError:
        return None


def _shape_text(operation, nodes) -> str:
    if nodes:
        return _format_shape(_shapes(nodes[0].outputs))
    try:
        return _format_shape(operation.output_shape)
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return "?"  # not called yet, or its `call` can't be followed without data


def _shapes(outputs):
    if isinstance(outputs, dict):
        return {name: _shapes(value) for name, value in outputs.items()}
    if isinstance(outputs, (list, tuple)):
        return [_shapes(value) for value in outputs]
    return tuple(outputs.shape)


def _format_shape(shape) -> str:
    """Return a shape, or a structure of them, with one shape to a line."""
    if isinstance(shape, dict):
        return "\n".join(f"{name}: {_format_shape(value)}" for name, value in shape.items())
    if isinstance(shape, list) or (
        isinstance(shape, tuple) and any(isinstance(size, (tuple, list)) for size in shape)
    ):
        return "\n".join(_format_shape(value) for value in shape)
    return "?" if shape is None else str(tuple(shape))


def _in_range(rows, layer_range):
    """Return the rows from the first to the second name of `layer_range`.

    Raises:
        ValueError: it is not a pair, not a regular expression, or finds no layer.
    """
    if layer_range is None:
        return rows
    if isinstance(layer_range, str) or len(layer_range) != 2:
        rule = "`layer_range` must hold two layer names"
        raise ValueError(
            message("summary", rule, f"layer_range={layer_range!r}", "Pass [first, last].")
        )
    outer = [(index, row.name) for index, row in enumerate(rows) if row.depth == 0]
    found = []
    for pattern in layer_range:
        try:
            hits = [i for i, name in outer if name == pattern] or [
                i for i, n in outer if re.fullmatch(pattern, n)
            ]
        except re.error as error:
            raise ValueError(
                message("summary", "`layer_range` is no regular expression", str(error))
            ) from None
        if not hits:
            names = [name for _, name in outer]
            fix = near_miss(pattern, names).strip() or f"Layers: {', '.join(names)}."
            raise ValueError(message("summary", "`layer_range` finds no layer", repr(pattern), fix))
        found.append(hits)
    first, last = min(found[0]), max(found[1])
    if first > last:
        rule = "`layer_range` must name the earlier layer first"
        raise ValueError(message("summary", rule, f"layer_range={layer_range!r}"))
    end = next((index for index, _ in outer if index > last), len(rows))
    return rows[first:end]


# ---- the table


def _widths(line_length, positions, count) -> list[int] | None:
    """Return the width of every column, borders included, or None where nobody asked.

    Raises:
        ValueError: a wrong number of positions, or they do not grow.
    """
    if line_length is not None and (not isinstance(line_length, int) or line_length < 20):
        fix = "It is the width of the table in characters."
        raise ValueError(
            message("summary", "`line_length` must be an integer >= 20", f"{line_length=}", fix)
        )
    if positions is None:
        return None
    ends = [float(position) for position in positions]
    if len(ends) != count or any(b <= a for a, b in itertools.pairwise([0.0, *ends])):
        rule = f"`positions` must hold {count} growing numbers, the right end of each column"
        raise ValueError(message("summary", rule, f"positions={positions!r}"))
    if ends[-1] <= 1:
        ends = [end * (line_length or 80) for end in ends]
    stops = [0, *(round(end) for end in ends)]
    return [b - a for a, b in itertools.pairwise(stops)]


def _render(
    titles, rows, line_length, widths, widest, linked, show_trainable, plain, unicode
) -> str:
    """Return the table as text."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    narrow = line_length or (sum(widths) + 1 if widths else widest)
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=narrow,
        force_terminal=not plain,
        color_system=None if plain else "standard",
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    table = Table(
        box=box.HEAVY_HEAD if unicode else box.ASCII,
        width=line_length,
        header_style=None if plain else "bold",
    )
    for index, title in enumerate(titles):
        # A column holds its text, a blank on either side, and one border.
        width = max(widths[index] - 3, 1) if widths else None
        # Numbers are never broken over lines; names and shapes are.
        least = max((len(row.cells(linked, show_trainable)[2]) for row in rows), default=1)
        table.add_column(
            title,
            justify=_JUSTIFY.get(title, "left"),
            width=width,
            min_width=least if title == "Param #" and not width else None,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*row.cells(linked, show_trainable))
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip("\n").split("\n"))


# ---- totals


def _totals(model) -> list[str]:
    trainable, frozen = list(model.trainable_weights), list(model.non_trainable_weights)
    optimizer = list(getattr(getattr(model, "optimizer", None), "variables", None) or ())
    lines = [
        ("Total", trainable + frozen + optimizer),
        ("Trainable", trainable),
        ("Non-trainable", frozen),
    ]
    lines += [("Optimizer", optimizer)] if optimizer else []
    return [
        f" {what} params: {_size(weights):,} ({_format_bytes(_bytes(weights))})"
        for what, weights in lines
    ]


def _size(weights) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _bytes(weights) -> int:
    return sum(
        math.ceil(math.prod(weight.shape) * _bits(str(weight.dtype)) / 8) for weight in weights
    )


def _bits(dtype: str) -> int:
    """Return the bits of one element, which all dtype names but "bool" tell."""
    digits = re.search(r"\d+", dtype)
    return int(digits.group()) if digits else 8


def _format_bytes(count: float) -> str:
    units = ["B", "KB", "MB", "GB", "TB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.2f} {units[0]}"
