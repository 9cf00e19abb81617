"""What may be given in place of an image: a path, a Pillow image, or an array as OpenCV has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Union

import cv2
import numpy as np

from detector.errors import ImageError
from detector.images import Image, load_image

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
else:
    PillowImage = Any

ImageLike = Union[Image, "os.PathLike[str]", str, PillowImage]

_TO_BGR = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}  # by channels
# Pillow's modes of 8 bits a channel. The others it would cut off at 255, where load_image scales.
_PILLOW_MODES = (
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
)


def to_image(given: Any) -> Image:
    """The image (H, W, 3) uint8, BGR, that was given in one of these kinds.

    Args:
        given: a path (read by ``load_image``); an array of uint8, (H, W, 3) in BGR, (H, W, 4) in BGRA, whose
            transparency is dropped, or (H, W) or (H, W, 1) in grey; or a Pillow image, as its pixels lie:
            ``PIL.ImageOps.exif_transpose`` turns it as the camera was held.

    Raises:
        ImageError: a file that cannot be read.
        ValueError: something else.
    """
    if isinstance(given, np.ndarray):
        return _from_array(np.asarray(given))
    if isinstance(given, str | os.PathLike):
        return load_image(os.fspath(given))
    if _is_pillow(given):
        return _from_pillow(given)
    if given is None:
        raise ValueError(
            "expected an image, got None, which is what cv2.imread gives for a file it cannot read"
        )
    raise ValueError(
        "expected an image: a path, an array (H, W, 3) of uint8 in BGR, or a Pillow image; "
        f"got {type(given).__name__}"
    )


def check_several(images: Any) -> None:
    """Raise ValueError when that is a single image, or nothing that holds several."""
    is_one = isinstance(images, str | bytes | os.PathLike) or _is_pillow(images)
    is_one |= isinstance(images, np.ndarray) and images.ndim < 4
    if is_one or not isinstance(images, Iterable):
        raise ValueError(
            "detect_batch takes several images, such as a list of arrays or of paths; "
            f"got {'one' if is_one else type(images).__name__}"
        )


def _is_pillow(given: object) -> bool:
    # Pillow need not be installed; whoever has one of its images has imported it.
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(given, pillow.Image)


def _from_array(array: np.ndarray[Any, Any]) -> Image:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.dtype != np.uint8 or not array.size:
        raise ValueError(
            "expected an image (H, W, 3) of uint8 with values from 0 to 255, in BGR, "
            f"got {array.shape} of {array.dtype}{_hint(array)}"
        )
    return array if channels == 3 else np.asarray(cv2.cvtColor(array, _TO_BGR[channels]), np.uint8)


def _hint(array: np.ndarray[Any, Any]) -> str:
    if array.ndim == 4:
        return "; detect_batch takes several images"
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        return "; array.transpose(1, 2, 0) puts the channels last"
    return ""


def _from_pillow(given: Any) -> Image:
    if given.mode not in _PILLOW_MODES:
        raise ValueError(
            f"expected a Pillow image of 8 bits a channel, got the mode {given.mode}; "
            "load_image reads such files"
        )
    try:
        rgb = np.asarray(given.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:  # its file is read only now
        raise ImageError(f"The Pillow image cannot be read ({error}); replace its file.") from error
    return _from_array(np.ascontiguousarray(rgb[..., ::-1]))
