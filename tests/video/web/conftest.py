"""Views, feeds and pages that end with the test that has made them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from detector.video.frames import LiveFrame
from detector.video.settings import LiveSettings
from detector.video.web.server import WebView
from tests.chromium import launch
from tests.video.web.browsing import SIZES, OpenPage
from tests.video.web.feeding import CLASSES, INPUT_SIZES, PATIENCE, Feed, draw

expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture
def settings() -> LiveSettings:
    return LiveSettings(0.4, input_size="300", sizes=INPUT_SIZES)


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


@pytest.fixture(scope="package")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Chromium's fake camera films: a portrait."""
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    picture = cv2.resize(load_image(SAMPLE_FOLDER / "astronaut.jpg"), (640, 640))[:480]
    path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes() * 20)
    return path


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright, camera_file: Path) -> Iterator[Browser]:
    """Chromium with a fake camera that every page may use."""
    browser = launch(
        playwright,
        [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={camera_file}",
        ],
    )
    yield browser
    browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a view in a browser of its own; no page may complain in its console."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(view: WebView, size: str = "desktop", script: str = "", **options: Any) -> Page:
        width, height = SIZES[size]
        hand = {"has_touch": True, "is_mobile": True} if size != "desktop" else {}
        context = browser.new_context(viewport={"width": width, "height": height}, **hand, **options)
        context.set_default_timeout(1000 * PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        if script:
            page.add_init_script(script)
        page.goto(view.url)
        return page

    yield make
    for context in contexts:
        context.close()
    # Chromium prints what a page asks for while the server is gone or wants a token.
    expected = re.compile("ERR_CONNECTION_REFUSED|403 \\(Forbidden\\)")
    assert [text for text in complaints if not expected.search(text)] == []
