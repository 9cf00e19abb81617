"""A picture of a label and of what a model finds in its place, cut out of the image."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from detector.colours import Colour
from detector.data.dataset import DatasetImage, load_dataset_image
from detector.drawing import draw_outline
from detector.errors import DetectorError
from detector.images import Image

_LONGER = 420  # pixels of a picture's longer side
_CONTEXT = 2.2  # times the box is shown
_LEAST_VIEW = 80  # pixels of the image; less would be a blur
_QUALITY = 80
_TRUTH: Colour = (0, 215, 255)  # yellow, in BGR
_DETECTION: Colour = (255, 144, 30)  # blue
_BLACK: Colour = (0, 0, 0)

Box = tuple[float, ...] | None  # xywh, pixels


def encode_cutout(image: DatasetImage, truth: Box, detection: Box) -> bytes | None:
    """The picture as JPEG; None where the image cannot be read. Boxes are those of ``draw_cutout``."""
    try:
        drawn = draw_cutout(load_dataset_image(image), truth, detection)
    except DetectorError:
        return None
    return _encode(drawn)


def _encode(drawn: Image) -> bytes:
    return cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def encode_whole(image: DatasetImage) -> bytes | None:
    """The whole image as JPEG, not larger than cutouts are; None where it cannot be read."""
    try:
        pixels = load_dataset_image(image)
    except DetectorError:
        return None
    return _encode(_resized(pixels))


def draw_cutout(pixels: Image, truth: Box, detection: Box) -> Image:
    """The surroundings of one or two boxes, at about the same size for all, with the boxes drawn.

    Args:
        pixels: (H, W, 3) uint8, BGR.
        truth: the label's box, xywh, pixels; None for none.
        detection: the model's box, the same.
    """
    height, width = pixels.shape[:2]
    boxes = [box for box in (truth, detection) if box is not None]
    left, right = _span([(box[0], box[0] + box[2]) for box in boxes], width)
    top, bottom = _span([(box[1], box[1] + box[3]) for box in boxes], height)
    view = pixels[top:bottom, left:right]
    scale = _scale_of(view)
    drawn = _resized(view)
    if detection is not None:
        draw_outline(drawn, _moved(detection, left, top, scale), _DETECTION, thickness=2)
    if truth is not None:
        draw_outline(drawn, _moved(truth, left, top, scale), _TRUTH, _BLACK, thickness=2, dash=7)
    return drawn


def _scale_of(view: Image) -> float:
    return min(_LONGER / max(view.shape[:2]), 4.0)


def _resized(view: Image) -> Image:
    scale = _scale_of(view)
    size_wh = max(1, round(view.shape[1] * scale)), max(1, round(view.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(view, size_wh, interpolation=method), np.uint8)


def _moved(box_xywh: Sequence[float], left: int, top: int, scale: float) -> list[int]:
    """Corners in the picture; of a box that reaches far beyond it, as far as anything is to be seen."""
    x, y, width, height = box_xywh
    corners = np.array([x - left, y - top, x + width - left, y + height - top], np.float64)
    return [int(value) for value in np.rint(np.clip(corners * scale, -_LONGER, 2 * _LONGER))]


def _span(ranges: Sequence[tuple[float, float]], limit: int) -> tuple[int, int]:
    """Start and end of what is shown along one side: the boxes with their surroundings, in the image."""
    start, end = min(low for low, _ in ranges), max(high for _, high in ranges)
    half = max((end - start) * _CONTEXT, _LEAST_VIEW) / 2
    middle = (start + end) / 2
    first = int(np.clip(middle - half, 0, limit - 1))
    return first, int(np.clip(middle + half, first + 1, limit))
