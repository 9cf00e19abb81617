"""A server that answers as cameras and video servers do: JPEG after JPEG in any form, passwords, TLS."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list

USER, PASSWORD = "me", "s/e#c?r@e:t%"
QUOTED = "s%2Fe%23c%3Fr%40e%3At%25"

_CHALLENGES = {
    "Basic": 'Basic realm="cam"',
    "Basic without quotes": "Basic realm=cam",
    "Digest": 'Digest realm="cam", nonce="17", qop="auth"',
}


class Server:
    """Answers every request with ``answer``, once it has the password, if there is one.

    Args:
        answer: writes what follows the status line, headers included.
        auth: one of _CHALLENGES, or None.
        tls: of an HTTPS server.

    Attributes:
        passwords: what came as Authorization.
        asked: how many requests came.
    """

    def __init__(
        self,
        answer: Callable[[BaseHTTPRequestHandler], None],
        *,
        auth: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.passwords: list[str] = []
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                if given := self.headers["Authorization"]:
                    outer.passwords.append(given)
                if auth and not (given and _is_right(given, self.path)):
                    self.send_response(401)
                    challenge = _CHALLENGES[auth]
                    self.send_header("WWW-Authenticate", challenge)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                with contextlib.suppress(OSError):
                    answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _is_right(given: str, path: str) -> bool:
    kind, _, rest = given.partition(" ")
    if kind == "Basic":
        return base64.b64decode(rest).decode() == f"{USER}:{PASSWORD}"
    values = parse_keqv_list(parse_http_list(rest))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret = md5(f"{USER}:cam:{PASSWORD}")
    asked = md5(f"GET:{path}")
    expected = md5(":".join([secret, "17", values["nc"], values["cnonce"], "auth", asked]))
    return values["username"] == USER and values["response"] == expected


def send_jpegs(form: str, jpegs: list[bytes]) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer of JPEG after JPEG in one of the forms that cameras have."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        head = "multipart/x-mixed-replace" + ("" if form == "no boundary named" else ";boundary=--x")
        if form == "HTTP/0.9":
            request.wfile.write(f"Content-Type: {head}\r\n\r\n".encode())
        else:
            request.protocol_version = "HTTP/1.1"
            request.send_response(200)
            request.send_header("Content-Type", head)
            if form == "chunked":
                request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()

        def send(data: bytes) -> None:
            request.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if form == "chunked" else data)

        for jpeg in jpegs:
            send(_part(form, jpeg))
        if form == "chunked":
            request.wfile.write(b"0\r\n\r\n")
        request.close_connection = True

    return answer


def _part(form: str, jpeg: bytes) -> bytes:
    line = b"\n" if form == "line feeds" else b"\r\n"
    length = {"no length": b"", "wrong length": b"Content-Length: 99" + line}.get(
        form, b"Content-Length: %d" % len(jpeg) + line
    )
    head = b"Content-Type: image/jpeg" + line + length + line
    head = head.lower() if form == "lower case" else head
    boundary = {"dashes": b"----x", "another boundary": b"--other", "bare boundary": b"x"}.get(form, b"--x")
    if form == "no boundary at first":
        return head + jpeg + line + boundary + line
    return boundary + line + head + jpeg + (b"" if form == "no line end" else line)


FORMS = [
    "plain", "no boundary at first", "no boundary named", "dashes", "another boundary", "bare boundary",
    "no length", "wrong length", "lower case", "line feeds", "no line end", "chunked",
]  # fmt: skip
