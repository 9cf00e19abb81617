"""Boxes, outlines and texts, drawn onto images so that they stay readable on any photograph."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from detector.boxes import FloatArray, area
from detector.colours import Colour, ink_on
from detector.images import Image
from detector.system.terminal import printable

_REFERENCE_SIDE = 640  # pixels of the longer side at which lines are two pixels wide
_TEXT_PIXELS = 15  # height of text there
_WEIGHT = 500  # of the font: a little bolder than regular


def draw_labelled(image: Image, boxes: FloatArray, texts: Sequence[str], colours: Sequence[Colour]) -> Image:
    """A copy of the image with boxes, each in its colour and with its text, from the last to the first.

    Args:
        image: (H, W, 3) uint8, BGR.
        boxes: (N, 4), xyxy, pixels of this image.
        texts: what stands at each box.
        colours: of each box.
    """
    return _draw(image, list(zip(boxes, colours, texts, strict=True))[::-1])


def draw_boxes(image: Image, boxes: FloatArray, texts: Sequence[str], colours: Sequence[Colour]) -> Image:
    """As ``draw_labelled``, from the largest box to the smallest."""
    order = np.argsort(-area(boxes), kind="stable")
    return _draw(image, [(boxes[index], colours[index], texts[index]) for index in order])


def _draw(image: Image, labelled: Sequence[tuple[FloatArray, Colour, str]]) -> Image:
    """A copy of the image with boxes, each in its colour and with its text.

    The last box is drawn on top, and the first to choose where its text goes.
    """
    drawn = image.copy()
    thickness = max(1, round(2 * drawing_scale(image)))
    for box, colour, _ in labelled:
        left, top, right, bottom = (round(float(value)) for value in box)
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, thickness)
    labels: list[Label] = []
    for box, colour, text in reversed(labelled):
        labels.append(_place_label(text, box, colour, image, labels))
    for label in reversed(labels):
        label.draw(drawn)
    return drawn


@dataclass(frozen=True)
class Label:
    """Text on a filled ground. Sizes and places are pixels, colours BGR.

    Attributes:
        text: in any script.
        size: of the text.
        left, top, width, height: of the ground.
        colour: of the ground; the text is black or white, whichever stands out.
        edge: colour of the frame, if there is to be one.
    """

    text: str
    size: int
    left: int
    top: int
    width: int
    height: int
    colour: Colour
    edge: Colour | None = None

    @classmethod
    def of(cls, text: str, size: int, colour: Colour, edge: Colour | None = None) -> Label:
        """A label at the image's corner, as large as its text."""
        width, height = text_size_wh(text, size)
        return cls(text, size, 0, 0, width + 2 * (size // 5), height + size // 5, colour, edge)

    @classmethod
    def above(cls, text: str, corner: tuple[float, float], colour: Colour, image: Image) -> Label:
        """A label that stands on a corner (x, y), moved so that it stays inside the image."""
        label = cls.of(text, max(11, round(_TEXT_PIXELS * drawing_scale(image))), colour)
        return label.at(corner[0], corner[1] - label.height, image)

    def at(self, left: float, top: float, image: Image) -> Label:
        """The label at another place, moved so that it stays inside the image."""
        inside_left = max(0, min(round(left), image.shape[1] - self.width))
        inside_top = max(0, min(round(top), image.shape[0] - self.height))
        return replace(self, left=inside_left, top=inside_top)

    def covers(self, other: Label) -> bool:
        """Whether the two share a pixel."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def draw(self, image: Image) -> None:
        """Draw it onto an image (H, W, 3) uint8, BGR."""
        right, bottom = self.left + self.width, self.top + self.height
        cv2.rectangle(image, (self.left, self.top), (right - 1, bottom - 1), self.colour, -1)
        if self.edge is not None:
            cv2.rectangle(image, (self.left, self.top), (right - 1, bottom - 1), self.edge, 1)
        pad = self.size // 5
        draw_text(image, self.text, (self.left + pad, self.top + pad // 2), self.size, ink_on(self.colour))


def _place_label(text: str, box: FloatArray, colour: Colour, image: Image, others: Sequence[Label]) -> Label:
    """The label above its box, or at another of its edges if other labels are in the way there."""
    left, top, right, bottom = (float(value) for value in box)
    above = Label.above(text, (left, top), colour, image)
    places = (
        above,
        above.at(right - above.width, top - above.height, image),
        above.at(left, top, image),
        above.at(left, bottom, image),
        above.at(left, bottom - above.height, image),
        above.at(right - above.width, bottom - above.height, image),
    )
    return next((place for place in places if not any(map(place.covers, others))), above)


def drawing_scale(image: Image) -> float:
    """How much larger than in an image 640 pixels long lines and text have to be."""
    return max(image.shape[:2]) / _REFERENCE_SIDE


def draw_text(image: Image, text: str, corner: tuple[int, int], size: int, colour: Colour) -> None:
    """Draw text, in any script, ``size`` pixels high, with its upper left at the corner.

    What no script has is drawn as its code: half a surrogate, of a file name that is no UTF-8, ends OpenCV.
    """
    baseline = corner[1] + size
    cv2.putText(image, printable(text), (corner[0], baseline), colour, _fonts.face, size, _WEIGHT)


@lru_cache(maxsize=1024)
def text_size_wh(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of what ``draw_text`` draws, room for descenders included."""
    box = cv2.getTextSize((1 << 15, 1 << 15), printable(text), (0, 0), _fonts.face, size, _WEIGHT)
    return box[0] + box[2], round(1.25 * size)


def fit_text(text: str, size: int, width: int) -> str:
    """The text, or as much of its start and its end as is at most so many pixels wide, with dots between."""
    kept, fitting = len(text), text
    while kept > 2 and text_size_wh(fitting, size)[0] > width:
        kept -= 1
        fitting = f"{text[: kept // 2]}...{text[len(text) - (kept + 1) // 2 :]}"
    return fitting


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


class Labels:
    """Labels of boxes in one image, each where it covers no other; one without a place is left out."""

    def __init__(self, image: Image, size: int) -> None:
        self._image = image
        self._size = size
        self._placed: list[Label] = []

    def add(self, text: str, box: Sequence[int], *, ground: Colour, edge: Colour | None = None) -> None:
        """Find a place for a label at its box; the first labels have the first choice.

        Args:
            text: what it says.
            box: left, top, right, bottom of what it belongs to.
            ground: colour behind the text, which is black or white, whichever reads better.
            edge: colour of the frame, if there is to be one.
        """
        label = Label.of(text, self._size, ground, edge)
        left, top, right, bottom = box
        for x, y in (
            (left, top - label.height),
            (left, bottom),
            (right - label.width, top - label.height),
            (right - label.width, bottom),
            (left, top),
            (left, bottom - label.height),
            (right - label.width, top),
        ):
            place = label.at(x, y, self._image)
            if place.top == y and not any(map(place.covers, self._placed)):
                self._placed.append(place)
                return

    def draw(self) -> None:
        """Draw all that were added, above everything else."""
        for label in self._placed:
            label.draw(self._image)


class _Fonts(threading.local):
    """A font for each thread: OpenCV's has a cache that is not made for several."""

    def __init__(self) -> None:
        self.face = cv2.FontFace("sans")


_fonts = _Fonts()
