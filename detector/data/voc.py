"""Pascal VOC: one XML file an image."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

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
from detector.data.splits import splits_of_folders, splits_of_lists
from detector.data.xml_lines import XML_ERRORS, parse_xml


@dataclass(frozen=True)
class _Object:
    name: str
    box: Box
    where: str
    difficult: bool


@dataclass(frozen=True)
class _File:
    path: Path
    filename: str
    size_wh: tuple[int, int] | None
    objects: list[_Object]


def is_voc(listing: Listing) -> bool:
    """Whether a folder has an XML file that starts like Pascal VOC's."""
    return any(_starts_like_voc(path) for path in listing.with_suffix(".xml"))


def _starts_like_voc(path: Path) -> bool:
    with path.open("rb") as file:
        return re.search(rb"<annotation[\s>]", file.read(4096)) is not None


def read_voc_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The labels in the XML files of a folder and of the folders in it."""
    index = ImageIndex(listing.images)
    files: list[tuple[_File, Path]] = []
    for path in tqdm(
        listing.with_suffix(".xml"), desc="reading labels", unit="file", disable=None, leave=False
    ):
        if (file := _read_file(path, listing.root, log)) is None:
            continue
        image = index.find(file.filename, path) or index.find(path.stem, path)
        if image is None:
            example = f"{relative_name(path, listing.root)}: {file.filename or path.stem}"
            log.add("label files whose image is missing, left out", example)
        else:
            files.append((file, image))
    classes, label_of = _classes(files, log)
    images = [
        RawImage(
            image,
            tuple(
                RawObject(label_of[each.name], each.box, each.where, int(each.difficult))
                for each in file.objects
            ),
            file.size_wh,
        )
        for file, image in files
    ]
    paths = list(dict.fromkeys(image for _, image in files))
    _note_odd_images(listing, files, log)
    splits, splits_from = splits_of_lists(listing, paths, log)
    if not splits:
        splits, splits_from = splits_of_folders(listing.root, paths), "folders"
    return build_labels("Pascal VOC", listing.root, classes, images, splits, splits_from, log)


def _note_odd_images(listing: Listing, files: list[tuple[_File, Path]], log: FindingLog) -> None:
    times = Counter(image for _, image in files)
    for file, image in files:
        if times[image] > 1:
            example = f"{relative_name(file.path, listing.root)}: {relative_name(image, listing.root)}"
            log.add("label files that share their image with another, taken together", example)
    folders = {image.parent for image in times}
    for image in listing.images:
        if image not in times and image.parent in folders:
            log.add("images without a label file, left out", relative_name(image, listing.root))


def _classes(files: list[tuple[_File, Path]], log: FindingLog) -> tuple[tuple[str, ...], dict[str, int]]:
    """The names that occur, sorted, in their most frequent spelling; and the label of every spelling."""
    times = Counter(each.name for file, _ in files for each in file.objects)
    merged, place_of = merge_names(sorted(times, key=lambda name: (-times[name], name)), log)
    classes = tuple(sorted(merged))
    return classes, {name: classes.index(merged[place]) for name, place in place_of.items()}


def _read_file(path: Path, root: Path, log: FindingLog) -> _File | None:
    where = relative_name(path, root)
    try:
        tree, lines = parse_xml(path.read_bytes())
    except XML_ERRORS as error:
        log.add("label files that are not XML, left out", f"{where}: {error}")
        return None
    if tree.tag != "annotation":
        return None
    objects = []
    for number, element in enumerate(tree.iter("object"), start=1):
        place = f"{where}:{lines[element]}, object {number}"
        name = " ".join((element.findtext("name") or "").split())
        box = _box(element)
        if not name or box is None:
            log.add("objects without a name or a box, dropped", f"{place}: {name or 'no name'}")
            continue
        difficult = (element.findtext("difficult") or "").strip().lower() in ("1", "true")
        objects.append(_Object(name, box, place, difficult))
    return _File(path, (tree.findtext("filename") or "").strip(), _size(tree), objects)


def _box(element: ElementTree.Element) -> Box | None:
    try:
        left, top, right, bottom = (
            float(element.findtext(f"bndbox/{key}") or "") for key in ("xmin", "ymin", "xmax", "ymax")
        )
    except ValueError:
        return None
    return (left, top, right, bottom) if all(map(math.isfinite, (left, top, right, bottom))) else None


def _size(tree: ElementTree.Element) -> tuple[int, int] | None:
    try:
        width, height = (int(tree.findtext(f"size/{key}") or "") for key in ("width", "height"))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None
