"""Images that two datasets have: equal, encoded anew, and frames of a fixed camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from detector.data.dataset import Dataset, DatasetImage
from detector.data.shared_images import find_shared
from tests.data.labelled import write_image


def dataset_of(paths: Sequence[Path]) -> Dataset:
    images = tuple(DatasetImage(number, path, None) for number, path in enumerate(paths, start=1))
    return Dataset(paths[0].parent, images, (), {1: "cat"}, "train")


def write_many(root: Path, looks: Sequence[int]) -> list[Path]:
    return [write_image(root / f"{look}.jpg", (320, 240), look) for look in looks]


def test_equal_files_and_copies_in_another_size_and_quality_are_found(tmp_path: Path) -> None:
    old = write_many(tmp_path / "old", range(6))
    new = write_many(tmp_path / "new", (0, 10, 11, 12))
    smaller = cv2.resize(cv2.imread(str(old[3])), (160, 120), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "new/again.jpg"), smaller, [cv2.IMWRITE_JPEG_QUALITY, 40])
    shared = find_shared(
        dataset_of([*new, tmp_path / "new/again.jpg"]), [dataset_of(old[:2]), dataset_of(old)]
    )
    assert {id_: image.name for id_, image in shared.items()} == {1: "0.jpg", 5: "3.jpg"}


def test_of_a_fixed_camera_only_frames_that_are_next_to_equal_are_found(tmp_path: Path) -> None:
    scene = cv2.resize(np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8), (320, 240))
    paths = []
    for number, left in enumerate((0, 60, 120, 180, 240, 0)):
        frame = scene.copy()
        cv2.rectangle(frame, (left, 100), (left + 18, 118), (255, 255, 255) if left % 120 else (0, 0, 0), -1)
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), frame)
    shared = find_shared(dataset_of(paths[1:]), [dataset_of(paths[:1])])
    assert list(shared) == [5]


def test_images_that_cannot_be_read_and_empty_datasets_share_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    one = dataset_of(write_many(tmp_path, (1,)))
    assert find_shared(dataset_of([broken]), [one]) == {}
    assert find_shared(one, [dataset_of([broken])]) == {}
    assert find_shared(one, []) == {}
