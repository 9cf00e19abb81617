"""Videos and cameras to try live detection on."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detector.data.sample import SAMPLE_FOLDER
from detector.detections import Detections
from detector.images import Image, load_image
from detector.input_sizes import read_sizes
from detector.runtime import Detector
from detector.system.terminal import ignore
from detector.video import capture  # noqa: F401  # keeps FFmpeg quiet, which holds from its first use on
from detector.video.auto_size import pixels
from detector.video.frames import Frame

VIDEO_WH, VIDEO_RATE, VIDEO_FRAMES = (320, 240), 25, 50


@pytest.fixture(scope="session")
def detector(model: Path) -> Detector:
    return Detector.load(model)


def write_video(path: Path, frames: int, size_wh: tuple[int, int] = VIDEO_WH, rate: int = VIDEO_RATE) -> Path:
    """A video of a camera that moves over the astronaut's photograph."""
    photo = cv2.resize(load_image(SAMPLE_FOLDER / "astronaut.jpg"), (size_wh[0] + 60, size_wh[1] + 60))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size_wh)
    assert writer.isOpened()
    for number in range(frames):
        left = round(30 + 30 * np.sin(number / 10))
        writer.write(np.ascontiguousarray(photo[left : left + size_wh[1], left : left + size_wh[0]]))
    writer.release()
    return path


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a person, 320 x 240, 25 frames a second."""
    return write_video(tmp_path_factory.mktemp("video") / "person.mp4", VIDEO_FRAMES)


class HttpCamera:
    """A camera on loopback that can be killed and started again."""

    def __init__(self, fps: float = 30) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._fps = fps
        self._process: subprocess.Popen[str] | None = None
        self.url = f"http://127.0.0.1:{self._port}/video.mjpg"

    def start(self) -> None:
        arguments = [self._port, self._fps, SAMPLE_FOLDER / "astronaut.jpg"]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("camera_server.py")), *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> HttpCamera:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


@pytest.fixture
def http_camera() -> Iterator[HttpCamera]:
    with HttpCamera() as camera:
        yield camera


class DemoProcess:
    """``ssdlite demo`` in a process of its own, which does not outlive the test."""

    def __init__(self, *arguments: object, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "detector.commands.cli", "demo", *map(str, arguments)],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_forget_ignored_signals,
        )

    def __enter__(self) -> DemoProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def line_with(self, text: str) -> str:
        """Read what it prints up to the line with a text."""
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline()
            assert line, "it has ended"
            if text in line:
                return line

    def end(self, number: signal.Signals | None = None) -> tuple[int, str, str]:
        """Wait for it to end, after a signal if there is one; its exit code, output and errors."""
        if number is not None:
            self._process.send_signal(number)
        out, err = self._process.communicate(timeout=60)
        return self._process.returncode, out, err


def _forget_ignored_signals() -> None:
    """Signals as in a terminal: under nohup, or in the background of a script, the tests hand down others."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeSource:
    """A source of small frames, each as bright as its number.

    Args:
        frames: how many, None for no end.
        live: as of a source.
        period: seconds between them.
    """

    name = "fake"
    fps = 25.0
    notice: str | None = None

    def __init__(self, frames: int | None, *, live: bool, period: float = 0.0) -> None:
        self.live = live
        self._numbers = iter(range(frames)) if frames is not None else itertools.count()
        self._period = period
        self.closed = False

    def read(self) -> Frame | None:
        time.sleep(self._period)
        number = None if self.closed else next(self._numbers, None)
        if number is None:
            return None
        image = np.full((48, 64, 3), number % 256, np.uint8)
        return Frame(image, number, number / self.fps, time.monotonic())

    def close(self) -> None:
        self.closed = True


class FakeDetector:
    """Finds one person in each image, with the image's brightness / 255 as score, after some time.

    Args:
        seconds: how long an image takes.
        broken: raise instead, at the image of this brightness.
    """

    classes = ("person", "dog")
    any_size = False
    own_hw = (300, 300)
    input_sizes: tuple[tuple[int, int], ...] = (own_hw,)

    def __init__(self, seconds: float = 0.0, broken: int | None = None) -> None:
        self.score_threshold = 0.0
        self.seen: list[int] = []
        self._seconds = seconds
        self._broken = broken

    def share(self) -> FakeDetector:
        return copy(self)

    def detect(self, image: Image) -> Detections:
        time.sleep(self._seconds)
        brightness = int(image[0, 0, 0])
        if brightness == self._broken:
            raise RuntimeError("broken on purpose")
        self.seen.append(brightness)
        box = np.array([[1, 2, 30, 40]], np.float32)
        return Detections(box, np.array([brightness / 255], np.float32), np.zeros(1, np.int64), self.classes)

    def detect_batch(
        self, images: Iterator[Frame], *, load: Callable[[Frame], Image], took: Callable[[float], Any]
    ) -> Iterator[Detections]:
        for image in images:
            took(self._seconds)
            yield self.detect(load(image))


class ResizableDetector(FakeDetector):
    """A fake that can be had for any input size, and takes time in proportion to it.

    Args:
        seconds: how long a million pixels take.
        load: called with the sizes of another one before it is there.

    Attributes:
        opened: what was asked for.
    """

    any_size = True

    def __init__(self, seconds: float = 0.0, load: Callable[[str], object] = ignore) -> None:
        super().__init__()
        self.opened: list[str] = []
        self._load = load
        self.speed = seconds

    def resized(self, input_size: str) -> ResizableDetector:
        self.opened.append(input_size)
        self._load(input_size)
        other = copy(self)
        other.input_sizes = read_sizes(input_size)
        return other

    def detect(self, image: Image) -> Detections:
        self._seconds = self.speed * pixels(self.input_sizes) / 1e6
        return super().detect(image)
