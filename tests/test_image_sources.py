"""Which files folders, patterns and names stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from detector import heif
from detector.errors import ImageError
from detector.images import SUFFIXES, find_images, find_unread_images, load_image
from tests.heic_file import make_heic
from tests.test_images import RED, encode

ODD_NAMES = ("a#1.jpg", "b=2.PNG", "c[3].webp", "d 4.bmp", "e*.jpeg", "ü.JPG", "%d.jpg", "-.png")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Nine pictures, one of them in a folder of a folder, and things that are none."""
    folder = tmp_path / "al bum [1]"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ODD_NAMES:
        PillowImage.new("RGB", (4, 3), RED).save(folder / name)
    PillowImage.new("RGB", (4, 3), RED).save(folder / "deep" / "er" / "f.JpEg")
    (folder / "notes.txt").write_text("no image")
    (folder / "jpg").write_text("no image")
    return folder


def test_folders_are_searched_through(album: Path) -> None:
    found = find_images([str(album)])
    assert {path.relative_to(album).as_posix() for path in found} == {*ODD_NAMES, "deep/er/f.JpEg"}
    assert all(load_image(path).shape == (3, 4, 3) for path in found)
    assert found == find_images([str(album)])


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_files_before_they_are_patterns(album: Path, name: str) -> None:
    assert find_images([str(album / name)]) == [album / name]
    assert load_image(album / name).shape == (3, 4, 3)


def test_patterns(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(album)
    assert find_images(["*=*.PNG"]) == [Path("b=2.PNG")]
    assert find_images(["deep/**/*.JpEg"]) == [Path("deep/er/f.JpEg")]
    assert find_images(["?[#]1.jpg"]) == [Path("a#1.jpg")]


def test_each_image_once(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(album)
    assert find_images(["a#1.jpg", "./a#1.jpg", "a?1.jpg"]) == [Path("a#1.jpg")]
    assert len(find_images([".", "a#1.jpg", "deep", "deep/er/*"])) == 9


def test_each_image_once_however_it_is_called(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(album)
    assert len(find_images(["a#1.jpg", str(album / "a#1.jpg"), "deep/../a#1.jpg"])) == 1


def test_folder_with_an_image_name_is_no_image(album: Path) -> None:
    (album / "photos.jpg").mkdir()
    PillowImage.new("RGB", (4, 3), RED).save(album / "photos.jpg" / "g.jpg")
    found = find_images([str(album)])
    assert album / "photos.jpg" / "g.jpg" in found
    assert album / "photos.jpg" not in found


def test_order_is_that_of_the_sources(album: Path) -> None:
    names = ["d 4.bmp", "a#1.jpg", "b=2.PNG"]
    assert find_images([str(album / name) for name in names]) == [album / name for name in names]


def test_named_file_of_any_suffix_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "download"
    path.write_bytes(encode(PillowImage.new("RGB", (4, 3)), "PNG"))
    assert find_images([str(path)]) == [path]


@pytest.mark.parametrize("name", ["absent.jpg", "absent/", "*.jpg", "n[o].jpg"])
def test_absent_source(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError) as caught:
        find_images([f"{tmp_path}/{name}"])
    assert f"{tmp_path}/{name}" in str(caught.value)


def test_overlong_source() -> None:
    with pytest.raises(ImageError):
        find_images(["a" * 300])


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    with pytest.raises(ImageError, match="empty"):
        find_images([str(tmp_path / "empty")])


def test_links_to_folders_are_followed(tmp_path: Path, album: Path) -> None:
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(album)
    (album / "loop").symlink_to(tmp_path / "top")
    found = find_images([str(tmp_path / "top")])
    assert len(found) == 9
    assert tmp_path / "top/link/a#1.jpg" in found


def test_images_that_are_not_read_are_named(album: Path) -> None:
    (album / "deep" / "photo.JXL").write_bytes(b"no matter what")
    assert album / "deep" / "photo.JXL" not in find_images([str(album)])
    assert find_unread_images([str(album), str(album / "a#1.jpg")]) == [album / "deep" / "photo.JXL"]
    (album / "deep/er/f.JpEg").unlink()
    with pytest.raises(ImageError, match=r"it has .*photo\.JXL, which is not read"):
        find_images([str(album / "deep")])


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_what_is_called_like_an_image_is_decoded(tmp_path: Path, suffix: str) -> None:
    kinds = {".jpe": "JPEG", ".jfif": "JPEG", ".dib": "BMP", ".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM"}
    mode = {".pgm": "L", ".pbm": "1"}.get(suffix, "RGB")
    path = tmp_path / f"image{suffix}"
    if suffix in heif.SUFFIXES:
        path.write_bytes(make_heic(np.zeros((64, 80, 3), np.uint8), tmp_path))
        for other in tmp_path.glob("source.*"):
            other.unlink()
        assert load_image(path).shape == (64, 80, 3)
        return
    PillowImage.new(mode, (4, 3)).save(path, kinds.get(suffix))
    assert load_image(path).shape == (3, 4, 3)
    assert find_images([str(tmp_path)]) == [path]
