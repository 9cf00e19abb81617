"""Large images in overlapping tiles, for objects that are too small once the whole image is squashed."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.detections import Detections
from detector.errors import ArgumentError, ImageError
from detector.images import Image
from detector.nms import non_maximum_suppression

LEAST_TILE, LARGEST_TILE = 100, 20_000  # pixels a side
MOST_TILES = 10_000  # of an image: minutes of work; more is a mistake
_OVERLAP = 0.25  # of a tile's side; an object that is larger is left to the whole image
_CUT = 0.01  # of a tile's side from its edge: a box that ends there ends with the tile, not with the object


def detect_tiled(
    detect: Callable[[Image], Detections],
    image: Image,
    side: int,
    *,
    iou_threshold: float,
    max_detections: int,
) -> Detections:
    """The objects of an image, looked for in the whole of it and in tiles.

    What a tile's edge cuts through is left to the neighbouring tile or to the whole image. What is found
    twice is suppressed within its class.

    Args:
        detect: finds objects in an image of any size.
        image: (H, W, 3) uint8, BGR.
        side: of a tile, in pixels.
        iou_threshold, max_detections: as in ``non_maximum_suppression``.

    Raises:
        ValueError: no such side.
        ImageError: it would take more than ``MOST_TILES``.
    """
    check_tile(side)
    height, width = image.shape[:2]
    found = [detect(image)]
    for left, top, right, bottom in cut_tiles((width, height), side):
        inside = detect(np.ascontiguousarray(image[top:bottom, left:right]))
        boxes = inside.boxes + np.array([left, top, left, top], np.float32)
        whole = _is_whole(boxes, (left, top, right, bottom), (width, height), side)
        found.append(Detections(boxes[whole], inside.scores[whole], inside.labels[whole], inside.classes))
    boxes, scores, labels = (
        np.concatenate([getattr(each, name) for each in found]) for name in ("boxes", "scores", "labels")
    )
    order = np.argsort(-scores, kind="stable")
    kept = non_maximum_suppression(
        boxes[order], labels[order], iou_threshold=iou_threshold, max_detections=max_detections
    )
    kept = order[kept]
    return Detections(boxes[kept], scores[kept], labels[kept], found[0].classes)


def check_tile(side: object) -> None:
    """Raise ArgumentError unless that is a side for tiles."""
    pixels = int(side) if isinstance(side, Integral) and not isinstance(side, bool) else 0
    if not LEAST_TILE <= pixels <= LARGEST_TILE:
        raise ArgumentError(
            f"Expected a tile of {LEAST_TILE} to {LARGEST_TILE:,} whole pixels a side, or None, got {side!r}"
        )


def cut_tiles(size_wh: tuple[int, int], side: int) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of each tile, row by row; none where one tile would be the whole image.

    Tiles of a row, and rows, overlap by a quarter of their side or more, evenly.

    Raises:
        ImageError: they would be more than ``MOST_TILES``.
    """
    columns, rows = (_count(length, side) for length in size_wh)
    if columns * rows == 1:
        return []
    if columns * rows > MOST_TILES:
        raise ImageError(
            f"{columns * rows:,} tiles of {side} pixels would cover {size_wh[0]} x {size_wh[1]} pixels, and "
            f"{MOST_TILES:,} are the most; take larger tiles."
        )
    across, down = (_cut(length, side) for length in size_wh)
    return [(left, top, right, bottom) for top, bottom in down for left, right in across]


def _count(length: int, side: int) -> int:
    return 1 if length <= side else 1 + math.ceil((length - side) / (side * (1 - _OVERLAP)))


def _cut(length: int, side: int) -> list[tuple[int, int]]:
    starts = np.linspace(0, max(length - side, 0), _count(length, side)).round().astype(int).tolist()
    return [(start, min(start + side, length)) for start in starts]


def _is_whole(
    boxes: FloatArray, tile: tuple[int, int, int, int], size_wh: tuple[int, int], side: int
) -> NDArray[np.bool_]:
    """Which boxes do not end at an edge of the tile that is inside the image."""
    left, top, right, bottom = tile
    margin = _CUT * side
    inner_low = np.array([left > 0, top > 0])
    inner_high = np.array([right < size_wh[0], bottom < size_wh[1]])
    cut = ((boxes[:, :2] < np.array([left, top], np.float32) + margin) & inner_low).any(axis=1)
    cut |= ((boxes[:, 2:] > np.array([right, bottom], np.float32) - margin) & inner_high).any(axis=1)
    return ~cut
