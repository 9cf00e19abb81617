"""The one image decoder, and where images are found."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import ImageError
from detector.image_header import EXPECTED, MOST_PIXELS, read_header
from detector.reading import read_head, read_whole

Image = NDArray[np.uint8]  # (H, W, 3), BGR

_MOST_BYTES = 1 << 31  # of a file: pixels of 8 bytes, the most there may be
_NO_MEMORY = -4  # cv::Error::StsNoMem
_ORIENTATION = 0x0112  # EXIF's tag

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def load_image(path: str | Path, *, size_wh: tuple[int, int] | None = None) -> Image:
    """The image in a file as the camera saw it.

    Any bit depth and colour model becomes 8-bit BGR; transparency is dropped. The EXIF orientation is
    applied, except that ``size_wh`` is believed: when only the stored, unrotated image has that size, it
    is the one that was annotated and it comes back.

    Args:
        path: a JPEG, PNG, WebP, BMP, GIF (its first picture), TIFF or PNM file, whatever its name ends in.
        size_wh: width and height that the image's annotations claim.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        ImageError: absent, empty, not an image, cut short, or too large.
    """
    return decode_image(read_whole(Path(path), _MOST_BYTES, ImageError), name=str(path), size_wh=size_wh)


def decode_image(
    data: bytes,
    *,
    name: str = "image",
    size_wh: tuple[int, int] | None = None,
    most_pixels: int = MOST_PIXELS,
) -> Image:
    """The image in a file's bytes; see ``load_image``.

    Args:
        data: the whole file.
        name: what an error calls it.
        size_wh: width and height that the image's annotations claim.
        most_pixels: width times height that it may have; known from its header before it is decoded.
    """
    if read_header(data, name, most_pixels).is_cut_short:
        raise ImageError(f"The image {name} is cut short; replace it or leave it out.")
    image = _decode(data, name, cv2.IMREAD_COLOR)
    if size_wh and (image.shape[1], image.shape[0]) != size_wh:
        stored = _decode(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if (stored.shape[1], stored.shape[0]) == size_wh:
            return stored
    return image


def exif_orientation(path: Path) -> int:
    """The EXIF orientation of a JPEG file, 1 to 8; 1 (as stored) where it says nothing.

    Source: Exif 2.3, section 4.6.4, tag 0x0112; TIFF 6.0, section 2.
    """
    head = read_head(path, 1 << 16)
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


def _decode(data: bytes, name: str, flags: int) -> Image:
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        if isinstance(error, MemoryError) or error.code == _NO_MEMORY:
            raise ImageError(f"The image {name} is too large for the memory of this machine.") from error
        decoded = None
    if decoded is None:
        raise ImageError(f"{name} is not an image that can be read ({EXPECTED}).")
    return np.asarray(decoded, np.uint8)


def find_images(sources: Iterable[str]) -> list[Path]:
    """The image files that paths, folders (searched through) and glob patterns name, each once.

    Raises:
        ImageError: a source that does not exist or holds no image.
    """
    found: dict[str, Path] = {}
    for source in sources:
        if os.path.isdir(source):
            candidates = sorted(Path(source).rglob("*"))
            paths = [path for path in candidates if path.suffix.lower() in SUFFIXES and path.is_file()]
            if not paths:
                raise ImageError(f"The folder {source} holds no image ({', '.join(SUFFIXES)}).")
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
