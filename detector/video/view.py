"""What shows the results of a pipeline to somebody."""

from __future__ import annotations

from typing import Protocol

from detector.video.frames import LiveFrame
from detector.video.meter import LiveStats


class View(Protocol):
    """A window, a page in a browser, or whatever else can be looked at."""

    @property
    def closed(self) -> bool:
        """Whether the user has ended it."""
        ...

    def show(self, live: LiveFrame | None, stats: LiveStats, notice: str | None) -> None:
        """Show a frame, or only what has become of the rest while there is no new one.

        Args:
            live: None when nothing new has come.
            stats: figures of the pipeline at this moment.
            notice: a line over the picture, such as why there is none.
        """
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
