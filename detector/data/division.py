"""The images that were read, divided: into train, val and test, or into folds and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detector.data.cleaning import Annotations
from detector.data.duplicates import ImageFacts
from detector.data.findings import FindingLog
from detector.data.folds import check_folds, choose_folds
from detector.data.held_out import choose_held_out
from detector.data.name_groups import check_pattern
from detector.data.raw_labels import RawLabels
from detector.data.splits import Choice, match_split
from detector.errors import DatasetError


@dataclass(frozen=True)
class Wish:
    """What a dataset is divided into beyond its own splits.

    Attributes:
        seed: which images are held out, or in which fold.
        folds: how many; None for a training and a validation part.
        group_by: a pattern; images in whose names it finds the same text stay together.
    """

    seed: int
    folds: int | None = None
    group_by: str | None = None

    def check(self) -> None:
        """Raise DatasetError for what cannot be had of any dataset."""
        if self.folds is not None:
            check_folds(self.folds)
        if self.group_by is not None:
            check_pattern(self.group_by)


@dataclass(frozen=True)
class Parts:
    """Positions of the readable images of each part.

    Attributes:
        named: of ``train``, of ``val`` unless there are folds, and of ``test`` where there is one.
        folds: of each fold; together they are ``train``.
        note: a sentence: where they come from.
    """

    named: dict[str, list[int]]
    folds: tuple[list[int], ...]
    note: str


def divide(
    labels: RawLabels,
    choice: Choice,
    facts: Mapping[int, ImageFacts],
    annotations: Mapping[int, Annotations],
    wish: Wish,
    log: FindingLog,
) -> Parts:
    """The parts of the images that can be read.

    Raises:
        DatasetError: images cannot be divided as is wished.
    """
    train = [position for position in choice.train if position in facts]
    test = [position for position in choice.test if position in facts]
    folds: tuple[list[int], ...] = ()
    if wish.folds is not None:
        train = sorted({*train, *(position for position in choice.val or () if position in facts)})
        paths = {position: labels.images[position].path for position in train}
        division = wish.folds, wish.group_by
        chosen, words = choose_folds(paths, facts, annotations, labels.classes, division, wish.seed, log)
        folds = tuple(chosen)
        joined = f" ({choice.train_name or 'all others'} and {choice.val_name} joined)" if choice.val else ""
        note = f"{wish.folds} folds of {len(train):,} images{joined} by seed {wish.seed}, {words}"
        named = {"train": train}
    elif choice.val is not None:
        _refuse_pattern(wish, choice)
        val = [position for position in choice.val if position in facts]
        trained_on = f"{choice.train_name} ({len(train):,}) and " if choice.train_name else ""
        note = f"split as given: {labels.splits_from} {trained_on}{choice.val_name} ({len(val):,})"
        if not choice.train_name:
            note += f", everything else ({len(train):,}) is trained on"
        named = {"train": train, "val": val}
    else:
        named, note = _hold_out(labels, choice, train, (facts, annotations), wish, log)
    if test:
        named["test"] = test
        note += f"; {choice.test_name} ({len(test):,}) is kept for the end"
    return Parts(named, folds, note)


def _refuse_pattern(wish: Wish, choice: Choice) -> None:
    if wish.group_by is not None:
        parts = f"{choice.train_name},{choice.val_name}" if choice.train_name else str(choice.val_name)
        raise DatasetError(
            f"--group-by says which images are held out together, and here {choice.val_name} validates: leave"
            f" it out, hold images out of both with --train {parts}, or add --folds."
        )


def _hold_out(
    labels: RawLabels,
    choice: Choice,
    train: list[int],
    known: tuple[Mapping[int, ImageFacts], Mapping[int, Annotations]],
    wish: Wish,
    log: FindingLog,
) -> tuple[dict[str, list[int]], str]:
    """Train and val out of what would be trained on, and the sentence about them."""
    paths: dict[int, Path] = {position: labels.images[position].path for position in train}
    held = choose_held_out(paths, *known, labels.classes, wish.seed, log, group_by=wish.group_by)
    val = sorted(held.images)
    unused = match_split(labels.splits, "val") and choice.train_name
    origin = f"validation comes out of {choice.train_name}" if unused else "no validation split is given"
    note = f"{origin}: {len(val):,} of {len(train):,} images are held out by seed {wish.seed}, {held.words}"
    return {
        "train": [position for position in train if position not in held.images] or train,
        "val": val,
    }, note
