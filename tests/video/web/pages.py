"""Pages without a browser: sockets that say what a page says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp

from detector.video.web.server import WebView
from tests.video.web.feeding import PATIENCE


async def receive(
    page: aiohttp.ClientWebSocketResponse, kind: str, condition: Callable[[Any], object]
) -> Any:
    """The first message of a kind of which something is true."""
    while True:
        message = await page.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        if message.type is aiohttp.WSMsgType.TEXT:
            content = json.loads(message.data).get(kind)
            if content is not None and condition(content):
                return content


def with_pages(view: WebView, count: int, use: Callable[..., Any]) -> None:
    """Run a coroutine function with pages' sockets."""

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            origin = view.url.rstrip("/")
            pages = [
                await session.ws_connect(view.url + "socket", headers={"Origin": origin})
                for _ in range(count)
            ]
            await use(*pages)
            for page in pages:
                await page.close()

    run_apart(run)


def run_apart(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine function in a thread of its own: the browser's driver may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(function())).result()
