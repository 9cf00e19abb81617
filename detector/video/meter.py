"""How fast the pipeline is and how old what it shows: percentiles of times, without keeping them all."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Percentile = Callable[[float], float]

_RECENT = 128  # frames that the figures on screen are about
_STEP = 1.01  # one bin of the histogram to the next: percentiles are right to a hundredth of their value
_LEAST_SECONDS = 0.25  # of a rate: results of several processors come in bursts
_SHORTEST, _BINS = 1e-5, 1700  # from 10 microseconds to about four minutes


class Histogram:
    """Percentiles of any number of durations in constant memory."""

    def __init__(self) -> None:
        self._counts = [0] * _BINS
        self._total = 0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        bin_ = math.log(max(seconds, _SHORTEST) / _SHORTEST, _STEP)
        self._counts[min(int(bin_), _BINS - 1)] += 1
        self._total += 1

    def percentile(self, percent: float) -> float:
        """The duration in seconds that this share of them stays under; 0 before the first."""
        below = 0
        for bin_, count in enumerate(self._counts):
            below += count
            if count and below >= self._total * percent / 100:
                return float(_SHORTEST * _STEP ** (bin_ + 0.5))
        return 0.0


@dataclass(frozen=True)
class LiveStats:
    """Figures of a pipeline at one moment.

    Attributes:
        frames: frames that the detector has seen since the start.
        shown: those of them that were shown.
        skipped: frames of the source that were never looked at, because newer ones had come.
        seconds: time from when the detector got its first frame to when it was done with the last.
        fps: frames that it has seen per second; 0 before there are enough of them to tell.
        age_p50, age_p95: milliseconds from capture to display, median and 95th percentile; None for a file,
            whose frames wait for their turn.
        stages: median milliseconds of each stage.
        input_sizes: how many frames were looked at with which input size since the start, in the order of
            their first ones.
    """

    frames: int
    shown: int
    skipped: int
    seconds: float
    fps: float
    age_p50: float | None
    age_p95: float | None
    stages: dict[str, float]
    input_sizes: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, rounded."""
        return {
            "frames": self.frames,
            "shown": self.shown,
            "skipped": self.skipped,
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2) if self.fps else None,
            "age_p50_ms": None if self.age_p50 is None else round(self.age_p50, 2),
            "age_p95_ms": None if self.age_p95 is None else round(self.age_p95, 2),
            "stages_ms": {name: round(value, 2) for name, value in self.stages.items()},
            "frames_by_input_size": self.input_sizes,
        }


class Meter:
    """Collects times of a pipeline; any thread may add and read.

    Args:
        clock: seconds, as ``time.monotonic``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: dict[str, deque[float]] = {}
        self._whole: dict[str, Histogram] = {}
        self._detected_at: deque[float] = deque(maxlen=_RECENT)
        self._first = self._last = 0.0
        self._frames = self._shown = self._skipped = 0
        self._input_sizes: Counter[str] = Counter()

    def add_stage(self, name: str, seconds: float) -> None:
        """Count how long a stage took for one frame."""
        with self._lock:
            self._add(name, seconds)

    def begin(self) -> None:
        """Start the clock: the detector has its first frame, or goes on after a pause."""
        with self._lock:
            if not self._detected_at:
                self._detected_at.append(self._clock())
                if not self._frames:
                    self._first = self._detected_at[0]

    def add_detected(self, skipped: int, input_size: str) -> None:
        """Count a frame that the detector has seen at an input size, and those before it that it did not get
        to see.
        """
        self.begin()
        with self._lock:
            self._last = self._clock()
            self._detected_at.append(self._last)
            self._frames += 1
            self._skipped += skipped
            self._input_sizes[input_size] += 1

    def pause(self) -> None:
        """Take no account of the time until the next frame in the rate of the last frames."""
        with self._lock:
            self._detected_at.clear()

    def add_shown(self, captured_at: float | None) -> None:
        """Count a frame that is on screen now, or wherever it goes; with its age, if that means something."""
        now = self._clock()
        with self._lock:
            self._shown += 1
            if captured_at is not None:
                self._add("age", now - captured_at)

    def _add(self, name: str, seconds: float) -> None:
        if name not in self._whole:
            self._whole[name], self._recent[name] = Histogram(), deque(maxlen=_RECENT)
        self._whole[name].add(seconds)
        self._recent[name].append(seconds)

    def recent(self) -> LiveStats:
        """Figures of the last frames."""
        with self._lock:
            percentiles = {name: _percentile_of(values) for name, values in self._recent.items()}
            first = self._detected_at[0] if self._detected_at else 0.0
            return self._stats(percentiles, len(self._detected_at), first)

    def whole(self) -> LiveStats:
        """Figures since the start."""
        with self._lock:
            percentiles = {name: histogram.percentile for name, histogram in self._whole.items()}
            return self._stats(percentiles, self._frames + 1, self._first)

    def _stats(self, percentiles: Mapping[str, Percentile], moments: int, first: float) -> LiveStats:
        age = percentiles.get("age")
        seconds = self._last - first
        return LiveStats(
            frames=self._frames,
            shown=self._shown,
            skipped=self._skipped,
            seconds=self._last - self._first,
            # The first moment is when the clock started, each other one ends a frame.
            fps=(moments - 1) / seconds if moments > 1 and seconds >= _LEAST_SECONDS else 0.0,
            age_p50=1e3 * age(50) if age else None,
            age_p95=1e3 * age(95) if age else None,
            stages={name: 1e3 * percentile(50) for name, percentile in percentiles.items() if name != "age"},
            input_sizes=dict(self._input_sizes),
        )


def _percentile_of(values: deque[float]) -> Percentile:
    ordered = sorted(values)
    return lambda percent: ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
