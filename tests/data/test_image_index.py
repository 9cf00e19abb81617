"""Which picture a label means: the one that fits all that it says, and none where two fit equally."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.image_index import ImageIndex
from detector.data.split_names import role_in, role_of


@pytest.mark.parametrize(
    ("files", "near", "text", "expected"),
    [
        pytest.param("a/x.png b/x.png", "a/x.xml", "x.png", "a/x.png", id="its own folder"),
        pytest.param("x.png backup/x.png", "x.xml", "x.png", "x.png", id="beside it, not below"),
        pytest.param(
            "images/x.png masks/x.png", "labels/x.xml", "x.png", "images/x.png", id="customary folder"
        ),
        pytest.param("one/x.png two/x.png", "labels/x.xml", "x.png", "one/x.png two/x.png", id="equal"),
        pytest.param("i/u/x.png i/v/x.png", "l/v/x.xml", "x.png", "i/v/x.png", id="folders side by side"),
        pytest.param("a/x.png b/x.png", "l.json", "b/x.png", "b/x.png", id="folder in the text"),
        pytest.param("a/x.png b/x.png", "l.json", "C:\\pics\\b\\X.PNG", "b/x.png", id="of another machine"),
        pytest.param("a/x.png b/y.png", "l.json", "b/x.png", "", id="not in the folder that is named"),
        pytest.param("a/x.png", "l.json", "/home/me/pics/x.png", "a/x.png", id="folder that is not there"),
        pytest.param("val/x.png", "train/x.xml", "x.png", "", id="not of another split"),
        pytest.param("val/x.png", "trainval/x.xml", "x.png", "val/x.png", id="trainval has both"),
        pytest.param("x.bmp", "l.json", "x.jpg", "x.bmp", id="converted since"),
        pytest.param("x.png x.jpg", "l.json", "x.jpg", "x.jpg", id="the suffix decides"),
        pytest.param("x.png x.jpg", "l.json", "x", "x.png x.jpg", id="no suffix to decide"),
        pytest.param("x.jpg X.jpg", "l.json", "X.jpg", "X.jpg", id="the case decides"),
        pytest.param("a.b.jpg", "l.json", "a.b", "a.b.jpg", id="a stem with a dot"),
        pytest.param("x.jpg", "l.json", "0a1b2c3d-x.jpg", "x.jpg", id="prefix of an upload"),
        pytest.param(
            "x.jpg", "l.json", "https://h/d/x.jpg?sig=ab/cd&y=1", "x.jpg", id="address with a query"
        ),
        pytest.param("a b.jpg", "l.json", "s3://bucket/p/a%20b.jpg", "a b.jpg", id="address with escapes"),
        pytest.param("x.jpg y.jpg", "l.json", "/data/local-files/?d=p/y.jpg", "y.jpg", id="local file"),
        pytest.param(
            "x.jpg ü/x.jpg", "l.json", "/data/local-files/?d=%C3%BC/x.jpg", "ü/x.jpg", id="its folder"
        ),
        pytest.param(
            "x.jpg ü/y.jpg", "l.json", "/data/local-files/?d=%C3%BC/x.jpg", "", id="not in its folder"
        ),
        pytest.param("x.jpg ü/x.jpg", "l.json", "s3://b/%C3%BC/x.jpg", "ü/x.jpg", id="escapes in a folder"),
        pytest.param("x.jpg ü/y.jpg", "l.json", "s3://b/%C3%BC/x.jpg", "", id="not in that folder"),
        pytest.param("x.jpg %C3/x.jpg", "l.json", "%C3/x.jpg", "%C3/x.jpg", id="a folder like escapes"),
        pytest.param("x?y=1.jpg", "l.json", "x?y=1.jpg", "x?y=1.jpg", id="a name like a query"),
        pytest.param("x.jpg", "l.json", "http://[", "", id="no address"),
        pytest.param("x.jpg", "l.json", "..", "", id="no name"),
    ],
)
def test_find(tmp_path: Path, files: str, near: str, text: str, expected: str) -> None:
    names = [files] if files == "a b.jpg" else files.split()
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(str(number))
    index = ImageIndex([tmp_path / name for name in names], tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in index.find(text, tmp_path / near)]
    assert found == ([expected] if expected in names else expected.split())


def test_hints(tmp_path: Path) -> None:
    paths = [tmp_path / "Train/x.png", tmp_path / "cam/x.png"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.parent.name)
    index = ImageIndex(paths, tmp_path)
    near = tmp_path / "annotations.xml"
    assert index.find("x.png", near) == paths
    assert index.find("x.png", near, hints=("Cam",)) == paths[1:]
    assert index.find("x.png", near, role="train", hints=("train",)) == paths[:1]
    assert ImageIndex(paths[1:], tmp_path).find("x.png", near, hints=("other",)) == paths[1:]
    # A subset that has a folder has its pictures there.
    assert ImageIndex([paths[0], tmp_path / "cam/y.png"], tmp_path).find("x.png", near, hints=("cam",)) == []


def test_the_same_file_twice_is_no_question(tmp_path: Path) -> None:
    paths = [tmp_path / "one/x.png", tmp_path / "two/x.png"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"same")
    assert ImageIndex(paths, tmp_path).find("x.png", tmp_path / "x.txt") == paths[:1]


@pytest.mark.parametrize(
    ("name", "role"),
    [("train", "train"), ("Valid", "val"), ("val2017", "val"), ("training_2", "train"), ("test-dev", None),
     ("trainval", "trainval"), ("images", None), ("testing", "test"), ("trains", None)],
)  # fmt: skip
def test_roles(name: str, role: str | None) -> None:
    assert role_of(name) == role


@pytest.mark.parametrize(
    ("name", "role"),
    [("custom_val", "val"), ("petsTrain2", "train"), ("instances_Validation", "val"),
     ("train-labels", "train"),
     ("train_val", "trainval"), ("my.test.set", "test"), ("trainer", None), ("evaluation", None),
     ("train_or_test", None), ("interval", None), ("COCOTrain", "train"), ("data", None)],
)  # fmt: skip
def test_roles_within_names(name: str, role: str | None) -> None:
    assert role_in(name) == role


# Pictures may be called alike: one whose folder is named is meant, unless others that named as much of it
# were taken from elsewhere.
@pytest.mark.parametrize(
    ("files", "texts", "doubtful"),
    [
        ("x.png a/x.png", "x.png a/x.png", [False, False]),
        ("images/a/x.png thumbs/a/x.png thumbs/a/y.png", "a/x.png a/y.png", [False, True]),
        ("images/x.png thumbs/x.png thumbs/y.png", "x.png y.png", [False, True]),
    ],
)
def test_doubtful(tmp_path: Path, files: str, texts: str, doubtful: list[bool]) -> None:
    paths = [tmp_path / name for name in files.split()]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))
    index, near = ImageIndex(paths, tmp_path), tmp_path / "l.json"
    found = [image for text in texts.split() for image in index.find(text, near)]
    assert [index.is_doubtful(image, near) for image in found] == doubtful
