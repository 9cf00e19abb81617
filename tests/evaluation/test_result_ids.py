"""Results that others numbered: read as they are meant, or refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from detector.data.dataset import Dataset, DatasetImage
from detector.errors import DatasetError
from detector.evaluation.results import load_results
from detector.labels import COCO_CLASSES, COCO_IDS

CLASSES = ("ant", "bee", "cow", "dog", "eel")


def dataset_of(names, ids=None, categories=None, size=5):
    """Images with two objects each at places and of classes that tell them apart."""
    rng = np.random.default_rng(4)
    categories = categories or dict(enumerate(CLASSES, start=1))
    images = [
        DatasetImage(id_, Path(name), (200, 150))
        for id_, name in zip(ids or range(1, 99), names, strict=False)
    ]
    annotations = []
    for image in images:
        for _ in range(2):
            box = [*rng.integers(0, 100, 2).tolist(), *rng.integers(20, 50, 2).tolist()]
            label = list(categories)[int(rng.integers(len(categories)))]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image.id, "category_id": label, "bbox": box,
                 "area": box[2] * box[3], "iscrowd": 0}
            )  # fmt: skip
    return Dataset(Path("set"), tuple(images), tuple(annotations), categories, "val")


def rows_of(dataset, **change):
    """The objects as detections; a change is a function of the annotation, or None to leave a key out."""
    rows = []
    for each in dataset.annotations:
        row = {key: each[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9}
        for key, function in change.items():
            row[key] = function(each)
        rows.append({key: value for key, value in row.items() if value is not None})
    return rows


def load(tmp_path, dataset, rows):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(rows))
    said = []
    return load_results(path, dataset, said.append), said


def assert_true(found, dataset):
    assert [(row["image_id"], row["category_id"], row["bbox"]) for row in found] == [
        (each["image_id"], each["category_id"], each["bbox"]) for each in dataset.annotations
    ]


NUMBERED = [f"{n}.jpg" for n in (1, 10, 11, 12, 2, 3, 4, 5, 6, 7, 8, 9)]  # sorted as names
NAMED = [f"im{n:03}.jpg" for n in range(12)]


def name_of(dataset):
    return {image.id: image.path.name for image in dataset.images}


@pytest.mark.parametrize("names", [NUMBERED, NAMED, [f"{n:012}.jpg" for n in range(300, 312)]])
@pytest.mark.parametrize(
    "form",
    [
        "ids",
        "texts of ids",
        "file names",
        "paths",
        "backslashes",
        "no ids",
        "stems",
        "numbers or stems",
        "names",
    ],
)
def test_images_however_they_are_named(tmp_path, names, form):
    dataset = dataset_of(names)
    name = name_of(dataset)

    def stem(each):
        text = Path(name[each["image_id"]]).stem
        return int(text) if form == "numbers or stems" and text.isdigit() else text

    change = {
        "ids": {},
        "texts of ids": {"image_id": lambda each: str(each["image_id"])},
        "file names": {"image_id": lambda _: 1, "file_name": lambda each: name[each["image_id"]]},
        "paths": {"file_name": lambda each: f"/data/else/{name[each['image_id']]}"},
        "backslashes": {"file_name": lambda each: f"C:\\data\\{name[each['image_id']]}"},
        "no ids": {"image_id": lambda _: None, "file_name": lambda each: name[each["image_id"]]},
        "stems": {"image_id": stem},
        "numbers or stems": {"image_id": stem},
        "names": {"image_id": lambda each: name[each["image_id"]]},
    }[form]
    found, _ = load(tmp_path, dataset, rows_of(dataset, **change))
    assert_true(found, dataset)


@pytest.mark.parametrize("first", [0, 1])
def test_images_by_their_place_are_read_if_the_boxes_say_so(tmp_path, first):
    dataset = dataset_of(NAMED, ids=range(3, 15))
    place = {image.id: number for number, image in enumerate(dataset.images, start=first)}
    rows = rows_of(dataset, image_id=lambda each: place[each["image_id"]])[2:-4]
    found, said = load(tmp_path, dataset, rows)
    assert [row["image_id"] for row in found] == [each["image_id"] for each in dataset.annotations][2:-4]
    assert f"image_id in {tmp_path / 'results.json'} is read as images counted from {first}" in said[0]


def test_two_readings_that_the_boxes_do_not_tell_apart_are_refused(tmp_path):
    dataset = dataset_of(NUMBERED)
    rows = rows_of(dataset, bbox=lambda _: [190, 140, 5, 5])
    with pytest.raises(DatasetError, match=r"as the ids of the dataset or as the names .* write file_name"):
        load(tmp_path, dataset, rows)
    found, said = load(
        tmp_path, dataset, rows_of(dataset, file_name=lambda each: name_of(dataset)[each["image_id"]])
    )
    assert_true(found, dataset)
    assert said == []


def test_equal_file_names_need_their_folders(tmp_path):
    dataset = dataset_of([f"{folder}/{n}.jpg" for folder in ("day", "night") for n in range(3)])
    path_of = {image.id: image.path.as_posix() for image in dataset.images}
    for change in (
        {"file_name": lambda each: f"root/{path_of[each['image_id']]}"},
        {"file_name": lambda each: Path(path_of[each["image_id"]]).name},  # the id tells which of the two
    ):
        assert_true(load(tmp_path, dataset, rows_of(dataset, **change))[0], dataset)
    change = {"image_id": lambda _: 77, "file_name": lambda each: Path(path_of[each["image_id"]]).name}
    with pytest.raises(DatasetError, match="is that of 2 images of set; write it with its folders"):
        load(tmp_path, dataset, rows_of(dataset, **change))


def test_file_names_of_other_images(tmp_path):
    dataset = dataset_of(NAMED)
    rows = rows_of(dataset, file_name=lambda _: "else.jpg")
    with pytest.raises(DatasetError, match=r"24 of 24 detections .* file_name .* 'else.jpg'"):
        load(tmp_path, dataset, rows)


GAPS = {3: "ant", 5: "bee", 6: "cow", 9: "dog", 10: "eel"}
COCO_BY_ID = {id_: name for name, id_ in COCO_IDS.items()}
FIRST = dict(enumerate(COCO_CLASSES, start=1))


@pytest.mark.parametrize(
    ("categories", "number"),
    [
        pytest.param(categories, number, id=f"{name}, {form}")
        for name, categories in {"1 to 5": None, "0 to 4": dict(enumerate(CLASSES)), "gaps": GAPS}.items()
        for form, number in {
            "own": lambda id_, ids: id_,
            "from 0": lambda id_, ids: ids.index(id_),
            "from 1": lambda id_, ids: ids.index(id_) + 1,
            "texts": lambda id_, ids: str(id_),
        }.items()
    ]
    + [
        pytest.param(COCO_BY_ID, lambda id_, ids: ids.index(id_), id="COCO's 90, from 0"),
        pytest.param(COCO_BY_ID, lambda id_, ids: ids.index(id_) + 1, id="COCO's 90, from 1"),
        pytest.param(FIRST, lambda id_, ids: COCO_IDS[FIRST[id_]], id="80, COCO's 90"),
        pytest.param({1: "dog", 2: "car"}, lambda id_, _: {1: 18, 2: 3}[id_], id="two of COCO's, COCO's 90"),
        pytest.param({1: "dog", 2: "car"}, lambda id_, _: {1: 16, 2: 2}[id_], id="two of COCO's, from 0"),
    ],
)
@pytest.mark.parametrize("without_first", [False, True])
def test_categories_however_they_are_counted(tmp_path, categories, number, without_first):
    """Also where no detection has the first or the last class, so that every id exists in the dataset."""
    dataset = dataset_of(NAMED, categories=categories)
    ids = sorted(dataset.categories)
    rows = rows_of(dataset, category_id=lambda each: number(each["category_id"], ids))
    keep = [not without_first or each["category_id"] not in (ids[0], ids[-1]) for each in dataset.annotations]
    if sum(keep) < 5:
        return
    found, said = load(tmp_path, dataset, [row for row, kept in zip(rows, keep, strict=True) if kept])
    true = [each["category_id"] for each, kept in zip(dataset.annotations, keep, strict=True) if kept]
    assert [row["category_id"] for row in found] == true
    written = [str(row["category_id"]) for row, kept in zip(rows, keep, strict=True) if kept]
    assert bool(said) == (written != list(map(str, true)))


def test_names_of_classes_decide(tmp_path):
    dataset = dataset_of(NAMED)
    rows = rows_of(
        dataset, category_id=lambda _: 3, category_name=lambda each: CLASSES[each["category_id"] - 1].upper()
    )
    assert_true(load(tmp_path, dataset, rows)[0], dataset)
    found, said = load(tmp_path, dataset, [*rows, {**rows[0], "category_name": "zebra"}])
    assert_true(found, dataset)
    assert "1 of 25 detections" in said[0]
    assert "no category zebra" in said[0]
    with pytest.raises(DatasetError, match=r"No class in .* \(zebra\) is a category"):
        load(tmp_path, dataset, [{**rows[0], "category_name": "zebra"}])


@pytest.mark.parametrize("key", ["image_id", "category_id"])
@pytest.mark.parametrize(
    "value", [10**400, -(10**400), 1e308, float("nan"), float("inf"), True, None, 1.5, {}, ""]
)
def test_ids_that_are_none(tmp_path, key, value):
    dataset = dataset_of(NAMED)
    rows = rows_of(dataset)
    rows[3][key] = value
    with pytest.raises(DatasetError, match=f"entry 3 has the {key}"):
        load(tmp_path, dataset, rows)


@pytest.mark.parametrize("value", [1e10, -1e308, 10**400, float("nan"), float("-inf"), True, "1", None])
def test_numbers_are_bounded(tmp_path, value):
    dataset = dataset_of(NAMED)
    for place in range(5):
        rows = rows_of(dataset)
        if place == 4:
            rows[0]["score"] = value
        else:
            rows[0]["bbox"] = [value if n == place else 10 for n in range(4)]
        path = tmp_path / "results.json"
        path.write_text(json.dumps(rows))
        with pytest.raises(DatasetError, match="entry 0 has the"):
            load_results(path, dataset)


def test_a_renamed_image_is_known_by_its_id_where_all_others_agree(tmp_path):
    dataset = dataset_of(NAMED)
    name = name_of(dataset) | {3: "other.jpg"}
    rows = rows_of(dataset, file_name=lambda each: name[each["image_id"]])
    found, said = load(tmp_path, dataset, rows)
    assert_true(found, dataset)
    assert "2 of 24 detections" in said[0]
    for row in rows:
        row["image_id"] = row["image_id"] % 12 + 1
    with pytest.raises(DatasetError, match=r"2 of 24 detections .* 'other.jpg'"):
        load(tmp_path, dataset, rows)
