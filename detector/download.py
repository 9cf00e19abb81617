"""Downloads that show their progress, can be resumed, and end as whole files."""

from __future__ import annotations

import hashlib
import re
import shutil
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from detector.errors import DetectorError
from detector.files import cannot_write

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30
_TRIES = 5


class DownloadError(DetectorError):
    """A file that could not be fetched; what has come so far is kept for the next try."""


def download(url: str, path: Path) -> None:
    """Fetch a file, going on where an earlier try was cut off.

    What has arrived lies in ``path`` + ``.part`` until it is complete.

    Raises:
        DownloadError: the server cannot be reached, refuses, or breaks off again and again.
        DetectorError: the disk is full or the folder cannot be written to.
    """
    part = path.with_name(path.name + ".part")
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url} should start with http:// or https://.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            before = part.stat().st_size if part.exists() else 0
            if _fetch_rest(url, part, title=path.name):
                part.replace(path)
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


def _fetch_rest(url: str, part: Path, *, title: str) -> bool:
    """Append what is missing; True when the file is complete, False when the connection broke."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
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
        if total is not None and shutil.disk_usage(part.parent).free < total - have:
            raise DetectorError(
                f"The disk is full: {url} needs {(total - have) / 1e9:.1f} GB more in {part.parent}."
            )
        bar = tqdm(
            total=total, initial=have, desc=title, unit="B", unit_scale=True, unit_divisor=1024, disable=None
        )
        with part.open("ab" if have else "wb") as file, bar:
            while chunk := _read(response):
                file.write(chunk)
                bar.update(len(chunk))
    return chunk is not None and (total is None or part.stat().st_size == total)


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
    match = re.fullmatch(r"bytes .*/(\d+)", content_range or "")
    return int(match[1]) if match else None


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
