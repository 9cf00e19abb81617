"""The upright box around one that was drawn at an angle."""

from __future__ import annotations

import math

from detector.data.findings import Box


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
