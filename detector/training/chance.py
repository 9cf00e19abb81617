"""How far the numbers of a validation set may be chance: what to expect before training, what it is after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detector.data.annotations import Result
from detector.data.dataset import Dataset
from detector.evaluation.bootstrap import (
    LEAST_IMAGES,
    ROUNDS,
    Interval,
    bootstrap,
    draw_resamples,
    interval_of,
)
from detector.evaluation.measure import Measure
from detector.evaluation.tables import build_tables
from detector.system.terminal import counted

# Half of the 95 % interval of AP, times the root of the number of images of each class, summed over classes:
# raccoon .39, persons from above .40, bccd .41, chess .36 to .43.
_SPREAD = 0.4
_TOO_COARSE = 0.05  # more chance than that, and most changes cannot be told from none
_MOST_IMAGES = 2_000  # beyond, the bootstrap takes minutes and chance is small
_ROUNDS = 500


@dataclass(frozen=True)
class Intervals:
    """AP and AP50 with their 95 % intervals.

    Attributes:
        ap, ap50: over all classes.
        classes: the same of each class by name, of those that have objects.
        rounds: of the bootstrap.
    """

    ap: Interval
    ap50: Interval
    classes: dict[str, tuple[Interval, Interval]]
    rounds: int


def measure_intervals(
    dataset: Dataset, detections: Sequence[Result], category_ids: Iterable[int], rounds: int = ROUNDS
) -> Intervals:
    """AP and AP50 of detections, with the intervals that a bootstrap over the images gives.

    Args:
        category_ids: the categories that take part.
    """
    tables = build_tables(dataset, detections, category_ids)
    sampled = bootstrap(tables, draw_resamples(len(tables.images), rounds))
    whole, samples = sampled.whole, sampled.rounds
    ap, ap50 = (
        interval_of(float(whole.summary[0, column]), samples.summary[:, column], images=len(tables.images))
        for column in (0, 1)
    )
    objects, classes = tables.objects, {}
    for label, name in enumerate(tables.classes):
        images = len(set(objects.image[(objects.label == label) & ~objects.crowd].tolist()))
        if images:
            classes[name] = (
                interval_of(float(whole.ap[0, label]), samples.ap[:, label], images=images),
                interval_of(float(whole.ap50[0, label]), samples.ap50[:, label], images=images),
            )
    return Intervals(ap, ap50, classes, rounds)


def measure_classes(
    dataset: Dataset, detections: Sequence[Result], category_ids: Iterable[int]
) -> dict[str, tuple[float, float]]:
    """AP and AP50 of each class by name, in [0, 1], of those that have objects."""
    tables = build_tables(dataset, detections, category_ids)
    found = Measure(tables)(np.ones((1, len(tables.images))))
    pairs = zip(tables.classes, found.ap[0].tolist(), found.ap50[0].tolist(), strict=True)
    return {name: (ap, ap50) for name, ap, ap50 in pairs if not np.isnan(ap)}


def expected_chance(dataset: Dataset) -> float | None:
    """Half of the 95 % interval that AP will have on a dataset, in [0, 1]; None without objects.

    It is a rule of thumb from four small datasets, right to about a third.
    """
    pairs = {(each["image_id"], each["category_id"]) for each in dataset.annotations if not each["iscrowd"]}
    return min(0.5, _SPREAD / len(pairs) ** 0.5) if pairs else None


def describe_expected(dataset: Dataset) -> str | None:
    """A line on how much a validation set will tell, before training; None where it has no object."""
    half = expected_chance(dataset)
    if half is None:
        return None
    objects = sum(not each["iscrowd"] for each in dataset.annotations)
    shown = f"{counted(len(dataset.images), 'validation image')} with {counted(objects, 'object')}"
    line = f"{shown}: expect AP to be known to about +-{100 * half:.0f} points (95 %)"
    return f"{line}. {_WAY_OUT}" if half > _TOO_COARSE else f"{line}."


_WAY_OUT = (
    "That is too few to tell one training from another, or a good one from a middling one: --folds 5 judges "
    "on every image, each by a model that has not seen it."
)


def describe_interval(
    dataset: Dataset, detections: Sequence[Result], category_ids: Sequence[int]
) -> str | None:
    """A line on how far a run's AP may be chance; None where the bootstrap says nothing or takes long."""
    if not LEAST_IMAGES <= len(dataset.images) <= _MOST_IMAGES:
        return None
    found = measure_intervals(dataset, detections, category_ids, _ROUNDS)
    if not found.ap.low <= found.ap.high:  # NaN
        return None
    line = f"By chance alone (95 %) it could be {show_interval(found.ap)}, AP50 {show_interval(found.ap50)}."
    return f"{line} {_WAY_OUT}" if found.ap.high - found.ap.low > 2 * _TOO_COARSE else line


def show_interval(interval: Interval) -> str:
    """The interval in percent: ``AP 61.2 to 70.1``."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
