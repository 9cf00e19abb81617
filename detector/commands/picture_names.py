"""Where the picture of each image goes: one name an image, whatever the images are called."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from detector.images import is_address

# Linux, macOS and Windows take names of 255 bytes or characters; the suffix of the picture is added.
_LONGEST_BYTES = 240


def names_below(sources: Sequence[Path | str]) -> list[str]:
    """Where the images lie below their common folder; of an address the last part of its path."""
    files = iter(_names_of_files([source for source in sources if not is_address(source)]))
    names = [_name_at(str(source)) if is_address(source) else next(files) for source in sources]
    taken = {name for name, source in zip(names, sources, strict=True) if not is_address(source)}
    return [
        _unlike(name, taken) if is_address(source) else name
        for name, source in zip(names, sources, strict=True)
    ]


def _unlike(name: str, taken: set[str]) -> str:
    """The name, with a number before its suffix where another has it: they are joined by their names."""
    stem, suffix = os.path.splitext(name)
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{stem}~{number}{suffix}"
    taken.add(candidate)
    return candidate


def _name_at(address: str) -> str:
    name = unquote(urlsplit(address).path).rsplit("/", 1)[-1]
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", name).lstrip(".") or "picture"


def _names_of_files(paths: Sequence[Path | str]) -> list[str]:
    absolute = [os.path.abspath(path) for path in paths]
    try:
        root = os.path.commonpath([os.path.dirname(path) for path in absolute])
        return [os.path.relpath(path, root) for path in absolute]
    except ValueError:  # several drives on Windows
        return [f"{number}_{os.path.basename(path)}" for number, path in enumerate(paths, start=1)]


def picture_names(names: Sequence[str]) -> list[str]:
    """Names of pictures without suffix, in the folders of the images' own names.

    No two are alike, not even for a file system that takes upper and lower case, or composed and decomposed
    letters, for the same; and none is too long.
    """
    taken: set[str] = set()
    return [_free(_short(name), taken) for name in names]


def _short(name: str) -> str:
    """The name itself or, of one that is too long, its beginning and a digest of the whole."""
    folder, base = os.path.split(name)
    encoded = os.fsencode(base)
    if len(encoded) <= _LONGEST_BYTES:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:12]
    beginning = encoded[: _LONGEST_BYTES - len(digest) - 1]
    while beginning and (encoded[len(beginning)] & 0xC0) == 0x80:  # not within a letter of UTF-8
        beginning = beginning[:-1]
    return os.path.join(folder, f"{os.fsdecode(beginning)}~{digest}")


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where another image has it already."""
    number, candidate = 1, name
    while _folded(candidate) in taken:
        number += 1
        candidate = f"{name}~{number}"
    taken.add(_folded(candidate))
    return candidate


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
