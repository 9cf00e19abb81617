"""One page's WebSocket: state, pictures and results to it, commands and camera frames from it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from detector.errors import ImageError
from detector.video.web.commands import CommandError, apply_command, parse_message
from detector.video.web.hub import Hub
from detector.video.web.pictures import Picture

_STATE_SECONDS = 0.1
_SIGN_OF_LIFE_SECONDS = 2.0  # a page that hears nothing for some time connects anew
_HEARTBEAT_SECONDS = 10.0  # a phone that was switched off says nothing; its camera is free again after this
_LONGEST_MESSAGE = 2 << 20  # bytes
_AHEAD = 2  # pictures that a page may ask for before it has got one, so that the way there is never idle


class Connection:
    """Serves one page till it goes away.

    Text messages are JSON objects. To the page: ``hello`` (once), ``state`` (up to ten times a second when it
    has changed), ``result`` (for the camera, one for each frame that was looked at), ``camera``
    (``{"granted": bool}``) and ``error``; binary ones are pictures, JPEG. From the page: settings (see
    ``apply_command``), ``{"picture": true}`` (the next picture, please), ``{"wrong": true}`` (keep what is
    seen now, where frames are collected) and ``{"camera": bool}`` (be the camera, or no more); binary ones
    are the camera's frames (see ``BrowserSource.offer``).
    """

    def __init__(self, hub: Hub, socket: web.WebSocketResponse) -> None:
        self._hub = hub
        self._socket = socket
        self._asked: asyncio.Queue[bool] = asyncio.Queue(_AHEAD)
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue(8)

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message as soon as the page can take it; the oldest is dropped when too many wait."""
        if self._messages.full():
            self._messages.get_nowait()
        self._messages.put_nowait(message)

    async def serve(self) -> None:
        """Talk with the page until one side ends it."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._send(json.dumps({"hello": self._hub.greeting()}))
            self._hub.viewers.add(self)
            parts = (self._receive(), self._send_states(), self._send_pictures(), self._send_rest())
            tasks += [asyncio.create_task(part) for part in parts]
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        except ConnectionError:
            pass  # that is how pages leave
        finally:
            self._hub.viewers.discard(self)
            if self._hub.camera is not None:
                self._hub.camera.release(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self._obey(message.data)
            elif message.type is WSMsgType.BINARY:
                self._take_frame(message.data)

    def _obey(self, text: str) -> None:
        try:
            message = parse_message(text)
            apply_command(message, self._hub.settings, self._hub.classes)
        except CommandError as error:
            self.tell({"error": str(error)})
            return
        if message.get("picture") is True and not self._asked.full():
            self._asked.put_nowait(True)
        if message.get("wrong") is True:
            self._hub.mark()
        camera = self._hub.camera
        if camera is not None and message.get("camera") is True:
            self.tell({"camera": {"granted": camera.claim(self)}})
        elif camera is not None and message.get("camera") is False:
            camera.release(self)

    def _take_frame(self, data: bytes) -> None:
        try:
            if self._hub.camera is not None:
                self._hub.camera.offer(self, data)
        except ImageError as error:
            self.tell({"error": str(error)})

    async def _send_states(self) -> None:
        sent, sent_at = "", 0.0
        while True:
            message, now = self._hub.state_message(), asyncio.get_running_loop().time()
            if message is not sent or now - sent_at > _SIGN_OF_LIFE_SECONDS:
                await self._send(message)
                sent, sent_at = message, now
            await asyncio.sleep(_STATE_SECONDS)

    async def _send_pictures(self) -> None:
        picture: Picture | None = None
        while True:
            await self._asked.get()
            picture = await self._hub.pictures.after(picture, self._hub.newest)
            await self._send(picture.jpeg)

    async def _send_rest(self) -> None:
        while True:
            await self._send(json.dumps(await self._messages.get()))

    async def _send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._socket.send_str(message)
        else:
            await self._socket.send_bytes(message)


def open_socket() -> web.WebSocketResponse:
    """A WebSocket as pages get it."""
    # Pictures are compressed already, and compressing text costs more than it saves in a network at home.
    return web.WebSocketResponse(
        heartbeat=_HEARTBEAT_SECONDS, compress=False, max_msg_size=_LONGEST_MESSAGE, timeout=0.5
    )
