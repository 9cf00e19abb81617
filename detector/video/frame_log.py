"""A line of JSON for each frame."""

from __future__ import annotations

import errno
import json
import os
import select
import stat
import sys
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from detector.errors import DetectorError
from detector.system.files import cannot_write
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.tally import Tally

_SAFE_WRITE = 512  # bytes that a pipe with any room takes without waiting: POSIX's least PIPE_BUF
_LOOK_SECONDS = 0.1  # how often a pipe that is full is looked at
_LAST_SECONDS = 1.0  # for the reader of a pipe to make room at the end


class FrameLog:
    """Writes a line for each frame as soon as it is there, so that others can follow the file.

    The lines are those of ``LiveFrame.to_dict``; those of a live source have ``time`` as well, when the frame
    was captured, and ``age_ms``, how old it was when its detections were known. The last line is
    ``{"summary": ...}``. Lines of earlier runs stay, and new ones follow them.

    Args:
        path: a file, a pipe, or ``-`` for standard output. A pipe is waited for until it has a reader.
        live: whether frames come from a live source.

    Attributes:
        note: what to say before the first line, if anything.

    Raises:
        DetectorError: the file cannot be written.
    """

    def __init__(self, path: Path, *, live: bool) -> None:
        self.note: str | None = None
        self._path = path
        self._live = live
        self._deadline: float | None = None
        self._stream: TextIO | None = None
        if str(path) == "-":
            self._descriptor, self._stream = _standard_output()
        else:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            except OSError as error:
                raise cannot_write(path, error) from error
            self._continue()
        self._is_pipe = (
            hasattr(select, "PIPE_BUF")
            and self._stream is None
            and stat.S_ISFIFO(os.fstat(self._descriptor).st_mode)
        )

    def write(self, live: LiveFrame) -> None:
        """Add a frame.

        Raises:
            DetectorError: the disk is full, or nobody reads standard output any more.
        """
        record = live.to_dict()
        if self._live:
            age = time.monotonic() - live.frame.captured_at
            captured = datetime.fromtimestamp(time.time() - age, timezone.utc)
            record |= {"time": captured.isoformat(timespec="milliseconds"), "age_ms": round(1e3 * age, 2)}
        self._add(record)

    def add_summary(self, stats: LiveStats, tally: Tally) -> None:
        """Add the last line."""
        self._add({"summary": stats.to_dict() | tally.to_dict()})

    def finish(self) -> None:
        """Wait no longer for a reader who takes nothing: the end has come."""
        self._deadline = time.monotonic() + _LAST_SECONDS

    def close(self) -> None:
        """Close the file."""
        if self._stream is None:
            os.close(self._descriptor)

    def _continue(self) -> None:
        """Say that there are lines already, and end the last one if a program that was killed has not."""
        state = os.fstat(self._descriptor)
        if not stat.S_ISREG(state.st_mode) or not state.st_size:
            return
        self.note = f"{self._path} has lines already; new ones follow them."
        # Who may write it need not be allowed to read it; a disk that is full is told by the next line.
        with suppress(OSError), self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                os.write(self._descriptor, b"\n")

    def _add(self, record: dict[str, Any]) -> None:
        # A terminal may be in an encoding that lacks characters of a class name.
        line = json.dumps(record, ensure_ascii=str(self._path) == "-") + "\n"
        try:
            if self._stream is not None:
                self._stream.write(line)
                self._stream.flush()
            else:
                self._write(line.encode(errors="backslashreplace"))
        except BrokenPipeError as error:
            where = "on standard output" if str(self._path) == "-" else f"in {self._path}"
            raise DetectorError(f"Nobody reads the lines {where} any more.") from error
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            if self._is_pipe:
                self._await_room()
            rest = rest[os.write(self._descriptor, rest[:_SAFE_WRITE] if self._is_pipe else rest) :]

    def _await_room(self) -> None:
        while not select.select([], [self._descriptor], [], _LOOK_SECONDS)[1]:
            if self._deadline is not None and time.monotonic() > self._deadline:
                raise BrokenPipeError(errno.EPIPE, "nobody reads")


def _standard_output() -> tuple[int, TextIO | None]:
    """A descriptor of its own for standard output; where that has none, as in a notebook, the stream."""
    if sys.stdout is None or sys.stdout.closed or getattr(sys.stdout, "name", "") == os.devnull:
        raise DetectorError("Standard output is closed; give --jsonl a file.")
    sys.stdout.flush()
    try:
        return os.dup(sys.stdout.fileno()), None
    except (OSError, ValueError):
        return -1, sys.stdout
