"""Objects by the names of their classes, as annotation tools write them, made into labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.data.findings import Box, FindingLog
from detector.data.image_index import ImageIndex, note_doubtful
from detector.data.raw_labels import RawImage, RawObject, merge_names


@dataclass(frozen=True)
class Drawn:
    """One object: class name, box x1, y1, x2, y2 in the file's own unit, and its place in the file."""

    name: str
    box: Box
    where: str
    iscrowd: int = 0


@dataclass(frozen=True)
class DrawnImage:
    """An image with its objects, how many others there are, and what the file says of it."""

    path: Path
    drawn: Sequence[Drawn]
    unread: int
    size_wh: tuple[int, int] | None
    where: str
    subset: str = ""


def certain_images(
    images: Iterable[DrawnImage], index: ImageIndex, path: Path, root: Path, log: FindingLog
) -> list[DrawnImage]:
    """The images that a file describes without those that it may not mean, which are noted."""
    certain: list[DrawnImage] = []
    for image in list(images):  # all of them are looked up before the first is judged
        if index.is_doubtful(image.path, path):
            note_doubtful(image.where, image.path, root, log)
        else:
            certain.append(image)
    return certain


def label_images(
    images: Sequence[DrawnImage], log: FindingLog, *, in_fractions: bool = False
) -> tuple[tuple[str, ...], list[RawImage]]:
    """The names that occur, sorted, and the images with the labels of their objects."""
    classes, label_of = merge_names(sorted({each.name for image in images for each in image.drawn}), log)
    return classes, [
        RawImage(image.path, label(image.drawn, label_of), image.size_wh, in_fractions, image.unread)
        for image in images
    ]


def label(objects: Iterable[Drawn], label_of: Mapping[str, int]) -> tuple[RawObject, ...]:
    """The objects with numbers for the names of their classes."""
    return tuple(RawObject(label_of[each.name], each.box, each.where, each.iscrowd) for each in objects)
