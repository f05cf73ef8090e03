"""Files are exchanged with a real Keras 3, both ways. It is found through KERAS_PYTHON, or as an importable `keras`."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hornpipe as keras
from tests.saving import families

SCRIPT = Path(__file__).with_name("with_keras.py")
PYTHON = os.environ.get("KERAS_PYTHON") or (
    sys.executable if importlib.util.find_spec("keras") else None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PYTHON is None, reason="no Keras: set KERAS_PYTHON to a Python that has keras 3.15 and jax"
    ),
]
CASES = [
    name for name in families.cases(keras) if name != "reshaping2d" or hasattr(keras.ops, "image")
]
OPTIMIZERS = {"adam": lambda: keras.optimizers.Adam(0.01), "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5), "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9)}  # fmt: skip


def run(mode, folder):
    done = subprocess.run(
        [PYTHON, SCRIPT, mode, folder], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def fit(model):
    random = np.random.RandomState(3)
    x, y = random.rand(16, 4).astype("float32"), random.rand(16, 2).astype("float32")
    return model.fit(x, y, verbose=0, shuffle=False, epochs=2).history


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    run("write", folder)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_we_open_theirs(theirs, name):
    model = keras.models.load_model(theirs / f"{name}.keras")
    x, expected = families.data(model), list(np.load(theirs / f"{name}.npz").values())
    for a, b in zip(
        keras.tree.flatten(model.predict(x, verbose=0, batch_size=2)), expected, strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-6, rtol=1e-5)
    before = model.get_weights()
    model.set_weights([np.zeros_like(each) for each in before])
    model.load_weights(theirs / f"{name}.weights.h5")
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_we_go_on_training_theirs(theirs, name):
    model = keras.models.load_model(theirs / f"opt_{name}.keras")
    assert int(model.optimizer.iterations) == 2
    fit(model)
    for a, b in zip(model.get_weights(), np.load(theirs / f"opt_{name}.npz").values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_they_open_ours(tmp_path):
    for name in CASES:
        model = families.model(keras, name)
        for number, weight in enumerate(model.weights):
            weight.assign(
                np.abs(np.random.RandomState(number).normal(size=weight.shape)).astype(weight.dtype)
                * 0.3
            )
        outputs = keras.tree.flatten(model.predict(families.data(model), verbose=0, batch_size=2))
        model.save(tmp_path / f"{name}.keras")
        model.save_weights(tmp_path / f"{name}.weights.h5")
        np.savez(tmp_path / f"{name}.npz", *outputs)
    for name, make in OPTIMIZERS.items():
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2)]
        )
        model.compile(make(), "mse", metrics=["mae"])
        fit(model)
        model.save(tmp_path / f"opt_{name}.keras")
        fit(model)
        np.savez(tmp_path / f"opt_{name}.npz", *model.get_weights())
    lines = dict(line.split() for line in run("read", tmp_path).splitlines())
    assert set(lines) == {*CASES, *(f"opt_{name}" for name in OPTIMIZERS)}
    assert {name: worst for name, worst in lines.items() if float(worst) > 1e-6} == {}
