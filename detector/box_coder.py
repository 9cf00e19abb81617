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
    # Column by column: this runs for every frame, on few rows.
    ty, tx, th, tw = (box_encodings / np.array(scales, np.float32)).T
    left, top, right, bottom = anchors.T
    width, height = right - left, bottom - top
    centre_x, centre_y = left + width / 2 + tx * width, top + height / 2 + ty * height
    half_width, half_height = np.exp(tw) * width / 2, np.exp(th) * height / 2
    boxes = np.empty_like(box_encodings)
    boxes[:, 0], boxes[:, 2] = centre_x - half_width, centre_x + half_width
    boxes[:, 1], boxes[:, 3] = centre_y - half_height, centre_y + half_height
    return boxes
