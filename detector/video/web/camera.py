"""A browser's camera as a source of frames."""

from __future__ import annotations

import struct
import threading
import time
from collections import deque
from dataclasses import dataclass

from detector.errors import ImageError
from detector.images import decode_image
from detector.video.frames import Frame

_CLOCK = struct.Struct(">d")  # milliseconds of the browser's own clock, in front of each JPEG
_LONGEST_SIDE = 4096  # what the page sends has 640
_REMEMBERED = 64  # frames on their way through the pipeline; there are two at a time
_SILENT_SECONDS = 3.0
_STARTS_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class _Sent:
    clock: float
    jpeg: bytes
    number: int
    received_at: float


class BrowserSource:
    """Gives the frames that a page sends from its camera, the newest first; there is one camera at a time.

    Who is the camera is any object, compared by identity.
    """

    name = "browser"
    live = True
    fps: float | None = None

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._camera: object | None = None
        self._newest: _Sent | None = None
        self._received = 0
        self._began = self._last_at = 0.0
        self._closed = False
        self._on_their_way: deque[tuple[int, object, float]] = deque(maxlen=_REMEMBERED)

    @property
    def notice(self) -> str | None:
        """What to do, or what is wrong, while there is no picture."""
        if self._camera is None:
            return "Waiting for a camera: open this page where the camera is and press Start camera."
        if time.monotonic() - self._last_at > _SILENT_SECONDS:
            return "The browser's camera sends no picture; is its page in front?"
        return None

    @property
    def taken(self) -> bool:
        """Whether a browser is the camera now."""
        return self._camera is not None

    def claim(self, camera: object) -> bool:
        """Make somebody the camera; False if another one is."""
        with self._changed:
            if self._camera not in (None, camera):
                return False
            self._camera, self._last_at = camera, time.monotonic()
            return True

    def release(self, camera: object) -> None:
        """Let others be the camera, if this one is."""
        with self._changed:
            if self._camera is camera:
                self._camera = self._newest = None

    def offer(self, camera: object, message: bytes) -> None:
        """Take a message of the camera: its clock, eight bytes, and a JPEG. Others' are ignored.

        Raises:
            ImageError: this is no such message.
        """
        if len(message) < _CLOCK.size or not 0 < max(_jpeg_size_wh(message[_CLOCK.size :])) <= _LONGEST_SIDE:
            raise ImageError("A frame is a clock and a JPEG.")
        (clock,) = _CLOCK.unpack_from(message)
        with self._changed:
            if self._camera is not camera or self._closed:
                return
            self._last_at = time.monotonic()
            self._began = self._began or self._last_at
            self._newest = _Sent(clock, message[_CLOCK.size :], self._received, self._last_at)
            self._received += 1
            self._on_their_way.append((self._newest.number, camera, clock))
            self._changed.notify_all()

    def sender_of(self, frame: Frame) -> tuple[object, float] | None:
        """Who has sent a frame, and at what time of its clock; None if that is long ago."""
        with self._changed:
            for number, camera, clock in self._on_their_way:
                if number == frame.number:
                    return camera, clock
        return None

    def read(self) -> Frame | None:
        """The newest frame, waited for as long as it takes; None after ``close``."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._closed)
                sent, self._newest = self._newest, None
            if sent is None or self._closed:
                return None
            try:
                image = decode_image(sent.jpeg)
            except ImageError:
                continue  # damaged in a way that only decoding finds; the next one is on its way
            return Frame(image, sent.number, sent.received_at - self._began, sent.received_at)

    def close(self) -> None:
        """Make ``read`` return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _jpeg_size_wh(data: bytes) -> tuple[int, int]:
    """Width and height that a JPEG's header claims, (0, 0) if it is none: a few bytes can claim gigabytes."""
    position = 2 if data.startswith(b"\xff\xd8") else len(data)
    while position + 9 <= len(data) and data[position] == 0xFF:
        if data[position + 1] in _STARTS_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return 0, 0
