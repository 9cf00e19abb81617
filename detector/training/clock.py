"""How fast a run trains."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from detector.system.terminal import counted

WARM_UP_STEPS = 3  # the first steps are slow: the graph is traced, the cache is empty

_LEAST_STEPS, _MOST_STEPS = 5, 100  # that the speed of the last ones is taken over


class Clock:
    """Time that training takes, evaluations and the first steps left out."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._start = time.monotonic()
        self._measured_from = self._start
        self._shown = 0.0
        self._ticked = self._start
        self._last: deque[float] = deque(maxlen=_MOST_STEPS)
        self.ticks = 0

    def tick(self) -> None:
        """A step is done."""
        self.ticks += 1
        now = time.monotonic()
        if self.ticks == WARM_UP_STEPS:
            self._measured_from = now
        elif self.ticks > WARM_UP_STEPS:
            self._last.append(now - self._ticked)
        self._ticked = now

    @property
    def seconds_per_step(self) -> float | None:
        """Of the last steps; None before there are some."""
        return sum(self._last) / len(self._last) if len(self._last) >= _LEAST_STEPS else None

    @property
    def images_per_second(self) -> float:
        """Since the first steps."""
        done = self.ticks - WARM_UP_STEPS
        return max(done, 0) * self._batch_size / max(time.monotonic() - self._measured_from, 1e-6)

    def steps_in(self, seconds: float) -> int:
        """About as many steps as fit into a time, between 1 and 1,000."""
        per_step = self._batch_size / self.images_per_second if self.images_per_second else seconds / 5
        return max(1, min(1000, round(seconds / per_step)))

    def shall_show(self) -> bool:
        """True twice a second at most: showing the loss waits for the device."""
        now = time.monotonic()
        if now - self._shown < 0.5:
            return False
        self._shown = now
        return True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A block whose time does not count for the speed."""
        start = time.monotonic()
        yield
        self._measured_from += time.monotonic() - start
        self._ticked += time.monotonic() - start


def describe_minutes(minutes: float) -> str:
    """A time in words."""
    if minutes < 1.5:
        return f"about {counted(max(1, round(minutes * 60)), 'second')}"
    return f"about {round(minutes)} minutes" if minutes < 90 else f"about {minutes / 60:.1f} hours"
