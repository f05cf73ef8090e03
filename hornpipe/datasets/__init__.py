"""Data sets to learn with, each behind `load_data()`.

A data set is looked for, in this order, in

1. the folder that the environment variable HORNPIPE_DATASETS names,
2. the cache, `~/.hornpipe/datasets` (HORNPIPE_HOME names another folder than `~/.hornpipe`),
3. the network, at its public https address; what arrives is checked and put into the cache.

In both folders a data set is one `.npz` file of plain arrays, opened without pickle:

| file | arrays |
| --- | --- |
| `mnist.npz`, `fashion_mnist.npz`, `cifar10.npz` | `x_train`, `y_train`, `x_test`, `y_test` |
| `cifar100.npz` | the same, and for the coarse labels `y_train_coarse`, `y_test_coarse` |
| `boston_housing.npz`, `california_housing.npz` | `x`, `y` |
| `imdb.npz` | `x_train_values`, `x_train_offsets`, `y_train` and the same for `test` |
| `reuters.npz` | `x_values`, `x_offsets`, `y` |
| `imdb_word_index.json`, `reuters_word_index.json` | word -> rank |

Texts are word ranks (1 = most frequent); text `i` is `values[offsets[i]:offsets[i + 1]]`. `digits`
comes with the package.

>>> import hornpipe as keras
>>> (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
>>> x_train.shape, x_test.shape
((1437, 8, 8), (360, 8, 8))
"""

from __future__ import annotations

import importlib

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]


def __getattr__(name: str):
    if name not in __all__:
        from hornpipe.core.errors import near_miss

        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}.{near_miss(name, __all__)}"
        )
    return importlib.import_module(f"{__name__}.{name}")


def __dir__():
    return sorted({*globals(), *__all__})
