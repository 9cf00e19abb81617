"""Servers that send a byte now and then: no time-out ends that."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from detector.system import least_rate
from detector.system.download import DownloadError, download, open_url, read_url
from detector.system.remote_file import open_remote
from tests.system.file_server import CONTENT, FileServer

BODY = b"HTTP/1.0 200 OK\r\n\r\n" + bytes(2000)
HEADERS = b"HTTP/1.0 200 OK\r\nX: " + b"x" * 2000 + b"\r\n\r\n"
PART = b"HTTP/1.0 206 OK\r\nContent-Range: bytes 0-0/9\r\nX: " + b"x" * 2000 + b"\r\n\r\n0"


@pytest.fixture
def trickling(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    monkeypatch.setattr(least_rate, "_STRETCH_SECONDS", 0.1)
    server.pause = 0.005  # 200 bytes a second at most, and the whole takes ten seconds at least
    return server


@pytest.mark.parametrize("answer", [BODY, HEADERS, PART], ids=["body", "headers", "part"])
def test_what_trickles_is_ended(trickling: FileServer, tmp_path: Path, answer: bytes) -> None:
    trickling.raw, url = answer, f"{trickling.url}/file.bin?key=SECRET"

    def look() -> None:
        with open_url(url) as response:
            response.read(2000)

    for get in (
        lambda: read_url(url, most_bytes=10_000),
        lambda: download(url, tmp_path / "file.bin"),
        look,
        *([lambda: open_remote(url)] if answer is PART else []),
    ):
        with pytest.raises(DownloadError, match="sends less than 1,000 bytes a second; try") as caught:
            get()
        assert "SECRET" not in str(caught.value)
    assert not (tmp_path / "file.bin").exists()


def test_what_is_quick_in_the_mean_arrives(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(least_rate, "_STRETCH_SECONDS", 0.0)  # each read is judged by itself
    assert read_url(f"{server.url}/file.bin", most_bytes=len(CONTENT)) == CONTENT


def test_a_reader_that_takes_its_time_is_no_slow_server(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count()  # at the clock: before and after each read, and 50 seconds from read to read
    monkeypatch.setattr(least_rate, "time", SimpleNamespace(monotonic=lambda: next(looks) // 2 * 50))
    server.files["/small"] = b"a few bytes"
    for _ in range(3):
        assert read_url(f"{server.url}/small", most_bytes=100) == b"a few bytes"
