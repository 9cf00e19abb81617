"""What the numbers of YOLO rows are, told by how many there are and by where they lie, over all rows alike.

A row of more than four numbers may be a box with more behind it (a confidence, the number of a track, key
points) or the outline of an object. By its number of columns alone a row of key points cannot be told from
an outline: the whole data set decides, or nothing is read.

- The box of a row with key points lies in the image and holds its points, while the first two points of an
  outline, taken for centre and size, are no such box. Outlines do not cross themselves; key points joined
  in their order with the box's numbers mostly do.
- Third numbers that are all 0, 1 or 2 are visibilities.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from detector.data.findings import FindingLog
from detector.errors import DatasetError

_MOST_SAMPLES = 100  # rows of each length that are looked at
_LONGEST_SAMPLE = 404  # numbers; no skeleton has more than 133 points of three
_SURE = 0.9  # share of rows
_IN_BOX = 0.85  # share of a row's key points

BOX, OUTLINE = "box", "outline"
_CONFIDENCE = "confidences after the box, ignored"
_TRACK = "track numbers after the box, ignored"
_BOTH = "rows with confidences and track numbers after the box, ignored"
_KEY_POINTS = "key points after the box, not read"
_OUTLINES = "outlines of objects, taken as the boxes around them"

Numbers = NDArray[np.float64]


@dataclass
class Columns:
    """Rows by how many numbers they have: how many there are, and some of each as they are.

    Attributes:
        key_points: ``kpt_shape`` of the description: points and numbers of each; (0, ...) for none; None
            where it says nothing.
    """

    key_points: tuple[int, int] | None = None
    counts: dict[int, int] = field(default_factory=dict)
    samples: dict[int, list[array[float]]] = field(default_factory=dict)
    places: dict[int, list[str]] = field(default_factory=dict)

    def note(self, numbers: list[float], where: str, line: str) -> None:
        """Count a row, and keep it if it is one of the first."""
        length = len(numbers)
        self.counts[length] = self.counts.get(length, 0) + 1
        if self.counts[length] <= (_MOST_SAMPLES if length <= _LONGEST_SAMPLE else 1):
            self.samples.setdefault(length, []).append(array("d", numbers))
            self.places.setdefault(length, []).append(f"{where}: {line:.60}")

    def decide(self, log: FindingLog) -> dict[int, str]:
        """What rows of each length are: ``BOX``, ``OUTLINE``, or what is wrong with them.

        Raises:
            DatasetError: they may be one thing or another.
        """
        kinds: dict[int, str] = {}
        for length in sorted(self.counts):
            kind, kinds[length] = self._kind_of(length)
            if kind:
                log.add(kind, self.places[length][0], self.counts[length])
        return kinds

    def _kind_of(self, length: int) -> tuple[str | None, str]:
        """The finding about rows of a length, if there is one, and what they are."""
        rows = np.array(self.samples[length])
        if length == 4:
            return None, BOX
        if length == 5:
            return self._fifth_number(rows[:, 4]), BOX
        wanted = (
            4 + self.key_points[0] * self.key_points[1] if self.key_points and self.key_points[0] else None
        )
        if wanted and length in (wanted, wanted + 1):
            return _KEY_POINTS, BOX
        if length == 6 and (found := self._two_numbers(rows[:, 4], rows[:, 5])):
            return found, BOX
        if wanted:
            return None, f"{length + 1} numbers, where kpt_shape asks for {wanted + 1}"
        if length % 2 == 0 and (length > _LONGEST_SAMPLE or self.key_points):
            return _OUTLINES, OUTLINE
        return self._long(length, rows)

    def _fifth_number(self, column: Numbers) -> str:
        if ((column >= 0) & (column <= 1)).all():
            return _CONFIDENCE
        if not (_whole(column) and self._count_tracks(column)):
            raise DatasetError(
                f"{self.places[5][0]}: what the number after the box is cannot be told (a confidence is 0 to "
                "1, a track's number whole and once in an image); leave it out."
            )
        return _TRACK

    def _count_tracks(self, column: Numbers) -> bool:
        """Whether numbers count something, none twice in an image; degrees of a turned box do not."""
        files = [place.rsplit(": ", 1)[0].rsplit(":", 1)[0] for place in self.places[5]]
        once = len(set(zip(files, column.tolist(), strict=True))) == len(files)
        return once and (column.max() >= 360 or column.max() <= 2 * len(set(column.tolist())) + 5)

    def _two_numbers(self, one: Numbers, other: Numbers) -> str | None:
        """What two numbers after a box are; None where the six may be three points."""
        fractions = [bool(((column >= 0) & (column <= 1)).all()) for column in (one, other)]
        tracks = [_whole(column) and (len(column) > 1 or column.max() > 1) for column in (one, other)]
        if (tracks[0] and (tracks[1] or fractions[1])) or (tracks[1] and fractions[0]):
            return _BOTH
        if self.key_points:
            return None
        lone = len(one) == 1 and (_whole(one) or _whole(other))
        if lone or (self._long_lengths == [6] and _share_of_boxes(np.array(self.samples[6])) >= _SURE):
            self._refuse(6, "it may be a triangle, or a box with two numbers behind it")
        return None

    @property
    def _long_lengths(self) -> list[int]:
        """The lengths of rows that may be outlines."""
        return [length for length in self.counts if length > 5]

    @cached_property
    def _simple(self) -> float:
        """Of how many rows that may be outlines, of any length, the line does not cross itself."""
        rows = [row for length in self._long_lengths for row in self.samples[length][:10] if length > 6]
        return _share_of_simple([np.array(row[: len(row) // 2 * 2]) for row in rows[:300]])

    def _long(self, length: int, rows: Numbers) -> tuple[str | None, str]:
        """Key points, an outline, or neither, of rows that may be both."""
        # From what is sure to what is likely: visibilities and odd counts are no outline's; turned boxes are
        # outlines of four points; then boxes that hold their points speak for key points, lines that do not
        # cross for outlines. Where both speak, the other rows of the data set decide, or nothing does.
        in_pixels = bool(np.mean(rows[:, :2] > 1.5) > 0.5)
        with_visibility = (length - 4) % 3 == 0 and bool(np.isin(rows[:, 6::3], (0, 1, 2)).all())
        if with_visibility and (length % 2 or _share_of_poses(rows, 3, in_pixels) >= _SURE):
            return _KEY_POINTS, BOX
        if length % 2:
            return self._odd(length, rows)
        if length == 8 and _share_of_parallelograms(rows) >= _SURE:
            return _OUTLINES, OUTLINE
        poses = max(_share_of_poses(rows, each, in_pixels) for each in (2, 3) if (length - 4) % each == 0)
        simple = _share_of_simple(list(rows))
        few = len(rows) < 5
        if len(self._long_lengths) > 2:  # as many lengths as outlines have, and key points do not
            if poses >= _SURE and simple < 0.5 and not few:
                self._refuse(length, "it seems to be a box with key points, where other rows are outlines")
            return _OUTLINES, OUTLINE
        if poses >= _SURE and simple < (0.5 if few else _SURE):
            return _KEY_POINTS, BOX
        if simple < 0.5 or (poses >= _SURE and 4 not in self.counts):  # with key points all rows have them
            self._refuse(length, "it may be the outline of an object or a box with key points")
        return _OUTLINES, OUTLINE

    def _odd(self, length: int, rows: Numbers) -> tuple[str | None, str]:
        """Outlines or key points with a confidence behind each, as predictions have them, or a fault."""
        long = self._long_lengths
        predicted = bool(((rows[:, -1] >= 0) & (rows[:, -1] <= 1)).all()) and all(each % 2 for each in long)
        enough = length > 7 and sum(self.counts[each] for each in long) >= 3
        if predicted and enough and self._simple >= _SURE:
            return _OUTLINES, OUTLINE
        if (length - 4) % 3 == 0 and _share_of_poses(rows, 3, False) >= _SURE:
            return _KEY_POINTS, BOX
        return None, f"{length + 1} numbers are neither a class and a box nor a class and points"

    def _refuse(self, length: int, reason: str) -> NoReturn:
        raise DatasetError(
            f"{self.places[length][0]}: a row of {length + 1} numbers; {reason}. Say in data.yaml what there "
            "is: `kpt_shape: [17, 3]` for 17 key points of three numbers each, `kpt_shape: [0, 0]` for none."
        )


def read_key_points(value: object, source: object) -> tuple[int, int] | None:
    """``kpt_shape`` of a description: how many points, and numbers of each; None if there is none.

    Raises:
        DatasetError: it is something else.
    """
    if value in (None, ""):
        return None
    if isinstance(value, Sequence) and len(value) == 2 and all(str(each).isdecimal() for each in value):
        points, numbers = (int(str(each)[:6]) for each in value)
        if points <= 10_000 and (numbers in (2, 3) or not points):
            return points, numbers
    raise DatasetError(f"{source}: expected kpt_shape as [points, 2 or 3], is {value!s:.60}.")


def _whole(column: Numbers) -> bool:
    return bool(((column >= 0) & (column == np.floor(column))).all())


def _share_of_poses(rows: Numbers, step: int, in_pixels: bool) -> float:
    """Of how many rows the first four numbers are a box in the image with the points of the others in it."""
    centre, size = rows[:, None, 0:2], rows[:, None, 2:4]
    points = rows[:, 4:].reshape(len(rows), -1, step)[:, :, :2]
    inside = (np.abs(points - centre) <= 0.6 * size).all(2) | (points == 0).all(2)  # hidden ones are 0 0
    return float(np.mean(_are_boxes(rows, in_pixels) & (inside.mean(1) >= _IN_BOX)))


def _share_of_boxes(rows: Numbers) -> float:
    return float(np.mean(_are_boxes(rows, in_pixels=False)))


def _are_boxes(rows: Numbers, in_pixels: bool) -> NDArray[np.bool_]:
    """Which rows' first four numbers are centre and size of a box in the image."""
    centre, size = rows[:, 0:2], rows[:, 2:4]
    in_image = np.logical_or(in_pixels, (np.abs(centre - 0.5) + size / 2 <= 0.52).all(1))
    return np.logical_and((size > 0).all(1), in_image)


def _share_of_parallelograms(rows: Numbers) -> float:
    """Of how many rows of four points the diagonals halve each other, as those of turned boxes do."""
    corners = rows.reshape(-1, 4, 2)
    off = np.abs(corners[:, 0] + corners[:, 2] - corners[:, 1] - corners[:, 3]).max(1)
    extent = np.ptp(corners, axis=1).max(1)
    return float(np.mean((off <= 0.05 * extent) & (extent > 0)))


def _share_of_simple(rows: Sequence[Numbers]) -> float:
    """Of how many rows the points, joined in their order, do not cross their own line."""
    return float(np.mean([not _crosses_itself(row.reshape(-1, 2)) for row in rows]))


def _crosses_itself(points: Numbers) -> bool:
    starts, ends = points, np.roll(points, -1, axis=0)

    def side(of: Numbers) -> Numbers:
        """(edges, points): on which side of each edge's line a point lies."""
        edge, away = (ends - starts)[:, None], of[None] - starts[:, None]
        return np.sign(edge[..., 0] * away[..., 1] - edge[..., 1] * away[..., 0])

    parted = side(starts) * side(ends) < 0
    return bool((parted & parted.T).any())
