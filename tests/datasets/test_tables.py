"""Data sets of rows: order, split, sizes."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import hornpipe as keras


def housing(path):
    path.mkdir(parents=True)
    x = np.arange(20640 * 8, dtype=np.float64).reshape(20640, 8)
    np.savez(path / "california_housing.npz", x=x, y=np.arange(20640.0))


def test_california_housing(cache):
    housing(cache)
    # The rows that Keras 3.15.1 chooses from the same file.
    (x_train, y_train), (x_test, y_test) = keras.datasets.california_housing.load_data()
    assert (x_train.shape, x_test.shape) == ((16512, 8), (4128, 8))
    assert y_train[:3].tolist() == [4380, 8381, 15859] and y_test[:3].tolist() == [
        4361,
        17316,
        16522,
    ]
    np.testing.assert_array_equal(x_train[:, 0], y_train * 8)
    (_, y_train), (_, y_test) = keras.datasets.california_housing.load_data("small")
    assert (len(y_train), len(y_test)) == (480, 120)
    assert y_train[:3].tolist() == [568, 505, 59] and y_test[:3].tolist() == [163, 161, 301]
    (_, y_train), (_, y_test) = keras.datasets.california_housing.load_data(
        "small", test_split=0.5, seed=4
    )
    assert y_train[:3].tolist() == [405, 530, 306] and y_test[:3].tolist() == [12, 475, 287]


def test_california_housing_arguments():
    with pytest.raises(
        ValueError, match="`version` must be 'large' or 'small'. Received: version='tiny'"
    ):
        keras.datasets.california_housing.load_data("tiny")
    with pytest.raises(ValueError, match="california_housing.load_data: `test_split` must be"):
        keras.datasets.california_housing.load_data(test_split=1)


def test_digits_are_those_of_scikit_learn():
    (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data(test_split=0.25, seed=3)
    assert (len(x_train), len(x_test)) == (1347, 450)
    assert x_train.dtype == y_train.dtype == np.uint8
    order = np.arange(1797)
    np.random.RandomState(3).shuffle(order)
    expected = load_digits()
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), expected.images[order])
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), expected.target[order])


def test_digits_arguments(cache):
    (x_train, _), (x_test, _) = keras.datasets.digits.load_data(test_split=0)
    assert (len(x_train), len(x_test)) == (1797, 0)
    with pytest.raises(ValueError, match="digits.load_data: `test_split` must be a number in"):
        keras.datasets.digits.load_data(test_split=1.0)
