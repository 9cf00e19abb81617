"""Where frames come from: ``open_source`` finds out what a user means."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path
from typing import Protocol

import cv2

from detector.errors import ImageError, SourceError
from detector.images import SUFFIXES, Image, find_images, load_image
from detector.video.capture import (
    Capture,
    LiveSource,
    frame_rate,
    open_camera_source,
    open_in_time,
    open_stream,
    open_video,
    read_image,
)
from detector.video.frames import Frame

_SECONDS_PER_IMAGE = 1.0  # how long each image of a folder is on screen


class Source(Protocol):
    """Gives frames, one after the other.

    Attributes:
        name: what messages call it.
        live: True where frames that nobody fetches in time are gone; False where each one waits.
        fps: frames per second, where that is known.
    """

    name: str
    live: bool
    fps: float | None

    @property
    def notice(self) -> str | None:
        """A sentence for the viewer while there is no picture."""
        ...

    def read(self) -> Frame | None:
        """The next frame, waited for; None at the end and after ``close``. For one thread only."""
        ...

    def close(self) -> None:
        """Make ``read`` return None and let go of device and file; from any thread."""
        ...


class VideoFile:
    """Every frame of a video, with the times that the file gives them.

    Args:
        name: path or URL.
        capture: the opened file.
        first: its first picture.

    Attributes:
        remark: what is to be said of it at the end, if anything.
    """

    live = False
    notice: str | None = None

    def __init__(self, name: str, capture: Capture, first: Image) -> None:
        self.name = name
        self.remark: str | None = None
        self.fps = frame_rate(capture)
        self._expected = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._capture = capture
        self._first: Image | None = first
        self._number = 0
        self._timestamp = -1.0
        self._reading = threading.Lock()
        self._closed = False

    def read(self) -> Frame | None:
        with self._reading:
            if self._closed:
                return None
            image, self._first = self._first, None
            if image is None:
                image = read_image(self._capture)
            if image is None:
                if self._number < 0.9 * self._expected:  # some files count a few frames more than they have
                    of = f"{self._number:,} of its {self._expected:,.0f} frames"
                    self.remark = f"{self.name} ended after {of}; is it whole?"
                return None
            # Some files give all their frames the same time, or one that jumps back.
            period = 1 / self.fps if self.fps else 1 / 30
            told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            self._timestamp = told if told > self._timestamp else self._timestamp + period
            frame = Frame(image, self._number, self._timestamp, time.monotonic())
            self._number += 1
            return frame

    def close(self) -> None:
        with self._reading:
            self._closed = True
            self._capture.release()


class ImageSequence:
    """Images one after the other, a second each.

    Args:
        name: the file or folder that was asked for.
        paths: image files; one that cannot be read is left out.

    Attributes:
        remark: what is to be said of it at the end, if anything.

    Raises:
        ImageError: none of them can be read.
    """

    live = False
    notice: str | None = None
    fps: float | None = 1 / _SECONDS_PER_IMAGE

    def __init__(self, name: str, paths: list[Path]) -> None:
        self.name = name
        self._failures: list[str] = []
        self._paths = iter(paths)
        self._number = 0
        self._first = self._next()
        if self._first is None:
            raise ImageError(self._failures[0])

    @property
    def remark(self) -> str | None:
        return "\n".join(f"Left out: {failure}" for failure in self._failures) or None

    def _next(self) -> Image | None:
        for path in self._paths:
            try:
                return load_image(path)
            except ImageError as error:
                self._failures.append(str(error))
        return None

    def read(self) -> Frame | None:
        image, self._first = (self._next() if self._first is None else self._first), None
        if image is not None:
            frame = Frame(image, self._number, self._number * _SECONDS_PER_IMAGE, time.monotonic())
            self._number += 1
            return frame
        return None

    def close(self) -> None:
        self._paths, self._first = iter(()), None


def open_source(text: str) -> Source:
    """The source that a user names; it has given its first frame.

    Args:
        text: a camera's number or device, the URL of a stream or video, a video file, an image, or a folder
            or glob pattern of images.

    Raises:
        SourceError: there is no such thing, or it gives no picture.
        ImageError: a folder without images.
    """
    if text.isdecimal():
        return open_camera_source(int(text))
    if text.startswith("/dev/video"):
        return open_camera_source(text)
    if "://" in text:
        return _open_url(text)
    # A GIF may be a moving picture.
    if os.path.isdir(text) or (text.lower().endswith(SUFFIXES) and not text.lower().endswith(".gif")):
        return ImageSequence(text, find_images([text]))
    try:
        mode = os.stat(text).st_mode
    except OSError as error:
        raise SourceError(
            f"Cannot read the source {text} ({error.strerror}); expected a camera's number, a video file, an "
            "image, a folder of images or the URL of a stream."
        ) from error
    if stat.S_ISCHR(mode):
        return open_camera_source(text)
    if not stat.S_ISREG(mode):
        raise SourceError(f"{text} is neither a file, a folder nor a camera.")
    name = f"The video {text}"
    capture, first = open_in_time(
        lambda: open_video(text, cv2.CAP_ANY), name, "is it a video, and is it whole?"
    )
    return VideoFile(text, capture, first)


def _open_url(url: str) -> Source:
    shown = without_password(url)
    capture, first = open_in_time(
        lambda: open_stream(url),
        f"The stream {shown}",
        "check the address, and user name and password if it asks for them.",
    )
    if capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
        return VideoFile(shown, capture, first)
    return LiveSource(shown, lambda: open_stream(url), capture)


def without_password(url: str) -> str:
    """The URL as it may be shown: without password, and without parameters, which may have one."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    name = f"{user.partition(':')[0]}:***" if ":" in user else user
    path, question, _ = path.partition("?")
    return f"{scheme}://{name}{at}{host}{slash}{path}{question}{'...' if question else ''}"
