"""Tiles of large images."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector import Detector, load_image
from detector.data.sample import SAMPLE_FOLDER
from detector.detections import Detections
from detector.images import Image
from detector.runtime.tiling import cut_tiles, detect_tiled

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.integers(100, 1000))
def test_tiles_cover_the_image_and_overlap(width: int, height: int, side: int) -> None:
    tiles = list(cut_tiles((width, height), side))
    if max(width, height) <= side:
        assert tiles == []
        return
    for low, high, length in ((0, 2, width), (1, 3, height)):
        spans = sorted({(tile[low], tile[high]) for tile in tiles})
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        assert all(end - start == min(side, length) for start, end in spans)
        # A quarter of the side, but for rounding.
        assert all(end - start >= side // 4 - 1 for (_, end), (start, _) in pairwise(spans))


def find_squares(image: Image) -> Detections:
    """The bounds of what is bright in red (label 0) and in blue (label 1)."""
    boxes, labels = [], []
    for label, channel in ((0, 2), (1, 0)):
        rows, columns = np.nonzero(image[..., channel] > 128)
        if len(rows):
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            labels.append(label)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.array(labels, np.int64),
        ("red", "blue"),
    )


def tiled(image: Image, side: int = 200, most: int = 100) -> list[tuple[str, list[float]]]:
    found = detect_tiled(find_squares, image, side, iou_threshold=0.6, max_detections=most)
    return sorted((name, box.tolist()) for box, _, name in found)


def test_an_object_is_found_once_wherever_it_lies() -> None:
    for left in range(0, 570, 10):
        image = np.zeros((200, 600, 3), np.uint8)
        image[60:90, left : left + 30, 2] = 255
        assert tiled(image) == [("red", [left, 60, left + 30, 90])]


def test_large_objects_are_those_of_the_whole_image() -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    image[50:550, 40:560, 0] = 255
    assert tiled(image) == [("blue", [40, 50, 560, 550])]


def test_classes_do_not_suppress_each_other() -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    image[50:80, 40:70] = 255
    assert tiled(image) == [("blue", [40, 50, 70, 80]), ("red", [40, 50, 70, 80])]
    assert len(tiled(image, most=1)) == 1


def test_at_the_edge_of_the_image_nothing_is_cut() -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    image[580:, 570:, 2] = 255
    assert tiled(image) == [("red", [570, 580, 600, 600])]


def test_small_cats_in_a_large_frame(released_weights: Path) -> None:
    frame = np.full((900, 1500, 3), 114, np.uint8)
    cat = load_image(SAMPLE_FOLDER / "chelsea.jpg")[::4, ::4]  # 113 x 75
    places = [(30, 40), (700, 610), (1200, 350)]
    for x, y in places:
        frame[y : y + cat.shape[0], x : x + cat.shape[1]] = cat
    assert len(Detector.load().detect(frame)) < 3
    found = Detector.load(tile=400).detect(frame)
    cats = found[found.labels == found.classes.index("cat")]
    assert len(cats) == 3
    for left, top, right, bottom in cats.boxes:
        centre = (left + right) / 2, (top + bottom) / 2
        assert any(x < centre[0] < x + 113 and y < centre[1] < y + 75 for x, y in places)


def test_an_image_that_is_no_larger_than_a_tile_is_looked_at_once(released_weights: Path) -> None:
    image = load_image(SAMPLE_FOLDER / "chelsea.jpg")
    whole, other = Detector.load().detect(image), Detector.load(tile=600).detect(image)
    assert other.names == whole.names
    assert other.boxes == pytest.approx(whole.boxes, abs=0.01)
