"""Where a YOLO dataset keeps its images, labels, names and splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.listing import Listing, list_files
from detector.data.raw_labels import relative_name
from detector.data.readers.yolo_description import (
    Description,
    describes_yolo,
    is_description,
    read_description,
)
from detector.data.readers.yolo_files import LabelFiles
from detector.data.readers.yolo_names import NameList, NameLists
from detector.data.readers.yolo_rows import is_box_like, is_row_like
from detector.data.split_names import role_of
from detector.data.splits import splits_of_folders, splits_of_lists
from detector.errors import DatasetError
from detector.system.reading import read_head

_DEEPEST = 3  # parts of a description's path below the folder
_HEAD = 4096


@dataclass(frozen=True, eq=False)
class Part:
    """The images that one description is of, or all of a folder that has none.

    Attributes:
        images: image files that count, labelled or not.
        splits: images of each split that is named.
        splits_from: what names the splits.
        names: of the description; None where it has none.
        key_points: its ``kpt_shape``.
    """

    images: list[Path]
    splits: dict[str, list[Path]]
    splits_from: str
    names: NameList | None = None
    key_points: tuple[int, int] | None = None


@dataclass(frozen=True)
class YoloLayout:
    """What there is to read: the parts, each image's label file, and lists of names."""

    parts: list[Part]
    labels: dict[Path, Path]
    lists: NameLists
    left_out: set[Path] = field(default_factory=set)

    def names_for(self, part: Part, image: Path) -> NameList | None:
        """The names that the numbers in an image's label file have."""
        return part.names or self.lists.near(self.labels[image], image)

    def splits(self, images: set[Path]) -> tuple[dict[str, list[Path]], str]:
        """These images by split, and what names the splits; those of several parts united by their role."""
        united: dict[str, list[Path]] = {}
        for part in self.parts:
            for name, paths in part.splits.items():
                key = name if len(self.parts) == 1 else role_of(name) or name
                united.setdefault(key, []).extend(path for path in paths if path in images)
        return united, next(
            (part.splits_from for part in self.parts if part.splits), self.parts[0].splits_from
        )


def is_yolo(listing: Listing) -> bool:
    """Whether a folder has a YOLO data.yaml, or a text file that starts with a line of a class and a box."""
    return any(_candidates(listing)) or any(map(_starts_with_row, listing.with_suffix(".txt")))


def _starts_with_row(path: Path) -> bool:
    """Whether the first line that is not empty, or that below a heading, may be a class and a box."""
    head = read_head(path, _HEAD).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
    lines = [line for line in head.decode("utf-8", errors="replace").split("\n") if line.strip()]
    return is_row_like("".join(lines[:1])) or any(map(is_box_like, lines[1:2]))  # below a heading


def find_layout(listing: Listing, log: FindingLog) -> YoloLayout:
    """What a folder with YOLO labels, or a data.yaml, has.

    Raises:
        DatasetError: a description names images that are not there, or descriptions or names contradict.
    """
    descriptions = _find_descriptions(listing, log)
    if listing.root.is_file():
        listing = list_files(listing.root.parent)
    finder = LabelFiles()
    lists = NameLists(listing, log)
    parts = [_described_part(each, listing, finder, log) for each in descriptions]
    parts = parts or [_part_of_folder(listing, finder, log)]
    _refuse_folds(parts, descriptions, listing.root)
    for part in parts:
        if part.names:
            lists.note_unread(part.names, log)
    images = list(dict.fromkeys(image for part in parts for image in part.images))
    labels = {image: path for image in images if (path := finder.find(image))}
    used = set(labels.values())
    left_out = _drop_shared(labels, listing.root, log)
    unlabelled = [image for image in images if image not in labels and image not in left_out]
    left_out |= _note_unused_labels(listing, images, unlabelled, used, finder, log)
    return YoloLayout(parts, labels, lists, left_out)


def _candidates(listing: Listing) -> list[Path]:
    """The files that describe a YOLO dataset, the highest first: data.yaml, or others with names."""
    if listing.root.is_file():
        return [listing.root] if is_description(listing.root) else []
    files = [path for path in listing.paths if is_description(path)]
    near = [path for path in files if len(path.relative_to(listing.root).parts) <= _DEEPEST]
    near.sort(key=lambda path: (len(path.parts), path.parent, path.stem.lower() != "data", path.name))
    return [path for path in near if describes_yolo(path)]


def _find_descriptions(listing: Listing, log: FindingLog) -> list[Description]:
    """One description for each folder that has one, and none below another's.

    Raises:
        DatasetError: two in a folder say different things and neither is called data.yaml.
    """
    taken: list[Description] = []
    for path in _candidates(listing):
        above = next((each for each in taken if each.source.parent in path.parents), None)
        if above is None:
            taken.append(read_description(path, log))
            continue
        same_folder = above.source.parent == path.parent
        other = _read_other(path) if same_folder else None
        if other and other.says_the_same(above):
            continue
        if other and (above.source.stem.lower() != "data" or other.source.stem.lower() == "data"):
            raise DatasetError(
                f"{above.source} and {path.name} beside it describe different data; give the one that is "
                "meant instead of the folder."
            )
        log.add("descriptions besides the one that is followed, not read", relative_name(path, listing.root))
    return taken


def _read_other(path: Path) -> Description | None:
    """A description that is not followed; None where it is wrong, which harms nobody."""
    try:
        return read_description(path, FindingLog())
    except DatasetError:
        return None


def _described_part(each: Description, listing: Listing, finder: LabelFiles, log: FindingLog) -> Part:
    if each.splits:
        images = [image for paths in each.splits.values() for image in paths]
        return Part(images, each.splits, "data.yaml", each.names, each.key_points)
    folder = each.source.parent
    below = Listing(folder, tuple(path for path in listing.paths if folder in path.parents))
    found = _part_of_folder(below, finder, log)
    return Part(found.images, found.splits, found.splits_from, each.names, each.key_points)


def _part_of_folder(listing: Listing, finder: LabelFiles, log: FindingLog) -> Part:
    """The images in folders where at least one has a label file, with splits after lists or folders."""
    labelled = {path.parent for path in listing.images if finder.find(path)}
    images = [path for path in listing.images if path.parent in labelled]
    splits, splits_from = splits_of_lists(listing, images, log)
    if not splits:
        splits, splits_from = splits_of_folders(listing.root, images), "folders"
    return Part(images, splits, splits_from)


def _refuse_folds(parts: Sequence[Part], descriptions: Sequence[Description], root: Path) -> None:
    """Raise DatasetError where an image is in one description's train and another's val."""
    first: dict[Path, tuple[Path, set[str | None]]] = {}
    for part, description in zip(parts, descriptions, strict=False):
        roles: dict[Path, set[str | None]] = {}
        for name, images in part.splits.items():
            for image in images:
                roles.setdefault(image, set()).add(role_of(name))
        for image, its_roles in roles.items():
            known, its_first = first.setdefault(image, (description.source, its_roles))
            if its_first != its_roles:
                raise DatasetError(
                    f"{known} and {description.source} divide the same images differently, such as "
                    f"{relative_name(image, root)}, as folds of a cross-validation do; give one of them "
                    "instead of the folder."
                )


def _drop_shared(labels: dict[Path, Path], root: Path, log: FindingLog) -> set[Path]:
    """Take label files from images that share them; those images, whose objects nobody knows."""
    images_of: dict[Path, list[Path]] = {}
    for image, path in labels.items():
        images_of.setdefault(path, []).append(image)
    dropped: set[Path] = set()
    for path, images in images_of.items():
        if len(images) == 1:
            continue
        exact = [image for image in images if path.stem in (image.stem, image.name)]
        owner = exact[0] if len(exact) == 1 else None
        for image in images:
            if image == owner:
                continue
            del labels[image]
            dropped.add(image)
            log.add(
                "images that share a label file with another, left out",
                f"{relative_name(image, root)}: {relative_name(path, root)}",
            )
    return dropped


def _note_unused_labels(
    listing: Listing,
    images: Sequence[Path],
    unlabelled: Sequence[Path],
    used: set[Path],
    finder: LabelFiles,
    log: FindingLog,
) -> set[Path]:
    """Note label files that no image takes; the images without labels whose labels these may be."""
    listed = set(map(os.path.abspath, images))
    others = {
        path: image
        for image in listing.images
        if os.path.abspath(image) not in listed and (path := finder.find(image))
    }
    taken = set(map(os.path.abspath, used))
    folders: set[str] = set()
    stems: set[str] = set()
    for path in listing.with_suffix(".txt"):
        if os.path.abspath(path) in taken or not _starts_with_row(path):
            continue
        if path in others:
            log.add(
                "labelled images that no split names, left out", relative_name(others[path], listing.root)
            )
            continue
        log.add("label files without an image, left out", relative_name(path, listing.root))
        folders.add(os.path.abspath(path.parent))
        stems.add(path.stem)
    doubtful: set[Path] = set()
    for image in unlabelled if folders else ():
        near = not folders.isdisjoint(map(os.path.abspath, finder.folders(image)))
        if near or image.stem in stems or image.name in stems:
            log.add(
                "images without a label file where label files have no image, left out",
                relative_name(image, listing.root),
            )
            doubtful.add(image)
    return doubtful
