"""The history of a run: its losses and metrics over time, an entry for each point."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

import numpy as np
from numpy.typing import NDArray

_SMOOTHED_OVER = 25  # parts of the training; the mean follows what lasts for longer than one


LOSSES = ("classification_loss", "localization_loss")
"""The parts of the loss; a classifier has the first alone."""


class _Point(TypedDict):
    step: int


class HistoryEntry(_Point, total=False):
    """A line of ``history.jsonl``: means of losses since the line before, or the metrics of an evaluation.

    Besides what is named here an evaluation has all of COCO's numbers, in [0, 1]; -1 for none. That of a
    classifier has its accuracies in their place. Entries of trials have ``trial``, the depth that was tried.
    """

    trial: str
    seconds: float
    loss: float
    classification_loss: float
    localization_loss: float
    learning_rate: float
    images_per_second: float
    AP: float
    AP50: float
    accuracy: float
    balanced_accuracy: float


def build_entry(step: int, numbers: Mapping[str, float], *, trial: str | None = None) -> HistoryEntry:
    """The entry of a point of the run, or of a trial before it."""
    return cast(HistoryEntry, {"step": step, **({} if trial is None else {"trial": trial}), **numbers})


def parse_entry(line: bytes) -> HistoryEntry | None:
    """A line of the history: a step and numbers; None for what is none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or type(entry.get("step")) is not int or entry["step"] < 0:
        return None
    numbers = all(type(value) in (int, float) for key, value in entry.items() if key != "trial")
    return cast(HistoryEntry, entry) if numbers and isinstance(entry.get("trial", ""), str) else None


def value_of(entry: HistoryEntry, key: str) -> float | None:
    """A number of an entry by its name; None where it has none."""
    return cast("Mapping[str, float]", entry).get(key)


def read_series(history: Sequence[HistoryEntry], key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and values of the records that have a finite number under the key."""
    points = [
        (record["step"], value)
        for record in history
        if isinstance(value := record.get(key), int | float) and np.isfinite(value)
    ]
    steps, values = np.array(points, np.float64).reshape(-1, 2).T
    return steps, values


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the values around each, as far as there are some."""
    half = len(values) // (2 * _SMOOTHED_OVER)
    sums = np.concatenate([[0], np.cumsum(values)])
    at = np.arange(len(values))
    first, end = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    return (sums[end] - sums[first]) / (end - first)
