"""Ways in which boxes are written wrongly, each with its repair."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from detector.boxes import FloatArray
from detector.data.box_layouts import LAYOUTS, UNITS, BoxFault
from detector.evaluation.matching import Scene, compute_ap50
from detector.system.progress import bars_hidden

_VOTERS = 10  # detections of an image that take part in the estimate of a scale
_SIDES = (1, 100, 192, 224, 256, 300, 320, 384, 416, 448, 512, 608, 640, 768, 800, 1024)  # usual ones
_SPREAD = 0.15  # how far the logarithms of x, y, width and height may be apart in a vote
_SIMPLER = 0.05  # AP50 that a second fault has to add to be believed


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
    pairs = list(product(LAYOUTS, ("", *UNITS)))
    for layout, unit in tqdm(pairs, desc="testing box faults", unit="", disable=bars_hidden(), leave=False):
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
    # Nobody knows which detection belongs to which object, so all pairs are asked. In one that belongs
    # together centre and sides are multiplied by the same factor, so that four logarithms of ratios lie
    # within `_SPREAD`; of the wrong pairs that do so by chance, each says something else. The votes (V,) are
    # their means. Sorted, the window of that width with the most votes holds the right ones, and its median
    # is little moved by boxes that are somewhat off.
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
        parts = np.array(UNITS[unit](scene.image.size_wh or (1, 1)) * 2, np.float32)
        found = _centres(LAYOUTS[layout](scene.boxes_xywh[:_VOTERS]))
        objects = _centres(scene.objects_xywh[~scene.crowd] / parts)
        found, objects = (boxes[(boxes > 0).all(axis=1)] for boxes in (found, objects))
        ratios = np.log(found.astype(np.float64))[:, None] - np.log(objects.astype(np.float64))
        yield ratios[np.ptp(ratios, axis=2) < _SPREAD].mean(axis=1)


def _centres(boxes_xywh: FloatArray) -> FloatArray:
    return np.hstack([boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2, boxes_xywh[:, 2:]])
