"""Detections drawn onto an image."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from detector.boxes import FloatArray, area
from detector.detections import Detections
from detector.images import Image

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_REFERENCE_SIDE = 640  # pixels of the longer side at which lines are two pixels wide


def draw_detections(image: Image, detections: Detections) -> Image:
    """A copy of the image with boxes, names and scores, readable at any size and on any background.

    Args:
        image: (H, W, 3) uint8, BGR.
        detections: in this image's pixels; drawn from the lowest score to the highest.
    """
    return _draw(
        image, ((box, name, f"{name} {score:.0%}") for box, score, name in reversed(list(detections)))
    )


def draw_boxes(image: Image, boxes: FloatArray, names: Sequence[str]) -> Image:
    """A copy of the image with labelled boxes and their names, from the largest box to the smallest.

    Args:
        image: (H, W, 3) uint8, BGR.
        boxes: (N, 4), xyxy, pixels of this image.
        names: class name of each box.
    """
    order = np.argsort(-area(boxes), kind="stable")
    return _draw(image, ((boxes[index], names[index], names[index]) for index in order))


def _draw(image: Image, labelled: Iterable[tuple[FloatArray, str, str]]) -> Image:
    """A copy of the image with boxes in the colours of their class names, and a text at each."""
    drawn = image.copy()
    scale = max(image.shape[:2]) / _REFERENCE_SIDE
    thickness = max(1, round(2 * scale))
    for box, name, text in labelled:
        left, top, right, bottom = (round(float(value)) for value in box)
        colour = class_colour(name)
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, thickness)
        _draw_label(drawn, text, (left, top), colour, scale)
    return drawn


def class_colour(name: str) -> tuple[int, int, int]:
    """A strong BGR colour that is always the same for a class name."""
    hue = zlib.crc32(name.encode()) % 180
    blue, green, red = cv2.cvtColor(np.array([[[hue, 200, 230]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
    return int(blue), int(green), int(red)


def _draw_label(
    image: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int], scale: float
) -> None:
    """Text on a filled ground above the corner, moved so that it stays inside the image."""
    size, line = max(0.35, 0.5 * scale), max(1, round(scale))
    (width, height), baseline = cv2.getTextSize(text, _FONT, size, line)
    pad = max(2, round(3 * scale))
    left = max(0, min(corner[0], image.shape[1] - width - 2 * pad))
    top = corner[1] - height - baseline - pad
    top = corner[1] if top < 0 else top
    cv2.rectangle(image, (left, top), (left + width + 2 * pad, top + height + baseline + pad), colour, -1)
    luminance = 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]
    ink = (0, 0, 0) if luminance > 128 else (255, 255, 255)
    cv2.putText(image, text, (left + pad, top + height + pad // 2), _FONT, size, ink, line, cv2.LINE_AA)
