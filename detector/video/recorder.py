"""Video files that last as long as what they show."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from detector.errors import DetectorError
from detector.images import Image
from detector.video.channel import Channel, ChannelClosedError
from detector.video.encoders import (
    AviEncoder,
    Encoder,
    Mp4Encoder,
    choose_codec,
    largest_scale,
    remove_left_clips,
)
from detector.video.recording_file import RecordingFile

_DEFAULT_RATE, _LEAST_RATE, _GREATEST_RATE = 30.0, 1.0, 60.0
_FRAMES_BETWEEN_CHECKS = 100
_TRIALS = 5  # pictures that are encoded to see how long it takes
_HOLD_SECONDS = 0.25  # how long a recording waits before it repeats the last picture
_LONGEST_GAP = 5.0  # seconds that one picture of a file is shown
_FALLEN_BEHIND_SECONDS = 30.0
_ASLEEP_SECONDS = 5.0  # a thread that waits a quarter of a second for so long was stopped with its machine
_PATIENCE_SECONDS = 20.0  # for the last pictures to be written


class Recorder:
    """Writes pictures to a video file with a steady frame rate, each shown for as long as it was in truth.

    A picture is repeated until the next one is due, and left out when the next one is due before it, so the
    duration is right whatever the rate that pictures come at. It works in a thread of its own: encoding a
    live picture never keeps the next one waiting. The file can be played from its first picture on and needs
    no end: what a killed program or a power cut takes away are its last two seconds.

    Args:
        path: ends in .mp4 or .avi. What is there already stays, see ``RecordingFile``.
        rate: frames per second of the source, where that is known; moved into [1, 60]. What this machine
            cannot encode in half of its time is recorded at a lower rate.
        live: whether moments are those of ``time.monotonic``, and pictures that come too fast may be skipped.

    Attributes:
        path: the file.
        note: what to say before it begins, if anything.
        rate: frames per second of the file.

    Raises:
        DetectorError: another suffix, a folder that cannot be written to, or a codec that is missing.
    """

    def __init__(self, path: Path, rate: float | None = None, *, live: bool = False) -> None:
        self._file = RecordingFile(path)
        self.path, self.note = self._file.path, self._file.note
        self._suffix = self._file.suffix
        rate = rate if rate is not None and math.isfinite(rate) and rate > 0 else _DEFAULT_RATE
        self.rate = min(max(rate, _LEAST_RATE), _GREATEST_RATE)
        try:
            self._file.check_space(begun=False)
            remove_left_clips(self._file.folder)
            choose_codec(self._file.folder, self._suffix, [np.zeros((64, 64, 3), np.uint8)], self.rate)
        except BaseException:
            self._file.close()
            raise
        self._live = live
        self._encoder: Encoder | None = None
        self._size_wh = (0, 0)
        self._clock = _Clock(1 / self.rate, math.inf if live else _LONGEST_GAP)
        self._end = 0.0
        self._written = 0
        self._shrunk_from: tuple[int, int] | None = None
        self._last: Image | None = None
        self._failure: Exception | None = None
        self._pictures: Channel[tuple[Image, float]] = Channel(newest_only=live, capacity=2)
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return self._written / self.rate

    @property
    def remarks(self) -> list[str]:
        """What is to be said about it at the end."""
        remarks = []
        if self._clock.cut:
            gaps = "one gap" if self._clock.cut == 1 else f"{self._clock.cut:,} gaps"
            remarks.append(f"{gaps} in the time of the source became {_LONGEST_GAP:.0f} s each")
        if self._shrunk_from:
            (width, height), shrunk = self._shrunk_from, self._size_wh
            remarks.append(
                f"{width}x{height} pixels became {shrunk[0]}x{shrunk[1]}, the most that .mp4 holds"
            )
        return remarks

    def write(self, picture: Image, moment: float) -> None:
        """Add a picture.

        Args:
            picture: (H, W, 3) uint8, BGR, not to be changed afterwards. The first one gives the video its
                size; others are fitted into it.
            moment: when it was, in seconds; see ``live``. One that is not after the last one is taken for
                one frame later, and one that is long after it for five seconds later.

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
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            raise DetectorError(f"{self.path} takes no more data, so the end of the recording is missing.")
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _run(self) -> None:
        try:
            try:
                self._follow()
            finally:
                if self._encoder is not None:
                    self._encoder.close()
        except Exception as error:  # of whatever kind: nobody else would hear of it
            self._failure = error
        finally:
            self._pictures.abandon()
            self._file.close()

    def _follow(self) -> None:
        """Record what comes until no more comes."""
        try:
            while True:
                before = time.monotonic()
                item = self._pictures.take(_HOLD_SECONDS if self._live else None)
                slept = time.monotonic() - before
                if self._live and slept > _ASLEEP_SECONDS:
                    self._clock.skip(slept)
                if item is not None:
                    self._record(*item)
                else:
                    # Pictures of the last second may still be on their way.
                    self._repeat_until(self._clock.reach(time.monotonic() - 1))
        except ChannelClosedError:
            if self._live:
                self._repeat_until(self._clock.reach(self._end))

    def _record(self, picture: Image, moment: float) -> None:
        if self._encoder is None:
            self._encoder = self._begin(picture)
        position = self._clock.advance(moment)
        self._repeat_until(position)
        self._last = _fitted(picture, self._size_wh)
        if self._written <= self._slot(position):
            self._add(self._last)

    def _begin(self, picture: Image) -> Encoder:
        height, width = picture.shape[:2]
        scale = largest_scale((width, height), self._suffix)
        if scale < 1:
            self._shrunk_from = (width, height)
        # Codecs want even sizes.
        self._size_wh = (max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2))
        fitted = _fitted(picture, self._size_wh)
        moving = [np.roll(fitted, 2 * shift, axis=1) for shift in range(_TRIALS)]
        codec, seconds = choose_codec(self._file.folder, self._suffix, moving, self.rate)
        if self._live:  # frames per second that take half of the time to encode
            self.rate = min(self.rate, max(1.0, float(round(0.5 / max(seconds, 1e-6)))))
        kind = Mp4Encoder if self._suffix == ".mp4" else AviEncoder
        return kind(self._file, self._size_wh, self.rate, codec)

    def _repeat_until(self, position: float) -> None:
        """Repeat the last picture up to a moment at which no new one has come."""
        if self._last is None:
            return
        if self._live and (self._slot(position) - self._written) / self.rate > _FALLEN_BEHIND_SECONDS:
            raise DetectorError(
                f"This machine encodes video more slowly than it comes, so the recording {self.path} ends "
                f"after {self.seconds:.0f} s."
            )
        while self._written < self._slot(position):
            self._add(self._last)

    def _slot(self, position: float) -> int:
        return round(position * self.rate)

    def _add(self, picture: Image) -> None:
        assert self._encoder is not None
        if self._written % _FRAMES_BETWEEN_CHECKS == 0:
            self._file.check_space(begun=self._written > 0)
        self._encoder.write(picture)
        self._written += 1


class _Clock:
    """Seconds since the first picture; the time of a source is followed where it can be true.

    Args:
        step: seconds between pictures whose times say nothing.
        longest: seconds that are believed between two pictures.

    Attributes:
        cut: how many gaps were longer.
    """

    def __init__(self, step: float, longest: float) -> None:
        self._step, self._longest = step, longest
        self._moment: float | None = None
        self._position = 0.0
        self.cut = 0

    def advance(self, moment: float) -> float:
        """Go on to the next picture's moment; the position it is at."""
        passed = 0.0 if self._moment is None else moment - self._moment
        if passed > self._longest and math.isfinite(passed):
            self.cut += 1
            self._position += self._longest
        elif self._moment is not None:
            self._position += passed if 0 < passed <= self._longest else self._step
        if math.isfinite(moment) or self._moment is None:
            self._moment = moment if math.isfinite(moment) else 0.0
        return self._position

    def reach(self, moment: float) -> float:
        """The position of a moment after the last picture."""
        return self._position + (moment - self._moment if self._moment is not None else 0.0)

    def skip(self, seconds: float) -> None:
        """Take so much time for none: nobody was there to see it."""
        if self._moment is not None:
            self._moment += seconds


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
