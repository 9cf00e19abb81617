"""The live picture in a window of the desktop."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from detector.errors import DetectorError
from detector.images import Image, save_image
from detector.input_sizes import describe_sizes
from detector.system.invocation import command
from detector.system.opencv_build import has_gui
from detector.system.processes import code_command
from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats
from detector.video.overlay import KEYS, add_figures
from detector.video.settings import AUTO, LiveSettings

_TITLE = "ssdlite"
_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.waitKey(1)"
_PROBE_SECONDS = 10
_LARGEST_WH = (1280, 720)  # of the picture in the window, until the user makes it larger
_MESSAGE_SECONDS = 2.0
_THRESHOLD_STEP = 0.05


class DisplayProbe:
    """Finds out whether windows can be opened. It starts at once; ``problem`` waits for the answer.

    OpenCV ends the whole process when it cannot reach the display, so another process tries it first.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if has_gui() and _display_is_named():
            self._process = subprocess.Popen(
                code_command(_PROBE), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

    def problem(self) -> str | None:
        """Why no window can be opened; None if one can."""
        if not has_gui():
            return f"OpenCV is a build without windows here (`{command('doctor')}` says how to repair it)"
        if self._process is None:
            return "there is no display"
        try:
            code = self._process.wait(timeout=_PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"the display did not answer within {_PROBE_SECONDS} seconds"
        return None if code == 0 else "the display cannot be reached"


def _display_is_named() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _is_open() -> bool:
    try:
        return cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:  # Qt: the only window was closed by its X, and everything went with it
        return False


class Window:
    """Shows boxes, figures and keys; q, Esc and the window's X close it. See ``View``.

    Args:
        settings: changed by the keys for pause, threshold and input size.
        draw: makes the picture of a result.
        snapshots: folder for what the key s saves.
    """

    def __init__(
        self,
        settings: LiveSettings,
        draw: Callable[[LiveFrame], Image],
        *,
        snapshots: Path,
    ) -> None:
        self.closed = False
        self._settings = settings
        self._draw = draw
        self._snapshots = snapshots
        self._last: LiveFrame | None = None
        self._sized = False
        self._message: tuple[str, float] | None = None
        self._remark = settings.remark
        self._marked = settings.marked
        self._over: str | None = ""  # what the last drawing said in the middle; nothing has been drawn yet
        # Qt's plugin in OpenCV's wheels looks for fonts that they do not ship, and says so at every start.
        os.environ["QT_LOGGING_RULES"] = "*.warning=false;" + os.environ.get("QT_LOGGING_RULES", "")
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)

    def show(self, live: LiveFrame | None, stats: LiveStats, notice: str | None) -> bool:
        if self.closed:
            return False
        self._last = live or self._last
        if self._settings.remark != self._remark:
            self._remark = self._settings.remark
            if self._remark:
                self._say(f"input size {self._remark}")
        if self._settings.marked != self._marked:
            self._marked = self._settings.marked
            self._say(self._marked)
        over = self._current_message() or notice or ("paused" if self._settings.paused else None)
        if live is not None or over != self._over:
            self._over = over
            self._redraw(stats, over)
        self._press(cv2.waitKey(1))
        self.closed = self.closed or not _is_open()
        return True

    def _redraw(self, stats: LiveStats, over: str | None) -> None:
        picture = np.zeros((480, 640, 3), np.uint8) if self._last is None else self._draw(self._last)
        scale = min(1.0, _LARGEST_WH[0] / picture.shape[1], _LARGEST_WH[1] / picture.shape[0])
        if scale < 1:  # shrunk once here, not by the desktop at every step
            picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale), np.uint8)
        threshold = self._settings.score_threshold
        keys = KEYS if self._settings.mark is None else f"w wrong    {KEYS}"
        framed = add_figures(
            picture, stats, score_threshold=threshold, input_size=self._input_size(), notice=over, keys=keys
        )
        if self._last is not None and not self._sized:
            cv2.resizeWindow(_TITLE, max(320, framed.shape[1]), max(240, framed.shape[0]))
            self._sized = True
        cv2.imshow(_TITLE, framed)

    def _input_size(self) -> str:
        size = describe_sizes(self._last.input_sizes) if self._last else ""
        return f"{size} ({AUTO})" if size and self._settings.input_size == AUTO else size

    def close(self) -> None:
        self.closed = True
        cv2.destroyAllWindows()
        cv2.waitKey(1)  # lets it happen

    def _press(self, key: int) -> None:
        pressed = chr(key & 0xFF) if key >= 0 else ""
        if pressed in ("q", "\x1b"):
            self.closed = True
        elif pressed == " ":
            self._settings.paused = not self._settings.paused
        elif pressed == "s":
            self._save()
        elif pressed == "w":
            self._mark()
        elif pressed in ("+", "=", "-", "_"):
            self._settings.score_threshold += _THRESHOLD_STEP if pressed in "+=" else -_THRESHOLD_STEP
            self._say(f"score over {self._settings.score_threshold:.2f}")
        elif pressed in ("<", ",", ">", "."):
            self._step_size(1 if pressed in ">." else -1)

    def _step_size(self, step: int) -> None:
        sizes = self._settings.sizes
        if not sizes:
            self._say("this model has one input size")
            return
        current = self._settings.input_size
        position = sizes.index(current) + step if current in sizes else 0
        self._settings.input_size = sizes[min(max(position, 0), len(sizes) - 1)]
        self._say(f"input size {self._settings.input_size}")

    def _save(self) -> None:
        if self._last is None:
            return
        path = self._snapshots / f"{time.strftime('%Y%m%d-%H%M%S')}-{self._last.frame.number}.jpg"
        try:
            save_image(path, self._draw(self._last))
            self._say(f"saved {path}")
        except DetectorError as error:
            self._say(str(error))

    def _mark(self) -> None:
        if self._settings.mark is None:
            self._say("start with --collect FOLDER to keep what is wrong")
        elif self._last is not None:
            self._settings.marked = self._marked = ""  # so that the same answer is said again
            self._settings.mark(self._last)

    def _say(self, text: str) -> None:
        self._message = (text, time.monotonic() + _MESSAGE_SECONDS)

    def _current_message(self) -> str | None:
        if self._message is None or time.monotonic() > self._message[1]:
            return None
        return self._message[0]
