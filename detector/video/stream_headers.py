"""What a video's header says of its pictures."""

from __future__ import annotations

import cv2
import numpy as np

from detector.video.capture import Capture, codec_of

# These have no interlaced pictures.
_PROGRESSIVE = {"AV01", "VP80", "VP90", "VP8", "VP9", "GIF", "THEO"}
_H264 = {"H264", "AVC1", "AVC3", "X264"}
# Profiles whose header has the colour format in it (7.3.2.1.1).
_HIGH = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}


def is_progressive(capture: Capture) -> bool:
    """Whether it is certain that a capture's pictures are whole frames; False where it cannot be told.

    Source: ITU-T H.264, 7.3.2.1.1, for H.264; other codecs either have no fields or are not looked into.
    """
    codec = codec_of(capture)
    if codec in _PROGRESSIVE:
        return True
    if codec not in _H264:
        return False
    header = _extra_data(capture)
    try:
        sets = _sequence_parameter_sets(header)
        return bool(sets) and all(_frame_mbs_only(data) for data in sets)
    except IndexError:
        return False


def _extra_data(capture: Capture) -> bytes:
    index = int(capture.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX))
    retrieve = getattr(capture, "retrieve", None)
    if index <= 0 or retrieve is None:
        return b""
    good, data = retrieve(flag=index)
    return np.asarray(data, np.uint8).tobytes() if good and data is not None else b""


def _sequence_parameter_sets(header: bytes) -> list[bytes]:
    """The parameter sets, without the byte that says what they are."""
    if header[:1] == b"\x01":  # as in MP4 and Matroska: ISO/IEC 14496-15, 5.3.3.1
        found, position = [], 6
        for _ in range(header[5] & 31):
            length = int.from_bytes(header[position : position + 2], "big")
            found.append(header[position + 3 : position + 2 + length])
            position += 2 + length
        return found
    units = header.split(b"\x00\x00\x01")[1:]
    return [unit[1:] for unit in units if unit and unit[0] & 31 == 7]


class _Bits:
    """Bits of a parameter set, with the bytes taken out that keep it from looking like a start code."""

    def __init__(self, data: bytes) -> None:
        self._data = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._position = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte, bit = divmod(self._position, 8)
            value = value << 1 | self._data[byte] >> (7 - bit) & 1
            self._position += 1
        return value

    def number(self) -> int:
        """An Exp-Golomb number (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        value = self.number()
        return (value + 1) // 2 if value % 2 else -(value // 2)


def _frame_mbs_only(data: bytes) -> bool:
    bits = _Bits(data)
    profile = bits.take(8)
    bits.take(16)
    bits.number()
    if profile in _HIGH:
        colour = bits.number()
        if colour == 3:
            bits.take(1)
        bits.number(), bits.number(), bits.take(1)
        if bits.take(1):
            for index in range(12 if colour == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.take(1), bits.number(), bits.number()
        for _ in range(bits.number()):
            bits.number()
    bits.number(), bits.take(1), bits.number(), bits.number()
    return bool(bits.take(1))


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last
