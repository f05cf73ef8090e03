"""Marks, limits and lengths of texts, against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hornpipe.core.errors import FileFormatError
from hornpipe.datasets import imdb, reuters
from hornpipe.datasets._texts import Marking, Texts, flatten


def plain_loop(rows, order, num_words, skip_top, maxlen, start_char, oov_char, index_from):
    texts = [rows[i] for i in order]
    texts = [[word + (index_from or 0) for word in text] for text in texts]
    if start_char is not None:
        texts = [[start_char, *text] for text in texts]
    if maxlen is not None:
        texts = [text for text in texts if len(text) < maxlen]
    limit = num_words or max((word for text in texts for word in text), default=0)
    result = []
    for text in texts:
        if oov_char is None:
            result.append([word for word in text if skip_top <= word < limit])
        else:
            result.append([word if skip_top <= word < limit else oov_char for word in text])
    return result


maybe = st.none() | st.integers(1, 12)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(1, 9), max_size=5), min_size=1, max_size=6),
    num_words=maybe,
    skip_top=st.integers(0, 6),
    maxlen=maybe,
    start_char=st.none() | st.integers(0, 3),
    oov_char=st.none() | st.integers(0, 3),
    index_from=st.none() | st.integers(0, 4),
    seed=st.integers(0, 3),
)
def test_like_a_plain_loop(rows, seed, **marks):
    array = np.empty(len(rows), dtype=object)
    array[:] = [None] * len(rows)
    for i, row in enumerate(rows):
        array[i] = row
    order = np.random.RandomState(seed).permutation(len(rows))
    expected = plain_loop(rows, order, **marks)
    marking = Marking(**marks).check("test")
    if not expected:
        with pytest.raises(ValueError, match="test: `maxlen` must be larger"):
            marking.mark([(flatten(array), order)], "test")
        return
    ((lists, kept),) = marking.mark([(flatten(array), order)], "test")
    if marks["num_words"] is None and not any(rows):
        return  # no word at all: there is no largest number to compare
    assert lists.tolist() == expected
    assert len(kept) == len(expected)


def test_flatten():
    rows = np.array([[1, 2], [], [3]], dtype=object)
    texts = flatten(rows)
    assert texts.values.tolist() == [1, 2, 3] and texts.offsets.tolist() == [0, 2, 2, 3]
    assert flatten(np.array([], dtype=object)).offsets.tolist() == [0]
    for bad in ([["a"]], [[2**40]], [3]):
        with pytest.raises(FileFormatError, match="texts must be lists of word ranks"):
            flatten(np.array([*bad, None], dtype=object)[:1])


def test_equally_long_texts_stay_lists():
    texts = Texts(np.arange(1, 7, dtype=np.int32), np.array([0, 2, 4, 6]))
    marking = Marking(None, 0, None, None, 2, 0)
    ((lists, _),) = marking.mark([(texts, np.arange(3))], "test")
    assert lists.shape == (3,) and lists.tolist() == [[1, 2], [3, 4], [5, 2]]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_words": 0}, "`num_words` must be an integer >= 1. Received: num_words=0"),
        ({"num_words": 9.5}, "`num_words` must be an integer >= 1. Received: num_words=9.5"),
        ({"num_words": True}, "`num_words` must be an integer >= 1. Received: num_words=True"),
        ({"skip_top": -1}, "`skip_top` must be an integer >= 0. Received: skip_top=-1"),
        ({"skip_top": None}, "`skip_top` must be an integer >= 0. Received: skip_top=None"),
        ({"maxlen": 0}, "`maxlen` must be an integer >= 1. Received: maxlen=0"),
        ({"index_from": -3}, "`index_from` must be an integer >= 0. Received: index_from=-3"),
        ({"start_char": "x"}, "`start_char` must be an integer. Received: start_char='x'"),
        ({"oov_char": 0.5}, "`oov_char` must be an integer. Received: oov_char=0.5"),
    ],
)
@pytest.mark.parametrize("module", [imdb, reuters])
def test_settings_out_of_range(module, arguments, text):
    with pytest.raises(ValueError) as caught:
        module.load_data(**arguments)
    assert str(caught.value) == f"{module.__name__.rpartition('.')[2]}.load_data: {text}."


def test_unknown_arguments():
    with pytest.raises(TypeError, match="Received: num_wrods=20. Did you mean 'num_words'?"):
        imdb.load_data(num_wrods=20)
    with pytest.raises(TypeError, match="test_split"):
        imdb.load_data(test_split=0.2)


@pytest.mark.parametrize("test_split", [1.0, -0.1, "half", True, float("nan")])
def test_split_out_of_range(test_split):
    with pytest.raises(
        ValueError, match=r"reuters.load_data: `test_split` must be a number in \[0, 1\)"
    ):
        reuters.load_data(test_split=test_split)
