"""Names from outside as names of files: what a model calls itself never says where something is written."""

from __future__ import annotations

import re
import unicodedata

_MOST_BYTES = 100  # with suffixes, file systems take 255
_UNFIT = re.compile(r"[^\w.+ ()-]")  # among them separators of folders, drives and lines
_EDGES = " ._-"  # hidden files, options, and what Windows drops from the end
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(?![^. ])", re.IGNORECASE
)
_UNNAMED = "model"


def safe_file_name(name: str) -> str:
    """A name as the first part of a file's name in one folder, on every system.

    Law: it has no separator, is neither empty nor hidden nor a device, and takes at most 100 bytes; a name of
    letters, digits, dots, hyphens and underscores that is short stays as it is.
    """
    text = _UNFIT.sub("_", unicodedata.normalize("NFC", name)).strip(_EDGES)
    text = text.encode()[:_MOST_BYTES].decode(errors="ignore").strip(_EDGES)
    return f"{_UNNAMED}_{text}" if is_device(text) else text or _UNNAMED


def is_device(name: str) -> bool:
    """Whether Windows takes a file's name for that of a device, whatever suffix it has."""
    return _RESERVED.match(name) is not None
