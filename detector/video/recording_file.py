"""The file that a recording goes into: a name of its own, so that nothing recorded before is overwritten."""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from detector.errors import DetectorError
from detector.system.file_lock import lock
from detector.system.files import cannot_write
from detector.video.mp4 import is_cut_off

SUFFIXES = (".mp4", ".avi")
_READER_SECONDS = 10.0  # until somebody opens the other end of a pipe
_STUCK_SECONDS = 10.0  # a pipe that takes nothing for so long has no reader to speak of
_LEAST_FREE = 50e6  # bytes on the disk; under that the recording ends while it can still be completed
_ENDS = 4096  # bytes of an older recording that tell whether it is whole


class RecordingFile:
    """A file under a free name, or a pipe, opened for writing.

    What has content stays as it is: where ``out.mp4`` does, the file is ``out-2.mp4``. What a symbolic link
    points to is written. Two programs never get the same name.

    Args:
        path: what the user asked for; missing folders are made.

    Attributes:
        path: the file.
        suffix: its format, by the name that was asked for.
        note: what to say about its name; None where it is as asked for.
        seekable: whether it is a regular file.
        folder: for what has to be written on the way to it.

    Raises:
        DetectorError: no recording can have this name, it cannot be written, or the disk is nearly full.
    """

    def __init__(self, path: Path) -> None:
        check_recordable(path)
        self.note: str | None = None
        self.suffix = path.suffix.lower()
        try:
            asked = path.resolve() if path.is_symlink() else path
            asked.parent.mkdir(parents=True, exist_ok=True)
            self.seekable = not asked.exists() or asked.is_file()
            if self.seekable:
                if self.suffix == ".avi" != asked.suffix.lower():
                    raise OSError(errno.EINVAL, f"it stands for {asked}, which does not end in .avi")
                self.path, self._descriptor, self._is_new = _claim(asked)
                if self.path != asked:
                    self.note = _describe_older(path, asked, self.path)
                self.folder = asked.parent
            else:
                self.path, self._descriptor, self._is_new = asked, _open_stream(asked, self.suffix), False
                self.folder = Path(tempfile.gettempdir())
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            raise cannot_write(path, error if isinstance(error, OSError) else OSError(str(error))) from error

    def check_space(self, *, begun: bool) -> None:
        """Raise DetectorError if the disk is nearly full; the sentence tells whether there are pictures."""
        if not self.seekable or shutil.disk_usage(self.path.parent).free >= _LEAST_FREE:
            return
        if begun:
            end = f"the recording {self.path} ends here; what came before is in it"
        else:
            end = f"{self.path} is not recorded; free some space and run it again"
        raise DetectorError(f"The disk is nearly full, so {end}.")

    def append(self, boxes: bytes) -> None:
        """Write boxes of an MP4 file at the end, and wait until they are on the disk; all of them or nothing.

        A box that is cut short makes some players refuse the whole file, unless it is one to skip. As such
        they are written, and only what is whole gets its name.

        Raises:
            DetectorError: it cannot be written, or nobody reads the pipe any more.
        """
        length = os.fstat(self._descriptor).st_size
        try:
            if self.seekable:
                self._write(struct.pack(">I", len(boxes)) + b"free" + boxes[8:])
                os.fsync(self._descriptor)
                self.put(length, boxes[:8])
            else:
                self._write(boxes)
        except OSError as error:
            if self.seekable:
                os.ftruncate(self._descriptor, length)
            raise cannot_write(self.path, error) from error

    def put(self, position: int, data: bytes) -> None:
        """Write over what is at a position of a regular file."""
        try:
            os.lseek(self._descriptor, position, os.SEEK_SET)
            self._write(data)
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Let go of it; a new file without content is gone."""
        if self._descriptor < 0:
            return
        is_empty = self.seekable and not os.fstat(self._descriptor).st_size
        os.close(self._descriptor)
        self._descriptor = -1
        if is_empty and self._is_new:
            self.path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        rest, stuck = memoryview(data), time.monotonic() + _STUCK_SECONDS
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
                stuck = time.monotonic() + _STUCK_SECONDS
            except BlockingIOError:
                if time.monotonic() > stuck:
                    raise OSError(errno.EPIPE, "nobody reads the pipe") from None
                time.sleep(0.01)


def check_recordable(path: Path) -> None:
    """Raise DetectorError for a name that no recording can have."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]", str(path)):  # a drive has one letter
        raise DetectorError(f"A recording goes into a file, and {path} is an address; name a file.")
    if path.suffix.lower() not in SUFFIXES:
        raise DetectorError(f"Expected a video file that ends in {' or '.join(SUFFIXES)}, got {path}.")
    if path.is_dir():
        raise DetectorError(f"Expected a video file, but {path} is a folder.")


def _claim(asked: Path) -> tuple[Path, int, bool]:
    """The first of the names that nobody has, its descriptor, and whether the file is new."""
    for path in _names(asked):
        if path.exists() and (not path.is_file() or path.stat().st_size):
            continue
        is_new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        if _lock(descriptor) and not os.fstat(descriptor).st_size:
            return path, descriptor, is_new
        os.close(descriptor)
    raise AssertionError("names do not end")


def _names(path: Path) -> Iterator[Path]:
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _lock(descriptor: int) -> bool:
    """Whether no other recorder has the file that is still empty; so, too, where there are no locks."""
    try:
        lock(descriptor)
    except BlockingIOError:
        return False
    return True


def _open_stream(path: Path, suffix: str) -> int:
    """A pipe, once it has a reader, or a device."""
    mode = path.stat().st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)) or suffix != ".mp4":
        raise OSError(errno.ESPIPE, "it is no regular file, and pipes take .mp4 alone")
    end = time.monotonic() + _READER_SECONDS
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > end:
                raise OSError(errno.ENXIO, "nobody reads this pipe; start its reader first") from error
        time.sleep(0.05)


def _describe_older(asked: Path, first: Path, chosen: Path) -> str:
    """What is there already, and where this recording goes instead."""
    newest = first
    for path in itertools.takewhile(lambda path: path != chosen, _names(first)):
        newest = path
    state = ""
    with suppress(OSError), newest.open("rb") as file:  # it may be somebody else's
        head = file.read(_ENDS)
        file.seek(max(0, newest.stat().st_size - _ENDS))
        if is_cut_off(head, file.read()):
            state = f" ({newest.name} was cut off or is being written; it plays as far as it goes)"
    return f"{asked} is there already{state}; this recording goes into {chosen}."
