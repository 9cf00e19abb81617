"""Models that were converted from weights, kept in the cache, each with the digest of what was written.

A flipped bit in a network changes what it finds without a word from anything that runs it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from detector.download import sha256
from detector.errors import DetectorError
from detector.files import replacing
from detector.reading import read_head

_SUFFIX = ".sha256"  # of the file beside a conversion
_DIGEST_LENGTH = 64

# What this process has found intact: size and time of change by path. Hashing 18 MB takes 15 ms.
_checked: dict[Path, tuple[int, int]] = {}


def store_conversion(path: Path, content: bytes) -> None:
    """Write a conversion, and its digest beside it.

    Raises:
        DetectorError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    with replacing(_record(path)) as temporary:
        temporary.write_text(hashlib.sha256(content).hexdigest(), encoding="ascii")


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


def find_damaged_conversions(folder: Path) -> list[Path]:
    """The conversions in a folder that are not what was written."""
    return [
        path
        for path in sorted(folder.glob("*"))
        if path.suffix != _SUFFIX and not path.name.startswith(".") and not is_intact_conversion(path)
    ]


def _record(path: Path) -> Path:
    return path.with_name(path.name + _SUFFIX)
