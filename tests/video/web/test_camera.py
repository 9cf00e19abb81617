"""A browser's camera as a source."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from collections.abc import Callable
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from detector.errors import ImageError
from detector.video.frames import Frame, LiveFrame
from detector.video.web.camera import BrowserSource
from detector.video.web.server import WebView
from tests.video.web.feeding import PATIENCE, STATS, live_frame
from tests.video.web.pages import receive, run_apart, with_pages
from tests.waiting import wait_until

OpenView = Callable[..., WebView]


def jpeg(grey: int = 100, wh: tuple[int, int] = (64, 48)) -> bytes:
    image = np.full((wh[1], wh[0], 3), grey, np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def message(clock: float, data: bytes) -> bytes:
    return struct.pack(">d", clock) + data


def test_the_newest_frame_comes_first() -> None:
    source, camera = BrowserSource(), object()
    assert source.claim(camera)
    for number in range(3):
        source.offer(camera, message(10.5 + number, jpeg(40 * number)))
    frame = source.read()
    assert frame is not None
    assert (frame.number, frame.image.shape) == (2, (48, 64, 3))
    assert abs(int(frame.image[0, 0, 0]) - 80) < 3
    assert source.sender_of(frame) == (camera, 12.5)


def test_times_go_on_from_the_first_frame() -> None:
    source, camera = BrowserSource(), object()
    source.claim(camera)
    frames = []
    for clock in (5.0, 6.0):
        source.offer(camera, message(clock, jpeg()))
        frames.append(source.read())
    first, second = frames
    assert first is not None
    assert second is not None
    assert first.timestamp == 0
    assert second.timestamp == pytest.approx(second.captured_at - first.captured_at)
    assert second.number == 1


def test_there_is_one_camera_at_a_time() -> None:
    source, first, second = BrowserSource(), object(), object()
    assert source.claim(first)
    assert source.claim(first)
    assert not source.claim(second)
    source.offer(second, message(1, jpeg()))  # ignored
    source.release(second)
    assert source.taken
    source.offer(first, message(1, jpeg()))
    source.release(first)  # and what it has sent last is not shown any more
    assert source.claim(second)
    source.offer(second, message(2, jpeg()))
    frame = source.read()
    assert frame is not None
    assert source.sender_of(frame) == (second, 2)


def test_read_waits_until_the_source_is_closed() -> None:
    source = BrowserSource()
    results: list[Frame | None] = []
    reader = threading.Thread(target=lambda: results.append(source.read()))
    reader.start()
    assert reader.is_alive()
    source.close()
    reader.join(PATIENCE)
    assert results == [None]
    assert source.read() is None
    source.claim(reader)
    source.offer(reader, message(1, jpeg()))
    assert source.read() is None


def two_sizes() -> bytes:
    """A JPEG that claims 64x48 pixels first and 32,767 a side in a second start of frame."""
    small, position = jpeg(), jpeg().index(b"\xff\xc0")
    length = int.from_bytes(small[position + 2 : position + 4], "big") + 2
    frame = bytearray(small[position : position + length])
    frame[5:9] = struct.pack(">HH", 32767, 32767)
    return small[: position + length] + bytes(frame) + small[position + length :]


def bomb() -> bytes:
    """A JPEG whose header claims 65,000 pixels a side."""
    data = bytearray(jpeg())
    position = data.index(b"\xff\xc0")
    data[position + 5 : position + 9] = struct.pack(">HH", 65000, 65000)
    return bytes(data)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"1234567",
        b"12345678",
        message(1, b"\xff\xd8"),
        message(1, b"\xff\xd8\xff"),
        message(1, jpeg()[:20]),
        message(1, b"\x89PNG" + jpeg()),
        message(1, bomb()),
        message(1, two_sizes()),
        message(float("nan"), jpeg()),
        message(float("inf"), jpeg()),
        message(1, cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes()),
        message(1, b"\xff\xd8\xff\xe0\x00\x00" * 50),
    ],
)
def test_what_is_no_frame(damaged: bytes) -> None:
    source, camera = BrowserSource(), object()
    source.claim(camera)
    with pytest.raises(ImageError):
        source.offer(camera, damaged)


def test_a_frame_that_cannot_be_decoded_is_left_out() -> None:
    source, camera = BrowserSource(), object()
    source.claim(camera)
    source.offer(camera, message(1, jpeg()[:-40]))
    results: list[Frame | None] = []
    reader = threading.Thread(target=lambda: results.append(source.read()))
    reader.start()
    wait_until(lambda: source._newest is None)
    source.offer(camera, message(2, jpeg()))
    reader.join(PATIENCE)
    assert results[0] is not None
    assert source.sender_of(results[0]) == (camera, 2)


def test_the_notice_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    source, camera = BrowserSource(), object()
    assert "press Start camera" in str(source.notice)
    source.claim(camera)
    assert source.notice is None
    monkeypatch.setattr("detector.video.web.camera._SILENT_SECONDS", -1.0)
    assert "sends no picture" in str(source.notice)


def test_a_page_is_the_camera_and_gets_its_results(open_view: OpenView) -> None:
    source = BrowserSource()
    view = open_view(camera=source)

    async def use(first: Any, second: Any) -> None:
        assert (await receive(first, "hello", bool))["camera"] is True
        await first.send_json({"camera": True})
        assert await receive(first, "camera", bool) == {"granted": True}
        await second.send_json({"camera": True})
        assert await receive(second, "camera", bool) == {"granted": False}
        await receive(second, "state", lambda state: state["camera_taken"])
        await first.send_bytes(message(123.25, jpeg()))
        frame = await asyncio.to_thread(source.read)
        live = LiveFrame(frame, live_frame(wh=(64, 48)).detections)
        view.show(live, STATS, None)
        result = await receive(first, "result", bool)
        assert result == {"clock": 123.25, **live.to_dict()}
        await first.send_bytes(b"nonsense")
        await receive(first, "error", bool)
        await first.close()  # the tab goes away; another one may be the camera then
        await receive(second, "state", lambda state: not state["camera_taken"])
        await second.send_json({"camera": True})
        assert await receive(second, "camera", lambda answer: True) == {"granted": True}
        await second.send_json({"camera": False})
        await receive(second, "state", lambda state: not state["camera_taken"])

    with_pages(view, 2, use)


def test_a_message_that_is_too_long_ends_the_connection(open_view: OpenView) -> None:
    view = open_view(camera=BrowserSource())

    async def run() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(view.url + "socket", headers={"Origin": view.url.rstrip("/")}) as page,
        ):
            try:
                await page.send_bytes(bytes(3 << 20))
            except ConnectionError:
                return  # it was ended while the message was still being sent
            while (told := await page.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.TEXT:
                assert "result" not in json.loads(told.data)
            assert told.type is aiohttp.WSMsgType.CLOSE

    run_apart(run)
