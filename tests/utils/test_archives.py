"""Archives from strangers: plain files only, below the target, in proportion, all or nothing."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from hornpipe.core.errors import FileFormatError
from hornpipe.utils import archives
from hornpipe.utils.archives import extract_archive


def below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def add(archive, name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(data))


def refused(path, tmp_path, text):
    """Check that unpacking is refused and leaves nothing, inside the target's folder or outside."""
    before = below(tmp_path)
    with pytest.raises(FileFormatError, match=text) as caught:
        extract_archive(path, tmp_path / "deep" / "out")
    assert below(tmp_path) == sorted([*before, "deep"])
    return str(caught.value)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar(mode, tmp_path):
    long_name = "n" * 150 + "/" + "é" * 60
    with tarfile.open(tmp_path / "a.tar", mode) as archive:
        add(archive, "./", type=tarfile.DIRTYPE)
        add(archive, "./empty", type=tarfile.DIRTYPE)
        add(archive, "./a/b.txt", b"hello" * 1000, mode=0o4777)
        add(archive, "zero")
        add(archive, long_name, b"long")
    extract_archive(tmp_path / "a.tar", tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"hello" * 1000
    assert not (tmp_path / "out" / "a" / "b.txt").stat().st_mode & stat.S_ISUID
    assert (tmp_path / "out" / "zero").read_bytes() == b""
    assert (tmp_path / "out" / long_name).read_bytes() == b"long"
    assert (tmp_path / "out" / "empty").is_dir()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip(compression, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression) as archive:
        archive.mkdir("empty")
        archive.writestr("a/b.txt", b"hello" * 1000)
    extract_archive(tmp_path / "a.zip", tmp_path / "out", "zip")
    assert below(tmp_path / "out") == ["a", "a/b.txt", "empty"]
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"hello" * 1000


def test_archives_of_nothing(tmp_path):
    tarfile.open(tmp_path / "a.tar", "w").close()
    zipfile.ZipFile(tmp_path / "a.zip", "w").close()
    for name in ("a.tar", "a.zip"):
        extract_archive(tmp_path / name, tmp_path / name[2:])
        assert (tmp_path / name[2:]).is_dir() and not below(tmp_path / name[2:])


def test_replaces_the_old_folder(tmp_path):
    (tmp_path / "out" / "old").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("new", "x")
    extract_archive(tmp_path / "a.zip", tmp_path / "out")
    assert below(tmp_path) == ["a.zip", "out", "out/new"]


BAD_NAMES = [
    "../evil",
    "a/../../evil",
    "a/..",
    "/evil",
    "C:\\evil",
    "C:evil",
    "..\\evil",
    "\\\\host\\evil",
    "a\\b",
]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_tar_names_outside(name, kind, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add(archive, "fine", b"1")
        add(archive, name, type=kind)
    text = refused(tmp_path / "a.tar", tmp_path, "member names must stay inside the target folder")
    assert text.endswith("Nothing was unpacked from a.tar.")


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("ending", ["", "/"])
def test_zip_names_outside(name, ending, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("fine", b"1")
        archive.writestr(name + ending, b"")
    refused(tmp_path / "a.zip", tmp_path, "member names must stay inside the target folder")


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CONTTYPE,
    ],
)
def test_tar_links_and_devices(kind, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add(archive, "fine", b"1")
        add(archive, "odd", type=kind, linkname="fine", devmajor=1, devminor=3)
    if kind == tarfile.CONTTYPE:  # an old word for a plain file
        extract_archive(tmp_path / "a.tar", tmp_path / "out")
        assert below(tmp_path / "out") == ["fine", "odd"]
    else:
        refused(
            tmp_path / "a.tar", tmp_path, "members must be plain files and folders. Received: 'odd'"
        )


def test_writing_through_a_link(tmp_path):
    (tmp_path / "outside").mkdir()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add(archive, "door", type=tarfile.SYMTYPE, linkname=str(tmp_path / "outside"))
        add(archive, "door/evil", b"!")
    refused(
        tmp_path / "a.tar", tmp_path, "members must be plain files and folders. Received: 'door'"
    )


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_zip_links_and_devices(kind, tmp_path):
    info = zipfile.ZipInfo("odd")
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(
        tmp_path / "a.zip", tmp_path, "members must be plain files and folders. Received: 'odd'"
    )


def test_sparse_tar(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1"}
        headers |= {"GNU.sparse.size": str(2**40), "GNU.sparse.realsize": str(2**40)}
        add(archive, "holes", b"1", pax_headers=headers)
    refused(
        tmp_path / "a.tar", tmp_path, "members must be plain files and folders. Received: 'holes'"
    )


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(archives, "RATIO_FLOOR_BYTES", 2**16)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_tar_bomb(mode, tmp_path, small_limits):
    with tarfile.open(tmp_path / "a.tar", mode) as archive:
        add(archive, "zeros", bytes(2**24))
    refused(
        tmp_path / "a.tar", tmp_path, "an archive of this size may grow to at most [0-9]+ bytes"
    )


def test_zip_bomb(tmp_path, small_limits):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2**24))
    refused(
        tmp_path / "a.zip", tmp_path, "an archive of this size may grow to at most [0-9]+ bytes"
    )


def test_zip_that_hides_its_size(tmp_path, small_limits):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(0x1234567))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    size = (0x1234567).to_bytes(4, "little")
    assert data.count(size) == 2
    (tmp_path / "a.zip").write_bytes(bytes(data).replace(size, (5).to_bytes(4, "little")))
    refused(tmp_path / "a.zip", tmp_path, "must be a sound archive|may grow to at most")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_that_unpacks_without_bound(compression, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression) as archive:
        archive.writestr("x", b"1")
    refused(tmp_path / "a.zip", tmp_path, "members must be stored or deflated. Received: 'x'")


def test_total_size(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", bytes(600))
        archive.writestr("b", bytes(600))
    refused(
        tmp_path / "a.zip",
        tmp_path,
        "may grow to at most 1000 bytes. Received: 1200 bytes and more",
    )


@pytest.mark.parametrize("where", ["first", "second"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_tar_header_bomb(where, form, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w:gz", format=form) as archive:
        if where == "second":
            add(archive, "fine", b"1")
        add(archive, "x" * 2**21, b"1")
    refused(tmp_path / "a.tar", tmp_path, "the header of a member may take at most 1048576 bytes")


def test_member_count(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for i in range(4):
            add(archive, str(i), type=tarfile.DIRTYPE)
    refused(tmp_path / "a.tar", tmp_path, "an archive may hold at most 3 members")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(4):
            archive.writestr(str(i), b"")
    (tmp_path / "deep").rmdir()
    refused(tmp_path / "a.zip", tmp_path, "an archive may hold at most 3 members")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"1")
        archive.writestr("./x", b"2")
    refused(
        tmp_path / "a.zip",
        tmp_path,
        "a sound archive with distinct member names. Received: .*File exists",
    )


def test_damaged(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w:gz") as archive:
        add(archive, "x", os.urandom(100_000))
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[:50_000])
    refused(tmp_path / "a.tar", tmp_path, "a.tar must be a sound archive")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"hello hello")
    data = (tmp_path / "a.zip").read_bytes().replace(b"hello hello", b"hullo hello")
    (tmp_path / "a.zip").write_bytes(data)
    (tmp_path / "deep").rmdir()
    refused(tmp_path / "a.zip", tmp_path, "Bad CRC-32")


@pytest.mark.parametrize("data", [b"", b"text", b"\x1f\x8bjunk", bytes(100), b"BZh9junk"])
def test_no_archive(data, tmp_path):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(
        FileFormatError, match="a must be a tar or zip archive. Received: it starts b"
    ):
        extract_archive(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize("archive_format", [None, [], "rar", ["tar", "7z"]])
def test_formats(archive_format, tmp_path):
    with pytest.raises(
        ValueError, match="`archive_format` must be 'auto', 'tar', 'zip' or a list of these"
    ):
        extract_archive(tmp_path / "a", tmp_path / "out", archive_format)
