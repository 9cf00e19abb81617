"""``ssdlite data check``: what it says, and the picture."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.checks.statistics import SIZE_BINS, count_objects
from detector.commands.cli import main
from detector.data.contact_sheet import choose_images
from detector.data.folder import load_labelled_folder
from detector.system.terminal import printable
from detector.training.run_folder import fingerprint
from tests.data.labelled import Photo, write_coco, write_voc, write_yolo


def check(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = 0
    try:
        main(["data", "check", *map(str, arguments)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large, small = ("cat", 0, 0, 40, 40), ("dog", 1, 1, 4, 4)
    photos = [Photo(f"{n}.png", [large, small], "train") for n in range(6)]
    photos += [Photo("v.png", [large], "val"), Photo("n.png", [], "val"), Photo("t.png", [large], "test")]
    output = tmp_path / "out"
    code, out, _ = check(capsys, write_voc(tmp_path / "set", photos), "--output", output)
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == f"{tmp_path / 'set'}: Pascal VOC, 2 classes"
    assert lines[1].startswith("Split as given: ImageSets/Main train (6) and val (2); test (1)")
    assert "train 6 images 12 objects, 0 without objects" in lines
    assert "val 2 images 1 object, 1 without objects" in lines
    assert "dog 6 0 ##############################" in lines
    # 40 x 40 of 64 x 48 is 217 pixels at 300 x 300; 3 x 3 is 16.
    assert "128 to 256 6 1 ##############################" in lines
    assert "under 20 6 0 ############################## too small for the anchors" in lines
    assert "1 image without objects, kept as negatives" in lines
    assert "JPEGImages/n.png" in lines
    assert "Warning" not in out
    assert lines[-1] == f"Next: ssdlite train {tmp_path / 'set'}"
    picture = cv2.imread(str(output / "labelled.jpg"))
    assert picture.shape == (2 * (28 + 480), 2560, 3)
    assert all(picture[row * 508 : row * 508 + 28].max() > 200 for row in range(2))  # names of files


@pytest.mark.parametrize("place", ["the folder", "an image", "a class"])
@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\x9b31mb", "a\u202eb", "a\rb", "a\nb"])
def test_names_are_shown_and_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, place: str
) -> None:
    stem = name if place == "an image" else "x"
    photos = [Photo(f"{stem}{number}.png", [("cat", 0, 0, 40, 40)], "train") for number in range(6)]
    root = write_coco(tmp_path / (name if place == "the folder" else "set"), photos)
    (root / "train" / photos[0].name).write_bytes(b"no image")  # its name is in a finding
    if place == "a class":
        (path,) = root.glob("annotations/*")
        path.write_text(path.read_text().replace('"cat"', json.dumps(name)))
    code, out, err = check(capsys, root, "--output", tmp_path / "out")
    assert code == 0, err
    assert all(character.isprintable() or character == "\n" for character in out + err)
    if place == "an image":  # of folders line breaks stay, of classes all of it is tidied when they are read
        assert printable(name) in out


def test_names_that_are_no_utf8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [os.fsdecode(b"\xff%d \xe9.png" % number) for number in range(6)]
    photos = [Photo(name, [("cat", 0, 0, 40, 40)], look=number) for number, name in enumerate(names)]
    root = write_yolo(tmp_path / "set", photos)
    code, out, err = check(capsys, root, "--output", tmp_path / "out", "--fix", tmp_path / "fixed")
    assert code == 0, err
    assert "_0 _.png" in out  # the name of the copy
    folder, copy = load_labelled_folder(root), load_labelled_folder(tmp_path / "fixed")
    assert len(folder.train.images) == len(copy.train.images) == 5
    assert len(fingerprint(folder.train, folder.val)) == 64


def test_warning_of_small_objects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = [("cat", 1, 1, 4, 4), ("cat", 5, 5, 8, 8), ("cat", 0, 0, 40, 40)]
    root = write_voc(tmp_path / "set", [Photo(f"{n}.png", objects) for n in range(5)])
    _, out, _ = check(capsys, root, "--output", tmp_path / "out")
    assert "Warning: 8 of 12 objects are under 20 pixels at 300 x 300" in out
    _, out, _ = check(capsys, root, "--output", tmp_path / "out", "--input-size", 640)
    assert "Warning" not in out
    assert "Nothing is wrong with the labels." in out


def test_splits_are_passed_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [Photo(f"{n}.png", split="train" if n % 2 else "val") for n in range(10)]
    root = write_voc(tmp_path / "set", photos)
    _, out, _ = check(capsys, root, "--train", "val", "--val", "train", "--output", tmp_path / "out")
    assert "ImageSets/Main val (5) and train (5)." in out
    assert out.endswith(f"Next: ssdlite train {root} --train val --val train\n")


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capsys, tmp_path / "absent", "--output", tmp_path / "out")
    assert (code, out, err) == (2, "", f"Error: There is no dataset {tmp_path / 'absent'}.\n")
    (tmp_path / "file").touch()
    root = write_voc(tmp_path / "set", [Photo("a.png")])
    code, out, err = check(capsys, root, "--output", tmp_path / "file" / "out")
    assert (code, out) == (2, "")
    assert err.startswith("Error: Cannot write ")


def test_sizes_and_counts(tmp_path: Path) -> None:
    # In an image of 300 x 150, a box of w x h has the side sqrt(w * 2 h) at 300 x 300.
    sides = [10, 19.9, 20.1, 31, 33, 65, 129, 257]
    objects = [("cat", 0.0, 0.0, side, side / 2) for side in sides]
    root = write_yolo(tmp_path, [Photo("a.png", objects, size_wh=(300, 150)), Photo("b.png", [], "")])
    statistics = count_objects(load_labelled_folder(root, train="train", val="train").train, 300)
    assert statistics.by_size == (2, 2, 1, 1, 1, 1)
    assert len(SIZE_BINS) == 6
    assert (statistics.images, statistics.negatives, statistics.objects) == (2, 1, 8)
    assert dict(statistics.by_class) == {1: 8}


def test_picture_shows_every_class(tmp_path: Path) -> None:
    photos = [Photo(f"{n}.png") for n in range(60)]
    photos += [
        Photo("dog.png", [("dog", 1, 1, 20, 20)]),
        Photo("light.png", [("traffic light", 1, 1, 20, 20)]),
    ]
    dataset = load_labelled_folder(write_yolo(tmp_path, photos)).train
    chosen = choose_images(dataset)
    assert len(chosen) == len(set(chosen)) == 12
    assert {"dog.png", "light.png"} <= {image.path.name for image in chosen}
    assert chosen == choose_images(dataset)


def test_boxes_are_drawn_where_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_voc(tmp_path / "set", [Photo("a.png", [("cat", 16, 12, 48, 36)])])
    cv2.imwrite(str(root / "JPEGImages/a.png"), np.full((48, 64, 3), 128, np.uint8))
    check(capsys, root, "--output", tmp_path / "out")
    # The image is 635 x 476 in a cell of 640 x 480.
    picture = cv2.imread(str(tmp_path / "out/labelled.jpg"))[30:506, 2:637].astype(int)
    rows, columns = np.nonzero(np.abs(picture - 128).max(axis=2) > 60)
    assert abs(columns.min() - 16 * 635 / 64) < 4
    assert abs(columns.max() - 48 * 635 / 64) < 4
    assert abs(rows.max() - 36 * 476 / 48) < 4
