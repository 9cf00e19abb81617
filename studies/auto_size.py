"""What ``ssdlite demo --input-size auto`` does on this machine: ``python -m studies.auto_size``.

A camera is looked at while this machine has nothing else to do, then while other programs keep its processors
busy, and then alone again. For each part: the sizes, the rate, and how old frames are when they are shown.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack

import click
import cv2
import numpy as np

from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.commands.options import DEFAULT_MODEL
from detector.input_sizes import describe_sizes
from detector.runtime import Detector
from detector.video.frames import LiveFrame
from detector.video.overlay import live_drawer
from detector.video.pipeline import LivePipeline
from detector.video.resizing import choose_detector
from detector.video.settings import AUTO, DEFAULT_FPS, LiveSettings
from studies.live import Camera, sample_image

_BUSY = "while True: pass"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="As for `ssdlite demo`.")
@click.option("--backend", default="litert", show_default=True, help="As for `ssdlite demo`.")
@click.option("--fps", default=DEFAULT_FPS, show_default=True, help="Frames a second to keep.")
@click.option("--camera-fps", default=30.0, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="Of each part.")
@click.option("--busy", default=4, show_default=True, help="Other programs in the second part.")
def study(model: str, backend: str, fps: float, camera_fps: float, seconds: float, busy: int) -> None:
    """Sizes, rate and frame age, alone and beside other programs."""
    detector, choice = choose_detector(Detector.load(model, backend=backend, say=echo), fps)
    echo(f"Input size {choice}")
    settings = LiveSettings(detector.score_threshold, input_size=AUTO, fps=fps, tell=echo)
    echo("\n| beside it | sizes, frames | frames a second | frame age p50 | p95 |\n|---|---|---|---|---|")
    with LivePipeline(Camera(sample_image(), camera_fps), detector, settings=settings) as pipeline:
        for others in (0, busy, 0):
            ages = _look_on(pipeline, seconds, others)
            sizes = Counter(size for size, _ in ages)
            counts = ", ".join(f"{size}: {count:,}" for size, count in sizes.items())
            p50, p95 = np.percentile([1e3 * age for _, age in ages], [50, 95])
            echo(f"| {others} | {counts} | {len(ages) / seconds:.1f} | {p50:.0f} ms | {p95:.0f} ms |")


def _look_on(pipeline: LivePipeline, seconds: float, others: int) -> Sequence[tuple[str, float]]:
    """Input size and age of each frame that is shown in so many seconds, beside so many busy programs."""
    draw = live_drawer()
    shown: list[tuple[str, float]] = []
    with ExitStack() as stack:
        for _ in range(others):
            program = stack.enter_context(subprocess.Popen([sys.executable, "-c", _BUSY]))
            stack.callback(program.kill)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            live: LiveFrame | None = pipeline.next(timeout=1)
            if live is not None:
                cv2.imencode(".jpg", draw(live))
                shown.append((describe_sizes(live.input_sizes), time.monotonic() - live.frame.captured_at))
                pipeline.shown(live)
    return shown


if __name__ == "__main__":
    main(prog_name="python -m studies.auto_size", command=study)
