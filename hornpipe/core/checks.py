"""The check of numbers that constructors share: one rule, one text."""

from __future__ import annotations

import math
import numbers
from typing import Any

from hornpipe.core.errors import message


def check_number(
    value: Any,
    argument: str,
    who: str,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    fix: str = "",
) -> Any:
    """Return a finite number if `least <= value <= most` and `above < value < below`.

    Raises:
        ValueError: it is not; bools are no numbers.

    Example:
        >>> from hornpipe.core.checks import check_number
        >>> check_number(0.5, "rate", "Dropout", least=0, below=1)
        0.5
        >>> check_number(-1, "l2", "L2", least=0)
        Traceback (most recent call last):
        ValueError: L2: `l2` must be a finite number >= 0. Received: l2=-1.
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    number: Any = value
    finite = is_number and -math.inf < number < math.inf
    if not finite or not (least <= number <= most and above < number < below):
        rule = f"`{argument}` must be a finite number{_interval(least, most, above, below)}"
        raise ValueError(message(who, rule, f"{argument}={value!r}", fix))
    return value


def _interval(least, most, above, below) -> str:
    """Return " >= 0", " > 0", " in [0, 1)", ... or an empty text."""
    low, high = max(least, above), min(most, below)
    if low == -math.inf and high == math.inf:
        return ""
    if high == math.inf:
        return f" {'>' if above >= least else '>='} {low}"
    if low == -math.inf:
        return f" {'<' if below <= most else '<='} {high}"
    return f" in {'(' if above >= least else '['}{low}, {high}{')' if below <= most else ']'}"
