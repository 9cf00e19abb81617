"""Models that were converted from weights, kept in the cache, each with the digest of what was written.

A flipped bit in a network changes what it finds without a word from anything that runs it.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from detector.errors import DetectorError
from detector.system.cache import REMEDY, converted_folder
from detector.system.file_names import safe_file_name
from detector.system.files import replacing
from detector.system.reading import read_head, sha256

_SUFFIX = ".sha256"  # of the file beside a conversion
_DIGEST_LENGTH = 64

# Bytes of all conversions; the network of the released weights takes 18 MB. Those that were used in the last
# hour may be somebody's at this moment.
MOST_KEPT = 1_000_000_000
_IN_USE_SECONDS = 3600

# What this process has found intact: size and time of change by path. Hashing 18 MB takes 15 ms.
_checked: dict[Path, tuple[int, int]] = {}


def conversion_name(title: str, digest: str, suffix: str) -> str:
    """The file name of the conversion of what has a title and a digest."""
    return f"{safe_file_name(title)}-{digest}{suffix}"


def find_conversions(name: str) -> list[Path]:
    """The intact conversions of that name: in the cache, and what this process made for itself."""
    places = []
    with suppress(DetectorError):  # there is no cache
        places.append(converted_folder())
    if own := _own_folders.get(os.getpid()):
        places.append(own)
    found = [place / name for place in places if is_intact_conversion(place / name)]
    for path in found:
        _mark_used(path)
    return found


def is_damaged(name: str) -> bool:
    """Whether the cache has a conversion of that name that is not what was written."""
    with suppress(DetectorError, OSError):
        path = converted_folder() / name
        return path.exists() and not is_intact_conversion(path)
    return False


def keep_conversion(name: str, content: bytes) -> Path:
    """Write a conversion into the cache or, where that cannot be written, for the time of this process.

    Raises:
        DetectorError: there is no temporary folder either, or the disk is full.
    """
    try:
        path = store_conversion(converted_folder() / name, content)
        _trim()
        return path
    except DetectorError:
        return store_conversion(_own_folder() / name, content)


def store_conversion(path: Path, content: bytes) -> Path:
    """Write a conversion, and its digest beside it; its path comes back.

    Raises:
        DetectorError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    with replacing(_record(path)) as temporary:
        temporary.write_text(hashlib.sha256(content).hexdigest(), encoding="ascii")
    return path


def is_intact_conversion(path: Path) -> bool:
    """Whether a conversion is there and is what was written."""
    try:
        status = path.stat()
        seen = status.st_size, status.st_mtime_ns
        if _checked.get(path) == seen:
            return True
        intact = sha256(path).encode() == read_head(_record(path), _DIGEST_LENGTH)
    except (OSError, DetectorError):
        return False
    if intact:
        _checked[path] = seen
    return intact


class Conversion(NamedTuple):
    """A conversion in the cache: its file, its size in bytes, and when it was last used, in seconds."""

    path: Path
    size: int
    used: float


def list_conversions() -> list[Conversion]:
    """The conversions in the cache, the one that was used last first."""
    found = []
    with suppress(DetectorError):  # there is no cache
        for path in converted_folder().glob("[!.]*"):  # what others are writing has a dot
            with suppress(OSError):  # it has gone meanwhile
                if path.suffix != _SUFFIX and path.is_file():
                    status = path.stat()
                    found.append(Conversion(path, status.st_size, status.st_atime))
    return sorted(found, key=lambda each: each.used, reverse=True)


def remove_conversion(path: Path) -> None:
    """Take a conversion out of the cache; it is made anew when it is needed.

    Raises:
        DetectorError: it cannot be removed.
    """
    try:
        for each in (path, _record(path)):
            each.unlink(missing_ok=True)
    except OSError as error:
        raise DetectorError(f"Cannot remove {path} ({error.strerror or error}).") from error


def _trim() -> None:
    """Remove the conversions that were not used for longest, while all take more than they may."""
    now, total = time.time(), 0
    for each in list_conversions():
        total += each.size
        if total > MOST_KEPT and now - each.used > _IN_USE_SECONDS:
            with suppress(DetectorError):
                remove_conversion(each.path)


def _mark_used(path: Path) -> None:
    with suppress(OSError):  # a cache that is read-only
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def find_damaged_conversions(folder: Path) -> list[Path]:
    """The conversions in a folder that are not what was written; those without a digest are never used."""
    recorded = (
        path.with_name(path.name.removesuffix(_SUFFIX)) for path in sorted(folder.glob(f"*{_SUFFIX}"))
    )
    return [path for path in recorded if path.exists() and not is_intact_conversion(path)]


def _record(path: Path) -> Path:
    return path.with_name(path.name + _SUFFIX)


# By process: one that was forked has one of its own.
_own_folders: dict[int, Path] = {}


def _own_folder() -> Path:
    """A folder that goes when this process ends."""
    process_id = os.getpid()
    if process_id not in _own_folders:
        _own_folders.setdefault(process_id, _make_folder(process_id))  # another thread may have been quicker
    return _own_folders[process_id]


def _make_folder(process_id: int) -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix="ssdlite-"))
    except OSError as error:
        raise DetectorError(
            f"Neither the cache nor a temporary folder can be written ({error.strerror or error}); {REMEDY}."
        ) from error

    def remove() -> None:
        if os.getpid() == process_id:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
