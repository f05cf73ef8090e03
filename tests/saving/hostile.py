"""Builders of hostile and damaged files. Payloads only touch a canary file."""

import io
import json
import struct
import zipfile

import h5py
import numpy as np

METADATA = json.dumps({"keras_version": "3.15.0", "date_saved": "2026-01-01@00:00:00"})


def layer(name, cls="Dense", module="keras.layers", registered=None, **config):
    """Return a layer's description."""
    return {
        "module": module,
        "class_name": cls,
        "config": {"name": name, **config},
        "registered_name": registered,
    }


def sequential(*layers, **more):
    """Return a Sequential's description."""
    first = layer("in", "InputLayer", batch_shape=[None, 2], dtype="float32")
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [first, *layers]},
        "registered_name": None,
        **more,
    }


def call(name, *sources, cls="Dense", **config):
    """Return an entry of a graph: a layer called on [layer, call, output] references."""
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 2], "dtype": "float32", "keras_history": list(s)},
        }
        for s in sources
    ]
    config = {"units": 2, **config} if cls == "Dense" else config
    return {
        **layer(name, cls, **config),
        "name": name,
        "inbound_nodes": [{"args": tensors, "kwargs": {}}],
    }


def graph(*entries, output):
    """Return a functional model's description with one input "in"."""
    first = {
        **layer("in", "InputLayer", batch_shape=[None, 2], dtype="float32"),
        "name": "in",
        "inbound_nodes": [],
    }
    config = {
        "name": "f",
        "layers": [first, *entries],
        "input_layers": ["in", 0, 0],
        "output_layers": [output, 0, 0],
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def weights(path="layers/dense/vars", shapes=((2, 2), (2,))):
    """Return the bytes of a weights file for one Dense layer."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("vars")
        group = file.create_group(path)
        for number, shape in enumerate(shapes):
            group.create_dataset(str(number), data=np.ones(shape, "float32"))
    return buffer.getvalue()


def archive(config, data=None, metadata=METADATA, extra=(), compression=zipfile.ZIP_STORED):
    """Return the bytes of a .keras file; `extra` is a list of (name or ZipInfo, bytes)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("metadata.json", metadata)
        file.writestr(
            "config.json", config if isinstance(config, (str, bytes)) else json.dumps(config)
        )
        if data is not None:
            file.writestr("model.weights.h5", data)
        for name, content in extra:
            file.writestr(name, content)
    return buffer.getvalue()


def raw_names(data, old, new):
    """Return an archive's bytes with a member's name replaced by one of the same length."""
    assert len(old) == len(new)
    return data.replace(old, new)


def safetensors(header, data=b"", length=None):
    """Return the bytes of a safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def h5(build):
    """Return the bytes of an HDF5 file that `build(file)` filled."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        build(file)
    return buffer.getvalue()
