"""CVAT's own XML, "CVAT for images 1.1": one file for all images."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

from detector.data.findings import Box, FindingLog
from detector.data.image_index import ImageIndex, only_one
from detector.data.listing import Listing
from detector.data.raw_labels import RawLabels, build_labels, relative_name
from detector.data.readers.coco_values import numbers_of, size_of
from detector.data.readers.drawn import Drawn, DrawnImage, certain_images, label_images
from detector.data.readers.shapes import bounds_of_ellipse, bounds_of_rotated, bounds_of_written_points
from detector.data.readers.xml_lines import Lines, read_xml, root_tag
from detector.data.split_names import role_of
from detector.data.splits import splits_of_folders
from detector.errors import DatasetError

_NO_OBJECTS = ("tag", "attribute")
_CUBOID = [(f"x{corner}{end}", f"y{corner}{end}") for corner in ("tl", "bl", "tr", "br") for end in "12"]


def is_cvat(listing: Listing) -> bool:
    """Whether a folder has an XML file that is of CVAT's kind."""
    return any(root_tag(path) == "annotations" for path in listing.with_suffix(".xml"))


def read_cvat_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The boxes, and the boxes around other shapes, in CVAT's XML files.

    Raises:
        DatasetError: a file is a video's, whose tracks are between the frames.
    """
    index = ImageIndex(listing.images, listing.root)
    read: list[DrawnImage] = []
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
        found = _images(tree, lines, path, index, listing.root, log)
        read += certain_images(found, index, path, listing.root, log)
    classes, images = label_images(read, log)
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
) -> Iterator[DrawnImage]:
    where = relative_name(path, root)
    tasks = {task.findtext("id"): task.findtext("name") or "" for task in tree.iter("task")}
    for element in tree.iter("image"):
        name, subset = element.get("name", ""), element.get("subset", "").strip()
        task = tasks.get(element.get("task_id"), "") or ("".join(tasks.values()) if len(tasks) == 1 else "")
        found = index.find(name, path, hints=(subset, task), role=role_of(subset))
        image = only_one(found, f"{where}:{lines[element]}: {name}", root, log)
        if image is not None:
            drawn, unread = _shapes(element, lines, where, log)
            size_wh = size_of({key: element.get(key) for key in ("width", "height")})
            yield DrawnImage(image, drawn, unread, size_wh, f"{where}:{lines[element]}", subset)


def _shapes(image: ElementTree.Element, lines: Lines, where: str, log: FindingLog) -> tuple[list[Drawn], int]:
    """The shapes of an image that a box can be put around, and how many others there are."""
    drawn: list[Drawn] = []
    unread = 0
    for element in image:
        if element.tag in _NO_OBJECTS:
            continue
        place = f"{where}:{lines[element]}"
        name = " ".join(element.get("label", "").split())
        bounds = _BOUNDS.get(element.tag)
        box = bounds(element) if bounds else None
        if name and box is not None:
            drawn.append(Drawn(name, box, place))
            continue
        unread += 1
        if bounds is None:
            log.add("shapes that have no box, dropped", f"{place}: {element.tag}")
        else:
            log.add("objects without a name or a box, dropped", f"{place}: {name or 'no name'}")
    return drawn, unread


def _bounds_of_box(element: ElementTree.Element) -> Box | None:
    numbers = numbers_of([*map(element.get, ("xtl", "ytl", "xbr", "ybr")), element.get("rotation") or 0])
    if numbers is None:
        return None
    left, top, right, bottom, degrees = numbers
    return bounds_of_rotated((left, top, right, bottom), degrees, ((left + right) / 2, (top + bottom) / 2))


def _bounds_of_polygon(element: ElementTree.Element) -> Box | None:
    return bounds_of_written_points(pair.split(",") for pair in element.get("points", "").split(";"))


def _bounds_of_mask(element: ElementTree.Element) -> Box | None:
    place = numbers_of(map(element.get, ("left", "top", "width", "height")))
    return None if place is None else (place[0], place[1], place[0] + place[2], place[1] + place[3])


def _bounds_of_ellipse(element: ElementTree.Element) -> Box | None:
    numbers = numbers_of([*map(element.get, ("cx", "cy", "rx", "ry")), element.get("rotation") or 0])
    if numbers is None:
        return None
    return bounds_of_ellipse((numbers[0], numbers[1]), (numbers[2], numbers[3]), numbers[4])


def _bounds_of_cuboid(element: ElementTree.Element) -> Box | None:
    return bounds_of_written_points([element.get(x), element.get(y)] for x, y in _CUBOID)


# Points, lines and skeletons say where something is and not how far it reaches.
_BOUNDS: dict[str, Callable[[ElementTree.Element], Box | None]] = {
    "box": _bounds_of_box,
    "polygon": _bounds_of_polygon,
    "mask": _bounds_of_mask,
    "ellipse": _bounds_of_ellipse,
    "cuboid": _bounds_of_cuboid,
}
