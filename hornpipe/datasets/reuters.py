"""Reuters: 11,228 newswires of 1987 as lists of word numbers, on 46 topics.

>>> from hornpipe.datasets import reuters
>>> reuters.get_label_names()[3]
'earn'
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hornpipe.core.dialect import spoken
from hornpipe.core.refusal import guarded
from hornpipe.datasets._pickles import read_object_npz
from hornpipe.datasets._source import GOOGLE, Dataset, PublicFile, load_arrays, load_word_ranks
from hornpipe.datasets._splits import check_test_split, shuffled
from hornpipe.datasets._texts import Marking, Texts, flatten

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves "
    "ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold "
    "tin strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange "
    "pet-chem dlr gas silver wpi hog lead"
)


def _convert(paths: list[Path]) -> dict[str, np.ndarray]:
    public = read_object_npz(paths[0], ("x", "y"))
    texts = flatten(public["x"])
    return {"x_values": texts.values, "x_offsets": texts.offsets, "y": public["y"].astype(np.int64)}


_REUTERS = Dataset(
    name="reuters",
    fields={
        "x_values": (np.integer, (None,)),
        "x_offsets": (np.integer, (11_229,)),
        "y": (np.integer, (11_228,)),
    },
    public=(
        PublicFile(
            GOOGLE + "reuters.npz",
            "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
        ),
    ),
    convert=_convert,
)


@spoken("reuters.load_data")
def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """Load 11,228 newswires, each a list of word numbers, shuffled and split.

    A word's number is its rank by frequency plus `index_from`: 4 is the most frequent word, and 0
    is free for padding. A newswire starts with `start_char`; words that `num_words` and `skip_top`
    rule out become `oov_char`.

    Args:
        path: file name in the cache.
        num_words: int >= 1: word numbers from here on are ruled out. None: only the one word with
            the largest number is, as in Keras.
        skip_top: int >= 0: word numbers below this are ruled out, `start_char` among them. Default
            0.
        maxlen: int >= 1: newswires of this length or more, start mark included, are left out. None:
            all stay.
        test_split: float in [0, 1), the share set apart for testing. Default 0.2.
        seed: int that fixes the order. Default 113.
        start_char: int put before each newswire, or None for nothing. Default 1.
        oov_char: int in the place of each word that is ruled out, or None to drop such words.
            Default 2.
        index_from: int >= 0 added to each rank. Default 3. None: 0.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays `(8982,)` and `(2246,)` of lists of
        ints; int64 labels, 0 to 45, see `get_label_names`.

    Raises:
        ValueError: an argument out of range; `maxlen` leaves no newswire.
        FileNotFoundError: no local copy and no network; the text says what to put where.
        FileFormatError: the file is damaged or another one.

    Example:
        >>> import hornpipe as keras
        >>> train, test = keras.datasets.reuters.load_data(num_words=10000)  # doctest: +SKIP
        >>> train[0][10][:4]  # doctest: +SKIP
        [1, 245, 273, 207]

    References:
        Lewis (1997), Reuters-21578 text categorization test collection. Reuters Ltd. and Carnegie
        Group, for research.
    """
    who = _REUTERS.who
    check_test_split(test_split, who)
    marking = Marking(num_words, skip_top, maxlen, start_char, oov_char, index_from).check(who)
    arrays = load_arrays(_REUTERS, path)
    labels = arrays["y"].astype(np.int64)
    texts = Texts(arrays["x_values"], arrays["x_offsets"]).check(len(labels), who)
    order = shuffled(len(labels), np.random.RandomState(seed))
    ((lists, rows),) = marking.mark([(texts, order)], who)
    labels = labels[rows]
    train = int(len(rows) * (1 - test_split))
    return (lists[:train], labels[:train]), (lists[train:], labels[train:])


@guarded("datasets.reuters.get_word_index")
def get_word_index(path="reuters_word_index.json"):
    """Load the rank of each word of the newswires.

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
        >>> keras.datasets.reuters.get_word_index()["the"]  # doctest: +SKIP
        1
    """
    return load_word_ranks(
        PublicFile(GOOGLE + "reuters_word_index.json"), path, "reuters.get_word_index"
    )


@guarded()
def get_label_names():
    """Return the names of the 46 topics; the position is the label.

    Returns:
        tuple of 46 str.

    Example:
        >>> import hornpipe as keras
        >>> keras.datasets.reuters.get_label_names()[:3]
        ('cocoa', 'grain', 'veg-oil')
    """
    return tuple(_TOPICS.split())
