"""Files in COCO's results format, whoever wrote them: read and checked against a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from detector.data.coco_file import read_json
from detector.data.dataset import Dataset
from detector.errors import DatasetError

Result = dict[str, Any]

_BYTES_PER_BYTE = 10  # of memory for each of the file while JSON is read and measured
_BEYOND = 1.0  # pixels that rounding may put a box outside of its image


def load_results(path: Path, dataset: Dataset) -> list[Result]:
    """The detections in a file of COCO's results format.

    A box may reach beyond its image, as some detectors' do, but not lie outside of it.

    Args:
        path: a JSON list of ``image_id``, ``category_id``, ``bbox`` (xywh, pixels), ``score``.
        dataset: the images and categories that they are of.

    Raises:
        DatasetError: no such file, too large for the memory, not that format, or not of this dataset.
    """
    _check_size(path)
    content = read_json(path, "detections")
    if not isinstance(content, list):
        raise DatasetError(
            f"{path} is not in COCO's results format: expected a list of detections, got {_kind(content)}."
        )
    for number, entry in enumerate(content):
        if (fault := _fault(entry)) is not None:
            raise DatasetError(f"{path} is not in COCO's results format: entry {number} {fault}.")
    _check_ids(path, content, "image_id", {image.id for image in dataset.images}, dataset, "images")
    _check_ids(path, content, "category_id", dataset.categories, dataset, "categories")
    _check_places(path, content, dataset)
    return content


def _check_size(path: Path) -> None:
    """Refuse what would fill the memory and take the machine down with it."""
    try:
        size = path.stat().st_size
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # absent, which is said when it is read; or no POSIX
        return
    if size * _BYTES_PER_BYTE > free:
        raise DatasetError(
            f"{path} has {size / 1e9:.1f} GB, and evaluating it would need about "
            f"{size * _BYTES_PER_BYTE / 1e9:.0f} GB of memory where {free / 1e9:.0f} GB are free; COCO "
            "counts at most 100 detections of a class in an image: write no more than that."
        )


def _fault(entry: Any) -> str | None:
    """What is wrong with a detection, to follow 'entry 3'; None if nothing is."""
    if not isinstance(entry, dict):
        return f"is {_kind(entry)}; expected an object with image_id, category_id, bbox and score"
    for key in ("image_id", "category_id"):
        if type(entry.get(key)) is not int:
            return f"has {_shown(entry, key)}; expected an integer"
    box, score = entry.get("bbox"), entry.get("score")
    if not _is_finite(score):
        return f"has {_shown(entry, 'score')}; expected a finite number"
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_finite, box))):
        return f"has {_shown(entry, 'bbox')}; expected x, y, width, height as four finite numbers"
    if box[2] < 0 or box[3] < 0:
        return f"has {_shown(entry, 'bbox')}, a negative width or height; expected x, y, width, height"
    return None


def _is_finite(value: object) -> bool:
    # An integer of JSON may be too large for a float; NaN is smaller than nothing.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _shown(entry: Mapping[str, Any], key: str) -> str:
    return f"the {key} {entry[key]!s:.60}" if key in entry else f"no {key}"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null", bool: "true or false"}
    return names.get(type(value), "a number")


def _check_ids(
    path: Path, content: list[Result], key: str, known: Iterable[int], dataset: Dataset, what: str
) -> None:
    known = set(known)
    unknown = [entry[key] for entry in content if entry[key] not in known]
    if unknown:
        advice = (
            "detections and annotations have to be of the same images"
            if what == "images"
            else "write the ids of the annotation file, not the numbers of the classes"
        )
        raise DatasetError(
            f"{len(unknown):,} of {len(content):,} detections in {path} have a {key} that is not among the "
            f"{what} of {dataset.source} (the first is {unknown[0]}; the {what} are {min(known)} to "
            f"{max(known)}); {advice}."
        )


def _check_places(path: Path, content: list[Result], dataset: Dataset) -> None:
    sizes = {image.id: image.size_wh for image in dataset.images if image.size_wh}
    outside = [entry for entry in content if _is_outside(entry["bbox"], sizes.get(entry["image_id"]))]
    if outside:
        first = outside[0]
        width, height = sizes[first["image_id"]]
        raise DatasetError(
            f"{len(outside):,} of {len(content):,} boxes in {path} lie wholly outside of their image (the "
            f"first is {first['bbox']} in image {first['image_id']} of {width} x {height}); expected x, y, "
            "width, height in pixels of the original image."
        )


def _is_outside(box: list[float], size_wh: tuple[int, int] | None) -> bool:
    if size_wh is None:
        return False
    left, top, width, height = box
    return (
        left > size_wh[0] + _BEYOND
        or top > size_wh[1] + _BEYOND
        or left + width < -_BEYOND
        or top + height < -_BEYOND
    )


def count_reaching_out(detections: Iterable[Result], dataset: Dataset, beyond: float = _BEYOND) -> int:
    """How many boxes reach beyond their image by more than some pixels."""
    sizes = {image.id: image.size_wh for image in dataset.images if image.size_wh}
    return sum(
        _reaches_out(entry["bbox"], size, beyond)
        for entry in detections
        if (size := sizes.get(entry["image_id"])) is not None
    )


def _reaches_out(box: list[float], size_wh: tuple[int, int], beyond: float) -> bool:
    left, top, width, height = box
    right, bottom = left + width - size_wh[0], top + height - size_wh[1]
    return max(-left, -top, right, bottom) > beyond
