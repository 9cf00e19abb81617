"""A file on a server of this machine, read from anywhere in it."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest

from detector.system.download import DownloadError
from detector.system.remote_file import NoPartsError, open_remote
from tests.system.file_server import CONTENT, FileServer, unused_address


def test_it_reads_as_the_file_does(server: FileServer) -> None:
    rng, here = np.random.default_rng(1), io.BytesIO(CONTENT)
    with open_remote(f"{server.url}/file.bin", block=1000) as remote:
        assert remote.seek(0, os.SEEK_END) == len(CONTENT)
        for _ in range(50):
            position, count = int(rng.integers(0, len(CONTENT) + 10)), int(rng.integers(0, 5000))
            assert remote.seek(position) == here.seek(position)
            assert remote.read(count) == here.read(count)
            assert remote.tell() == here.tell()
        remote.seek(-7, os.SEEK_END)
        assert remote.read() == CONTENT[-7:]
        with pytest.raises((ValueError, OSError)):
            remote.seek(-1)


def test_only_what_is_read_is_fetched(server: FileServer) -> None:
    with open_remote(f"{server.url}/file.bin", block=1000) as remote:
        remote.seek(5000)
        remote.read(10)
        remote.read(900)
    assert server.requests == [("/file.bin", "bytes=0-0"), ("/file.bin", "bytes=5000-5999")]
    assert server.sent["/file.bin"] == 1001


def test_a_member_of_an_archive_is_read_without_the_rest(server: FileServer) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("before", CONTENT)
        archive.writestr("wanted", b"text" * 500, zipfile.ZIP_DEFLATED)
        archive.writestr("after", CONTENT)
    server.files["/a.zip"] = packed.getvalue()
    with open_remote(f"{server.url}/a.zip", block=4096) as remote, zipfile.ZipFile(remote) as archive:
        assert archive.read("wanted") == b"text" * 500
        assert server.sent["/a.zip"] < 10_000
        assert len(server.requests) <= 5
        remote.seek(-100_000, os.SEEK_END)
        assert remote.read() == packed.getvalue()[-100_000:]
        assert len(server.requests) <= 6


def test_a_connection_that_breaks_is_taken_up_where_it_was(server: FileServer) -> None:
    with open_remote(f"{server.url}/file.bin", block=1000) as remote:
        server.cuts["/file.bin"] = [300, 0, 200]
        assert remote.read(1000) == CONTENT[:1000]
    assert [asked for _, asked in server.requests[1:]] == [
        *("bytes=0-999", "bytes=300-999", "bytes=300-999", "bytes=500-999"),
    ]


def test_a_connection_that_breaks_again_and_again(server: FileServer) -> None:
    with open_remote(f"{server.url}/file.bin") as remote:
        server.cuts["/file.bin"] = [0] * 99
        with pytest.raises(DownloadError, match="broke off"):
            remote.read(10)


def test_no_error_shows_what_only_the_server_should_know(server: FileServer) -> None:
    server.ranges = False
    server.files["/file.bin?token=SECRET"] = CONTENT
    with pytest.raises(NoPartsError, match=r"/file\.bin\?\.\.\. cannot be fetched") as caught:
        open_remote(f"{server.url}/file.bin?token=SECRET")
    assert "SECRET" not in str(caught.value)


def test_a_server_without_parts(server: FileServer) -> None:
    server.ranges = False
    with pytest.raises(NoPartsError, match="in parts"):
        open_remote(f"{server.url}/file.bin")


@pytest.mark.parametrize(
    "said", ["", "bytes 0-99/100", "bytes 1-1/2500000", "bytes 0-0/*", f"bytes 0-0/{'9' * 30}"]
)
def test_other_bytes_than_were_asked_for(server: FileServer, said: str) -> None:
    server.content_range = said or "nonsense"
    with pytest.raises(DownloadError, match="other bytes"):
        open_remote(f"{server.url}/file.bin")


def test_a_file_that_changes_meanwhile(server: FileServer) -> None:
    with open_remote(f"{server.url}/file.bin") as remote:
        server.files["/file.bin"] = CONTENT + b"more"
        with pytest.raises(DownloadError, match="has changed"):
            remote.read(10)


def test_no_server_and_no_file(server: FileServer) -> None:
    with pytest.raises(DownloadError, match="check the network"):
        open_remote(unused_address())
    with pytest.raises(DownloadError, match="404"):
        open_remote(f"{server.url}/absent")
    with pytest.raises(DownloadError, match="should start with"):
        open_remote("file:///etc/passwd")
