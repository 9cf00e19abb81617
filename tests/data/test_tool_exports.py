"""Folders as labelling tools really export them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder
from detector.data.readers.shapes import bounds_of_rotated
from detector.errors import DatasetError
from tests.data.labelled import found
from tests.data.tool_exports import CAT, DOG, EXPORTS, cvat_images, label_studio_json


@pytest.mark.parametrize("tool", EXPORTS)
def test_exports_are_read(tool: str, tmp_path: Path) -> None:
    EXPORTS[tool](tmp_path)
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == ("cat", "dog")
    boxes = {
        folder.classes[each["category_id"] - 1]: pytest.approx(each["bbox"], abs=0.01)
        for part in (folder.train, folder.val)
        for each in part.annotations
    }
    assert boxes == {"cat": CAT, "dog": DOG}
    assert len(folder.train.images) + len(folder.val.images) == 2
    assert {image.size_wh for image in folder.train.images + folder.val.images} == {(64, 48)}
    assert found(folder, "kept as negatives")[0] == 1


def test_what_cvat_has_beyond_boxes(tmp_path: Path) -> None:
    cvat_images(tmp_path)
    path = tmp_path / "annotations.xml"
    assert found(load_labelled_folder(tmp_path), "shapes that have no box") == (
        1,
        "annotations.xml:22: polyline",
    )
    text = path.read_text().replace('name="street/b.jpg"', 'name="street/c.jpg"')
    path.write_text(text)
    assert found(load_labelled_folder(tmp_path), "file is missing") == (1, "annotations.xml:25: street/c.jpg")
    path.write_text(text.replace("</annotations>", '<track id="0" label="cat"></track></annotations>'))
    with pytest.raises(DatasetError, match="export it as 'CVAT for images"):
        load_labelled_folder(tmp_path)


def test_subsets_of_cvat_are_splits(tmp_path: Path) -> None:
    cvat_images(tmp_path)
    path = tmp_path / "annotations.xml"
    text = path.read_text().replace('name="street/a.jpg"', 'name="street/a.jpg" subset="Train"')
    path.write_text(text.replace('name="street/b.jpg"', 'name="street/b.jpg" subset="Validation"'))
    folder = load_labelled_folder(tmp_path)
    assert [len(folder.train.images), len(folder.val.images)] == [1, 1]
    assert "subsets Train (1) and Validation (1)" in folder.split_note


def test_tasks_without_a_label_are_named(tmp_path: Path) -> None:
    label_studio_json(tmp_path)
    count, example = found(load_labelled_folder(tmp_path), "not labelled")
    assert (count, example.endswith(".json, task 3")) == (2, True)


# A file that was never imported has nothing else; of an export they are what nobody has looked at.
def test_predictions_are_labels_where_there_is_no_place_for_annotations(tmp_path: Path) -> None:
    label_studio_json(tmp_path)
    (path,) = tmp_path.glob("*.json")
    tasks = [task for task in json.loads(path.read_text()) if task["id"] < 3]
    before = load_labelled_folder(tmp_path)
    for task in tasks:
        task["predictions"] = task["annotations"]
    path.write_text(json.dumps([{**task, "annotations": []} for task in tasks]))
    with pytest.raises(DatasetError, match="tasks that were not labelled"):
        load_labelled_folder(tmp_path)
    for task in tasks:
        del task["annotations"]
    path.write_text(json.dumps(tasks))
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "nobody has corrected")[0] == 2
    for part, same in ((folder.train, before.train), (folder.val, before.val)):
        assert (part.images, part.annotations) == (same.images, same.annotations)


def test_turned_boxes() -> None:
    # A quarter turn clockwise about the upper left corner: width and height change places, to the left.
    assert bounds_of_rotated((10, 20, 30, 24), 90, (10, 20)) == pytest.approx((6, 20, 10, 40))
    assert bounds_of_rotated((10, 20, 30, 24), 180, (20, 22)) == pytest.approx((10, 20, 30, 24))
    assert bounds_of_rotated((1, 2, 3, 4), 360, (0, 0)) == (1, 2, 3, 4)
