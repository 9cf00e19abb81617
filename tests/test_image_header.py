"""Image files that claim more than they should: refused by their headers, before anything is decoded."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from detector.errors import ImageError
from detector.image_header import HEAD_BYTES, MOST_PIXELS, is_image_head, read_header
from detector.images import decode_image, load_image

WIDTH, HEIGHT = 64, 48
AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def encode(kind: str, size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB", **options: Any) -> bytes:
    stream = io.BytesIO()
    PillowImage.new(mode, size).save(stream, kind, **options)
    return stream.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_frame(data: bytes, **options: Any) -> int:
    """Where the start of the frame is."""
    return max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))


def claim_jpeg(width: int, height: int, **options: Any) -> bytes:
    data = bytearray(encode("JPEG", **options))
    at = jpeg_frame(data)
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def claim_png(width: int, height: int) -> bytes:
    data = bytearray(encode("PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def claim_webp(width: int, height: int) -> bytes:
    canvas = b"\x02\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<I", len(canvas)) + canvas + encode("WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def claim_bmp(width: int, height: int, compression: int = 1) -> bytes:
    header = struct.pack("<IiiHHIIIIII", 40, width, height, 1, 8, compression, 0, 0, 0, 2, 0)
    return b"BM" + struct.pack("<IHHI", 100, 0, 0, 62) + header + bytes(46)


def claim_gif(width: int, height: int) -> bytes:
    data = bytearray(encode("GIF", mode="P"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def claim_tiff(width: int, height: int, *more: tuple[int, int]) -> bytes:
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (277, 1), *more]
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(100)


def claim_pnm(width: int, height: int) -> bytes:
    return b"P6 # 4 4\n%d\n# 3\n%d\n255\n" % (width, height) + bytes(100)


CLAIMS: dict[str, Callable[[int, int], bytes]] = {
    "jpeg": claim_jpeg,
    "png": claim_png,
    "webp": claim_webp,
    "bmp": claim_bmp,
    "gif": claim_gif,
    "tiff": claim_tiff,
    "pnm": claim_pnm,
}


@pytest.mark.parametrize("kind", CLAIMS)
@pytest.mark.parametrize("size", [(65_000, 65_000), (12_000, 11_500)], ids=str)
def test_too_many_pixels_are_called_so(kind: str, size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match=rf"photo is too large: it has {size[0]:,}x{size[1]:,} pixels"):
        decode_image(CLAIMS[kind](*size), name="photo")


def test_what_opencv_itself_would_refuse_is_too_large_and_not_no_image(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(claim_png(33_000, 33_000))
    with pytest.raises(ImageError, match=r"huge\.png is too large"):
        load_image(path)


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_lower_limit_can_be_set(kind: str) -> None:
    with pytest.raises(ImageError, match="too large"):
        decode_image(CLAIMS[kind](WIDTH, HEIGHT), most_pixels=WIDTH * HEIGHT - 1)


@pytest.mark.parametrize(
    "hidden",
    [
        segment(0xE1, b"Exif\0\0" + encode("JPEG")),  # a thumbnail has a frame of its own
        segment(0xFE, b"\xff\xc0\0\x11\x08" + struct.pack(">HH", HEIGHT, WIDTH)),
        b"\xff\xff\xff",
        b"rubbish",
        b"\xff\0\xff\0",
        b"\xff\x01\xff\xd0",
        segment(0xFE, b""),
    ],
    ids=["thumbnail", "comment", "fill bytes", "rubbish", "stuffed", "bare markers", "empty"],
)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_as_large_as_the_decoder_takes_it(hidden: bytes, progressive: bool) -> None:
    data = claim_jpeg(32_767, 32_767, progressive=progressive)
    at = jpeg_frame(data)
    with pytest.raises(ImageError, match="32,767x32,767"):
        decode_image(data[:at] + hidden + data[at:])
    small = encode("JPEG", progressive=progressive)
    at = jpeg_frame(small)
    assert decode_image(small[:at] + hidden + small[at:]).shape == (HEIGHT, WIDTH, 3)


def test_two_frames_in_a_jpeg_are_refused() -> None:
    data = encode("JPEG")
    at = jpeg_frame(data)
    second = claim_jpeg(9000, 9000)[at : at + 19]
    with pytest.raises(ImageError, match="not an image"):
        decode_image(data[:at] + data[at : at + 19] + second + data[at + 19 :])


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_the_bits_for_its_pixels_is_cut_short(progressive: bool) -> None:
    with pytest.raises(ImageError, match="cut short"):
        decode_image(claim_jpeg(8000, 8000, progressive=progressive))


def with_scans(count: int) -> bytes:
    data = encode("JPEG", progressive=True)
    scan = b"\xff\xda\0\x08\x01\x01\x00\x01\x05\x00\x9f\xff\0"
    return data[:-2] + scan * count + data[-2:]


def test_endless_scans_are_refused() -> None:
    assert read_header(with_scans(50), "photo").width == WIDTH
    with pytest.raises(ImageError, match="not an image"):
        decode_image(with_scans(10_000))


@pytest.mark.parametrize("between", [b"", b"\xff\xd9"], ids=["appended", "after a second end"])
def test_what_is_appended_to_a_jpeg_is_no_scan(between: bytes) -> None:
    data = encode("JPEG", progressive=True) + between + b"\xff\xda\0\x08" * 5000
    assert decode_image(data).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("claimed", [1000, 1 << 30, (1 << 32) - 1])
def test_a_png_chunk_that_is_longer_than_the_file_is_cut_short(claimed: int) -> None:
    data = encode("PNG")
    with pytest.raises(ImageError, match="cut short"):
        decode_image(data[:33] + struct.pack(">I", claimed) + data[37:])


@pytest.mark.parametrize("tag", [322, 323, 277], ids=["tile width", "tile height", "samples"])
def test_a_tiff_whose_parts_are_larger_than_it(tag: int) -> None:
    with pytest.raises(ImageError, match="photo is"):
        decode_image(claim_tiff(10_000, 10_000, (tag, 1 << 20)), name="photo")


@pytest.mark.parametrize(
    ("start", "title"),
    [
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"#?RADIANCE\n", "HDR"),
        (b"\x76\x2f\x31\x01", "EXR"),
        (b"\x59\xa6\x6a\x95", "Sun"),
        (b"P7\n", "PAM"),
        (b"Pf\n", "PFM"),
    ],
)
def test_formats_without_a_limit_are_refused_by_name(start: bytes, title: str) -> None:
    with pytest.raises(ImageError, match=title):
        decode_image(start + bytes(100))


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PPM"])
def test_formats_of_other_devices_are_read(kind: str) -> None:
    mode = "P" if kind == "GIF" else "RGB"
    assert decode_image(encode(kind, mode=mode)).shape == (HEIGHT, WIDTH, 3)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes here")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match=r"pipe\.jpg is not a regular file"):
        load_image(tmp_path / "pipe.jpg")


SEEDS = [
    encode("JPEG"),
    encode("JPEG", progressive=True),
    encode("PNG"),
    encode("WEBP"),
    encode("WEBP", lossless=True),
    claim_webp(WIDTH, HEIGHT),
    encode("BMP"),
    encode("GIF", mode="P"),
    encode("TIFF"),
    encode("TIFF", compression="tiff_lzw"),
    encode("PPM"),
]


@settings(max_examples=300, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
)
def test_no_decoder_sees_a_larger_image_than_the_header(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    try:
        header = read_header(bytes(data), "photo", most_pixels=1 << 20)
    except ImageError:
        return
    try:
        decoded = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        return
    if decoded is not None and not header.is_cut_short:
        assert decoded.shape[0] <= header.height
        assert decoded.shape[1] <= header.width


def test_the_limit_lets_photographs_through() -> None:
    assert MOST_PIXELS > 12_000 * 9_000


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF"])
def test_an_image_is_known_by_its_first_bytes(kind: str) -> None:
    assert is_image_head(encode(kind)[:HEAD_BYTES])


@pytest.mark.parametrize(
    "head", [b"", b"P5 is a model", b"BMW 3 series", b"RIFF1234AVI LIST", b"RIFF1234WAVEfmt ", b"GIF", b"MM"]
)
def test_what_begins_like_one_by_chance_is_none(head: bytes) -> None:
    assert not is_image_head(head)
