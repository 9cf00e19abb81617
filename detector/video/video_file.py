"""Videos that end: every frame of them, in order."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import cv2

from detector.errors import SourceError
from detector.images import Image
from detector.system.opencv_build import shows_interlaced
from detector.system.terminal import counted
from detector.video.capture import frame_rate, read_image
from detector.video.container import is_cut_off
from detector.video.decoding import Opened, is_wrong, replace_decoder, same_picture
from detector.video.ffmpeg_program import FfmpegProgram
from detector.video.frames import Frame
from detector.video.timeline import Timeline

_MOST_DAMAGED = 1000  # pictures in a row that cannot be decoded; more of them are the end
_SILENCE_SECONDS = 2.0  # a read that fails after so long has waited for a server
_SUSPICIOUS_FRAMES = 4  # so many equal ones in a row may be a decoder that fails and does not say so


class VideoFile:
    """Every frame of a video, from 0 s on and with the times that the file gives them, see ``Timeline``.

    A picture that cannot be decoded is left out and counted.

    Args:
        name: path or URL, as it may be shown.
        target: what FFmpeg calls it.
        opened: the opened file.
        insecure: take any certificate when it is opened with another decoder.

    Attributes:
        remark: what is to be said of it at the end, if anything.
    """

    live = False
    notice: str | None = None

    def __init__(self, name: str, target: str, opened: Opened, *, insecure: bool = False) -> None:
        self.name = name
        self.fps = frame_rate(opened.capture)
        self._target, self._insecure = target, insecure
        self._capture, self._by = opened.capture, opened.by
        self._first: Image | None = opened.first
        self._announced = opened.capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._timeline = Timeline(self.fps)
        self._number = self._damaged = 0
        self._before: Image | None = None
        self._equal, self._suspicious = 0, _SUSPICIOUS_FRAMES
        self._checked = shows_interlaced() or isinstance(opened.capture, FfmpegProgram)
        self._reading = threading.Lock()
        self._closed = False

    @property
    def remark(self) -> str | None:
        said = [f"{self._by}, so the program ffmpeg did"] if self._by else []
        if self._damaged:
            said.append(f"{self._damaged:,} of its frames gave no picture")
        if self._timeline.remark:
            said.append(self._timeline.remark)
        if "://" in self._target:
            if self._number < 0.9 * self._announced:
                said.append(
                    f"{counted(self._number, 'frame')} came, and its header speaks of {self._announced:,.0f}"
                )
        elif is_cut_off(Path(self._target)):
            said.append(f"it is cut off after {counted(self._number, 'frame')}: a part of it is missing")
        return f"{self.name}: {'; '.join(said)}." if said else None

    def read(self) -> Frame | None:
        with self._reading:
            if self._closed:
                return None
            image, self._first = self._first, None
            if image is None:
                image = self._next()
            if image is None:
                return None
            if not self._checked:
                image = self._check(image)
            told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            frame = Frame(image, self._number, self._timeline.next(told), time.monotonic())
            self._number += 1
            return frame

    def _next(self) -> Image | None:
        """The next picture that is not damaged; None at the end."""
        for damaged in range(_MOST_DAMAGED):
            start = time.monotonic()
            if (image := read_image(self._capture)) is not None:
                self._damaged += damaged
                return image
            if time.monotonic() - start > _SILENCE_SECONDS:
                break
        return None

    def _check(self, image: Image) -> Image:
        """The picture; of the right decoder where this one repeats pictures that it cannot give."""
        self._equal = self._equal + 1 if same_picture(image, self._before) else 0
        self._before = image
        if self._equal < self._suspicious:
            return image
        self._suspicious *= 4  # a scene may well stand still
        since = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 - 1
        if not is_wrong(self._target, insecure=self._insecure, from_second=max(since, 0.0)):
            return image
        opened = replace_decoder(self._target, self.name, "FILE", insecure=self._insecure)
        self._capture.release()
        self._capture, self._by, self._checked = opened.capture, opened.by, True
        self._timeline.restart()
        image = opened.first
        for _ in range(self._number):
            following = self._next()
            if following is None:
                raise SourceError(f"{self.name} cannot be read again up to its frame {self._number:,}.")
            image = following
        return image

    def close(self) -> None:
        with self._reading:
            self._closed = True
            self._capture.release()
