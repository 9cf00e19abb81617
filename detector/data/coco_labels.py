"""COCO JSON of a whole folder, for training: every split, and single bad annotations left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from detector.data.coco import (
    find_image_folder,
    image_path,
    is_box,
    is_number,
    looks_like_coco,
    read_coco,
    size_of,
)
from detector.data.findings import FindingLog
from detector.data.json_lines import JsonLines
from detector.data.listing import ImageIndex, Listing
from detector.data.raw_labels import (
    RawImage,
    RawLabels,
    RawObject,
    build_labels,
    merge_names,
    relative_name,
)
from detector.data.splits import role_of
from detector.errors import DatasetError

_DEEPEST = 3  # folders below the dataset's in which annotation files are looked for
_IMAGES_TRIED = 100  # until one of them shows in which folder they lie


def is_coco(listing: Listing) -> bool:
    """Whether a folder has a JSON file that looks like COCO's."""
    return bool(_likely_files(listing))


def _likely_files(listing: Listing) -> list[Path]:
    return [
        path
        for path in listing.with_suffix(".json")
        if len(relative_name(path, listing.root).split("/")) <= _DEEPEST and looks_like_coco(path)
    ]


def find_coco_files(listing: Listing) -> dict[str, Path]:
    """The COCO annotation file of each split of a folder, by the split's name; none if there is none.

    Raises:
        DatasetError: there are several files and nothing says which are splits.
    """
    root = listing.root
    files = _likely_files(listing)
    for splits in (
        {path.stem.removeprefix("instances_"): path for path in files if path.stem.startswith("instances_")},
        {path.parent.name: path for path in files if path.name == "_annotations.coco.json"},
        {path.stem: path for path in files if role_of(path.stem)},
        {path.parent.name: path for path in files if role_of(path.parent.name)},
    ):
        if splits:
            return splits
    files = [path for path in files if path.name == "instances.json"] or files
    if len(files) > 1:
        names = ", ".join(relative_name(path, root) for path in files[:5])
        raise DatasetError(
            f"{root} has several annotation files ({names}) and none is called train or val; "
            "give one of them instead of the folder."
        )
    return {path.stem: path for path in files}


def read_coco_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The labels in COCO's annotation files.

    Raises:
        DatasetError: a file is not COCO's format.
    """
    files = find_coco_files(listing)
    contents = {name: read_coco(path) for name, path in files.items()}
    lines = {
        name: JsonLines(path, relative_name(path, listing.root), len(contents[name]["annotations"]))
        for name, path in files.items()
    }
    _drop_group_category(contents, log)
    for name, content in contents.items():
        _check_shift(content, lines[name], log)
    named = {
        (entry["id"], entry["name"]): None for content in contents.values() for entry in content["categories"]
    }
    classes, label_of = merge_names((name for _, name in sorted(named)), log)
    images: list[RawImage] = []
    splits: dict[str, list[Path]] = {}
    for name, content in contents.items():
        found = _read_images(content, files[name], name, listing, label_of, lines[name], log)
        images += found
        splits[name] = [image.path for image in found]
    if len(splits) == 1 and role_of(next(iter(splits))) is None:
        splits = {}  # a file of everything
    return build_labels("COCO", listing.root, classes, images, splits, "annotation files", log)


def _drop_group_category(contents: dict[str, dict[str, Any]], log: FindingLog) -> None:
    """Roboflow writes the project's name as a category 0 that has no objects and is above all others."""
    used = {
        entry.get("category_id")
        for content in contents.values()
        for entry in content["annotations"]
        if isinstance(entry, dict) and isinstance(entry.get("category_id"), int)
    }
    for name, content in contents.items():
        above = {entry.get("supercategory") for entry in content["categories"] if entry["id"] != 0}
        for entry in list(content["categories"]):
            if entry["id"] == 0 and 0 not in used and entry["name"] in above:
                content["categories"].remove(entry)
                log.add(
                    "categories without objects above all others, left out", f"{entry['name']!r} in {name}"
                )


def _check_shift(content: dict[str, Any], lines: JsonLines, log: FindingLog) -> None:
    """Category ids counted from 0 where the categories count from 1, or the other way round, are told by the
    ids at the ends: one below the first (above the last) is used, the last (first) is not."""
    known = sorted(entry["id"] for entry in content["categories"])
    entries = [
        (number, entry)
        for number, entry in enumerate(content["annotations"], start=1)
        if isinstance(entry, dict) and isinstance(entry.get("category_id"), int)
    ]
    if not known or not entries:
        return
    used = Counter(entry["category_id"] for _, entry in entries)
    for step in (-1, 1):
        outside, unused = (known[0] - 1, known[-1]) if step < 0 else (known[-1] + 1, known[0])
        if used[outside] < 2 or used[unused] or not set(used) <= {id_ + step for id_ in known}:
            continue
        log.refuse(
            f"category ids that are {'one too low' if step < 0 else 'one too high'}, put right",
            [lines.place(number) for number, _ in entries],
            f"{lines.name}: the annotations have the category ids {min(used)} to {max(used)}, the categories "
            f"{known[0]} to {known[-1]}: all are off by one. Correct them, or let `ssdlite data "
            "check --fix OUT` write a repaired copy.",
        )
        for _, entry in entries:
            entry["category_id"] -= step


def _read_images(
    content: dict[str, Any],
    path: Path,
    split: str,
    listing: Listing,
    label_of: dict[str, int],
    lines: JsonLines,
    log: FindingLog,
) -> list[RawImage]:
    labels = {entry["id"]: label_of[entry["name"]] for entry in content["categories"]}
    objects: dict[int, list[RawObject]] = {entry["id"]: [] for entry in content["images"]}
    for number, entry in enumerate(content["annotations"], start=1):
        place = lines.lazy_place(number)
        if fault := _fault(entry, labels, objects):
            log.add("annotations that are not COCO's, dropped", f"{place}: {fault}")
            continue
        left, top, width, height = entry["bbox"]
        area = entry.get("area")
        objects[entry["image_id"]].append(
            RawObject(
                label=labels[entry["category_id"]],
                box=(left, top, left + width, top + height),
                where=place,
                iscrowd=int(entry.get("iscrowd") or 0),
                area=float(area) if is_number(area) else None,
            )
        )
    names = [entry["file_name"] for entry in content["images"]]
    folder = _image_folder(listing.root, path, names, split)
    index = ImageIndex(listing.images)
    return [
        RawImage(
            _find_image(folder, entry["file_name"], path, index), tuple(objects[entry["id"]]), size_of(entry)
        )
        for entry in content["images"]
    ]


def _find_image(folder: Path, name: str, annotations: Path, index: ImageIndex) -> Path:
    """The file of an image, wherever in the dataset it lies; where it should lie if it is not there."""
    path = image_path(folder, name)
    return path if path.is_file() else index.find(name, annotations) or path


def _fault(entry: Any, labels: dict[int, int], images: dict[int, list[RawObject]]) -> str | None:
    """What is wrong with an annotation, if anything is."""
    if not isinstance(entry, dict):
        return f"{entry!r:.50} instead of an object"
    for key, known in (("image_id", images), ("category_id", labels)):
        if not isinstance(entry.get(key), int) or entry[key] not in known:
            return f"{key} {entry.get(key)!r:.50}"
    if not is_box(entry.get("bbox")):
        return f"bbox {entry.get('bbox')!r:.50}"
    if entry.get("iscrowd") is not None and not is_number(entry["iscrowd"]):
        return f"iscrowd {entry['iscrowd']!r:.50}"
    return None


def _image_folder(root: Path, annotations: Path, names: list[str], split: str) -> Path:
    """Where the images lie, though some may be missing; beside the annotations where none was found."""
    for name in names[:_IMAGES_TRIED]:
        try:
            return find_image_folder(root if root.is_dir() else root.parent, annotations, [name], split)
        except DatasetError:
            continue
    return annotations.parent
