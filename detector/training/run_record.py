"""The record of a run, ``run.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from detector.input_sizes import is_size


class RunRecord(TypedDict, total=False):
    """``run.json``: what a run began with, and how far it has come."""

    dataset: str
    train: str | None
    val: str | None
    split: str
    classes: list[str]
    fingerprint: str
    config: dict[str, dict[str, object]]
    weights: str
    card: dict[str, str]
    columns: list[str]  # classes of the network; in records of earlier versions those of the dataset
    folds: int | None
    group_by: str | None
    fold: int | None  # the one that validates; None for the model of all images
    folded: bool  # whether all folds are trained, and what the last model is trained like is decided
    reference_hw: Sequence[int] | None  # of the anchors; missing in records of earlier versions
    most_steps: int  # where there is time for all
    usual_steps: int  # the same as the run began; 0 where the number was asked for
    version: str
    plan: Sequence[str]  # as it was said; missing in records of earlier versions, as the next is
    objects: Mapping[str, int]  # that are trained on, by class
    step: int
    finished: bool


# What a record has to hold to be gone on with, and of which type.
_RECORD: dict[str, tuple[type, ...]] = {
    "dataset": (str,),
    "train": (str, type(None)),
    "val": (str, type(None)),
    "fingerprint": (str,),
    "classes": (list,),
    "config": (dict,),
    "weights": (str,),
    "card": (dict,),
    "step": (int,),
    "finished": (bool,),
}


# The same of what a record need not have.
_MAYBE: dict[str, tuple[type, ...]] = {
    "columns": (list,),
    "folds": (int, type(None)),
    "group_by": (str, type(None)),
    "fold": (int, type(None)),
    "folded": (bool,),
    "most_steps": (int,),
    "usual_steps": (int,),
}


def faulty_key(record: Mapping[str, object]) -> str | None:
    """A key of a record that is missing or has a value of another kind; None where there is none."""
    for key, kinds in _RECORD.items():
        if not isinstance(record.get(key, ...), kinds):
            return key
    for key, kinds in _MAYBE.items():
        if key in record and not isinstance(record[key], kinds):
            return key
    reference = record.get("reference_hw")
    return "reference_hw" if reference is not None and not is_size(reference) else None
