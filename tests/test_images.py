"""Every kind of image file that users have, and those that are damaged."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from detector.errors import ImageError
from detector.images import load_image, save_image

# RGB, as Pillow has it.
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
HEIGHT, WIDTH = 48, 80
LOSSY = 12  # grey levels that lossy formats may be off by


def encode(image: PillowImage.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def quadrants() -> np.ndarray:
    """(H, W, 3) RGB with another colour in each corner, so that no flip or turn goes unseen."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = RED
    pixels[: HEIGHT // 2, WIDTH // 2 :] = GREEN
    pixels[HEIGHT // 2 :, : WIDTH // 2] = BLUE
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = WHITE
    return pixels


def assert_shows(decoded: np.ndarray, rgb: np.ndarray, tolerance: int = LOSSY) -> None:
    """The decoded BGR image is the RGB one, compared away from edges, which JPEG blurs."""
    assert decoded.dtype == np.uint8
    assert decoded.shape == rgb.shape
    height, width = rgb.shape[:2]
    rows = [height // 4, 3 * height // 4]
    columns = [width // 4, 3 * width // 4]
    found = decoded[np.ix_(rows, columns)][..., ::-1].astype(int)
    expected = rgb[np.ix_(rows, columns)].astype(int)
    assert np.abs(found - expected).max() <= tolerance, (found, expected)


def photo() -> PillowImage.Image:
    """Something that does not compress to a few bytes, so that a cut takes pixels away."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    return PillowImage.fromarray(noise).resize((400, 300), PillowImage.Resampling.BICUBIC)


def exif_with_thumbnail(thumbnail: bytes) -> bytes:
    """An EXIF block whose second directory holds a JPEG, as cameras write it."""
    header = b"II*\0" + struct.pack("<I", 8)
    first_directory = struct.pack("<HI", 0, 14)
    offset = 14 + 2 + 2 * 12 + 4
    second_directory = (
        struct.pack("<H", 2)
        + struct.pack("<HHII", 0x0201, 4, 1, offset)
        + struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail))
        + struct.pack("<I", 0)
    )
    return b"Exif\0\0" + header + first_directory + second_directory + thumbnail


@pytest.mark.parametrize(
    ("name", "kind", "options", "tolerance"),
    [
        ("a.jpg", "JPEG", {"quality": 95}, LOSSY),
        ("a.JPEG", "JPEG", {"quality": 95, "progressive": True}, LOSSY),
        ("a.png", "PNG", {}, 0),
        ("a.webp", "WEBP", {"quality": 95}, LOSSY),
        ("b.webp", "WEBP", {"lossless": True}, 0),
        ("a.bmp", "BMP", {}, 0),
        ("png named.jpg", "PNG", {}, 0),
        ("jpeg named.png", "JPEG", {"quality": 95}, LOSSY),
    ],
)
def test_colour_formats_decode_to_bgr(
    tmp_path: Path, name: str, kind: str, options: dict[str, Any], tolerance: int
) -> None:
    path = tmp_path / name
    path.write_bytes(encode(PillowImage.fromarray(quadrants()), kind, **options))
    assert_shows(load_image(path), quadrants(), tolerance)


def test_red_is_the_last_channel(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    PillowImage.new("RGB", (3, 2), RED).save(path)
    assert load_image(path).tolist() == [[[0, 0, 255]] * 3] * 2


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_palette(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "palette"
    path.write_bytes(encode(PillowImage.fromarray(quadrants()).quantize(4), kind))
    assert_shows(load_image(path), quadrants(), 0)


def test_palette_with_transparency(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    path.write_bytes(encode(PillowImage.fromarray(quadrants()).quantize(4), "PNG", transparency=0))
    assert_shows(load_image(path), quadrants(), 0)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_transparency_is_dropped(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    alpha = np.full((HEIGHT, WIDTH, 1), 7, np.uint8)
    path = tmp_path / "transparent"
    path.write_bytes(
        encode(PillowImage.fromarray(np.concatenate([quadrants(), alpha], axis=2)), kind, **options)
    )
    assert_shows(load_image(path), quadrants(), 0)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    path.write_bytes(encode(PillowImage.fromarray(quadrants()).convert("CMYK"), "JPEG", quality=95))
    assert_shows(load_image(path), quadrants())


@pytest.mark.parametrize(("kind", "tolerance"), [("JPEG", LOSSY), ("PNG", 0), ("BMP", 0)])
def test_grayscale(tmp_path: Path, kind: str, tolerance: int) -> None:
    gray = quadrants()[..., 0] // 2 + 20
    path = tmp_path / "gray"
    path.write_bytes(encode(PillowImage.fromarray(gray), kind))
    assert_shows(load_image(path), np.repeat(gray[..., None], 3, axis=2), tolerance)


def test_16_bit_gray_png_keeps_the_high_byte(tmp_path: Path) -> None:
    gray = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    path = tmp_path / "deep.png"
    PillowImage.fromarray(gray).save(path)
    decoded = load_image(path)
    assert decoded.shape == (64, 64, 3)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(float) - gray[..., None] / 257).max() <= 1.5


def test_bilevel_png(tmp_path: Path) -> None:
    path = tmp_path / "fax.png"
    PillowImage.fromarray(quadrants()[..., 0] > 0).save(path)
    assert_shows(load_image(path), np.repeat(quadrants()[..., :1], 3, axis=2), 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("size", [(1, 37), (37, 1), (1, 1)])
def test_one_pixel_wide(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    path = tmp_path / "thin"
    path.write_bytes(encode(PillowImage.new("RGB", size, BLUE), kind))
    decoded = load_image(path)
    assert decoded.shape == (size[1], size[0], 3)
    assert np.abs(decoded.astype(int) - (255, 0, 0)).max() <= LOSSY


@pytest.mark.slow
def test_large(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    small = PillowImage.fromarray(quadrants()).resize((8000, 6000), PillowImage.Resampling.NEAREST)
    path.write_bytes(encode(small, "JPEG", quality=50))
    assert_shows(load_image(path), np.asarray(small))


# EXIF 2.3, tag 274: which side of the picture the first stored row and the first stored column are.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: upright.transpose(1, 0, 2)[::-1],
    7: lambda upright: upright.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda upright: upright.transpose(1, 0, 2)[:, ::-1],
}


def _write_turned(path: Path, orientation: int, kind: str = "JPEG") -> np.ndarray:
    stored = np.ascontiguousarray(STORED[orientation](quadrants()))
    exif = PillowImage.Exif()
    exif[274] = orientation
    path.write_bytes(encode(PillowImage.fromarray(stored), kind, exif=exif, quality=95))
    return stored


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("size_wh", [None, (WIDTH, HEIGHT), (17, 19)])
def test_exif_orientation_is_applied(
    tmp_path: Path, orientation: int, size_wh: tuple[int, int] | None
) -> None:
    path = tmp_path / "turned.jpg"
    _write_turned(path, orientation)
    assert_shows(load_image(path, size_wh=size_wh), quadrants())


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_annotated_as_stored_comes_back_as_stored(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "turned.jpg"
    stored = _write_turned(path, orientation)
    assert_shows(load_image(path, size_wh=(HEIGHT, WIDTH)), stored)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_exif_orientation_of_other_formats(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "turned"
    stored = _write_turned(path, 6, kind)
    assert_shows(load_image(path), quadrants())
    assert_shows(load_image(path, size_wh=(HEIGHT, WIDTH)), stored)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {}),
        ("progressive.jpg", {"progressive": True}),
        ("a.png", {}),
        ("a.webp", {}),
        ("a.bmp", {}),
    ],
)
def test_truncated(tmp_path: Path, name: str, options: dict[str, Any], kept: float) -> None:
    kind = {"jpg": "JPEG"}.get(name.rsplit(".")[-1], name.rsplit(".")[-1].upper())
    whole = encode(photo(), kind, **options)
    path = tmp_path / name
    path.write_bytes(whole)
    assert load_image(path).shape == (300, 400, 3)
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ImageError, match=rf"{name} is cut short"):
        load_image(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("lost", [1, 5, 11])
def test_without_its_last_bytes(tmp_path: Path, kind: str, lost: int) -> None:
    path = tmp_path / f"short.{kind}"
    path.write_bytes(encode(photo(), kind)[:-lost])
    with pytest.raises(ImageError, match=f"short.{kind}"):
        load_image(path)


# A thumbnail has an end marker of its own. OpenCV before 5 shows what a cut file lacks as grey, so that the
# check of this package is all there is; it is why the message is compared.
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("padding", [0, 5000], ids=["cut", "cut and padded with zeros"])
def test_truncated_jpeg_with_a_thumbnail(tmp_path: Path, kept: float, padding: int) -> None:
    thumbnail = encode(photo().resize((80, 60)), "JPEG")
    whole = encode(photo(), "JPEG", exif=exif_with_thumbnail(thumbnail))
    assert whole.count(b"\xff\xd9") == 2
    path = tmp_path / "camera.jpg"
    path.write_bytes(whole)
    assert load_image(path).shape == (300, 400, 3)
    path.write_bytes(whole[: int(kept * len(whole))] + bytes(padding))
    with pytest.raises(ImageError, match=r"camera.jpg is cut short"):
        load_image(path)


# Phones append a video to a photo, some tools a signature or a page of zeros.
@pytest.mark.parametrize("trailing", [1, 1000, 300_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_trailing_bytes_are_ignored(tmp_path: Path, kind: str, trailing: int) -> None:
    path = tmp_path / "motion"
    path.write_bytes(encode(PillowImage.fromarray(quadrants()), kind) + bytes(trailing))
    assert_shows(load_image(path), quadrants())


def test_truncated_jpeg_with_trailing_bytes(tmp_path: Path) -> None:
    whole = encode(photo(), "JPEG")
    path = tmp_path / "preallocated.jpg"
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))
    with pytest.raises(ImageError, match=r"preallocated\.jpg is cut short"):
        load_image(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image\n" * 50, b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF"],
    ids=repr,
)
@pytest.mark.parametrize("name", ["odd.jpg", "odd.png"])
def test_not_an_image(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageError, match=name):
        load_image(path)


def test_absent_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"absent\.jpg"):
        load_image(tmp_path / "absent.jpg")
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(ImageError, match=r"folder\.jpg"):
        load_image(tmp_path / "folder.jpg")


@pytest.mark.parametrize(
    ("name", "shape"),
    [("a.jpg", (10, 70_000, 3)), ("a.webp", (10, 70_000, 3)), ("a.gif", (2, 70_000, 3)), ("a.pgm", (9, 9, 3)),
     ("a.pbm", (9, 9, 3)), ("a", (9, 9, 3)), ("a.xyz", (9, 9, 3))],
)  # fmt: skip
def test_a_picture_that_its_format_does_not_hold(tmp_path, name, shape):
    with pytest.raises(ImageError, match=r"does not hold|cannot be encoded|has no ending"):
        save_image(tmp_path / name, np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())
