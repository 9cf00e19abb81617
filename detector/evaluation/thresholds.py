"""From which score on a detection is worth showing: F1 over the score, overall and class by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector.evaluation.assignment import Assignment, found_at_iou50
from detector.evaluation.tables import Doubles, Flags, Ints, Tables

FALLBACK = 0.4  # where no detection is right, so that nothing speaks for any threshold
LEAST_OBJECTS = 10  # of a class that has a threshold of its own; fewer would follow chance
GRID = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Operating:
    """The best score threshold of some detections, and what it gives.

    Attributes:
        threshold: least score.
        f1, precision, recall: there, in [0, 1].
    """

    threshold: float
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Judged:
    """The detections that are right or wrong at IoU .5; those in crowds are neither.

    Attributes:
        image, label: (D,) indices.
        score: (D,).
        right: (D,) whether it finds an object of its class.
        objects: (K,) how many there are of each class.
    """

    image: Ints
    label: Ints
    score: Doubles
    right: Flags
    objects: Ints


def judge(tables: Tables, assignment: Assignment) -> Judged:
    """The detections of the tables, at IoU .5.

    Args:
        assignment: with the crowds ignored and nothing else.
    """
    object_, in_crowd = found_at_iou50(tables, assignment)
    right, counted = object_ >= 0, ~in_crowd
    objects = np.bincount(tables.objects.label[~tables.objects.crowd], minlength=len(tables.classes))
    found = tables.found
    return Judged(found.image[counted], found.label[counted], found.score[counted], right[counted], objects)


def find_best(score: Doubles, right: Flags, objects: int) -> Operating | None:
    """The threshold with the best F1; None where no detection is right.

    It lies in the middle between the last score that is taken and the first that is not.
    """
    if not right.any():
        return None
    # Precision is true / taken and recall true / objects, so F1, their harmonic mean, is 2 true / (taken +
    # objects). It changes only where one more detection is taken, so only scores that occur can be the
    # best: with the detections in order, one running sum gives the F1 of every threshold there is.
    order = np.argsort(-score, kind="stable")
    score, right = score[order], right[order]
    last = np.append(score[1:] != score[:-1], True)  # equal scores are taken together
    true, taken = np.cumsum(right)[last], np.flatnonzero(last) + 1
    f1 = 2 * true / (taken + objects)
    best = int(f1.argmax())
    scores = np.append(score[last], 0.0)
    threshold = _between(float(scores[best]), float(min(scores[best + 1], scores[best])))
    return Operating(
        threshold, float(f1[best]), float(true[best] / taken[best]), float(true[best] / max(objects, 1))
    )


def _between(taken: float, left: float) -> float:
    """A short number over ``left``, up to ``taken``."""
    middle = (taken + left) / 2
    for digits in (2, 3, 4, 6):
        short = round(middle, digits)
        if left < short <= taken:
            return short
    return taken


def find_operating_points(judged: Judged) -> tuple[Operating, list[Operating | None]]:
    """The best threshold of all detections together, and of each class.

    A class with fewer than 10 objects has none of its own.
    """
    overall = find_best(judged.score, judged.right, int(judged.objects.sum()))
    classes: list[Operating | None] = []
    for label, objects in enumerate(judged.objects.tolist()):
        own = judged.label == label
        classes.append(
            find_best(judged.score[own], judged.right[own], objects) if objects >= LEAST_OBJECTS else None
        )
    return overall or Operating(FALLBACK, 0.0, 0.0, 0.0), classes


def f1_curve(score: Doubles, right: Flags, objects: int) -> tuple[Doubles, Doubles, Doubles]:
    """F1, precision and recall (101,) at the score thresholds 0, .01 ... 1; the precision of nothing is 1."""
    order = np.argsort(score, kind="stable")
    true_above = np.append(np.cumsum(right[order][::-1])[::-1], 0)
    at = np.searchsorted(score[order], GRID, side="left")
    taken, true = len(score) - at, true_above[at]
    f1 = 2 * true / np.maximum(taken + objects, 1)
    precision = np.where(taken > 0, true / np.maximum(taken, 1), 1.0)
    return f1, precision, true / max(objects, 1)
