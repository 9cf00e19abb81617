"""One line of a YOLO label file: a class and numbers, or what is wrong with it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from detector.data.findings import Box

_HIGHEST_CLASS = 999_999  # no data set has a million classes; what names and objects allow is asked later
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")
_LEAST_PIXELS = 1.5  # a number above this is no fraction of the image


@dataclass(frozen=True, slots=True)
class Row:
    """A line that is a class and numbers.

    Attributes:
        label: the class's number.
        count: how many numbers follow it.
        head: the first four of them.
        bounds: x1, y1, x2, y2 around them, taken as the points of a polygon; an odd last one left out.
        where: file and line.
    """

    label: int
    count: int
    head: Box
    bounds: Box
    where: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be read: where, the line itself, and what is wrong with it."""

    where: str
    line: str
    fault: str

    def __str__(self) -> str:
        return f"{self.where}: {self.line:.60} ({self.fault})"


def parse_row(line: str, where: str) -> tuple[Row, list[float]] | BadRow:
    """A line's row with all numbers after its class, or what is wrong with the line."""
    words = line.split()
    if fault := _fault(words):
        return BadRow(where, line, fault)
    label, *numbers = map(float, words)
    left, top, right, bottom = numbers[:4]
    points = numbers[: len(numbers) // 2 * 2]
    bounds = min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])
    return Row(int(label), len(numbers), (left, top, right, bottom), bounds, where), numbers


def _fault(words: list[str]) -> str | None:
    if any(map(_DECIMAL_COMMA.fullmatch, words)):
        return "decimal commas; write points"
    if len(words) < 5:
        if sum(word.count(",") + word.count(";") for word in words) >= 4:
            return "commas between the numbers; write spaces"
        return "fewer than five numbers: class, centre x, centre y, width and height are expected"
    for place, word in enumerate(words):
        try:
            number = float(word)
        except ValueError:
            return f"{word!r:.30} is no number" if place else f"{word!r:.30} is no class's number"
        if not math.isfinite(number):
            return f"{word!r:.30} is no finite number"
    label = float(words[0])
    if label < 0 or label != int(label):
        return f"{words[0]!r:.30} is no class's number"
    return f"{words[0]:.30} is too high for a class's number" if label > _HIGHEST_CLASS else None


def is_row_like(line: str) -> bool:
    """Whether a line may be meant as a class and a box, well written or not."""
    words = _words(line)
    return len(_numbers(words[:5])) == 5 or is_box_like(line)


def is_box_like(line: str) -> bool:
    """Whether a line is anything, such as a class's name, and a box in fractions of an image."""
    numbers = _numbers(_words(line)[1:5])
    return len(numbers) == 4 and all(0 <= number <= 1 for number in numbers)


def _words(line: str) -> list[str]:
    words = re.sub(r"(?<=\d),(?=\d)", ".", line).split()
    return words if len(words) > 1 else re.split("[,;]", line.strip())


def _numbers(words: list[str]) -> list[float]:
    """The words as numbers; none if one of them is something else."""
    try:
        return [float(word) for word in words]
    except ValueError:
        return []


def box_of(row: Row, *, is_outline: bool) -> Box:
    """x1, y1, x2, y2 of the box that a row has as centre and size, or around its outline."""
    if is_outline:
        return row.bounds
    centre_x, centre_y, width, height = row.head
    return centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2


def count_large(row: Row, *, is_outline: bool) -> int:
    """How many of a box's four numbers are too large for fractions of an image."""
    return sum(number > _LEAST_PIXELS for number in (row.bounds if is_outline else row.head))
