"""Where frames come from: ``open_source`` finds out what a user means."""

from __future__ import annotations

import operator
import os
import re
import shlex
import stat
import time
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

import cv2

from detector.errors import ImageError, SourceError
from detector.images import SUFFIXES, Image, find_images, load_image
from detector.system.address import shown_address
from detector.system.bounds import shown
from detector.video.address import PASSWORD_HINT, check_address, has_password, scheme_of
from detector.video.capture import (
    LiveSource,
    open_camera_source,
    open_in_time,
    open_stream,
    open_video,
)
from detector.video.container import is_cut_off, is_video
from detector.video.decoding import Opened, check_file, check_stream, fall_back, missing_decoder, open_program
from detector.video.frames import Frame
from detector.video.motion_jpeg import Answer, ask, open_motion_jpeg
from detector.video.video_file import VideoFile

_UNREADABLE = "it is no video, or of a kind that OpenCV here cannot read (`ffmpeg -i` tells what it is)."
_CAMERA = re.compile(r"\d{1,9}", re.ASCII)
_HTTP = ("http", "https")  # with FFmpeg's wrappers, such as cache:http, it is for FFmpeg alone
_VIDEO_SUFFIXES = (".ts", ".flv", ".mkv", ".webm", ".mp4", ".mov", ".avi", ".ogv", ".m3u8", ".mpd")
_NOT_ASKED = Answer(None, finite=False)
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


def open_source(source: str | int | Path, *, insecure: bool = False) -> Source:
    """The source that a user names; it has given its first frame.

    >>> from detector import open_source
    >>> from detector.data.sample import SAMPLE_FOLDER
    >>> source = open_source(SAMPLE_FOLDER)
    >>> source.close()

    Args:
        source: a camera's number or device, the URL of a stream or video, a video file, an image, or a folder
            or glob pattern of images.
        insecure: send user name and password to whoever answers at a https:// or rtsps:// address, without a
            certificate that verifies.

    Raises:
        SourceError: there is no such thing, or it gives no picture.
        ImageError: a folder without images.
    """
    text = _as_text(source)
    if _CAMERA.fullmatch(text):
        return open_camera_source(int(text))
    if text.startswith("/dev/video"):
        return open_camera_source(text)
    if "://" in text:
        check_address(text)
        if scheme_of(text) != "file":
            return _open_url(text, insecure)
        text = url2pathname(urlsplit(text).path)
    if os.path.isdir(text) or _is_picture(text):
        return ImageSequence(text, find_images([text]))
    try:
        mode = os.stat(text).st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise SourceError(
            f"Cannot read the source {shown_address(text)} ({reason}); expected a camera's number, a "
            "video file, an image, a folder of images or the URL of a stream."
        ) from None
    if stat.S_ISCHR(mode):
        return open_camera_source(text)
    if not stat.S_ISREG(mode):
        raise SourceError(f"{text} is neither a file, a folder nor a camera.")
    return _open_file(text)


def _is_picture(text: str) -> bool:
    """Whether a file is called like a picture and is no video; a GIF may be a moving picture."""
    called_so = text.lower().endswith(SUFFIXES) and not text.lower().endswith(".gif")
    return called_so and not is_video(Path(text))


def _as_text(source: str | int | Path) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    try:
        number = operator.index(source)
    except TypeError:
        number = -1
    if not 0 <= number < 10**9 or isinstance(source, bool):
        raise SourceError(
            f"A source is a camera's number, a path or a URL, got {type(source).__name__} {shown(source)}."
        )
    return str(number)


def _open_file(text: str) -> VideoFile:
    path = os.path.abspath(text)  # FFmpeg takes what is before a colon for a protocol, but not after a slash
    name, quoted = f"The video {text}", shlex.quote(text)
    cut_off = is_cut_off(Path(path))
    hint = "it is cut off, and the part is missing that tells how to read it." if cut_off else _UNREADABLE
    decoder = None if cut_off else missing_decoder(quoted)
    try:
        opened = Opened(*open_in_time(lambda: open_video(path, cv2.CAP_FFMPEG), name, hint, decoder=decoder))
    except SourceError as error:
        opened = fall_back(path, error)
    return VideoFile(text, path, check_file(opened, path, name, quoted))


def _open_url(url: str, insecure: bool) -> VideoFile | LiveSource:
    title, open_ = shown_address(url), partial(open_stream, url, insecure=insecure)
    name = f"The stream {title}"
    hint = "check the address, and user name and password if it asks for them"
    hint = f"{hint}; {PASSWORD_HINT}." if has_password(url) else f"{hint}."
    answer = _ask_first(url, insecure)
    if answer.capture is not None:
        return LiveSource(title, partial(open_motion_jpeg, url, insecure=insecure), answer.capture)
    try:
        opened = Opened(*open_in_time(open_, name, hint, decoder=missing_decoder("ADDRESS")))
    except SourceError as error:
        if urlsplit(url).scheme in _HTTP:
            ask(url, insecure=insecure)  # says why, if the server does
        opened = fall_back(url, error, insecure=insecure)
    counted = opened.capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
    if counted or answer.finite or (answer is _NOT_ASKED and _has_length(url, insecure)):
        opened = check_file(opened, url, name, "ADDRESS", insecure=insecure)
        return VideoFile(title, url, opened, insecure=insecure)
    opened = check_stream(opened, url, name, insecure=insecure)
    if opened.by:
        open_ = partial(open_program, url, insecure=insecure)
    return LiveSource(title, open_, opened.capture)


def _ask_first(url: str, insecure: bool) -> Answer:
    """What a server answers; not asked where it has a video for sure, and perhaps for one viewer only."""
    if urlsplit(url).scheme not in _HTTP or urlsplit(url).path.lower().endswith(_VIDEO_SUFFIXES):
        return _NOT_ASKED
    return ask(url, insecure=insecure)


def _has_length(url: str, insecure: bool) -> bool:
    """Whether a server tells how long a video is that has no duration, as browsers record it."""
    try:
        return urlsplit(url).scheme in _HTTP and ask(url, insecure=insecure).finite
    except SourceError:  # it may have nothing more to say than what is being read
        return False
