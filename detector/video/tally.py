"""What a run has seen: lines and zones, and how many objects of which class."""

from __future__ import annotations

from collections import Counter
from typing import Any

from detector.system.terminal import counted
from detector.video.frames import UNTRACKED, Count, LiveFrame

_REMEMBERED = 2000  # tracks; the oldest are forgotten, so that a night on a busy road needs no more memory
_MOST_NAMED = 5  # classes in a sentence


class Tally:
    """Counts of a run, in memory that does not grow with its length.

    A track is one object as long as it is followed, and belongs to the class that it is first taken for.
    Without tracks nobody knows whether an object was there before, so of each class there is the number of
    frames and the most at once.
    """

    def __init__(self) -> None:
        self._counts: tuple[Count, ...] = ()
        self._tracked = False
        self._known: dict[int, None] = {}
        self._tracks: Counter[str] = Counter()
        self._frames: Counter[str] = Counter()
        self._most: Counter[str] = Counter()

    def add(self, live: LiveFrame) -> None:
        """Count what was found in a frame."""
        self._counts = live.counts
        names = live.detections.names
        for name, number in Counter(names).items():
            self._frames[name] += 1
            self._most[name] = max(self._most[name], number)
        if live.track_ids is None:
            return
        self._tracked = True
        for name, track in zip(names, live.track_ids.tolist(), strict=True):
            if track == UNTRACKED:
                continue
            self._tracks[name] += track not in self._known
            self._known.pop(track, None)  # now it is the newest
            self._known[track] = None
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: ``counts`` of lines and zones as in the last frame; ``classes`` with, of
        each, ``frames``, ``most_at_once`` and ``tracks``, which is None without tracking.
        """
        classes = {
            name: {
                "frames": frames,
                "most_at_once": self._most[name],
                "tracks": self._tracks[name] if self._tracked else None,
            }
            for name, frames in self._frames.most_common()
        }
        return {"counts": [count.to_dict() for count in self._counts], "classes": classes}

    def sentences(self) -> list[str]:
        """The same for people: a line for lines and zones where there are any, and one for classes."""
        return [*([self._say_counts()] if self._counts else []), self._say_classes()]

    def _say_counts(self) -> str:
        said = [
            f"{count.name} {count.entered:,} in, {count.left:,} out"
            + ("" if count.inside is None else f", {count.inside:,} inside at the end")
            for count in self._counts
        ]
        return f"Counted: {'; '.join(said)}."

    def _say_classes(self) -> str:
        if not self._frames:
            return "Found: nothing over the threshold."
        if self._tracked:
            said = [f"{name} {count:,}" for name, count in self._tracks.most_common() if count]
            if not said:
                return "Tracked: nothing for long enough."
            return f"Tracked: {_join(said, ', ')}."
        said = [
            f"{name} in {counted(frames, 'frame')}"
            + (f", up to {self._most[name]:,} at once" if self._most[name] > 1 else "")
            for name, frames in self._frames.most_common()
        ]
        return f"Found: {_join(said, '; ')}."


def _join(said: list[str], separator: str) -> str:
    rest = len(said) - _MOST_NAMED
    more = [f"and {counted(rest, 'more class', 'more classes')}"] if rest > 0 else []
    return separator.join([*said[:_MOST_NAMED], *more])
