"""What an image file says of itself, read before anything is decoded: a few bytes can claim gigabytes.

Each reader goes through the header as OpenCV's decoder for that format does, so that both see the same
size. Formats that this module cannot judge are not decoded.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from detector.errors import ImageError
from detector.heif import is_heif, read_size_wh
from detector.system.invocation import command

# 108 megapixels, of phones and of medium format, fit in. Decoding takes 6 to 10 bytes a pixel: up to 1.3 GB.
MOST_PIXELS = 1 << 27
# A progressive JPEG goes through its pixels once a scan. Encoders write about ten scans, optimisers 60.
_MOST_SCANS = 100
_MOST_PIXELS_SCANNED = 32 * MOST_PIXELS
# Each 8x8 block of a whole JPEG takes at least one bit, and of two components that are sampled by four each
# along one axis, a block covers four times as much.
_MOST_JPEG_PIXELS_A_BYTE = 1024
_MOST_SEGMENTS = 10_000  # before the first scan; photographs with maps and profiles have some hundred

EXPECTED = "JPEG, PNG, WebP, BMP, GIF, TIFF, PNM, HEIC or AVIF expected"

_MOST_CHUNKS = 1_000_000  # of a PNG; of 8 kB each they are larger than a file may be

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_BARE_MARKERS = {0x01, *range(0xD0, 0xD8)}  # without a length
_STARTS_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
_START_OF_SCAN, _END = 0xDA, 0xD9

_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_SAMPLES, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT = 256, 257, 277, 322, 323
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MOST_TIFF_SAMPLES = 8
_PNM = re.compile(rb"P[1-6](?:(?:\s|#[^\r\n]*[\r\n])+(\d{1,9})){2}\s")
_PNM_HEAD = 4096

_VIDEO_HEADS = (
    b"\x1a\x45\xdf\xa3",  # Matroska and WebM
    b"FLV\x01",
    b"OggS",
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: WMV
)
_TRANSPORT_PACKET = 188  # bytes from one 0x47 to the next in an MPEG transport stream
HEAD_BYTES = 2 * _TRANSPORT_PACKET + 1

# Their decoders are not held to any limit here.
_REFUSED = (
    (0, b"\x00\x00\x00\x0cjP  \r\n", "a JPEG 2000 file"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (0, b"#?R", "a Radiance HDR file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster file"),
    (0, b"P7", "a PAM file"),
    (0, b"PF", "a PFM file"),
    (0, b"Pf", "a PFM file"),
)


@dataclass(frozen=True)
class ImageHeader:
    """What an image file claims.

    Attributes:
        width, height: in pixels, as stored.
        is_cut_short: whether the end is missing, as far as that can be told without decoding; decoders
            fill what a truncated file lacks with grey, without a word.
    """

    width: int
    height: int
    is_cut_short: bool = False


_CUT_SHORT = ImageHeader(1, 1, is_cut_short=True)  # before its size


def read_header(data: bytes, name: str, most_pixels: int = MOST_PIXELS) -> ImageHeader:
    """What an image file claims, once that has been found to be reasonable.

    Args:
        data: the whole file.
        name: what an error calls it.
        most_pixels: width times height that it may have.

    Raises:
        ImageError: of no format that is read, with a header that cannot be read, or too large.
    """
    for offset, start, title in _REFUSED:
        if data.startswith(start, offset):
            raise ImageError(f"{name} is {title}, which is not read ({EXPECTED}); convert it.")
    read = next((reader for start, reader in _READERS.items() if data.startswith(start)), None)
    try:
        if is_heif(data):
            header: ImageHeader | None = ImageHeader(*read_size_wh(data, name))
        else:
            header = None if read is None else read(data)
    except (struct.error, IndexError, OverflowError):
        header = None
    if header is None or header.width < 1 or header.height < 1:
        if is_video_head(data[:HEAD_BYTES]):
            raise ImageError(
                f"{name} is a video and no image; open_source and `{command('detect', 'VIDEO')}` read it."
            )
        raise ImageError(f"{name} is not an image that can be read ({EXPECTED}).")
    if header.width * header.height > most_pixels:
        raise ImageError(
            f"{name} is too large: it has {header.width:,}x{header.height:,} pixels, more than the "
            f"{most_pixels / 1e6:,.0f} million that are read; make it smaller or cut it into tiles."
        )
    return header


def _read_jpeg(data: bytes) -> ImageHeader | None:
    """None for arithmetic coding and the other kinds that no photograph has, and for endless scans."""
    position, frame = 2, None
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(data, position)
        if found is None:
            return _CUT_SHORT
        marker, position = data[found.end() - 1], found.end()
        if marker in _BARE_MARKERS:
            continue
        if marker == _END or position + 2 > len(data):
            return None if frame is None else _CUT_SHORT
        if marker in _STARTS_OF_FRAME:
            if frame is not None or marker not in _HUFFMAN_FRAMES:
                return None
            height, width = struct.unpack_from(">HH", data, position + 3)
            frame = width, height
        if marker == _START_OF_SCAN:
            return None if frame is None else _judge_scans(data, position, *frame)
        position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return None


def _judge_scans(data: bytes, start: int, width: int, height: int) -> ImageHeader | None:
    """The header of a JPEG whose first scan starts there."""
    pixels = width * height
    most = _MOST_SCANS if pixels > MOST_PIXELS else min(_MOST_SCANS, _MOST_PIXELS_SCANNED // max(pixels, 1))
    # What is appended to a photograph may hold the marker, too; its scans alone are counted only if need be.
    if data.count(b"\xff\xda", start) >= most and _count_scans(data, start, most) > most:
        return None
    # From the end, where it is in a whole file.
    ends = data.rfind(b"\xff\xd9", start) >= 0
    return ImageHeader(width, height, not ends or len(data) - start < pixels // _MOST_JPEG_PIXELS_A_BYTE)


def _count_scans(data: bytes, start: int, most: int) -> int:
    """Scans up to the end marker, the first one included; stops counting beyond ``most``."""
    scans, position = 1, start
    for segment, found in enumerate(_MARKER.finditer(data, start)):
        marker = found.group()[1]
        if found.start() < position or marker in _BARE_MARKERS:
            continue
        if marker == _END or scans > most:
            break
        if segment > _MOST_SEGMENTS * most:
            return most + 1
        scans += marker == _START_OF_SCAN
        position = found.end() + max(2, int.from_bytes(data[found.end() : found.end() + 2], "big"))
    return scans


def _read_png(data: bytes) -> ImageHeader | None:
    """None where a chunk or a frame of an animation is larger than what holds it: OpenCV makes room first."""
    if data[8:16] != b"\0\0\0\rIHDR":
        return None if len(data) > 16 else _CUT_SHORT
    width, height = struct.unpack_from(">II", data, 16)
    position = 33
    for _ in range(_MOST_CHUNKS):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if end > len(data):
            break
        if kind == b"IEND":
            return ImageHeader(width, height)
        if kind == b"IHDR":
            return None
        if kind == b"fcTL":
            frame_width, frame_height = struct.unpack_from(">II", data, position + 12)
            if frame_width > width or frame_height > height:
                return None
        position = end
    return ImageHeader(width, height, is_cut_short=True)


def _read_webp(data: bytes) -> ImageHeader | None:
    """The canvas where there is one: libwebp refuses pictures that reach over it."""
    if data[8:12] != b"WEBP":
        return None
    is_cut_short = len(data) < int.from_bytes(data[4:8], "little") + 8
    kind, content = data[12:16], data[20:30]
    if kind == b"VP8X":
        size = tuple(int.from_bytes(content[i : i + 3], "little") + 1 for i in (4, 7))
    elif kind == b"VP8 " and content[3:6] == b"\x9d\x01\x2a":
        size = tuple(each & 0x3FFF for each in struct.unpack_from("<HH", content, 6))
    elif kind == b"VP8L" and content[:1] == b"\x2f":
        (bits,) = struct.unpack_from("<I", content, 1)
        size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        return _CUT_SHORT if is_cut_short else None
    return ImageHeader(size[0], size[1], is_cut_short)


def _read_bmp(data: bytes) -> ImageHeader | None:
    offset, size = struct.unpack_from("<II", data, 10)
    if size == 12:  # OS/2's
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    elif size >= 36:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    else:
        return None
    stored = offset + (width * bits + 31) // 32 * 4 * abs(height)
    return ImageHeader(width, abs(height), compression == 0 and len(data) < stored)


def _read_gif(data: bytes) -> ImageHeader | None:
    return ImageHeader(*struct.unpack_from("<HH", data, 6))


def _read_tiff(data: bytes) -> ImageHeader | None:
    """The first picture's size; None where its tiles or samples would take more than the picture does.

    Source: TIFF 6.0, section 2; BigTIFF has a magic number of 43 and 8 bytes where TIFF has 4.
    """
    order = "<" if data[:2] == b"II" else ">"
    (magic,) = struct.unpack_from(f"{order}H", data, 2)
    is_big = magic == 43
    (start,) = struct.unpack_from(f"{order}Q" if is_big else f"{order}I", data, 8 if is_big else 4)
    (count,) = struct.unpack_from(f"{order}Q" if is_big else f"{order}H", data, start)
    if count > 0xFFFF:
        return None
    start, length = start + (8 if is_big else 2), 20 if is_big else 12
    values: dict[int, int] = {}
    for entry in range(start, start + length * count, length):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if _TIFF_WIDTH <= tag <= _TIFF_TILE_HEIGHT and kind in _TIFF_TYPES:
            (value,) = struct.unpack_from(f"{order}{_TIFF_TYPES[kind]}", data, entry + (12 if is_big else 8))
            values[tag] = max(value, values.get(tag, 0))
    width, height = values.get(_TIFF_WIDTH, 0), values.get(_TIFF_HEIGHT, 0)
    if values.get(_TIFF_SAMPLES, 1) > _MOST_TIFF_SAMPLES:
        return None
    tile_wh = [values.get(tag, 1) for tag in (_TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT)]
    return ImageHeader(max(width, tile_wh[0]), max(height, tile_wh[1])) if width and height else None


def _read_pnm(data: bytes) -> ImageHeader | None:
    found = _PNM.match(data[:_PNM_HEAD])
    if found is None:
        return None
    width, height = (int(number) for number in re.findall(rb"\d+", _without_comments(found.group()[2:])))
    return ImageHeader(width, height)


def _without_comments(text: bytes) -> bytes:
    return re.sub(rb"#[^\r\n]*", b"", text)


_READERS: dict[bytes, Callable[[bytes], ImageHeader | None]] = {
    b"\xff\xd8": _read_jpeg,
    b"\x89PNG\r\n\x1a\n": _read_png,
    b"RIFF": _read_webp,
    b"BM": _read_bmp,
    b"GIF8": _read_gif,
    b"II*\0": _read_tiff,
    b"MM\0*": _read_tiff,
    b"II+\0": _read_tiff,
    b"MM\0+": _read_tiff,
    **{b"P%d" % kind: _read_pnm for kind in range(1, 7)},
}


def is_image_head(head: bytes) -> bool:
    """Whether a file that begins with these bytes, ``HEAD_BYTES`` or more, is an image of a format that is
    read.
    """
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[:1] == b"P":
        return _PNM.match(head) is not None
    if head[:2] == b"BM":
        return head[6:10] == bytes(4)  # reserved
    return is_heif(head) or head.startswith(tuple(_READERS))


def is_video_head(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a video."""
    if head[4:8] == b"ftyp":  # ISO 14496-12; HEIF and AVIF images are such files, too
        return not is_heif(head)
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    if len(head) > 2 * _TRANSPORT_PACKET and head[::_TRANSPORT_PACKET] == b"GGG":
        return True
    return head.startswith(_VIDEO_HEADS)
