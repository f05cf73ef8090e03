"""Pairs of words and the table of probabilities."""

import numpy as np
import pytest

from hornpipe.preprocessing import sequence


def test_pairs_of_neighbours():
    pairs, labels = sequence.skipgrams(
        [1, 2, 0, 3], 4, window_size=2, negative_samples=0, shuffle=False
    )
    assert pairs == [[1, 2], [2, 1], [2, 3], [3, 2]]
    assert labels == [1] * 4
    assert sequence.skipgrams([], 4) == ([], [])
    assert sequence.skipgrams([1], 4) == ([], [])


def test_negative_pairs():
    words = list(range(1, 20))
    pairs, labels = sequence.skipgrams(words, 50, window_size=2, negative_samples=2.0, seed=1)
    assert labels.count(0) == 2 * labels.count(1)
    assert all(1 <= other < 50 for _, other in pairs)
    assert (pairs, labels) == sequence.skipgrams(
        words, 50, window_size=2, negative_samples=2.0, seed=1
    )
    assert labels[: labels.count(1)] != [1] * labels.count(1)  # shuffled
    _, vectors = sequence.skipgrams([1, 2], 3, categorical=True, shuffle=False)
    assert vectors == [[0, 1], [0, 1], [1, 0], [1, 0]]


def test_sampling_table_leaves_words_out():
    table = np.array([0.0, 0.0, 1.0, 1.0])
    pairs, _ = sequence.skipgrams(
        [1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False, sampling_table=table
    )
    assert pairs == [[2, 1], [2, 3], [3, 2]]


def test_sampling_table():
    table = sequence.make_sampling_table(1000, sampling_factor=1e-4)
    rank = np.arange(1, 1000)
    frequency = 1 / (rank * (np.log(rank) + 0.5772156649) + 0.5 - 1 / (12 * rank))
    np.testing.assert_allclose(table[1:], np.minimum(1, np.sqrt(1e-4 / frequency)), rtol=1e-6)
    assert table[0] == table[1] and (np.diff(table) >= 0).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([5], 5), "below `vocabulary_size`"),
        (([1], 1), "`vocabulary_size` must be an integer >= 2"),
        (([1], 5, 0), "`window_size` must be an integer >= 1"),
        (([1], 5, 1, -1.0), "`negative_samples` must be >= 0"),
    ],
)
def test_errors_of_skipgrams(arguments, text):
    with pytest.raises(ValueError, match=text):
        sequence.skipgrams(*arguments)


def test_errors_of_the_table():
    with pytest.raises(ValueError, match=r"`size` must be an integer >= 1"):
        sequence.make_sampling_table(0)
    with pytest.raises(ValueError, match=r"`sampling_factor` must be > 0"):
        sequence.make_sampling_table(3, 0)
