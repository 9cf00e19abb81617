"""What is wrong or worth knowing in a dataset, counted by kind; and the one place where boxes are cut."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from detector.errors import DatasetError
from detector.system.terminal import printable

Box = tuple[float, float, float, float]

FRACTIONS = "boxes as fractions of the image instead of in pixels, converted"
# Nouns that kinds of findings begin with, after an adjective or two; and what follows one in the singular.
_NOUNS = {"boxes": "box", "categories": "category", "classes": "class"} | {
    f"{noun}s": noun for noun in (
        "annotation", "confidence", "description", "file", "folder", "id", "image", "label", "list", "record",
        "look-alike", "name", "number", "object", "outline", "point", "region", "row", "shape", "split",
        "task", "time",
    )
}  # fmt: skip
_SINGULAR = {
    "that are": "that is", "that differ": "that differs", "that fit": "that fits", "that have": "that has",
    "that look": "that looks", "that reach": "that reaches", "that say": "that says",
    "that share": "that shares",
    "that were": "that was", "their": "its", "they are": "it is", "they were": "it was",
    "the boxes around them": "the box around it",
}  # fmt: skip
_SILENT_OVERHANG = 1.0  # pixels that tools round a box beyond the image


@dataclass(frozen=True)
class Finding:
    """One kind of thing that is wrong or worth knowing.

    Attributes:
        kind: what it is, in the plural, with what was done about it.
        count: how often it was found.
        example: the first one, with its file and line or number.
        places: all of them, as far as they were noted one by one.
    """

    kind: str
    count: int
    example: str
    places: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def __str__(self) -> str:
        """The finding in a line, whatever the names in it are."""
        return printable(f"{self.count:,} {self.words} (for example {self.example})")

    @property
    def words(self) -> str:
        """The kind as it follows its count: in the singular after 1."""
        return in_singular(self.kind) if self.count == 1 else self.kind


def in_singular(kind: str) -> str:
    """A kind of finding as it is said of one: ``box that reaches beyond its image, clipped``."""
    first = re.findall(r"[\w-]+", re.split("[,:]", kind)[0])
    if (noun := next((word for word in first if word in _NOUNS), None)) is None:
        return kind
    before, _, after = kind.partition(noun)
    for plural, singular in _SINGULAR.items():
        after = re.sub(rf"\b{plural}\b", singular, after)
    return f"{before}{_NOUNS[noun]}{after}"


class FindingLog:
    """Collects findings: counts each kind and keeps where it was found.

    Args:
        lenient: note what a training refuses, and go on as if it were repaired.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self.lenient = lenient
        self.refusals: list[str] = []
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}

    def add(self, kind: str, example: str, count: int = 1) -> None:
        """Count one more of a kind, or ``count`` at once."""
        self._counts[kind] = self._counts.get(kind, 0) + count
        self._places.setdefault(kind, []).append(example)

    def refuse(self, kind: str, places: Sequence[str], message: str) -> None:
        """Note what cannot be trained on, in all its places.

        Raises:
            DatasetError: with the message, unless the log is lenient.
        """
        if not self.lenient:
            raise DatasetError(message)
        self.refusals.append(message)
        for place in places:
            self.add(kind, place)

    @contextmanager
    def shown_with_errors(self) -> Iterator[None]:
        """Give an error that ends the reading what was found until then."""
        try:
            yield
        except DatasetError as error:
            error.found = tuple(map(str, self.findings)) or error.found
            raise

    def causes(self) -> str:
        """What was left out or dropped most, to follow a sentence that says what is missing."""
        kinds = ("left out", "dropped", "not read")
        lost = [each for each in self.findings if each.kind.endswith(kinds)]
        lost.sort(key=lambda each: -each.count)
        return f" Found were {'; '.join(map(str, lost[:3]))}." if lost else ""

    def extend(self, other: FindingLog) -> None:
        """Take over what another log has."""
        self.refusals += other.refusals
        for finding in other.findings:
            self._counts[finding.kind] = self._counts.get(finding.kind, 0) + finding.count
            self._places.setdefault(finding.kind, []).extend(finding.places)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far, in the order in which each kind was met first."""
        return tuple(
            Finding(kind, count, self._places[kind][0], tuple(self._places[kind]))
            for kind, count in self._counts.items()
        )


def place_box(box: Box, size_wh: tuple[int, int], where: object, log: FindingLog) -> list[float] | None:
    """A box cut to its image: left, top, width, height to a thousandth of a pixel; None if nothing is left.

    Args:
        box: x1, y1, x2, y2 in pixels, finite.
        size_wh: width and height of the image.
        where: what a finding calls the box: its file and line or number, as text.
        log: where a box that is dropped, turned over, or cut by more than a pixel, is noted.
    """
    left, top, right, bottom = box
    width, height = size_wh
    example = f"{where}: {left:g} {top:g} {right:g} {bottom:g} (x1 y1 x2 y2, image {width} x {height})"
    if (right < left or bottom < top) and right != left and bottom != top:
        log.add("boxes with swapped corners, put right", example)
        left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
    if right <= left or bottom <= top:
        log.add("boxes without area, dropped", example)
        return None
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        log.add("boxes outside their image, dropped", example)
        return None
    overhang = max(-left, -top, right - width, bottom - height)
    left, top = round(max(left, 0), 3), round(max(top, 0), 3)
    right, bottom = round(min(right, width), 3), round(min(bottom, height), 3)
    placed = [left, top, round(right - left, 3), round(bottom - top, 3)]
    if min(placed[2:]) <= 0:
        log.add("boxes without area, dropped", example)
        return None
    if overhang > _SILENT_OVERHANG:
        log.add("boxes that reach beyond their image, clipped", example)
    return [float(value) for value in placed]


def is_fraction(box: Sequence[float]) -> bool:
    """Whether four numbers of a box, in whatever layout, look like fractions of an image's sides."""
    return 0 < max(map(abs, box)) <= 1
