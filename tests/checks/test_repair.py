"""``ssdlite data check --fix``: faults are put into sound datasets, named, and gone from the copy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycocotools.mask
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps as PillowImageOps
from pycocotools.coco import COCO

from detector.checks.repair import _safe_names, write_repaired
from detector.checks.review import review_labels
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.data.readers.json_lines import JsonLines
from detector.errors import DatasetError
from detector.images import SUFFIXES, exif_orientation, load_image
from tests.commands.test_check import check
from tests.data.labelled import CLASSES, WRITERS, Photo, found, names_of, write_coco, write_voc, write_yolo

OBJECTS = (
    ("cat", 10.0, 12.0, 40.0, 36.0),
    ("dog", 30.0, 6.0, 60.0, 42.0),
    ("traffic light", 4.0, 4.0, 20.0, 40.0),
)
PHOTOS = [Photo(f"{n}.png", OBJECTS, "val" if n > 5 else "train") for n in range(8)]
TRUE_BOXES = [[10, 12, 30, 24], [30, 6, 30, 36], [4, 4, 16, 36]]


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def boxes_of(folder: LabelledFolder) -> list[list[float]]:
    return sorted({tuple(map(round, each["bbox"])) for each in folder.train.annotations})  # type: ignore[type-var]


class Fixed:
    """A dataset after ``data check --fix``: what was printed, the list of findings, and the copy."""

    def __init__(
        self, root: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[object] = ()
    ) -> None:
        before = digests(root)
        target = root.parent / "fixed"
        output = root.parent / "out"
        self.code, self.out, self.err = check(capsys, root, "--fix", target, "--output", output, *arguments)
        assert self.code == 0, self.err
        assert digests(root) == before
        self.findings: dict[str, list[str]] = {
            entry["kind"]: entry["places"] for entry in json.loads((target / "findings.json").read_text())
        }
        self.copy = load_labelled_folder(target)
        assert not self.copy.refusals
        self.target = target

    def places(self, words: str) -> list[str]:
        """The places of the one kind of finding that has these words."""
        (places,) = [places for kind, places in self.findings.items() if words in kind]
        return places


def is_whole(fixed: Fixed) -> None:
    assert boxes_of(fixed.copy) == sorted(tuple(box) for box in TRUE_BOXES)
    assert len(fixed.copy.train.annotations) == 18
    assert fixed.copy.classes == CLASSES


def change_coco(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    for path in (root / "annotations").glob("*.json"):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content, indent=1))


@pytest.mark.parametrize("format_", WRITERS)
def test_a_sound_dataset_stays_as_it_is(
    format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = Fixed(WRITERS[format_](tmp_path / "set", PHOTOS), capsys)
    is_whole(fixed)
    assert fixed.findings == {}
    assert names_of(fixed.copy.train) == [f"{n}.png" for n in range(6)]
    assert names_of(fixed.copy.val) == ["6.png", "7.png"]
    for image in fixed.copy.train.images + fixed.copy.val.images:
        assert image.path.is_relative_to(fixed.target)
        (original,) = (tmp_path / "set").rglob(image.path.name)
        assert image.path.read_bytes() == original.read_bytes()
        assert not image.path.samefile(original)  # no link: a change to the copy stays there
    assert f"Next: ssdlite train {fixed.target}" in fixed.out


def test_shifted_ids_of_coco(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", PHOTOS)

    def shift(content: dict[str, Any]) -> None:
        content["categories"] = [{"id": n, "name": name} for n, name in enumerate(CLASSES, start=1)]
        for number, entry in enumerate(content["annotations"]):
            entry["category_id"] = number % 3

    change_coco(root, shift)
    with pytest.raises(DatasetError, match="category ids 0 to 2, the categories 1 to 3: all are off by one"):
        load_labelled_folder(root)
    code, out, err = check(capsys, root, "--output", tmp_path / "checked")
    assert code == 2
    assert "A training would refuse this" in err
    assert "category ids that are one too low" in out
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    places = fixed.places("one too low")
    assert len(places) == 24
    path, line = places[0].split(",")[0].split(":")
    assert '"id": 1' in "".join((root / path).read_text().splitlines()[int(line) - 1 : int(line) + 1])


def test_shifted_ids_of_yolo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    for path in (root / "labels").rglob("*.txt"):
        lines = path.read_text().splitlines()
        path.write_text("".join(f"{int(line[0]) + 1}{line[1:]}\n" for line in lines))
    with pytest.raises(DatasetError, match="all seem to be counted from 1"):
        load_labelled_folder(root)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert "labels/train/0.txt:1" in fixed.places("class numbers that are one too high")


def test_a_stray_class_of_yolo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    with (root / "labels/train/2.txt").open("a") as file:
        file.write("17 0.5 0.5 0.2 0.2\n")
    with pytest.raises(DatasetError, match="class 17 has no name"):
        load_labelled_folder(root)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert fixed.places("class without a name") == ["labels/train/2.txt:4: class 17"]


@pytest.mark.parametrize("format_", ["Pascal VOC", "COCO"])
def test_a_stray_class(format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = WRITERS[format_](tmp_path / "set", PHOTOS)
    if format_ == "Pascal VOC":
        path = root / "Annotations/3.xml"
        path.write_text(path.read_text().replace("<name>dog</name>", "<name>dogg</name>"))
        place = "Annotations/3.xml:1, object 2: 'dogg'; meant may be 'dog'"
    else:
        change_coco(root, lambda content: content["categories"].append({"id": 99, "name": "dogg"}))
        path = root / "annotations/instances_train.json"
        content = json.loads(path.read_text())
        content["annotations"][10]["category_id"] = 99
        path.write_text(json.dumps(content))
        place = "annotations/instances_train.json, annotation 11: 'dogg'; meant may be 'dog'"
    assert Fixed(root, capsys).places("class that hardly occurs") == [place]


def test_swapped_corners(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_voc(tmp_path / "set", PHOTOS)
    path = root / "Annotations/4.xml"
    text = path.read_text().replace("<xmin>10.0", "<xmin>40.0").replace("<xmax>40.0", "<xmax>10.0")
    path.write_text(text.replace("<object>", "\n<object>"))
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    (place,) = fixed.places("swapped corners")
    assert place.startswith("Annotations/4.xml:2, object 1: 40 12 10 36 ")


def test_corners_where_width_and_height_belong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", PHOTOS)

    def corners(content: dict[str, Any]) -> None:
        for entry in content["annotations"]:
            x, y, w, h = entry["bbox"]
            entry["bbox"] = [x, y, x + w, y + h]

    change_coco(root, corners)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert len(fixed.places("boxes written as x1, y1, x2, y2")) == 24


@pytest.mark.parametrize("every", [1, 5])
def test_normalised_boxes(every: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", PHOTOS)

    def normalise(content: dict[str, Any]) -> None:
        for entry in content["annotations"][::every]:
            x, y, w, h = entry["bbox"]
            entry["bbox"] = [x / 64, y / 48, w / 64, h / 48]

    change_coco(root, normalise)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert len(fixed.places("boxes as fractions of the image")) == {1: 24, 5: 4 + 2}[every]


def test_yolo_boxes_in_pixels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    for path in (root / "labels").rglob("*.txt"):
        rows = [list(map(float, line.split())) for line in path.read_text().splitlines()]
        path.write_text("".join(f"{int(k)} {x * 64} {y * 48} {w * 64} {h * 48}\n" for k, x, y, w, h in rows))
    with pytest.raises(DatasetError, match="in pixels"):
        load_labelled_folder(root)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    assert len(fixed.places("boxes in pixels")) == 24


def test_copies_across_splits_and_within(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [Photo(f"{n}.png", OBJECTS, "train", look=n) for n in range(5)]
    photos += [Photo("5.png", OBJECTS[:1], "train", look=3), Photo("9.png", OBJECTS, "train", look=4)]
    photos += [Photo("6.png", OBJECTS, "val", look=1)]
    photos += [Photo("7.png", OBJECTS, "val", look=2), Photo("8.png", OBJECTS, "test", look=8)]
    root = write_yolo(tmp_path / "set", photos)
    # 2.png and 7.png are no longer equal, but still look alike.
    path = root / "images/val/7.png"
    cv2.imwrite(str(path), np.clip(cv2.imread(str(path)).astype(int) + 6, 0, 255).astype(np.uint8))
    fixed = Fixed(root, capsys)
    assert fixed.places("same image in train and val") == ["images/train/1.png and images/val/6.png"]
    assert fixed.places("look-alikes in train and val") == ["images/train/2.png and images/val/7.png"]
    assert sorted(fixed.places("left out of train, which val has too")) == [
        "1.png, a copy of 6.png",
        "2.png, a copy of 7.png",
    ]
    assert sorted(fixed.places("same image twice in train")) == [
        "images/train/3.png and images/train/5.png",
        "images/train/4.png and images/train/9.png",
    ]
    assert fixed.places("which has them already") == ["9.png, a copy of 4.png"]
    # The same image with other objects: which are right, nobody can tell.
    assert fixed.places("different objects, kept") == ["5.png in train and 3.png in train"]
    assert names_of(fixed.copy.train) == ["0.png", "3.png", "4.png", "5.png"]
    assert names_of(fixed.copy.val) == ["6.png", "7.png"]
    assert names_of(fixed.copy.test) == ["8.png"]
    assert not any("train and" in finding.kind for finding in fixed.copy.findings)


def test_nothing_left_to_train_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [Photo(f"{n}.png", OBJECTS, split, look=1) for n, split in enumerate(("train", "val"))]
    root = write_yolo(tmp_path / "set", photos)
    code, _, err = check(capsys, root, "--fix", tmp_path / "new", "--output", tmp_path / "out")
    assert code == 2
    assert "Nothing to train on would be left" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set"]


def write_turned(path: Path, pixels: np.ndarray, orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    PillowImage.fromarray(pixels).save(path, exif=exif, quality=95)


@pytest.mark.parametrize("suffix", [each for each in (".jpg", ".png", ".webp", ".tiff") if each in SUFFIXES])
@pytest.mark.parametrize(
    ("size_wh", "labelled"), [((64, 48), "as they are stored"), ((48, 64), "as they are shown")]
)
def test_rotated_exif(
    size_wh: tuple[int, int], labelled: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = ("cat", 4.0, 4.0, 20.0, 40.0)
    photos = [
        Photo(f"{n}{suffix if n == 2 else '.jpg'}", [box], "val" if n > 5 else "train", (48, 64))
        for n in range(8)
    ]
    root = write_voc(tmp_path / "set", photos)
    pixels = np.full((48, 64, 3), 90, np.uint8)
    pixels[:10, :10] = 250
    write_turned(root / f"JPEGImages/2{suffix}", pixels, 6)  # shown turned by a quarter: 48 x 64
    path = root / "Annotations/2.xml"
    text = (
        path.read_text()
        .replace("<width>48", f"<width>{size_wh[0]}")
        .replace("<height>64", f"<height>{size_wh[1]}")
    )
    path.write_text(text)
    fixed = Fixed(root, capsys)
    written = ".png" if suffix == ".tiff" else suffix
    assert fixed.places(labelled) == [f"JPEGImages/2{suffix}: orientation 6"]
    assert fixed.places("stored as they are labelled") == [f"2{written}"]
    copy = next(image for image in fixed.copy.train.images if image.path.name == f"2{written}")
    assert exif_orientation(copy.path) == 1
    with PillowImage.open(copy.path) as picture:
        assert picture.size == size_wh == copy.size_wh
        bright = np.asarray(picture)[..., 0] > 200
    # The bright corner is upper left where it is stored, upper right once it is turned by a quarter.
    assert bright[:9, :9].all() if size_wh == (64, 48) else bright[:9, -9:].all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_orientation_is_read(orientation: int, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    pixels = np.zeros((24, 32, 3), np.uint8)
    pixels[:8, :8] = 250
    write_turned(path, pixels, orientation)
    assert exif_orientation(path) == orientation
    with PillowImage.open(path) as picture:
        upright = np.asarray(PillowImageOps.exif_transpose(picture))
    # One reading, whatever OpenCV itself does with the format.
    assert np.abs(load_image(path).astype(int) - upright).max() < 60
    if orientation >= 5:
        assert np.abs(load_image(path, size_wh=(32, 24)).astype(int) - pixels).max() < 60


def test_orientation_at_the_end_of_a_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_turned(path, np.zeros((24, 32, 3), np.uint8), 6)
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    length = int.from_bytes(data[start : start + 4], "big") + 12
    exif, end = data[start : start + length], data[-12:]
    path.write_bytes(data[:start] + data[start + length : -12] + exif + end)
    assert exif_orientation(path) == 6
    assert load_image(path).shape == (32, 24, 3)


def test_orientation_of_what_has_none(tmp_path: Path) -> None:
    for name, data in {
        "empty": b"",
        "no": b"\xff\xd8Exif\0\0",
        "cut": b"\xff\xd8..Exif\0\0II*\0\xff\xff\xff\xff",
    }.items():
        (tmp_path / name).write_bytes(data)
        assert exif_orientation(tmp_path / name) == 1
    assert exif_orientation(tmp_path / "absent") == 1


def test_equal_names_and_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    for name in ("one", "two"):
        for kind, suffix in (("images", "png"), ("labels", "txt")):
            folder = root / kind / "train" / name
            folder.mkdir()
            source = root / kind / "val" / f"6.{suffix}" if kind == "labels" else root / kind / "train/0.png"
            (folder / f"0.{suffix}").write_bytes(source.read_bytes())
    for number, name in enumerate(("one", "two")):
        look = np.random.default_rng(90 + number).integers(0, 255, (48, 64, 3), np.uint8)
        cv2.imwrite(str(root / f"images/train/{name}/0.png"), look)
    (root / "images/train/5.png").write_text("no image")
    fixed = Fixed(root, capsys)
    assert len(fixed.copy.train.images) == 7
    assert len({image.path.name for image in fixed.copy.train.images}) == 7
    assert "images/train/5.png" in fixed.places("cannot be read")[0]


@pytest.mark.parametrize("where", ["set", "set/inside", "set/../set/new", "full", "file"])
def test_targets_that_are_refused(where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").touch()
    (tmp_path / "file").touch()
    before = digests(tmp_path)
    code, out, err = check(capsys, root, "--fix", tmp_path / where, "--output", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "exists already" in err or "lies inside the dataset" in err
    assert digests(tmp_path) == before


def test_an_empty_folder_is_a_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fixed").mkdir()
    is_whole(Fixed(write_yolo(tmp_path / "set", PHOTOS), capsys))


def test_what_breaks_off_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    code, _, err = check(capsys, root, "--fix", tmp_path / "new", "--output", tmp_path / "out")
    assert code == 2
    assert "The disk is full" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set"]


def test_training_is_as_strict_as_before(tmp_path: Path) -> None:
    root = write_yolo(tmp_path, PHOTOS)
    (root / "labels/train/0.txt").write_text("17 0.5 0.5 0.2 0.2\n")
    with pytest.raises(DatasetError):
        load_labelled_folder(root)
    reviewed = load_labelled_folder(root, review=review_labels)
    assert len(reviewed.refusals) == 1
    assert "class 17 has no name" in reviewed.refusals[0]


def test_lines_of_annotations(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '{\n "images": [],\n "annotations":\n [\n  {"a": 1}, {"b":\n 2},\n\n  {"c": [1,\n 2]}\n ]\n}'
    )
    lines = JsonLines(path, "a.json", 3)
    assert [lines.place(number) for number in (1, 2, 3, 4)] == [
        "a.json:5, annotation 1",
        "a.json:5, annotation 2",
        "a.json:8, annotation 3",
        "a.json, annotation 4",
    ]
    path.write_text('{"annotations": [{}]}')
    assert f"{JsonLines(path, 'a.json', 1).lazy_place(1)}" == "a.json, annotation 1"
    # The key elsewhere: in a text, and for another list.
    path.write_text(
        '{"info": {"x": "\\"annotations\\": [", "annotations": []},\n "annotations": [\n {}, {}\n]\n}'
    )
    assert JsonLines(path, "a.json", 2).place(2) == "a.json:3, annotation 2"


@pytest.mark.parametrize("id_", [None, [1], {"a": 1}, "1", 1.5])
def test_category_ids_that_are_none(id_: object, tmp_path: Path) -> None:
    root = write_coco(tmp_path, PHOTOS)
    change_coco(root, lambda content: content["annotations"][0].update(category_id=id_))
    assert found(load_labelled_folder(root), "not COCO's")[0] == 2
    change_coco(root, lambda content: content.update(categories=[]))
    with pytest.raises(DatasetError, match="nothing to train on"):
        load_labelled_folder(root)


CROWDED = [Photo(f"{n}.png", OBJECTS, "val" if n > 5 else "train") for n in range(8)]


def test_other_readers_find_all_they_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", CROWDED)
    change_coco(root, lambda content: content["annotations"][1].update(iscrowd=1))
    fixed = Fixed(root, capsys)
    for split in ("train", "val"):
        truth = COCO(str(fixed.target / f"annotations/instances_{split}.json"))
        for id_, entry in truth.imgs.items():
            assert isinstance(id_, int)
            # torchvision's CocoDetection and Ultralytics join this folder and file_name.
            path = fixed.target / "images" / split / entry["file_name"]
            assert cv2.imread(str(path)).shape[:2] == (entry["height"], entry["width"])
            for each in truth.imgToAnns[id_]:
                assert each["area"] > 0
                assert each["iscrowd"] in (0, 1)
                area = pycocotools.mask.area(truth.annToRLE(each))
                assert area == pytest.approx(each["bbox"][2] * each["bbox"][3], rel=0.1)
        assert all(set(each) == {"id", "name", "supercategory"} for each in truth.cats.values())


def test_ids_that_are_texts_become_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_coco(tmp_path / "set", PHOTOS)

    def change(content: dict[str, Any]) -> None:
        for entry in content["images"]:
            entry["id"] = f"image-{entry['id']}"
        for entry in content["annotations"]:
            entry["image_id"] = f"image-{entry['image_id']}"

    change_coco(root, change)
    fixed = Fixed(root, capsys)
    is_whole(fixed)
    for path in fixed.target.glob("annotations/*.json"):
        content = json.loads(path.read_text())
        assert {type(entry["id"]) for entry in content["images"]} == {int}
        assert {each["image_id"] for each in content["annotations"]} == {
            each["id"] for each in content["images"]
        }


NAMES = {
    "plain.png": "plain.png",
    "two words.png": "two words.png",
    "a:b?c.png": "a_b_c.png",
    "50%#1.png": "50__1.png",
    "con.png": "_con.png",
    "COM\u00b9.tar.png": "_COM\u00b9.tar.png",
    "-rf.png": "_-rf.png",
    "line\nbreak.png": "line_break.png",
    "e\u0301.png": "\u00e9.png",
    "dot .png": "dot.png",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_every_system_takes(name: str) -> None:
    assert next(_safe_names(name, 7)) == NAMES[name]


@pytest.mark.parametrize(
    ("name", "end"),
    [("\u00e9" * 120 + "\udcff.png", ".png"), ("1." + "9" * 200, "9"), ("a" * 147 + " bbb.x", "a.x")],
)
def test_long_names_and_names_of_bytes(name: str, end: str) -> None:
    safe = next(_safe_names(name, 7))
    assert 100 < len(safe.encode()) <= 150
    assert safe.endswith(end)


def test_names_that_are_the_same_on_another_system(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [Photo(f"{n}.png", OBJECTS, "val" if n > 5 else "train") for n in range(8)]
    photos += [
        Photo(name, OBJECTS, "train") for name in ("A.png", "a.png", "9_a.png", "10_a.png", "11_a.png")
    ]
    fixed = Fixed(write_yolo(tmp_path / "set", photos), capsys)
    names = [image.path.name for image in fixed.copy.train.images]
    assert len({name.casefold() for name in names}) == len(names) == 11


def test_frames_that_look_alike_are_not_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A parked car, on every frame at the same place: nearly equal images with equal objects."""
    photos = [Photo(f"{n}.png", OBJECTS, "val" if n % 5 == 0 else "train", look=1) for n in range(30)]
    root = write_yolo(tmp_path / "set", photos)
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        pixels = cv2.imread(str(path))
        pixels[40:44, number : number + 4] = 128
        cv2.imwrite(str(path), pixels)
    fixed = Fixed(root, capsys)
    assert (len(fixed.copy.train.images), len(fixed.copy.val.images)) == (24, 6)


@pytest.mark.parametrize("place", ["new", "new/deep/down"])
def test_ctrl_c_leaves_nothing(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    copied: list[object] = []

    def stop(*arguments: object) -> None:
        copied.append(arguments)
        if len(copied) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfile", stop)
    labelled = load_labelled_folder(root, review=review_labels)
    with pytest.raises(KeyboardInterrupt):
        write_repaired(labelled, tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_images_elsewhere_are_the_dataset_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_yolo(tmp_path / "set", PHOTOS)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/data.yaml").write_text(
        f"path: {root}\ntrain: images/train\nval: images/val\nnames: {list(CLASSES)}\n"
    )
    code, _, err = check(
        capsys,
        tmp_path / "labels/data.yaml",
        "--fix",
        root / "images/train/new",
        "--output",
        tmp_path / "out",
    )
    assert code == 2
    assert "lies inside the dataset" in err
    assert not (root / "images/train/new").exists()
