"""IMDB: 50,000 film reviews as lists of word numbers, half of them friendly.

>>> from hornpipe.datasets import imdb
>>> (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=10000)  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hornpipe.core.dialect import spoken
from hornpipe.core.errors import message, near_miss
from hornpipe.core.refusal import guarded
from hornpipe.datasets._pickles import read_object_npz
from hornpipe.datasets._source import GOOGLE, Dataset, PublicFile, load_arrays, load_word_ranks
from hornpipe.datasets._splits import shuffled
from hornpipe.datasets._texts import Marking, Texts, flatten

_ARGUMENTS = (
    "path",
    "num_words",
    "skip_top",
    "maxlen",
    "seed",
    "start_char",
    "oov_char",
    "index_from",
)


def _convert(paths: list[Path]) -> dict[str, np.ndarray]:
    public = read_object_npz(paths[0], ("x_train", "y_train", "x_test", "y_test"))
    arrays = {}
    for part in ("train", "test"):
        texts = flatten(public[f"x_{part}"])
        arrays |= {f"x_{part}_values": texts.values, f"x_{part}_offsets": texts.offsets}
        arrays[f"y_{part}"] = public[f"y_{part}"].astype(np.int64)
    return arrays


_IMDB = Dataset(
    name="imdb",
    fields={
        "x_train_values": (np.integer, (None,)),
        "x_train_offsets": (np.integer, (25_001,)),
        "y_train": (np.integer, (25_000,)),
        "x_test_values": (np.integer, (None,)),
        "x_test_offsets": (np.integer, (25_001,)),
        "y_test": (np.integer, (25_000,)),
    },
    public=(
        PublicFile(
            GOOGLE + "imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
        ),
    ),
    convert=_convert,
)


@spoken("imdb.load_data")
def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """Load 25,000 + 25,000 film reviews, each a list of word numbers.

    A word's number is its rank by frequency plus `index_from`: 4 is the most frequent word, and 0
    is free for padding. A review starts with `start_char`; words that `num_words` and `skip_top`
    rule out become `oov_char`. Both halves are shuffled with `seed`.

    Args:
        path: file name in the cache.
        num_words: int >= 1: word numbers from here on are ruled out. None: only the one word with
            the largest number is, as in Keras.
        skip_top: int >= 0: word numbers below this are ruled out, `start_char` among them. Default
            0.
        maxlen: int >= 1: reviews of this length or more, start mark included, are left out. None:
            all stay.
        seed: int that fixes the order. Default 113.
        start_char: int put before each review, or None for nothing. Default 1.
        oov_char: int in the place of each word that is ruled out, or None to drop such words.
            Default 2.
        index_from: int >= 0 added to each rank. Default 3. None: 0.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays `(25000,)` of lists of ints; int64
        labels `(25000,)`, 0 unfriendly and 1 friendly.

    Raises:
        TypeError: an argument of another name.
        ValueError: an argument out of range; `maxlen` leaves no review.
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: the file is damaged or another one.

    Example:
        >>> import hornpipe as keras
        >>> train, test = keras.datasets.imdb.load_data(num_words=10000)  # doctest: +SKIP
        >>> train[0][0][:6]  # doctest: +SKIP
        [1, 14, 22, 16, 43, 530]

    References:
        Maas, Daly, Pham, Huang, Ng and Potts (2011), Learning Word Vectors for Sentiment Analysis,
        ACL.
    """
    who = _IMDB.who
    for name in kwargs:
        fix = near_miss(name, _ARGUMENTS).strip()
        raise TypeError(
            message(who, f"arguments are {', '.join(_ARGUMENTS)}", f"{name}={kwargs[name]!r}", fix)
        )
    marking = Marking(num_words, skip_top, maxlen, start_char, oov_char, index_from).check(who)
    arrays = load_arrays(_IMDB, path)
    random = np.random.RandomState(seed)
    labels, parts = [], []
    for part in ("train", "test"):
        labels.append(arrays[f"y_{part}"].astype(np.int64))
        texts = Texts(arrays[f"x_{part}_values"], arrays[f"x_{part}_offsets"])
        parts.append((texts.check(len(labels[-1]), who), shuffled(len(labels[-1]), random)))
    marked = marking.mark(parts, who)
    return tuple((lists, y[rows]) for (lists, rows), y in zip(marked, labels, strict=True))


@guarded("datasets.imdb.get_word_index")
def get_word_index(path="imdb_word_index.json"):
    """Load the rank of each word of the reviews.

    `load_data` numbers a word by its rank plus `index_from`.

    Args:
        path: file name in the cache.

    Returns:
        dict from word to rank, 1 = most frequent.

    Raises:
        ValueError: `path` is no plain file name.
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: the file is not a word index.

    Example:
        >>> import hornpipe as keras
        >>> keras.datasets.imdb.get_word_index()["the"]  # doctest: +SKIP
        1
    """
    return load_word_ranks(PublicFile(GOOGLE + "imdb_word_index.json"), path, "imdb.get_word_index")
