"""The server with real clients over loopback."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from detector.detections import Detections
from detector.errors import DetectorError
from detector.video.frames import Count, LiveFrame
from detector.video.settings import LiveSettings
from detector.video.web.server import WebView
from tests.video.web.browsing import MakeFeed, OpenView
from tests.video.web.feeding import CLASSES, PATIENCE, STATS, draw, endless_frames, live_frame
from tests.video.web.pages import receive, with_pages
from tests.waiting import wait_until


def get(view: WebView, path: str = "") -> Any:
    return urllib.request.urlopen(view.url + path, timeout=PATIENCE)


def get_json(view: WebView) -> dict[str, Any]:
    with get(view, "state.json") as answer:
        state: dict[str, Any] = json.load(answer)
    return state


def read_parts(stream: Any, count: int) -> list[bytes]:
    """The next JPEGs of a stream; each is there before anything of the one after it."""
    parts = []
    for _ in range(count):
        headers = {}
        while line := stream.readline().strip():
            if not line.startswith(b"--"):
                name, _, value = line.partition(b": ")
                headers[name] = value
        assert headers[b"Content-Type"] == b"image/jpeg"
        parts.append(stream.read(int(headers[b"Content-Length"])))
        assert stream.read(9) == b"\r\n--frame"
        assert stream.read(2) == b"\r\n"
    return parts


def decode(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "text/html"),
        ("style.css", "text/css"),
        ("app.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
        ("state.json", "application/json"),
    ],
)
def test_what_is_served(open_view: OpenView, path: str, kind: str) -> None:
    with get(open_view(), path) as answer:
        assert answer.headers["Content-Type"].startswith(kind)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.read()


@pytest.mark.parametrize("path", ["nothing", "page/app.js", "..%2fserver.py", "token.html"])
def test_what_is_not_served(open_view: OpenView, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(open_view(), path)


def test_a_stream_shows_moving_pictures(open_view: OpenView, feed: MakeFeed) -> None:
    view = open_view()
    feed(view, endless_frames())
    with get(view, "stream.mjpg") as stream:
        assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        parts = read_parts(stream, 5)
    assert all(decode(part).shape == (240, 320, 3) for part in parts)
    assert len(set(parts)) == 5


def test_players_show_the_stream(open_view: OpenView, feed: MakeFeed) -> None:
    view = open_view()
    feed(view, endless_frames())
    player = cv2.VideoCapture(view.url + "stream.mjpg", cv2.CAP_FFMPEG)
    pictures = [player.read()[1] for _ in range(3)]
    player.release()
    assert all(picture.shape == (240, 320, 3) for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[2])


def test_nothing_is_drawn_while_nobody_looks(open_view: OpenView) -> None:
    drawn = []

    def counting(live: LiveFrame) -> Any:
        drawn.append(live.frame.number)
        return draw(live)

    view = open_view(draw=counting)
    for number in range(5):
        view.show(live_frame(number), STATS, None)
    assert drawn == []


def test_a_late_viewer_sees_the_last_frame_while_nothing_new_comes(
    open_view: OpenView, settings: LiveSettings, feed: MakeFeed
) -> None:
    view = open_view()
    for number in (3, 4):
        view.show(live_frame(number), STATS, None)
    feed(view, iter(()))
    for _ in range(2):  # painted for the first viewer, found by the second
        with get(view, "stream.mjpg") as stream:
            picture = decode(read_parts(stream, 1)[0])
        assert abs(int(picture[5, 5, 0]) - 40) < 5


def test_large_pictures_are_scaled_down_with_their_boxes(open_view: OpenView, feed: MakeFeed) -> None:
    seen = []

    def remembering(live: LiveFrame) -> Any:
        seen.append(live)
        return draw(live)

    view = open_view(draw=remembering)
    view.show(live_frame(wh=(1000, 2560)), STATS, None)
    feed(view, iter(()))
    with get(view, "snapshot.jpg") as answer:
        assert decode(answer.read()).shape == (1280, 500, 3)
    np.testing.assert_allclose(seen[0].detections.boxes, [[125, 320, 375, 960]], atol=0.01)


def test_a_snapshot_is_a_download(open_view: OpenView, feed: MakeFeed) -> None:
    view = open_view()
    feed(view, endless_frames())
    with get(view, "snapshot.jpg") as answer:
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="ssdlite-')
        assert decode(answer.read()).shape == (240, 320, 3)


def test_a_snapshot_of_nothing(open_view: OpenView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.video.web.site._PATIENCE_SECONDS", 0.05)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get(open_view(), "snapshot.jpg")


def test_the_state_tells_everything(open_view: OpenView, settings: LiveSettings) -> None:
    view = open_view()
    assert get_json(view)["live"] is None
    live = live_frame(7, labels=(0, 3, 0))
    live = LiveFrame(live.frame, live.detections, np.array([4, 5, 6]), (Count("door", 2, 1),))
    view.show(live, STATS, "the stream is gone")
    settings.classes = frozenset({"person", "cat"})
    assert get_json(view) == {
        "source": "street.mp4",
        "live": live.to_dict(),
        "classes": {"person": 2, "<b>bold & 猫</b>": 1},
        "stats": STATS.to_dict(),
        "notice": "the stream is gone",
        "ended": False,
        "settings": {
            "threshold": 0.4,
            "classes": ["cat", "person"],
            "input_size": "300",
            "paused": False,
        },
        "remark": "",
        "collecting": False,
        "marked": "",
        "viewers": 0,
        "camera_taken": False,
    }


def port_of(view: WebView) -> int:
    return int(view.url.split(":")[2].split("/")[0])


def test_garbage_instead_of_http(open_view: OpenView) -> None:
    view = open_view()
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"\xff" * 9000,
        b"GET / HTTP/1.1\r\nHost: [\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port_of(view)), timeout=PATIENCE) as client:
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    assert get(view).status == 200


def test_a_viewer_that_reads_nothing_keeps_nobody_waiting(open_view: OpenView, feed: MakeFeed) -> None:
    view = open_view()

    def noisy() -> Iterator[LiveFrame]:  # such pictures fill every buffer soon
        random = np.random.default_rng(0)
        for live in endless_frames(0.0):
            live.image[:] = random.integers(0, 256, live.image.shape, np.uint8)
            yield live

    fed = feed(view, noisy())
    with socket.create_connection(("127.0.0.1", port_of(view)), timeout=PATIENCE) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with get(view, "stream.mjpg") as stream:
            assert len(set(read_parts(stream, 60))) == 60
        before = fed.shown
        wait_until(lambda: fed.shown > before + 20)


def test_a_taken_port_is_one_sentence(open_view: OpenView, settings: LiveSettings) -> None:
    taken = port_of(open_view())
    with pytest.raises(DetectorError) as caught:
        WebView(settings, CLASSES, draw=draw, source_name="", port=taken)
    assert str(caught.value) == f"Port {taken} is taken by another program; choose another with --port."


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.1", "not an address of this machine"),
        ("no such name", "not the name or address"),
        ("a" * 300, "not the name or address"),
        ("", "not the name or address"),
    ],
)
def test_an_address_that_is_not_this_machines(settings: LiveSettings, host: str, words: str) -> None:
    with pytest.raises(DetectorError, match=words):
        WebView(settings, CLASSES, draw=draw, source_name="", host=host, port=0)


def test_closing_ends_everything(settings: LiveSettings) -> None:
    before = set(threading.enumerate())
    view = WebView(settings, CLASSES, draw=draw, source_name="", port=0)
    port = port_of(view)

    async def use(page: Any) -> None:
        await receive(page, "hello", bool)
        await asyncio.to_thread(view.close)
        while (message := await page.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert message.type is aiohttp.WSMsgType.CLOSED

    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    stream.request("GET", "/stream.mjpg")
    answer = stream.getresponse()
    with_pages(view, 1, use)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    stream.close()
    assert set(threading.enumerate()) <= before
    view.show(live_frame(), STATS, None)
    view.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    again = WebView(settings, CLASSES, draw=draw, source_name="", port=port)
    again.close()


def test_boxes_that_are_not_there(open_view: OpenView, feed: MakeFeed) -> None:
    nothing = Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), CLASSES
    )
    view = open_view()
    view.show(LiveFrame(live_frame().frame, nothing), STATS, None)
    feed(view, iter(()))
    assert get_json(view)["classes"] == {}
    assert get(view, "snapshot.jpg").status == 200
