"""YOLO: one text file an image, one line an object."""

from __future__ import annotations

import math
from pathlib import Path

from tqdm import tqdm

from detector.data.findings import Box, FindingLog
from detector.data.listing import Listing, read_lines
from detector.data.raw_labels import (
    RawImage,
    RawLabels,
    RawObject,
    build_labels,
    merge_names,
    relative_name,
)
from detector.data.yolo_layout import YoloLayout, find_label_file, find_layout, find_yaml
from detector.errors import DatasetError

_LEAST_PIXELS = 1.5  # a number above this is no fraction of the image


def is_yolo(listing: Listing) -> bool:
    """Whether a folder has a YOLO data.yaml, or a text file that starts with a line of a class and a box."""
    return find_yaml(listing) is not None or any(map(_starts_like_yolo, listing.with_suffix(".txt")))


def _starts_like_yolo(path: Path) -> bool:
    with path.open("rb") as file:
        words = file.readline(4096).decode("utf-8-sig", errors="replace").split()
    return len(words) >= 5 and _numbers(words[:5]) is not None


def read_yolo_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The labels in the text files that belong to the images of a folder.

    Raises:
        DatasetError: data.yaml is wrong, boxes are in pixels, or a class has no name.
    """
    layout = find_layout(listing, log)
    reader = _Reader(layout, listing.root, log)
    images = [
        reader.read(path)
        for path in tqdm(
            dict.fromkeys(layout.images), desc="reading labels", unit="file", disable=None, leave=False
        )
    ]
    reader.check_fractions()
    names = layout.names
    if names is None:
        names = {index: f"class_{index}" for index in range(reader.highest_class + 1)}
        if names:
            log.add("classes without a name, called class_0 and so on", "no data.yaml or classes.txt found")
    # An index that a description leaves out has no objects and is no class.
    classes, label_of = merge_names(names.values(), log)
    labels = {index: label_of[name] for index, name in names.items()}
    return build_labels(
        "YOLO",
        listing.root,
        classes,
        (_relabelled(image, labels) for image in images),
        layout.splits,
        layout.splits_from,
        log,
    )


def _relabelled(image: RawImage, labels: dict[int, int]) -> RawImage:
    objects = tuple(RawObject(labels[each.label], each.box, each.where) for each in image.objects)
    return RawImage(image.path, objects, in_fractions=True)


class _Reader:
    """Reads label files one after the other and keeps what can be judged only of all of them."""

    def __init__(self, layout: YoloLayout, root: Path, log: FindingLog) -> None:
        self._layout = layout
        self._root = root
        self._log = log
        self._numbers = 0
        self._large_numbers = 0
        self._first_large = ""
        self.highest_class = -1

    def read(self, image: Path) -> RawImage:
        """An image with the objects of its label file; their labels are still the file's indices."""
        path = find_label_file(image)
        objects = []
        if path is not None:
            where = relative_name(path, self._root)
            for number, line in enumerate(read_lines(path), start=1):
                if line and (found := self._read_line(line, f"{where}:{number}")):
                    objects.append(found)
        return RawImage(image, tuple(objects), in_fractions=True)

    def _read_line(self, line: str, where: str) -> RawObject | None:
        numbers = _numbers(line.split())
        if numbers is None or len(numbers) < 5 or numbers[0] < 0 or numbers[0] != int(numbers[0]):
            self._drop(line, where)
            return None
        index, *rest = numbers
        if self._layout.has_keypoints:
            rest = rest[:4]
        if len(rest) == 5:
            self._log.add("confidences after the box, ignored", f"{where}: {line}")
            rest = rest[:4]
        if len(rest) > 4 and len(rest) % 2:
            self._drop(line, where)
            return None
        self._note_large(rest, line, where)
        self._check_class(int(index), where)
        return RawObject(int(index), _box(rest), where)

    def _drop(self, line: str, where: str) -> None:
        self._log.add("lines that are no class and box, dropped", f"{where}: {line:.60}")

    def _note_large(self, numbers: list[float], line: str, where: str) -> None:
        large = sum(number > _LEAST_PIXELS for number in numbers)
        self._numbers += len(numbers)
        self._large_numbers += large
        if large and not self._first_large:
            self._first_large = f"{where}: {line:.60}"

    def _check_class(self, index: int, where: str) -> None:
        names = self._layout.names
        if names is not None and index not in names:
            raise DatasetError(
                f"{where}: class {index} has no name; {self._layout.names_from} has {len(names)} names, "
                f"0 to {max(names, default=-1)}. Add the name there, or remove the line."
            )
        self.highest_class = max(self.highest_class, index)

    def check_fractions(self) -> None:
        """Raise DatasetError when most numbers are no fractions of the image."""
        if self._large_numbers * 2 > self._numbers:
            raise DatasetError(
                f"The boxes of {self._root} are in pixels ({self._first_large}); YOLO labels have class, "
                "centre x, centre y, width and height as fractions of the image: divide them by its size."
            )


def _numbers(words: list[str]) -> list[float] | None:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _box(numbers: list[float]) -> Box:
    """x1, y1, x2, y2 of a box as centre and size, or around the points of a polygon."""
    if len(numbers) == 4:
        centre_x, centre_y, width, height = numbers
        return centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])
