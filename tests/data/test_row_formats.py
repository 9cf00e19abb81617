"""labelme, Create ML and CSV: what their tools write, and rows that are not as they should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.data.folder import load_labelled_folder
from detector.errors import DatasetError
from tests.data.labelled import found, write_image

CAT, DOG = [8, 12, 32, 24], [20, 6, 40, 36]
HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def labelme(root: Path) -> dict[str, Any]:
    shapes = [
        {
            "label": "cat",
            "points": [[40, 36], [8, 12]],
            "shape_type": "rectangle",
            "group_id": None,
            "flags": {},
        },
        {"label": "dog", "points": [[20, 10], [60, 6], [30, 42]], "shape_type": "polygon"},
        {"label": "dog", "points": [[1, 1]], "shape_type": "point"},
    ]
    common = {"version": "5.4.1", "flags": {}, "imageData": None, "imageHeight": 48, "imageWidth": 64}
    content = {**common, "shapes": shapes, "imagePath": "..\\elsewhere\\a.jpg"}
    for number, name in enumerate("ab"):
        write_image(root / f"{name}.jpg", look=number)
    (root / "a.json").write_text(json.dumps(content))
    (root / "b.json").write_text(json.dumps({**common, "shapes": [], "imagePath": "b.jpg"}))
    return content


def create_ml(root: Path) -> list[dict[str, Any]]:
    content = [
        {
            "image": "a.jpg",
            "annotations": [
                {"label": "cat", "coordinates": {"x": 24, "y": 24, "width": 32, "height": 24}},
                {"label": "dog", "coordinates": {"x": 40.0, "y": 24.0, "width": 40.0, "height": 36.0}},
            ],
        },
        {"image": "b.jpg", "annotations": []},
    ]
    for number, name in enumerate("ab"):
        write_image(root / f"{name}.jpg", look=number)
    (root / "_annotations.createml.json").write_text(json.dumps(content))
    return content


def rows(root: Path, separator: str = ",") -> str:
    write_image(root / "images/a.jpg")
    write_image(root / "images/b.jpg", look=1)
    text = HEADER + "a.jpg,64,48,cat,8,12,40,36\na.jpg,64,48,dog,20,6,60,42\nb.jpg,64,48,dog,1,1,30,30\n"
    text = text.replace(",", separator)
    (root / "labels.csv").write_text(text)
    return text


def boxes_of(root: Path, image: str = "a.jpg") -> dict[str, list[float]]:
    folder = load_labelled_folder(root)
    return {
        folder.classes[each["category_id"] - 1]: each["bbox"]
        for part in (folder.train, folder.val)
        for each in part.annotations
        if each["image_id"] in [one.id for one in part.images if one.name == image]
    }


@pytest.mark.parametrize(
    ("write", "name"),
    [(labelme, "labelme"), (create_ml, "Create ML"), (rows, "CSV")],
    ids=["labelme", "Create ML", "CSV"],
)
def test_they_are_read(tmp_path: Path, write: Callable[[Path], object], name: str) -> None:
    write(tmp_path)
    folder = load_labelled_folder(tmp_path)
    assert (folder.format, folder.classes) == (name, ("cat", "dog"))
    assert boxes_of(tmp_path) == {"cat": CAT, "dog": DOG}
    assert len(folder.train.images) + len(folder.val.images) == 2
    if write is not rows:
        assert found(folder, "kept as negatives")[0] == 1


def test_shapes_of_labelme_that_have_no_box(tmp_path: Path) -> None:
    content = labelme(tmp_path)
    assert found(load_labelled_folder(tmp_path), "shapes that have no box") == (1, "a.json, shape 3: point")
    content["shapes"] += [
        {"label": "", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"},
        {"label": "cat", "points": [[1, "x"], [9, 9]], "shape_type": "rectangle"},
        {"label": "fox", "points": [[20, 20], [20, 30]], "shape_type": "circle"},
        7,
    ]
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert found(load_labelled_folder(tmp_path), "without a name or a box")[0] == 3
    assert boxes_of(tmp_path)["fox"] == [10, 10, 20, 20]
    write_image(tmp_path / "c.jpg", look=2)
    assert found(load_labelled_folder(tmp_path), "without a label file") == (1, "c.jpg")
    (tmp_path / "c.json").write_text('{"shapes": [], "imagePath": "c.jp')
    assert found(load_labelled_folder(tmp_path), "that are not JSON")[0] == 1


def test_entries_of_create_ml_that_cannot_be_read(tmp_path: Path) -> None:
    content = create_ml(tmp_path)
    content[0]["annotations"] += [{"label": "cat"}, {"label": "", "coordinates": {}}]
    content += [{"annotations": []}, {"image": "absent.jpg", "annotations": []}]
    (tmp_path / "_annotations.createml.json").write_text(json.dumps(content))
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "without a name or a box")[0] == 2
    assert found(folder, "without an image or a list")[1] == "_annotations.createml.json, image 3"
    assert found(folder, "file is missing")[0] == 1


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_of_csv(tmp_path: Path, separator: str) -> None:
    rows(tmp_path, separator)
    assert boxes_of(tmp_path) == {"cat": CAT, "dog": DOG}


def test_rows_that_cannot_be_read(tmp_path: Path) -> None:
    text = rows(tmp_path)
    text += "a.jpg,64,48,,1,1,2,2\na.jpg,64,48,cat,1,x,2,2\n"
    text += ",64,48,cat,1,1,2,2\nc.jpg,64,48,cat,1,1,2,2\nb.jpg,64\n"
    (tmp_path / "labels.csv").write_text(text)
    write_image(tmp_path / "images/d.jpg", look=3)
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "without a name or a box") == (3, "labels.csv:5: no name")
    assert found(folder, "without a file name") == (1, "labels.csv:7")
    assert found(folder, "file is missing") == (1, "labels.csv:8: c.jpg")
    assert found(folder, "give different sizes")[0] == 1
    assert found(folder, "images without a row") == (1, "images/d.jpg")


def test_files_of_csv_are_splits(tmp_path: Path) -> None:
    for name, numbers in (("train", range(4)), ("test", range(4, 6))):
        lines = [f"{number}.jpg,64,48,cat,8,12,40,36\n" for number in numbers]
        (tmp_path / f"{name}_labels.csv").write_text(HEADER + "".join(lines))
        for number in numbers:
            write_image(tmp_path / f"images/{number}.jpg", look=number)
    folder = load_labelled_folder(tmp_path)
    assert folder.test is not None
    assert [image.name for image in folder.test.images] == ["4.jpg", "5.jpg"]
    assert "test (2) is kept for the end" in folder.split_note
    assert len(folder.train.images) + len(folder.val.images) == 4


def test_how_csv_may_be_written(tmp_path: Path) -> None:
    text = rows(tmp_path)
    (tmp_path / "labels.csv").write_bytes(("\ufeff\n\n" + text).replace("\n", "\r").encode())
    assert boxes_of(tmp_path) == {"cat": CAT, "dog": DOG}
    (tmp_path / "labels.csv").write_bytes(text.replace("cat", '"black\n cat"').encode("utf-16"))
    assert boxes_of(tmp_path) == {"black cat": CAT, "dog": DOG}


@pytest.mark.parametrize(("column", "other"), [("ymax", "bottom"), ("class", "label"), ("filename", "file")])
def test_columns_that_a_table_lacks_are_named(tmp_path: Path, column: str, other: str) -> None:
    text = rows(tmp_path)
    (tmp_path / "val.csv").write_text(text.replace(column, other))
    with pytest.raises(DatasetError, match=f"val.csv lacks the column {column}; expected filename, class,"):
        load_labelled_folder(tmp_path)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    rows(tmp_path)
    (tmp_path / "labels.csv").write_text("filename,class,class,xmin,ymin,xmax,ymax\n")
    with pytest.raises(DatasetError, match="two columns of one name"):
        load_labelled_folder(tmp_path)


def test_a_table_of_something_else_is_no_dataset(tmp_path: Path) -> None:
    rows(tmp_path)
    (tmp_path / "labels.csv").write_text("name,price\na.jpg,3\n")
    with pytest.raises(DatasetError, match="no labels that can be read"):
        load_labelled_folder(tmp_path)
    (tmp_path / "export.zip").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"Unpack .*export\.zip first"):
        load_labelled_folder(tmp_path)
