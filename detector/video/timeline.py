"""The time of a file's frames, whatever the file says."""

from __future__ import annotations

import math

LONGEST_GAP = 5.0  # seconds from a frame to the next; what is longer is a fault, or nobody would wait for it
_DEFAULT_PERIOD = 1 / 30
_SHORTEST = 1e-5  # seconds between two frames; less is no time
_REORDERED = (
    16  # frames that a codec may keep back at most, in H.264 and HEVC; what is told earlier has jumped
)


class Timeline:
    """Times that begin at 0, always go on, and never by more than ``LONGEST_GAP``.

    Files begin at 100 s, give all their frames one time or two frames each, jump back, or jump ahead by a
    day where a clock was set or a recorder waited for motion. Some give times in the order of decoding, a few
    of them earlier than one before. Those go on by the frame rate, and what follows makes up for it.

    Args:
        rate: frames per second, where that is known: how time goes on where a file has none.

    Attributes:
        shortened: how many gaps were too long.
        longest: seconds of the longest of them.
    """

    def __init__(self, rate: float | None) -> None:
        self._period = 1 / rate if rate else _DEFAULT_PERIOD
        self._begun = False
        self._latest = math.nan  # time that the file has told since it last jumped, and which one here it is
        self._behind = 0  # frames since then that were told no later one
        self._now = self._at_latest = 0.0
        self.shortened = 0
        self.longest = 0.0

    def next(self, told: float) -> float:
        """Seconds of the next frame from the first one; ``told`` is what the file says, in seconds."""
        if not self._begun:
            self._begun = True
            self._tell(told, self._now)
            return self._now
        step = told - self._latest
        if step > _SHORTEST:
            gap = step - (
                self._now - self._at_latest
            )  # frames that had no time of their own took a part of it
            if gap > LONGEST_GAP:
                self.shortened, self.longest = self.shortened + 1, max(self.longest, gap)
                self._now += LONGEST_GAP
                self._tell(told, self._now)
            else:
                self._now += max(gap, _SHORTEST)
                self._tell(told, self._at_latest + step)
            return self._now
        self._now += self._period
        self._behind += 1
        if not -step < _REORDERED * self._period or self._behind > _REORDERED:  # not a number, too
            self._tell(told, self._now)
        return self._now

    def _tell(self, told: float, at: float) -> None:
        if math.isfinite(told):
            self._latest, self._at_latest, self._behind = told, at, 0

    def restart(self) -> None:
        """Forget what the file said: from here on another clock tells the times."""
        self._latest = math.nan

    @property
    def remark(self) -> str | None:
        """The sentence about shortened gaps; None where there were none."""
        if not self.shortened:
            return None
        gaps = "a gap" if self.shortened == 1 else f"{self.shortened:,} gaps, the longest"
        return f"its times have {gaps} of {self.longest:,.0f} s, shortened to {LONGEST_GAP:.0f} s"
