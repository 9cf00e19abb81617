"""The one image decoder, and where images are found."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector import heif
from detector.errors import ImageError
from detector.exif import Pixels, is_tiff, orientation_of, turn, turn_back
from detector.image_header import EXPECTED, MOST_PIXELS, ImageHeader, read_header
from detector.system.address import shown_address
from detector.system.bounds import as_path
from detector.system.files import files_below, replacing
from detector.system.reading import read_whole

Image = NDArray[np.uint8]  # (H, W, 3), BGR

MOST_BYTES = 1 << 31  # of a file: pixels of 8 bytes, the most there may be
_MOST_FETCHED = 1 << 28  # 268 MB
_MOST_GIF_SIDE = 65_535
_NO_MEMORY = -4  # cv::Error::StsNoMem
_LEAST_SIDE = 64  # pixels of a preview, four for each cell of a thumbnail
_REDUCED = tuple((parts, getattr(cv2, f"IMREAD_REDUCED_GRAYSCALE_{parts}")) for parts in (8, 4, 2))

_FORMATS = (".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
_SAME_AS = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".dib": ".bmp", ".tif": ".tiff"}
_OTHERS = (
    ".jxl", ".jp2", ".j2k", ".tga", ".psd", ".exr", ".hdr", ".dng", ".cr2", ".cr3",
    ".nef", ".arw", ".raw", ".ico", ".svg",
)  # fmt: skip


def _is_decoded(suffix: str) -> bool:
    """Whether the format is read here. Builds of OpenCV differ: what one writes it also reads."""
    if suffix in heif.SUFFIXES:
        return all(map(find_spec, ("PIL", "pi_heif")))
    return bool(cv2.haveImageWriter(f"image{_SAME_AS.get(suffix, suffix)}"))


SUFFIXES = tuple(suffix for suffix in (*_FORMATS, *_SAME_AS, *heif.SUFFIXES) if _is_decoded(suffix))
UNREAD_SUFFIXES = (*(suffix for suffix in (*_FORMATS, *heif.SUFFIXES) if suffix not in SUFFIXES), *_OTHERS)


def load_image(path: str | Path, *, size_wh: tuple[int, int] | None = None) -> Image:
    """The image in a file as the camera saw it.

    >>> from detector import load_image
    >>> from detector.data.sample import SAMPLE_FOLDER
    >>> image = load_image(SAMPLE_FOLDER / "coffee.jpg")
    >>> image.shape, image.dtype
    ((400, 600, 3), dtype('uint8'))

    Any bit depth and colour model becomes 8-bit BGR; transparency is dropped. The EXIF orientation is
    applied, except that ``size_wh`` is believed: when only the stored, unrotated image has that size, it
    is the one that was annotated and it comes back.

    Args:
        path: a JPEG, PNG, WebP, BMP, GIF (its first picture), TIFF or PNM file, or with the extra ``photos``
            HEIC or AVIF, whatever its name ends in; or an address that begins with http:// or https://.
        size_wh: width and height that the image's annotations claim.

    Returns:
        (H, W, 3) uint8, BGR.

    Raises:
        ImageError: absent, empty, not an image, cut short, or too large.
        DetectorError: an address that gives no file.
        ValueError: what is no path.
    """
    if is_address(path):
        return decode_image(fetch(str(path)), name=shown_address(str(path)), size_wh=size_wh)
    return decode_image(
        read_whole(as_path("the image", path), MOST_BYTES, ImageError), name=str(path), size_wh=size_wh
    )


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether that is the address of a file on a server, rather than a path."""
    return isinstance(path, str) and path.lower().startswith(("http://", "https://"))


def fetch(address: str) -> bytes:
    """The bytes of an image's file at an address; raises DownloadError."""
    from detector.system.download import read_url  # takes time to import

    return read_url(address, most_bytes=_MOST_FETCHED)


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
    _read_whole_header(data, name, most_pixels)
    image = _decode(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(_turned(image, data, (image.shape[1], image.shape[0]), size_wh)[0], np.uint8)


def _read_whole_header(data: bytes, name: str, most_pixels: int = MOST_PIXELS) -> ImageHeader:
    header = read_header(data, name, most_pixels)
    if header.is_cut_short:
        raise ImageError(f"The image {name} is cut short; replace it or leave it out.")
    return header


def _turned(
    pixels: Pixels, data: bytes, stored_wh: tuple[int, int], size_wh: tuple[int, int] | None
) -> tuple[Pixels, tuple[int, int], int, bool]:
    """Decoded pixels turned as they are shown, or left where only that has the size that is claimed; the
    size of the whole image then, its orientation, and whether it was left.

    The one place where images are turned: OpenCV is told not to, for it does so with some formats only, from
    version to version with others.
    """
    orientation = orientation_of(data)
    turned_wh = stored_wh[::-1] if orientation >= 5 else stored_wh
    if is_tiff(data):  # OpenCV has turned it already
        pixels, stored_wh, turned_wh = turn_back(pixels, orientation), turned_wh, stored_wh
    if size_wh and size_wh != turned_wh and size_wh == stored_wh:
        return pixels, stored_wh, orientation, True
    return turn(pixels, orientation), turned_wh, orientation, False


@dataclass(frozen=True)
class Preview:
    """An image decoded as small as its file allows.

    Attributes:
        grey: (H, W) uint8, at least 64 pixels a side where the image has them; turned as ``load_image`` does.
        size_wh: width and height of the image itself, as ``load_image`` gives it.
        orientation: what EXIF says, 1 to 8.
        as_stored: whether it was not turned, because only so it has the size that is claimed.
        data: the bytes of the file.
    """

    grey: NDArray[np.uint8]
    size_wh: tuple[int, int]
    orientation: int
    as_stored: bool
    data: bytes


def load_preview(path: Path, *, size_wh: tuple[int, int] | None = None) -> Preview:
    """What ``load_image`` would give, small and grey; a JPEG is decoded at a half to an eighth of its size.

    Raises:
        ImageError: as ``load_image``.
    """
    return decode_preview(read_whole(path, MOST_BYTES, ImageError), name=str(path), size_wh=size_wh)


def decode_preview(data: bytes, *, name: str = "image", size_wh: tuple[int, int] | None = None) -> Preview:
    """The preview of a file's bytes; see ``load_preview``."""
    header = _read_whole_header(data, name)
    if not data.startswith(b"\xff\xd8"):
        pixels = _decode(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        small: Pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
        stored_wh = pixels.shape[1], pixels.shape[0]
    else:
        stored_wh = header.width, header.height
        fitting = (flag for parts, flag in _REDUCED if min(stored_wh) >= parts * _LEAST_SIDE)
        flag = next(fitting, cv2.IMREAD_GRAYSCALE)
        small = _decode(data, name, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    grey, full_wh, orientation, as_stored = _turned(small, data, stored_wh, size_wh)
    return Preview(grey, full_wh, orientation, as_stored, data)


def _decode(data: bytes, name: str, flags: int) -> Image:
    try:
        if heif.is_heif(data):
            return heif.decode_heif(data, name)
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        if isinstance(error, MemoryError) or error.code == _NO_MEMORY:
            raise ImageError(f"The image {name} is too large for the memory of this machine.") from error
        decoded = None
    if decoded is None:
        raise ImageError(f"{name} is not an image that can be read ({EXPECTED}).")
    return np.asarray(decoded, np.uint8)


def save_image(path: Path, image: Image, options: Sequence[int] = ()) -> None:
    """Write an image in the format that the name ends in; it is whole or not there.

    Args:
        path: the folder is made where it is missing.
        image: (H, W, 3) uint8, BGR.
        options: of ``cv2.imencode``.

    Raises:
        ImageError: no such format, or too many pixels for it.
        DetectorError: it cannot be written.
    """
    known = ", ".join(_FORMATS[:5])
    if not path.suffix:
        raise ImageError(f"The name of the picture {path} has no ending; expected one such as {known}.")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what fails is said here
    try:
        whole, encoded = cv2.imencode(path.suffix, image, options)
    except cv2.error as error:
        raise ImageError(f"{path} cannot be encoded ({error.err}); expected a name in {known}.") from error
    finally:
        cv2.utils.logging.setLogLevel(level)
    height, width = image.shape[:2]
    if not whole or (path.suffix.lower() == ".gif" and max(height, width) > _MOST_GIF_SIDE):
        raise ImageError(
            f"{path}: its format does not hold {width:,}x{height:,} pixels in colour; take another, such as "
            ".png."
        )
    content = encoded.tobytes()
    with replacing(path) as temporary:
        temporary.write_bytes(content)


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
