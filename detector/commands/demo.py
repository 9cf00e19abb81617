"""``ssdlite demo``: live detection in a window, in a browser, or on neither."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import PATH, ModelOptions, collected, model_options, score_option
from detector.errors import DetectorError
from detector.labels import parse_classes
from detector.system.terminal import counted

if TYPE_CHECKING:
    from detector.images import Image
    from detector.runtime import Detector
    from detector.video.counting import CountLine, CountZone
    from detector.video.frames import LiveFrame
    from detector.video.meter import LiveStats
    from detector.video.outputs import Outputs
    from detector.video.pipeline import LivePipeline
    from detector.video.settings import LiveSettings
    from detector.video.sources import Source
    from detector.video.view import View

BROWSER = "browser"  # the source that is a viewer's own camera
_SNAPSHOTS = Path("output/snapshots")
_ENDING = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@click.command("demo", cls=OneValueCommand)
@click.option(
    "--source",
    default="0",
    show_default=True,
    metavar="CAMERA|FILE|FOLDER|URL|browser",
    help="A camera's number or device, a video, an image, a folder of images, an RTSP or HTTP stream, or the "
    "camera of the browser that looks on.",
)
@model_options
@score_option("--score")
@click.option("--web", is_flag=True, help="Show it in the browser.  [default: where no window can be opened]")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address of the browser view; 0.0.0.0 lets other machines in, with a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Of the browser view; 0 for any that is free.",
)
@click.option("--headless", is_flag=True, help="Show nothing; for --save, --jsonl and counts.")
@click.option("--save", type=PATH, metavar="FILE", help="Record what is shown: .mp4 or .avi.")
@click.option("--jsonl", type=PATH, metavar="FILE", help="Write a line of JSON for each frame; - for stdout.")
@click.option("--max-frames", type=click.IntRange(1), help="End after so many frames.")
@click.option(
    "--insecure", is_flag=True, help="Take any certificate of a https:// or rtsps:// source, password or not."
)
@click.option("--track", is_flag=True, help="Number each object, the same from frame to frame.")
@click.option(
    "--count-line",
    multiple=True,
    metavar="X1,Y1,X2,Y2",
    help="Count what crosses a line: pixels, or shares of the frame if none is over 1. Implies --track.",
)
@click.option(
    "--zone",
    multiple=True,
    metavar="X1,Y1,X2,Y2,X3,Y3...",
    help="Count what is in a polygon, comes in and goes out. Implies --track.",
)
@collected(ModelOptions, "chosen")
def demo_command(
    source: str,
    chosen: ModelOptions,
    score_threshold: float,
    web: bool,
    host: str,
    port: int,
    headless: bool,
    save: Path | None,
    jsonl: Path | None,
    max_frames: int | None,
    insecure: bool,
    track: bool,
    count_line: tuple[str, ...],
    zone: tuple[str, ...],
) -> None:
    """Detect live: from a camera by default, in a window or in the browser.

    In the window: space pauses, s saves a snapshot, + and - move the threshold, q or Esc quits.
    """
    import cv2

    from detector.runtime import Detector
    from detector.video.outputs import Outputs, check_outputs
    from detector.video.overlay import live_drawer
    from detector.video.pipeline import LivePipeline
    from detector.video.settings import LiveSettings
    from detector.video.sources import ImageSequence
    from detector.video.tracking import Tracker
    from detector.video.video_file import VideoFile
    from detector.video.view import ProgressView
    from detector.video.window import DisplayProbe, Window

    counters = read_counters(count_line, zone)
    web = _needs_page(source, web, headless)
    check_outputs(source, save, jsonl)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what fails is said here, once
    probe = None if web or headless else DisplayProbe()
    say = partial(echo, err=str(jsonl) == "-")
    with ExitStack() as stack:
        tracker = Tracker() if track or counters else None
        detector = Detector.load(
            chosen.model,
            trust=chosen.trust,
            backend=chosen.backend,
            threads=chosen.threads,
            classes=parse_classes(chosen.classes),
            score_threshold=score_threshold,
            say=say,
        )
        if probe and (problem := probe.problem()):
            say(f"No window can be opened: {problem}. The picture is in the browser instead.")
            web = True
        # Late, so that no old frames are waiting when the first one is read.
        opened = stack.enter_context(closing(_open_source(source, insecure)))
        runs_on = f"{detector.backend_name}, {counted(detector.threads, 'thread')}"
        say(f"Looking at {opened.name} with {detector.spec.name} ({runs_on}).")
        scene = _Scene(opened, detector, LiveSettings(score_threshold), live_drawer(counters))
        if headless:
            view: View = ProgressView()
        elif web:
            view = _open_page(scene, host, port, say)
        else:
            view = Window(scene.settings, scene.draw, snapshots=_SNAPSHOTS)
        stack.callback(view.close)
        # Last of all, when nothing else can go wrong: it makes files.
        outputs = stack.enter_context(closing(Outputs(save, jsonl, opened, say)))
        pipeline = LivePipeline(
            opened,
            detector,
            settings=scene.settings,
            tracker=tracker,
            counters=counters,
            on_frame=outputs.log.write if outputs.log else None,
            max_frames=max_frames,
        )
        hold = None if max_frames else _farewell(view, opened)
        _follow(pipeline, view, scene, outputs, paced=not headless, hold=hold)
    if isinstance(opened, ImageSequence | VideoFile) and opened.remark:
        echo(opened.remark, err=True)
    say(describe_run(pipeline.meter.whole()))


def _needs_page(source: str, web: bool, headless: bool) -> bool:
    """Whether the picture is in a browser from the start; DetectorError if it is to be nowhere as well."""
    if headless and (web or source == BROWSER):
        shown = "--web" if web else f"--source {BROWSER}"
        raise DetectorError(f"{shown} needs a page and --headless shows none; leave one of them out.")
    return web or source == BROWSER


def _follow(
    pipeline: LivePipeline, view: View, scene: _Scene, outputs: Outputs, *, paced: bool, hold: str | None
) -> None:
    """Show what the pipeline finds until its source ends or the user does, and complete what is written."""
    from detector.video.watch import watch

    def complete() -> None:
        outputs.complete(pipeline.meter.whole())

    with pipeline, closing(view), stopping() as stop:
        watch(
            pipeline,
            view,
            draw=scene.draw,
            stop=stop,
            recorder=outputs.recorder,
            paced=paced,
            hold=hold,
            ended=complete,
        )
        outputs.finish()  # before threads are waited for
    complete()


def _farewell(view: View, source: Source) -> str | None:
    """What is shown when a source has ended; None to end as well, as a window does with a video."""
    from detector.video.sources import ImageSequence
    from detector.video.view import ProgressView
    from detector.video.window import Window

    if isinstance(view, ProgressView):
        return None
    if isinstance(source, ImageSequence):
        return ""
    return None if isinstance(view, Window) else f"{source.name} has ended."


@dataclass(frozen=True)
class _Scene:
    """What every screen has to know."""

    source: Source
    detector: Detector
    settings: LiveSettings
    draw: Callable[[LiveFrame], Image]


def _open_page(scene: _Scene, host: str, port: int, say: Callable[[str], None]) -> View:
    """The browser view; says where it is."""
    from detector.video.web.camera import BrowserSource
    from detector.video.web.server import WebView

    view = WebView(
        scene.settings,
        scene.detector.classes,
        draw=scene.draw,
        source_name=scene.source.name,
        host=host,
        port=port,
        camera=scene.source if isinstance(scene.source, BrowserSource) else None,
    )
    say(f"{view.invitation} Ctrl-C ends it.")
    return view


def _open_source(text: str, insecure: bool) -> Source:
    from detector.video.sources import open_source

    if text != BROWSER:
        return open_source(text, insecure=insecure)
    from detector.video.web.camera import BrowserSource

    return BrowserSource()


def read_counters(lines: Sequence[str], zones: Sequence[str]) -> list[CountLine | CountZone]:
    """The lines and zones that texts such as ``0,0.5,1,0.5`` describe, numbered where there are several.

    Raises:
        DetectorError: not numbers, or too few or too many of them.
    """
    from detector.video.counting import CountLine, CountZone

    counters: list[CountLine | CountZone] = []
    kinds: list[tuple[str, Sequence[str], type[CountLine] | type[CountZone]]] = [
        ("line", lines, CountLine),
        ("zone", zones, CountZone),
    ]
    for what, texts, kind in kinds:
        for number, text in enumerate(texts, start=1):
            try:
                points = [float(value) for value in text.split(",")]
            except ValueError as error:
                raise DetectorError(
                    f"A {what} is given as numbers, x1,y1,x2,y2 ..., got {text!r}."
                ) from error
            counters.append(kind(points, what if len(texts) == 1 else f"{what} {number}"))
    return counters


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a terminal that is closed set.

    One more of them, a second later, interrupts whatever takes so long.
    """
    stop = threading.Event()
    first = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if stop.is_set() and time.monotonic() - first > 1:
            raise KeyboardInterrupt
        if not stop.is_set():
            first = time.monotonic()
            stop.set()

    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler not in (signal.SIG_IGN, None):  # as nohup and background jobs want it; not Python's
            signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def describe_run(stats: LiveStats) -> str:
    """The end summary, in a line or two."""
    frames = counted(stats.frames, "frame")
    time_taken = f"{stats.seconds:.1f} s" if stats.seconds >= 0.1 else "less than 0.1 s"
    if stats.fps:
        lines = [f"{frames} in {time_taken}, {stats.fps:.1f} a second."]
    else:  # too few to tell
        lines = [f"{frames} in {time_taken}." if stats.frames > 1 else f"{frames}."]
    if stats.age_p50 is not None:
        lines.append(
            f"Frame age from capture to display: median {stats.age_p50:.0f} ms, 95th percentile "
            f"{stats.age_p95:.0f} ms; {stats.skipped:,} frames were skipped for newer ones."
        )
    if stats.stages:
        stages = ", ".join(f"{name} {value:.1f} ms" for name, value in stats.stages.items())
        lines.append(f"Stages (median): {stages}.")
    return "\n".join(lines)
