"""COCO datasets in every usual layout, and everything that can be wrong with them."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from detector.data.readers.coco import load_coco
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DatasetError
from tests.data.readers.coco_dataset import CONTENT, NAMES, write


def decoy(content: dict[str, Any]) -> dict[str, Any]:
    """Another split of the same dataset, which must not be taken."""
    return {**content, "images": [{**content["images"][0], "id": 1}], "annotations": []}


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        pytest.param("annotations/instances_val2017.json", "val2017", id="official"),
        pytest.param("annotations/instances_val2017.json", "images/val2017", id="official, images/"),
        pytest.param("annotations/instances_val2017.json", "images", id="official, one folder"),
        pytest.param("annotations/instances_val2017.json", "", id="official, images at the top"),
        pytest.param("instances_val2017.json", "val2017", id="official, JSON at the top"),
        pytest.param("instances.json", "images", id="our sample"),
        pytest.param("instances.json", "", id="one folder"),
        pytest.param("instances_default.json", "", id="one folder, only file"),
        pytest.param("_annotations.coco.json", "", id="Roboflow, one split"),
        pytest.param("valid/_annotations.coco.json", "valid", id="Roboflow"),
        pytest.param("annotations/instances_default.json", "images", id="CVAT"),
        pytest.param("annotations/instances_default.json", "images/default", id="CVAT, with its subset"),
        pytest.param("annotations/anything.json", "images", id="only file"),
        pytest.param("val/labels.json", "val/images", id="only file of a split"),
    ],
)
def test_layouts(tmp_path: Path, annotations: str, images: str) -> None:
    write(tmp_path / annotations, tmp_path / images)
    # Things that lie about in real datasets.
    (tmp_path / "README.txt").write_text("read me")
    (tmp_path / "settings.json").write_text('{"version": 1}')
    dataset = load_coco(tmp_path)
    dataset.check_images()
    assert dataset.source == tmp_path / annotations
    assert [image.path for image in dataset.images] == [tmp_path / images / name for name in NAMES]
    assert [image.id for image in dataset.images] == [139, 7, 900_100_000_001]
    assert [image.size_wh for image in dataset.images] == [(640, 426), (500, 375), (4, 5)]
    assert dataset.categories == {90: "toothbrush", 18: "dog"}
    assert [annotation["category_id"] for annotation in dataset.annotations] == [18, 90, 90]


def test_official_layout_with_its_other_files(tmp_path: Path) -> None:
    write(tmp_path / "annotations/instances_val2017.json", tmp_path / "val2017")
    write(tmp_path / "annotations/instances_train2017.json", tmp_path / "train2017", decoy(CONTENT))
    for name in ("person_keypoints_val2017", "captions_val2017", "image_info_test2017"):
        (tmp_path / f"annotations/{name}.json").write_text(json.dumps(decoy(CONTENT)))
    assert load_coco(tmp_path).source.name == "instances_val2017.json"


@pytest.mark.parametrize("split", ["val2014", "train2017", "train2014"])
@pytest.mark.parametrize("folder", ["{}", "images/{}"])
def test_split(tmp_path: Path, split: str, folder: str) -> None:
    write(tmp_path / "annotations/instances_val2017.json", tmp_path / folder.format("val2017"))
    write(
        tmp_path / f"annotations/instances_{split}.json",
        tmp_path / folder.format(split),
        decoy(CONTENT),
    )
    dataset = load_coco(tmp_path, split=split)
    assert dataset.split == split
    assert [image.id for image in dataset.images] == [1]
    assert dataset.images[0].path == tmp_path / folder.format(split) / NAMES[0]
    assert load_coco(tmp_path).split == "val2017"


@pytest.mark.parametrize(
    ("split", "folder"),
    [("val2017", "valid"), ("valid", "valid"), ("train2017", "train"), ("train", "train"), ("test", "test")],
)
def test_roboflow_splits(tmp_path: Path, split: str, folder: str) -> None:
    for name in ("train", "valid", "test"):
        write(tmp_path / name / "_annotations.coco.json", tmp_path / name)
    dataset = load_coco(tmp_path, split=split)
    assert dataset.source.parent == tmp_path / folder
    assert {image.path.parent for image in dataset.images} == {tmp_path / folder}


def test_json_file_as_the_dataset(tmp_path: Path) -> None:
    write(tmp_path / "annotations/instances_val2017.json", tmp_path / "val2017")
    mine = write(tmp_path / "annotations/mine.json", tmp_path / "val2017", decoy(CONTENT))
    dataset = load_coco(mine)
    assert dataset.source == mine
    assert [image.path for image in dataset.images] == [tmp_path / "val2017" / NAMES[0]]


def test_annotations_and_images_named(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "x/y/mine.json", tmp_path / "photos/deep")
    dataset = load_coco(annotations=elsewhere, images=tmp_path / "photos/deep")
    dataset.check_images()
    assert dataset.images[0].path == tmp_path / "photos/deep" / NAMES[0]


def test_named_files_win_over_what_the_folder_has(tmp_path: Path) -> None:
    write(tmp_path / "set/annotations/instances_val2017.json", tmp_path / "set/val2017")
    mine = write(tmp_path / "mine.json", tmp_path / "pictures", decoy(CONTENT))
    by_annotations = load_coco(tmp_path / "set", annotations=mine)
    assert [image.path for image in by_annotations.images] == [tmp_path / "set/val2017" / NAMES[0]]
    by_images = load_coco(tmp_path / "set", images=tmp_path / "pictures")
    assert [image.path for image in by_images.images] == [tmp_path / "pictures" / name for name in NAMES]


def test_folders_in_file_names_tell_images_apart(tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT)
    for entry, folder in zip(content["images"], ("a", "b", "c"), strict=True):
        entry["file_name"] = f"{folder}/000.jpg"
        (tmp_path / "images" / folder).mkdir(parents=True)
        (tmp_path / "images" / folder / "000.jpg").touch()
    (tmp_path / "instances.json").write_text(json.dumps(content))
    dataset = load_coco(tmp_path)
    assert [image.path.parent.name for image in dataset.images] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("images: []", "not JSON"),
        ('{"images": [', "not JSON"),
        ("[1, 2]", "not COCO JSON"),
        ("null", "not COCO JSON"),
        ('{"images": ' + 100_000 * "[", "not JSON"),
        ('{"images": ' + 5000 * "9" + "}", "not JSON"),
    ],
)
def test_file_that_is_not_coco(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "instances.json"
    path.write_text(text)
    for dataset in (path, tmp_path):
        with pytest.raises(DatasetError, match=message) as caught:
            load_coco(dataset)
        assert str(path) in str(caught.value)


def test_binary_file_is_not_json() -> None:
    with pytest.raises(DatasetError, match="not JSON"):
        load_coco(SAMPLE_FOLDER / "camera.jpg")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no dataset .*absent"):
        load_coco(tmp_path / "absent")
    with pytest.raises(DatasetError, match=r"absent\.json"):
        load_coco(tmp_path, annotations=tmp_path / "absent.json")
    with pytest.raises(DatasetError, match="no COCO annotation file"):
        load_coco(tmp_path)
    with pytest.raises(DatasetError, match="Expected a dataset folder"):
        load_coco()


def test_annotations_that_are_a_folder(tmp_path: Path) -> None:
    (tmp_path / "annotations.json").mkdir()
    with pytest.raises(DatasetError, match=r"annotations\.json"):
        load_coco(annotations=tmp_path / "annotations.json")
    with pytest.raises(DatasetError, match="no COCO annotation file"):
        load_coco(tmp_path)


def test_folder_of_images_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path / "instances.json", tmp_path)
    with pytest.raises(DatasetError, match=r"no folder of images .*absent"):
        load_coco(tmp_path, images=tmp_path / "absent")


def test_no_image_found(tmp_path: Path) -> None:
    write(tmp_path / "set/annotations/instances_val2017.json", tmp_path / "far/away")
    with pytest.raises(DatasetError, match=f"not found in .*{NAMES[0]}.*--images"):
        load_coco(tmp_path / "set")


def test_missing_images_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "instances.json", tmp_path / "images")
    (tmp_path / "images" / NAMES[1]).unlink()
    (tmp_path / "images" / NAMES[2]).unlink()
    dataset = load_coco(tmp_path)
    with pytest.raises(DatasetError, match=f"2 of the 3 images .*{NAMES[1]}.*--images"):
        dataset.check_images()
    dataset.select(limit=1).check_images()


def test_several_annotation_files(tmp_path: Path) -> None:
    for name in ("first.json", "second.json"):
        write(tmp_path / "annotations" / name, tmp_path / "images")
    with pytest.raises(
        DatasetError, match=r"annotations/first.json, annotations/second.json.*give one of them"
    ):
        load_coco(tmp_path)
    assert load_coco(tmp_path, annotations=tmp_path / "annotations/second.json").images


def test_results_beside_the_annotations_are_none(tmp_path: Path) -> None:
    write(tmp_path / "annotations/mine.json", tmp_path / "images")
    result = {"image_id": 139, "category_id": 18, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "detections.json").write_text(json.dumps([result]))
    assert load_coco(tmp_path).source.name == "mine.json"


def test_the_images_of_a_dataset_beside_it_are_not_its_own(tmp_path: Path) -> None:
    """Frames are called alike everywhere; only its own folder, and what is shared above it, is searched."""
    own, other = tmp_path / "mine", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    names = ["000001.jpg", "000002.jpg"]
    for folder, name in ((own, names[0]), (other, names[0]), (other, names[1])):
        shutil.copy(SAMPLE_FOLDER / "chelsea.jpg", folder / name)
    content = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [],
    }
    (own / "instances.json").write_text(json.dumps(content))
    for source in (own, own / "instances.json"):
        dataset = load_coco(source)
        assert [image.path.parent for image in dataset.images] == [own, own]
        assert not dataset.images[1].path.exists()
