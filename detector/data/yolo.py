"""YOLO: one text file an image, one line an object."""

from __future__ import annotations

import math
from pathlib import Path

from tqdm import tqdm

from detector.data.findings import Box, FindingLog
from detector.data.listing import Listing
from detector.data.raw_labels import (
    RawImage,
    RawLabels,
    RawObject,
    build_labels,
    merge_names,
    relative_name,
)
from detector.data.text import read_lines
from detector.data.yolo_layout import YoloLayout, find_label_file, find_layout, find_yaml

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
    in_pixels = reader.check_fractions()
    shift = reader.check_classes()
    names = layout.names
    if names is None:
        names = {index: f"class_{index}" for index in range(reader.highest_class + 1)}
        if names:
            log.add("classes without a name, called class_0 and so on", "no data.yaml or classes.txt found")
    # An index that a description leaves out has no objects and is no class.
    classes, label_of = merge_names(names.values(), log)
    labels = {index + shift: label_of[name] for index, name in names.items()}
    return build_labels(
        "YOLO",
        listing.root,
        classes,
        (_relabelled(image, labels, in_pixels) for image in images),
        layout.splits,
        layout.splits_from,
        log,
    )


def _relabelled(image: RawImage, labels: dict[int, int], in_pixels: bool) -> RawImage:
    """The image with its objects' labels; those of a class without a name were noted and are left out."""
    objects = tuple(
        RawObject(labels[each.label], each.box, each.where) for each in image.objects if each.label in labels
    )
    return RawImage(image.path, objects, in_fractions=not in_pixels)


class _Reader:
    """Reads label files one after the other and keeps what can be judged only of all of them."""

    def __init__(self, layout: YoloLayout, root: Path, log: FindingLog) -> None:
        self._layout = layout
        self._root = root
        self._log = log
        self._numbers = 0
        self._large_numbers = 0
        self._large: list[str] = []
        self._used: dict[int, list[str]] = {}

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
        self._used.setdefault(int(index), []).append(where)
        return RawObject(int(index), _box(rest), where)

    def _drop(self, line: str, where: str) -> None:
        self._log.add("lines that are no class and box, dropped", f"{where}: {line:.60}")

    def _note_large(self, numbers: list[float], line: str, where: str) -> None:
        large = sum(number > _LEAST_PIXELS for number in numbers)
        self._numbers += len(numbers)
        self._large_numbers += large
        if large:
            self._large.append(f"{where}: {line:.60}")

    @property
    def highest_class(self) -> int:
        """The highest class number that occurs; -1 without objects."""
        return max(self._used, default=-1)

    def check_classes(self) -> int:
        """By how much all class numbers are too high: 0, or 1 where they are counted from 1.

        Raises:
            DatasetError: an object's class has no name, and the log is not lenient.
        """
        names = self._layout.names
        if names is None:
            return 0
        unnamed = [index for index in sorted(self._used) if index not in names]
        if not unnamed:
            return 0
        first, last = min(names, default=0), max(names, default=-1)
        where = self._used[unnamed[0]][0]
        shifted = unnamed == [last + 1] and first not in self._used and len(self._used[last + 1]) > 1
        message = (
            f"{where}: class {unnamed[0]} has no name; {self._layout.names_from} has {len(names)} names, "
            f"0 to {last}. "
        )
        if shifted:
            places = [place for index in sorted(self._used) for place in self._used[index]]
            message += f"No object has class {first}, so all seem to be counted from 1: count them from 0."
            self._log.refuse("class numbers that are one too high, put right", places, message)
            return 1
        places = [f"{place}: class {index}" for index in unnamed for place in self._used[index]]
        message += "Add the name there, or remove the line."
        self._log.refuse("objects of a class without a name, dropped", places, message)
        return 0

    def check_fractions(self) -> bool:
        """Whether the boxes are in pixels.

        Raises:
            DatasetError: they are, and the log is not lenient.
        """
        if self._large_numbers * 2 <= self._numbers:
            return False
        self._log.refuse(
            "boxes in pixels instead of fractions of the image, converted",
            self._large,
            f"The boxes of {self._root} are in pixels ({self._large[0]}); YOLO labels have class, "
            "centre x, centre y, width and height as fractions of the image: divide them by its size.",
        )
        return True


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
