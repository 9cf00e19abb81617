"""CVAT's own XML, "CVAT for images 1.1": one file for all images."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from detector.data.findings import Box, FindingLog
from detector.data.image_index import ImageIndex, note_doubtful, only_one
from detector.data.listing import Listing
from detector.data.raw_labels import (
    RawImage,
    RawLabels,
    RawObject,
    build_labels,
    merge_names,
    relative_name,
)
from detector.data.readers.coco_values import number_of, size_of
from detector.data.readers.masks import bounds_of_ellipse, bounds_of_points
from detector.data.readers.rotation import bounds_of_rotated
from detector.data.readers.xml_lines import Lines, read_xml, root_tag
from detector.data.split_names import role_of
from detector.data.splits import splits_of_folders
from detector.errors import DatasetError

_NO_OBJECTS = ("tag", "attribute")
_CUBOID = [f"{side}{corner}{end}" for side in "xy" for corner in ("tl", "bl", "tr", "br") for end in "12"]


@dataclass(frozen=True)
class _Drawn:
    name: str
    box: Box
    where: str


@dataclass(frozen=True)
class _Image:
    path: Path
    size_wh: tuple[int, int] | None
    drawn: list[_Drawn]
    unread: int
    subset: str
    where: str


def is_cvat(listing: Listing) -> bool:
    """Whether a folder has an XML file that is of CVAT's kind."""
    return any(root_tag(path) == "annotations" for path in listing.with_suffix(".xml"))


def read_cvat_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The boxes, and the boxes around other shapes, in CVAT's XML files.

    Raises:
        DatasetError: a file is a video's, whose tracks are between the frames.
    """
    index = ImageIndex(listing.images, listing.root)
    read: list[_Image] = []
    for path in listing.with_suffix(".xml"):
        if root_tag(path) != "annotations":
            continue
        try:
            tree, lines = read_xml(path)
        except DatasetError as error:
            example = f"{relative_name(path, listing.root)}: {error}"
            log.add("label files that are not XML, left out", example)
            continue
        if tree.find("track") is not None:
            raise DatasetError(f"{path} is CVAT's format for videos; export it as 'CVAT for images 1.1'.")
        for image in list(_images(tree, lines, path, index, listing.root, log)):
            if index.is_doubtful(image.path, path):
                note_doubtful(image.where, image.path, listing.root, log)
            else:
                read.append(image)
    classes, label_of = merge_names(sorted({each.name for image in read for each in image.drawn}), log)
    images = [
        RawImage(
            image.path,
            tuple(RawObject(label_of[each.name], each.box, each.where) for each in image.drawn),
            image.size_wh,
            unread=image.unread,
        )
        for image in read
    ]
    splits: dict[str, list[Path]] = {}
    for image in read:
        if role_of(image.subset):
            splits.setdefault(image.subset, []).append(image.path)
    splits_from = "subsets" if splits else "folders"
    others = [image.path for image in read if not role_of(image.subset)]
    for folder, paths in splits_of_folders(listing.root, others).items():
        known = next((subset for subset in splits if role_of(subset) == role_of(folder)), folder)
        splits.setdefault(known, []).extend(paths)
    return build_labels("CVAT", listing.root, classes, images, splits, splits_from, log)


def _images(
    tree: ElementTree.Element, lines: Lines, path: Path, index: ImageIndex, root: Path, log: FindingLog
) -> Iterator[_Image]:
    where = relative_name(path, root)
    tasks = {task.findtext("id"): task.findtext("name") or "" for task in tree.iter("task")}
    for element in tree.iter("image"):
        name, subset = element.get("name", ""), element.get("subset", "").strip()
        task = tasks.get(element.get("task_id"), "") or ("".join(tasks.values()) if len(tasks) == 1 else "")
        found = index.find(name, path, hints=(subset, task), role=role_of(subset))
        missing = "labelled images whose file is missing, left out"
        image = only_one(found, f"{where}:{lines[element]}: {name}", missing, root, log)
        if image is not None:
            drawn, unread = _shapes(element, lines, where, log)
            size_wh = size_of({key: element.get(key) for key in ("width", "height")})
            yield _Image(image, size_wh, drawn, unread, subset, f"{where}:{lines[element]}")


def _shapes(
    image: ElementTree.Element, lines: Lines, where: str, log: FindingLog
) -> tuple[list[_Drawn], int]:
    """The shapes of an image that a box can be put around, and how many others there are."""
    drawn: list[_Drawn] = []
    unread = 0
    for element in image:
        if element.tag in _NO_OBJECTS:
            continue
        place = f"{where}:{lines[element]}"
        name = " ".join(element.get("label", "").split())
        bounds = _BOUNDS.get(element.tag)
        box = bounds(element) if bounds else None
        if name and box is not None:
            drawn.append(_Drawn(name, box, place))
            continue
        unread += 1
        if bounds is None:
            log.add("shapes that have no box, dropped", f"{place}: {element.tag}")
        else:
            log.add("objects without a name or a box, dropped", f"{place}: {name or 'no name'}")
    return drawn, unread


def _numbers(element: ElementTree.Element, *keys: str) -> list[float] | None:
    numbers = [number_of(element.get(key)) for key in keys]
    return None if None in numbers else [number for number in numbers if number is not None]


def _bounds_of_box(element: ElementTree.Element) -> Box | None:
    corners, degrees = _numbers(element, "xtl", "ytl", "xbr", "ybr"), number_of(element.get("rotation") or 0)
    if corners is None or degrees is None:
        return None
    left, top, right, bottom = corners
    return bounds_of_rotated((left, top, right, bottom), degrees, ((left + right) / 2, (top + bottom) / 2))


def _bounds_of_polygon(element: ElementTree.Element) -> Box | None:
    points = [
        [number_of(number) for number in pair.split(",")] for pair in element.get("points", "").split(";")
    ]
    read = [
        (x, y) for x, y in (point for point in points if len(point) == 2) if x is not None and y is not None
    ]
    return bounds_of_points(read) if len(read) == len(points) else None


def _bounds_of_mask(element: ElementTree.Element) -> Box | None:
    place = _numbers(element, "left", "top", "width", "height")
    return None if place is None else (place[0], place[1], place[0] + place[2], place[1] + place[3])


def _bounds_of_ellipse(element: ElementTree.Element) -> Box | None:
    numbers, degrees = _numbers(element, "cx", "cy", "rx", "ry"), number_of(element.get("rotation") or 0)
    if numbers is None or degrees is None:
        return None
    return bounds_of_ellipse((numbers[0], numbers[1]), (numbers[2], numbers[3]), degrees)


def _bounds_of_cuboid(element: ElementTree.Element) -> Box | None:
    numbers = _numbers(element, *_CUBOID)
    return None if numbers is None else bounds_of_points(list(zip(numbers[:8], numbers[8:], strict=True)))


# Points, lines and skeletons say where something is and not how far it reaches.
_BOUNDS: dict[str, Callable[[ElementTree.Element], Box | None]] = {
    "box": _bounds_of_box,
    "polygon": _bounds_of_polygon,
    "mask": _bounds_of_mask,
    "ellipse": _bounds_of_ellipse,
    "cuboid": _bounds_of_cuboid,
}
