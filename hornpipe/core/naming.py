"""Names of layers and variables: automatic ones, and the rule for given ones."""

from __future__ import annotations

import re
from collections import Counter

from hornpipe.core.errors import message

_counts: Counter = Counter()
_LONGEST = 255


def snake_case(name: str) -> str:
    """Return `name` in lower case with underscores: "LayerNormalization" -> "layer_normalization"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """Return "dense", then "dense_1", "dense_2", ... for the prefix "dense"."""
    number = next_number(prefix)
    return f"{prefix}_{number}" if number else prefix


def next_number(prefix: str) -> int:
    """Return how often `prefix` was asked for before."""
    _counts[prefix] += 1
    return _counts[prefix] - 1


def reset_names() -> None:
    """Start the numbers of automatic names again."""
    _counts.clear()


def check_name(name, who: str) -> str:
    """Return `name` if it can stand in a weight's path and in a file.

    Raises:
        ValueError: it is not a non-empty string of at most 255 characters without "/", "\\", control characters, or "..".
    """
    sound = isinstance(name, str) and 0 < len(name) <= _LONGEST and name not in (".", "..")
    if not sound or re.search(r"[/\\\x00-\x1f\x7f]", name):
        rule = f"`name` must be a string of 1 to {_LONGEST} characters without '/', '\\' or control characters"
        raise ValueError(
            message(who, rule, f"name={name!r}", "Use letters, digits and underscores.")
        )
    return name
