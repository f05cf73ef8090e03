"""Folders of checkpoints: whole or not at all, damaged ones are noticed, one run at a time."""

import contextlib
import errno
import json
import math
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hornpipe as keras
from hornpipe import layers
from hornpipe.core.errors import FileFormatError
from hornpipe.saving import checkpoints, plain
from hornpipe.saving.checkpoints import CheckpointFolder
from hornpipe.saving.locks import FolderLock

ARRAYS = {"a": np.arange(6, dtype="float32").reshape(2, 3), "b": np.array(7, "int32")}


def write(folder, count=1, **options):
    with CheckpointFolder(folder, **options) as checkpoint_folder:
        for number in range(count):
            checkpoint_folder.write(ARRAYS, {"n": number, "x": [0.5, math.nan]})


def newest(folder):
    with CheckpointFolder(folder) as checkpoint_folder:
        return checkpoint_folder.newest()


# ---- plain data

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
        st.dictionaries(st.integers(0, 9), inner, max_size=4),
        st.lists(st.floats(), min_size=16, max_size=20),
    ),
    max_leaves=12,
)


def assert_equal(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_equal(one, other)
    elif isinstance(a, float):
        assert a == b or (math.isnan(a) and math.isnan(b))
    else:
        assert a == b


@settings(max_examples=50, deadline=None)
@given(TREES)
def test_plain_data_comes_back(tree):
    arrays = {}
    text = json.dumps(plain.pack(tree, arrays, "test"), allow_nan=False)
    assert_equal(tree, plain.unpack(json.loads(text), arrays, "test"))


@pytest.mark.parametrize(
    "value",
    [np.float32(1.5), np.int64(3), np.bool_(True), np.zeros((2, 0), "uint8"), np.array(2.5)],
)
def test_numbers_and_arrays_keep_their_types(value):
    arrays = {}
    found = plain.unpack(plain.pack({"v": value}, arrays, "t"), arrays, "t")["v"]
    assert type(found) is type(value) and found.dtype == value.dtype and found.shape == value.shape
    np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", len, np.array(["a"]), 1j])
def test_what_is_no_plain_data_is_refused(value):
    with pytest.raises(TypeError, match="t: `get_state` must return plain data. Received"):
        plain.pack({"v": [value]}, {}, "t")


@pytest.mark.parametrize(
    "tree",
    [
        {"$array": "gone"},
        {"$array": 3},
        {"$number": "a"},
        {"$floats": "a"},
        {"$float": "1e5"},
        {"$float": "nan", "b": 1},
        {"$tuple": {"a": 1}},
        {"$dict": [[1, 2, 3]]},
        {"$dict": [[[], 1]]},
        {"$dict": "ab"},
        {"$code": "import os"},
    ],
)
def test_what_pack_never_writes_is_refused(tree):
    with pytest.raises(FileFormatError):
        plain.unpack(tree, ARRAYS, "test")


# ---- the folder


def test_round_trip_and_the_newest_are_kept(tmp_path):
    write(tmp_path, 5)
    names = sorted(path.name for path in tmp_path.glob("*.*"))
    assert names == [
        f"checkpoint-{n:08d}.{ending}" for n in (2, 3, 4) for ending in ("json", "safetensors")
    ]
    found = newest(tmp_path)
    assert found.name == "checkpoint-00000004.json"
    assert found.state["n"] == 4 and math.isnan(found.state["x"][1])
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
    write(tmp_path, 1)
    assert newest(tmp_path).name == "checkpoint-00000005.json"
    assert newest(tmp_path / "empty") is None


def test_the_safetensors_package_reads_the_arrays(tmp_path):
    from safetensors.numpy import load_file

    write(tmp_path)
    loaded = load_file(tmp_path / "checkpoint-00000000.safetensors")
    np.testing.assert_array_equal(loaded["a"], ARRAYS["a"])


def damage_byte(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))


DAMAGES = {
    "a bit of the arrays": lambda folder, n: damage_byte(folder / f"{n}.safetensors"),
    "arrays cut off": lambda folder, n: os.truncate(folder / f"{n}.safetensors", 40),
    "arrays gone": lambda folder, n: os.unlink(folder / f"{n}.safetensors"),
    "arrays empty": lambda folder, n: os.truncate(folder / f"{n}.safetensors", 0),
    "description empty": lambda folder, n: os.truncate(folder / f"{n}.json", 0),
    "description cut off": lambda folder, n: os.truncate(folder / f"{n}.json", 60),
    "a number of the description": lambda folder, n: (folder / f"{n}.json").write_text(
        (folder / f"{n}.json").read_text().replace('"n": 2', '"n": 3')
    ),
    "no description": lambda folder, n: (folder / f"{n}.json").write_text("[1, 2]"),
    "no text": lambda folder, n: (folder / f"{n}.json").write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_checkpoint_falls_back_with_a_warning(name, tmp_path):
    write(tmp_path, 3)
    DAMAGES[name](tmp_path, "checkpoint-00000002")
    with pytest.warns(UserWarning, match="Training goes on from the one before, 'checkpoint-00000"):
        found = newest(tmp_path)
    assert found.state["n"] == 1
    for n in (0, 1):
        damage_byte(tmp_path / f"checkpoint-{n:08d}.safetensors")
    with pytest.raises(FileFormatError, match="no checkpoint in .* can be used: .*nothing was ch"):
        newest(tmp_path)


def test_newer_format_is_no_damage(tmp_path):
    write(tmp_path, 2)
    path = tmp_path / "checkpoint-00000001.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(FileFormatError, match="newer version of hornpipe, in format 2.*Update"):
        newest(tmp_path)


def test_half_written_files_are_swept_away_and_others_are_not(tmp_path):
    write(tmp_path, 1)
    (tmp_path / "checkpoint-00000001.safetensors").write_bytes(b"half")
    (tmp_path / ".checkpoint-00000001.json.abc.tmp").write_bytes(b"half")
    for name in ("mine.json", "checkpoint-1.json", ".keep.tmp"):
        (tmp_path / name).write_text("mine")
    write(tmp_path, 0)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("checkpoint-00000000.json", "checkpoint-00000000.safetensors", "lock"),
        *("mine.json", "checkpoint-1.json", ".keep.tmp"),
    }


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_failing_disk_leaves_what_was_there(call, number, tmp_path, monkeypatch):
    write(tmp_path, 3)
    real, left = getattr(os, call), [number]

    def fails(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, fails)
    with CheckpointFolder(tmp_path) as folder:
        with contextlib.suppress(OSError):
            folder.write(ARRAYS, {"n": 3})
        failed = left[0] <= 0
        monkeypatch.undo()
        found = folder.newest()
    assert failed or call == "replace"
    assert found.state["n"] in (2, 3)
    assert not list(tmp_path.glob("*.tmp")) and not list(tmp_path.glob(".*.tmp"))


def test_space_is_asked_for_before_training(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda path: usage)
    folder = CheckpointFolder(tmp_path)
    folder.check_space(1000)
    with pytest.raises(OSError, match="there must be room for a checkpoint. Received: 0.0 MB free"):
        folder.check_space(1001)


# ---- in fit


def make_model():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def fit(folder, **options):
    model = make_model()
    backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    return model, model.fit(x, y, verbose=0, callbacks=[backup, *options.pop("callbacks", ())])


def test_full_disk_does_not_end_training_but_is_told_at_the_end(tmp_path, monkeypatch):
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    model = make_model()
    seen = []

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    class Fill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(epoch)
            if epoch == 1:
                monkeypatch.setattr(os, "fsync", full)
            if epoch == 2:
                monkeypatch.undo()

    with pytest.warns(
        UserWarning, match="no checkpoint could be written: writing .*No space left.*goes on"
    ):
        model.fit(x, y, epochs=4, verbose=0, callbacks=[Fill(), backup(tmp_path)])
    assert seen == [0, 1, 2, 3]
    assert newest(tmp_path).state["place"]["epoch"] == 4

    class FillAtTheEnd(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            monkeypatch.setattr(os, "fsync", full)

    model = make_model()
    with pytest.raises(OSError, match="No space left on device.*the old file is as it was"):
        model.fit(x, y, epochs=6, verbose=0, callbacks=[FillAtTheEnd(), backup(tmp_path)])
    monkeypatch.undo()
    assert model.history.epoch == [0, 1, 2, 3, 4, 5]
    assert newest(tmp_path).state["place"]["epoch"] == 5
    fit_again = make_model().fit(x, y, epochs=6, verbose=0, callbacks=[backup(tmp_path)])
    assert fit_again.history == model.history.history


def backup(folder):
    return keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False, double_checkpoint=True)


def test_folder_that_can_not_be_written(tmp_path, monkeypatch):
    real = os.open

    def refused(path, *args, **kwargs):
        if str(path).endswith("lock"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refused)
    model = make_model()
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    with pytest.raises(PermissionError, match="the checkpoint folder can't be written .Permission"):
        model.fit(x, y, verbose=0, checkpoint=tmp_path)
    assert list(tmp_path.iterdir()) == []


# ---- the lock

HOLD = """
    import sys, time
    from hornpipe.saving.locks import FolderLock
    lock = FolderLock(sys.argv[1], "fit")
    lock.take()
    print("held", flush=True)
    time.sleep(100)
"""


def test_another_process_has_the_folder(tmp_path):
    write(tmp_path, 2)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RuntimeError) as caught:
            fit(tmp_path)
        text = str(caught.value)
        assert f"another run writes its checkpoints into {str(tmp_path)!r}" in text
        assert f"Received: process {holder.pid}. Wait until it ends" in text
        assert {path: path.read_bytes() for path in tmp_path.glob("*.*")} == before
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    assert (tmp_path / "lock").read_text() == f"{holder.pid}\n"  # it is stale now
    write(tmp_path, 1)
    assert (tmp_path / "lock").read_text() == ""


def test_this_process_has_the_folder(tmp_path):
    class Inner(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            fit(tmp_path)

    with pytest.raises(RuntimeError, match=f"Received: process {os.getpid()}, this one"):
        fit(tmp_path, callbacks=[Inner()])
    fit(tmp_path)  # an error lets go of the lock


def test_a_symbolic_link_is_the_same_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    lock = FolderLock(tmp_path / "run", "fit")
    lock.take()
    try:
        with pytest.raises(RuntimeError, match="this one"):
            FolderLock(tmp_path / "link", "fit").take()
    finally:
        lock.release()
    again = FolderLock(tmp_path / "link", "fit")
    again.take()
    again.release()
