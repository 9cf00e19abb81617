"""HEIC and AVIF, as phones write them: read as every other photograph, or named with what to do."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from detector import heif
from detector.data.folder import load_labelled_folder
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import ImageError
from detector.images import SUFFIXES, decode_image, decode_preview, load_image
from tests.data.labelled import Photo, write_yolo
from tests.heic_file import make_heic

PHOTO = load_image(SAMPLE_FOLDER / "coffee.jpg")


def make_avif(orientation: int = 1) -> bytes:
    exif, stream = PillowImage.Exif(), io.BytesIO()
    exif[0x112] = orientation
    rgb = PillowImage.fromarray(np.ascontiguousarray(PHOTO[..., ::-1]))
    rgb.save(stream, "AVIF", quality=90, exif=exif.tobytes())
    return stream.getvalue()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("heic")
    return {
        "heic": make_heic(PHOTO, folder),
        "heic, turned": make_heic(PHOTO, folder, quarter_turns=3),
        "avif": make_avif(),
        "avif, turned": make_avif(6),
    }


@pytest.mark.parametrize("kind", ["heic", "heic, turned", "avif", "avif, turned"])
def test_it_is_the_photograph_as_it_was_held(files: dict[str, bytes], kind: str) -> None:
    expected = np.rot90(PHOTO, 3) if "turned" in kind else PHOTO
    image = decode_image(files[kind])
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 3  # what the encoder loses
    preview = decode_preview(files[kind])
    assert preview.size_wh == expected.shape[1::-1]
    assert preview.grey.shape == expected.shape[:2]


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_a_file_that_is_cut_short_is_refused_wherever_it_ends(files: dict[str, bytes], kind: str) -> None:
    data = files[kind]
    for end in (*range(12, 400, 9), *range(400, len(data), len(data) // 40), len(data) - 1):
        with pytest.raises(ImageError, match="photo"):
            decode_image(data[:end], name="photo")


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_its_size_is_known_before_it_is_decoded(
    files: dict[str, bytes], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heif, "decode_heif", lambda *_: pytest.fail("it is decoded"))
    with pytest.raises(ImageError, match=r"it has 600x400 pixels"):
        decode_image(files[kind], most_pixels=600 * 400 - 1)


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_without_the_packages_it_says_what_to_do(
    files: dict[str, bytes], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(ImageError, match=rf"an? {kind.upper()} file.*extra photos.*\[photos\].*convert it"):
        decode_image(files[kind])


def test_videos_are_no_photographs() -> None:
    for brand in (b"isom", b"mp42", b"qt  "):
        assert not heif.is_heif(b"\0\0\0\x14ftyp" + brand + bytes(4) + b"iso2" + bytes(100))


def test_they_are_found_in_folders_and_trained_on(files: dict[str, bytes], tmp_path: Path) -> None:
    assert set(heif.SUFFIXES) < set(SUFFIXES)
    photos = [Photo(f"{number}.jpg", (("cat", 60, 40, 300, 200),), "", (600, 400)) for number in range(6)]
    root = write_yolo(tmp_path / "photos", photos)
    for number, kind in enumerate(("heic", "avif", "heic, turned")):
        (path,) = root.rglob(f"{number}.jpg")
        path.with_suffix(f".{kind[:4]}").write_bytes(files[kind])
        path.unlink()
    labelled = load_labelled_folder(root)
    sizes: dict[str, Any] = {
        Path(image.name).name: image.size_wh
        for part in (labelled.train, labelled.val)
        for image in part.images
    }
    assert {name: sizes[name] for name in ("0.heic", "1.avif", "2.heic")} == {
        "0.heic": (600, 400),
        "1.avif": (600, 400),
        "2.heic": (400, 600),
    }
