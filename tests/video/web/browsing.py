"""What the tests of the page share: how to look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from playwright.sync_api import Page

from detector.video.frames import LiveFrame
from detector.video.web.server import WebView
from tests.video.web.feeding import Feed

OpenView = Callable[..., WebView]
MakeFeed = Callable[[WebView, Iterator[LiveFrame]], Feed]
OpenPage = Callable[..., Page]
SIZES = {"desktop": (1400, 900), "tablet": (820, 1180), "phone": (390, 844), "phone on its side": (844, 390)}


def pixels(page: Page, canvas: str = "picture") -> str:
    """What a canvas shows, in a few letters."""
    return str(
        page.evaluate(
            """id => { const c = document.getElementById(id);
            return [...c.getContext("2d").getImageData(c.width / 2, 0, 1, c.height).data].join() }""",
            canvas,
        )
    )
