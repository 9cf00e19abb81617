"""Two sets of detections on the same images: what differs, and whether it may be chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detector.data.annotations import Result
from detector.data.dataset import Dataset
from detector.evaluation.assignment import assign
from detector.evaluation.bootstrap import (
    LEAST_IMAGES,
    ROUNDS,
    Interval,
    bootstrap,
    draw_resamples,
    interval_of,
)
from detector.evaluation.coco_metrics import METRICS
from detector.evaluation.outcomes import find_outcomes
from detector.evaluation.tables import Doubles, Ints, Tables, build_tables
from detector.evaluation.thresholds import find_operating_points, judge

_LEAST_SHOWN = 5e-5  # rounds to a hundredth of a point; what is less comes from sums in another order


@dataclass(frozen=True)
class Difference:
    """A number of both sets, and of the second minus the first, each in [0, 1] with its 95 % interval."""

    first: Interval
    second: Interval
    difference: Interval

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval of the difference leaves 0 out, and a hundredth of a point would show it."""
        shows = abs(self.difference.value) >= _LEAST_SHOWN
        return shows and (self.difference.low > 0 or self.difference.high < 0)


@dataclass(frozen=True)
class ClassDifference:
    """AP of a class, how many objects it has, and in how many images."""

    name: str
    objects: int
    images: int
    ap: Difference


@dataclass(frozen=True)
class ImageDifference:
    """What each set found in an image, at its own best score threshold and IoU .5.

    Attributes:
        image_id, name: of the image.
        first, second: numbers of found objects, of objects not found, and of false detections.
    """

    image_id: int
    name: str
    first: tuple[int, int, int]
    second: tuple[int, int, int]

    @property
    def errors_more(self) -> int:
        """How many errors the second set has more."""
        return sum(self.second[1:]) - sum(self.first[1:])


@dataclass(frozen=True)
class Comparison:
    """Everything that was compared.

    Attributes:
        summary: the 12 COCO numbers by name.
        classes: those that have objects, the greatest loss first.
        images: those with another number of errors, the greatest loss first.
    """

    summary: dict[str, Difference]
    classes: list[ClassDifference]
    images: list[ImageDifference]


def compare_detections(
    dataset: Dataset,
    first: Sequence[Result],
    second: Sequence[Result],
    *,
    category_ids: Iterable[int] | None = None,
    rounds: int = ROUNDS,
) -> Comparison:
    """Paired bootstrap: both sets are measured on the same resampled images in every round.

    Args:
        category_ids: the categories that take part; all that have objects if none are given.
    """
    if category_ids is None:
        category_ids = {annotation["category_id"] for annotation in dataset.annotations}
    categories = sorted(category_ids)
    resamples = draw_resamples(len(dataset.images), rounds)
    tables = [build_tables(dataset, found, categories) for found in (first, second)]
    sampled = [bootstrap(each, resamples) for each in tables]
    summary = {
        name: _compare([(each.whole.summary[0, k], each.rounds.summary[:, k]) for each in sampled])
        for k, name in enumerate(METRICS)
    }
    objects = tables[0].objects
    classes = []
    for label, name in enumerate(tables[0].classes):
        of_objects = objects.image[(objects.label == label) & ~objects.crowd]
        if len(of_objects):
            images = len(np.unique(of_objects))
            sides = [(each.whole.ap[0, label], each.rounds.ap[:, label]) for each in sampled]
            classes.append(ClassDifference(name, len(of_objects), images, _compare(sides, images)))
    classes.sort(key=lambda each: each.ap.difference.value)
    return Comparison(summary, classes, _compare_images(*tables))


def _compare(sides: Sequence[tuple[float, Doubles]], images: int = LEAST_IMAGES) -> Difference:
    """The difference of two values, from each with its rounds."""
    first, second = sides
    between = second[0] - first[0], second[1] - first[1]
    return Difference(*(interval_of(*each, images=images) for each in (first, second, between)))


def _compare_images(first: Tables, second: Tables) -> list[ImageDifference]:
    counts = [_count_by_image(tables).tolist() for tables in (first, second)]
    changes = [
        ImageDifference(image.id, image.name, tuple(one), tuple(other))
        for image, one, other in zip(first.images, *counts, strict=True)
    ]
    changed = [change for change in changes if change.errors_more]
    return sorted(changed, key=lambda change: (-change.errors_more, change.image_id))


def _count_by_image(tables: Tables) -> Ints:
    """(I, 3) found objects, objects not found, and false detections."""
    assignment = assign(tables, tables.objects.crowd)
    best, _ = find_operating_points(judge(tables, assignment))
    outcomes = find_outcomes(tables, assignment, np.full(len(tables.classes), best.threshold))
    missed = ~tables.objects.crowd & ~outcomes.object_found
    false = outcomes.shown & (outcomes.found < 0) & ~outcomes.aside
    objects, found = tables.objects.image, tables.found.image
    return np.stack(
        [
            np.bincount(images, minlength=len(tables.images))
            for images in (objects[outcomes.object_found], objects[missed], found[false])
        ],
        axis=1,
    )


def show_interval(interval: Interval, sign: str = "") -> str:
    """A share with its interval, in percent: ``32.62 [27.90, 36.84]``."""
    value, low, high = (
        f"{round(100 * number, 2) + 0.0:{sign}.2f}"
        for number in (interval.value, interval.low, interval.high)
    )
    return f"{value:>6} [{low}, {high}]"


def show_difference(each: Difference) -> str:
    """A difference with its interval, in percent, and what that says."""
    return f"{show_interval(each.difference, '+'):24}{'beyond' if each.beyond_chance else 'within'} chance"
