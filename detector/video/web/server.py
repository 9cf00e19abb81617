"""The browser view: a server in a thread of its own, which never keeps the pipeline waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from detector.images import Image
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.settings import LiveSettings
from detector.video.web.access import Access
from detector.video.web.camera import BrowserSource
from detector.video.web.certificate import server_context
from detector.video.web.door import KEEP_ALIVE_SECONDS, Door, log_failure, quiet_log
from detector.video.web.hub import Hub, Moment
from detector.video.web.listening import is_open_to_others, listen, reachable_host
from detector.video.web.pictures import Pace, paint
from detector.video.web.site import Site

_SHUTDOWN_SECONDS = 0.25  # for viewers to take what is on its way
_QUEUE = 512  # connections that the system keeps waiting
_WATCHED_SECONDS = 2.0  # after a picture was painted somebody is taken to look on


class WebView:
    """A page with the live picture and its controls, for any number of browsers.

    Pictures are drawn and encoded only while somebody waits for one, and once for all.

    Args:
        settings: what viewers change.
        classes: names that the model knows.
        draw: gives a frame's picture with everything on it. The frame may be smaller than the source's. It is
            called in the thread that calls ``show``.
        source_name: shown on the page.
        host: where to listen. Anything but loopback makes the view ask for a token, which ``url`` contains.
        port: 0 for any free one.
        camera: the pipeline's source, if it is a browser's camera; from other machines browsers allow that
            with HTTPS only, so it is spoken there, with a certificate made here.

    Attributes:
        url: what the user opens.
        invitation: sentences that say so, and what to know about it.

    Raises:
        DetectorError: the port is taken, the address is not this machine's, or HTTPS is needed and the
            package that makes certificates is not installed.
    """

    closed = False

    def __init__(
        self,
        settings: LiveSettings,
        classes: Sequence[str],
        *,
        draw: Callable[[LiveFrame], Image],
        source_name: str,
        host: str = "127.0.0.1",
        port: int = 8080,
        camera: BrowserSource | None = None,
    ) -> None:
        self._draw = draw
        self._painted: LiveFrame | None = None
        self._painted_at = -_WATCHED_SECONDS
        self._pace = Pace()
        listening = listen(host, port)
        try:
            open_to_others = is_open_to_others(listening)
            name = reachable_host(listening)
            context = server_context(name) if open_to_others and camera else None
        except BaseException:
            listening.close()
            raise
        bound = listening.getsockname()[1]
        access = Access(loopback=not open_to_others, secure=context is not None, port=bound)
        shown = f"[{name}]" if ":" in name else name
        self.url = f"{'https' if context else 'http'}://{shown}:{bound}/"
        self.invitation = f"Open {self.url} in a browser."
        if access.token:
            self.url += f"?token={access.token}"
            self.invitation = (
                f"Open {self.url} in a browser. Whoever has this address can watch and change settings."
            )
        if context:
            self.invitation += (
                " Browsers warn once that the certificate is this machine's own: go on all the same."
            )
        self._hub = Hub(settings, classes, source_name, camera)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started, self._ended = threading.Event(), asyncio.Event()
        door = Door(context)
        site = Site(self._hub, access, door)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(site, listening, door)), name="web view", daemon=True
        )
        self._thread.start()
        self._started.wait()

    def show(self, live: LiveFrame | None, stats: LiveStats, notice: str | None) -> bool:
        """Give viewers a frame; nothing is drawn when nobody waits for one.

        Args:
            live: None when nothing new has come.
            stats: figures of the pipeline at this moment.
            notice: a line over the picture.

        Returns:
            Whether the frame is on its way to viewers; True as well where there are none.
        """
        before = self._hub.moment
        newest = live or before.live
        if live is not None or notice != before.notice:
            self._hub.moment = Moment(newest, stats, notice)
        if live is not None and self._hub.camera is not None:
            self._call(self._hub.answer, live)
        wanted = newest is not None and newest is not self._painted and self._hub.pictures.waiting
        if newest is not None and wanted and self._pace.is_due():
            start = time.thread_time()
            self._call(self._hub.pictures.publish, paint(newest, self._draw))
            self._pace.add_painted(time.thread_time() - start)
            self._painted, self._painted_at = newest, time.monotonic()
            return True
        watched = self._hub.pictures.waiting or time.monotonic() - self._painted_at < _WATCHED_SECONDS
        # A browser's camera draws for itself, whatever is painted here.
        return self._hub.camera is not None or not watched

    def close(self) -> None:
        """End all connections and the server."""
        self._call(self._ended.set)
        self._thread.join(timeout=5)

    def _call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call something in the server's thread, if it still runs."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(function, *arguments)

    async def _serve(self, site: Site, listening: socket.socket, door: Door) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(log_failure)
        runner = web.AppRunner(
            site.application(),
            access_log=None,
            logger=quiet_log(),
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        server: asyncio.AbstractServer | None = None
        try:
            await runner.setup()
            door.server = runner.server
            # So many are accepted before the first of them can be turned away; more may wait in the system.
            server = await self._loop.create_server(door, sock=listening, backlog=min(64, door.most))
            listening.listen(_QUEUE)
            self._started.set()
            await self._ended.wait()
        finally:
            self._started.set()
            connections = runner.server.connections if runner.server else []
            transports = [connection.transport for connection in connections]
            if server is not None:
                server.close()
            await runner.cleanup()
            listening.close()
            for transport in transports:
                if transport is not None:
                    transport.abort()  # HTTPS would wait half a minute for each browser's goodbye
            await asyncio.sleep(0.01)
