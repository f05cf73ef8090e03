"""Old files below packages without an alias, the learning rate by its old name, a `Sequential` that begins with `Merge`."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
from hornpipe.layers.convolutional import Convolution2D
from hornpipe.layers.core import Dense
from hornpipe.utils.np_utils import to_categorical

import hornpipe as keras
from hornpipe import backend as K
from hornpipe import layers
from hornpipe.compat.keras1 import MODULES
from hornpipe.compat.translate import find_target
from hornpipe.layers.wrappers import Bidirectional


def test_old_files_without_an_alias():
    import hornpipe.layers.core as core

    assert Dense is core.Dense is layers.Dense and core is layers.core
    assert Convolution2D is layers.Convolution2D and Bidirectional is layers.Bidirectional
    assert to_categorical is keras.utils.to_categorical
    with pytest.raises(AttributeError, match=r"'Dnse'. Did you mean 'Dense'"):
        core.Dnse  # noqa: B018
    with pytest.raises(ImportError, match=r"cannot import name 'Dnse'"):
        exec("from hornpipe.layers.core import Dnse")
    with pytest.raises(AttributeError, match=r"'Bidirectionel'"):
        layers.wrappers.Bidirectionel  # noqa: B018


@pytest.mark.parametrize(
    ("path", "target"),
    [row for row in MODULES.items() if row[0] not in ("engine", "layers.merge", "backend.common")],
)
def test_every_old_path_leads_to_its_module(path, target):
    module, today = importlib.import_module(f"hornpipe.{path}"), find_target(f"{target}:")
    names = getattr(today, "__all__", [])
    if path in ("layers.pooling", "layers.recurrent", "layers.normalization", "layers.wrappers"):
        names = {
            "pooling": ["MaxPooling2D", "GlobalMaxPooling1D"],
            "recurrent": ["SimpleRNN", "GRU", "LSTM"],
            "normalization": ["BatchNormalization"],
            "wrappers": ["TimeDistributed", "Bidirectional"],
        }[path.partition(".")[2]]
    for name in names:
        assert getattr(module, name) is getattr(today, name)


def test_old_files_cost_nothing_until_they_are_asked():
    code = "import sys, hornpipe.layers, hornpipe.utils, hornpipe.engine; hornpipe.layers.Dense; print([n for n in sys.modules if 'compat' in n and 'hornpipe' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_merge_is_a_function_under_an_alias(tmp_path):
    code = (
        "import hornpipe; hornpipe.install_as('keras', quiet=True)\n"
        "from keras.layers import Input, merge\nimport keras.layers.merge\n"
        "from keras.layers.merge import Add\nfrom keras.layers.convolutional import Convolution2D\n"
        "print(merge([Input((2,)), Input((2,))], mode='concat').shape, Add.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(None, 4) Add", done.stderr


def test_the_learning_rate_by_its_old_name():
    x, y = np.ones((8, 2)), np.ones((8, 1))
    model = keras.Sequential([Dense(1, input_dim=2)])
    model.compile(keras.optimizers.SGD(lr=0.5), "mse")
    assert float(K.get_value(model.optimizer.lr)) == 0.5
    model.optimizer.lr = 0.25
    assert float(model.optimizer.learning_rate) == 0.25
    K.set_value(model.optimizer.lr, 0.0)
    assert float(K.get_value(model.optimizer.learning_rate)) == 0.0
    before = model.get_weights()[0]
    model.fit(x, y, nb_epoch=1, verbose=0)
    assert np.array_equal(model.get_weights()[0], before)
    model.optimizer.lr = 0.1
    model.fit(x, y, nb_epoch=1, verbose=0)
    assert not np.array_equal(model.get_weights()[0], before)
    with pytest.raises(ValueError, match=r"`learning_rate` must be"):
        model.optimizer.lr = -1.0


def test_a_sequential_that_begins_with_merge_knows_its_shapes():
    left = keras.Sequential([Dense(4, input_dim=2)])
    right = keras.Sequential([Dense(4, input_dim=3)])
    model = keras.Sequential()
    model.add(layers.Merge([left, right], mode="concat"))
    assert model.output_shape == (None, 8)
    model.add(Dense(5))
    model.add(Dense(1))
    assert model.output_shape == (None, 1) and len(model.layers) == 3
    assert model.input_shape == [(None, 2), (None, 3)]
    assert model.count_params() == (2 * 4 + 4) + (3 * 4 + 4) + (8 * 5 + 5) + (5 + 1)
    x = [np.ones((6, 2)), np.ones((6, 3))]
    assert model.predict(x, verbose=0).shape == (6, 1)
    model.compile("sgd", "mse", metrics=["accuracy"])
    history = model.fit(x, np.zeros((6, 1)), nb_epoch=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
    copy = keras.Sequential.from_config(model.get_config())
    assert copy.predict(x, verbose=0).shape == (6, 1)
    model.pop()
    assert model.output_shape == (None, 5)
