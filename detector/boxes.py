"""Axis-aligned boxes as arrays.

``boxes`` are float32 ``(N, 4)`` in ``xyxy``: left, top, right, bottom on a continuous plane, so a box
has width ``x2 - x1`` (no ``+ 1``). Any other layout is part of the variable's name.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def area(boxes: FloatArray) -> FloatArray:
    """Areas ``(N,)`` of ``boxes (N, 4)``; a box turned inside out has area 0."""
    left, top, right, bottom = boxes.T
    return np.maximum(right - left, 0) * np.maximum(bottom - top, 0)


def intersection(boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
    """Area (N, M) that every box of one set shares with every box of another.

    Args:
        boxes_a: (N, 4), xyxy, any unit.
        boxes_b: (M, 4), xyxy, the same unit.
    """
    # Coordinate by coordinate: (N, M) arrays are several times as fast as (N, M, 2) ones.
    left_a, top_a, right_a, bottom_a = boxes_a.T[:, :, None]
    left_b, top_b, right_b, bottom_b = boxes_b.T[:, None, :]
    width = np.minimum(right_a, right_b)
    width -= np.maximum(left_a, left_b)
    height = np.minimum(bottom_a, bottom_b)
    height -= np.maximum(top_a, top_b)
    return np.maximum(width, 0, out=width) * np.maximum(height, 0, out=height)


def intersection_over_union(boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
    """IoU (N, M) of every box of one set with every box of another, in [0, 1]; 0 where neither has area.

    Args:
        boxes_a: (N, 4), xyxy, any unit.
        boxes_b: (M, 4), xyxy, the same unit.

    Source: Everingham et al., The PASCAL Visual Object Classes Challenge, 2010, section 4.2.
    """
    shared = intersection(boxes_a, boxes_b)
    union = area(boxes_a)[:, None] + area(boxes_b) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def clip(boxes: FloatArray, width: float, height: float) -> FloatArray:
    """``boxes (N, 4)`` cut to the frame ``[0, width] x [0, height]``, as a new array."""
    return np.minimum(np.maximum(boxes, 0), np.array([width, height, width, height], boxes.dtype))


def xyxy_to_xywh(boxes: FloatArray) -> FloatArray:
    """(N, 4) left, top, width, height from xyxy."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def xywh_to_xyxy(boxes_xywh: FloatArray) -> FloatArray:
    """(N, 4) xyxy from left, top, width, height."""
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)


def xyxy_to_cxcywh(boxes: FloatArray) -> FloatArray:
    """(N, 4) centre x, centre y, width, height from xyxy."""
    width_height = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] + width_height / 2, width_height], axis=1)


def cxcywh_to_xyxy(boxes_cxcywh: FloatArray) -> FloatArray:
    """(N, 4) xyxy from centre x, centre y, width, height."""
    half = boxes_cxcywh[:, 2:] / 2
    return np.concatenate([boxes_cxcywh[:, :2] - half, boxes_cxcywh[:, :2] + half], axis=1)
