"""How often pictures are painted, and who gets them."""

from __future__ import annotations

import asyncio

import pytest

from detector.video.web.pictures import Pace, Picture, Pictures
from tests.video.web.feeding import live_frame
from tests.video.web.pages import run_apart


class Clock:
    """Time that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("source_fps", "cost", "painted_fps"),
    [
        (10, 0.001, 10),  # all of a slow source
        (25, 0.001, 25),
        (30, 0.001, 25),  # and not every second one of a source that is a little too fast
        (200, 0.001, 25),
        (30, 0.010, 10),  # a tenth of a processor
        (30, 0.050, 2),
    ],
)
def test_the_pace(source_fps: float, cost: float, painted_fps: float) -> None:
    clock = Clock()
    pace = Pace(clock)
    painted = 0
    for frame in range(20 * int(source_fps)):
        clock.now = 100 + frame / source_fps + 1e-6
        if pace.is_due():
            pace.add_painted(cost)
            painted += 1
    assert painted / 20 == pytest.approx(painted_fps, rel=0.03)


def test_after_a_pause_the_pace_is_the_same() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.add_painted(0.001)
    clock.now += 60
    painted = 0
    for _ in range(1000):
        clock.now += 0.001
        if pace.is_due():
            pace.add_painted(0.001)
            painted += 1
    assert 25 <= painted <= 27  # nothing is made up for


def test_a_viewer_gets_each_picture_once_and_no_stale_one() -> None:
    async def run() -> None:
        pictures = Pictures()
        old, new = live_frame(0), live_frame(1)
        pictures.publish(Picture(old, b"old", -1e9))
        assert (await pictures.after(None, lambda: old)).jpeg == b"old"  # nothing newer: a pause
        waiting = asyncio.create_task(pictures.after(None, lambda: new))
        await asyncio.sleep(0)
        assert pictures.waiting == 1  # frames have gone by since, so the old one will not do
        latest = Picture(new, b"new", -1e9)
        pictures.publish(latest)
        assert await waiting is latest
        assert pictures.waiting == 0
        waiting = asyncio.create_task(pictures.after(latest, lambda: new))
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert pictures.waiting == 0

    run_apart(run)
