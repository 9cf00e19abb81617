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

import cv2

from detector.commands.command_line import echo
from detector.errors import DetectorError
from detector.images import Image
from detector.labels import parse_classes
from detector.runtime import Detector
from detector.system.terminal import counted
from detector.video.counting import CountLine, CountZone
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.outputs import Outputs, check_outputs
from detector.video.overlay import live_drawer
from detector.video.pipeline import LivePipeline
from detector.video.settings import LiveSettings
from detector.video.sources import ImageSequence, Source, open_source
from detector.video.tracking import Tracker
from detector.video.video_file import VideoFile
from detector.video.view import ProgressView, View
from detector.video.watch import watch
from detector.video.window import DisplayProbe, Window

BROWSER = "browser"  # the source that is a viewer's own camera
_SNAPSHOTS = Path("output/snapshots")
_ENDING = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def run_demo(
    *,
    source: str,
    model: str,
    trust: bool,
    backend: str | None,
    threads: int | None,
    classes: str | None,
    score_threshold: float,
    web: bool,
    host: str,
    port: int,
    headless: bool,
    save: Path | None,
    jsonl: Path | None,
    max_frames: int | None,
    track: bool,
    count_line: tuple[str, ...],
    zone: tuple[str, ...],
    insecure: bool = False,
) -> None:
    """Detect in what a source shows until it ends or the user does."""
    counters = read_counters(count_line, zone)
    web = _needs_page(source, web, headless)
    check_outputs(source, save, jsonl)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what fails is said here, once
    probe = None if web or headless else DisplayProbe()
    say = partial(echo, err=str(jsonl) == "-")
    with ExitStack() as stack:
        tracker = Tracker() if track or counters else None
        detector = Detector.load(
            model,
            trust=trust,
            backend=backend,
            threads=threads,
            classes=parse_classes(classes),
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
    if text != BROWSER:
        return open_source(text, insecure=insecure)
    from detector.video.web.camera import BrowserSource

    return BrowserSource()


def read_counters(lines: Sequence[str], zones: Sequence[str]) -> list[CountLine | CountZone]:
    """The lines and zones that texts such as ``0,0.5,1,0.5`` describe, numbered where there are several.

    Raises:
        DetectorError: not numbers, or too few or too many of them.
    """
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
