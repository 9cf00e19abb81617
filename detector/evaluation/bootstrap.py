"""How far an AP, or the difference between two, may be chance: the bootstrap over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detector.data.dataset import Dataset
from detector.evaluation.coco_metrics import CocoEval, match_detections, mean_precision, silenced


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """AP of two sets of detections, and of the second minus the first, each in [0, 1] with its interval."""

    first: Interval
    second: Interval
    difference: Interval


def compare_detections(
    dataset: Dataset,
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap of AP: both sets are measured on the same resampled images in every round.

    Args:
        dataset: images and ground truth; all its categories that have objects take part.
        first, second: COCO's result objects.
        rounds: number of resamplings.
        seed: of the resampling.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).
    """
    categories = sorted({annotation["category_id"] for annotation in dataset.annotations})
    with silenced():
        matched = [match_detections(dataset, d, categories, ap_only=True) for d in (first, second)]
    count = len(dataset.images)
    generator = np.random.default_rng(seed)
    whole = np.array([_ap(coco_eval, np.arange(count)) for coco_eval in matched])
    resampled = np.empty((rounds, 2))
    for row in tqdm(resampled, desc="bootstrap", unit="round", disable=None, leave=False):
        chosen = generator.integers(0, count, count)
        row[:] = [_ap(coco_eval, chosen) for coco_eval in matched]
    return Comparison(
        _interval(whole[0], resampled[:, 0]),
        _interval(whole[1], resampled[:, 1]),
        _interval(whole[1] - whole[0], resampled[:, 1] - resampled[:, 0]),
    )


def _ap(coco_eval: CocoEval, chosen: NDArray[np.int64]) -> float:
    """AP over some of the images that were matched, each as often as it is chosen."""
    matches = coco_eval.evalImgs
    images = len(coco_eval.params.imgIds)
    coco_eval.evalImgs = [
        matches[start + image] for start in range(0, len(matches), images) for image in chosen.tolist()
    ]
    try:
        with silenced():
            coco_eval.accumulate()
    finally:
        coco_eval.evalImgs = matches
    return mean_precision(coco_eval.eval["precision"])


def _interval(value: float, samples: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(samples, [2.5, 97.5])
    return Interval(float(value), float(low), float(high))
