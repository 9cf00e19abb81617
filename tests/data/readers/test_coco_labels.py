"""COCO JSON for training: every layout, and single bad annotations left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detector.data.folder import load_labelled_folder
from detector.errors import DatasetError
from tests.data.labelled import found, names_of, write_image

CATEGORIES = [{"id": 5, "name": "zebra"}, {"id": 3, "name": "cat"}]


def content(names: list[str], **more: Any) -> dict[str, Any]:
    """COCO's lists for these images of 64 x 48, each with one cat."""
    return {
        "images": [{"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names)],
        "annotations": [{"image_id": n, "category_id": 3, "bbox": [1, 2, 30, 20]} for n in range(len(names))],
        "categories": CATEGORIES,
        **more,
    }


def write(root: Path, file: str, images: str, names: list[str], **more: Any) -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content(names, **more)))
    for name in names:
        write_image(root / images / name, look=name)


@pytest.mark.parametrize(
    ("annotations", "images", "names"),
    [
        ("annotations/instances_{}2017.json", "{}2017", ("train", "val", "test")),
        ("annotations/instances_{}2017.json", "images/{}2017", ("train", "val", "test")),
        ("annotations/instances_{}.json", "images", ("train", "val", "test")),
        ("instances_{}.json", "{}", ("train", "val", "test")),
        ("annotations/{}.json", "images", ("train", "val", "test")),
        ("{}/_annotations.coco.json", "{}", ("train", "valid", "test")),
        ("{}/labels.json", "{}/images", ("train", "validation", "test")),
    ],
)
def test_layouts(tmp_path: Path, annotations: str, images: str, names: tuple[str, ...]) -> None:
    for name, count in zip(names, (4, 3, 2), strict=True):
        files = [f"{name}{number}.jpg" for number in range(count)]
        write(tmp_path, annotations.format(name), images.format(name), files)
    write(tmp_path, "annotations/captions_val2017.json", "", [])
    folder = load_labelled_folder(tmp_path)
    assert folder.format == "COCO"
    assert folder.classes == ("cat", "zebra")
    assert names_of(folder.train) == [f"train{number}.jpg" for number in range(4)]
    assert names_of(folder.val) == [f"{names[1]}{number}.jpg" for number in range(3)]
    assert names_of(folder.test) == ["test0.jpg", "test1.jpg"]


@pytest.mark.parametrize("name", ["instances.json", "instances_val2017.json", "annotations/anything.json"])
def test_one_file(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "images", [f"{number}.jpg" for number in range(10)])
    for place in (tmp_path, tmp_path / name):
        folder = load_labelled_folder(place)
        assert (len(folder.train.images), len(folder.val.images), folder.test) == (8, 2, None)


def test_several_files_that_are_no_splits(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write(tmp_path, f"{name}.json", "", ["a.jpg"])
    with pytest.raises(DatasetError, match=r"several annotation files \(first\.json, second\.json\)"):
        load_labelled_folder(tmp_path)


def test_only_a_split_that_is_no_training(tmp_path: Path) -> None:
    for split in ("val2017", "test2017"):
        write(tmp_path, f"annotations/instances_{split}.json", split, [f"{split}.jpg"])
    with pytest.raises(DatasetError, match=r"no training images, only test2017, val2017; .* --train"):
        load_labelled_folder(tmp_path)
    assert names_of(load_labelled_folder(tmp_path, train="val2017").train) == ["val2017.jpg"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"bbox": [1, 2, 3]}, "bbox [1, 2, 3]"),
        ({"bbox": [1, 2, float("nan"), 3]}, "bbox [1, 2, nan, 3]"),
        ({"bbox": None}, "bbox None"),
        ({"category_id": 4}, "category_id 4"),
        ({"category_id": "cat"}, "category_id 'cat'"),
        ({"image_id": 99}, "image_id 99"),
        ({"iscrowd": "no"}, "iscrowd 'no'"),
    ],
)
def test_bad_annotations_are_left_out(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    good = {"image_id": 0, "category_id": 5, "bbox": [1, 2, 30, 20]}
    write(
        tmp_path,
        "instances.json",
        "",
        ["a.jpg"],
        annotations=[good, {**good, **change}, {**good, "bbox": [3] * 4}],
    )
    folder = load_labelled_folder(tmp_path)
    assert [annotation["bbox"] for annotation in folder.train.annotations] == [[1, 2, 30, 20], [3, 3, 3, 3]]
    assert found(folder, "not COCO's") == (1, f"instances.json, annotation 2: {fault}")


def test_area_and_iscrowd_are_the_files(tmp_path: Path) -> None:
    annotations = [
        {"image_id": 0, "category_id": 5, "bbox": [1, 2, 30, 20], "area": 123.456789, "iscrowd": 0},
        {"image_id": 0, "category_id": 3, "bbox": [-9, 2, 30, 20], "area": 50, "iscrowd": 1},
        {"image_id": 0, "category_id": 3, "bbox": [1, 2, 3, 4], "area": None, "iscrowd": None},
    ]
    write(tmp_path, "instances.json", "", ["a.jpg"], annotations=annotations)
    folder = load_labelled_folder(tmp_path)
    assert [(a["category_id"], a["area"], a["iscrowd"]) for a in folder.val.annotations] == [
        (2, 123.456789, 0),
        (1, 50, 1),
        (1, 12, 0),
    ]


def test_images_that_are_missing(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(6)]
    write(tmp_path, "annotations/instances_train.json", "train", names)
    write(tmp_path, "annotations/instances_val.json", "val", ["val.jpg"])
    for name in names[:2]:
        (tmp_path / "train" / name).unlink()
    folder = load_labelled_folder(tmp_path)
    assert names_of(folder.train) == names[2:]
    assert found(folder, "cannot be read")[0] == 2
    for name in names[2:]:
        (tmp_path / "train" / name).unlink()
    with pytest.raises(DatasetError, match="6 of the 7 images"):
        load_labelled_folder(tmp_path)


def test_categories_with_other_ids_in_another_split(tmp_path: Path) -> None:
    write(tmp_path, "instances_train.json", "", ["a.jpg"])
    write(tmp_path, "instances_val.json", "", ["b.jpg"], categories=[{"id": 3, "name": "dog"}])
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == ("cat", "dog", "zebra")
    assert [annotation["category_id"] for annotation in folder.val.annotations] == [2]


def test_category_above_all_others(tmp_path: Path) -> None:
    categories = [{"id": 0, "name": "animals", "supercategory": "none"}] + [
        {**category, "supercategory": "animals"} for category in CATEGORIES
    ]
    write(tmp_path, "train/_annotations.coco.json", "train", ["a.jpg"], categories=categories)
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == ("cat", "zebra")
    assert found(folder, "above all others") == (1, "'animals' in train")


def test_image_entered_twice(tmp_path: Path) -> None:
    write(tmp_path, "instances.json", "", ["a.jpg", "b.jpg"])
    path = tmp_path / "instances.json"
    entries = content(["a.jpg", "b.jpg", "b.jpg"])
    path.write_text(json.dumps(entries))
    folder = load_labelled_folder(tmp_path)
    assert sorted(names_of(folder.train) + names_of(folder.val)) == ["a.jpg", "b.jpg"]
    assert found(folder, "described twice in the same way")[0] == 1


@pytest.mark.parametrize("text", ["", "[1]", '{"images": [], "annotations": [], "categories": []}'])
def test_files_that_are_not_coco(tmp_path: Path, text: str) -> None:
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(DatasetError, match=r"no labels|lists no image"):
        load_labelled_folder(tmp_path)
