"""Non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, area

# Boxes looked at together. All pairs at once would mostly be work on boxes that are never reached.
_BLOCK = 128
_FEW = 24  # boxes that are quicker without numpy
_DOUBT = 1e-5  # relative: many times what float32 rounds off
_LATER = np.triu(np.ones((_BLOCK, _BLOCK), bool), 1)


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
    if len(boxes) <= _FEW:
        few = _suppress_few(boxes, labels, iou_threshold)
        if few is not None:
            return np.array(few[:max_detections], np.int64)
    # intersection / (area_a + area_b - intersection) > threshold, without the division
    scaled_areas = np.float32(iou_threshold) * area(boxes)
    # A coordinate in a row: of an array that lies so, pairs are gathered and computed quickest.
    table = np.concatenate([boxes.T, scaled_areas[None]])
    short_labels = labels.astype(np.int32)
    kept = np.empty(0, np.int64)
    for start in range(0, len(boxes), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(boxes)))
        if len(kept):
            block = np.delete(block, _overlaps(table, short_labels, block, kept, iou_threshold)[0])
        firsts, seconds = _overlaps(table, short_labels, block, block, iou_threshold)
        if len(firsts):
            alive = [True] * len(block)
            # Pairs come ordered by their first box, so its own fate is settled before it suppresses others.
            for first, second in zip(firsts.tolist(), seconds.tolist(), strict=True):
                if alive[first]:
                    alive[second] = False
            block = block[alive]
        kept = np.concatenate([kept, block]) if len(kept) else block
        if len(kept) >= max_detections:
            break
    return kept[:max_detections]


def _suppress_few(boxes: FloatArray, labels: NDArray[np.int64], iou_threshold: float) -> list[int] | None:
    """The survivors among few boxes, without numpy, whose calls take longer than the work itself.

    Python's numbers have twice the digits of float32: None, where an overlap is so near to the threshold that
    this could decide.
    """
    kept: list[int] = []
    survivors: dict[int, list[tuple[float, float, float, float, float]]] = {}
    factor = 1 + iou_threshold
    for index, (box, label) in enumerate(zip(boxes.tolist(), labels.tolist(), strict=True)):
        left, top, right, bottom = box
        scaled = iou_threshold * (right - left) * (bottom - top) if right > left and bottom > top else 0.0
        others = survivors.setdefault(label, [])
        for other_left, other_top, other_right, other_bottom, other_scaled in others:
            width = min(right, other_right) - max(left, other_left)
            height = min(bottom, other_bottom) - max(top, other_top)
            if width > 0 and height > 0:
                shared, least = factor * width * height, scaled + other_scaled
                if abs(shared - least) <= _DOUBT * least:
                    return None
                if shared > least:
                    break
        else:
            others.append((left, top, right, bottom, scaled))
            kept.append(index)
    return kept


def _overlaps(
    table: FloatArray,
    labels: NDArray[np.int32],
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    iou_threshold: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places in ``rows`` and in ``others`` of the pairs of one label that overlap too much, by row.

    Of a block with itself each pair comes once, the better box first. Only pairs of one label are computed.
    """
    same = labels[rows][:, None] == labels[others]
    if rows is others:
        same &= _LATER[: len(rows), : len(rows)]
    pairs = same.ravel().nonzero()[0]
    if not len(pairs):
        return pairs, pairs
    first = pairs // len(others)
    second = pairs - first * len(others)
    a, b = table.take(rows[first], axis=1), table.take(others[second], axis=1)
    sides = np.minimum(a[2:4], b[2:4])
    sides -= np.maximum(a[:2], b[:2])
    np.maximum(sides, 0, out=sides)
    shared = sides[0]
    shared *= sides[1]
    shared *= 1 + np.float32(iou_threshold)
    over = (shared > a[4] + b[4]).nonzero()[0]
    return first[over], second[over]
