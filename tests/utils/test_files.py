"""Downloads that arrive whole or not at all, and the cache they go to."""

import hashlib
import io
import os
import tarfile
import urllib.error
import zipfile
from email.message import Message
from pathlib import Path

import pytest

from hornpipe.core.errors import FileFormatError
from hornpipe.utils import files, get_file


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source" / "words.txt"
    path.parent.mkdir()
    path.write_bytes(b"one two")
    return path


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def zip_file(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path.as_uri()


def tar_file(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path.as_uri()


def test_name_and_place(source, cache):
    path = get_file(origin=source.as_uri(), cache_dir=cache)
    assert path == str(cache / "datasets" / "words.txt")
    assert get_file("w", source.as_uri(), cache_subdir="a/b", cache_dir=str(cache)) == str(
        cache / "a" / "b" / "w"
    )
    assert (cache / "a" / "b" / "w").read_bytes() == b"one two"
    assert everything_below(cache) == ["a", "a/b", "a/b/w", "datasets", "datasets/words.txt"]


def test_default_place(source, tmp_path, monkeypatch):
    monkeypatch.setenv("HORNPIPE_HOME", str(tmp_path / "home"))
    assert get_file(origin=source.as_uri()) == str(tmp_path / "home" / "datasets" / "words.txt")


def test_relative_place_gives_an_absolute_path(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert get_file(origin=source.as_uri(), cache_dir="here", cache_subdir="") == str(
        tmp_path / "here" / "words.txt"
    )


def test_fetched_once(source, cache):
    path = get_file(origin=source.as_uri(), cache_dir=cache)
    source.write_bytes(b"three")
    assert get_file(origin=source.as_uri(), cache_dir=cache) == path
    assert Path(path).read_bytes() == b"one two"
    get_file(origin=source.as_uri(), cache_dir=cache, force_download=True)
    assert Path(path).read_bytes() == b"three"


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_digest(algorithm, source, cache):
    digest = hashlib.new(algorithm, b"one two").hexdigest()
    path = get_file(origin=source.as_uri(), cache_dir=cache, file_hash=digest.upper())
    get_file(origin=source.as_uri(), cache_dir=cache, file_hash=digest, hash_algorithm=algorithm)
    Path(path).write_bytes(b"damaged")
    get_file(origin=source.as_uri(), cache_dir=cache, file_hash=digest)
    assert Path(path).read_bytes() == b"one two"


def test_md5_hash(source, cache):
    get_file(origin=source.as_uri(), cache_dir=cache, md5_hash=hashlib.md5(b"one two").hexdigest())
    with pytest.raises(FileFormatError, match="the md5 digest 0{32}"):
        get_file("other", source.as_uri(), cache_dir=cache, md5_hash="0" * 32)


def test_wrong_digest_leaves_nothing(source, cache):
    with pytest.raises(
        FileFormatError,
        match="must have the sha256 digest 0{64}. Received: [0-9a-f]{64}. The file was",
    ):
        get_file(origin=source.as_uri(), cache_dir=cache, file_hash="0" * 64)
    assert everything_below(cache) == ["datasets"]


def test_wrong_digest_leaves_the_old_file(source, cache):
    path = get_file(origin=source.as_uri(), cache_dir=cache)
    with pytest.raises(FileFormatError):
        get_file(origin=source.as_uri(), cache_dir=cache, file_hash="0" * 64)
    assert Path(path).read_bytes() == b"one two"
    assert everything_below(cache) == ["datasets", "datasets/words.txt"]


class Response(io.BytesIO):
    def __init__(self, data, length):
        super().__init__(data)
        self.headers = Message()
        if length is not None:
            self.headers["Content-Length"] = str(length)


def test_truncated_download_leaves_nothing(cache, monkeypatch, capsys):
    monkeypatch.setattr(files._opener, "open", lambda origin, timeout: Response(b"half", 8))
    with pytest.raises(
        ConnectionError,
        match="https://example.org/a must be readable. Received: 4 of 8 bytes arrived",
    ):
        get_file(origin="https://example.org/a", cache_dir=cache)
    assert everything_below(cache) == ["datasets"]
    assert capsys.readouterr().err == "Downloading https://example.org/a\n"


def test_download_without_a_length(cache, monkeypatch):
    monkeypatch.setattr(files._opener, "open", lambda origin, timeout: Response(b"all", None))
    path = get_file(origin="https://example.org/a?b=c", cache_dir=cache)
    assert path == str(cache / "datasets" / "a") and Path(path).read_bytes() == b"all"


def test_broken_off_download_leaves_nothing(cache, monkeypatch):
    class Broken(Response):
        def read(self, size=-1):
            raise TimeoutError("too slow")

    monkeypatch.setattr(files._opener, "open", lambda origin, timeout: Broken(b"", 8))
    with pytest.raises(
        ConnectionError, match="Received: too slow. Check the address and the network."
    ):
        get_file(origin="https://example.org/a", cache_dir=cache)
    assert everything_below(cache) == ["datasets"]


def test_redirection_stays_encrypted():
    handler = files._HttpsOnly()
    with pytest.raises(
        urllib.error.URLError, match="redirected to http://example.org/b, which is not https"
    ):
        handler.redirect_request(None, None, 302, "", {}, "http://example.org/b")
    with pytest.raises(urllib.error.URLError, match="not https"):
        handler.redirect_request(None, None, 302, "", {}, "file:///etc/passwd")


def test_missing_source(tmp_path, cache):
    with pytest.raises(
        ConnectionError,
        match="get_file: file://.*nowhere must be readable. Received: .*No such file",
    ):
        get_file(origin=(tmp_path / "nowhere").as_uri(), cache_dir=cache)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"fname": "a"}, "`origin` must be given. Received: origin=None. Pass an address"),
        ({"origin": "http://example.org/a"}, "`origin` must start with https:// or file://"),
        ({"origin": "ftp://example.org/a"}, "`origin` must start with https:// or file://"),
        ({"origin": "/etc/passwd"}, "`origin` must start with https:// or file://"),
        (
            {"origin": "https://example.org/"},
            "`fname` must be a plain file name. Received: fname=None",
        ),
        ({"origin": "https://example.org/.."}, "`fname` must be a plain file name"),
        ({"origin": "https://example.org/%2e%2e%2fa"}, "`fname` must be a plain file name"),
        ({"origin": "https://example.org/a", "fname": "../a"}, "`fname` must be a plain file name"),
        ({"origin": "https://example.org/a", "fname": "/a"}, "`fname` must be a plain file name"),
        ({"origin": "https://example.org/a", "fname": "b\\a"}, "`fname` must be a plain file name"),
        ({"origin": "https://example.org/a", "file_hash": "abc"}, "`file_hash` must be 64"),
        (
            {"origin": "https://example.org/a", "hash_algorithm": "crc"},
            "`hash_algorithm` must be 'auto', 'sha256'",
        ),
    ],
)
def test_arguments(arguments, text, cache):
    with pytest.raises(ValueError) as caught:
        get_file(cache_dir=cache, **arguments)
    assert str(caught.value).startswith(f"get_file: {text}")


@pytest.mark.parametrize(
    ("arguments", "archive", "folder"),
    [
        ({"fname": "q.tar.gz", "extract": True}, "q.tar.gz", "q_extracted"),
        ({"fname": "q.zip", "extract": True}, "q.zip", "q_extracted"),
        ({"fname": "q", "extract": True}, "q_archive", "q"),
        ({"fname": "q", "untar": True}, "q_archive", "q"),
        ({"untar": True}, "pets.tar.gz_archive", "pets.tar.gz"),
        ({"extract": True, "archive_format": ["zip", "tar"]}, "pets.tar.gz_archive", "pets.tar.gz"),
    ],
)
def test_extraction_goes_where_keras_puts_it(arguments, archive, folder, tmp_path, cache):
    origin = tar_file(tmp_path / "pets.tar.gz", {"cats/tom": b"miaow"})
    path = get_file(origin=origin, cache_dir=cache, cache_subdir="", **arguments)
    assert path == str(cache / folder)
    assert everything_below(cache) == sorted(
        [archive, folder, f"{folder}/cats", f"{folder}/cats/tom"]
    )


def test_extraction_is_done_once_and_again_on_demand(tmp_path, cache):
    origin = zip_file(tmp_path / "a.zip", {"x": b"1", "y": b"2"})
    path = get_file("a.zip", origin, extract=True, cache_dir=cache)
    os.remove(os.path.join(path, "x"))
    get_file("a.zip", origin, extract=True, cache_dir=cache)
    assert os.listdir(path) == ["y"]
    zip_file(tmp_path / "a.zip", {"z": b"3"})
    get_file("a.zip", origin, extract=True, cache_dir=cache, force_download=True)
    assert os.listdir(path) == ["z"]


def test_not_an_archive(source, cache):
    with pytest.raises(
        FileFormatError,
        match="words.txt_archive must be a tar or zip archive. Received: it starts b'one",
    ):
        get_file(origin=source.as_uri(), extract=True, cache_dir=cache)
    with pytest.raises(ValueError, match="`archive_format` must be 'auto', 'tar', 'zip'"):
        get_file(origin=source.as_uri(), extract=True, archive_format="rar", cache_dir=cache)


def test_untar_of_a_zip(tmp_path, cache):
    origin = zip_file(tmp_path / "a.zip", {"x": b"1"})
    with pytest.raises(FileFormatError, match="must be a tar archive"):
        get_file(origin=origin, untar=True, cache_dir=cache)


def test_name_of_a_folder(tmp_path, cache):
    origin = zip_file(tmp_path / "a.zip", {"x": b"1"})
    get_file(origin=origin, extract=True, cache_dir=cache)
    with pytest.raises(ValueError, match="`fname` must not be a folder's"):
        get_file(origin=origin, cache_dir=cache)


def test_plain_file_first_then_its_contents(tmp_path, cache):
    origin = zip_file(tmp_path / "a.zip", {"x": b"1"})
    get_file(origin=origin, cache_dir=cache)
    path = get_file(origin=origin, extract=True, cache_dir=cache)
    assert os.listdir(path) == ["x"]
