"""Label Studio's own exports, JSON and JSON-MIN: a list of tasks, boxes in percent of the image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from detector.data.coco import is_number, read_json
from detector.data.findings import Box, FindingLog
from detector.data.listing import ImageIndex, Listing
from detector.data.raw_labels import (
    RawImage,
    RawLabels,
    RawObject,
    build_labels,
    merge_names,
    relative_name,
)
from detector.data.rotation import bounds_of_rotated
from detector.data.splits import splits_of_folders

_HEAD = 1 << 16  # bytes in which the first region of a file is looked for
_Drawn = tuple[str, Box, str]  # class name, box in fractions of the image, place


def is_label_studio(listing: Listing) -> bool:
    """Whether a folder has a JSON file that starts like a list of Label Studio's tasks with boxes."""
    return any(map(_starts_like_tasks, listing.with_suffix(".json")))


def _starts_like_tasks(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") and b'"rectanglelabels"' in head


def read_label_studio_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The boxes of all tasks that were labelled; the first annotation counts where there are several.

    Raises:
        DatasetError: a file is not JSON.
    """
    index = ImageIndex(listing.images)
    read: list[tuple[Path, list[_Drawn]]] = []
    for path in filter(_starts_like_tasks, listing.with_suffix(".json")):
        where = relative_name(path, listing.root)
        for number, task in enumerate(read_json(path, "tasks"), start=1):
            place = f"{where}, task {number}"
            regions = _regions(task) if isinstance(task, dict) else None
            if regions is None:
                log.add("tasks that were not labelled, left out", place)
                continue
            image = next((found for name in _names(task) if (found := index.find(name, path))), None)
            if image is None:
                log.add(
                    "labelled images whose file is missing, left out", f"{place}: {next(_names(task), '')}"
                )
                continue
            read.append((image, list(_boxes(regions, place, log))))
    classes, label_of = merge_names(sorted({name for _, drawn in read for name, _, _ in drawn}), log)
    images = [
        RawImage(
            path,
            tuple(RawObject(label_of[name], box, place) for name, box, place in drawn),
            in_fractions=True,
        )
        for path, drawn in read
    ]
    splits = splits_of_folders(listing.root, [image.path for image in images])
    return build_labels("Label Studio", listing.root, classes, images, splits, "folders", log)


def _regions(task: dict[str, Any]) -> list[Any] | None:
    """The regions of a task; None where nobody has labelled it."""
    if "annotations" not in task:  # JSON-MIN has them under the name of the control
        lists = [value for value in task.values() if isinstance(value, list)]
        return [region for value in lists for region in value] if lists else None
    annotations = task["annotations"] if isinstance(task["annotations"], list) else []
    done = [each for each in annotations if isinstance(each, dict) and not each.get("was_cancelled")]
    return list(done[0].get("result") or []) if done else None


def _names(task: dict[str, Any]) -> Iterator[str]:
    """What the task calls its image: an uploaded file, a local one, or an address."""
    data = task.get("data") if isinstance(task.get("data"), dict) else task
    for value in [task.get("file_upload"), *(data or {}).values()]:
        if isinstance(value, str):
            address = urlsplit(value)
            yield parse_qs(address.query).get("d", [unquote(address.path)])[0]


def _boxes(regions: list[Any], place: str, log: FindingLog) -> Iterator[_Drawn]:
    for number, region in enumerate(regions, start=1):
        if not isinstance(region, dict):
            continue
        value = region["value"] if isinstance(region.get("value"), dict) else region
        names = value.get("rectanglelabels")
        if not isinstance(names, list) or not names:
            if "x" in value or "points" in value:
                log.add("regions that are no box with a label, dropped", f"{place}, region {number}")
            continue
        sides = [value.get(key) for key in ("x", "y", "width", "height")]
        size = [region.get(key) or value.get(key) or 1 for key in ("original_width", "original_height")]
        if not all(map(is_number, sides + size)):
            log.add("objects without a name or a box, dropped", f"{place}, region {number}: {names[0]}")
            continue
        numbers = [float(side) for side in sides if side is not None]
        box = _box(numbers, (float(size[0]), float(size[1])), float(value.get("rotation") or 0))
        yield str(names[0]), box, f"{place}, region {number}"


def _box(percents: list[float], size_wh: tuple[float, float], degrees: float) -> Box:
    """The upright box in fractions; it is turned in pixels, about its upper left corner."""
    (x, y, width, height), (image_width, image_height) = percents, size_wh
    across, down = image_width / 100, image_height / 100
    box = (x * across, y * down, (x + width) * across, (y + height) * down)
    left, top, right, bottom = bounds_of_rotated(box, degrees, (box[0], box[1]))
    return left / image_width, top / image_height, right / image_width, bottom / image_height
