"""Files from outside: what is no file, what is too large, what no parser takes."""

import json
import os
import socket
import struct
import zipfile
import zlib
from xml.etree import ElementTree

import pytest

from detector.errors import DatasetError, DetectorError, ModelError
from detector.system.reading import open_regular, parsing, read_head, read_whole, sha256


def test_a_regular_file_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    with open_regular(tmp_path / "file") as file:
        assert file.read() == b"content"
    assert read_whole(tmp_path / "file", limit=7) == b"content"
    assert read_head(tmp_path / "file", 3) == b"con"


@pytest.fixture(params=["fifo", "device", "socket", "folder", "absent", "a NUL in the name"])
def no_file(request, tmp_path):
    path = tmp_path / "file"
    if request.param == "fifo":
        os.mkfifo(path)
    elif request.param == "device":
        return type(path)("/dev/zero")
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif request.param == "folder":
        path.mkdir()
    elif request.param == "a NUL in the name":
        return tmp_path / "a\0b"
    return path


def test_what_is_no_regular_file_is_refused_at_once(no_file):
    with pytest.raises(DatasetError, match=r"regular file|Cannot read"):
        open_regular(no_file, DatasetError)
    with pytest.raises(ModelError):
        read_whole(no_file, 100, ModelError)
    assert read_head(no_file, 100) == b""


def test_a_file_over_its_limit_is_not_read_to_its_end(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(DetectorError, match="larger than"):
        read_whole(tmp_path / "file", limit=6)


def _deep():
    return json.loads("[" * 100_000)


def _zip_of_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"PK\5\6")
    return zipfile.ZipFile(tmp_path / "file")


@pytest.mark.parametrize(
    "parse",
    [
        _deep,
        lambda: json.loads("{"),
        lambda: int("²"),
        lambda: int("9" * 5000),
        lambda: int(float("inf")),
        lambda: b"\xff".decode(),
        lambda: {}["key"],
        lambda: [][0],
        lambda: None.items(),
        lambda: 1 / 0,
        lambda: struct.unpack("<i", b"1"),
        lambda: zlib.decompress(b"no"),
        lambda: ElementTree.fromstring("<a>"),
    ],
)
def test_whatever_a_parser_raises_is_one_sentence(parse):
    sentence = r"^x\.json is not JSON; expected it \(.+\)\.$"
    with (
        pytest.raises(DatasetError, match=sentence) as caught,
        parsing("x.json is not JSON; expected it", DatasetError),
    ):
        parse()
    assert "\n" not in str(caught.value)


def test_zip_errors_are_among_them(tmp_path):
    with pytest.raises(ModelError), parsing("not a zip", ModelError):
        _zip_of_nothing(tmp_path)


def test_a_sentence_that_was_said_is_not_said_again():
    with pytest.raises(ModelError, match=r"^inner$"), parsing("outer", DatasetError):
        raise ModelError("inner")


def test_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    # Source: FIPS 180-2, appendix B.1.
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_is_no_file_has_no_digest(no_file):
    with pytest.raises(ModelError):
        sha256(no_file, ModelError)
