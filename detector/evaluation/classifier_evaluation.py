"""Runs a classifier over a dataset of named pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from detector.classification import Classification
from detector.data.dataset import Dataset, load_dataset_image
from detector.data.raw_labels import relative_name
from detector.errors import DatasetError
from detector.evaluation.classification import ClassificationResult
from detector.images import Image
from detector.labels import listing, normalise_name
from detector.system.progress import bars_hidden

T = TypeVar("T")


class NamesPictures(Protocol):
    """What can be run over a dataset: a Classifier, or something else that has classes and tells them."""

    classes: tuple[str, ...]

    def classify_batch(self, images: Iterable[T], *, load: Callable[[T], Image]) -> Iterator[Classification]:
        """As ``Classifier.classify_batch``."""
        ...


@dataclass(frozen=True)
class Columns:
    """Which class of a model each category of a dataset is.

    Attributes:
        of_category: column of the model's classes, by category id.
        unknown: names of the categories that the model has no class for.
    """

    of_category: Mapping[int, int]
    unknown: tuple[str, ...]


def check_named_pictures(dataset: Dataset) -> None:
    """Raise DatasetError for labels with boxes."""
    if not dataset.names_pictures:
        raise DatasetError(
            f"{dataset.source} has labels with boxes; the accuracy of a classifier takes a folder of "
            "pictures for each class."
        )


def match_columns(classes: tuple[str, ...], dataset: Dataset) -> Columns:
    """The model's classes for a dataset's, matched by name.

    Raises:
        DatasetError: none matches.
    """
    column_of = {normalise_name(name): column for column, name in reversed(list(enumerate(classes)))}
    used = {each["category_id"] for each in dataset.annotations}
    found = {
        id_: column_of[normalise_name(name)]
        for id_, name in dataset.categories.items()
        if normalise_name(name) in column_of
    }
    if not used & found.keys():
        theirs, ours = list(dataset.categories.values()), list(classes)
        raise DatasetError(
            f"No class of {dataset.source} ({listing(theirs, 5)}) is one of the model ({listing(ours, 5)}); "
            "name a model that was trained on them with --model."
        )
    return Columns(found, tuple(n for id_, n in dataset.categories.items() if id_ in used - found.keys()))


def picture_names(dataset: Dataset) -> tuple[str, ...]:
    """What the pictures are called: their paths below the dataset's folder."""
    return tuple(
        relative_name(image.path, dataset.source) if image.record is None else image.name
        for image in dataset.images
    )


def known_part(dataset: Dataset, columns: Columns) -> Dataset:
    """The pictures of classes that a model has."""
    if not columns.unknown:
        return dataset
    known = {each["image_id"] for each in dataset.annotations if each["category_id"] in columns.of_category}
    return dataset.select(known)


def classify_dataset(classifier: NamesPictures, dataset: Dataset) -> ClassificationResult:
    """What a classifier says of all pictures of a dataset, with a progress bar.

    Raises:
        DatasetError: pictures are missing, the labels have boxes, or the model lacks a class; see
            ``known_part``.
        ImageError: a picture cannot be read.
    """
    check_named_pictures(dataset)
    dataset.check_images()
    columns = match_columns(classifier.classes, dataset)
    if columns.unknown:
        raise DatasetError(f"The model has no class {listing(columns.unknown)}, which {dataset.source} has.")
    category_of = {each["image_id"]: each["category_id"] for each in dataset.annotations}
    answers = tqdm(
        classifier.classify_batch(dataset.images, load=load_dataset_image),
        total=len(dataset.images),
        desc="classifying",
        unit="image",
        disable=bars_hidden(),
        leave=None,
    )
    scores = np.stack([answer.scores for answer in answers])
    truth = [columns.of_category[category_of[image.id]] for image in dataset.images]
    names = picture_names(dataset)
    return ClassificationResult(classifier.classes, names, np.array(truth, np.int64), scores)
