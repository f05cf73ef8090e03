"""Files as Keras 1 and 2 wrote them, made with h5py."""

import json

import h5py
import numpy as np


def write_layers(group, layers):
    """Write `layers`, a dict name -> list of (weight's name, array), with the attributes of old files."""
    group.attrs["layer_names"] = [name.encode() for name in layers]
    for name, pairs in layers.items():
        inner = group.create_group(name)
        names = [weight.encode() for weight, _ in pairs]
        inner.attrs["weight_names"] = names if names else np.zeros((0,), "S1")
        for weight, array in pairs:
            inner.create_dataset(weight, data=array)


def write_model(path, config, layers, version="2.3.1", backend="tensorflow"):
    """Write a whole model."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version.encode()
        if backend:
            file.attrs["backend"] = backend.encode()
        file.attrs["model_config"] = json.dumps(config).encode()
        write_layers(file.create_group("model_weights"), layers)


def write_weights(path, layers, version="2.3.1", backend="tensorflow"):
    """Write weights alone."""
    with h5py.File(path, "w") as file:
        if version:
            file.attrs["keras_version"] = version.encode()
        if backend:
            file.attrs["backend"] = backend.encode()
        write_layers(file, layers)
