"""Where a YOLO dataset keeps its images, labels, names and splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from detector.data.findings import FindingLog
from detector.data.listing import Listing, list_files
from detector.data.raw_labels import relative_name
from detector.data.splits import role_of, splits_of_folders, splits_of_lists
from detector.data.text import read_lines, read_text
from detector.errors import DatasetError

_YAML = (".yaml", ".yml")
_NAME_FILES = ("classes.txt", "obj.names")
_NO_LABELS = ("classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt")


@dataclass(frozen=True)
class YoloLayout:
    """What there is to read.

    Attributes:
        names: class names by index; None where no file has them.
        names_from: the file that has them.
        images: image files that count, labelled or not.
        splits: images of each split that is named.
        splits_from: what names the splits.
        has_keypoints: whether points follow the boxes in a line.
    """

    names: dict[int, str] | None
    names_from: Path | None
    images: list[Path]
    splits: dict[str, list[Path]]
    splits_from: str
    has_keypoints: bool = field(default=False)


def find_yaml(listing: Listing) -> Path | None:
    """The file that describes a YOLO dataset: data.yaml, or another with names or a train entry, if any."""
    if listing.root.suffix.lower() in _YAML and listing.root.is_file():
        return listing.root
    files = sorted(
        (path for path in listing.with_suffix(*_YAML) if len(path.relative_to(listing.root).parts) <= 2),
        key=lambda path: (len(path.parts), path.stem != "data", path.name),
    )
    return next((path for path in files if _describes_yolo(path)), None)


def find_layout(listing: Listing, log: FindingLog) -> YoloLayout:
    """What a folder with YOLO labels, or a data.yaml, has.

    Raises:
        DatasetError: data.yaml names images that are not there, or has names of the wrong kind.
    """
    description = find_yaml(listing)
    if listing.root.is_file():
        listing = list_files(listing.root.parent)
    content = _read_yaml(description) if description else {}
    names, names_from = _names(content, description, listing)
    splits = _yaml_splits(content, description, log) if description else {}
    images, splits_from = [path for paths in splits.values() for path in paths], "data.yaml"
    if not splits:
        labelled = {path.parent for path in listing.images if find_label_file(path)}
        images = [path for path in listing.images if path.parent in labelled]
        splits, splits_from = splits_of_lists(listing, images, log)
        if not splits:
            splits, splits_from = splits_of_folders(listing.root, images), "folders"
    _note_labels_without_image(listing, images, log)
    return YoloLayout(names, names_from, images, splits, splits_from, "kpt_shape" in content)


def find_label_file(image: Path) -> Path | None:
    """The label file of an image, in labels/ if the image lies in images/, or beside it; None if absent."""
    beside = image.with_name(image.stem + ".txt")
    parts = list(beside.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index].lower() == "images":
            for folder in ("labels", "Labels"):
                path = Path(*parts[:index], folder, *parts[index + 1 :])
                if path.is_file():
                    return path
            break
    return beside if beside.is_file() else None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, ValueError, KeyError, RecursionError) as error:
        raise DatasetError(f"{path} is not YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} should have the keys train, val and names.")
    return content


def _describes_yolo(path: Path) -> bool:
    if path.stem == "data":
        return True
    try:
        content = _read_yaml(path)
    except DatasetError:
        return False
    return "names" in content and not content.keys().isdisjoint(("nc", "train", "val"))


def _names(
    content: dict[str, Any], description: Path | None, listing: Listing
) -> tuple[dict[int, str] | None, Path | None]:
    names = content.get("names")
    if names is not None:
        if isinstance(names, list):
            names = dict(enumerate(names))
        if not isinstance(names, dict) or not all(isinstance(key, int) and key >= 0 for key in names):
            raise DatasetError(f"{description}: expected names as a list or as 0: name, 1: name, ...")
        return {key: str(name) for key, name in sorted(names.items())}, description
    files = [path for path in listing.paths if path.name in _NAME_FILES or path.suffix == ".names"]
    if not files:
        return None, None
    path = min(files, key=lambda path: len(path.parts))
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    return dict(enumerate(lines)), path


def _yaml_splits(content: dict[str, Any], path: Path, log: FindingLog) -> dict[str, list[Path]]:
    base = path.parent
    if isinstance(content.get("path"), str):
        base = _resolve(base, content["path"]) or base
    splits: dict[str, list[Path]] = {}
    for key, value in content.items():
        if not isinstance(key, str) or role_of(key) is None or not value:
            continue
        entries = value if isinstance(value, list) else [value]
        found = [_resolve(base, str(entry)) or _resolve(path.parent, str(entry)) for entry in entries]
        for entry, place in zip(entries, found, strict=True):
            if place is None and role_of(key) == "test":
                log.add("test splits that are not there, left out", f"{path.name}: {entry}")
            elif place is None:
                raise DatasetError(
                    f"{path}: the {key} images {str(entry)!r} are not there; correct the entry, or remove it."
                )
        images = [image for place in found if place for image in _images_of(place, base)]
        if images:
            splits[key] = images
    return splits


def _images_of(place: Path, base: Path) -> list[Path]:
    """The images of a folder, or those that a list file names."""
    if place.is_dir():
        return list_files(place).images
    lines = [line for line in read_lines(place) if line]
    return [_resolve(place.parent, line) or _resolve(base, line) or place.parent / line for line in lines]


def _resolve(base: Path, text: str) -> Path | None:
    """The file or folder that a description means.

    It is looked for as it stands, then without its first folders: many descriptions were written on another
    machine, and Roboflow's ``../train/images`` is meant from a folder that is not there.
    """
    parts = PurePosixPath(text.strip().replace("\\", "/")).parts
    names = [part for part in parts if part not in ("..", "/")]
    shortened: Sequence[Path] = [Path(*names[i:]) for i in range(max(1, len(names) - 1))] if names else []
    return next(
        (path for path in (base / Path(*parts), *(base / s for s in shortened)) if path.exists()), None
    )


def _note_labels_without_image(listing: Listing, images: list[Path], log: FindingLog) -> None:
    used = {path for image in images if (path := find_label_file(image))}
    folders = {path.parent for path in used}
    for path in listing.with_suffix(".txt"):
        if path.parent in folders and path not in used and path.name not in _NO_LABELS:
            log.add("label files without an image, left out", relative_name(path, listing.root))
