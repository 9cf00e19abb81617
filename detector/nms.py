"""Non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, area, intersection

# Boxes looked at together. All pairs at once would mostly be work on boxes that are never reached.
_BLOCK = 128


def non_maximum_suppression(
    boxes: FloatArray,
    labels: NDArray[np.int64],
    *,
    iou_threshold: float,
    max_detections: int,
) -> NDArray[np.int64]:
    """Indices of the boxes that survive greedy suppression within each class.

    A box survives when no surviving box before it, of the same label, overlaps it by more than the
    threshold. The first ``max_detections`` survivors of all classes are the same as those of suppressing
    each class by itself, with the same limit for each class, and taking the best of all.

    Args:
        boxes: (N, 4) float32, xyxy, any unit, in order of descending score.
        labels: (N,) int64.
        iou_threshold: in [0, 1]; an overlap of exactly this much survives.
        max_detections: most indices to return.

    Returns:
        (M,) int64, ascending, M <= max_detections.

    Law: running it again on the survivors keeps all of them.

    Source: Liu et al., SSD, 2016, section 2.2.
    """
    kept = np.empty(0, np.int64)
    for start in range(0, len(boxes), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(boxes)))
        if len(kept):
            suppressed = _overlap(boxes[block], labels[block], boxes[kept], labels[kept], iou_threshold)
            block = block[~suppressed.any(axis=1)]
        overlaps = _overlap(boxes[block], labels[block], boxes[block], labels[block], iou_threshold)
        alive = [True] * len(block)
        # Pairs come ordered by their first box, so a box's own fate is settled before it suppresses others.
        for first, second in zip(*(index.tolist() for index in np.nonzero(overlaps)), strict=True):
            if first < second and alive[first]:
                alive[second] = False
        kept = np.concatenate([kept, block[alive]])
        if len(kept) >= max_detections:
            break
    return kept[:max_detections]


def _overlap(
    boxes_a: FloatArray,
    labels_a: NDArray[np.int64],
    boxes_b: FloatArray,
    labels_b: NDArray[np.int64],
    iou_threshold: float,
) -> NDArray[np.bool_]:
    # intersection / (area_a + area_b - intersection) > threshold, without the division
    threshold = np.float32(iou_threshold)
    areas = (threshold * area(boxes_a))[:, None] + threshold * area(boxes_b)
    over: NDArray[np.bool_] = intersection(boxes_a, boxes_b) * (1 + threshold) > areas
    over &= labels_a[:, None] == labels_b
    return over
