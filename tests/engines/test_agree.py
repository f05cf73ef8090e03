"""JAX and PyTorch train the same network to the same weights: each in a process of its own, 20 steps, dropout included."""

import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import sys
import numpy as np
import hornpipe as keras
from hornpipe import layers

folder = sys.argv[1]


def hidden_layers(kind):
    if kind == "dense":
        return [layers.Dense(16, activation="relu"), layers.Dropout(0.3)]
    if kind == "recurrent":
        return [layers.Reshape((6, 6)), layers.LSTM(5, dropout=0.2)]
    if kind == "normalised":
        return [layers.Dense(12), layers.BatchNormalization(), layers.Activation("tanh")]
    convolution = [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2)]
    return [layers.Reshape((6, 6, 1)), *convolution, layers.Flatten(), layers.Dropout(0.2)]


for kind in ("dense", "convolutional", "recurrent", "normalised"):
    keras.utils.set_random_seed(5)
    random = np.random.default_rng(0)
    x = random.normal(size=(160, 36)).astype("float32")
    y = (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)
    output = layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((36,)), *hidden_layers(kind), output])
    sgd = keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = model.get_weights()
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 20
    found = {f"w{i}": w for i, w in enumerate(model.get_weights())}
    found.update({f"s_w{i}": w for i, w in enumerate(start)})
    np.savez(f"{folder}/{kind}.npz", loss=history.history["loss"], **found)
"""


def test_engines_agree_after_20_steps(tmp_path):
    pytest.importorskip("torch")
    for engine in ("jax", "torch"):
        (tmp_path / engine).mkdir()
        environment = {**os.environ, "HORNPIPE_ENGINE": engine, "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / engine)]
        subprocess.run(command, env=environment, check=True)
    for kind in ("dense", "convolutional", "recurrent", "normalised"):
        first, second = (
            dict(np.load(tmp_path / engine / f"{kind}.npz")) for engine in ("jax", "torch")
        )
        assert set(first) == set(second)
        for name, value in first.items():
            tolerance = 0 if name.startswith("s_") else 1e-5
            np.testing.assert_allclose(
                value, second[name], rtol=tolerance, atol=tolerance, err_msg=f"{kind}: {name}"
            )
        assert any(
            not np.array_equal(first[name], first[f"s_{name}"])
            for name in first
            if name.startswith("w")
        )
