"""What a run's dataset is divided into, as it was asked for and as it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.training.run_record import RunRecord


@dataclass(frozen=True)
class Division:
    """Which images are trained on and which validate.

    Attributes:
        train, val: splits, or several joined by commas; None where the dataset decides.
        folds: how many parts of train and val validate in turn; None for none.
        group_by: a pattern; images in whose names it finds the same text stay together.
        fold: number of the one that validates, from 1 on; None for a model that is trained on all of them.
    """

    train: str | None = None
    val: str | None = None
    folds: int | None = None
    group_by: str | None = None
    fold: int | None = None

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Division:
        """That of a run, by its record; those of earlier versions have no folds."""
        optional = {key: record.get(key) for key in ("folds", "group_by", "fold")}
        return cls(record["train"], record["val"], **optional)

    def load(self, place: Path, seed: int) -> LabelledFolder:
        """The dataset in a place, divided so.

        Raises:
            DatasetError: it cannot be read, or not be divided so.
        """
        folder = load_labelled_folder(
            place, train=self.train, val=self.val, seed=seed, folds=self.folds, group_by=self.group_by
        )
        return self.part_of(folder)

    def part_of(self, folder: LabelledFolder) -> LabelledFolder:
        """What is trained on and what validates, of a dataset that is divided into the folds."""
        return folder if self.fold is None else folder.fold(self.fold)

    def to_record(self) -> RunRecord:
        """What a run's record says of it."""
        record: RunRecord = {"train": self.train, "val": self.val}
        if self.folds is not None:
            record["folds"] = self.folds
        if self.group_by is not None:
            record["group_by"] = self.group_by
        if self.fold is not None:
            record["fold"] = self.fold
        return record

    @property
    def options(self) -> tuple[str, ...]:
        """The command line's options that ask for the folds and groups."""
        options: list[str] = []
        if self.folds is not None:
            options += ["--folds", str(self.folds)]
        if self.group_by is not None:
            options += ["--group-by", self.group_by]
        return tuple(options)
