"""Photos of one cat each, and where it was found."""

from __future__ import annotations

from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder
from tests.data.labelled import Photo

BOX = ("cat", 10.0, 12.0, 40.0, 36.0)


def photos(count: int, split: str = "", start: int = 0) -> list[Photo]:
    return [
        Photo(f"{split}{n}.png", [BOX], split, look=100 * n + len(split)) for n in range(start, start + count)
    ]


def boxes_of(*parts: Dataset) -> list[list[float]]:
    return [annotation["bbox"] for part in parts for annotation in part.annotations]


def everything(folder: LabelledFolder) -> list[list[float]]:
    return boxes_of(folder.train, folder.val)
