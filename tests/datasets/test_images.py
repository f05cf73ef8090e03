"""Image data sets: the public formats, rebuilt small, and what is refused."""

import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest

import hornpipe as keras
from hornpipe.core.errors import FileFormatError
from hornpipe.datasets import cifar10, cifar100, fashion_mnist
from hornpipe.datasets._images import image_fields, read_idx
from hornpipe.datasets._pickles import read_object_npz, unpickle_arrays
from hornpipe.datasets._source import PublicFile


def idx_bytes(array, kind=8):
    sizes = b"".join(struct.pack(">I", size) for size in array.shape)
    return bytes((0, 0, kind, array.ndim)) + sizes + array.tobytes()


def python2_text(text):
    return b"U" + bytes([len(text)]) + text


def python2_pickle(fields):
    """Pickle uint8 matrices and int lists as Python 2 and old NumPy did: with byte strings."""
    out = b"\x80\x02}("
    for name, value in fields.items():
        out += python2_text(name)
        if isinstance(value, list):
            out += b"](" + b"".join(b"K" + bytes([number]) for number in value) + b"e"
            continue
        data = value.tobytes()
        out += (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
            + python2_text(b"b")
            + b"\x87R"
        )
        out += (
            b"(K\x01" + b"".join(b"J" + struct.pack("<i", size) for size in value.shape) + b"\x86"
        )
        out += b"cnumpy\ndtype\n" + python2_text(b"u1") + b"K\x00K\x01\x87R"
        out += b"(K\x03" + python2_text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        out += b"\x89T" + struct.pack("<i", len(data)) + data + b"tb"
    return out + b"u."


def tar_file(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def use_small(monkeypatch, module, constant, path, num_train, num_test, **coarse):
    public = PublicFile(path.as_uri(), hashlib.sha256(path.read_bytes()).hexdigest())
    fields = {**image_fields(num_train, num_test, (32, 32, 3), (1,)), **coarse}
    small = dataclasses.replace(getattr(module, constant), fields=fields, public=(public,))
    monkeypatch.setattr(module, constant, small)


def batch(seed, rows, labels):
    rng = np.random.default_rng(seed)
    fields = {name: rng.integers(0, top, rows).tolist() for name, top in labels.items()}
    return {**fields, b"data": rng.integers(0, 256, (rows, 3072), dtype=np.uint8)}


def as_image(row):
    return np.stack(
        [row[plane * 1024 : plane * 1024 + 1024].reshape(32, 32) for plane in range(3)], axis=-1
    )


@pytest.fixture
def small_cifar10(tmp_path, cache, monkeypatch):
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    batches = [batch(seed, 2, {b"labels": 10}) for seed in range(6)]
    members = {
        f"cifar-10-batches-py/{name}": python2_pickle(fields)
        for name, fields in zip(names, batches, strict=True)
    }
    tar_file(tmp_path / "cifar-10-python.tar.gz", members)
    use_small(monkeypatch, cifar10, "_CIFAR10", tmp_path / "cifar-10-python.tar.gz", 10, 2)
    return batches


def test_cifar10(small_cifar10, cache):
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (10, 32, 32, 3) and x_test.shape == (2, 32, 32, 3)
    assert y_train.shape == (10, 1) and y_train.dtype == x_train.dtype == np.uint8
    for i in range(10):
        np.testing.assert_array_equal(x_train[i], as_image(small_cifar10[i // 2][b"data"][i % 2]))
        assert y_train[i, 0] == small_cifar10[i // 2][b"labels"][i % 2]
    assert y_test[:, 0].tolist() == small_cifar10[5][b"labels"]
    assert [path.name for path in cache.iterdir()] == ["cifar10.npz"]


def test_channels_first(small_cifar10, cache, monkeypatch):
    (last, _), _ = cifar10.load_data()
    keras.config.set_image_data_format("channels_first")
    try:
        (first, _), _ = cifar10.load_data()
    finally:
        keras.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(first, np.moveaxis(last, -1, 1))


def test_cifar100(tmp_path, cache, monkeypatch):
    labels = {b"fine_labels": 100, b"coarse_labels": 20}
    parts = {"train": batch(0, 6, labels), "test": batch(1, 3, labels)}
    members = {f"cifar-100-python/{name}": python2_pickle(fields) for name, fields in parts.items()}
    tar_file(tmp_path / "cifar-100-python.tar.gz", members)
    coarse = {"y_train_coarse": (np.integer, (6, 1)), "y_test_coarse": (np.integer, (3, 1))}
    use_small(
        monkeypatch, cifar100, "_CIFAR100", tmp_path / "cifar-100-python.tar.gz", 6, 3, **coarse
    )
    for mode in ("fine", "coarse"):
        (x_train, y_train), (x_test, y_test) = cifar100.load_data(mode)
        assert y_train[:, 0].tolist() == parts["train"][f"{mode}_labels".encode()]
        assert y_test[:, 0].tolist() == parts["test"][f"{mode}_labels".encode()]
        assert y_train.dtype == np.int64
        np.testing.assert_array_equal(x_test[2], as_image(parts["test"][b"data"][2]))
    with pytest.raises(
        ValueError, match="`label_mode` must be 'fine' or 'coarse'. Received: label_mode='rough'"
    ):
        cifar100.load_data("rough")


def test_cifar100_without_coarse_labels(tmp_path, cache, monkeypatch):
    fields = {
        **image_fields(4, 2, (32, 32, 3), (1,)),
        "y_train_coarse": (np.integer, (4, 1)),
        "y_test_coarse": (np.integer, (2, 1)),
    }
    monkeypatch.setattr(
        cifar100, "_CIFAR100", dataclasses.replace(cifar100._CIFAR100, fields=fields)
    )
    images = {
        "x_train": np.zeros((4, 32, 32, 3), np.uint8),
        "x_test": np.zeros((2, 32, 32, 3), np.uint8),
    }
    np.savez(
        tmp_path / "cifar100.npz",
        **images,
        y_train=np.ones((4, 1), int),
        y_test=np.ones((2, 1), int),
    )
    monkeypatch.setenv("HORNPIPE_DATASETS", str(tmp_path))
    assert cifar100.load_data()[0][1].tolist() == [[1]] * 4
    with pytest.raises(
        FileFormatError, match="must be an .npz file with the arrays x_train, y_train_coarse"
    ):
        cifar100.load_data("coarse")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({b"labels": [1]}, "a batch must be a dict"),
        ({b"labels": [1], b"data": np.zeros((1, 3071), np.uint8)}, "a batch must be a dict"),
        ({b"labels": [1, 2], b"data": np.zeros((1, 3072), np.uint8)}, "a label per uint8 image"),
        ({b"labels": [1], b"data": np.zeros((1, 3072), np.int64)}, "a label per uint8 image"),
    ],
)
def test_cifar_batches_of_another_kind(fields, text, tmp_path, cache, monkeypatch):
    data = pickle.dumps(fields, protocol=4)
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    tar_file(
        tmp_path / "cifar-10-python.tar.gz", {f"cifar-10-batches-py/{name}": data for name in names}
    )
    use_small(monkeypatch, cifar10, "_CIFAR10", tmp_path / "cifar-10-python.tar.gz", 5, 1)
    with pytest.raises(FileFormatError, match=f"cifar10.load_data: .*{text}"):
        cifar10.load_data()
    assert list(cache.iterdir()) == []


def test_cifar_without_a_batch(tmp_path, cache, monkeypatch):
    tar_file(tmp_path / "cifar-10-python.tar.gz", {"other": b""})
    use_small(monkeypatch, cifar10, "_CIFAR10", tmp_path / "cifar-10-python.tar.gz", 5, 1)
    with pytest.raises(
        FileFormatError, match="must be a tar file with cifar-10-batches-py/data_batch_1"
    ):
        cifar10.load_data()


def idx_files(folder, count):
    folder.mkdir(parents=True)
    arrays = {}
    for name, file in fashion_mnist._FILES.items():
        shape = fashion_mnist._FIELDS[name][1]
        arrays[name] = (
            (np.arange(np.prod(shape), dtype=np.int64) * count % 251)
            .astype(np.uint8)
            .reshape(shape)
        )
        (folder / file).write_bytes(gzip.compress(idx_bytes(arrays[name]), 0))
    return arrays


def test_fashion_mnist_placed_by_hand(cache):
    arrays = idx_files(cache / "fashion-mnist", 3)
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    found = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.uint8
    assert (cache / "fashion_mnist.npz").is_file()


def test_idx(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / "a.gz"
    whole = gzip.compress(idx_bytes(array))
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_idx(path, (2, 3, 4)), array)
    with pytest.raises(FileFormatError, match=r"an idx file of bytes of the shape \(2, 3, 5\)"):
        read_idx(path, (2, 3, 5))
    for wrong in (idx_bytes(array, kind=9), idx_bytes(array)[:-1], idx_bytes(array) + b"x", b""):
        path.write_bytes(gzip.compress(wrong))
        with pytest.raises(FileFormatError, match="a.gz must be an idx file of bytes"):
            read_idx(path, (2, 3, 4))
    bad_sum = bytearray(whole)
    bad_sum[-6] ^= 255
    for damaged in (b"plain", whole[:-8], bytes(bad_sum)):
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="a.gz must be a gzip file"):
            read_idx(path, (2, 3, 4))


class Evil:
    def __reduce__(self):
        return os.system, ("echo evil",)


@pytest.mark.parametrize(
    "value", [Evil(), [Evil()], np.float64(1), os.path.join, np.random.RandomState]
)
def test_pickles_build_nothing_but_arrays(value):
    with pytest.raises(FileFormatError, match="files may name NumPy arrays only. Received: "):
        unpickle_arrays(io.BytesIO(pickle.dumps(value)))


def test_damaged_pickles():
    for data in (b"", b"junk", pickle.dumps([1, 2])[:-3]):
        with pytest.raises(FileFormatError, match="the pickle must be sound"):
            unpickle_arrays(io.BytesIO(data))


def test_object_archives(tmp_path):
    rows = np.empty(2, dtype=object)
    rows[0], rows[1] = [1, 2], []
    np.savez(
        tmp_path / "a.npz", x=rows, y=np.arange(2), z=np.zeros((2, 2)), evil=np.array([Evil()])
    )
    arrays = read_object_npz(tmp_path / "a.npz", ("x", "y"))
    assert arrays["x"].tolist() == [[1, 2], []] and arrays["y"].tolist() == [0, 1]
    for names, text in (
        (("w",), "w.npy"),
        (("z",), "instead of one axis"),
        (("evil",), "NumPy arrays only"),
    ):
        with pytest.raises(FileFormatError, match=text):
            read_object_npz(tmp_path / "a.npz", names)
    (tmp_path / "b.npz").write_bytes(b"junk")
    with pytest.raises(FileFormatError, match="b.npz must be an .npz file with the arrays x"):
        read_object_npz(tmp_path / "b.npz", ("x",))
