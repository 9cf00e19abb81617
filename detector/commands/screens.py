"""Where ``ssdlite demo`` shows what it finds: a window, a page, or neither; and how it ends."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from detector.errors import DetectorError
from detector.images import Image
from detector.input_sizes import describe_sizes, name_sizes
from detector.runtime import Detector
from detector.runtime.second_stage import SecondStage
from detector.system.terminal import counted
from detector.video.counting import CountLine, CountZone
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.outputs import Outputs
from detector.video.pipeline import LivePipeline
from detector.video.resizing import offered_sizes
from detector.video.settings import AUTO, LiveSettings
from detector.video.sources import ImageSequence, Source, open_source
from detector.video.tally import Tally
from detector.video.tracking import Tracker
from detector.video.view import ProgressView, View
from detector.video.watch import watch
from detector.video.web.camera import BrowserSource
from detector.video.window import Window

BROWSER = "browser"  # the source that is a viewer's own camera
_SNAPSHOTS = Path("output/snapshots")
_ENDING = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@dataclass(frozen=True)
class Scene:
    """What every screen has to know."""

    source: Source
    detector: Detector
    settings: LiveSettings
    draw: Callable[[LiveFrame], Image]
    second_stage: SecondStage | None = None


def needs_page(source: str, web: bool, headless: bool) -> bool:
    """Whether the picture is in a browser from the start; DetectorError if it is to be nowhere as well."""
    if headless and (web or source == BROWSER):
        shown = "--web" if web else f"--source {BROWSER}"
        raise DetectorError(f"{shown} needs a page and --headless shows none; leave one of them out.")
    return web or source == BROWSER


def open_looked_at(text: str, insecure: bool) -> Source:
    """The source of a name or an address, a viewer's own camera among them."""
    return BrowserSource() if text == BROWSER else open_source(text, insecure=insecure)


def live_settings(
    detector: Detector,
    source: Source,
    score_threshold: float,
    *,
    fps: float,
    reason: str,
    tell: Callable[[str], None],
) -> LiveSettings:
    """The settings to begin with, and what views offer: ``auto`` of live sources alone, for only they have a
    rate to keep. ``reason`` is why the input size is what it is, where this machine has decided; ``tell``
    takes a line for each change that it makes later, above a progress bar if there is one.
    """
    auto = reason != "" and source.live
    size = AUTO if auto else describe_sizes(detector.input_sizes)
    offered = offered_sizes(detector, auto=source.live)
    settings = LiveSettings(score_threshold, input_size=size, sizes=offered, fps=fps, tell=tell)
    settings.remark = reason if auto else ""
    return settings


def describe_start(source: Source, detector: Detector, reason: str) -> str:
    """What is looked at with which model, how it looks and what runs it; and why, where there is a reason for
    the input size.
    """
    look = name_sizes(detector.input_sizes) + (", voting" if detector.postprocess.voting else "")
    runs_on = f"{detector.backend_name}, {counted(detector.threads, 'thread')}"
    line = f"Looking at {source.name} with {detector.spec.name}, {look} ({runs_on})."
    if not reason:
        return line
    kept = "" if source.live else "; every frame of a file is looked at, so it stays that"
    return f"{line}\nInput size {reason}{kept}."


def open_view(
    scene: Scene, say: Callable[[str], None], *, headless: bool, web: bool, host: str, port: int
) -> View:
    """The screen; says where it is if it is a page."""
    if headless:
        return ProgressView()
    if not web:
        return Window(scene.settings, scene.draw, snapshots=_SNAPSHOTS)
    from detector.video.web.server import WebView  # aiohttp takes long to import

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


def follow(
    scene: Scene,
    view: View,
    outputs: Outputs,
    *,
    tracker: Tracker | None,
    counters: Sequence[CountLine | CountZone],
    max_frames: int | None,
) -> LiveStats:
    """Show what is found until the source ends, the user does or so many frames are seen, and complete what
    is written; returns how it went.
    """
    pipeline = LivePipeline(
        scene.source,
        scene.second_stage or scene.detector,
        settings=scene.settings,
        tracker=tracker,
        counters=counters,
        on_frame=outputs.add,
        max_frames=max_frames,
    )

    def complete() -> None:
        outputs.complete(pipeline.meter.whole())

    with pipeline, closing(view), _stopping() as stop:
        watch(
            pipeline,
            view,
            draw=scene.draw,
            stop=stop,
            recorder=outputs.recorder,
            paced=not isinstance(view, ProgressView),
            hold=None if max_frames else _farewell(view, scene.source),
            ended=complete,
        )
        outputs.finish()  # before threads are waited for
    complete()
    return pipeline.meter.whole()


def _farewell(view: View, source: Source) -> str | None:
    """What is shown when a source has ended; None to end as well, as a window does with a video."""
    if isinstance(view, ProgressView):
        return None
    if isinstance(view, Window):
        return "" if isinstance(source, ImageSequence) else None
    name = Path(source.name).name if Path(source.name).exists() else source.name
    end = f"That was all of {name}" if isinstance(source, ImageSequence) else f"{name} has ended"
    return f"{end}. To see it again, stop ssdlite with Ctrl-C and start it anew."


@contextmanager
def _stopping() -> Iterator[threading.Event]:
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


def describe_run(stats: LiveStats, tally: Tally) -> str:
    """The end summary, a line for each thing that there is to say."""
    frames = counted(stats.frames, "frame")
    time_taken = f"{stats.seconds:.1f} s" if stats.seconds >= 0.1 else "less than 0.1 s"
    if stats.fps:
        lines = [f"{frames} in {time_taken}, {stats.fps:.1f} a second."]
    else:  # too few to tell
        lines = [f"{frames} in {time_taken}." if stats.frames > 1 else f"{frames}."]
    lines += tally.sentences() if stats.frames else []
    if stats.age_p50 is not None:
        lines.append(
            f"Frame age from capture to display: median {stats.age_p50:.0f} ms, 95th percentile "
            f"{stats.age_p95:.0f} ms; {counted(stats.skipped, 'frame was', 'frames were')} skipped for "
            "newer ones."
        )
    if stats.stages:
        stages = ", ".join(f"{name} {value:.1f} ms" for name, value in stats.stages.items())
        lines.append(f"Stages (median): {stages}.")
    if stats.input_sizes:
        sizes = [f"{size} for {counted(count, 'frame')}" for size, count in stats.input_sizes.items()]
        lines.append(f"Input size: {next(iter(stats.input_sizes)) if len(sizes) == 1 else ', '.join(sizes)}.")
    return "\n".join(lines)
