"""A repaired copy of a dataset, as COCO JSON.

COCO JSON whatever the original is: of the formats that are read it alone keeps all that was read, such as
objects that are not to be counted, areas and images without objects, and every trainer takes it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from detector.data.dataset import Dataset, DatasetImage, load_dataset_image
from detector.data.duplicates import ImageFacts, group_copies, look_at_files
from detector.data.findings import Finding, FindingLog
from detector.data.folder import LabelledFolder
from detector.data.raw_labels import RawImage
from detector.errors import DatasetError, DetectorError, ImageError
from detector.files import refuse_occupied, replacing, replacing_folder
from detector.images import exif_orientation

_KEPT = ("test", "val", "train")  # of copies in several parts, that in the first of these stays
_JPEG_QUALITY = 95


def check_target(target: Path, root: Path) -> None:
    """Raise DetectorError unless a copy of the dataset ``root`` can be written to the folder ``target``."""
    refuse_occupied(target)
    folder = root if root.is_dir() else root.parent
    inside = os.path.join(os.path.realpath(folder), "")
    if os.path.join(os.path.realpath(target), "").startswith(inside):
        raise DetectorError(f"{target} lies inside the dataset {folder}; name a folder outside of it.")


def write_repaired(labelled: LabelledFolder, target: Path) -> tuple[dict[str, Dataset], tuple[Finding, ...]]:
    """Write the cleaned dataset into a new folder, its images copied.

    Images that occur in several parts stay in one of them. What EXIF turns is stored as it is labelled, so
    that no tool can take it for anything else. The original is only read.

    Returns:
        The parts as they were written, and what was left out or written anew.

    Raises:
        DetectorError: the folder exists, cannot be written to, or the disk is full.
        DatasetError: no image to train on would be left.
    """
    parts = {"train": labelled.train, "val": labelled.val}
    if labelled.test is not None:
        parts["test"] = labelled.test
    log = FindingLog()
    parts = _without_copies(parts, log)
    if not any(not each["iscrowd"] for each in parts["train"].annotations):
        raise DatasetError(
            f"Nothing to train on would be left of {labelled.root}: val and test have all images of train. "
            "Divide them anew with --train and --val."
        )
    with replacing_folder(target) as temporary:
        for name, part in parts.items():
            names = dict(_file_names(part))
            _write_images(part, names, temporary / name, log)
            with replacing(temporary / "annotations" / f"instances_{name}.json") as path:
                path.write_text(json.dumps(_content(part, names), indent=1))
        save_findings([*labelled.findings, *log.findings], temporary / "findings.json")
    return parts, log.findings


def save_findings(findings: list[Finding], path: Path) -> None:
    """Write findings as JSON: each kind, how often, and all of its places."""
    content = [{"kind": each.kind, "count": each.count, "places": list(each.places)} for each in findings]
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1))


def _without_copies(parts: Mapping[str, Dataset], log: FindingLog) -> dict[str, Dataset]:
    """The parts without images that a part of more weight has too, or that the same part has twice."""
    entries = [(name, image) for name in _KEPT if name in parts for image in parts[name].images]
    found = look_at_files([RawImage(image.path, (), image.size_wh) for _, image in entries])
    facts: dict[int, ImageFacts] = {n: f for n, f in enumerate(found) if not isinstance(f, ImageError)}
    groups = group_copies(facts, {number: entries[number][1].path.name for number in facts})
    objects = {
        (name, image_id): count
        for name, part in parts.items()
        for image_id, count in _count_objects(part).items()
    }
    dropped: dict[str, set[int]] = {name: set() for name in parts}

    def drop(number: int, kind: str, kept: int) -> None:
        name, image = entries[number]
        dropped[name].add(image.id)
        log.add(kind.format(name), f"{image.path.name}, a copy of {entries[kept][1].path.name}")

    for group in groups:
        group.sort()
        first_part = entries[group[0]][0]
        for number in group:
            if entries[number][0] != first_part:
                drop(number, f"images left out of {{}}, which {first_part} has too", group[0])
        same: dict[bytes, int] = {}
        mine = [number for number in group if entries[number][0] == first_part]
        # Of the same image labelled twice, the one with more objects is taken.
        for number in sorted(mine, key=lambda n: (-objects[first_part, entries[n][1].id], n)):
            kept = same.setdefault(facts[number].digest, number)
            if kept != number:
                drop(number, "images left out of {}, which has them already", kept)
    return {
        name: part.select({image.id for image in part.images} - dropped[name])
        if len(dropped[name]) < len(part.images)
        else Dataset(part.source, (), (), part.categories, name)
        for name, part in parts.items()
    }


def _count_objects(part: Dataset) -> dict[int, int]:
    counts = {image.id: 0 for image in part.images}
    for annotation in part.annotations:
        counts[annotation["image_id"]] += 1
    return counts


def _file_names(part: Dataset) -> Iterator[tuple[int, str]]:
    """A name for each image's copy: its own, with a number before it where another has it already."""
    taken: set[str] = set()
    for image in part.images:
        name = image.path.name if image.path.name.lower() not in taken else f"{image.id}_{image.path.name}"
        taken.add(name.lower())
        yield image.id, name


def _write_images(part: Dataset, names: Mapping[int, str], folder: Path, log: FindingLog) -> None:
    folder.mkdir(parents=True)
    for image in tqdm(part.images, desc=f"copying {part.split}", unit="image", disable=None, leave=False):
        path = folder / names[image.id]
        if exif_orientation(image.path) == 1:
            # A copy and no link: whoever changes it must not change the original.
            shutil.copyfile(image.path, path)
            continue
        pixels = load_dataset_image(image)
        path.write_bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes())
        log.add("images that EXIF turned, stored as they are labelled", image.path.name)


def _content(part: Dataset, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "info": {"description": f"{part.split} of {part.source.name}, repaired by ssdlite data check --fix"},
        "images": [_entry(image, names[image.id]) for image in part.images],
        "annotations": list(part.annotations),
        "categories": [{"id": id_, "name": name} for id_, name in part.categories.items()],
    }


def _entry(image: DatasetImage, name: str) -> dict[str, Any]:
    width, height = image.size_wh or (0, 0)
    return {"id": image.id, "file_name": name, "width": width, "height": height}
