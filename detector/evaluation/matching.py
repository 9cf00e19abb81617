"""Which detection finds which object, and AP50 from it: quick enough to be asked many times.

The published numbers come from pycocotools (``coco_metrics``); this gives the same AP50 and can also leave
classes aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, area, intersection, intersection_over_union, xywh_to_xyxy
from detector.data.annotations import Annotation, Result
from detector.data.dataset import Dataset, DatasetImage
from detector.evaluation.precision_recall import average_precision
from detector.evaluation.tables import MATCH_IOU, MOST_DETECTIONS

Entry = TypeVar("Entry", Annotation, Result)

FALSE_POSITIVE, IN_CROWD = -1, -2

_FAR = 1e6  # pixels; products of coordinates stay finite in float32


@dataclass(frozen=True)
class Scene:
    """One image with its objects and detections.

    Attributes:
        image: which image.
        objects_xywh: (G, 4) float32, pixels.
        object_classes: (G,) category ids.
        crowd: (G,) whether an object is a region of many.
        boxes_xywh: (N, 4) float32, pixels; the detections, highest score first, 100 at most.
        scores: (N,) float32.
        classes: (N,) category ids.
    """

    image: DatasetImage
    objects_xywh: FloatArray
    object_classes: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    boxes_xywh: FloatArray
    scores: FloatArray
    classes: NDArray[np.int64]


def build_scenes(dataset: Dataset, detections: Iterable[Result]) -> list[Scene]:
    """A scene for each image of the dataset; detections of other images are left out."""
    objects, found = _by_image(dataset.annotations), _by_image(detections)
    return [_build_scene(image, objects[image.id], found[image.id]) for image in dataset.images]


def _by_image(entries: Iterable[Entry]) -> dict[int, list[Entry]]:
    grouped: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        grouped[entry["image_id"]].append(entry)
    return grouped


def _build_scene(image: DatasetImage, objects: Sequence[Annotation], found: Sequence[Result]) -> Scene:
    found = sorted(found, key=lambda detection: -detection["score"])[:MOST_DETECTIONS]
    return Scene(
        image,
        _boxes(objects),
        np.array([entry["category_id"] for entry in objects], np.int64),
        np.array([bool(entry["iscrowd"]) for entry in objects], np.bool_),
        _boxes(found),
        np.array([entry["score"] for entry in found], np.float32),
        np.array([entry["category_id"] for entry in found], np.int64),
    )


def _boxes(entries: Sequence[Annotation] | Sequence[Result]) -> FloatArray:
    boxes = np.array([entry["bbox"] for entry in entries], np.float64).reshape(-1, 4)
    return np.clip(np.nan_to_num(boxes), -_FAR, _FAR).astype(np.float32)


def match_scene(scene: Scene, *, by_class: bool = True) -> NDArray[np.int64]:
    """The object that each detection finds (N,): its index, or FALSE_POSITIVE, or IN_CROWD.

    The higher score chooses first and takes the object it overlaps most, at IoU .5 or more. An object is
    found once. A detection of which half lies in a crowd region is neither right nor wrong. With
    ``by_class`` the classes have to agree.

    Source: Lin et al., Microsoft COCO, 2014; pycocotools.
    """
    boxes, objects = xywh_to_xyxy(scene.boxes_xywh), xywh_to_xyxy(scene.objects_xywh)
    overlap = intersection_over_union(boxes, objects)
    allowed = np.ones(overlap.shape, np.bool_)
    if by_class:
        allowed = scene.classes[:, None] == scene.object_classes
    overlap[~allowed] = 0
    matched = np.full(len(boxes), FALSE_POSITIVE, np.int64)
    overlap[:, scene.crowd] = 0
    for row in np.flatnonzero((overlap >= MATCH_IOU).any(axis=1)):
        best = int(overlap[row].argmax())
        if overlap[row, best] >= MATCH_IOU:
            matched[row] = best
            overlap[:, best] = 0
    if scene.crowd.any():
        own = area(boxes)[:, None]
        inside = (intersection(boxes, objects[scene.crowd]) >= MATCH_IOU * own) & (own > 0)
        ignored = (inside & allowed[:, scene.crowd]).any(axis=1)
        matched[(matched == FALSE_POSITIVE) & ignored] = IN_CROWD
    return matched


def compute_ap50(scenes: Sequence[Scene], *, by_class: bool = True) -> float:
    """AP at IoU .5 in [0, 1]: the mean over the classes that have objects, or of all as one class.

    0 where there is no object.
    """
    matched = [match_scene(scene, by_class=by_class) for scene in scenes]
    if not matched:
        return 0.0
    scores = np.concatenate([scene.scores for scene in scenes])
    classes = np.concatenate([scene.classes for scene in scenes])
    objects = np.concatenate([scene.object_classes[~scene.crowd] for scene in scenes])
    found = np.concatenate(matched)
    if not by_class:
        classes, objects = np.zeros_like(classes), np.zeros_like(objects)
    values = []
    for class_, count in zip(*np.unique(objects, return_counts=True), strict=True):
        counted = (classes == class_) & (found != IN_CROWD)
        values.append(average_precision(scores[counted], found[counted] >= 0, int(count)))
    return float(np.mean(values)) if values else 0.0
