"""What a demo writes: the recording, the log, and what it tells at its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from detector.errors import DetectorError
from detector.video.frame_log import FrameLog
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.recorder import Recorder
from detector.video.recording_file import check_recordable
from detector.video.sources import Source
from detector.video.tally import Tally


class Outputs:
    """A recorder and a log, where they were asked for, and a tally. Each is completed once.

    Args:
        save: the recording, see ``Recorder``.
        jsonl: the log, see ``FrameLog``.
        source: what is recorded.
        say: told what the user has to know of the files.

    Attributes:
        recorder, log: None where not asked for.
        tally: of all frames so far.

    Raises:
        DetectorError: one of them cannot be written.
    """

    def __init__(
        self, save: Path | None, jsonl: Path | None, source: Source, say: Callable[[str], None]
    ) -> None:
        self._say = say
        self._is_complete = False
        self.log: FrameLog | None = None
        self.tally = Tally()
        self.recorder = Recorder(save, source.fps, live=source.live) if save else None
        try:
            self.log = FrameLog(jsonl, live=source.live) if jsonl else None
        except BaseException:
            self.close()
            raise
        for note in (self.recorder and self.recorder.note, self.log and self.log.note):
            if note:
                say(note)

    def add(self, live: LiveFrame) -> None:
        """Count a frame and write its line.

        Raises:
            DetectorError: see ``FrameLog.write``.
        """
        self.tally.add(live)
        if self.log:
            self.log.write(live)

    def finish(self) -> None:
        """The end has come: nothing that is slow is waited for much longer."""
        if self.recorder:
            self.recorder.finish()
        if self.log:
            self.log.finish()

    def complete(self, stats: LiveStats) -> None:
        """Write the last line of the log and the end of the recording, and say how long that is.

        Raises:
            DetectorError: see ``Recorder.write`` and ``FrameLog.write``.
        """
        if self._is_complete:
            return
        self._is_complete = True
        if self.log:
            self.log.add_summary(stats, self.tally)
        if self.recorder:
            self.recorder.close()
            if self.recorder.seconds:
                remarks = "".join(f"; {remark}" for remark in self.recorder.remarks)
                self._say(f"{self.recorder.path} has {self.recorder.seconds:.1f} s of it{remarks}.")

    def close(self) -> None:
        """Let go of both."""
        try:
            if self.recorder:
                self.recorder.close()
        finally:
            if self.log:
                self.log.close()


def check_outputs(source: str, save: Path | None, jsonl: Path | None) -> None:
    """Raise DetectorError where files would overwrite each other, or what is looked at."""
    if save is not None:
        check_recordable(save)
    places = {"--source": source, "--save": save, "--jsonl": jsonl}
    given = [(name, str(place)) for name, place in places.items() if place is not None]
    for position, (name, place) in enumerate(given):
        for other, before in given[:position]:
            if _is_same(before, place):
                raise DetectorError(f"{other} and {name} are the same file, {place}; choose another name.")


def _is_same(first: str, second: str) -> bool:
    with suppress(OSError, ValueError):  # one of them is not there, or no file
        return os.path.samefile(first, second)
    return os.path.realpath(first) == os.path.realpath(second)
