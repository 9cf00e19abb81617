"""One object that was found."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import numpy as np

from detector.boxes import FloatArray


class Detection(NamedTuple):
    """One object that was found.

    Attributes:
        box: (4,) float32, xyxy, pixels.
        score: in [0, 1].
        name: of its class.
    """

    box: FloatArray
    score: float
    name: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detection) or (self.score, self.name) != (other.score, other.name):
            return False
        return np.array_equal(self.box, other.box)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: tuple[object, ...]) -> bool:
        return self.score < other[1]  # type: ignore[operator]  # sorted and max go by the score

    def __gt__(self, other: tuple[object, ...]) -> bool:
        return self.score > other[1]  # type: ignore[operator]

    def __hash__(self) -> int:
        raise TypeError("a detection cannot be hashed: its box can be written to")


class _Found(TypedDict):
    name: str
    score: float
    box: list[float]


class PlainDetection(_Found, total=False):
    """A detection as plain values: ``box`` is xyxy, pixels; ``track`` is there where objects are tracked,
    ``kind``, its finer name, and ``kind_score`` where a classifier looks at them.
    """

    track: int | None
    kind: str | None
    kind_score: float | None
