"""YOLO in the layouts and states in which people have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder
from detector.errors import DatasetError
from tests.data.labelled import Photo, found, names_of, write_yolo
from tests.data.readers.yolo_folder import BOX, LINE, boxes_of, write, write_splits

DESCRIPTIONS = {
    "folders": "train: images/train\nval: images/valid\ntest: images/test\n",
    "path": "path: .\ntrain: images/train\nval: images/valid\ntest: images/test\n",
    "Roboflow": "train: ../images/train\nval: ../images/valid\ntest: ../images/test\n",
    "another machine": (
        "path: /content/set\ntrain: /content/set/images/train\nval: images/valid\ntest: images/test"
    ),
    "list of folders": "train: [images/train]\nval: [images/valid/]\ntest: [./images/test]\n",
    "list files": "train: train.txt\nval: val.txt\ntest: lists/test.txt\n",
    "no splits": "",
    "no test": "train: images/train\nval: images/valid\ntest:\n",
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_data_yaml(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "set"
    write_splits(root, "images/{split}/{image}")
    (root / "data.yaml").write_text(DESCRIPTIONS[kind] + "\nnc: 2\nnames: ['cat', 'dog']\n")
    if kind == "list files":
        (root / "lists").mkdir()
        for name, split, count in (("train", "train", 4), ("val", "valid", 3), ("lists/test", "test", 2)):
            lines = [f"./images/{split}/{split}{number}.jpg" for number in range(count)]
            (root / f"{name}.txt").write_bytes("\r\n".join([*lines, ""]).encode("utf-8-sig"))
    for place in (root, root / "data.yaml"):
        folder = load_labelled_folder(place)
        assert folder.format == "YOLO"
        assert folder.classes == ("cat", "dog")
        assert names_of(folder.train) == [f"train{number}.jpg" for number in range(4)]
        assert names_of(folder.val) == [f"valid{number}.jpg" for number in range(3)]
        assert names_of(folder.test) == ([] if kind == "no test" else ["test0.jpg", "test1.jpg"])
        assert boxes_of(folder) == [BOX] * 7
        assert {annotation["category_id"] for annotation in folder.train.annotations} == {2}


@pytest.mark.parametrize(
    "pattern",
    ["images/{split}/{image}", "{split}/images/{image}", "{split}/{image}", "deep/{split}/a/{image}"],
)
@pytest.mark.parametrize("names", ["classes.txt", "obj.names", "my.names"])
def test_folders_without_a_description(tmp_path: Path, pattern: str, names: str) -> None:
    write_splits(tmp_path, pattern)
    (tmp_path / names).write_bytes("cat\r\ndog\r\n\r\n".encode("utf-8-sig"))
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == ("cat", "dog")
    assert (
        folder.split_note == "split as given: folders train (4) and valid (3); test (2) is kept for the end"
    )
    assert boxes_of(folder) == [BOX] * 7


@pytest.mark.parametrize("folder", ["images", "", "photos", "Images/x"])
def test_one_folder(tmp_path: Path, folder: str) -> None:
    for number in range(5):
        write(
            tmp_path,
            (Path(folder) / f"{number}.jpg").as_posix(),
            label="labels" if folder == "images" else None,
        )
    labelled = load_labelled_folder(tmp_path)
    assert (len(labelled.train.images), len(labelled.val.images)) == (4, 1)
    assert labelled.classes == ("class_0", "class_1")
    assert found(labelled, "without a name")[0] == 1


def test_lists_as_darknet_has_them(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"data/{number}.jpg")
    (tmp_path / "train.txt").write_text("".join(f"data/{number}.jpg\n" for number in range(4)))
    (tmp_path / "valid.txt").write_text("data/4.jpg\n")
    assert load_labelled_folder(tmp_path).split_note == "split as given: list files train (4) and valid (1)"


@pytest.mark.parametrize(
    "names", ["[cat, dog]", "{0: cat, 1: dog}", "\n  0: cat\n  1: dog", "\n- cat\n- dog"]
)
def test_names(tmp_path: Path, names: str) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / "data.yaml").write_text(f"train: images\nnames: {names}\n")
    assert load_labelled_folder(tmp_path).classes == ("cat", "dog")


def test_names_that_differ_in_spelling(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", "2 0.5 0.5 0.5 0.25\n1 0.5 0.5 0.2 0.2\n0 0.1 0.1 0.1 0.1")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [Person, dog, 'person ']\n")
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == ("Person", "dog")
    assert [annotation["category_id"] for annotation in folder.train.annotations] == [1, 2, 1]
    assert found(folder, "differ only in case") == (1, "'person' is taken for 'Person'")


@pytest.mark.parametrize(
    ("line", "box"),
    [
        (LINE, BOX),
        ("  1.0\t0.5 0.5 5e-1 .25 \r", BOX),
        ("1 0.25 0.375 0.75 0.375 0.75 0.625 0.5 0.5", BOX),
        ("1 0.25 0.375 0.75 0.625 0.5 0.5", BOX),
    ],
)
def test_lines(tmp_path: Path, line: str, box: list[float]) -> None:
    write(tmp_path, "images/a.jpg", f"\ufeff{line}\n\n")
    folder = load_labelled_folder(tmp_path)
    assert boxes_of(folder)[0] == box
    assert not any("dropped" in finding.kind for finding in folder.findings)


def test_confidences_are_ignored(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", f"{LINE} 0.93\n0 0.5 0.5 0.1 0.1 0.5\n")
    folder = load_labelled_folder(tmp_path)
    assert boxes_of(folder)[0] == BOX
    assert found(folder, "confidences") == (2, f"labels/a.txt:1: {LINE} 0.93")


def test_keypoints_are_no_polygon(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", f"{LINE} 0.1 0.1 2 0.9 0.9 1\n")
    (tmp_path / "data.yaml").write_text("train: images\nkpt_shape: [2, 3]\nnames: [cat, dog]\n")
    assert boxes_of(load_labelled_folder(tmp_path))[0] == BOX


FAULTS = {
    "cat 0.5 0.5 0.1 0.1": "'cat' is no class's number",
    "1 0.5 0.5 0.1": "fewer than five numbers",
    "1,0.5,0.5,0.1,0.1": "commas between the numbers; write spaces",
    "1 0,5 0,5 0,1 0,1": "decimal commas; write points",
    "1 0.5 0.5 0.1 nan": "'nan' is no finite number",
    "1 inf 0.5 0.1 0.1": "'inf' is no finite number",
    "1 0.5 0.5 0.1 0.1x": "'0.1x' is no number",
    "-1 0.5 0.5 0.1 0.1": "'-1' is no class's number",
    "1.5 0.5 0.5 0.1 0.1": "'1.5' is no class's number",
    "1e300 0.5 0.5 0.1 0.1": "1e300 is too high for a class's number",
    "1 .1 .1 .2 .2 .3 .3 .4": "8 numbers are neither",
    "nonsense": "fewer than five numbers",
}


@pytest.mark.parametrize("line", FAULTS)
def test_an_image_with_a_line_that_cannot_be_read_is_left_out(tmp_path: Path, line: str) -> None:
    for number in range(4):
        write(tmp_path, f"images/{number}.jpg")
    (tmp_path / "labels/2.txt").write_text(f"{LINE}\n{line}\n")
    folder = load_labelled_folder(tmp_path)
    assert sorted(names_of(folder.train) + names_of(folder.val)) == ["0.jpg", "1.jpg", "3.jpg"]
    count, example = found(folder, "labels that cannot be read")
    assert count == 1
    assert example.startswith("labels/2.txt:2: ")
    assert FAULTS[line] in example
    assert not [each for each in folder.findings if "negatives" in each.kind]


@pytest.mark.parametrize("line", FAULTS)
def test_when_most_label_files_cannot_be_read_one_is_shown(tmp_path: Path, line: str) -> None:
    for number in range(4):
        write(tmp_path, f"images/{number}.jpg", line if number else LINE)
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
    with pytest.raises(DatasetError, match=r"3 of the 4 label files of .* cannot be read") as caught:
        load_labelled_folder(tmp_path)
    assert FAULTS[line] in str(caught.value)


def test_pixels_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", "0 32 24 10 10\n0 0.5 0.5 0.1 0.1\n0 30 20 10 10\n")
    with pytest.raises(DatasetError, match=r"in pixels \(labels/a\.txt:1: 0 32 24 10 10\)"):
        load_labelled_folder(tmp_path)


def test_one_box_in_pixels_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", f"{LINE}\n{LINE[:-4]}0.5\n0 32 24 10 10\n")
    folder = load_labelled_folder(tmp_path)
    assert len(folder.train.annotations) == 2
    assert found(folder, "outside their image")[0] == 1


def test_class_without_a_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", f"{LINE}\n2 0.5 0.5 0.1 0.1\n")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(
        DatasetError, match=r"labels/a\.txt:2: class 2 has no name; .*classes\.txt has 2 names"
    ):
        load_labelled_folder(tmp_path)


def test_images_without_labels_are_negatives(tmp_path: Path) -> None:
    write_yolo(tmp_path, [Photo(f"{number}.png") for number in range(8)])
    (tmp_path / "labels/3.txt").unlink()
    (tmp_path / "labels/5.txt").write_text("")
    (tmp_path / "labels/5.cache").write_text("")
    folder = load_labelled_folder(tmp_path)
    assert len(folder.train.images) + len(folder.val.images) == 8
    assert found(folder, "kept as negatives") == (2, "images/3.png")


def test_images_elsewhere_are_not_negatives(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg")
    write(tmp_path, "runs/results.png", None)
    assert names_of(load_labelled_folder(tmp_path).train) == ["a.jpg"]


def test_labels_without_an_image(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / "labels/b.txt").write_text(LINE)
    (tmp_path / "labels/classes.txt").write_text("cat\ndog\n")
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == ("cat", "dog")
    assert found(folder, "without an image") == (1, "labels/b.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: images/train\nnames: [cat", "is not YAML"),
        ("a list", "should have the keys train, val and names"),
        ("train: images\nnames: 3", "expected names as a list"),
        ("train: images\nnames: {cat: 0}", "expected names as a list"),
        ("train: photos\nnames: [cat, dog]", r"the train images 'photos' are not there"),
        ("train: images\nval: photos\nnames: [cat, dog]", r"the val images 'photos' are not there"),
        ("train: images\nnames: [cat]", r"a\.txt:1: class 1 has no name"),
    ],
)
def test_wrong_descriptions(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DatasetError, match=message):
        load_labelled_folder(tmp_path)


def test_test_split_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / "data.yaml").write_text("train: images\ntest: far/away\nnames: [cat, dog]")
    assert found(load_labelled_folder(tmp_path), "test splits") == (1, "data.yaml: far/away")


def test_listed_image_that_is_not_there(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path, f"images/{number}.jpg")
    (tmp_path / "data.yaml").write_text("train: train.txt\nnames: [cat, dog]")
    (tmp_path / "train.txt").write_text("".join(f"images/{number}.jpg\n" for number in range(5)))
    folder = load_labelled_folder(tmp_path)
    assert len(folder.train.images) + len(folder.val.images) == 4
    assert "4.jpg" in found(folder, "cannot be read")[1]
