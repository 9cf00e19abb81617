"""Files in COCO's results format, whoever wrote them: read and checked against a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from detector.data.annotations import Result
from detector.data.dataset import Dataset
from detector.data.readers.coco_file import read_json
from detector.data.readers.coco_values import is_box, is_number
from detector.errors import DatasetError
from detector.evaluation.result_ids import Say, identity, join_categories, join_images
from detector.system.terminal import ignore

_BYTES_PER_BYTE = 10  # of memory for each of the file while JSON is read and measured
_BEYOND = 1.0  # pixels that rounding may put a box outside of its image


def load_results(path: Path, dataset: Dataset, say: Say = ignore) -> list[Result]:
    """The detections in a file of COCO's results format, with the ids of the dataset.

    A box may reach beyond its image, as some detectors' do, but not lie outside of it.

    Args:
        path: a JSON list of ``image_id``, ``category_id``, ``bbox`` (xywh, pixels), ``score``. Where
            there are ``file_name`` and ``category_name``, as `ssdlite detect` writes them, they decide.
        dataset: the images and categories that they are of.
        say: takes a line where ids are read otherwise than as the dataset's.

    Raises:
        DatasetError: no such file, too large for the memory, not that format, not of this dataset, or with
            ids that may be read in several ways.
    """
    _check_size(path)
    return check_results(path, read_json(path, "detections"), dataset, say)


def check_results(path: Path, content: object, dataset: Dataset, say: Say = ignore) -> list[Result]:
    """As ``load_results``, for what is read already; the path is what errors call it."""
    if not isinstance(content, list):
        raise DatasetError(
            f"{path} is not in COCO's results format: expected a list of detections, got {_kind(content)}."
        )
    for number, entry in enumerate(content):
        if (fault := _fault(entry)) is not None:
            raise DatasetError(f"{path} is not in COCO's results format: entry {number} {fault}.")
    join_images(path, content, dataset, say)
    found = cast(list[Result], join_categories(path, content, dataset, say))
    _check_places(path, found, dataset)
    return found


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


def _fault(entry: object) -> str | None:
    """What is wrong with a detection, to follow 'entry 3'; None if nothing is."""
    if not isinstance(entry, dict):
        return f"is {_kind(entry)}; expected an object with image_id, category_id, bbox and score"
    for key, name in (("image_id", "file_name"), ("category_id", "category_name")):
        if isinstance(entry.get(name), str):
            continue
        value = identity(entry.get(key))
        if value is None:
            return f"has {_shown(entry, key)}; expected an integer, or {name}"
    box, score = entry.get("bbox"), entry.get("score")
    if not is_number(score):
        return f"has {_shown(entry, 'score')}; expected a finite number"
    if not isinstance(box, list) or not is_box(box):
        return f"has {_shown(entry, 'bbox')}; expected x, y, width, height as four finite numbers"
    if box[2] < 0 or box[3] < 0:
        return f"has {_shown(entry, 'bbox')}, a negative width or height; expected x, y, width, height"
    return None


def _shown(entry: Mapping[str, object], key: str) -> str:
    if key not in entry:
        return f"no {key}"
    value = entry[key]  # an integer of thousands of digits cannot be written out
    huge = isinstance(value, int) and value.bit_length() > 200
    return f"the {key} {'of hundreds of digits' if huge else f'{value!s:.60}'}"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null", bool: "true or false"}
    return names.get(type(value), "a number")


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


def count_reaching_out(detections: Iterable[Result], dataset: Dataset) -> int:
    """How many boxes reach beyond their image by more than a pixel."""
    sizes = {image.id: image.size_wh for image in dataset.images if image.size_wh}
    return sum(
        _reaches_out(entry["bbox"], size)
        for entry in detections
        if (size := sizes.get(entry["image_id"])) is not None
    )


def _reaches_out(box: list[float], size_wh: tuple[int, int]) -> bool:
    left, top, width, height = box
    right, bottom = left + width - size_wh[0], top + height - size_wh[1]
    return max(-left, -top, right, bottom) > _BEYOND
