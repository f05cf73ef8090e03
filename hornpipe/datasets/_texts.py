"""Texts as word ranks: stored flat, handed out as lists with a start mark and a mark for words that are left out."""

from __future__ import annotations

import itertools
import numbers
from dataclasses import dataclass

import numpy as np

from hornpipe.core.errors import FileFormatError, message


@dataclass(frozen=True)
class Texts:
    """Many texts in one array: text `i` is `values[offsets[i]:offsets[i + 1]]`."""

    values: np.ndarray
    offsets: np.ndarray

    def check(self, num_labels: int, who: str) -> Texts:
        """Return self; raise a FileFormatError unless the offsets cut the values into one text per label."""
        cuts = self.offsets
        sound = len(cuts) == num_labels + 1 and cuts[0] == 0 and cuts[-1] == len(self.values)
        if not sound or (np.diff(cuts) < 0).any() or (len(self.values) and self.values.min() < 1):
            received = f"{len(cuts)} offsets, {len(self.values)} values, {num_labels} labels"
            rule = "offsets must rise from 0 to the number of values, one text per label, and ranks start at 1"
            raise FileFormatError(
                message(who, rule, received, "Delete or replace the file, and load again.")
            )
        return self


def flatten(rows: np.ndarray) -> Texts:
    """Return an array of lists of ranks as flat texts.

    Raises:
        FileFormatError: a row is no list of small whole numbers.
    """
    try:
        lengths = [len(row) for row in rows]
        values = np.fromiter(itertools.chain.from_iterable(rows), np.int32, sum(lengths))
    except (TypeError, ValueError, OverflowError) as error:
        raise FileFormatError(
            message("flatten", "texts must be lists of word ranks", f"{error}")
        ) from error
    return Texts(values, np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))))


@dataclass(frozen=True)
class Marking:
    """How ranks become the numbers that `load_data` returns; see `imdb.load_data` for each."""

    num_words: int | None
    skip_top: int
    maxlen: int | None
    start_char: int | None
    oov_char: int | None
    index_from: int | None

    def check(self, who: str) -> Marking:
        """Return self; raise a ValueError where a setting is out of range."""
        for name, low in (("num_words", 1), ("maxlen", 1), ("skip_top", 0), ("index_from", 0)):
            value = getattr(self, name)
            optional = name != "skip_top"
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if not (value is None and optional) and not (whole and value >= low):
                rule = f"`{name}` must be an integer >= {low}{' or None' if optional else ''}"
                raise ValueError(message(who, rule, f"{name}={value!r}"))
        for name in ("start_char", "oov_char"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, numbers.Integral)
            ):
                raise ValueError(
                    message(who, f"`{name}` must be an integer or None", f"{name}={value!r}")
                )
        return self

    def short_rows(self, texts: Texts, rows: np.ndarray, who: str) -> np.ndarray:
        """Return those of `rows` that are shorter than `maxlen`, start mark included.

        Raises:
            ValueError: none is.
        """
        if self.maxlen is None:
            return rows
        lengths = np.diff(texts.offsets) + (self.start_char is not None)
        rows = rows[lengths[rows] < self.maxlen]
        if not len(rows):
            rule = "`maxlen` must be larger than the shortest text"
            raise ValueError(message(who, rule, f"maxlen={self.maxlen}", "For example maxlen=500."))
        return rows

    def lists(self, texts: Texts, rows: np.ndarray) -> np.ndarray:
        """Return the texts of `rows`, marked, as an object array of lists."""
        values = texts.values + np.int32(self.index_from or 0)
        offsets = texts.offsets
        kept = self._is_kept(values)
        if self.oov_char is not None:
            values = np.where(kept, values, self.oov_char)
        else:
            values = values[kept]
            offsets = np.concatenate(([0], np.cumsum(kept)))[offsets]
        start = [] if self.start_char is None else [int(self.start_char)]
        if start and not self._is_kept(start[0]):  # the start mark is a word like any other
            start = [] if self.oov_char is None else [int(self.oov_char)]
        flat, cuts = values.tolist(), offsets.tolist()
        result = np.empty(len(rows), dtype=object)
        for i, row in enumerate(rows.tolist()):
            result[i] = start + flat[cuts[row] : cuts[row + 1]]
        return result

    def _is_kept(self, words):
        kept = words >= self.skip_top
        return kept if self.num_words is None else kept & (words < self.num_words)
