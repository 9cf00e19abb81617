"""Cameras and network streams: opened with a time-out, and opened again when they are lost."""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import cv2
import numpy as np

from detector.errors import SourceError
from detector.images import Image
from detector.video.cameras import CAMERA_BACKEND, describe_cameras
from detector.video.frames import Frame

# Read by OpenCV when it first uses these parts; a user's own settings stay.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg prints nothing: what is wrong is said here
os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")  # Windows cameras open in seconds

os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "5")  # seconds until an unplugged camera is lost

OPEN_SECONDS = 10.0
STALL_SECONDS = 5  # a stream that sends nothing for so long is lost
_BACK_OFF = (0.25, 0.5, 1.0, 2.0)  # seconds before each new attempt; the last one for all that follow


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool: ...  # noqa: N802
    def read(self) -> tuple[bool, Any]: ...
    def get(self, property_: int, /) -> float: ...
    def release(self) -> None: ...


def open_video(target: int | str, backend: int, parameters: Sequence[int] = ()) -> Capture:
    """OpenCV's capture of a camera, stream or file."""
    return cv2.VideoCapture(target, backend, list(parameters))


def open_camera(index_or_path: int | str) -> Capture:
    """A camera, asked for motion JPEG: uncompressed pictures take turns on a USB bus at a few a second."""
    capture = open_video(index_or_path, CAMERA_BACKEND)
    if capture.isOpened():
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))  # type: ignore[attr-defined]
    return capture


def open_stream(url: str) -> Capture:
    """A network stream, or a video file that a server has."""
    milliseconds = 1000 * STALL_SECONDS
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    # Several threads decode as many frames at once, and the first comes out when the last goes in.
    return open_video(url, cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])


class LiveSource:
    """A camera or stream. When it stops it is opened again, with growing pauses, until it is back.

    Args:
        name: what messages call it.
        open_: opens it.
        capture: the same, already opened.
    """

    live = True

    def __init__(self, name: str, open_: Callable[[], Capture], capture: Capture) -> None:
        self.name = name
        self.notice: str | None = None
        self.fps = frame_rate(capture)
        self._open = open_
        self._capture: Capture | None = capture
        self._first: Image | None = None  # of a capture that was opened again
        self._start = time.monotonic()
        self._number = 0
        self._closed = threading.Event()
        self._reading = threading.Lock()

    def read(self) -> Frame | None:
        """The next frame as soon as the device has it; None after ``close``."""
        with self._reading:
            while not self._closed.is_set():
                image, self._first = self._first, None
                if image is None and self._capture is not None:
                    image = read_image(self._capture)
                if image is None:
                    self._reopen()
                    continue
                now = time.monotonic()
                frame = Frame(image, self._number, now - self._start, now)
                self._number += 1
                return frame
            self._release()
            return None

    def close(self) -> None:
        """Make ``read`` return None and let go of the device, at the latest when a waiting read ends."""
        self._closed.set()
        if self._reading.acquire(timeout=0.2):
            self._release()
            self._reading.release()

    def _reopen(self) -> None:
        self._release()
        lost = time.monotonic()
        for attempt in itertools.count():
            since = f"for {time.monotonic() - lost:.0f} s" if attempt else "any more"
            self.notice = f"{self.name} gives no picture {since}; trying again"
            if self._closed.wait(_BACK_OFF[min(attempt, len(_BACK_OFF) - 1)]):
                return
            capture = self._open()
            self._first = read_image(capture) if capture.isOpened() else None
            if self._first is not None:
                self._capture, self.notice = capture, None
                return
            capture.release()

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def open_in_time(open_: Callable[[], Capture], name: str, hint: str) -> tuple[Capture, Image]:
    """An opened capture and its first picture.

    Raises:
        SourceError: it cannot be opened, does not answer in time, or opens and gives no picture; the
            sentence ends with the hint.
    """
    answer: queue.SimpleQueue[tuple[Capture, Image | None]] = queue.SimpleQueue()
    late = threading.Event()

    def open_and_read() -> None:
        capture = open_()
        answer.put((capture, read_image(capture) if capture.isOpened() else None))
        if late.is_set():
            capture.release()

    threading.Thread(target=open_and_read, name=f"open {name}", daemon=True).start()
    try:
        capture, image = answer.get(timeout=OPEN_SECONDS)
    except queue.Empty:
        late.set()
        raise SourceError(f"{name} did not answer within {OPEN_SECONDS:.0f} seconds; {hint}") from None
    if image is None:
        opened = capture.isOpened()
        capture.release()
        what = "opens but gives no picture" if opened else "cannot be opened"
        raise SourceError(f"{name} {what}; {hint}")
    return capture, image


def open_camera_source(index_or_path: int | str) -> LiveSource:
    """A camera of this machine.

    Raises:
        SourceError: see ``open_in_time``; the sentence lists the cameras that are there.
    """
    name = f"Camera {index_or_path}"
    hint = (
        f"another program may be using it; cameras found here: {describe_cameras()}. A source may also be a "
        "video, a folder of images, the URL of a stream, or `browser`: the camera of a phone or laptop."
    )
    capture, _ = open_in_time(lambda: open_camera(index_or_path), name, hint)
    return LiveSource(name, lambda: open_camera(index_or_path), capture)


def read_image(capture: Capture) -> Image | None:
    """The next picture (H, W, 3) uint8 BGR; None when there is none."""
    try:
        good, image = capture.read()
    except cv2.error:
        return None
    if not good or image is None or not image.size:
        return None
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.asarray(image, np.uint8)


def frame_rate(capture: Capture) -> float | None:
    """Frames per second as the device or file claims them; None where the claim cannot be true."""
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if 1 <= rate <= 240 else None  # some say 0, some 90,000
