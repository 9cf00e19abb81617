"""Views and feeds that end with the test that has made them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from detector.video.frames import LiveFrame
from detector.video.settings import LiveSettings
from detector.video.web.server import WebView
from tests.video.web.feeding import CLASSES, Feed, draw


@pytest.fixture
def settings() -> LiveSettings:
    return LiveSettings(0.4)


@pytest.fixture
def resources(caplog: pytest.LogCaptureFixture) -> Iterator[ExitStack]:
    """Closed at the end, when no thread may be left and nothing may have been logged."""
    before = set(threading.enumerate())
    with ExitStack() as stack:
        yield stack
    left = set(threading.enumerate()) - before
    assert [
        thread for thread in left if not thread.name.startswith("asyncio")
    ] == []  # those are the browser's
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == []


@pytest.fixture
def open_view(resources: ExitStack, settings: LiveSettings) -> Callable[..., WebView]:
    """Makes a view on a free port of loopback, or as told."""

    def make(**options: object) -> WebView:
        view = WebView(
            settings,
            CLASSES,
            **{"draw": draw, "source_name": "street.mp4", "port": 0, **options},  # type: ignore[arg-type]
        )
        resources.callback(view.close)
        return view

    return make


@pytest.fixture
def feed(resources: ExitStack, settings: LiveSettings) -> Callable[[WebView, Iterator[LiveFrame]], Feed]:
    """Feeds frames to a view."""

    def make(view: WebView, frames: Iterator[LiveFrame]) -> Feed:
        made = Feed(view, settings, frames)
        resources.callback(made.close)
        return made

    return make
