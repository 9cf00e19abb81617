"""The regions of a Label Studio task: shapes and their labels, as boxes in fractions of the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from detector.data.findings import Box, FindingLog
from detector.data.readers.coco_values import number_of, numbers_of, size_of
from detector.data.readers.drawn import Drawn
from detector.data.readers.shapes import bounds_of_ellipse, bounds_of_rotated, bounds_of_written_points

# Keys of a region's value that say that something was drawn.
_SHAPES = ("x", "points", "vertices", "rle", "sequence")


Region = Mapping[str, object]


def is_drawn(region: object) -> TypeGuard[Region]:
    """Whether a region is a shape: relations and answers about the whole image are none."""
    if not isinstance(region, dict):
        return False
    return any(key in _value_of(region) for key in _SHAPES)


def _value_of(region: Region) -> Region:
    """Where a region has its shape: under its key ``value``, or in itself (JSON-MIN)."""
    value = region.get("value")
    return value if isinstance(value, dict) else region


def is_turned(region: Region) -> bool:
    """Whether the image was turned in the tool, where the region is that of the turned image."""
    return number_of(region.get("image_rotation") or 0) != 0


def size_of_image(regions: Sequence[Region]) -> tuple[int, int] | None:
    """Width and height of the image as the regions give them."""
    for region in regions:
        for each in (region, region.get("value")):
            if isinstance(each, Mapping):
                size = {key: each.get(f"original_{key}") for key in ("width", "height")}
                if (size_wh := size_of(size)) is not None:
                    return size_wh
    return None


@dataclass(frozen=True)
class _Region:
    value: Region
    labels: list[str]
    size_wh: tuple[float, float]
    key: object
    where: str


def read_regions(regions: Sequence[Region], place: str, log: FindingLog) -> tuple[list[Drawn], int]:
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


def _shapes(regions: Sequence[Region], place: str) -> Iterator[_Region]:
    for number, region in enumerate(regions, start=1):
        value = _value_of(region)
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


def _labels(value: Region) -> list[str]:
    """The class names of a region: the lists whose keys end with "labels", such as ``rectanglelabels``."""
    lists = [
        names for key, names in value.items() if key.lower().endswith("labels") and isinstance(names, list)
    ]
    return [name for names in lists for each in names if (name := " ".join(str(each).split()))]


def _bounds(region: _Region) -> Box | None:
    """The upright box around a rectangle, polygon or ellipse, in fractions; it is turned in pixels."""
    value, (image_width, image_height) = region.value, region.size_wh
    across, down = image_width / 100, image_height / 100
    points = value.get("points")
    if isinstance(points, list):
        box = bounds_of_written_points(points)
        return None if box is None else (box[0] / 100, box[1] / 100, box[2] / 100, box[3] / 100)
    ellipse = "radiusX" in value
    keys = ("x", "y", "radiusX", "radiusY") if ellipse else ("x", "y", "width", "height")
    numbers = numbers_of([*map(value.get, keys), value.get("rotation") or 0])
    if numbers is None or "vertices" in value or "rle" in value:
        return None
    x, y, first, second, degrees = numbers
    x, y, first, second = across * x, down * y, across * first, down * second
    if ellipse:
        left, top, right, bottom = bounds_of_ellipse((x, y), (first, second), degrees)
    else:  # turned about its upper left corner
        left, top, right, bottom = bounds_of_rotated((x, y, x + first, y + second), degrees, (x, y))
    return left / image_width, top / image_height, right / image_width, bottom / image_height
