"""The options of ``ssdlite demo``, in groups."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.option_kinds import PATH, InputSizes
from detector.commands.options import (
    AccuracyOptions,
    accurate_option,
    classify_option,
    host_option,
    joined,
    port_option,
    voting_option,
)

if TYPE_CHECKING:
    from detector.video.mqtt.broker import Broker

# Said once more here, so that ``--help`` imports nothing that takes time; a test holds them to be the same.
AUTO = "auto"
DEFAULT_FPS = 15

MOST_PICTURES, MOST_MEGABYTES = 500, 500


@dataclass(frozen=True)
class SourceOptions:
    """What is looked at."""

    source: str
    insecure: bool
    max_frames: int | None


@dataclass(frozen=True)
class LookOptions(AccuracyOptions):
    """What finds more for more time, or for as much as there is."""

    fps: int | None = None

    @property
    def auto(self) -> bool:
        """Whether the input size is what keeps a frame rate."""
        return self.input_size == AUTO

    def check(self) -> None:
        """Raise UsageError where there is a rate to keep and nothing that could keep it, or two choices."""
        self.for_loading()
        if self.fps is not None and not self.auto:
            raise click.UsageError(
                f"--fps is the frame rate that --input-size {AUTO} keeps; give both, or leave out --fps."
            )


@dataclass(frozen=True)
class ScreenOptions:
    """Where it is shown."""

    web: bool
    host: str
    port: int
    headless: bool


@dataclass(frozen=True)
class FileOptions:
    """What is written."""

    save: Path | None
    jsonl: Path | None
    collect: Path | None
    collect_most: int | None
    collect_mb: int | None
    mqtt: str | None

    def check(self) -> None:
        """Raise UsageError for bounds of nothing, DetectorError for a broker's address that is none."""
        self.broker()
        for name, value in (("--collect-most", self.collect_most), ("--collect-mb", self.collect_mb)):
            if value is not None and self.collect is None:
                raise click.UsageError(f"{name} is for the folder of --collect; name that, or leave it out.")

    def broker(self) -> Broker | None:
        """The broker that is told, if any."""
        from detector.video.mqtt.broker import read_broker  # late, so that ``--help`` is quick

        return read_broker(self.mqtt, os.environ) if self.mqtt is not None else None


@dataclass(frozen=True)
class TrackOptions:
    """What is tracked and counted, and named by a classifier."""

    track: bool
    classify: tuple[str, ...]
    count_line: tuple[str, ...]
    zone: tuple[str, ...]


source_option = click.option(
    "--source",
    default="0",
    show_default=True,
    metavar="CAMERA|FILE|FOLDER|URL|browser",
    help="A camera's number or device, a video, an image, a folder of images, an RTSP or HTTP stream, or the "
    "camera of the browser that looks on.",
)
look_options = joined(
    click.option(
        "--input-size",
        type=InputSizes(auto=True),
        metavar=f"SIZES|{AUTO}",
        help="Side of the network's input in pixels, or HEIGHTxWIDTH; larger sees smaller objects. Several, "
        f"such as 300,512, are looked at in turn, for one answer. {AUTO} is the most that keeps --fps on "
        "this machine.  [default: the model's]",
    ),
    click.option(
        "--fps",
        type=click.IntRange(1, 240),
        help=f"Frames a second that --input-size {AUTO} keeps.  [default: {DEFAULT_FPS}]",
    ),
    accurate_option,
    voting_option,
)
screen_options = joined(
    click.option(
        "--web", is_flag=True, help="Show it in the browser.  [default: where no window can be opened]"
    ),
    host_option,
    port_option(8080),
    click.option("--headless", is_flag=True, help="Show nothing; for --save, --jsonl and counts."),
)
file_options = joined(
    click.option("--save", type=PATH, metavar="FILE", help="Record what is shown: .mp4 or .avi."),
    click.option(
        "--jsonl", type=PATH, metavar="FILE", help="Write a line of JSON for each frame; - for stdout."
    ),
    click.option(
        "--collect",
        type=PATH,
        metavar="FOLDER",
        help="Keep the frames that teach, with labels: those that the model is not sure of, those in which "
        "objects come and go, and those that you call wrong.",
    ),
    click.option(
        "--collect-most",
        type=click.IntRange(1),
        help=f"Most pictures in the folder of --collect.  [default: {MOST_PICTURES}]",
    ),
    click.option(
        "--collect-mb",
        type=click.IntRange(1),
        help=f"Most megabytes in the folder of --collect.  [default: {MOST_MEGABYTES}]",
    ),
    click.option(
        "--mqtt",
        metavar="URL",
        help="Publish counts, zones and detections to an MQTT broker; Home Assistant finds them by itself. "
        "mqtt://HOST, or mqtts://USER:PASSWORD@HOST/CAMERA.",
    ),
)
ending_options = joined(
    click.option("--max-frames", type=click.IntRange(1), help="End after so many frames."),
    click.option(
        "--insecure",
        is_flag=True,
        help="Take any certificate of a https:// or rtsps:// source, password or not.",
    ),
)
track_options = joined(
    click.option("--track", is_flag=True, help="Number each object, the same from frame to frame."),
    classify_option,
    click.option(
        "--count-line",
        multiple=True,
        metavar="X1,Y1,X2,Y2",
        help="Count what crosses a line: pixels, or shares of the frame if none is over 1. Implies --track.",
    ),
    click.option(
        "--zone",
        multiple=True,
        metavar="X1,Y1,X2,Y2,X3,Y3...",
        help="Count what is in a polygon, comes in and goes out. Implies --track.",
    ),
)
