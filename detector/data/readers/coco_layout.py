"""Where a COCO dataset has what: the annotation file of each split, and the images of each file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.image_index import (
    CUSTOMARY,
    ImageIndex,
    addressed,
    note_doubtful,
    only_one,
    role_among,
    same_content,
    shared_parts,
)
from detector.data.listing import Listing
from detector.data.raw_labels import relative_name
from detector.data.readers.coco_file import looks_like_coco
from detector.data.split_names import role_in, role_of, roles_agree
from detector.errors import DatasetError
from detector.images import SUFFIXES

_SAMPLE = 50  # images of a file that show in which folder they lie
_MOST_FOLDERS = 2000
# Companions of the instances in COCO's own downloads.
_COMPANIONS = ("captions_", "person_keypoints_", "image_info_", "stuff_", "panoptic_")
_FOLDERS_OF_LABELS = {"annotations", "annotation", "anns", "ann", "labels", "label", "json", "coco"}
_DEEPEST = 5  # levels at which annotation files are looked for


def coco_files_in(listing: Listing) -> list[Path]:
    """The JSON files of a folder that look like COCO's."""
    return [
        path
        for path in listing.with_suffix(".json")
        if len(relative_name(path, listing.root).split("/")) <= _DEEPEST and looks_like_coco(path)
    ]


def find_coco_files(listing: Listing, log: FindingLog) -> dict[str, list[Path]]:
    """The annotation files of each split of a folder, by the split's name; those not read are noted.

    Raises:
        DatasetError: there are several files and nothing says which are splits.
    """
    root = listing.root
    files = [path for path in coco_files_in(listing) if not path.name.startswith(_COMPANIONS)]
    if not files and listing.with_suffix(".json"):
        files = coco_files_in(listing)
    ways: list[Callable[[Path], str | None]] = [
        lambda path: path.stem.removeprefix("instances_") if path.stem.startswith("instances_") else None,
        lambda path: path.parent.name if path.name == "_annotations.coco.json" else None,
        lambda path: path.stem if role_in(path.stem) else None,
        lambda path: path.parent.name if role_of(path.parent.name) else None,
    ]
    whole = [path for path in files if path.name == "instances.json"]  # instances_old.json is no split of it
    for way in ways:
        splits: dict[str, list[Path]] = {}
        for path in files:
            if name := way(path):
                splits.setdefault(name, []).append(path)
        if splits and (not whole or any(map(role_in, splits))):
            break
    else:
        common = whole or files
        if len(common) > 1:
            names = ", ".join(relative_name(path, root) for path in common[:5])
            raise DatasetError(
                f"{root} has several annotation files ({names}) and none is called train or val; "
                "give one of them instead of the folder."
            )
        splits = {path.stem: [path] for path in common}
    read = {path for paths in splits.values() for path in paths}
    for path in files:
        if path not in read:
            log.add("annotation files beside those of the splits, not read", relative_name(path, root))
    return splits


def files_of_one_part(files: Mapping[str, Sequence[Path]]) -> list[Path]:
    """The annotation files of which several are of one split, or of splits that mean the same part: those of
    ``train_fold0`` and ``train_fold1``, but neither of ``train`` and ``train_small``, ``val2017`` and
    ``val2017_clean``, nor of two years."""
    parts: dict[tuple[str, ...], list[str]] = {}
    for name in files:
        role = role_in(name)
        parts.setdefault((role, *re.findall(r"\d{4}", name)) if role else ("", name), []).append(name)
    several: list[Path] = []
    for names in parts.values():
        plain = [
            name for name in names if role_of(name) and not re.sub(r"(?<!\d)\d{4}$", "", name)[-1:].isdigit()
        ]
        paths = [path for name in names for path in files[name]]
        if len(paths) > 1 and (len(names) == 1 or len(plain) != 1):
            several += paths
    return several


class ImagePlaces:
    """Finds the images of an annotation file: in one folder where most of them lie, and then elsewhere.

    Args:
        listing: of the dataset, a folder or the annotation file alone.
        log: where images are noted that fit several files.
    """

    def __init__(self, listing: Listing, log: FindingLog) -> None:
        self._listing, self._log = listing, log
        self._folder = listing.root if listing.root.is_dir() else listing.root.parent
        self._index: ImageIndex | None = None

    def find(self, annotations: Path, names: Sequence[str], split: str) -> list[Path]:
        """The file of each image; where it should lie if it is not there.

        Args:
            annotations: the file that names the images.
            names: as it names them: file names, paths of any machine, addresses.
            split: what the file's split is called.

        Raises:
            DatasetError: two folders hold the images and nothing says which are meant.
        """
        base = self._listing.root if self._listing.root.is_dir() else annotations.parent.parent
        role = role_in(split) or role_of(annotations.parent.name)
        root, whole = self._main_folder(annotations, names, split, role, base)
        found = [_in_folder(root, name, whole) for name in names]
        there = [path for path in found if path is not None]
        if len(there) < len(names):
            near, index = root / annotations.name, self._index_of(annotations, base)
            role = _role(root, base) or role
            others = [
                None if path is not None else self._elsewhere(name, annotations, near, role, index, base)
                for path, name in zip(found, names, strict=True)
            ]
            for number, path in enumerate(others):
                if path is not None and (
                    index.is_doubtful(path, near)
                    or any(_are_rivals(each, path.parent / each.name) for each in there)
                ):
                    note_doubtful(
                        f"{relative_name(annotations, base)}: {names[number]}", path, base, self._log
                    )
                else:
                    found[number] = found[number] or path
        return [path or root / _last(name) for path, name in zip(found, names, strict=True)]

    def _main_folder(
        self, annotations: Path, names: Sequence[str], split: str, role: str | None, base: Path
    ) -> tuple[Path, bool]:
        """Where the images lie, and whether their names are paths below it.

        A folder of the split's own name comes first, then one that is called like a folder of images. How
        many images a folder has comes last: thumbnails and former versions may be the more complete.
        """
        # Of exports side by side each has its own images: those of the other lie further away.
        around = (
            annotations.parent.parent.parts if annotations.parent.parent.is_relative_to(base) else base.parts
        )
        sample = names[:: max(1, len(names) // _SAMPLE)][:_SAMPLE]
        fitness: dict[Path, tuple[bool, bool, bool, int, bool, int, int, int]] = {}
        for folder in self._folders(annotations):
            direct = sum(_in_folder(folder, name, whole=True) is not None for name in sample)
            hits = direct or sum(_in_folder(folder, name, whole=False) is not None for name in sample)
            if not hits:
                continue
            its_role, most = _role(folder, base), 2 * hits >= len(sample)
            own = folder in (annotations.parent, annotations.parent / split) or folder.name == split
            own = (most and own) or (role is not None and its_role == role)
            customary = most and folder.name.lower() in CUSTOMARY
            inside, depth = folder.is_relative_to(self._folder), len(folder.parts) if customary else 0
            near = shared_parts(folder.parts, around) if most else 0
            fitness[folder] = roles_agree(its_role, role), own, inside, near, customary, -depth, hits, direct
            if own and direct == len(sample):
                break
        if not fitness:
            return annotations.parent, False
        first = max(fitness, key=lambda folder: fitness[folder])
        whole = fitness[first][-1] > 0
        for other, value in fitness.items():
            if value[:6] == fitness[first][:6] and 2 * value[6] >= len(sample) and first not in other.parents:
                self._refuse_rival(annotations, first, other, sample, whole)
        return first, whole

    @staticmethod
    def _refuse_rival(
        annotations: Path, first: Path, other: Path, sample: Sequence[str], whole: bool
    ) -> None:
        for name in sample if first != other else ():
            one, two = _in_folder(first, name, whole), _in_folder(other, name, whole)
            if one and two and not same_content(one, two):
                raise DatasetError(
                    f"The image {name} of {annotations} may be {one} or {two}; keep one of the folders, "
                    "or name it with --images."
                )

    def _folders(self, annotations: Path) -> Iterator[Path]:
        """Where images may lie: beside the annotations, in the dataset, and in the folder above.

        Where that is none of the dataset's, other datasets may lie in it, with images called alike: there
        only folders count that are called like images or like a split.
        """
        near = [annotations.parent, *_subfolders(annotations.parent)]
        if self._listing.root.is_dir():
            near += [self._folder, *self._image_folders()]
        else:
            near += [each for folder in _subfolders(annotations.parent) for each in _subfolders(folder)]
        above = annotations.parent.parent
        own = above.is_relative_to(self._folder) or annotations.parent.name.lower() in _FOLDERS_OF_LABELS
        near.append(above)
        near += [
            each for each in _subfolders(above) if own or each.name.lower() in CUSTOMARY or role_of(each.name)
        ]
        near += [each for name in ("images", "Images") for each in _subfolders(above / name)]
        return iter(list(dict.fromkeys(near))[:_MOST_FOLDERS])

    def _image_folders(self) -> list[Path]:
        """The folders of the dataset that hold images, and those that these lie in."""
        folders: dict[Path, None] = {}
        for parent in dict.fromkeys(path.parent for path in self._listing.images):
            for folder in (parent, *parent.parents):
                if folder in folders or folder == self._folder:
                    break
                folders[folder] = None
        return list(folders)

    def _index_of(self, annotations: Path, base: Path) -> ImageIndex:
        """The images of the dataset; around an annotation file that was given alone, those it may be of."""
        if self._index is None:
            paths: Iterable[Path] = self._listing.images
            if not self._listing.root.is_dir():
                paths = [path for folder in self._folders(annotations) for path in _images_in(folder)]
            self._index = ImageIndex(paths, base)
        return self._index

    def _elsewhere(
        self, name: str, annotations: Path, near: Path, role: str | None, index: ImageIndex, base: Path
    ) -> Path | None:
        found = index.find(name, near, role=role)
        if not found:
            return None
        return only_one(found, f"{relative_name(annotations, base)}: {name}", base, self._log, missing="")


def images_below(folder: Path, names: Sequence[str]) -> list[Path]:
    """The file of each image in a folder that was named; where it should lie if it is not there."""
    whole = any(_in_folder(folder, name, whole=True) for name in names)
    return [_in_folder(folder, name, whole) or folder / _last(name) for name in names]


def _in_folder(folder: Path, name: str, whole: bool) -> Path | None:
    """The file in a folder that a name means: as a path or an address, or else by its last part."""
    readings = (name, *addressed(name))
    for reading in readings if whole else map(_last, reversed(readings)):
        path = folder / reading if reading is name else folder / reading.lstrip("/")
        try:
            if reading and path.is_file():
                return path
        except (OSError, ValueError):  # too long, or a NUL in it
            continue
    return None


def _are_rivals(one: Path, other: Path) -> bool:
    """Whether two files of one name are different pictures."""
    return one.parent != other.parent and other.is_file() and not same_content(one, other)


def _last(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1].replace("\0", "")


def _role(folder: Path, base: Path) -> str | None:
    parts = folder.relative_to(base).parts if folder.is_relative_to(base) else (folder.name,)
    return role_among(parts)


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(each.name for each in entries if not each.name.startswith(".") and each.is_dir())
    except OSError:
        return []
    return [folder / name for name in names[:_MOST_FOLDERS]]


def _images_in(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    except OSError:
        return []
