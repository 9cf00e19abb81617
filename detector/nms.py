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
    # intersection / (area_a + area_b - intersection) > threshold, without the division
    scaled_areas = np.float32(iou_threshold) * area(boxes)
    intersection_factor = 1 + np.float32(iou_threshold)

    def overlap(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
        shared = intersection(boxes[rows], boxes[columns])
        shared *= intersection_factor
        over: NDArray[np.bool_] = shared > scaled_areas[rows][:, None] + scaled_areas[columns]
        over &= labels[rows][:, None] == labels[columns]
        return over

    kept = np.empty(0, np.int64)
    for start in range(0, len(boxes), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(boxes)))
        if len(kept):
            block = block[~overlap(block, kept).any(axis=1)]
        alive = [True] * len(block)
        # Pairs come ordered by their first box, so a box's own fate is settled before it suppresses others.
        pairs = np.nonzero(overlap(block, block))
        for first, second in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True):
            if first < second and alive[first]:
                alive[second] = False
        block = block[alive]
        kept = np.concatenate([kept, block]) if len(kept) else block
        if len(kept) >= max_detections:
            break
    return kept[:max_detections]
