"""Pictures looked up by everything that a label says of them: folders, subsets, and where it lies itself."""

from __future__ import annotations

import filecmp
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from detector.data.findings import FindingLog
from detector.data.raw_labels import relative_name
from detector.data.split_names import role_of, roles_agree
from detector.images import SUFFIXES, UNREAD_SUFFIXES

_UPLOAD_PREFIX = re.compile("^[0-9a-f]{8}-")  # Label Studio puts one before the name of an uploaded file
_LOCAL_FILES = "/data/local-files/?d="  # before what it calls a file on its own disk, with escapes
# Suffixes that a label file may name though the image was converted since.
_NAMED_SUFFIXES = (*SUFFIXES, *UNREAD_SUFFIXES)
MISSING = "labelled images whose file is missing, left out"
# Where pictures lie by custom; masks and thumbnails of the same names lie elsewhere.
CUSTOMARY = ("images", "image", "imgs", "img", "jpegimages")


class ImageIndex:
    """Images by name, in any case, with or without suffix and folders.

    Args:
        paths: the images.
        root: the dataset's folder; what lies above it says nothing.
    """

    def __init__(self, paths: Iterable[Path], root: Path) -> None:
        self._root = root
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._folders: set[str] = set()
        # How many folders the text and the path had in common: of images that were taken, and the most among
        # those that were not, by folder; each by the folder of the label file.
        self._taken: dict[tuple[Path, Path], int] = {}
        self._passed_over: dict[Path, dict[Path, int]] = defaultdict(dict)
        parents = set()
        for path in paths:
            self._by_name[path.name.lower()].append(path)
            self._by_stem[path.stem.lower()].append(path)
            parents.add(path.parent)
        for parent in parents:
            self._folders.update(self._below(parent))

    def find(
        self, text: str, near: Path, *, hints: Sequence[str] = (), role: str | None = None
    ) -> list[Path]:
        """The images that a label or list file means: none, one, or several that fit equally.

        The folders in the text count most, then the hints, then what the image's folder has in common with
        that of the label file. An image of another split than the label's, or outside of a folder that the
        text or a hint names and the dataset has, is not meant.

        Args:
            text: a path, address, file name or stem; slashes of any kind, and a suffix that may be wrong.
            near: the file that says so.
            hints: folders that the label names elsewhere, such as a subset.
            role: of the split that the label belongs to; default: that of the folder ``near`` lies in.
        """
        role = role or role_among(self._below(near.parent))
        lower = [hint.lower() for hint in hints if hint]
        for *said, name in _readings(text):
            # In an address the name alone may be as it is on disk, and the folders written with escapes.
            folders = [each if each in self._folders else unquote(each) for each in map(str.lower, said)]
            found = [path for path in self._called(name) if self._may_be(path, folders, lower, role)]
            if found:
                return self._best(found, [*folders, name], near, lower)
        return []

    def find_beside(self, text: str, near: Path) -> list[Path]:
        """The same for a text that is a path from the label file on: an image there is the one meant,
        whatever else has its name.
        """
        place = Path(os.path.normpath(near.parent / text.replace("\\", "/")))
        named = self._called(place.name)
        beside = [path for path in named if path.parent == place.parent]
        if len(beside) != 1:
            return self.find(text, near)
        passed_over = self._passed_over[near.parent]
        self._taken[near.parent, beside[0]] = len(place.parts)  # all of its folders
        for path in named:
            if path.parent != place.parent and not same_content(beside[0], path):
                passed_over.setdefault(path.parent, 0)
        return beside

    def _called(self, name: str) -> list[Path]:
        name = name.lower()
        plain = _UPLOAD_PREFIX.sub("", name)
        for each in dict.fromkeys((name, plain)):
            if found := self._by_name.get(each) or self._by_stem.get(each):
                return found
            if Path(each).suffix in _NAMED_SUFFIXES and (found := self._by_stem.get(Path(each).stem)):
                return found
        return []

    def _may_be(self, path: Path, folders: Sequence[str], hints: Sequence[str], role: str | None) -> bool:
        parents = self._below(path.parent)
        # What is a folder of the dataset has to be the image's: the last one named, otherwise the hints.
        said = folders[-1:] if folders and folders[-1] in self._folders else hints
        return all(folder in parents for folder in said if folder in self._folders) and roles_agree(
            role_among(parents), role
        )

    def is_doubtful(self, image: Path, near: Path) -> bool:
        """Whether an image lies in a folder whose other images were not the ones that this file's labels
        mean: what has their names there is something else. Where its own label names more of its folders than
        theirs did, it is meant.

        To be asked when all images of a label file were looked up.
        """
        passed_over = self._passed_over[near.parent].get(image.parent)
        return passed_over is not None and self._taken.get((near.parent, image), 0) <= passed_over

    def _best(
        self, found: Sequence[Path], parts: Sequence[str], near: Path, hints: Sequence[str]
    ) -> list[Path]:
        # One name often lies in several folders: splits, sizes, masks, former versions. What the label says
        # itself counts before where the label lies, and that before custom. Files of equal content are one
        # picture, whichever is taken; if others are left, none is, since a wrong picture harms more than
        # a missing one. The folders that lose are remembered for ``is_doubtful``.
        *folders, name = parts
        around = set(self._below(near.parent))

        def fitness(path: Path) -> tuple[int, int, int, bool, bool]:
            parents = self._below(path.parent)
            return (
                shared_parts(reversed(folders), reversed(parents)),
                sum(hint in parents for hint in hints),
                len(around & set(parents)),
                path.name == name,
                any(parent in CUSTOMARY for parent in parents),
            )

        best = max(map(fitness, found))
        equal = [path for path in found if fitness(path) == best]
        if best[-1]:  # of several customary folders the nearest
            steps = min(map(len, (self._below(path) for path in equal)))
            equal = [path for path in equal if len(self._below(path)) == steps]
        # Beside the label file, or in a folder that has the others in it, comes before what lies deeper.
        above = [path for path in equal if all(path.parent in (each.parent, *each.parents) for each in equal)]
        equal = above if len(above) == 1 else equal
        if len(equal) > 1 and not all(same_content(equal[0], other) for other in equal[1:]):
            return equal
        taken, passed_over = equal[0], self._passed_over[near.parent]
        self._taken[near.parent, taken] = best[0]
        for path in found:
            if path.parent != taken.parent and not same_content(taken, path):
                passed_over[path.parent] = max(passed_over.get(path.parent, 0), fitness(path)[0])
        return equal[:1]

    def _below(self, folder: Path) -> tuple[str, ...]:
        """The names of a folder and of those above it, up to the dataset's, in lower case."""
        try:
            return tuple(part.lower() for part in folder.relative_to(self._root).parts)
        except ValueError:
            return ()


def note_doubtful(said: str, image: Path, root: Path, log: FindingLog) -> None:
    """Note a label whose only image is doubtful, which is left out."""
    example = f"{said} ({relative_name(image, root)})"
    log.add("labels whose image is only in a folder of others of the same names, left out", example)


def same_content(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes."""
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def role_among(folders: Sequence[str]) -> str | None:
    """The role of the innermost folder that is called like a split."""
    return next((role for folder in reversed(folders) if (role := role_of(folder))), None)


def only_one(
    found: Sequence[Path], said: str, root: Path, log: FindingLog, *, missing: str = MISSING
) -> Path | None:
    """The one image that was found; otherwise None, and a finding.

    Args:
        found: what ``ImageIndex.find`` returned.
        said: where the label is and what it calls its image.
        missing: the kind of the finding where there is no image.
    """
    if not found:
        log.add(missing, said)
    elif len(found) > 1:
        names = " and ".join(relative_name(path, root) for path in found[:2])
        log.add("labels that fit several images equally, left out", f"{said} ({names})")
    return found[0] if len(found) == 1 else None


def _readings(text: str) -> Iterator[list[str]]:
    """The text as a path, then, where it may be one, as an address: its parts, the last one the name."""
    known = addressed(text)
    for reading in known[:1] if _LOCAL_FILES in text and known else dict.fromkeys((text, *known)):
        parts = [part for part in re.split(r"[\\/]", reading.strip()) if part not in ("", ".", "..")]
        if parts:
            yield parts


def addressed(text: str) -> list[str]:
    """The paths in an address: its query's ``d``, which Label Studio gives local files, and its own."""
    try:
        address = urlsplit(text.strip())
        local = parse_qs(address.query).get("d", []) if address.query else []
    except ValueError:  # such as an unfinished IPv6 address
        return []
    return [*local[:1], unquote(address.path)] if address.scheme or address.query or "%" in text else []


def shared_parts(first: Iterable[str], second: Iterable[str]) -> int:
    """How many items two sequences share at their start."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
