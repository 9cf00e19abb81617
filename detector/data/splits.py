"""Which images are trained on, which validate, which are kept for the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.image_index import ImageIndex, only_one
from detector.data.listing import Listing
from detector.data.raw_labels import RawLabels, relative_name
from detector.data.split_names import role_in, role_of
from detector.data.text import read_lines
from detector.errors import DatasetError


def splits_of_lists(
    listing: Listing, images: Sequence[Path], log: FindingLog
) -> tuple[dict[str, list[Path]], str]:
    """The splits that list files name, and what to call their source; no split where there is no list.

    Read are ImageSets/Main/*.txt as in Pascal VOC, otherwise train.txt, val.txt and test.txt in the folder
    itself: one image a line, as stem, file name or path.
    """
    lists = [path for path in listing.with_suffix(".txt") if role_of(path.stem)]
    in_sets = [
        path for path in lists if [part.lower() for part in path.parts[-3:-1]] == ["imagesets", "main"]
    ]
    index = ImageIndex(images, listing.root)
    splits: dict[str, list[Path]] = {}
    for path in in_sets or [path for path in lists if path.parent == listing.root]:
        for number, line in enumerate(read_lines(path), start=1):
            if not line:
                continue
            example = f"{relative_name(path, listing.root)}:{number}: {line}"
            found = index.find(line, path, hints=(path.stem,))
            missing = "listed images without labels or without a file, left out"
            if (image := only_one(found, example, listing.root, log, missing=missing)) is not None:
                splits.setdefault(path.stem, []).append(image)
    return splits, "ImageSets/Main" if in_sets else "list files"


def splits_of_folders(root: Path, images: Sequence[Path]) -> dict[str, list[Path]]:
    """The images by the innermost of their folders that is called like a split."""
    splits: dict[str, list[Path]] = {}
    for path in images:
        folders = relative_name(path, root).split("/")[:-1]
        if name := next((folder for folder in reversed(folders) if role_of(folder)), None):
            splits.setdefault(name, []).append(path)
    return splits


def match_split(known: Iterable[str], wanted: str) -> str | None:
    """Which of several splits is meant by a name: the same, another word for it, or one that has such a word.

    The latest year, where there are several and none is asked for; never another year than is asked for.
    """
    names = sorted(known, reverse=True)
    years = set(re.findall(r"\d{4}", wanted))
    role = role_of(wanted) or wanted.lower()

    def fits(name: str, its_role: str | None) -> bool:
        own = set(re.findall(r"\d{4}", name))
        return its_role == role and not (years and own and years.isdisjoint(own))

    ways: tuple[Callable[[str], bool], ...] = (
        lambda name: name == wanted,
        lambda name: name.lower() == wanted.lower(),
        lambda name: fits(name, role_of(name)),
        lambda name: fits(name, role_in(name)),
    )
    return next((name for way in ways for name in names if way(name)), None)


def positions_of(labels: RawLabels, root: Path, names: str) -> tuple[int, ...]:
    """Positions of the images in one split, or in several that are joined by commas.

    Raises:
        DatasetError: there is no such split.
    """
    positions: set[int] = set()
    for name in names.split(","):
        known = match_split(labels.splits, name.strip())
        if known is None:
            listing = f"it has {', '.join(sorted(labels.splits))}" if labels.splits else "it has no splits"
            raise DatasetError(f"{root} has no split {name.strip()!r}; {listing}.")
        positions.update(labels.splits[known])
    return tuple(sorted(positions))


@dataclass(frozen=True)
class Choice:
    """Positions of the images of each part, and the splits' names; ``val`` None: to be held out."""

    train: tuple[int, ...]
    train_name: str
    val: tuple[int, ...] | None
    val_name: str | None
    test: tuple[int, ...]
    test_name: str | None


def choose_splits(labels: RawLabels, root: Path, train: str | None, val: str | None) -> Choice:
    """What to train and validate on, from the names that are given or, without them, from the folder.

    Raises:
        DatasetError: a split that is named does not exist, or nothing is left to train on.
    """
    taken = [_of_role(labels, role) for role in ("val", "test")]
    if train is None:
        train = match_split(labels.splits, "train") or match_split(labels.splits, "trainval")
    if train is not None:
        in_train = positions_of(labels, root, train)
    else:
        everything = range(len(labels.images))
        in_train = tuple(sorted(set(everything) - {position for _, part in taken for position in part}))
        if not in_train and len(labels.splits) == 1:
            in_train = tuple(everything)
        if not in_train:
            listing = ", ".join(sorted(labels.splits))
            raise DatasetError(f"{root} has no training images, only {listing}; name a split with --train.")
    val_name, in_val = (val, positions_of(labels, root, val)) if val is not None else taken[0]
    if val is None and set(in_val) <= set(in_train):
        val_name = None
    test_name, in_test = taken[1]
    used = set(in_train) | (set(in_val) if val_name else set())
    if set(in_test) & used:
        test_name = None
    return Choice(
        train=in_train,
        train_name=train or "",
        val=in_val if val_name else None,
        val_name=val_name,
        test=in_test if test_name else (),
        test_name=test_name,
    )


def _of_role(labels: RawLabels, role: str) -> tuple[str | None, tuple[int, ...]]:
    name = match_split(labels.splits, role)
    return name, labels.splits[name] if name else ()
