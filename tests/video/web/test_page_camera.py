"""The page as a camera, in headless Chromium with a fake one that films a photograph."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect

from detector.colours import class_colour, css_colour, ink_on
from detector.runtime import Detector
from detector.video.pipeline import LivePipeline
from detector.video.settings import LiveSettings
from detector.video.watch import watch
from detector.video.web.camera import BrowserSource
from detector.video.web.server import WebView
from tests.video.web.browsing import OpenPage, OpenView, pixels
from tests.video.web.feeding import draw
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def watched(
    resources: ExitStack, settings: LiveSettings, released_weights: Path
) -> Callable[[BrowserSource, WebView], LivePipeline]:
    """Runs a real pipeline from a source to a view until the test ends."""

    def run(source: BrowserSource, view: WebView) -> LivePipeline:
        pipeline = LivePipeline(source, Detector.load(released_weights), settings=settings)
        stop = threading.Event()
        thread = threading.Thread(target=lambda: watch(pipeline, view, draw=draw, stop=stop))
        thread.start()
        for end in (pipeline.close, thread.join, stop.set):  # the last one first
            resources.callback(end)
        return pipeline

    return run


def test_a_browser_elsewhere_is_the_camera(
    open_view: OpenView,
    open_page: OpenPage,
    watched: Callable[[BrowserSource, WebView], LivePipeline],
    settings: LiveSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSDLITE_CACHE", str(tmp_path))
    source = BrowserSource()
    view = open_view(host="0.0.0.0", camera=source, source_name="browser")
    monkeypatch.undo()
    pipeline = watched(source, view)

    def wait_for_frames() -> None:
        before = pipeline.meter.recent().frames
        wait_until(lambda: pipeline.meter.recent().frames > before + 5)

    page, other = (open_page(view, size, ignore_https_errors=True) for size in ("phone", "desktop"))
    expect(other.locator("#banner")).to_contain_text("press Start camera")
    page.evaluate(  # a phone has a camera on either side
        "navigator.mediaDevices.enumerateDevices = async () => Array(2).fill({ kind: 'videoinput' })"
    )
    page.locator("#camera").click()
    expect(page.locator("#found .name", has_text="person")).to_be_visible()
    expect(page.locator("#camera")).to_have_text("Stop camera")
    # The boxes lie over the video: something is drawn, on the person and not beside the picture.
    wait_until(lambda: set(pixels(page, "overlay").split(",")) != {"0"})
    wait_until(lambda: 0 < float(page.locator("#age-p50").inner_text().replace("\u2013", "0")) < 60_000)
    expect(other.locator("#camera")).to_have_text("Camera in use")
    expect(other.locator("#camera")).to_be_disabled()
    expect(other.locator("#empty")).to_be_hidden()  # others watch

    page.locator("#pause").click()
    wait_until(lambda: settings.paused)
    expect(page.locator("#pause")).to_contain_text("Go on")
    page.locator("#pause").click()
    wait_for_frames()  # they go on after a pause
    page.locator("#switch").click()
    wait_for_frames()

    page.close()  # the tab goes away
    expect(other.locator("#camera")).to_have_text("Start camera")
    other.locator("#camera").click()
    wait_for_frames()
    other.locator("#camera").click()
    wait_until(lambda: not source.taken)
    expect(other.locator("#video")).to_be_hidden()


def test_why_there_is_no_camera(open_view: OpenView, open_page: OpenPage) -> None:
    source = BrowserSource()
    page = open_page(open_view(camera=source))
    for failure, words in (
        ("NotAllowedError", "Permission for the camera was refused"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "another program"),
        ("AbortError", "does not start (some words)"),
    ):
        page.evaluate(
            "name => navigator.mediaDevices.getUserMedia = "
            "() => Promise.reject(new DOMException('some words', name))",
            failure,
        )
        page.locator("#camera").click()
        expect(page.locator("#banner")).to_contain_text(words)
        wait_until(lambda: not source.taken)


def test_a_page_that_is_not_secure_has_no_camera(open_view: OpenView, open_page: OpenPage) -> None:
    page = open_page(
        open_view(camera=BrowserSource()),
        script="Object.defineProperty(window, 'isSecureContext', { value: false })",
    )
    page.locator("#camera").click()
    expect(page.locator("#banner")).to_contain_text("https://")


def test_the_browser_chooses_the_same_ink_as_pictures_have(open_view: OpenView, open_page: OpenPage) -> None:
    page = open_page(open_view(camera=BrowserSource()))
    classes = [str(place) for place in range(80)]
    colours = [class_colour(name, classes) for name in classes]
    inks = page.evaluate(
        "async (grounds) => { const { inkOn } = await import('./camera.js'); return grounds.map(inkOn) }",
        list(map(css_colour, colours)),
    )
    assert inks == [css_colour(ink_on(colour)) for colour in colours]


def test_boxes_lie_where_the_video_is_whatever_the_shape(open_view: OpenView, open_page: OpenPage) -> None:
    page = open_page(open_view(camera=BrowserSource()))
    corners = page.evaluate(
        """async () => {
          const { placeBox } = await import("./camera.js");
          const of = (w, h, result, mirrored) => placeBox([10, 20, 30, 60], w, h, result, mirrored);
          return [
            of(200, 100, { width: 100, height: 100 }, false),  // bars at the sides: 50 pixels each
            of(100, 400, { width: 100, height: 200 }, false),  // and above and below: 100 pixels each
            of(200, 100, { width: 100, height: 100 }, true),
          ];
        }"""
    )
    assert corners == [[60, 20, 20, 40], [10, 120, 20, 40], [120, 20, 20, 40]]
