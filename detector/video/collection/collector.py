"""Collects frames while the pipeline runs: chosen in its thread, written in another one."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable

from detector.system.terminal import counted
from detector.video.collection.kept_folder import ALIKE, FULL, KEPT, KeptFolder
from detector.video.collection.reasons import FLICKERING, UNSURE, WRONG, Choice, with_suggestions
from detector.video.frames import LiveFrame
from detector.video.settings import LiveSettings

_WAITING = 4  # frames that may wait to be written
_LOOK_SECONDS = 0.1  # how often a file's frame that waits for room looks whether there will be any
_CALLED = {UNSURE: "unsure", FLICKERING: "flickering", WRONG: "called wrong"}

_Waiting = tuple[LiveFrame, str]


class Collector:
    """Keeps the frames that teach. A camera's frame that finds no room to wait is lost, and counted; one
    of a file waits.

    Args:
        folder: where they are kept.
        settings: of the pipeline; from now on it gives ``weak``, and views may call a frame wrong.
        live: whether frames come from a live source.
        tell: takes a line for the user while it runs.
    """

    def __init__(
        self, folder: KeptFolder, settings: LiveSettings, *, live: bool, tell: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._live = live
        self._tell = tell
        self._choice = Choice()
        self._kept: Counter[str] = Counter()
        self._passed_over: Counter[str] = Counter()
        self._lost = 0
        self._lock = threading.Lock()  # frames are lost in the pipeline's thread and in viewers'
        self._failure: BaseException | None = None
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._write, name="collect", daemon=True)
        self._thread.start()
        settings.mark = self.mark

    @property
    def note(self) -> str:
        """What the user has to know before the first frame."""
        folder = self._folder
        there = counted(folder.count, "picture is", "pictures are")
        return (
            f"Collecting: pictures of whatever and whoever is in view are kept in {folder.path}, on this "
            f"machine alone and as they are, up to {folder.most:,} and {folder.most_bytes / 1e6:,.0f} MB."
            + (f" {there} there already." if folder.count else "")
        )

    def add(self, live: LiveFrame) -> None:
        """Look whether a frame teaches, and hand it on to be written.

        Raises:
            DetectorError: an earlier one could not be written.
        """
        self._raise_failure()
        for chosen, reason in self._choice.add(live, self._settings.score_threshold):
            if not self._put(chosen, reason, wait=not self._live):
                self._raise_failure()
                self._lose()

    def mark(self, live: LiveFrame) -> None:
        """Keep a frame that a viewer calls wrong; ``settings.marked`` says what became of it."""
        live = with_suggestions(live, self._settings.score_threshold)
        if not self._put(live, WRONG, wait=False):
            self._lose()
            self._settings.marked = "not kept: too many frames wait to be written"

    def close(self) -> None:
        """Write what waits, and end.

        Raises:
            DetectorError: something could not be written.
        """
        self._settings.mark = None
        while self._thread.is_alive():
            try:
                self._queue.put(None, timeout=_LOOK_SECONDS)
                break
            except queue.Full:
                continue
        self._thread.join()
        self._folder.close()
        self._raise_failure()

    def summary(self) -> str:
        """What was kept and why, and what was not."""
        folder = self._folder
        reasons = [f"{self._kept[reason]:,} {said}" for reason, said in _CALLED.items() if self._kept[reason]]
        why = f" ({', '.join(reasons)})" if reasons else ""
        lines = [
            f"Collected: {counted(sum(self._kept.values()), 'picture')}{why}; {folder.path} has "
            f"{folder.count:,} of {folder.most:,} now, {folder.size / 1e6:,.1f} of "
            f"{folder.most_bytes / 1e6:,.0f} MB."
        ]
        passed_over = self._passed_over
        causes = {
            "within a second of another one": self._choice.held_back,
            "like one that is there": passed_over[ALIKE],
            "because the folder is full": passed_over[FULL],
            "lost because the disk is too slow": self._lost,
        }
        if said := [f"{count:,} {cause}" for cause, count in causes.items() if count]:
            lines.append(f"Not kept: {', '.join(said)}.")
        return "\n".join(lines)

    def _put(self, live: LiveFrame, reason: str, *, wait: bool) -> bool:
        while self._thread.is_alive():
            try:
                self._queue.put((live, reason), block=wait, timeout=_LOOK_SECONDS)
                return True
            except queue.Full:
                if not wait:
                    return False
        return False

    def _lose(self) -> None:
        with self._lock:
            self._lost += 1

    def _write(self) -> None:
        try:
            while (waiting := self._queue.get()) is not None:
                self._keep(*waiting)
        except BaseException as failure:
            self._failure = failure

    def _keep(self, live: LiveFrame, reason: str) -> None:
        folder = self._folder
        outcome = folder.keep(live, reason)
        if outcome == KEPT:
            self._kept[reason] += 1
        else:
            if outcome == FULL and not self._passed_over[FULL]:
                self._tell(f"{folder.path} is full; no more pictures are kept.")
            self._passed_over[outcome] += 1
        if reason == WRONG:
            self._settings.marked = {
                KEPT: f"kept as wrong, {counted(self._kept[WRONG], 'picture')} so far",
                ALIKE: "kept already: nothing has changed since",
                FULL: "not kept: the folder is full",
            }[outcome]

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
