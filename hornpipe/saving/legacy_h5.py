"""HDF5 files of Keras 1 and 2: whole models (`model.save("x.h5")`) and weights alone (`model.save_weights("x.h5")`).

What was different, and is changed here:

- Kernels of image layers in Theano's ordering ("th") are `(filters, channels, rows, columns)`; they become
  `(rows, columns, channels, filters)`. Theano's convolution turns kernels by 180 degrees, so files written on Theano have their
  kernels turned back. Files of Keras 2 say which library wrote them; for files of Keras 1 it is Theano where the ordering is "th",
  unless `backend` says otherwise.
- Keras 1 kept recurrent kernels one by one, LSTM in the order i, c, f, o and GRU in the order z, r, h; today they stand side by
  side, LSTM in the order i, f, c, o.
- "hard_sigmoid" was `clip(0.2 x + 0.5, 0, 1)`; that function is kept for imported models.
- GRU without `reset_after` in its description means False.

The file passes the same reader and the same validator as all others.
"""

from __future__ import annotations

import numpy as np

from hornpipe.core import config as registry
from hornpipe.core.errors import message
from hornpipe.core.refusal import guarded
from hornpipe.saving import validate, weights
from hornpipe.saving.archive import _as_shape, _existing, make_model
from hornpipe.saving.atomic import as_path
from hornpipe.saving.hdf5 import Group, Source, read_hdf5

_ENDINGS = (".h5", ".hdf5", ".keras1", ".weights")
_CONVOLUTIONS = (
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "SeparableConv2D",
)
_CLASSES = {
    "Model": "Functional",
    "Container": "Functional",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "GRUV2": "GRU",
    "LSTMV2": "LSTM",
}
# Entries of old descriptions without a meaning today, whatever their value.
_DROPPED = {
    "implementation",
    "consume_less",
    "input_dtype",
    "time_major",
    "virtual_batch_size",
    "adjustment",
    "fused",
    "input_length",
    "is_placeholder",
    "renorm_clipping",
    "renorm_momentum",
}
_NO_VALUE = (None, False)


@guarded()
def import_keras_h5(filepath, custom_objects=None, *, backend=None):
    """Return the model of an HDF5 file that Keras 1 or 2 saved with `model.save`; it is not compiled.

    Args:
        filepath: path that ends in ".h5" or ".hdf5".
        custom_objects: dict name -> class or function of your own.
        backend: "theano" or "tensorflow": which library a file of Keras 1 was written with. Default: what the file says,
            else Theano for image layers in the ordering "th".

    Raises:
        FileFormatError: the file is damaged, holds no description, or one that can't be used.
        FileNotFoundError: there is no file.
    """
    path, who = _checked(filepath, "import_keras_h5", backend)
    with weights.opened(path) as (file, length), validate.only_format_errors(who):
        root = read_hdf5(Source(file, 0, length, who))
        text = _text(root.attributes, "model_config", who)
        description = _describe(validate.parse_json(text.encode(), who), who)
        inner = root.find("model_weights")
        if not isinstance(inner, Group):
            raise validate.refuse(who, "has no group `model_weights`")
        writer = backend or _backend(root, inner)
        elements = sum(int(np.prod(item.shape)) for item in inner.data_sets())
        model = make_model(description, elements, who, custom_objects, compile=False)
        if not model.built and _first_shape(description) is not None:
            model.build(_as_shape(_first_shape(description), who))
        _set_weights(model, _layers_of(inner, who), writer, who, by_name=True)
    return model


@guarded()
def import_keras_h5_weights(model, filepath, *, by_name=False, backend=None) -> None:
    """Set the weights of a model from an HDF5 file that Keras 1 or 2 saved with `model.save_weights` (or `model.save`).

    Args:
        model: a built model of the same layers.
        filepath: path that ends in ".h5" or ".hdf5".
        by_name: bool. Whether layers are found by their names, and layers that are not in the file are left alone. By default
            layers with weights are matched in their order.
        backend: as in `import_keras_h5`.

    Raises:
        FileFormatError: the file is damaged, or its weights do not fit; nothing is changed then.
        FileNotFoundError: there is no file.
        ValueError: the model is not built.
    """
    path, who = _checked(filepath, "import_keras_h5_weights", backend)
    if not model.built:
        fix = "Call it on data, or build(input_shape), first."
        raise ValueError(
            message("import_keras_h5_weights", "the model is not built", model.name, fix)
        )
    with weights.opened(path) as (file, length), validate.only_format_errors(who):
        root = read_hdf5(Source(file, 0, length, who))
        inner = root.find("model_weights") or root
        stored = _layers_of(inner, who)
        own = [layer for layer in model.layers if layer.weights]
        if not by_name:
            stored = {name: arrays for name, arrays in stored.items() if arrays}
            if len(stored) != len(own):
                rule = "the file must have as many layers with weights as the model"
                raise validate.refuse(
                    who, rule, f"{len(stored)} in the file, {len(own)} in the model"
                )
            stored = dict(zip((layer.name for layer in own), stored.values(), strict=True))
        _set_weights(
            model, stored, backend or _backend(root, inner), who, by_name=by_name, partial=by_name
        )


def _checked(filepath, function, backend):
    path = _existing(as_path(filepath, function, _ENDINGS), function)
    if backend not in (None, "theano", "tensorflow"):
        raise ValueError(
            message(
                function, '`backend` must be "theano", "tensorflow" or None', f"backend={backend!r}"
            )
        )
    return path, f"{function} {path.name!r}"


def _text(attributes, name, who) -> str:
    """Return an attribute's text, put together where it was cut into pieces."""
    value = attributes.get(name)
    if isinstance(value, str):
        return value
    raise validate.refuse(
        who,
        f"has no `{name}`",
        "",
        "For a file of weights use import_keras_h5_weights(model, path).",
    )


def _texts(attributes, name, who) -> list[str]:
    """Return an attribute that holds names; a long list stands in pieces `name0`, `name1`, ..."""
    if name in attributes:
        pieces = [attributes[name]]
    else:
        pieces = []
        while f"{name}{len(pieces)}" in attributes:
            pieces.append(attributes[f"{name}{len(pieces)}"])
        if not pieces:
            raise validate.refuse(who, f"has no `{name}`", "", "Is it a file of Keras 1 or 2?")
    found: list[str] = []
    for piece in pieces:
        if isinstance(piece, list) and all(isinstance(each, str) for each in piece):
            found.extend(piece)
        elif piece is not None and np.size(piece):
            raise validate.refuse(who, f"`{name}` must hold names", f"{piece!r}")
    return found


def _backend(root, inner) -> str | None:
    found = root.attributes.get("backend", inner.attributes.get("backend"))
    return found if isinstance(found, str) else None


def _layers_of(group: Group, who) -> dict[str, list]:
    """Return layer's name -> its data sets, in the order of the file."""
    found: dict[str, list] = {}
    for name in _texts(group.attributes, "layer_names", who):
        layer = group.items.get(name)
        if not isinstance(layer, Group) or name in found:
            raise validate.refuse(who, "names a layer that is not in it", repr(name))
        found[name] = []
        for weight in _texts(layer.attributes, "weight_names", who):
            item = layer.find(weight)
            if item is None or isinstance(item, Group):
                raise validate.refuse(who, "names a weight that is not in it", f"{name}/{weight}")
            found[name].append(item)
    return found


# ---- weights


def _set_weights(model, stored, backend, who, *, by_name, partial=False) -> None:
    """Set all weights, or none."""
    layers = {layer.name: layer for layer in model.layers}
    plans, problems = [], {}
    for name, items in stored.items():
        layer = layers.get(name)
        if layer is None:
            if items and not partial:
                problems.setdefault("unexpected", []).append(name)
            continue
        arrays = _convert(layer, [item.read() for item in items], backend)
        variables = _ordered(layer)
        shapes = [tuple(array.shape) for array in arrays]
        if shapes != [variable.shape for variable in variables]:
            text = f"{name}: {shapes} in the file, {[v.shape for v in variables]} in the model"
            problems.setdefault("of another shape", []).append(text)
            continue
        plans += zip(variables, arrays, strict=True)
    missing = [name for name, layer in layers.items() if layer.weights and name not in stored]
    if missing and not partial:
        problems["missing"] = missing
    if problems:
        raise weights.mismatch(who, problems)
    for variable, array in plans:
        variable.assign(array)


def _ordered(layer) -> list:
    """Return a layer's weights in the order of Keras 1 and 2: all that can be trained, then the rest."""
    variables = layer.weights
    return [v for v in variables if v.trainable] + [v for v in variables if not v.trainable]


def _convert(layer, arrays: list, backend) -> list:
    """Return a layer's arrays in today's layout."""
    kind = type(layer).__name__
    if kind == "Bidirectional" and len(arrays) % 2 == 0:
        half = len(arrays) // 2
        return _convert(layer.forward_layer, arrays[:half], backend) + _convert(
            layer.backward_layer, arrays[half:], backend
        )
    if kind == "TimeDistributed":
        return _convert(layer.layer, arrays, backend)
    if hasattr(layer, "_graph_layers"):
        return _convert_model(layer, arrays, backend)
    if kind == "LSTM" and len(arrays) == 12:
        return _join_gates(arrays, (0, 2, 1, 3))
    if kind == "GRU" and len(arrays) == 9:
        return _join_gates(arrays, (0, 1, 2))
    if (
        kind == "GRU"
        and len(arrays) == 3
        and layer.cell.reset_after is False
        and arrays[2].ndim == 2
    ):
        return [arrays[0], arrays[1], arrays[2].reshape(-1)]
    if kind in _CONVOLUTIONS and arrays:
        return _convert_kernels(layer, kind, arrays, backend)
    return arrays


def _convert_model(model, arrays, backend):
    """Convert the arrays of a model inside a model: those of its layers, trainable ones first."""
    trained = [(layer, [v for v in layer.weights if v.trainable]) for layer in model.layers]
    rest = [(layer, [v for v in layer.weights if not v.trainable]) for layer in model.layers]
    if any(len(layer.weights) and len(own) == 0 for layer, own in trained) or not arrays:
        return arrays
    found, start = [], 0
    for layer, own in trained:
        part = arrays[start : start + len(own)]
        start += len(own)
        found += _convert(layer, part, backend) if len(part) == len(own) else part
    return found + arrays[start : start + sum(len(own) for _, own in rest)]


def _join_gates(arrays, order) -> list:
    """Put (kernel, recurrent kernel, bias) of each gate side by side, the gates in today's order."""
    gates = [arrays[3 * number : 3 * number + 3] for number in order]
    return [np.concatenate([gate[part] for gate in gates], axis=-1) for part in range(3)]


def _convert_kernels(layer, kind, arrays, backend) -> list:
    wanted = [variable.shape for variable in _ordered(layer)]
    kernels = 2 if kind == "SeparableConv2D" else 1
    found, th = [], False
    for array, shape in zip(arrays[:kernels], wanted, strict=False):
        array, is_th = _to_today(array, shape, kind, layer)
        th = th or is_th
        found.append(array)
    turned = backend == "theano" or (backend is None and th)
    if turned:
        axes = tuple(range(found[0].ndim - 2))
        found[0] = np.flip(found[0], axes)
    return found + arrays[kernels:]


def _to_today(array, shape, kind, layer):
    """Return a kernel as `(*window, channels, filters)`, and whether it was in Theano's ordering."""
    if array.ndim == 4 and kind == "Conv1D":  # Keras 1 kept a window of (length, 1)
        if array.shape[1] == 1 and array.shape[0] == shape[0] and array.shape[2:] == shape[1:]:
            return array[:, 0], False
        return np.transpose(array, (2, 3, 1, 0))[:, 0], True
    if array.ndim != len(shape):
        return array, False
    rank = array.ndim - 2
    th = (*range(2, array.ndim), 1, 0)
    if kind.endswith("Transpose"):
        th = (*range(2, array.ndim), 0, 1)
        old = (*range(rank), rank + 1, rank)
        choices = [(tuple(range(array.ndim)), False), (old, False), (th, True)]
    else:
        choices = [(tuple(range(array.ndim)), False), (th, True)]
    if getattr(layer, "data_format", None) == "channels_first" and array.shape != shape:
        choices.reverse()
    for axes, is_th in choices:
        if tuple(array.shape[axis] for axis in axes) == shape:
            return np.transpose(array, axes), is_th
    return array, False


# ---- descriptions


def _describe(old, who) -> dict:
    """Return the description of a model of Keras 1 or 2 in today's form."""
    validate.check_description(old, who)
    if not isinstance(old, dict) or not isinstance(old.get("class_name"), str):
        raise validate.refuse(who, "`model_config` must describe a model", f"{old!r}")
    return _entry(old, who)


def _entry(old: dict, who) -> dict:
    if not isinstance(old, dict) or not isinstance(old.get("class_name"), str):
        raise validate.refuse(
            who, "a layer must be described by `class_name` and `config`", f"{old!r}"
        )
    name = _CLASSES.get(old["class_name"], old["class_name"])
    config = old.get("config")
    entry = {"class_name": _today(name), "config": config}
    if name == "Sequential":
        entry["config"] = _sequential(config, who)
    elif isinstance(config, dict) and "input_layers" in config:
        entry["config"] = _graph(config, who)
    elif isinstance(config, dict):
        entry["config"] = _layer(name, config, who)
    else:
        raise validate.refuse(who, f"`config` of {name!r} must be an object", f"{config!r}")
    for key in ("name", "inbound_nodes"):
        if key in old:
            entry[key] = old[key]
    if "inbound_nodes" in old:
        entry["inbound_nodes"] = [_node(node, who) for node in old["inbound_nodes"]]
    return entry


def _today(name):
    from hornpipe.layers import _ALIASES

    return _ALIASES.get(name, name)


def _sequential(config, who) -> dict:
    if isinstance(config, list):  # until Keras 2.2.2 the list alone
        config = {"layers": config}
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise validate.refuse(who, "a Sequential must have a list of layers", f"{config!r}")
    kept = {
        key: config[key]
        for key in ("name", "trainable", "build_input_shape")
        if config.get(key) is not None
    }
    return {**kept, "layers": [_entry(each, who) for each in config["layers"]]}


def _graph(config, who) -> dict:
    if not isinstance(config.get("layers"), list):
        raise validate.refuse(
            who, "a model must have a list of layers", f"{config.get('layers')!r}"
        )
    kept = {
        key: config[key]
        for key in ("name", "trainable", "input_layers", "output_layers")
        if key in config
    }
    for key in ("input_layers", "output_layers"):
        if (
            isinstance(kept.get(key), list)
            and len(kept[key]) == 1
            and isinstance(kept[key][0], list)
        ):
            kept[key] = kept[key][0]
    return {**kept, "layers": [_entry(each, who) for each in config["layers"]]}


def _node(node, who) -> dict:
    """Return a call: a list of [layer, call, output, keyword arguments] becomes one argument, a tensor or a list of them."""
    if isinstance(node, dict) and "args" in node:
        return node
    if (
        not isinstance(node, list)
        or not node
        or not all(isinstance(each, list) and len(each) >= 3 for each in node)
    ):
        raise validate.refuse(who, "a call must be a list of [layer, call, output]", f"{node!r}")
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": list(each[:3])}}
        for each in node
    ]
    kwargs = node[0][3] if len(node[0]) > 3 else {}
    if not isinstance(kwargs, dict):
        raise validate.refuse(who, "a call's keyword arguments must be an object", f"{kwargs!r}")
    return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": kwargs}


def _layer(name, config, who) -> dict:
    """Return a layer's config without what has no meaning today; renamed arguments are the compatibility table's work."""
    found = {}
    for key, value in config.items():
        if key in _DROPPED or (key in ("ragged", "sparse") and not value):
            continue
        if isinstance(value, dict) and isinstance(value.get("class_name"), str):
            inner = _entry(value, who) if key in ("layer", "cell") else _initializer(value)
            found[key] = inner
        elif isinstance(value, dict) and "name" in value and key.endswith("regularizer"):
            found[key] = _old_regularizer(value)
        elif (
            key in ("activation", "recurrent_activation", "inner_activation")
            and value == "hard_sigmoid"
        ):
            found[key] = _function("keras1>hard_sigmoid")
        elif key == "cells" and isinstance(value, list):
            found[key] = [_entry(each, who) for each in value]
        else:
            found[key] = value
    if "batch_input_shape" in found:
        found.pop("input_dim", None) if name != "Embedding" else None
        found.pop("input_shape", None)
    if name in ("GRU", "GRUCell") and "reset_after" not in found:
        found["reset_after"] = False
    if name == "InputLayer" and "batch_input_shape" in found:
        found["batch_shape"] = found.pop("batch_input_shape")
    return found


def _function(name):
    import hornpipe.compat.convert  # registers it  # noqa: F401

    return registry.describe("builtins", "function", name, "function")


def _old_regularizer(value):
    """Return Keras 1's {"name": "WeightRegularizer", "l1": ..., "l2": ...} in today's form."""
    numbers = {key: value[key] for key in ("l1", "l2") if isinstance(value.get(key), (int, float))}
    return {"class_name": "L1L2", "config": numbers}


def _initializer(value):
    config = value.get("config")
    if (
        value["class_name"] == "VarianceScaling"
        and isinstance(config, dict)
        and config.get("distribution") == "normal"
    ):
        return {**value, "config": {**config, "distribution": "truncated_normal"}}
    return value


def _first_shape(description):
    """Return the input's shape that the first layer of a Sequential says, or None."""
    layers = description["config"].get("layers") or [{}]
    first = layers[0].get("config") or {}
    return first.get("batch_input_shape") or first.get("batch_shape")
