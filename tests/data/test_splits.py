"""Holding images out, and finding those that are copies."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data.duplicates import group_copies, look_at
from detector.data.splits import hold_out, match_split
from detector.images import Image
from tests.data.labelled import write_image


def names_of(groups: list[list[int]]) -> dict[int, str]:
    return {image: f"{image}.jpg" for group in groups for image in group}


@pytest.mark.parametrize(
    ("known", "wanted", "found"),
    [
        ("train val", "val", "val"),
        ("Train Validation", "val", "Validation"),
        ("custom_train custom_val", "val", "custom_val"),
        ("val val2017 my_val", "val", "val"),
        ("val2014 val2017", "valid", "val2017"),
        ("val2014", "val2017", None),
        ("train valid", "val2017", "valid"),
        ("a b", "val", None),
    ],
)
def test_which_split_is_meant(known: str, wanted: str, found: str | None) -> None:
    assert match_split(known.split(), wanted) == found


@pytest.mark.parametrize(("images", "held"), [(2, 1), (5, 1), (10, 2), (23, 5), (100, 20), (20_000, 2000)])
def test_how_many_are_held_out(images: int, held: int) -> None:
    groups = [[image] for image in range(images)]
    chosen = hold_out(groups, {image: {1} for image in range(images)}, names_of(groups), 0)
    assert len(chosen) == held
    assert chosen == hold_out(groups[::-1], {image: {1} for image in range(images)}, names_of(groups), 0)


def test_every_seed_holds_out_others() -> None:
    groups = [[image] for image in range(50)]
    classes = {image: {1} for image in range(50)}
    chosen = {frozenset(hold_out(groups, classes, names_of(groups), seed)) for seed in range(20)}
    assert len(chosen) == 20
    assert set().union(*chosen) == set(range(50))


@pytest.mark.parametrize("seed", range(10))
def test_groups_stay_whole_and_classes_stay_in_training(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [[10 * group + image for image in range(rng.integers(1, 5))] for group in range(40)]
    images = [image for group in groups for image in group]
    # Class 1 is everywhere, 2 to 6 are in two groups each, 7 in one.
    classes = {image: {1} for image in images}
    rare = rng.permutation(len(groups))
    for number, group in enumerate(rare[:11]):
        for image in groups[group]:
            classes[image] = {1, 2 + number // 2}
    chosen = hold_out(groups, classes, names_of(groups), seed)
    assert all(len(chosen.intersection(group)) in (0, len(group)) for group in groups)
    assert 0.15 * len(images) < len(chosen) <= round(0.2 * len(images))
    trained = set().union(*(classes[image] for image in images if image not in chosen))
    assert trained == {1, 2, 3, 4, 5, 6, 7}
    assert set().union(*(classes[image] for image in chosen)) >= {1, 2, 3, 4}


def test_groups_that_are_all_too_large() -> None:
    groups = [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]
    assert hold_out(groups, {image: set() for image in range(10)}, names_of(groups), 0) == {6, 7, 8, 9}


def photo(tmp_path: Path, look: int) -> Image:
    return cv2.imread(str(write_image(tmp_path / f"{look}.png", (320, 240), look)))


def groups_of(images: list[Image], names: list[str] | None = None) -> list[list[int]]:
    facts = {number: look_at(image) for number, image in enumerate(images)}
    return group_copies(facts, dict(enumerate(names or [f"{number}.jpg" for number in facts])))


def test_copies_are_found_in_spite_of_changes(tmp_path: Path) -> None:
    original = photo(tmp_path, 1)
    encoded = cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    copies = [
        original,
        original.copy(),
        cv2.resize(original, (160, 120), interpolation=cv2.INTER_AREA),
        cv2.imdecode(encoded, cv2.IMREAD_COLOR),
        cv2.add(cv2.convertScaleAbs(original, alpha=0.9), (10, 10, 10, 0)),
    ]
    assert groups_of([*copies, photo(tmp_path, 2)]) == [[0, 1, 2, 3, 4], [5]]


def test_different_images_are_no_copies(tmp_path: Path) -> None:
    images = [photo(tmp_path, look) for look in range(200)]
    assert groups_of(images) == [[number] for number in range(200)]


def test_small_objects_before_one_background_are_no_copies() -> None:
    images = []
    for number in range(12):
        image = np.full((300, 300, 3), 120, np.uint8)
        left, top = 20 + 70 * (number % 4), 20 + 90 * (number // 4)
        image[top : top + 45, left : left + 45] = 220
        images.append(image)
    assert len(groups_of(images)) == 12


def test_roboflow_copies_by_name(tmp_path: Path) -> None:
    images = [photo(tmp_path, look) for look in range(4)]
    names = ["cat_jpg.rf.0a1b.jpg", "dog_jpg.rf.0a1b.jpg", "cat_jpg.rf.ffff.jpg", "cat_jpg.jpg"]
    assert groups_of(images, names) == [[0, 2], [1], [3]]


def test_copies_are_joined_through_others() -> None:
    flat = np.full((20, 20, 3), 50, np.uint8)
    images = [flat, np.full((20, 20, 3), 200, np.uint8), flat.copy()]
    assert groups_of(images, ["a.rf.1.jpg", "a.rf.2.jpg", "b.jpg"]) == [[0, 1, 2]]


def test_a_flipped_shape_is_another_image() -> None:
    rows = np.arange(24, dtype=np.uint8).reshape(4, 6, 1).repeat(3, 2)
    assert look_at(rows).digest != look_at(rows.reshape(6, 4, 3)).digest
