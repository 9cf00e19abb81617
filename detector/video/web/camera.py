"""A browser's camera as a source of frames."""

from __future__ import annotations

import math
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass

from detector.errors import ImageError
from detector.image_header import read_header
from detector.images import decode_image
from detector.video.frames import Frame

_CLOCK = struct.Struct(">d")  # milliseconds of the browser's own clock, in front of each JPEG
_MOST_PIXELS = 3840 * 2160  # what the page sends has 640 a side
_JPEG, _SCAN = b"\xff\xd8", b"\xff\xda"
_REMEMBERED = 64  # frames on their way through the pipeline; there are two at a time
_SILENT_SECONDS = 3.0


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
        jpeg = message[_CLOCK.size :]
        if not jpeg.startswith(_JPEG):
            raise ImageError("A frame is a clock and a JPEG.")
        (clock,) = _CLOCK.unpack_from(message)
        if not math.isfinite(clock):
            raise ImageError("A frame's clock is a number.")
        if read_header(jpeg, "frame", _MOST_PIXELS).is_cut_short and _SCAN not in jpeg:
            raise ImageError("A frame's JPEG ends before its picture.")
        with self._changed:
            if self._camera is not camera or self._closed:
                return
            self._last_at = time.monotonic()
            self._began = self._began or self._last_at
            self._newest = _Sent(clock, jpeg, self._received, self._last_at)
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
                image = decode_image(sent.jpeg, name="frame", most_pixels=_MOST_PIXELS)
            except ImageError:
                continue  # damaged in a way that only decoding finds; the next one is on its way
            return Frame(image, sent.number, sent.received_at - self._began, sent.received_at)

    def close(self) -> None:
        """Make ``read`` return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
