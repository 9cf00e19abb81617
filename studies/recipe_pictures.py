"""Pictures and assignments beside those of the product, for ``studies.recipes``."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, area, intersection, intersection_over_union
from detector.training.augmentation import LabelledImage, flip
from detector.training.features import FeatureSource
from detector.training.picture_source import Answer
from detector.training.samples import Sample, SampleSource
from detector.training.targets import match_anchors

_MOSAICS = 0.5  # share of the samples
_PASTED = 0.5
_MOST_PASTED = 3
_LARGEST_PASTED = 0.5  # side, as a share of the picture's
_MOST_HIDDEN = 0.1  # of an object that is there already
_LEAST_PIXELS = 4
_CANDIDATE_IOU = 0.3
_TIMES_SHOWN = 7  # makes another stream than those of samples


class Features(FeatureSource):
    """The product's features, of which all variants are kept, and shared by trainings that show the same.

    Attributes:
        known, targets: features and targets by image and variant.
    """

    known: dict[tuple[int, int], tuple[NDArray[np.float16], ...]]
    targets: dict[tuple[int, int], Answer]

    def __call__(self, number: int) -> Sample:
        """Sample ``number``, as the product makes it."""
        index = self._samples.image_index(number)
        key = index, self._variant(index, number // len(self.dataset.images))
        if key not in self.targets:
            sample = self._samples.variant(*key)
            self.targets[key] = sample.targets
            if key not in self.known:
                assert self._frozen is not None, "there are no frozen layers yet"
                values = self._frozen(np.asarray(sample.inputs[0], np.uint8))
                self.known[key] = tuple(each.astype(np.float16) for each in values)
        return Sample(self.known[key], self.targets[key], index)


class Mosaics(SampleSource):
    """Half of the samples are four pictures, each in a corner. Source: Bochkovskiy et al., YOLOv4, 2020."""

    def _augment(
        self, sample: LabelledImage, rng: np.random.Generator, mirrored: bool | None
    ) -> LabelledImage:
        if rng.random() < _MOSAICS:
            others = rng.integers(len(self.dataset.images), size=3)
            parts = [sample, *(self._label(self._load(int(index)), int(index)) for index in others)]
            parts = [flip(part) if rng.random() < 0.5 else part for part in parts]
            rng.shuffle(parts)  # type: ignore[arg-type]
            middle = rng.uniform(0.4, 0.6, 2).astype(np.float32)
            sample = join_corners(parts, middle, 2 * max(self._spec.input_hw))
        return super()._augment(sample, rng, mirrored)


def join_corners(parts: list[LabelledImage], middle: FloatArray, side: int) -> LabelledImage:
    """Four pictures in one, which meet in a point (x, y), normalised."""
    x, y = (round(float(each) * side) for each in middle)
    canvas = np.empty((side, side, 3), np.uint8)
    boxes = []
    corners = ((0, 0, x, y), (x, 0, side, y), (0, y, x, side), (x, y, side, side))
    for part, (left, top, right, bottom) in zip(parts, corners, strict=True):
        size = right - left, bottom - top
        canvas[top:bottom, left:right] = cv2.resize(part.image, size, interpolation=cv2.INTER_AREA)
        moved = part.boxes * np.array([*size, *size]) + np.array([left, top, left, top])
        boxes.append((moved / side).astype(np.float32))
    labels, crowd = ([getattr(part, name) for part in parts] for name in ("labels", "crowd"))
    return LabelledImage(canvas, np.concatenate(boxes), np.concatenate(labels), np.concatenate(crowd))


class Pasted(SampleSource):
    """Half of the samples show up to three objects of another picture, too, where they hide little.

    Objects are cut out as their boxes, larger ones are made smaller, and their edges are soft. After Ghiasi
    et al., Simple Copy-Paste, 2021, which has masks.
    """

    def _augment(
        self, sample: LabelledImage, rng: np.random.Generator, mirrored: bool | None
    ) -> LabelledImage:
        if rng.random() < _PASTED:
            index = int(rng.integers(len(self.dataset.images)))
            other = self._label(self._load(index), index)
            for number in rng.permutation(np.flatnonzero(~other.crowd))[:_MOST_PASTED]:
                sample = paste(sample, other, int(number), rng)
        return super()._augment(sample, rng, mirrored)


def paste(
    sample: LabelledImage, other: LabelledImage, number: int, rng: np.random.Generator
) -> LabelledImage:
    """The sample with an object of another one, or as it is where there is no place for it."""
    shape, from_shape = np.array(sample.image.shape[1::-1]), np.array(other.image.shape[1::-1])
    box = other.boxes[number]
    left, top, right, bottom = np.round(box * np.tile(from_shape, 2)).astype(int)
    size = box[2:] - box[:2]
    size = size * min(1.0, _LARGEST_PASTED / float(size.max()))
    pixels = np.round(size * shape).astype(int)
    if min(right - left, bottom - top, *pixels) < _LEAST_PIXELS:
        return sample
    for _ in range(10):
        at = np.round(rng.uniform(0, 1 - size) * shape).astype(int)
        end = np.minimum(at + pixels, shape)
        place = (np.concatenate([at, end]) / np.tile(shape, 2)).astype(np.float32)[None]
        hidden = intersection(sample.boxes, place)[:, 0] / np.maximum(area(sample.boxes), 1e-9)
        if (hidden <= _MOST_HIDDEN).all():
            break
    else:
        return sample
    image = sample.image.copy()
    ground = image[at[1] : end[1], at[0] : end[0]]
    height, width = ground.shape[:2]
    patch = cv2.resize(other.image[top:bottom, left:right], (width, height), interpolation=cv2.INTER_AREA)
    edge = max(1, min(width, height) // 10)
    share = np.zeros((height, width), np.float32)
    share[edge : height - edge, edge : width - edge] = 1
    share = np.asarray(cv2.blur(share, (2 * edge + 1, 2 * edge + 1)), np.float32)[..., None]
    ground[:] = np.round(share * patch + (1 - share) * ground).astype(np.uint8)
    return replace(
        sample,
        image=image,
        boxes=np.concatenate([sample.boxes, place]),
        labels=np.append(sample.labels, other.labels[number]),
        crowd=np.append(sample.crowd, False),
    )


class Balanced(SampleSource):
    """Pictures are shown by the rarest of their classes: as often as one over the root of the share of
    pictures that have it. Source: Gupta et al., LVIS, 2019, repeat factor sampling, with a threshold of 1.
    """

    def image_index(self, number: int) -> int:
        """Which image a sample shows; each epoch has as many as there are, in an order of its own."""
        epoch, position = divmod(number, len(self.dataset.images))
        rng = np.random.default_rng((self._seed, epoch, _TIMES_SHOWN))
        times = repeat_factors([objects.labels for objects in self._objects])
        last = np.cumsum(times) * len(times) / times.sum()
        chosen = np.searchsorted(last, np.arange(len(times)) + rng.random(), side="right")
        return int(rng.permutation(np.minimum(chosen, len(times) - 1))[position])


def repeat_factors(labels: list[NDArray[np.int64]]) -> FloatArray:
    """How often each picture is to be shown, by the labels in it."""
    share = np.zeros(1 + max((int(own.max()) for own in labels if len(own)), default=0))
    for own in labels:
        share[np.unique(own)] += 1 / len(labels)
    factors = [max((share[label] ** -0.5 for label in own), default=1.0) for own in labels]
    return np.array(factors, np.float32)


def match_candidates(anchors: FloatArray, gt_boxes: FloatArray, *, iou_threshold: float) -> NDArray[np.int64]:
    """As the product has it from a lower overlap on, among which the network's answers choose.

    ``iou_threshold``, the product's, is not looked at.
    """
    return match_anchors(anchors, gt_boxes, iou_threshold=_CANDIDATE_IOU)


def match_top(
    anchors: FloatArray, gt_boxes: FloatArray, *, iou_threshold: float, fixed: int | None
) -> NDArray[np.int64]:
    """Index of each anchor's object, or -1: an object has the anchors that overlap it most.

    An anchor that several objects have is that of the one that it overlaps most. Every object gets the anchor
    that overlaps it most, as in the product.

    Args:
        anchors: (A, 4) float32, xyxy, normalised.
        gt_boxes: (N, 4) float32, xyxy, normalised.
        iou_threshold: of the product, not looked at.
        fixed: how many anchors; None for as many as the ten greatest overlaps add up to, as SimOTA has it.

    Source: Zhang et al., ATSS, 2020; Ge et al., YOLOX, 2021, whose costs are the network's and not overlaps.
    """
    own = match_anchors(anchors, gt_boxes, iou_threshold=2.0)  # one each
    if not len(gt_boxes):
        return own
    overlaps = intersection_over_union(gt_boxes, anchors)
    order = np.argsort(-overlaps, axis=1)
    greatest = np.take_along_axis(overlaps, order[:, :10], axis=1).sum(axis=1)
    counts = np.full(len(gt_boxes), fixed) if fixed else np.maximum(1, greatest).astype(int)
    taken = np.zeros_like(overlaps)
    for row, count in enumerate(counts):
        chosen = order[row, :count]
        taken[row, chosen] = overlaps[row, chosen]
    best = taken.argmax(axis=0)
    matched = np.where(taken.max(axis=0) > 0, best, -1)
    return np.where(own >= 0, own, matched)
