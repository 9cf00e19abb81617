"""The image that something was found in, known without its pixels being kept."""

from __future__ import annotations

import os
import weakref
import zlib
from typing import Any

from detector.errors import ImageError
from detector.image_kinds import to_image
from detector.images import Image, decode_image, fetch, is_address
from detector.system.address import shown_address

_SAMPLED = 64  # pixels along each side that tell whether it is still the same image


def take_image(given: Any) -> tuple[Image, ImageMemory]:
    """The image that was given, as ``to_image`` takes it, and what it can be recalled by; an address is asked
    once.

    Raises:
        ImageError, ValueError: as ``to_image``.
    """
    if is_address(given):
        data = fetch(given)
        image = decode_image(data, name=shown_address(given))
        return image, ImageMemory(given, image, data)
    image = to_image(given)
    return image, ImageMemory(given, image)


class ImageMemory:
    """Knows an image: by its path, by the bytes that an address gave, or as long as the program has it.

    Args:
        given: as ``to_image`` takes it.
        image: what that was; its size and a sample of its pixels are remembered.
        data: the bytes of an address's file.
    """

    def __init__(self, given: Any, image: Image, data: bytes | None = None) -> None:
        self._digest = _digest(image)
        self._path: str | None = None
        self._data = data
        self._held: weakref.ref[Any] | None = None
        if isinstance(given, str | os.PathLike):
            text = os.fspath(given)
            self._path = None if is_address(text) else os.path.abspath(text)
            return
        try:
            self._held = weakref.ref(given)
        except TypeError:  # something that looks like an array
            self._held = None

    def recall(self) -> Image | None:
        """The image, (H, W, 3) uint8, BGR; None where the program has it no more.

        Raises:
            ImageError: its file cannot be read any more, or the image is another by now.
        """
        if self._data is not None:
            return decode_image(self._data)
        given = self._path or (self._held() if self._held is not None else None)
        if given is None:
            return None
        image = to_image(given)
        if _digest(image) != self._digest:
            what = self._path or "The image in memory"
            raise ImageError(f"{what} has changed since these objects were found in it; detect again.")
        return image

    def __reduce__(self) -> tuple[Any, ...]:  # what is pickled knows its path alone
        return _remember_path, (self._path, self._digest)

    def __deepcopy__(self, memo: object) -> ImageMemory:
        return self


def _remember_path(path: str | None, digest: tuple[int, ...]) -> ImageMemory:
    memory = ImageMemory.__new__(ImageMemory)
    memory._path, memory._digest, memory._data, memory._held = path, digest, None, None
    return memory


def _digest(image: Image) -> tuple[int, ...]:
    """Height, width, and a checksum of pixels all over the image; reading some thousand takes no time."""
    height, width = image.shape[:2]
    sample = image[:: max(1, height // _SAMPLED), :: max(1, width // _SAMPLED)]
    return height, width, zlib.crc32(sample.tobytes())
