"""PyDataset, the parts of a batch, split_dataset, and the name table."""

import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.utils import (
    PyDataset,
    Sequence,
    pack_x_y_sample_weight,
    set_random_seed,
    split_dataset,
    unpack_x_y_sample_weight,
)


class Rows(PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        x = np.arange(4) + 4 * index
        return {"a": x, "b": (x * 2, x * 3)}, -x


class Endless(PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return index


def test_py_dataset():
    data = Rows(2, True, 5)
    assert (data.workers, data.use_multiprocessing, data.max_queue_size) == (2, True, 5)
    assert data.num_batches == 3 and len(list(data)) == 3
    assert data.on_epoch_begin() is None and data.on_epoch_end() is None
    assert pickle.loads(pickle.dumps(data)).workers == 2
    data.workers = 7
    assert data.workers == 7
    assert Sequence is PyDataset
    assert list(itertools.islice(Endless(), 4)) == [0, 1, 2, 3]


def test_py_dataset_without_super_init():
    class Short(Rows):
        def __init__(self):
            self.own = 1

    data = Short()
    assert (data.workers, data.use_multiprocessing, data.max_queue_size) == (1, False, 10)


def test_py_dataset_incomplete():
    class Nothing(PyDataset):
        pass

    with pytest.raises(
        NotImplementedError, match=r"Nothing: a PyDataset must define `__len__\(self\)`"
    ):
        _ = Nothing().num_batches
    with pytest.raises(
        NotImplementedError, match=r"Nothing: a PyDataset must define `__getitem__\(self, index\)`"
    ):
        Nothing()[0]
    with pytest.raises(TypeError):
        len(Nothing())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"workers": 0}, "Rows: `workers` must be an integer >= 1. Received: workers=0."),
        ({"workers": 1.5}, "Rows: `workers` must be an integer >= 1. Received: workers=1.5."),
        ({"workers": True}, "Rows: `workers` must be an integer >= 1. Received: workers=True."),
        (
            {"max_queue_size": -1},
            "Rows: `max_queue_size` must be an integer >= 1. Received: max_queue_size=-1.",
        ),
        (
            {"use_multiprocessing": 1},
            "Rows: `use_multiprocessing` must be True or False. Received: use_multiprocessing=1.",
        ),
    ],
)
def test_py_dataset_refuses(arguments, text):
    with pytest.raises(ValueError) as caught:
        Rows(**arguments)
    assert str(caught.value) == text


def test_unpack():
    x = np.ones(2)
    assert unpack_x_y_sample_weight(x)[0] is x and unpack_x_y_sample_weight(x)[1:] == (None, None)
    assert unpack_x_y_sample_weight((1,)) == (1, None, None)
    assert unpack_x_y_sample_weight([1, 2]) == (1, 2, None)
    assert unpack_x_y_sample_weight((1, 2, 3)) == (1, 2, 3)
    assert unpack_x_y_sample_weight({"a": 1}) == ({"a": 1}, None, None)
    for data, count in (((), 0), ((1, 2, 3, 4), 4)):
        with pytest.raises(ValueError, match=f"`data` must be x, .* Received: {count} parts"):
            unpack_x_y_sample_weight(data)


@pytest.mark.parametrize("parts", [(1,), (1, 2), (1, 2, 3), ([1, 2],), ((1, 2), 3), ({"a": 1},)])
def test_pack_and_unpack(parts):
    assert unpack_x_y_sample_weight(pack_x_y_sample_weight(*parts)) == (*parts, None, None)[:3]


def test_pack():
    assert pack_x_y_sample_weight(1) == 1
    assert pack_x_y_sample_weight([1, 2]) == ([1, 2],)
    with pytest.raises(
        ValueError, match="`sample_weight` needs `y`. Received: y=None. Pass y as well"
    ):
        pack_x_y_sample_weight(1, sample_weight=3)


@pytest.mark.parametrize(
    ("rows", "left_size", "right_size", "expected"),
    [
        (10, 0.8, None, (8, 2)),
        (10, None, 0.25, (8, 2)),
        (10, 3, 4, (3, 4)),
        (10, 0.2, 3, (2, 3)),
        (10, 9, None, (9, 1)),
        (10, np.int64(9), np.float32(0.1), (9, 1)),
        (10, 0.35, None, (4, 6)),
        (10, 0.333, 0.333, (3, 3)),
        (7, 0.5, 0.5, (4, 3)),
        (2, 1, 1, (1, 1)),
    ],
)
def test_split_sizes(rows, left_size, right_size, expected):
    left, right = split_dataset(np.arange(rows), left_size, right_size)
    assert (len(left), len(right)) == expected
    np.testing.assert_array_equal(np.concatenate([left, right]), np.arange(sum(expected)))


def test_split_forms():
    x, y = np.arange(12).reshape(6, 2), np.arange(6)
    left, right = split_dataset((x, y), left_size=4)
    assert (
        type(left) is tuple and left[0].tolist() == x[:4].tolist() and right[1].tolist() == [4, 5]
    )
    left, right = split_dataset([x, y], left_size=4)
    assert type(left) is list and len(right) == 2
    left, right = split_dataset({"x": x, "y": y}, right_size=1)
    assert right["x"].tolist() == [[10, 11]] and left["y"].tolist() == [0, 1, 2, 3, 4]
    assert split_dataset([1, 2, 3], 1)[1].tolist() == [2, 3]
    assert split_dataset([[1, 2], [3, 4]], 1)[0].tolist() == [[1, 2]]
    texts = np.array([[1], [2, 3], None], dtype=object)[:2]
    assert split_dataset(texts, 1)[1].tolist() == [[2, 3]]


def test_split_of_a_py_dataset():
    left, right = split_dataset(Rows(), left_size=0.75)
    assert right[0]["a"].tolist() == [9, 10, 11] and right[0]["b"][1].tolist() == [27, 30, 33]
    assert left[1].tolist() == list(range(0, -9, -1))
    Rows.__len__, kept = lambda self: 0, Rows.__len__
    try:
        with pytest.raises(ValueError, match="a PyDataset must have a batch"):
            split_dataset(Rows(), 1)
    finally:
        Rows.__len__ = kept


def test_split_shuffled():
    x = np.arange(100)
    left, right = split_dataset((x, -x), 0.6, shuffle=True, seed=1)
    again, _ = split_dataset((x, -x), 0.6, shuffle=True, seed=1)
    other, _ = split_dataset((x, -x), 0.6, shuffle=True, seed=2)
    np.testing.assert_array_equal(left[0], again[0])
    np.testing.assert_array_equal(left[0], -left[1])
    assert (left[0] != other[0]).any()
    assert sorted([*left[0], *right[0]]) == x.tolist() and left[0].tolist() != x[:60].tolist()
    set_random_seed(5)
    first, _ = split_dataset(x, 0.5, shuffle=True)
    set_random_seed(5)
    np.testing.assert_array_equal(first, split_dataset(x, 0.5, shuffle=True)[0])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {},
            "`left_size` or `right_size` must be given. Received: left_size=None, right_size=None",
        ),
        (
            {"left_size": 0},
            "`left_size` must be an int from 1 to 9 or a float between 0 and 1. Received",
        ),
        ({"left_size": 10}, "`left_size` must be an int from 1 to 9"),
        ({"right_size": 1.0}, "`right_size` must be an int from 1 to 9"),
        ({"right_size": -0.5}, "`right_size` must be an int from 1 to 9"),
        ({"right_size": float("nan")}, "`right_size` must be an int from 1 to 9"),
        ({"left_size": 0.5, "right_size": 0.9}, "both sizes together must be at most the whole"),
        ({"left_size": 0.55, "right_size": 0.51}, "both sizes together must be at most the whole"),
        ({"left_size": 6, "right_size": 5}, "both sizes together must be at most the whole"),
        (
            {"left_size": 0.01},
            "the left part must have a row. Received: left_size=0.01, right_size=None, rows=10",
        ),
        ({"left_size": 0.99}, "the right part must have a row"),
    ],
)
def test_split_refuses_sizes(arguments, text):
    with pytest.raises(ValueError) as caught:
        split_dataset(np.arange(10), **arguments)
    assert str(caught.value).startswith(f"split_dataset: {text}")


def test_split_refuses_data():
    for size in ("half", True, 1j):
        with pytest.raises(
            TypeError, match="`left_size` must be an int, a float or None. Received: left_size="
        ):
            split_dataset(np.arange(10), size)
    for data in (5, None, [], (), {}, "text", iter([1])):
        with pytest.raises(
            TypeError, match="`dataset` must be an array, a non-empty list, tuple or dict"
        ):
            split_dataset(data, 1)
    for data, text in (
        ((np.arange(3), np.arange(4)), r"equally many rows. Received: \[3, 4\]"),
        (np.arange(1), "two rows or more"),
        (np.zeros((0, 2)), "two rows or more"),
        (np.array(3), "an axis of rows"),
        ([[1], [2, 3]], "rows must have one shape.*Use pad_sequences first"),
        (Endless(), "a PyDataset must have an end"),
    ):
        with pytest.raises(ValueError, match=text):
            split_dataset(data, 1)


def test_every_name():
    for name in keras.utils.__all__:
        aliases = {"Sequence": "PyDataset", "CustomObjectScope": "custom_object_scope"}
        assert getattr(keras.utils, name).__name__ == aliases.get(name, name)
        assert name in dir(keras.utils)
    with pytest.raises(
        AttributeError, match="has no attribute 'to_categorial'. Did you mean 'to_categorical'?"
    ):
        _ = keras.utils.to_categorial


def test_a_name_loads_its_own_file_only():
    code = (
        "import sys, hornpipe; hornpipe.utils.to_categorical; hornpipe.datasets;"
        "parts = ('hornpipe.utils', 'hornpipe.datasets');"
        "print(sorted(name for name in sys.modules if name.startswith(parts)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        done.stdout.strip() == "['hornpipe.datasets', 'hornpipe.utils', 'hornpipe.utils.numerical']"
    )
