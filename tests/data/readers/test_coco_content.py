"""What stands in a COCO file: what is filled in, read all the same, or refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools import mask

from detector.data.readers.coco import load_coco
from detector.errors import DatasetError
from tests.data.readers.coco_dataset import CONTENT, NAMES, write


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Writes a dataset after a function has changed its content; returns its folder."""

    def build(change: Callable[[dict[str, Any]], object] = lambda content: None) -> Path:
        content = copy.deepcopy(CONTENT)
        change(content)
        write(tmp_path / "instances.json", tmp_path, content)
        return tmp_path

    return build


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


def test_origin_is_the_first_address(changed: Callable[..., Path]) -> None:
    address = "http://images.cocodataset.org/val2017/000000000139.jpg"
    assert load_coco(changed(lambda content: content["images"][0].update(coco_url=address))).origin == address
    assert load_coco(changed()).origin == ""
