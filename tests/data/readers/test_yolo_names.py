"""The names of YOLO's classes, wherever they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder, load_split
from detector.errors import DatasetError
from tests.data.labelled import found
from tests.data.readers.yolo_folder import CLASSES, count_classes, rows, said, write


@pytest.mark.parametrize("names", ["classes.txt", "obj.names", "_darknet.labels", "Classes.TXT"])
def test_each_folder_has_its_own_names(tmp_path: Path, names: str) -> None:
    for folder, order in (("train", "cat\ndog\nbird\n"), ("val", "bird\ncat\ndog\n")):
        for number in range(3):
            write(tmp_path, f"{folder}/{folder}{number}.jpg", rows(0, 0, 1, 2))
        (tmp_path / folder / names).write_text(order)
    folder = load_labelled_folder(tmp_path)
    assert count_classes(folder) == {"cat": 6 + 3, "dog": 3 + 3, "bird": 3 + 6}
    assert said(folder) == []


def test_each_description_is_followed_in_its_folder(tmp_path: Path) -> None:
    for export, order in (("one", "[cat, dog]"), ("two", "[dog, Cat]")):
        for split in ("train", "valid" if export == "one" else "val"):
            for number in range(2):
                write(tmp_path, f"{export}/{split}/images/{export}{split[0]}{number}.jpg", rows(0))
        val = "valid" if export == "one" else "val"
        (tmp_path / export / "data.yaml").write_text(
            f"train: ../train/images\n{val}: ../{val}/images\nnames: {order}"
        )
    folder = load_labelled_folder(tmp_path)
    assert count_classes(folder) == {"cat": 4, "dog": 4}
    assert (len(folder.train.images), len(folder.val.images)) == (4, 4)
    assert said(folder) == ["class names that differ only in case, spaces or underscores, merged"]


def test_two_lists_in_one_folder_that_differ_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "obj.names").write_text("dog\ncat\n")
    with pytest.raises(DatasetError, match="name the classes differently; remove one"):
        load_labelled_folder(tmp_path)
    (tmp_path / "obj.names").write_text("cat\r\ndog")
    assert load_labelled_folder(tmp_path).classes == CLASSES


def test_lists_that_lie_elsewhere_and_differ_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "photos/a.jpg")
    for place, text in (("one", "cat\ndog\n"), ("two", "dog\ncat\n")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "classes.txt").write_text(text)
    with pytest.raises(DatasetError, match="nothing says which of them"):
        load_labelled_folder(tmp_path)


def test_lists_may_lie_beside_the_images(tmp_path: Path) -> None:
    for split, order in (("train", "cat\ndog\n"), ("val", "dog\ncat\n")):
        write(tmp_path, f"images/{split}/{split}.jpg", rows(0))
        (tmp_path / f"images/{split}/classes.txt").write_text(order)
    (tmp_path / "classes.txt").write_text("of\nneither\n")
    assert count_classes(load_labelled_folder(tmp_path)) == {"cat": 1, "dog": 1}


def test_a_list_that_the_description_contradicts_is_named(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", rows(0))
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
    (tmp_path / "labels/classes.txt").write_text("dog\ncat\n")
    folder = load_labelled_folder(tmp_path)
    assert count_classes(folder)["cat"] == 2  # the one image is trained on and validated
    assert found(folder, "lists of class names")[1] == "labels/classes.txt"


@pytest.mark.parametrize(("first", "second"), [("a.yaml", "b.yaml"), ("data.yaml", "data.yml")])
def test_two_descriptions_in_one_folder_that_differ_are_refused(
    tmp_path: Path, first: str, second: str
) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / first).write_text("train: images\nnames: [cat, dog]\n")
    (tmp_path / second).write_text("train: images\nnames: [dog, cat]\n")
    with pytest.raises(DatasetError, match="describe different data"):
        load_labelled_folder(tmp_path)
    assert load_labelled_folder(tmp_path / second).classes == ("dog", "cat")


@pytest.mark.parametrize("other", ["old.yaml", "labels/data.yaml"])
def test_descriptions_besides_data_yaml_are_named(tmp_path: Path, other: str) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
    (tmp_path / other).write_text("train: images\nnames: [dog, cat]\n")
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == CLASSES
    assert found(folder, "descriptions besides") == (1, other)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ("[yes, no, off]", ("yes", "no", "off")),
        ("{0: 010, 1: 1_000, 2: 12:30}", ("010", "1_000", "12:30")),
        ("[null, ~, 2020-01-01]", ("null", "~", "2020-01-01")),
        ("[C+, C-, C]", ("C+", "C-", "C")),
        ("[a, A, 'a,b']", ("a", "A", "a,b")),
        ("['', ' ', \"line\\nbreak\"]", ("class_0", "class_1", "line break")),
        ("['caf\u00e9', 'cafe\u0301', x]", ("caf\u00e9", "x")),
    ],
)
def test_names_arrive_as_written(tmp_path: Path, names: str, classes: tuple[str, ...]) -> None:
    write(tmp_path, "images/a.jpg", rows(0, 1, 2))
    (tmp_path / "data.yaml").write_text(f"train: images\nnames: {names}\n", encoding="utf-8")
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == classes
    assert load_split(tmp_path, None).categories == dict(enumerate(classes, start=1))
