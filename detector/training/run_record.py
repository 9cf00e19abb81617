"""The record of a run, ``run.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from detector.input_sizes import is_size

CLASSIFIER = "classifier"
"""What the record of a classifier's run says of its kind; that of a detector's says nothing."""


class OriginRecord(TypedDict):
    """What a run that goes on from an earlier one says of it."""

    run: str
    weights: str  # their digest
    keep: str | None  # as it was asked for
    dataset: str | None  # what the earlier run was trained on, or what was named in its place
    division: dict[str, str | None]  # of that dataset
    seed: int
    earlier: OriginRecord | None  # of the earlier run, where that went on from one
    validation: str | None  # where only what validated the earlier run is at hand
    mixed: bool  # whether training images of that dataset are mixed in


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
    origin: OriginRecord  # of a run that goes on from another
    teacher: str  # digest of the weights that classes are kept of
    kind: str  # of network; missing in the records of detectors
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
    "origin": (dict,),
    "teacher": (str,),
    "kind": (str,),
}


def origin_options(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The command line's options with which a run goes on from an earlier one; none for others."""
    origin = record.get("origin") or {}
    kept = ("--keep", str(origin["keep"])) if origin.get("keep") else ()
    return ("--from", str(origin.get("run", "RUN")), *kept) if origin else ()


def data_of(record: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """The datasets that a run has learned from, each with its training and validation split: its own first,
    then those of the runs that it went on from.

    Raises:
        KeyError, TypeError: the record is damaged.
    """
    found, origin = [(record["dataset"], record["train"], record["val"])], record.get("origin")
    while origin is not None:
        if origin["dataset"] is not None:
            found.append((origin["dataset"], origin["division"]["train"], origin["division"]["val"]))
        origin = origin["earlier"]
    return list(dict.fromkeys(found))


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
