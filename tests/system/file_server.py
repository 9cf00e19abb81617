"""A server on this machine that answers as well, or as badly, as a test wants."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import sys
import threading
import time
from collections import Counter
from typing import Any

import numpy as np

CONTENT = np.random.default_rng(0).bytes(2_500_000)  # more than two of the chunks that are read at a time


class FileServer:
    """Serves the files it is given, and notes what was asked of it.

    Attributes:
        files: content by path.
        ranges: whether it honours the header Range.
        cuts: by path, after how many bytes of the body each answer in turn breaks off; whole answers follow.
        requests: (path, header Range) of each request in turn.
        sent: bytes of bodies that were sent, by path.
        content_range: what the header Content-Range says when it is not empty, whatever is sent.
        raw: sent in place of an HTTP answer when it is not None.
        pause: seconds before each byte of ``raw``, which is sent byte by byte where that is not 0.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.cuts: dict[str, list[int]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.sent: Counter[str] = Counter()
        self.content_range = ""
        self.raw: bytes | None = None
        self.pause = 0.0

    def __enter__(self) -> FileServer:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *args: Any) -> None:
                if not isinstance(sys.exc_info()[1], ConnectionError):  # the client has gone
                    super().handle_error(*args)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        asked = request.headers["Range"]
        self.requests.append((request.path, asked))
        if self.raw is not None:
            with contextlib.suppress(ConnectionError):
                for part in (self.raw,) if not self.pause else map(bytes, zip(self.raw, strict=True)):
                    time.sleep(self.pause)
                    request.wfile.write(part)
            return
        if request.path not in self.files:
            request.send_error(404)
            return
        content = self.files[request.path]
        start, end = 0, len(content)
        if asked and self.ranges:
            first, last = asked.removeprefix("bytes=").split("-")
            start, end = int(first), min(int(last) + 1, end) if last else end
            if start >= len(content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(content)}")
                request.end_headers()
                return
            request.send_response(206)
            request.send_header(
                "Content-Range", self.content_range or f"bytes {start}-{end - 1}/{len(content)}"
            )
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(end - start))
        request.end_headers()
        cuts = self.cuts.get(request.path)
        end = min(start + cuts.pop(0), end) if cuts else end
        self.sent[request.path] += end - start
        with contextlib.suppress(ConnectionError):  # the client may have gone
            request.wfile.write(content[start:end])


def unused_address() -> str:
    """An address of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
