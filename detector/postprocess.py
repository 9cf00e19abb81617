"""From the network's outputs to Detections: score threshold, box decoding, suppression within classes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from detector.architecture import anchors_of
from detector.box_coder import BoxDecoder
from detector.boxes import FloatArray, area, intersection_over_union
from detector.detections import Detections
from detector.nms import non_maximum_suppression
from detector.spec import ModelSpec

# Candidates considered at first for each detection wanted; doubled until enough survive.
_CANDIDATES_PER_DETECTION = 4
# Most images have enough candidates over one of these logits, and looking at them alone is quicker; the
# result is the same.
_LIKELY_LOGITS = (-4.0, -6.0)
_VOTING_IOU = 0.7  # docs/postprocessing.md has what other values give
LARGEST_BOX = 0.55  # docs/sizes.md has what other values give
_VOTING_ODDS = np.float32(np.log(10))


def largest_area(first: ModelSpec, other: ModelSpec) -> float:
    """The area from which on a box of another look is left to the first, as a share of the image."""
    height, width = first.input_hw
    return LARGEST_BOX**2 * height * width / (other.input_hw[0] * other.input_hw[1])


class Postprocessor:
    """Turns the outputs of one image, or of several looks at it, into Detections.

    Scores are the sigmoid of the class logits; background takes no part. A box may be detected as several
    classes. See ``non_maximum_suppression`` for the rule of suppression.

    The boxes of several looks, each at another input size, are candidates of one suppression, and vote
    together. What is large in a larger look than the first is left to smaller ones, which see it whole: of
    those looks only boxes count whose side is less than ``LARGEST_BOX`` of the first input's, in pixels of
    the look.

    Args:
        spec: gives anchors, box coder, classes and the defaults of what follows.
        score_threshold: least score, in [0, 1).
        iou_threshold: greatest overlap within a class, in [0, 1].
        max_detections: most detections of an image.
        labels: labels to look at, all if none are given; the others cost nothing.
        voting: whether each box is moved to the mean of those around it; see ``_vote``.
        others: the specs of the other looks, which differ from the first in input size and anchors alone.

    Attributes:
        largest_areas: (A,) float32, the area from which on a box of each anchor does not count, as a share of
            the image; None where there is one look.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        score_threshold: float | None = None,
        iou_threshold: float | None = None,
        max_detections: int | None = None,
        labels: Sequence[int] | None = None,
        voting: bool = False,
        others: Sequence[ModelSpec] = (),
    ) -> None:
        threshold = spec.score_threshold if score_threshold is None else score_threshold
        self.iou_threshold = spec.iou_threshold if iou_threshold is None else iou_threshold
        self.max_detections = spec.max_detections if max_detections is None else max_detections
        if not (_is_number(self.iou_threshold) and 0 <= self.iou_threshold <= 1):
            raise ValueError(f"expected 0 <= iou_threshold <= 1, got {self.iou_threshold!r}")
        if not self.max_detections > 0:
            raise ValueError(f"expected max_detections > 0, got {self.max_detections}")
        self.score_threshold = threshold
        self.voting = voting
        self._look_with(spec, others)
        self._classes = spec.classes
        self._columns = None if labels is None else np.array([0, *(label + 1 for label in labels)])

    def _look_with(self, spec: ModelSpec, others: Sequence[ModelSpec]) -> None:
        looks = [anchors_of(each) for each in (spec, *others)]
        self._decode = BoxDecoder(np.concatenate(looks), scales=spec.box_coder_scales)
        self.largest_areas: FloatArray | None = None
        if others:
            limits = [np.inf, *(largest_area(spec, each) for each in others)]
            self.largest_areas = np.repeat(np.array(limits, np.float32), [len(anchors) for anchors in looks])

    def resized(self, spec: ModelSpec, others: Sequence[ModelSpec] = ()) -> Postprocessor:
        """The same rule for other looks, which differ from these in input size and anchors alone."""
        other = copy(self)
        other._look_with(spec, others)
        return other

    @property
    def score_threshold(self) -> float:
        """Least score; may be changed at any time, and holds from the next image on."""
        return self._score_threshold

    @score_threshold.setter
    def score_threshold(self, threshold: float) -> None:
        if not (_is_number(threshold) and 0 <= threshold < 1):
            raise ValueError(f"expected 0 <= score_threshold < 1, got {threshold!r}")
        self._score_threshold = threshold
        logit = np.log(threshold / (1 - threshold)) if threshold > 0 else -np.inf
        # Likely thresholds first, the given one if they leave too few; one pass where they are the same.
        self._logit_thresholds = tuple(
            dict.fromkeys(_below(max(logit, likely)) for likely in (*_LIKELY_LOGITS, -np.inf))
        )

    def __call__(
        self, box_encodings: FloatArray, class_logits: FloatArray, size_wh: tuple[int, int]
    ) -> Detections:
        """Detections of one image.

        Args:
            box_encodings: (A, 4) float32, (ty, tx, th, tw); of several looks one after the other.
            class_logits: (A, K + 1) float32, background in column 0; of several looks likewise.
            size_wh: width and height of the original image in pixels.
        """
        logits = class_logits if self._columns is None else class_logits[:, self._columns]
        wanted = _CANDIDATES_PER_DETECTION * self.max_detections
        while True:
            anchors, columns, complete = self._best_candidates(logits, wanted)
            boxes = self._decode(box_encodings, anchors)
            if self.largest_areas is not None:
                small = area(boxes) < self.largest_areas[anchors]
                boxes, anchors, columns = boxes[small], anchors[small], columns[small]
            kept = non_maximum_suppression(
                boxes, columns, iou_threshold=self.iou_threshold, max_detections=self.max_detections
            )
            if complete or len(kept) == self.max_detections:
                break
            wanted *= 2
        scores = _sigmoid(logits[anchors[kept], columns[kept]])
        boxes, columns = boxes[kept], columns[kept]
        if self.voting:
            boxes = self._vote(boxes, anchors[kept], columns, box_encodings, logits)
        labels = (columns if self._columns is None else self._columns[columns]) - 1
        # Clipped after suppression, as in the released model: clipped boxes overlap differently.
        boxes = np.minimum(np.maximum(boxes, 0), 1)
        boxes *= np.array([*size_wh, *size_wh], np.float32)
        return Detections(boxes, scores, labels, self._classes)

    def _vote(
        self,
        boxes: FloatArray,
        anchors: NDArray[np.int64],
        columns: NDArray[np.int64],
        box_encodings: FloatArray,
        logits: FloatArray,
    ) -> FloatArray:
        """The mean, weighted by score, of the boxes of all anchors that overlap each box by .7 or more.

        All anchors vote, whatever the score threshold is, so that a box does not depend on it; but for those
        whose odds are under a tenth of the box's own, which would only take time.

        Source: Gidaris and Komodakis, Object detection via a multi-region CNN, 2015, section 5.
        """
        voters = self._decode(box_encodings)
        able = np.ones(len(voters), bool) if self.largest_areas is None else area(voters) < self.largest_areas
        own = logits[anchors, columns]
        sums = np.zeros((5, len(boxes)))
        for column in np.unique(columns):  # boxes are compared with those of their own class alone
            mine = np.flatnonzero(columns == column)
            theirs = logits[:, column]
            voting = np.flatnonzero((theirs >= own[mine].min() - _VOTING_ODDS) & able)
            near = intersection_over_union(boxes[mine], voters[voting]) >= _VOTING_IOU
            near &= theirs[voting] >= own[mine, None] - _VOTING_ODDS
            votes_for, rows = near.nonzero()
            voting = voting[rows]
            weights = _sigmoid(theirs[voting])
            for sum_, side in zip(sums, (1, *voters[voting].T), strict=True):
                sum_[mine] = np.bincount(votes_for, weights * side, len(mine))
        moved = sums[1:].T / np.maximum(sums[0], 1e-30)[:, None]
        return np.where(sums[0][:, None] > 0, moved, boxes).astype(np.float32)

    def _best_candidates(
        self, logits: FloatArray, wanted: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
        """(anchors, columns) of the best logits over the threshold, best first; True if there are no more."""
        flat = logits.ravel()
        for threshold in self._logit_thresholds:
            mask = logits > threshold
            mask[:, 0] = False  # background
            candidates = mask.ravel().nonzero()[0]
            if len(candidates) > wanted:
                break
        descending = -flat[candidates]
        complete = len(candidates) <= wanted
        if not complete:
            best = np.argpartition(descending, wanted)[:wanted]
            best.sort()
            candidates, descending = candidates[best], descending[best]
        candidates = candidates[np.argsort(descending, kind="stable")]
        anchors = candidates // logits.shape[1]
        return anchors, candidates - anchors * logits.shape[1], complete


def _is_number(value: object) -> bool:
    return isinstance(value, Real)


def _below(threshold: float) -> np.float32:
    """The threshold as the float32 that the same float32 values lie over."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))


def _sigmoid(logits: FloatArray) -> FloatArray:
    return np.reciprocal(1 + np.exp(-logits))
