"""The files of a repaired copy: images as labelled, safe names, and nothing left where it breaks off."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps as PillowImageOps

from detector.checks.repair import _safe_names, write_repaired
from detector.checks.review import review_labels
from detector.data.folder import load_labelled_folder
from detector.errors import DatasetError
from detector.exif import orientation_of
from detector.images import SUFFIXES, load_image
from tests.checks.repaired import OBJECTS, PHOTOS, Fixed, digests, is_whole
from tests.commands.test_check import check
from tests.data.labelled import CLASSES, Photo, write_voc, write_yolo


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
    assert orientation_of(copy.path.read_bytes()) == 1
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
    assert orientation_of(path.read_bytes()) == orientation
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
    assert orientation_of(path.read_bytes()) == 6
    assert load_image(path).shape == (32, 24, 3)


def test_orientation_of_what_has_none(tmp_path: Path) -> None:
    for name, data in {
        "empty": b"",
        "no": b"\xff\xd8Exif\0\0",
        "cut": b"\xff\xd8..Exif\0\0II*\0\xff\xff\xff\xff",
    }.items():
        (tmp_path / name).write_bytes(data)
        assert orientation_of((tmp_path / name).read_bytes()) == 1


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
