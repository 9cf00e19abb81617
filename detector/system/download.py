"""Downloads that show their progress, can be resumed, and end as whole files."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit, urlunsplit

from detector.errors import DetectorError
from detector.system.address import shown_address
from detector.system.files import cannot_write, flush_to_disk
from detector.system.least_rate import LEAST_BYTES, RatedHTTP, RatedHTTPS, SlowError
from detector.system.progress import byte_bar

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30
_TRIES = 5
_MOST_BYTES = 1 << 36  # 69 GB; the largest part of COCO has 19


class DownloadError(DetectorError):
    """A file that could not be fetched; what has come so far is kept for the next try."""


class _NoWayDown(urllib.request.HTTPRedirectHandler):
    """Follows a redirection, but never from HTTPS to something that anybody on the way can change."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        leads = f"{shown_address(req.full_url)} leads to {shown_address(newurl):.200}"
        if req.full_url.startswith("https://") and not newurl.startswith("https://"):
            raise DownloadError(f"{leads}, which is not HTTPS; it is not followed.")
        if not newurl.lower().startswith(("http://", "https://")):
            raise DownloadError(f"{leads}, which is not followed.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_NoWayDown, RatedHTTP, RatedHTTPS)


def download(url: str, path: Path, *, most_bytes: int = _MOST_BYTES) -> None:
    """Fetch a file, going on where an earlier try was cut off.

    What has arrived lies in ``path`` + ``.part`` until it is complete and on the disk.

    Args:
        url: with HTTP or HTTPS; a redirection never leads from HTTPS to anything else.
        path: of the file.
        most_bytes: more is not taken, whatever the server says or sends.

    Raises:
        DownloadError: the server cannot be reached, refuses, breaks off again and again, sends too much, or
            less than 1,000 bytes a second.
        DetectorError: the disk is full or the folder cannot be written to.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            before = part.stat().st_size if part.exists() else 0
            if before > most_bytes:  # not from here
                before = 0
                _start_over(part)
            with _failures_told(url):
                whole = _fetch_rest(url, part, most_bytes, title=path.name)
            if whole:
                flush_to_disk(part)
                part.replace(path)
                flush_to_disk(path.parent)
                return
            if part.stat().st_size == before:
                break
    except OSError as error:
        raise cannot_write(path, error) from error
    raise DownloadError(
        f"The connection to {shown_address(url)} broke off; run the command again to go on from there."
    )


def read_url(url: str, *, most_bytes: int, title: str = "") -> bytes:
    """The content of a file that is small enough for memory; what breaks off is fetched anew, some times.

    Args:
        url: as for ``download``.
        most_bytes: more is not taken, whatever the server says or sends.
        title: of the progress bar; without it there is none.

    Raises:
        DownloadError: as ``download`` does.
    """
    for _ in range(_TRIES):
        with open_url(url) as response:
            size = _integer(response.headers.get("Content-Length"))
            if size is not None and size > most_bytes:
                raise _too_large(url, most_bytes)
            content = bytearray()
            with byte_bar(title, size) as bar:
                while chunk := _read(response):
                    content += chunk
                    bar.update(len(chunk))
                    if len(content) > most_bytes:
                        raise _too_large(url, most_bytes)
        if chunk is not None and size in (None, len(content)):
            return bytes(content)
    raise DownloadError(
        f"The connection to {shown_address(url)} broke off again and again; run the command again."
    )


@contextmanager
def open_url(url: str, headers: Mapping[str, str] | None = None) -> Iterator[HTTPResponse]:
    """The server's answer, whose body is still to be read.

    Raises:
        DownloadError: as ``download`` does; also for what fails in the block with an error of the network.
    """
    with _failures_told(url), _open(url, headers or {}) as response:
        try:
            yield response
        except (HTTPException, ConnectionError, TimeoutError) as error:
            raise DownloadError(f"The connection to {shown_address(url)} broke off; try again.") from error


def _plain(url: str) -> str:
    """The address with ASCII characters alone, as it goes over the wire.

    Raises:
        DownloadError: it is none, or has a user name or a password in it.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise DownloadError(f"{shown_address(url)} should start with http:// or https://.")
    try:
        parts = urlsplit(url)
        if "@" in parts.netloc:  # which would be shown in errors, and is none for urllib
            raise DownloadError(
                "An address with a user name or a password in it is not fetched; leave them out."
            )
        host = parts.netloc.encode("idna").decode("ascii")
        _ = parts.port  # raises ValueError where it is beyond 65,535
        rest = [quote(part, safe="%/:=&?!$'()*+,;@~[]") for part in (parts.path, parts.query)]
    except ValueError as error:  # UnicodeError is one
        raise DownloadError(f"{shown_address(url)} is not an address ({error}).") from error
    return urlunsplit((parts.scheme, host, *rest, ""))


@contextmanager
def _failures_told(url: str) -> Iterator[None]:
    try:
        yield
    except SlowError as error:
        raise DownloadError(
            f"{shown_address(url)} sends less than {LEAST_BYTES:,} bytes a second; try again later."
        ) from error
    except urllib.error.HTTPError as error:
        raise DownloadError(
            f"The server answers {error.code} {error.reason} for {shown_address(url)}."
        ) from error
    except urllib.error.URLError as error:
        raise DownloadError(
            f"Cannot reach {shown_address(url)} ({error.reason}); check the network."
        ) from error


def _open(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    """The answer; raises URLError for whatever fails, and HTTPError, which is one."""
    try:
        response: HTTPResponse = _OPENER.open(
            urllib.request.Request(_plain(url), headers=dict(headers)), timeout=_TIMEOUT_SECONDS
        )
        return response
    except urllib.error.HTTPError as error:
        error.close()  # nobody reads its body
        raise
    except urllib.error.URLError:
        raise
    except (HTTPException, ConnectionError, TimeoutError) as error:  # urlopen wraps only what fails earlier
        raise urllib.error.URLError(error) from error


def _fetch_rest(url: str, part: Path, most_bytes: int, *, title: str) -> bool:
    """Append what is missing; True when the file is complete, False when the connection broke.

    Raises DownloadError for more than ``most_bytes``, of which nothing is kept.
    """
    have = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, {"Range": f"bytes={have}-"} if have else {})
    except urllib.error.HTTPError as error:
        if have and error.code == 416:  # nothing lies beyond what is here
            return _total_size(error.headers.get("Content-Range")) == have or _start_over(part)
        raise
    with response:
        if response.status == 206:
            total = _total_size(response.headers.get("Content-Range"))
        else:  # the server sends the whole file, whatever was asked for
            have, total = 0, _integer(response.headers.get("Content-Length"))
        if total is not None and total > most_bytes:
            raise _too_large(url, most_bytes)
        if total is not None and shutil.disk_usage(part.parent).free < total - have:
            raise DetectorError(
                f"The disk is full: {shown_address(url)} needs {(total - have) / 1e9:.1f} GB more in "
                f"{part.parent}."
            )
        with part.open("ab" if have else "wb") as file, byte_bar(title, total, initial=have) as bar:
            while chunk := _read(response):
                have += len(chunk)
                if have > most_bytes:
                    break
                file.write(chunk)
                bar.update(len(chunk))
    if have > most_bytes:
        part.unlink()
        raise _too_large(url, most_bytes)
    return chunk is not None and (total is None or part.stat().st_size == total)


def _too_large(url: str, most_bytes: int) -> DownloadError:
    return DownloadError(
        f"{shown_address(url)} has more than {most_bytes / 1e6:,.0f} MB, more than it should; it is not kept."
    )


def _read(response: object) -> bytes | None:
    """The next bytes, none at the end, None when the connection broke."""
    try:
        data: bytes = response.read(_CHUNK)  # type: ignore[attr-defined]
        return data
    except (HTTPException, OSError):
        return None


def _start_over(part: Path) -> bool:
    part.write_bytes(b"")
    return False


def _total_size(content_range: str | None) -> int | None:
    match = re.fullmatch(r"bytes .*/([0-9]{1,18})", content_range or "")
    return int(match[1]) if match else None


def _integer(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text) else None
