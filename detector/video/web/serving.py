"""A server of pages in a thread of its own: where it listens, who may look, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web

from detector.video.web.access import Access
from detector.video.web.certificate import server_context
from detector.video.web.door import KEEP_ALIVE_SECONDS, Door, log_failure, quiet_log
from detector.video.web.listening import is_open_to_others, listen, reachable_host

_QUEUE = 512  # connections that the system keeps waiting


class Serving:
    """Answers browsers until it is closed.

    Args:
        build: makes the application of who may look and how many; it has to use the middlewares of both.
        host: where to listen. Anything but loopback makes it ask for a token, which ``url`` contains.
        port: 0 for any free one.
        may: what whoever has the address can do.
        with_camera: whether pages use the browser's camera; from other machines browsers allow that with
            HTTPS only, so it is spoken there, with a certificate made here.
        patience: seconds for browsers to take what is on its way when it is closed.

    Attributes:
        url: what the user opens.
        invitation: sentences that say so, and what to know about it.

    Raises:
        DetectorError: the port is taken, the address is not this machine's, or HTTPS is needed and the
            package that makes certificates is not installed.
    """

    def __init__(
        self,
        build: Callable[[Access, Door], web.Application],
        host: str,
        port: int,
        *,
        may: str,
        with_camera: bool = False,
        patience: float,
    ) -> None:
        self._patience = patience
        listening = listen(host, port)
        try:
            open_to_others = is_open_to_others(listening)
            address = reachable_host(listening)
            context = server_context(address) if open_to_others and with_camera else None
        except BaseException:
            listening.close()
            raise
        bound = listening.getsockname()[1]
        access = Access(loopback=not open_to_others, secure=context is not None, port=bound)
        shown = f"[{address}]" if ":" in address else address
        self.url = f"{'https' if context else 'http'}://{shown}:{bound}/"
        self.invitation = f"Open {self.url} in a browser."
        if access.token:
            self.url += f"?token={access.token}"
            self.invitation = f"Open {self.url} in a browser. Whoever has this address can {may}."
        if context:
            self.invitation += (
                " Browsers warn once that the certificate is this machine's own: go on all the same."
            )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started, self._ended = threading.Event(), asyncio.Event()
        door = Door(context)
        application = build(access, door)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(application, listening, door)),
            name="web view",
            daemon=True,
        )
        self._thread.start()
        self._started.wait()

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call something in the server's thread, if it still runs."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """End all connections and the server."""
        self.call(self._ended.set)
        self._thread.join(timeout=5)

    async def _serve(self, application: web.Application, listening: socket.socket, door: Door) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(log_failure)
        runner = web.AppRunner(
            application,
            access_log=None,
            logger=quiet_log(),
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=self._patience,
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
