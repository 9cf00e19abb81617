"""Pictures as training samples: a pure function from a number to an augmented picture and its answer.

Which picture sample ``n`` shows and how it is augmented follows from the seed and ``n`` alone. So a resumed
run goes on exactly where it was, and several workers that share a batch train on the very samples that one
worker would.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from detector.data.dataset import Dataset, load_dataset_image
from detector.errors import DetectorError
from detector.images import Image
from detector.input_sizes import SizeHW
from detector.training.config import AugmentationConfig
from detector.weights import Weights

# Images in memory are at most so many times as large as the input: an augmented crop of a tenth of the area
# still fills it.
_CACHED_INPUTS = 3.4
# A third number in the seed makes another stream than that of any sample.
_ORDER = 1
_VARIANT = 2

ArrayType = tuple[DTypeLike, tuple[int, ...]]
"""Type and shape of an array."""


class Packed(Protocol):
    """What a network should answer, in little room."""

    def unpack(self) -> Answer:
        """The same as it is trained on."""


class Answer(Protocol):
    """What a network should answer for one picture."""

    @property
    def arrays(self) -> tuple[NDArray[np.generic] | np.generic, ...]:
        """What the losses read."""

    def pack(self) -> Packed:
        """The same in little room."""


@dataclass(frozen=True)
class Sample:
    """One training sample.

    Attributes:
        inputs: what the network reads: (H, W, 3) uint8, RGB, at its input size; or, of a network whose first
            layers are frozen, what these make of it.
        targets: what it should answer.
        index: which image of the dataset it shows.
    """

    inputs: tuple[NDArray[np.generic], ...]
    targets: Answer
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
    def target_types(self) -> tuple[ArrayType, ...]:
        """Type and shape of each array of a sample's targets."""

    def __call__(self, number: int) -> Sample:
        """Sample ``number``, counted from 0."""

    def freeze(self, weights: Callable[[], Weights]) -> None:
        """Take over the weights of the layers before the first, before a sample is asked for."""

    def describe(self) -> str:
        """What is kept for the next time, as a sentence; nothing where that is not worth one."""


class PictureSource(ABC):
    """Makes the samples of a dataset: pictures.

    Args:
        dataset: images and annotations.
        input_hw: height and width of the network's input.
        augmentation: what is done to the images.
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
        input_hw: SizeHW,
        augmentation: AugmentationConfig,
        *,
        seed: int,
        cache_bytes: int,
    ) -> None:
        self.dataset = dataset
        self.first = None
        self.input_type = np.dtype(np.uint8)
        self._input_hw = input_hw
        self._augmentation = augmentation
        self._seed = seed
        self._cached_side = _CACHED_INPUTS * max(input_hw)
        self._cache: dict[int, Image] = {}
        self._cache_left = cache_bytes
        self._lock = threading.Lock()
        self.failure: DetectorError | None = None
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    @property
    @abstractmethod
    def target_types(self) -> tuple[ArrayType, ...]:
        """Type and shape of each array of a sample's targets."""

    @abstractmethod
    def _build(self, image: Image, index: int, rng: np.random.Generator, mirrored: bool | None) -> Sample:
        """The sample of an image (BGR, of any size), augmented; mirrored or not where that is told."""

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
            image = self._load(index)
        except DetectorError as error:
            self.failure = error
            raise
        return self._build(image, index, rng, mirrored)

    def freeze(self, weights: Callable[[], Weights]) -> None:
        """Nothing, for there is no layer before the first."""
        del weights

    def describe(self) -> str:
        """Nothing."""
        return ""

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a sample's inputs."""
        return ((*self._input_hw, 3),)

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

    def _load(self, index: int) -> Image:
        image = self._cache.get(index)
        if image is None:
            image = _shrink(load_dataset_image(self.dataset.images[index]), self._cached_side)
            with self._lock:
                if index not in self._cache and image.nbytes <= self._cache_left:
                    self._cache[index] = image
                    self._cache_left -= image.nbytes
        return image


def _shrink(image: Image, longest_side: float) -> Image:
    scale = longest_side / max(image.shape[:2])
    if scale >= 1:
        return image
    size_wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
