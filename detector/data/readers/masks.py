"""The box of an annotation of COCO: as it is written, or around its polygons or its mask of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from detector.data.findings import Box
from detector.data.readers.coco_values import is_box, is_number, numbers_of
from detector.data.readers.shapes import bounds_of_points

_LARGEST_SIDE = 1 << 20


def box_of(entry: Mapping[str, object]) -> list[float] | None:
    """The box of an annotation, x, y, width, height; that around its segmentation where it has none."""
    box = entry.get("bbox")
    if isinstance(box, list) and len(box) == 4:
        return box if is_box(box) else numbers_of(box)
    if box is None or box == []:
        bounds = bounds_of_segmentation(entry.get("segmentation"))
        if bounds is not None:
            left, top, right, bottom = bounds
            return [left, top, right - left, bottom - top]
    return None


def bounds_of_segmentation(segmentation: object) -> Box | None:
    """The box around COCO's ``segmentation``: polygons or runs; None where it is none."""
    if isinstance(segmentation, dict):
        return _bounds_of_runs(segmentation.get("counts"), segmentation.get("size"))
    if not isinstance(segmentation, list) or not segmentation:
        return None
    polygons = [segmentation] if all(is_number(each) for each in segmentation) else segmentation
    points: list[Sequence[float]] = []
    for polygon in polygons:
        if not isinstance(polygon, list) or not all(map(is_number, polygon)) or len(polygon) % 2:
            return None
        points += zip(polygon[::2], polygon[1::2], strict=True)
    return bounds_of_points(points)


def _bounds_of_runs(counts: object, size: object) -> Box | None:
    """The box around a mask of runs down its columns, the first of them outside of it.

    Source: pycocotools, maskApi.c, rleFrString and rleToBbox.
    """
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int for side in size):
        return None
    height, width = size
    if not (0 < height <= _LARGEST_SIDE and 0 < width <= _LARGEST_SIDE):
        return None
    runs = _runs_of_text(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        return None
    ends = list(accumulate(runs))
    if not ends or ends[-1] > height * width:
        return None
    inside = [(end - run, end - 1) for end, run in zip(ends[1::2], runs[1::2], strict=True) if run]
    if not inside:
        return None
    top = min(0 if first // height != last // height else first % height for first, last in inside)
    bottom = max(height - 1 if first // height != last // height else last % height for first, last in inside)
    return inside[0][0] // height, top, inside[-1][1] // height + 1, bottom + 1


def _runs_of_text(text: str) -> list[int] | None:
    """The runs of COCO's compressed form: 5 bits a character, from the third on differences."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            return None
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs if not shift else None
