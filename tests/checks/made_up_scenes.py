"""Scenes with labels and detections made up by lot: a detector that finds most, and labels with faults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detector.boxes import intersection_over_union, xywh_to_xyxy
from detector.data.dataset import DatasetImage
from detector.evaluation.matching import Scene

SIDE = 1000

Row = tuple[float, float, float, float, int]  # x, y, width, height, class
Scored = tuple[float, float, float, float, int, float]  # the same and a score


def scene(labels: Sequence[Row], found: Sequence[Scored], crowd: Sequence[int] = ()) -> Scene:
    """A scene of rows; ``crowd`` are the labels that are regions of many."""
    found = sorted(found, key=lambda row: -row[5])
    return Scene(
        image=DatasetImage(1, Path("made_up.jpg"), (SIDE, SIDE)),
        objects_xywh=np.array([row[:4] for row in labels], np.float32).reshape(-1, 4),
        object_classes=np.array([row[4] for row in labels], np.int64),
        crowd=np.array([number in crowd for number in range(len(labels))], np.bool_),
        boxes_xywh=np.array([row[:4] for row in found], np.float32).reshape(-1, 4),
        scores=np.array([row[5] for row in found], np.float32),
        classes=np.array([row[4] for row in found], np.int64),
    )


class Maker:
    """Makes scenes; everything is a matter of the seed.

    Args:
        noise: standard deviation of a detection's edges, in sides of the box.
        false: false positives of an image, whose scores are lower than those of true ones in general.
        missed: share of the objects that are not detected.
        classes: how many there are.
    """

    def __init__(
        self, seed: int = 0, *, noise: float = 0.04, false: int = 3, missed: float = 0.1, classes: int = 3
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.noise, self.false, self.missed, self.classes = noise, false, missed, classes

    def image(self, count: int = 4) -> tuple[list[Row], list[Scored]]:
        """Objects that hardly overlap, as labels and as what a detector finds."""
        labels = [self._object() for _ in range(count)]
        labels = [row for number, row in enumerate(labels) if not _overlaps(row, labels[:number])]
        found = [self._detected(row) for row in labels if self.rng.random() > self.missed]
        for _ in range(self.false):
            found.append((*self._object(), float(self.rng.beta(1, 8))))
        return labels, found

    def images(self, count: int) -> list[tuple[list[Row], list[Scored]]]:
        """So many of them."""
        return [self.image() for _ in range(count)]

    def _object(self) -> Row:
        width, height = np.exp(self.rng.uniform(np.log(40), np.log(250), 2)).tolist()
        x, y = self.rng.uniform(0, SIDE - width), self.rng.uniform(0, SIDE - height)
        return float(x), float(y), width, height, int(self.rng.integers(1, self.classes + 1))

    def _detected(self, row: Row) -> Scored:
        x, y, width, height, class_ = row
        left, top, right, bottom = self.rng.normal(0, self.noise, 4)
        box = (x + left * width, y + top * height, width * (1 + right - left), height * (1 + bottom - top))
        return (*map(float, box), class_, float(self.rng.beta(6, 1.5)))  # type: ignore[return-value]


def _overlaps(row: Row, others: Sequence[Row]) -> bool:
    boxes = xywh_to_xyxy(np.array([row[:4], *(other[:4] for other in others)], np.float32))
    return bool((intersection_over_union(boxes[:1], boxes[1:]) > 0.1).any())
