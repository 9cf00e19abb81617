"""What a run has seen: lines and zones, and how many objects of which class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from detector.system.terminal import counted
from detector.video.frames import UNTRACKED, Count, LiveFrame

_REMEMBERED = 2000  # tracks; the oldest are forgotten, so that a night on a busy road needs no more memory
_MOST_NAMED = 5  # classes in a sentence, and kinds of one
_PLURAL = {"class": "es", "kind": "s"}


class Tally:
    """Counts of a run, in memory that does not grow with its length.

    A track is one object as long as it is followed. It belongs to the class that it is first taken for, and
    to the kind that it was last known by. Without tracks nobody knows whether an object was there before, so
    of each class there is the number of frames and the most at once, and of each kind the number of frames.
    """

    def __init__(self) -> None:
        self._counts: tuple[Count, ...] = ()
        self._tracked = False
        self._known: dict[int, tuple[str, str | None]] = {}  # class and kind of each
        self._tracks: Counter[str] = Counter()
        self._frames: Counter[str] = Counter()
        self._kinds = _Kinds()
        self._most: Counter[str] = Counter()

    def add(self, live: LiveFrame) -> None:
        """Count what was found in a frame."""
        self._counts = live.counts
        names = live.detections.names
        for name, number in Counter(names).items():
            self._frames[name] += 1
            self._most[name] = max(self._most[name], number)
        kinds = [kind and kind.name for kind in live.detections.kinds or [None] * len(names)]
        self._kinds.add_frame(names, kinds)
        if live.track_ids is None:
            return
        self._tracked = True
        for name, kind, track in zip(names, kinds, live.track_ids.tolist(), strict=True):
            if track == UNTRACKED:
                continue
            self._tracks[name] += track not in self._known
            first, before = self._known.pop(track, (name, None))
            self._known[track] = first, kind or before  # now it is the newest
            self._kinds.change(first, before, kind or before)
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: ``counts`` of lines and zones as in the last frame; ``classes`` with, of
        each, ``frames``, ``most_at_once`` and ``tracks``, which is None without tracking; and ``kinds`` with
        ``frames`` and ``tracks`` of each where there are any.
        """
        classes = {
            name: {
                "frames": frames,
                "most_at_once": self._most[name],
                "tracks": self._tracks[name] if self._tracked else None,
                **self._kinds.to_dict(name, tracked=self._tracked),
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
            said = [
                f"{name} {count:,}{self._kinds.say(name, tracked=True)}"
                for name, count in self._kinds.first(self._tracks.most_common())
                if count
            ]
            if not said:
                return "Tracked: nothing for long enough."
            return f"Tracked: {_join(said, ', ')}."
        said = [
            f"{name} in {counted(frames, 'frame')}"
            + (f", up to {self._most[name]:,} at once" if self._most[name] > 1 else "")
            + self._kinds.say(name, tracked=False)
            for name, frames in self._kinds.first(self._frames.most_common())
        ]
        return f"Found: {_join(said, '; ')}."


class _Kinds:
    """The kinds of each class: in how many frames they were seen, and how many tracks are of them."""

    def __init__(self) -> None:
        self._frames: Counter[tuple[str, str]] = Counter()  # by class and kind
        self._tracks: Counter[tuple[str, str]] = Counter()

    def add_frame(self, names: Sequence[str], kinds: Sequence[str | None]) -> None:
        self._frames.update({(name, kind) for name, kind in zip(names, kinds, strict=True) if kind})

    def change(self, name: str, before: str | None, now: str | None) -> None:
        """Note that a track of a class is of another kind than before."""
        if before:
            self._tracks[name, before] -= 1
        if now:
            self._tracks[name, now] += 1

    def first(self, counts: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """Counts of classes, those with kinds first: they are what was asked for."""
        named = {name for name, _ in self._frames}
        return sorted(counts, key=lambda each: each[0] not in named)

    def to_dict(self, name: str, *, tracked: bool) -> dict[str, Any]:
        kinds = {
            kind: {"frames": frames, "tracks": self._tracks[name, kind] if tracked else None}
            for (own, kind), frames in self._frames.most_common()
            if own == name
        }
        return {"kinds": kinds} if kinds else {}

    def say(self, name: str, *, tracked: bool) -> str:
        counts = self._tracks if tracked else self._frames
        said = [
            f"{kind} {count:,}" if tracked else f"{kind} in {count:,}"
            for (own, kind), count in counts.most_common()
            if own == name and count
        ]
        return f" ({_join(said, ', ', 'kind')})" if said else ""


def _join(said: list[str], separator: str, what: str = "class") -> str:
    rest = len(said) - _MOST_NAMED
    more = [f"and {counted(rest, f'more {what}', f'more {what}{_PLURAL[what]}')}"] if rest > 0 else []
    return separator.join([*said[:_MOST_NAMED], *more])
