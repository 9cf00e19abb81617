"""Makes docs/live.webp, the README's picture: ``uv run --extra live docs/live_picture.py``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from detector import Detector, LivePipeline, open_source
from detector.images import Image
from detector.input_sizes import describe_sizes
from detector.video.counting import CountLine
from detector.video.frames import Frame
from detector.video.overlay import KEYS, add_figures, live_drawer
from detector.video.tracking import Tracker
from studies.live import write_sample_video

WIDTH = 830  # pixels; GitHub shows a README as wide, so that text is as large as it is here
SHARE = 9 / 16  # of the width: the height of what the camera sees
EVERY = 4  # frame of the video, which has 30 a second
FPS = 30 / EVERY
QUALITY = 26


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
            if frame.number % EVERY == 0:
                time.sleep(max(0.0, self._start + frame.timestamp - time.monotonic()))
                image = _enlarge(frame.image)
                return Frame(image, frame.number // EVERY, frame.timestamp, time.monotonic())
        return None

    def close(self) -> None:
        self._file.close()


def _enlarge(image: Image) -> Image:
    """The middle of the image, as wide as the picture is to be."""
    height = round(SHARE * image.shape[1])
    top = (image.shape[0] - height) // 4  # heads are in the upper part
    wide = cv2.resize(image[top : top + height], (WIDTH, round(SHARE * WIDTH)), interpolation=cv2.INTER_CUBIC)
    return np.asarray(wide, np.uint8)


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
                    draw(live),
                    pipeline.meter.recent(),
                    score_threshold=0.4,
                    input_size=describe_sizes(live.input_sizes),
                    notice=None,
                    keys=KEYS,
                )
                animation.frames = [*animation.frames, picture]
    animation.durations = [round(1000 / FPS)] * len(animation.frames)
    path = Path(__file__).with_name("live.webp")
    cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    print(f"{path}: {len(animation.frames)} frames, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
