"""Order, marks and split, value for value as in Keras 3.15.1.

The digests were made by giving Keras's loaders the same made-up data in the public files' format:
sha256 over int64 lengths followed by int64 values for texts, over the raw bytes for arrays; the
first 16 digits of x_train, y_train, x_test, y_test.
"""

import hashlib

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.datasets._texts import flatten


def make_texts(rows, shift):
    texts = np.empty(rows, dtype=object)
    for i in range(rows):
        length = 1 + (7919 * i + shift) % 23
        texts[i] = [(31 * i + 17 * j * j + shift) % 200 + 1 for j in range(length)]
    return flatten(texts)


def digest(array):
    if array.dtype == object:
        lengths = [len(row) for row in array]
        array = np.array(lengths + [value for row in array for value in row], np.int64)
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    train, test, wires = make_texts(25000, 0), make_texts(25000, 5), make_texts(11228, 3)
    labels = np.arange(25000) * 7 % 11 % 2
    np.savez(
        folder / "imdb.npz",
        x_train_values=train.values,
        x_train_offsets=train.offsets,
        y_train=labels,
        x_test_values=test.values,
        x_test_offsets=test.offsets,
        y_test=1 - labels,
    )
    topics = np.arange(11228) * 7 % 46
    np.savez(folder / "reuters.npz", x_values=wires.values, x_offsets=wires.offsets, y=topics)
    x = np.arange(506.0 * 13).reshape(506, 13)
    np.savez(folder / "boston_housing.npz", x=x, y=np.arange(506.0))
    return folder


CASES = [
    ("imdb", {}, "98bd7fd0a675e2ce 8e95082254438b09 36cc67b958678b94 08018a9901307c70"),
    (
        "imdb",
        {"num_words": 100, "skip_top": 10, "maxlen": 15},
        "15eb8a8a4303c122 9e53fab5c64ec7ea 2eaa05f1ada5346b 561f3e9ae7d9e392",
    ),
    (
        "imdb",
        {"seed": 7, "start_char": None, "oov_char": None, "num_words": 50},
        "4fc170280a0eb25a ca80bb6b656fbac9 ba09126efcdec389 e166bc077c2c75d6",
    ),
    (
        "imdb",
        {"start_char": None, "index_from": None},
        "85b9b37c9b2bed60 8e95082254438b09 e8509cb47c9612f4 08018a9901307c70",
    ),
    (
        "imdb",
        {"oov_char": None, "skip_top": 5},
        "e30b7bc7b6fcccb3 8e95082254438b09 a1e266c219f7f9d3 08018a9901307c70",
    ),
    ("reuters", {}, "aae12c8653fec0f0 ffe5ae47696dcb21 b3f9c4f7dc134d01 2ff296d9550c7e55"),
    (
        "reuters",
        {"num_words": 100, "skip_top": 10, "maxlen": 15, "test_split": 0.1, "seed": 3},
        "d7c04ad5a2293f70 50c18a28b0c9e411 763d77ffc536b385 0421bcfbc4b5ea7a",
    ),
    (
        "reuters",
        {"test_split": 0.333, "index_from": 0},
        "1fcec68fc878d9a1 869721272e3de1ce 0d7fe326735c68a4 146d4f2dd3ca8652",
    ),
    ("boston_housing", {}, "8387bbd349f24476 95c89b1cc957e4c4 73cbc4e70ad9c5fe 0228d3268121950d"),
    (
        "boston_housing",
        {"test_split": 0.5, "seed": 1},
        "0ca1a6e4e6227c16 7943ded9a2631a38 015abfaf229f8f80 d44278fc36cb8dcb",
    ),
    (
        "boston_housing",
        {"test_split": 0.0},
        "aaf66180394798b5 572f07e03a905c45 e3b0c44298fc1c14 e3b0c44298fc1c14",
    ),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES)
def test_values_are_those_of_keras(name, arguments, expected, folder, monkeypatch):
    monkeypatch.setenv("HORNPIPE_DATASETS", str(folder))
    train, test = getattr(keras.datasets, name).load_data(**arguments)
    assert [digest(array) for array in (*train, *test)] == expected.split()
