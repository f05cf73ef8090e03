"""The real data: sizes, and what is well known of them.

Texts are recognised by their words: files made from the same texts by different tokenizers differ
in rank by a place or two, and in the order of their rows, so word numbers of single rows are not
compared.
"""

import numpy as np
import pytest

import hornpipe as keras

pytestmark = pytest.mark.usefixtures("real_data")


def read_aloud(numbers, word_index):
    words = {rank + 3: word for word, rank in word_index.items()}
    return " ".join(words.get(number, "?") for number in numbers)


def test_mnist():
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert y_train.shape == (60000,) and y_test.shape == (10000,)
    assert x_train.dtype == y_train.dtype == x_test.dtype == y_test.dtype == np.uint8
    assert y_train[:3].tolist() == [5, 0, 4] and y_test[:3].tolist() == [7, 2, 1]


def test_imdb():
    (x_train, y_train), (x_test, y_test) = keras.datasets.imdb.load_data(num_words=10000)
    assert len(x_train) == len(y_train) == len(x_test) == len(y_test) == 25000
    assert type(x_train[0]) is list and type(x_train[0][0]) is int
    assert max(max(row) for row in x_train) == max(max(row) for row in x_test) == 9999
    assert {row[0] for row in x_train} == {1}
    assert y_train.mean() == y_test.mean() == 0.5


def test_imdb_words():
    (x_train, y_train), _ = keras.datasets.imdb.load_data()
    word_index = keras.datasets.imdb.get_word_index()
    # The review that introductions show first: 217 words and the start mark, friendly.
    opening = "? this film was just brilliant casting location scenery story"
    found = [
        i
        for i, row in enumerate(x_train)
        if len(row) == 218 and read_aloud(row[:3], word_index) == opening[:11]
    ]
    (review,) = [i for i in found if read_aloud(x_train[i][:10], word_index) == opening]
    assert y_train[review] == 1
    worst = [
        label for row, label in zip(x_train, y_train, strict=True) if word_index["worst"] + 3 in row
    ]
    assert len(worst) > 2000 and np.mean(worst) < 0.2


def test_reuters():
    (x_train, y_train), (x_test, y_test) = keras.datasets.reuters.load_data()
    assert (len(x_train), len(y_train), len(x_test), len(y_test)) == (8982, 8982, 2246, 2246)
    names = keras.datasets.reuters.get_label_names()
    assert set(y_train) == set(y_test) == set(range(46)) == set(range(len(names)))
    word_index = keras.datasets.reuters.get_word_index()
    # The rows that introductions show, in the places where they show them.
    opening = "? mcgrath rentcorp said as a result of its december acquisition of space co"
    assert read_aloud(x_train[0], word_index).startswith(opening)
    assert read_aloud(x_train[10], word_index).startswith(
        "? period ended december 31 shr profit 11 cts"
    )
    assert names[y_train[10]] == "earn"
    (x_train, _), _ = keras.datasets.reuters.load_data(num_words=10000)
    assert max(max(row) for row in x_train) == 9999


def test_boston_housing():
    (x_train, y_train), (x_test, y_test) = keras.datasets.boston_housing.load_data()
    assert (x_train.shape, x_test.shape) == ((404, 13), (102, 13))
    assert (y_train.shape, y_test.shape) == ((404,), (102,))
    assert y_train[0] == 15.2 and x_train.dtype == np.float64


def test_maxlen_that_leaves_nothing():
    with pytest.raises(ValueError, match="`maxlen` must be larger than the shortest text"):
        keras.datasets.imdb.load_data(maxlen=1)


def test_index_from_none_is_zero():
    (x_train, _), _ = keras.datasets.reuters.load_data(index_from=None, start_char=None)
    (expected, _), _ = keras.datasets.reuters.load_data(index_from=0, start_char=None)
    assert x_train.tolist() == expected.tolist()


def test_everything_for_training():
    (x_train, _), (x_test, y_test) = keras.datasets.reuters.load_data(test_split=0.0)
    assert (len(x_train), len(x_test), len(y_test)) == (11228, 0, 0)
