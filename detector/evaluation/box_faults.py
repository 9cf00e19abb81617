"""Ways in which boxes are written wrongly, each with its repair."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detector.boxes import FloatArray
from detector.evaluation.matching import Scene, compute_ap50

# What the four numbers hold where left, top, width, height belong, and the way back.
LAYOUTS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "": lambda boxes: boxes,
    "y, x, height, width (x and y are swapped)": lambda boxes: boxes[:, [1, 0, 3, 2]],
    "x1, y1, x2, y2 (corners, written as if they were x, y, width, height)": lambda boxes: np.hstack(
        [boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]
    ),
    "y1, x1, y2, x2 (corners with x and y swapped)": lambda boxes: np.hstack(
        [boxes[:, [1, 0]], boxes[:, [3, 2]] - boxes[:, [1, 0]]]
    ),
    "x, y, width - x, height - y (converted from corners, which they were not)": lambda boxes: np.hstack(
        [boxes[:, :2], boxes[:, 2:] + boxes[:, :2]]
    ),
    "centre x, centre y, width, height (the centre instead of the corner)": lambda boxes: np.hstack(
        [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]]
    ),
}
# What they hold where a format has the centre in front, and its reader has made a corner of it.
CENTRED_LAYOUTS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "x, y, width, height (the corner where the centre belongs)": lambda boxes: np.hstack(
        [boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]]
    ),
    "x1, y1, x2, y2 (corners, where centre x, centre y, width, height belong)": lambda boxes: np.hstack(
        [boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:] / 2 - boxes[:, :2]]
    ),
}

# What coordinates are given in parts of, for an image (width, height).
_UNITS: dict[str, Callable[[tuple[int, int]], tuple[float, float]]] = {
    "sides": lambda size_wh: size_wh,
    "longer side": lambda size_wh: (max(size_wh), max(size_wh)),
    "pixel": lambda _: (1, 1),
}
_VOTERS = 10  # detections of an image that take part in the estimate of a scale
_SIDES = (1, 100, 192, 224, 256, 300, 320, 384, 416, 448, 512, 608, 640, 768, 800, 1024)  # usual ones
_SPREAD = 0.15  # how far the logarithms of x, y, width and height may be apart in a vote
_SIMPLER = 0.05  # AP50 that a second fault has to add to be believed


@dataclass(frozen=True)
class BoxFault:
    """A way in which boxes are wrong.

    Attributes:
        layout: key of LAYOUTS or CENTRED_LAYOUTS; "" where the numbers are x, y, width, height.
        unit: "sides", "longer side" or "pixel", what the boxes are given in parts of; "" for none.
        factor: by what the boxes in that unit are multiplied.
    """

    layout: str = ""
    unit: str = ""
    factor: float = 1.0

    @property
    def text(self) -> str:
        """What the boxes are, to follow 'the boxes are'."""
        return " and ".join(text for text in (self.layout, self._scale_text()) if text)

    def _scale_text(self) -> str:
        if self.unit == "sides" and self.factor in (1, 100):
            return f"normalised to 0 .. {self.factor:g} instead of in pixels"
        if self.unit == "sides":
            side = round(self.factor)
            return f"in the pixels of an input of about {side} x {side} instead of the image's own"
        if self.unit == "longer side":
            return (
                f"in the pixels of an image resized to about {self.factor:.3g} at its longer side instead of "
                "the image's own"
            )
        return f"scaled by the constant {self.factor:.2g} compared with the annotations" if self.unit else ""

    def repair(self, boxes: FloatArray, size_wh: tuple[int, int] | None) -> FloatArray:
        """(N, 4) xywh in pixels of the image, from boxes that have this fault."""
        repaired = (LAYOUTS | CENTRED_LAYOUTS)[self.layout](boxes)
        if not self.unit or (size_wh is None and self.unit != "pixel"):
            return repaired
        return repaired * np.array(_UNITS[self.unit](size_wh or (1, 1)) * 2, np.float32) / self.factor


def repair_scenes(scenes: Sequence[Scene], fault: BoxFault) -> list[Scene]:
    """The scenes with their detections' boxes repaired."""
    return [
        replace(
            scene,
            boxes_xywh=fault.repair(scene.boxes_xywh, scene.image.size_wh).astype(np.float32, copy=False),
        )
        for scene in scenes
    ]


def find_box_fault(scenes: Sequence[Scene]) -> tuple[BoxFault, float]:
    """The fault whose repair gives the greatest AP50 with classes left aside, and that AP50.

    Of faults that come out alike the simplest wins; ``BoxFault()`` is none.
    """
    tested: list[tuple[int, BoxFault, float]] = []
    pairs = list(product(LAYOUTS, ("", *_UNITS)))
    for layout, unit in tqdm(pairs, desc="testing box faults", unit="", disable=None, leave=False):
        fault = BoxFault(layout, unit)
        if unit:
            factor = _estimate_factor(scenes, layout, unit)
            if factor is None:
                continue
            fault = BoxFault(layout, unit, factor)
        value = compute_ap50(repair_scenes(scenes, fault), by_class=False)
        tested.append((bool(layout) + bool(unit), fault, value))
    best = max(value for _, _, value in tested)
    simplest = min(faults for faults, _, value in tested if value >= best - _SIMPLER)
    _, fault, value = max((t for t in tested if t[0] == simplest), key=lambda t: t[2])
    return fault, value


def _estimate_factor(scenes: Sequence[Scene], layout: str, unit: str) -> float | None:
    """By what detections in a unit are multiplied compared with objects; None when nothing speaks for any.

    Every pair of a detection and an object in which x, y, width and height are apart by one and the same
    factor votes for that factor.
    """
    votes = np.concatenate([np.zeros(0), *_votes(scenes, layout, unit)])
    if len(votes) < 3:
        return None
    votes.sort()
    ends = np.searchsorted(votes, votes + _SPREAD, side="right")
    start = int((ends - np.arange(len(votes))).argmax())
    factor = float(np.exp(np.median(votes[start : ends[start]])))
    if unit == "pixel":
        return factor
    near = min(_SIDES, key=lambda side: abs(math.log(factor / side)))
    return float(near) if abs(math.log(factor / near)) < 0.03 else factor


def _votes(scenes: Sequence[Scene], layout: str, unit: str) -> Iterator[NDArray[np.float64]]:
    for scene in scenes:
        if scene.image.size_wh is None and unit != "pixel":
            continue
        parts = np.array(_UNITS[unit](scene.image.size_wh or (1, 1)) * 2, np.float32)
        found = _centres(LAYOUTS[layout](scene.boxes_xywh[:_VOTERS]))
        objects = _centres(scene.objects_xywh[~scene.crowd] / parts)
        found, objects = (boxes[(boxes > 0).all(axis=1)] for boxes in (found, objects))
        ratios = np.log(found.astype(np.float64))[:, None] - np.log(objects.astype(np.float64))
        yield ratios[np.ptp(ratios, axis=2) < _SPREAD].mean(axis=1)


def _centres(boxes_xywh: FloatArray) -> FloatArray:
    return np.hstack([boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2, boxes_xywh[:, 2:]])
