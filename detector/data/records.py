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
from detector.data.split_names import role_of
from detector.data.tfrecord import WRITE_AGAIN, RecordPlace
from detector.errors import DatasetError

INDEX = "records.json"
_FORMAT = "ssdlite records"
_VERSION = 1


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
    try:
        with _index_of(root).open("rb") as file:
            return f'"{_FORMAT}"'.encode() in file.read(100)
    except OSError:
        return False


def save_index(
    folder: Path,
    classes: Sequence[str],
    splits: Mapping[str, Mapping[str, Any]],
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
    try:
        content = json.loads(path.read_bytes())
        version = content["version"]
    except OSError as error:
        raise DatasetError(f"Cannot read the index {path} ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    if version != _VERSION:
        raise DatasetError(
            f"{path} is of version {version}, this ssdlite reads version {_VERSION}; {WRITE_AGAIN}."
        )
    try:
        categories = {number: str(name) for number, name in enumerate(content["classes"], start=1)}
        splits = {
            str(name): _build_split(root, path.parent, name, split, categories)
            for name, split in content["splits"].items()
        }
        if not {"train", "val"} <= splits.keys():
            raise ValueError("train or val is missing")
        findings = tuple(Finding(**finding) for finding in content["findings"])
        return Records(splits, str(content["split_note"]), findings)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise _damaged(path, error) from error


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
    shards = [folder / shard["file_name"] for shard in content["shards"]]
    for path, shard in zip(shards, content["shards"], strict=True):
        _check_shard(path, shard["bytes"])
    images = tuple(
        DatasetImage(
            int(entry["id"]),
            shards[entry["shard"]],
            (int(entry["width"]), int(entry["height"])),
            RecordPlace(int(entry["offset"]), int(entry["length"]), str(entry["file_name"])),
        )
        for entry in content["images"]
    )
    ids = {image.id for image in images}
    annotations = tuple(content["annotations"])
    if not all(each["image_id"] in ids and each["category_id"] in categories for each in annotations):
        raise ValueError("an annotation has an unknown image or class")
    return Dataset(root, images, annotations, categories, split)


def _check_shard(path: Path, size: int) -> None:
    try:
        found = path.stat().st_size
    except OSError as error:
        raise DatasetError(f"Cannot read the records {path} ({error.strerror}); {WRITE_AGAIN}.") from error
    if found != size:
        raise DatasetError(
            f"{path} was changed or cut short: it has {found:,} bytes, its index says {size:,}; "
            f"{WRITE_AGAIN}."
        )


def _index_of(root: Path) -> Path:
    return root if root.name == INDEX else root / INDEX


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(f"The index {path} is damaged or cut short ({error}); {WRITE_AGAIN}.")
