"""Round trips through files, refusals at save time, and failures that must lose nothing."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.core import config as registry
from hornpipe.core.errors import FileFormatError
from tests.saving import families

NAMES = list(families.cases(keras))


@pytest.fixture(autouse=True)
def own_names():
    """Forget the classes a test registers."""
    before = set(registry._custom)
    yield
    for name in set(registry._custom) - before:
        if not name.startswith("keras1>"):  # those belong to a module that is imported once
            del registry._custom[name]


def small(compiled=True):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2),
        ]
    )
    if compiled:
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
        model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    return model


def same(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", NAMES)
def test_every_family_comes_back(tmp_path, name):
    if not hasattr(keras.ops, "image") and name == "reshaping2d":
        pytest.skip("needs ops.image")
    model = families.model(keras, name)
    for number, weight in enumerate(model.weights):
        weight.assign(
            np.abs(np.random.RandomState(number).normal(size=weight.shape)).astype(weight.dtype)
            * 0.3
        )
    x = families.data(model)
    expected = model.predict(x, verbose=0, batch_size=2)
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    same(twin.get_weights(), model.get_weights())
    for a, b in zip(
        keras.tree.flatten(twin.predict(x, verbose=0, batch_size=2)),
        keras.tree.flatten(expected),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert twin.to_json() == model.to_json()
    again = keras.models.model_from_json(model.to_json())
    for ending in (".weights.h5", ".safetensors"):
        path = tmp_path / f"w{ending}"
        model.save_weights(path)
        again.set_weights([np.zeros_like(each) for each in again.get_weights()])
        again.load_weights(path)
        same(again.get_weights(), model.get_weights())


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd", "adamw", "lion", "ftrl"])
def test_training_goes_on_as_if_never_saved(tmp_path, optimizer):
    model = keras.Sequential([keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae", keras.metrics.RootMeanSquaredError()])
    x, y = np.random.RandomState(0).rand(16, 4), np.random.RandomState(1).rand(16, 2)
    model.fit(x, y, verbose=0, shuffle=False, epochs=2)
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    first = model.fit(x, y, verbose=0, shuffle=False, epochs=2).history
    assert twin.fit(x, y, verbose=0, shuffle=False, epochs=2).history == first
    same(twin.get_weights(), model.get_weights())


def test_a_schedule_and_compile_settings_come_back(tmp_path):
    model = small(False)
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.5),
        keras.losses.Huber(0.3),
        metrics=[["mae"]],
        loss_weights=[2.0],
    )
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    assert twin.optimizer.get_config() == model.optimizer.get_config()
    assert (
        twin._compile_arguments["loss"].get_config()
        == model._compile_arguments["loss"].get_config()
    )
    assert not keras.models.load_model(tmp_path / "m.keras", compile=False).compiled


def test_subclassed_model(tmp_path):
    @keras.saving.register_keras_serializable("test")
    class Net(keras.Model):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.first = keras.layers.Dense(units)
            self.blocks = [keras.layers.Dense(3), [keras.layers.Dense(2)]]
            self.scale = self.add_weight(shape=(2,), name="scale")

        def call(self, inputs):
            return self.blocks[1][0](self.blocks[0](self.first(inputs))) * self.scale

    model = Net(4)
    model.compile("adam", "mse")
    x = np.random.RandomState(0).rand(6, 3).astype("float32")
    model.fit(x, np.ones((6, 2)), verbose=0)
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    same(twin.get_weights(), model.get_weights())
    np.testing.assert_allclose(twin.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


def test_shared_layer_across_models_stays_shared(tmp_path):
    x = keras.Input((3,))
    shared = keras.layers.Dense(3, name="shared")
    one, two = keras.Model(x, shared(x), name="one"), keras.Model(x, shared(x) + 1, name="two")
    model = keras.Model(x, one(x) + two(x))
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    assert len(twin.weights) == 2
    assert twin.get_layer("one").get_layer("shared") is twin.get_layer("two").get_layer("shared")


def test_functions_and_classes_of_ones_own(tmp_path):
    @keras.saving.register_keras_serializable("mine")
    def double(x):
        return 2 * x

    class Plus(keras.layers.Layer):
        def __init__(self, number, **kwargs):
            super().__init__(**kwargs)
            self.number = number

        def call(self, inputs):
            return inputs + self.number

    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(2, activation=double),
            Plus(3),
            keras.layers.Lambda(double),
        ]
    )
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileFormatError, match="the class or function is unknown. Received: 'Plus'"):
        keras.models.load_model(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Plus": Plus})
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
    with keras.utils.custom_object_scope({"Plus": Plus}):
        assert keras.models.load_model(tmp_path / "m.keras").layers[1].number == 3


def test_a_registered_name_like_ours_does_not_take_its_place(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="relu")])
    model.save(tmp_path / "m.keras")

    @keras.saving.register_keras_serializable("evil", "Dense")
    class Other(keras.layers.Layer):
        pass

    @keras.saving.register_keras_serializable("evil", "relu")
    def other(x):
        raise AssertionError

    twin = keras.models.load_model(tmp_path / "m.keras")
    assert type(twin.layers[0]) is keras.layers.Dense
    assert twin.layers[0].activation is keras.activations.relu


# ---- refused at save time


def test_a_lambda_is_refused_with_what_to_write(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x, name="twice")])
    with pytest.raises(
        ValueError, match=r"Lambda 'twice': can't be saved.*class Mine\(keras.layers.Layer\)"
    ):
        model.save(tmp_path / "m.keras")
    assert not os.listdir(tmp_path)


def test_a_closure_as_loss_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", lambda a, b: keras.ops.mean(a - b))
    with pytest.raises(
        ValueError, match="compile `loss`: can't be saved.*register_keras_serializable"
    ):
        model.save(tmp_path / "m.keras")


def test_a_layer_whose_arguments_are_no_data_is_refused(tmp_path):
    class Odd(keras.layers.Layer):
        def __init__(self, thing, **kwargs):
            super().__init__(**kwargs)
            self.thing = thing

        def call(self, inputs):
            return inputs

    model = keras.Sequential([keras.Input((2,)), Odd(object(), name="odd")])
    with pytest.raises(ValueError, match="Odd 'odd': can't be saved.*Write in Odd: def get_config"):
        model.save(tmp_path / "m.keras")


def test_a_model_that_can_not_be_made_again_is_refused(tmp_path):
    class Wrong(keras.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.inner = keras.layers.Dense(units)

        def call(self, inputs):
            return self.inner(inputs)

        def get_config(self):
            return {"name": self.name}

    model = keras.Sequential([keras.Input((2,)), Wrong(3)])
    with pytest.raises(ValueError, match="could not be made again from its description"):
        model.save(tmp_path / "m.keras")


@pytest.mark.parametrize("name", ["..", "a/b", "a\\b", "a\0b", "a" * 300])
def test_names_that_harm_are_refused_at_construction_and_at_save(tmp_path, name):
    with pytest.raises(ValueError, match="`name` must be a string"):
        keras.layers.Dense(2, name=name)
    model = small(False)
    model.layers[0].name = name
    for save in (
        lambda: model.save(tmp_path / "m.keras"),
        lambda: model.save_weights(tmp_path / "m.safetensors"),
    ):
        with pytest.raises(ValueError, match="`name` must be a string"):
            save()
    assert not os.listdir(tmp_path)


# ---- nothing is lost


def test_wrong_endings_and_missing_files(tmp_path):
    model = small(False)
    for name in ("m.h5", "m", "m.keras.zip"):
        with pytest.raises(ValueError, match="`filepath` must end in .keras"):
            model.save(tmp_path / name)
    with pytest.raises(ValueError, match="must end in .weights.h5 or .safetensors"):
        model.save_weights(tmp_path / "m.h5")
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        keras.models.load_model(tmp_path / "m.keras")
    with pytest.raises(FileNotFoundError, match="the folder must exist.*mkdir"):
        model.save(tmp_path / "no" / "m.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="`overwrite` is False"):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.raises(ValueError, match="`safe_mode` can't be switched off"):
        keras.models.load_model(tmp_path / "m.keras", safe_mode=False)
    (tmp_path / "folder.keras").mkdir()
    for call in (model.save, keras.models.load_model):
        with pytest.raises(IsADirectoryError):
            call(tmp_path / "folder.keras")


@pytest.mark.parametrize("broken", ["write", "fsync", "replace"])
@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".safetensors"])
def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch, broken, ending):
    model = small()
    path = tmp_path / f"m{ending}"
    save = model.save if ending == ".keras" else model.save_weights
    save(path)
    before = path.read_bytes()
    model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if broken == "write":
        from hornpipe.saving import safetensors, weights

        monkeypatch.setattr(weights, "write_h5", full)
        monkeypatch.setattr(safetensors, "write", full)
    else:
        monkeypatch.setattr(os, broken, full)
    with pytest.raises(OSError, match="the old file is as it was"):
        save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_a_kill_during_saves_leaves_a_whole_file(tmp_path):
    code = """
import sys, numpy as np, hornpipe as keras
model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(50)])
number = 0
while True:
    number += 1
    model.set_weights([np.full(w.shape, number, "float32") for w in model.get_weights()])
    model.save(sys.argv[1])
    print(number, flush=True)
"""
    path = tmp_path / "m.keras"
    for delay in (0.007, 0.031):
        child = subprocess.Popen(
            [sys.executable, "-c", code, path],
            stdout=subprocess.PIPE,
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
        )
        child.stdout.readline()
        child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        values = keras.models.load_model(path).get_weights()
        assert len({float(v) for w in values for v in np.unique(w)}) == 1


def test_a_failed_load_leaves_the_model(tmp_path):
    model = small()
    other = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3),
            keras.layers.Dense(2),
        ]
    )
    for ending in (".weights.h5", ".safetensors"):
        other.save_weights(tmp_path / f"w{ending}")
        before = model.get_weights()
        with pytest.raises(FileFormatError) as caught:
            model.load_weights(tmp_path / f"w{ending}")
        text = str(caught.value)
        assert "2 of another shape: dense_1/kernel: (5, 3) in the file, (5, 2) in the model" in text
        assert "2 unexpected: layers/dense_2/vars/0 (3, 2)" in text
        same(model.get_weights(), before)
        other.load_weights(tmp_path / f"w{ending}")
    model.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(FileFormatError, match="2 missing: dense_4/kernel"):
        other.load_weights(tmp_path / "w.safetensors")
    before = model.get_weights()
    model.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    assert not np.array_equal(model.get_weights()[0], before[0])
    np.testing.assert_array_equal(model.get_weights()[-1], before[-1])


def test_an_unbuilt_model(tmp_path):
    model = keras.Sequential([keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="the model is not built"):
        model.save_weights(tmp_path / "w.safetensors")
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    assert twin.predict(np.ones((1, 3)), verbose=0).shape == (1, 2)


def test_the_archive_is_that_of_keras(tmp_path):
    model = small()
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as file:
        assert file.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        config = json.loads(file.read("config.json"))
    assert (config["module"], config["class_name"], config["registered_name"]) == (
        "keras",
        "Sequential",
        None,
    )
    assert config["config"]["layers"][1]["module"] == "keras.layers"
    assert config["compile_config"]["optimizer"]["class_name"] == "Adam"


def test_safetensors_opens_in_the_safetensors_package(tmp_path):
    from safetensors.numpy import load_file, save_file

    model = small(False)
    model.save_weights(tmp_path / "w.safetensors")
    arrays = load_file(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(arrays["layers/dense/vars/0"], model.get_weights()[0])
    save_file({name: array + 1 for name, array in arrays.items()}, tmp_path / "v.safetensors")
    before = model.get_weights()
    model.load_weights(tmp_path / "v.safetensors")
    np.testing.assert_array_equal(model.get_weights()[0], before[0] + 1)


def test_bfloat16_weights(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    for ending in (".weights.h5", ".safetensors"):
        model.save_weights(tmp_path / f"w{ending}")
        twin = keras.models.clone_model(model)
        twin.load_weights(tmp_path / f"w{ending}")
        same(
            [w.astype("float32") for w in twin.get_weights()],
            [w.astype("float32") for w in model.get_weights()],
        )


# ---- copies


def test_clone_model_makes_fresh_weights():
    model = families.model(keras, "branches")
    twin = keras.models.clone_model(model)
    assert [w.shape for w in twin.weights] == [w.shape for w in model.weights]
    assert not {id(w) for w in twin.weights} & {id(w) for w in model.weights}
    twin.set_weights(model.get_weights())
    x = families.data(model)
    for a, b in zip(twin.predict(x, verbose=0), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_clone_model_with_functions():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")])
    twin = keras.models.clone_model(
        model, clone_function=lambda layer: keras.layers.Dense(5, name=layer.name)
    )
    assert twin.output_shape == (None, 5)
    new = keras.Input((3,), name="new")
    x = keras.Input((3,))
    functional = keras.Model(x, keras.layers.Dense(2)(x))
    assert keras.models.clone_model(functional, input_tensors=new).inputs[0] is new
    with pytest.raises(ValueError, match="`clone_function` must return a layer"):
        keras.models.clone_model(functional, clone_function=lambda layer: 3)
    with pytest.raises(TypeError, match="`model` must be a model"):
        keras.models.clone_model(3)


def test_registered_objects():
    @keras.utils.register_keras_serializable("pack", "thing")
    def function(x):
        return x

    assert keras.utils.get_registered_name(function) == "pack>thing"
    assert keras.utils.get_registered_object("pack>thing") is function
    assert keras.utils.get_registered_object("pack>none") is None
    config = keras.utils.serialize_keras_object(keras.layers.Dense(2, activation=function))
    assert keras.utils.deserialize_keras_object(config).activation is function
    with pytest.raises(ValueError, match="without '>'"):
        keras.utils.register_keras_serializable("a>b")(function)
    with pytest.raises(ValueError, match="a class needs `get_config`"):
        keras.utils.register_keras_serializable("a")(type("Plain", (), {}))
