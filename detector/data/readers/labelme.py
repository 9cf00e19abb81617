"""labelme's JSON: one file an image, shapes of points in pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from detector.data.findings import Box, FindingLog
from detector.data.image_index import ImageIndex, only_one
from detector.data.listing import Listing
from detector.data.raw_labels import RawLabels, build_labels, relative_name
from detector.data.readers.coco_file import first_character, has_key, read_json
from detector.data.readers.coco_values import number_of, size_of
from detector.data.readers.drawn import Drawn, DrawnImage, certain_images, label_images
from detector.data.readers.shapes import bounds_of_ellipse, bounds_of_written_points
from detector.data.splits import splits_of_folders, splits_of_lists
from detector.errors import DatasetError
from detector.labels import tidy_name

_TWO_CORNERS = ("rectangle", "mask")
_NO_BOX = ("point", "points", "line", "linestrip")


def is_labelme(listing: Listing) -> bool:
    """Whether a folder has a JSON file of labelme's kind."""
    return any(map(_is_of_labelme, listing.with_suffix(".json")))


def _is_of_labelme(path: Path) -> bool:
    return first_character(path) == "{" and has_key(path, ["shapes"]) and has_key(path, ["imagePath"])


def read_labelme_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The shapes of all files; what is not in one of them is left out, and no picture without objects."""
    index = ImageIndex(listing.images, listing.root)
    files = list(filter(_is_of_labelme, listing.with_suffix(".json")))
    found = [(path, _read_file(path, index, listing.root, log)) for path in files]
    read: list[DrawnImage] = []
    for path, image in found:  # all of them are looked up before the first is judged
        read += certain_images([] if image is None else [image], index, path, listing.root, log)
    paths = list(dict.fromkeys(image.path for image in read))
    folders = {path.parent for path in paths}
    for path in sorted(set(listing.images) - set(paths)):
        if path.parent in folders:
            log.add("images without a label file, left out", relative_name(path, listing.root))
    classes, images = label_images(read, log)
    splits, splits_from = splits_of_lists(listing, paths, log)
    if not splits:
        splits, splits_from = splits_of_folders(listing.root, paths), "folders"
    return build_labels("labelme", listing.root, classes, images, splits, splits_from, log)


def _read_file(path: Path, index: ImageIndex, root: Path, log: FindingLog) -> DrawnImage | None:
    where = relative_name(path, root)
    try:
        content = read_json(path, "labels")
    except DatasetError as error:
        log.add("label files that are not JSON, left out", f"{where}: {error}")
        return None
    shapes = content.get("shapes")
    if not isinstance(shapes, list):
        log.add("label files without a list of shapes, left out", where)
        return None
    said = content.get("imagePath")
    named = said if isinstance(said, str) and said.strip() else path.stem
    # Where that path is of another machine, the file is still named after its picture.
    found = index.find_beside(named, path) or index.find_beside(path.stem, path)
    image = only_one(found, f"{where}: {named:.200}", root, log)
    if image is None:
        return None
    drawn: list[Drawn] = []
    for number, shape in enumerate(shapes, start=1):
        drawn += _drawn(shape, f"{where}, shape {number}", log)
    size_wh = size_of({"width": content.get("imageWidth"), "height": content.get("imageHeight")})
    return DrawnImage(image, drawn, len(shapes) - len(drawn), size_wh, where)


def _drawn(shape: object, place: str, log: FindingLog) -> list[Drawn]:
    """The object of a shape; none, and a finding, where it has no name or no box."""
    if not isinstance(shape, dict):
        log.add("objects without a name or a box, dropped", place)
        return []
    kind = shape.get("shape_type") or "polygon"  # as in files of its first versions
    if kind in _NO_BOX:
        log.add("shapes that have no box, dropped", f"{place}: {kind}")
        return []
    name = shape.get("label")
    name = tidy_name(name) if isinstance(name, str) else ""
    box = _bounds(kind, shape)
    if not name or box is None:
        log.add("objects without a name or a box, dropped", f"{place}: {name or 'no name'}")
        return []
    return [Drawn(name, box, place)]


def _bounds(kind: object, shape: Mapping[str, object]) -> Box | None:
    points = shape.get("points")
    if not isinstance(points, list):
        return None
    if kind in _TWO_CORNERS and len(points) == 2:
        return bounds_of_written_points([*points, points[0]])
    if kind == "circle" and len(points) == 2:  # the centre and a point on the edge
        numbers = [number_of(each) for point in points if isinstance(point, list) for each in point]
        if len(numbers) != 4 or None in numbers:
            return None
        x, y, other_x, other_y = (float(number or 0) for number in numbers)
        radius = ((x - other_x) ** 2 + (y - other_y) ** 2) ** 0.5
        return bounds_of_ellipse((x, y), (radius, radius), 0)
    return bounds_of_written_points(points)
