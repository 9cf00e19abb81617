"""The time of a file's frames, whatever the file says."""

from __future__ import annotations

import math

LONGEST_GAP = 5.0  # seconds from a frame to the next; what is longer is a fault, or nobody would wait for it
_DEFAULT_PERIOD = 1 / 30
_SHORTEST = 1e-5  # seconds between two frames; less is no time


class Timeline:
    """Times that begin at 0, always go on, and never by more than ``LONGEST_GAP``.

    Files begin at 100 s, give all their frames one time, jump back, or jump ahead by a day where a clock
    was set or a recorder waited for motion.

    Args:
        rate: frames per second, where that is known: how time goes on where a file has none.

    Attributes:
        shortened: how many gaps were too long.
        longest: seconds of the longest of them.
    """

    def __init__(self, rate: float | None) -> None:
        self._period = 1 / rate if rate else _DEFAULT_PERIOD
        self._begun = False
        self._told = math.nan
        self._now = 0.0
        self.shortened = 0
        self.longest = 0.0

    def next(self, told: float) -> float:
        """Seconds of the next frame from the first one; ``told`` is what the file says, in seconds."""
        before, self._told = self._told, told if math.isfinite(told) else self._told
        if not self._begun:
            self._begun = True
            return self._now
        step = told - before
        if not step > _SHORTEST:  # not a number, too
            step = self._period
        elif step > LONGEST_GAP:
            self.shortened, self.longest = self.shortened + 1, max(self.longest, step)
            step = LONGEST_GAP
        self._now += step
        return self._now

    def restart(self) -> None:
        """Forget what the file said: from here on another clock tells the times."""
        self._told = math.nan

    @property
    def remark(self) -> str | None:
        """The sentence about shortened gaps; None where there were none."""
        if not self.shortened:
            return None
        gaps = "a gap" if self.shortened == 1 else f"{self.shortened:,} gaps, the longest"
        return f"its times have {gaps} of {self.longest:,.0f} s, shortened to {LONGEST_GAP:.0f} s"
