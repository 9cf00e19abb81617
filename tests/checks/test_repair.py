"""``ssdlite data check --fix``: faults are put into sound datasets, named, and gone from the copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycocotools.mask
import pytest
from pycocotools.coco import COCO

from detector.data.folder import load_labelled_folder
from detector.data.readers.json_lines import JsonLines
from detector.errors import DatasetError
from tests.checks.repaired import OBJECTS, PHOTOS, Fixed, change_coco, is_whole
from tests.commands.test_check import check
from tests.data.labelled import CLASSES, WRITERS, Photo, found, names_of, write_coco, write_voc, write_yolo


@pytest.mark.parametrize("format_", WRITERS)
def test_a_sound_dataset_stays_as_it_is(
    format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = Fixed(WRITERS[format_](tmp_path / "set", PHOTOS), capsys)
    is_whole(fixed)
    assert fixed.findings == {}
    assert names_of(fixed.copy.train) == [f"{n}.png" for n in range(6)]
    assert names_of(fixed.copy.val) == ["6.png", "7.png"]
    for image in fixed.copy.train.images + fixed.copy.val.images:
        assert image.path.is_relative_to(fixed.target)
        (original,) = (tmp_path / "set").rglob(image.path.name)
        assert image.path.read_bytes() == original.read_bytes()
        assert not image.path.samefile(original)  # no link: a change to the copy stays there
    assert f"Next: ssdlite train {fixed.target}" in fixed.out


def test_shifted_ids_of_coco(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", PHOTOS)

    def shift(content: dict[str, Any]) -> None:
        content["categories"] = [{"id": n, "name": name} for n, name in enumerate(CLASSES, start=1)]
        for number, entry in enumerate(content["annotations"]):
            entry["category_id"] = number % 3

    change_coco(root, shift)
    with pytest.raises(DatasetError, match="category ids 0 to 2, the categories 1 to 3: all are off by one"):
        load_labelled_folder(root)
    code, out, err = check(capsys, root, "--output", tmp_path / "checked")
    assert code == 2
    assert "A training would refuse this" in err
    assert "category ids that are one too low" in out
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    places = fixed.places("one too low")
    assert len(places) == 24
    path, line = places[0].split(",")[0].split(":")
    assert '"id": 1' in "".join((root / path).read_text().splitlines()[int(line) - 1 : int(line) + 1])


def test_shifted_ids_of_yolo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    for path in (root / "labels").rglob("*.txt"):
        lines = path.read_text().splitlines()
        path.write_text("".join(f"{int(line[0]) + 1}{line[1:]}\n" for line in lines))
    with pytest.raises(DatasetError, match="all seem to be counted from 1"):
        load_labelled_folder(root)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert "labels/train/0.txt:1" in fixed.places("class numbers that are one too high")


def test_a_stray_class_of_yolo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    with (root / "labels/train/2.txt").open("a") as file:
        file.write("17 0.5 0.5 0.2 0.2\n")
    with pytest.raises(DatasetError, match="class 17 has no name"):
        load_labelled_folder(root)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert fixed.places("class without a name") == ["labels/train/2.txt:4: class 17"]


@pytest.mark.parametrize("format_", ["Pascal VOC", "COCO"])
def test_a_stray_class(format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = WRITERS[format_](tmp_path / "set", PHOTOS)
    if format_ == "Pascal VOC":
        path = root / "Annotations/3.xml"
        path.write_text(path.read_text().replace("<name>dog</name>", "<name>dogg</name>"))
        place = "Annotations/3.xml:1, object 2: 'dogg'; meant may be 'dog'"
    else:
        change_coco(root, lambda content: content["categories"].append({"id": 99, "name": "dogg"}))
        path = root / "annotations/instances_train.json"
        content = json.loads(path.read_text())
        content["annotations"][10]["category_id"] = 99
        path.write_text(json.dumps(content))
        place = "annotations/instances_train.json, annotation 11: 'dogg'; meant may be 'dog'"
    assert Fixed(root, capsys).places("class that hardly occurs") == [place]


def test_swapped_corners(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_voc(tmp_path / "set", PHOTOS)
    path = root / "Annotations/4.xml"
    text = path.read_text().replace("<xmin>10.0", "<xmin>40.0").replace("<xmax>40.0", "<xmax>10.0")
    path.write_text(text.replace("<object>", "\n<object>"))
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    (place,) = fixed.places("swapped corners")
    assert place.startswith("Annotations/4.xml:2, object 1: 40 12 10 36 ")


def test_corners_where_width_and_height_belong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", PHOTOS)

    def corners(content: dict[str, Any]) -> None:
        for entry in content["annotations"]:
            x, y, w, h = entry["bbox"]
            entry["bbox"] = [x, y, x + w, y + h]

    change_coco(root, corners)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert len(fixed.places("boxes written as x1, y1, x2, y2")) == 24


@pytest.mark.parametrize("every", [1, 5])
def test_normalised_boxes(every: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", PHOTOS)

    def normalise(content: dict[str, Any]) -> None:
        for entry in content["annotations"][::every]:
            x, y, w, h = entry["bbox"]
            entry["bbox"] = [x / 64, y / 48, w / 64, h / 48]

    change_coco(root, normalise)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert len(fixed.places("boxes as fractions of the image")) == {1: 24, 5: 4 + 2}[every]


def test_yolo_boxes_in_pixels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    for path in (root / "labels").rglob("*.txt"):
        rows = [list(map(float, line.split())) for line in path.read_text().splitlines()]
        path.write_text("".join(f"{int(k)} {x * 64} {y * 48} {w * 64} {h * 48}\n" for k, x, y, w, h in rows))
    with pytest.raises(DatasetError, match="in pixels"):
        load_labelled_folder(root)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert len(fixed.places("boxes in pixels")) == 24


def test_copies_across_splits_and_within(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [Photo(f"{n}.png", OBJECTS, "train", look=n) for n in range(5)]
    photos += [Photo("5.png", OBJECTS[:1], "train", look=3), Photo("9.png", OBJECTS, "train", look=4)]
    photos += [Photo("6.png", OBJECTS, "val", look=1)]
    photos += [Photo("7.png", OBJECTS, "val", look=2), Photo("8.png", OBJECTS, "test", look=8)]
    root = write_yolo(tmp_path / "set", photos)
    # 2.png and 7.png are no longer equal, but still look alike.
    path = root / "images/val/7.png"
    cv2.imwrite(str(path), np.clip(cv2.imread(str(path)).astype(int) + 6, 0, 255).astype(np.uint8))
    fixed = Fixed(root, capsys)
    assert fixed.places("same image in train and val") == ["images/train/1.png and images/val/6.png"]
    assert fixed.places("look-alikes in train and val") == ["images/train/2.png and images/val/7.png"]
    assert sorted(fixed.places("left out of train, which val has too")) == [
        "1.png, a copy of 6.png",
        "2.png, a copy of 7.png",
    ]
    assert sorted(fixed.places("same image twice in train")) == [
        "images/train/3.png and images/train/5.png",
        "images/train/4.png and images/train/9.png",
    ]
    assert fixed.places("which has them already") == ["9.png, a copy of 4.png"]
    # The same image with other objects: which are right, nobody can tell.
    assert fixed.places("different objects, kept") == ["5.png in train and 3.png in train"]
    assert names_of(fixed.copy.train) == ["0.png", "3.png", "4.png", "5.png"]
    assert names_of(fixed.copy.val) == ["6.png", "7.png"]
    assert names_of(fixed.copy.test) == ["8.png"]
    assert not any("train and" in finding.kind for finding in fixed.copy.findings)


def test_nothing_left_to_train_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [Photo(f"{n}.png", OBJECTS, split, look=1) for n, split in enumerate(("train", "val"))]
    root = write_yolo(tmp_path / "set", photos)
    code, _, err = check(capsys, root, "--fix", tmp_path / "new", "--output", tmp_path / "out")
    assert code == 2
    assert "Nothing to train on would be left" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set"]


def test_lines_of_annotations(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '{\n "images": [],\n "annotations":\n [\n  {"a": 1}, {"b":\n 2},\n\n  {"c": [1,\n 2]}\n ]\n}'
    )
    lines = JsonLines(path, "a.json", 3)
    assert [lines.place(number) for number in (1, 2, 3, 4)] == [
        "a.json:5, annotation 1",
        "a.json:5, annotation 2",
        "a.json:8, annotation 3",
        "a.json, annotation 4",
    ]
    path.write_text('{"annotations": [{}]}')
    assert f"{JsonLines(path, 'a.json', 1).lazy_place(1)}" == "a.json, annotation 1"
    # The key elsewhere: in a text, and for another list.
    path.write_text(
        '{"info": {"x": "\\"annotations\\": [", "annotations": []},\n "annotations": [\n {}, {}\n]\n}'
    )
    assert JsonLines(path, "a.json", 2).place(2) == "a.json:3, annotation 2"


@pytest.mark.parametrize("id_", [None, [1], {"a": 1}, "1", 1.5])
def test_category_ids_that_are_none(id_: object, tmp_path: Path) -> None:
    root = write_coco(tmp_path, PHOTOS)
    change_coco(root, lambda content: content["annotations"][0].update(category_id=id_))
    assert found(load_labelled_folder(root), "not COCO's")[0] == 2
    change_coco(root, lambda content: content.update(categories=[]))
    with pytest.raises(DatasetError, match="nothing to train on"):
        load_labelled_folder(root)


CROWDED = [Photo(f"{n}.png", OBJECTS, "val" if n > 5 else "train") for n in range(8)]


def test_other_readers_find_all_they_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", CROWDED)
    change_coco(root, lambda content: content["annotations"][1].update(iscrowd=1))
    fixed = Fixed(root, capsys)
    for split in ("train", "val"):
        truth = COCO(str(fixed.target / f"annotations/instances_{split}.json"))
        for id_, entry in truth.imgs.items():
            assert isinstance(id_, int)
            # torchvision's CocoDetection and Ultralytics join this folder and file_name.
            path = fixed.target / "images" / split / entry["file_name"]
            assert cv2.imread(str(path)).shape[:2] == (entry["height"], entry["width"])
            for each in truth.imgToAnns[id_]:
                assert each["area"] > 0
                assert each["iscrowd"] in (0, 1)
                area = pycocotools.mask.area(truth.annToRLE(each))
                assert area == pytest.approx(each["bbox"][2] * each["bbox"][3], rel=0.1)
        assert all(set(each) == {"id", "name", "supercategory"} for each in truth.cats.values())


def test_ids_that_are_texts_become_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", PHOTOS)

    def change(content: dict[str, Any]) -> None:
        for entry in content["images"]:
            entry["id"] = f"image-{entry['id']}"
        for entry in content["annotations"]:
            entry["image_id"] = f"image-{entry['image_id']}"

    change_coco(root, change)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    for path in fixed.target.glob("annotations/*.json"):
        content = json.loads(path.read_text())
        assert {type(entry["id"]) for entry in content["images"]} == {int}
        assert {each["image_id"] for each in content["annotations"]} == {
            each["id"] for each in content["images"]
        }
