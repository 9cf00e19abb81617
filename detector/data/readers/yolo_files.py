"""Which label file belongs to an image."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from detector.data.image_index import CUSTOMARY

_LABELS_OF = dict.fromkeys(CUSTOMARY, ("labels", "label"))
_SUFFIX = ".txt"


class LabelFiles:
    """Finds label files, in any case of their names, and looks into each folder once."""

    def __init__(self) -> None:
        self._entries = cache(_entries)

    def find(self, image: Path) -> Path | None:
        """The label file of an image: in labels/ if the image lies in images/, or beside it; None if absent.

        ``a.jpg.txt`` belongs to ``a.jpg`` alone and comes before ``a.txt``.
        """
        for folder in self.folders(image):
            entries = self._entries(folder)
            for stem in (image.name, image.stem):
                found = entries.get(_key(stem + _SUFFIX))
                if found:
                    return folder / (stem + _SUFFIX if stem + _SUFFIX in found else found[0])
        return None

    def folders(self, image: Path) -> Iterable[Path]:
        """Where the label file may lie, the likeliest first."""
        parts = image.parent.parts
        for index in range(len(parts) - 1, -1, -1):
            names = _LABELS_OF.get(parts[index].lower())
            if names is None:
                continue
            for name in names:
                yield from self._below(Path(*parts[:index]), (name, *parts[index + 1 :]))
            break
        yield image.parent

    def _below(self, folder: Path, names: tuple[str, ...]) -> Iterable[Path]:
        """The folders that one is reached by names from, written as they are or in another case."""
        found = [folder]
        for name in names:
            found = [
                each / entry
                for each in found
                for entry in sorted(self._entries(each).get(_key(name), ()), key=lambda e, n=name: e != n)
            ]
        return found


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower()


def _entries(folder: Path) -> dict[str, list[str]]:
    """What lies in a folder, by name in lower case and composed characters."""
    entries: dict[str, list[str]] = {}
    try:
        for name in sorted(os.listdir(folder)):
            entries.setdefault(_key(name), []).append(name)
    except OSError:  # no folder
        pass
    return entries
