"""Training samples of a classifier: augmented pictures, and the class of each."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.data.dataset import Dataset
from detector.images import Image
from detector.labels import normalise_name
from detector.preprocess import ClassifierPreprocessor
from detector.training.augmentation import LabelledImage, sample_colours, sample_crop
from detector.training.config import AugmentationConfig
from detector.training.picture_source import ArrayType, PictureSource, Sample

_NO_BOXES: FloatArray = np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class ClassAnswer:
    """What a classifier should answer for one picture.

    Attributes:
        column: of the logits.
    """

    column: int

    @property
    def arrays(self) -> tuple[np.int32]:
        """The column."""
        return (np.int32(self.column),)

    def pack(self) -> ClassAnswer:
        """The same."""
        return self

    def unpack(self) -> ClassAnswer:
        """The same."""
        return self


class ClassSource(PictureSource):
    """Makes the samples of a dataset that names pictures.

    Args:
        dataset: pictures, each with one annotation, which names it.
        spec: input size, view and classes, which are matched by name; it has all of the dataset's.
        augmentation: what is done to the pictures.
        seed: of the order and of the augmentation.
        cache_bytes: decoded pictures up to this sum are kept in memory.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: ClassifierSpec,
        augmentation: AugmentationConfig,
        *,
        seed: int,
        cache_bytes: int,
    ) -> None:
        super().__init__(dataset, spec.input_hw, augmentation, seed=seed, cache_bytes=cache_bytes)
        self._preprocess = ClassifierPreprocessor(spec)
        self._columns = columns_of(dataset, spec.classes)

    @property
    def target_types(self) -> tuple[ArrayType, ...]:
        """Type and shape of the column."""
        return ((np.int32, ()),)

    def _build(self, image: Image, index: int, rng: np.random.Generator, mirrored: bool | None) -> Sample:
        augmentation = self._augmentation
        drawn = rng.random() < augmentation.flip
        if drawn if mirrored is None else mirrored:
            image = np.asarray(cv2.flip(image, 1), np.uint8)
        if rng.random() < float(augmentation.crop):
            nothing = LabelledImage(image, _NO_BOXES, np.zeros(0, np.int64), np.zeros(0, bool))
            image = sample_crop(
                nothing,
                rng,
                least_area=augmentation.crop_least_area,
                keep_aspect=augmentation.crop_keeps_aspect,
            ).image
        rgb = self._preprocess(image)[0]
        if augmentation.colours:
            bgr = np.ascontiguousarray(rgb[..., ::-1])
            rgb = sample_colours(bgr, rng, strength=float(augmentation.colours))[..., ::-1]
        return Sample((np.ascontiguousarray(rgb),), ClassAnswer(self._columns[index]), index)


def columns_of(dataset: Dataset, classes: tuple[str, ...]) -> list[int]:
    """The column of each picture's class, in the order of the pictures.

    Args:
        dataset: pictures, each with one annotation, which names it.
        classes: of the classifier, in the order of its columns.

    Raises:
        KeyError: a class that the classifier does not have.
    """
    column_of = {normalise_name(name): column for column, name in enumerate(classes)}
    by_image = {each["image_id"]: dataset.categories[each["category_id"]] for each in dataset.annotations}
    return [column_of[normalise_name(by_image[image.id])] for image in dataset.images]
