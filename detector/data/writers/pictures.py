"""Pictures as every labelling tool shows them, under names that every tool takes."""

from __future__ import annotations

import re
from pathlib import PurePath

import cv2

from detector.exif import orientation_of
from detector.heif import is_heif
from detector.images import Image
from detector.system.file_names import is_device

_JPEG_QUALITY = 95
# Formats that browsers and all of the tools show, by how their files begin, with the suffixes they may have.
_SHOWN = (
    (re.compile(rb"\xff\xd8\xff"), (".jpg", ".jpeg")),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), (".png",)),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), (".webp",)),
    (re.compile(rb"BM"), (".bmp",)),
)
# What Windows does not take in a name, and what XML and UTF-8 cannot hold.
_UNFIT = re.compile(r'[<>:"\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]')


def stored_picture(data: bytes, image: Image, suffix: str) -> tuple[bytes, str]:
    """The bytes of a picture's file that looks the same in every tool, and the suffix of its name.

    They are those of the file itself where it is JPEG, PNG, WebP or BMP and stored upright. What EXIF turns
    is stored as it is shown, since not every tool turns it; JPEG and HEIC become JPEG, all else PNG.

    Args:
        data: the whole file.
        image: (H, W, 3) uint8, BGR: the upright image in it.
        suffix: of the file's name.
    """
    suffixes = next((known for start, known in _SHOWN if start.match(data)), ())
    if suffixes and orientation_of(data) == 1:
        return data, suffix if suffix.lower() in suffixes else suffixes[0]
    if ".jpg" in suffixes or is_heif(data):
        return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes(), ".jpg"
    return cv2.imencode(".png", image)[1].tobytes(), ".png"


def fitting_name(name: str, *, flat: bool = False) -> str:
    """A path below a folder as every system and every format of labels takes it, with forward slashes.

    Letters of every script and spaces inside stay; most names stay as they are.

    Args:
        name: the path.
        flat: make the folders a part of the file's name.
    """
    return ("_" if flat else "/").join(map(_fitting_part, PurePath(name).parts))


def _fitting_part(part: str) -> str:
    fitting = _UNFIT.sub("_", part).strip(" ").rstrip(".")
    # Hidden files are no part of a dataset.
    return f"_{fitting}" if not fitting or fitting.startswith((".", "-")) or is_device(fitting) else fitting
