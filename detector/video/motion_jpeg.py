"""Cameras that send JPEG after JPEG over HTTP, in whatever form they do it."""

from __future__ import annotations

import re
import ssl
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from detector.errors import ImageError, SourceError
from detector.images import Image, decode_image
from detector.system.address import shown_address
from detector.video.address import PASSWORD_HINT, has_password
from detector.video.certificates import refused_certificate, tls_context

_MOST_BYTES = 32_000_000  # of one picture, and of what lies between two
_CHUNK = 1 << 16
_TIMEOUT = 5.0
_PLAYLIST = re.compile(rb"\s*(#EXTM3U|<\?xml|<MPD)")  # HLS and DASH: their length says nothing of the video's
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # inside a scan: where it ends


class MotionJpeg:
    """A capture of an HTTP response that has JPEG files in it.

    Pictures are found by their own structure (ITU-T T.81, annex B), not by boundaries and lengths between
    them, which some cameras leave out and others have wrong. One that cannot be decoded is left out.
    """

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self._pictures = split_jpegs(lambda: response.read1(_CHUNK))

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def read(self) -> tuple[bool, Any]:
        try:
            for data in self._pictures:
                if (image := _decoded(data)) is not None:
                    return True, image
        except (OSError, HTTPException, ValueError):  # ValueError: closed
            pass
        return False, None

    def get(self, property_: int, /) -> float:
        return 0.0

    def release(self) -> None:
        self._response.close()


def _decoded(data: bytes) -> Image | None:
    try:
        return decode_image(data)
    except ImageError:
        return None


def split_jpegs(read: Callable[[], bytes]) -> Iterator[bytes]:
    """Each whole JPEG file in a stream of bytes, whatever is between them.

    Args:
        read: gives some more bytes, none at the end.
    """
    buffer = bytearray()

    def have(count: int) -> bool:
        while len(buffer) < count:
            chunk = read()
            if not chunk:
                return False
            buffer.extend(chunk)
        return True

    while True:
        while (start := buffer.find(b"\xff\xd8\xff")) < 0:
            del buffer[:-2]
            if not have(len(buffer) + 1):
                return
        del buffer[:start]
        end = _jpeg_end(buffer, have)
        if end > 0:
            yield bytes(buffer[:end])
        del buffer[: abs(end)]


def _jpeg_end(buffer: bytearray, have: Callable[[int], bool]) -> int:
    """Where the JPEG at a buffer's start ends; negative: from where on to look for the next one."""
    position, in_scan = 2, False
    while position < _MOST_BYTES:
        if in_scan:
            found = _MARKER.search(buffer, position)
            if found is None:
                position = max(position, len(buffer) - 1)
                if not have(len(buffer) + 1):
                    return -2
                continue
            position = found.start()
        if not have(position + 2):
            return -2
        kind = buffer[position + 1]
        if in_scan and kind == 0xD8:  # cut off by the next one
            return -position
        if buffer[position] != 0xFF or kind < 0xC0:  # damaged; the next one may lie in what was skipped
            return -2
        if kind == 0xD9:
            return position + 2
        if kind == 0xFF:  # a fill byte
            position += 1
            continue
        if not have(position + 4):
            return -2
        position += 2 + int.from_bytes(buffer[position + 2 : position + 4], "big")
        in_scan = kind == 0xDA
    return -2


@dataclass(frozen=True)
class Answer:
    """What a server says to an address.

    Attributes:
        capture: its pictures, where it sends JPEG after JPEG.
        finite: whether it says how long its answer is, and the answer is no playlist.
    """

    capture: MotionJpeg | None
    finite: bool


def ask(url: str, *, insecure: bool = False) -> Answer:
    """What a server answers to http:// or https://; its certificate is verified before it gets a password.

    Raises:
        SourceError: nobody answers, the server refuses, or its certificate does not verify.
    """
    shown = shown_address(url)
    try:
        with warnings.catch_warnings():  # small cameras leave the quotes out, and it does not matter
            warnings.filterwarnings("ignore", "Basic Auth Realm was unquoted", UserWarning)
            response = _opener(url, insecure).open(_bare(url), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(f"The stream {shown} cannot be opened ({_refusal(error.code)}).") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise refused_certificate(url, error.reason) from None
        reason = getattr(error.reason, "strerror", None) or error.reason
        hint = f"; {PASSWORD_HINT}" if has_password(url) else ""
        raise SourceError(
            f"The stream {shown} cannot be opened ({reason}); check the address{hint}."
        ) from None
    except TimeoutError:
        raise SourceError(f"The stream {shown} did not answer within {_TIMEOUT:.0f} seconds.") from None
    except (HTTPException, ValueError, OSError):  # not quite HTTP; FFmpeg knows more dialects
        return Answer(None, finite=False)
    if response.headers.get_content_maintype() == "multipart":
        return Answer(MotionJpeg(response), finite=False)
    with response:
        try:
            playlist = response.length is not None and _PLAYLIST.match(response.read(64))
        except (OSError, HTTPException):
            playlist = None
        return Answer(None, finite=response.length is not None and not playlist)


def open_motion_jpeg(url: str, *, insecure: bool = False) -> MotionJpeg:
    """The pictures of a camera.

    Raises:
        SourceError: see ``ask``, or it sends something else.
    """
    capture = ask(url, insecure=insecure).capture
    if capture is None:
        raise SourceError(f"{shown_address(url)} sends no motion JPEG.")
    return capture


def _bare(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


class _Close(urllib.request.BaseHandler):
    """Ends the answer that asked for a password; what comes after this handler asks again, with it."""

    handler_order = 1

    def http_error_401(self, request: Any, answer: HTTPResponse, *about: Any) -> None:
        answer.close()


def _opener(url: str, insecure: bool) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=tls_context(insecure))]
    if has_password(url):
        parts = urlsplit(url)
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        known = unquote(parts.username or ""), unquote(parts.password or "")
        passwords.add_password(None, _bare(url), *known)  # type: ignore[arg-type]
        handlers += [
            _Close(),
            urllib.request.HTTPDigestAuthHandler(passwords),
            urllib.request.HTTPBasicAuthHandler(passwords),
        ]
    return urllib.request.build_opener(*handlers)


def _refusal(code: int) -> str:
    if code in (401, 403):
        return f"it answers {code}: user name or password are missing or wrong; {PASSWORD_HINT}"
    return f"it answers {code}; check the address"
