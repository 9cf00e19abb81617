"""Folders that are described several times, or in ways that contradict their files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from detector.data.folder import load_labelled_folder, load_split
from detector.data.readers.coco import load_coco
from detector.errors import DatasetError
from tests.data.cat_photos import BOX, boxes_of, everything, photos
from tests.data.labelled import (
    Photo,
    found,
    names_of,
    write_coco,
    write_cvat,
    write_image,
    write_label_studio,
    write_voc,
    write_xml,
    xml_object,
)


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("annotations/custom_train.json", "annotations/custom_val.json"),
        ("annotations/instances_Train.json", "annotations/instances_Validation.json"),
        ("petsTrain.json", "petsVal.json"),
        ("train.json", "val.json"),
        ("labels/train-2.json", "labels/val-2.json"),
    ],
)
@pytest.mark.parametrize("folders", ["train2017 val2017", "images/train images/val", "Train Validation"])
def test_one_finder_for_training_and_evaluation(tmp_path: Path, train: str, val: str, folders: str) -> None:
    root = write_coco(tmp_path, [*photos(3, "train"), *photos(2, "val")])
    for split, path, folder in zip(("train", "val"), (train, val), folders.split(), strict=True):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / f"annotations/instances_{split}.json").rename(tmp_path / path)
        (tmp_path / folder).parent.mkdir(exist_ok=True)
        (tmp_path / split).rename(tmp_path / folder)
    folder = load_labelled_folder(root)
    assert names_of(folder.train) == ["train0.png", "train1.png", "train2.png"]
    assert names_of(folder.val) == names_of(load_split(root, None)) == ["val0.png", "val1.png"]
    assert names_of(load_split(root, "val")) == ["val0.png", "val1.png"]
    load_split(root, None).check_images()


def test_two_exports_side_by_side_are_read_together(tmp_path: Path) -> None:
    for number in range(2):
        for split in ("train", "valid"):
            export = tmp_path / f"pets-{number}"
            write_coco(export, photos(4, split, 4 * number))
            source = export / f"annotations/instances_{split}.json"
            source.rename(export / split / "_annotations.coco.json")
    folder = load_labelled_folder(tmp_path)
    assert (len(folder.train.images), len(folder.val.images)) == (8, 8)
    assert names_of(load_split(tmp_path, "valid")) == names_of(folder.val)


@pytest.mark.parametrize("name", ["instances_old.json", "instances_small.json", "instances_v2.json"])
def test_no_version_comes_before_the_whole(tmp_path: Path, name: str) -> None:
    folder = write_coco(tmp_path, photos(6)) / "annotations"
    content = json.loads((folder / "instances.json").read_text())
    content["annotations"] = [{**entry, "bbox": [0, 0, 9, 9]} for entry in content["annotations"]]
    (folder / name).write_text(json.dumps(content))
    read = load_labelled_folder(tmp_path)
    assert everything(read) == [[10, 12, 30, 24]] * 6 == boxes_of(load_split(tmp_path, None))
    assert found(read, "beside those of the splits, not read") == (1, f"annotations/{name}")


@pytest.mark.parametrize("write", [write_coco, write_cvat, write_label_studio])
def test_tasks_side_by_side_have_their_own_images(tmp_path: Path, write: Callable[..., Path]) -> None:
    """Each task calls its images alike, so that only the folder tells them apart."""
    boxes = [[("cat", 4.0 + task, 5.0, 34.0 + task, 35.0)] for task in range(2)]
    for task in range(2):
        write(
            tmp_path / f"task_{task}", [Photo(f"{n}.png", boxes[task], look=50 * task + n) for n in range(3)]
        )
    for source in tmp_path.glob("*/annotations/instances.json"):
        source.rename(source.with_name("instances_default.json"))
    read = load_labelled_folder(tmp_path)
    for part in (read.train, read.val, load_split(tmp_path, None)):
        paths = {image.id: image.path for image in part.images}
        assert all(
            f"task_{box['bbox'][0] - 4:.0f}" in paths[box["image_id"]].parts for box in part.annotations
        )
    assert len(everything(read)) == 6


def test_a_split_folder_comes_first_however_few_images_are_left_in_it(tmp_path: Path) -> None:
    write_coco(tmp_path, [*photos(6, "train"), *photos(2, "val")])
    for number in range(6):
        write_image(tmp_path / f"thumbs/train{number}.png", look=900 + number)
        if number > 1:
            (tmp_path / f"train/train{number}.png").unlink()
    read = load_labelled_folder(tmp_path)
    assert {image.path.parent.name for image in read.train.images} == {"train"}
    assert len(read.train.images) == 2


def test_folders_of_label_files_are_splits_where_those_of_images_are_none(tmp_path: Path) -> None:
    for split, count in (("train", 4), ("val", 2)):
        for number in range(count):
            name = f"{split}{number}"
            write_image(tmp_path / f"images/{name}.png", look=name)
            write_xml(tmp_path / f"xml/{split}/{name}.xml", xml_object(*BOX), f"{name}.png")
    read = load_labelled_folder(tmp_path)
    assert names_of(read.val) == ["val0.png", "val1.png"]
    assert "folders of label files train (4) and val (2)" in read.split_note


def test_a_file_that_lists_an_image_twice_is_evaluated_with_a_word(tmp_path: Path) -> None:
    folder = write_coco(tmp_path, photos(3)) / "annotations"
    content = json.loads((folder / "instances.json").read_text())
    content["images"].append({**content["images"][0], "id": 7})
    (folder / "instances.json").write_text(json.dumps(content))
    (finding,) = load_split(tmp_path, None).findings
    assert "lists twice" in finding.kind
    assert finding.example == "0.png"


def test_another_annotation_file_is_named(tmp_path: Path) -> None:
    root = write_coco(tmp_path, photos(4, "train"))
    shutil.copy(root / "annotations/instances_train.json", root / "annotations/backup.json")
    assert found(load_labelled_folder(root), "not read") == (1, "annotations/backup.json")


@pytest.mark.parametrize("write", [write_coco, write_voc, write_cvat])
@pytest.mark.parametrize("factor", [0.5, 2])
def test_pictures_resized_after_labelling(tmp_path: Path, write: Callable[..., Path], factor: float) -> None:
    root = write(tmp_path, photos(5))
    for path in root.rglob("*.png"):
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), None, fx=factor, fy=factor))
    folder = load_labelled_folder(root)
    left, top, right, bottom = (factor * value for value in BOX[1:])
    assert everything(folder) == [pytest.approx([left, top, right - left, bottom - top])] * 5
    assert found(folder, "resized after they were labelled")[0] == 5


@pytest.mark.parametrize("write", [write_coco, write_voc, write_cvat, write_label_studio])
def test_pictures_turned_after_labelling_are_left_out(tmp_path: Path, write: Callable[..., Path]) -> None:
    root = write(tmp_path, photos(6))
    path = next(root.rglob("3.png"))
    cv2.imwrite(str(path), cv2.rotate(cv2.imread(str(path)), cv2.ROTATE_90_CLOCKWISE))
    folder = load_labelled_folder(root)
    assert "3.png" not in names_of(folder.train) + names_of(folder.val)
    assert found(folder, "fits neither")[0] == 1


def test_a_size_that_is_wrong_while_the_boxes_fit_the_file(tmp_path: Path) -> None:
    for number in range(4):
        write_image(tmp_path / f"{number}.png", look=number)
        write_xml(tmp_path / f"{number}.xml", xml_object("cat", 20, 10, 60, 44), f"{number}.png", (48, 36))
    folder = load_labelled_folder(tmp_path)
    assert everything(folder) == [[20, 10, 40, 34]] * 4
    assert found(folder, "another size than their labels say")[0] == 4


def _rewrite(root: Path, change: Callable[[Any], object]) -> None:
    path = next(root.rglob("*.json"))
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_an_image_whose_objects_nobody_knows_is_no_background(tmp_path: Path) -> None:
    root = write_coco(tmp_path, photos(6))

    def change(content: Any) -> None:
        content["annotations"][0]["image_id"] = "gone"
        content["annotations"][1]["bbox"] = None

    _rewrite(root, change)
    folder = load_labelled_folder(root)
    assert len(everything(folder)) == len(names_of(folder.train) + names_of(folder.val)) == 4
    assert found(folder, "none of whose objects can be read, left out")[0] == 2


@pytest.mark.parametrize("fault", [{"bbox": []}, {"category_id": 99}, {"image_id": "x"}])
def test_a_refusal_says_what_was_found(tmp_path: Path, fault: dict[str, Any]) -> None:
    root = write_coco(tmp_path, photos(4))
    _rewrite(root, lambda content: [each.update(fault) for each in content["annotations"]])
    with pytest.raises(DatasetError, match=r"Found were 4 annotations that are not COCO's") as caught:
        load_labelled_folder(root)
    assert any("not COCO's" in line for line in caught.value.found)


def test_missing_images_are_counted_and_the_others_found(tmp_path: Path) -> None:
    root = write_coco(tmp_path, photos(6))
    (root / "more").mkdir()
    for number in (1, 2):
        (root / f"images/{number}.png").rename(root / f"more/{number}.png")
    (root / "images/0.png").unlink()
    folder = load_labelled_folder(root)
    assert sorted(names_of(folder.train) + names_of(folder.val)) == [f"{n}.png" for n in range(1, 6)]
    with pytest.raises(DatasetError, match=r"1 of the 6 images .*0\.png"):
        load_coco(root).check_images()


def test_copies_that_keep_the_name_of_their_original(tmp_path: Path) -> None:
    for number in range(3):
        for name in (f"{number}", f"{number}_flipped"):
            write_image(tmp_path / f"images/{name}.png", look=name)
            write_xml(tmp_path / f"xml/{name}.xml", xml_object("cat", *BOX[1:]), f"{number}.png")
    folder = load_labelled_folder(tmp_path)
    assert len(everything(folder)) == len(folder.train.images) + len(folder.val.images) == 6
    assert found(folder, "taken by their name")[0] == 3


@pytest.mark.parametrize("sizes", [True, False])
def test_names_that_were_exchanged(tmp_path: Path, sizes: bool) -> None:
    """By name or by <filename>: the sizes decide, and where they do not, neither is believed."""
    for number in range(4):
        size_wh = (64, 48) if not sizes else (64 + number, 48)
        write_image(tmp_path / f"{number}.png", size_wh, number)
        claimed = (64, 48) if not sizes else (64 + (number + 1) % 4, 48)
        box = xml_object("cat", *BOX[1:])
        write_xml(tmp_path / f"labels/{number}.xml", box, f"{(number + 1) % 4}.png", claimed)
    if sizes:
        folder = load_labelled_folder(tmp_path)
        assert found(folder, "taken by their <filename>")[0] == 4
        assert len(everything(folder)) == 4
    else:
        with pytest.raises(DatasetError, match="may be of either of two images"):
            load_labelled_folder(tmp_path)


def test_a_task_with_fields_that_name_other_pictures(tmp_path: Path) -> None:
    root = write_label_studio(tmp_path, photos(4))

    def change(content: Any) -> None:
        for number, task in enumerate(content):
            task["data"] = {"text": f"{(number + 1) % 4}", "like": f"{(number + 1) % 4}.png", **task["data"]}
        content[0]["data"]["image"] = "gone.png"

    _rewrite(root, change)
    folder = load_labelled_folder(root)
    assert sorted(names_of(folder.train) + names_of(folder.val)) == ["1.png", "2.png", "3.png"]
    assert found(folder, "file is missing")[0] == 1
