"""Folders in any format: the same dataset, the right split, and whatever can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from detector.data.folder import load_labelled_folder, load_split
from detector.errors import DatasetError
from tests.conftest import SHARED
from tests.data.labelled import (
    CLASSES,
    WRITERS,
    Photo,
    content_of,
    found,
    names_of,
    write_coco,
    write_image,
    write_voc,
    write_xml,
    write_yolo,
    xml_object,
)
from tests.data.random_photos import FORMATS, random_photos


@pytest.mark.parametrize("splits", [("train", "val", "test"), ("train", "val"), ("",)])
def test_the_same_images_are_the_same_dataset_in_every_format(
    tmp_path: Path, splits: tuple[str, ...]
) -> None:
    photos = random_photos(40, splits)
    folders = {
        name: load_labelled_folder(write(tmp_path / name, photos), seed=5) for name, write in WRITERS.items()
    }
    first, *others = folders.values()
    assert {name: folder.format for name, folder in folders.items()} == {name: name for name in WRITERS}
    assert len(first.train.annotations) + len(first.val.annotations) > 30
    assert first.classes == CLASSES
    for other in others:
        assert other.classes == CLASSES
        assert content_of(other.train) == content_of(first.train)
        assert content_of(other.val) == content_of(first.val)
        assert (other.test is None) == (first.test is None) == ("test" not in splits)
        if other.test is not None and first.test is not None:
            assert content_of(other.test) == content_of(first.test)
        assert {finding.kind: finding.count for finding in other.findings} == {
            finding.kind: finding.count for finding in first.findings
        }


def test_what_a_dataset_is_made_of(tmp_path: Path) -> None:
    photos = random_photos(40)
    folder = load_labelled_folder(write_yolo(tmp_path, photos))
    assert folder.test is not None
    everything = [folder.train, folder.val, folder.test]
    by_name = {photo.name: photo for photo in photos}
    images = sorted((image for part in everything for image in part.images), key=lambda image: image.id)
    assert [image.id for image in images] == list(range(1, 42))
    assert [image.path.name for image in images] == sorted(by_name)
    assert all(image.size_wh == by_name[image.path.name].size_wh for image in images)
    for part in everything:
        sizes = {image.id: image.size_wh for image in part.images}
        assert [annotation["id"] for annotation in part.annotations] == list(
            range(1, len(part.annotations) + 1)
        )
        for annotation in part.annotations:
            width, height = sizes[annotation["image_id"]] or (0, 0)
            left, top, box_width, box_height = annotation["bbox"]
            assert min(left, top) >= 0
            assert left + box_width <= width + 1e-6
            assert top + box_height <= height + 1e-6
            assert [round(value, 3) for value in annotation["bbox"]] == annotation["bbox"]
            assert annotation["area"] == pytest.approx(box_width * box_height, abs=1e-3)
            assert annotation["iscrowd"] == 0


def test_raccoon_is_the_same_in_every_format(tmp_path: Path) -> None:
    source = SHARED / "data/raccoon"
    if not source.exists():
        pytest.skip("the raccoon dataset is not here")
    voc = load_labelled_folder(source)
    assert (len(voc.train.images), len(voc.val.images), voc.test) == (160, 40, None)
    assert voc.split_note == "split as given: list files train (160) and val (40)"
    for part in (voc.train, voc.val):
        content = {
            "images": [
                {
                    "id": image.id,
                    "file_name": image.path.name,
                    "width": image.size_wh[0],
                    "height": image.size_wh[1],
                }
                for image in part.images
                if image.size_wh
            ],
            "annotations": list(part.annotations),
            "categories": [{"id": 1, "name": "raccoon"}],
        }
        (tmp_path / "coco").mkdir(exist_ok=True)
        (tmp_path / f"coco/instances_{part.split}.json").write_text(json.dumps(content))
        for image in part.images:
            for copy in (f"coco/{part.split}", f"yolo/{part.split}/images"):
                (tmp_path / copy).mkdir(parents=True, exist_ok=True)
                shutil.copy(image.path, tmp_path / copy)
            width, height = image.size_wh or (0, 0)
            lines = [
                f"0 {(x + w / 2) / width:.9f} {(y + h / 2) / height:.9f} {w / width:.9f} {h / height:.9f}"
                for x, y, w, h in (a["bbox"] for a in part.annotations if a["image_id"] == image.id)
            ]
            label = tmp_path / "yolo" / part.split / "labels" / f"{image.path.stem}.txt"
            label.parent.mkdir(exist_ok=True)
            label.write_text("\n".join(lines))
    (tmp_path / "yolo/classes.txt").write_text("raccoon\n")
    for name in ("coco", "yolo"):
        other = load_labelled_folder(tmp_path / name)
        assert content_of(other.train) == content_of(voc.train)
        assert content_of(other.val) == content_of(voc.val)


@pytest.mark.parametrize("format_", FORMATS)
def test_boxes_are_cleaned(tmp_path: Path, format_: str) -> None:
    objects = [
        ("cat", 10.0, 10.0, 40.0, 40.0),
        ("cat", -0.5, 10.0, 64.9, 40.0),  # a rounding
        ("dog", -20.0, 10.0, 40.0, 90.0),
        ("dog", 70.0, 10.0, 90.0, 40.0),
        ("dog", 10.0, -20.0, 30.0, 0.0),
        ("dog", 10.0, 10.0, 10.0, 40.0),
        ("dog", 40.0, 10.0, 30.0, 40.0),
        ("traffic light", 10.0, 10.0, 40.0, 40.0),  # another class, so no repetition
        ("cat", 10.0, 10.0, 40.0, 40.0),
    ]
    folder = load_labelled_folder(WRITERS[format_](tmp_path, [Photo("a.png", objects), Photo("b.png", [])]))
    annotations = folder.train.annotations + folder.val.annotations
    assert [(a["category_id"], a["bbox"]) for a in annotations] == [
        (1, [10, 10, 30, 30]),
        (1, [0, 10, 64, 30]),
        (2, [0, 10, 40, 38]),
        (2, [30, 10, 10, 30]),
        (3, [10, 10, 30, 30]),
    ]
    assert found(folder, "clipped")[0] == 1
    assert found(folder, "outside their image")[0] == 2
    assert found(folder, "without area")[0] == 1
    assert found(folder, "swapped corners")[0] == 1
    count, example = found(folder, "repeated boxes")
    assert count == 1
    assert example.endswith(
        {"YOLO": "a.txt:9", "COCO": "annotation 9", "Pascal VOC": "a.xml:1, object 9"}[format_]
    )
    assert found(folder, "kept as negatives")[0] == 1


@pytest.mark.parametrize("format_", FORMATS)
def test_images_that_cannot_be_read(tmp_path: Path, format_: str) -> None:
    root = WRITERS[format_](
        tmp_path, [Photo(f"{n}.png", split="train" if n < 6 else "val") for n in range(8)]
    )
    paths = sorted(path for path in root.rglob("*.png"))
    paths[0].write_bytes(paths[0].read_bytes()[:200])
    paths[1].write_text("no image")
    folder = load_labelled_folder(root)
    assert names_of(folder.train) == ["2.png", "3.png", "4.png", "5.png"]
    assert found(folder, "cannot be read")[0] == 2
    assert {annotation["image_id"] for annotation in folder.train.annotations} == {3, 4, 5, 6}
    for path in paths[2:5]:
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"5 of the 8 images of .* cannot be read. The first: .*0\.png"):
        load_labelled_folder(root)


@pytest.mark.parametrize("format_", FORMATS)
def test_nothing_to_train_on(tmp_path: Path, format_: str) -> None:
    photos = [Photo("a.png", [], "train"), Photo("b.png", split="val")]
    with pytest.raises(DatasetError, match="nothing to train on: the 1 training images"):
        load_labelled_folder(WRITERS[format_](tmp_path, photos))


def test_images_of_one_name_in_two_folders_and_a_png_called_jpg(tmp_path: Path) -> None:
    for folder, size_wh in (("a", (64, 48)), ("b", (32, 48))):
        write_image(tmp_path / folder / "x.png", size_wh, folder).rename(tmp_path / folder / "x.jpg")
        write_xml(tmp_path / folder / "x.xml", xml_object("cat", 1, 1, 20, 20), "x.jpg", size_wh)
    folder = load_labelled_folder(tmp_path)
    images = sorted(folder.train.images + folder.val.images, key=lambda image: image.id)
    assert [image.path.relative_to(tmp_path).as_posix() for image in images] == ["a/x.jpg", "b/x.jpg"]
    assert [image.size_wh for image in images] == [(64, 48), (32, 48)]
    assert images[0].path.read_bytes().startswith(b"\x89PNG")


def test_two_formats_in_one_folder(tmp_path: Path) -> None:
    many = [Photo(f"{n}.png", [("cat", 1, 1, 9, 9), ("dog", 5, 5, 20, 20)]) for n in range(5)]
    write_voc(tmp_path, many)
    write_yolo(tmp_path, many[:1])
    folder = load_labelled_folder(tmp_path)
    assert folder.format == "Pascal VOC"
    assert folder.split_note.endswith("; of Pascal VOC (10 objects) and YOLO (2 objects), Pascal VOC is read")
    # What only looks like another format is no reason to stop.
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "settings.json").write_text('{"images": 3}')
    assert load_labelled_folder(tmp_path).format == "Pascal VOC"


def test_folders_that_are_none(tmp_path: Path) -> None:
    for load in (load_labelled_folder, lambda root: load_split(root, None)):
        with pytest.raises(DatasetError, match=r"There is no dataset .*absent"):
            load(tmp_path / "absent")
        with pytest.raises(DatasetError, match=r"no labels .* COCO JSON .* Pascal VOC .* YOLO"):
            load(tmp_path)
        with pytest.raises(DatasetError, match="no labels"):
            load(write_image(tmp_path / "images/only an image.jpg"))


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    write_voc(tmp_path, [Photo("a.jpg"), Photo("b.jpg")])
    write_voc(tmp_path / "__MACOSX", [Photo("c.jpg")])
    write_voc(tmp_path / ".trash", [Photo("d.jpg")])
    folder = load_labelled_folder(tmp_path)
    assert sorted(names_of(folder.train) + names_of(folder.val)) == ["a.jpg", "b.jpg"]


def test_a_link_to_a_folder_above_ends(tmp_path: Path) -> None:
    write_voc(tmp_path / "set", [Photo("a.jpg"), Photo("b.jpg")])
    (tmp_path / "set/again").symlink_to(tmp_path / "set", target_is_directory=True)
    (tmp_path / "linked").symlink_to(tmp_path / "set", target_is_directory=True)
    for root in (tmp_path / "set", tmp_path / "linked"):
        folder = load_labelled_folder(root)
        assert sorted(names_of(folder.train) + names_of(folder.val)) == ["a.jpg", "b.jpg"]
        assert folder.findings == ()


@pytest.mark.parametrize("write", [write_voc, write_coco, write_yolo])
def test_images_in_a_format_that_is_not_read_are_named(tmp_path: Path, write: Any) -> None:
    photos = [Photo(f"{n}.jpg", (("cat", 1, 2, 30, 40),), "train" if n < 4 else "val") for n in range(6)]
    root = write(tmp_path / "data", photos)
    (root / "more.jxl").write_bytes(b"\xff\x0a")
    said = [finding for finding in load_labelled_folder(root).findings if "not read (.jxl" in finding.words]
    assert [(finding.count, finding.example) for finding in said] == [(1, "more.jxl")]
