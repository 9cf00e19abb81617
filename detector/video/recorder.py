"""Video files that last as long as what they show."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from detector.errors import DetectorError
from detector.files import cannot_write
from detector.images import Image
from detector.video.channel import Channel, ChannelClosedError

# Of the formats that every OpenCV wheel can write, the ones that any video player reads.
_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
_DEFAULT_RATE, _GREATEST_RATE = 30.0, 60.0
_LEAST_FREE = 50e6  # bytes on the disk; under that the recording ends while it can still be completed
_FRAMES_BETWEEN_CHECKS = 100
_TRIALS = 5  # pictures that are encoded to see how long it takes
_HOLD_SECONDS = 0.25  # how long a recording waits before it repeats the last picture
_FALLEN_BEHIND_SECONDS = 30.0


class Recorder:
    """Writes pictures to a video file with a steady frame rate, each shown for as long as it was in truth.

    A picture is repeated until the next one is due, and left out when the next one is due before it, so the
    duration is right whatever the rate that pictures come at. It works in a thread of its own: encoding a
    live picture never keeps the next one waiting. The file has its name when it is complete.

    Args:
        path: ends in .mp4 or .avi.
        rate: frames per second of the source, where that is known. What this machine cannot encode in half of
            its time is recorded at a lower rate.
        live: whether moments are those of ``time.monotonic``, and pictures that come too fast may be skipped.

    Raises:
        DetectorError: another suffix, a folder that cannot be written to, or a codec that is missing.
    """

    def __init__(self, path: Path, rate: float | None = None, *, live: bool = False) -> None:
        check_recordable(path)
        self._path = path
        self._temporary = path.with_name(f".{secrets.token_hex(4)}{path.suffix.lower()}")
        self.rate = min(rate or _DEFAULT_RATE, _GREATEST_RATE)
        self._live = live
        self._writer: cv2.VideoWriter | None = None
        self._size_wh = (0, 0)
        self._start = self._end = 0.0
        self._written = 0
        self._last: Image | None = None
        self._failure: DetectorError | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(path.parent).free < _LEAST_FREE:
                raise DetectorError(f"The disk is nearly full; free some space to record {path}.")
            self._temporary.touch(exist_ok=False)
        except OSError as error:
            raise cannot_write(path, error) from error
        self._open((64, 64)).release()
        self._temporary.unlink()
        self._pictures: Channel[tuple[Image, float]] = Channel(newest_only=live, capacity=2)
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return self._written / self.rate

    def write(self, picture: Image, moment: float) -> None:
        """Add a picture.

        Args:
            picture: (H, W, 3) uint8, BGR, not to be changed afterwards. The first one gives the video its
                size; others are fitted into it.
            moment: when it was, in seconds; see ``live``.

        Raises:
            DetectorError: the disk is nearly full, or this machine cannot keep up.
        """
        self._raise_failure()
        self._pictures.put((picture, moment))

    def finish(self) -> None:
        """End the recording at this moment: until now the last picture of what is live is held."""
        if not self._end:
            self._end = time.monotonic()
            self._pictures.finish()

    def close(self) -> None:
        """Complete the file; without any picture there is none.

        Raises:
            DetectorError: as ``write``, where that has not told; what came before is in the file.
        """
        self.finish()
        self._thread.join()
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            try:
                self._temporary.replace(self._path)
            except OSError as error:
                raise cannot_write(self._path, error) from error
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _run(self) -> None:
        try:
            while True:
                item = self._pictures.take(_HOLD_SECONDS if self._live else None)
                if item is not None:
                    self._record(*item)
                else:
                    # Pictures of the last second may still be on their way.
                    self._repeat_until(time.monotonic() - 1)
        except ChannelClosedError:
            if self._live:
                self._repeat_until(self._end)
        except DetectorError as error:
            self._failure = error
            self._pictures.abandon()

    def _record(self, picture: Image, moment: float) -> None:
        if self._writer is None:
            # Codecs want even sizes.
            self._size_wh = (max(2, picture.shape[1] // 2 * 2), max(2, picture.shape[0] // 2 * 2))
            if self._live:
                self.rate = min(self.rate, self._affordable_rate(picture))
            self._writer = self._open(self._size_wh)
            self._start = moment
        self._repeat_until(moment)
        self._last = _fitted(picture, self._size_wh)
        if self._written <= self._slot(moment):
            self._add(self._last)

    def _affordable_rate(self, picture: Image) -> float:
        """Frames per second that take half of the time to encode."""
        writer = self._open(self._size_wh)
        fitted = _fitted(picture, self._size_wh)
        start = time.monotonic()
        for shift in range(_TRIALS):
            writer.write(np.roll(fitted, 2 * shift, axis=1))  # as in a picture that moves
        seconds = (time.monotonic() - start) / _TRIALS
        writer.release()
        return max(1.0, float(round(0.5 / max(seconds, 1e-6))))

    def _repeat_until(self, moment: float) -> None:
        """Repeat the last picture up to a moment at which no new one has come."""
        if self._last is None:
            return
        if self._live and (self._slot(moment) - self._written) / self.rate > _FALLEN_BEHIND_SECONDS:
            raise DetectorError(
                f"This machine encodes video more slowly than it comes, so the recording {self._path} ends "
                f"after {self.seconds:.0f} s."
            )
        while self._written < self._slot(moment):
            self._add(self._last)

    def _slot(self, moment: float) -> int:
        return round((moment - self._start) * self.rate)

    def _add(self, picture: Image) -> None:
        assert self._writer is not None
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


def check_recordable(path: Path) -> None:
    """Raise DetectorError for a name that no recording can have."""
    if path.suffix.lower() not in _CODECS:
        raise DetectorError(f"Expected a video file that ends in {' or '.join(_CODECS)}, got {path}.")
    if path.is_dir():
        raise DetectorError(f"Expected a video file, but {path} is a folder.")


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
