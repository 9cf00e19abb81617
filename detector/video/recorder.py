"""Video files that last as long as what they show."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

import cv2
import numpy as np

from detector.errors import DetectorError
from detector.files import cannot_write
from detector.images import Image

# Of the formats that every OpenCV wheel can write, the ones that any video player reads.
_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
_DEFAULT_RATE, _GREATEST_RATE = 30.0, 60.0
_LEAST_FREE = 50e6  # bytes on the disk; under that the recording ends while it can still be completed
_FRAMES_BETWEEN_CHECKS = 100


class Recorder:
    """Writes pictures to a video file with a steady frame rate, each shown for as long as it was in truth.

    A picture is repeated until the next one is due, and left out when the next one is due before it, so the
    duration is right whatever the rate that pictures come at. The file has its name when it is complete.

    Args:
        path: ends in .mp4 or .avi.
        rate: frames per second of the source, where that is known.

    Raises:
        DetectorError: another suffix, a folder that cannot be written to, or a codec that is missing.
    """

    def __init__(self, path: Path, rate: float | None = None) -> None:
        if path.suffix.lower() not in _CODECS:
            raise DetectorError(f"Expected a video file that ends in {' or '.join(_CODECS)}, got {path}.")
        if path.is_dir():
            raise DetectorError(f"Expected a video file, but {path} is a folder.")
        self._path = path
        self._temporary = path.with_name(f".{secrets.token_hex(4)}{path.suffix.lower()}")
        self.rate = min(rate or _DEFAULT_RATE, _GREATEST_RATE)
        self._writer: cv2.VideoWriter | None = None
        self._size_wh = (0, 0)
        self._start = 0.0
        self._written = 0
        self._last: Image | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary.touch(exist_ok=False)
        except OSError as error:
            raise cannot_write(path, error) from error
        self._open((64, 64)).release()
        self._temporary.unlink()

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return self._written / self.rate

    def write(self, picture: Image, moment: float) -> None:
        """Add a picture.

        Args:
            picture: (H, W, 3) uint8, BGR. The first one gives the video its size; others are fitted into it.
            moment: when it was, in seconds from any beginning.

        Raises:
            DetectorError: the disk is nearly full.
        """
        if self._writer is None:
            self._size_wh = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)  # codecs want even sizes
            self._writer = self._open(self._size_wh)
            self._start = moment
        self.hold(moment)
        self._last = _fitted(picture, self._size_wh)
        if self._written <= self._slot(moment):
            self._add(self._last)

    def hold(self, moment: float) -> None:
        """Repeat the last picture up to a moment at which no new one has come."""
        while self._last is not None and self._written < self._slot(moment):
            self._add(self._last)

    def close(self) -> bool:
        """Complete the file; False if there was no picture and so there is no file."""
        if self._writer is None:
            return False
        self._writer.release()
        self._writer = None
        try:
            self._temporary.replace(self._path)
        except OSError as error:
            raise cannot_write(self._path, error) from error
        return True

    def _slot(self, moment: float) -> int:
        return round((moment - self._start) * self.rate)

    def _add(self, picture: Image) -> None:
        if self._writer is None:
            raise ValueError("the recording is closed")
        if self._written % _FRAMES_BETWEEN_CHECKS == 0:
            free = shutil.disk_usage(self._path.parent).free
            if free < _LEAST_FREE:
                raise DetectorError(
                    f"The disk is nearly full, so the recording ends here; {self._path} has what came before."
                )
        self._writer.write(picture)
        self._written += 1

    def _open(self, size_wh: tuple[int, int]) -> cv2.VideoWriter:
        codec = _CODECS[self._temporary.suffix]
        writer = cv2.VideoWriter(
            os.fspath(self._temporary), cv2.CAP_ANY, cv2.VideoWriter.fourcc(*codec), self.rate, size_wh
        )
        if not writer.isOpened():
            self._temporary.unlink(missing_ok=True)
            others = " or ".join(suffix for suffix in _CODECS if suffix != self._temporary.suffix)
            raise DetectorError(
                f"OpenCV has no codec {codec} for {self._temporary.suffix} files here; try {others} instead."
            )
        return writer


def _fitted(picture: Image, size_wh: tuple[int, int]) -> Image:
    """The picture in this size, its shape kept and the rest black."""
    width, height = size_wh
    if picture.shape[1] == width and picture.shape[0] == height:
        return picture
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner_wh = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    left, top = (width - inner_wh[0]) // 2, (height - inner_wh[1]) // 2
    fitted = np.zeros((height, width, 3), np.uint8)
    fitted[top : top + inner_wh[1], left : left + inner_wh[0]] = cv2.resize(picture, inner_wh)
    return fitted
