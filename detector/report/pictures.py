"""Pictures of the worst misses, false positives and confusions, cut out of their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from detector.evaluation.analysis import Analysis
from detector.evaluation.tables import MATCH_IOU, NEAR_IOU, Doubles, Flags, Ints, Tables
from detector.report.cutout import encode_cutout
from detector.system.parallel import map_threads

MOST = 12  # pictures of a kind
_MOST_OF_AN_IMAGE = 2


@dataclass(frozen=True)
class Picture:
    """A picture with its caption.

    Attributes:
        kind: ``missed``, ``ghost`` or ``confusion``.
        title: what it is.
        detail: more about it.
        image: name of the image file.
        jpeg: the picture; None where the image could not be read.
    """

    kind: str
    title: str
    detail: str
    image: str
    jpeg: bytes | None


@dataclass(frozen=True)
class _Error:
    """An object or a detection that is wrong; boxes xywh, pixels."""

    kind: str
    title: str
    detail: str
    image: int
    truth: tuple[float, ...] | None
    detection: tuple[float, ...] | None


def draw_pictures(analysis: Analysis) -> list[Picture]:
    """Up to 12 each: the largest missed objects, and the false positives and confusions of the highest score.

    No image gives more than two of a kind, and no class more than its share, so that they show many things.
    """
    errors = [*_misses(analysis), *_confusions(analysis), *_false_positives(analysis)]
    draw = partial(_draw, analysis.tables)
    return list(map_threads(draw, errors, desc="pictures", unit="picture"))


def _choose(wrong: Flags, weight: Doubles, images: Ints, labels: Ints) -> list[int]:
    """Those of the greatest weight, not too many of an image or a class."""
    order = np.flatnonzero(wrong)
    order = order[np.argsort(-weight[order], kind="stable")]
    share = max(3, -(-MOST // max(1, len(np.unique(labels[order])))))
    of_image: Counter[int] = Counter()
    of_class: Counter[int] = Counter()
    chosen = []
    for index in order.tolist():
        image, label = int(images[index]), int(labels[index])
        if of_image[image] < _MOST_OF_AN_IMAGE and of_class[label] < share:
            chosen.append(index)
            of_image[image] += 1
            of_class[label] += 1
        if len(chosen) == MOST:
            break
    return chosen


def _misses(analysis: Analysis) -> Iterator[_Error]:
    tables, objects = analysis.tables, analysis.tables.objects
    sizes = np.array([image.size_wh or (1, 1) for image in tables.images], np.float64).prod(axis=1)
    share = objects.area / sizes[objects.image]
    for index in _choose(analysis.outcomes.missed, share, objects.image, objects.label):
        name = tables.classes[objects.label[index]]
        detail, box = _nearest(analysis, index)
        yield _Error("missed", name, detail, int(objects.image[index]), tuple(objects.boxes_xywh[index]), box)


def _nearest(analysis: Analysis, index: int) -> tuple[str, tuple[float, ...] | None]:
    """What comes nearest to finding a missed object, in words, and its box."""
    tables, found = analysis.tables, analysis.tables.found
    name = tables.classes[tables.objects.label[index]]
    pairs = tables.overlaps[tables.overlaps.object == index]
    own = pairs[found.label[pairs.detection] == tables.objects.label[index]]
    fitting = own[own.iou >= MATCH_IOU]
    if len(fitting.iou):
        best = int(fitting.detection[found.score[fitting.detection].argmax()])
        score = f"{found.score[best]:.2f}"
        text = f"its box is found, with a score of only {score}"
        if analysis.outcomes.shown[best]:
            text = f"the detection on it, {score}, finds another {name}"
        return text, tuple(found.boxes_xywh[best])
    shown = own[analysis.outcomes.shown[own.detection]]
    if len(shown.iou):
        at = int(shown.iou.argmax())
        best = int(shown.detection[at])
        text = f"nearest {name} {found.score[best]:.2f} overlaps it by IoU {shown.iou[at]:.2f}"
        return text, tuple(found.boxes_xywh[best])
    return "no detection near it", None


def _confusions(analysis: Analysis) -> Iterator[_Error]:
    tables, found, objects = analysis.tables, analysis.tables.found, analysis.tables.objects
    confused = analysis.outcomes.confused
    for index in _choose(confused >= 0, found.score, found.image, found.label):
        object_ = int(confused[index])
        said, true = tables.classes[found.label[index]], tables.classes[objects.label[object_]]
        yield _Error(
            "confusion",
            f"{true} detected as {said} {found.score[index]:.2f}",
            "",
            int(found.image[index]),
            tuple(objects.boxes_xywh[object_]),
            tuple(found.boxes_xywh[index]),
        )


def _false_positives(analysis: Analysis) -> Iterator[_Error]:
    tables, found = analysis.tables, analysis.tables.found
    for index in _choose(analysis.outcomes.false_positives, found.score, found.image, found.label):
        pairs = tables.overlaps[tables.overlaps.detection == index]
        detail, truth = f"no object of any class overlaps it by IoU {NEAR_IOU:g}", None
        if len(pairs.iou):
            at = int(pairs.iou.argmax())
            object_ = int(pairs.object[at])
            name, truth = tables.classes[tables.objects.label[object_]], tables.objects.boxes_xywh[object_]
            again = analysis.outcomes.object_found[object_] and pairs.iou[at] >= MATCH_IOU
            detail = (
                f"overlaps a {name} by IoU {pairs.iou[at]:.2f}{', which is found already' if again else ''}"
            )
        yield _Error(
            "ghost",
            f"{tables.classes[found.label[index]]} {found.score[index]:.2f}",
            detail,
            int(found.image[index]),
            None if truth is None else tuple(truth),
            tuple(found.boxes_xywh[index]),
        )


def _draw(tables: Tables, error: _Error) -> Picture:
    image = tables.images[error.image]
    jpeg = encode_cutout(image, error.truth, error.detection)
    return Picture(error.kind, error.title, error.detail, image.name, jpeg)
