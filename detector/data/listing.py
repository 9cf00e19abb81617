"""The files of a folder, found once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from detector.errors import DatasetError
from detector.images import SUFFIXES, UNREAD_SUFFIXES
from detector.system.files import files_below
from detector.system.run_names import RUN_RECORD


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

    @property
    def unread_images(self) -> list[Path]:
        """Files that are called like images in a format that is not read."""
        return self.with_suffix(*UNREAD_SUFFIXES)


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
