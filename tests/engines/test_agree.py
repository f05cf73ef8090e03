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

kind, path = sys.argv[1:]
keras.utils.set_random_seed(5)
random = np.random.default_rng(0)
x = random.normal(size=(160, 36)).astype("float32")
y = (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)
hidden = {
    "dense": [layers.Dense(16, activation="relu"), layers.Dropout(0.3)],
    "convolutional": [
        layers.Reshape((6, 6, 1)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.2),
    ],
    "recurrent": [layers.Reshape((6, 6)), layers.LSTM(5, dropout=0.2)],
    "normalised": [layers.Dense(12), layers.BatchNormalization(), layers.Activation("tanh")],
}[kind]
model = keras.Sequential([keras.Input((36,)), *hidden, layers.Dense(3, activation="softmax")])
model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
start = model.get_weights()
history = model.fit(x, y, batch_size=16, epochs=2, verbose=0)
assert int(model.optimizer.iterations) == 20
names = [f"w{i}" for i in range(len(start))]
np.savez(path, loss=history.history["loss"], **dict(zip(names, model.get_weights())), **{f"s_{n}": w for n, w in zip(names, start)})
"""


@pytest.mark.parametrize("kind", ["dense", "convolutional", "recurrent", "normalised"])
def test_engines_agree_after_20_steps(kind, tmp_path):
    pytest.importorskip("torch")
    results = []
    for engine in ("jax", "torch"):
        path = tmp_path / f"{engine}.npz"
        environment = {**os.environ, "HORNPIPE_ENGINE": engine, "JAX_PLATFORMS": "cpu"}
        subprocess.run([sys.executable, "-c", SCRIPT, kind, str(path)], env=environment, check=True)
        results.append(dict(np.load(path)))
    first, second = results
    assert set(first) == set(second)
    for name, value in first.items():
        tolerance = 0 if name.startswith("s_") else 1e-5
        np.testing.assert_allclose(
            value, second[name], rtol=tolerance, atol=tolerance, err_msg=name
        )
    assert any(
        not np.array_equal(first[name], first[f"s_{name}"])
        for name in first
        if name.startswith("w")
    )
