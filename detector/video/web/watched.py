"""A page that changes by itself, such as that of a training, for any number of browsers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Hashable
from importlib import resources

from aiohttp import web

from detector.video.web.access import Access
from detector.video.web.door import Door
from detector.video.web.serving import Serving

SCRIPT = "watched.js"
_LOOK_SECONDS = 2.0  # between two looks at whether there is something new
_ANSWER_SECONDS = 20.0  # until a browser that waits is told that there is nothing
_LAST_SECONDS = 1.0  # for a browser to show what it has just been told, and to ask once more
_SHUTDOWN_SECONDS = 3.0  # for browsers to take the last page
# The pages bring their style and pictures in themselves, and no script but the server's.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class WatchedPage:
    """Shows a page, and shows it anew when it has changed. Nothing is made while nobody looks.

    Args:
        render: gives the page as it is now, which loads the script ``SCRIPT``; told whether it may still
            change. Called in the server's thread.
        version: gives something that is another one when the page is.
        host, port: where to listen, as for the live view.

    Attributes:
        url: what the user opens.
        invitation: sentences that say so, and what to know about it.

    Raises:
        DetectorError: the port is taken, or the address is not this machine's.
    """

    def __init__(
        self, render: Callable[[bool], str], version: Callable[[], Hashable], *, host: str, port: int
    ) -> None:
        self._render = render
        self._version = version
        self._ended = asyncio.Event()
        self._asked_at = float("-inf")
        self._serving = Serving(self._application, host, port, may="watch", patience=_SHUTDOWN_SECONDS)
        self.url, self.invitation = self._serving.url, self._serving.invitation

    def close(self) -> None:
        """Give those who look the page as it is in the end, and end the server."""
        self._serving.call(self._ended.set)
        if time.monotonic() - self._asked_at < _ANSWER_SECONDS:
            time.sleep(_LAST_SECONDS)
        self._serving.close()

    def _application(self, access: Access, door: Door) -> web.Application:
        application = web.Application(middlewares=[door.middleware(), access.middleware()])
        application.on_response_prepare.append(access.prepare)
        application.router.add_get("/", self._page)
        application.router.add_get("/news", self._news)
        application.router.add_get(f"/{SCRIPT}", self._script)
        return application

    def _now(self) -> str:
        """What the page is now, in a word for the browser: another one when it has changed."""
        return f"{hash((self._version(), self._ended.is_set())):x}"

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(
            text=self._render(not self._ended.is_set()),
            content_type="text/html",
            headers={"Content-Security-Policy": _POLICY},
        )

    async def _news(self, request: web.Request) -> web.Response:
        """The page as soon as it is another one than the browser has; no content if it stays that."""
        known = request.query.get("known", "")
        self._asked_at = time.monotonic()
        for _ in range(round(_ANSWER_SECONDS / _LOOK_SECONDS)):
            if self._now() != known:
                break
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _LOOK_SECONDS)
        now, over = self._now(), self._ended.is_set()  # before the page: what comes meanwhile is shown next
        headers = {"X-Now": now, "X-Over": "yes" if over else "no"}
        if now == known:
            return web.Response(status=204, headers=headers)
        return web.Response(text=self._render(not over), content_type="text/html", headers=headers)

    async def _script(self, request: web.Request) -> web.Response:
        script = resources.files("detector.video.web") / "page" / SCRIPT
        return web.Response(body=script.read_bytes(), content_type="text/javascript", charset="utf-8")
