"""CVAT's own XML, "CVAT for images 1.1": one file for all images."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

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
from detector.data.splits import role_of, splits_of_folders
from detector.data.xml_lines import XML_ERRORS, parse_xml
from detector.errors import DatasetError

_SHAPES = ("box", "polygon")
_Drawn = tuple[str, Box, str]  # class name, box, place


def is_cvat(listing: Listing) -> bool:
    """Whether a folder has an XML file that starts like CVAT's."""
    return any(map(_starts_like_cvat, listing.with_suffix(".xml")))


def _starts_like_cvat(path: Path) -> bool:
    with path.open("rb") as file:
        return re.search(rb"<annotations[\s>]", file.read(4096)) is not None


def read_cvat_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The boxes, and the boxes around polygons, in CVAT's XML files.

    Raises:
        DatasetError: a file is a video's, whose tracks are between the frames.
    """
    index = ImageIndex(listing.images)
    read: list[tuple[Path, tuple[int, int] | None, list[_Drawn], str]] = []
    for path in filter(_starts_like_cvat, listing.with_suffix(".xml")):
        where = relative_name(path, listing.root)
        try:
            tree, lines = parse_xml(path.read_bytes())
        except XML_ERRORS as error:
            log.add("label files that are not XML, left out", f"{where}: {error}")
            continue
        if tree.find("track") is not None:
            raise DatasetError(f"{path} is CVAT's format for videos; export it as 'CVAT for images 1.1'.")
        for element in tree.iter("image"):
            name = element.get("name", "")
            image = index.find(name, path)
            if image is None:
                log.add(
                    "labelled images whose file is missing, left out", f"{where}:{lines[element]}: {name}"
                )
                continue
            drawn = list(_shapes(element, lines, where, log))
            read.append((image, _size(element), drawn, element.get("subset", "")))
    classes, label_of = merge_names(sorted({name for _, _, drawn, _ in read for name, _, _ in drawn}), log)
    images = [
        RawImage(path, tuple(RawObject(label_of[name], box, place) for name, box, place in drawn), size_wh)
        for path, size_wh, drawn, _ in read
    ]
    splits: dict[str, list[Path]] = {}
    for path, _, _, subset in read:
        if role_of(subset):
            splits.setdefault(subset, []).append(path)
    if splits:
        return build_labels("CVAT", listing.root, classes, images, splits, "subsets", log)
    splits = splits_of_folders(listing.root, [image.path for image in images])
    return build_labels("CVAT", listing.root, classes, images, splits, "folders", log)


def _shapes(
    image: ElementTree.Element, lines: dict[ElementTree.Element, int], where: str, log: FindingLog
) -> Iterator[_Drawn]:
    for element in image:
        place = f"{where}:{lines[element]}"
        if element.tag not in _SHAPES:
            if element.tag not in ("tag", "attribute"):
                log.add("shapes that are neither box nor polygon, dropped", f"{place}: {element.tag}")
            continue
        name = " ".join(element.get("label", "").split())
        box = _box(element) if element.tag == "box" else _bounds(element)
        if not name or box is None:
            log.add("objects without a name or a box, dropped", f"{place}: {name or 'no name'}")
            continue
        yield name, box, place


def _box(element: ElementTree.Element) -> Box | None:
    try:
        left, top, right, bottom = (float(element.get(key, "")) for key in ("xtl", "ytl", "xbr", "ybr"))
        degrees = float(element.get("rotation") or 0)
    except ValueError:
        return None
    if not all(map(math.isfinite, (left, top, right, bottom, degrees))):
        return None
    return bounds_of_rotated((left, top, right, bottom), degrees, ((left + right) / 2, (top + bottom) / 2))


def _bounds(polygon: ElementTree.Element) -> Box | None:
    try:
        points = [tuple(map(float, pair.split(","))) for pair in polygon.get("points", "").split(";")]
        xs, ys = zip(*points, strict=True)
    except ValueError:
        return None
    return (min(xs), min(ys), max(xs), max(ys)) if all(map(math.isfinite, xs + ys)) else None


def _size(image: ElementTree.Element) -> tuple[int, int] | None:
    width, height = image.get("width", ""), image.get("height", "")
    return (
        (int(width), int(height))
        if width.isdigit() and height.isdigit() and int(width) and int(height)
        else None
    )
