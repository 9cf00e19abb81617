"""Folders of TFRecord files with an index, from which any image can be read on its own.

The files are for TensorFlow's readers as much as for this package. The index, ``records.json``, says where
each image lies, and holds the annotations, so that no record has to be read to know the dataset.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.data.dataset import Dataset, DatasetImage
from detector.data.findings import Finding
from detector.data.readers.coco_values import MOST_AREA, fault_of, is_box, is_number
from detector.data.split_names import role_of
from detector.errors import DatasetError
from detector.system.reading import parsing, read_head, read_whole
from detector.system.tfrecord import HEAD_BYTES, WRITE_AGAIN, RecordPlace

INDEX = "records.json"
_FORMAT = "ssdlite records"
_VERSION = 1
_MOST_BYTES = 1 << 31  # of the index; a million images take a tenth of it
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Records:
    """What a folder of records holds.

    Attributes:
        splits: ``train``, ``val`` and maybe ``test``; the images have places in the TFRecord files.
        split_note: where the split came from when the records were written.
        findings: what was wrong or worth knowing then.
    """

    splits: dict[str, Dataset]
    split_note: str
    findings: tuple[Finding, ...]


def is_records(root: Path) -> bool:
    """Whether this is a folder of records, or its index."""
    return f'"{_FORMAT}"'.encode() in read_head(_index_of(root), 100)


def save_index(
    folder: Path,
    classes: Sequence[str],
    splits: Mapping[str, Mapping[str, object]],
    split_note: str,
    findings: Sequence[Finding],
) -> None:
    """Write the index of a folder of records.

    Args:
        folder: where the TFRecord files lie.
        classes: class names; category ids count from 1.
        splits: of each split ``shards`` (file_name, bytes), ``images`` (id, shard as number, offset and
            length of the Example, width, height, file_name, format) and ``annotations`` as COCO has them.
        split_note: where the split came from.
        findings: what is wrong or worth knowing.
    """
    content = {
        "format": _FORMAT,  # first, so that the start of the file says what it is
        "version": _VERSION,
        "classes": list(classes),
        "split_note": split_note,
        "findings": [
            {"kind": finding.kind, "count": finding.count, "example": finding.example} for finding in findings
        ],
        "splits": splits,
    }
    (folder / INDEX).write_text(json.dumps(content), "utf-8")


def load_records(root: Path) -> Records:
    """The datasets in a folder of records.

    Args:
        root: the folder, or the index in it.

    Raises:
        DatasetError: the index is damaged or of another version, or a TFRecord file is missing or has
            another size than when it was written.
    """
    path = _index_of(root)
    with parsing(f"The index {path} is damaged or cut short; {WRITE_AGAIN}", DatasetError):
        content = json.loads(read_whole(path, _MOST_BYTES, DatasetError))
        if content["version"] != _VERSION:
            raise DatasetError(
                f"{path} is of version {content['version']!s:.20}, this ssdlite reads version {_VERSION}; "
                f"{WRITE_AGAIN}."
            )
        categories = dict(enumerate(map(str, content["classes"]), start=1))
        splits = {
            str(name): _build_split(root, path.parent, name, split, categories)
            for name, split in content["splits"].items()
        }
        if not {"train", "val"} <= splits.keys():
            raise ValueError("train or val is missing")
        findings = tuple(Finding(**finding) for finding in content["findings"])
        return Records(splits, str(content["split_note"]), findings)


def load_records_split(root: Path, split: str | None) -> Dataset:
    """One split of a folder of records; see ``load_records``.

    Args:
        root: the folder, or the index in it.
        split: its name; default: val.

    Raises:
        DatasetError: there is no such split, or the records are damaged.
    """
    splits = load_records(root).splits
    name = "val" if split is None else role_of(split)
    if name not in splits:
        raise DatasetError(f"{root} has no split {split!r}; it has {', '.join(splits)}.")
    return splits[name]


def _build_split(
    root: Path, folder: Path, split: str, content: Mapping[str, Any], categories: dict[int, str]
) -> Dataset:
    found = (_find_shard(folder, shard["file_name"], shard["bytes"]) for shard in content["shards"])
    shards = dict(enumerate(found))  # a negative number is none of them
    images = tuple(
        DatasetImage(
            _whole(entry["id"], -_LARGEST),
            shards[entry["shard"]],
            (_whole(entry["width"]), _whole(entry["height"])),
            _place(entry),
        )
        for entry in content["images"]
    )
    ids = {image.id for image in images}
    if len(ids) != len(images):
        raise ValueError("two images have one id")
    annotations = tuple(content["annotations"])
    for each in annotations:
        if (fault := fault_of(each, categories, ids)) is not None:
            raise ValueError(f"an annotation has the {fault}")
        if (
            not is_box(each["bbox"])
            or not is_number(each["area"], MOST_AREA)
            or each["iscrowd"] not in (0, 1)
        ):
            raise ValueError("an annotation has values that are none of its kind")
    return Dataset(root, images, annotations, categories, split)


def _place(entry: Mapping[str, object]) -> RecordPlace:
    return RecordPlace(_whole(entry["offset"], HEAD_BYTES), _whole(entry["length"]), str(entry["file_name"]))


def _whole(value: object, least: int = 1) -> int:
    """A whole number as it is; ValueError for anything else, and for one that no file needs."""
    if type(value) is not int or not least <= value <= _LARGEST:
        raise ValueError(f"{value!r:.40} where a whole number from {least} on belongs")
    return value


def _find_shard(folder: Path, file_name: str, size: int) -> Path:
    """The TFRecord file of that name beside the index, which has so many bytes."""
    path = folder / Path(file_name).name
    if path.name != file_name:
        raise ValueError(f"{file_name!r:.40} is no name of a file beside the index")
    try:
        found = path.stat().st_size
    except OSError as error:
        raise DatasetError(f"Cannot read the records {path} ({error.strerror}); {WRITE_AGAIN}.") from error
    if found != size:
        raise DatasetError(
            f"{path} was changed or cut short: it has {found:,} bytes, its index says {size:,}; "
            f"{WRITE_AGAIN}."
        )
    return path


def _index_of(root: Path) -> Path:
    return root if root.name == INDEX else root / INDEX
