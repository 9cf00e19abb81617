"""Training samples of a detector: augmented pictures, and what each anchor should answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.architecture import anchors_of
from detector.boxes import FloatArray, area, clip, xywh_to_xyxy
from detector.data.annotations import Annotation
from detector.data.dataset import Dataset
from detector.images import Image
from detector.labels import normalise_name
from detector.spec import ModelSpec
from detector.training.augmentation import (
    LabelledImage,
    flip,
    sample_colours,
    sample_crop,
    sample_expansion,
)
from detector.training.config import AugmentationConfig
from detector.training.picture_source import ArrayType, PictureSource, Sample, Source
from detector.training.targets import build_targets

__all__ = ["Sample", "SampleSource", "Source"]


class SampleSource(PictureSource):
    """Makes the samples of a dataset: pictures.

    Args:
        dataset: images and annotations; its boxes lie inside the images and have area.
        spec: input size, anchors, box coder, and the classes, which are matched by name.
        augmentation: what is done to the images.
        iou_threshold: of the matching.
        seed: of the order and of the augmentation.
        cache_bytes: decoded images up to this sum are kept in memory.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: ModelSpec,
        augmentation: AugmentationConfig,
        *,
        iou_threshold: float,
        seed: int,
        cache_bytes: int,
    ) -> None:
        super().__init__(dataset, spec.input_hw, augmentation, seed=seed, cache_bytes=cache_bytes)
        self._spec = spec
        self._iou_threshold = iou_threshold
        self._anchors = anchors_of(spec)
        self._objects = _objects_by_image(dataset, spec.classes)

    def _build(self, image: Image, index: int, rng: np.random.Generator, mirrored: bool | None) -> Sample:
        sample = self._augment(self._label(image, index), rng, mirrored)
        height, width = self._spec.input_hw
        resized = cv2.resize(sample.image, (width, height), interpolation=cv2.INTER_LINEAR)
        if self._augmentation.colours:
            resized = sample_colours(
                np.asarray(resized, np.uint8), rng, strength=float(self._augmentation.colours)
            )
        kept = area(sample.boxes) > 0
        targets = build_targets(
            self._anchors,
            sample.boxes[kept],
            sample.labels[kept],
            sample.crowd[kept],
            iou_threshold=self._iou_threshold,
            scales=self._spec.box_coder_scales,
        )
        return Sample((np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), np.uint8),), targets, index)

    def _label(self, image: Image, index: int) -> LabelledImage:
        objects = self._objects[index]
        return LabelledImage(image, objects.boxes, objects.labels, objects.crowd)

    @property
    def num_anchors(self) -> int:
        """Number of anchors of the network."""
        return len(self._anchors)

    @property
    def target_types(self) -> tuple[ArrayType, ...]:
        """Types and shapes of boxes and classes of the anchors."""
        return (np.float32, (self.num_anchors, 4)), (np.int32, (self.num_anchors,))

    def _augment(
        self, sample: LabelledImage, rng: np.random.Generator, mirrored: bool | None
    ) -> LabelledImage:
        drawn = rng.random() < self._augmentation.flip
        if drawn if mirrored is None else mirrored:
            sample = flip(sample)
        if rng.random() < self._augmentation.expand:
            sample = sample_expansion(sample, rng, largest=self._augmentation.expand_up_to)
        if rng.random() < float(self._augmentation.crop):
            sample = sample_crop(
                sample,
                rng,
                least_covered=self._augmentation.crop_least_covered,
                least_area=self._augmentation.crop_least_area,
                keep_aspect=self._augmentation.crop_keeps_aspect,
            )
        return sample


@dataclass(frozen=True)
class _Objects:
    """What is in an image: boxes normalised, labels, and which of them are crowd regions."""

    boxes: FloatArray
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]


def _objects_by_image(dataset: Dataset, classes: Sequence[str]) -> list[_Objects]:
    """What is in each image, of the classes that the network has."""
    label_of_name = {normalise_name(name): label for label, name in enumerate(classes)}
    label_of = {id_: label_of_name.get(normalise_name(name)) for id_, name in dataset.categories.items()}
    by_image: dict[int, list[Annotation]] = {image.id: [] for image in dataset.images}
    for annotation in dataset.annotations:
        if label_of[annotation["category_id"]] is None:
            continue
        by_image[annotation["image_id"]].append(annotation)
    objects = []
    for image in dataset.images:
        found = by_image[image.id]
        assert image.size_wh is not None, "a labelled folder knows the size of every image"
        boxes = xywh_to_xyxy(np.array([a["bbox"] for a in found], np.float32).reshape(-1, 4))
        boxes = (boxes / np.array(image.size_wh * 2)).astype(np.float32)
        labels = np.array([label_of[a["category_id"]] for a in found], np.int64)
        crowd = np.array([bool(a["iscrowd"]) for a in found], bool)
        objects.append(_Objects(clip(boxes, 1, 1), labels, crowd))
    return objects
