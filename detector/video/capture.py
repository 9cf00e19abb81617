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
from detector.video.certificates import authorities, check_certificate, is_secure
from detector.video.frames import Frame

# Read by OpenCV when it first uses these parts; a user's own settings stay.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg prints nothing: what is wrong is said here
os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")  # Windows cameras open in seconds

os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "5")  # seconds until an unplugged camera is lost

OPEN_SECONDS = 10.0
STALL_SECONDS = 5  # a stream that sends nothing for so long is lost
_BACK_OFF = (0.25, 0.5, 1.0, 2.0)  # seconds before each new attempt; the last one for all that follow
_MOST_DAMAGED = 10  # pictures in a row that a live source may get wrong before it counts as lost
_QUICK_SECONDS = 0.1  # a read that fails slower has waited for a picture that did not come
_MOST_SKIPPED = 300  # damaged pictures before the first good one of a file
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_options_taken = threading.Lock()  # OpenCV reads them from the environment when it opens a stream
_CODECS = {"AV01": "AV1", "HVC1": "HEVC", "HEV1": "HEVC", "VP90": "VP9", "VP80": "VP8", "AVC1": "H264"}
# What every OpenCV can decode; one of these without a picture is damaged or incomplete.
DECODED = {"H264", "HEVC", "VP9", "VP8", "MJPG", "MPEG", "MP4V", "FMP4", "XVID", "MPG1", "MPG2"}


class NoDecoderError(SourceError):
    """A video that opens and gives no picture; ``codec`` is what its pictures are written in."""

    def __init__(self, message: str, codec: str) -> None:
        super().__init__(message)
        self.codec = codec


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


def open_stream(url: str, *, insecure: bool = False) -> Capture:
    """A network stream, or a video file that a server has.

    Args:
        url: with TLS, the certificate is verified before anything else is sent.
        insecure: take any certificate.

    Raises:
        SourceError: the certificate does not verify.
    """
    if not is_secure(url):
        return _open_stream(url)
    if not insecure:
        check_certificate(url)  # host name and all, with the reason why not
    with _options_taken:
        before = os.environ.get(_OPTIONS)
        verify = ["tls_verify;0"] if insecure else ["tls_verify;1", f"ca_file;{authorities()}"]
        os.environ[_OPTIONS] = "|".join([before or "rtsp_transport;tcp", *verify])
        try:
            return _open_stream(url)
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before


def _open_stream(url: str) -> Capture:
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
                    image = read_past_damage(self._capture)
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
            try:
                capture = self._open()
            except SourceError:  # nobody answers, or not with the certificate that it should have
                continue
            self._first = read_image(capture) if capture.isOpened() else None
            if self._first is not None:
                self._capture, self.notice = capture, None
                return
            capture.release()

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def open_in_time(
    open_: Callable[[], Capture], name: str, hint: str, *, decoder: Callable[[str], str] | None = None
) -> tuple[Capture, Image]:
    """An opened capture and its first picture.

    Args:
        open_: opens it.
        name: what messages call it.
        hint: how the sentence goes on when it cannot be opened.
        decoder: the same where it can, but gives no picture, for the name of its codec.

    Raises:
        SourceError: it cannot be opened, does not answer in time, or opens and gives no picture.
    """
    answer: queue.SimpleQueue[tuple[Capture, Image | None] | SourceError] = queue.SimpleQueue()
    late = threading.Event()

    def open_and_read() -> None:
        try:
            capture = open_()
        except SourceError as error:
            answer.put(error)
            return
        answer.put((capture, read_first(capture) if capture.isOpened() else None))
        if late.is_set():
            capture.release()

    threading.Thread(target=open_and_read, name=f"open {name}", daemon=True).start()
    try:
        opened = answer.get(timeout=OPEN_SECONDS)
    except queue.Empty:
        late.set()
        raise SourceError(f"{name} did not answer within {OPEN_SECONDS:.0f} seconds; {hint}") from None
    if isinstance(opened, SourceError):
        raise opened
    capture, image = opened
    if image is None:
        codec = codec_of(capture) if capture.isOpened() and decoder else ""
        what = "opens but gives no picture" if capture.isOpened() else "cannot be opened"
        capture.release()
        if codec and decoder:
            codec = _CODECS.get(codec, codec)
            raise NoDecoderError(f"{name} {what}; {decoder(codec)}", codec)
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


def read_first(capture: Capture) -> Image | None:
    """The first picture that is not damaged; None where there is none, or none comes in time."""
    end = time.monotonic() + OPEN_SECONDS
    for _ in range(_MOST_SKIPPED):
        if (image := read_image(capture)) is not None or time.monotonic() > end:
            return image
    return None


def read_past_damage(capture: Capture) -> Image | None:
    """The next picture of a live source; None when it is lost, not when a few pictures are damaged."""
    for _ in range(_MOST_DAMAGED):
        start = time.monotonic()
        if (image := read_image(capture)) is not None or time.monotonic() - start > _QUICK_SECONDS:
            return image
    return None


def codec_of(capture: Capture) -> str:
    """Four capital letters for the codec of an opened capture; empty where it has none that can be told."""
    code = capture.get(cv2.CAP_PROP_FOURCC)
    if not 0 < code < 1 << 32:
        return ""
    return int(code).to_bytes(4, "little").decode("latin-1").strip("\0 ").upper()


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
