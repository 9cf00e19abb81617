"""What viewers cost the detector: its speed without any and with some, in turns, as a ratio."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ViewerCost:
    """Frames per second without and with viewers.

    Attributes:
        viewers: how many.
        alone, watched: medians of all turns, frames per second.
        ratio: median of watched to alone over neighbouring turns.
        viewer_fps: pictures per second that each viewer got, the slowest of them.
    """

    viewers: int
    alone: float
    watched: float
    ratio: float
    viewer_fps: float


@contextmanager
def watching(url: str, viewers: int) -> Iterator[list[int]]:
    """While it lasts, viewers in a process of their own read the stream of a view.

    Args:
        url: what the view has given.
        viewers: how many.

    Yields:
        A list that holds, after the block, how many pictures each of them got.
    """
    stream = "stream.mjpg?".join(url.split("?")) if "?" in url else url + "stream.mjpg"
    program = Path(__file__).with_name("viewers.py")
    got: list[int] = []
    with subprocess.Popen(
        [sys.executable, "-S", str(program), stream, str(viewers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "watching\n":
            raise RuntimeError(f"the viewers of {url} did not start")
        yield got
        output, _ = process.communicate()
        got += [int(count) for count in output.split()]


def bench_viewers(
    url: str, measure: Callable[[float], float], *, viewers: int = 4, rounds: int = 6, seconds: float = 3.0
) -> ViewerCost:
    """Speed of a running pipeline without viewers and with some, in turns.

    Args:
        url: of its view.
        measure: gives the frames per second of the detector over the next so many seconds.
        viewers: how many read the stream.
        rounds: turns of each kind.
        seconds: length of a turn.
    """
    alone, watched, viewer_fps = [], [], []
    for _ in range(rounds):
        alone.append(measure(seconds))
        with watching(url, viewers) as got:
            watched.append(measure(seconds))
        viewer_fps.append(min(got) / seconds)
    ratios = [with_viewers / without for with_viewers, without in zip(watched, alone, strict=True)]
    return ViewerCost(
        viewers,
        statistics.median(alone),
        statistics.median(watched),
        statistics.median(ratios),
        statistics.median(viewer_fps),
    )
