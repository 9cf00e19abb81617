"""The files of a folder, found once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from detector.errors import DatasetError
from detector.images import SUFFIXES


@dataclass(frozen=True)
class Listing:
    """The files of a folder and of the folders in it, sorted; hidden ones are left out."""

    root: Path
    paths: tuple[Path, ...]

    def with_suffix(self, *suffixes: str) -> list[Path]:
        """The files whose names end so, in lower or upper case."""
        if len(suffixes) == 1:
            return list(self._by_suffix.get(suffixes[0], ()))
        return [path for path in self.paths if path.suffix.lower() in suffixes]

    @cached_property
    def _by_suffix(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in self.paths:
            found.setdefault(path.suffix.lower(), []).append(path)
        return found

    @cached_property
    def images(self) -> list[Path]:
        """The files that are called like images."""
        return self.with_suffix(*SUFFIXES)


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
    entered = set()

    def refuse(error: OSError) -> None:
        raise DatasetError(f"Cannot read the folder {error.filename} ({error.strerror}).") from error

    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=refuse):
        # A link to a folder above would go round for ever.
        real = os.path.realpath(folder)
        if real in entered:
            subfolders.clear()
            continue
        entered.add(real)
        if RUN_RECORD in names:  # a training run that was put into the dataset is no part of it
            subfolders.clear()
            continue
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "__MACOSX"]
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def read_text(path: Path) -> str:
    """The content of a text file; a byte order mark is no part of it.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise DatasetError(f"Cannot read {path} ({error.strerror}).") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, stripped, empty ones included; see ``read_text``."""
    return [line.strip() for line in read_text(path).split("\n")]
