"""Every callback in a run that is interrupted again and again and resumed: files and results are those of a run that was not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import hornpipe as keras
from hornpipe import callbacks, layers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of another package, while it is imported
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


class HaltError(Exception):
    """What a run is interrupted with."""


class StopAfter(callbacks.Callback):
    """Raises `HaltError` when so many chunks of steps have ended."""

    def __init__(self, chunks):
        super().__init__()
        self.left = chunks

    def on_chunk_end(self, epoch, step):
        self.left -= 1
        if self.left == 0:
            raise HaltError


def make():
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)]
    )
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 3)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def fit(folder, make_callbacks, backup=None, halt=None):
    """Train, with `halt` interrupted after so many chunks of steps, again and again; also returns how often."""
    x, y = data()
    for times in range(20):
        model = make()
        chosen = make_callbacks(folder)
        if halt is not None:
            chosen += [
                callbacks.BackupAndRestore(backup, save_freq=4, delete_checkpoint=False),
                StopAfter(halt),
            ]
        try:
            history = model.fit(
                x,
                y,
                batch_size=8,
                epochs=3,
                validation_data=(x[:16], y[:16]),
                callbacks=chosen,
                verbose=0,
            )
            return model, history, times
        except HaltError:
            continue
    raise AssertionError("the run has not ended")


def scalars(folder):
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def shrink(epoch, rate):
    return rate * 0.5


CASES = {
    "plateau": lambda folder: [
        callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10, cooldown=1)
    ],
    "schedule": lambda folder: [callbacks.LearningRateScheduler(shrink)],
    "averages": lambda folder: [callbacks.SwapEMAWeights(swap_on_epoch=True)],
    "files": lambda folder: [
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.TensorBoard(folder / "board", update_freq=1, write_graph=True),
        callbacks.ModelCheckpoint(folder / "best-{epoch}.keras", save_best_only=True),
        callbacks.ModelCheckpoint(
            folder / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=5
        ),
        callbacks.LearningCurves(folder / "curves.png", interval_seconds=3600),
        callbacks.TerminateOnNaN(),
    ],
}


@pytest.mark.parametrize(
    "case",
    [
        "plateau",
        "schedule",
        pytest.param("averages", marks=pytest.mark.slow),
        pytest.param("files", marks=pytest.mark.slow),
    ],
)
def test_resumed_equals_uninterrupted(tmp_path, case):
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    model, history, _ = fit(whole, CASES[case])
    again, resumed, times = fit(parted, CASES[case], tmp_path / "backup", halt=6)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history.history == resumed.history and times >= 1
    if case == "files":
        check_files(whole, parted)


def check_files(whole, parted):
    def names(folder):
        found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if "tfevents" not in path.name)

    assert names(whole) == names(parted)
    assert (whole / "log.csv").read_text() == (parted / "log.csv").read_text()
    for run in ("train", "validation"):
        assert scalars(whole / "board" / run) == scalars(parted / "board" / run)
    twins = [make(), make()]
    for path in whole.glob("*.weights.h5"):
        for model, folder in zip(twins, (whole, parted), strict=True):
            model.load_weights(folder / path.name)
        for a, b in zip(twins[0].get_weights(), twins[1].get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert (whole / "curves.png").read_bytes() == (parted / "curves.png").read_bytes()
