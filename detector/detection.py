"""One object that was found."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

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


class _Found(TypedDict):
    name: str
    score: float
    box: list[float]


class PlainDetection(_Found, total=False):
    """A detection as plain values: ``box`` is xyxy, pixels; ``track`` is there where objects are tracked."""

    track: int | None
