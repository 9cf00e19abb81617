"""Objects and detections of a dataset as arrays, with every overlap between them.

Built once; everything that is counted afterwards, however often, is counted from these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from tqdm import tqdm

from detector.data.annotations import Annotation, Result
from detector.data.dataset import Dataset, DatasetImage
from detector.system.progress import bars_hidden

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]  # pycocotools computes in these, and 1e-9 is asked for
Flags = NDArray[np.bool_]
Places = Mapping[int, int]  # index in the tables by id

MATCH_IOU = 0.5  # COCO's lowest: from here on a detection fits an object
NEAR_IOU = 0.1  # from here on it has to do with the object at all
MOST_DETECTIONS = 100  # of a class in an image; COCO's limit


@dataclass(frozen=True)
class Objects:
    """The annotated objects, in the order of the dataset.

    Attributes:
        image, label: (G,) indices into the tables' images and classes.
        boxes_xywh: (G, 4) pixels.
        area: (G,) as annotated, which need not be the box's.
        crowd: (G,) whether it is a region of many, which is neither to be found nor missed.
        number: (G,) position in the dataset's annotations.
    """

    image: Ints
    label: Ints
    boxes_xywh: Doubles
    area: Doubles
    crowd: Flags
    number: Ints


@dataclass(frozen=True)
class Found:
    """The detections that COCO counts, ordered by class, then score, then image.

    Attributes:
        image, label: (D,) indices into the tables' images and classes.
        boxes_xywh: (D, 4) pixels.
        score: (D,) the highest of a class first.
        rank: (D,) how many of the same image and class have a higher score; below 100.
    """

    image: Ints
    label: Ints
    boxes_xywh: Doubles
    score: Doubles
    rank: Ints

    @property
    def area(self) -> Doubles:
        """(D,) of the box."""
        return self.boxes_xywh[:, 2] * self.boxes_xywh[:, 3]


@dataclass(frozen=True)
class Overlaps:
    """Pairs of a detection and an object of one image, of any class, at IoU .1 or more.

    Attributes:
        detection, object: (P,) indices.
        iou: (P,) of a crowd's pair it is the share of the detection that lies in the crowd.
    """

    detection: Ints
    object: Ints
    iou: Doubles

    def __getitem__(self, chosen: Flags) -> Overlaps:
        return Overlaps(self.detection[chosen], self.object[chosen], self.iou[chosen])


@dataclass(frozen=True)
class Tables:
    """Images, classes, objects, detections and their overlaps.

    Attributes:
        images: in the order of their ids, as pycocotools takes them.
        classes: name of each label; labels are in the order of the category ids.
    """

    images: tuple[DatasetImage, ...]
    classes: tuple[str, ...]
    objects: Objects
    found: Found
    overlaps: Overlaps

    @cached_property
    def fitting(self) -> Overlaps:
        """The pairs of one class at IoU .5 or more: what COCO's matching chooses from."""
        pairs = self.overlaps
        same = self.found.label[pairs.detection] == self.objects.label[pairs.object]
        return pairs[same & (pairs.iou >= MATCH_IOU)]


def build_tables(dataset: Dataset, detections: Sequence[Result], category_ids: Iterable[int]) -> Tables:
    """The tables of a dataset and of detections in it.

    Args:
        detections: those of other images and categories are left out.
        category_ids: the categories that take part.
    """
    images = tuple(sorted(dataset.images, key=lambda image: image.id))
    image_of = {image.id: number for number, image in enumerate(images)}
    categories = sorted(category_ids)
    label_of = {id_: label for label, id_ in enumerate(categories)}
    objects = _build_objects(dataset.annotations, image_of, label_of)
    found = _build_found(detections, image_of, label_of)
    classes = tuple(dataset.categories[id_] for id_ in categories)
    return Tables(images, classes, objects, found, _build_overlaps(objects, found, len(images)))


def _columns(
    entries: Sequence[Annotation] | Sequence[Result], image_of: Places, label_of: Places
) -> tuple[Ints, Ints, Ints, Doubles]:
    """Position, image, label and box of the entries whose image and category take part."""
    image = np.array([image_of.get(entry["image_id"], -1) for entry in entries], np.int64)
    label = np.array([label_of.get(entry["category_id"], -1) for entry in entries], np.int64)
    number = np.flatnonzero((image >= 0) & (label >= 0))
    boxes = np.array([entries[index]["bbox"] for index in number.tolist()], np.float64).reshape(-1, 4)
    return number, image[number], label[number], boxes


def _build_objects(annotations: Sequence[Annotation], image_of: Places, label_of: Places) -> Objects:
    number, image, label, boxes = _columns(annotations, image_of, label_of)
    chosen = [annotations[index] for index in number.tolist()]
    area = np.array([entry["area"] for entry in chosen], np.float64)
    crowd = np.array([bool(entry["iscrowd"]) for entry in chosen], np.bool_)
    return Objects(image, label, boxes, area, crowd, number)


def _build_found(detections: Sequence[Result], image_of: Places, label_of: Places) -> Found:
    number, image, label, boxes = _columns(detections, image_of, label_of)
    score = np.array([detections[index]["score"] for index in number.tolist()], np.float64)
    # Ties stay in the order of the file: that is pycocotools' rule.
    by_group = np.lexsort((-score, label, image))
    rank = np.empty(len(score), np.int64)
    rank[by_group] = position_in_run(image[by_group], label[by_group])
    order = np.lexsort((image, -score, label))
    order = order[rank[order] < MOST_DETECTIONS]
    return Found(image[order], label[order], boxes[order], score[order], rank[order])


def position_in_run(*keys: Ints) -> Ints:
    """How many entries in a row before each have the same keys."""
    count = len(keys[0])
    starts = np.ones(count, np.bool_)
    for key in keys:
        starts[1:] &= key[1:] == key[:-1]
    starts[1:] ^= True
    first = np.maximum.accumulate(np.where(starts, np.arange(count), 0)) if count else np.arange(0)
    return np.arange(count) - first


def _build_overlaps(objects: Objects, found: Found, images: int) -> Overlaps:
    by_image = np.argsort(found.image, kind="stable")
    objects_by_image = np.argsort(objects.image, kind="stable")
    edges = np.searchsorted(found.image[by_image], np.arange(images + 1))
    object_edges = np.searchsorted(objects.image[objects_by_image], np.arange(images + 1))
    parts: list[tuple[Ints, Ints, Doubles]] = []
    with_both = np.flatnonzero((np.diff(edges) > 0) & (np.diff(object_edges) > 0)).tolist()
    for image in tqdm(with_both, desc="overlaps", unit="image", disable=bars_hidden(), leave=False):
        rows = by_image[edges[image] : edges[image + 1]]
        columns = objects_by_image[object_edges[image] : object_edges[image + 1]]
        crowd = objects.crowd[columns].astype(np.uint8)
        # pycocotools' own, so that an overlap of exactly .75 falls on the same side.
        iou = coco_mask.iou(found.boxes_xywh[rows], objects.boxes_xywh[columns], crowd)
        row, column = np.nonzero(iou >= NEAR_IOU)
        parts.append((rows[row], columns[column], iou[row, column]))
    if not parts:
        return Overlaps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    detection, object_, iou = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Overlaps(detection, object_, iou)
