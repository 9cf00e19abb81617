"""What looks at the pipeline's results."""

from __future__ import annotations

import sys
from typing import Protocol

from tqdm import tqdm

from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats


class View(Protocol):
    """Shows results. ``show`` is called from one thread: the main one, as windows want it."""

    @property
    def closed(self) -> bool:
        """Whether the user has ended it."""
        ...

    def show(self, live: LiveFrame | None, stats: LiveStats, notice: str | None) -> bool:
        """Show a result; without one, a few times a second, take note of time passing.

        Args:
            live: the new result, None when there is none.
            stats: figures of the last frames.
            notice: why there is no picture, while there is none.

        Returns:
            Whether this result is on display now, or as good as where nobody looks.
        """
        ...

    def close(self) -> None:
        """Let go of whatever it shows on."""
        ...


class ProgressView:
    """A line on the terminal: frames, frames a second, and their age."""

    closed = False

    def __init__(self) -> None:
        self._notice: str | None = None
        self._bar = tqdm(desc="detecting", unit="frame", disable=None, leave=False)

    def show(self, live: LiveFrame | None, stats: LiveStats, notice: str | None) -> bool:
        if (notice is None) != (self._notice is None):
            tqdm.write(notice or "The picture is back.", file=sys.stderr)
        self._notice = notice
        if live is not None:
            if stats.age_p50 is not None:
                self._bar.set_postfix_str(f"age {stats.age_p50:.0f} ms", refresh=False)
            self._bar.update()
        return True

    def close(self) -> None:
        self._bar.close()
