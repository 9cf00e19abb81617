"""Whether a score of .7 means that seven of ten such detections are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector.evaluation.bootstrap import Interval, Resamples, interval_of
from detector.evaluation.thresholds import Judged

_BINS = 10
LEAST_SCORE = 0.05  # the countless detections below are shown to nobody


@dataclass(frozen=True)
class ScoreBin:
    """Detections of similar score.

    Attributes:
        low, high: the bin.
        count: number of detections.
        score: their mean score.
        precision: share of them that are right, at IoU .5.
    """

    low: float
    high: float
    count: int
    score: float
    precision: Interval


@dataclass(frozen=True)
class Calibration:
    """Bins with detections, and the expected calibration error: the mean distance of score and precision."""

    bins: list[ScoreBin]
    error: Interval


def calibrate(judged: Judged, images: int, resamples: Resamples) -> Calibration:
    """The calibration of scores from .05 on.

    Args:
        judged: detections that are right or wrong.
        images: how many there are.
        resamples: rounds of the bootstrap.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, section 2.
    """
    chosen = (judged.score >= LEAST_SCORE) & (judged.score <= 1)
    score = judged.score[chosen]
    number = np.minimum((score * _BINS).astype(np.int64), _BINS - 1)
    flat = judged.image[chosen] * _BINS + number
    counts, scores, rights = (
        np.bincount(flat, values, images * _BINS).reshape(images, _BINS).astype(np.float64)
        for values in (np.ones_like(score), score, judged.right[chosen])
    )
    weights = np.vstack([np.ones((1, images)), resamples])
    count = weights @ counts
    empty = np.full(count.shape, np.nan)
    precision = np.divide(weights @ rights, count, out=empty.copy(), where=count > 0)
    mean_score = np.divide(weights @ scores, count, out=empty, where=count > 0)
    total = count.sum(axis=1)
    distance = np.nansum(count * np.abs(precision - mean_score), axis=1)
    error = np.divide(distance, total, out=np.full(len(total), np.nan), where=total > 0)
    bins = [
        ScoreBin(
            max(k / _BINS, LEAST_SCORE),
            (k + 1) / _BINS,
            int(count[0, k]),
            float(mean_score[0, k]),
            interval_of(float(precision[0, k]), precision[1:, k], images=images),
        )
        for k in range(_BINS)
        if count[0, k]
    ]
    return Calibration(bins, interval_of(float(error[0]), error[1:], images=images))
