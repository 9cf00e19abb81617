"""What became of every object and every detection at one IoU and one score threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.evaluation.assignment import Assignment, found_at_iou50
from detector.evaluation.tables import MATCH_IOU, Flags, Ints, Tables

NOTHING = -1  # no object, no detection
Matrix = NDArray[np.int64]


@dataclass(frozen=True)
class Outcomes:
    """Found, confused, missed and false positive, at IoU .5 and over a score threshold.

    Attributes:
        shown: (D,) detections over the threshold.
        found: (D,) the object of its own class that a detection finds, or -1.
        confused: (D,) the object of another class that it lies on, or -1.
        aside: (D,) detections in a crowd, which are neither right nor wrong.
        object_found, object_confused: (G,) whether an object is found, or detected as another class only.
        crowd: (G,) regions that are not looked for.
    """

    shown: Flags
    found: Ints
    confused: Ints
    aside: Flags
    object_found: Flags
    object_confused: Flags
    crowd: Flags

    @property
    def false_positives(self) -> Flags:
        """(D,) detections of nothing: no object of any class is left for them."""
        return self.shown & (self.found < 0) & (self.confused < 0) & ~self.aside

    @property
    def missed(self) -> Flags:
        """(G,) objects without a detection, of any class."""
        return ~self.crowd & ~self.object_found & ~self.object_confused


def find_outcomes(tables: Tables, assignment: Assignment, thresholds: NDArray[np.float64]) -> Outcomes:
    """The outcomes at IoU .5.

    Objects are found first, by COCO's rule. Each detection that is left takes, highest score first, the
    object of another class that it overlaps most and that is not found: a confusion.

    Args:
        assignment: with the crowds ignored and nothing else.
        thresholds: (K,) least score of a detection of each class.
    """
    found_table, objects = tables.found, tables.objects
    shown = found_table.score >= thresholds[found_table.label]
    found, aside = found_at_iou50(tables, assignment)
    found[~shown], aside[~shown] = NOTHING, False
    object_found = np.zeros(len(objects.image), np.bool_)
    object_found[found[found >= 0]] = True
    confused = _find_confusions(tables, shown & (found < 0) & ~aside, object_found)
    object_confused = np.zeros_like(object_found)
    object_confused[confused[confused >= 0]] = True
    return Outcomes(shown, found, confused, aside, object_found, object_confused, objects.crowd)


def _find_confusions(tables: Tables, free: Flags, object_found: Flags) -> Ints:
    """(D,) the object of another class that each free detection takes, or -1."""
    pairs, objects, found = tables.overlaps, tables.objects, tables.found
    open_ = ~object_found & ~objects.crowd
    other = found.label[pairs.detection] != objects.label[pairs.object]
    pairs = pairs[other & (pairs.iou >= MATCH_IOU) & free[pairs.detection] & open_[pairs.object]]
    confused = np.full(len(free), NOTHING, np.int64)
    order = np.lexsort((-pairs.iou, pairs.detection, -found.score[pairs.detection]))
    for detection, object_ in zip(pairs.detection[order].tolist(), pairs.object[order].tolist(), strict=True):
        if confused[detection] < 0 and open_[object_]:
            confused[detection] = object_
            open_[object_] = False
    return confused


def build_matrix(tables: Tables, outcomes: Outcomes) -> Matrix:
    """(K + 1, K + 1) counts: row what it is, column what it is detected as.

    The last column counts missed objects, the last row false positives; their corner is empty.
    """
    classes = len(tables.classes)
    matrix = np.zeros((classes + 1, classes + 1), np.int64)
    true, said = tables.objects.label, tables.found.label
    for hits in (outcomes.found, outcomes.confused):
        chosen = hits >= 0
        np.add.at(matrix, (true[hits[chosen]], said[chosen]), 1)
    matrix[:classes, classes] = np.bincount(true[outcomes.missed], minlength=classes)
    matrix[classes, :classes] = np.bincount(said[outcomes.false_positives], minlength=classes)
    return matrix
