"""AP and AP50 with their intervals, whole and of each class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detector.data.annotations import Result
from detector.data.dataset import Dataset
from detector.evaluation.bootstrap import ROUNDS, Interval, bootstrap, draw_resamples
from detector.evaluation.measure import Measure
from detector.evaluation.tables import build_tables


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
    ap, ap50 = (sampled.interval(column, images=len(tables.images)) for column in (0, 1))
    objects, classes = tables.objects, {}
    for label, name in enumerate(tables.classes):
        images = len(set(objects.image[(objects.label == label) & ~objects.crowd].tolist()))
        if images:
            classes[name] = (
                sampled.class_interval("ap", label, images=images),
                sampled.class_interval("ap50", label, images=images),
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
