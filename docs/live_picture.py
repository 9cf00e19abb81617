"""Makes docs/live.webp, the README's picture: ``uv run --extra live docs/live_picture.py``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2

from detector import Detector, LivePipeline, open_source
from detector.video.counting import CountLine
from detector.video.frames import Frame
from detector.video.overlay import KEYS, add_figures, live_drawer
from detector.video.tracking import Tracker
from studies.live import write_sample_video

WIDTH, FPS = 440, 10


class AsCamera:
    """A video file that gives its frames when a camera would."""

    live = True
    notice = None
    name = "camera"
    fps: float | None = FPS

    def __init__(self, path: Path) -> None:
        self._file = open_source(str(path))
        self._start = time.monotonic()

    def read(self) -> Frame | None:
        for frame in iter(self._file.read, None):
            if frame.number % 3 == 0:  # of 30 a second
                time.sleep(max(0.0, self._start + frame.timestamp - time.monotonic()))
                return Frame(frame.image, frame.number // 3, frame.timestamp, time.monotonic())
        return None

    def close(self) -> None:
        self._file.close()


def main() -> None:
    detector = Detector.load()
    line = CountLine([0.4, 0.97, 0.4, 0.03])
    draw = live_drawer([line])
    tracker, animation = Tracker(), cv2.Animation()
    with tempfile.TemporaryDirectory() as folder:
        source = AsCamera(write_sample_video(Path(folder) / "sample.mp4"))
        with LivePipeline(source, detector, tracker=tracker, counters=[line]) as pipeline:
            for live in pipeline:
                picture = add_figures(
                    draw(live), pipeline.meter.recent(), score_threshold=0.4, notice=None, keys=KEYS
                )
                height = round(WIDTH * picture.shape[0] / picture.shape[1])
                animation.frames = [
                    *animation.frames,
                    cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA),
                ]
    animation.durations = [round(1000 / FPS)] * len(animation.frames)
    path = Path(__file__).with_name("live.webp")
    cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, 40])
    print(f"{path}: {len(animation.frames)} frames, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
