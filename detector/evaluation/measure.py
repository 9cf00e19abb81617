"""COCO's numbers and those of each class, for any weighting of the images: what a bootstrap asks for.

``coco_metrics`` computes the same with pycocotools itself, once. Tests hold the two together to 1e-9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pycocotools.cocoeval import Params

from detector.evaluation.assignment import IOU_THRESHOLDS
from detector.evaluation.coco_metrics import METRICS
from detector.evaluation.precision_recall import PrecisionRecall
from detector.evaluation.tables import Doubles, Tables

_IOU_75 = int(np.argmin(np.abs(IOU_THRESHOLDS - 0.75)))
_PARAMS = Params(iouType="bbox")
AREA_RANGES: dict[str, tuple[float, float]] = {
    label: (float(low), float(high))
    for label, (low, high) in zip(_PARAMS.areaRngLbl, _PARAMS.areaRng, strict=True)
}
_LIMITS = tuple(_PARAMS.maxDets)  # 1, 10, 100


@dataclass(frozen=True)
class Measured:
    """Numbers in [0, 1] for each of R weightings; NaN where no object takes part.

    Attributes:
        summary: (R, 12) in the order of ``METRICS``.
        ap, ap50, ar: (R, K) of each class.
    """

    summary: Doubles
    ap: Doubles
    ap50: Doubles
    ar: Doubles


class Measure:
    """Measures detections, for weights that say how often each image is counted."""

    def __init__(self, tables: Tables) -> None:
        self.ranges = {name: build_range(tables, low, high) for name, (low, high) in AREA_RANGES.items()}

    @property
    def rounds_at_once(self) -> int:
        """How many weightings are best measured together."""
        return min(counts.rounds_at_once for counts in self.ranges.values())

    def __call__(self, weights: Doubles) -> Measured:
        """The numbers for weights (R, I), in the order of the tables' images."""
        summary = np.full((len(weights), len(METRICS)), np.nan)
        everything, *by_area = self.ranges.values()
        curve = everything.curve(weights)
        ap = everything.average_precision(curve)
        recalls = [everything.recall(weights, curve.positives, limit) for limit in _LIMITS]
        for column, values in enumerate((ap, ap[:, :1], ap[:, _IOU_75 : _IOU_75 + 1])):
            summary[:, column] = mean_of_known(values)
        for column, values in enumerate(recalls, start=6):
            summary[:, column] = mean_of_known(values)
        for column, counts in enumerate(by_area, start=3):
            area_curve = counts.curve(weights)
            summary[:, column] = mean_of_known(counts.average_precision(area_curve))
            summary[:, column + 6] = mean_of_known(counts.recall(weights, area_curve.positives))
        return Measured(summary, ap.mean(axis=1), ap[:, 0], recalls[-1].mean(axis=1))


def build_range(tables: Tables, low: float, high: float) -> PrecisionRecall:
    """Precision and recall of the objects whose area lies in a range, its ends included: COCO's rule.

    Args:
        low, high: areas; what is outside is ignored, and a detection outside that finds nothing, too.
    """
    objects, area = tables.objects, tables.found.area
    ignored = objects.crowd | (objects.area < low) | (objects.area > high)
    return PrecisionRecall(tables, ignored, (area < low) | (area > high))


def mean_of_known(values: Doubles) -> Doubles:
    """(R,) the mean over thresholds and classes (R, T, K), without classes that have no objects."""
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0).sum(axis=(1, 2)), known.sum(axis=(1, 2))
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def nan_to_minus_1(value: object) -> object:
    """The same plain values without NaN, which JSON does not have: -1, as COCO writes it."""
    if isinstance(value, dict):
        return {key: nan_to_minus_1(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_minus_1(each) for each in value]
    return -1.0 if isinstance(value, float) and np.isnan(value) else value
