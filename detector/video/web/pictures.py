"""The drawn pictures that viewers get: one encoding for all of them, each viewer at its own pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from detector.images import Image
from detector.video.frames import LiveFrame

_LONGEST_SIDE = 1280  # pixels; more than most screens show beside the controls
_QUALITY = 80
_FRESH_SECONDS = 0.5
_LEAST_SECONDS = 1 / 25
_GREATEST_SHARE = 1 / 10


@dataclass(frozen=True)
class Picture:
    """A frame as viewers get it.

    Attributes:
        live: what was drawn.
        jpeg: the drawn picture.
        painted_at: ``time.monotonic()`` when it was.
    """

    live: LiveFrame
    jpeg: bytes
    painted_at: float


def paint(live: LiveFrame, draw: Callable[[LiveFrame], Image]) -> Picture:
    """The picture of a frame, of 1280 pixels at most on its longer side."""
    drawn = draw(_shrunk(live))
    _, jpeg = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return Picture(live, jpeg.tobytes(), time.monotonic())


def _shrunk(live: LiveFrame) -> LiveFrame:
    """The frame with picture and boxes scaled down, if it is large: less to copy, draw on and encode."""
    height, width = live.image.shape[:2]
    scale = _LONGEST_SIDE / max(width, height)
    if scale >= 1:
        return live
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Averaging over areas would look a little better and take longer than drawing and encoding together.
    image = np.asarray(cv2.resize(live.image, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)
    ratio = np.array([size_wh[0] / width, size_wh[1] / height] * 2, np.float32)
    return replace(
        live,
        frame=replace(live.frame, image=image),
        detections=replace(live.detections, boxes=live.detections.boxes * ratio),
    )


class Pace:
    """How often to paint: 25 pictures a second at most, and with a tenth of one processor at most.

    Args:
        clock: seconds, as ``time.monotonic``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due = 0.0
        self._cost = 0.0

    def is_due(self) -> bool:
        """Whether the next picture may be painted."""
        return self._clock() >= self._due

    def add_painted(self, seconds: float) -> None:
        """Count a picture and the processor's time that it has taken."""
        self._cost += (seconds - self._cost) / 8 if self._cost else seconds
        interval = max(_LEAST_SECONDS, self._cost / _GREATEST_SHARE)
        # From when it was due: a source a little too fast loses single frames, not every second.
        self._due = max(self._due + interval, self._clock())


class Pictures:
    """The newest picture, and those who wait for the next one. For the server's thread.

    Attributes:
        waiting: viewers who are ready for a picture; any thread may read it.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._current: Picture | None = None
        self._published = asyncio.Event()

    def publish(self, picture: Picture) -> None:
        """Give a picture to everybody who waits."""
        self._current = picture
        self._published.set()
        self._published = asyncio.Event()

    async def after(self, seen: Picture | None, newest: Callable[[], LiveFrame | None]) -> Picture:
        """A picture that is not ``seen``: the current one, unless newer frames went by unpainted.

        Args:
            seen: the viewer's last picture, None at first.
            newest: gives the newest frame.
        """
        while True:
            picture = self._current
            if picture is not None and picture is not seen:
                fresh = time.monotonic() - picture.painted_at < _FRESH_SECONDS
                if fresh or picture.live is newest():
                    return picture
            self.waiting += 1
            try:
                await self._published.wait()
            finally:
                self.waiting -= 1
