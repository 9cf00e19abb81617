"""The files of a folder, found once; images looked up by the names that label files give them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from detector.errors import DatasetError
from detector.files import files_below
from detector.images import SUFFIXES, UNREAD_SUFFIXES

_UPLOAD_PREFIX = re.compile("^[0-9a-f]{8}-")  # Label Studio puts one before the name of an uploaded file
# Suffixes that a label file may name though the image was converted since.
_NAMED_SUFFIXES = (*SUFFIXES, *UNREAD_SUFFIXES)


@dataclass(frozen=True)
class Listing:
    """The files of a folder and of the folders in it, sorted; hidden ones are left out."""

    root: Path
    paths: tuple[Path, ...]

    def with_suffix(self, *suffixes: str) -> list[Path]:
        """The files whose names end so, in lower or upper case."""
        return [path for path in self.paths if path.suffix.lower() in suffixes]

    @cached_property
    def images(self) -> list[Path]:
        """The files that are called like images."""
        return self.with_suffix(*SUFFIXES)

    @property
    def unread_images(self) -> list[Path]:
        """Files that are called like images in a format that is not read."""
        return self.with_suffix(*UNREAD_SUFFIXES)


RUN_RECORD = "run.json"


def list_files(root: Path) -> Listing:
    """The files below a folder; a file is a listing of itself.

    Raises:
        DatasetError: there is no such file or folder, or the folder cannot be read.
    """
    if root.is_file():
        return Listing(root, (root,))
    if not root.is_dir():
        raise DatasetError(f"There is no dataset {root}.")
    return Listing(root, tuple(sorted(_walk(root))))


def _walk(root: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DatasetError(f"Cannot read the folder {error.filename} ({error.strerror}).") from error

    def enter(folder: Path, names: list[str]) -> bool:
        hidden = folder != root and (folder.name.startswith(".") or folder.name == "__MACOSX")
        return not hidden and RUN_RECORD not in names  # a training run in the dataset is no part of it

    return (path for path in files_below(root, enter, refuse) if not path.name.startswith("."))


class ImageIndex:
    """Images by name, in any case, with or without suffix and folders."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in paths:
            self._by_name[path.name.lower()].append(path)
            self._by_stem[path.stem.lower()].append(path)

    def find(self, text: str, near: Path) -> Path | None:
        """The image that a label or list file means, or None.

        Args:
            text: a path, file name or stem; slashes of any kind, and a suffix that may be wrong.
            near: the file that says so; among images of the same name the nearest one is meant.
        """
        parts = [part for part in text.strip().replace("\\", "/").split("/") if part not in ("", ".", "..")]
        if not parts:
            return None
        name = parts[-1].lower()
        found = self._by_name.get(name) or self._by_stem.get(name)
        if not found and Path(name).suffix in _NAMED_SUFFIXES:
            found = self._by_stem.get(Path(name).stem)
        if not found and (plain := _UPLOAD_PREFIX.sub("", name)) != name:
            found = self._by_name.get(plain) or self._by_stem.get(plain)
        if not found:
            return None
        folders = parts[:-1]

        def nearness(path: Path) -> tuple[int, bool, int]:
            agreeing = _common(reversed(folders), reversed(path.parent.parts))
            return agreeing, path.name.startswith(parts[-1]), _common(path.parts, near.parts)

        return max(found, key=nearness)


def _common(first: Iterable[str], second: Iterable[str]) -> int:
    """How many items two sequences share at their start."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
