"""Other ways from the network's outputs to detections, for ``postprocessing`` alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector.architecture import anchors_of
from detector.box_coder import decode
from detector.boxes import FloatArray, intersection_over_union
from detector.nms import non_maximum_suppression
from detector.spec import ModelSpec
from studies.mirroring import Outputs

_CANDIDATES = 3000  # best of an image that are looked at; the product looks at more only if it has to
_MOST = 100


@dataclass(frozen=True)
class Candidates:
    """Boxes of one image, normalised, best first: (N, 4), (N,) and (N,)."""

    boxes: FloatArray
    scores: FloatArray
    labels: NDArray[np.int64]

    def __getitem__(self, index: NDArray[np.int64] | slice) -> Candidates:
        return Candidates(self.boxes[index], self.scores[index], self.labels[index])

    def best_first(self) -> Candidates:
        """The same in order of descending score."""
        return self[np.argsort(-self.scores, kind="stable")]


Choice = Callable[[Candidates], Candidates]


class Reader:
    """Candidates of outputs, by the model's own anchors and scales."""

    def __init__(self, spec: ModelSpec) -> None:
        self._anchors = anchors_of(spec)
        self._scales = spec.box_coder_scales

    def plain(self, outputs: Outputs) -> Candidates:
        """Of the image alone."""
        return self._best(outputs[0], _sigmoid(outputs[1]))

    def against_background(self, outputs: Outputs) -> Candidates:
        """Each score multiplied by the probability that the anchor is no background."""
        probabilities = _sigmoid(outputs[1])
        probabilities[:, 1:] *= 1 - probabilities[:, :1]
        return self._best(outputs[0], probabilities)

    def pooled(self, outputs: Outputs, mirrored: Outputs) -> Candidates:
        """Of the image and of its mirror image, together."""
        one, other = self.plain(outputs), self.plain(mirrored)
        boxes = other.boxes[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32) + np.array(
            [1, 0, 1, 0], np.float32
        )
        return Candidates(
            np.concatenate([one.boxes, boxes]),
            np.concatenate([one.scores, other.scores]),
            np.concatenate([one.labels, other.labels]),
        ).best_first()

    def _best(self, box_encodings: FloatArray, probabilities: FloatArray) -> Candidates:
        flat = probabilities[:, 1:].ravel()
        best = np.argpartition(-flat, _CANDIDATES)[:_CANDIDATES]
        best = best[np.argsort(-flat[best], kind="stable")]
        anchors, labels = np.divmod(best, probabilities.shape[1] - 1)
        boxes = decode(box_encodings[anchors], self._anchors[anchors], scales=self._scales)
        return Candidates(boxes, flat[best], labels)


def _sigmoid(logits: FloatArray) -> FloatArray:
    return np.reciprocal(1 + np.exp(-logits))


def suppress(iou_threshold: float, *, per_class: int | None = None) -> Choice:
    """Greedy suppression; of each class only the best ``per_class`` candidates take part."""

    def choose(candidates: Candidates) -> Candidates:
        if per_class is not None:
            candidates = candidates[np.flatnonzero(_rank_in_class(candidates.labels) < per_class)]
        kept = non_maximum_suppression(
            candidates.boxes, candidates.labels, iou_threshold=iou_threshold, max_detections=_MOST
        )
        return candidates[kept]

    return choose


def _rank_in_class(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many candidates of the same label come before each."""
    ranks = np.empty_like(labels)
    order = np.argsort(labels, kind="stable")
    sorted_ = labels[order]
    ranks[order] = np.arange(len(labels)) - np.searchsorted(sorted_, sorted_)
    return ranks


def soften(*, sigma: float | None = None, iou_threshold: float = 0.0) -> Choice:
    """Soft-NMS: what overlaps a better box loses score instead of going.

    Source: Bodla et al., Soft-NMS, 2017, eq. 3 (linear, above the threshold) and 4 (Gaussian, with sigma).
    """

    def choose(candidates: Candidates) -> Candidates:
        boxes, labels = candidates.boxes, candidates.labels
        scores = candidates.scores.copy()
        chosen, given = [], []
        for _ in range(min(_MOST, len(scores))):
            best = int(scores.argmax())
            chosen.append(best)
            given.append(scores[best])
            overlap = intersection_over_union(boxes[best : best + 1], boxes)[0] * (labels == labels[best])
            if sigma is not None:
                scores *= np.exp(-(overlap**2) / sigma)
            else:
                scores *= np.where(overlap > iou_threshold, 1 - overlap, 1)
            scores[best] = -1
        index = np.array(chosen, np.int64)
        return replace(candidates[index], scores=np.array(given, np.float32))

    return choose


def vote(choose: Choice, iou_threshold: float) -> Choice:
    """Each chosen box becomes the mean, weighted by score, of the candidates of its class around it.

    Source: Gidaris and Komodakis, Object detection via a multi-region CNN, 2015, section 5.
    """

    def choose_and_vote(candidates: Candidates) -> Candidates:
        chosen = choose(candidates)
        weights = candidates.scores * (chosen.labels[:, None] == candidates.labels)
        weights = weights * (intersection_over_union(chosen.boxes, candidates.boxes) >= iou_threshold)
        total = weights.sum(axis=1, keepdims=True)
        boxes = np.divide(weights @ candidates.boxes, total, out=chosen.boxes.copy(), where=total > 0)
        return replace(chosen, boxes=boxes)

    return choose_and_vote
