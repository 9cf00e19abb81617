"""Finer names of tracked objects: a look now and then, and a vote over all looks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.classification import Classification, NamedScore
from detector.detections import Detections
from detector.images import Image
from detector.runtime.second_stage import SecondStage, classify_object, likely_kind
from detector.video.frames import UNTRACKED

# Share of the time that may go into looks: the frame rate stays within it, on any machine.
_SHARE = 0.06
_LEAST_LOOKS = 2  # before a name is given: the first is often at an object that is half in the frame
_LOOKS, _MOST_LOOKS = 3, 8  # of each track; the most are taken where the vote stays unsure
_LAST_LOOKS = 12  # with those at objects that have come much closer
_SURE = 0.8  # mean probability
_GROWN = 2.0  # times the area at the largest look
_APART_SECONDS = 0.3  # of the source's time: frames next to each other show the same
_REMEMBERED = 2000  # tracks; the oldest are forgotten, so that a night at a feeder needs no more memory
_MOST_UNTRACKED = 2  # objects that are looked at in a frame where nothing is tracked


@dataclass
class _Votes:
    """What was seen of a track.

    Attributes:
        total: (K,) sum of the probabilities of all looks, each as often as its box has pixels.
        weight: sum of these pixels.
        looks: how many there were.
        area: of the largest box that was looked at, in pixels.
        last: timestamp of the last look.
    """

    total: FloatArray
    weight: float = 0.0
    looks: int = 0
    area: float = 0.0
    last: float = -np.inf

    def add(self, scores: FloatArray, area: float, timestamp: float) -> None:
        self.total = self.total + area * scores
        self.weight += area
        self.looks += 1
        self.area, self.last = max(self.area, area), timestamp

    def wants_look(self, area: float, timestamp: float) -> bool:
        if timestamp - self.last < _APART_SECONDS:
            return False
        if area >= _GROWN * self.area and self.looks < _LAST_LOOKS:
            return True
        sure = float(self.total.max()) >= _SURE * self.weight
        return self.looks < (_LOOKS if sure else _MOST_LOOKS)


class TrackKinds:
    """Gives tracked objects their kinds, at a cost that the frame rate does not show.

    At most one object of a frame is cut out and classified, and none while looks have taken their share of
    the time. Tracks with the fewest looks come first, and of these the largest. A track is looked at three
    times, some frames apart; up to eight times where that leaves its name unsure, and again when it has come
    much closer. From the second look on its kind is the likeliest name in the mean over all of them, if that
    is likely enough; a look at a larger box weighs more, for it shows more.

    Without tracks no look is worth anything for the next frame: the two largest objects of each frame are
    named, whatever that takes.

    Args:
        stage: the classifiers, and how likely a name has to be.
        clock: seconds.
    """

    def __init__(self, stage: SecondStage, clock: Callable[[], float] = time.monotonic) -> None:
        self._stage = stage
        self._clock = clock
        # A track that is a bird in one frame and a cat in the next has votes of two classifiers.
        self._votes: dict[tuple[int, int], _Votes] = {}
        self._next = -np.inf  # when there may be another look

    def __call__(
        self, image: Image, detections: Detections, track_ids: NDArray[np.int64] | None, timestamp: float
    ) -> Detections:
        """The same detections with the kinds that are known by now.

        Args:
            image: that they were found in, (H, W, 3) uint8, BGR.
            detections: of one frame.
            track_ids: (N,), -1 for an object that is seen for the first time; None without tracking.
            timestamp: of the frame, seconds.
        """
        if track_ids is None:
            return self._stage.add_kinds(image, detections, most=_MOST_UNTRACKED)
        tracks = track_ids.tolist()
        if self._clock() >= self._next:
            self._look(image, detections, tracks, timestamp)
        return replace(detections, kinds=tuple(map(self._kind, tracks, detections.names)))

    def _look(self, image: Image, detections: Detections, tracks: list[int], timestamp: float) -> None:
        sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
        areas = sides.prod(axis=1).tolist()
        waiting = []
        for row, (track, name) in enumerate(zip(tracks, detections.names, strict=True)):
            if track == UNTRACKED or name not in self._stage.classifiers or areas[row] < 1:
                continue
            votes = self._votes.get(self._key(track, name))
            if votes is None or votes.wants_look(areas[row], timestamp):
                waiting.append((votes.looks if votes else 0, -areas[row], row))
        if not waiting:
            return
        row = min(waiting)[2]
        classifier = self._stage.classifiers[detections.names[row]]
        start = self._clock()
        answer = classify_object(classifier, image, detections, row)
        now = self._clock()
        self._next = now + (now - start) * (1 / _SHARE - 1)
        if answer is not None:
            self._vote(self._key(tracks[row], detections.names[row]), answer, areas[row], timestamp)

    def _key(self, track: int, name: str) -> tuple[int, int]:
        return track, id(self._stage.classifiers[name])

    def _vote(self, key: tuple[int, int], answer: Classification, area: float, timestamp: float) -> None:
        votes = self._votes.pop(key, None) or _Votes(np.zeros_like(answer.scores))
        votes.add(answer.scores, area, timestamp)
        self._votes[key] = votes  # now it is the newest
        while len(self._votes) > _REMEMBERED:
            del self._votes[next(iter(self._votes))]

    def _kind(self, track: int, name: str) -> NamedScore | None:
        if name not in self._stage.classifiers:
            return None
        votes = self._votes.get(self._key(track, name))
        if votes is None or votes.looks < _LEAST_LOOKS:
            return None
        mean = Classification(
            np.asarray(votes.total / votes.weight, np.float32), self._stage.classifiers[name].classes
        )
        return likely_kind(mean, self._stage.least)
