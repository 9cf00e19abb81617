"""The regions of a Label Studio task: shapes and their labels, as boxes in fractions of the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from detector.data.findings import Box, FindingLog
from detector.data.readers.coco_values import number_of, size_of
from detector.data.readers.masks import bounds_of_ellipse, bounds_of_points
from detector.data.readers.rotation import bounds_of_rotated

# Keys of a region's value that say that something was drawn.
_SHAPES = ("x", "points", "vertices", "rle", "sequence")


@dataclass(frozen=True)
class Drawn:
    """One object: class name, box x1, y1, x2, y2 in fractions of the image, and its place in the file."""

    name: str
    box: Box
    where: str


def is_drawn(region: Any) -> bool:
    """Whether a region is a shape: relations and answers about the whole image are none."""
    if not isinstance(region, dict):
        return False
    value = region["value"] if isinstance(region.get("value"), dict) else region
    return any(key in value for key in _SHAPES)


def is_turned(region: dict[str, Any]) -> bool:
    """Whether the image was turned in the tool, where the region is that of the turned image."""
    return number_of(region.get("image_rotation") or 0) != 0


def size_of_image(regions: Sequence[Any]) -> tuple[int, int] | None:
    """Width and height of the image as the regions give them."""
    for region in regions:
        value = region.get("value") if isinstance(region, dict) else None
        for each in (region, value):
            if isinstance(each, dict):
                size = {key: each.get(f"original_{key}") for key in ("width", "height")}
                if (size_wh := size_of(size)) is not None:
                    return size_wh
    return None


@dataclass(frozen=True)
class _Region:
    value: dict[str, Any]
    labels: list[str]
    size_wh: tuple[float, float]
    key: object
    where: str


def read_regions(regions: Sequence[Any], place: str, log: FindingLog) -> tuple[list[Drawn], int]:
    """The objects of an image, and how many others there are of which no box or class is known.

    A shape and its label may be two regions, of one id or of the same place. A shape of several labels is an
    object of each.
    """
    shapes = list(_shapes(regions, place))
    labelled = {each.key for each in shapes if each.labels}
    drawn: list[Drawn] = []
    unread = 0
    for region in shapes:
        if not region.labels and region.key in labelled:
            continue  # the label is in the other region
        box = _bounds(region)
        if not region.labels or box is None:
            unread += 1
            log.add("regions that are no shape with a label, dropped", region.where)
            continue
        if len(region.labels) > 1:
            log.add("regions with several labels, an object of each", region.where)
        drawn += [Drawn(name, box, region.where) for name in dict.fromkeys(region.labels)]
    return drawn, unread


def _shapes(regions: Sequence[Any], place: str) -> Iterator[_Region]:
    for number, region in enumerate(regions, start=1):
        value = region["value"] if isinstance(region.get("value"), dict) else region
        sides = [
            number_of(region.get(key) or value.get(key)) for key in ("original_width", "original_height")
        ]
        width, height = (side if side is not None and side > 0 else 1.0 for side in sides)
        geometry = repr([value.get(key) for key in ("x", "y", "width", "height", "points", "radiusX")])
        identity = region.get("id")
        yield _Region(
            value=value,
            labels=_labels(value),
            size_wh=(width, height),
            key=identity if isinstance(identity, str) and value is not region else geometry,
            where=f"{place}, region {number}",
        )


def _labels(value: dict[str, Any]) -> list[str]:
    """The class names of a region: the lists whose keys end with "labels", such as ``rectanglelabels``."""
    lists = [
        names for key, names in value.items() if key.lower().endswith("labels") and isinstance(names, list)
    ]
    return [name for names in lists for each in names if (name := " ".join(str(each).split()))]


def _bounds(region: _Region) -> Box | None:
    """The upright box around a rectangle, polygon or ellipse, in fractions; it is turned in pixels."""
    value, (image_width, image_height) = region.value, region.size_wh
    across, down = image_width / 100, image_height / 100
    degrees = number_of(value.get("rotation") or 0)
    points = value.get("points")
    if isinstance(points, list):
        pairs = [[number_of(number) for number in point] for point in points if isinstance(point, list)]
        read = [
            (x, y) for x, y in (pair for pair in pairs if len(pair) == 2) if x is not None and y is not None
        ]
        box = bounds_of_points(read) if len(read) == len(points) else None
        return None if box is None else (box[0] / 100, box[1] / 100, box[2] / 100, box[3] / 100)
    ellipse = "radiusX" in value
    keys = ("x", "y", "radiusX", "radiusY") if ellipse else ("x", "y", "width", "height")
    numbers = [number for key in keys if (number := number_of(value.get(key))) is not None]
    if len(numbers) < 4 or degrees is None or "vertices" in value or "rle" in value:
        return None
    x, y, first, second = (number * unit for number, unit in zip(numbers, (across, down) * 2, strict=True))
    if ellipse:
        left, top, right, bottom = bounds_of_ellipse((x, y), (first, second), degrees)
    else:  # turned about its upper left corner
        left, top, right, bottom = bounds_of_rotated((x, y, x + first, y + second), degrees, (x, y))
    return left / image_width, top / image_height, right / image_width, bottom / image_height
