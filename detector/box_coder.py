"""The box coder: boxes as scaled offsets from anchors, and back."""

from __future__ import annotations

import numpy as np

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
    # (y, x) order throughout, as the encodings have it; few operations, for this runs on every frame.
    size_yx = anchors[:, :1:-1] - anchors[:, 1::-1]
    offsets = box_encodings / np.array(scales, np.float32)
    centre_yx = anchors[:, 1::-1] + size_yx * (offsets[:, :2] + 0.5)
    half_yx = np.exp(offsets[:, 2:]) * size_yx
    half_yx *= 0.5
    boxes = np.empty_like(box_encodings)
    boxes[:, 1::-1] = centre_yx - half_yx
    boxes[:, :1:-1] = centre_yx + half_yx
    return boxes
