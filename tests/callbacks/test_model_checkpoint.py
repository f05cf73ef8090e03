"""Checkpoints: which files there are, what is in them, and what is refused before training."""

from __future__ import annotations

import os

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.callbacks import CallbackList, ModelCheckpoint

NAN = float("nan")


def make():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="head")])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
    return model


def data(rows=20):
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 2)).astype("float32")
    return x, x @ np.array([[1.0], [-2.0]], "float32") + 0.5


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def fit(checkpoint, model=None, **options):
    options = {"epochs": 2, "batch_size": 4, "validation_split": 0.2, **options}
    model = model or make()
    model.fit(*data(), callbacks=[checkpoint], verbose=0, **options)
    return model


class Model:
    """A model that writes the number of the epoch into its file."""

    def __init__(self):
        self.metrics, self.saved = [], []

    def _check_savable(self):
        pass

    def save(self, path, overwrite):
        self.saved.append(os.path.basename(path))


def run(
    folder, values, pattern="m-{epoch}.keras", monitor="val_loss", checkpoint=None, **arguments
):
    """Return the epochs that were saved, for these monitored values."""
    model = Model()
    checkpoint = checkpoint or ModelCheckpoint(folder / pattern, monitor, **arguments)
    callbacks = CallbackList([checkpoint], model)
    callbacks.on_train_begin()
    for epoch, value in enumerate(values):
        callbacks.on_epoch_begin(epoch)
        callbacks.on_epoch_end(epoch, {monitor: value})
    return model.saved


# ---- which files


@pytest.mark.parametrize(
    ("pattern", "arguments", "expected"),
    [
        ("m.keras", {}, ["m.keras"]),
        ("m-{epoch:02d}.keras", {}, ["m-01.keras", "m-02.keras"]),
        ("{{m}}-{epoch}.keras", {}, ["{m}-1.keras", "{m}-2.keras"]),
        ("a/{epoch}/m.keras", {}, ["a/1/m.keras", "a/2/m.keras"]),
        ("m.weights.h5", {"save_weights_only": True}, ["m.weights.h5"]),
        ("m.safetensors", {"save_weights_only": True}, ["m.safetensors"]),
        # four steps an epoch, counted over epochs
        ("m-{epoch}-{batch}.keras", {"save_freq": 3}, ["m-1-3.keras", "m-2-2.keras"]),
        ("m-{epoch}-{batch}.keras", {"save_freq": 4}, ["m-1-4.keras", "m-2-4.keras"]),
        ("m-{epoch}-{batch}.keras", {"save_freq": 9}, []),
    ],
)
def test_files(tmp_path, pattern, arguments, expected):
    fit(ModelCheckpoint(tmp_path / pattern, **arguments))
    assert names(tmp_path) == expected


def test_values_in_names(tmp_path):
    pattern = tmp_path / "m-{val_mae:.3f}-{loss:.3e}.keras"
    model = fit(ModelCheckpoint(pattern))
    logs = model.history.history
    pairs = zip(logs["val_mae"], logs["loss"], strict=True)
    assert names(tmp_path) == sorted(f"m-{mae:.3f}-{loss:.3e}.keras" for mae, loss in pairs)


BEST = [
    ([3.0, 2.0, 2.5, 1.0], {}, [1, 2, 4]),
    ([1.0, 1.0, 1.0], {}, [1]),
    ([0.1, 0.3, 0.2], {"mode": "max"}, [1, 2]),
    ([3.0, 2.0, 1.0], {"initial_value_threshold": 2.0}, [3]),
    ([3.0, 2.0, 1.0], {"initial_value_threshold": 0.5}, []),
    ([0.1, 0.3], {"initial_value_threshold": 0.2, "mode": "max"}, [2]),
    ([NAN, 2.0, NAN, 3.0, 1.0], {}, [1, 2, 5]),
]


@pytest.mark.parametrize(("values", "arguments", "expected"), BEST)
def test_best_only(tmp_path, values, arguments, expected):
    saved = run(tmp_path, values, save_best_only=True, **arguments)
    assert saved == [f"m-{epoch}.keras" for epoch in expected]


def test_all_without_best_only(tmp_path):
    assert run(tmp_path, [1.0, NAN]) == ["m-1.keras", "m-2.keras"]


def test_best_is_kept_from_one_fit_to_the_next(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "m-{epoch}.keras", save_best_only=True)
    assert run(tmp_path, [2.0, 1.0], checkpoint=checkpoint) == ["m-1.keras", "m-2.keras"]
    assert run(tmp_path, [1.5, 0.5], checkpoint=checkpoint) == ["m-2.keras"]


def test_epochs_without_validation_are_passed_over(tmp_path):
    fit(ModelCheckpoint(tmp_path / "m-{epoch}-{val_loss:.0f}.keras"), epochs=4, validation_freq=2)
    assert [name[:4] for name in names(tmp_path)] == ["m-2-", "m-4-"]
    best = ModelCheckpoint(tmp_path / "b" / "{epoch}.keras", save_best_only=True)
    fit(best, epochs=4, validation_freq=2)
    assert names(tmp_path / "b")[0] == "2.keras" and "1.keras" not in names(tmp_path / "b")


# ---- what is in them


def test_the_model_comes_back_and_trains_on(tmp_path):
    path = tmp_path / "m.keras"
    model = fit(ModelCheckpoint(path))
    twin = keras.models.load_model(path)
    x, y = data()
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
    for each in (model, twin):
        each.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors"])
def test_the_weights_of_a_step(tmp_path, ending):
    pattern = tmp_path / ("w-{epoch}-{batch}" + ending)
    model, twin, loaded = make(), make(), make()
    twin.set_weights(model.get_weights())
    fit(ModelCheckpoint(pattern, save_weights_only=True, save_freq=3), model, shuffle=False)
    loaded.load_weights(str(pattern).format(epoch=1, batch=3))
    x, y = data()
    for first in range(0, 12, 4):
        twin.train_on_batch(x[first : first + 4], y[first : first + 4])
    for a, b in zip(loaded.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    fit(ModelCheckpoint(path))
    before = path.read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        fit(ModelCheckpoint(path))
    assert path.read_bytes() == before and names(tmp_path) == ["m.keras"]


def test_training_is_the_same_with_checkpoints(tmp_path):
    keras.utils.set_random_seed(1)
    plain = make()
    plain.fit(*data(), epochs=2, batch_size=4, verbose=0)
    keras.utils.set_random_seed(1)
    saved = make()
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=2)
    saved.fit(*data(), epochs=2, batch_size=4, verbose=0, callbacks=[checkpoint])
    for a, b in zip(plain.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_run_together(tmp_path):
    assert not CallbackList([ModelCheckpoint(tmp_path / "m.keras")]).needs_train_batches
    stepwise = CallbackList([ModelCheckpoint(tmp_path / "m.keras", save_freq=2)])
    assert stepwise.needs_train_batches and not stepwise.needs_single_train_steps
    assert stepwise.steps_to_action() == 2


@pytest.mark.parametrize("stream", [False, True])
def test_files_hold_the_step_they_name_though_steps_run_together(tmp_path, stream):
    x, y = data(400)

    def batches():
        for first in range(0, 400, 4):
            yield x[first : first + 4], y[first : first + 4]

    model, twin, loaded = make(), make(), make()
    once = (batches(),) if stream else (x, y)
    options = {"verbose": 0, "shuffle": False, **({} if stream else {"batch_size": 4})}
    model.fit(*once, **options)
    for each in (model, twin):
        each.compile(keras.optimizers.SGD(0.1), "mse")
    twin.set_weights(model.get_weights())
    checkpoint = ModelCheckpoint(
        tmp_path / "{epoch}-{batch}.safetensors", save_weights_only=True, save_freq=23
    )
    once = (batches(),) if stream else (x, y)
    model.fit(*once, callbacks=[checkpoint], **options)
    assert names(tmp_path) == [f"1-{batch}.safetensors" for batch in (23, 46, 69, 92)]
    for step, first in enumerate(range(0, 400, 4), 1):
        twin.train_on_batch(x[first : first + 4], y[first : first + 4])
        if step % 23 == 0:
            loaded.load_weights(tmp_path / f"1-{step}.safetensors")
            for a, b in zip(loaded.get_weights(), twin.get_weights(), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6)


# ---- state


@pytest.mark.parametrize("interrupted", [1, 2, 3, 4])
def test_resumed_equals_uninterrupted(tmp_path, interrupted):
    values = [3.0, 2.0, 2.5, 1.5, 1.0]
    arguments = {"save_best_only": True}
    whole = run(tmp_path, values, **arguments)
    first = ModelCheckpoint(tmp_path / "m-{epoch}.keras", **arguments)
    saved = run(tmp_path, values[:interrupted], checkpoint=first)
    second, model = ModelCheckpoint(tmp_path / "m-{epoch}.keras", **arguments), Model()
    callbacks = CallbackList([second], model)
    callbacks.on_train_begin()
    assert callbacks.set_state(CallbackList([first]).get_state()) == []
    for epoch in range(interrupted, len(values)):
        callbacks.on_epoch_end(epoch, {"val_loss": values[epoch]})
    assert saved + model.saved == whole


def test_the_count_of_steps_resumes(tmp_path):
    first = ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=3)
    for checkpoint, state in ((first, None), (ModelCheckpoint(first.filepath, save_freq=3), 1)):
        model = Model()
        callbacks = CallbackList([checkpoint], model)
        callbacks.on_train_begin()
        if state:
            callbacks.set_state(CallbackList([first]).get_state())
        for batch in range(2):
            callbacks.on_train_batch_end(batch, {"loss": 1.0})
        assert model.saved == ([] if state is None else ["1-1.keras"])


# ---- messages


def test_verbose_says_what_was_saved(tmp_path, capsys):
    run(tmp_path, [2.0, 1.0], "m.keras", verbose=1, save_best_only=True)
    assert capsys.readouterr().out == (
        f"Epoch 1: val_loss improved to 2; saved to {tmp_path}/m.keras.\n"
        f"Epoch 2: val_loss improved from 2 to 1; saved to {tmp_path}/m.keras.\n"
    )


WRONG = [
    (("m.h5",), {}, ValueError, "`filepath` must end in .keras. Received: filepath='m.h5'"),
    (("m.weights.h5",), {}, ValueError, "`filepath` must end in .keras."),
    (("m",), {"save_weights_only": True}, ValueError, "must end in .weights.h5 or .safetensors"),
    (("m-{epoch.keras",), {}, ValueError, "`filepath` must be a pattern with places such as"),
    (("m-{}.keras",), {}, ValueError, "the place {} in 'm-{}.keras'"),
    (("m-{epoch.real}.keras",), {}, ValueError, "the place {epoch.real} in"),
    (("m-{loss:02d}.keras",), {}, ValueError, "must be a pattern whose places fit their values"),
    (("m-{epoch:{width}}.keras",), {}, ValueError, "must be a pattern whose places fit"),
    ((3,), {}, TypeError, "`filepath` must be a path. Received: filepath=3."),
    (("",), {}, ValueError, "`filepath` must be a path that is not empty"),
    (("m.keras",), {"save_freq": 0}, ValueError, "`save_freq` must be 'epoch' or an integer >= 1"),
    (("m.keras",), {"save_freq": "batch"}, ValueError, "Received: save_freq='batch'. The integer"),
    (("m.keras",), {"save_freq": True}, ValueError, "Received: save_freq=True."),
    (("m.keras",), {"initial_value_threshold": "a"}, TypeError, "must be a number or None"),
    (("m.keras",), {"mode": "least"}, ValueError, "`mode` must be one of auto, min, max"),
    (("m.keras",), {"save_best": True}, TypeError, "Did you mean 'save_best_only'?"),
    (("m.keras",), {"period": 3}, TypeError, "`period` is gone. Received: period=3. Today"),
]


@pytest.mark.parametrize(("args", "arguments", "error", "text"), WRONG)
def test_wrong_arguments(args, arguments, error, text):
    with pytest.raises(error) as caught:
        ModelCheckpoint(*args, **arguments)
    assert str(caught.value).startswith("ModelCheckpoint: ") and text in str(caught.value)


def test_the_advice_for_weights():
    with pytest.raises(ValueError, match="Pass save_weights_only=True, or a name such as"):
        ModelCheckpoint("m.weights.h5")


def test_the_spelling_of_keras_1(tmp_path):
    checkpoint = ModelCheckpoint(
        str(tmp_path / "m.keras"), "val_mae", 0, True, False, "min", period=1
    )
    assert checkpoint.monitor == "val_mae" and checkpoint.save_best_only
    fit(checkpoint)
    assert names(tmp_path) == ["m.keras"]


REFUSED = [
    ("m.keras", {"monitor": "val_los", "save_best_only": True}, "Did you mean 'val_loss'"),
    (
        "m-{val_acc}.keras",
        {},
        "`filepath` must use names in the logs: loss, mae, val_loss, val_mae",
    ),
    ("m-{batch}.keras", {}, "Received: the name 'batch'"),
    ("m-{val_loss}.keras", {"save_freq": 2}, "must do without validation where `save_freq` counts"),
    (
        "m.keras",
        {"save_best_only": True, "save_freq": 2},
        "`monitor` must do without .* Use 'loss', or save_freq='epoch'",
    ),
]


@pytest.mark.parametrize(("pattern", "arguments", "text"), REFUSED)
def test_names_are_checked_before_training(tmp_path, pattern, arguments, text):
    model = make()
    with pytest.raises(ValueError, match=text):
        fit(ModelCheckpoint(tmp_path / pattern, **arguments), model)
    assert int(model.optimizer.iterations.numpy()) == 0


def test_monitor_does_not_matter_where_all_are_saved(tmp_path):
    fit(ModelCheckpoint(tmp_path / "m.keras", "nothing"), validation_split=0.0)
    assert names(tmp_path) == ["m.keras"]


def test_a_folder_that_cannot_be_made_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    model = make()
    with pytest.raises(OSError, match="ModelCheckpoint: must be able to write into its folder"):
        fit(ModelCheckpoint(tmp_path / "file" / "m.keras"), model)
    assert int(model.optimizer.iterations.numpy()) == 0


def test_a_model_that_cannot_be_saved_is_told_before_training(tmp_path):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Lambda 'lambda': can't be saved"):
        fit(ModelCheckpoint(tmp_path / "m.keras"), model)
    assert int(model.optimizer.iterations.numpy()) == 0
    fit(ModelCheckpoint(tmp_path / "m.weights.h5", save_weights_only=True), model)
    assert names(tmp_path) == ["m.weights.h5"]
