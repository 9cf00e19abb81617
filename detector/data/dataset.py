"""What a dataset is, whatever format it came in: images, and annotations as COCO has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detector.errors import DatasetError
from detector.images import Image, load_image

_MISSING = "{} of the {} images of {} are not in {} (the first is {}); give the folder with --images."


@dataclass(frozen=True)
class DatasetImage:
    """An image of the dataset: its id, its file, and width and height as annotated (or None)."""

    id: int
    path: Path
    size_wh: tuple[int, int] | None


@dataclass(frozen=True)
class Dataset:
    """Images and their annotations.

    Attributes:
        source: the file or folder that the annotations came from.
        images: in the order of the file.
        annotations: COCO's annotation objects of these images, each with ``image_id``, ``category_id``,
            ``bbox`` (xywh, pixels), ``area``, ``iscrowd`` and ``id``.
        categories: category name by id.
        split: which part it is (``val2017``, ``train``), or what the file is called.
        origin: address of the first image in the file, if it says so; COCO's own name the split.
    """

    source: Path
    images: tuple[DatasetImage, ...]
    annotations: tuple[dict[str, Any], ...]
    categories: dict[int, str]
    split: str
    origin: str = ""

    def select(self, image_ids: Collection[int] | None = None, limit: int | None = None) -> Dataset:
        """The part of the dataset with these image ids, or its first ``limit`` images.

        Raises:
            DatasetError: no image is left.
        """
        images: Iterable[DatasetImage] = self.images
        if image_ids is not None:
            images = (image for image in images if image.id in image_ids)
        chosen = tuple(images)[:limit]
        if not chosen:
            raise DatasetError(f"No image of {self.source} is left by --image-ids and --limit.")
        ids = {image.id for image in chosen}
        return replace(
            self, images=chosen, annotations=tuple(a for a in self.annotations if a["image_id"] in ids)
        )

    def check_images(self) -> None:
        """Raise DatasetError when files are missing."""
        missing = [image.path for image in self.images if not image.path.is_file()]
        if missing:
            folder = missing[0].parent
            raise DatasetError(
                _MISSING.format(len(missing), len(self.images), self.source, folder, missing[0].name)
            )


def load_dataset_image(image: DatasetImage) -> Image:
    """The image of a dataset, turned as its annotations say."""
    return load_image(image.path, size_wh=image.size_wh)
