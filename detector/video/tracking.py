"""The same number for the same object from frame to frame."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.errors import BackendError
from detector.system.invocation import with_extra
from detector.video.frames import UNTRACKED

# ByteTrack continues tracks, but starts none, with boxes down to this share of the threshold: objects that
# turn away or are half hidden score low for a while. Zhang et al., ByteTrack, 2022, section 3.
_WEAK_SHARE = 0.5
_CLASS_STEP = 1e5  # pixels between the classes, so that boxes of different classes never overlap


class Tracker:
    """ByteTrack, from the package ``trackers``. Objects of different classes are never taken for one another.

    Raises:
        BackendError: the package is not installed.
    """

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import supervision
                from trackers import ByteTrackTracker
        except ImportError as error:
            raise BackendError(
                f"Tracking needs the package trackers ({error}): {with_extra('live')}."
            ) from error
        self._table = supervision.Detections
        self._tracker = ByteTrackTracker()
        self._last_timestamp = -np.inf

    @staticmethod
    def needed_score(score_threshold: float) -> float:
        """The score down to which detections are wanted, so that those over the threshold can be tracked."""
        return _WEAK_SHARE * score_threshold

    def __call__(
        self, detections: Detections, timestamp: float, score_threshold: float
    ) -> tuple[Detections, NDArray[np.int64]]:
        """The detections to show, and a track id for each, -1 for an object that is seen for the first time.

        Args:
            detections: of one frame, down to ``needed_score``.
            timestamp: seconds; frames come in order, and may be unevenly spaced.
            score_threshold: detections under it are returned only where they continue a track.
        """
        if timestamp <= self._last_timestamp:
            timestamp = self._last_timestamp + 1e-3
        self._last_timestamp = timestamp
        self._tracker.high_conf_det_threshold = score_threshold
        self._tracker.track_activation_threshold = score_threshold
        tracked = self._tracker.update(
            self._table(
                xyxy=detections.boxes + np.float32(_CLASS_STEP) * detections.labels[:, None],
                confidence=detections.scores,
                data={"row": np.arange(len(detections))},
            ),
            timestamp=timestamp,
        )
        ids = np.full(len(detections), UNTRACKED, np.int64)
        if len(tracked):
            ids[tracked.data["row"]] = np.asarray(tracked.tracker_id)
        shown = (detections.scores >= score_threshold) | (ids != UNTRACKED)
        return detections[shown], ids[shown]
