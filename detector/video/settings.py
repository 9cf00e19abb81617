"""What a viewer may change while the pipeline runs."""

from __future__ import annotations

LEAST_THRESHOLD, GREATEST_THRESHOLD = 0.05, 0.95


class LiveSettings:
    """Threshold, classes and pause, shared by the pipeline and every view of it.

    Each attribute is replaced whole, so threads may set and read them without a lock.

    Attributes:
        classes: names of the classes to keep, all if None.
        paused: while True no frame is processed, but for those that are on their way already.
    """

    def __init__(self, score_threshold: float) -> None:
        self._score_threshold = score_threshold
        self.classes: frozenset[str] | None = None
        self.paused = False

    @property
    def score_threshold(self) -> float:
        """Least score of a detection; what is set is moved into [0.05, 0.95]."""
        return self._score_threshold

    @score_threshold.setter
    def score_threshold(self, value: float) -> None:
        self._score_threshold = round(min(max(value, LEAST_THRESHOLD), GREATEST_THRESHOLD), 2)
