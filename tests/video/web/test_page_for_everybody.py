"""The page for people who see, hear or point otherwise, and on any screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from detector.video.frames import Count, LiveFrame
from detector.video.settings import LiveSettings
from detector.video.web.camera import BrowserSource
from tests.chromium import SCHEMES, WIDTHS, accessibility_faults, overlapping
from tests.video.web.browsing import MakeFeed, OpenPage, OpenView
from tests.video.web.feeding import CLASSES, endless_frames

pytestmark = pytest.mark.slow

HEADER = [".product", "#source", "#status", ".figures"]
THUMB = 44  # pixels


def counted_frames() -> Iterator[LiveFrame]:
    counts = (Count("the door with the long name", 3, 1), Count("yard", 2, 0, 2))
    return (LiveFrame(live.frame, live.detections, counts=counts) for live in endless_frames())


def reachable_by_thumb(page: Page) -> list[str]:
    """Controls that are too small for one."""
    found = page.locator("button:visible, a[href]:visible, input:visible, select:visible").all()
    boxes = [
        (control.evaluate("node => node.id || node.textContent"), control.bounding_box()) for control in found
    ]
    return [name for name, box in boxes if not box or min(box["width"], box["height"]) < THUMB]


def tabbed(page: Page, most: int = 60) -> list[str]:
    """What the tab key leads to, from the start to the end."""
    page.locator("body").evaluate("() => document.activeElement.blur()")
    names = []
    for _ in range(most):
        page.keyboard.press("Tab")
        name = page.evaluate("() => document.activeElement.id || document.activeElement.textContent.trim()")
        if page.evaluate("() => document.activeElement === document.body") or name in names:
            break
        names.append(name)
    return names


@pytest.mark.parametrize("width", WIDTHS)
def test_at_any_width_nothing_is_cut_off_too_small_or_without_a_name(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage, settings: LiveSettings, width: int
) -> None:
    view = open_view(source_name="/a/long/path/to/the/video/of_the_street.mp4", camera=BrowserSource())
    fed = feed(view, counted_frames())
    size = "desktop" if width > 1000 else "phone"
    page = open_page(view, size, bypass_csp=True, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.locator("#age-p50")).to_be_visible()
    for state in ("live", "notice", "paused", "ended"):
        fed.notice = None if state == "live" else "rtsp://192.168.1.20/stream1 is gone; trying again"
        settings.paused, settings.ended = state == "paused", state == "ended"
        expect(page.locator("#status-text")).to_have_text(
            {"live": "Live", "notice": "Waiting", "paused": "Paused", "ended": "Ended"}[state]
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert overlapping(page, HEADER) == []
        if size == "phone":
            assert reachable_by_thumb(page) == []
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert accessibility_faults(page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_question_for_the_token(
    open_view: OpenView, open_page: OpenPage, width: int, scheme: str
) -> None:
    view = open_view(host="0.0.0.0")
    page = open_page(view, bypass_csp=True, color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    page.context.clear_cookies()
    page.goto(view.url.partition("?token=")[0])
    expect(page.locator("input")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert reachable_by_thumb(page) == []
    assert accessibility_faults(page) == []


def test_the_tab_key_goes_where_one_looks_and_what_it_reaches_is_in_sight(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage
) -> None:
    view = open_view()
    feed(view, counted_frames())
    page = open_page(view, "phone")
    expect(page.locator("#snapshot")).to_have_attribute("href", "snapshot.jpg")
    expect(page.locator("#found button")).to_have_count(2)
    page.set_viewport_size({"width": 320, "height": 640})
    order = tabbed(page)
    assert order[:6] == ["pause", "snapshot", "less", "threshold", "more", "size"]
    assert [name[:3] for name in order[6:8]] == ["cat", "per"]  # in view
    assert order[8:10] == ["search", "person2"]
    assert len(order) == 9 + len(CLASSES)
    for _ in order:
        page.keyboard.press("Shift+Tab")
        box = page.evaluate("() => document.activeElement.getBoundingClientRect().toJSON()")
        outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        if page.evaluate("() => document.activeElement === document.body"):
            break
        assert outline == "solid"
        picture = page.locator("#stage").bounding_box()
        assert picture is not None
        assert box["top"] >= picture["y"] + picture["height"] - 1  # not behind the picture
        assert box["bottom"] <= 640


def test_what_changes_is_said_in_a_pause_and_the_picture_has_words(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage
) -> None:
    view = open_view()
    fed = feed(view, endless_frames())
    page = open_page(view)
    expect(page.get_by_role("img", name="Live picture: 2 person, 1 cat")).to_be_visible()
    fed.notice = "the stream is gone"
    expect(page.get_by_role("status").filter(has_text="Waiting")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text=fed.notice)).to_be_visible()
    assert page.locator("[role=alert], [aria-live=assertive]").count() == 0


def test_a_row_that_has_the_focus_does_not_go_away(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage, settings: LiveSettings
) -> None:
    view = open_view()
    shown = iter(endless_frames())
    feed(
        view,
        (
            LiveFrame(
                live.frame,
                live.detections[[name in (settings.classes or CLASSES) for name in live.detections.names]],
            )
            for live in shown
        ),
    )
    page = open_page(view)
    row = page.locator("#found button", has_text="person")
    row.focus()
    settings.classes = frozenset({"cat"})
    expect(row.locator(".many")).to_have_text("0")
    page.wait_for_timeout(2000)
    expect(row).to_be_focused()
    page.locator("#search").focus()
    expect(row).to_have_count(0)


def test_after_the_end_it_says_so_and_offers_nothing_that_does_nothing(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage, settings: LiveSettings
) -> None:
    view = open_view()
    fed = feed(view, endless_frames())
    page = open_page(view)
    expect(page.locator("#pause")).to_be_enabled()
    fed.notice, settings.ended = "street.mp4 has ended. Start again.", True
    expect(page.locator("#status-text")).to_have_text("Ended")
    expect(page.locator("#banner")).to_have_text(fed.notice)
    expect(page.get_by_role("img", name="Last picture")).to_be_visible()
    for control in ("#pause", "#threshold", "#less", "#more", "#size", "#filter-all"):
        expect(page.locator(control)).to_be_disabled()
    assert page.locator("#chips button:enabled, #found button:enabled").count() == 0
    expect(page.locator("#snapshot")).to_have_attribute("href", "snapshot.jpg")  # of the last picture
    page.keyboard.press("Space")
    page.keyboard.press("+")
    late = open_page(view)
    expect(late.locator("#status-text")).to_have_text("Ended")
    expect(late.locator("#empty")).to_be_hidden()
    assert (settings.paused, settings.score_threshold) == (False, 0.4)


def test_nothing_moves_for_whom_that_is_too_much(
    open_view: OpenView, feed: MakeFeed, open_page: OpenPage
) -> None:
    view = open_view()
    feed(view, endless_frames())
    page = open_page(view, reduced_motion="reduce")
    expect(page.locator("#status")).to_have_class("status live")
    assert page.evaluate("document.getAnimations().length") == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("document.getAnimations().length") > 0
