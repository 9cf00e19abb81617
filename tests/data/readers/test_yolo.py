"""YOLO in the layouts and states in which people have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.folder import LabelledFolder, load_labelled_folder, load_split
from detector.errors import DatasetError
from tests.data.labelled import Photo, found, names_of, write_image, write_yolo

CLASSES = ("cat", "dog")

LINE = "1 0.5 0.5 0.5 0.25"
BOX = [16, 18, 32, 12]  # of LINE in 64 x 48


def write(root: Path, image: str, text: str | None = LINE, label: str | None = None) -> Path:
    """An image and its label file: in labels/ if the image is in images/, or beside it."""
    path = write_image(root / image, look=image)
    if text is not None:
        folder = label if label is not None else Path(image).parent.as_posix().replace("images", "labels")
        target = root / folder / f"{path.stem}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return path


def boxes_of(folder: LabelledFolder) -> list[list[float]]:
    return [annotation["bbox"] for part in (folder.train, folder.val) for annotation in part.annotations]


def write_splits(root: Path, pattern: str, splits: tuple[str, ...] = ("train", "valid", "test")) -> None:
    for number, split in enumerate(splits):
        for image in range(4 - number):
            write(root, pattern.format(split=split, image=f"{split}{image}.jpg"))


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


def count_classes(folder: LabelledFolder) -> dict[str, int]:
    """How many objects each class has."""
    labels = [
        annotation["category_id"] for part in (folder.train, folder.val) for annotation in part.annotations
    ]
    return {name: labels.count(number) for number, name in enumerate(folder.classes, start=1)}


def said(folder: LabelledFolder) -> list[str]:
    return [finding.kind for finding in folder.findings if "negatives" not in finding.kind]


def rows(*labels: int) -> str:
    return "".join(f"{label} 0.{number + 2} 0.5 0.2 0.3\n" for number, label in enumerate(labels))


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


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/a.jpg", "labels/a.TXT"),
        ("images/a.jpg", "Labels/a.txt"),
        ("IMAGES/a.JPG", "LABELS/A.Txt"),
        ("images/train/a.jpg", "labels/Train/a.txt"),
        ("images/a.jpg", "labels/a.jpg.txt"),
        ("a.jpg", "a.jpg.TXT"),
        ("JPEGImages/a.jpg", "labels/a.txt"),
        ("images/caf\u00e9.jpg", "labels/cafe\u0301.txt"),
        ("images/a.tif", "labels/a.txt"),
        ("images/a.tiff", "labels/a.tiff.txt"),
        ("images/a.ppm", "labels/a.txt"),
    ],
)
def test_label_files_are_found(tmp_path: Path, image: str, label: str) -> None:
    write_image(tmp_path / image)
    (tmp_path / label).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / label).write_text(LINE)
    assert boxes_of(load_labelled_folder(tmp_path))[0] == BOX


def test_images_that_share_a_label_file_are_left_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "b.jpg", "b.png", "c.jpg"):
        write(tmp_path, f"images/{name}")
    (tmp_path / "labels/b.png.txt").write_text(LINE)
    folder = load_labelled_folder(tmp_path)
    assert sorted(names_of(folder.train) + names_of(folder.val)) == ["b.jpg", "b.png", "c.jpg"]
    assert found(folder, "share a label file") == (2, "images/a.jpg: labels/a.txt")


def test_an_image_is_no_background_where_label_files_have_no_image(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, f"images/{number}.jpg")
    write(tmp_path, "images/im_4.jpg", None)
    (tmp_path / "labels/im4.txt").write_text(LINE)
    folder = load_labelled_folder(tmp_path)
    assert "im_4.jpg" not in names_of(folder.train) + names_of(folder.val)
    assert found(folder, "where label files have no image") == (1, "images/im_4.jpg")
    assert found(folder, "label files without an image") == (1, "labels/im4.txt")


def test_images_that_are_not_read_are_named(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / "images/b.heic").write_bytes(b"\0\0\0\x18ftypheic")
    assert found(load_labelled_folder(tmp_path), "format that is not read (.heic)") == (1, "images/b.heic")


@pytest.mark.parametrize("label", ["labels/deep/b.txt", "b.txt"])
def test_an_image_is_no_background_where_a_label_file_elsewhere_has_its_name(
    tmp_path: Path, label: str
) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path, f"images/{name}.jpg", None if name == "b" else LINE)
    (tmp_path / label).parent.mkdir(exist_ok=True)
    (tmp_path / label).write_text(LINE)
    folder = load_labelled_folder(tmp_path)
    assert sorted(names_of(folder.train) + names_of(folder.val)) == ["a.jpg", "c.jpg"]
    assert found(folder, "where label files have no image") == (1, "images/b.jpg")


def test_a_description_may_name_places_from_the_root_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("train", "val"):
        for number in range(2):
            write(tmp_path, f"set/images/{split}/{split}{number}.jpg", rows(0, 1))
    text = f"path: {tmp_path}/set\ntrain: images/train\nval: {tmp_path}/set/x/../images/val\n"
    (tmp_path / "set/data.yaml").write_text(text)
    (tmp_path / "set/classes.txt").write_text("cat\ndog\n")
    (tmp_path / "set/x").mkdir()
    (tmp_path / "set/x/classes.txt").write_text("dog\ncat\n")
    monkeypatch.chdir(tmp_path)
    folder = load_labelled_folder(Path("set"))
    assert count_classes(folder) == {"cat": 4, "dog": 4}
    assert said(folder) == []


def test_a_broken_description_besides_data_yaml_is_only_named(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
    (tmp_path / "old.yaml").write_text("train: /gone\nnames: [cat]\n")
    assert found(load_labelled_folder(tmp_path), "descriptions besides") == (1, "old.yaml")


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_an_image_is_refused(tmp_path: Path, split: str) -> None:
    for each in ("train", "val"):
        write(tmp_path, f"images/{each}/{each}.{'heic' if each == split else 'jpg'}")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    with pytest.raises(DatasetError, match=rf"{split} has no image; expected \.jpg.*such as {split}\.heic"):
        load_labelled_folder(tmp_path)


def test_images_that_no_split_names_are_counted(tmp_path: Path) -> None:
    for split in ("train", "extra"):
        for number in range(2):
            write(tmp_path, f"images/{split}/{split}{number}.jpg")
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [cat, dog]\n")
    assert found(load_labelled_folder(tmp_path), "no split names") == (2, "images/extra/extra0.jpg")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_file_may_be_in_any_form_of_unicode(tmp_path: Path, encoding: str) -> None:
    for number in range(4):
        write(tmp_path, f"images/{number}.jpg")
        (tmp_path / f"labels/{number}.txt").write_text(LINE, encoding=encoding)
    (tmp_path / "classes.txt").write_text("cat\r\ndog\r\n", encoding=encoding)
    (tmp_path / "train.txt").write_text("images/0.jpg\r\nimages/1.jpg\r\n", encoding=encoding)
    (tmp_path / "val.txt").write_text("images/2.jpg\r\nimages/3.jpg\r\n", encoding=encoding)
    for description in (False, True):
        if description:
            text = "train: train.txt\nval: val.txt\nnames: [cat, dog]\n"
            (tmp_path / "data.yaml").write_text(text, encoding=encoding)
        folder = load_labelled_folder(tmp_path)
        assert (folder.classes, boxes_of(folder)) == (CLASSES, [BOX] * 4)
        assert (len(folder.train.images), len(folder.val.images)) == (2, 2)


def test_a_label_file_in_another_encoding_is_left_out(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path, f"images/{number}.jpg")
    (tmp_path / "labels/1.txt").write_bytes(f"{LINE}\n# caf\xe9".encode("latin-1"))
    folder = load_labelled_folder(tmp_path)
    assert "1.txt is not stored as UTF-8" in found(folder, "labels that cannot be read")[1]


@pytest.mark.parametrize("place", ["D:\\work\\pets\\{}.txt", "/home/me/{}.txt", "..\\..\\{}.txt", "C:{}.txt"])
@pytest.mark.parametrize("line", ["D:\\work\\pets\\images\\{}.jpg", "E:\\{}.jpg", "/mnt/x/y/{}.jpg"])
def test_lists_of_another_machine(tmp_path: Path, place: str, line: str) -> None:
    for number in range(4):
        write(tmp_path, f"images/{number}.jpg")
    for name, numbers in (("train", (0, 1)), ("val", (2, 3))):
        (tmp_path / f"{name}.txt").write_text("\r\n".join(line.format(number) for number in numbers))
    text = f"train: {place.format('train')}\nval: {place.format('val')}\nnames: [cat, dog]\n".replace(
        "C:", "C:\\"
    )
    (tmp_path / "data.yaml").write_text(text)
    folder = load_labelled_folder(tmp_path)
    assert (names_of(folder.train), names_of(folder.val)) == (["0.jpg", "1.jpg"], ["2.jpg", "3.jpg"])


def test_a_listed_name_that_two_images_have_is_left_out(tmp_path: Path) -> None:
    for place in ("one/a", "two/a", "one/b"):
        write(tmp_path, f"{place}.jpg")
    (tmp_path / "list.txt").write_text("E:\\a.jpg\nE:\\b.jpg\n")
    (tmp_path / "data.yaml").write_text("train: list.txt\nnames: [cat, dog]\n")
    folder = load_labelled_folder(tmp_path)
    assert names_of(folder.train) == ["b.jpg"]
    assert found(folder, "several files fit")[0] == 1


@pytest.mark.parametrize("number", ["256", "3000000", "1000000000", "1e300", "9" * 400])
def test_class_numbers_are_bounded(tmp_path: Path, number: str) -> None:
    for each in range(4):
        write(tmp_path, f"images/{each}.jpg", LINE + (f"\n{number} .5 .5 .2 .2" if each == 1 else ""))
    folder = load_labelled_folder(tmp_path)
    assert folder.classes == ("class_0", "class_1")
    assert (
        "too high" in found(folder, "labels that cannot be read")[1] or "finite" in folder.findings[0].example
    )
    assert len(folder.train.images) + len(folder.val.images) == 3


def test_aliases_that_grow_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg")
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (tmp_path / "data.yaml").write_text("\n".join([*lines, "train: images", "names: *a9"]))
    with pytest.raises(DatasetError, match="aliases"):
        load_labelled_folder(tmp_path)
