"""COCO datasets: found in a folder, read and checked."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from detector.data.dataset import Dataset, DatasetImage
from detector.data.tfrecord import RecordPlace
from detector.errors import DatasetError
from detector.files import replacing

DEFAULT_SPLIT = "val2017"
# COCO's own keys; what else a file says of an image or an object is kept as its metadata.
_IMAGE_KEYS = frozenset(
    ("id", "file_name", "width", "height", "license", "flickr_url", "coco_url", "date_captured", "record")
)
_BOX_KEYS = ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "ignore")
_ANNOTATION_KEYS = frozenset((*_BOX_KEYS, "segmentation", "keypoints", "num_keypoints"))
_IMAGE_FOLDERS = (
    "",
    "images",
    "{split}",
    "images/{split}",
    "{split}/images",
    "{split}2017",
    "images/{split}2017",
)


def load_coco(
    dataset: Path | None = None,
    *,
    annotations: Path | None = None,
    images: Path | None = None,
    split: str | None = None,
) -> Dataset:
    """The COCO dataset in a folder, or of the files that are named.

    Args:
        dataset: folder of the dataset, or its annotation file.
        annotations: the annotation file, when it is not to be looked for.
        images: the folder of images, when it is not to be looked for.
        split: which annotation file to take; if none is given, that of val2017, or the only one.

    Raises:
        DatasetError: a file or folder is not there, not COCO's format, or has no image.
    """
    if dataset is not None and not dataset.exists():
        raise DatasetError(f"There is no dataset {dataset}.")
    if annotations is None:
        if dataset is None:
            raise DatasetError("Expected a dataset folder, or --annotations and --images.")
        annotations = dataset if dataset.is_file() else _find_annotations(dataset, split)
    content = read_coco(annotations)
    _require(
        annotations,
        "annotations",
        content["annotations"],
        {"image_id": int, "category_id": int, "bbox": list},
    )
    folder = dataset if dataset is not None and dataset.is_dir() else annotations.parent
    names = [str(entry["file_name"]) for entry in content["images"]]
    root = images if images is not None else find_image_folder(folder, annotations, names, split)
    if not root.is_dir():
        raise DatasetError(f"There is no folder of images {root}.")
    return Dataset(
        source=annotations,
        images=tuple(
            DatasetImage(
                entry["id"],
                image_path(root, name),
                size_of(entry),
                _record_of(entry, name, annotations),
                metadata=metadata_of(entry, _IMAGE_KEYS),
            )
            for entry, name in zip(content["images"], names, strict=True)
        ),
        annotations=tuple(_annotations(content, annotations)),
        categories={category["id"]: str(category["name"]) for category in content["categories"]},
        split=annotations.stem.removeprefix("instances_"),
        origin=str(content["images"][0].get("coco_url", "")),
    )


def image_path(root: Path, name: str) -> Path:
    """The file of an image; some tools export whole paths, of which only the last part is of use."""
    path = root / name
    return path if path.exists() else root / name.replace("\\", "/").rsplit("/", 1)[-1]


def size_of(entry: dict[str, Any]) -> tuple[int, int] | None:
    """Width and height of an entry of ``images``, or None where they are no sizes."""
    width, height = entry.get("width"), entry.get("height")
    return (
        (width, height) if isinstance(width, int) and isinstance(height, int) and width and height else None
    )


def metadata_of(entry: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """What an entry says beyond COCO's own keys: tags, attributes, anything."""
    return {key: value for key, value in entry.items() if key not in known}


def _record_of(entry: dict[str, Any], name: str, path: Path) -> RecordPlace | None:
    """Where in a TFRecord file the image lies, if ``save_coco`` wrote that it lies in one."""
    record = entry.get("record")
    if record is None:
        return None
    offset, length = map(record.get, ("offset", "length")) if isinstance(record, dict) else (None, None)
    if not isinstance(offset, int) or not isinstance(length, int):
        raise DatasetError(f"{path}: the image {name} has the record {record}; expected offset and length.")
    return RecordPlace(offset, length, str(record.get("file_name", name)))


def _find_annotations(folder: Path, split: str | None) -> Path:
    """The annotation file of a folder: by COCO's name for the split, by a common name, or the only one."""
    wanted = split or DEFAULT_SPLIT
    patterns = ("*.json", "*/*.json", "*/*/*.json")
    files = sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
    for name in (f"instances_{wanted}.json", f"{wanted}.json"):
        if found := [path for path in files if path.name == name]:
            return found[0]
    # Roboflow gives every split a file of the same name in a folder of its own.
    exports = [path for path in files if path.name == "_annotations.coco.json"]
    for path in exports:
        if path.parent.name.startswith(wanted[:3]):
            return path
    common = [path for path in files if path.name == "instances.json"]
    likely = exports or common or [path for path in files if looks_like_coco(path)]
    listing = ", ".join(str(path.relative_to(folder)) for path in likely[:5])
    if not likely:
        raise DatasetError(
            f"{folder} has no COCO annotation file (expected annotations/instances_{wanted}.json or the "
            "like); name it with --annotations."
        )
    if split:
        raise DatasetError(f"{folder} has no annotations of the split {split}, only {listing}.")
    if len(likely) > 1:
        raise DatasetError(f"{folder} has several annotation files ({listing}); name one with --annotations.")
    return likely[0]


def looks_like_coco(path: Path) -> bool:
    """Whether the start or the end of a file has one of the keys that COCO's have."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        head += file.read()
    return any(key in head for key in (b'"annotations"', b'"images"', b'"categories"'))


def find_image_folder(folder: Path, annotations: Path, names: list[str], split: str | None) -> Path:
    """The folder in which the first image lies.

    Raises:
        DatasetError: it is in none of the usual places.
    """
    own = annotations.stem.removeprefix("instances_")
    for base in (annotations.parent, folder, annotations.parent.parent):
        for pattern in _IMAGE_FOLDERS:
            for name in dict.fromkeys((own, split or DEFAULT_SPLIT)):
                root = base / pattern.format(split=name)
                if image_path(root, names[0]).is_file():
                    return root
    raise DatasetError(
        f"The images of {annotations} were not found in {folder} (looked for {names[0]}); "
        "name their folder with --images."
    )


def read_json(path: Path, what: str) -> Any:
    """The content of a JSON file; ``what`` is what an error calls it.

    Raises:
        DatasetError: no such file, or not JSON.
    """
    try:
        with path.open("rb") as file:
            return json.load(file)
    except OSError as error:
        raise DatasetError(f"Cannot read the {what} {path} ({error.strerror}).") from error
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON ({error}).") from error
    except RecursionError as error:
        raise DatasetError(f"{path} is not JSON that can be read: it is nested too deeply.") from error


def read_coco(path: Path) -> dict[str, Any]:
    """The content of an annotation file; its lists, images and categories are checked, annotations not.

    Raises:
        DatasetError: no such file, not COCO's format, or no image in it.
    """
    content = read_json(path, "annotations")
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
    ):
        raise DatasetError(f"{path} is not COCO JSON: expected the lists images, annotations and categories.")
    if not content["images"]:
        raise DatasetError(f"{path} lists no image.")
    _require(path, "images", content["images"], {"id": int, "file_name": str})
    _require(path, "categories", content["categories"], {"id": int, "name": str})
    for what in ("images", "categories"):
        repeated = [
            id_ for id_, count in Counter(entry["id"] for entry in content[what]).items() if count > 1
        ]
        if repeated:
            raise DatasetError(f"{path}: the list {what} has the id {repeated[0]} twice.")
    return content


def _require(path: Path, what: str, entries: list[Any], keys: dict[str, type]) -> None:
    for number, entry in enumerate(entries):
        for key, kind in keys.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):
                raise DatasetError(
                    f"{path} is not COCO JSON: entry {number} of {what} has no {key} of type {kind.__name__}."
                )


def _annotations(content: dict[str, Any], path: Path) -> Iterable[dict[str, Any]]:
    """The annotations with everything that the COCO evaluation needs filled in; the originals stay."""
    images = {entry["id"] for entry in content["images"]}
    categories = {entry["id"] for entry in content["categories"]}
    for number, entry in enumerate(content["annotations"], start=1):
        box = entry["bbox"]
        if not is_box(box):
            raise DatasetError(
                f"{path}: annotation {number} has the bbox {box}; expected x, y, width, height."
            )
        for key, known in (("image_id", images), ("category_id", categories)):
            if entry[key] not in known:
                raise DatasetError(f"{path}: annotation {number} has the unknown {key} {entry[key]}.")
        yield {
            "id": number,
            "image_id": entry["image_id"],
            "category_id": entry["category_id"],
            "bbox": box,
            "area": _number(entry, "area", box[2] * box[3], number, path),
            "iscrowd": int(_number(entry, "iscrowd", 0, number, path)),
            **({"metadata": extras} if (extras := metadata_of(entry, _ANNOTATION_KEYS)) else {}),
        }


def _number(entry: dict[str, Any], key: str, default: float, number: int, path: Path) -> float:
    """The value of an annotation's key; absent and null are the default."""
    value = entry.get(key)
    if value is None:
        return default
    if not is_number(value):
        raise DatasetError(f"{path}: annotation {number} has the {key} {value!r}; expected a number.")
    return float(value)


def is_box(value: object) -> bool:
    """Whether a JSON value is a list of four finite numbers."""
    return isinstance(value, list) and len(value) == 4 and all(is_number(number) for number in value)


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def save_coco(dataset: Dataset, path: Path) -> None:
    """Write a dataset as a COCO JSON file that ``load_coco`` reads, its images named by their whole paths.

    An image in a TFRecord file is named by that file, and ``record`` says where in it: ``offset``, ``length``
    and the image's own ``file_name``.

    Raises:
        DetectorError: the folder cannot be written to, or the disk is full.
    """
    images = [
        {"id": image.id, "file_name": str(image.path.absolute()), **_named_size(image.size_wh)}
        | _named_record(image.record)
        for image in dataset.images
    ]
    categories = [{"id": id_, "name": name} for id_, name in dataset.categories.items()]
    content = {"images": images, "annotations": list(dataset.annotations), "categories": categories}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content))


def _named_size(size_wh: tuple[int, int] | None) -> dict[str, int]:
    return {} if size_wh is None else dict(zip(("width", "height"), size_wh, strict=True))


def _named_record(record: RecordPlace | None) -> dict[str, Any]:
    if record is None:
        return {}
    return {"record": {"offset": record.offset, "length": record.length, "file_name": record.name}}
