"""From what label files say to a Dataset: images that can be read, boxes that lie in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from detector.data.annotations import LabelledObject
from detector.data.dataset import Dataset, DatasetImage
from detector.data.duplicates import ImageFacts, look_at_files
from detector.data.findings import Finding, FindingLog, place_box
from detector.data.raw_labels import RawImage, RawLabels, relative_name
from detector.errors import DatasetError, ImageError

Annotations = list[LabelledObject]


def check_images(
    labels: RawLabels, root: Path, positions: Collection[int], log: FindingLog
) -> dict[int, ImageFacts]:
    """What is known of the images at these positions; those that cannot be read are not in it.

    Every image is decoded, with a progress bar.

    Raises:
        DatasetError: more than half of them cannot be read.
    """
    order = sorted(positions)
    facts: dict[int, ImageFacts] = {}
    first_error: ImageError | None = None
    for position, found in zip(order, look_at_files([labels.images[p] for p in order]), strict=True):
        if isinstance(found, ImageError):
            first_error = first_error or found
            log.add("images that cannot be read, left out", str(found))
            continue
        facts[position] = found
    if first_error is not None and len(facts) * 2 < len(order):
        raise DatasetError(
            f"{len(order) - len(facts):,} of the {len(order):,} images of {root} cannot be read. The first: "
            f"{first_error}"
        )
    return facts


def clean_objects(image: RawImage, size_wh: tuple[int, int], log: FindingLog) -> Annotations:
    """The objects of an image as COCO's annotations without ids, inside the image, each once."""
    width, height = size_wh if image.in_fractions else (1, 1)
    annotations: Annotations = []
    seen = set()
    for each in image.objects:
        left, top, right, bottom = each.box
        box = (left * width, top * height, right * width, bottom * height)
        bbox = place_box(box, size_wh, each.where, log)
        if bbox is None:
            continue
        key = (each.label, each.iscrowd, *bbox)
        if key in seen:
            log.add("repeated boxes, dropped", str(each.where))
            continue
        seen.add(key)
        area = each.area if each.area is not None else round(bbox[2] * bbox[3], 3)
        annotations.append(
            {"category_id": each.label + 1, "bbox": bbox, "area": area, "iscrowd": each.iscrowd}
        )
    return annotations


def clean_images(
    labels: RawLabels, root: Path, facts: Mapping[int, ImageFacts], log: FindingLog
) -> dict[int, Annotations]:
    """The cleaned objects of the images at these positions.

    An image that has objects of which none is left is not in it: it is no example of a picture without any.
    """
    cleaned: dict[int, Annotations] = {}
    for position, known in facts.items():
        image = labels.images[position]
        annotations = clean_objects(image, known.size_wh, log)
        if annotations or not (image.objects or image.unread):
            cleaned[position] = annotations
        else:
            log.add("images none of whose objects can be read, left out", relative_name(image.path, root))
    return cleaned


def _image(id_: int, image: RawImage, size_wh: tuple[int, int]) -> DatasetImage:
    file, place = image.record or (image.path, None)
    return DatasetImage(id_, file, size_wh, place)


def build_dataset(
    labels: RawLabels,
    root: Path,
    split: str,
    facts: Mapping[int, ImageFacts],
    annotations: Mapping[int, Annotations],
    positions: Collection[int],
    findings: tuple[Finding, ...] = (),
) -> Dataset:
    """The dataset of the images at these positions, in their order."""
    order = sorted(positions)
    listed = [(position, annotation) for position in order for annotation in annotations[position]]
    return Dataset(
        source=root,
        images=tuple(_image(p + 1, labels.images[p], facts[p].size_wh) for p in order),
        annotations=tuple(
            {
                "id": number,
                "image_id": position + 1,
                "category_id": each["category_id"],
                "bbox": each["bbox"],
                "area": each["area"],
                "iscrowd": each["iscrowd"],
            }
            for number, (position, each) in enumerate(listed, start=1)
        ),
        categories={label + 1: name for label, name in enumerate(labels.classes)},
        split=split,
        findings=findings,
        names_pictures=labels.names_pictures,
    )
