"""COCO datasets in every usual layout, and everything that can be wrong with them."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools import mask

from detector.data.readers.coco import load_coco
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DatasetError

NAMES = ("000000000139.jpg", "b c.png", "c#1.jpeg")
CONTENT: dict[str, Any] = {
    "images": [
        {"id": 139, "file_name": NAMES[0], "width": 640, "height": 426},
        {"id": 7, "file_name": NAMES[1], "width": 500, "height": 375},
        {"id": 900_100_000_001, "file_name": NAMES[2], "width": 4, "height": 5},
    ],
    "annotations": [
        {"id": 5, "image_id": 139, "category_id": 18, "bbox": [1, 2.5, 30, 40], "area": 600, "iscrowd": 0},
        {"id": 9, "image_id": 7, "category_id": 90, "bbox": [0, 0, 10, 10], "area": 50.5, "iscrowd": 1},
        {"id": 2, "image_id": 139, "category_id": 90, "bbox": [3, 4, 5, 6], "area": 30, "iscrowd": 0},
    ],
    "categories": [{"id": 90, "name": "toothbrush"}, {"id": 18, "name": "dog"}],
}


def write(annotations: Path, images: Path, content: Any = CONTENT) -> Path:
    """An annotation file, and files for the images that it names; loading does not look into them."""
    annotations.parent.mkdir(parents=True, exist_ok=True)
    annotations.write_text(json.dumps(content))
    images.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (images / name).touch()
    return annotations


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Writes a dataset after a function has changed its content; returns its folder."""

    def build(change: Callable[[dict[str, Any]], object] = lambda content: None) -> Path:
        content = copy.deepcopy(CONTENT)
        change(content)
        write(tmp_path / "instances.json", tmp_path, content)
        return tmp_path

    return build


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


@pytest.mark.parametrize(
    "prefix", ["", "val2017/", "/home/someone/photos/", "C:\\photos\\", "data\\x/", "./", "../"]
)
def test_folders_in_file_names(changed: Callable[..., Path], prefix: str) -> None:
    def change(content: dict[str, Any]) -> None:
        for entry in content["images"]:
            entry["file_name"] = prefix + entry["file_name"]

    folder = changed(change)
    dataset = load_coco(folder)
    dataset.check_images()
    assert [image.path.name for image in dataset.images] == list(NAMES)


def test_folders_in_file_names_tell_images_apart(tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT)
    for entry, folder in zip(content["images"], ("a", "b", "c"), strict=True):
        entry["file_name"] = f"{folder}/000.jpg"
        (tmp_path / "images" / folder).mkdir(parents=True)
        (tmp_path / "images" / folder / "000.jpg").touch()
    (tmp_path / "instances.json").write_text(json.dumps(content))
    dataset = load_coco(tmp_path)
    assert [image.path.parent.name for image in dataset.images] == ["a", "b", "c"]


def test_byte_order_mark(changed: Callable[..., Path]) -> None:
    path = changed() / "instances.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert len(load_coco(path).images) == 3


def test_select(changed: Callable[..., Path]) -> None:
    dataset = load_coco(changed())
    chosen = dataset.select({7, 139, 4711})
    assert [image.id for image in chosen.images] == [139, 7]
    assert len(chosen.annotations) == 3
    assert [image.id for image in dataset.select(limit=1).images] == [139]
    assert [annotation["bbox"] for annotation in dataset.select(limit=1).annotations] == [
        [1, 2.5, 30, 40],
        [3, 4, 5, 6],
    ]
    last = dataset.select({7, 900_100_000_001}, limit=1)
    assert [image.id for image in last.images] == [7]
    assert [annotation["image_id"] for annotation in last.annotations] == [7]
    assert dataset.select(limit=99) == dataset
    assert last.categories == dataset.categories
    with pytest.raises(DatasetError, match="No image"):
        dataset.select({4711})
    with pytest.raises(DatasetError, match="No image"):
        dataset.select(set(), limit=1)


def _drop(what: str, *keys: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        for entry in content[what]:
            for key in keys:
                del entry[key]

    return change


def _set(what: str, key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content[what][1][key] = value

    return change


def test_area_and_iscrowd_are_filled_in(changed: Callable[..., Path]) -> None:
    folder = changed(_drop("annotations", "area", "iscrowd", "id"))
    before = (folder / "instances.json").read_bytes()
    dataset = load_coco(folder)
    assert [annotation["area"] for annotation in dataset.annotations] == [1200, 100, 30]
    assert [annotation["iscrowd"] for annotation in dataset.annotations] == [0, 0, 0]
    assert len({annotation["id"] for annotation in dataset.annotations}) == 3
    # pycocotools takes the id 0 for "no match".
    assert all(annotation["id"] > 0 for annotation in dataset.annotations)
    assert (folder / "instances.json").read_bytes() == before


def test_area_and_iscrowd_are_kept(changed: Callable[..., Path]) -> None:
    dataset = load_coco(changed())
    assert [annotation["area"] for annotation in dataset.annotations] == [600, 50.5, 30]
    assert [annotation["iscrowd"] for annotation in dataset.annotations] == [0, 1, 0]


# Some tools write every key and leave what they do not know null.
def test_null_area_and_iscrowd_are_filled_in(changed: Callable[..., Path]) -> None:
    def change(content: dict[str, Any]) -> None:
        for entry in content["annotations"]:
            entry.update(area=None, iscrowd=None)

    dataset = load_coco(changed(change))
    assert [annotation["area"] for annotation in dataset.annotations] == [1200, 100, 30]
    assert [annotation["iscrowd"] for annotation in dataset.annotations] == [0, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        _drop("images", "width", "height"),
        _drop("images", "width"),
        _set("images", "width", 0),
        _set("images", "height", 0),
        _set("images", "height", None),
        _set("images", "width", "wide"),
        _set("images", "width", [640]),
        _set("images", "width", True),
        _set("images", "width", 10**400),
        _set("images", "width", float("nan")),
    ],
)
def test_unknown_size(changed: Callable[..., Path], change: Callable[[dict[str, Any]], None]) -> None:
    assert load_coco(changed(change)).images[1].size_wh is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda c: c.update(images=[]), "lists no image", id="zero images"),
        pytest.param(lambda c: c.pop("images"), "lists images, annotations and categories", id="no images"),
        pytest.param(
            lambda c: c.pop("annotations"), "lists images, annotations and categories", id="no annotations"
        ),
        pytest.param(
            lambda c: c.pop("categories"), "lists images, annotations and categories", id="no categories"
        ),
        pytest.param(lambda c: c.update(annotations={}), "lists images, annotations", id="no list"),
        pytest.param(lambda c: c.update(images=["a.jpg"]), "entry 0 of images", id="image is a string"),
        pytest.param(_drop("images", "file_name"), "entry 0 of images has no file_name", id="no file_name"),
        pytest.param(_set("images", "file_name", None), "entry 1 of images has no file_name", id="null name"),
        pytest.param(_drop("images", "id"), "entry 0 of images has no id", id="no image id"),
        pytest.param(_set("images", "id", True), "entry 1 of images has no id", id="image id is true"),
        pytest.param(_set("images", "id", 10**400), "entry 1 of images has no id", id="id of 400 digits"),
        pytest.param(_set("images", "id", [7]), "entry 1 of images has no id", id="image id is a list"),
        pytest.param(
            _set("categories", "name", ["a"]), "entry 1 of categories has no name", id="list as name"
        ),
        pytest.param(_drop("categories", "name"), "entry 0 of categories has no name", id="no category name"),
        pytest.param(_drop("annotations", "bbox"), "annotation 1 has the bbox None", id="no bbox"),
        pytest.param(_set("annotations", "bbox", [1, 2, 3]), r"\[1, 2, 3\]; expected x, y", id="3 numbers"),
        pytest.param(_set("annotations", "bbox", []), "expected x, y", id="no numbers"),
        pytest.param(_set("annotations", "bbox", [1, 2, 3, float("nan")]), "nan", id="NaN"),
        pytest.param(_set("annotations", "bbox", [1, 2, 3, float("inf")]), "inf", id="infinity"),
        pytest.param(_set("annotations", "bbox", [1, 2, 3, "4 px"]), "expected x, y", id="text in bbox"),
        pytest.param(
            _set("annotations", "bbox", [1, 2, 1e308, 4]), "expected x, y", id="no place in an image"
        ),
        pytest.param(_set("annotations", "bbox", [1, 2, True, 4]), "expected x, y", id="true in bbox"),
        pytest.param(_set("annotations", "bbox", [1, 2, 3, None]), "expected x, y", id="null in bbox"),
        pytest.param(_set("annotations", "image_id", 8), "unknown image_id 8", id="unknown image"),
        pytest.param(_set("annotations", "category_id", 3), "unknown category_id 3", id="unknown category"),
        pytest.param(_set("annotations", "area", "large"), "area", id="area is a string"),
        pytest.param(_set("annotations", "iscrowd", "no"), "iscrowd", id="iscrowd is a string"),
        # Either would give a wrong number without a word.
        pytest.param(lambda c: c["images"].append(c["images"][0]), "139 twice", id="image id twice"),
        pytest.param(
            lambda c: c["categories"].append({"id": 90, "name": "cat"}), "90 twice", id="category id twice"
        ),
    ],
)
def test_content_that_is_not_coco(
    changed: Callable[..., Path], change: Callable[[dict[str, Any]], object], message: str
) -> None:
    folder = changed(change)
    with pytest.raises(DatasetError, match=message) as caught:
        load_coco(folder)
    assert str(folder / "instances.json") in str(caught.value)


@pytest.mark.parametrize("change", [str, lambda id_: f"{id_:05}", float, lambda id_: f"photo {id_}"])
@pytest.mark.parametrize("keys", [("id",), ("image_id",), ("id", "image_id")])
def test_ids_that_are_texts(
    changed: Callable[..., Path], change: Callable[[int], object], keys: tuple[str, ...]
) -> None:
    def write_ids(content: dict[str, Any]) -> None:
        for what, key in (("images", "id"), ("annotations", "image_id")):
            for entry in content[what] if key in keys else []:
                entry[key] = change(entry[key])

    words = str(change(7)).startswith("photo")
    if words and len(keys) == 1:
        with pytest.raises(DatasetError, match="unknown image_id"):
            load_coco(changed(write_ids))
        return
    dataset = load_coco(changed(write_ids))
    named = {image.id: image.path.name for image in dataset.images}
    assert [named[each["image_id"]] for each in dataset.annotations] == [NAMES[0], NAMES[1], NAMES[0]]
    texts = [image.text_id for image in dataset.images]
    if words:
        assert texts == ["photo 139", "photo 7", "photo 900100000001"]
        assert len({image.id for image in dataset.images}) == 3


@pytest.mark.parametrize("id_", ["9" * 5000, "0" * 5000, "9" * 19, "\u0663", "\u00b2", "-"])
def test_an_id_whose_digits_are_no_number(changed: Callable[..., Path], id_: str) -> None:
    with pytest.raises(DatasetError, match="unknown image_id"):
        load_coco(changed(_set("images", "id", id_)))  # the annotations have the number that it was


def test_numbers_that_are_texts(changed: Callable[..., Path]) -> None:
    def write_texts(content: dict[str, Any]) -> None:
        for entry in content["annotations"]:
            entry.update({key: str(entry[key]) for key in ("category_id", "area", "iscrowd")})
            entry["bbox"] = [f" {number} " for number in entry["bbox"]]
        for entry in content["images"] + content["categories"]:
            entry.update({key: str(entry[key]) for key in ("width", "height", "id") if key in entry})

    dataset = load_coco(changed(write_texts))
    assert dataset.annotations == load_coco(changed()).annotations
    assert dataset.images == load_coco(changed()).images


def test_a_shape_has_a_box(changed: Callable[..., Path]) -> None:
    runs = {"size": [10, 10], "counts": [12, 3, 7, 3, 75]}  # rows 2 to 4 of the columns 1 and 2
    packed = mask.frPyObjects(runs, 10, 10)["counts"].decode()

    def shapes(content: dict[str, Any]) -> None:
        for entry, shape in zip(
            content["annotations"], ([[5, 6, 20, 6, 12, 30]], runs, {**runs, "counts": packed}), strict=True
        ):
            entry["segmentation"] = shape
            entry.pop("bbox")

    boxes = [annotation["bbox"] for annotation in load_coco(changed(shapes)).annotations]
    assert boxes == [[5, 6, 15, 24], [1, 2, 2, 3], [1, 2, 2, 3]]


def test_categories_of_one_name_are_one_class(changed: Callable[..., Path]) -> None:
    dataset = load_coco(changed(lambda content: content["categories"].append({"id": 91, "name": "dog"})))
    assert dataset.categories == {90: "toothbrush", 18: "dog"}
    assert [finding.kind for finding in dataset.findings] == ["categories of one name, taken as one class"]


def test_fractions_are_multiplied(changed: Callable[..., Path]) -> None:
    def divide(content: dict[str, Any]) -> None:
        for entry in content["annotations"]:
            width, height = (640, 426) if entry["image_id"] == 139 else (500, 375)
            entry["bbox"] = [n / side for n, side in zip(entry["bbox"], (width, height) * 2, strict=True)]

    dataset = load_coco(changed(divide))
    assert dataset.annotations[0]["bbox"] == pytest.approx([1, 2.5, 30, 40])
    assert dataset.annotations[0]["area"] == pytest.approx(1200)
    assert "fractions" in dataset.findings[0].kind
    with pytest.raises(DatasetError, match="fractions of their images, whose sizes the file does not say"):
        load_coco(changed(lambda content: (divide(content), _drop("images", "width")(content))))


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


def test_origin_is_the_first_address(changed: Callable[..., Path]) -> None:
    address = "http://images.cocodataset.org/val2017/000000000139.jpg"
    assert load_coco(changed(lambda content: content["images"][0].update(coco_url=address))).origin == address
    assert load_coco(changed()).origin == ""


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
