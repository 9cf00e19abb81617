"""Pascal VOC: one XML file an image."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from detector.data.findings import Box, FindingLog
from detector.data.listing import Listing
from detector.data.raw_labels import RawImage, RawLabels, build_labels, merge_names, relative_name
from detector.data.readers.coco_values import numbers_of, size_of
from detector.data.readers.drawn import Drawn, label
from detector.data.readers.shapes import bounds_of_rotated, bounds_of_written_points
from detector.data.readers.voc_images import VocFile, match_images
from detector.data.readers.xml_lines import read_xml, root_tag
from detector.data.splits import splits_of_folders, splits_of_lists
from detector.errors import DatasetError
from detector.system.progress import bars_hidden


def is_voc(listing: Listing) -> bool:
    """Whether a folder has an XML file that is of Pascal VOC's kind."""
    return any(root_tag(path) == "annotation" for path in listing.with_suffix(".xml"))


def read_voc_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The labels in the XML files of a folder and of the folders in it."""
    read: list[VocFile] = []
    for path in tqdm(
        listing.with_suffix(".xml"), desc="reading labels", unit="file", disable=bars_hidden(), leave=False
    ):
        if (file := _read_file(path, listing.root, log)) is not None:
            read.append(file)
    files = match_images(read, listing, log)
    classes, label_of = _classes([file for file, _ in files], log)
    images = [
        RawImage(image, label(file.objects, label_of), file.size_wh, unread=file.unread)
        for file, image in files
    ]
    paths = list(dict.fromkeys(image for _, image in files))
    folders = {image.parent for image in paths}
    for image in sorted(set(listing.images) - set(paths)):
        if image.parent in folders:
            log.add("images without a label file, left out", relative_name(image, listing.root))
    splits, splits_from = splits_of_lists(listing, paths, log)
    if not splits:
        splits, splits_from = splits_of_folders(listing.root, paths), "folders"
    if not splits:
        splits, splits_from = _splits_of_label_folders(listing.root, files), "folders of label files"
    return build_labels("Pascal VOC", listing.root, classes, images, splits, splits_from, log)


def _splits_of_label_folders(root: Path, files: Sequence[tuple[VocFile, Path]]) -> dict[str, list[Path]]:
    """The images by the split that the folder of their label file is called like."""
    image_of = {file.path: image for file, image in files}
    splits = splits_of_folders(root, list(image_of))
    return {name: [image_of[path] for path in paths] for name, paths in splits.items()}


def _classes(files: Sequence[VocFile], log: FindingLog) -> tuple[tuple[str, ...], dict[str, int]]:
    """The names that occur, sorted, in their most frequent spelling; and the label of every spelling."""
    times = Counter(each.name for file in files for each in file.objects)
    merged, place_of = merge_names(sorted(times, key=lambda name: (-times[name], name)), log)
    classes = tuple(sorted(merged))
    return classes, {name: classes.index(merged[place]) for name, place in place_of.items()}


def _read_file(path: Path, root: Path, log: FindingLog) -> VocFile | None:
    where = relative_name(path, root)
    try:
        tree, lines = read_xml(path)
    except DatasetError as error:
        log.add("label files that are not XML, left out", f"{where}: {error}")
        return None
    if tree.tag != "annotation":
        return None
    objects: list[Drawn] = []
    unread = 0
    for number, element in enumerate(tree.iter("object"), start=1):
        if (element.findtext("deleted") or "").strip() == "1":  # LabelMe keeps what was taken away
            continue
        found = list(_objects(element, f"{where}:{lines[element]}, object {number}", log))
        objects += found
        unread += not found
    filename, folder = ((tree.findtext(key) or "").strip() for key in ("filename", "folder"))
    size_wh = size_of({key: tree.findtext(f"size/{key}") for key in ("width", "height")})
    return VocFile(path, filename, folder, size_wh, objects, unread)


def _objects(element: ElementTree.Element, place: str, log: FindingLog) -> list[Drawn]:
    """What an element describes: one object, or as many as it has names and boxes."""
    names = [name for each in element.findall("name") if (name := " ".join((each.text or "").split()))]
    elements = element.findall("bndbox")
    read = [_box(each) for each in elements] or [_bounds_of_shape(element)]
    boxes = [box for box in read if box is not None]
    for _ in range(len(read) - len(boxes) if names and boxes else int(not names or not boxes)):
        log.add("objects without a name or a box, dropped", f"{place}: {', '.join(names) or 'no name'}")
    if len(names) > 1 or len(boxes) > 1:
        log.add("objects with several names or boxes, each of them read", place)
    if boxes and not elements:
        log.add("objects without a box, for which that around their shape is taken", place)
    iscrowd = int((element.findtext("difficult") or "").strip().lower() in ("1", "true"))
    return [Drawn(name, box, place, iscrowd) for name in dict.fromkeys(names) for box in boxes]


def _box(element: ElementTree.Element) -> Box | None:
    corners = numbers_of(map(element.findtext, ("xmin", "ymin", "xmax", "ymax")))
    return None if corners is None else (corners[0], corners[1], corners[2], corners[3])


def _bounds_of_shape(element: ElementTree.Element) -> Box | None:
    """The box around a polygon, in either of the ways it is written, or a turned box (roLabelImg's)."""
    if (turned := element.find("robndbox")) is not None:
        if (numbers := numbers_of(map(turned.findtext, ("cx", "cy", "w", "h", "angle")))) is None:
            return None
        x, y, width, height, angle = numbers
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return bounds_of_rotated(box, math.degrees(angle), (x, y))
    if (polygon := element.find("polygon")) is None:
        return None
    if points := polygon.findall("pt"):
        return bounds_of_written_points([each.findtext("x"), each.findtext("y")] for each in points)
    count = sum(each.tag[:1] == "x" and each.tag[1:].isascii() for each in polygon)
    return bounds_of_written_points(
        [polygon.findtext(f"x{number}"), polygon.findtext(f"y{number}")] for number in range(1, count + 1)
    )
