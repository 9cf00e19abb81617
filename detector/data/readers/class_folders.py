"""A folder of pictures for each class: ``FOLDER/robin/*.jpg``, or ``FOLDER/train/robin/*.jpg``.

Nothing but the names of folders says what a picture shows, so these are read with care: what can only be a
class is one, what may be something else is named or refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.image_index import CUSTOMARY
from detector.data.listing import Listing
from detector.data.raw_labels import RawImage, RawLabels, RawObject, build_labels, merge_names, relative_name
from detector.data.split_names import role_of
from detector.errors import DatasetError
from detector.labels import listing as listed
from detector.labels import normalise_name
from detector.system.terminal import printable

_WHOLE = (0.0, 0.0, 1.0, 1.0)
_NO_CLASSES = ("labels", "label", "annotations", "annotation", "masks", "mask", "thumbnails", "thumbs")
_SILENT = (*CUSTOMARY, *_NO_CLASSES, "__macosx")
_DATE = re.compile(r"(19|20)\d\d[-_. ]?(0[1-9]|1[0-2])([-_. ]?(0[1-9]|[12]\d|3[01]))?|(19|20)\d\d")
_LEAST_BESIDE = 2  # classes beside a folder that is called like a split, for it to be a class, too
_EXPECTED = "expected a folder of pictures for each class, as in {root}/robin and {root}/wren"


@dataclass(frozen=True)
class _Picture:
    """A picture and the folders that it lies in, from the dataset's on, without those that say nothing."""

    path: Path
    folders: tuple[Path, ...]

    def without_first(self) -> _Picture:
        return replace(self, folders=self.folders[1:])


@dataclass(frozen=True)
class _Named:
    """A picture with the folder of its class, those between the two, and the split that it is in."""

    path: Path
    folder: Path
    between: tuple[Path, ...]
    split: str | None


def has_class_folders(listing: Listing) -> bool:
    """Whether a folder has pictures in folders that may be those of classes."""
    return any(
        role_of(folder.name) is None
        for picture in _pictures(listing, FindingLog())
        for folder in picture.folders
    )


def read_class_folders(listing: Listing, log: FindingLog) -> RawLabels:
    """Each picture with one object over the whole of it, of the class that its folder is called.

    Folders called ``images`` say nothing and are passed through; in those called like ``labels`` no picture
    shows a class. A folder in that of a class belongs to the class.

    Raises:
        DatasetError: fewer than two classes, more pictures in no class than in one, or folders that can be
            meant in two ways.
    """
    root = listing.root
    pictures = _inside(_pictures(listing, log), root, log)
    loose = [each.path for each in pictures if not each.folders]
    named, beside = _in_splits([each for each in pictures if each.folders], root, log)
    loose += beside
    if len(loose) > len(named):
        raise DatasetError(
            f"Most of the pictures of {root} lie in no folder of a class ({len(loose):,}, such as "
            f"{relative_name(loose[0], root)}, and {len(named):,} in one); "
            f"{_EXPECTED.format(root=root)}, or labels with boxes."
        )
    for path in loose:
        log.add("images beside the class folders and in none of them, left out", relative_name(path, root))
    _settle_deeper(named, root, log)
    names = {each.folder.name for each in named}
    classes, label_of = merge_names(sorted(names), log)
    _refuse_too_few(classes, root)
    _note_empty(named, root, log)
    images = [
        RawImage(
            each.path,
            (RawObject(label_of[each.folder.name], _WHOLE, relative_name(each.path, root)),),
            in_fractions=True,
        )
        for each in named
    ]
    splits: dict[str, list[Path]] = {}
    for each in named:
        if each.split is not None:
            splits.setdefault(each.split, []).append(each.path)
    labels = build_labels("class folders", root, classes, images, splits, "folders", log)
    return replace(labels, names_pictures=True)


def _pictures(listing: Listing, log: FindingLog) -> list[_Picture]:
    found = []
    folders_of: dict[Path, tuple[Path, ...]] = {}  # there are many pictures and few folders
    for path in listing.images:
        if (folders := folders_of.get(path.parent)) is None:
            above = [each for each in reversed(path.parents) if listing.root in each.parents]
            folders = folders_of[path.parent] = tuple(above)
        if any(folder.name.lower() in _NO_CLASSES for folder in folders):
            log.add(
                "images in folders called like labels or masks, left out", relative_name(path, listing.root)
            )
            continue
        telling = (folder for folder in folders if folder.name.lower() not in CUSTOMARY)
        found.append(_Picture(path, tuple(telling)))
    return found


def _inside(pictures: list[_Picture], root: Path, log: FindingLog) -> list[_Picture]:
    """The pictures without a folder that all others lie in, where that can be neither class nor split."""
    while True:
        within = [each for each in pictures if each.folders]
        tops = {each.folders[0] for each in within}
        if len(tops) != 1 or any(len(each.folders) < 2 for each in within):
            return pictures
        (top,) = tops
        if role_of(top.name) is not None:
            return pictures
        log.add("folders around all of the class folders, entered", relative_name(top, root))
        pictures = [each.without_first() if each.folders else each for each in pictures]


def _in_splits(pictures: Sequence[_Picture], root: Path, log: FindingLog) -> tuple[list[_Named], list[Path]]:
    """The pictures in classes, with their splits, and those in none.

    Raises:
        DatasetError: a folder may be a split or a class.
    """
    tops = {each.folders[0].name for each in pictures}
    deep = {each.folders[0].name for each in pictures if len(each.folders) > 1}
    splits = {name for name in tops if role_of(name)}
    others = sorted(tops - splits)
    if deep & splits:
        if others and len({role_of(name) for name in deep & splits}) < 2:
            raise _doubt(sorted(deep & splits)[0], others[0], root)
        return _of_splits(pictures, splits, root, log)
    if splits and (len(others) < _LEAST_BESIDE or len({role_of(name) for name in splits}) > 1):
        raise DatasetError(
            f"{root} has pictures directly in {listed(sorted(splits))}, which say no class; "
            f"{_EXPECTED.format(root=root / min(splits))}, or labels with boxes."
        )
    for name in sorted(splits):
        log.add("folders called like a split beside those of classes, taken for classes", name)
    if pictures and all(len(each.folders) > 1 and role_of(each.folders[1].name) for each in pictures):
        inner = relative_name(pictures[0].folders[1], root)
        log.add("folders of splits inside of those of classes, taken for splits", inner)
        return [_Named(p.path, p.folders[0], p.folders[2:], p.folders[1].name) for p in pictures], []
    return [_Named(each.path, each.folders[0], each.folders[1:], None) for each in pictures], []


def _of_splits(
    pictures: Sequence[_Picture], splits: set[str], root: Path, log: FindingLog
) -> tuple[list[_Named], list[Path]]:
    """The pictures of classes in folders of splits, and those that lie directly in one."""
    named: list[_Named] = []
    loose: list[Path] = []
    for each in pictures:
        split = each.folders[0].name
        if split not in splits:
            log.add("images in folders beside those of the splits, left out", relative_name(each.path, root))
        elif len(each.folders) > 1:
            named.append(_Named(each.path, each.folders[1], each.folders[2:], split))
        elif role_of(split) == "test":  # which often has more pictures than all others, and no classes
            log.add("images of a test split without classes, left out", relative_name(each.path, root))
        else:
            loose.append(each.path)
    return named, loose


def _doubt(split: str, other: str, root: Path) -> DatasetError:
    return DatasetError(
        f"{root} has pictures in folders of {split!r:.60}, as of a split, and in {other!r:.60} beside it, as "
        f"of a class; move {other!r:.60} away if {split!r:.60} is a split, or rename {split!r:.60} if it "
        "is a class."
    )


def _settle_deeper(named: Sequence[_Named], root: Path, log: FindingLog) -> None:
    """Take what lies in folders inside of a class's for the class.

    Raises:
        DatasetError: several classes have the same folders inside, so that these may be the classes.
    """
    directly = {normalise_name(each.folder.name) for each in named if not each.between}
    classes_of: dict[str, set[str]] = {}
    for each in named:
        outer = normalise_name(each.folder.name)
        if each.between and outer not in directly:
            classes_of.setdefault(normalise_name(each.between[0].name), set()).add(outer)
    if shared := {inner: outers for inner, outers in classes_of.items() if len(outers) > 1}:
        inner, outers = min(shared.items())
        first, second = sorted(outers)[:2]
        raise DatasetError(
            f"{root} has {printable(inner)!r:.60} both in {first!r:.60} and in {second!r:.60}, so that "
            "either the inner or the outer folders may be the classes; put the pictures of a class directly "
            "into its folder."
        )
    for each in named:
        if each.between:
            kind = "images in folders inside of a class's folder, taken for the class"
            log.add(kind, relative_name(each.path, root))


def _refuse_too_few(classes: Sequence[str], root: Path) -> None:
    if len(classes) < 2:
        only = f"the pictures of one class only ({printable(classes[0])})" if classes else "no class"
        raise DatasetError(
            f"{root} has no labels that can be read, and {only} where naming pictures takes two; "
            f"{_EXPECTED.format(root=root)}, or labels with boxes to find objects."
        )
    if all(_DATE.fullmatch(name) for name in classes):
        raise DatasetError(
            f"{root} has no labels that can be read, and its folders are called like dates "
            f"({listed(list(classes), 3)}), not like classes; {_EXPECTED.format(root=root)}."
        )


def _note_empty(named: Iterable[_Named], root: Path, log: FindingLog) -> None:
    """Note the folders beside those of the classes that have no picture."""
    folders = {each.folder for each in named}
    for parent in sorted({folder.parent for folder in folders}):
        for entry in sorted(os.scandir(parent), key=lambda entry: entry.name):
            path = parent / entry.name
            if entry.name.startswith(".") or entry.name.lower() in _SILENT or not entry.is_dir():
                continue
            if path not in folders and not any(path in folder.parents for folder in folders):
                log.add(
                    "folders without an image beside those of the classes, left out",
                    relative_name(path, root),
                )
