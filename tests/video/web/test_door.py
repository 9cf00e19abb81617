"""Crowds of connections, against a server in a process of its own that may open few files."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from detector.video.web.door import LOG, OnceAMinute
from tests.video.web.feeding import PATIENCE
from tests.waiting import wait_until

DESCRIPTORS = 128
CROWD = 400

SERVER = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
from detector.video.settings import LiveSettings
from detector.video.web.camera import BrowserSource
from detector.video.web.server import WebView
camera = BrowserSource() if sys.argv[2] == "https" else None
view = WebView(
    LiveSettings(0.4), ["person"], draw=lambda live: live.image, source_name="street", port=0, camera=camera,
    host="0.0.0.0" if camera else "127.0.0.1",
)
print(view.url, flush=True)
for line in sys.stdin:
    print(len(os.listdir("/proc/self/fd")), flush=True)
view.close()
"""
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")


@dataclass
class Server:
    """A view in another process.

    Attributes:
        url: what to open.
        port: where it listens.
    """

    url: str
    port: int
    process: subprocess.Popen[str]

    def count(self) -> int:
        """How many descriptors it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print("count", file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def answers(self) -> bool:
        """Whether a new visitor sees the page."""
        context = ssl._create_unverified_context() if self.url.startswith("https") else None
        with urllib.request.urlopen(self.url, timeout=PATIENCE, context=context) as answer:
            return b"<html" in answer.read()

    def end(self) -> str:
        """End it; what it has logged."""
        _, log = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0
        return log


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(DESCRIPTORS), getattr(request, "param", "http")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    try:
        yield Server(url, int(url.split(":")[2].partition("/")[0]), process)
    finally:
        process.kill()
        process.communicate()


def connect(server: Server, say: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    with contextlib.suppress(OSError):  # it was turned away already
        connection.sendall(say)
    return connection


@needs_proc
@pytest.mark.parametrize(
    ("server", "say"),
    [
        ("http", b""),
        ("http", b"GET / HTTP/1.1\r\nHost: local"),
        ("http", b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("http", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n0"),
        ("http", b"nonsense\r\n\r\n"),
        ("https", b""),
        ("https", b"\x16\x03\x01\x02\x00\x01\x00"),
        ("https", b"GET / HTTP/1.1\r\n\r\n"),
    ],
    ids=[
        "nothing",
        "half head",
        "whole requests",
        "half body",
        "nonsense",
        "TLS",
        "half handshake",
        "no TLS",
    ],
    indirect=["server"],
)
def test_a_crowd_that_does_nothing_locks_nobody_out(server: Server, say: bytes) -> None:
    before = server.count()
    with contextlib.ExitStack() as crowd:
        for number in range(CROWD):
            crowd.enter_context(connect(server, say))
            if number % 100 == 99:
                assert server.answers()
        assert server.count() < before + 30
        assert server.answers()
    wait_until(lambda: server.count() <= before + 2)
    assert server.end().count("\n") <= 2


@needs_proc
def test_viewers_stay_when_a_crowd_comes(server: Server) -> None:
    request = b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        viewer = stack.enter_context(connect(server, request))
        assert viewer.recv(15) == b"HTTP/1.1 200 OK"
        for _ in range(CROWD):
            stack.enter_context(connect(server, b""))
        assert server.answers()
        viewer.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while received := viewer.recv(4096):
                assert received
        viewer.setblocking(False)
        with pytest.raises(BlockingIOError):  # it is open and has nothing more to say
            viewer.recv(1)


def test_a_line_a_minute_is_logged() -> None:
    now = [0.0]
    once = OnceAMinute(lambda: now[0])
    record = LOG.makeRecord(LOG.name, logging.WARNING, __file__, 1, "crowded", (), None)
    passed = []
    for second in range(0, 300, 1):
        now[0] = float(second)
        passed.append(once.filter(record))
    assert sum(passed) == 5
