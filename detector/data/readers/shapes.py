"""The upright box around a shape: points, an ellipse, or a box that was drawn at an angle."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from detector.data.findings import Box
from detector.data.readers.coco_values import number_of


def bounds_of_points(points: Iterable[Sequence[float]]) -> Box | None:
    """The box around points (x, y); None where they are fewer than three or no finite numbers."""
    listed = list(points)
    if len(listed) < 3 or not all(math.isfinite(value) for point in listed for value in point):
        return None
    xs, ys = zip(*listed, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def bounds_of_written_points(points: Iterable[object]) -> Box | None:
    """The same of points as files have them, pairs of numbers or texts; None where one is no such pair."""
    read: list[tuple[float, float]] = []
    for point in points:
        x, y = map(number_of, point) if isinstance(point, list) and len(point) == 2 else (None, None)
        if x is None or y is None:
            return None
        read.append((x, y))
    return bounds_of_points(read)


def bounds_of_ellipse(centre: tuple[float, float], radii: tuple[float, float], degrees: float) -> Box:
    """The box around an ellipse whose axes are turned clockwise by an angle."""
    (x, y), (a, b) = centre, radii
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across, down = math.hypot(a * cosine, b * sine), math.hypot(a * sine, b * cosine)
    return x - across, y - down, x + across, y + down


def bounds_of_rotated(box: Box, degrees: float, about: tuple[float, float]) -> Box:
    """The smallest upright box around a box that is turned clockwise about a point.

    Args:
        box: x1, y1, x2, y2 before it is turned, in pixels.
        degrees: by how much, clockwise as the image is seen.
        about: x and y of the point.
    """
    left, top, right, bottom = box
    if degrees % 360 == 0:
        return box
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(x - about[0], y - about[1]) for x in (left, right) for y in (top, bottom)]
    xs = [about[0] + x * cosine - y * sine for x, y in corners]
    ys = [about[1] + x * sine + y * cosine for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)
