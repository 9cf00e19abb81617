"""How much a model doubts what it sees in a picture: its scores, and whether two looks agree."""

from __future__ import annotations

import numpy as np

from detector.boxes import FloatArray, intersection_over_union
from detector.detections import Detections

_SAME_OBJECT = 0.5  # least IoU of two boxes of a class that are one object


def doubt_of_scores(scores: FloatArray, thresholds: FloatArray) -> float:
    """The sum over objects of how near each score is to its threshold: 1 at it, 0 at scores of 0 and 1.

    Args:
        scores: (N,) in [0, 1].
        thresholds: (N,) from which on an object of its class is shown, inside (0, 1).
    """
    nearness = np.where(scores < thresholds, scores / thresholds, (1 - scores) / (1 - thresholds))
    return float(nearness.sum())


def disagreement(one: Detections, other: Detections) -> float:
    """How much two looks at one picture differ: the sum of the scores that one of them has alone.

    Objects of a class whose boxes overlap enough are one object, the surest first; of it counts the
    difference of its scores, and the part of the lower one by which the boxes differ.

    Args:
        one, other: in the same picture's pixels, each with its highest scores first.
    """
    overlaps = intersection_over_union(one.boxes, other.boxes)
    overlaps[one.labels[:, None] != other.labels] = 0
    shared, free = 0.0, np.ones(len(other), np.bool_)
    for row, score in zip(overlaps, one.scores.tolist(), strict=True):
        best = int(np.argmax(row * free)) if len(row) else 0
        if len(row) and free[best] and row[best] >= _SAME_OBJECT:
            free[best] = False
            shared += 2 * float(row[best]) * min(score, float(other.scores[best]))
    return float(one.scores.sum() + other.scores.sum()) - shared


def mirrored(detections: Detections, width: float) -> Detections:
    """The detections of a mirror image, as of the picture itself, whose width is given in pixels."""
    boxes = detections.boxes.copy()
    boxes[:, [0, 2]] = np.float32(width) - detections.boxes[:, [2, 0]]
    return Detections(boxes, detections.scores, detections.labels, detections.classes)
