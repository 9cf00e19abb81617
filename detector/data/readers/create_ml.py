"""Create ML's JSON: a list of images, each with its annotations; boxes by their centres, in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.image_index import ImageIndex, only_one
from detector.data.listing import Listing
from detector.data.raw_labels import RawLabels, build_labels, relative_name
from detector.data.readers.coco_file import first_character, has_key, read_json
from detector.data.readers.coco_values import numbers_of
from detector.data.readers.drawn import Drawn, DrawnImage, certain_images, label_images
from detector.data.splits import splits_of_folders
from detector.labels import tidy_name

_IMAGE_KEYS = ("image", "imagefilename", "filename")
_SIDES = ("x", "y", "width", "height")


def is_create_ml(listing: Listing) -> bool:
    """Whether a folder has a JSON file of Create ML's kind."""
    return any(map(_is_of_create_ml, listing.with_suffix(".json")))


def _is_of_create_ml(path: Path) -> bool:
    # Not "coordinates" alone: a file whose pictures have no objects is one, too.
    keys = (_IMAGE_KEYS, ("annotations", "annotation"))
    return (
        first_character(path) == "["
        and not has_key(path, ["from_name", "total_annotations"])
        and all(has_key(path, each) for each in keys)
    )


def read_create_ml_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The images of all files; one with an empty list of annotations is a picture without objects.

    Raises:
        DatasetError: a file is not JSON.
    """
    index = ImageIndex(listing.images, listing.root)
    read: list[DrawnImage] = []
    for path in filter(_is_of_create_ml, listing.with_suffix(".json")):
        read += certain_images(_images(path, index, listing.root, log), index, path, listing.root, log)
    classes, images = label_images(read, log)
    splits = splits_of_folders(listing.root, [image.path for image in images])
    return build_labels("Create ML", listing.root, classes, images, splits, "folders", log)


def _images(path: Path, index: ImageIndex, root: Path, log: FindingLog) -> Iterator[DrawnImage]:
    where = relative_name(path, root)
    for number, entry in enumerate(read_json(path, "labels"), start=1):
        place = f"{where}, image {number}"
        content: Mapping[str, object] = entry if isinstance(entry, dict) else {}
        name = next((value for key in _IMAGE_KEYS if isinstance(value := content.get(key), str)), "")
        listed = content.get("annotations", content.get("annotation"))
        if not name.strip() or not isinstance(listed, list):
            log.add("entries without an image or a list of annotations, left out", place)
            continue
        image = only_one(index.find_beside(name, path), f"{place}: {name:.200}", root, log)
        if image is not None:
            drawn = [
                found
                for count, each in enumerate(listed, start=1)
                if (found := _drawn(each, f"{place}, annotation {count}", log))
            ]
            yield DrawnImage(image, drawn, len(listed) - len(drawn), None, place)


def _drawn(entry: object, place: str, log: FindingLog) -> Drawn | None:
    content: Mapping[str, object] = entry if isinstance(entry, dict) else {}
    label, coordinates = content.get("label"), content.get("coordinates")
    name = tidy_name(label) if isinstance(label, str) else ""
    sides = numbers_of(coordinates.get(key) for key in _SIDES) if isinstance(coordinates, dict) else None
    if not name or sides is None:
        log.add("objects without a name or a box, dropped", f"{place}: {name or 'no name'}")
        return None
    x, y, width, height = sides
    return Drawn(name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), place)
