"""Samples as frozen layers see them: what the layers that are trained read, kept for the next time.

A frozen layer answers the same picture with the same features, so they need not be computed again. Without
crops and colours a picture has two variants, as it is and mirrored, and both are kept for good. With them it
has a pool of variants that is renewed bit by bit, so that what is trained still sees new ones all the time.

Which variant a sample shows follows from the seed and its number alone: a run that is gone on with computes
the features that it lacks and gets what it had.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from detector.architecture import crossing_layers, layers_of
from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.data.dataset import Dataset
from detector.formats.tflite.features import build_features
from detector.runtime.litert import open_interpreter
from detector.spec import ModelSpec
from detector.system.machine import available_threads
from detector.system.terminal import counted
from detector.training.config import AugmentationConfig, ExperimentConfig
from detector.training.picture_source import ArrayType, Packed, PictureSource, Sample, Source
from detector.weights import Weights

_POOL = 4  # variants of a picture
_LIFE = 4  # epochs between two new variants of a picture, once its pool is full
_MOST_BYTES = 1 << 30  # of the features of a dataset
_BLOCK = 3  # a third number in the seed makes another stream than those of samples


@dataclass(frozen=True)
class Pool:
    """How many variants of each picture are kept, and how they are renewed.

    Attributes:
        size: variants of a picture that are kept at a time.
        renewed: whether new variants take the places of old ones.
    """

    size: int
    renewed: bool

    def newest(self, epoch: int) -> int:
        """Number of the newest variant in an epoch: one comes with each until the pool is full."""
        if epoch < self.size:
            return epoch
        return self.size - 1 + ((epoch - self.size) // _LIFE + 1 if self.renewed else 0)


def choose_pool(augmentation: AugmentationConfig, images: int, sample_bytes: int) -> Pool | None:
    """The pool for a dataset; None where two variants of each picture would take too much memory.

    Args:
        augmentation: what is done to the pictures.
        images: how many there are.
        sample_bytes: of the features of one variant.
    """
    # What a machine has room for plays no part, so that a run is the same everywhere.
    plain = not (float(augmentation.crop) or float(augmentation.colours) or augmentation.expand)
    if plain and augmentation.flip in (0, 1):
        wanted = least = 1
    elif plain and augmentation.flip == 0.5:
        wanted = least = 2
    else:
        wanted, least = _POOL, 2
    fits = _MOST_BYTES // max(1, images * sample_bytes)
    return Pool(min(wanted, fits), not plain) if fits >= least else None


def feature_shapes(spec: ModelSpec | ClassifierSpec, first: str) -> tuple[tuple[int, int, int], ...]:
    """(h, w, C) of everything that the layers from ``first`` on read."""
    architecture = layers_of(spec)
    layers = (architecture[name] for name in crossing_layers(architecture, first))
    return tuple((*layer.out_hw, layer.out_channels) for layer in layers)


def feature_bytes(spec: ModelSpec | ClassifierSpec, first: str) -> int:
    """Bytes that the features of one sample take, as they are kept."""
    return sum(2 * math.prod(shape) for shape in feature_shapes(spec, first))


class Sources:
    """Where the samples of a run come from, whatever layer its training begins at.

    Args:
        pictures: samples of pictures.
        spec: the network.
        config: what is trained and how; nothing in it that matters here is ``auto``.

    Attributes:
        pictures: as given.
    """

    def __init__(
        self, pictures: PictureSource, spec: ModelSpec | ClassifierSpec, config: ExperimentConfig
    ) -> None:
        self.pictures = pictures
        self._spec = spec
        self._config = config
        self._room = cache_bytes(config) - min(picture_bytes(config, True), pictures.wanted_bytes)
        self._by_first: dict[str, FeatureSource] = {}

    def before(self, first: str | None) -> Source:
        """The samples as features, where some layers are frozen and there is room to keep them; the same ones
        each time, so that what a trial has computed is there for the run.

        Args:
            first: name of the first layer that is trained; None when all are.
        """
        known = None if first is None else self._by_first.get(first)
        if known is not None:
            return known
        if first is None or not feature_shapes(self._spec, first):
            return self.pictures
        images, each = len(self.pictures.dataset.images), feature_bytes(self._spec, first)
        pool = choose_pool(self._config.augmentation, images, each)
        if pool is None:
            return self.pictures
        room = self._room - sum(other.kept_bytes for other in self._by_first.values())
        made = FeatureSource(
            self.pictures, self._spec, first, pool, seed=self._config.training.seed, cache_bytes=room
        )
        self._by_first[first] = made
        return made

    def keep_only(self, first: str | None) -> None:
        """Forget the features of all other layers; these have all the room now."""
        for name in self._by_first.keys() - {first}:
            self._by_first.pop(name).limit(0)
        for kept in self._by_first.values():
            kept.limit(self._room)


def cache_bytes(config: ExperimentConfig) -> int:
    """Bytes that decoded images and features may take together."""
    return int(config.runtime.cache_gib * (1 << 30))


def picture_bytes(config: ExperimentConfig, frozen: bool) -> int:
    """Bytes that decoded images may take: a quarter where features are kept, which need a picture seldom."""
    return cache_bytes(config) // (4 if frozen else 1)


class FeatureSource:
    """Makes the samples of a dataset for a network whose first layers are frozen.

    Args:
        samples: makes the pictures.
        spec: the network.
        first: name of the first layer that is trained.
        pool: how many variants are kept.
        seed: of the choice among the variants.
        cache_bytes: features up to this sum are kept; others are computed each time, and are the same.

    Attributes:
        first: as given.
        input_type: float16.
    """

    def __init__(
        self,
        samples: PictureSource,
        spec: ModelSpec | ClassifierSpec,
        first: str,
        pool: Pool,
        *,
        seed: int,
        cache_bytes: int,
    ) -> None:
        self._samples = samples
        self._spec = spec
        self.first = first
        self.input_type = np.dtype(np.float16)
        self._pool = pool
        self._seed = seed
        self._frozen: _FrozenLayers | None = None
        self._kept: dict[tuple[int, int], _Kept] = {}  # by image and place in the pool
        self._sample_bytes = feature_bytes(spec, first)
        self._most_kept = max(0, cache_bytes) // self._sample_bytes
        self._lock = threading.Lock()

    def freeze(self, weights: Callable[[], Weights]) -> None:
        """Take over the weights of the frozen layers, before the first sample is asked for."""
        if self._frozen is None:
            self._frozen = _FrozenLayers(weights(), self._spec, self.first)

    def __call__(self, number: int) -> Sample:
        """Sample ``number``, counted from 0."""
        index = self._samples.image_index(number)
        variant = self._variant(index, number // len(self._samples.dataset.images))
        place = index, variant % self._pool.size
        kept = self._kept.get(place)
        if kept is None or kept.variant != variant:
            assert self._frozen is not None, "there are no frozen layers yet"
            sample = self._samples.variant(index, variant)
            features = self._frozen(np.asarray(sample.inputs[0], np.uint8))
            halves = tuple(values.astype(np.float16) for values in features)
            kept = _Kept(variant, halves, sample.targets.pack())
            with self._lock:
                if place in self._kept or len(self._kept) < self._most_kept:
                    self._kept[place] = kept
        return Sample(kept.features, kept.targets.unpack(), index)

    @property
    def kept_bytes(self) -> int:
        """Bytes of the features that are kept now."""
        return len(self._kept) * self._sample_bytes

    def limit(self, cache_bytes: int) -> None:
        """Keep features up to another sum from now on; what is kept is forgotten where that is 0."""
        with self._lock:
            self._most_kept = cache_bytes // self._sample_bytes
            if not cache_bytes:
                self._kept.clear()

    def describe(self) -> str:
        """What is kept, as a sentence."""
        wanted = self._pool.size * len(self.dataset.images)
        kept = min(wanted, self._most_kept)
        renewed = ", renewed all the time" if self._pool.renewed else ""
        room = "" if kept == wanted else f"; there is room for {kept / wanted:.0%} (runtime.cache_gib)"
        if not kept:
            return (
                f"The layers before {self.first} stay as they are, but there is no room to keep their "
                "features (runtime.cache_gib), so they are computed again for each sample."
            )
        return (
            f"The layers before {self.first} stay as they are, so their features are kept: "
            f"{counted(self._pool.size, 'variant')} of each picture{renewed}, "
            f"{kept * self._sample_bytes / 1e6:,.0f} MB{room}."
        )

    def _variant(self, index: int, epoch: int) -> int:
        """Which variant of an image an epoch shows; in as many epochs as are kept each has its turn."""
        newest = self._pool.newest(epoch)
        if epoch < self._pool.size:
            return newest
        block, place = divmod(epoch, self._pool.size)
        start = np.random.default_rng((self._seed, index, block, _BLOCK)).integers(self._pool.size)
        return newest - int(start + place) % self._pool.size

    @property
    def dataset(self) -> Dataset:
        """The dataset of the pictures."""
        return self._samples.dataset

    @property
    def target_types(self) -> tuple[ArrayType, ...]:
        """Type and shape of each array of a sample's targets."""
        return self._samples.target_types

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of a sample's inputs."""
        return feature_shapes(self._spec, self.first)


class _FrozenLayers:
    """Layers of a network in LiteRT, with an interpreter for each thread that may ask at the same time."""

    def __init__(self, weights: Weights, spec: ModelSpec | ClassifierSpec, first: str) -> None:
        self._names = crossing_layers(layers_of(spec), first)
        model = build_features(weights, spec, first)
        self._free: queue.SimpleQueue[Interpreter] = queue.SimpleQueue()
        for _ in range(available_threads()):
            self._free.put(open_interpreter(model, 1))

    def __call__(self, image: NDArray[np.uint8]) -> tuple[FloatArray, ...]:
        interpreter = self._free.get()
        try:
            outputs = interpreter.get_signature_runner()(image=image[None])
        finally:
            self._free.put(interpreter)
        return tuple(outputs[name][0] for name in self._names)


@dataclass(frozen=True)
class _Kept:
    """A sample in little room: features in half precision, and packed targets."""

    variant: int
    features: tuple[NDArray[np.float16], ...]
    targets: Packed
