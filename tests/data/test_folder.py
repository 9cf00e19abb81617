"""Folders in any format: the same dataset, the right split, and whatever can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.data.folder import load_labelled_folder, load_split
from detector.data.readers.coco import load_coco
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

FORMATS = list(WRITERS)


def random_photos(
    count: int, splits: tuple[str, ...] = ("train", "val", "test"), seed: int = 3
) -> list[Photo]:
    """Photos with random boxes, some of them beyond the image, some without objects."""
    rng = np.random.default_rng(seed)
    photos = []
    for number in range(count):
        size_wh = int(rng.integers(30, 200)), int(rng.integers(30, 200))
        objects = []
        for _ in range(number % 5):
            corners = rng.uniform(-0.05, 1.05, (2, 2)) * size_wh
            (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
            name = CLASSES[rng.integers(len(CLASSES))]
            objects.append((name, *(float(value) for value in (x1, y1, x2, y2))))
        suffix = (".jpg", ".PNG", ".Jpeg")[number % 3]
        name = f"{rng.integers(1000):03}_{number} é#={number}{suffix}"
        photos.append(Photo(name, objects, splits[number % len(splits)], size_wh))
    # Pascal VOC knows the classes that occur.
    photos.append(Photo("every class.jpg", [(name, 1, 2, 30, 20) for name in CLASSES], splits[0]))
    return photos


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
