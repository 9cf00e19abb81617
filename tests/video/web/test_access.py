"""Who may look, and what keeps others out."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import DetectorError
from detector.video.settings import LiveSettings
from detector.video.web.camera import BrowserSource
from detector.video.web.server import WebView
from tests.video.web.feeding import CLASSES, PATIENCE, STATS, draw, live_frame

OpenView = Callable[..., WebView]
PATHS = ["/", "/app.js", "/stream.mjpg", "/snapshot.jpg", "/state.json", "/socket", "/nothing"]


def request(
    view: WebView, path: str, headers: dict[str, str] | None = None, context: ssl.SSLContext | None = None
) -> http.client.HTTPResponse:
    """An answer, its body read, asked for over loopback."""
    port = int(re.findall(r":(\d+)/", view.url)[0])
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
        if context
        else http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    )
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    answer.text = answer.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return answer


def token_of(view: WebView) -> str:
    return view.url.partition("?token=")[2]


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LocalHost.:80", "app.localhost", "[::1]:8080"])
def test_loopback_is_open_to_this_machine(open_view: OpenView, host: str) -> None:
    view = open_view()
    assert view.url.startswith("http://127.0.0.1:")
    assert view.url.endswith("/")
    assert view.invitation == f"Open {view.url} in a browser."
    assert request(view, "/state.json", {"Host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.1", "", "[", "a b"],
)
@pytest.mark.parametrize("path", ["/", "/stream.mjpg", "/socket"])
def test_a_name_that_was_pointed_to_loopback_is_refused(open_view: OpenView, host: str, path: str) -> None:
    assert request(open_view(), path, {"Host": host}).status in (400, 403)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8080", 101),
        ("https://localhost:8080", 101),  # behind a proxy
        ("http://localhost:8081", 101),  # a proxy on this machine that names the view's own address
        ("http://127.0.0.1:8080", 101),
        ("http://[::1]:3000", 101),
        ("http://evil.example", 403),
        ("http://evil.example:8080", 403),
        ("http://localhost.evil.example", 403),
        ("http://localhost@evil.example", 403),
        ("http://[evil.example]", 403),
        ("http://", 403),
        ("null", 403),
        (None, 403),
    ],
)
def test_only_the_views_own_page_may_use_the_socket(
    open_view: OpenView, origin: str | None, status: int
) -> None:
    assert ask_for_socket(open_view(), origin) == status


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_behind_a_proxy_that_names_another_host_the_page_is_known_by_its_cookie(
    open_view: OpenView, host: str
) -> None:
    view = open_view(host=host)
    answer = request(view, f"/?token={token_of(view)}")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    kept = cookie.partition(";")[0]
    assert ask_for_socket(view, "https://camera.example", f"Cookie: {kept}") == 101
    assert ask_for_socket(view, "https://camera.example", f"Cookie: {kept[:-1]}") == 403
    assert ask_for_socket(view, "https://camera.example") == 403


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("camera.example", 101),
        ("camera.example, inner:81", 101),
        ("inner:81, camera.example", 403),
        ("", 403),
    ],
)
def test_a_proxy_may_say_what_it_was_asked_for(open_view: OpenView, forwarded: str, status: int) -> None:
    view = open_view()
    assert ask_for_socket(view, "https://camera.example", f"X-Forwarded-Host: {forwarded}") == status
    # A page whose owner points its name to this machine cannot say so for itself.
    evil = request(view, "/", {"Host": "evil.example", "X-Forwarded-Host": "localhost"})
    assert evil.status == 403
    assert "Host: localhost" in evil.text  # type: ignore[attr-defined]


def ask_for_socket(view: WebView, origin: str | None, *more: str) -> int:
    """The status of the answer to a page from somewhere that wants a WebSocket."""
    lines = ["GET /socket HTTP/1.1", "Host: localhost:8080", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="]
    lines += [*more] if origin is None else [f"Origin: {origin}", *more]
    port = int(re.findall(r":(\d+)/", view.url)[0])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(client.recv(12).split()[1])


def test_strangers_pages_cannot_embed_what_loopback_shows(open_view: OpenView) -> None:
    answer = request(open_view(), "/state.json")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("given", ["", "?token=", "?token=wrong", "?token=%ff&token=%00"])
def test_other_addresses_ask_for_a_token(open_view: OpenView, path: str, given: str) -> None:
    view = open_view(host="0.0.0.0")
    answer = request(view, path + given, {"Cookie": "ssdlite-1=x"})
    assert answer.status == 403
    assert "asks for its token" in answer.text  # type: ignore[attr-defined]
    assert "Set-Cookie" not in answer.headers
    assert token_of(view) not in answer.text  # type: ignore[attr-defined]


def test_the_token_is_given_once_and_kept_in_a_cookie(open_view: OpenView) -> None:
    view = open_view(host="0.0.0.0")
    assert re.fullmatch(r"http://[\d.]+:\d+/\?token=[\w-]{24}", view.url)
    assert view.invitation.startswith(f"Open {view.url} ")
    assert "0.0.0.0" not in view.url
    answer = request(view, f"/?token={token_of(view)}")
    assert answer.status == 200
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    kept = {"Cookie": cookie.partition(";")[0], "Host": "camera.local:8080"}
    for path in ("/", "/app.js", "/state.json"):
        assert request(view, path, kept).status == 200
    assert request(view, "/socket", kept).status == 403  # not from the page
    assert request(view, "/socket", {**kept, "Origin": "http://camera.local:8080"}).status == 400


def test_players_give_the_token_in_the_address(open_view: OpenView) -> None:
    view = open_view(host="0.0.0.0")
    view.show(live_frame(), STATS, None)
    port = view.url.split(":")[2].split("/")[0]
    address = f"http://127.0.0.1:{port}/stream.mjpg?token={token_of(view)}"
    with urllib.request.urlopen(address, timeout=PATIENCE) as stream:
        assert stream.readline() == b"--frame\r\n"
    assert json.loads(request(view, f"/state.json?token={token_of(view)}").text)  # type: ignore[attr-defined]


def test_each_view_has_a_token_of_its_own(open_view: OpenView) -> None:
    first, second = (token_of(open_view(host="0.0.0.0")) for _ in range(2))
    assert first != second


def test_a_camera_elsewhere_gets_https(
    open_view: OpenView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path))
    monkeypatch.setattr("detector.video.web.serving.reachable_host", lambda listening: "127.0.0.1")
    view = open_view(host="0.0.0.0", camera=BrowserSource())
    assert view.url.startswith("https://127.0.0.1:")
    assert "Browsers warn once" in view.invitation
    (file,) = tmp_path.rglob("*.pem")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    trusting = ssl.create_default_context(cafile=str(file))  # checks the address, too
    answer = request(view, f"/?token={token_of(view)}", context=trusting)
    assert answer.status == 200
    assert "Secure" in answer.headers["Set-Cookie"]
    made = file.read_bytes()
    open_view(host="0.0.0.0", camera=BrowserSource())
    assert file.read_bytes() == made  # kept, so that browsers need not be asked again
    file.write_text("damaged")
    open_view(host="0.0.0.0", camera=BrowserSource())
    assert file.read_bytes() not in (made, b"damaged")


def test_an_old_certificate_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import time

    from detector.video.web.certificate import server_context

    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path))
    server_context("::1")
    (file,) = tmp_path.rglob("*.pem")
    made = file.read_bytes()
    os.utime(file, (0, time.time() - 391 * 86400))
    server_context("::1")
    assert file.read_bytes() != made


def test_a_camera_on_this_machine_needs_no_https(open_view: OpenView) -> None:
    assert open_view(camera=BrowserSource()).url.startswith("http://127.0.0.1:")


def test_without_the_package_for_certificates(
    settings: LiveSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(DetectorError, match=r"pip install '\.\[live\]'"):
        WebView(settings, CLASSES, draw=draw, source_name="", host="0.0.0.0", port=0, camera=BrowserSource())
