"""A headless Chromium, and what it finds wrong with a page for people who see, hear or point otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright

from tests.conftest import absent

# A desktop, a phone, and the narrowest phone; 320 pixels are a desktop at 400 % as well (WCAG 2.2, 1.4.10).
WIDTHS = {1280: 800, 390: 844, 320: 640}
SCHEMES = ("light", "dark")


def launch(playwright: Playwright, arguments: Sequence[str] = ()) -> Browser:
    """The system's Chromium."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        absent("there is no Chromium")
    return playwright.chromium.launch(
        executable_path=found,
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            *arguments,
        ],
    )


def accessibility_faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical, a line for each kind; the page's context bypasses its CSP."""
    return [
        f"{found['id']} ({found['impact']}): {found['nodes'][0]['html']}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]


def overlapping(page: Page, selectors: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of visible elements that lie over each other by more than a pixel."""
    boxes = [(name, page.locator(name).bounding_box()) for name in selectors]
    visible = [(name, box) for name, box in boxes if box and box["width"] > 1]
    return [
        (first, second)
        for place, (first, a) in enumerate(visible)
        for second, b in visible[place + 1 :]
        if min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"]) > 1
        and min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"]) > 1
    ]
