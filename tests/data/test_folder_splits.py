"""Which images of a folder are trained on, validate, or are kept for the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest

from detector.data.folder import load_labelled_folder, load_split
from detector.data.readers.coco import load_coco
from detector.errors import DatasetError
from tests.data.labelled import (
    CLASSES,
    WRITERS,
    Photo,
    content_of,
    found,
    names_of,
    write_coco,
    write_voc,
    write_yolo,
)
from tests.data.random_photos import FORMATS, random_photos


@pytest.mark.parametrize("format_", FORMATS)
def test_splits_by_name(tmp_path: Path, format_: str) -> None:
    photos = [Photo(f"{split}{n}.png", split=split) for split in ("train", "val", "test") for n in range(10)]
    root = WRITERS[format_](tmp_path, photos)
    folder = load_labelled_folder(root)
    assert [len(names_of(part)) for part in (folder.train, folder.val, folder.test)] == [10, 10, 10]
    assert all(name.startswith("train") for name in names_of(folder.train))
    assert "train (10) and val (10); test (10) is kept for the end" in folder.split_note
    other = load_labelled_folder(root, train="test", val="train")
    assert all(name.startswith("test") for name in names_of(other.train))
    assert all(name.startswith("train") for name in names_of(other.val))
    assert other.test is None
    joined = load_labelled_folder(root, train="train,val")
    assert (len(joined.train.images), len(joined.val.images)) == (16, 4)
    assert not set(names_of(joined.train)) & set(names_of(joined.val))
    assert joined.split_note == (
        "validation comes out of train,val: 4 of 20 images are held out by seed 0, look-alikes kept "
        "together; test (10) is kept for the end"
    )
    with pytest.raises(DatasetError, match=r"no split 'dev'; it has test, train, val"):
        load_labelled_folder(root, val="dev")
    same = load_labelled_folder(root, train="train", val="train")
    assert found(same, "same image in train and val")[0] == 10


@pytest.mark.parametrize("format_", FORMATS)
def test_load_split(tmp_path: Path, format_: str) -> None:
    splits = ("train", "val2017", "test")
    photos = [Photo(f"{split}{n}.png", split=split) for split in splits for n in range(2)]
    root = WRITERS[format_](tmp_path, photos)
    for split, name in ((None, "val2017"), ("test", "test"), ("train", "train"), ("val2017", "val2017")):
        assert {image.path.stem[:-1] for image in load_split(root, split).images} == {name}
    with pytest.raises(DatasetError, match="dev"):
        load_split(root, "dev")


@pytest.mark.parametrize("format_", ["Pascal VOC", "YOLO"])
def test_load_split_has_the_ids_of_the_folder(tmp_path: Path, format_: str) -> None:
    root = WRITERS[format_](tmp_path, random_photos(12))
    folder = load_labelled_folder(root)
    assert content_of(load_split(root, None)) == content_of(folder.val)
    assert folder.test is not None
    assert content_of(load_split(root, "test")) == content_of(folder.test)


def test_load_split_of_coco_is_as_it_stands(tmp_path: Path) -> None:
    root = write_coco(tmp_path, [Photo(f"{n}.jpg", [("cat", -5, 3, 90, 40)], "val2017") for n in range(2)])
    assert load_split(root, None) == load_coco(root)
    assert load_split(root, None).annotations[0]["bbox"] == [-5, 3, 95, 37]
    path = root / "annotations/instances_val2017.json"
    assert load_split(path, None) == load_coco(path)


def test_load_split_of_a_folder_without_splits_is_everything(tmp_path: Path) -> None:
    root = write_voc(tmp_path, [Photo(f"{n}.jpg") for n in range(3)])
    assert len(load_split(root, None).images) == 3
    with pytest.raises(DatasetError, match="it has no splits"):
        load_split(root, "val")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_fifth_is_held_out_by_seed(tmp_path: Path, format_: str) -> None:
    photos = [Photo(f"{n}.png") for n in range(23)]
    folder = load_labelled_folder(WRITERS[format_](tmp_path / "one", photos))
    assert (len(folder.train.images), len(folder.val.images), folder.test) == (18, 5, None)
    assert sorted(names_of(folder.train) + names_of(folder.val)) == sorted(photo.name for photo in photos)
    assert folder.split_note == (
        "no validation split is given: 5 of 23 images are held out by seed 0, look-alikes kept together"
    )
    # Neither where the folder lies nor the order in which files were made matters.
    again = load_labelled_folder(WRITERS[format_](tmp_path / "two", photos[::-1]))
    assert content_of(again.val)[0] == content_of(folder.val)[0]
    other = load_labelled_folder(tmp_path / "one", seed=1)
    assert names_of(other.val) != names_of(folder.val)


def test_copies_stay_on_one_side(tmp_path: Path) -> None:
    photos = [Photo(f"{n}_{copy}.png", look=n) for n in range(10) for copy in range(3)]
    photos += [Photo(f"cat{n}_jpg.rf.{copy}0ab.jpg") for n in range(10) for copy in range(3)]
    folder = load_labelled_folder(write_yolo(tmp_path, photos))
    sources = [{name.split("_")[0] for name in names_of(part)} for part in (folder.train, folder.val)]
    assert len(folder.val.images) == 12
    assert not sources[0] & sources[1]


def test_val_split_inside_train_is_not_validated_on(tmp_path: Path) -> None:
    root = write_voc(tmp_path, [Photo(f"{n}.png", split="train" if n % 2 else "val") for n in range(20)])
    lists = root / "ImageSets/Main"
    (lists / "trainval.txt").write_text("".join(f"{n}\n" for n in range(20)))
    folder = load_labelled_folder(root, train="trainval")
    assert (len(folder.train.images), len(folder.val.images)) == (16, 4)
    assert folder.split_note.startswith("validation comes out of trainval: 4 of 20 images")
    (lists / "train.txt").unlink()
    (lists / "val.txt").unlink()
    assert len(load_labelled_folder(root).train.images) == 16


def test_everything_but_val_is_trained_on(tmp_path: Path) -> None:
    root = write_voc(tmp_path, [Photo(f"{n}.png", split="val" if n < 4 else "") for n in range(10)])
    folder = load_labelled_folder(root)
    assert names_of(folder.val) == ["0.png", "1.png", "2.png", "3.png"]
    assert folder.split_note == "split as given: ImageSets/Main val (4), everything else (6) is trained on"


def test_only_one_image(tmp_path: Path) -> None:
    folder = load_labelled_folder(write_voc(tmp_path, [Photo("a.jpg")]))
    assert names_of(folder.train) == names_of(folder.val) == ["a.jpg"]
    assert found(folder, "its numbers say nothing") == (1, "a.jpg")


def test_images_that_all_look_alike(tmp_path: Path) -> None:
    folder = load_labelled_folder(write_voc(tmp_path, [Photo(f"{n}.png", look=1) for n in range(10)]))
    assert (len(folder.train.images), len(folder.val.images)) == (8, 2)
    assert found(folder, "look-alikes divided")[0] == 10
    assert found(folder, "same image in train and val")[0] == 2


def test_copies_in_given_splits(tmp_path: Path) -> None:
    photos = [Photo(f"{n}.png", split="train") for n in range(4)]
    photos += [Photo("copy.png", split="val", look=0), Photo("other.png", split="val")]
    folder = load_labelled_folder(write_voc(tmp_path, photos))
    assert not any("in train and val" in finding.kind for finding in folder.findings)
    shutil.copy(tmp_path / "JPEGImages/2.png", tmp_path / "JPEGImages/copy.png")
    image = cv2.imread(str(tmp_path / "JPEGImages/3.png"))
    cv2.imwrite(str(tmp_path / "JPEGImages/other.png"), cv2.add(image, 3))
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "same image in train and val") == (1, "JPEGImages/2.png and JPEGImages/copy.png")
    assert found(folder, "look-alikes in train and val") == (1, "JPEGImages/3.png and JPEGImages/other.png")


def test_classes_without_objects_in_train(tmp_path: Path) -> None:
    photos = [Photo("a.png", split="train"), Photo("b.png", [("dog", 1, 1, 9, 9)], "val")]
    folder = load_labelled_folder(write_yolo(tmp_path, photos))
    assert folder.classes == CLASSES
    assert found(folder, "classes without objects in train") == (1, "dog (1 in val)")
    assert found(folder, "classes without any object") == (1, "traffic light")
