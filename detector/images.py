"""The one image decoder, and where images are found."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import ImageError
from detector.files import files_below

Image = NDArray[np.uint8]  # (H, W, 3), BGR

_ORIENTATION = 0x0112  # EXIF's tag

_FORMATS = (".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
_SAME_AS = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".dib": ".bmp", ".tif": ".tiff"}
_OTHERS = (
    ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".tga", ".psd", ".exr", ".hdr", ".dng", ".cr2", ".cr3",
    ".nef", ".arw", ".raw", ".ico", ".svg",
)  # fmt: skip


def _is_decoded(suffix: str) -> bool:
    """Whether this build of OpenCV has the format; those that it writes are those that it reads."""
    return bool(cv2.haveImageWriter(f"image{_SAME_AS.get(suffix, suffix)}"))


SUFFIXES = tuple(suffix for suffix in (*_FORMATS, *_SAME_AS) if _is_decoded(suffix))
UNREAD_SUFFIXES = (*(suffix for suffix in _FORMATS if suffix not in SUFFIXES), *_OTHERS)


def load_image(path: str | Path, *, size_wh: tuple[int, int] | None = None) -> Image:
    """The image in a file as the camera saw it.

    Any bit depth and colour model becomes 8-bit BGR; transparency is dropped. The EXIF orientation is
    applied, except that ``size_wh`` is believed: when only the stored, unrotated image has that size, it
    is the one that was annotated and it comes back.

    Args:
        path: a JPEG, PNG, WebP or BMP file, whatever its name ends in.
        size_wh: width and height that the image's annotations claim.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        ImageError: absent, empty, not an image, or cut short.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a device may have no end
            raise ImageError(f"{path} is not an image file.")
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"Cannot read the image {path} ({error.strerror}).") from error
    return decode_image(data, name=str(path), size_wh=size_wh)


def decode_image(data: bytes, *, name: str = "image", size_wh: tuple[int, int] | None = None) -> Image:
    """The image in a file's bytes; see ``load_image``. ``name`` is what an error calls it."""
    if _is_cut_short(data):
        raise ImageError(f"The image {name} is cut short; replace it or leave it out.")
    image = _decode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise ImageError(f"{name} is not an image that can be read (JPEG, PNG, WebP or BMP expected).")
    if size_wh and (image.shape[1], image.shape[0]) != size_wh:
        stored = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if stored is not None and (stored.shape[1], stored.shape[0]) == size_wh:
            return stored
    return image


def exif_orientation(path: Path) -> int:
    """The EXIF orientation of a JPEG file, 1 to 8; 1 (as stored) where it says nothing.

    Source: Exif 2.3, section 4.6.4, tag 0x0112; TIFF 6.0, section 2.
    """
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError:
        return 1
    start = head.find(b"Exif\0\0")
    if not head.startswith(b"\xff\xd8") or start < 0:
        return 1
    tiff = head[start + 6 :]
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"
    directory = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[directory : directory + 2], order)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        if int.from_bytes(tiff[entry : entry + 2], order) == _ORIENTATION:
            value = int.from_bytes(tiff[entry + 8 : entry + 10], order)
            return value if 1 <= value <= 8 else 1
    return 1


def _decode(data: bytes, flags: int) -> Image | None:
    if not data:
        return None
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if decoded is None else np.asarray(decoded, np.uint8)


def _is_cut_short(data: bytes) -> bool:
    """Whether the end is missing; OpenCV fills what a truncated file lacks with grey, without a word."""
    if data.startswith(b"\xff\xd8"):
        return not _jpeg_ends(data)
    if data.startswith(b"\x89PNG"):
        return b"IEND\xaeB`\x82" not in data
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    if data.startswith(b"BM") and len(data) >= 34:
        offset, width, height = (int.from_bytes(data[i : i + 4], "little", signed=True) for i in (10, 18, 22))
        bits, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
        return compression == 0 and len(data) < offset + (width * bits + 31) // 32 * 4 * abs(height)
    return False


def _jpeg_ends(data: bytes) -> bool:
    """Whether an end marker follows the start of the scan; a thumbnail before it has an end of its own."""
    position = 2
    while data[position : position + 1] == b"\xff" and position + 4 <= len(data):
        if data[position + 1] == 0xDA:
            return data.rfind(b"\xff\xd9", position) >= 0  # from the end, where it is in a whole file
        if data[position + 1] == 0xFF:  # a fill byte
            position += 1
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def find_images(sources: Iterable[str]) -> list[Path]:
    """The image files that paths, folders (searched through) and glob patterns name, each once.

    Links to folders are followed.

    Raises:
        ImageError: a source that does not exist or holds no image.
    """
    found: dict[str, Path] = {}
    for source in sources:
        if os.path.isdir(source):
            called_so = (path for path in files_below(source) if path.suffix.lower() in SUFFIXES)
            paths = sorted(path for path in called_so if path.is_file())
            if not paths:
                unread = find_unread_images([source])
                others = f"; it has {unread[0].name}, which is not read" if unread else ""
                raise ImageError(f"The folder {source} holds no image ({', '.join(SUFFIXES)}){others}.")
        elif os.path.exists(source):
            paths = [Path(source)]
        else:
            matches = sorted(Path(match) for match in glob.glob(source, recursive=True))
            paths = [path for path in matches if path.is_file()]
            if not paths:
                raise ImageError(f"There is no image {source}.")
        for path in paths:
            found.setdefault(os.path.abspath(path), path)
    return list(found.values())


def find_unread_images(sources: Iterable[str]) -> list[Path]:
    """The files in folders that are called like images in a format that is not read."""
    found = (path for source in sources if os.path.isdir(source) for path in files_below(source))
    return sorted(path for path in found if path.suffix.lower() in UNREAD_SUFFIXES)
