"""Error types and the one template that every message follows.

>>> from hornpipe.core.errors import message
>>> message("Dense 'head'", "`units` must be an integer >= 1", "units=-3", "Pass the size of the last output axis.")
"Dense 'head': `units` must be an integer >= 1. Received: units=-3. Pass the size of the last output axis."
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ShapeError(ValueError):
    """Two shapes, or a shape and a rule, do not fit together.

    Args:
        text: the message.
        layer: the layer that tells it, or None; those around it then add nothing.
    """

    def __init__(self, text="", layer=None):
        super().__init__(text)
        self.layer = layer


class NotBuiltError(ValueError):
    """A weight or a shape was asked for before the layer was built."""


class EngineError(RuntimeError):
    """An engine is missing, or can't do what was asked of it."""


class FileFormatError(ValueError):
    """A file is damaged, of another format, or asks for something that a file may not ask for."""


def clip_text(text: str, limit: int = 200) -> str:
    """Return `text` cut to `limit` characters, the cut marked by three dots."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


class Message(str):
    """A text that `message` made: an error that carries it is in our words already."""

    __slots__ = ()


def message(who: str, rule: str, received: str = "", fix: str = "") -> Message:
    """Return one error text: who complains, the rule, what came, what to do.

    Args:
        who: class and name of the layer, or the function: "Dense 'head'", "fit".
        rule: what was expected, without a full stop: "`units` must be an integer >= 1".
        received: what came: "units=-3". Cut at 200 characters.
        fix: the line to write instead.
    """
    text = f"{who}: {rule.rstrip('.')}."
    if received:
        text += f" Received: {clip_text(' '.join(received.splitlines()))}."
    return Message(f"{text} {fix}" if fix else text)


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'relu'?" where a known name is close to `name`, else an empty text."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
