"""`model_to_text`: a model drawn in plain characters, for terminals, logs, and machines without Graphviz.

>>> import hornpipe as keras
>>> x = keras.Input((8,), name="x")
>>> h = keras.layers.Dense(8, activation="relu", name="h")(x)
>>> model = keras.Model(x, keras.layers.Add(name="sum")([x, h]), name="residual")
>>> print(keras.utils.model_to_text(model))
residual (Model)
●    x (InputLayer)  (None, 8)
├─╮
│ ●  h (Dense, relu)  (None, 8)
├─╯
●    sum (Add)  (None, 8)  → output
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hornpipe.core.refusal import guarded
from hornpipe.utils.model_graph import Box, ModelGraph, model_graph, type_name

# (up, down, left, right) -> the character that joins these directions
_JOINTS = {
    (1, 1, 0, 0): "│", (0, 0, 1, 1): "─", (1, 1, 0, 1): "├", (1, 1, 1, 0): "┤", (1, 0, 0, 1): "╰",
    (1, 0, 1, 0): "╯", (0, 1, 0, 1): "╭", (0, 1, 1, 0): "╮", (1, 0, 1, 1): "┴", (0, 1, 1, 1): "┬",
    (1, 1, 1, 1): "┼", (0, 0, 0, 0): " ",
}  # fmt: skip
_PLAIN = {"│": "|", "─": "-", " ": " ", "●": "*", "→": "->"}


@guarded()
def model_to_text(
    model,
    *,
    show_shapes: bool = True,
    show_dtype: bool = False,
    show_layer_activations: bool = True,
    show_trainable: bool = False,
    expand_nested: bool = False,
    unicode: bool = True,
) -> str:
    """Return a drawing of a model: a line for each layer in the order in which they run, joined by rails.

    A rail leads from a layer down to those that take its output. Where `expand_nested` takes models
    apart, their layers are indented below their name. A model whose `call` is your own code is a
    list without rails.

    Args:
        model: a `Model`.
        show_shapes: bool. Whether the shapes of outputs are shown. Default True.
        show_dtype: bool. Whether their dtypes are. Default False.
        show_layer_activations: bool. Whether activations are. Default True.
        show_trainable: bool. Whether layers without trained weights are marked "frozen". Default
            False.
        expand_nested: bool. Whether the layers of models inside are drawn. Default False.
        unicode: bool. Whether line-drawing characters are used; else `|`, `-`, `+` and `*`.

    Returns:
        The text, without a line break at its end.

    Example:
        >>> import hornpipe as keras
        >>> model = keras.Sequential(
        ...     [keras.Input((3,), name="x"), keras.layers.Dense(2, name="head")], name="small"
        ... )
        >>> print(keras.utils.model_to_text(model, unicode=False))
        small (Sequential)
        *  x (InputLayer)  (None, 3)
        *  head (Dense, linear)  (None, 2)  -> output
    """
    graph = model_graph(model, expand_nested, "model_to_text")
    heading = f"{getattr(model, 'name', type(model).__name__)} ({type_name(model)})"
    if not graph.boxes:
        return f"{heading}\n(no layers yet)"

    def label(box: Box) -> str:
        inside = box.kind
        if show_layer_activations and box.activation:
            inside += f", {box.activation}"
        if show_trainable and box.trainable is False:
            inside += ", frozen"
        parts = [f"{box.name} ({inside})"]
        tensors = box.outputs
        if show_shapes and tensors:
            parts.append(", ".join(str(tuple(tensor.shape)) for tensor in tensors))
        if show_dtype and tensors:
            parts.append(", ".join(dict.fromkeys(str(tensor.dtype) for tensor in tensors)))
        return "  ".join(parts)

    if not graph.edges and len(graph.boxes) > 1:
        lines = [f"-  {label(box)}" for box in graph.boxes]
    else:
        lines = _Rails(graph, label).draw()
    text = "\n".join([heading, *lines])
    return text if unicode else _without_unicode(text)


def _without_unicode(text: str) -> str:
    plain = {**dict.fromkeys(_JOINTS.values(), "+"), **_PLAIN}
    return "".join(plain.get(character, character) for character in text)


@dataclass
class _Rails:
    """Columns of rails: each belongs to a box whose output is still waited for, or is free."""

    graph: ModelGraph
    label: object
    columns: list = field(default_factory=list)  # a box's index, or None
    rows: list = field(default_factory=list)  # (rails, text)

    def draw(self) -> list[str]:
        """Return the lines."""
        waited = [0] * len(self.graph.boxes)  # how many boxes still wait for this one
        sources = [sorted({a for a, b in self.graph.edges if b == i}) for i in range(len(waited))]
        for each in sources:
            for source in each:
                waited[source] += 1
        group: tuple = ()
        for index, box in enumerate(self.graph.boxes):
            if box.group != group:
                self._name_groups(group, box.group)
                group = box.group
            for source in sources[index]:
                waited[source] -= 1
            self._place(index, sources[index], waited)
            end = "  → output" if index in self.graph.outputs else ""
            self.rows.append((self._rails(index), "  " * len(group) + self.label(box) + end))  # type: ignore[operator]
            if not waited[index]:
                self.columns[self.columns.index(index)] = None
            while self.columns and self.columns[-1] is None:
                self.columns.pop()
        width = max(len(rails) for rails, _ in self.rows)
        return [f"{rails:<{width}}  {text}".rstrip() for rails, text in self.rows]

    def _name_groups(self, before, after):
        """Add a row with the name of each model that begins here."""
        common = 0
        while common < min(len(before), len(after)) and before[common] == after[common]:
            common += 1
        for depth in range(common, len(after)):
            name, kind = after[depth]
            self.rows.append((self._rails(None), "  " * depth + f"{name} ({kind}):"))

    def _place(self, index, sources, waited):
        """Find the column of a box, and add a row that joins the rails of its inputs."""
        inputs = [self.columns.index(source) for source in sources]
        ending = [column for column in inputs if not waited[self.columns[column]]]
        if ending:
            target = min(ending)
        elif None in self.columns:
            target = self.columns.index(None)
        else:
            target = len(self.columns)
            self.columns.append(None)
        if not inputs and self.rows and self.rows[-1][0].find("●") == 2 * target:
            self.rows.append((self._rails(None), ""))  # what ends there does not lead here
        before = [each is not None for each in self.columns]
        for column in ending:
            self.columns[column] = None
        self.columns[target] = index
        if any(column != target for column in inputs):
            self.rows.append((self._joint(before, inputs, target), ""))

    def _joint(self, before, inputs, target) -> str:
        """Return the row between two boxes: rails of the inputs lead to the column `target`."""
        touched = {*inputs, target}
        first, last = min(touched), max(touched)
        cells = []
        for column, (up, now) in enumerate(zip(before, self.columns, strict=True)):
            if column in touched:
                cells.append(
                    _JOINTS[int(up), int(now is not None), int(column > first), int(column < last)]
                )
            elif up:
                cells.append("│")
            else:
                cells.append("─" if first < column < last else " ")
            cells.append("─" if first <= column < last else " ")
        return "".join(cells).rstrip()

    def _rails(self, index) -> str:
        """Return the rails beside a box (None: beside a name), a dot at the box's column."""
        cells = [
            "●" if index is not None and each == index else " " if each is None else "│"
            for each in self.columns
        ]
        return " ".join(cells).rstrip()
