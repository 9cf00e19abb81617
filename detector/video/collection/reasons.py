"""Why a frame teaches: the model is not sure of something in it, or an object in it comes and goes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.boxes import intersection_over_union
from detector.detections import Detections
from detector.video.frames import LiveFrame

UNSURE, FLICKERING, WRONG = "unsure", "flickering", "wrong"

_MARGIN = 0.1  # of scores on either side of the threshold
SAME_PLACE = 0.5  # least IoU of two boxes of a class that are one object
_NEAR = 0.1  # the same for an object that may have moved fast
_FRAMES = 5  # that are compared; the one in the middle is judged
_LONGEST_SECONDS = 2.0  # that they span; further apart, an object may well have gone and come back
_LEAST_SECONDS = 1.0  # between two frames of one reason


class Choice:
    """The frames of a pipeline that teach, at most one a second for each reason.

    Attributes:
        held_back: how many more there were.
    """

    def __init__(self) -> None:
        self.held_back = 0
        self._recent: deque[LiveFrame] = deque(maxlen=_FRAMES)
        self._last: dict[str, float] = {}

    def add(self, live: LiveFrame, score_threshold: float) -> Iterator[tuple[LiveFrame, str]]:
        """The frames, this one or one just before it, that are worth keeping, with the reason.

        Args:
            live: the next frame, with ``weak``.
            score_threshold: that its detections were chosen with.
        """
        live = with_suggestions(live, score_threshold)
        self._recent.append(live)
        if is_unsure(live, score_threshold) and self._is_due(live, UNSURE):
            yield live, UNSURE
        if len(self._recent) == _FRAMES:
            flicker = flickering(list(self._recent))
            if flicker is not None and self._is_due(flicker, FLICKERING):
                yield flicker, FLICKERING

    def _is_due(self, live: LiveFrame, reason: str) -> bool:
        now = live.frame.timestamp
        if 0 <= now - self._last.get(reason, -np.inf) < _LEAST_SECONDS:
            self.held_back += 1
            return False
        self._last[reason] = now
        return True


def with_suggestions(live: LiveFrame, score_threshold: float) -> LiveFrame:
    """The frame with those of its ``weak`` that are near the threshold; what scores lower is mostly noise."""
    if live.weak is None:
        return live
    return replace(live, weak=live.weak[live.weak.scores >= score_threshold - _MARGIN])


def is_unsure(live: LiveFrame, score_threshold: float) -> bool:
    """Whether something was found with a score near the threshold, shown or not."""
    found = [live.detections, live.weak] if live.weak is not None else [live.detections]
    return any(bool((np.abs(each.scores - score_threshold) <= _MARGIN).any()) for each in found)


def flickering(frames: Sequence[LiveFrame]) -> LiveFrame | None:
    """The middle frame of several, if an object is missing in it that is there before and after, or one is in
    it that is in no other; None if not. What is missing is among its ``weak``.
    """
    if not 0 <= frames[-1].frame.timestamp - frames[0].frame.timestamp <= _LONGEST_SECONDS:
        return None
    middle = frames[len(frames) // 2]
    before, after = (
        [live.detections for live in part] for part in (frames[: _FRAMES // 2], frames[_FRAMES // 2 + 1 :])
    )
    now = middle.detections
    for each in reversed(before):
        missing = _in_any(each, after, SAME_PLACE) & ~found_in(each, now, _NEAR)
        if missing.any():
            return replace(middle, weak=_joined(middle.weak, each[missing]))
    return None if _in_any(now, [*before, *after], _NEAR).all() else middle


def _in_any(wanted: Detections, others: Sequence[Detections], least_iou: float) -> NDArray[np.bool_]:
    return np.any([found_in(wanted, found, least_iou) for found in others], axis=0)


def _joined(weak: Detections | None, missing: Detections) -> Detections:
    """What was too weak to be shown, and what is missing without having been found at all."""
    if weak is None:
        return missing
    return together(weak, missing[~found_in(missing, weak, SAME_PLACE)])


def together(one: Detections, other: Detections) -> Detections:
    """The objects of both, which have the same classes."""
    return Detections(
        np.concatenate([one.boxes, other.boxes]),
        np.concatenate([one.scores, other.scores]),
        np.concatenate([one.labels, other.labels]),
        one.classes,
    )


def found_in(wanted: Detections, found: Detections, least_iou: float) -> NDArray[np.bool_]:
    """(N,) bool: whether each of the wanted objects is among those found, of its class and in its place."""
    if not len(wanted) or not len(found):
        return np.zeros(len(wanted), bool)
    if wanted.classes == found.classes:  # of one model; comparing names takes much longer
        same = wanted.labels[:, None] == found.labels[None]
    else:
        same = np.array(wanted.names)[:, None] == np.array(found.names)[None]
    overlaps = intersection_over_union(wanted.boxes, found.boxes)
    return np.asarray((same & (overlaps >= least_iou)).any(axis=1))
