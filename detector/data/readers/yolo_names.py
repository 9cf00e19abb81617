"""The names of YOLO's class numbers: of a description, or of the list that lies nearest to a label file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.listing import Listing
from detector.data.raw_labels import relative_name, unnamed_class
from detector.data.text import read_lines
from detector.errors import DatasetError
from detector.labels import tidy_name
from detector.system.yaml_text import Yaml

_LISTS = ("classes.txt", "obj.names", "_darknet.labels")


@dataclass(frozen=True)
class NameList:
    """Class names by number, and the file that has them."""

    names: Mapping[int, str]
    source: Path

    def says_the_same(self, other: NameList) -> bool:
        """Whether every number has the same name in both."""
        return dict(self.names) == dict(other.names)


def names_of_description(value: Yaml | None, source: Path, log: FindingLog) -> NameList | None:
    """The names under ``names`` of a description: a list, or a name for each number; None if it has none.

    Raises:
        DatasetError: they are something else.
    """
    if value in (None, ""):
        return None
    if isinstance(value, list):
        value = {str(number): name for number, name in enumerate(value)}
    entries = value if isinstance(value, dict) else {}
    names = {
        int(key): name
        for key, name in entries.items()
        if isinstance(name, str) and key.isascii() and key.isdecimal() and len(key) < 7
    }
    if not isinstance(value, dict) or len(names) < len(value):
        raise DatasetError(f"{source}: expected names as a list or as 0: name, 1: name, ...")
    return _tidy(names, source, log)


def _tidy(names: dict[int, str], source: Path, log: FindingLog) -> NameList:
    """The names in one line each; those that are empty called after their numbers."""
    shown = {number: tidy_name(names[number]) or unnamed_class(number, log) for number in sorted(names)}
    first_of: dict[str, int] = {}
    for number, name in shown.items():
        if (first := first_of.setdefault(name, number)) != number:
            log.add(
                "numbers of one class name, merged", f"{source.name}: {first} and {number} are {name!r:.60}"
            )
    return NameList(shown, source)


class NameLists:
    """The lists of class names in a folder, each valid for the label files in its folder and below.

    Args:
        listing: the folder.
        log: where names that are empty are noted.

    Raises:
        DatasetError: a list cannot be read, or two in one folder differ.
    """

    def __init__(self, listing: Listing, log: FindingLog) -> None:
        self._root = listing.root
        self._by_folder: dict[Path, NameList] = {}
        for path in listing.paths:
            if path.name.lower() not in _LISTS and path.suffix.lower() != ".names":
                continue
            lines = read_lines(path)
            while lines and not lines[-1]:
                lines.pop()
            found = _tidy(dict(enumerate(lines)), path, log)
            known = self._by_folder.setdefault(_absolute(path).parent, found)
            if not known.says_the_same(found):
                raise DatasetError(
                    f"{known.source} and {path.name} beside it name the classes differently; remove one."
                )

    @property
    def all(self) -> list[NameList]:
        """Every list."""
        return list(self._by_folder.values())

    def near(self, label_file: Path, image: Path) -> NameList | None:
        """The list in the nearest folder above a label file or its image; else the only one; None if none is.

        Raises:
            DatasetError: two lie equally near and differ, or none lies above and several elsewhere differ.
        """
        folders = {folder for path in (label_file, image) for folder in _absolute(path).parents}
        above = [folder for folder in self._by_folder if folder in folders]
        deepest = max((len(folder.parts) for folder in above), default=0)
        lists = [self._by_folder[each] for each in above if len(each.parts) == deepest] or self.all
        for other in lists[1:]:
            if not other.says_the_same(lists[0]):
                raise DatasetError(
                    f"{lists[0].source} and {other.source} name the classes differently, and nothing says "
                    f"which of them {label_file} follows; put its own classes.txt beside it."
                )
        return lists[0] if lists else None

    def note_unread(self, used: NameList, log: FindingLog) -> None:
        """Note the lists that say otherwise than the description that is followed."""
        for each in self.all:
            if not each.says_the_same(used):
                log.add(
                    f"lists of class names that say otherwise than {used.source.name}, not read",
                    relative_name(each.source, self._root),
                )


def _absolute(path: Path) -> Path:
    """The path from the root on: descriptions name some so, and a dataset others from the current folder."""
    return Path(os.path.abspath(path))
