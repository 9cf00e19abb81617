"""Photographs in HEIF containers: HEIC, as phones write them, and AVIF. Two packages decode them, an extra.

ISO/IEC 23008-12 for the container; its brands say what is in it.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detector.errors import ImageError
from detector.system.invocation import with_extra

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
else:
    PillowImage = Any

EXTRA = "photos"
SUFFIXES = (".heic", ".heif", ".hif", ".avif")
_AVIF = (b"avif", b"avis")
# Still pictures and sequences of HEVC, and MIAF's brands of several kinds.
_BRANDS = (*_AVIF, b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"mif2", b"msf1", b"miaf")
_MOST_BRANDS = 64


def is_heif(data: bytes) -> bool:
    """Whether a file is such a container, by its first box."""
    return data[4:8] == b"ftyp" and not _brands(data).isdisjoint(_BRANDS)


def read_size_wh(data: bytes, name: str) -> tuple[int, int]:
    """Width and height, before anything is decoded.

    Raises:
        ImageError: the packages are not installed, or the file is damaged.
    """
    width, height = _open(data, name).size
    return int(width), int(height)


def decode_heif(data: bytes, name: str) -> NDArray[np.uint8]:
    """The picture, (H, W, 3) uint8, BGR, turned as the camera was held; of several the main one.

    Raises:
        ImageError: the packages are not installed, or the file is damaged.
    """
    picture = _open(data, name)
    from PIL import ImageOps

    try:
        turned = ImageOps.exif_transpose(picture) if _is_avif(data) else picture.to_pillow()
        rgb = np.asarray(turned.convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:  # whatever the decoders meet
        raise _damaged(data, name, error) from error
    return np.ascontiguousarray(rgb[..., ::-1])


def _open(data: bytes, name: str) -> Any:
    """Pillow's image of an AVIF, pi-heif's of a HEIC."""
    try:
        import pi_heif
        from PIL import Image, features
    except ImportError as error:
        raise _not_installed(data, name) from error
    try:
        if not _is_avif(data):
            return pi_heif.open_heif(io.BytesIO(data))
        if not features.check("avif"):
            raise _not_installed(data, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is judged by us
            return Image.open(io.BytesIO(data), formats=["AVIF"])
    except (MemoryError, ImageError):
        raise
    except Exception as error:
        raise _damaged(data, name, error) from error


def _not_installed(data: bytes, name: str) -> ImageError:
    kind = "an AVIF file" if _is_avif(data) else "a HEIC file"
    return ImageError(
        f"{name} is {kind}, which takes the extra {EXTRA} to read: {with_extra(EXTRA)}; or convert it to "
        "JPEG."
    )


def _damaged(data: bytes, name: str, error: Exception) -> ImageError:
    kind = "AVIF" if _is_avif(data) else "HEIC"
    return ImageError(f"{name} is a damaged {kind} file ({error!s:.200}); replace it or leave it out.")


def _is_avif(data: bytes) -> bool:
    return not _brands(data).isdisjoint(_AVIF)


def _brands(data: bytes) -> set[bytes]:
    """The major brand of an ISO file and those that it is compatible with."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 16 + 4 * _MOST_BRANDS)
    return {data[8:12], *(data[start : start + 4] for start in range(16, end, 4))}
