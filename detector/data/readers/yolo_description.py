"""YOLO's data.yaml: names of classes, and the images of each split."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from detector.data.findings import FindingLog
from detector.data.image_index import ImageIndex
from detector.data.listing import list_files
from detector.data.readers.yolo_columns import read_key_points
from detector.data.readers.yolo_names import NameList, names_of_description
from detector.data.split_names import role_of
from detector.data.text import read_lines, read_text
from detector.errors import DatasetError
from detector.images import SUFFIXES
from detector.system.yaml_text import LARGEST_YAML, Yaml, load_yaml

_NOTHING = ("", "~", "null", "none")


@dataclass(frozen=True)
class Description:
    """What a data.yaml says.

    Attributes:
        source: the file.
        names: class names by number; None where it has none.
        key_points: points and numbers of each in a row, as ``kpt_shape`` says; None if it does not.
        splits: images of each split that it names.
    """

    source: Path
    names: NameList | None
    key_points: tuple[int, int] | None
    splits: dict[str, list[Path]]

    def says_the_same(self, other: Description) -> bool:
        """Whether both mean the same images and names."""
        same_names = self.names == other.names or bool(
            self.names and other.names and self.names.says_the_same(other.names)
        )
        return same_names and self.splits == other.splits and self.key_points == other.key_points


def is_description(path: Path) -> bool:
    """Whether a file is called like one."""
    return path.suffix.lower() in (".yaml", ".yml") and path.is_file()


def describes_yolo(path: Path) -> bool:
    """Whether a YAML file is called data, or has names and tells their count or images."""
    if path.stem.lower() == "data":
        return True
    try:
        content = _read(path)
    except DatasetError:
        return False
    return "names" in content and not content.keys().isdisjoint(("nc", "train", "val"))


def read_description(path: Path, log: FindingLog) -> Description:
    """What a data.yaml says.

    Raises:
        DatasetError: it is not YAML, or has names or splits of the wrong kind, or images that are not there.
    """
    content = _read(path)
    names = names_of_description(content.get("names"), path, log)
    count = content.get("nc")
    if names and isinstance(count, str) and count.isdecimal() and count != str(len(names.names)):
        log.add(
            "numbers of classes (nc) that are not that of the names",
            f"{path.name}: {count:.20}, not {len(names.names)}",
        )
    return Description(
        path, names, read_key_points(content.get("kpt_shape"), path), _splits(content, path, log)
    )


def _read(path: Path) -> dict[str, Yaml]:
    content = load_yaml(read_text(path, LARGEST_YAML), f"{path} is not YAML", DatasetError)
    if not isinstance(content, dict):
        raise DatasetError(f"{path} should have the keys train, val and names.")
    return content


def _splits(content: dict[str, Yaml], path: Path, log: FindingLog) -> dict[str, list[Path]]:
    base = path.parent
    if isinstance(folder := content.get("path"), str):
        base = _resolve(base, folder) or base
    splits: dict[str, list[Path]] = {}
    for key, value in content.items():
        role = role_of(key)
        entries = value if isinstance(value, list) else [value]
        if role is None or all(isinstance(entry, str) and entry.lower() in _NOTHING for entry in entries):
            continue
        images: list[Path] = []
        for entry in entries:
            if not isinstance(entry, str):
                raise DatasetError(f"{path}: expected {key:.30} as folders or list files of images.")
            place = _resolve(base, entry, role) or _resolve(path.parent, entry, role)
            if place is None and role == "test":
                log.add("test splits that are not there, left out", f"{path.name}: {entry:.200}")
            elif place is None:
                raise DatasetError(
                    f"{path}: the {key:.30} images {entry[:200]!r} are not there; correct the entry, or "
                    "remove it."
                )
            else:
                images += _images_of(place, base, role, log)
        if not images and role != "test":
            raise DatasetError(
                f"{path}: {key:.30} has no image; expected {', '.join(SUFFIXES)}{_instead(place)}."
            )
        if images:
            splits[key] = images
    return splits


def _instead(place: Path | None) -> str:
    """What a folder has in place of images that can be read."""
    if place is None or not place.is_dir():
        return ""
    unread = list_files(place).unread_images
    return f"; {place} has {len(unread):,} that are not read, such as {unread[0].name}" if unread else ""


def _images_of(place: Path, base: Path, role: str, log: FindingLog) -> list[Path]:
    """The images of a folder, or those that a list file names."""
    if place.is_dir():
        return list_files(place).images
    index = cache(lambda: ImageIndex(list_files(base).images, base))
    images: list[Path] = []
    for number, line in enumerate(read_lines(place), start=1):
        if not line:
            continue
        known = _resolve(place.parent, line) or _resolve(base, line)
        found = [known] if known else index().find(line, place, role=role)
        if len(found) > 1:
            example = f"{place.name}:{number}: {line:.100}: {found[0]} or {found[1]}"
            log.add("listed images that several files fit, left out", example)
        else:
            images += found or [place.parent / line.replace("\\", "/")]
    return images


def _resolve(base: Path, text: str, role: str | None = None) -> Path | None:
    """The file or folder that a description means.

    It is looked for as it stands, then without its first folders: many descriptions were written on another
    machine, and Roboflow's ``../train/images`` is meant from a folder that is not there. The last name alone
    is enough for a list file, and for a folder that is called like the split.
    """
    parts = PurePosixPath(text.strip().replace("\\", "/")).parts
    names = [part for part in parts if part not in ("..", "/")]
    shortened: Sequence[Path] = [Path(*names[i:]) for i in range(max(1, len(names) - 1))] if names else []
    for path in (base / Path(*parts), *(base / each for each in shortened)):
        if os.path.exists(path):
            return Path(os.path.normpath(path))
    last = base / names[-1] if names and role else None
    if last and (os.path.isfile(last) or (os.path.isdir(last) and role_of(last.name) == role)):
        return last
    return None
