"""Average precision and recall, of the images as they are or of any resampling of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.evaluation.assignment import IOU_THRESHOLDS, Assignment, assign
from detector.evaluation.tables import MOST_DETECTIONS, Doubles, Flags, Ints, Tables

# As pycocotools makes them, to the last bit.
RECALL_THRESHOLDS = np.linspace(0.0, 1.00, int(np.round((1.00 - 0.0) / 0.01)) + 1, endpoint=True)
_T = len(IOU_THRESHOLDS)
_BLOCK = 400_000  # numbers in an array of a block of resamplings; larger ones leave the cache


@dataclass(frozen=True)
class Curve:
    """Running counts at the true positives of every IoU threshold and class, one after the other.

    Attributes:
        group: (N,) threshold times the number of classes, plus label; ascending.
        precision: (R, N) the best at this recall or beyond.
        steps: (R, N) how many of the 101 recall thresholds are reached here first.
        positives: (R, K) objects of each class.
    """

    group: Ints
    precision: Doubles
    steps: Doubles
    positives: Doubles


class PrecisionRecall:
    """Precision and recall of some objects, for weights that say how often each image is counted.

    Detections are put in order once; for other weights only sums have to be formed anew. Weights of 1 give
    pycocotools' numbers. Only true positives are visited: between two of them precision falls, so no other
    place can be the best.

    Args:
        ignored: (G,) objects that are not to be found, nor counted when they are.
        outside: (D,) detections that are not counted when they find nothing.

    Source: pycocotools, ``COCOeval.accumulate``; Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, section 6.2, for weights in place of resampled data.
    """

    def __init__(self, tables: Tables, ignored: Flags, outside: Flags) -> None:
        self.classes = len(tables.classes)
        # Everything that does not depend on the weights is worked out here, once. A detection counts at a
        # threshold when it finds an object (`true`), or finds nothing and lies inside of the range; it does
        # not when it finds what is ignored (`beside`). So of each class one running sum over the detections
        # inside serves all ten thresholds, and each threshold has a few corrections of its own: less code to
        # run than ten sums, and the ten share their reads. True positives are listed threshold by threshold
        # and class by class (`group`), in the order of the scores; a curve is a sum along that list, less
        # what it was at the group's start.
        assignment = assign(tables, ignored)
        true, beside = _judge(assignment, ignored)
        kept = ~outside
        kept[assignment.detection[true.any(axis=1)]] = True
        place = np.cumsum(kept) - 1  # of a detection among those that are kept
        self._kept_image = tables.found.image[kept]
        self._kept_inside = (~outside[kept]).astype(np.float64)
        kept_label = tables.found.label[kept]
        rows = np.flatnonzero(kept[assignment.detection])
        detection, true, beside = assignment.detection[rows], true[rows], beside[rows]
        at, inside = place[detection], ~outside[detection]
        # Where the count differs from that of the detections inside: those that find what is ignored ...
        corrections = np.where(beside & inside[:, None], -1, 0) + np.where(true & ~inside[:, None], 1, 0)
        threshold, row = np.nonzero(corrections.T)
        self._corrected_image = self._kept_image[at[row]]
        self._correction = corrections[row, threshold].astype(np.float64)
        corrected_key = threshold * len(kept_label) + at[row]
        threshold, row = np.nonzero(true.T)
        self._place = at[row]
        self._image = self._kept_image[self._place]
        self._rank = tables.found.rank[detection[row]]
        self._label = kept_label[self._place]
        self.group = threshold * self.classes + self._label
        self._first = np.flatnonzero(np.diff(self.group, prepend=-1))
        self._start = np.searchsorted(self.group, self.group)  # first of the same group
        self._class_start = np.searchsorted(kept_label, self._label)
        key = threshold * len(kept_label)
        self._corrections_before = np.searchsorted(corrected_key, key + self._class_start)
        self._corrections_here = np.searchsorted(corrected_key, key + self._place, side="right")
        # Groups come last first below, and each has to lie above all before it.
        self._lift = 2.0 * (_T * self.classes - 1 - self.group)
        counted = np.flatnonzero(~ignored)
        counted = counted[np.argsort(tables.objects.label[counted], kind="stable")]
        self._object_image = tables.objects.image[counted]
        self._with_objects, self._first_object = np.unique(tables.objects.label[counted], return_index=True)

    @property
    def rounds_at_once(self) -> int:
        """How many resamplings are best computed together."""
        longest = max(len(self._kept_image), len(self.group), 1)
        return int(np.clip(_BLOCK // longest, 1, 64))

    def positives(self, weights: Doubles) -> Doubles:
        """(R, K) objects of each class that are to be found."""
        counts = np.zeros((len(weights), self.classes))
        if len(self._with_objects):
            each = np.take(weights, self._object_image, axis=1)
            counts[:, self._with_objects] = np.add.reduceat(each, self._first_object, axis=1)
        return counts

    def curve(self, weights: Doubles) -> Curve:
        """The running counts for weights (R, I): how often each image is counted."""
        # An image that is drawn twice has each detection twice, at the same score: a weight of 2 in the sums.
        # The best precision at this recall or beyond is a maximum from the right within each group; all
        # groups go through one `maximum.accumulate`, each lifted above those that come before it, which costs
        # the bits below 1e-12.
        inside = np.take(weights, self._kept_image, axis=1)
        inside *= self._kept_inside
        inside = _sums(inside)
        correction = _sums(np.take(weights, self._corrected_image, axis=1) * self._correction)
        counted = np.take(inside, self._place + 1, axis=1) - np.take(inside, self._class_start, axis=1)
        if len(self._correction):
            counted += np.take(correction, self._corrections_here, axis=1)
            counted -= np.take(correction, self._corrections_before, axis=1)
        running = _sums(np.take(weights, self._image, axis=1))
        true = running[:, 1:] - np.take(running, self._start, axis=1)
        precision = true / (counted + np.spacing(1))
        precision += self._lift
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1] - self._lift
        positives = self.positives(weights)
        each = np.take(positives, self._label, axis=1)
        recall = np.divide(true, each, out=np.zeros_like(true), where=each > 0)
        reached = _thresholds_reached(recall)
        steps = np.diff(reached, axis=1, prepend=0)
        steps[:, self._first] = reached[:, self._first]
        return Curve(self.group, precision, steps, positives)

    def average_precision(self, curve: Curve) -> Doubles:
        """(R, T, K) in [0, 1]; NaN for a class without objects."""
        return self._by_group(curve.precision * curve.steps / len(RECALL_THRESHOLDS), curve.positives)

    def recall(self, weights: Doubles, positives: Doubles, limit: int = MOST_DETECTIONS) -> Doubles:
        """(R, T, K) in [0, 1], with so many detections of a class in an image; NaN without objects."""
        found = np.take(weights, self._image, axis=1)
        if limit < MOST_DETECTIONS:
            found *= self._rank < limit
        divisor = np.where(positives > 0, positives, 1)
        return self._by_group(found, positives) / divisor[:, None]

    def precision_at_recall(self, curve: Curve) -> Doubles:
        """(T, K, 101) of the first weights; NaN for a class without objects. pycocotools' ``precision``."""
        sampled = np.zeros((_T * self.classes, len(RECALL_THRESHOLDS)))
        steps = curve.steps[0].astype(np.int64)
        group = np.repeat(curve.group, steps)
        at = np.arange(len(group)) - np.searchsorted(group, group)
        sampled[group, at] = np.repeat(curve.precision[0], steps)
        result = sampled.reshape(_T, self.classes, -1)
        result[:, curve.positives[0] == 0] = np.nan
        return result

    def _by_group(self, values: Doubles, positives: Doubles) -> Doubles:
        summed = np.zeros((len(values), _T * self.classes))
        if len(self._first):
            summed[:, self.group[self._first]] = np.add.reduceat(values, self._first, axis=1)
        result = summed.reshape(len(values), _T, self.classes)
        np.copyto(result, np.nan, where=(positives == 0)[:, None])
        return result


def _judge(assignment: Assignment, ignored: Flags) -> tuple[Flags, Flags]:
    """(M, T) each: whether a detection finds an object that counts, and whether one that is ignored."""
    matched = assignment.object >= 0
    beside = matched & ignored[assignment.object] if len(ignored) else np.zeros_like(matched)
    return matched & ~beside, beside


def _sums(values: Doubles) -> Doubles:
    """(R, N + 1) the sum of the values before each."""
    sums = np.empty((values.shape[0], values.shape[1] + 1))
    sums[:, 0] = 0
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _thresholds_reached(recall: Doubles) -> Doubles:
    """How many of the 101 thresholds are at or below each recall, compared as pycocotools compares."""
    nearest = np.rint(recall * (len(RECALL_THRESHOLDS) - 1))
    nearest += recall >= RECALL_THRESHOLDS[nearest.astype(np.intp)]
    return nearest


def average_precision(scores: NDArray[np.floating], found: Flags, count: int) -> float:
    """Precision averaged over recall 0, .01 ... 1, each the best at that recall or beyond.

    Args:
        scores: (N,) in any order.
        found: (N,) whether each detection finds an object.
        count: how many objects there are.
    """
    found = found[np.argsort(-scores, kind="stable")]
    true = np.cumsum(found)
    precision = np.maximum.accumulate((true / np.arange(1, len(true) + 1))[::-1])[::-1]
    at = np.searchsorted(true / count, RECALL_THRESHOLDS)
    return float(np.append(precision, 0.0)[at].mean())
