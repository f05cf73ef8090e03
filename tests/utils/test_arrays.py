"""to_categorical, normalize, pad_sequences, set_random_seed."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import normalize as sklearn_normalize

from hornpipe.utils import normalize, pad_sequences, set_random_seed, to_categorical


@pytest.mark.parametrize(
    ("x", "num_classes", "shape"),
    [
        ([0, 2, 1], None, (3, 3)),
        ([0, 2, 1], 5, (3, 5)),
        ([[0], [1]], None, (2, 2)),
        ([[[1]]], 3, (1, 1, 3)),
        ([[0, 1], [2, 3]], None, (2, 2, 4)),
        (2, 4, (4,)),
        ([], 3, (0, 3)),
        (np.zeros((0, 1)), 3, (0, 3)),
        ([1.0, 0.0], None, (2, 2)),
        (np.array([True, False]), None, (2, 2)),
        (np.array([1, 0], np.uint8), np.int64(2), (2, 2)),
    ],
)
def test_to_categorical(x, num_classes, shape):
    vectors = to_categorical(x, num_classes)
    assert vectors.shape == shape and vectors.dtype == np.float64
    labels = np.asarray(x, dtype=int).reshape(shape[:-1])
    np.testing.assert_array_equal(vectors.argmax(-1) if vectors.size else labels, labels)
    np.testing.assert_array_equal(vectors.sum(-1), np.ones(shape[:-1]))
    assert set(np.unique(vectors)) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("x", "num_classes", "text"),
    [
        (
            [3],
            2,
            r"labels must be in \[0, 2\). Received: labels from 3 to 3. Number the classes from 0",
        ),
        ([-1, 1], None, r"labels must be in \[0, 2\). Received: labels from -1 to 1"),
        ([-1], None, r"labels must be in \[0, 0\)"),
        ([0.5], None, "`x` must hold whole numbers"),
        ([np.nan], 3, "`x` must hold whole numbers"),
        ([np.inf], 3, "`x` must hold whole numbers"),
        (["cat"], None, "`x` must hold whole numbers.*np.unique"),
        ([1j], None, "`x` must hold whole numbers"),
        ([], None, r"`x` must hold a label. Received: shape=\(0,\). Pass num_classes"),
        ([0], 0, "`num_classes` must be an integer >= 1. Received: num_classes=0"),
        ([0], 2.0, "`num_classes` must be an integer >= 1. Received: num_classes=2.0"),
        ([0], True, "`num_classes` must be an integer >= 1. Received: num_classes=True"),
    ],
)
def test_to_categorical_refuses(x, num_classes, text):
    with pytest.raises(ValueError, match=f"to_categorical: {text}"):
        to_categorical(x, num_classes)


@pytest.mark.parametrize(("order", "norm"), [(1, "l1"), (2, "l2"), (np.inf, "max")])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_normalize_like_scikit_learn(order, norm, axis):
    x = np.random.default_rng(0).normal(size=(4, 5))
    x[1] = 0
    # scikit-learn's "max" divides by the signed maximum of absolute values, too
    np.testing.assert_allclose(
        normalize(x, axis, order), sklearn_normalize(x, norm, axis=axis % 2), rtol=1e-14
    )


def test_normalize_any_order_and_rank():
    x = np.random.default_rng(1).normal(size=(2, 3, 4))
    for axis in range(-3, 3):
        expected = x / (np.abs(x) ** 3.5).sum(axis, keepdims=True) ** (1 / 3.5)
        np.testing.assert_allclose(normalize(x, axis, 3.5), expected, rtol=1e-13)


def test_normalize_far_from_one():
    np.testing.assert_allclose(
        normalize([[3e300, 4e300], [3e-300, 4e-300]]), [[0.6, 0.8]] * 2, rtol=1e-15
    )
    half = normalize(np.array([[300.0, 400.0]], np.float16))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, [[0.6, 0.8]], rtol=1e-3)


def test_normalize_shapes_and_dtypes():
    assert normalize([3, 4]).tolist() == [[0.6, 0.8]]
    assert normalize(-5).tolist() == [[-1.0]]
    assert normalize(np.ones((2, 0))).shape == (2, 0)
    assert normalize(np.ones((0, 2))).shape == (0, 2)
    assert normalize(np.ones((1, 2), np.float32)).dtype == np.float32
    assert normalize(np.ones((1, 2), np.uint8)).dtype == np.float64


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"order": 0}, "`order` must be a number >= 1 or np.inf. Received: order=0"),
        ({"order": 0.5}, "`order` must be a number"),
        ({"order": -np.inf}, "`order` must be a number"),
        ({"order": np.nan}, "`order` must be a number"),
        ({"order": "fro"}, "`order` must be a number"),
        ({"axis": 2}, r"`axis` must be one of the 2 axes of `x`. Received: axis=2, shape=\(1, 1\)"),
        ({"axis": None}, "`axis` must be one of the 2 axes"),
        ({"axis": (0, 1)}, "`axis` must be one of the 2 axes"),
    ],
)
def test_normalize_refuses(arguments, text):
    with pytest.raises(ValueError, match=f"normalize: {text}"):
        normalize([[1.0]], **arguments)


def test_normalize_refuses_what_is_no_number():
    for x in (["a"], [1j], [None]):
        with pytest.raises(
            ValueError, match="normalize: `x` must hold real numbers. Received: dtype="
        ):
            normalize(x)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    sequences=st.lists(st.lists(st.integers(1, 9), max_size=6), max_size=5),
    maxlen=st.none() | st.integers(0, 7),
    padding=st.sampled_from(["pre", "post"]),
    truncating=st.sampled_from(["pre", "post"]),
)
def test_pad_sequences_like_a_plain_loop(sequences, maxlen, padding, truncating):
    length = max(map(len, sequences), default=0) if maxlen is None else maxlen
    expected = []
    for row in sequences:
        row = list(row)
        while len(row) > length:
            row.pop(0 if truncating == "pre" else -1)
        while len(row) < length:
            row.insert(0 if padding == "pre" else len(row), 7)
        expected.append(row)
    padded = pad_sequences(sequences, maxlen, "int64", padding, truncating, 7)
    assert padded.dtype == np.int64 and padded.shape == (len(sequences), length)
    assert padded.tolist() == expected


def test_pad_sequences_defaults():
    padded = pad_sequences([[1], [2, 3]])
    assert padded.dtype == np.int32 and padded.tolist() == [[0, 1], [2, 3]]
    assert pad_sequences(np.array([[1, 2, 3]]), 2).tolist() == [[2, 3]]
    assert pad_sequences(range(i) for i in range(3)).tolist() == [[0, 0], [0, 0], [0, 1]]


def test_pad_sequences_of_vectors():
    padded = pad_sequences([[[1, 2]], [], [[3, 4], [5, 6]]], dtype="float32", value=0.5)
    assert padded.tolist() == [[[0.5, 0.5], [1, 2]], [[0.5] * 2] * 2, [[3, 4], [5, 6]]]
    assert pad_sequences([np.zeros((0, 3))], maxlen=2).shape == (1, 2)


def test_pad_sequences_of_strings():
    padded = pad_sequences([["cat"], ["a", "dog"]], dtype=object, value="<pad>")
    assert padded.tolist() == [["<pad>", "cat"], ["a", "dog"]]
    assert pad_sequences([["cat"], ["a", "b"]], dtype="U5", value="<pad>").tolist() == [
        ["<pad>", "cat"],
        ["a", "b"],
    ]


def test_pad_sequences_keeps_large_numbers():
    assert pad_sequences([[2**40]], dtype="int64")[0, 0] == 2**40
    assert pad_sequences([[0.1]], dtype="float32")[0, 0] == np.float32(0.1)


@pytest.mark.parametrize(
    ("sequences", "arguments", "text"),
    [
        (5, {}, "`sequences` must be a list of sequences. Received: sequences=5"),
        (
            [1, 2],
            {},
            r"sequence 0 must be a sequence. Received: 1. Put a single sequence into a list",
        ),
        (["cat"], {}, "sequence 0 must be a sequence. Received: 'cat'"),
        ([[1]], {"padding": "left"}, "`padding` must be 'pre' or 'post'. Received: padding='left'"),
        (
            [[1]],
            {"truncating": None},
            "`truncating` must be 'pre' or 'post'. Received: truncating=None",
        ),
        ([[1]], {"maxlen": -1}, "`maxlen` must be >= 0. Received: maxlen=-1"),
        ([[1.5]], {}, "sequence 0 must fit the dtype int32. Received: .*1.5.*Pass dtype='float32'"),
        ([[1], [np.nan]], {}, "sequence 1 must fit the dtype int32"),
        ([[2**40]], {}, "sequence 0 must fit the dtype int32"),
        ([[-1]], {"dtype": "uint8"}, "sequence 0 must fit the dtype uint8"),
        ([["a"]], {}, "sequence 0 must fit the dtype int32"),
        ([[1]], {"value": 0.5}, "`value` must fit the dtype int32"),
        ([["a"]], {"value": "pad"}, "`value` must fit the dtype int32"),
        (
            [["abcdef"]],
            {"value": "pad", "dtype": "str"},
            "sequence 0 must fit the dtype <U3.*=object",
        ),
        ([["a"]], {"value": "pad", "dtype": "U2"}, "`value` must fit the dtype <U2"),
        (
            [[[1, 2]], [[3]]],
            {},
            r"elements must all have the shape \(2,\). Received: \(1,\) in sequence 1",
        ),
        ([[[1, 2], [3]]], {}, "the elements of sequence 0 must have one shape"),
    ],
)
def test_pad_sequences_refuses(sequences, arguments, text):
    with pytest.raises(ValueError, match=f"pad_sequences: {text}"):
        pad_sequences(sequences, **arguments)


def test_pad_sequences_refuses_a_length_that_is_no_int():
    for maxlen in (2.5, "3", True):
        with pytest.raises(
            TypeError, match="`maxlen` must be an integer or None. Received: maxlen="
        ):
            pad_sequences([[1]], maxlen)


def test_set_random_seed():
    from hornpipe.core.random import draw_seed

    draws = []
    for seed in (3, np.int64(3), 4):
        set_random_seed(seed)
        draws.append((random.random(), np.random.rand(), draw_seed()))
    assert draws[0] == draws[1]
    assert all(first != second for first, second in zip(draws[0], draws[2], strict=True))
    set_random_seed(0)
    set_random_seed(2**32 - 1)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, None, "1", True])
def test_set_random_seed_refuses(seed):
    with pytest.raises(
        ValueError,
        match=r"set_random_seed: `seed` must be an integer from 0 to 2\*\*32 - 1. Received: seed=",
    ):
        set_random_seed(seed)
