"""Texts: words, word numbers, and matrices of them.

>>> from hornpipe.preprocessing.text import Tokenizer
>>> tokenizer = Tokenizer(nb_words=10)
>>> tokenizer.fit_on_texts(["the cat sat on the mat", "the dog ate the cat"])
>>> tokenizer.texts_to_sequences(["the cat ate"])
[[1, 2, 7]]
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter

import numpy as np

from hornpipe.core.config import Configurable
from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "tfidf", "freq")

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]


def base_filter() -> str:
    """Return the characters that are left out by default, the apostrophe excepted."""
    return FILTERS


@guarded()
def text_to_word_sequence(text, filters=FILTERS, lower=True, split=" "):
    """Return the words of a text.

    Args:
        text: str.
        filters: str. Characters that separate words, like `split`.
        lower: bool. Whether letters become lower case. Default True.
        split: str. What separates words. Default a blank.

    Returns:
        list of str, none of them empty.

    Raises:
        TypeError: `text` is not a string.

    Example:
        >>> from hornpipe.preprocessing.text import text_to_word_sequence
        >>> text_to_word_sequence("Don't panic, Arthur!")
        ["don't", 'panic', 'arthur']
    """
    if not isinstance(text, str):
        raise TypeError(
            message("text_to_word_sequence", "`text` must be a string", f"text={text!r}")
        )
    text = text.lower() if lower else text
    for character in filters:
        text = text.replace(character, split)
    return [word for word in text.split(split) if word]


@guarded()
def hashing_trick(text, n, hash_function=None, filters=FILTERS, lower=True, split=" "):
    """Return a number from 1 to n - 1 for each word of a text; different words may share one.

    Args:
        text: str.
        n: int >= 2.
        hash_function: None (a CRC-32, the same in every process), "md5", or a function str -> int. Keras takes Python's `hash` for
            None, which differs from process to process.
        filters, lower, split: as `text_to_word_sequence`.

    Raises:
        ValueError: `n` is not an integer >= 2, or the function is unknown.

    Example:
        >>> from hornpipe.preprocessing.text import hashing_trick
        >>> hashing_trick("the cat the", 50)
        [18, 20, 18]
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 2:
        raise ValueError(message("hashing_trick", "`n` must be an integer >= 2", f"n={n!r}"))
    if hash_function is None:
        hash_function = _crc
    elif hash_function == "md5":
        hash_function = _md5
    elif not callable(hash_function):
        raise ValueError(
            message(
                "hashing_trick",
                "`hash_function` must be None, 'md5' or a function",
                f"{hash_function!r}",
            )
        )
    return [
        hash_function(word) % (n - 1) + 1
        for word in text_to_word_sequence(text, filters, lower, split)
    ]


@guarded()
def one_hot(text, n, filters=FILTERS, lower=True, split=" "):
    """Return a number from 1 to n - 1 for each word of a text: `hashing_trick` without a choice of function.

    Raises:
        ValueError: `n` is not an integer >= 2.

    Example:
        >>> from hornpipe.preprocessing.text import one_hot
        >>> len(one_hot("the cat sat", 100))
        3
    """
    return hashing_trick(text, n, None, filters, lower, split)


def _crc(word: str) -> int:
    return zlib.crc32(word.encode("utf-8"))


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode("utf-8"), usedforsecurity=False).hexdigest(), 16)


class Tokenizer(Configurable):
    """Numbers the words of texts by frequency, the most frequent one 1.

    Args:
        num_words: int or None. Only word numbers below this are used. None uses all.
        filters, lower, split: as `text_to_word_sequence`.
        char_level: bool. Whether each character is a word. Default False.
        oov_token: str that stands for unknown words and gets the number 1, or None: they are left out.

    Example:
        >>> from hornpipe.preprocessing.text import Tokenizer
        >>> tokenizer = Tokenizer(num_words=1000)
        >>> tokenizer.fit_on_texts(["The cat sat.", "The dog."])
        >>> tokenizer.word_index
        {'the': 1, 'cat': 2, 'sat': 3, 'dog': 4}
        >>> tokenizer.texts_to_matrix(["the dog"]).shape
        (1, 1000)
    """

    def __init__(
        self,
        num_words=None,
        filters=FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
    ):
        if num_words is not None and (
            isinstance(num_words, bool)
            or not isinstance(num_words, (int, np.integer))
            or num_words < 1
        ):
            raise ValueError(
                message(
                    "Tokenizer",
                    "`num_words` must be an integer >= 1 or None",
                    f"num_words={num_words!r}",
                )
            )
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token = char_level, oov_token
        self.word_counts: Counter = Counter()
        self.word_docs: Counter = Counter()
        self.index_docs: dict = {}
        self.word_index: dict = {}
        self.index_word: dict = {}
        self.document_count = 0

    def _words(self, text) -> list:
        if isinstance(text, (list, tuple)):
            return [word.lower() for word in text] if self.lower else list(text)
        if self.char_level:
            return list(text.lower() if self.lower else text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts) -> None:
        """Count the words of a list of texts (or of lists of words), and number them."""
        for text in texts:
            words = self._words(text)
            self.word_counts.update(words)
            self.word_docs.update(set(words))
            self.document_count += 1
        ranked = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        if self.oov_token is not None:
            ranked = [self.oov_token, *(word for word in ranked if word != self.oov_token)]
        self.word_index = {word: number for number, word in enumerate(ranked, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        self.index_docs = {self.word_index[word]: count for word, count in self.word_docs.items()}

    def fit_on_sequences(self, sequences) -> None:
        """Count documents for "tfidf" from lists of word numbers."""
        for sequence in sequences:
            self.document_count += 1
            for number in set(sequence):
                self.index_docs[number] = self.index_docs.get(number, 0) + 1

    def texts_to_sequences(self, texts) -> list:
        """Return the word numbers of each text; unknown and rare words are left out, or get `oov_token`'s number."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """Yield the word numbers of each text."""
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        for text in texts:
            numbers = (self.word_index.get(word) for word in self._words(text))
            kept = [number if self._in_use(number) else unknown for number in numbers]
            yield [number for number in kept if number is not None]

    def _in_use(self, number) -> bool:
        return number is not None and (self.num_words is None or number < self.num_words)

    def sequences_to_texts(self, sequences) -> list:
        """Return the words of each list of numbers, with blanks between."""
        unknown = self.oov_token
        texts = []
        for sequence in sequences:
            words = [
                self.index_word.get(number) if self._in_use(number) else unknown
                for number in sequence
            ]
            texts.append(
                " ".join(word if word is not None else unknown for word in words if word or unknown)
            )
        return texts

    def texts_to_matrix(self, texts, mode="binary"):
        """Return a matrix `(texts, words)`, see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """Return a matrix `(texts, words)` of what stands in each text.

        Args:
            sequences: lists of word numbers.
            mode: "binary" (1 where the word stands), "count", "freq" (count over length), or "tfidf": `(1 + ln count) *
                ln(1 + documents / (1 + documents with the word))`.

        Returns:
            NumPy array, float64; column 0 stays empty.

        Raises:
            ValueError: the mode is unknown, nothing was fitted, or "tfidf" without documents.
        """
        if mode not in _MODES:
            raise ValueError(
                message("Tokenizer", f"`mode` must be one of {_MODES}", f"mode={mode!r}")
            )
        if self.num_words is None and not self.word_index:
            raise ValueError(
                message(
                    "Tokenizer",
                    "the number of words is not known",
                    "",
                    "Pass num_words, or call fit_on_texts.",
                )
            )
        if mode == "tfidf" and not self.document_count:
            raise ValueError(
                message(
                    "Tokenizer",
                    "'tfidf' needs documents",
                    "",
                    "Call fit_on_texts or fit_on_sequences first.",
                )
            )
        size = self.num_words or len(self.word_index) + 1
        sequences = list(sequences)
        matrix = np.zeros((len(sequences), size))
        for row, sequence in enumerate(sequences):
            for number, count in Counter(number for number in sequence if number < size).items():
                matrix[row, number] = self._value(mode, number, count, len(sequence))
        return matrix

    def _value(self, mode, number, count, length) -> float:
        if mode == "binary":
            return 1.0
        if mode == "count":
            return count
        if mode == "freq":
            return count / length
        return (1 + np.log(count)) * np.log(
            1 + self.document_count / (1 + self.index_docs.get(number, 0))
        )

    def to_json(self, **kwargs) -> str:
        """Return the settings and the counts as JSON; `tokenizer_from_json` makes an equal tokenizer of it."""
        state = {
            "word_counts": dict(self.word_counts),
            "word_docs": dict(self.word_docs),
            "index_docs": list(self.index_docs.items()),
            "word_index": self.word_index,
            "document_count": self.document_count,
        }
        return json.dumps(
            {"class_name": "Tokenizer", "config": {**self.get_config(), "state": state}}, **kwargs
        )


@guarded()
def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Return the tokenizer that `Tokenizer.to_json` described.

    Raises:
        ValueError: it is not such a description.
    """
    try:
        config = dict(json.loads(json_string)["config"])
        state = config.pop("state")
        tokenizer = Tokenizer(**config)
        tokenizer.word_counts, tokenizer.word_docs = (
            Counter(state["word_counts"]),
            Counter(state["word_docs"]),
        )
        tokenizer.index_docs = {int(number): count for number, count in state["index_docs"]}
        tokenizer.word_index = {
            str(word): int(number) for word, number in state["word_index"].items()
        }
        tokenizer.document_count = int(state["document_count"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            message("tokenizer_from_json", "the text does not describe a tokenizer", repr(error))
        ) from None
    tokenizer.index_word = {number: word for word, number in tokenizer.word_index.items()}
    return tokenizer
