"""The three parts of a batch: inputs, targets, weights."""

from __future__ import annotations

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded


@guarded()
def unpack_x_y_sample_weight(data):
    """Return the three parts of a batch, None for those it lacks.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`; the last three as a tuple or a list.

    Returns:
        tuple `(x, y, sample_weight)`.

    Raises:
        ValueError: a tuple or list of none or of more than three parts.

    Example:
        >>> import hornpipe as keras
        >>> keras.utils.unpack_x_y_sample_weight(("inputs", "targets"))
        ('inputs', 'targets', None)
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        rule = "`data` must be x, (x,), (x, y) or (x, y, sample_weight)"
        fix = "A model with several inputs takes them as one part: ((x1, x2), y)."
        raise ValueError(message("unpack_x_y_sample_weight", rule, f"{len(data)} parts", fix))
    return (*data, None, None)[:3]


@guarded()
def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """Return the parts of a batch in the form that `unpack_x_y_sample_weight` takes apart.

    Args:
        x: inputs.
        y: targets, or None.
        sample_weight: weights, or None; they need `y`.

    Returns:
        `x` alone (in a tuple of one where it is itself a tuple or a list), `(x, y)` or `(x, y,
        sample_weight)`.

    Raises:
        ValueError: `sample_weight` without `y`.

    Example:
        >>> import hornpipe as keras
        >>> keras.utils.pack_x_y_sample_weight("inputs", "targets")
        ('inputs', 'targets')

    References:
        Keras drops a `sample_weight` that comes without `y`; here it raises.
    """
    if sample_weight is not None and y is None:
        fix = "Pass y as well, or leave sample_weight out."
        raise ValueError(
            message("pack_x_y_sample_weight", "`sample_weight` needs `y`", "y=None", fix)
        )
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (tuple, list)) else x
