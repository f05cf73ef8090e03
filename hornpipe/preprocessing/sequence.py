"""Sequences: padding, and pairs of neighbouring words for word vectors.

>>> from hornpipe.preprocessing.sequence import pad_sequences
>>> pad_sequences([[1, 2, 3], [4]], maxlen=2).tolist()
[[2, 3], [0, 4]]
"""

from __future__ import annotations

import random

import numpy as np

from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded
from hornpipe.utils.sequences import pad_sequences

__all__ = ["make_sampling_table", "pad_sequences", "skipgrams"]


@guarded()
def make_sampling_table(size, sampling_factor=1e-5):
    """Return the probability with which a word is kept, for each frequency rank.

    The word of rank r is taken to have the frequency `f = 1 / (r * (ln r + gamma) + 1/2 - 1 / (12 r))` (Zipf's law; gamma is
    Euler's constant), and is kept with the probability `min(1, sqrt(sampling_factor / f))`.

    Args:
        size: int >= 1. Number of ranks.
        sampling_factor: number > 0. Default 1e-5.

    Returns:
        NumPy array `(size,)`, float64, growing with the rank; rank 0 counts as 1.

    Raises:
        ValueError: `size` is not an integer >= 1, or the factor is not positive.

    Example:
        >>> from hornpipe.preprocessing.sequence import make_sampling_table
        >>> [round(float(p), 5) for p in make_sampling_table(3)]
        [0.00315, 0.00315, 0.00548]

    References:
        Mikolov, Sutskever, Chen, Corrado and Dean (2013), Distributed representations of words and phrases, arXiv:1310.4546,
        section 2.3.
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(
            message("make_sampling_table", "`size` must be an integer >= 1", f"size={size!r}")
        )
    if not sampling_factor > 0:
        raise ValueError(
            message(
                "make_sampling_table",
                "`sampling_factor` must be > 0",
                f"sampling_factor={sampling_factor!r}",
            )
        )
    rank = np.maximum(np.arange(size, dtype="float64"), 1)
    inverse = rank * (np.log(rank) + np.euler_gamma) + 0.5 - 1.0 / (12.0 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse))


@guarded()
def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """Return pairs of words and whether the second one stands near the first.

    Args:
        sequence: list of word numbers; 0 stands for no word and is skipped.
        vocabulary_size: int >= 2. Largest word number plus one.
        window_size: int >= 1. Words at most so far apart are neighbours. Default 4.
        negative_samples: number >= 0. Random pairs for each true pair. Default 1.
        shuffle: bool. Whether pairs are shuffled. Default True.
        categorical: bool. Whether labels are [0, 1] and [1, 0] instead of 1 and 0. Default False.
        sampling_table: array of the probability with which each word is kept, see `make_sampling_table`; None keeps all.
        seed: int or None (drawn).

    Returns:
        (pairs, labels): a list of [word, other word], and a list of labels.

    Raises:
        ValueError: a size is out of its range, or a word number is not below `vocabulary_size`.

    Example:
        >>> from hornpipe.preprocessing.sequence import skipgrams
        >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)
        ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])

    References:
        Mikolov, Chen, Corrado and Dean (2013), Efficient estimation of word representations in vector space, arXiv:1301.3781.
    """
    _check(sequence, vocabulary_size, window_size, negative_samples)
    draw = random.Random(seed)
    pairs, labels = [], []
    yes, no = ([0, 1], [1, 0]) if categorical else (1, 0)
    for place, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < draw.random()):
            continue
        for other in range(
            max(0, place - window_size), min(len(sequence), place + window_size + 1)
        ):
            if other != place and sequence[other]:
                pairs.append([word, sequence[other]])
                labels.append(yes)
    count = int(len(labels) * negative_samples)
    if count:
        words = [pair[0] for pair in pairs]
        draw.shuffle(words)
        pairs += [
            [words[i % len(words)], draw.randint(1, vocabulary_size - 1)] for i in range(count)
        ]
        labels += [no] * count
    if shuffle:
        order = list(range(len(pairs)))
        draw.shuffle(order)
        pairs, labels = [pairs[i] for i in order], [labels[i] for i in order]
    return pairs, labels


def _check(sequence, vocabulary_size, window_size, negative_samples):
    for name, value, least in (
        ("vocabulary_size", vocabulary_size, 2),
        ("window_size", window_size, 1),
    ):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(
                message("skipgrams", f"`{name}` must be an integer >= {least}", f"{name}={value!r}")
            )
    if not negative_samples >= 0:
        raise ValueError(
            message(
                "skipgrams",
                "`negative_samples` must be >= 0",
                f"negative_samples={negative_samples!r}",
            )
        )
    largest = max(sequence, default=0)
    if largest >= vocabulary_size:
        fix = f"Pass vocabulary_size={largest + 1} or more."
        raise ValueError(
            message("skipgrams", "word numbers must be below `vocabulary_size`", f"{largest}", fix)
        )
