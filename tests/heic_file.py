"""A HEIC file made by hand around a picture that the program ``ffmpeg`` has encoded as HEVC.

Boxes as in ISO/IEC 14496-12 and 23008-12. The packages that write such files have a GPL encoder in them.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import cv2

from detector.images import Image


def make_heic(image: Image, folder: Path, *, quarter_turns: int = 0) -> bytes:
    """The bytes of a HEIC file with one picture, turned so many times to the left by 90 degrees."""
    source, video = folder / "source.png", folder / "source.mp4"
    cv2.imwrite(str(source), image)
    encode = [
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=none:crf=8",
        "-pix_fmt",
        "yuv420p",
        "-tag:v",
        "hvc1",
    ]
    colours = [
        "-vf",
        "scale=out_range=pc:out_color_matrix=bt601",
        "-color_range",
        "pc",
        "-colorspace",
        "smpte170m",
    ]
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-i",
        str(source),
        "-frames:v",
        "1",
        *colours,
        *encode,
        str(video),
    ]
    subprocess.run(command, check=True)
    movie = video.read_bytes()
    height, width = image.shape[:2]
    properties = [
        _cut(movie, b"hvcC"),
        _full(b"ispe", struct.pack(">II", width, height)),
        *([_box(b"irot", bytes([quarter_turns]))] if quarter_turns else []),
    ]
    uses = bytes([len(properties), *(0x80 | number + 1 for number in range(len(properties)))])
    picture = _cut(movie, b"mdat")[8:]
    kind = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")

    def meta(offset: int) -> bytes:
        item = _full(b"infe", struct.pack(">HH4sx", 1, 0, b"hvc1"), version=2)
        content = [
            _full(b"hdlr", struct.pack(">I4s12xx", 0, b"pict")),
            _full(b"pitm", struct.pack(">H", 1)),
            _full(b"iloc", struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, offset, len(picture))),
            _full(b"iinf", struct.pack(">H", 1) + item),
            _box(
                b"iprp", _box(b"ipco", b"".join(properties)) + _full(b"ipma", struct.pack(">IH", 1, 1) + uses)
            ),
        ]
        return _full(b"meta", b"".join(content))

    start = len(kind) + len(meta(0)) + 8
    return kind + meta(start) + _box(b"mdat", picture)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _full(name: bytes, content: bytes, *, version: int = 0) -> bytes:
    return _box(name, struct.pack(">I", version << 24) + content)


def _cut(movie: bytes, name: bytes) -> bytes:
    """The box of that name, wherever it lies."""
    start = movie.index(name) - 4
    return movie[start : start + int.from_bytes(movie[start : start + 4], "big")]
