"""Training targets: which anchor is answerable for which object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.box_coder import Scales, encode
from detector.boxes import FloatArray, area, intersection, intersection_over_union

BACKGROUND = 0
IGNORED = -1
_NOBODY = -1


@dataclass(frozen=True)
class Targets:
    """What the network should answer for one image.

    Attributes:
        boxes: (A, 4) float32, (ty, tx, th, tw) of each positive anchor; zero for the others.
        classes: (A,) int32, column of the class logits: label + 1, ``BACKGROUND`` or ``IGNORED``.
    """

    boxes: FloatArray
    classes: NDArray[np.int32]

    @property
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """Boxes and classes."""
        return self.boxes, self.classes

    def pack(self) -> PackedTargets:
        """The same in little room."""
        matched = np.flatnonzero(self.classes > 0)
        return PackedTargets(self.classes.astype(np.int16), matched, self.boxes[matched])


@dataclass(frozen=True)
class PackedTargets:
    """Targets in little room: boxes of matched anchors alone."""

    classes: NDArray[np.int16]
    matched: NDArray[np.int64]
    boxes: FloatArray

    def unpack(self) -> Targets:
        """The targets."""
        boxes = np.zeros((len(self.classes), 4), np.float32)
        boxes[self.matched] = self.boxes
        return Targets(boxes, self.classes.astype(np.int32))


def match_anchors(
    anchors: FloatArray, gt_boxes: FloatArray, *, iou_threshold: float = 0.5
) -> NDArray[np.int64]:
    """Index of each anchor's object, or -1.

    An anchor takes the object that it overlaps most, if by ``iou_threshold`` or more. Besides, every object
    gets the anchor that overlaps it most, whatever the overlap; where two objects want the same one, the
    better overlap has it and the other takes its next best.

    Args:
        anchors: (A, 4) float32, xyxy, normalised.
        gt_boxes: (N, 4) float32, xyxy, normalised.
        iou_threshold: in [0, 1].

    Returns:
        (A,) int64.

    Source: Liu et al., SSD, 2016, section 2.2, "Matching strategy".
    """
    # Two rules, the second over the first. Anchors choose: each takes its best object, if it is good enough,
    # so an object may have many. Then objects choose, the best pair of all first: each gets one anchor to
    # itself, or small objects that no anchor overlaps by the threshold would never be learned.
    if not len(gt_boxes):
        return np.full(len(anchors), _NOBODY, np.int64)
    overlaps = intersection_over_union(gt_boxes, anchors)
    best = overlaps.argmax(axis=0)
    matched = np.where(overlaps[best, np.arange(len(anchors))] >= iou_threshold, best, _NOBODY)
    free = overlaps.copy()
    for _ in range(min(free.shape)):
        box, anchor = np.unravel_index(free.argmax(), free.shape)
        matched[anchor] = box
        free[box] = free[:, anchor] = -1
    return matched


def build_targets(
    anchors: FloatArray,
    gt_boxes: FloatArray,
    gt_labels: NDArray[np.int64],
    crowd: NDArray[np.bool_],
    *,
    iou_threshold: float = 0.5,
    scales: Scales = (10.0, 10.0, 5.0, 5.0),
) -> Targets:
    """The targets of one image.

    Anchors that lie mostly in a crowd region (COCO's ``iscrowd``, VOC's ``difficult``) and no object are
    ignored: what is in there is neither right nor wrong.

    Args:
        anchors: (A, 4) float32, xyxy, normalised.
        gt_boxes: (N, 4) float32, xyxy, normalised, with area.
        gt_labels: (N,) int64, 0..K-1.
        crowd: (N,) bool.
        iou_threshold: least overlap of an anchor with its object, in [0, 1].
        scales: the box coder's.
    """
    # Crowds first and positives over them: an anchor with an object is never ignored.
    objects, labels = gt_boxes[~crowd], gt_labels[~crowd]
    matched = match_anchors(anchors, objects, iou_threshold=iou_threshold)
    positive = np.flatnonzero(matched >= 0)
    classes = np.full(len(anchors), BACKGROUND, np.int32)
    if crowd.any():
        shared = intersection(anchors, gt_boxes[crowd]).max(axis=1)
        classes[shared >= iou_threshold * area(anchors)] = IGNORED
    classes[positive] = labels[matched[positive]] + 1
    boxes = np.zeros((len(anchors), 4), np.float32)
    boxes[positive] = encode(objects[matched[positive]], anchors[positive], scales=scales)
    return Targets(boxes, classes)
