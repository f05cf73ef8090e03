"""Run by a real Keras 3: writes one file for every case, or reads ours and compares. Usage: with_keras.py write|read FOLDER"""

import glob
import os
import sys

os.environ.update(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")
sys.path.insert(0, os.path.dirname(__file__))

import families
import keras
import numpy as np

OPTIMIZERS = {"adam": lambda: keras.optimizers.Adam(0.01), "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5), "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9)}  # fmt: skip


def fit(model):
    random = np.random.RandomState(3)
    x, y = random.rand(16, 4).astype("float32"), random.rand(16, 2).astype("float32")
    return model.fit(x, y, verbose=0, shuffle=False, epochs=2).history


def write(folder):
    for name in families.cases(keras):
        model = families.model(keras, name)
        model.set_weights(
            [
                np.abs(np.random.RandomState(i).normal(size=w.shape)).astype(w.dtype) * 0.3
                for i, w in enumerate(model.get_weights())
            ]
        )
        outputs = keras.tree.flatten(model.predict(families.data(model), verbose=0, batch_size=2))
        model.save(f"{folder}/{name}.keras")
        model.save_weights(f"{folder}/{name}.weights.h5")
        np.savez(f"{folder}/{name}.npz", *outputs)
    for name, make in OPTIMIZERS.items():
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2)]
        )
        model.compile(make(), "mse", metrics=["mae"])
        fit(model)
        model.save(f"{folder}/opt_{name}.keras")
        fit(model)
        np.savez(f"{folder}/opt_{name}.npz", *model.get_weights())


def read(folder):
    for path in sorted(glob.glob(f"{folder}/*.keras")):
        name = os.path.basename(path).removesuffix(".keras")
        expected = list(np.load(path.replace(".keras", ".npz")).values())
        model = keras.models.load_model(path)
        if name.startswith("opt_"):
            fit(model)
            found = model.get_weights()
        else:
            found = keras.tree.flatten(model.predict(families.data(model), verbose=0, batch_size=2))
            model.load_weights(path.replace(".keras", ".weights.h5"))
        worst = max(float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True))
        print(name, worst, flush=True)


{"write": write, "read": read}[sys.argv[1]](sys.argv[2])
