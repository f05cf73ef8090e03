"""Pictures of a training's logs: drawn by matplotlib, which is imported when something is drawn."""

from __future__ import annotations

import functools
import io
import math
from pathlib import Path
from typing import Any

from hornpipe.callbacks.files import replace_file
from hornpipe.core.errors import message, near_miss
from hornpipe.utils.extras import need

_TRAINING, _VALIDATION = "#1f5f8b", "#d9822b"
_COLUMNS = 3
_WIDTH, _HEIGHT = 4.5, 3.3  # inches, of one plot


@functools.cache
def _figure_class() -> Any:
    figure = need("matplotlib.figure", "plot", "plot")

    class Curves(figure.Figure):
        """A figure that a notebook shows by itself."""

        def _repr_png_(self):
            return render(self, "png")

    return Curves


def new_figure(managed: bool = False):
    """Return an empty figure.

    Args:
        managed: bool. Whether pyplot knows it, so that `pyplot.show()` opens its window.

    Raises:
        ImportError: matplotlib is missing.
    """
    cls = _figure_class()
    if managed:
        return need("matplotlib.pyplot", "plot", "plot").figure(FigureClass=cls)
    return cls()


def check_names(names, known, who: str, *, complete: bool = True) -> list[str]:
    """Return the plots to draw: names without "val_", all of them where `names` is None.

    Raises:
        ValueError: a name is not in the logs.
    """
    bases = list(dict.fromkeys(name.removeprefix("val_") for name in known))
    if names is None:
        return bases
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if complete and name.removeprefix("val_") not in bases:
            rule = f"`names` must hold names in the logs: {', '.join(bases) or 'there are none'}"
            raise ValueError(message(who, rule, repr(name), near_miss(name, bases).strip()))
    return list(dict.fromkeys(name.removeprefix("val_") for name in names))


def draw(figure, curves: dict, names: list[str]) -> None:
    """Draw into a figure: a plot for each name, training and validation in it.

    Args:
        figure: it is cleared first.
        curves: dict name -> (epochs from 0, values).
        names: the plots, without "val_".
    """
    figure.clear()
    names = [name for name in names if _is_drawable(curves, name)]
    across = max(1, min(_COLUMNS, len(names)))
    down = max(1, math.ceil(len(names) / across))
    figure.set_size_inches(_WIDTH * across, _HEIGHT * down)
    figure.set_layout_engine("constrained")
    for position, name in enumerate(names):
        axes = figure.add_subplot(down, across, position + 1)
        shown = [
            (name, "training", _TRAINING),
            (f"val_{name}", "validation", _VALIDATION),
        ]
        shown = [each for each in shown if each[0] in curves]
        for key, label, color in shown:
            epochs, values = curves[key]
            mark = "o" if len(values) < 2 else None
            axes.plot(
                [epoch + 1 for epoch in epochs], values, color=color, label=label, marker=mark
            )
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if len(shown) > 1:
            axes.legend()


def _is_drawable(curves, name) -> bool:
    """Return whether every value is a number; those of metrics with one for each class are lists."""
    values = [value for key in (name, f"val_{name}") for value in curves.get(key, ((), ()))[1]]
    return bool(values) and all(isinstance(value, (int, float)) for value in values)


def render(figure, kind: str) -> bytes:
    """Return the figure as a picture of a kind such as "png"."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=120)
    return buffer.getvalue()


def save(figure, path, who: str) -> None:
    """Write the figure into a file; an old one stays until the new one is complete.

    Raises:
        ValueError: the path has an ending that matplotlib does not know.
        OSError: the file can't be written.
    """
    kind = check_ending(path, who)
    replace_file(path, render(figure, kind), who)


def check_ending(path, who: str) -> str:
    """Return the kind of picture that a path asks for.

    Raises:
        ValueError: matplotlib does not know it.
    """
    kind = Path(path).suffix.lstrip(".").lower()
    known = new_figure().canvas.get_supported_filetypes()
    if kind not in known:
        rule = f"`path` must end in one of {', '.join('.' + each for each in sorted(known))}"
        raise ValueError(message(who, rule, f"path={str(path)!r}", "For example 'curves.png'."))
    return kind
