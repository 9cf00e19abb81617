"""The input size that keeps a frame rate on this machine: chosen at the start, and watched from then on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from detector.input_sizes import SizeHW, describe_sizes

Sizes = tuple[SizeHW, ...]  # that a frame is looked at with, as ``Detector.input_sizes``

MEASURING_SECONDS = 0.7  # after which nothing more is begun, so that it is a second in all
_SIDES = (224, 256, 384, 448, 512, 576, 640)  # pixels; docs/sizes.md has what they find
# Of the time from one frame to the next, what detection may take: the rest is for capture and display.
_SHARE = 0.75
# A larger size is taken only if it would leave more than that, so that it is not given up at once.
_SHARE_TO_RISE = 0.6
_DOUBT = 1.1  # what is a little too slow by estimate is measured before it is given up
_FRAMES = 10  # that are looked back on
_WARMING = 2  # first ones of a size, which take longer
_PATIENCE, _LONGEST_PATIENCE = 5.0, 300.0  # seconds for which a larger size would have to do


def size_ladder(own_hw: SizeHW) -> list[SizeHW]:
    """Single sizes to choose from, the smallest first: squares, and the model's own size."""
    return sorted({*((side, side) for side in _SIDES), own_hw}, key=lambda size: (size[0] * size[1], size))


def size_candidates(own_hw: SizeHW) -> list[Sizes]:
    """What may be taken, the quickest first: sizes smaller than the model's own, that one, and that one with
    each that is larger. A larger one alone would lose what fills the picture, such as who sits at the camera.
    """
    ladder = size_ladder(own_hw)
    larger = ladder[ladder.index(own_hw) + 1 :]
    return [*((size,) for size in ladder if size not in larger), *((own_hw, size) for size in larger)]


def pixels(sizes: Sizes) -> int:
    """Pixels of all inputs together, which detection takes time in proportion to."""
    return sum(height * width for height, width in sizes)


@dataclass(frozen=True)
class Choice:
    """Sizes, and why.

    Attributes:
        sizes: what was chosen.
        seconds: what a frame takes with them.
        fps: the frame rate that was asked for.
        measured: whether that was measured, and not estimated from another size.
    """

    sizes: Sizes
    seconds: float
    fps: float
    measured: bool = True

    def __str__(self) -> str:
        sizes, rate = describe_sizes(self.sizes), f"{self.fps:g} frames a second"
        about = "" if self.measured else "about "
        took, room = f"{about}{1e3 * self.seconds:.0f} ms", f"{1e3 / self.fps:.0f}"
        if self.seconds * self.fps > 1:
            return f"{sizes}, and no size is quick enough for {rate}: {took} a frame of {room}"
        return f"{sizes} for {rate}: {took} a frame of {room}"


def choose_sizes(
    candidates: Sequence[Sizes],
    first: Sizes,
    time_of: Callable[[Sizes], float],
    fps: float,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Choice:
    """The largest candidate that keeps a frame rate, or the quickest if none does.

    Few are measured: what the others take is estimated from the nearest one that was. No further one is
    measured after ``MEASURING_SECONDS``.

    Args:
        candidates: what may be taken, the quickest first.
        first: the one of them to begin with.
        time_of: measures how many seconds a frame takes.
        fps: frames a second to keep.
        clock: seconds, as ``time.monotonic``.
    """
    end = clock() + MEASURING_SECONDS
    measured = {first: time_of(first)}
    while True:
        best = _largest(candidates, measured, _SHARE / fps, _DOUBT)
        if best in measured:
            return Choice(best, measured[best], fps)
        if clock() >= end:
            known = [sizes for sizes in measured if measured[sizes] <= _SHARE / fps]
            best = max(known, key=pixels, default=best)
            return Choice(best, _expected(best, measured), fps, measured=best in measured)
        measured[best] = time_of(best)


class SizeControl:
    """Watches how long frames take, and says when another size is needed.

    A smaller one is taken as soon as frames take longer than there is time for. A larger one is taken when it
    would have left room to spare for some seconds on end: twice as many after each time that it did not.

    Args:
        candidates: what may be taken, the quickest first.
        fps: frames a second to keep.
        clock: seconds, as ``time.monotonic``.
    """

    def __init__(
        self, candidates: Sequence[Sizes], fps: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._candidates = candidates
        self._fps = fps
        self._clock = clock
        self._sizes: Sizes | None = None
        self._warming = 0
        self._seconds: deque[float] = deque(maxlen=_FRAMES)
        self._patience = _PATIENCE
        self._has_risen = False
        self._room_since: float | None = None

    def add(self, sizes: Sizes, seconds: float) -> tuple[Sizes, str] | None:
        """Count a frame; says what to change to and why, None to stay.

        Args:
            sizes: that it was looked at with; the first frames with new ones are not counted.
            seconds: that it took.
        """
        if sizes != self._sizes:
            self._sizes, self._warming, self._room_since = sizes, _WARMING, None
            self._seconds.clear()
        if self._warming:
            self._warming -= 1
            return None
        self._seconds.append(seconds)
        if len(self._seconds) < _FRAMES:
            return None
        typical = median(self._seconds)
        if typical * self._fps > 1:
            return self._lower(sizes, typical)
        return self._raise(sizes, typical)

    def _lower(self, sizes: Sizes, typical: float) -> tuple[Sizes, str] | None:
        self._room_since = None
        smaller = [each for each in self._candidates if pixels(each) < pixels(sizes)]
        if not smaller:
            return None
        self._start_anew()
        if self._has_risen:
            self._patience = min(2 * self._patience, _LONGEST_PATIENCE)
            self._has_risen = False
        lower = _largest(smaller, {sizes: typical}, _SHARE / self._fps)
        return lower, (
            f"{describe_sizes(lower)} now: {describe_sizes(sizes)} takes {1e3 * typical:.0f} ms a frame, and "
            f"{self._fps:g} frames a second leave {1e3 / self._fps:.0f}"
        )

    def _raise(self, sizes: Sizes, typical: float) -> tuple[Sizes, str] | None:
        higher = _largest(self._candidates, {sizes: typical}, _SHARE_TO_RISE / self._fps)
        if pixels(higher) <= pixels(sizes):
            self._room_since = None
            return None
        now = self._clock()
        if self._room_since is None:
            self._room_since = now
        if now - self._room_since < self._patience:
            return None
        self._start_anew()
        self._has_risen = True
        return higher, (
            f"{describe_sizes(higher)} now: {describe_sizes(sizes)} takes {1e3 * typical:.0f} ms a frame of "
            f"{1e3 / self._fps:.0f}"
        )

    def _start_anew(self) -> None:
        """Frames that are on their way until the change has come say nothing new."""
        self._sizes = None


def _largest(
    candidates: Sequence[Sizes], measured: Mapping[Sizes, float], seconds: float, doubt: float = 1.0
) -> Sizes:
    """The last candidate whose frames take at most so many seconds, or else the first. What was not measured
    may seem to take ``doubt`` times as long.
    """
    fitting = [
        sizes
        for sizes in candidates
        if _expected(sizes, measured) <= seconds * (1 if sizes in measured else doubt)
    ]
    return fitting[-1] if fitting else candidates[0]


def _expected(sizes: Sizes, measured: Mapping[Sizes, float]) -> float:
    """Seconds that a frame takes: in proportion to the one that was measured and is next to it in size."""
    nearest = min(measured, key=lambda each: abs(pixels(each) - pixels(sizes)))
    return measured[nearest] * pixels(sizes) / pixels(nearest)
