"""``ssdlite demo``: live detection in a window, in a browser, or on neither."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.options import PATH, ModelOptions, collected, model_options, score_option
from detector.errors import DetectorError
from detector.system.terminal import counted

if TYPE_CHECKING:
    from detector.video.counting import CountLine, CountZone


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
def demo_command(  # each argument is an option, and none belongs to another
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

    from detector.commands import screens
    from detector.runtime import Detector
    from detector.video.outputs import Outputs, check_outputs
    from detector.video.overlay import live_drawer
    from detector.video.settings import LiveSettings
    from detector.video.tracking import Tracker
    from detector.video.window import DisplayProbe

    counters = read_counters(count_line, zone)
    web = screens.needs_page(source, web, headless)
    check_outputs(source, save, jsonl)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what fails is said here, once
    probe = None if web or headless else DisplayProbe()
    say = partial(echo, err=str(jsonl) == "-")
    with ExitStack() as stack:
        tracker = Tracker() if track or counters else None
        detector = Detector.load(
            chosen.model, score_threshold=score_threshold, say=say, **chosen.for_loading()
        )
        if probe and (problem := probe.problem()):
            say(f"No window can be opened: {problem}. The picture is in the browser instead.")
            web = True
        # Late, so that no old frames are waiting when the first one is read.
        opened = stack.enter_context(closing(screens.open_looked_at(source, insecure)))
        runs_on = f"{detector.backend_name}, {counted(detector.threads, 'thread')}"
        say(f"Looking at {opened.name} with {detector.spec.name} ({runs_on}).")
        scene = screens.Scene(opened, detector, LiveSettings(score_threshold), live_drawer(counters))
        view = screens.open_view(scene, say, headless=headless, web=web, host=host, port=port)
        stack.callback(view.close)
        # Last of all, when nothing else can go wrong: it makes files.
        outputs = stack.enter_context(closing(Outputs(save, jsonl, opened, say)))
        stats = screens.follow(
            scene, view, outputs, tracker=tracker, counters=counters, max_frames=max_frames
        )
    if remark := getattr(opened, "remark", ""):
        echo(remark, err=True)
    say(screens.describe_run(stats))


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
