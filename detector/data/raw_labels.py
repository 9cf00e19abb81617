"""What a folder's label files say, before any image is looked at; every format is read into this."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.data.findings import Box, FindingLog
from detector.errors import ImageError
from detector.images import MOST_BYTES
from detector.labels import normalise_name, tidy_name
from detector.system.reading import read_whole
from detector.system.tfrecord import RecordPlace, load_record_image


@dataclass(frozen=True, slots=True)
class RawObject:
    """One object as its label file has it.

    Attributes:
        label: index into the classes.
        box: x1, y1, x2, y2 in pixels, or in fractions of the image where the image says so; finite.
        where: file and line or number, for findings; written out only when there is one.
        iscrowd: 1 for what is neither trained on nor counted.
        area: COCO's area, where the file gives one.
    """

    label: int
    box: Box
    where: object
    iscrowd: int = 0
    area: float | None = None


@dataclass(frozen=True, slots=True)
class RawImage:
    """An image file and its objects.

    Attributes:
        path: the file.
        objects: those that could be read.
        size_wh: width and height that the labels claim, if they do.
        in_fractions: whether boxes are in fractions of the image instead of pixels.
        unread: how many objects the labels have besides, of which no box or class is known.
        record: the TFRecord file that it lies in, and where; ``path`` is then only what it is called.
    """

    path: Path
    objects: tuple[RawObject, ...]
    size_wh: tuple[int, int] | None = None
    in_fractions: bool = False
    unread: int = 0
    record: tuple[Path, RecordPlace] | None = None

    def read(self) -> bytes:
        """The bytes of the image's file.

        Raises:
            ImageError: absent, or too large for an image.
            DatasetError: it lies in a record that is not there.
        """
        return (
            load_record_image(*self.record) if self.record else read_whole(self.path, MOST_BYTES, ImageError)
        )


@dataclass(frozen=True)
class RawLabels:
    """All labels of a folder.

    Attributes:
        format: ``COCO``, ``Pascal VOC``, ``YOLO``, ``CVAT``, ``Label Studio``, ``labelme``, ``Create ML``,
            ``CSV``, ``TFRecord`` or ``class folders``.
        classes: class names in category order.
        images: each file once, ordered by file name, then path. An image's id is its position plus 1,
            so that it depends neither on the format nor on the split.
        splits: positions of the images in each split that the folder names; they may overlap.
        splits_from: what names them: ``ImageSets/Main``, ``list files``, ``folders`` ...
        names_pictures: whether each image has one object that stands for the whole picture.
    """

    format: str
    classes: tuple[str, ...]
    images: tuple[RawImage, ...]
    splits: dict[str, tuple[int, ...]]
    splits_from: str
    names_pictures: bool = False

    @property
    def num_objects(self) -> int:
        """How many objects the label files have."""
        return sum(len(image.objects) for image in self.images)


def build_labels(
    format: str,
    root: Path,
    classes: tuple[str, ...],
    images: Iterable[RawImage],
    splits: Mapping[str, Sequence[Path]],
    splits_from: str,
    log: FindingLog,
) -> RawLabels:
    """The labels with every image once and in order.

    An image that came twice with the same objects is taken once. One that is described in two ways is left
    out: nothing says which of them is of this picture.

    Args:
        images: as read; the same path may come several times.
        splits: paths of the images of each split, all of them among ``images``.
    """
    by_path = _each_once(images, root, log)
    order = sorted(by_path, key=lambda key: (Path(key).name, relative_name(Path(key), root)))
    position = {key: number for number, key in enumerate(order)}
    positions: dict[str, tuple[int, ...]] = {}
    for name, paths in splits.items():
        listed = [position[key] for path in paths if (key := os.path.normpath(path)) in position]
        seen: set[int] = set()
        for number in listed:
            if number in seen:
                example = f"{relative_name(Path(order[number]), root)} in {name}"
                log.add("images listed twice in a split, taken once", example)
            seen.add(number)
        positions[name] = tuple(sorted(seen))
    return RawLabels(format, classes, tuple(by_path[key] for key in order), positions, splits_from)


def _each_once(images: Iterable[RawImage], root: Path, log: FindingLog) -> dict[str, RawImage]:
    by_path: dict[str, RawImage] = {}
    disputed: dict[str, None] = {}
    for image in images:
        key = os.path.normpath(image.path)
        known = by_path.setdefault(key, image)
        if known is image:
            continue
        if _described(known) == _described(image):
            log.add("images that are described twice in the same way, taken once", _both(known, image, root))
        else:
            disputed[key] = None
            log.add("images that are described in two ways, left out", _both(known, image, root))
    return {key: image for key, image in by_path.items() if key not in disputed}


def _described(image: RawImage) -> tuple[object, ...]:
    objects = sorted((each.label, each.box, each.iscrowd) for each in image.objects)
    return tuple(dict.fromkeys(objects)), image.in_fractions, image.unread


def _both(one: RawImage, other: RawImage, root: Path) -> str:
    places = " and ".join(str(image.objects[0].where) for image in (one, other) if image.objects)
    return f"{relative_name(one.path, root)}{f' ({places})' if places else ''}"


def relative_name(path: Path, root: Path) -> str:
    """The path below the dataset's folder, with forward slashes, for sorting and for messages."""
    try:
        return Path(os.path.relpath(path, root if root.is_dir() else root.parent)).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()


def merge_names(names: Iterable[str], log: FindingLog) -> tuple[tuple[str, ...], dict[str, int]]:
    """Class names without those that differ only in spelling, and the label of every spelling.

    A class's name is the first spelling, in one line and with composed characters; one without a name is
    called after its place.
    """
    classes: list[str] = []
    label_of_form: dict[str, int] = {}
    label_of: dict[str, int] = {}
    for number, name in enumerate(names):
        if name in label_of:
            continue
        shown = tidy_name(name) or unnamed_class(number, log)
        label = label_of_form.setdefault(normalise_name(shown), len(classes))
        if label == len(classes):
            classes.append(shown)
        else:
            log.add(
                "class names that differ only in case, spaces or underscores, merged",
                f"{name!r:.80} is taken for {classes[label]!r:.80}",
            )
        label_of[name] = label
    return tuple(classes), label_of


def unnamed_class(number: int, log: FindingLog) -> str:
    """What a class is called whose name is empty."""
    log.add("classes without a name, called class_0 and so on", f"the name of class {number} is empty")
    return f"class_{number}"
