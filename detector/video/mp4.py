"""Fragmented MP4: a file that plays up to its last fragment, whatever ended the program that wrote it.

OpenCV writes the index of an MP4 at its end alone, so a program that is killed leaves nothing that can be
played. Here short clips, each encoded by OpenCV and whole in itself, become fragments of one file.

Source: ISO/IEC 14496-12:2015, sections 4.2 (boxes), 8.6 and 8.7 (samples), 8.8 (fragments).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from detector.errors import DetectorError
from detector.system.reading import parsing

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)  # neither turned nor scaled
_TICKS = 1000  # of each frame's time
_DEPENDS, _STANDS_ALONE = 0x01010000, 0x02000000  # sample flags: needs others, or starts anew
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


@dataclass(frozen=True)
class Clip:
    """The frames of a short MP4 file.

    Attributes:
        description: its ``stsd`` box: codec and picture size, without the rates that each clip has others of.
        samples: the encoded frames, in the order of decoding.
        keys: whether each of them can be decoded without the others.
    """

    description: bytes
    samples: tuple[bytes, ...]
    keys: tuple[bool, ...]


def read_clip(data: bytes) -> Clip:
    """The frames in an MP4 file of one video track.

    Raises:
        DetectorError: it is no such file, or its frames are not shown in the order of decoding.
    """
    with parsing("Expected an MP4 file from the video encoder"):
        boxes = dict(_boxes(data, 0, len(data)))
        if b"ctts" in boxes:
            raise DetectorError("The video encoder reorders frames, which recordings do not allow for.")
        sizes = _sample_sizes(boxes[b"stsz"])
        samples: list[bytes] = []
        for offset, count in _chunks(boxes):
            for size in sizes[len(samples) : len(samples) + count]:
                samples.append(data[offset : offset + size])
                offset += size
        if not samples or [len(sample) for sample in samples] != sizes:
            raise ValueError("frames are missing")
        alone = set(_table(boxes[b"stss"], 8, "I")) if b"stss" in boxes else set(range(1, len(sizes) + 1))
        keys = tuple(number in alone for number in range(1, len(sizes) + 1))
        return Clip(_box(b"stsd", _without_rates(boxes[b"stsd"])), tuple(samples), keys)


class Fragments:
    """The bytes of a fragmented MP4 file, piece by piece.

    Args:
        description: of the clips' frames, see ``Clip``.
        size_wh: of the picture, in pixels.
        rate: frames per second.
    """

    def __init__(self, description: bytes, size_wh: tuple[int, int], rate: float) -> None:
        self._timescale = round(rate * _TICKS)
        self._frames = 0
        self._count = 0
        self._times, self._places = array("Q"), array("Q")
        self._length = 0
        self._head = _head(description, size_wh, self._timescale)

    def head(self) -> bytes:
        """What the file begins with."""
        self._length = len(self._head)
        return self._head

    def fragment(self, clip: Clip) -> bytes:
        """What is added to the file for a clip."""
        self._times.append(self._frames * _TICKS)
        self._places.append(self._length)
        self._count += 1
        runs = b"".join(
            struct.pack(">3I", _TICKS, len(sample), _STANDS_ALONE if key else _DEPENDS)
            for sample, key in zip(clip.samples, clip.keys, strict=True)
        )

        def moof(offset: int) -> bytes:
            header = _full(b"tfhd", 0, 0x020000, struct.pack(">I", 1))  # offsets count from this box
            time = _full(b"tfdt", 1, 0, struct.pack(">Q", self._frames * _TICKS))
            run = _full(b"trun", 0, 0x701, struct.pack(">Ii", len(clip.samples), offset) + runs)
            sequence = _full(b"mfhd", 0, 0, struct.pack(">I", self._count))
            return _box(b"moof", sequence + _box(b"traf", header + time + run))

        described = moof(len(moof(0)) + 8)
        fragment = described + _box(b"mdat", b"".join(clip.samples))
        self._frames += len(clip.samples)
        self._length += len(fragment)
        return fragment

    def tail(self) -> bytes:
        """What the file ends with: where each fragment is, so that players find a moment at once."""
        entries = b"".join(
            struct.pack(">QQ3B", time, place, 1, 1, 1)
            for time, place in zip(self._times, self._places, strict=True)
        )
        index = _full(b"tfra", 1, 0, struct.pack(">3I", 1, 0, len(self._times)) + entries)
        size = 8 + len(index) + 16
        return _box(b"mfra", index + _full(b"mfro", 0, 0, struct.pack(">I", size)))

    def duration(self) -> tuple[int, bytes]:
        """Where in the file its duration stands, and what stands there once it is complete."""
        return self._head.index(b"mehd") + 8, struct.pack(">Q", self._frames * _TICKS)


def is_cut_off(head: bytes, tail: bytes) -> bool:
    """Whether a file with these first and last bytes is a fragmented MP4 that lacks its end."""
    return b"mvex" in head and tail[-16:-8] != struct.pack(">I", 16) + b"mfro"


def _head(description: bytes, size_wh: tuple[int, int], timescale: int) -> bytes:
    """``ftyp`` and a ``moov`` that has no frames itself and announces fragments."""
    width, height = size_wh
    empty = struct.pack(">I", 0)
    tables = b"".join(_full(name, 0, 0, empty) for name in (b"stts", b"stsc", b"stco"))
    tables = _box(b"stbl", description + tables + _full(b"stsz", 0, 0, empty * 2))
    here = _box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1) + _full(b"url ", 0, 1, b"")))
    minf = _box(b"minf", _full(b"vmhd", 0, 1, bytes(8)) + here + tables)
    mdhd = _full(b"mdhd", 0, 0, struct.pack(">4IHH", 0, 0, timescale, 0, 0x55C4, 0))  # language "und"
    hdlr = _full(b"hdlr", 0, 0, bytes(4) + b"vide" + bytes(12) + b"video\0")
    shape = _MATRIX + struct.pack(">2I", width << 16, height << 16)
    tkhd = _full(b"tkhd", 0, 3, struct.pack(">5I", 0, 0, 1, 0, 0) + bytes(16) + shape)
    trak = _box(b"trak", tkhd + _box(b"mdia", mdhd + hdlr + minf))
    mvhd = struct.pack(">4IIH", 0, 0, timescale, 0, 0x10000, 0x100) + bytes(10) + _MATRIX + bytes(24)
    mehd = _full(b"mehd", 1, 0, bytes(8))
    trex = _full(b"trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, 0))
    moov = _full(b"mvhd", 0, 0, mvhd + struct.pack(">I", 2)) + trak + _box(b"mvex", mehd + trex)
    return _box(b"ftyp", b"iso5" + struct.pack(">I", 512) + b"iso5iso6mp41") + _box(b"moov", moov)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _full(name: bytes, version: int, flags: int, content: bytes) -> bytes:
    return _box(name, struct.pack(">I", version << 24 | flags) + content)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the boxes in a part of a file, those in containers included."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1:
            (size,), header = struct.unpack_from(">Q", data, start + 8), 16
        size = size or end - start  # 0: up to the end
        if size < header:
            raise ValueError(f"a box of {size} bytes")
        if name in _CONTAINERS:
            yield from _boxes(data, start + header, start + size)
        else:
            yield name, data[start + header : start + size]
        start += size


def _without_rates(stsd: bytes) -> bytes:
    """A description with one entry, as it is for any clip of the same encoder."""
    fields = 8 + 8 + 78  # of stsd, of the entry's box, of a picture: section 12.1.3
    count, _, codec = struct.unpack_from(">II4s", stsd, 4)
    if count != 1:
        raise ValueError(f"{count} descriptions")
    parts = [
        _box(name, _esds_without_rates(content) if name == b"esds" else content)
        for name, content in _boxes(stsd, fields, len(stsd))
        if name != b"btrt"
    ]
    return stsd[:8] + _box(codec, stsd[16:fields] + b"".join(parts))


def _esds_without_rates(esds: bytes) -> bytes:
    """Source: ISO/IEC 14496-1:2010, sections 7.2.6.5 and 7.2.6.6: ES_Descriptor, DecoderConfigDescriptor."""
    start = _after_length(esds, 4) + 3
    if esds[4] != 3 or esds[start - 1] & 0xE0 or esds[start] != 4:
        raise ValueError("an unusual description")
    start = _after_length(esds, start) + 2
    return esds[:start] + bytes(11) + esds[start + 11 :]  # size of buffer, greatest and mean rate


def _after_length(data: bytes, tag: int) -> int:
    """Where the content of a descriptor begins."""
    position = tag + 1
    while data[position] & 0x80:
        position += 1
    return position + 1


def _table(content: bytes, start: int, kind: str) -> tuple[int, ...]:
    (count,) = struct.unpack_from(">I", content, start - 4)
    return struct.unpack_from(f">{count}{kind}", content, start)


def _sample_sizes(content: bytes) -> list[int]:
    (same,), (count,) = struct.unpack_from(">I", content, 4), struct.unpack_from(">I", content, 8)
    return [same] * count if same else list(_table(content, 12, "I"))


def _chunks(boxes: dict[bytes, bytes]) -> Iterator[tuple[int, int]]:
    """Place and number of frames of each run of frames that lie behind one another."""
    offsets = _table(boxes[b"stco"], 8, "I") if b"stco" in boxes else _table(boxes[b"co64"], 8, "Q")
    (count,) = struct.unpack_from(">I", boxes[b"stsc"], 4)
    runs = [struct.unpack_from(">3I", boxes[b"stsc"], 8 + 12 * entry) for entry in range(count)]
    for number, offset in enumerate(offsets, start=1):
        yield offset, next(frames for first, frames, _ in reversed(runs) if first <= number)
