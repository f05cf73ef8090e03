"""Pictures of models: `plot_model` and `model_to_dot`, drawn by Graphviz."""

from __future__ import annotations

import functools
import html
import shutil
from pathlib import Path
from typing import Any

from hornpipe.core.errors import message, near_miss
from hornpipe.core.refusal import guarded
from hornpipe.utils.extras import need
from hornpipe.utils.model_graph import Box, model_graph
from hornpipe.utils.model_text import model_to_text
from hornpipe.utils.progress import Screen, can_write

_PICTURES = ("png", "svg", "pdf", "jpg")
_SOURCES = ("dot", "gv")
_DIRECTIONS = ("TB", "LR", "BT", "RL")
_TITLE, _MARKED = "#dbe6ee", "#ffd27f"
INSTALL_GRAPHVIZ = (
    "Install Graphviz, which has it. Debian, Ubuntu: sudo apt-get install graphviz. Fedora: sudo dnf install graphviz. "
    "macOS: brew install graphviz. Windows: winget install graphviz. Conda: conda install -c conda-forge graphviz."
)


@guarded()
def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    *,
    highlight=(),
):
    """Draw a model into a file.

    Without the program `dot` of Graphviz there is no picture: the model is then drawn in characters on
    the screen (see `model_to_text`), and the error says what to install.

    Args:
        model: a `Model`.
        to_file: path that ends in ".png", ".svg", ".pdf", ".jpg", or ".dot" for the source alone;
            None for no file.
        show_shapes: bool. Whether shapes of inputs and outputs are shown. Default False.
        show_dtype: bool. Whether dtypes are. Default False.
        show_layer_names: bool. Whether names of layers are. Default False.
        rankdir: "TB" from top to bottom, "LR" from left to right, "BT" or "RL".
        expand_nested: bool. Whether models inside are taken apart, in a frame. Default False.
        dpi: int >= 1. Pixels per inch of PNG and JPEG. Default 200.
        show_layer_activations: bool. Whether activations are shown. Default False.
        show_trainable: bool. Whether layers say if they are trained. Default False.
        splines: how arrows run, as Graphviz calls it: "ortho", "spline", "polyline", "line".
        highlight: names of layers to mark.

    Returns:
        The drawing, a `graphviz.Digraph`: notebooks show it, `.source` is its text.

    Raises:
        ImportError: the package graphviz is missing.
        RuntimeError: the program `dot` is missing, or fails.
        ValueError: an argument out of range, or a name in `highlight` that no layer has.
        OSError: the file can't be written.

    Example:
        >>> import os, tempfile
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.dot")
        >>> drawing = keras.utils.plot_model(model, path, show_layer_names=True)
        >>> os.path.exists(path) and "head" in drawing.source
        True
    """
    kind = _file_kind(to_file)
    drawing = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        highlight=highlight,
    )
    if to_file is None:
        return drawing
    data = drawing.source.encode() if kind in _SOURCES else _render(drawing, kind, model)
    from hornpipe.saving.atomic import replacing

    with replacing(Path(to_file), "plot_model") as file:
        file.write(data)
    return drawing


@guarded()
def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    *,
    highlight=(),
):
    """Return the drawing of a model in Graphviz's language, a `graphviz.Digraph`.

    The program `dot` is not needed for that. A notebook shows the drawing; where `dot` is missing it
    shows the model in characters.

    Args:
        model: a `Model`.
        subgraph: bool. Whether the drawing is a frame named like the model, to be put into another
            one with `.subgraph(drawing)`. Default False.
        show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, \
show_layer_activations, show_trainable, splines, highlight: see `plot_model`.

    Raises:
        ImportError: the package graphviz is missing.
        ValueError: an argument out of range, or a name in `highlight` that no layer has.

    Example:
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])
        >>> drawing = keras.utils.model_to_dot(model)
        >>> drawing.source.count("->")
        1
    """
    _check(rankdir, dpi)
    graph = model_graph(model, expand_nested, "model_to_dot")
    marked = _check_highlight(highlight, graph.boxes)
    name = f"cluster_{model.name}" if subgraph else model.name
    drawing = _drawing_class()(name=name)
    drawing.model = model
    drawing.attr("graph", rankdir=rankdir, dpi=str(dpi), splines=splines)
    if subgraph:
        drawing.attr("graph", label=model.name, labeljust="l", fontname="Helvetica")
    drawing.attr("node", shape="plaintext", fontname="Helvetica", fontsize="11")
    drawing.attr("edge", color="#5b6b78")
    options = (show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)

    # Several calls of one model draw several times: names of nodes tell them apart by a prefix.
    prefix = f"{model.name}_" if subgraph else "n"

    def add(parent, members, depth):
        """Add boxes, those of the models one level deeper in frames of their own."""
        inner: dict = {}
        for index, box in members:
            if len(box.group) > depth:
                inner.setdefault(box.group[: depth + 1], []).append((index, box))
            else:
                color = _MARKED if {box.name, box.operation.name} & marked else _TITLE
                parent.node(f"{prefix}{index}", label=_label(box, *options, color=color))
        for group, boxes in inner.items():
            frame = "cluster_" + prefix + "/".join(each for each, _ in group)
            title = f"{group[-1][0]} ({group[-1][1]})" if show_layer_names else group[-1][1]
            with parent.subgraph(name=frame) as part:
                part.attr(label=title, labeljust="l", fontname="Helvetica", fontsize="11")
                part.attr(style="rounded,dashed", color="#5b6b78")
                add(part, boxes, depth + 1)

    add(drawing, list(enumerate(graph.boxes)), 0)
    for source, target in dict.fromkeys(graph.edges):
        drawing.edge(f"{prefix}{source}", f"{prefix}{target}")
    return drawing


# ---- boxes


def _label(box: Box, shapes, dtype, names, activations, trainable, *, color) -> str:
    """Return the table that stands for a layer, in Graphviz's kind of HTML."""
    title = f"<B>{html.escape(box.name)}</B> ({html.escape(box.kind)})" if names else ""
    title = title or f"<B>{html.escape(box.kind)}</B>"
    rows = [f'<TR><TD COLSPAN="2" BGCOLOR="{color}">{title}</TD></TR>']

    def wide(text):
        rows.append(f'<TR><TD COLSPAN="2">{html.escape(text)}</TD></TR>')

    if activations and box.activation:
        wide(f"Activation: {box.activation}")
    if shapes and box.outputs:
        before = f"Input: {_shapes(box.inputs)}" if box.inputs else "Input"
        rows.append(
            f"<TR><TD>{html.escape(before)}</TD>"
            f"<TD>{html.escape(f'Output: {_shapes(box.outputs)}')}</TD></TR>"
        )
    if dtype and box.outputs:
        wide(f"Output dtype: {', '.join(dict.fromkeys(str(each.dtype) for each in box.outputs))}")
    if trainable and box.trainable is not None:
        wide("Trainable" if box.trainable else "Non-trainable")
    table = 'BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="6" COLOR="#5b6b78"'
    return f"<<TABLE {table}>{''.join(rows)}</TABLE>>"


def _shapes(tensors) -> str:
    return ", ".join(str(tuple(tensor.shape)) for tensor in tensors)


@functools.cache
def _drawing_class() -> Any:
    """Return the class of drawings. It is made on first use: the package graphviz is an extra."""
    graphviz = need("graphviz", "plot", "plot_model")

    class Drawing(graphviz.Digraph):
        """A graph that notebooks show, in characters where there is no `dot`."""

        model: Any = None

        def create(self, prog=None, format="png"):
            """Return the picture as bytes, as drawings of pydot do."""
            return self.pipe(format=format, engine=prog)

        def _repr_mimebundle_(self, include=None, exclude=None, **options):
            if shutil.which("dot") is not None:
                return super()._repr_mimebundle_(include=include, exclude=exclude, **options)
            text = f"{model_to_text(self.model)}\n\nThere is no picture without `dot`. {INSTALL_GRAPHVIZ}"
            return {"text/plain": text}

    return Drawing


# ---- files


def _render(drawing, kind, model) -> bytes:
    """Return the picture.

    Raises:
        RuntimeError: there is no `dot`, or it fails.
    """
    graphviz = need("graphviz", "plot", "plot_model")
    try:
        return drawing.pipe(format=kind)
    except graphviz.ExecutableNotFound:
        screen = Screen()
        unicode = can_write(screen.stream, "●│─╭╮╰╯→")
        screen.finish(model_to_text(model, unicode=unicode))
        rule = (
            "needs the program `dot`, which was not found; the model is drawn in characters instead"
        )
        raise RuntimeError(message("plot_model", rule, "", INSTALL_GRAPHVIZ)) from None
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip() or f"code {error.returncode}"
        rule = f"the program `dot` failed to draw a {kind.upper()} picture"
        raise RuntimeError(message("plot_model", rule, said, "Try to_file='model.svg'.")) from None


def _file_kind(to_file) -> str | None:
    """Return the ending of a path.

    Raises:
        TypeError: it is no path.
        ValueError: it has another ending.
    """
    if to_file is None:
        return None
    try:
        kind = Path(to_file).suffix.lstrip(".").lower()
    except TypeError:
        raise TypeError(
            message("plot_model", "`to_file` must be a path or None", f"to_file={to_file!r}")
        ) from None
    if kind not in (*_PICTURES, *_SOURCES):
        endings = ", ".join(f".{each}" for each in (*_PICTURES, *_SOURCES))
        rule = f"`to_file` must end in one of {endings}"
        raise ValueError(message("plot_model", rule, f"to_file={str(to_file)!r}"))
    return kind


def _check(rankdir, dpi):
    if rankdir not in _DIRECTIONS:
        fix = "TB is from top to bottom, LR from left to right."
        rule = f"`rankdir` must be one of {', '.join(_DIRECTIONS)}"
        raise ValueError(message("plot_model", rule, f"rankdir={rankdir!r}", fix))
    if isinstance(dpi, bool) or not isinstance(dpi, int) or dpi < 1:
        raise ValueError(message("plot_model", "`dpi` must be an integer >= 1", f"dpi={dpi!r}"))


def _check_highlight(highlight, boxes) -> set[str]:
    """Return the names to mark.

    Raises:
        ValueError: no layer has one of them.
    """
    names: set[str] = {highlight} if isinstance(highlight, str) else {*(highlight or ())}
    known = {name for box in boxes for name in (box.name, box.operation.name)}
    for name in sorted(names - known):
        rule = "`highlight` must hold names of layers in the drawing"
        fix = near_miss(name, known).strip() or f"Layers: {', '.join(sorted(known)[:10])}."
        raise ValueError(message("plot_model", rule, repr(name), fix))
    return names
