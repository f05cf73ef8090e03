"""Whole models: `save_model`, `load_model` and the archive between them, and weights alone in three kinds of files.

>>> import os, tempfile
>>> import numpy as np
>>> import hornpipe as keras
>>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
>>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
>>> model.save(path)
>>> twin = keras.models.load_model(path)
>>> x = np.ones((1, 3))
>>> bool(np.all(twin.predict(x, verbose=0) == model.predict(x, verbose=0)))
True
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from hornpipe.core import config as registry
from hornpipe.core import naming
from hornpipe.core.errors import FileFormatError, clip_text, message
from hornpipe.core.refusal import guarded
from hornpipe.saving import safetensors, validate, weights
from hornpipe.saving.atomic import as_path, replacing
from hornpipe.saving.hdf5 import Source, read_hdf5
from hornpipe.saving.zipped import CONFIG, METADATA, WEIGHTS, Archive

KERAS_VERSION = "3.15.0"  # whose layout this is
FORMAT = 1  # of what we add to it; a newer number is refused
_COMPILE_KEYS = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
_FLAGS = ("run_eagerly", "steps_per_execution", "jit_compile")
_WEIGHT_ENDINGS = (".weights.h5", ".safetensors")


# ---- saving


@guarded()
def save_model(model, filepath, overwrite=True, zipped=None) -> None:
    """Save a model: its description, compile settings, weights and optimizer state.

    The file is written beside its place, read back and compared, and renamed: whatever goes wrong, an old file stays as it was.

    Args:
        model: a `Model`.
        filepath: path that ends in ".keras".
        overwrite: bool. Whether an old file is replaced. Default True.
        zipped: True or None; folders are not written.

    Raises:
        ValueError: another ending; a part of the model can't be described (with its name and what to write instead).
        FileExistsError: there is a file and `overwrite` is False.
        OSError: the folder can't be written, or the disk is full.
    """
    path = as_path(filepath, "save", (".keras",))
    _check_overwrite(path, overwrite)
    if zipped not in (None, True):
        raise ValueError(message("save", "`zipped` must be True or None", f"zipped={zipped!r}"))
    text = check_savable(model)
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "hornpipe_version": _version(),
        "hornpipe_format": FORMAT,
    }
    with replacing(path, "save") as file:
        with tempfile.TemporaryFile(dir=path.parent) as buffer:
            weights.write_h5(buffer, model)
            buffer.seek(0)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(METADATA, json.dumps(metadata))
                archive.writestr(CONFIG, text)
                with archive.open(WEIGHTS, "w", force_zip64=True) as member:
                    shutil.copyfileobj(buffer, member, 2**20)
        file.flush()
        _check_written(file, model, "save")


def check_savable(model) -> str:
    """Check that a model can be made again from its description; returns the text of `config.json`.

    Raises:
        ValueError: a part can't be described, or is another one when made again.
    """
    text = _dump(describe_model(model), model)
    _check_rebuild(model, text)
    return text


def describe_model(model) -> dict:
    """Return the description that stands in `config.json`.

    Raises:
        ValueError: a layer, loss or metric can't be described; its name and what to write instead.
    """
    for layer in reversed(
        model._flatten_layers()
    ):  # inner ones first: they are named where something is wrong
        naming.check_name(layer.name, type(layer).__name__)
        _check_describable(layer)
    with registry.sharing():
        description = registry.serialize(model)
    shape = _build_shape(model)
    if shape is not None:
        description["build_config"] = {"input_shape": shape}
    if getattr(model, "_compile_arguments", None):
        description["compile_config"] = describe_compile(model)
    return description


def _check_describable(layer) -> None:
    """Refuse a layer whose config can't be written, by name and with the code to write.

    Raises:
        ValueError: it has a function without a name, or a constructor argument that is no plain data.
    """
    try:
        json.dumps(registry.serialize(layer), allow_nan=False)
    except (TypeError, ValueError, NotImplementedError, RecursionError) as error:
        reason = clip_text(str(error), 300)
    else:
        return
    kind, who = type(layer).__name__, f"{type(layer).__name__} {layer.name!r}"
    if kind == "Lambda":
        fix = (
            "Files hold no code. Write a layer: class Mine(keras.layers.Layer): def call(self, inputs): ..., "
            'or define the function with `def` and put @keras.utils.register_keras_serializable("mine") above it.'
        )
    else:
        fix = (
            f"Write in {kind}: def get_config(self): return {{**super().get_config(), 'units': self.units}} with plain "
            "numbers, strings and lists for its arguments, and register functions with "
            "@keras.utils.register_keras_serializable."
        )
    raise ValueError(message(who, "can't be saved", reason.rstrip("."), fix))


def describe_compile(model) -> dict:
    """Return the arguments of `compile` as plain data.

    Raises:
        ValueError: one of them is a closure or lambda.
    """
    found = {}
    for key in _COMPILE_KEYS:
        try:
            found[key] = registry.serialize(model._compile_arguments.get(key))
        except TypeError as error:
            fix = "Define the function with `def` and put @keras.utils.register_keras_serializable above it."
            raise ValueError(
                message(f"compile `{key}`", "can't be saved", str(error).rstrip("."), fix)
            ) from None
    found.update({key: getattr(model, key, None) for key in _FLAGS})
    return found


def _dump(config, model) -> str:
    try:
        text = json.dumps(config, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        fix = "Return plain, finite data from every `get_config`."
        raise ValueError(
            message(model.who, "has a description that is no JSON", str(error), fix)
        ) from None
    try:
        validate.check_description(validate.parse_json(text.encode(), "save"), "save")
    except FileFormatError as error:
        raise ValueError(f"{error} The file could not be loaded again.") from None
    return text


def _build_shape(model):
    """Return the input shape that a model without a graph was built with, the batch left open."""
    shape = getattr(model, "_input_shape", None)
    if model._graph is not None or shape is None:
        return None

    def open_batch(value):
        if isinstance(value, dict):
            return {key: open_batch(item) for key, item in value.items()}
        if value and isinstance(value[0], (list, tuple)):
            return [open_batch(item) for item in value]
        return [None, *value[1:]]

    return open_batch(shape)


def _check_rebuild(model, text) -> None:
    """Make the model again from its description, and compare the weights' shapes.

    Raises:
        ValueError: it can't be made again, or has other weights.
    """
    known = {
        type(layer).__name__: type(layer)
        for layer in model._flatten_layers()
        if not registry.is_ours(type(layer))
    }
    functions = _custom_functions(model)
    try:
        twin = make_model(
            validate.parse_json(text.encode(), "save"),
            _elements(model),
            "save",
            {**known, **functions},
        )
    except Exception as error:
        fix = "Its `get_config` must hold every argument of its constructor, and `from_config` must take them."
        raise ValueError(
            message(
                model.who,
                "could not be made again from its description",
                str(error).rstrip("."),
                fix,
            )
        ) from error
    mine = [
        (entry.path, [v.shape for v in entry.variables]) for entry in weights.entries(model, False)
    ]
    again = [
        (entry.path, [v.shape for v in entry.variables]) for entry in weights.entries(twin, False)
    ]
    if mine != again and twin.built:
        pairs = [f"{a} became {b}" for a, b in zip(mine, again, strict=False) if a != b] or [
            f"{len(mine)} and {len(again)} layers"
        ]
        rule = "has other weights when it is made again from its description"
        raise ValueError(message(model.who, rule, pairs[0], "Check `get_config` of its layers."))


def _custom_functions(model) -> dict:
    """Return name -> function of the user's own functions in compile settings, so that a check can find them."""
    found, stack = {}, [getattr(model, "_compile_arguments", None) or {}]
    stack += [vars(layer) for layer in model._flatten_layers()]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, (list, tuple)) and len(value) < 1000:
            stack.extend(value)
        elif callable(value) and hasattr(value, "__name__"):
            found[value.__name__] = value
        elif isinstance(value, registry.Configurable) and not registry.is_ours(type(value)):
            found[type(value).__name__] = type(value)
        elif isinstance(value, registry.Configurable) and not hasattr(value, "_flatten_layers"):
            stack.extend(each for each in vars(value).values() if callable(each))
    return {name: each for name, each in found.items() if not _is_known(name)}


def _is_known(name) -> bool:
    return any(name in registry.table(kind) for kind in registry.KINDS)


def _elements(model) -> int:
    sizes = [variable.size for variable in model.variables]
    optimizer = getattr(model, "optimizer", None)
    return 4 * sum(sizes) + sum(
        v.size for v in (optimizer.variables if optimizer is not None else [])
    )


def _check_written(file, model, who) -> None:
    """Read a fresh archive back and compare every weight.

    Raises:
        OSError: what was read is not what was written.
    """
    archive = Archive(file, file.seek(0, 2), who)
    _compare_stored(
        weights.Stored.from_h5(read_hdf5(archive.weights()), who), model, optimizer=True
    )


def _compare_stored(stored, model, optimizer):
    for entry in weights.entries(model, optimizer):
        group = stored.groups.get(entry.path, {})
        for name, array in entry.arrays().items():
            same = name in group and np.array_equal(
                np.ascontiguousarray(weights._read(group[name])).reshape(-1).view(np.uint8),
                np.ascontiguousarray(array).reshape(-1).view(np.uint8),
            )
            if not same:
                raise OSError(
                    message(
                        "save",
                        "the file was not written as it should be",
                        f"{entry.path}/{name}",
                        "Check the disk.",
                    )
                )


def _check_overwrite(path: Path, overwrite) -> None:
    if not overwrite and path.exists():
        fix = "Pass overwrite=True, or another name."
        raise FileExistsError(
            message(
                "save", "the file exists and `overwrite` is False", f"filepath={str(path)!r}", fix
            )
        )


def _version() -> str:
    import hornpipe

    return hornpipe.__version__


# ---- loading


@guarded()
def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """Load a model that hornpipe or Keras 3 saved.

    Nothing in the file is run, imported, or opened: names stand for the library's classes, for registered ones, and for those in
    `custom_objects`.

    Args:
        filepath: path that ends in ".keras".
        custom_objects: dict name -> class or function of your own.
        compile: bool. Whether the compile settings and the optimizer's state are loaded as well. Default True.
        safe_mode: True. It can't be switched off.

    Returns:
        The model.

    Raises:
        FileFormatError: the file is damaged, of a newer format, or asks for what a file may not ask for.
        FileNotFoundError: there is no file.
        ValueError: another ending, or `safe_mode=False`.
    """
    if safe_mode is not True:
        fix = (
            "Register your functions with register_keras_serializable; files never hold code here."
        )
        raise ValueError(
            message(
                "load_model", "`safe_mode` can't be switched off", f"safe_mode={safe_mode!r}", fix
            )
        )
    _refuse_old(filepath)
    path = _existing(as_path(filepath, "load_model", (".keras",)), "load_model")
    who = f"load_model {path.name!r}"
    with weights.opened(path) as (file, length), validate.only_format_errors(who):
        archive = Archive(file, length, who)
        newer = check_metadata(validate.parse_json(archive.texts[METADATA], who), who)
        description = validate.parse_json(archive.texts[CONFIG], who)
        stored = _stored_in(archive, who)
        try:
            model = make_model(description, stored.elements(), who, custom_objects, compile=compile)
        except Exception as error:
            if newer is None:
                raise
            text = f"{str(error).rstrip('.')}. The file was written by {newer}: a newer hornpipe may read it."
            raise FileFormatError(text) from error
        _check_built(model, stored, who)
        if stored.groups:
            weights.load(model, stored, who, optimizer=compile)
    return model


def _refuse_old(filepath) -> None:
    text = str(filepath)
    if text.endswith((".h5", ".hdf5")) and not text.endswith(".weights.h5"):
        rule = "HDF5 files of Keras 1 and 2 are imported by a function of their own"
        fix = "Use keras.saving.import_keras_h5(filepath)."
        raise ValueError(message("load_model", rule, f"{filepath!r}", fix))


def _stored_in(archive, who) -> weights.Stored:
    source = archive.weights()
    if source is None:
        return weights.Stored({})
    return weights.Stored.from_h5(read_hdf5(source), who)


def _check_built(model, stored, who) -> None:
    """Refuse weights for a model whose input's shape the file does not say."""
    own = [group for path, group in stored.groups.items() if not path.startswith("optimizer/")]
    if not model.built and any(own):
        rule = "the file does not say the input's shape of the model, so its weights can't be made"
        raise validate.refuse(who, rule)


def check_metadata(metadata, who) -> str | None:
    """Check who wrote a file; returns the writer's name where it is newer than what is known here.

    Raises:
        FileFormatError: the metadata are damaged, or of a newer format.
    """
    if not isinstance(metadata, dict) or not isinstance(metadata.get("keras_version"), str):
        raise validate.refuse(who, "metadata.json must say the `keras_version`", f"{metadata!r}")
    number = metadata.get("hornpipe_format", FORMAT)
    if type(number) is not int or number > FORMAT:
        fix = "Update hornpipe."
        raise validate.refuse(
            who, f"the file is of a newer format than {FORMAT}", f"hornpipe_format={number!r}", fix
        )
    parts = metadata["keras_version"].split(".")
    if parts[0] != "3":
        raise validate.refuse(
            who, "the file must be of Keras 3", f"keras_version={metadata['keras_version']!r}"
        )
    minor = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
    return (
        f"Keras {metadata['keras_version'][:20]}"
        if minor > int(KERAS_VERSION.split(".")[1])
        else None
    )


def make_model(description, elements: int, who: str, custom_objects=None, *, compile=True):
    """Return the model of a description, built where its input's shape is known, with fresh weights.

    Args:
        description: what stood in `config.json`.
        elements: int. How many elements its weights may have together.
        who: who asks, for errors.
        custom_objects: dict name -> class or function.
        compile: bool. Whether it is compiled.

    Raises:
        FileFormatError: the description breaks a rule.
        ValueError: a class is unknown.
    """
    if not isinstance(description, dict) or not isinstance(description.get("config"), dict):
        raise validate.refuse(
            who,
            "the description of a model must be an object with `class_name` and `config`",
            f"{description!r}",
        )
    validate.check_description(description, who)
    with registry.custom_object_scope(custom_objects or {}), validate.budget(elements, who):
        main = {
            key: value
            for key, value in description.items()
            if key not in ("build_config", "compile_config")
        }
        model = registry.deserialize(main, kind="model")
        if not hasattr(model, "_graph_layers"):
            raise validate.refuse(
                who, "the file must describe a model", f"{type(model).__name__!r}"
            )
        shape = (description.get("build_config") or {}).get("input_shape")
        if not model.built and shape is not None:
            model.build(_as_shape(shape, who))
        settings = description.get("compile_config")
        if compile and settings:
            compile_from(model, settings, who)
    return model


def _as_shape(value, who):
    if isinstance(value, dict):
        return {key: _as_shape(item, who) for key, item in value.items()}
    if isinstance(value, list) and all(n is None or (type(n) is int and n >= 0) for n in value):
        return tuple(value)
    if isinstance(value, list):
        return [_as_shape(item, who) for item in value]
    raise validate.refuse(who, "`build_config` must hold shapes", f"{value!r}")


def compile_from(model, settings, who) -> None:
    """Compile a model as described.

    Raises:
        FileFormatError: unknown settings, or names that are not of losses, metrics and optimizers.
    """
    if not isinstance(settings, dict):
        raise validate.refuse(who, "`compile_config` must be an object", f"{settings!r}")
    unknown = set(settings) - {*_COMPILE_KEYS, *_FLAGS, "auto_scale_loss"}
    if unknown:
        raise validate.refuse(
            who, "`compile_config` has unknown fields", ", ".join(sorted(unknown))
        )
    kinds = {
        "optimizer": "optimizer",
        "loss": "loss",
        "metrics": "metric",
        "weighted_metrics": "metric",
    }
    arguments = {key: _revive(settings.get(key), kinds.get(key)) for key in _COMPILE_KEYS}
    flags = {"run_eagerly": bool(settings.get("run_eagerly"))}
    steps = settings.get("steps_per_execution")
    if isinstance(steps, int) and steps >= 1:
        flags["steps_per_execution"] = steps
    model.compile(**arguments, **flags)


def _revive(value, kind):
    if isinstance(value, dict) and "class_name" in value:
        return registry.deserialize(value, kind=kind)
    if isinstance(value, dict):
        return {key: _revive(item, kind) for key, item in value.items()}
    if isinstance(value, list):
        return [_revive(item, kind) for item in value]
    if isinstance(value, str) and kind in ("optimizer", "loss"):
        registry.resolve(kind, value)  # unknown names are an error now
    return value


def _existing(path: Path, who: str) -> Path:
    if not path.exists():
        near = (
            sorted(each.name for each in path.parent.glob(f"*{path.suffix}"))[:5]
            if path.parent.is_dir()
            else []
        )
        fix = f"In that folder: {', '.join(near)}." if near else ""
        raise FileNotFoundError(
            message(who, "there is no such file", f"filepath={str(path)!r}", fix)
        )
    if path.is_dir():
        raise IsADirectoryError(
            message(who, "`filepath` must not be a folder", f"filepath={str(path)!r}")
        )
    return path


# ---- weights alone


@guarded()
def save_weights(model, filepath, overwrite=True, max_shard_size=None) -> None:
    """Save a model's weights, and with ".weights.h5" the optimizer's state.

    Args:
        model: a built `Model`.
        filepath: path that ends in ".weights.h5" or ".safetensors".
        overwrite: bool. Whether an old file is replaced. Default True.
        max_shard_size: None; a model is one file.

    Raises:
        ValueError: another ending, `max_shard_size`, or a model that is not built.
        FileExistsError: there is a file and `overwrite` is False.
        OSError: the folder can't be written, or the disk is full.
    """
    path = as_path(filepath, "save_weights", _WEIGHT_ENDINGS)
    _check_overwrite(path, overwrite)
    if max_shard_size is not None:
        raise ValueError(
            message(
                "save_weights",
                "`max_shard_size` must be None",
                f"{max_shard_size!r}",
                "A model is one file.",
            )
        )
    if not model.built:
        fix = "Call it on data, or build(input_shape), first."
        raise ValueError(
            message(
                "save_weights", "the model is not built, it has no weights yet", model.name, fix
            )
        )
    for layer in model._flatten_layers():
        naming.check_name(layer.name, type(layer).__name__)
    with replacing(path, "save_weights") as file:
        if path.suffix == ".h5":
            weights.write_h5(file, model)
        else:
            safetensors.write(
                file,
                weights.flat_arrays(model),
                {"format": "hornpipe", "hornpipe_format": str(FORMAT)},
            )
        file.flush()
        stored = read_weights(file, file.seek(0, 2), path, "save_weights")
        _compare_stored(stored, model, optimizer=path.suffix == ".h5")


def read_weights(file, length, path, who) -> weights.Stored:
    """Return the weights of an open file by its name's ending; values are not read yet."""
    if str(path).endswith(".safetensors"):
        tensors, metadata = safetensors.read_header(Source(file, 0, length, who))
        number = metadata.get("hornpipe_format", "1")
        if not number.isdigit() or int(number) > FORMAT:
            raise validate.refuse(
                who,
                f"the file is of a newer format than {FORMAT}",
                repr(number),
                "Update hornpipe.",
            )
        return weights.Stored.from_flat(tensors, who)
    if str(path).endswith(".keras"):
        archive = Archive(file, length, who)
        check_metadata(validate.parse_json(archive.texts[METADATA], who), who)
        validate.check_description(validate.parse_json(archive.texts[CONFIG], who), who)
        source = archive.weights()
        if source is None:
            raise validate.refuse(who, "has no weights")
        return weights.Stored.from_h5(read_hdf5(source), who)
    return weights.Stored.from_h5(read_hdf5(Source(file, 0, length, who)), who)


@guarded()
def load_weights(model, filepath, skip_mismatch=False, **options) -> None:
    """Set a model's weights from a file: all of them, or none.

    Args:
        model: a built `Model`.
        filepath: path that ends in ".weights.h5", ".safetensors" or ".keras".
        skip_mismatch: bool. Whether layers whose weights do not fit are left alone instead of an error. Default False.
        options: `objects_to_skip`: list of layers that are left alone.

    Raises:
        FileFormatError: the file is damaged, or its weights are missing, unexpected or of another shape (by layer path).
        FileNotFoundError: there is no file.
        ValueError: another ending, or a model that is not built.
    """
    path = _existing(
        as_path(filepath, "load_weights", (*_WEIGHT_ENDINGS, ".keras")), "load_weights"
    )
    who = f"load_weights {os.path.basename(path)!r}"
    if options:
        raise TypeError(message("load_weights", "got an unknown argument", next(iter(options))))
    if not model.built:
        fix = "Call it on data, or build(input_shape), first."
        raise ValueError(
            message(
                "load_weights", "the model is not built, it has no weights yet", model.name, fix
            )
        )
    with weights.opened(path) as (file, length), validate.only_format_errors(who):
        stored = read_weights(file, length, path, who)
        weights.load(model, stored, who, skip_mismatch=skip_mismatch)


# ---- descriptions alone


@guarded()
def model_from_json(json_string, custom_objects=None):
    """Return a fresh model from the text that `model.to_json()` gave.

    Args:
        json_string: str.
        custom_objects: dict name -> class or function of your own.

    Raises:
        FileFormatError: the text is no such description, or asks for what it may not ask for.

    Example:
        >>> import hornpipe as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> keras.models.model_from_json(model.to_json()).output_shape
        (None, 2)
    """
    if not isinstance(json_string, (str, bytes)):
        raise TypeError(
            message("model_from_json", "`json_string` must be a text", f"{json_string!r}")
        )
    who = "model_from_json"
    with validate.only_format_errors(who):
        data = (
            json_string.encode("utf-8", "surrogatepass")
            if isinstance(json_string, str)
            else json_string
        )
        return make_model(
            validate.parse_json(data, who), validate.MAX_ELEMENTS, who, custom_objects
        )
