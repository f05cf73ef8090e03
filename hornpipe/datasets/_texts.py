"""Texts as word ranks: stored flat, handed out as lists with marks for start and unknown words."""

from __future__ import annotations

import dataclasses
import itertools
import math
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
        """Return self; raise a FileFormatError unless the offsets cut out one text per label."""
        cuts = self.offsets
        sound = len(cuts) == num_labels + 1 and cuts[0] == 0 and cuts[-1] == len(self.values)
        if not sound or (np.diff(cuts) < 0).any() or (len(self.values) and self.values.min() < 1):
            received = f"{len(cuts)} offsets, {len(self.values)} values, {num_labels} labels"
            rule = "offsets must rise from 0 to the number of values, ranks start at 1"
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
        lowest = {"num_words": 1, "skip_top": 0, "maxlen": 1, "index_from": 0}
        for name, value in dataclasses.asdict(self).items():
            if value is None and name != "skip_top":
                continue
            low = lowest.get(name, -math.inf)
            if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
                rule = f"`{name}` must be an integer{f' >= {low}' if name in lowest else ''}"
                raise ValueError(message(who, rule, f"{name}={value!r}"))
        return self

    def mark(self, parts: list[tuple[Texts, np.ndarray]], who: str) -> list[tuple]:
        """Return, for each (texts, rows), an object array of marked lists and their rows.

        Without `num_words` the limit is the largest number in any part, itself ruled out, as in
        Keras.

        Raises:
            ValueError: `maxlen` leaves no text in a part.
        """
        kept = [(texts, self._short_rows(texts, rows, who)) for texts, rows in parts]
        limit = self.num_words or max(self._largest(texts, rows) for texts, rows in kept)
        return [(self._lists(texts, rows, limit), rows) for texts, rows in kept]

    def _short_rows(self, texts: Texts, rows: np.ndarray, who: str) -> np.ndarray:
        if self.maxlen is None:
            return rows
        lengths = np.diff(texts.offsets) + (self.start_char is not None)
        rows = rows[lengths[rows] < self.maxlen]
        if not len(rows):
            rule = "`maxlen` must be larger than the shortest text"
            raise ValueError(message(who, rule, f"maxlen={self.maxlen}", "For example maxlen=500."))
        return rows

    def _largest(self, texts: Texts, rows: np.ndarray) -> int:
        chosen = np.zeros(len(texts.offsets) - 1, dtype=bool)
        chosen[rows] = True
        values = texts.values[np.repeat(chosen, np.diff(texts.offsets))]
        return max(int(values.max(initial=0)) + (self.index_from or 0), self.start_char or 0)

    def _lists(self, texts: Texts, rows: np.ndarray, limit: int) -> np.ndarray:
        values = texts.values + np.int32(self.index_from or 0)
        offsets = texts.offsets
        kept = (values >= self.skip_top) & (values < limit)
        if self.oov_char is not None:
            values = np.where(kept, values, self.oov_char)
        else:
            values = values[kept]
            offsets = np.concatenate(([0], np.cumsum(kept)))[offsets]
        start = [] if self.start_char is None else [int(self.start_char)]
        # The start mark is a word like any other.
        if start and not self.skip_top <= start[0] < limit:
            start = [] if self.oov_char is None else [int(self.oov_char)]
        flat, cuts = values.tolist(), offsets.tolist()
        result = np.empty(len(rows), dtype=object)
        for i, row in enumerate(rows.tolist()):
            result[i] = start + flat[cuts[row] : cuts[row + 1]]
        return result
