"""COCO datasets: found in a folder, read and checked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from detector.data.annotations import Annotation
from detector.data.dataset import Dataset, DatasetImage
from detector.data.findings import FRACTIONS, FindingLog, is_fraction
from detector.data.listing import Listing, list_files
from detector.data.raw_labels import merge_names, relative_name
from detector.data.readers.coco_file import CocoFile, note_same_names, read_coco
from detector.data.readers.coco_layout import ImagePlaces, coco_files_in, find_coco_files, images_below
from detector.data.readers.coco_values import MOST_AREA, crowd_of, fault_of, number_of, size_of
from detector.data.readers.masks import box_of
from detector.data.splits import match_split
from detector.errors import DatasetError
from detector.system.files import replacing
from detector.system.tfrecord import RecordPlace

DEFAULT_SPLIT = "val2017"
# COCO's own keys; what else a file says of an image or an object is kept as its metadata.
_IMAGE_KEYS = frozenset(
    ("id", "file_name", "width", "height", "license", "flickr_url", "coco_url", "date_captured", "record")
)
_BOX_KEYS = ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "ignore")
_ANNOTATION_KEYS = frozenset((*_BOX_KEYS, "segmentation", "keypoints", "num_keypoints"))


def load_coco(
    dataset: Path | None = None,
    *,
    annotations: Path | None = None,
    images: Path | None = None,
    split: str | None = None,
    listing: Listing | None = None,
) -> Dataset:
    """The COCO dataset in a folder, or of the files that are named.

    Args:
        dataset: folder of the dataset, or its annotation file.
        annotations: the annotation file, when it is not to be looked for.
        images: the folder of images, when it is not to be looked for.
        split: which annotation file to take; if none is given, that of val2017, val or test, or the only one.
        listing: of the dataset's folder, where it was made already.

    Raises:
        DatasetError: a file or folder is not there, not COCO's format, or has no image.
    """
    if dataset is not None and not dataset.exists():
        raise DatasetError(f"There is no dataset {dataset}.")
    if annotations is None and dataset is None:
        raise DatasetError("Expected a dataset folder, or --annotations and --images.")
    log = FindingLog()
    if listing is None and dataset is not None and dataset.is_dir():
        listing = list_files(dataset)
    name = ""
    if annotations is None and listing is not None:
        annotations, name = _choose_file(listing, split, log)
    path = annotations or dataset or Path()
    content = read_coco(path)
    name = name or path.stem.removeprefix("instances_")
    if images is None:
        paths = ImagePlaces(listing or Listing(path, (path,)), log).find(path, content.names, name)
        if not any(each.is_file() for each in paths):
            raise DatasetError(
                f"The images of {path} were not found in {dataset or path.parent} (looked for "
                f"{content.names[0]}); name their folder with --images."
            )
    elif images.is_dir():
        paths = images_below(images, content.names)
    else:
        raise DatasetError(f"There is no folder of images {images}.")
    return _build(content, paths, log)


def _build(content: CocoFile, paths: Iterable[Path], log: FindingLog) -> Dataset:
    categories, id_of = _categories(content, log)
    paths = list(paths)
    first: dict[Path, int] = {}
    for number, place in enumerate(paths):
        if first.setdefault(place, number) != number and not content.images[number].get("record"):
            log.add("images that the file lists twice, each with objects of its own", place.name)
    images = tuple(
        DatasetImage(
            id_,
            place,
            size_of(entry),
            _record_of(entry, name, content.path),
            metadata=metadata_of(entry, _IMAGE_KEYS),
            text_id=content.image_texts.get(id_),
        )
        for id_, entry, name, place in zip(
            content.image_ids, content.images, content.names, paths, strict=True
        )
    )
    annotations = _in_pixels(list(_annotations(content, id_of)), images, content.path, log)
    return Dataset(
        source=content.path,
        images=images,
        annotations=tuple(annotations),
        categories=categories,
        split=content.path.stem.removeprefix("instances_"),
        origin=str(content.images[0].get("coco_url", "")),
        findings=log.findings,
    )


def metadata_of(entry: dict[str, object], known: frozenset[str]) -> dict[str, object]:
    """What an entry says beyond COCO's own keys: tags, attributes, anything."""
    return {key: value for key, value in entry.items() if key not in known}


def _record_of(entry: dict[str, object], name: str, path: Path) -> RecordPlace | None:
    """Where in a TFRecord file the image lies, if ``save_coco`` wrote that it lies in one."""
    record = entry.get("record")
    if record is None:
        return None
    known = record if isinstance(record, dict) else {}
    offset, length = known.get("offset"), known.get("length")
    if not isinstance(offset, int) or not isinstance(length, int):
        raise DatasetError(f"{path}: the image {name} has the record {record}; expected offset and length.")
    return RecordPlace(offset, length, str(known.get("file_name", name)))


def _choose_file(listing: Listing, split: str | None, log: FindingLog) -> tuple[Path, str]:
    """The annotation file of a folder and the name of its split: the one asked for, val2017, val, test or the
    only one."""
    root = listing.root
    if not coco_files_in(listing):
        if len(only := listing.with_suffix(".json")) == 1:  # reading it says what is wrong with it
            return only[0], ""
        raise DatasetError(
            f"{root} has no COCO annotation file (expected annotations/instances_{split or DEFAULT_SPLIT}"
            ".json or the like); name it with --annotations."
        )
    files = find_coco_files(listing, log)
    names = [split] if split else [DEFAULT_SPLIT, "val", "test"]
    name = next((known for each in names if (known := match_split(files, each))), None)
    listed = ", ".join(relative_name(path, root) for paths in files.values() for path in paths)
    if name is None and split:
        raise DatasetError(f"{root} has no annotations of the split {split}, only {listed}.")
    if name is None and len(files) > 1:
        raise DatasetError(f"{root} has several annotation files ({listed}); name one with --annotations.")
    chosen = files[name or next(iter(files))]
    if len(chosen) > 1:
        listed = " and ".join(relative_name(path, root) for path in chosen)
        raise DatasetError(
            f"{root} has several annotation files of one split ({listed}); name one with --annotations."
        )
    return chosen[0], name or chosen[0].stem


def _categories(content: CocoFile, log: FindingLog) -> tuple[dict[int, str], dict[int, int]]:
    """The categories, and the id that stands for each: of those whose names are merged, that of the first."""
    for name in content.group:
        log.add("categories without objects above all others, left out", repr(name))
    note_same_names(content, log)
    classes, label_of = merge_names(content.categories.values(), log)
    first: dict[int, int] = {}
    id_of = {id_: first.setdefault(label_of[name], id_) for id_, name in content.categories.items()}
    return {id_: classes[label] for label, id_ in first.items()}, id_of


def _annotations(content: CocoFile, id_of: dict[int, int]) -> Iterable[Annotation]:
    """The annotations with everything that the COCO evaluation needs filled in; the originals stay."""
    path, images = content.path, set(content.image_ids)
    for number, entry in enumerate(content.annotations, start=1):
        fault = fault_of(entry, content.categories, images)
        if fault or not isinstance(entry, dict):
            raise DatasetError(f"{path}: annotation {number} has the unknown {fault}.")
        box = box_of(entry)
        if box is None:
            raise DatasetError(
                f"{path}: annotation {number} has the bbox {entry.get('bbox')!r:.50}; expected x, y, width, "
                "height, or a segmentation."
            )
        area = number_of(entry.get("area"), MOST_AREA)
        if area is None and entry.get("area") is not None:
            raise DatasetError(
                f"{path}: annotation {number} has the area {entry['area']!r:.50}; expected a number."
            )
        annotation: Annotation = {
            "id": number,
            "image_id": entry["image_id"],
            "category_id": id_of[entry["category_id"]],
            "bbox": box,
            "area": area if area is not None else float(box[2] * box[3]),
            "iscrowd": crowd_of(entry),
        }
        if extras := metadata_of(entry, _ANNOTATION_KEYS):
            annotation["metadata"] = extras
        yield annotation


def _in_pixels(
    annotations: list[Annotation], images: Iterable[DatasetImage], path: Path, log: FindingLog
) -> list[Annotation]:
    """The annotations with boxes that are fractions of their images multiplied by the sizes in the file."""
    sizes = {image.id: image.size_wh for image in images}
    fractions = [entry for entry in annotations if is_fraction(entry["bbox"])]
    if not fractions or 2 * len(fractions) < len(annotations):
        return annotations
    for number, entry in enumerate(annotations, start=1):
        size_wh = sizes[entry["image_id"]]
        if size_wh is None:
            raise DatasetError(
                f"{path}: the boxes are fractions of their images, whose sizes the file does not say; "
                "expected pixels. Let `ssdlite data check --fix OUT` write a repaired copy."
            )
        if is_fraction(entry["bbox"]) and min(size_wh) > 10:
            log.add(FRACTIONS, f"{path.name}, annotation {number}")
            x, y, width, height = entry["bbox"]
            box = [x * size_wh[0], y * size_wh[1], width * size_wh[0], height * size_wh[1]]
            entry["bbox"], entry["area"] = box, box[2] * box[3]
    return annotations


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
    # Other readers of COCO's files expect a segmentation, if only an empty one.
    annotations = [{"segmentation": [], **annotation} for annotation in dataset.annotations]
    content = {"images": images, "annotations": annotations, "categories": categories}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content))


def _named_size(size_wh: tuple[int, int] | None) -> dict[str, int]:
    return {} if size_wh is None else dict(zip(("width", "height"), size_wh, strict=True))


def _named_record(record: RecordPlace | None) -> dict[str, object]:
    if record is None:
        return {}
    return {"record": {"offset": record.offset, "length": record.length, "file_name": record.name}}
