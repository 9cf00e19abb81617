"""Training samples: a pure function from a sample's number to an augmented image and its targets.

Which image sample ``n`` shows and how it is augmented follows from the seed and ``n`` alone. So a resumed
run goes on exactly where it was, and several workers that share a batch train on the very samples that one
worker would.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.architecture import anchors_of
from detector.boxes import FloatArray, area, clip, xywh_to_xyxy
from detector.data.annotations import Annotation
from detector.data.dataset import Dataset, load_dataset_image
from detector.errors import DetectorError
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
from detector.training.targets import Targets, build_targets
from detector.weights import Weights

# Images in memory are at most so many times as large as the input: an augmented crop of a tenth of the area
# still fills it.
_CACHED_INPUTS = 3.4
# A third number in the seed makes another stream than that of any sample.
_ORDER = 1
_VARIANT = 2


@dataclass(frozen=True)
class Sample:
    """One training sample.

    Attributes:
        inputs: what the network reads: (H, W, 3) uint8, RGB, at its input size; or, of a network whose first
            layers are frozen, what these make of it.
        targets: of the image's anchors.
        index: which image of the dataset it shows.
    """

    inputs: tuple[NDArray[np.generic], ...]
    targets: Targets
    index: int


class Source(Protocol):
    """Where training samples come from: pictures, or what the first layers of a network make of them."""

    @property
    def dataset(self) -> Dataset:
        """The images and their objects."""

    @property
    def first(self) -> str | None:
        """Name of the first layer that reads the inputs; None for pictures, which the whole network reads."""

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a sample's inputs."""

    @property
    def input_type(self) -> np.dtype[np.generic]:
        """Type of the numbers in them."""

    @property
    def num_anchors(self) -> int:
        """Number of anchors of the network."""

    def __call__(self, number: int) -> Sample:
        """Sample ``number``, counted from 0."""

    def freeze(self, weights: Callable[[], Weights]) -> None:
        """Take over the weights of the layers before the first, before a sample is asked for."""

    def describe(self) -> str:
        """What is kept for the next time, as a sentence; nothing where that is not worth one."""


class SampleSource:
    """Makes the samples of a dataset: pictures.

    Args:
        dataset: images and annotations; its boxes lie inside the images and have area.
        spec: input size, anchors, box coder, and the classes, which are matched by name.
        augmentation: what is done to the images.
        iou_threshold: of the matching.
        seed: of the order and of the augmentation.
        cache_bytes: decoded images up to this sum are kept in memory.

    Attributes:
        dataset: as given.
        first: None, for the whole network reads pictures.
        input_type: uint8.
        failure: the last image that could not be read, if any, for callers that an exception does not reach.
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
        self.dataset = dataset
        self.first = None
        self.input_type = np.dtype(np.uint8)
        self._spec = spec
        self._augmentation = augmentation
        self._iou_threshold = iou_threshold
        self._seed = seed
        self._anchors = anchors_of(spec)
        self._objects = _objects_by_image(dataset, spec.classes)
        self._cached_side = _CACHED_INPUTS * max(spec.input_hw)
        self._cache: dict[int, Image] = {}
        self._cache_left = cache_bytes
        self._lock = threading.Lock()
        self.failure: DetectorError | None = None
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def __call__(self, number: int) -> Sample:
        """Sample ``number``, counted from 0."""
        return self._make(self.image_index(number), np.random.default_rng((self._seed, number)))

    def variant(self, index: int, number: int) -> Sample:
        """Variant ``number`` of an image, counted from 0; every second one is mirrored where half of the
        samples are.
        """
        mirrored = bool(number % 2) if self._augmentation.flip == 0.5 else None
        return self._make(index, np.random.default_rng((self._seed, index, number, _VARIANT)), mirrored)

    def _make(self, index: int, rng: np.random.Generator, mirrored: bool | None = None) -> Sample:
        try:
            labelled = self._load(index)
        except DetectorError as error:
            self.failure = error
            raise
        sample = self._augment(labelled, rng, mirrored)
        height, width = self._spec.input_hw
        image = cv2.resize(sample.image, (width, height), interpolation=cv2.INTER_LINEAR)
        if self._augmentation.colours:
            image = sample_colours(
                np.asarray(image, np.uint8), rng, strength=float(self._augmentation.colours)
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
        return Sample((np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8),), targets, index)

    def freeze(self, weights: Callable[[], Weights]) -> None:
        """Nothing: there is no layer before the first."""

    def describe(self) -> str:
        """Nothing."""
        return ""

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a sample's inputs."""
        return ((*self._spec.input_hw, 3),)

    @property
    def num_anchors(self) -> int:
        """Number of anchors of the network."""
        return len(self._anchors)

    def image_index(self, number: int) -> int:
        """Which image sample ``number`` shows: every epoch has each image once, in an order of its own."""
        epoch, position = divmod(number, len(self.dataset.images))
        known, order = self._order
        if known != epoch:
            order = np.random.default_rng((self._seed, epoch, _ORDER)).permutation(len(self.dataset.images))
            self._order = (epoch, order)
        return int(order[position])

    @property
    def wanted_bytes(self) -> int:
        """Bytes that all images take as they are kept in memory."""
        sizes = (image.size_wh or (0, 0) for image in self.dataset.images)
        return sum(3 * round(w * h * min(1.0, self._cached_side / max(w, h, 1)) ** 2) for w, h in sizes)

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

    def _load(self, index: int) -> LabelledImage:
        image = self._cache.get(index)
        if image is None:
            image = _shrink(load_dataset_image(self.dataset.images[index]), self._cached_side)
            with self._lock:
                if index not in self._cache and image.nbytes <= self._cache_left:
                    self._cache[index] = image
                    self._cache_left -= image.nbytes
        objects = self._objects[index]
        return LabelledImage(image, objects.boxes, objects.labels, objects.crowd)


def _shrink(image: Image, longest_side: float) -> Image:
    scale = longest_side / max(image.shape[:2])
    if scale >= 1:
        return image
    size_wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


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
