"""The page in headless Chromium: what it shows, and what its controls do."""

from __future__ import annotations

import itertools
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from detector.runtime import Detector
from detector.video.frames import Count, LiveFrame
from detector.video.settings import LiveSettings
from detector.video.web.camera import BrowserSource
from detector.video.web.server import WebView
from tests.conftest import absent
from tests.video.web.feeding import (
    CLASSES,
    PATIENCE,
    Feed,
    detected_frames,
    endless_frames,
    live_frame,
    video_frames,
    wait_for,
)

pytestmark = pytest.mark.slow

OpenView = Callable[..., WebView]
MakeFeed = Callable[[WebView, Iterator[LiveFrame]], Feed]
OpenPage = Callable[..., Page]
SIZES = {"desktop": (1400, 900), "tablet": (820, 1180), "phone": (390, 844), "phone on its side": (844, 390)}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs that the camera pans over: a person, then a cat."""
    path = tmp_path_factory.mktemp("video") / "pan.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (640, 480))
    for name in ("astronaut.jpg", "chelsea.jpg"):
        wide = cv2.resize(load_image(SAMPLE_FOLDER / name), (720, 480))
        for step in range(30):
            writer.write(wide[:, 2 * step : 2 * step + 640])
    writer.release()
    return path


@pytest.fixture(scope="module")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Chromium's fake camera films: a portrait."""
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    picture = cv2.resize(load_image(SAMPLE_FOLDER / "astronaut.jpg"), (640, 640))[:480]
    path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes() * 20)
    return path


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright, camera_file: Path) -> Iterator[Browser]:
    """Chromium with a fake camera that every page may use."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        absent("there is no Chromium")
    browser = playwright.chromium.launch(
        executable_path=found,
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
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


expect.set_options(timeout=1000 * PATIENCE)


def pixels(page: Page, canvas: str = "picture") -> str:
    """What a canvas shows, in a few letters."""
    return str(
        page.evaluate(
            """id => { const c = document.getElementById(id);
            return [...c.getContext("2d").getImageData(c.width / 2, 0, 1, c.height).data].join() }""",
            canvas,
        )
    )


def test_a_video_is_shown_and_every_control_acts(
    open_view: OpenView,
    feed: MakeFeed,
    open_page: OpenPage,
    settings: LiveSettings,
    video: Path,
    released_weights: Path,
    tmp_path: Path,
) -> None:
    detector = Detector.load(released_weights, score_threshold=0.05)
    view = open_view(source_name="pan.avi")
    feed(view, detected_frames(video_frames(str(video)), detector, settings))
    page, other = open_page(view), open_page(view, "phone")

    expect(page.locator("#source")).to_have_text("pan.avi")
    expect(page.locator("#found .name", has_text="person")).to_be_visible()
    expect(page.locator("#found .name", has_text="cat")).to_be_visible()
    expect(page.locator("#status-text")).to_have_text("Live")
    expect(page.locator("#fps")).to_have_text(re.compile(r"^\d+\.\d$"))
    before = pixels(page)
    wait_for(lambda: pixels(page) != before)

    page.keyboard.press("+")
    wait_for(lambda: settings.score_threshold == 0.45)
    expect(other.locator("#threshold-value")).to_have_text("45 %")
    other.locator("#less").click()
    other.locator("#less").click()
    wait_for(lambda: settings.score_threshold == 0.35)
    expect(page.locator("#threshold-value")).to_have_text("35 %")
    page.locator("#threshold").fill("0.2")
    wait_for(lambda: settings.score_threshold == 0.2)

    expect(page.locator("#chips button")).to_have_count(4)
    page.locator("#search").fill("CA")
    expect(page.locator("#chips button:visible")).to_have_count(1)
    page.locator("#chips button:visible").click()
    wait_for(lambda: settings.classes == {"cat"})
    expect(other.locator("#filter-summary")).to_have_text("1 of 4")
    expect(other.locator("#found .name", has_text="person")).to_have_count(0)
    other.locator("#filter-all").click()
    wait_for(lambda: settings.classes is None)
    page.locator("#found button", has_text="person").click()
    wait_for(lambda: settings.classes == {"person"})

    page.locator("h1").click()
    page.keyboard.press("Space")
    wait_for(lambda: settings.paused)
    expect(other.locator("#badge")).to_be_visible()
    expect(other.locator("#pause")).to_have_attribute("aria-pressed", "true")
    late = open_page(view, "tablet")
    expect(late.locator("#empty")).to_be_hidden()  # the last picture, although nothing new comes
    with page.expect_download() as download:
        page.keyboard.press("s")
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert load_image(saved).shape == (480, 640, 3)
    page.locator("#pause").click()
    wait_for(lambda: not settings.paused)


@pytest.mark.parametrize("sizes", [("desktop",), ("tablet", "phone", "phone on its side")], ids=str)
def test_it_fits(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage, tmp_path: Path, sizes: tuple[str, ...]
) -> None:
    view = open_view()
    counts = (Count("door", 3, 1), Count("yard", 2, 0, 2))
    frames = (LiveFrame(live.frame, live.detections, counts=counts) for live in endless_frames())
    fed = feed(view, frames)
    fed.notice = "rtsp://192.168.1.20/stream1 is gone; trying again"
    page = open_page(view, sizes[0])
    expect(page.locator("#banner")).to_have_text(fed.notice)
    expect(page.locator("#counts tr").nth(1)).to_have_text("yard202")
    has_mouse = page.evaluate("matchMedia('(hover: hover) and (pointer: fine)').matches")
    for size in sizes:
        width, height = SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for control in page.locator(".panel button:visible:not(.small), .panel a:visible").all():
            box = control.bounding_box()
            assert box is not None
            assert box["width"] >= 44
            assert box["height"] >= (36 if has_mouse else 44)
        picture = page.locator("#picture").bounding_box()
        assert picture is not None
        assert picture["y"] + picture["height"] <= height  # whole without scrolling
    for scheme, is_dark in (("dark", True), ("light", False)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(path=tmp_path / "page.png")
        assert (load_image(tmp_path / "page.png")[-1, -1].mean() < 64) == is_dark


def test_numbers_and_rows_come_and_go_without_moving_what_is_below(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage
) -> None:
    view = open_view()
    feed(
        view, itertools.chain([live_frame(labels=())], _after(3, live_frame(1, labels=(0,) * 9 + (1, 2, 3))))
    )
    page = open_page(view, "phone")
    expect(page.locator("#found-none")).to_be_visible()
    expect(page.locator("#empty")).to_be_hidden()
    before = page.locator("#search").bounding_box()
    expect(page.locator("#found-total")).to_have_text("12")
    assert page.locator("#search").bounding_box() == before


def _after(seconds: float, live: LiveFrame) -> Iterator[LiveFrame]:
    time.sleep(seconds)
    yield live


def test_names_are_text(open_view: OpenView, feed: MakeFeed, open_page: OpenPage) -> None:
    view = open_view(source_name="<img src=x onerror=alert(1)>")
    feed(view, (live_frame(number, labels=(3,)) for number in range(10**6)))
    page = open_page(view)
    expect(page.locator("#found .name")).to_have_text(CLASSES[3])
    expect(page.locator("#source")).to_have_text("<img src=x onerror=alert(1)>")
    page.locator("#found button").click()
    expect(page.locator("#filter-summary")).to_have_text("1 of 4")
    assert page.locator("main b, main img").count() == 0


def test_it_comes_back_with_the_server(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage, settings: LiveSettings
) -> None:
    view = open_view()
    port = int(view.url.split(":")[2].strip("/"))
    first = feed(view, endless_frames())
    page = open_page(view)
    expect(page.locator("#empty")).to_be_hidden()
    first.close()
    view.close()
    expect(page.locator("#banner")).to_contain_text("is lost")
    expect(page.locator("#pause")).to_be_disabled()
    again = open_view(port=port)
    feed(again, endless_frames())
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#pause")).to_be_enabled()
    before = pixels(page)
    wait_for(lambda: pixels(page) != before)


def test_elsewhere_the_page_asks_for_the_token(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage
) -> None:
    view = open_view(host="0.0.0.0")
    feed(view, endless_frames())
    address, _, token = view.url.partition("?token=")
    page = open_page(view)
    expect(page.locator("#empty")).to_be_hidden()
    assert page.url == address  # the token does not stay where others can read it
    page.reload()
    expect(page.locator("#empty")).to_be_hidden()
    page.context.clear_cookies()
    page.goto(address + "state.json")
    page.locator("input").fill(token)
    page.locator("button").click()
    expect(page.locator("#empty")).to_be_hidden()


def test_a_browser_is_the_camera(
    open_view: OpenView,
    feed: MakeFeed,
    open_page: OpenPage,
    settings: LiveSettings,
    released_weights: Path,
) -> None:
    source = BrowserSource()
    detector = Detector.load(released_weights, score_threshold=0.05)
    view = open_view(camera=source, source_name="browser")
    frames = iter(source.read, None)
    fed = feed(view, detected_frames(frames, detector, settings))
    page, other = open_page(view, "phone"), open_page(view)
    page.locator("#camera").click()
    expect(page.locator("#found .name", has_text="person")).to_be_visible()
    expect(page.locator("#camera")).to_have_text("Stop camera")
    # The boxes lie over the video: something is drawn, on the person and not beside the picture.
    wait_for(lambda: set(pixels(page, "overlay").split(",")) != {"0"})
    wait_for(lambda: 0 < float(page.locator("#age-p50").inner_text().replace("\u2013", "0")) < 60_000)
    expect(other.locator("#camera")).to_have_text("Camera in use")
    expect(other.locator("#camera")).to_be_disabled()
    expect(other.locator("#empty")).to_be_hidden()  # others watch

    page.locator("#pause").click()
    wait_for(lambda: settings.paused)
    page.locator("#pause").click()
    shown = fed.shown
    wait_for(lambda: fed.shown > shown + 5)  # and frames go on after a pause

    page.close()  # the tab goes away
    expect(other.locator("#camera")).to_have_text("Start camera")
    other.locator("#camera").click()
    shown = fed.shown
    wait_for(lambda: fed.shown > shown + 5)
    other.locator("#camera").click()
    wait_for(lambda: not source.taken)
    expect(other.locator("#video")).to_be_hidden()
    source.close()


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
        wait_for(lambda: not source.taken)


def test_a_page_that_is_not_secure_has_no_camera(open_view: OpenView, open_page: OpenPage) -> None:
    page = open_page(
        open_view(camera=BrowserSource()),
        script="Object.defineProperty(window, 'isSecureContext', { value: false })",
    )
    page.locator("#camera").click()
    expect(page.locator("#banner")).to_contain_text("https://")


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
