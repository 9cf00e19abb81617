"""Pictures as every tool shows them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as PillowImage

from detector.data.writers.pictures import fitting_name, stored_picture
from detector.exif import orientation_of
from detector.images import decode_image


def _picture(kind: str, orientation: int = 1) -> bytes:
    exif = PillowImage.Exif()
    exif[0x112] = orientation
    ramp = np.linspace(0, 255, 40 * 24, dtype=np.uint8).reshape(24, 40)
    image = PillowImage.fromarray(np.dstack([ramp, ramp[::-1], ramp]))
    file = io.BytesIO()
    options = {"exif": exif} if orientation > 1 else {}
    image.save(file, kind, quality=95, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "suffix", "stored"),
    [
        ("JPEG", ".JPG", ".JPG"),
        ("JPEG", ".jfif", ".jpg"),
        ("JPEG", ".png", ".jpg"),  # what it is counts, and not what it is called
        ("PNG", ".png", ".png"),
        ("WEBP", ".webp", ".webp"),
        ("BMP", ".bmp", ".bmp"),
    ],
)
def test_upright_pictures_stay_as_they_are(kind: str, suffix: str, stored: str) -> None:
    data = _picture(kind)
    assert stored_picture(data, decode_image(data), suffix) == (data, stored)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PPM"])
def test_what_browsers_do_not_show_becomes_png(kind: str) -> None:
    data = _picture(kind)
    image = decode_image(data)
    content, suffix = stored_picture(data, image, f".{kind.lower()}")
    assert (suffix, content[1:4]) == (".png", b"PNG")
    assert np.array_equal(decode_image(content), image)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_turned_pictures_are_stored_upright(kind: str, orientation: int) -> None:
    data = _picture(kind, orientation)
    image = decode_image(data)
    content, suffix = stored_picture(data, image, ".jpg")
    assert orientation_of(content) == 1
    assert suffix == (".jpg" if kind == "JPEG" else ".png")
    again = decode_image(content)
    assert again.shape == image.shape
    assert np.abs(again.astype(int) - image).mean() < 3  # what JPEG costs


@pytest.mark.parametrize(
    ("name", "fitting"),
    [
        ("deep er/Übung & 1.jpg", "deep er/Übung & 1.jpg"),
        ("a<b>:c?.jpg", "a_b__c_.jpg"),
        ("tab\there/\udcfc.jpg", "tab_here/_.jpg"),  # a name that is no UTF-8
        (".hidden/-rf.jpg", "_.hidden/_-rf.jpg"),
        ("con.jpg", "_con.jpg"),
        (" a /b.jpg ", "a/b.jpg"),
    ],
)
def test_names_that_every_tool_takes(name: str, fitting: str) -> None:
    assert fitting_name(name) == fitting
    assert fitting_name(name, flat=True) == fitting.replace("/", "_")
    fitting.encode()
