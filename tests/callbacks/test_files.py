"""Logs in a file: rows against what is expected by hand, and what is told before training."""

from __future__ import annotations

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.callbacks import CallbackList, CSVLogger


def run(log, rows, first=0, state=None, available=(), every=1):
    """Write rows, a dict for each epoch; returns the list of callbacks."""
    callbacks = CallbackList([log], validation_freq=every)
    callbacks.check_monitored(available)
    callbacks.on_train_begin()
    if state is not None:
        assert callbacks.set_state(state) == []
    for epoch, logs in enumerate(rows, first):
        callbacks.on_epoch_end(epoch, dict(logs))
    callbacks.on_train_end()
    return callbacks


A, B, C = {"loss": 1.0, "mae": 0.5}, {"loss": 0.25, "mae": 1e-9}, {"loss": float("nan"), "mae": 2}


def test_rows(tmp_path):
    path = tmp_path / "new" / "log.csv"
    run(CSVLogger(path), [A, B, C])
    assert path.read_text() == "epoch,loss,mae\n0,1.0,0.5\n1,0.25,1e-09\n2,nan,2.0\n"


def test_numbers_come_back_exactly(tmp_path):
    value = 0.1 + 0.2
    run(CSVLogger(tmp_path / "log.csv"), [{"loss": value}])
    table = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    assert float(table["loss"]) == value


def test_separator_and_quoting(tmp_path):
    path = tmp_path / "log.csv"
    run(CSVLogger(path, separator=";"), [{"loss": 1.0, "a;b": np.array([1.0, 2.0])}])
    assert path.read_text() == 'epoch;loss;"a;b"\n0;1.0;[1.0, 2.0]\n'


def test_a_new_run_replaces_the_file_with_its_first_row(tmp_path):
    path = tmp_path / "log.csv"
    run(CSVLogger(path), [A, B])
    run(CSVLogger(path), [])
    assert len(path.read_text().splitlines()) == 3
    run(CSVLogger(path), [C])
    assert path.read_text() == "epoch,loss,mae\n0,nan,2.0\n"


def test_no_file_without_rows(tmp_path):
    run(CSVLogger(tmp_path / "log.csv"), [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("start", ["", "epoch,loss,mae\n0,1.0,0.5\n"])
def test_append(tmp_path, start):
    path = tmp_path / "log.csv"
    path.write_text(start)
    run(CSVLogger(path, append=True), [B])
    assert path.read_text() == (start or "epoch,loss,mae\n") + "0,0.25,1e-09\n"


def test_append_to_a_row_that_was_cut_short(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,mae\n0,1.0,0.5\n1,0.2")
    run(CSVLogger(path, append=True), [B], first=1)
    assert path.read_text() == "epoch,loss,mae\n0,1.0,0.5\n1,0.25,1e-09\n"


def test_a_name_that_turns_up_later_gets_a_column(tmp_path):
    path = tmp_path / "log.csv"
    run(CSVLogger(path), [{"loss": 1.0}, {"loss": 2.0, "extra": 3.0}, {"loss": 4.0}])
    assert path.read_text() == "epoch,loss,extra\n0,1.0,NA\n1,2.0,3.0\n2,4.0,NA\n"
    run(CSVLogger(path, append=True), [{"mae": 1.0}], first=3)
    assert path.read_text().splitlines()[0] == "epoch,loss,extra,mae"
    assert path.read_text().splitlines()[3:] == ["2,4.0,NA,NA", "3,NA,NA,1.0"]


def test_validation_has_its_column_from_the_beginning(tmp_path):
    path = tmp_path / "log.csv"
    rows = [{"loss": 1.0}, {"loss": 2.0, "val_loss": 3.0}]
    run(CSVLogger(path), rows, available=["loss", "val_loss"], every=2)
    assert path.read_text() == "epoch,loss,val_loss\n0,1.0,NA\n1,2.0,3.0\n"


# ---- resuming


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("saved", range(1, 4))
def test_a_resumed_run_has_no_row_twice(tmp_path, saved, append):
    rows = [{"loss": float(epoch)} for epoch in range(5)]
    path = tmp_path / "log.csv"
    before = "epoch,loss\n9,9.0\n" if append else "epoch,loss\n"
    path.write_text(before)
    log = CSVLogger(path, append=append)
    callbacks = run(log, rows[:saved])
    state = callbacks.get_state()
    for epoch in range(saved, 4):  # written after the checkpoint, then lost
        callbacks.on_epoch_end(epoch, dict(rows[epoch]))
    with open(path, "a") as file:
        file.write("4,4.")  # stopped in the middle of a row
    run(CSVLogger(path, append=append), rows[saved:], first=saved, state=state)
    assert path.read_text() == before + "".join(f"{i},{i}.0\n" for i in range(5))


@pytest.mark.parametrize("append", [False, True])
def test_checkpoints_before_the_first_row_of_a_part(tmp_path, append):
    path = tmp_path / "log.csv"
    before = "epoch,loss\n9,9.0\n" if append else "epoch,loss\n"
    path.write_text(before)
    first = CallbackList([CSVLogger(path, append=append)])
    first.on_train_begin()
    state = first.get_state()  # within the first epoch
    first.on_epoch_end(0, {"loss": 7.0})  # lost
    for rows in (1, 2):
        part = CallbackList([CSVLogger(path, append=append)])
        part.on_train_begin()
        part.set_state(state)
        assert part.get_state() == state  # saved again before an epoch has ended
        part.on_epoch_end(rows - 1, {"loss": float(rows - 1)})
        state = part.get_state()
    assert path.read_text() == before + "0,0.0\n1,1.0\n"


def test_resuming_without_the_file_begins_a_new_one(tmp_path):
    path = tmp_path / "log.csv"
    state = run(CSVLogger(path), [A, B]).get_state()
    assert state == [{"callback": "CSVLogger", "state": {"rows": 2}}]
    path.unlink()
    run(CSVLogger(path), [C], first=2, state=state)
    assert path.read_text() == "epoch,loss,mae\n2,nan,2.0\n"


# ---- in fit


def test_in_fit(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 2)), np.ones((8, 1))
    log = CSVLogger(tmp_path / "log.csv")
    history = model.fit(
        x, y, epochs=2, validation_split=0.5, validation_freq=2, callbacks=[log], verbose=0
    ).history
    lines = [line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines()]
    assert lines[0] == ["epoch", "loss", "val_loss"]
    assert lines[1] == ["0", repr(history["loss"][0]), "NA"]
    assert lines[2] == ["1", repr(history["loss"][1]), repr(history["val_loss"][0])]


# ---- mistakes


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"filename": 3}, TypeError, "`filename` must be a path. Received: filename=3."),
        ({"filename": ""}, ValueError, "`filename` must be a path that is not empty"),
        ({"filename": "a", "separator": ""}, ValueError, "`separator` must be one character"),
        ({"filename": "a", "separator": ", "}, ValueError, "`separator` must be one character"),
        (
            {"filename": "a", "separator": "\n"},
            ValueError,
            "`separator` must be one character, no quote",
        ),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error) as caught:
        CSVLogger(**arguments)
    assert str(caught.value).startswith("CSVLogger: " + text)


def test_a_file_that_is_no_log_is_told_before_training(tmp_path):
    path = tmp_path / "log.csv"
    for text, separator in (("name,age\n", ","), ("epoch,loss\n", ";")):
        path.write_text(text)
        with pytest.raises(ValueError, match="whose first column is 'epoch'.*append=False"):
            CSVLogger(path, separator, append=True).on_train_begin()
        assert path.read_text() == text


def test_a_place_that_cannot_be_written_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="CSVLogger: must be able to write into its folder"):
        CSVLogger(tmp_path / "file" / "log.csv").on_train_begin()
    with pytest.raises(IsADirectoryError, match="CSVLogger: can't write its file"):
        CSVLogger(tmp_path).on_train_begin()
