"""The orientation that EXIF gives an image, whatever file it lies in, and pictures turned by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]

_ORIENTATION = 0x0112
_SHORT = 3  # TIFF's type of two bytes
_MOST_PARTS = 100_000  # segments or chunks of a file; images have some dozen
_PREFIX = b"Exif\0\0"
_TIFF_STARTS = (b"II*\0", b"MM\0*")  # BigTIFF, whose offsets are longer, says nothing here


def orientation_of(data: bytes) -> int:
    """The EXIF orientation of a JPEG, PNG, WebP or TIFF file, 1 to 8; 1 (as stored) where it says nothing.

    Args:
        data: the whole file; PNG and WebP may say it at their end.

    Source: Exif 2.3, section 4.6.4, tag 0x0112; TIFF 6.0, section 2; PNG 3rd edition, 11.3.3.6 (eXIf); WebP
    container specification (EXIF).
    """
    block = _exif_block(data)
    order: Literal["little", "big"] = "little" if block[:2] == b"II" else "big"
    if block[:4] not in _TIFF_STARTS:
        return 1
    directory = int.from_bytes(block[4:8], order)
    count = int.from_bytes(block[directory : directory + 2], order)
    for entry in range(directory + 2, min(directory + 2 + 12 * count, len(block)), 12):
        tag, kind = (int.from_bytes(block[at : at + 2], order) for at in (entry, entry + 2))
        if tag == _ORIENTATION and kind == _SHORT:
            value = int.from_bytes(block[entry + 8 : entry + 10], order)
            return value if 1 <= value <= 8 else 1
    return 1


def is_tiff(data: bytes) -> bool:
    """Whether a file is a TIFF, which OpenCV turns upright whatever it is told."""
    return data[:4] in _TIFF_STARTS


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """A picture as it is shown, from how it is stored.

    Args:
        pixels: (H, W) or (H, W, 3).
        orientation: 1 to 8; from 5 on width and height change places.
    """
    if orientation in (5, 7):
        pixels = cv2.transpose(pixels)
    if orientation in (6, 8):
        clockwise = orientation == 6
        return cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE if clockwise else cv2.ROTATE_90_COUNTERCLOCKWISE)
    flip = {2: 1, 3: -1, 4: 0, 7: -1}.get(orientation)
    return np.asarray(pixels if flip is None else cv2.flip(pixels, flip))


def turn_back(pixels: Pixels, orientation: int) -> Pixels:
    """A picture as it is stored, from how it is shown.

    Law: ``turn_back(turn(pixels, orientation), orientation)`` equals ``pixels``.
    """
    return turn(pixels, {6: 8, 8: 6}.get(orientation, orientation))


def _exif_block(data: bytes) -> bytes:
    """The TIFF structure that holds the tags; empty where there is none."""
    if is_tiff(data):
        return data
    if data.startswith(b"\xff\xd8"):
        parts, wanted = _jpeg_segments(data), b"\xe1"
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        parts, wanted = _chunks(data, 8, "big"), b"eXIf"
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        parts, wanted = _chunks(data, 12, "little"), b"EXIF"
    else:
        return b""
    for _, (name, start, end) in zip(range(_MOST_PARTS), parts, strict=False):
        if name != wanted:
            continue
        block = data[start:end]
        if block.startswith(_PREFIX):
            return block[len(_PREFIX) :]
        if name != b"\xe1":  # JPEG keeps other things, such as XMP, in segments of that name
            return block
    return b""


def _jpeg_segments(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Marker, start and end of the segments before the first scan."""
    position = 2
    while data[position : position + 1] == b"\xff" and position + 4 <= len(data):
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in (0xD9, 0xDA):
            return
        end = position + 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))
        yield bytes([marker]), position + 4, end
        position = end


def _chunks(data: bytes, position: int, order: Literal["little", "big"]) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the chunks of a PNG (big) or RIFF file (little, padded to even length)."""
    while position + 8 <= len(data):
        first, second = data[position : position + 4], data[position + 4 : position + 8]
        name, length = (second, int.from_bytes(first, order))
        if order == "little":
            name, length = first, int.from_bytes(second, order)
        yield name, position + 8, position + 8 + length
        position += 8 + length + (4 if order == "big" else length % 2)
