"""What ``ssdlite detect`` is asked to look at: pictures and videos, but not its own results."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.commands.detect_results import results_among
from detector.errors import DetectorError, ImageError
from detector.heif import SUFFIXES as HEIF
from detector.image_header import HEAD_BYTES, is_image_head, is_video_head
from detector.images import (
    MOST_BYTES,
    SUFFIXES,
    UNREAD_SUFFIXES,
    Image,
    decode_image,
    fetch,
    find_images,
    is_address,
)
from detector.system.address import shown_address
from detector.system.download import open_url
from detector.system.files import files_below
from detector.system.invocation import command, with_extra
from detector.system.reading import read_head, read_whole
from detector.system.terminal import printable
from detector.video.container import is_video

_VIDEO_SUFFIXES = (
    ".mp4",
    ".mov",
    ".m4v",
    ".avi",
    ".mkv",
    ".webm",
    ".mpg",
    ".mpeg",
    ".ts",
    ".wmv",
    ".flv",
    ".ogv",
)
_PLAYLISTS = ("application/vnd.apple.mpegurl", "application/x-mpegurl", "application/dash+xml")


@dataclass(frozen=True)
class Sources:
    """What there is to look at.

    Attributes:
        pictures: files, and addresses as text.
        videos: paths and addresses.
        failures: a sentence for each address that gives neither.
        left_out: a sentence for each file in a folder that is something to look at, or looks like it, and is
            not looked at.
    """

    pictures: list[Path | str]
    videos: list[str]
    failures: list[str]
    left_out: list[str]


def sort_sources(sources: Sequence[str], output: Path | None, *, command_name: str = "detect") -> Sources:
    """The pictures and videos that files, folders, glob patterns and addresses name, each once, without the
    results of earlier runs that lie in the folders.

    Videos are taken where they are named; those that lie in a folder beside pictures are left out.

    Args:
        output: the folder that results go to, if there is one.
        command_name: of what looks at them.

    Raises:
        ImageError: there are none, a source is a camera or a stream, or it lies in the output folder, where
            results of earlier runs could not be told from images.
        DownloadError: the only source is an address that cannot be reached.
    """
    addresses = [source for source in dict.fromkeys(sources) if is_address(source)]
    local = [source for source in sources if not is_address(source)]
    _refuse_live(local)
    lying = [path for source in filter(os.path.isdir, local) for path in sorted(files_below(source))]
    results = results_among(lying)
    left_out = {
        path: why
        for path in lying
        if path.suffix.lower() not in SUFFIXES
        and path.resolve() not in results
        and (why := _why_left_out(path, command_name))
    }
    paths = _find_below(local, output, results, left_out) if local else []
    videos = [str(path) for path in paths if is_video(path)]
    pictures: list[Path | str] = [path for path in paths if str(path) not in videos]
    failures: list[str] = []
    for address in addresses:
        try:
            (videos if _is_video_at(address) else pictures).append(address)
        except DetectorError as error:
            if not (paths or addresses[1:]):
                raise
            failures.append(str(error))
    return Sources(pictures, videos, failures, list(left_out.values()))


def shown_source(source: Path | str) -> str:
    """A path as it is, an address as it may be shown."""
    return shown_address(source) if isinstance(source, str) and is_address(source) else str(source)


def read_picture(source: Path | str, name: str) -> tuple[bytes, Image]:
    """The bytes of a picture, and the picture upright.

    Args:
        source: a file or an address.
        name: of a picture at an address, for errors.

    Raises:
        ImageError: it cannot be read, or is none.
        DownloadError: it cannot be fetched.
    """
    fetched = isinstance(source, str) and is_address(source)
    data = fetch(str(source)) if fetched else read_whole(Path(source), MOST_BYTES, ImageError)
    return data, decode_image(data, name=name if fetched else str(source))


def _why_left_out(path: Path, command_name: str) -> str | None:
    """Why a file that is not called like a picture is not looked at; None where nobody would expect it."""
    suffix = path.suffix.lower()
    if suffix in UNREAD_SUFFIXES:
        way = f"{with_extra('photos')}, or convert it" if suffix in HEIF else "convert it"
        return f"{path} is in a format that is not read: {way}."
    head = read_head(path, HEAD_BYTES)
    if is_image_head(head):
        looks = f"`{command(command_name, path)}` looks at it"
        return f"{path} is a picture, which its name does not say; {looks}."
    looks = f"`{command('detect', path)}` looks at it"
    if suffix not in _VIDEO_SUFFIXES:  # a file that begins as videos do may be audio
        return None
    if is_video_head(head):
        return f"{path} is a video; {looks}."
    if suffix == ".ts":  # TypeScript
        return None
    return f"{path} is called like a video and is none; it may be cut off or damaged."


def _refuse_live(sources: Sequence[str]) -> None:
    """Raise ImageError when a source is a camera, or the address of a stream."""
    for source in sources:
        if os.path.exists(source) and not _is_device(source):
            continue
        if "://" in source:  # which may have a password inside
            raise ImageError(f"The address is none of a picture or a video; {_live('ADDRESS')}.")
        if source.isdecimal() or source == "browser" or source.startswith("/dev/video"):
            raise ImageError(f"There is no image {printable(source)}; {_live(source)}.")


def _live(source: str) -> str:
    return f"`{command('demo', '--source', source)}` detects in cameras and streams"


def _is_video_at(address: str) -> bool:
    """Whether an address gives a video, by what the server says and how its answer begins.

    Raises:
        ImageError: it gives a page, or pictures without an end, as cameras do.
        DownloadError: it cannot be reached.
    """
    with open_url(address) as response:
        kind = response.headers.get_content_type()
        head = response.read(HEAD_BYTES)
    if kind.startswith("multipart/"):
        raise ImageError(f"{shown_address(address)} is a camera's stream; {_live('ADDRESS')}.")
    if kind == "text/html":
        raise ImageError(
            f"{shown_address(address)} is a page, and not a picture; give the address of the picture itself."
        )
    return is_video_head(head) or kind in _PLAYLISTS


def _find_below(
    sources: Sequence[str], output: Path | None, results: set[Path], left_out: Mapping[Path, str]
) -> list[Path]:
    inside = os.path.join(os.path.realpath(output), "") if output is not None else None
    for source in sources:
        if inside and os.path.join(os.path.realpath(source), "").startswith(inside):
            raise ImageError(
                f"{printable(source)} lies in the output folder {printable(output)}, where the pictures of "
                "earlier runs are; name another folder with --output."
            )
    paths = [
        path
        for path in _find(sources, left_out)
        if not (inside and os.path.realpath(path).startswith(inside))
        and Path(os.path.realpath(path)) not in results
    ]
    if not paths:
        raise ImageError(f"There are only results of an earlier run in {printable(' '.join(sources))}.")
    return paths


def _find(sources: Sequence[str], left_out: Mapping[Path, str]) -> list[Path]:
    try:
        return find_images(sources)
    except ImageError as error:
        for path, why in left_out.items():
            if path.suffix.lower() not in UNREAD_SUFFIXES:  # of which the error has said it
                raise ImageError(f"{str(error).removesuffix('.')}, but {why}") from error
        raise


def _is_device(source: str) -> bool:
    return stat.S_ISCHR(os.stat(source).st_mode)
