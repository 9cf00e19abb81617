"""Which files of a YOLO folder belong together, and in what form they may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder
from detector.errors import DatasetError
from tests.data.labelled import found, names_of, write_image
from tests.data.readers.yolo_folder import BOX, CLASSES, LINE, boxes_of, count_classes, rows, said, write


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
    (tmp_path / "images/b.JXL").write_bytes(b"\xff\x0a")
    folder = load_labelled_folder(tmp_path)
    assert found(folder, "format that is not read (.jxl; convert them)") == (1, "images/b.JXL")


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
        write(tmp_path, f"images/{each}/{each}.{'jxl' if each == split else 'jpg'}")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    with pytest.raises(DatasetError, match=rf"{split} has no image; expected \.jpg.*such as {split}\.jxl"):
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
