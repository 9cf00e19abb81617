"""What a model proposes as labels: objects that a person looks through and corrects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def propose(
    detections: Detections, least: Mapping[str, float], sure: Mapping[str, float]
) -> tuple[Proposal, ...]:
    """The detections of an image as labels, highest score first.

    Of two that are one thing under two names the unsure one is left out: to correct a name takes one click,
    to find that two boxes lie on each other takes a look.

    Args:
        detections: of the upright image.
        least: score from which on an object is proposed, by the name of its class, in the order of labels.
        sure: score from which on it is not marked as unsure, by the same names.
    """
    kept: list[int] = []
    overlaps = intersection_over_union(detections.boxes, detections.boxes)
    names, scores = detections.names, detections.scores.tolist()
    label_of = {name: label for label, name in enumerate(least)}
    for number, (name, score) in enumerate(zip(names, scores, strict=True)):
        doubled = score < sure[name] and any(
            names[other] != name and overlaps[number, other] >= _SAME_OBJECT for other in kept
        )
        if score >= least[name] and not doubled:
            kept.append(number)
    return tuple(
        Proposal(label_of[name], name, _box(detections.boxes[number].tolist()), score, score < sure[name])
        for number in kept
        for name, score in [(names[number], scores[number])]
    )


def _box(corners: Sequence[float]) -> Box:
    left, top, right, bottom = corners
    return left, top, right, bottom
