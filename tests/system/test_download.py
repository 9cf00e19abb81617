"""Downloads from a server on this machine that answers as well, or as badly, as a test wants."""

from __future__ import annotations

import errno
import http.client
import http.server
import shutil
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from detector.errors import DetectorError
from detector.system.download import DownloadError, _NoWayDown, download, open_url, read_url
from tests.system.file_server import CONTENT, FileServer, unused_address


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "file.bin"


@pytest.fixture
def part(target: Path) -> Path:
    target.parent.mkdir()
    return target.with_name("file.bin.part")


def test_a_file_arrives_whole_and_alone(server: FileServer, target: Path) -> None:
    download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert server.requests == [("/file.bin", None)]


def test_an_empty_file_arrives(server: FileServer, target: Path) -> None:
    server.files["/file.bin"] = b""
    download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == b""


def test_a_file_replaces_the_one_that_was_there(server: FileServer, target: Path, part: Path) -> None:
    target.write_bytes(b"old")
    download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == CONTENT


def test_only_the_rest_is_asked_for(server: FileServer, target: Path, part: Path) -> None:
    # Other bytes than the server's show that what was here is kept and not fetched again.
    part.write_bytes(b"x" * 1_000_000)
    download(f"{server.url}/file.bin", target)
    assert server.requests == [("/file.bin", "bytes=1000000-")]
    assert target.read_bytes() == b"x" * 1_000_000 + CONTENT[1_000_000:]
    assert not part.exists()


def test_a_server_that_cannot_resume_sends_everything_again(
    server: FileServer, target: Path, part: Path
) -> None:
    server.ranges = False
    part.write_bytes(b"x" * 1_000_000)
    download(f"{server.url}/file.bin", target)
    assert server.requests == [("/file.bin", "bytes=1000000-")]
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_is_thrown_away(
    server: FileServer, target: Path, part: Path
) -> None:
    part.write_bytes(b"x" * (len(CONTENT) + 1))
    download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_the_whole_file_needs_no_more_bytes(
    server: FileServer, target: Path, part: Path
) -> None:
    part.write_bytes(CONTENT)
    download(f"{server.url}/file.bin", target)
    assert server.requests == [("/file.bin", f"bytes={len(CONTENT)}-")]
    assert target.read_bytes() == CONTENT
    assert not part.exists()


def test_a_broken_connection_is_taken_up_again(server: FileServer, target: Path) -> None:
    server.cuts["/file.bin"] = [1_200_000, 7]
    download(f"{server.url}/file.bin", target)
    assert [asked for _, asked in server.requests] == [None, "bytes=1200000-", "bytes=1200007-"]
    assert target.read_bytes() == CONTENT


def test_a_broken_connection_without_ranges_starts_anew(server: FileServer, target: Path) -> None:
    server.ranges = False
    server.cuts["/file.bin"] = [1_200_000]
    download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == CONTENT


def test_a_server_that_sends_no_more_is_given_up(server: FileServer, target: Path) -> None:
    server.cuts["/file.bin"] = [1000] + [0] * 99
    with pytest.raises(DownloadError, match="broke off"):
        download(f"{server.url}/file.bin", target)
    assert [asked for _, asked in server.requests] == [None, "bytes=1000-"]
    assert not target.exists()
    assert target.with_name("file.bin.part").read_bytes() == CONTENT[:1000]
    server.cuts.clear()
    download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == CONTENT


def test_a_server_that_always_breaks_off_is_given_up(server: FileServer, target: Path) -> None:
    server.cuts["/file.bin"] = [10] * 99
    with pytest.raises(DownloadError, match="broke off"):
        download(f"{server.url}/file.bin", target)
    assert target.with_name("file.bin.part").read_bytes() == CONTENT[: 10 * len(server.requests)]


@pytest.mark.parametrize("raw", [b"", b"this is not HTTP\r\n\r\n"], ids=["silence", "not HTTP"])
def test_a_server_without_a_proper_answer_is_a_download_error(
    server: FileServer, target: Path, raw: bytes
) -> None:
    server.raw = raw
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1"):
        download(f"{server.url}/file.bin", target)


@pytest.mark.parametrize(
    "error", [OSError(errno.EHOSTUNREACH, "No route to host"), ssl.SSLError("bad record")]
)
def test_a_network_that_goes_away_is_not_blamed_on_the_disk(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def read(*_: Any) -> bytes:
        raise error

    monkeypatch.setattr(http.client.HTTPResponse, "read", read)
    with pytest.raises(DownloadError, match="broke off"):
        download(f"{server.url}/file.bin", target)


def test_a_file_that_the_server_lacks(server: FileServer, target: Path) -> None:
    with pytest.raises(DownloadError, match=r"404 .*/absent"):
        download(f"{server.url}/absent", target)
    assert not target.exists()


@pytest.mark.usefixtures("server")
def test_nobody_listens(target: Path) -> None:
    with pytest.raises(DownloadError, match="check the network"):
        download(f"{unused_address()}/file.bin", target)


def test_a_disk_that_is_too_small_is_noticed_before_the_first_byte(
    server: FileServer, target: Path, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part.write_bytes(CONTENT[:1_000_000])
    needed = len(CONTENT) - 1_000_000
    usage = shutil.disk_usage(target.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed - 1))
    with pytest.raises(DetectorError, match="disk is full"):
        download(f"{server.url}/file.bin", target)
    assert part.read_bytes() == CONTENT[:1_000_000]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed))
    download(f"{server.url}/file.bin", target)
    assert target.read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_meanwhile(server: FileServer, target: Path, part: Path) -> None:
    part.symlink_to("/dev/full")
    with pytest.raises(DetectorError, match="disk is full"):
        download(f"{server.url}/file.bin", target)
    assert not target.exists()


def test_a_folder_that_cannot_be_made(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(DetectorError, match="Cannot write"):
        download(f"{server.url}/file.bin", tmp_path / "taken" / "file.bin")


def test_more_than_a_file_may_have_is_not_kept(server: FileServer, tmp_path: Path) -> None:
    server.files["/file.bin"] = CONTENT
    with pytest.raises(DownloadError, match="more than it should"):
        download(f"{server.url}/file.bin", tmp_path / "file.bin", most_bytes=len(CONTENT) - 1)
    assert list(tmp_path.iterdir()) == []
    download(f"{server.url}/file.bin", tmp_path / "file.bin", most_bytes=len(CONTENT))


def test_a_server_that_hides_its_size_is_stopped(server: FileServer, tmp_path: Path) -> None:
    server.raw = b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT
    with pytest.raises(DownloadError, match="more than it should"):
        download(f"{server.url}/file.bin", tmp_path / "file.bin", most_bytes=100_000)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_is_too_large_is_started_over(server: FileServer, tmp_path: Path) -> None:
    server.files["/file.bin"] = CONTENT
    (tmp_path / "file.bin.part").write_bytes(bytes(len(CONTENT) + 1))
    download(f"{server.url}/file.bin", tmp_path / "file.bin", most_bytes=len(CONTENT))
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["http://example.org/x", "ftp://example.org/x", "file:///etc/passwd"])
def test_no_redirection_leaves_https(target: str) -> None:
    request = urllib.request.Request("https://example.org/file.bin")
    with pytest.raises(DownloadError, match="not HTTPS"):
        _NoWayDown().redirect_request(request, None, 302, "Found", {}, target)
    secret = urllib.request.Request("https://example.org/file.bin?key=SECRET")
    with pytest.raises(DownloadError) as caught:
        _NoWayDown().redirect_request(secret, None, 302, "Found", {}, f"{target}?sig=SECRET")
    assert "SECRET" not in str(caught.value)
    followed = _NoWayDown().redirect_request(request, None, 302, "Found", {}, "https://example.org/other")
    assert followed.full_url == "https://example.org/other"


def test_a_file_in_memory(server: FileServer) -> None:
    assert read_url(f"{server.url}/file.bin", most_bytes=len(CONTENT)) == CONTENT
    server.cuts["/file.bin"] = [1000, 0]
    assert read_url(f"{server.url}/file.bin", most_bytes=len(CONTENT), title="file") == CONTENT
    assert server.requests == [("/file.bin", None)] * 4


def test_a_file_in_memory_that_breaks_off_again_and_again(server: FileServer) -> None:
    server.cuts["/file.bin"] = [1000] * 99
    with pytest.raises(DownloadError, match="again and again"):
        read_url(f"{server.url}/file.bin", most_bytes=len(CONTENT))


@pytest.mark.parametrize("answer", ["", "Content-Length: 9999999\r\n"])
def test_no_more_comes_into_memory_than_may(server: FileServer, answer: str) -> None:
    server.raw = b"HTTP/1.0 200 OK\r\n" + answer.encode() + b"\r\n" + CONTENT
    with pytest.raises(DownloadError, match="more than it should"):
        read_url(f"{server.url}/file.bin", most_bytes=len(CONTENT) - 1)


@pytest.mark.parametrize("typed", ["/ü photo.jpg", "/%C3%BC%20photo.jpg", "/ü%20photo.jpg"])
def test_addresses_as_browsers_show_them(server, typed):
    server.files["/%C3%BC%20photo.jpg"] = b"content"
    assert read_url(server.url + typed, most_bytes=100) == b"content"
    assert read_url(server.url.replace("http", "HTTP") + typed, most_bytes=100) == b"content"


@pytest.mark.parametrize(
    "url", ["http://[abc/x", "http://ex..ample/x", f"http://{'a' * 70}/x", "http://h:port/x"]
)
def test_what_is_no_address_is_said(url):
    with pytest.raises(DownloadError, match=r"is not an address|Cannot reach"):
        read_url(url, most_bytes=100)


def test_parameters_are_not_shown():
    for url in ("http://127.0.0.1:9/x?key=secret", "http://[x?key=secret"):
        with pytest.raises(DownloadError) as caught:
            read_url(url, most_bytes=100)
        assert "secret" not in str(caught.value)


def read_all(url):
    with open_url(url) as response:
        return response.read(10) + response.read()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nshort",
    ],
)
def test_a_connection_that_breaks_in_the_block_is_said(server, answer):
    server.raw = answer
    with pytest.raises(DownloadError, match="broke off"):
        read_all(server.url + "/x")
