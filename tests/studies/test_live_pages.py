"""What viewers cost, measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from detector.video.frames import LiveFrame
from detector.video.web.server import WebView
from studies.live_pages import bench_viewers, watching
from tests.video.web.feeding import Feed, endless_frames


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_viewers_get_pictures_while_the_speed_is_measured(
    open_view: Callable[..., WebView], feed: Callable[[WebView, Iterator[LiveFrame]], Feed], host: str
) -> None:
    view = open_view(host=host)
    fed = feed(view, endless_frames())

    def measure(seconds: float) -> float:
        before = fed.shown
        time.sleep(seconds)
        return (fed.shown - before) / seconds

    cost = bench_viewers(view.url, measure, viewers=3, rounds=2, seconds=0.5)
    assert cost.viewers == 3
    assert cost.alone > 0
    assert cost.watched > 0
    assert cost.ratio > 0
    assert cost.viewer_fps > 0


def test_viewers_that_cannot_start() -> None:
    with pytest.raises(RuntimeError, match="did not start"), watching("http://127.0.0.1:9/", 1):
        pass
