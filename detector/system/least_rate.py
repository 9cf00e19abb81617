"""HTTP connections that end when a server sends next to nothing, where a time-out heeds each byte alone."""

from __future__ import annotations

import io
import socket
import time
import urllib.request
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any

LEAST_BYTES = 1000  # a second
_STRETCH_SECONDS = 60.0  # of waiting, over which that is a mean: longer than a time-out for each of two parts


class SlowError(Exception):
    """A server that sends less than ``LEAST_BYTES`` a second."""


class _RatedSocket(io.RawIOBase):
    """What a socket sends; time that passes between reads does not count.

    Raises:
        SlowError: while it is read, for too little of it.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._waited, self._came = 0.0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        start = time.monotonic()
        count: int | None = self._raw.readinto(buffer)  # type: ignore[attr-defined]
        self._waited += time.monotonic() - start
        self._came += count or 0
        if count and self._waited >= _STRETCH_SECONDS:
            if self._came < LEAST_BYTES * self._waited:
                raise SlowError
            self._waited, self._came = 0.0, 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _RatedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_RatedSocket(self.fp.detach()))


class _Connection(HTTPConnection):
    response_class = _RatedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _RatedResponse


class RatedHTTP(urllib.request.HTTPHandler):
    """Opens addresses with http://."""

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class RatedHTTPS(urllib.request.HTTPSHandler):
    """Opens addresses with https://."""

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req)
