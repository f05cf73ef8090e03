"""Sequences of different lengths made one array."""

from __future__ import annotations

import numbers

import numpy as np

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded


@guarded()
def pad_sequences(
    sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0
):
    """Return sequences as the rows of one array, short ones filled up and long ones cut.

    Args:
        sequences: iterable of sequences; their elements are numbers, strings, or arrays of one
            common shape.
        maxlen: int >= 0, the rows' length, or None for the longest sequence's.
        dtype: NumPy dtype of the result. Default "int32". Strings of different lengths need
            `object`.
        padding: "pre" or "post": the side that is filled.
        truncating: "pre" or "post": the side that is cut.
        value: what is filled in. Default 0.

    Returns:
        NumPy array `(len(sequences), maxlen, *element_shape)`.

    Raises:
        TypeError: `maxlen` is no int.
        ValueError: `sequences` or one of its elements can't be iterated; `padding` or `truncating`
            is another word; `maxlen` is negative; elements differ in shape; an element or `value`
            does not survive as `dtype`, such as 1.5 as an integer.

    Example:
        >>> import hornpipe as keras
        >>> keras.utils.pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
        array([[0, 1],
               [2, 3],
               [5, 6]], dtype=int32)

    References:
        Keras silently cuts 1.5 to 1 and "pad" to "p"; here both raise.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(
                message("pad_sequences", f"`{name}` must be 'pre' or 'post'", f"{name}={side!r}")
            )
    rows = _rows(sequences)
    maxlen = _length(maxlen, rows)
    dtype = np.dtype(dtype)
    element_shape = next((row.shape[1:] for row in rows if len(row)), ())
    padded = np.full(
        (len(rows), maxlen, *element_shape), _cast(np.asarray(value), dtype, "`value`")
    )
    for i, row in enumerate(rows):
        if not len(row):
            continue
        if row.shape[1:] != element_shape:
            rule = f"elements must all have the shape {element_shape}"
            raise ValueError(message("pad_sequences", rule, f"{row.shape[1:]} in sequence {i}"))
        start = max(len(row) - maxlen, 0) if truncating == "pre" else 0
        row = _cast(row[start : start + maxlen], padded.dtype, f"sequence {i}")
        place = slice(maxlen - len(row), maxlen) if padding == "pre" else slice(0, len(row))
        padded[i, place] = row
    return padded


def _rows(sequences) -> list[np.ndarray]:
    try:
        sequences = list(sequences)
    except TypeError:
        rule = "`sequences` must be a list of sequences"
        raise ValueError(message("pad_sequences", rule, f"sequences={sequences!r}")) from None
    rows = []
    for i, sequence in enumerate(sequences):
        sized = hasattr(sequence, "__len__") and getattr(sequence, "ndim", 1) > 0
        if not sized or isinstance(sequence, (str, bytes)):
            fix = "Put a single sequence into a list: [sequence]."
            raise ValueError(
                message("pad_sequences", f"sequence {i} must be a sequence", f"{sequence!r}", fix)
            )
        rows.append(_row(sequence, i))
    return rows


def _row(sequence, i: int) -> np.ndarray:
    texts = (
        any(isinstance(element, str) for element in sequence)
        if not isinstance(sequence, np.ndarray)
        else False
    )
    try:
        return np.array(sequence, dtype=object) if texts else np.asarray(sequence)
    except ValueError:
        rule = f"the elements of sequence {i} must have one shape"
        raise ValueError(message("pad_sequences", rule, f"{sequence!r}")) from None


def _length(maxlen, rows: list[np.ndarray]) -> int:
    if maxlen is None:
        return max((len(row) for row in rows), default=0)
    if isinstance(maxlen, bool) or not isinstance(maxlen, numbers.Integral):
        raise TypeError(
            message("pad_sequences", "`maxlen` must be an integer or None", f"maxlen={maxlen!r}")
        )
    if maxlen < 0:
        raise ValueError(message("pad_sequences", "`maxlen` must be >= 0", f"maxlen={maxlen}"))
    return int(maxlen)


def _cast(values: np.ndarray, dtype: np.dtype, what: str) -> np.ndarray:
    """Return `values` as `dtype`, refusing to lose a fraction, a digit or a letter."""
    exact = dtype.kind in "biuSU"
    try:
        with np.errstate(invalid="ignore"):  # NaN as an integer: refused below
            cast = values.astype(dtype)
        if not exact or np.array_equal(cast, values):
            return cast
    except (ValueError, TypeError, OverflowError):
        pass
    rule = f"{what} must fit the dtype {dtype}"
    fix = "Pass dtype='float32' for fractions and dtype=object for strings."
    raise ValueError(message("pad_sequences", rule, f"{values!r}", fix))
