"""What the browser view answers: the page, the stream, a snapshot, the state, and the page's socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib import resources
from typing import Any

from aiohttp import web

from detector.video.web.access import Access
from detector.video.web.connection import Connection, open_socket
from detector.video.web.door import Door
from detector.video.web.hub import Hub
from detector.video.web.pictures import Picture

_PAGE = resources.files("detector.video.web") / "page"
_TYPES = {
    "index.html": "text/html",
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
    **dict.fromkeys(("app.js", "camera.js", "link.js", "panels.js", "picture.js"), "text/javascript"),
}
_BOUNDARY = "frame"
_KEEP_ALIVE_SECONDS = 5.0  # a viewer without news gets the last picture again: players give up otherwise
_STALLED_SECONDS = 60.0  # a viewer that reads nothing for so long has gone without a word
_PATIENCE_SECONDS = 3.0  # until a snapshot is given up


class Site:
    """The handlers.

    Args:
        hub: what they tell.
        access: who may ask.
        door: how many.
    """

    def __init__(self, hub: Hub, access: Access, door: Door) -> None:
        self._hub = hub
        self._access = access
        self._door = door
        self._endless: set[asyncio.Task[Any]] = set()

    def application(self) -> web.Application:
        """The application that answers."""
        application = web.Application(middlewares=[self._door.middleware(), self._access.middleware()])
        application.on_response_prepare.append(self._access.prepare)
        application.on_shutdown.append(self._end)
        application.router.add_get("/", self._page)
        application.router.add_get("/stream.mjpg", self._until_closed(self._stream), allow_head=False)
        application.router.add_get("/snapshot.jpg", self._until_closed(self._snapshot))
        application.router.add_get("/state.json", self._state)
        application.router.add_get("/socket", self._until_closed(self._socket))
        application.router.add_get("/{file}", self._page)
        return application

    def _until_closed(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler, ended when the view is closed: it would go on, or make its viewer wait."""

        async def run(request: web.Request) -> web.StreamResponse:
            task = asyncio.current_task()
            assert task is not None
            self._endless.add(task)
            try:
                return await handler(request)
            finally:
                self._endless.discard(task)

        return run

    async def _end(self, application: web.Application) -> None:
        for task in list(self._endless):
            task.cancel()

    async def _page(self, request: web.Request) -> web.Response:
        name = request.match_info.get("file", "index.html")
        if name not in _TYPES:
            raise web.HTTPNotFound
        return web.Response(body=(_PAGE / name).read_bytes(), content_type=_TYPES[name], charset="utf-8")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Motion JPEG, for whatever shows it: VLC, Home Assistant, a browser."""
        response = web.StreamResponse(
            headers={"Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}"}
        )
        response.force_close()
        with contextlib.suppress(ConnectionError):  # that is how viewers leave
            await response.prepare(request)
            await response.write(f"--{_BOUNDARY}\r\n".encode())
            await self._send_parts(response)
        return response

    async def _send_parts(self, response: web.StreamResponse) -> None:
        picture: Picture | None = None
        while True:
            try:
                waiting = self._hub.pictures.after(picture, self._hub.newest)
                picture = await asyncio.wait_for(waiting, _KEEP_ALIVE_SECONDS)
            except asyncio.TimeoutError:
                if picture is None:
                    continue
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n\r\n".encode()
            # With the next part's boundary behind it, or browsers show each picture one too late.
            part = head + picture.jpeg + f"\r\n--{_BOUNDARY}\r\n".encode()
            try:
                await asyncio.wait_for(response.write(part), _STALLED_SECONDS)
            except asyncio.TimeoutError:
                raise ConnectionResetError("the viewer reads nothing") from None

    async def _snapshot(self, request: web.Request) -> web.Response:
        try:
            waiting = self._hub.pictures.after(None, self._hub.newest)
            picture = await asyncio.wait_for(waiting, _PATIENCE_SECONDS)
        except asyncio.TimeoutError:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="There is no picture yet.")
        name = f"ssdlite-{picture.live.frame.number:06d}.jpg"
        return web.Response(
            body=picture.jpeg,
            content_type="image/jpeg",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(self._hub.state())

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = open_socket()
        await socket.prepare(request)
        await Connection(self._hub, socket).serve()
        return socket
