"""What ``ssdlite detect`` is asked to look at: images, and neither videos nor its own results."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from detector.errors import ImageError
from detector.images import find_images
from detector.system.reading import read_head
from detector.system.terminal import printable

_LIVE = "`ssdlite demo --source {}` detects in videos, cameras and streams; this command takes image files"
# ISO 14496-12's file type box begins HEIF and AVIF images, too; these are their brands.
_STILL_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
_VIDEO_HEADS = (
    b"\x1a\x45\xdf\xa3",  # Matroska and WebM
    b"FLV\x01",
    b"OggS",
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: WMV
)
_TRANSPORT_PACKET = 188  # bytes from one 0x47 to the next in an MPEG transport stream


def refuse_live(sources: Sequence[str]) -> None:
    """Raise ImageError when a source is the address of a stream, or a camera."""
    for source in sources:
        if os.path.exists(source) and not _is_device(source):
            continue
        if "://" in source:  # which may have a password inside
            raise ImageError(f"An address was given where a file is expected: {_LIVE.format('ADDRESS')}.")
        if source.isdecimal() or source == "browser" or source.startswith("/dev/video"):
            raise ImageError(f"There is no image {printable(source)}: {_LIVE.format(printable(source))}.")


def find_pictures(sources: Sequence[str], output: Path) -> list[Path]:
    """The files to look at: those that the sources name, without those in the output folder.

    Raises:
        ImageError: there are none, all are videos, or a source lies in the output folder, where results of
            earlier runs could not be told from images.
    """
    inside = os.path.join(os.path.realpath(output), "")
    for source in sources:
        if os.path.join(os.path.realpath(source), "").startswith(inside):
            raise ImageError(
                f"{printable(source)} lies in the output folder {printable(output)}, where the pictures of "
                "earlier runs are; name another folder with --output."
            )
    paths = [path for path in _find(sources) if not os.path.realpath(path).startswith(inside)]
    if not paths:
        raise ImageError(f"There are only results of an earlier run in {printable(' '.join(sources))}.")
    if all(map(is_video, paths)):
        raise ImageError(f"{printable(paths[0])} is a video: {_LIVE.format(printable(paths[0]))}.")
    return paths


def _find(sources: Sequence[str]) -> list[Path]:
    try:
        return find_images(sources)
    except ImageError as error:
        for source in filter(os.path.isdir, sources):
            for path in sorted(Path(source).rglob("*")):
                if is_video(path):
                    raise ImageError(
                        f"{str(error).removesuffix('.')}, but there are videos: "
                        f"{_LIVE.format(printable(path))}."
                    ) from error
        raise


def is_video(path: Path) -> bool:
    """Whether a file begins as videos do; its name does not count."""
    head = read_head(path, 2 * _TRANSPORT_PACKET + 1)
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    if len(head) > 2 * _TRANSPORT_PACKET and head[::_TRANSPORT_PACKET] == b"GGG":
        return True
    return head.startswith(_VIDEO_HEADS)


def _is_device(source: str) -> bool:
    return stat.S_ISCHR(os.stat(source).st_mode)
