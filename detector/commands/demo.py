"""``ssdlite demo``: live detection in a window, in a browser, or on neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.demo_options import (
    DEFAULT_FPS,
    MOST_MEGABYTES,
    MOST_PICTURES,
    FileOptions,
    LookOptions,
    ScreenOptions,
    SourceOptions,
    TrackOptions,
    ending_options,
    file_options,
    look_options,
    screen_options,
    source_option,
    track_options,
)
from detector.commands.options import ModelOptions, collected, model_options, score_option
from detector.errors import DetectorError
from detector.system.terminal import write_line

if TYPE_CHECKING:
    from detector.commands.screens import Scene
    from detector.runtime import Detector
    from detector.video.counting import CountLine, CountZone
    from detector.video.outputs import Taker


@click.command("demo", cls=OneValueCommand)
@source_option
@model_options
@score_option("--score")
@look_options
@screen_options
@file_options
@ending_options
@track_options
@collected(SourceOptions, "looked_at")
@collected(ModelOptions, "chosen")
@collected(LookOptions, "look")
@collected(ScreenOptions, "screen")
@collected(FileOptions, "files")
@collected(TrackOptions, "tracked")
def demo_command(
    looked_at: SourceOptions,
    chosen: ModelOptions,
    score_threshold: float,
    look: LookOptions,
    screen: ScreenOptions,
    files: FileOptions,
    tracked: TrackOptions,
) -> None:
    """Detect live: from a camera by default, in a window or in the browser.

    In the window: space pauses, s saves a snapshot, w keeps a frame that is wrong (with --collect), + and -
    move the threshold, < and > the input size, q or Esc quits.
    """
    import cv2

    from detector.commands import screens
    from detector.commands.classifiers import open_second_stage, open_tracker, read_classifiers
    from detector.video.outputs import Outputs, check_outputs
    from detector.video.overlay import live_drawer
    from detector.video.window import DisplayProbe

    look.check()
    files.check()
    named = read_classifiers(tracked.classify)
    counters = read_counters(tracked.count_line, tracked.zone)
    web = screens.needs_page(looked_at.source, screen.web, screen.headless)
    check_outputs(looked_at.source, files.save, files.jsonl, files.collect)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what fails is said here, once
    probe = None if web or screen.headless else DisplayProbe()
    to_errors = str(files.jsonl) == "-"
    say, tell = partial(echo, err=to_errors), partial(write_line, to_errors=to_errors)
    with ExitStack() as stack:
        tracker = open_tracker(needed=tracked.track or bool(counters), wished=bool(named), say=say)
        detector, reason = load_detector(chosen, look, score_threshold, say)
        stage = open_second_stage(detector, named, chosen, say)
        problem = probe.problem() if probe else None
        # Late, so that no old frames are waiting when the first one is read.
        opened = stack.enter_context(closing(screens.open_looked_at(looked_at.source, looked_at.insecure)))
        if problem:
            say(f"No window can be opened: {problem}. The picture is in the browser instead.")
            web = True
        settings = screens.live_settings(
            detector, opened, score_threshold, fps=look.fps or DEFAULT_FPS, reason=reason, tell=tell
        )
        say(screens.describe_start(opened, detector, reason))
        scene = screens.Scene(opened, detector, settings, live_drawer(counters), stage)
        view = screens.open_view(
            scene, say, headless=screen.headless, web=web, host=screen.host, port=screen.port
        )
        stack.callback(view.close)
        takers = [stack.enter_context(closing(taker)) for taker in open_takers(files, scene)]
        # Last of all, when nothing else can go wrong: it makes files.
        outputs = stack.enter_context(closing(Outputs(files.save, files.jsonl, opened, say, takers)))
        stats = screens.follow(
            scene, view, outputs, tracker=tracker, counters=counters, max_frames=looked_at.max_frames
        )
    if remark := getattr(opened, "remark", ""):
        echo(remark, err=True)
    say(screens.describe_run(stats, outputs.tally))


def open_takers(files: FileOptions, scene: Scene) -> Iterator[Taker]:
    """Those who take the frames besides the recording and the log, one by one."""
    if (broker := files.broker()) is not None:
        from detector.video.mqtt.messages import Entities, identifier
        from detector.video.mqtt.publisher import Publisher

        camera = identifier(broker.camera or scene.source.name) or "camera"
        entities = Entities(camera, scene.detector.spec.name, scene.detector.classes)
        yield Publisher(broker, entities, scene.settings.tell)
    if files.collect is not None:
        from detector.video.collection.collector import Collector
        from detector.video.collection.kept_folder import KeptFolder

        folder = KeptFolder(
            files.collect,
            most=files.collect_most or MOST_PICTURES,
            most_bytes=(files.collect_mb or MOST_MEGABYTES) * 1_000_000,
        )
        yield Collector(folder, scene.settings, live=scene.source.live, tell=scene.settings.tell)


def load_detector(
    chosen: ModelOptions, look: LookOptions, score_threshold: float, say: Callable[[str], None]
) -> tuple[Detector, str]:
    """The detector at the input size that is asked for, and why it is that where this machine decides."""
    from detector.runtime import Detector
    from detector.video.resizing import choose_detector

    how = look.for_loading()
    if look.auto:
        how["input_size"] = None
    detector = Detector.load(
        chosen.model, score_threshold=score_threshold, say=say, **chosen.for_loading(), **how
    )
    if not look.auto:
        return detector, ""
    detector, choice = choose_detector(detector, look.fps or DEFAULT_FPS)
    return detector, str(choice)


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
