"""The report in headless Chromium: on any screen, and for people who see or point otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from detector.data.dataset import Dataset
from tests.chromium import SCHEMES, WIDTHS, accessibility_faults
from tests.report.test_page import report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(coco_sample: Dataset, golden_detections: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    report(folder, coco_sample, json.loads(golden_detections.read_text()), notes=["Mind this."])
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_at_any_width_nothing_is_cut_off_or_hard_to_read(
    browser: Browser, address: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    scrolled = page.evaluate(
        "() => [...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth)"
        ".map(each => each.ariaLabel)"
    )
    assert set(scrolled) <= ({"Confusion matrix"} if width < 1000 else set())
    assert page.locator(".bar").first.is_visible() == (width > 360)
    for link in page.locator("nav a").all():
        box = link.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    assert accessibility_faults(page) == []
    context.close()


def test_what_scrolls_is_reached_with_the_keyboard(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.goto(address)
    matrix = page.get_by_role("region", name="Confusion matrix")
    matrix.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
    page.close()
