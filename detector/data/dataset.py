"""What a dataset is, whatever format it came in: images, and annotations as COCO has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from detector.data.annotations import Annotation
from detector.data.findings import Finding
from detector.errors import DatasetError, ImageError
from detector.images import MOST_BYTES, Image, decode_image, load_image
from detector.system.reading import read_whole
from detector.system.terminal import counted, printable
from detector.system.tfrecord import RecordPlace, load_record_image

_MISSING = "{} of the {} images of {} are not in {} (the first is {}); give the folder with --images."
_MISSING_RECORDS = (
    "{} of the {} images of {} are in records that are not in {} (the first is {}); put them back or write "
    "them again with `ssdlite data records`."
)


@dataclass(frozen=True)
class DatasetImage:
    """An image of the dataset.

    Attributes:
        id: its id.
        path: its file, or the TFRecord file that it lies in.
        size_wh: width and height as annotated, or None.
        record: where in the TFRecord file; None for a file of its own.
        metadata: what a COCO file says of it beyond COCO's own keys.
        text_id: its id in the COCO file, where that is a text and no number.
    """

    id: int
    path: Path
    size_wh: tuple[int, int] | None
    record: RecordPlace | None = None
    metadata: Mapping[str, object] = field(default_factory=dict, compare=False)
    text_id: str | None = None

    @property
    def name(self) -> str:
        """Its file name, also where it lies in a TFRecord file."""
        return self.path.name if self.record is None else self.record.name


@dataclass(frozen=True, repr=False)
class Dataset:
    """Images and their annotations.

    Attributes:
        source: the file or folder that the annotations came from.
        images: in the order of the file.
        annotations: COCO's annotation objects of these images, each with ``image_id``, ``category_id``,
            ``bbox`` (xywh, pixels), ``area``, ``iscrowd`` and ``id``, and maybe ``metadata``: what the file
            says beyond these.
        categories: category name by id.
        split: which part it is (``val2017``, ``train``), or what the file is called.
        origin: address of the first image in the file, if it says so; COCO's own name the split.
        findings: what was wrong or is worth knowing, and what was done about it.
        names_pictures: whether the labels name whole pictures: each image has one annotation, whose box is
            all of it.
    """

    source: Path
    images: tuple[DatasetImage, ...]
    annotations: tuple[Annotation, ...]
    categories: dict[int, str]
    split: str
    origin: str = ""
    findings: tuple[Finding, ...] = field(default=(), compare=False)
    names_pictures: bool = False

    def __repr__(self) -> str:
        counts = (
            counted(len(self.images), "image"),
            counted(len(self.annotations), "object"),
            counted(len(self.categories), "class", "classes"),
        )
        return f"<Dataset {printable(self.split)} of {printable(self.source)}: {', '.join(counts)}>"

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
        absent = {path for path in {image.path for image in self.images} if not path.is_file()}
        missing = [image for image in self.images if image.path in absent]
        if missing:
            path = missing[0].path
            message = _MISSING if missing[0].record is None else _MISSING_RECORDS
            raise DatasetError(
                message.format(len(missing), len(self.images), self.source, path.parent, path.name)
            )


def have_same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one size (width, height) is the other times a factor, but for two pixels of rounding."""
    factor = max(other) / max(one)
    return all(abs(a * factor - b) <= 2 for a, b in zip(one, other, strict=True))


def load_dataset_image(image: DatasetImage) -> Image:
    """The image of a dataset, turned as its annotations say.

    Raises:
        ImageError: absent, not an image, or cut short.
        DatasetError: it lies in a record that is not there.
    """
    if image.record is None:
        return load_image(image.path, size_wh=image.size_wh)
    data = load_record_image(image.path, image.record)
    return decode_image(data, name=f"{image.name} in {image.path}", size_wh=image.size_wh)


def load_image_bytes(image: DatasetImage) -> bytes:
    """The bytes of the image's file as they are; raises as ``load_dataset_image`` does."""
    if image.record is not None:
        return load_record_image(image.path, image.record)
    return read_whole(image.path, MOST_BYTES, ImageError)
