"""The box coder: boxes as scaled offsets from anchors, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, xyxy_to_cxcywh

Scales = tuple[float, float, float, float]


def encode(boxes: FloatArray, anchors: FloatArray, *, scales: Scales) -> FloatArray:
    """Offsets that take each anchor to its matched box.

    Law: ``decode(encode(boxes, anchors), anchors) == boxes`` for boxes with area.

    Args:
        boxes: (A, 4) float32, xyxy, normalised; row i belongs to anchor i.
        anchors: (A, 4) float32, xyxy, normalised.
        scales: factors for (ty, tx, th, tw); the released model uses (10, 10, 5, 5).

    Returns:
        (A, 4) float32, (ty, tx, th, tw).

    Raises:
        ValueError: shapes differ, or a box has no area.

    Source: Ren et al., Faster R-CNN, 2015, eq. 2; Liu et al., SSD, 2016, eq. 2.
    """
    if boxes.shape != anchors.shape:
        raise ValueError(f"boxes {boxes.shape} and anchors {anchors.shape} must have the same shape")
    boxes_cxcywh, anchors_cxcywh = xyxy_to_cxcywh(boxes), xyxy_to_cxcywh(anchors)
    if np.any(boxes_cxcywh[:, 2:] <= 0):
        raise ValueError("a box without area has no encoding")
    tx_ty = (boxes_cxcywh[:, :2] - anchors_cxcywh[:, :2]) / anchors_cxcywh[:, 2:]
    tw_th = np.log(boxes_cxcywh[:, 2:] / anchors_cxcywh[:, 2:])
    return np.concatenate([tx_ty[:, ::-1], tw_th[:, ::-1]], axis=1) * np.array(scales, np.float32)


def decode(box_encodings: FloatArray, anchors: FloatArray, *, scales: Scales) -> FloatArray:
    """Boxes that the encodings describe.

    Args:
        box_encodings: (A, 4) float32, (ty, tx, th, tw), multiplied by ``scales``.
        anchors: (A, 4) float32, xyxy, normalised; row i belongs to encoding i.
        scales: as in ``encode``.

    Returns:
        (A, 4) float32, xyxy, normalised, not clipped.
    """
    return BoxDecoder(anchors, scales=scales)(box_encodings)


class BoxDecoder:
    """``decode`` for the same anchors again and again, of which each time a few are asked for.

    Args:
        anchors: (A, 4) float32, xyxy, normalised.
        scales: as in ``encode``.
    """

    def __init__(self, anchors: FloatArray, *, scales: Scales) -> None:
        # (y, x) order throughout, as the encodings have it; few operations, for this runs on every frame.
        corners_yx = anchors[:, 1::-1]
        self._corners_and_sizes = np.concatenate([corners_yx, anchors[:, :1:-1] - corners_yx], axis=1)
        self._scales = np.array(scales, np.float32)

    def __call__(self, box_encodings: FloatArray, chosen: NDArray[np.int64] | None = None) -> FloatArray:
        """Boxes (N, 4), as ``decode`` gives them, of the chosen anchors, or of all.

        Args:
            box_encodings: (A, 4) float32, of all anchors.
            chosen: (N,) indices of anchors.
        """
        anchors = self._corners_and_sizes
        if chosen is not None:
            box_encodings, anchors = box_encodings.take(chosen, axis=0), anchors.take(chosen, axis=0)
        corners, sizes = anchors[:, :2], anchors[:, 2:]
        offsets = box_encodings / self._scales
        centres, halves = offsets[:, :2], offsets[:, 2:]
        centres += 0.5
        centres *= sizes
        centres += corners
        np.exp(halves, out=halves)
        halves *= sizes
        halves *= 0.5
        boxes = np.empty_like(offsets)
        np.subtract(centres, halves, out=boxes[:, 1::-1])
        np.add(centres, halves, out=boxes[:, :1:-1])
        return boxes
