"""The history of a run: its losses and metrics over time, an entry for each point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypedDict, cast


class _Point(TypedDict):
    step: int


class HistoryEntry(_Point, total=False):
    """A line of ``history.jsonl``: means of losses since the line before, or the metrics of an evaluation.

    Besides what is named here an evaluation has all of COCO's numbers, in [0, 1]; -1 for none. Entries of
    trials have ``trial``, the depth that was tried.
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
