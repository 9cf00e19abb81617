"""Who may come in when many want to: limits and time-outs of connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from detector.video.web.access import is_loopback

LOG = logging.getLogger(__name__)
_MOST, _LEAST = 200, 8  # connections
_HEAD_SECONDS = 10.0  # until a connection has asked for something
_QUIET_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 15.0


class Door:
    """Makes a protocol for each connection, and turns away what is too many.

    A connection that is served nothing makes room for a new one when all places are taken, those of the
    address with the most of them first. So nobody is locked out by connections that do nothing, and the
    process always has descriptors left.

    Args:
        context: for HTTPS.
        most: connections at the same time; so many as this process may open safely if not given.

    Attributes:
        server: aiohttp's; set before the first connection.
        most: see above.
    """

    def __init__(self, context: ssl.SSLContext | None, most: int | None = None) -> None:
        self.server: Callable[[], asyncio.Protocol] | None = None
        self.most = most or _affordable()
        self._context = context
        self._idle: dict[Connection, None] = {}  # in the order in which they came
        self._busy: set[Connection] = set()
        self._of: dict[object, Connection] = {}  # by aiohttp's own protocol

    def __call__(self) -> asyncio.Protocol:
        assert self.server is not None
        return Connection(self, self.server(), self._context)

    def middleware(self) -> Middleware:
        """Notes which connections are served; those get as many as half of all places an address."""

        @web.middleware
        async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._of.get(request.protocol)
            if connection is None:
                return await handler(request)
            mine = sum(other.address == connection.address for other in self._busy)
            if mine >= self.most // 2 and not is_loopback(connection.address):
                LOG.warning(
                    "%s has %d connections already, so one more is refused.", connection.address, mine
                )
                return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="Too many connections.")
            self._idle.pop(connection, None)
            self._busy.add(connection)
            connection.has_asked()
            try:
                return await handler(request)
            finally:
                self._busy.discard(connection)
                if connection.is_open:
                    self._idle[connection] = None

        return serve

    def admit(self, connection: Connection) -> bool:
        """Whether a new connection may stay; one that does nothing has to go for it."""
        if len(self._idle) + len(self._busy) >= self.most:
            LOG.warning("%d connections are open, so the ones that do nothing are closed.", self.most)
            if not self._idle:
                return False
            counts = Counter(idle.address for idle in self._idle)
            most = max(counts.values())
            victim = next(idle for idle in self._idle if counts[idle.address] == most)
            self.forget(victim)
            victim.abort()
        self._idle[connection] = None
        self._of[connection.handler] = connection
        return True

    def forget(self, connection: Connection) -> None:
        """Take no account of a connection any more."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)
        self._of.pop(connection.handler, None)


class Connection(asyncio.Protocol):
    """Between a transport and aiohttp's protocol.

    Attributes:
        handler: aiohttp's protocol.
        address: of the other side.
        is_open: whether it is admitted and not lost.
    """

    def __init__(self, door: Door, handler: asyncio.Protocol, context: ssl.SSLContext | None) -> None:
        self.handler = handler
        self.address = ""
        self.is_open = False
        self._door = door
        self._context = context
        self._transport: asyncio.Transport | None = None
        self._is_served = False
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.is_open = self._door.admit(self)
        if not self.is_open:
            self._transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(_HEAD_SECONDS, self.abort)
        if self._context is None:
            self._serve(self._transport)
        else:
            self._task = loop.create_task(self._encrypt(self._transport, self._context))

    def has_asked(self) -> None:
        """There is no hurry any more: it has asked for something."""
        if self._deadline is not None:
            self._deadline.cancel()

    def abort(self) -> None:
        """Close it at once."""
        if self._task is not None and not self._is_served:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self.handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self.handler.eof_received()

    def pause_writing(self) -> None:
        self.handler.pause_writing()

    def resume_writing(self) -> None:
        self.handler.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()
        if self._is_served:
            self.handler.connection_lost(error)

    def _serve(self, transport: asyncio.BaseTransport) -> None:
        self._is_served = True
        self.handler.connection_made(transport)

    async def _encrypt(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        try:
            encrypted = await asyncio.get_running_loop().start_tls(
                transport, self, context, server_side=True, ssl_handshake_timeout=_HEAD_SECONDS
            )
        except (OSError, asyncio.CancelledError):  # no handshake, in time or at all; SSLError is an OSError
            encrypted = None
        if encrypted is None:
            transport.abort()
            self._end()
        elif self.is_open:
            self._transport = encrypted
            self._serve(encrypted)

    def _end(self) -> None:
        self.is_open = False
        self.has_asked()
        self._door.forget(self)


class OnceAMinute(logging.Filter):
    """Lets a record pass once a minute; what a crowd of strangers causes must not fill a disk."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._next = -float("inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if self._clock() < self._next:
            return False
        self._next = self._clock() + _QUIET_SECONDS
        return True


def quiet_log() -> logging.Logger:
    """The log of the server, a line a minute at most."""
    LOG.filters.clear()
    LOG.addFilter(OnceAMinute())
    return LOG


def log_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio cannot do, in a line: when no descriptor is left it says so for each connection."""
    error = context.get("exception")
    with contextlib.suppress(Exception):
        LOG.warning("%s%s", context.get("message"), f" ({error})" if error else "")


def _affordable() -> int:
    """Connections that leave most of the descriptors that this process may open to others."""
    try:
        import resource
    except ImportError:  # Windows, where sockets are not counted
        return _MOST
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if limit < 0 else min(_MOST, max(_LEAST, (limit - 64) // 4))
