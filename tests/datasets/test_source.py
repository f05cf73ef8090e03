"""Where data sets are looked for, what is checked, and what is left behind when something fails."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.core.errors import FileFormatError
from hornpipe.datasets import _source, boston_housing, imdb, mnist, reuters
from hornpipe.datasets._source import PublicFile


def texts_file(path, **changes):
    """Write reuters.npz in our own form: text i is [i % 7 + 1] * (i % 3)."""
    lengths = np.arange(11228) % 3
    arrays = {
        "x_values": np.repeat(np.arange(11228) % 7 + 1, lengths).astype(np.int32),
        "x_offsets": np.concatenate(([0], np.cumsum(lengths))),
        "y": np.arange(11228) % 46,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{**arrays, **changes})


def boston_file(path, **changes):
    arrays = {"x": np.arange(506.0 * 13).reshape(506, 13), "y": np.arange(506.0)}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{**arrays, **changes})


def use_public(monkeypatch, module, constant, path, sha256=None):
    """Let a data set's one public file be a local one, by default with its true sum."""
    sha256 = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    public = PublicFile(path.as_uri(), sha256)
    dataset = dataclasses.replace(getattr(module, constant), public=(public,))
    monkeypatch.setattr(module, constant, dataset)


def use_no_network(monkeypatch):
    def refuse(origin, timeout):
        raise OSError("no network")

    monkeypatch.setattr("hornpipe.utils.files._opener.open", refuse)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_local_folder_comes_before_the_cache(cache, tmp_path, monkeypatch):
    boston_file(cache / "boston_housing.npz")
    boston_file(tmp_path / "local" / "boston_housing.npz", y=np.full(506, 7.0))
    assert set(boston_housing.load_data()[0][1]) != {7.0}
    monkeypatch.setenv("HORNPIPE_DATASETS", str(tmp_path / "local"))
    assert set(boston_housing.load_data()[0][1]) == {7.0}


def test_cache_serves_what_the_local_folder_lacks(cache, tmp_path, monkeypatch):
    (tmp_path / "local").mkdir()
    monkeypatch.setenv("HORNPIPE_DATASETS", str(tmp_path / "local"))
    boston_file(cache / "boston_housing.npz")
    assert boston_housing.load_data()[0][0].shape == (404, 13)


def test_local_folder_that_does_not_exist(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("HORNPIPE_DATASETS", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="HORNPIPE_DATASETS must name a folder. Received: "):
        mnist.load_data()


def test_path_is_a_name_in_the_cache(cache):
    boston_file(cache / "mine.npz", y=np.full(506, 3.0))
    assert set(boston_housing.load_data("mine.npz")[0][1]) == {3.0}
    for path in ("../mine.npz", "/tmp/mine.npz", "", "..", "a\\b", None.__class__):
        with pytest.raises(
            ValueError, match="boston_housing.load_data: `path` must be a plain file name"
        ):
            boston_housing.load_data(path or "..")


def test_offline_says_what_to_put_where(cache, monkeypatch):
    use_no_network(monkeypatch)
    with pytest.raises(FileNotFoundError) as caught:
        mnist.load_data()
    text = str(caught.value)
    assert text.startswith("mnist.load_data: mnist.npz must be in the cache or downloadable.")
    assert "Received: no network." in text
    assert "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz" in text
    assert f"save it as {cache / 'mnist.npz'}" in text
    assert "HORNPIPE_DATASETS to a folder that holds mnist.npz" in text
    assert left_in(cache) == []


@pytest.mark.parametrize(
    "name", ["fashion_mnist", "cifar10", "cifar100", "california_housing", "imdb", "reuters"]
)
def test_every_data_set_says_so(name, cache, monkeypatch):
    use_no_network(monkeypatch)
    with pytest.raises(
        FileNotFoundError, match=f"{name}.load_data: .*a folder that holds {name}.npz"
    ):
        getattr(keras.datasets, name).load_data()
    assert left_in(cache) == []


def test_download_is_checked_and_kept(cache, tmp_path, monkeypatch):
    boston_file(tmp_path / "boston_housing.npz")
    use_public(monkeypatch, boston_housing, "_BOSTON", tmp_path / "boston_housing.npz")
    first = boston_housing.load_data()
    assert left_in(cache) == ["boston_housing.npz"]
    use_no_network(monkeypatch)
    second = boston_housing.load_data()
    np.testing.assert_array_equal(first[0][0], second[0][0])
    assert sorted(np.concatenate([first[0][1], first[1][1]])) == list(range(506))


def test_wrong_sum_leaves_nothing(cache, tmp_path, monkeypatch):
    boston_file(tmp_path / "boston_housing.npz")
    use_public(monkeypatch, boston_housing, "_BOSTON", tmp_path / "boston_housing.npz", "0" * 64)
    with pytest.raises(FileFormatError, match="must have the sha256 digest 0{64}"):
        boston_housing.load_data()
    assert left_in(cache) == []


def object_rows(rows):
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def pickled_reuters(path):
    rows = [[i % 7 + 1] * (i % 3) for i in range(11228)]
    np.savez(path, x=object_rows(rows), y=np.arange(11228) % 46)


@pytest.mark.parametrize("by_hand", [False, True])
def test_pickled_public_file_becomes_plain(by_hand, cache, tmp_path, monkeypatch):
    texts_file(tmp_path / "local" / "reuters.npz")
    monkeypatch.setenv("HORNPIPE_DATASETS", str(tmp_path / "local"))
    expected = reuters.load_data(seed=5)
    monkeypatch.delenv("HORNPIPE_DATASETS")
    pickled_reuters(tmp_path / "reuters.npz")
    use_public(monkeypatch, reuters, "_REUTERS", tmp_path / "reuters.npz")
    if by_hand:
        use_no_network(monkeypatch)
        cache.mkdir(parents=True)
        (cache / "reuters.npz").write_bytes((tmp_path / "reuters.npz").read_bytes())
    found = reuters.load_data(seed=5)
    for part in (0, 1):
        assert found[part][0].tolist() == expected[part][0].tolist()
        np.testing.assert_array_equal(found[part][1], expected[part][1])
    assert left_in(cache) == ["reuters.npz"]
    with np.load(cache / "reuters.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["x_offsets", "x_values", "y"]
        assert all(archive[name].dtype.kind == "i" for name in archive.files)


def test_another_name_in_the_cache_is_a_separate_copy(cache, tmp_path, monkeypatch):
    pickled_reuters(tmp_path / "reuters.npz")
    use_public(monkeypatch, reuters, "_REUTERS", tmp_path / "reuters.npz")
    reuters.load_data()
    reuters.load_data("second.npz")
    assert left_in(cache) == ["reuters.npz", "second.npz"]


def test_pickled_imdb(cache, tmp_path, monkeypatch):
    rows = object_rows([[i % 9 + 1, 4] for i in range(25000)])
    labels = np.arange(25000) % 2
    np.savez(tmp_path / "imdb.npz", x_train=rows, y_train=labels, x_test=rows[::-1], y_test=labels)
    use_public(monkeypatch, imdb, "_IMDB", tmp_path / "imdb.npz")
    (x_train, y_train), (x_test, y_test) = imdb.load_data(
        index_from=0, start_char=None, num_words=99
    )
    assert sorted(row[0] for row in x_train) == sorted(i % 9 + 1 for i in range(25000))
    assert {row[1] for row in x_test} == {4} and y_train.sum() == y_test.sum() == 12500


def test_pickled_file_with_another_sum_is_not_opened(cache, tmp_path):
    pickled_reuters(tmp_path / "reuters.npz")
    cache.mkdir(parents=True)
    (cache / "reuters.npz").write_bytes((tmp_path / "reuters.npz").read_bytes())
    with pytest.raises(
        FileFormatError, match="or have the SHA-256 sum d6586e69.*Delete or replace the file"
    ):
        reuters.load_data()


def test_local_files_are_never_unpickled(cache, tmp_path, monkeypatch):
    boston_file(tmp_path / "boston_housing.npz", y=np.array([object()] * 506))
    monkeypatch.setenv("HORNPIPE_DATASETS", str(tmp_path))
    with pytest.raises(FileFormatError, match="must be a sound .npz file without pickle"):
        boston_housing.load_data()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"x": np.zeros((505, 13))}, r"array 'x' must have the shape \(506, 13\)"),
        ({"x": np.zeros((506, 13, 1))}, r"array 'x' must have the shape \(506, 13\)"),
        (
            {"y": np.zeros(506, dtype="U3")},
            "array 'y' must have the shape .* kind floating. Received: shape=",
        ),
    ],
)
def test_arrays_of_another_kind(changes, text, cache):
    boston_file(cache / "boston_housing.npz", **changes)
    with pytest.raises(FileFormatError, match=text):
        boston_housing.load_data()


def test_damaged_files(cache, tmp_path, monkeypatch):
    boston_file(tmp_path / "boston_housing.npz")
    whole = (tmp_path / "boston_housing.npz").read_bytes()
    monkeypatch.setenv("HORNPIPE_DATASETS", str(tmp_path))
    for damaged in (b"", b"text", whole[:-100]):
        (tmp_path / "boston_housing.npz").write_bytes(damaged)
        with pytest.raises(FileFormatError, match="must be an .npz file with the arrays x, y"):
            boston_housing.load_data()
    flipped = bytearray(whole)
    flipped[5000] ^= 255
    (tmp_path / "boston_housing.npz").write_bytes(flipped)
    with pytest.raises(FileFormatError, match="must be a sound .npz file"):
        boston_housing.load_data()


@pytest.mark.parametrize(
    "changes",
    [
        {"x_offsets": np.arange(11229)},
        {"x_offsets": np.full(11229, 1)},
        {"x_offsets": np.concatenate(([0, 5, 3], np.full(11226, 11227)))},
        {"x_values": np.zeros(11227, np.int32)},
    ],
)
def test_offsets_that_cut_wrongly(changes, cache):
    texts_file(cache / "reuters.npz", **changes)
    with pytest.raises(FileFormatError, match="reuters.load_data: offsets must rise from 0"):
        reuters.load_data()


def test_word_index(cache, tmp_path, monkeypatch):
    cache.mkdir(parents=True)
    place = cache / "imdb_word_index.json"
    place.write_text(json.dumps({"the": 1, "naïve": 2}))
    assert imdb.get_word_index() == {"the": 1, "naïve": 2}
    for text, error in (
        ("{", "must be JSON"),
        ("[1]", "from word to rank"),
        ('{"a": 0}', "to rank >= 1"),
    ):
        place.write_text(text)
        with pytest.raises(FileFormatError, match=f"imdb.get_word_index: .*{error}"):
            imdb.get_word_index()
    place.unlink()
    use_no_network(monkeypatch)
    with pytest.raises(FileNotFoundError, match="save it as .*imdb_word_index.json; or set"):
        imdb.get_word_index()
    with pytest.raises(ValueError, match="`path` must be a plain file name"):
        reuters.get_word_index("a/b")
    assert left_in(cache) == []


def test_unknown_data_set():
    with pytest.raises(AttributeError, match="has no attribute 'minst'. Did you mean 'mnist'?"):
        _ = keras.datasets.minst
    assert "digits" in dir(keras.datasets)


def test_home_is_read_at_each_call(cache, tmp_path, monkeypatch):
    boston_file(tmp_path / "other" / "datasets" / "boston_housing.npz", y=np.full(506, 9.0))
    monkeypatch.setenv("HORNPIPE_HOME", str(tmp_path / "other"))
    assert set(boston_housing.load_data()[0][1]) == {9.0}
    assert _source.cache_file("a", "b") == tmp_path / "other" / "datasets" / "a"
