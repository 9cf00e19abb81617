"""The cache folder: where it is, and what becomes of conversions where it cannot be written.

It is the platform's, or the one that the environment variable ``SSDLITE_CACHE`` names.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

from detector.errors import DetectorError, WeightsError
from detector.files import replacing

_REMEDY = "name a folder that can be written in the environment variable SSDLITE_CACHE"


def cache_folder() -> Path:
    """Where released weights and converted models are kept.

    Raises:
        WeightsError: there is no home folder to have it in.
    """
    chosen = os.environ.get("SSDLITE_CACHE")
    try:
        return Path(chosen or platformdirs.user_cache_dir("ssdlite", appauthor=False)).expanduser()
    except RuntimeError as error:  # no HOME, and the system does not know the user
        raise WeightsError(f"There is no home folder to keep weights in; {_REMEDY}.") from error


def converted_folder() -> Path:
    """Where models that were converted from weights are kept, by name and content."""
    return cache_folder() / "converted"


def make_in_cache(folder: Path) -> None:
    """Make a folder of the cache unless it is there, and see that it can be written to.

    Raises:
        WeightsError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WeightsError(
            f"Cannot write to {folder} ({error.strerror or error}), where weights are kept; {_REMEDY}."
        ) from error


def conversion_name(title: str, digest: str, suffix: str) -> str:
    """The file name of a conversion: of characters that every system takes, and short."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', title)[:80]}-{digest}{suffix}"


def find_conversions(name: str) -> list[Path]:
    """The conversions of that name that there are: in the cache, and what this process made for itself."""
    found = []
    with suppress(DetectorError, OSError):  # no such folder, or one that cannot be searched
        if (path := converted_folder() / name).is_file():
            found.append(path)
    own = _own_folders.get(os.getpid())
    if own is not None and (own / name).is_file():
        found.append(own / name)
    return found


def keep_conversion(name: str, content: bytes) -> Path:
    """Write a conversion into the cache or, where that cannot be written, for the time of this process.

    Raises:
        DetectorError: there is no temporary folder either, or the disk is full.
    """
    try:
        return _write(converted_folder() / name, content)
    except DetectorError:
        return _write(_own_folder() / name, content)


def _write(path: Path, content: bytes) -> Path:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


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
            f"Neither the cache nor a temporary folder can be written ({error.strerror or error}); {_REMEDY}."
        ) from error

    def remove() -> None:
        if os.getpid() == process_id:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
