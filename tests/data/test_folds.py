"""The images of a dataset in folds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.data.folds import divide_into_folds
from detector.errors import DatasetError
from tests.data import labelled
from tests.data.labelled import Photo, write_coco, write_cvat, write_voc, write_yolo


def names_of(groups: list[list[int]]) -> dict[int, str]:
    return {image: f"{image}.jpg" for group in groups for image in group}


@pytest.mark.parametrize("count", [2, 5, 20])
@pytest.mark.parametrize("seed", range(5))
def test_each_image_is_in_one_fold_and_each_class_in_all(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [[10 * group + image for image in range(rng.integers(1, 4))] for group in range(100)]
    images = [image for group in groups for image in group]
    objects = {image: Counter({1: int(rng.integers(1, 5))}) for image in images}
    for number, group in enumerate(rng.permutation(100)[:60]):
        for image in groups[group]:
            objects[image] = Counter([2 + number % 2]) if number < 2 * count else Counter()
    folds = divide_into_folds(groups, objects, names_of(groups), count, seed)
    assert sorted(image for fold in folds for image in fold) == sorted(images)
    of_image = {image: number for number, fold in enumerate(folds) for image in fold}
    assert all(len({of_image[image] for image in group}) == 1 for group in groups)
    for fold in folds:
        assert {1, 2, 3} <= {label for image in fold for label in objects[image]}
        assert len(fold) == pytest.approx(len(images) / count, abs=4)
    assert folds == divide_into_folds(groups[::-1], objects, names_of(groups), count, seed)


def test_another_seed_makes_other_folds() -> None:
    groups = [[image] for image in range(40)]
    objects = {image: Counter([1]) for image in range(40)}
    divided = [divide_into_folds(groups, objects, names_of(groups), 4, seed) for seed in range(5)]
    assert len({str(folds) for folds in divided}) == 5


def test_as_many_groups_as_folds_leave_none_empty() -> None:
    groups = [list(range(30)), [30], [31], [32]]
    objects = {image: Counter([1]) if image < 31 else Counter() for image in range(33)}
    assert all(divide_into_folds(groups, objects, names_of(groups), 4, 0))


def shots(count: int, split: str = "", like: int = 0) -> list[Photo]:
    """Photographs; the first ``like`` of them show one thing."""
    box = [("cat", 10.0, 12.0, 40.0, 36.0)]
    return [
        Photo(f"{split}{n:02}.png", box, split, look=0 if n < like else 100 * n + len(split))
        for n in range(count)
    ]


def names_in(folder: LabelledFolder) -> list[set[str]]:
    of_id = {image.id: image.name for image in folder.train.images}
    return [{of_id[id_] for id_ in fold} for fold in folder.folds]


@pytest.mark.parametrize("write", [write_voc, write_coco, write_yolo, write_cvat])
def test_train_and_val_are_divided_and_test_is_not_touched(tmp_path: Path, write: object) -> None:
    parts = [*shots(9, "train"), *shots(3, "val"), *shots(2, "test")]
    root = write(tmp_path, parts)  # type: ignore[operator]
    folder = load_labelled_folder(root, folds=4)
    assert {len(fold) for fold in folder.folds} == {3}
    assert set().union(*names_in(folder)) == {photo.name for photo in parts if photo.split != "test"}
    assert folder.test is not None
    assert len(folder.test.images) == 2
    assert folder.val == folder.train
    for number in range(1, 5):
        fold = folder.fold(number)
        assert (len(fold.train.images), len(fold.val.images), fold.test) == (9, 3, None)
        assert {image.id for image in fold.val.images} == folder.folds[number - 1]
        assert fold.classes == folder.classes


def test_look_alikes_stay_together(tmp_path: Path) -> None:
    folder = load_labelled_folder(write_voc(tmp_path, shots(12, like=3)), folds=4)
    assert any({"00.png", "01.png", "02.png"} <= fold for fold in names_in(folder))
    assert "look-alikes kept together" in folder.split_note


def test_images_of_one_name_stay_together(tmp_path: Path) -> None:
    folder = load_labelled_folder(write_voc(tmp_path, shots(12)), folds=2, group_by=r"\d(\d)\.")
    for fold in names_in(folder):
        assert ("00.png" in fold) == ("10.png" in fold)
        assert ("01.png" in fold) == ("11.png" in fold)


def test_a_class_that_one_fold_has_alone_is_named(tmp_path: Path) -> None:
    photos = [*shots(8), Photo("dog.png", [("dog", 5, 5, 30, 30)], look=7777)]
    folder = load_labelled_folder(write_voc(tmp_path, photos), folds=3)
    (finding,) = [each for each in folder.findings if "in one fold" in each.kind]
    assert finding.places == ("dog",)


@pytest.mark.parametrize(
    ("folds", "group_by", "sentence"),
    [
        (1, None, "expected 2 to 20"),
        (21, None, "expected 2 to 20"),
        (0, None, "expected 2 to 20"),
        (13, None, r"needs at least 13 groups.*12 images are 12; take --folds 12 or fewer"),
        (3, r"^(\d)", r"needs at least 3 groups.*makes 2 of the 12 images; take --folds 2 or fewer"),
        (2, "png", r"makes 1 of the 12 images; take another pattern"),
        (2, "(", "no regular expression"),
        (2, "jpeg", "matches none"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(
    tmp_path: Path, folds: int, group_by: str | None, sentence: str
) -> None:
    with pytest.raises(DatasetError, match=sentence) as caught:
        load_labelled_folder(write_voc(tmp_path, shots(12)), folds=folds, group_by=group_by)
    assert "\n" not in str(caught.value)


def test_classes_are_the_same_whatever_fold(tmp_path: Path) -> None:
    photos = [Photo(f"{n}.png", [(labelled.CLASSES[n % 2], 5, 5, 30, 30)], look=50 * n) for n in range(8)]
    folder = load_labelled_folder(write_yolo(tmp_path, photos), folds=4)
    assert [folder.fold(number).classes_found for number in range(1, 5)] == [folder.classes_found] * 4
