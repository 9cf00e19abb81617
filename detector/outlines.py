"""Outlines and labels that stay readable on any photograph."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from detector.images import Image

Colour = tuple[int, int, int]  # BGR
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom, pixels

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SIZE = 0.48
_PAD = 3


def text_width(text: str, size: float = _SIZE) -> int:
    """Width of a text in pixels."""
    return int(cv2.getTextSize(text, _FONT, size, 1)[0][0])


def draw_text(image: Image, text: str, corner: tuple[int, int], ink: Colour, *, size: float = _SIZE) -> None:
    """Write text whose base line starts at the corner x, y."""
    cv2.putText(image, text, corner, _FONT, size, ink, 1, cv2.LINE_AA)


def draw_outline(
    image: Image,
    box: Sequence[int],
    ink: Colour,
    ground: Colour | None = None,
    *,
    thickness: int,
    dash: int = 0,
) -> None:
    """Draw the outline of a box; with a ground colour in dashes, which shows on light and dark.

    Args:
        image: (H, W, 3) uint8, BGR; drawn on.
        box: left, top, right, bottom, pixels; may reach beyond the image.
        ink, ground: colour of the dashes and of the gaps between them.
        thickness: of the line, pixels.
        dash: length of dashes and gaps, pixels.
    """
    height, width = image.shape[:2]
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(width - 1, box[2]), min(height - 1, box[3])
    cv2.rectangle(image, (left, top), (right, bottom), ink if ground is None else ground, thickness)
    if ground is None:
        return
    for x in range(left, right, 2 * dash):
        for y in (top, bottom):
            cv2.line(image, (x, y), (min(x + dash, right), y), ink, thickness)
    for y in range(top, bottom, 2 * dash):
        for x in (left, right):
            cv2.line(image, (x, y), (x, min(y + dash, bottom)), ink, thickness)


def draw_caption(name: str, facts: str, size_wh: tuple[int, int], paper: Colour) -> Image:
    """A strip with a name at its left, shortened to what fits, and facts at its right."""
    strip = np.full((size_wh[1], size_wh[0], 3), paper, np.uint8)
    base = size_wh[1] - 10
    room = size_wh[0] - text_width(facts) - 16
    shown = name
    while len(shown) > 4 and text_width(shown) > room:
        name = name[1:]
        shown = f"...{name}"
    draw_text(strip, shown, (0, base), (190, 190, 190))
    draw_text(strip, facts, (size_wh[0] - text_width(facts), base), (255, 255, 255))
    return strip


class Labels:
    """Labels of boxes in one image, each where it covers no other; one without a place is left out."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._placed: list[tuple[Rectangle, str, Colour, Colour]] = []

    def add(self, text: str, box: Sequence[int], *, ground: Colour, edge: Colour | None = None) -> None:
        """Find a place for a label at its box; the first labels have the first choice.

        Args:
            text: what it says.
            box: left, top, right, bottom of what it belongs to.
            ground: colour behind the text, which is black or white, whichever reads better.
            edge: colour of the frame, if there is to be one.
        """
        (width, height), baseline = cv2.getTextSize(text, _FONT, _SIZE, 1)
        width, height = width + 2 * _PAD, height + baseline + _PAD + 2
        left, top, right, bottom = box
        for x, y in (
            (left, top - height),
            (left, bottom),
            (right - width, top - height),
            (right - width, bottom),
            (left, top),
            (left, bottom - height),
            (right - width, top),
        ):
            x = max(0, min(x, self._image.shape[1] - width))
            place = (x, y, x + width, y + height)
            inside = y >= 0 and place[3] <= self._image.shape[0]
            if inside and not any(_overlap(place, other) for other, *_ in self._placed):
                self._placed.append((place, text, ground, edge or ground))
                return

    def draw(self) -> None:
        """Draw all that were added, above everything else."""
        for (left, top, right, bottom), text, ground, edge in self._placed:
            cv2.rectangle(self._image, (left, top), (right - 1, bottom - 1), ground, -1)
            cv2.rectangle(self._image, (left, top), (right - 1, bottom - 1), edge, 1)
            luminance = 0.114 * ground[0] + 0.587 * ground[1] + 0.299 * ground[2]
            ink = (0, 0, 0) if luminance > 128 else (255, 255, 255)
            baseline = cv2.getTextSize(text, _FONT, _SIZE, 1)[1]
            draw_text(self._image, text, (left + _PAD, bottom - baseline - 1), ink)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
