"""Pascal VOC in the layouts and states in which people have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.data.raw_labels import relative_name
from tests.conftest import SHARED
from tests.data.labelled import Photo, found, names_of, write_image, write_voc, write_xml, xml_object

CAT = xml_object("cat", 1, 2, 30, 40)


def load(root: Path) -> LabelledFolder:
    """The folder, which must hold everything it has in train and val."""
    return load_labelled_folder(root)


def boxes_of(folder: LabelledFolder) -> list[list[float]]:
    return [annotation["bbox"] for part in (folder.train, folder.val) for annotation in part.annotations]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("JPEGImages", "Annotations"),
        ("images", "annotations"),
        ("", ""),
        ("photos", "labels/voc/xmls"),
        ("VOCdevkit/VOC2012/JPEGImages", "VOCdevkit/VOC2012/Annotations"),
    ],
)
def test_layouts(tmp_path: Path, images: str, labels: str) -> None:
    for number in range(5):
        write_image(tmp_path / images / f"{number}.jpg", look=number)
        write_xml(tmp_path / labels / f"{number}.xml", CAT, f"{number}.jpg")
    folder = load(tmp_path)
    assert folder.format == "Pascal VOC"
    assert (len(folder.train.images), len(folder.val.images)) == (4, 1)
    assert {image.path.parent for image in folder.train.images} == {tmp_path / images}
    assert boxes_of(folder) == [[1, 2, 29, 38]] * 5
    assert folder.findings == ()


def test_folders_as_roboflow_exports_them(tmp_path: Path) -> None:
    for split, count in (("train", 5), ("valid", 3), ("test", 2)):
        for number in range(count):
            write_image(tmp_path / split / f"{split}{number}.jpg", look=f"{split}{number}")
            write_xml(tmp_path / split / f"{split}{number}.xml", CAT, f"{split}{number}.jpg")
    folder = load(tmp_path)
    assert (
        folder.split_note == "split as given: folders train (5) and valid (3); test (2) is kept for the end"
    )
    assert names_of(folder.test) == ["test0.jpg", "test1.jpg"]


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        ("{}", "\n"),
        ("{}.jpg", "\r\n"),
        ("JPEGImages/{}.jpg", "\n"),
        ("/home/someone/data/JPEGImages/{}.png", "\n"),
        ("C:\\data\\{}.jpg", "\r\n"),
        ("./{}  ", "\n\n"),
    ],
)
def test_list_files(tmp_path: Path, line: str, ending: str) -> None:
    stems = [f"my photo #{number}=é" for number in range(6)]
    write_voc(tmp_path, [Photo(f"{stem}.jpg") for stem in stems])
    for split, part in (("train", stems[:4]), ("val", [*stems[4:], stems[5]])):
        text = "".join(line.format(stem) + ending for stem in part)
        (tmp_path / f"{split}.txt").write_bytes(text.encode("utf-8-sig"))
    folder = load(tmp_path)
    assert folder.split_note == "split as given: list files train (4) and val (2)"
    assert names_of(folder.train) == [f"{stem}.jpg" for stem in stems[:4]]
    assert found(folder, "listed twice") == (1, f"JPEGImages/{stems[5]}.jpg in val")


def test_list_files_with_an_image_that_is_not_there(tmp_path: Path) -> None:
    write_voc(tmp_path, [Photo(f"{number}.jpg", split="train" if number else "val") for number in range(4)])
    with (tmp_path / "ImageSets/Main/train.txt").open("a") as file:
        file.write("\nabsent\n")
    assert found(load(tmp_path), "listed images") == (1, "ImageSets/Main/train.txt:5: absent")


def test_image_sets_win_over_other_lists(tmp_path: Path) -> None:
    write_voc(tmp_path, [Photo(f"{number}.jpg", split="train" if number else "val") for number in range(4)])
    (tmp_path / "train.txt").write_text("0\n")
    (tmp_path / "ImageSets/Main/cat_train.txt").write_text("0 -1\n")
    assert names_of(load(tmp_path).train) == ["1.jpg", "2.jpg", "3.jpg"]


@pytest.mark.parametrize(
    ("image", "filename"),
    [
        ("A.JPG", "a.jpg"),
        ("a.Jpeg", "a.jpg"),
        ("a.png", "a.jpg"),
        ("a.jpg", "a"),
        ("a.jpg", ""),
        ("a.jpg", "another name.jpg"),
        ("a.jpg", "C:\\photos\\a.jpg"),
        ("photo.v2.jpg", "photo.v2"),
        ("b & c <1>.jpg", "b & c <1>.jpg"),
    ],
)
def test_image_is_found(tmp_path: Path, image: str, filename: str) -> None:
    path = write_image(tmp_path / "images" / image)
    write_image(tmp_path / "images/photo.jpg", look=1)
    write_xml(tmp_path / "labels/a.xml", CAT, filename)
    assert [found.path for found in load(tmp_path).train.images] == [path]


def test_the_nearest_of_several_images_is_meant(tmp_path: Path) -> None:
    for year in ("2007", "2012"):
        write_voc(tmp_path / year, [Photo(f"{number}.jpg", look=int(year) + number) for number in range(3)])
    folder = load(tmp_path)
    parts = (folder.train, folder.val)
    names = sorted(relative_name(image.path, tmp_path) for part in parts for image in part.images)
    assert names == [f"{year}/JPEGImages/{number}.jpg" for year in ("2007", "2012") for number in range(3)]
    assert folder.findings == ()


def test_size_is_that_of_the_image(tmp_path: Path) -> None:
    for number, size_wh in enumerate([None, (64, 48), (640, 480), (48, 64), (0, 0)]):
        write_image(tmp_path / f"{number}.png", look=number)
        write_xml(tmp_path / f"{number}.xml", CAT, f"{number}.png", size_wh)
    folder = load(tmp_path)
    images = folder.train.images + folder.val.images
    assert {image.size_wh for image in images} == {(64, 48)}
    assert found(folder, "resized") == (1, "2.png: 640 x 480 in the labels, 64 x 48 in the file")
    # Whether the picture was turned or only its size was written the wrong way round cannot be known.
    assert found(folder, "fits neither") == (1, "3.png: 48 x 64 in the labels, 64 x 48 in the file")
    assert "3.png" not in names_of(folder.train) + names_of(folder.val)


def test_coordinates_are_not_shifted_and_may_be_fractions(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    write_xml(tmp_path / "a.xml", xml_object("cat", 0, " 1.5 ", "20.25", 48), "a.png")
    assert boxes_of(load(tmp_path))[0] == [0, 1.5, 20.25, 46.5]


def test_difficult_objects_are_not_counted(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    more = "<difficult>1</difficult><part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    write_xml(tmp_path / "a.xml", CAT + xml_object("dog", 1, 1, 9, 9, more=more), "a.png")
    folder = load(tmp_path)
    assert [annotation["iscrowd"] for annotation in folder.train.annotations] == [0, 1]
    assert folder.classes == ("cat", "dog")


def test_objects_without_name_or_box(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    faults = [
        xml_object("", 1, 1, 9, 9),
        "<object><name>cat</name></object>",
        "<object><bndbox/></object>",
        xml_object("cat", 1, 1, "nan", 9),
        xml_object("cat", 1, 1, "wide", 9),
        xml_object("cat", 1, 1, "", 9),
    ]
    write_xml(tmp_path / "a.xml", "".join(faults) + CAT, "a.png")
    folder = load(tmp_path)
    assert boxes_of(folder)[0] == [1, 2, 29, 38]
    assert len(folder.train.annotations) == 1
    assert found(folder, "without a name or a box") == (6, "a.xml:1, object 1: no name")


def test_class_names_that_differ_in_spelling(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    names = ["Stop_Sign", "stop sign", "stop sign", "dog", "STOP SIGN "]
    write_xml(tmp_path / "a.xml", "".join(xml_object(n, i, 1, 30, 30) for i, n in enumerate(names)), "a.png")
    folder = load(tmp_path)
    assert folder.classes == ("dog", "stop sign")
    assert [annotation["category_id"] for annotation in folder.train.annotations] == [2, 2, 2, 1, 2]
    assert found(folder, "differ only in case")[0] == 2


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    write_voc(tmp_path, [Photo(f"{number}.jpg") for number in range(5)])
    (tmp_path / "Annotations/broken.xml").write_text("<annotation><object>")
    (tmp_path / "Annotations/binary.xml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "Annotations/other.xml").write_text("<project/>")
    write_xml(tmp_path / "Annotations/no image.xml", CAT, "no image.jpg")
    write_image(tmp_path / "JPEGImages/no label.jpg")
    folder = load(tmp_path)
    assert len(folder.train.images) + len(folder.val.images) == 5
    assert found(folder, "not XML")[0] == 2
    assert found(folder, "not XML")[1].startswith("Annotations/binary.xml: ")
    assert found(folder, "image is missing") == (1, "Annotations/no image.xml: no image.jpg")
    assert found(folder, "without a label file") == (1, "JPEGImages/no label.jpg")


def test_two_label_files_for_one_image(tmp_path: Path) -> None:
    write_voc(tmp_path, [Photo("a.jpg"), Photo("b.jpg")])
    write_xml(tmp_path / "Annotations/b again.xml", CAT, "b.jpg")
    folder = load(tmp_path)
    count, example = found(folder, "described in two ways, left out")
    assert count == 1
    assert example.startswith("JPEGImages/b.jpg (Annotations/b")
    assert boxes_of(folder)[0] == [10, 10, 30, 30]


def test_blood_cells() -> None:
    root = SHARED / "data/bccd"
    if not root.exists():
        pytest.skip("the blood cells are not here")
    folder = load_labelled_folder(root)
    assert folder.classes == ("Platelets", "RBC", "WBC")
    assert folder.split_note == (
        "split as given: ImageSets/Main train (205) and val (87); test (72) is kept for the end"
    )
    assert [(finding.kind, finding.count) for finding in folder.findings] == [
        ("boxes without area, dropped", 2)
    ]
