"""A long run over sources that misbehave: damaged pictures, clocks that jump, connections that are lost."""

from __future__ import annotations

import itertools
import math
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from detector.images import Image
from detector.runtime import Detector
from detector.system.timing import resident_memory_mb
from detector.video.capture import read_image
from detector.video.decoding import Opened
from detector.video.overlay import live_drawer
from detector.video.pipeline import LivePipeline
from detector.video.recorder import Recorder
from detector.video.sources import Source, open_source
from detector.video.tracking import Tracker
from detector.video.video_file import VideoFile

_DAMAGED = 37  # one picture of so many
_LOST = 200  # pictures until a camera hangs up
_CAMERA_RATE = 120
_JUMPS = (3600.0, -3600.0, 95_443.0, math.nan)  # seconds, one after each turn of a file
_SAMPLES = 20


class RoughCapture:
    """A file without an end, of which some pictures are damaged and the clock jumps."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        self._jumps = itertools.cycle(_JUMPS)
        self._jump = self._before = 0.0
        self._count = 0

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def read(self) -> tuple[bool, Any]:
        self._count += 1
        if self._count % _DAMAGED == 0:
            return False, None
        good, image = self._capture.read()
        if not good:
            self._before += self._capture.get(cv2.CAP_PROP_POS_MSEC)
            self._jump = next(self._jumps)
            self._capture.release()
            self._capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
            return self._capture.read()
        return good, image

    def get(self, property_: int, /) -> float:
        told = self._capture.get(property_)
        return told + self._before + 1000 * self._jump if property_ == cv2.CAP_PROP_POS_MSEC else told

    def release(self) -> None:
        self._capture.release()


@contextmanager
def rough_camera(image: Image) -> Iterator[str]:
    """The address of a camera on this machine that damages pictures and hangs up again and again."""
    whole = cv2.imencode(".jpg", image)[1].tobytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=x")
            self.end_headers()
            with suppress(OSError):
                for number in range(_LOST):
                    jpeg = whole[: len(whole) // 2] if number % _DAMAGED == _DAMAGED - 1 else whole
                    self.wfile.write(b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n")
                    time.sleep(1 / _CAMERA_RATE)

        def log_message(self, *about: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="rough camera")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Samples:
    """What a run took, at moments spread over it.

    Attributes:
        memory: MB resident.
        threads: how many.
        files: open files of the process; 0 where that cannot be told.
        recorded: MB of the recording so far, a second of what it shows.
    """

    memory: list[float]
    threads: list[int]
    files: list[int]
    recorded: list[float]

    def second_half(self, name: str) -> tuple[float, float]:
        """The least and the most of a figure in the second half of the run."""
        values = getattr(self, name)
        half = values[len(values) // 2 :]
        return min(half), max(half)


def soak(detector: Detector, video: Path, image: Image, frames: int, *, track: bool) -> dict[str, Samples]:
    """What long runs over a file and a camera that misbehave take.

    Args:
        detector: finds the objects.
        video: the file, which is looped.
        image: what the camera sees.
        frames: of each of the two.
        track: track objects, too.
    """
    capture = RoughCapture(video)
    first = read_image(capture)
    assert first is not None
    results = {
        "file": _run(detector, VideoFile(str(video), str(video), Opened(capture, first)), frames, track)
    }
    with rough_camera(image) as url:
        results["camera"] = _run(detector, open_source(url), frames, track)
    return results


def _run(detector: Detector, source: Source, frames: int, track: bool) -> Samples:
    draw, samples = live_drawer(), Samples([], [], [], [])
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "out.mp4", source.fps, live=source.live)
        pipeline = LivePipeline(source, detector, tracker=Tracker() if track else None)
        progress = tqdm(total=frames, unit="frame", disable=None, leave=False)
        with pipeline, progress:
            for count, live in enumerate(itertools.islice(pipeline, frames)):
                moment = live.frame.captured_at if source.live else live.frame.timestamp
                recorder.write(draw(live), moment)
                progress.update()
                if count % max(1, frames // _SAMPLES) == 0:
                    samples.memory.append(resident_memory_mb())
                    samples.threads.append(threading.active_count())
                    samples.files.append(_open_files())
                    samples.recorded.append(_size_mb(Path(folder)) / max(1.0, live.frame.timestamp))
        recorder.close()
    return samples


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.is_dir() else 0


def _size_mb(folder: Path) -> float:
    size = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # the recorder renames and removes files meanwhile
            size += path.stat().st_size
    return size / 1e6
