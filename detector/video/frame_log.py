"""A line of JSON for each frame."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.files import cannot_write
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats


class FrameLog:
    """Writes a line for each frame as soon as it is there, so that others can follow the file.

    The lines are those of ``LiveFrame.to_dict``; those of a live source have ``time`` as well, when the frame
    was captured, and ``age_ms``, how old it was when its detections were known. The last line is
    ``{"summary": ...}``.

    Args:
        path: a file, or ``-`` for standard output.
        live: whether frames come from a live source.

    Raises:
        DetectorError: the file cannot be written.
    """

    def __init__(self, path: Path, *, live: bool) -> None:
        self._path = path
        self._live = live
        if str(path) == "-":
            if sys.stdout is None:
                raise DetectorError("Standard output is closed; give --jsonl a file.")
            self._file = sys.stdout
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise cannot_write(path, error) from error

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

    def add_summary(self, stats: LiveStats) -> None:
        """Add the last line."""
        self._add({"summary": stats.to_dict()})

    def close(self) -> None:
        """Close the file."""
        if self._file is not sys.stdout:
            with suppress(OSError):  # a full disk, which ``write`` has told
                self._file.close()

    def _add(self, record: dict[str, Any]) -> None:
        try:
            # Standard output may be in an encoding that lacks characters of a class name.
            self._file.write(json.dumps(record, ensure_ascii=self._file is sys.stdout) + "\n")
            self._file.flush()
        except BrokenPipeError as error:
            raise DetectorError("Nobody reads the lines on standard output any more.") from error
        except OSError as error:
            raise cannot_write(self._path, error) from error
