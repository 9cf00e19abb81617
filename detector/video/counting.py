"""Counts of tracks that cross a line or enter and leave a zone."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.errors import DetectorError
from detector.video.frames import UNTRACKED, Count

# A track has changed sides when its centre is this share of the frame's longer side beyond the border: boxes
# tremble, and one that trembles on the border is not a crowd.
_MARGIN = 0.01
_REMEMBERED = 2000  # tracks; the oldest are forgotten, so that a night on a busy road needs no more memory


class _Sides:
    """On which side of a border each track was last seen for certain, and where."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[bool, NDArray[np.float64]]] = {}

    def move(self, track: int, side: bool, centre: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Note where a track is; where it was before, if that was on the other side."""
        before = self._of.pop(track, None)
        self._of[track] = (side, centre)
        if len(self._of) > _REMEMBERED:
            del self._of[next(iter(self._of))]
        return before[1] if before is not None and before[0] != side else None


class _Counter:
    """What lines and zones have in common."""

    def __init__(self, points: NDArray[np.float64], name: str) -> None:
        self.name = name
        self._points = points
        self._in_pixels = bool(points.max() > 1)
        self._sides = _Sides()
        self._entered = self._left = 0

    def vertices(self, size_wh: tuple[int, int]) -> NDArray[np.float64]:
        """(M, 2) float64, its points in pixels of a frame, or of a picture of a frame, of this size."""
        return self._points if self._in_pixels else self._points * size_wh

    def _measure(self, size_wh: tuple[int, int]) -> NDArray[np.float64]:
        """Its points in pixels of a frame; from the first frame on they are known as shares of its size."""
        if self._in_pixels:
            self._points, self._in_pixels = self._points / size_wh, False
        return self.vertices(size_wh)

    def _count(self, entered: bool) -> None:
        if entered:
            self._entered += 1
        else:
            self._left += 1


class CountLine(_Counter):
    """A line with two directions. Seen from its first end, what crosses it from left to right comes in.

    What counts is the centre of a track's box; it has to pass between the line's ends.

    Args:
        points: x1, y1, x2, y2 in pixels of the frame; or, if none is over 1, as shares of width and height.
        name: what it is called on screen.
    """

    def __init__(self, points: Sequence[float], name: str = "line") -> None:
        super().__init__(_read_points(points, "line", least=2, most=2), name)

    def update(self, boxes: FloatArray, track_ids: NDArray[np.int64], size_wh: tuple[int, int]) -> Count:
        """Count the crossings since the last frame.

        Args:
            boxes: (N, 4), xyxy, pixels.
            track_ids: (N,).
            size_wh: of the frame, in pixels.
        """
        start, end = self._measure(size_wh)
        along = end - start
        for track, centre in _centres(boxes, track_ids):
            # Positive to the right of the direction of the line, as y points down.
            distance = _cross(along, centre - start) / np.hypot(*along)
            if abs(distance) < _MARGIN * max(size_wh):
                continue
            before = self._sides.move(track, bool(distance > 0), centre)
            if before is not None and _passes_between(before, centre, start, end):
                self._count(entered=bool(distance > 0))
        return Count(self.name, self._entered, self._left)


class CountZone(_Counter):
    """A polygon. What appears inside it is inside but has not come in; what vanishes in it has not left.

    Args:
        points: x1, y1, x2, y2, x3, y3 and so on, as for ``CountLine``.
        name: what it is called on screen.
    """

    def __init__(self, points: Sequence[float], name: str = "zone") -> None:
        super().__init__(_read_points(points, "zone", least=3, most=100), name)

    def update(self, boxes: FloatArray, track_ids: NDArray[np.int64], size_wh: tuple[int, int]) -> Count:
        """Count what has come and gone since the last frame, and what is inside; see ``CountLine.update``."""
        polygon = self._measure(size_wh).astype(np.float32)
        inside = 0
        for track, centre in _centres(boxes, track_ids):
            distance = cv2.pointPolygonTest(polygon, (float(centre[0]), float(centre[1])), measureDist=True)
            inside += distance >= 0
            if abs(distance) < _MARGIN * max(size_wh):
                continue
            if self._sides.move(track, distance > 0, centre) is not None:
                self._count(entered=distance > 0)
        return Count(self.name, self._entered, self._left, inside)


def _read_points(values: Sequence[float], what: str, *, least: int, most: int) -> NDArray[np.float64]:
    points = np.asarray(values, np.float64)
    if points.size % 2 or not 2 * least <= points.size <= 2 * most or not np.isfinite(points).all():
        expected = "x1,y1,x2,y2" if most == 2 else "x1,y1,x2,y2,x3,y3 and so on, three corners at least"
        raise DetectorError(f"A {what} is {expected}, got {','.join(f'{value:g}' for value in values)}.")
    points = points.reshape(-1, 2)
    if len(np.unique(points, axis=0)) < least:
        raise DetectorError(f"A {what} needs {least} different points.")
    return points


def _centres(boxes: FloatArray, track_ids: NDArray[np.int64]) -> list[tuple[int, NDArray[np.float64]]]:
    centres = (boxes[:, :2].astype(np.float64) + boxes[:, 2:]) / 2
    return [
        (track, centre)
        for track, centre in zip(track_ids.tolist(), centres, strict=True)
        if track != UNTRACKED
    ]


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def _passes_between(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
) -> bool:
    """Whether the way from before to after, which lie on either side, crosses between the line's ends."""
    way = after - before
    return _cross(way, start - before) * _cross(way, end - before) <= 0
