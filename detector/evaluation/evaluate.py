"""Runs a detector over a dataset and measures it."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
from tqdm import tqdm

from detector.data.annotations import Result
from detector.data.dataset import Dataset, DatasetImage, have_same_shape, load_dataset_image
from detector.data.named_pictures import refuse_named_pictures
from detector.detections import Detections
from detector.errors import DatasetError
from detector.evaluation.coco_metrics import CocoMetrics, compute_metrics
from detector.evaluation.coco_results import to_results
from detector.images import Image
from detector.labels import normalise_name
from detector.system.files import replacing
from detector.system.machine import installed_version
from detector.system.progress import bars_hidden
from detector.version import __version__

T = TypeVar("T")


class FindsObjects(Protocol):
    """What can be run over a dataset: a Detector, or something else that has classes and finds them."""

    classes: tuple[str, ...]

    def detect_batch(self, images: Iterable[T], *, load: Callable[[T], Image]) -> Iterator[Detections]:
        """As ``Detector.detect_batch``."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """The result of ``evaluate``.

    Attributes:
        metrics: the COCO numbers.
        detections: COCO's result objects, with the dataset's category ids.
        images: number of images.
        seconds: time from the first image to the last detection; None where others produced them.
        category_ids: the categories of the dataset that took part.
        unmatched: categories of the dataset that the model has no class for; they took no part.
        other_size: images whose width and height are not what the annotations say, turned or not.
        file_names: of each image, by id.
        elsewhere: number of an image's detections, by its id, that are of classes which the dataset does not
            have; they take part in nothing, but they are among the most that an image has.
    """

    metrics: CocoMetrics
    detections: list[Result]
    images: int
    seconds: float | None
    category_ids: tuple[int, ...]
    unmatched: tuple[str, ...]
    other_size: tuple[DatasetImage, ...]
    file_names: Mapping[int, str]
    elsewhere: Mapping[int, int]

    @property
    def summary(self) -> dict[str, float]:
        """The 12 COCO numbers by name."""
        return self.metrics.summary

    @property
    def images_per_second(self) -> float | None:
        """Decoding, network and post-processing together; None where others produced the detections."""
        return None if self.seconds is None else round(self.images / self.seconds, 2)

    def save(self, folder: Path, settings: Mapping[str, object]) -> None:
        """Write ``metrics.json`` and ``detections.json`` into a folder.

        The detections are in COCO's results format, with ``file_name``, which tells the image to whoever
        numbers images otherwise.
        """
        results = [{**each, "file_name": self.file_names[each["image_id"]]} for each in self.detections]
        record = {
            **self.metrics.summary,
            "per_class_AP": self.metrics.per_class,
            "images": self.images,
            "images_per_second": self.images_per_second,
            "unmatched_categories": list(self.unmatched),
            "settings": dict(settings),
            "versions": versions_used(),
        }
        for name, content in (("detections.json", results), ("metrics.json", record)):
            with replacing(folder / name) as path:
                path.write_text(json.dumps(content, indent=1 if content is record else None))


@dataclass(frozen=True)
class Found:
    """What a detector finds in a dataset; attributes of these names are those of ``Evaluation``.

    Attributes:
        results: COCO's result objects, with the dataset's category ids.
    """

    results: list[Result]
    other_size: tuple[DatasetImage, ...]
    elsewhere: Mapping[int, int]


def evaluate(detector: FindsObjects, dataset: Dataset) -> Evaluation:
    """The COCO numbers of a detector on a dataset.

    Classes and categories are matched by name, so ids may have gaps and any order. Categories that the
    model lacks take no part.

    Raises:
        DatasetError: images are missing, or no category matches a class.
        ImageError: an image cannot be read.
    """
    start = time.perf_counter()
    found = detect_dataset(detector, dataset)
    seconds = time.perf_counter() - start
    category_of = match_categories(detector.classes, dataset.categories)
    matched = sorted(set(category_of.values()))
    return Evaluation(
        metrics=compute_metrics(dataset, found.results, matched),
        detections=found.results,
        images=len(dataset.images),
        seconds=seconds,
        category_ids=tuple(matched),
        unmatched=tuple(name for id_, name in dataset.categories.items() if id_ not in matched),
        other_size=found.other_size,
        file_names=_file_names(dataset),
        elsewhere=found.elsewhere,
    )


def detect_dataset(detector: FindsObjects, dataset: Dataset) -> Found:
    """What a detector finds in all images of a dataset.

    Where width and height are not what the annotations say, but the shape is, the image was resized after it
    was labelled, and its detections are in pixels of the size that the annotations say.

    Raises:
        DatasetError: images are missing, the labels have no boxes, or no category matches a class.
        ImageError: an image cannot be read.
    """
    refuse_named_pictures(dataset, "the AP of a detector")
    dataset.check_images()
    category_of = match_categories(detector.classes, dataset.categories)
    if not category_of:
        theirs = ", ".join(list(dataset.categories.values())[:5])
        ours = ", ".join(detector.classes[:5])
        raise DatasetError(
            f"No category of {dataset.source} ({theirs} ...) is a class of the model ({ours} ...); "
            "name a model that was trained on them with --model."
        )
    found: list[Result] = []
    elsewhere: dict[int, int] = {}
    other_size: list[DatasetImage] = []
    scale_of: dict[int, float] = {}

    def load(image: DatasetImage) -> Image:
        pixels = load_dataset_image(image)
        size_wh = pixels.shape[1], pixels.shape[0]
        if image.size_wh and image.size_wh != size_wh:
            other_size.append(image)
            if have_same_shape(size_wh, image.size_wh):
                scale_of[image.id] = max(image.size_wh) / max(size_wh)
        return pixels

    results = tqdm(
        detector.detect_batch(dataset.images, load=load),
        total=len(dataset.images),
        desc="detecting",
        unit="image",
        disable=bars_hidden(),
        leave=None,
    )
    for image, detections in zip(dataset.images, results, strict=True):
        ids = [category_of.get(name) for name in detections.classes]
        own = to_results(detections, image.id, ids, scale_of.get(image.id, 1))
        elsewhere[image.id] = len(detections) - len(own)
        found += own
    return Found(found, tuple(other_size), elsewhere)


def evaluate_detections(dataset: Dataset, detections: list[Result]) -> Evaluation:
    """The COCO numbers of detections that are there already; all categories of the dataset take part.
    The image files are not needed.
    """
    categories = tuple(sorted(dataset.categories))
    ids = {image.id for image in dataset.images}
    own = [detection for detection in detections if detection["image_id"] in ids]
    metrics = compute_metrics(dataset, own, categories)
    return Evaluation(metrics, own, len(dataset.images), None, categories, (), (), _file_names(dataset), {})


def _file_names(dataset: Dataset) -> dict[int, str]:
    return {image.id: image.name for image in dataset.images}


def match_categories(classes: tuple[str, ...], categories: Mapping[int, str]) -> dict[str, int]:
    """Category id by class name, for the classes that the dataset has.

    Raises:
        DatasetError: two categories of the same name.
    """
    ids: dict[str, int] = {}
    for id_, name in categories.items():
        if ids.setdefault(normalise_name(name), id_) != id_:
            raise DatasetError(f"The dataset has two categories of the name {name!r}; merge them.")
    return {name: ids[normalise_name(name)] for name in classes if normalise_name(name) in ids}


def versions_used() -> dict[str, str]:
    """Versions of what the numbers depend on, by package."""
    versions = {"ssdlite": __version__, "python": platform.python_version()}
    versions |= {"numpy": np.__version__, "opencv": cv2.__version__}
    packages = ("ai-edge-litert", "pycocotools")
    return versions | {package: installed_version(package) or "unknown" for package in packages}
