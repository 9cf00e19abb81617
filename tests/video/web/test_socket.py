"""What pages and the server say to each other."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from detector.video.settings import LiveSettings
from tests.video.web.browsing import MakeFeed, OpenView
from tests.video.web.feeding import CLASSES, INPUT_SIZES, PATIENCE, endless_frames
from tests.video.web.pages import receive, with_pages


def test_settings_are_shared_by_all_pages(open_view: OpenView, settings: LiveSettings) -> None:
    async def use(first: Any, second: Any) -> None:
        hello = await receive(second, "hello", bool)
        assert list(hello["classes"]) == list(CLASSES)
        assert hello["input_sizes"] == list(INPUT_SIZES)
        assert hello["classes"]["person"].startswith("#")
        await first.send_json({"threshold": 0.621, "classes": ["cat", CLASSES[3]], "paused": True})
        told = await receive(second, "state", lambda state: state["settings"]["paused"])
        assert told["settings"] == {
            "threshold": 0.62,
            "classes": [CLASSES[3], "cat"],
            "input_size": "300",
            "paused": True,
        }
        assert told["viewers"] == 2
        await second.send_json({"classes": None, "threshold": 7, "input_size": "auto", "paused": False})
        told = await receive(first, "state", lambda state: state["settings"]["threshold"] == 0.95)
        assert told["settings"] == {
            "threshold": 0.95,
            "classes": None,
            "input_size": "auto",
            "paused": False,
        }

    with_pages(open_view(), 2, use)
    assert (settings.classes, settings.input_size) == (None, "auto")


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "{",
        "[" * 5000,
        '"paused"',
        '{"threshold": "high"}',
        '{"threshold": NaN}',
        '{"threshold": true}',
        '{"threshold": 1e999}',
        '{"threshold": null}',
        '{"threshold": 1%s}' % ("0" * 400),
        '{"paused": 1}',
        '{"classes": "person"}',
        '{"classes": [1]}',
        '{"classes": {"person": 1}}',
        '{"classes": ["person", "unicorn"], "threshold": 0.9}',
        '{"input_size": "4096"}',  # what would take all of the machine is not offered
        '{"input_size": "big", "threshold": 0.9}',
        '{"input_size": 300}',
        '{"input_size": null}',
        '{"input_size": ["300", "512"]}',
    ],
)
def test_a_malformed_message_changes_nothing(
    open_view: OpenView, settings: LiveSettings, message: str
) -> None:
    async def use(page: Any) -> None:
        await page.send_str(message)
        assert isinstance(await receive(page, "error", bool), str)
        await page.send_json({"paused": True})
        await receive(page, "state", lambda state: state["settings"]["paused"])

    with_pages(open_view(), 1, use)
    assert (settings.score_threshold, settings.classes, settings.input_size) == (0.4, None, "300")


def test_what_is_no_setting_changes_none(open_view: OpenView, settings: LiveSettings) -> None:
    settings._score_threshold = 0.01  # as the command line may say, although the page has no such value

    async def use(page: Any) -> None:
        await page.send_bytes(b"\xff\xd8")  # there is no camera to send frames
        await page.send_json({"camera": True})
        await page.send_json({"picture": "yes", "nonsense": [1]})
        await page.send_json({"picture": True})
        await page.send_json({"paused": True})
        await receive(page, "state", lambda state: state["settings"]["paused"])

    with_pages(open_view(), 1, use)
    assert settings.score_threshold == 0.01


def test_a_page_gets_the_pictures_it_asks_for(open_view: OpenView, feed: MakeFeed) -> None:
    view = open_view()
    feed(view, endless_frames())

    async def use(page: Any) -> None:
        pictures = []
        while len(pictures) < 3:
            await page.send_json({"picture": True})
            message = await page.receive(timeout=PATIENCE)
            while message.type is not aiohttp.WSMsgType.BINARY:
                message = await page.receive(timeout=PATIENCE)
            pictures.append(message.data)
        assert len(set(pictures)) == 3
        for _ in range(10):  # none comes without being asked for
            assert (await page.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.TEXT

    with_pages(view, 1, use)


def test_a_frame_is_called_wrong_where_frames_are_collected(
    open_view: OpenView, feed: MakeFeed, settings: LiveSettings
) -> None:
    view = open_view()
    feed(view, endless_frames())
    called: list[int] = []

    async def use(page: Any) -> None:
        told = await receive(page, "state", lambda state: state["live"])
        assert not told["collecting"]
        await page.send_json({"wrong": True})  # to no avail
        await page.send_json({"threshold": 0.5})
        await receive(page, "state", lambda state: state["settings"]["threshold"] == 0.5)
        settings.mark = lambda live: called.append(live.frame.number)
        await receive(page, "state", lambda state: state["collecting"])
        await page.send_json({"wrong": "yes"})
        await page.send_json({"wrong": True})
        settings.marked = "kept as wrong"
        told = await receive(page, "state", lambda state: called and state["live"])
        assert called[0] <= told["live"]["frame"]

    with_pages(view, 1, use)
    assert len(called) == 1
