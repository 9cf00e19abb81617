"""Pictures of the worst misses, false positives and confusions, cut out of their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from detector.colours import Colour
from detector.data.dataset import load_dataset_image
from detector.drawing import draw_outline
from detector.errors import DetectorError
from detector.evaluation.analysis import Analysis
from detector.evaluation.tables import MATCH_IOU, NEAR_IOU, Doubles, Flags, Ints, Tables
from detector.images import Image
from detector.system.parallel import map_threads

MOST = 12  # pictures of a kind
_MOST_OF_AN_IMAGE = 2
_LONGER = 420  # pixels of a picture's longer side
_CONTEXT = 2.2  # times the box is shown
_LEAST_VIEW = 80  # pixels of the image; less would be a blur
_QUALITY = 80
_TRUTH: Colour = (0, 215, 255)  # yellow, in BGR
_DETECTION: Colour = (255, 144, 30)  # blue
_BLACK: Colour = (0, 0, 0)


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
    try:
        pixels = load_dataset_image(image)
        jpeg = cv2.imencode(".jpg", _cut(pixels, error), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    except DetectorError:
        jpeg = None
    return Picture(error.kind, error.title, error.detail, image.name, jpeg)


def _cut(pixels: Image, error: _Error) -> Image:
    """The surroundings of the boxes, at about the same size for all, with the boxes drawn."""
    height, width = pixels.shape[:2]
    boxes = [box for box in (error.truth, error.detection) if box is not None]
    left, right = _span([(box[0], box[0] + box[2]) for box in boxes], width)
    top, bottom = _span([(box[1], box[1] + box[3]) for box in boxes], height)
    view = pixels[top:bottom, left:right]
    scale = min(_LONGER / max(view.shape[:2]), 4.0)
    size_wh = max(1, round(view.shape[1] * scale)), max(1, round(view.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = np.asarray(cv2.resize(view, size_wh, interpolation=method), np.uint8)
    if error.detection is not None:
        draw_outline(drawn, _moved(error.detection, left, top, scale), _DETECTION, thickness=2)
    if error.truth is not None:
        draw_outline(drawn, _moved(error.truth, left, top, scale), _TRUTH, _BLACK, thickness=2, dash=7)
    return drawn


def _moved(box_xywh: Sequence[float], left: int, top: int, scale: float) -> list[int]:
    """Corners in the picture; of a box that reaches far beyond it, as far as anything is to be seen."""
    x, y, width, height = box_xywh
    corners = np.array([x - left, y - top, x + width - left, y + height - top], np.float64)
    return [int(value) for value in np.rint(np.clip(corners * scale, -_LONGER, 2 * _LONGER))]


def _span(ranges: Sequence[tuple[float, float]], limit: int) -> tuple[int, int]:
    """Start and end of what is shown along one side: the boxes with their surroundings, in the image."""
    start, end = min(low for low, _ in ranges), max(high for _, high in ranges)
    half = max((end - start) * _CONTEXT, _LEAST_VIEW) / 2
    middle = (start + end) / 2
    first = int(np.clip(middle - half, 0, limit - 1))
    return first, int(np.clip(middle + half, first + 1, limit))
