"""Downloads that show their progress, can be resumed, and end as whole files."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO

from tqdm import tqdm

from detector.errors import DetectorError
from detector.system.files import cannot_write, flush_to_disk
from detector.system.progress import bars_hidden

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
        if req.full_url.startswith("https://") and not newurl.startswith("https://"):
            raise DownloadError(
                f"{req.full_url} leads to {newurl:.200}, which is not HTTPS; it is not followed."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_NoWayDown)


def download(url: str, path: Path, *, most_bytes: int = _MOST_BYTES) -> None:
    """Fetch a file, going on where an earlier try was cut off.

    What has arrived lies in ``path`` + ``.part`` until it is complete and on the disk.

    Args:
        url: with HTTP or HTTPS; a redirection never leads from HTTPS to anything else.
        path: of the file.
        most_bytes: more is not taken, whatever the server says or sends.

    Raises:
        DownloadError: the server cannot be reached, refuses, breaks off again and again, or sends too much.
        DetectorError: the disk is full or the folder cannot be written to.
    """
    part = path.with_name(path.name + ".part")
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url} should start with http:// or https://.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            before = part.stat().st_size if part.exists() else 0
            if before > most_bytes:  # not from here
                before = 0
                _start_over(part)
            if _fetch_rest(url, part, most_bytes, title=path.name):
                flush_to_disk(part)
                part.replace(path)
                flush_to_disk(path.parent)
                return
            if part.stat().st_size == before:
                break
    except urllib.error.HTTPError as error:
        raise DownloadError(f"The server answers {error.code} {error.reason} for {url}.") from error
    except urllib.error.URLError as error:
        raise DownloadError(f"Cannot reach {url} ({error.reason}); check the network.") from error
    except OSError as error:
        raise cannot_write(path, error) from error
    raise DownloadError(f"The connection to {url} broke off; run the command again to go on from there.")


def _fetch_rest(url: str, part: Path, most_bytes: int, *, title: str) -> bool:
    """Append what is missing; True when the file is complete, False when the connection broke.

    Raises DownloadError for more than ``most_bytes``, of which nothing is kept.
    """
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = _OPENER.open(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if have and error.code == 416:  # nothing lies beyond what is here
            return _total_size(error.headers.get("Content-Range")) == have or _start_over(part)
        raise
    except (HTTPException, ConnectionError, TimeoutError) as error:  # urlopen wraps only what fails earlier
        raise urllib.error.URLError(error) from error
    with response:
        if response.status == 206:
            total = _total_size(response.headers.get("Content-Range"))
        else:  # the server sends the whole file, whatever was asked for
            have, total = 0, _integer(response.headers.get("Content-Length"))
        if total is not None and total > most_bytes:
            raise _too_large(url, most_bytes)
        if total is not None and shutil.disk_usage(part.parent).free < total - have:
            raise DetectorError(
                f"The disk is full: {url} needs {(total - have) / 1e9:.1f} GB more in {part.parent}."
            )
        bar = tqdm(
            total=total,
            initial=have,
            desc=title,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            disable=bars_hidden(),
        )
        with part.open("ab" if have else "wb") as file, bar:
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
        f"{url} has more than {most_bytes / 1e6:,.0f} MB, more than it should; it is not kept."
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
