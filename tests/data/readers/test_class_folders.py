"""Folders of pictures for each class: what is a class, what is a split, and what cannot be told."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import pytest

from detector.data.folder import LabelledFolder, load_labelled_folder, load_split
from detector.errors import DatasetError
from tests.data.labelled import write_image, write_xml, xml_object

BIRDS = ("robin", "wren")


def write_pictures(root: Path, *folders: str, count: int = 5) -> Path:
    """Pictures of which no two are alike in each of these folders."""
    for folder in folders:
        for number in range(count):
            look = zlib.crc32(f"{folder} {number}".encode())
            write_image(root / folder / f"{number}.jpg", (40 + number, 30), look)
    return root


def pictures_of(folder: LabelledFolder, part: str = "train") -> dict[str, str]:
    """Class by path of the pictures of a part."""
    dataset = getattr(folder, part)
    name_of = {each["image_id"]: dataset.categories[each["category_id"]] for each in dataset.annotations}
    return {str(each.path.relative_to(folder.root)): name_of[each.id] for each in dataset.images}


def kinds(folder: LabelledFolder) -> dict[str, int]:
    return {finding.kind: finding.count for finding in folder.findings}


def test_a_picture_is_of_the_class_that_its_folder_is_called(tmp_path: Path) -> None:
    folder = load_labelled_folder(write_pictures(tmp_path, *BIRDS))
    assert folder.names_pictures
    assert folder.val.names_pictures
    assert folder.format == "class folders"
    assert folder.classes == BIRDS == folder.classes_found
    everything = pictures_of(folder) | pictures_of(folder, "val")
    assert everything == {f"{name}/{number}.jpg": name for name in BIRDS for number in range(5)}
    assert len(folder.val.images) == 2
    assert set(pictures_of(folder, "val").values()) == set(BIRDS)
    sizes = {image.id: image.size_wh for image in folder.train.images}
    for each in folder.train.annotations:
        assert each["bbox"] == [0, 0, *map(float, sizes[each["image_id"]] or ())]


@pytest.mark.parametrize(
    ("folders", "train", "val"),
    [
        (["train/robin", "train/wren", "valid/robin", "valid/wren"], 10, 10),
        (["train/robin", "train/wren", "Val/Robin", "Val/wren", "test/wren"], 10, 10),
        (["robin/train", "robin/val", "wren/train", "wren/val"], 10, 10),
        (["train/robin", "train/wren"], 8, 2),
        (["birds/photos/robin", "birds/photos/wren"], 8, 2),
        (["images/train/robin", "images/train/wren", "images/val/robin", "images/val/wren"], 10, 10),
        (["robin/images", "wren/images"], 8, 2),
        (["robin", "wren", "robin/2024", "robin/2025"], 16, 4),
    ],
)
def test_where_classes_and_splits_may_lie(tmp_path: Path, folders: list[str], train: int, val: int) -> None:
    folder = load_labelled_folder(write_pictures(tmp_path, *folders))
    assert folder.classes == BIRDS or folder.classes == ("Robin", "wren")
    assert (len(folder.train.images), len(folder.val.images)) == (train, val)
    for part in ("train", "val", "test"):
        if getattr(folder, part) is not None:
            for path, name in pictures_of(folder, part).items():
                assert name.lower() in path.lower().split("/")
    assert (folder.test is not None) == any(each.startswith("test/") for each in folders)


def test_one_split_is_read_to_be_evaluated_on(tmp_path: Path) -> None:
    write_pictures(tmp_path, "train/robin", "train/wren", "valid/robin", "valid/wren", "test/wren")
    assert len(load_split(tmp_path, None).images) == 10
    assert len(load_split(tmp_path, "test").images) == 5
    assert load_split(tmp_path, "test").names_pictures


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["robin"], "one class only (robin)"),
        (["robin/a", "robin/b", "wren/a", "wren/b"], "inner or the outer"),
        (["seg_train/robin", "seg_train/wren", "seg_test/robin", "seg_test/wren"], "inner or the outer"),
        (["train", "val", "extra"], "pictures directly in train, val"),
        (["train", "bus"], "pictures directly in train"),
        (["train/steam", "train/diesel", "bus"], "move 'bus' away if 'train' is a split"),
        (["2024-05-01", "2024-05-02"], "called like dates"),
        (["robin/2023", "robin/2024"], "called like dates"),
        (["robin", "wren", ""], None),
        (["robin", "wren", "images", "."], None),
        (
            ["train/robin", "train/wren", "val/robin", "val/wren", "val/crow"],
            "the class crow in val and not in",
        ),
        (["train", "val"], "no labels that can be read: expected COCO"),
        (["images", "labels"], "no labels that can be read: expected COCO"),
        ([""], "no labels that can be read: expected COCO"),
    ],
)
def test_what_may_be_meant_in_two_ways_is_refused(
    tmp_path: Path, folders: list[str], said: str | None
) -> None:
    write_pictures(tmp_path, *folders)
    if said is None:
        assert load_labelled_folder(tmp_path).classes == BIRDS
        return
    with pytest.raises(DatasetError) as caught:
        load_labelled_folder(tmp_path)
    assert said in str(caught.value)


def test_more_pictures_beside_the_classes_than_in_them_are_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, *BIRDS)
    write_pictures(tmp_path, ".", count=11)
    with pytest.raises(DatasetError, match="lie in no folder of a class"):
        load_labelled_folder(tmp_path)


def test_a_test_split_may_have_no_classes_and_many_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path, "train/robin", "train/wren")
    write_pictures(tmp_path, "test", count=12)
    folder = load_labelled_folder(tmp_path)
    assert len(folder.train.images) + len(folder.val.images) == 10
    assert folder.test is None
    assert kinds(folder) == {"images of a test split without classes, left out": 12}


def test_what_is_no_class_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path, "train/robin", "train/wren", "val/robin", "val/Wren", "val/masks/robin", "more")
    write_pictures(tmp_path, "train", "train/wren/close", "train/.cache", "__MACOSX/train/robin", count=1)
    (tmp_path / "train/crow").mkdir()
    (tmp_path / "train/crow/Thumbs.db").write_bytes(b"x")
    (tmp_path / "train/wren/broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    folder = load_labelled_folder(tmp_path)
    assert folder.classes in (("robin", "Wren"), ("robin", "wren"), ("Wren", "robin"))
    assert (len(folder.train.images), len(folder.val.images)) == (11, 10)
    assert kinds(folder) == {
        "images in folders called like labels or masks, left out": 5,
        "images in folders beside those of the splits, left out": 5,
        "images beside the class folders and in none of them, left out": 1,
        "images in folders inside of a class's folder, taken for the class": 1,
        "class names that differ only in case, spaces or underscores, merged": 1,
        "folders without an image beside those of the classes, left out": 1,
        "images that cannot be read, left out": 1,
    }


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    folder = load_labelled_folder(write_pictures(tmp_path, "train", "bus", "car"))
    assert folder.classes == ("bus", "car", "train")
    assert "folders called like a split beside those of classes, taken for classes" in kinds(folder)


def test_labels_with_boxes_go_before_folders(tmp_path: Path) -> None:
    write_pictures(tmp_path, *BIRDS)
    write_xml(tmp_path / "robin/0.xml", xml_object("cat", 2, 3, 20, 20), "0.jpg", None)
    folder = load_labelled_folder(tmp_path)
    assert not folder.names_pictures
    assert folder.classes == ("cat",)


def test_a_picture_in_two_classes_is_left_out_and_copies_stay_together(tmp_path: Path) -> None:
    write_pictures(tmp_path, *BIRDS, count=8)
    shutil.copy(tmp_path / "robin/3.jpg", tmp_path / "wren/other.jpg")
    for number in range(3):
        shutil.copy(tmp_path / "robin/1.jpg", tmp_path / f"robin/again{number}.jpg")
    folder = load_labelled_folder(tmp_path)
    assert kinds(folder)["images that are in the folders of two classes, left out"] == 2
    paths = [set(pictures_of(folder, part)) for part in ("train", "val")]
    assert not {"robin/3.jpg", "wren/other.jpg"} & (paths[0] | paths[1])
    copies = {"robin/1.jpg", *(f"robin/again{number}.jpg" for number in range(3))}
    assert copies <= paths[0] or copies <= paths[1]


def test_accents_tell_folders_apart(tmp_path: Path) -> None:
    assert load_labelled_folder(write_pictures(tmp_path, "ano", "año")).classes == ("ano", "año")
