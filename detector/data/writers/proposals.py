"""What a model proposes as labels: objects that a person looks through and corrects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detector.boxes import intersection_over_union
from detector.data.findings import Box
from detector.detections import Detections

_SAME_OBJECT = 0.7  # overlap from which two boxes of different classes are two names for one thing


@dataclass(frozen=True)
class Proposal:
    """An object that a model has found.

    Attributes:
        label: index of its class.
        name: of its class.
        box: x1, y1, x2, y2 in pixels of the upright image, inside it.
        score: in [0, 1].
        unsure: whether it is to be looked at twice.
    """

    label: int
    name: str
    box: Box
    score: float
    unsure: bool


@dataclass(frozen=True)
class ProposedImage:
    """An image with what was found in it: its path below the folder of images, with forward slashes, width
    and height as it is shown, and its objects.
    """

    name: str
    size_wh: tuple[int, int]
    objects: tuple[Proposal, ...]


@dataclass(frozen=True)
class Proposals:
    """What is written.

    Attributes:
        images: in their order; those without objects are among them.
        classes: all names, in the model's order.
        model: what the model is called.
        folder: name of the folder that the labels will lie in.
    """

    images: Sequence[ProposedImage]
    classes: tuple[str, ...]
    model: str
    folder: str


def propose(detections: Detections, least: Sequence[float], sure: Sequence[float]) -> tuple[Proposal, ...]:
    """The detections of an image as labels, highest score first.

    Of two that are one thing under two names the unsure one is left out: to correct a name takes one click,
    to find that two boxes lie on each other takes a look.

    Args:
        detections: of the upright image.
        least: score of each class from which on an object is proposed.
        sure: score of each class from which on it is not marked as unsure.
    """
    kept: list[int] = []
    overlaps = intersection_over_union(detections.boxes, detections.boxes)
    labels, scores = detections.labels.tolist(), detections.scores.tolist()
    for number, (label, score) in enumerate(zip(labels, scores, strict=True)):
        doubled = score < sure[label] and any(
            labels[other] != label and overlaps[number, other] >= _SAME_OBJECT for other in kept
        )
        if score >= least[label] and not doubled:
            kept.append(number)
    return tuple(
        Proposal(
            labels[number],
            detections.classes[labels[number]],
            _box(detections.boxes[number].tolist()),
            scores[number],
            scores[number] < sure[labels[number]],
        )
        for number in kept
    )


def _box(corners: Sequence[float]) -> Box:
    left, top, right, bottom = corners
    return left, top, right, bottom
