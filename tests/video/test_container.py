import struct

import cv2
import pytest

from detector.video.container import is_cut_off
from tests.video.conftest import write_video


def box(kind, content, *, large=False):
    if large:
        return struct.pack(">I4sQ", 1, kind, len(content) + 16) + content
    return struct.pack(">I4s", len(content) + 8, kind) + content


def riff(kind, content):
    return b"RIFF" + struct.pack("<I", len(content) + 4) + kind + content


def element(name, content, octets=1, length=None):
    size = (1 << 7 * octets) | (len(content) if length is None else length)
    return name + size.to_bytes(octets, "big") + content


EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
WHOLE = {
    "mp4": box(b"ftyp", b"isom") + box(b"moov", b"x" * 50) + box(b"mdat", b"y" * 100),
    "large mp4": box(b"ftyp", b"isom") + box(b"mdat", b"y" * 100, large=True),
    "avi": riff(b"AVI ", b"x" * 100),
    "long avi": riff(b"AVI ", b"x" * 100) + riff(b"AVIX", b"x" * 100),
    "matroska": element(EBML, b"x" * 20) + element(SEGMENT, b"y" * 100, octets=8),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_the_end_that_a_file_claims(tmp_path, kind):
    file = tmp_path / "video"
    file.write_bytes(WHOLE[kind])
    assert not is_cut_off(file)
    for lost in (1, 10, 60):
        file.write_bytes(WHOLE[kind][:-lost])
        # AVI: the byte that makes a length even may be missing
        assert is_cut_off(file) == ("avi" not in kind or lost > 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"RIFF",
        WHOLE["mp4"] + b"\0" * 20,
        WHOLE["mp4"][:-108] + struct.pack(">I4s", 0, b"mdat") + b"y" * 50,  # to the end of the file
        b"RIFF\0\0\0\0AVI " + b"x" * 100,  # a writer that was killed
        element(EBML, b"x") + element(SEGMENT, b"y" * 50, octets=8, length=(1 << 56) - 1),  # a live recording
        element(EBML, b"x") + b"junk",
        EBML,
    ],
)
def test_what_does_not_tell_its_end_is_whole(tmp_path, content):
    file = tmp_path / "video"
    file.write_bytes(content)
    assert not is_cut_off(file)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_what_opencv_writes(tmp_path, suffix):
    file = write_video(tmp_path / f"video{suffix}", 20)
    assert cv2.VideoCapture(str(file)).isOpened()
    assert not is_cut_off(file)
    file.write_bytes(file.read_bytes()[:-2000])
    assert is_cut_off(file)


def test_what_is_no_file(tmp_path):
    assert not is_cut_off(tmp_path)
    assert not is_cut_off(tmp_path / "absent")
