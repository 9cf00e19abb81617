"""Pictures into the files of recordings, so that they can be played however the program ends."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from detector.errors import DetectorError
from detector.images import Image
from detector.system.files import cannot_write
from detector.video.mp4 import Clip, Fragments, read_clip
from detector.video.recording_file import RecordingFile

# H.264, which browsers play, where the system or its hardware has an encoder; the others are in every wheel.
_CODECS = {".mp4": ("avc1", "mp4v"), ".avi": ("MJPG",)}
_CLIP_SECONDS = 2.0  # what is lost at most when the program is killed
_LONGEST_SIDE = 8190  # pixels; MPEG-4 part 2 writes sides in 13 bits
_THUMBNAIL_WH = (8, 8)  # without what any encoder loses
_FURTHEST = 25.0  # mean difference of levels between a picture's thumbnail and that of what an encoder made
_LEFT_BEHIND_SECONDS = 3600.0
_CLIP_NAME = ".ssdlite-clip-"


class Encoder(Protocol):
    """Writes pictures of one size."""

    def write(self, picture: Image) -> None:
        """Add a frame."""
        ...

    def close(self) -> None:
        """Complete the file."""
        ...


class AviEncoder:
    """Motion JPEG in AVI, which can be played without its end. See ``Mp4Encoder``."""

    def __init__(self, file: RecordingFile, size_wh: tuple[int, int], rate: float, codec: str) -> None:
        self._writer = open_writer(file.path, codec, rate, size_wh)

    def write(self, picture: Image) -> None:
        self._writer.write(picture)

    def close(self) -> None:
        self._writer.release()


class Mp4Encoder:
    """Fragmented MP4 out of short clips.

    Args:
        file: what to write into.
        size_wh: of all pictures.
        rate: frames per second.
        codec: see ``choose_codec``.
    """

    def __init__(self, file: RecordingFile, size_wh: tuple[int, int], rate: float, codec: str) -> None:
        self._file = file
        self._size_wh, self._rate, self._codec = size_wh, rate, codec
        self._clip: _ClipWriter | None = None
        self._clip_frames = 1  # the first picture can be played at once
        self._fragments: Fragments | None = None
        self._description = b""

    def write(self, picture: Image) -> None:
        if self._clip is None:
            self._clip = _ClipWriter(self._file.folder, self._codec, self._rate, self._size_wh)
        self._clip.write(picture)
        if self._clip.frames >= self._clip_frames:
            self._add_fragment()
            self._clip_frames = max(1, round(_CLIP_SECONDS * self._rate))

    def close(self) -> None:
        self._add_fragment()
        if self._fragments is not None:
            self._file.append(self._fragments.tail())
            if self._file.seekable:
                self._file.put(*self._fragments.duration())

    def _add_fragment(self) -> None:
        if self._clip is None:
            return
        written, self._clip = self._clip, None
        clip = written.finish()
        if self._fragments is None:
            self._description = clip.description
            self._fragments = Fragments(clip.description, self._size_wh, self._rate)
            self._file.append(self._fragments.head())
        elif clip.description != self._description:
            raise DetectorError(
                f"The video encoder has changed its settings, so {self._file.path} ends here."
            )
        self._file.append(self._fragments.fragment(clip))


class _ClipWriter:
    """A short MP4 file that nobody sees: where the system allows it, it loses its name as it is opened."""

    def __init__(self, folder: Path, codec: str, rate: float, size_wh: tuple[int, int]) -> None:
        path = folder / f"{_CLIP_NAME}{secrets.token_hex(4)}.mp4"
        self.frames = 0
        self._path: Path | None = path
        self._descriptor = -1
        try:
            self._writer = open_writer(path, codec, rate, size_wh)
        except DetectorError:
            path.unlink(missing_ok=True)
            raise
        if os.name == "posix" and self._writer.getBackendName() == "FFMPEG":
            with suppress(OSError):
                self._descriptor = os.open(path, os.O_RDONLY)
                path.unlink()
                self._path = None

    def write(self, picture: Image) -> None:
        self._writer.write(picture)
        self.frames += 1

    def finish(self) -> Clip:
        """The clip that was written."""
        try:
            self._writer.release()
            if self._path is not None:
                data = self._path.read_bytes()
            else:
                with os.fdopen(self._descriptor, "rb") as file:
                    self._descriptor = -1
                    data = file.read()
        except OSError as error:
            raise DetectorError(f"The video encoder has written nothing ({error.strerror}).") from error
        finally:
            self.discard()
        clip = read_clip(data)
        if len(clip.samples) != self.frames:
            raise DetectorError(
                f"The video encoder has kept {len(clip.samples)} of {self.frames} frames; is the disk full?"
            )
        return clip

    def discard(self) -> None:
        """Remove what is left of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def open_writer(path: Path, codec: str, rate: float, size_wh: tuple[int, int]) -> cv2.VideoWriter:
    """OpenCV's writer of a file.

    Raises:
        DetectorError: it has no such codec here.
    """
    # An absolute name: FFmpeg takes others for addresses when they have a colon.
    writer = cv2.VideoWriter(
        os.path.abspath(path), cv2.CAP_ANY, cv2.VideoWriter.fourcc(*codec), rate, size_wh
    )
    if not writer.isOpened():
        raise DetectorError(f"OpenCV cannot write {path.suffix} files with codec {codec} here.")
    return writer


def choose_codec(folder: Path, suffix: str, pictures: Sequence[Image], rate: float) -> tuple[str, float]:
    """The first codec that shows pictures as they were, and the seconds that it takes for one.

    An encoder is not believed: the pictures are encoded, read back and compared.

    Raises:
        DetectorError: none does; for the reason that the last one gave.
    """
    reason = ""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what fails is said below, once
    try:
        for codec in _CODECS[suffix]:
            try:
                return codec, _try_codec(folder, suffix, codec, pictures, rate)
            except DetectorError as error:
                reason = str(error)
    finally:
        cv2.utils.logging.setLogLevel(level)
    height, width = pictures[0].shape[:2]
    other = next(one for one in _CODECS if one != suffix)
    raise DetectorError(f"Pictures of {width}x{height} cannot be recorded: {reason} Try {other} instead.")


def _try_codec(folder: Path, suffix: str, codec: str, pictures: Sequence[Image], rate: float) -> float:
    height, width = pictures[0].shape[:2]
    path = folder / f"{_CLIP_NAME}{secrets.token_hex(4)}{suffix}"
    start = time.monotonic()
    try:
        if suffix == ".mp4":
            clip = encode_clip(folder, codec, pictures, rate)
            fragments = Fragments(clip.description, (width, height), rate)
            path.write_bytes(fragments.head() + fragments.fragment(clip) + fragments.tail())
        else:
            writer = open_writer(path, codec, rate, (width, height))
            for picture in pictures:
                writer.write(picture)
            writer.release()
        seconds = (time.monotonic() - start) / len(pictures)
        _compare(path, pictures)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        path.unlink(missing_ok=True)
    return seconds


def encode_clip(folder: Path, codec: str, pictures: Sequence[Image], rate: float) -> Clip:
    """A clip of pictures of one size."""
    height, width = pictures[0].shape[:2]
    writer = _ClipWriter(folder, codec, rate, (width, height))
    for picture in pictures:
        writer.write(picture)
    return writer.finish()


def _compare(path: Path, pictures: Sequence[Image]) -> None:
    """Raise DetectorError unless a video shows these pictures."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        for picture in pictures:
            good, shown = capture.read()
            if not good or shown.shape != picture.shape:
                raise DetectorError("What the video encoder writes cannot be played.")
            small, expected = (
                cv2.resize(one, _THUMBNAIL_WH, interpolation=cv2.INTER_AREA) for one in (shown, picture)
            )
            if np.abs(small.astype(np.int16) - expected).mean() > _FURTHEST:
                raise DetectorError("What the video encoder writes shows something else.")
    finally:
        capture.release()


def largest_scale(size_wh: tuple[int, int], suffix: str) -> float:
    """How much a picture has to be shrunk so that the file's codec can hold it; 1 for most."""
    return min(1.0, _LONGEST_SIDE / max(size_wh)) if suffix == ".mp4" else 1.0


def remove_left_clips(folder: Path) -> None:
    """Remove what recorders that were killed have left where a file keeps its name while it is open."""
    with suppress(OSError):
        for path in folder.glob(f"{_CLIP_NAME}*"):
            if time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                path.unlink(missing_ok=True)
