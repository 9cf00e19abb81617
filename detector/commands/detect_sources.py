"""What ``ssdlite detect`` is asked to look at: pictures and videos, but not its own results."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.commands.detect_results import results_below
from detector.errors import DetectorError, ImageError
from detector.heif import SUFFIXES as HEIF
from detector.image_header import HEAD_BYTES, is_video_head
from detector.images import find_images, find_unread_images, is_address
from detector.system.address import shown_address
from detector.system.download import open_url
from detector.system.files import files_below
from detector.system.invocation import command, with_extra
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
    """

    pictures: list[Path | str]
    videos: list[str]
    failures: list[str]


def sort_sources(sources: Sequence[str], output: Path) -> Sources:
    """The pictures and videos that files, folders, glob patterns and addresses name, each once, without the
    results of earlier runs that lie in the folders.

    Videos are taken where they are named; those that lie in a folder beside pictures are not, see
    ``find_left_out``.

    Raises:
        ImageError: there are none, a source is a camera or a stream, or it lies in the output folder, where
            results of earlier runs could not be told from images.
        DownloadError: the only source is an address that cannot be reached.
    """
    addresses = [source for source in dict.fromkeys(sources) if is_address(source)]
    local = [source for source in sources if not is_address(source)]
    _refuse_live(local)
    paths = _find_below(local, output) if local else []
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
    return Sources(pictures, videos, failures)


def shown_source(source: Path | str) -> str:
    """A path as it is, an address as it may be shown."""
    return shown_address(source) if isinstance(source, str) and is_address(source) else str(source)


def find_left_out(sources: Sequence[str]) -> Iterator[str]:
    """A sentence for each file in the folders among the sources that looks like something to look at and is
    not looked at.
    """
    for path in find_unread_images(sources):
        way = f"{with_extra('photos')}, or convert it" if path.suffix.lower() in HEIF else "convert it"
        yield f"{path} is in a format that is not read: {way}."
    for folder in filter(os.path.isdir, sources):
        results = results_below([folder])
        for path in sorted(files_below(folder)):
            if path.resolve() in results:
                continue
            if path.suffix.lower() in _VIDEO_SUFFIXES and is_video(path):
                yield f"{path} is a video; `{command('detect', path)}` looks at it."


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


def _find_below(sources: Sequence[str], output: Path) -> list[Path]:
    inside = os.path.join(os.path.realpath(output), "")
    for source in sources:
        if os.path.join(os.path.realpath(source), "").startswith(inside):
            raise ImageError(
                f"{printable(source)} lies in the output folder {printable(output)}, where the pictures of "
                "earlier runs are; name another folder with --output."
            )
    results = results_below(filter(os.path.isdir, sources))
    paths = [
        path
        for path in _find(sources)
        if not os.path.realpath(path).startswith(inside) and Path(os.path.realpath(path)) not in results
    ]
    if not paths:
        raise ImageError(f"There are only results of an earlier run in {printable(' '.join(sources))}.")
    return paths


def _find(sources: Sequence[str]) -> list[Path]:
    try:
        return find_images(sources)
    except ImageError as error:
        for source in filter(os.path.isdir, sources):
            for path in sorted(Path(source).rglob("*")):
                if is_video(path):
                    raise ImageError(
                        f"{str(error).removesuffix('.')}, but there are videos; "
                        f"`{command('detect', path)}` looks at one."
                    ) from error
        raise


def _is_device(source: str) -> bool:
    return stat.S_ISCHR(os.stat(source).st_mode)
