"""A dataset joined with an older one: classes, what is mixed in, and what is never trained on."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.errors import DatasetError
from detector.training import joined_data
from detector.training.joined_data import OldData, added_classes, join_data
from tests.data.labelled import Labelled, Photo, write_voc

OLD_CLASSES = ("dog", "cat")


def photos(letter: str, names: tuple[str, ...], count: int = 8) -> list[Photo]:
    """So many, a quarter of them to validate on, each with an object of one of the classes in turn."""
    made = []
    for n in range(count):
        box: Labelled = (names[n % len(names)], 5 + n % 9, 4, 40, 40)
        made.append(Photo(f"{letter}{n}.jpg", (box,), "val" if n % 4 == 3 else "train"))
    return made


@pytest.fixture
def old(tmp_path: Path) -> LabelledFolder:
    return load_labelled_folder(write_voc(tmp_path / "old", photos("o", ("cat", "dog"))))


@pytest.fixture
def new_root(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "new", photos("n", ("bird", "Cat")))


def whole(old: LabelledFolder) -> OldData:
    return OldData("old", old.train, old.val)


def names_in(dataset: Dataset) -> list[str]:
    return [image.name for image in dataset.images]


def objects_of(dataset: Dataset) -> Counter[tuple[str, str]]:
    name_of = {image.id: image.name for image in dataset.images}
    return Counter(
        (name_of[each["image_id"]], dataset.categories[each["category_id"]]) for each in dataset.annotations
    )


def test_both_are_trained_on_and_validated_on_under_the_old_classes(
    old: LabelledFolder, new_root: Path
) -> None:
    said: list[str] = []
    new = load_labelled_folder(new_root)
    joined = join_data(new, whole(old), OLD_CLASSES, said.append)
    assert joined.classes == ("dog", "cat", "bird")
    assert (*OLD_CLASSES, *added_classes(new, OLD_CLASSES)) == joined.classes
    assert names_in(joined.train) == names_in(new.train) + names_in(old.train)
    assert names_in(joined.val) == names_in(new.val) + names_in(old.val)
    for part, parts in ((joined.train, (new.train, old.train)), (joined.val, (new.val, old.val))):
        ids = [image.id for image in part.images]
        assert len(set(ids)) == len(ids)
        expected = Counter(
            {(name, each.lower()): n for p in parts for (name, each), n in objects_of(p).items()}
        )
        assert objects_of(part) == expected
        assert [each["id"] for each in part.annotations] == list(range(1, len(part.annotations) + 1))
    assert said == ["Mixed in: all 6 training images of old."]


def test_copies_of_what_validated_the_old_model_are_never_trained_on(
    old: LabelledFolder, new_root: Path
) -> None:
    shutil.copy(old.val.images[0].path, new_root / "JPEGImages/n0.jpg")
    said: list[str] = []
    joined = join_data(load_labelled_folder(new_root), whole(old), OLD_CLASSES, said.append)
    assert "n0.jpg" not in names_in(joined.train)
    assert "n0.jpg and o3.jpg" in said[0]


def test_what_tested_the_old_model_is_not_trained_on_either(old: LabelledFolder, new_root: Path) -> None:
    shutil.copy(old.train.images[0].path, new_root / "JPEGImages/n0.jpg")
    data = OldData("old", None, old.val, test=old.train.select({old.train.images[0].id}))
    joined = join_data(load_labelled_folder(new_root), data, OLD_CLASSES, print)
    assert "n0.jpg" not in names_in(joined.train)
    assert "n1.jpg" in names_in(joined.train)


def test_where_both_have_an_image_that_of_the_new_dataset_is_taken(
    old: LabelledFolder, new_root: Path
) -> None:
    shutil.copy(old.train.images[0].path, new_root / "JPEGImages/n0.jpg")
    shutil.copy(old.train.images[1].path, new_root / "JPEGImages/n3.jpg")  # validates
    shutil.copy(old.val.images[0].path, new_root / "JPEGImages/n7.jpg")  # validates
    said: list[str] = []
    joined = join_data(load_labelled_folder(new_root), whole(old), OLD_CLASSES, said.append)
    assert {"o0.jpg", "o1.jpg"}.isdisjoint(names_in(joined.train))
    assert "n0.jpg" in names_in(joined.train)
    assert names_in(joined.val) == ["n3.jpg", "n7.jpg", "o7.jpg"]
    assert "2 images of old" in said[0]
    assert said[1] == "Mixed in: the other 4 training images of old."


def test_a_folder_that_has_grown_is_its_own_old_dataset(old: LabelledFolder, tmp_path: Path) -> None:
    grown = write_voc(tmp_path / "grown", photos("o", ("cat", "dog")) + photos("n", ("cat",)))
    said: list[str] = []
    joined = join_data(load_labelled_folder(grown), OldData("old", None, old.val), OLD_CLASSES, said.append)
    assert set(names_in(old.val)).isdisjoint(names_in(joined.train))
    assert Counter(names_in(joined.val)).most_common(1)[0][1] == 1
    assert said == []


def test_nothing_new_to_train_on_is_refused(old: LabelledFolder, new_root: Path) -> None:
    new = load_labelled_folder(new_root)
    with pytest.raises(DatasetError, match="nothing new to train on"):
        join_data(replace(new, train=old.val), OldData("old", None, old.val), OLD_CLASSES, print)


def test_of_many_old_images_each_class_gives_its_share(
    new_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joined_data, "_ALWAYS", 12)
    monkeypatch.setattr(joined_data, "_MOST_TIMES", 1)
    many = load_labelled_folder(write_voc(tmp_path / "many", photos("m", ("cat", "cat", "dog"), 80)))
    said: list[str] = []
    new = load_labelled_folder(new_root)
    joined = join_data(new, whole(many), OLD_CLASSES, said.append)
    again = join_data(new, whole(many), OLD_CLASSES, said.append)
    mixed = [name for name in names_in(joined.train) if name.startswith("m")]
    assert len(mixed) == 12
    assert names_in(again.train) == names_in(joined.train)
    counts = Counter(name for (file, name), _ in objects_of(joined.train).items() if file.startswith("m"))
    assert 2 <= counts["dog"] <= 6
    assert said[0].startswith("Mixed in: 12 of the 60 training images of old")
