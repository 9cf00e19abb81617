"""Which files are videos, and which were cut off: told by the sizes that their own parts claim."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from detector.errors import DetectorError
from detector.image_header import HEAD_BYTES, is_video_head
from detector.system.reading import open_regular, read_head

_MOST_PARTS = 100_000  # of a fragmented file; what comes after them is not looked at
_MATROSKA = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"


def is_cut_off(path: Path) -> bool:
    """Whether a part of an MP4, MOV, AVI or Matroska file claims to reach past the file's end.

    Other formats, and files that do not tell their sizes, count as whole.

    Sources: ISO/IEC 14496-12, section 4.2; Microsoft's Multimedia Programming Interface 1.0; RFC 8794.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(12)
            if head[:4] == b"RIFF":
                return _riff_end(file, size) > size
            if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
                return _boxes_end(file, size) > size
            if head[:4] == _MATROSKA:
                return _segment_end(file) > size
    except (OSError, DetectorError):
        pass
    return False


def _riff_end(file: BinaryIO, size: int) -> int:
    """Where the last RIFF chunk ends; files over 1 GB have several, one after the other."""
    end = 0
    for _ in range(_MOST_PARTS):
        file.seek(end)
        head = file.read(8)
        if head[:4] != b"RIFF" or len(head) < 8:
            break
        length = int.from_bytes(head[4:], "little")
        if length in (0, 0xFFFFFFFF):  # a writer that could not go back to fill it in
            break
        end += 8 + length + length % 2
    return end - 1  # the byte that makes a length even may be missing


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last box ends."""
    end = 0
    for _ in range(_MOST_PARTS):
        if end >= size:
            break
        file.seek(end)
        head = file.read(16)
        if len(head) < 8 or not head[4:8].strip(b"\0"):  # zeros after the last box do no harm
            break
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: to the end of the file
            break
        end += length
    return end


def _segment_end(file: BinaryIO) -> int:
    """Where the segment with all the pictures ends; 0 where it does not say."""
    position = 4
    for _ in range(2):  # the header, then the segment
        file.seek(position)
        head = file.read(8)
        if not head or head[0] == 0:
            return 0
        octets = 9 - head[0].bit_length()
        length = int.from_bytes(head[:octets], "big") & ((1 << 7 * octets) - 1)
        start = position + octets
        file.seek(start + length)
        if position > 4:
            return 0 if length == (1 << 7 * octets) - 1 else start + length
        if file.read(4) != _SEGMENT:
            return 0
        position = start + length + 4
    return 0


def is_video(path: Path) -> bool:
    """Whether a file begins as videos do; its name does not count."""
    return is_video_head(read_head(path, HEAD_BYTES))
