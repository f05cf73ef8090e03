"""Texts to words, word numbers and matrices, against values worked out by hand and by NumPy."""

import subprocess
import sys

import numpy as np
import pytest

from hornpipe.preprocessing import text

TEXTS = ["The cat sat on the mat.", "The dog ate the cat!", "A dog"]


def fitted(**options):
    tokenizer = text.Tokenizer(**options)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


def test_words():
    assert text.text_to_word_sequence("Don't; panic,\tArthur!\n") == ["don't", "panic", "arthur"]
    assert text.text_to_word_sequence("A B", lower=False) == ["A", "B"]
    assert text.text_to_word_sequence("a,b-c", filters="-", split=",") == ["a", "b", "c"]
    assert text.text_to_word_sequence("") == []
    with pytest.raises(TypeError, match=r"`text` must be a string"):
        text.text_to_word_sequence(["a"])


def test_hashes_are_in_range_and_the_same_in_every_process():
    numbers = text.one_hot("the cat the dog", 50)
    assert numbers[0] == numbers[2] and all(1 <= number < 50 for number in numbers)
    code = "from hornpipe.preprocessing.text import one_hot; print(one_hot('the cat the dog', 50))"
    assert subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip() == str(numbers)
    assert text.hashing_trick("a b", 10, hash_function=len) == [2, 2]
    of_a, of_b = (
        0x0CC175B9C0F1B6A831C399E269772661,
        0x92EB5FFEE6AE2FEC3AD71C777531578F,
    )  # published test values
    assert text.hashing_trick("a b", 10, hash_function="md5") == [of_a % 9 + 1, of_b % 9 + 1]
    with pytest.raises(ValueError, match=r"`n` must be an integer >= 2"):
        text.one_hot("a", 1)
    with pytest.raises(ValueError, match=r"`hash_function`"):
        text.hashing_trick("a", 10, hash_function="sha")


def test_numbers_by_frequency():
    tokenizer = fitted()
    assert tokenizer.word_index == {
        "the": 1,
        "cat": 2,
        "dog": 3,
        "sat": 4,
        "on": 5,
        "mat": 6,
        "ate": 7,
        "a": 8,
    }
    assert (
        tokenizer.word_counts["the"] == 4
        and tokenizer.word_docs["the"] == 2
        and tokenizer.document_count == 3
    )
    assert tokenizer.index_docs[1] == 2
    assert tokenizer.texts_to_sequences(["the cat flew", ""]) == [[1, 2], []]
    assert tokenizer.sequences_to_texts([[1, 2]]) == ["the cat"]
    assert tokenizer.texts_to_sequences([["The", "DOG"]]) == [[1, 3]]


@pytest.mark.parametrize("name", ["num_words", "nb_words"])
def test_number_of_words_in_both_dialects(name):
    tokenizer = fitted(**{name: 3})
    assert tokenizer.texts_to_sequences(["the cat sat"]) == [[1, 2]]
    assert tokenizer.texts_to_matrix(TEXTS).shape == (3, 3)


def test_unknown_words():
    tokenizer = fitted(num_words=4, oov_token="<?>")
    assert tokenizer.word_index["<?>"] == 1
    assert tokenizer.texts_to_sequences(["the bird sat"]) == [[2, 1, 1]]
    assert tokenizer.sequences_to_texts([[2, 9]]) == ["the <?>"]


def test_characters():
    tokenizer = text.Tokenizer(char_level=True)
    tokenizer.fit_on_texts(["abba"])
    assert tokenizer.texts_to_sequences(["ab c"]) == [[1, 2]]


def test_matrices():
    tokenizer = fitted()
    sequences = tokenizer.texts_to_sequences(TEXTS)
    counts = np.zeros((3, 9))
    for row, sequence in enumerate(sequences):
        np.add.at(counts[row], sequence, 1)
    documents = (counts > 0).sum(0)
    expected = {
        "count": counts,
        "binary": (counts > 0).astype(float),
        "freq": counts / counts.sum(1, keepdims=True),
        "tfidf": np.where(
            counts > 0, (1 + np.log(np.maximum(counts, 1))) * np.log(1 + 3 / (1 + documents)), 0
        ),
    }
    for mode, matrix in expected.items():
        np.testing.assert_allclose(tokenizer.texts_to_matrix(TEXTS, mode=mode), matrix, rtol=1e-12)
    assert tokenizer.sequences_to_matrix([]).shape == (0, 9)
    with pytest.raises(ValueError, match=r"`mode` must be one of"):
        tokenizer.texts_to_matrix(TEXTS, mode="tf")
    with pytest.raises(ValueError, match=r"the number of words is not known"):
        text.Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match=r"'tfidf' needs documents"):
        text.Tokenizer(5).sequences_to_matrix([[1]], mode="tfidf")
    with pytest.raises(ValueError, match=r"`num_words` must be an integer >= 1"):
        text.Tokenizer(0)


def test_documents_of_numbers():
    tokenizer = text.Tokenizer(4)
    tokenizer.fit_on_sequences([[1, 1, 2], [2]])
    expected = [0, (1 + np.log(2)) * np.log(1 + 2 / 2), np.log(1 + 2 / 3), 0]
    np.testing.assert_allclose(
        tokenizer.sequences_to_matrix([[1, 1, 2]], mode="tfidf")[0], expected
    )


def test_json_round_trip():
    tokenizer = fitted(num_words=5, oov_token="<?>")
    copy = text.tokenizer_from_json(tokenizer.to_json())
    assert copy.texts_to_sequences(TEXTS) == tokenizer.texts_to_sequences(TEXTS)
    np.testing.assert_array_equal(
        copy.texts_to_matrix(TEXTS, "tfidf"), tokenizer.texts_to_matrix(TEXTS, "tfidf")
    )
    with pytest.raises(ValueError, match=r"does not describe a tokenizer"):
        text.tokenizer_from_json('{"config": {}}')
