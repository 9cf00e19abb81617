"""How live detection holds up: ``python -m studies.live``, figures as ratios measured in one run.

Each part stands for what users of live detection suffer from: lag that grows, frames lost to overhead, memory
that runs full overnight, viewers that slow the camera down.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click
import cv2
import numpy as np
from tqdm import tqdm

from detector.boxes import FloatArray
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.commands.options import DEFAULT_MODEL
from detector.data.sample import SAMPLE_FOLDER
from detector.images import Image, find_images, load_image
from detector.runtime import Backend, Detector
from detector.system.processes import module_command
from detector.video.frames import Frame
from detector.video.overlay import live_drawer
from detector.video.pipeline import LivePipeline
from detector.video.settings import LiveSettings
from detector.video.sources import Source, open_source
from detector.video.watch import watch
from detector.video.web.server import WebView
from studies.live_pages import bench_viewers
from studies.soak import soak as run_soak

FRAME_WH = (640, 480)
_SECONDS, _RATE = 12, 30
_END_SECONDS = 10  # the first and the last so many seconds of a run are compared


def write_sample_video(path: Path) -> Path:
    """Write a video of a camera that moves along the photographs of the package; 640 x 480, 30 a second."""
    width, height = FRAME_WH
    photos = [load_image(photo) for photo in find_images([str(SAMPLE_FOLDER)])]
    wall = cv2.hconcat(
        [cv2.resize(photo, (round(photo.shape[1] * height / photo.shape[0]), height)) for photo in photos]
    )
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), _RATE, FRAME_WH)
    for left in np.linspace(0, wall.shape[1] - width, _SECONDS * _RATE).round().astype(int):
        writer.write(np.ascontiguousarray(wall[:, left : left + width]))
    writer.release()
    return path


def sample_image() -> Image:
    return np.asarray(cv2.resize(load_image(SAMPLE_FOLDER / "astronaut.jpg"), FRAME_WH), np.uint8)


class _Looped:
    """A video file without an end."""

    live = False
    notice = None

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._source = open_source(self.name)
        self.fps = self._source.fps
        self._number = 0
        self._closed = False

    def read(self) -> Frame | None:
        frame = self._source.read()
        if frame is None and not self._closed:
            self._source.close()
            self._source = open_source(self.name)
            frame = self._source.read()
        if frame is None:
            return None
        self._number += 1
        return Frame(frame.image, self._number - 1, self._number / (self.fps or _RATE), frame.captured_at)

    def close(self) -> None:
        self._closed = True
        self._source.close()


class Camera:
    """Frames at a steady rate, as a camera gives them."""

    live = True
    notice = None
    name = "camera"

    def __init__(self, image: Image, fps: float) -> None:
        self.fps: float | None = fps
        self._image = image
        self._period = 1 / fps
        self._start = time.monotonic()
        self._numbers = itertools.count()
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        number = next(self._numbers)
        if self._closed.wait(max(0.0, self._start + number * self._period - time.monotonic())):
            return None
        now = time.monotonic()
        return Frame(self._image.copy(), number, now - self._start, now)

    def close(self) -> None:
        self._closed.set()


class _SlowBackend:
    """A backend that takes so many seconds for every image, its own work included."""

    def __init__(self, backend: Backend, seconds: float) -> None:
        self.input, self._backend, self._seconds = None, backend, seconds

    def run(self, network_input: FloatArray) -> tuple[FloatArray, FloatArray]:
        start = time.monotonic()
        outputs = self._backend.run(network_input)
        time.sleep(max(0.0, start + self._seconds - time.monotonic()))
        return outputs

    def split(self, count: int) -> Sequence[Backend]:
        return [_SlowBackend(backend, self._seconds) for backend in self._backend.split(count)]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="As for `ssdlite demo`.")
@click.option("--backend", default="litert", show_default=True, help="As for `ssdlite demo`.")
@click.pass_context
def bench(context: click.Context, model: str, backend: str) -> None:
    """Measure live detection."""
    context.obj = (model, backend)


@bench.command()
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--fps", default=60.0, show_default=True, help="Of the camera.")
@click.option("--detect-ms", default=40.0, show_default=True, help="What the detector is slowed to.")
@click.pass_obj
def age(obj: tuple[str, str], seconds: float, fps: float, detect_ms: float) -> None:
    """Age of frames when the camera is faster than the detector."""
    detector = Detector.load(obj[0], backend=obj[1], say=echo)
    detector.backend = _SlowBackend(detector.backend, detect_ms / 1000)
    draw = live_drawer()
    moments, ages, displays = [], [], []
    with LivePipeline(Camera(sample_image(), fps), detector) as pipeline:
        for live in tqdm(pipeline, desc="detecting", unit="frame", disable=None, leave=False):
            start = time.monotonic()
            cv2.imencode(".jpg", draw(live))
            now = time.monotonic()
            moments.append(now)
            ages.append(now - live.frame.captured_at)
            displays.append(now - start)
            if now - moments[0] > seconds:
                break
    since = np.array(moments) - moments[0]
    milliseconds = 1e3 * np.array(ages)
    first = np.percentile(milliseconds[since < _END_SECONDS], 95)
    last = np.percentile(milliseconds[since > since[-1] - _END_SECONDS], 95)
    p50, p95 = np.percentile(milliseconds, [50, 95])
    stages = pipeline.meter.whole().stages
    work = stages["detect"] + 1e3 * float(np.median(displays))
    echo(
        f"{fps:.0f} frames a second from the camera, {len(ages) / since[-1]:.1f} through the detector, "
        f"{since[-1]:.0f} s"
    )
    echo(
        f"frame age p50 {p50:.1f} ms, p95 {p95:.1f} ms: {p95 / work:.2f} times detection and display "
        f"({work:.1f} ms)"
    )
    echo(
        f"p95 of the first {_END_SECONDS} s {first:.1f} ms, of the last {last:.1f} ms: "
        f"{last / first:.2f} times"
    )


@bench.command()
@click.option("--turns", default=5, show_default=True, help="Each runs the whole video and as many networks.")
@click.option("--video", type=click.Path(path_type=Path), help="[default: made from photographs]")
@click.pass_obj
def throughput(obj: tuple[str, str], turns: int, video: Path | None) -> None:
    """Frames a second of a video file, without a view, against those of the bare network."""
    detector = Detector.load(obj[0], backend=obj[1], say=echo)
    with tempfile.TemporaryDirectory() as folder:
        path = video or write_sample_video(Path(folder) / "sample.mp4")
        network_input = detector.preprocess(sample_image())
        spent = {"pipeline": 0.0, "network": 0.0}
        frames = 0
        for turn in tqdm(range(-1, turns), desc="turns", disable=None, leave=False):
            start = time.monotonic()
            with LivePipeline(open_source(str(path)), detector) as pipeline:
                count = sum(1 for _ in pipeline)
            between = time.monotonic()
            for _ in range(count):
                detector.backend.run(network_input)
            if turn >= 0:  # the first one warms up
                spent["pipeline"] += between - start
                spent["network"] += time.monotonic() - between
                frames += count
    rates = {name: frames / seconds for name, seconds in spent.items()}
    echo(
        f"{frames:,} frames: pipeline {rates['pipeline']:.1f} a second, bare network {rates['network']:.1f} "
        f"a second: {rates['pipeline'] / rates['network']:.1%}"
    )


@bench.command()
@click.option(
    "--frames", default=216_000, show_default=True, help="Of each source; two hours at 30 a second."
)
@click.option("--track", is_flag=True, help="Track objects, too.")
@click.pass_obj
def soak(obj: tuple[str, str], frames: int, track: bool) -> None:
    """Memory, threads and disk over a long run with damaged pictures, jumping clocks and lost connections."""
    detector = Detector.load(obj[0], backend=obj[1], say=echo)
    with tempfile.TemporaryDirectory() as folder:
        video = write_sample_video(Path(folder) / "sample.mp4")
        runs = run_soak(detector, video, sample_image(), frames, track=track)
    for name, samples in runs.items():
        least, most = samples.second_half("memory")
        threads, files = samples.second_half("threads"), samples.second_half("files")
        echo(
            f"{name}, {frames:,} frames\n"
            f"memory in MB over the run: {', '.join(f'{value:.0f}' for value in samples.memory)}\n"
            f"second half: {least:.0f} to {most:.0f} MB; threads {threads}; open files {files}; "
            f"recorded a second of the source {samples.recorded[-1]:.3f} MB"
        )


@bench.command()
@click.option("--viewers", "count", default=4, show_default=True, help="How many browsers look on.")
@click.option("--rounds", default=6, show_default=True, help="Turns without and with them.")
@click.option("--fps", default=0.0, help="Of a camera.  [default: a file, as fast as it goes]")
@click.pass_obj
def viewers(obj: tuple[str, str], count: int, rounds: int, fps: float) -> None:
    """Frames a second with viewers in the browser against none."""
    detector = Detector.load(obj[0], backend=obj[1], say=echo)
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        video = write_sample_video(Path(folder) / "sample.mp4")
        source: Source = Camera(sample_image(), fps) if fps else _Looped(video)
        settings, draw = LiveSettings(0.4), live_drawer()
        view = WebView(settings, detector.classes, draw=draw, source_name=source.name, port=0)
        with closing(view), LivePipeline(source, detector, settings=settings) as pipeline:
            thread = threading.Thread(
                target=watch, args=(pipeline, view), kwargs={"draw": draw, "stop": stop}, name="watch"
            )
            thread.start()

            def measure(seconds: float) -> float:
                before, start = pipeline.meter.whole().frames, time.monotonic()
                time.sleep(seconds)
                return (pipeline.meter.whole().frames - before) / (time.monotonic() - start)

            measure(2)  # warms up
            cost = bench_viewers(view.url, measure, viewers=count, rounds=rounds)
            stop.set()
            thread.join()
    echo(
        f"detector {cost.alone:.1f} frames a second without viewers, {cost.watched:.1f} with {cost.viewers}: "
        f"{cost.ratio:.1%} in neighbouring turns; each viewer got {cost.viewer_fps:.1f} pictures a second"
    )


@bench.command()
@click.option("--rounds", default=5, show_default=True)
@click.pass_obj
def start(obj: tuple[str, str], rounds: int) -> None:
    """Seconds from typing `ssdlite demo` to its end after a single frame, the model cached."""
    Detector.load(obj[0], backend=obj[1], say=echo)
    photo = str(SAMPLE_FOLDER / "astronaut.jpg")
    options = ["--source", photo, "--headless", "--max-frames", "1", "--model", obj[0], "--backend", obj[1]]
    command = module_command("detector.commands.cli", "demo", *options)
    seconds = []
    for _ in tqdm(range(rounds), desc="starts", disable=None, leave=False):
        begin = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.monotonic() - begin)
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    echo(
        f"first detection, process and all, after {min(seconds):.2f} to {max(seconds):.2f} s; TensorFlow "
        f"{'was' if 'tensorflow' in imported else 'was not'} imported"
    )


if __name__ == "__main__":
    main(prog_name="python -m studies.live", command=bench)
