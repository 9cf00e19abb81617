"""The page in headless Chromium: what it shows, and what its controls do."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import expect

from detector.classification import NamedScore
from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image
from detector.runtime import Detector
from detector.video.frames import Count, LiveFrame
from detector.video.settings import LiveSettings
from tests.video.web.browsing import SIZES, MakeFeed, OpenPage, OpenView, pixels
from tests.video.web.feeding import CLASSES, detected_frames, endless_frames, live_frame, video_frames
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


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
    wait_until(lambda: pixels(page) != before)

    page.keyboard.press("+")
    wait_until(lambda: settings.score_threshold == 0.45)
    expect(other.locator("#threshold-value")).to_have_text("45 %")
    other.locator("#less").click()
    other.locator("#less").click()
    wait_until(lambda: settings.score_threshold == 0.35)
    expect(page.locator("#threshold-value")).to_have_text("35 %")
    page.locator("#threshold").fill("0.2")
    wait_until(lambda: settings.score_threshold == 0.2)

    expect(page.locator("#size")).to_have_value("300")
    assert page.locator("#size option").all_inner_texts() == ["224", "300", "512", "300 + 512", "auto"]
    page.locator("#size").select_option("300,512")
    wait_until(lambda: settings.input_size == "300,512")
    expect(other.locator("#size")).to_have_value("300,512")
    other.locator("#size").select_option("auto")
    expect(page.locator("#size")).to_have_value("auto")
    settings.say("224 now: 300 takes 90 ms a frame, and 15 frames a second leave 67")
    expect(page.locator("#size-remark")).to_have_text(re.compile("^Input size 224 now: 300 takes 90 ms"))
    settings.remark = ""
    expect(page.locator("#size-remark")).to_be_hidden()

    expect(page.locator("#chips button")).to_have_count(4)
    page.locator("#search").fill("CA")
    expect(page.locator("#chips button:visible")).to_have_count(1)
    page.locator("#chips button:visible").click()
    wait_until(lambda: settings.classes == {"cat"})
    expect(other.locator("#filter-summary")).to_have_text("1 of 4")
    expect(other.locator("#found .name", has_text="person")).to_have_count(0)
    other.locator("#filter-all").click()
    wait_until(lambda: settings.classes is None)
    page.locator("#found button", has_text="person").click()
    wait_until(lambda: settings.classes == {"person"})

    page.locator("h1").click()
    page.keyboard.press("Space")
    wait_until(lambda: settings.paused)
    expect(other.locator("#badge")).to_be_visible()
    expect(other.locator("#pause")).to_have_text("Go on")
    late = open_page(view, "tablet")
    expect(late.locator("#empty")).to_be_hidden()  # the last picture, although nothing new comes
    with page.expect_download() as download:
        page.keyboard.press("s")
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert load_image(saved).shape == (480, 640, 3)
    page.locator("#pause").click()
    wait_until(lambda: not settings.paused)


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


def test_kinds_stand_beside_their_class(open_view: OpenView, feed: MakeFeed, open_page: OpenPage) -> None:
    view = open_view()
    kinds = (None, NamedScore("<i>tabby</i>", 0.71))

    def named() -> Iterator[LiveFrame]:
        for number in itertools.count():
            live = live_frame(number, labels=(1, 1))
            yield replace(live, detections=replace(live.detections, kinds=kinds))

    feed(view, named())
    page = open_page(view)
    row = page.locator("#found li").first
    expect(row.locator(".name")).to_have_text("cat")
    expect(row.locator(".scores")).to_have_text("90% · <i>tabby</i> 71%")


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
    wait_until(lambda: pixels(page) != before)


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


def test_a_frame_is_called_wrong_where_frames_are_collected(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage, settings: LiveSettings
) -> None:
    view = open_view()
    feed(view, endless_frames())
    page = open_page(view)
    expect(page.locator("#status-text")).to_have_text("Live")
    expect(page.locator("#wrong")).to_be_hidden()
    page.keyboard.press("w")  # to no avail
    called: list[int] = []

    def mark(live: LiveFrame) -> None:
        called.append(live.frame.number)
        settings.marked = f"kept as wrong, {len(called)} pictures so far"

    settings.mark = mark
    page.locator("#wrong").click()
    expect(page.locator("#marked")).to_have_text("This frame is kept as wrong, 1 pictures so far.")
    page.keyboard.press("w")
    expect(page.locator("#marked")).to_have_text("This frame is kept as wrong, 2 pictures so far.")
    assert len(called) == 2
    assert called[0] < called[1]
    settings.mark = None
    expect(page.locator("#wrong")).to_be_hidden()
