"""What the tests of the browser view share: frames without a pipeline."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from detector.detections import Detections, draw_detections
from detector.images import Image
from detector.runtime import Detector
from detector.video.frames import Frame, LiveFrame
from detector.video.meter import LiveStats, Meter
from detector.video.settings import LiveSettings
from detector.video.web.server import WebView

STATS = LiveStats(3, 3, 0, 1.0, 25.0, 20.0, 40.0, {"detect": 12.0})
INPUT_SIZES = ("224", "300", "512", "300,512", "auto")
CLASSES = ("person", "cat", "cup", "<b>bold & 猫</b>")
PATIENCE = 20.0  # seconds until a test gives up; a loaded machine may need some


def draw(live: LiveFrame) -> Image:
    return draw_detections(live.image, live.detections)


def live_frame(
    number: int = 0, *, wh: tuple[int, int] = (320, 240), labels: Iterable[int] = (0,)
) -> LiveFrame:
    """A plain picture whose blue is ten times the number, with a box for each label."""
    labels = np.array(list(labels), np.int64)
    image = np.full((wh[1], wh[0], 3), (10 * number % 250, 3 * number % 256, 100), np.uint8)
    boxes = np.tile(np.array([[0.25, 0.25, 0.75, 0.75]], np.float32) * np.array([*wh, *wh]), (len(labels), 1))
    detections = Detections(
        boxes.astype(np.float32), np.linspace(0.9, 0.5, len(labels), dtype=np.float32), labels, CLASSES
    )
    frame = Frame(image, number, number / 25, time.monotonic())
    return LiveFrame(frame, detections, input_sizes=((300, 300),))


class Feed:
    """Shows frames in a view from a thread of its own, as a pipeline does, until ``close``.

    Attributes:
        notice: shown with the frames.
        shown: how many have been.
    """

    def __init__(self, view: WebView, settings: LiveSettings, frames: Iterator[LiveFrame]) -> None:
        self.notice: str | None = None
        self.shown = 0
        self._view, self._settings, self._frames = view, settings, frames
        self._meter = Meter()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                live = None if self._settings.paused else next(self._frames, None)
                if live is None:
                    self._ended.wait(0.05)
                self._view.show(live, self._meter.recent(), self.notice)
                if live is not None:
                    self._meter.add_shown(live.frame.captured_at)
                    self.shown += 1
        except BaseException as failure:
            self._failure = failure

    def close(self) -> None:
        self._ended.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure


def endless_frames(period: float = 0.02) -> Iterator[LiveFrame]:
    """Frames that differ, one after the other."""
    for number in itertools.count():
        time.sleep(period)
        yield live_frame(number, labels=(0, 0, 1))


def detected_frames(
    frames: Iterable[Frame], detector: Detector, settings: LiveSettings
) -> Iterator[LiveFrame]:
    """What is really found in frames, as the settings want it."""
    for frame in frames:
        detections = detector.detect(frame.image)
        wanted = [
            score >= settings.score_threshold and (settings.classes is None or name in settings.classes)
            for _, score, name in detections
        ]
        detections = detections[np.array(wanted, bool)]
        yield LiveFrame(frame, detections, np.arange(len(detections)) - 1)  # the first one is new


def video_frames(path: str) -> Iterator[Frame]:
    """A video over and over, at about the speed it has."""
    number = 0
    while True:
        capture = cv2.VideoCapture(path)
        while True:
            read, image = capture.read()
            if not read:
                break
            yield Frame(np.asarray(image, np.uint8), number, number / 20, time.monotonic())
            number += 1
            time.sleep(0.03)
        capture.release()
