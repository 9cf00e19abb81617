"""What a demo writes: the recording, the log, and what it tells at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

from detector.errors import DetectorError
from detector.video.frame_log import FrameLog
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.recorder import Recorder
from detector.video.recording_file import check_recordable
from detector.video.sources import Source
from detector.video.tally import Tally


class Taker(Protocol):
    """Takes frames for a purpose of its own, and is told of the end."""

    @property
    def note(self) -> str:
        """What the user has to know before the first frame."""
        ...

    def add(self, live: LiveFrame) -> None:
        """Take a frame; raises DetectorError where that ends the run."""
        ...

    def close(self) -> None:
        """Complete what was begun; nothing more comes. May be called again."""
        ...

    def summary(self) -> str:
        """What came of it."""
        ...


class Outputs:
    """A recorder and a log, where they were asked for, and a tally. Each is completed once.

    Args:
        save: the recording, see ``Recorder``.
        jsonl: the log, see ``FrameLog``.
        source: what is recorded.
        say: told what the user has to know of the files.
        takers: who else is given all frames.

    Attributes:
        recorder, log: None where not asked for.
        tally: of all frames so far.

    Raises:
        DetectorError: one of them cannot be written.
    """

    def __init__(
        self,
        save: Path | None,
        jsonl: Path | None,
        source: Source,
        say: Callable[[str], None],
        takers: Sequence[Taker] = (),
    ) -> None:
        self._say = say
        self._is_complete = False
        self.log: FrameLog | None = None
        self.tally = Tally()
        self._takers = tuple(takers)
        self.recorder = Recorder(save, source.fps, live=source.live) if save else None
        try:
            self.log = FrameLog(jsonl, live=source.live) if jsonl else None
        except BaseException:
            self.close()
            raise
        for part in (self.recorder, self.log, *self._takers):
            if part and part.note:
                say(part.note)

    def add(self, live: LiveFrame) -> None:
        """Count a frame and write its line.

        Raises:
            DetectorError: see ``FrameLog.write``; or that of a taker.
        """
        self.tally.add(live)
        if self.log:
            self.log.write(live)
        for taker in self._takers:
            taker.add(live)

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
        for taker in self._takers:
            taker.close()
            self._say(taker.summary())

    def close(self) -> None:
        """Let go of everything."""
        with ExitStack() as stack:
            for part in (self.log, self.recorder, *self._takers):
                if part:
                    stack.callback(part.close)


def check_outputs(source: str, save: Path | None, jsonl: Path | None, collect: Path | None) -> None:
    """Raise DetectorError where files would overwrite each other, or what is looked at."""
    if save is not None:
        check_recordable(save)
    places = {"--source": source, "--save": save, "--jsonl": jsonl, "--collect": collect}
    given = [(name, str(place)) for name, place in places.items() if place is not None]
    for position, (name, place) in enumerate(given):
        for other, before in given[:position]:
            if _is_same(before, place):
                raise DetectorError(
                    f"{other} and {name} are the same file or folder, {place}; choose another name."
                )


def _is_same(first: str, second: str) -> bool:
    with suppress(OSError, ValueError):  # one of them is not there, or no file
        return os.path.samefile(first, second)
    return os.path.realpath(first) == os.path.realpath(second)
